"""Decisions of disclosure, pure: which purpose is whose, what a grant covers, what an answer may show, how it reads.

The vocabularies here are those of domain.md section 2. Positions are stored (`cases.stop_mask`, `cases.legal_class`), so
new words go to the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from gongxin.errors import Forbidden

STOP_FLAGS = (
    "bankruptcy_stay",
    "deceased",
    "represented",
    "do_not_contact",
    "identity_fraud",
    "dispute_open",
    "complaint_open",
    "hardship_plan",
    "enforcement_settled",
)
LEGAL_CLASSES = ("none", "pre_court", "in_court", "judged", "enforcing", "closed", "bankruptcy")
PURPOSES = ("placement", "contact", "judicial", "mediation", "supervision", "subject_access")
DATA_TYPES = ("case_status",)
RESULTS = ("no_ground", "none", "match")
FIELDS = ("result", "stop_flags", "legal_class", "contested")
GRANT_TYPE = "gongxin_lookup"

# What each purpose rests on: the asker's own case, or a reference in somebody's files.
BY_CASE = frozenset({"placement", "contact"})
BY_REFERENCE = frozenset({"judicial", "mediation", "supervision"})
LOOKUP_PURPOSES = tuple(purpose for purpose in PURPOSES if purpose != "subject_access")

# How the database packs one answer into an integer (function `ask_*` of migration 0006).
_CLASS_AT, _CONTESTED_AT, _RESULT_AT = 16, 20, 21


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer unpacked: `result` of RESULTS, `mask` over STOP_FLAGS, `legal_class` an index of LEGAL_CLASSES."""

    result: str
    mask: int = 0
    legal_class: int = 0
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """What a question rests on: the asker's own case, or a reference in normal form (案号 or file number)."""

    case_id: str | None = None
    reference: str | None = None


def mask_of(flags: Iterable[str]) -> int:
    """Stop flags as the bits of `cases.stop_mask`; raises ValueError for an unknown word."""
    mask = 0
    for flag in flags:
        mask |= 1 << STOP_FLAGS.index(flag)
    return mask


def flags_of(mask: int) -> list[str]:
    """The words of a mask, in the order of STOP_FLAGS."""
    return [flag for bit, flag in enumerate(STOP_FLAGS) if mask >> bit & 1]


def pack(outcome: Outcome) -> int:
    """The integer that the database would return."""
    result = RESULTS.index(outcome.result)
    return outcome.mask | outcome.legal_class << _CLASS_AT | outcome.contested << _CONTESTED_AT | result << _RESULT_AT


def unpack(code: int) -> Outcome:
    """The reverse of `pack`."""
    return Outcome(
        RESULTS[code >> _RESULT_AT],
        code & (1 << _CLASS_AT) - 1,
        code >> _CLASS_AT & 0xF,
        bool(code >> _CONTESTED_AT & 1),
    )


def answer(outcome: Outcome, fields: frozenset[str]) -> dict[str, Any]:
    """The answer without its padding. A field that the policy withholds is null; so is all of `no_ground`, which can
    therefore never be read as clear."""
    told = outcome.result != "no_ground"
    return {
        "result": outcome.result,
        "stop_flags": flags_of(outcome.mask) if told and "stop_flags" in fields else None,
        "legal_class": LEGAL_CLASSES[outcome.legal_class] if told and "legal_class" in fields else None,
        "contested": outcome.contested if told and "contested" in fields else None,
    }


def canonical_answer(outcome: Outcome, fields: frozenset[str]) -> bytes:
    """The answer in RFC 8785 form, padded so that every answer has ANSWER_BYTES bytes and size tells nothing."""
    body = answer(outcome, fields)
    bare = len(_canonical({**body, "pad": ""}))
    return _canonical({**body, "pad": "0" * (ANSWER_BYTES - bare)})


@lru_cache(maxsize=8192)
def answer_of_code(code: int, fields: frozenset[str]) -> bytes:
    """`canonical_answer` of a packed outcome; there are few, so each is written once."""
    return canonical_answer(unpack(code), fields)


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _longest() -> int:
    """Every flag, the longest class, `false` and the longest result."""
    everything = frozenset(FIELDS)
    widest = max(range(len(LEGAL_CLASSES)), key=lambda index: len(LEGAL_CLASSES[index]))
    full = answer(Outcome("match", (1 << len(STOP_FLAGS)) - 1, widest, False), everything)
    return len(_canonical({**full, "pad": ""}))


ANSWER_BYTES = _longest() + 1


def find_grant(
    grants: Sequence[Mapping[str, Any]], purpose: str, grounds: Iterable[Ground], data_type: str = "case_status"
) -> Mapping[str, Any]:
    """The authorization detail (RFC 9396) that covers this question. Raises Forbidden where none does: a grant names
    the purpose and data type and, where it lists case references, every ground of the question is among them."""
    asked = {ground.case_id or ground.reference or "" for ground in grounds}
    fitting = [g for g in grants if g.get("type") == GRANT_TYPE and g.get("purpose") == purpose]
    if not fitting:
        raise outside_grant(
            "purpose_not_granted",
            "令牌未授予此用途",
            "The token was not granted for this purpose",
            "/purpose",
        )
    fitting = [g for g in fitting if data_type in g.get("data_types", ())]
    if not fitting:
        raise outside_grant(
            "data_type_not_granted", "令牌未授予此数据类型", "The token was not granted this data type", None
        )
    for grant in fitting:
        references = grant.get("case_references")
        if not references or asked <= set(references):
            return grant
    raise outside_grant(
        "case_not_granted", "令牌未授予此案件", "The token was not granted for this case reference", "/ground"
    )


def outside_grant(code: str, zh: str, en: str, pointer: str | None) -> Forbidden:
    return Forbidden(
        code,
        zh=zh,
        en=en,
        fix_zh="申请令牌时在 authorization_details 中写明用途、数据类型和案件。",
        fix_en="Name the purpose, data type and case in authorization_details when asking for the token.",
        pointer=pointer,
    )
