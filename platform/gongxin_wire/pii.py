"""Finds personal numbers in free text: ID cards, mobile phones, bank cards, licence plates. Pure; linear in length."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
# Digits with single separators between; bounded by what is neither a letter nor a digit nor part of an identifier.
_RUN = re.compile(r"(?<![0-9A-Za-z_+/=.])\+?[0-9](?:[ \-]?[0-9]){9,22}[Xx]?(?![0-9A-Za-z_+/=])")
_PLATE = re.compile(
    rf"[{_PROVINCES}][A-HJ-NP-Z][·• ]?(?=[A-HJ-NP-Z]*[0-9])[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_PHONE = re.compile(r"(?:\+?86)?1[3-9][0-9]{9}")
_STAMP = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){1,2}"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: id_card, phone, bank_card or licence_plate; positions in characters. Never the number itself."""

    kind: str
    start: int
    end: int


def find_pii(text: str) -> Finding | None:
    """The first personal number in the text, or None."""
    if not text:
        return None
    plain = text if text.isascii() else "".join(map(_narrow, text))
    if any(character.isdigit() for character in plain):
        masked = _UUID.sub(lambda match: "u" * len(match[0]), plain)
        for match in _RUN.finditer(masked):
            kind = _classify(match[0])
            if kind is not None:
                return Finding(kind, match.start(), match.end())
        plate = _PLATE.search(plain)
        if plate is not None:
            return Finding("licence_plate", plate.start(), plate.end())
    return None


def _narrow(character: str) -> str:
    """Full width to half width, one for one, so that positions stay."""
    if character < "\u2010":
        return character
    if character in "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d":
        return "-"
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


def _classify(run: str) -> str | None:
    digits = run.replace(" ", "").replace("-", "").upper()
    if is_id_card(digits):
        return "id_card"
    if digits.isdigit() and len(digits) == 15 and _is_date("19" + digits[6:12]) and 11 <= int(digits[:2]) <= 82:
        return "id_card"
    if _PHONE.fullmatch(digits):
        return "phone"
    bare = digits.lstrip("+")
    if bare.isdigit() and 13 <= len(bare) <= 19 and bare[0] in "34569" and not _STAMP.fullmatch(bare) and _luhn(bare):
        return "bank_card"
    return None


def is_id_card(text: str) -> bool:
    """18 characters with a real date and the check character of GB 11643 (ISO 7064 MOD 11-2)."""
    if len(text) != 18 or not text[:17].isdigit() or not _is_date(text[6:14]):
        return False
    return _CHECK[sum(int(d) * w for d, w in zip(text[:17], _WEIGHTS, strict=True)) % 11] == text[17].upper()


def _is_date(text: str) -> bool:
    try:
        found = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return 1880 <= found.year <= 2100


def _luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
