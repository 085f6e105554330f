"""Cases as they come in, read by hand: ten thousand lines in a request (`web/ndjson.py`), each as strictly as a single
one.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from gongxin.disclosure import rules as disclosure
from gongxin.errors import Conflict, Invalid, bad_field
from gongxin.pii import refuse_pii
from gongxin.subjects import rules as subjects
from gongxin_wire.pii import find_pii

from .vocabulary import REFERENCE_KINDS, REQUESTABLE

MAX_REFERENCES = 10
# Letters, digits, Han, plain punctuation; a space only inside. So nothing invisible can hide a number from the guard.
CREDITOR_REF_PATTERN = "^[0-9A-Za-z\u4e00-\u9fff()（）_./:#+@=-](?:[0-9A-Za-z\u4e00-\u9fff()（）_./:#+@= -]{0,62}[0-9A-Za-z\u4e00-\u9fff()（）_./:#+@=-])?$"  # noqa: E501
DAY_PATTERN = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
_CREDITOR_REF = re.compile(CREDITOR_REF_PATTERN[:-1])
_DAY = re.compile(DAY_PATTERN[:-1])
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NEEDED = {"creditor_ref", "subject", "opened_on"}
_ALL = _NEEDED | {"references"}
_MOVE = {"case_id", "action", "agency_id", "mandate_until", "reason", "version"}


@dataclass(frozen=True, slots=True)
class Reference:
    """`reference` in normal form; `member_id` is the mediator of a mediation file."""

    kind: str
    reference: str
    member_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to register, with its subject's tokens by epoch."""

    creditor_ref: str
    tokens: list[tuple[int, bytes]]
    opened_on: date
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class NewMove:
    """One line of placements."""

    case_id: uuid.UUID
    action: str
    agency_id: uuid.UUID | None
    mandate_until: date | None
    reason: str | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading needs to know: the open epochs, those that a record must name, the day."""

    accepted: frozenset[int]
    required: frozenset[int]
    today: date

    def case(self, value: Any) -> NewCase:
        """One case. Raises Invalid at the field."""
        if type(value) is not dict or not _NEEDED <= value.keys() <= _ALL:
            raise bad_field("", "应恰有 creditor_ref、subject、opened_on，可有 references",
                    "Give exactly creditor_ref, subject, opened_on and perhaps references")  # fmt: skip
        ref = value["creditor_ref"]
        if type(ref) is not str or _CREDITOR_REF.fullmatch(ref) is None:
            raise bad_field("/creditor_ref", "应为 1 至 64 个字母、数字、汉字或 ()_./:#+@=-，空格只可在中间",
                    "1 to 64 letters, digits, Han characters or ()_./:#+@=-; spaces only inside")  # fmt: skip
        tokens = self.subject(value["subject"])
        opened_on = day(value["opened_on"], "/opened_on")
        if not date(1980, 1, 1) <= opened_on <= self.today:
            raise bad_field("/opened_on", "应在 1980 年之后，且不晚于今日", "Between 1980 and today")
        given = value.get("references")
        return NewCase(ref, tokens, opened_on, references(given) if "references" in value else ())

    def subject(self, value: Any) -> list[tuple[int, bytes]]:
        """The tokens, one of each epoch that a stored record needs."""
        try:
            (entry,) = value
            epoch, token = entry["epoch"], entry["token"]
            # What nearly every line is: one token, of the one epoch that is needed.
            if len(entry) == 2 and type(epoch) is int and {epoch} == self.required and subjects.TOKEN.fullmatch(token):
                return [(epoch, subjects.decode_token(token))]
        except (TypeError, ValueError, KeyError):
            pass
        tokens = subjects.check_subject(value, self.accepted)
        subjects.check_complete([epoch for epoch, _ in tokens], self.required)
        return tokens

    def keys(self, value: Any) -> tuple[uuid.UUID, list[tuple[int, bytes]]]:
        """A line of POST /v1/cases/keys; tokens of new epochs only, so none is demanded."""
        if type(value) is not dict or value.keys() != {"case_id", "subject"}:
            raise bad_field("", "应恰有 case_id、subject", "Give exactly case_id and subject")
        return identifier(value["case_id"], "/case_id"), subjects.check_subject(value["subject"], self.accepted)


def references(value: Any) -> tuple[Reference, ...]:
    """The `references` of a case, without repetition."""
    if type(value) is not list or len(value) > MAX_REFERENCES:
        raise bad_field("/references", "应为至多 10 项的列表", "A list of at most 10")
    found = tuple(_reference(item, f"/references/{index}") for index, item in enumerate(value))
    if len({(item.kind, item.reference) for item in found}) != len(found):
        raise bad_field("/references", "同一编号出现两次", "A reference is given twice")
    return found


def _reference(value: Any, pointer: str) -> Reference:
    if type(value) is not dict or not {"kind", "reference"} <= value.keys() <= {"kind", "reference", "member_id"}:
        raise bad_field(
            pointer, "应有 kind、reference，调解案卷另有 member_id", "Give kind, reference, and member_id of a mediator"
        )
    return reference(value["kind"], value["reference"], value.get("member_id"), pointer)


def reference(kind: Any, text: Any, member_id: Any, pointer: str = "") -> Reference:
    """One reference in normal form. Raises Invalid."""
    if kind not in REFERENCE_KINDS:
        raise bad_field(f"{pointer}/kind", "应为 court_case 或 mediation_file", "court_case or mediation_file")
    if type(text) is not str or not 1 <= len(text) <= 64:
        raise bad_field(f"{pointer}/reference", "应为 1 至 64 个字符", "1 to 64 characters")
    if (member_id is not None) != (kind == "mediation_file"):
        raise bad_field(f"{pointer}/member_id", "调解案卷须写明调解机构的 member_id，案号不写",
                "A mediation file names its mediator's member_id; a court case has none")  # fmt: skip
    mediator = None if member_id is None else identifier(member_id, f"{pointer}/member_id")
    return Reference(kind, normal(kind, text, f"{pointer}/reference"), mediator)


def normal(kind: str, text: str, pointer: str) -> str:
    """A 案号 or a file number in the form in which it is kept. Raises Invalid."""
    if kind == "court_case":
        return disclosure.court_case(text, pointer)[0]
    refuse_pii(text, pointer)
    return disclosure.file_number(text, pointer)


def new_move(value: Any) -> NewMove:
    """A line of POST /v1/cases/placements."""
    if type(value) is not dict or not {"case_id", "action"} <= value.keys() <= _MOVE:
        raise bad_field("", "应有 case_id、action，可有 agency_id、mandate_until、reason、version",
                "Give case_id, action and perhaps agency_id, mandate_until, reason, version")  # fmt: skip
    action, reason, version = value["action"], value.get("reason"), value.get("version")
    if type(action) is not str or action not in REQUESTABLE:
        raise Invalid(
            "unknown_action",
            zh="没有这个操作",
            en="There is no such action",
            fix_zh="操作列于 legal。",
            fix_en="The actions are listed in legal.",
            pointer="/action",
            extra={"legal": list(REQUESTABLE)},
        )
    if reason is not None:
        if type(reason) is not str or not 1 <= len(reason) <= 200 or "\0" in reason:
            raise bad_field("/reason", "应为 1 至 200 个字符", "1 to 200 characters")
        refuse_pii(reason, "/reason")
    if version is not None and (type(version) is not int or not 1 <= version < 2**31):
        raise bad_field("/version", "应为正整数", "A positive whole number")
    agency, until = value.get("agency_id"), value.get("mandate_until")
    return NewMove(
        identifier(value["case_id"], "/case_id"),
        action,
        None if agency is None else identifier(agency, "/agency_id"),
        None if until is None else day(until, "/mandate_until"),
        reason,
        version,
    )


def day(value: Any, pointer: str) -> date:
    """YYYY-MM-DD and nothing else."""
    try:
        if type(value) is str and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise bad_field(pointer, "应为 YYYY-MM-DD 形式的日期", "A date as YYYY-MM-DD")


def identifier(value: Any, pointer: str) -> uuid.UUID:
    if type(value) is not str or _UUID.fullmatch(value) is None:
        raise bad_field(pointer, "应为登记处给出的编号", "An identifier the registry gave")
    return uuid.UUID(value)


def refuse_personal_ref(creditor_ref: str) -> None:
    """A card or account number is no case number. Raises Invalid."""
    if find_pii(creditor_ref) is not None:
        raise Invalid(
            "creditor_ref_looks_personal",
            zh="creditor_ref 形似证件号、电话或银行卡号",
            en="creditor_ref reads as an ID, phone or bank-card number",
            fix_zh="请使用本机构的案件编号，不要使用卡号或账号；纯数字编号可在前面直接加字母，如 L2025…。",
            fix_en="Use your own case number, never a card or account number; where it is digits only, put a letter"
            " directly before them, as L2025….",
            pointer="/creditor_ref",
        )


def with_personal_refs(cases: Iterable[str]) -> bool:
    """Whether any of these is personal: one scan, for a run of digits never crosses a line."""
    return find_pii("\n".join(cases)) is not None


def repeated(pointer: str) -> Conflict:
    """The same case twice in one batch."""
    return Conflict(
        "repeated_in_batch",
        zh="同一批次中重复",
        en="It stands twice in this batch",
        fix_zh="每个案件在一批中只写一行。",
        fix_en="Write one line a case in a batch.",
        pointer=pointer,
    )
