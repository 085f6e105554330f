"""One row to one case: half width, dates in four styles, identifiers by their check characters. Pure.

A fault names what is wrong in two languages and never repeats the cell.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gongxin_wire import case_numbers
from gongxin_wire.pii import find_pii

from ..errors import BadInput
from ..models import Identifier, NewCase, Reference
from .columns import Mapping

_DATE = re.compile(
    r"([0-9]{4})(?:([-/.])([0-9]{1,2})\2([0-9]{1,2})|([0-9]{2})([0-9]{2})|年([0-9]{1,2})月([0-9]{1,2})日)"
    r"(?: 0?0:00(?::00)?)?"
)
_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
# Spaces, and marks of width and direction that spreadsheets leave behind.
_AROUND = " \t\r\n\u00a0\ufeff\u2060" + "".join(map(chr, (*range(0x2000, 0x2010), *range(0x202A, 0x2030))))
_EARLIEST = date(1980, 1, 1)
_MAX_CELL = 200
_EDGE = "0-9A-Za-z\u4e00-\u9fff()_./:#+@=-"
_REFERENCE = re.compile(f"[{_EDGE}](?:[ {_EDGE}]{{0,62}}[{_EDGE}])?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILE_NUMBER = re.compile(r"[^\W_](?:[\w()/.:#-]{0,62}[\w)])?")
_PERSONAL = {
    "id_card": ("身份证号码", "an ID number"), "phone": ("手机号码", "a phone number"),
    "bank_card": ("银行卡号", "a bank-card number"), "licence_plate": ("车牌号", "a licence plate"),
}  # fmt: skip


@dataclass(eq=False)
class RowFault(Exception):
    """Why a row is refused. `field` is ours, not the file's header."""

    code: str
    zh: str
    en: str
    field: str = ""


def read_case(cells: Sequence[str], columns: dict[str, int], mapping: Mapping, today: date) -> NewCase:
    """The case of one row. Raises RowFault at the first thing that is wrong."""
    widest = max(columns.values())
    if len(cells) <= widest:
        raise RowFault("row_too_short", "该行列数不足", "The row has too few columns")
    cell = {name: clean(cells[at]) for name, at in columns.items()}
    reference = _reference_of(mapping.reference_prefix, cell["creditor_ref"])
    kind_word = cell.get("id_kind", "")
    kind = mapping.kind_of(kind_word) if kind_word else mapping.default_kind
    if kind is None:
        raise RowFault("unknown_id_kind", "未知的证件类型", "Unknown kind of identifier", "id_kind")
    number = cell["id_number"]
    if kind == "passport" and cell.get("id_country") and re.fullmatch(r"[A-Za-z]{3}", cell["id_country"]):
        number = cell["id_country"] + number
    try:
        subject = Identifier(kind, number)
    except BadInput as fault:
        raise RowFault(fault.code, fault.zh, fault.en, "id_number") from None
    return NewCase(reference, subject, read_date(cell["opened_on"], today), _references(cell))


def clean(cell: str) -> str:
    """Half width, nothing invisible around, none of what keeps a spreadsheet from reading a number: an apostrophe,
    ="…". No Unicode normalisation: ² is no 2."""
    plain = cell.translate(_WIDTH).strip(_AROUND).lstrip("'`").strip(_AROUND)
    return plain[2:-1].strip(_AROUND) if len(plain) > 3 and plain.startswith('="') and plain.endswith('"') else plain


def read_date(text: str, today: date) -> date:
    """2025-03-04, 2025/3/4, 2025.3.4, 20250304 or 2025年3月4日, full width or half, with 00:00 at most. Raises
    RowFault: no such day, before 1980, after today."""
    plain = " ".join(clean(text).split())
    found = _DATE.fullmatch(plain) or _DATE.fullmatch(plain.replace(" ", ""))
    if found is None:
        raise RowFault("bad_date", "日期格式不符", "Not the form of a date", "opened_on")
    year = int(found[1])
    month, day = next((int(found[m]), int(found[m + 1])) for m in (3, 5, 7) if found[m])
    try:
        value = date(year, month, day)
    except ValueError:
        raise RowFault("no_such_day", "日期不存在", "There is no such day", "opened_on") from None
    if value < _EARLIEST or value > today:
        raise RowFault(
            "date_out_of_range", "日期早于 1980 年或晚于今天", "The day is before 1980 or after today", "opened_on"
        )
    return value


def _reference_of(prefix: str, text: str) -> str:
    if not text:
        raise RowFault("no_reference", "缺少编号", "The reference is missing", "creditor_ref")
    text = prefix + text
    if not _REFERENCE.fullmatch(text):
        raise RowFault(
            "bad_reference",
            "编号应为 1 至 64 个字母、数字、汉字或 ()_./:#+@=-",
            "A reference is 1 to 64 letters, digits, Han characters or ()_./:#+@=-",
            "creditor_ref",
        )
    _refuse_personal(text, "creditor_ref")
    return text


def _references(cell: dict[str, str]) -> tuple[Reference, ...]:
    found = []
    if court := cell.get("court_case"):
        try:
            found.append(Reference("court_case", str(case_numbers.parse(court[:_MAX_CELL]))))
        except case_numbers.CaseNumberError as fault:
            raise RowFault(fault.code, fault.zh, fault.en, "court_case") from None
    if file := cell.get("mediation_file"):
        plain = "".join(file.split()).upper()
        if not _FILE_NUMBER.fullmatch(plain):
            raise RowFault("bad_file_number", "卷号格式不符", "Not the form of a file number", "mediation_file")
        _refuse_personal(plain, "mediation_file")
        mediator = cell.get("mediator_id", "").lower()
        if not _UUID.fullmatch(mediator):
            raise RowFault(
                "no_mediator",
                "调解案卷须写明调解机构的会员编号",
                "A mediation file names its mediator's member id",
                "mediator_id",
            )
        found.append(Reference("mediation_file", plain, mediator))
    return tuple(found)


def _refuse_personal(text: str, field: str) -> None:
    finding = find_pii(text)
    if finding is not None:
        zh, en = _PERSONAL.get(finding.kind, ("个人信息", "personal data"))
        raise RowFault(
            "personal_data_in_reference",
            f"编号像是{zh}；若不是，请在列映射中设 reference_prefix",
            f"The reference looks like {en}; if it is none, set reference_prefix in the mapping",
            field,
        )
