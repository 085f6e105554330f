"""Decisions of disclosure, pure: which purpose is whose, what a grant covers, what an answer may show, how it reads.

The vocabularies here are those of domain.md section 2. Positions are stored (`cases.stop_mask`, `cases.legal_class`),
so new words go to the end.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from gongxin.errors import Forbidden, Invalid
from gongxin_wire import case_numbers

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
ACCESS_FIELDS = ("asked_at", "member", "purpose", "ground", "outcome", "fields")
GRANT_TYPE = "gongxin_lookup"

# What each purpose rests on: the asker's own case, or a reference in somebody's files.
BY_CASE = frozenset({"placement", "contact"})
BY_REFERENCE = frozenset({"judicial", "mediation", "supervision"})
SUBJECT_ACCESS = "subject_access"
LOOKUP_PURPOSES = tuple(purpose for purpose in PURPOSES if purpose != SUBJECT_ACCESS)
_CASE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILE_NUMBER = re.compile(r"[^\W_](?:[\w()/.:#-]{0,62}[\w)])?")

# How the database packs one answer into an integer (function `look_up` of migration 0006).
_CLASS_AT, _CONTESTED_AT, _RESULT_AT = 16, 20, 21


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer unpacked: `result` of RESULTS, `mask` over STOP_FLAGS, `legal_class` an index of LEGAL_CLASSES."""

    result: str
    mask: int = 0
    legal_class: int = 0
    contested: bool = False


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
    grants: Sequence[Mapping[str, Any]], purpose: str, grounds: Iterable[str], data_type: str = "case_status"
) -> Mapping[str, Any]:
    """The authorization detail (RFC 9396) that covers this question. Raises Forbidden where none does: a grant names
    the purpose and data type and, where it lists case references, every ground (in normal form) is among them."""
    fitting = [g for g in grants if g.get("type") == GRANT_TYPE and g.get("purpose") == purpose]
    if not fitting:
        raise outside_grant(
            "purpose_not_granted", "令牌未授予此用途", "The token was not granted for this purpose", "/purpose"
        )
    fitting = [g for g in fitting if data_type in g.get("data_types", ())]
    if not fitting:
        raise outside_grant(
            "data_type_not_granted", "令牌未授予此数据类型", "The token was not granted this data type", None
        )
    for grant in fitting:
        references = grant.get("case_references")
        if not references or set(grounds) <= {normal_reference(text) for text in references}:
            return grant
    raise outside_grant(
        "case_not_granted", "令牌未授予此案件", "The token was not granted for this case reference", "/ground"
    )


@lru_cache(maxsize=4096)
def normal_reference(text: str) -> str:
    """A reference of a grant as grounds are written: a 案号 or a file number in normal form, a case id as it is."""
    try:
        return str(case_numbers.parse(text))
    except case_numbers.CaseNumberError:
        return text if _CASE_ID.fullmatch(text) else _normal_file_number(text)


def court_case(text: str, pointer: str) -> tuple[str, str]:
    """(案号 in normal form, its court's code). Raises Invalid in the words of the parser."""
    try:
        number = case_numbers.parse(text)
    except case_numbers.CaseNumberError as fault:
        raise Invalid(
            fault.code, zh=fault.zh, en=fault.en, fix_zh=fault.fix_zh, fix_en=fault.fix_en, pointer=pointer
        ) from fault
    return str(number), number.court_code


def file_number(text: str, pointer: str) -> str:
    """A file number in normal form: NFKC, no spaces, upper case; letters, digits and ()/.:#- up to 64."""
    normal = _normal_file_number(text)
    if _FILE_NUMBER.fullmatch(normal) is None:
        raise Invalid(
            "bad_file_number",
            zh="卷号应为 1 至 64 个字母、数字、汉字或 ()/.:#-",
            en="A file number is 1 to 64 letters, digits or ()/.:#-",
            fix_zh="填写卷宗或调解案卷的编号。",
            fix_en="Give the number of the file.",
            pointer=pointer,
        )
    return normal


def _normal_file_number(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


# --- policy ---------------------------------------------------------------------------------------------------------


def policy_fields(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], frozenset[str]]:
    """(asker's kind, purpose) → fields. The relation follows from the two: it is what the ground must prove."""
    return {(row["asker"], row["purpose"]): frozenset(row["fields"]) for row in rows}


def fields_for(policy: Mapping[tuple[str, str], frozenset[str]], kind: str, purpose: str) -> frozenset[str]:
    """What this asker may be told. Raises Forbidden where the policy has no row."""
    fields = policy.get((kind, purpose))
    if fields is None:
        raise Forbidden(
            "purpose_not_for_kind",
            zh="该类机构不能以此用途查询",
            en="Members of this kind may not ask for this purpose",
            fix_zh="按 GET /v1/disclosure/policy 核对用途。",
            fix_en="See GET /v1/disclosure/policy.",
            pointer="/purpose",
        )
    return fields


def check_terms(purposes: frozenset[str], purpose: str) -> None:
    """The agreement in force names the purpose, whatever the token was granted before it changed."""
    if purpose not in purposes:
        raise Forbidden(
            "purpose_not_agreed",
            zh="会员协议不含此用途",
            en="The member's agreement does not hold this purpose",
            fix_zh="请与协会修订协议。",
            fix_en="Ask the association to amend the agreement.",
            pointer="/purpose",
        )


RELATIONS = {
    ("bank", "placement"): "creditor",
    ("bank", "contact"): "creditor",
    ("agency", "contact"): "holder",
    ("court", "judicial"): "seised",
    ("mediator", "mediation"): "mediator",
    ("association", "supervision"): "oversight",
    ("regulator", "supervision"): "oversight",
    ("association", SUBJECT_ACCESS): "for_the_subject",
}


def check_policy(rows: Sequence[Mapping[str, Any]]) -> None:
    """A new version may use only our words, grants no relation that the ground does not prove, says each once, and
    tells the result wherever it tells anything. Raises Invalid at the row."""
    seen = set()
    for index, row in enumerate(rows):
        asker, purpose, fields = row.get("asker"), row.get("purpose"), row.get("fields")
        about = (asker, purpose) if isinstance(asker, str) and isinstance(purpose, str) else None
        access = purpose == SUBJECT_ACCESS
        known = ACCESS_FIELDS if access else FIELDS
        if (
            row.keys() != {"asker", "relation", "purpose", "fields"}
            or about not in RELATIONS
            or row["relation"] != RELATIONS[about]
            or about in seen
            or not isinstance(fields, list)
            or not all(isinstance(field, str) and field in known for field in fields)
            or not (access or "result" in fields)
        ):
            raise Invalid(
                "bad_policy_row",
                zh="披露规则行不符合要求",
                en="A row of the policy is not acceptable",
                fix_zh="询问方、关系、用途与字段须为登记处的词汇，每对只写一次，且含 result。",
                fix_en="Use the registry's words, each pair of asker and purpose once; include result.",
                pointer=f"/rows/{index}",
            )
        seen.add(about)


# --- what is told afterwards ----------------------------------------------------------------------------------------


def tally(codes: Iterable[int]) -> dict[str, int]:
    """How many items had each result."""
    counts = Counter(unpack(code).result for code in codes)
    return {result: counts[result] for result in RESULTS}


def outcome_word(code: int | None, refusal: str | None) -> str:
    """One word for the subject: a result, `refused`, or `told` where the question was a subject access."""
    if refusal is not None:
        return "refused"
    return "told" if code is None else unpack(code).result


def fields_told(fields: Sequence[str], code: int | None) -> list[str]:
    """Field names that were disclosed: nothing but the result where there was no ground."""
    return ["result"] if code == 0 else sorted(fields)


def outside_grant(code: str, zh: str, en: str, pointer: str | None) -> Forbidden:
    return Forbidden(
        code,
        zh=zh,
        en=en,
        fix_zh="申请令牌时在 authorization_details 中写明用途、数据类型和案件。",
        fix_en="Name the purpose, data type and case in authorization_details when asking for the token.",
        pointer=pointer,
    )
