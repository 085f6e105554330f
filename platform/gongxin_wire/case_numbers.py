"""案号 Court case numbers: （2025）沪0115民初12345号 and its parts, in one normal form (docs/normalisation.md).

Court and type codes are checked against `data/court_codes.json` and `data/case_types.json`, which name their source.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from .folding import fold

MAX_LENGTH = 100
FIRST_YEAR, LAST_YEAR = 2016, 2100
_FORM = re.compile(
    r"\(([0-9]{4})\)(最高法|[\u4e00-\u9fff](?:[0-9]{4}|[0-9]{2})?)([\u4e00-\u9fff]{1,8})([0-9]{1,8})号"
    r"(?:之([一二三四五六七八九十]{1,3}|[1-9][0-9]?))?"
)
_OLD_FORM = re.compile(r"\([0-9]{4}\)[\u4e00-\u9fff()0-9]{1,20}字第?[0-9]{1,8}(?:-[0-9]{1,3})?号.{0,5}")
_PART = re.compile("[一二三四五六七八九]|[二三四五六七八九]?十[一二三四五六七八九]?")
_PARTS = ("一", "二", "三", "四", "五", "六", "七", "八", "九")
_BRACKETS = str.maketrans("[]{}〔〕【】〈〉《》「」『』〖〗﹙﹚﹝﹞﹛﹜⟨⟩", "()" * 13)


class CaseNumberError(ValueError):
    """Why a case number was refused, in two languages, with the fix; never the number."""

    def __init__(self, code: str, zh: str, en: str, fix_zh: str, fix_en: str) -> None:
        super().__init__(f"{zh} {en}")
        self.code, self.zh, self.en, self.fix_zh, self.fix_en = code, zh, en, fix_zh, fix_en


_REFUSALS = (
    CaseNumberError(
        "bad_case_number",
        "案号格式不符",
        "Not the form of a court case number",
        "例如（2025）沪0115民初12345号。",
        "For example （2025）沪0115民初12345号.",
    ),
    CaseNumberError(
        "case_number_too_long",
        "案号过长",
        "The court case number is too long",
        "只填写一个案号，例如（2025）沪0115民初12345号。",
        "Give one case number only, for example （2025）沪0115民初12345号.",
    ),
    CaseNumberError(
        "old_case_number",
        "2016 年以前的旧案号（含“字第”）",
        "A case number of the form used before 2016",
        "旧案号的法院简称不唯一，无法对应法院；请填写该案执行或再审的新案号。",
        "Its court abbreviation is not unique; give the case's later number, of its enforcement or retrial.",
    ),
    CaseNumberError(
        "bad_case_year",
        "案号年度应为 2016 至 2100",
        "The year of the case number must be 2016 to 2100",
        "核对收案年度；现行案号自 2016 年起使用。",
        "Check the year of acceptance; the current form is in use since 2016.",
    ),
    CaseNumberError(
        "unknown_court_code",
        "案号中的法院代字不存在",
        "No court has the code in the case number",
        "核对法院代字：最高法；省级简称；中院加两位、基层加四位数字。",
        "Check the court code: 最高法; a province; two digits for an intermediate court, four for a basic one.",
    ),
    CaseNumberError(
        "unknown_case_type",
        "案号中的类型代字不存在",
        "The type code in the case number does not exist",
        "核对类型代字，例如民初、民终、执、执恢、破。",
        "Check the type code, for example 民初, 民终, 执, 执恢, 破.",
    ),
)
# code -> (zh, en, fix_zh, fix_en)
PROBLEMS = {one.code: (one.zh, one.en, one.fix_zh, one.fix_en) for one in _REFUSALS}


def _refusal(code: str) -> CaseNumberError:
    return CaseNumberError(code, *PROBLEMS[code])


@dataclass(frozen=True, slots=True)
class CaseNumber:
    """`str()` is the normal form of the case, full-width brackets as courts print them.

    `part` (之一 …) numbers a further document within the case and names no other case; `document` carries it.
    """

    year: int
    court_code: str
    type_code: str
    sequence: int
    part: str = ""

    def __str__(self) -> str:
        digits = f"{self.sequence:0{_types()['fixed_digits'].get(self.type_code, 1)}d}"
        return f"（{self.year}）{self.court_code}{self.type_code}{digits}号"

    @property
    def document(self) -> str:
        """The number as a ruling within the case carries it."""
        return f"{self}之{self.part}" if self.part else str(self)

    @property
    def synthetic(self) -> bool:
        return is_synthetic_court(self.court_code)


def parse(text: str) -> CaseNumber:
    """The parts. Raises CaseNumberError."""
    if len(text) > MAX_LENGTH:
        raise _refusal("case_number_too_long")
    plain = fold(text).translate(_BRACKETS)
    found = _FORM.fullmatch(plain)
    if found is None:
        raise _refusal("old_case_number" if _OLD_FORM.fullmatch(plain) else "bad_case_number")
    year, court, kind, sequence = int(found[1]), found[2], found[3], int(found[4])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise _refusal("bad_case_year")
    if not is_court_code(court):
        raise _refusal("unknown_court_code")
    if not is_case_type(kind):
        raise _refusal("unknown_case_type")
    if sequence == 0:
        raise _refusal("bad_case_number")
    return CaseNumber(year, court, kind, sequence, _part(found[5]))


def is_court_code(code: str) -> bool:
    """Whether a court may carry this code, by the structure of the rule; synthetic ones too."""
    table = _courts()
    if code in table["supreme"]:
        return True
    if code[:1] not in table["high"]:
        return False
    digits = code[1:]
    if not digits:
        return True
    if not (digits.isascii() and digits.isdigit()):
        return False
    if len(digits) == 2:
        return not is_synthetic_court(code) and any(
            row["from"] <= int(digits) <= row["to"] for row in table["digits"]["intermediate"]
        )
    basic = table["digits"]["basic"]
    return len(digits) == 4 and all(
        low <= int(pair) <= high
        for pair, (low, high) in ((digits[:2], basic["first_two"]), (digits[2:], basic["last_two"]))
    )


def is_synthetic_court(code: str) -> bool:
    """Whether the code belongs to no court: for tests and demonstrations."""
    return code.startswith(_courts()["synthetic"]["prefix"])


def court_name(code: str) -> str | None:
    """The court's name where we are sure of it."""
    table = _courts()
    for part in ("supreme", "high", "known"):
        if code in table[part]:
            return str(table[part][code])
    return None


def is_case_type(code: str) -> bool:
    """Whether a type code is in the table, plain or behind a specialist prefix (知民初)."""
    known = _type_codes()
    if code in known:
        return True
    return any(
        code.startswith(row["code"]) and code[1:] in known and code[1] in row["before"]
        for row in _types()["specialist_prefixes"]
    )


def _part(text: str | None) -> str:
    if not text:
        return ""
    if text.isdigit():
        tens, ones = divmod(int(text), 10)
        head = "" if not tens else "十" if tens == 1 else f"{_PARTS[tens - 1]}十"
        return head + (_PARTS[ones - 1] if ones else "")
    if _PART.fullmatch(text) is None:
        raise _refusal("bad_case_number")
    return text


@cache
def _type_codes() -> frozenset[str]:
    return frozenset(row["code"] for row in _types()["types"])


@cache
def _courts() -> dict[str, Any]:
    return _read("court_codes.json")


@cache
def _types() -> dict[str, Any]:
    return _read("case_types.json")


def _read(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((resources.files(__package__) / "data" / name).read_text(encoding="utf-8"))
    return table
