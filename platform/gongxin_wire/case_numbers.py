"""案号 Court case numbers: （2025）沪0115民初12345号 and its parts, in one normal form."""

import re
import unicodedata
from dataclasses import dataclass

_FORM = re.compile(
    r"\((\d{4})\)([\u4e00-\u9fff]\d{0,4}|最高法)([\u4e00-\u9fff]{1,6})(\d{1,7})号(?:之([一二三四五六七八九十]{1,3}))?"
)


class CaseNumberError(ValueError):
    """Why a case number was refused, in two languages, with the fix."""

    def __init__(self, code: str, zh: str, en: str, fix_zh: str, fix_en: str) -> None:
        super().__init__(f"{zh} {en}")
        self.code, self.zh, self.en, self.fix_zh, self.fix_en = code, zh, en, fix_zh, fix_en


@dataclass(frozen=True, slots=True)
class CaseNumber:
    """`str()` is the normal form, full-width brackets as courts print them."""

    year: int
    court_code: str
    type_code: str
    sequence: int
    part: str = ""

    def __str__(self) -> str:
        part = f"之{self.part}" if self.part else ""
        return f"（{self.year}）{self.court_code}{self.type_code}{self.sequence}号{part}"


def parse(text: str) -> CaseNumber:
    """The parts. Raises CaseNumberError."""
    plain = "".join(unicodedata.normalize("NFKC", text).split()).translate(str.maketrans("[]〔〕【】", "()()()"))
    found = _FORM.fullmatch(plain)
    if found is None:
        raise CaseNumberError(
            "bad_case_number", "案号格式不符", "Not the form of a court case number",
            "例如（2025）沪0115民初12345号。", "For example （2025）沪0115民初12345号.",
        )  # fmt: skip
    return CaseNumber(int(found[1]), found[2], found[3], int(found[4]), found[5] or "")
