"""The published normalisation `gx-id-1`: one person, one text, at every member (docs/normalisation.md).

18-digit ID numbers (GB 11643), 统一社会信用代码 (GB 32100-2015), passports with their country (ISO 3166-1 alpha-3).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources

from .folding import fold
from .pii import CHECK_CHARACTERS, WEIGHTS

NORMALISATION = "gx-id-1"
KINDS = ("cn_id", "uscc", "passport")
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
MAX_LENGTH = 200
FIRST_BIRTH_YEAR, LAST_BIRTH_YEAR = 1850, 2100
SYNTHETIC_COUNTRY = "UTO"  # Utopia, the issuer of ICAO Doc 9303's specimens; no state, and no traveller, has it.
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_PASSPORT = re.compile(r"[A-Z]{3}[A-Z0-9]{5,20}")


class IdentifierError(ValueError):
    """Why an identifier was refused, in two languages, with the fix; never the identifier."""

    def __init__(self, code: str, zh: str, en: str, fix_zh: str, fix_en: str) -> None:
        super().__init__(f"{zh} {en}")
        self.code, self.zh, self.en, self.fix_zh, self.fix_en = code, zh, en, fix_zh, fix_en


@dataclass(frozen=True, slots=True)
class NormalisedId:
    """`kind` of KINDS; `text` is the normal form and stays out of `repr`."""

    kind: str
    text: str = field(repr=False)

    @property
    def octets(self) -> bytes:
        """The VOPRF input: version, kind and text, so that no two kinds can meet."""
        return f"{NORMALISATION}|{self.kind}|{self.text}".encode("ascii")

    @property
    def synthetic(self) -> bool:
        return is_synthetic(self)


def normalise(kind: str, text: str) -> NormalisedId:
    """The normal form. Raises IdentifierError, which never holds the identifier."""
    rule = _RULES.get(kind) if isinstance(kind, str) else None
    if rule is None:
        raise IdentifierError(
            "unknown_kind", "未知的证件类型", "Unknown kind of identifier",
            "使用 cn_id、uscc 或 passport。", "Use cn_id, uscc or passport.",
        )  # fmt: skip
    if not isinstance(text, str):
        raise _bad("not_text", "证件号码应为文本", "The identifier is not a text")
    if len(text) > MAX_LENGTH:
        raise _bad("too_long", "证件号码过长", "The identifier is too long")
    # Only ASCII letters are raised: str.upper would turn ß into SS and ı into I, and make one text of two.
    folded = fold(text, hyphens=True).translate(_UPPER)
    if not folded:
        raise _bad("empty", "证件号码为空", "The identifier is empty")
    return NormalisedId(kind, rule(folded))


def check_uscc(code: str) -> str:
    """The normal form of a 统一社会信用代码, its check character verified. Raises IdentifierError."""
    return normalise("uscc", code).text


def is_synthetic(identifier: NormalisedId) -> bool:
    """Whether it belongs to nobody: division codes (or passport countries) that no place has.

    A foreigner's permanent residence number begins with 9 and a province, never with 99.
    """
    if identifier.kind == "cn_id":
        return identifier.text.startswith("99")
    if identifier.kind == "uscc":
        return identifier.text[2:4] == "99"
    return identifier.text.startswith(SYNTHETIC_COUNTRY)


def synthetic_cn_id(number: int) -> str:
    """The n-th synthetic ID number: division 99…, a real date, a valid check character. 0 ≤ n < 10^8 or so."""
    day, rest = number % 28 + 1, number // 28
    month, rest = rest % 12 + 1, rest // 12
    year, rest = 1950 + rest % 55, rest // 55
    sequence, division = rest % 1000, rest // 1000 % 10000
    body = f"99{division:04d}{year:04d}{month:02d}{day:02d}{sequence:03d}"
    return body + _id_check(body)


def synthetic_uscc(number: int, kind: str = "91") -> str:
    """The n-th synthetic 统一社会信用代码: division 99…, a valid check character."""
    body = f"{kind}990000{number:09d}"
    return body + _uscc_check(body)


def _cn_id(text: str) -> str:
    if re.fullmatch(r"[0-9]{15}", text):
        raise IdentifierError(
            "old_id_number", "15 位旧身份证号码", "An old 15-digit ID number",
            "请按现行证件补录 18 位号码。", "Record the 18-digit number of the current card.",
        )  # fmt: skip
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9X]", text):
        raise _bad(
            "id_form",
            "身份证号码应为 17 位数字加一位校验码",
            "An ID number has 17 digits, the first not 0, and a check character",
        )
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        raise _bad(
            "id_birth_date", "身份证号码中的出生日期不存在", "The birth date in the ID number does not exist"
        ) from None
    if not FIRST_BIRTH_YEAR <= born.year <= LAST_BIRTH_YEAR:
        raise _bad("id_birth_date", "身份证号码中的出生日期不合理", "The birth date in the ID number is not plausible")
    if _id_check(text[:17]) != text[17]:
        raise _bad("id_check", "身份证号码校验码不符", "The check character of the ID number does not match")
    return text


def _id_check(body: str) -> str:
    return CHECK_CHARACTERS[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


def _uscc(text: str) -> str:
    if len(text) != 18 or any(character not in USCC_ALPHABET for character in text):
        raise _bad(
            "uscc_form", "统一社会信用代码应为 18 位，不含 I、O、Z、S、V",
            "The code has 18 characters, without I, O, Z, S, V",
        )  # fmt: skip
    if not text[2:8].isdigit():
        raise _bad(
            "uscc_division",
            "统一社会信用代码第 3 至 8 位应为行政区划数字",
            "Characters 3 to 8 are the division's digits",
        )
    if _uscc_check(text[:17]) != text[17]:
        raise _bad("uscc_check", "统一社会信用代码校验码不符", "The check character of the code does not match")
    return text


def _uscc_check(body: str) -> str:
    total = sum(USCC_ALPHABET.index(character) * weight for character, weight in zip(body, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[-total % 31]


def _passport(text: str) -> str:
    if not _PASSPORT.fullmatch(text):
        raise IdentifierError(
            "passport_form", "护照应为三位国家代码加号码", "A passport is a three-letter country code and its number",
            "例如 CHN 加护照号码。", "For example CHN followed by the passport number.",
        )  # fmt: skip
    if not any(character.isdigit() for character in text[3:]):
        raise _bad("passport_form", "护照号码应含数字", "A passport number has a digit")
    if text[:3] not in _countries():
        # Else CN + E12345678 would read as a country CNE, and the person would have a second key.
        raise IdentifierError(
            "passport_country", "没有这个三位国家代码", "No country has this three-letter code",
            "使用 ISO 3166-1 三位代码，例如 CHN、USA、DEU。",
            "Use the ISO 3166-1 alpha-3 code, for example CHN, USA, DEU.",
        )  # fmt: skip
    return text


@cache
def _countries() -> frozenset[str]:
    table = json.loads((resources.files(__package__) / "data" / "passport_countries.json").read_text(encoding="utf-8"))
    return frozenset(table["countries"] + table["others"] + [SYNTHETIC_COUNTRY])


_RULES: dict[str, Callable[[str], str]] = {"cn_id": _cn_id, "uscc": _uscc, "passport": _passport}


def _bad(code: str, zh: str, en: str) -> IdentifierError:
    return IdentifierError(code, zh, en, "核对原件后重新录入。", "Check against the document and enter it again.")
