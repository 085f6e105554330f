"""Finds personal numbers in free text: ID cards, mobile phones, bank cards, licence plates. Pure; linear in length."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
# Groups are joined by code and not by the pattern, so that no text makes the search start over: linear in its length.
_GROUP = re.compile(r"\+?[0-9]++[Xx]?")
# Whatever is a number has eleven digits that at most single separators part: the quick look at what has none.
_CANDIDATE = re.compile(r"[0-9](?:[ \-]?[0-9]){10}")
_DIGIT = re.compile(r"[0-9]")
_LONGEST = 23  # digits of a chain that is still looked at as a whole
_WINDOW = 6  # groups of a part of a chain: 6222 0212 3456 7890 123 has five
_PLATE = re.compile(
    rf"[{_PROVINCES}][A-HJ-NP-Z][·• ]?(?=[A-HJ-NP-Z]*[0-9])[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_PHONE = re.compile(r"(?:\+?86|0086)?1[3-9][0-9]{9}")
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
    if _DIGIT.search(plain) is not None:
        if _CANDIDATE.search(plain) is not None:
            found = _find_number(_UUID.sub(lambda match: "u" * len(match[0]), plain))
            if found is not None:
                return found
        plate = _PLATE.search(plain)
        if plate is not None:
            return Finding("licence_plate", plate.start(), plate.end())
    return None


def _narrow(character: str) -> str:
    """Full width to half width, digits of any script to ASCII, one for one, so that positions stay."""
    if character < "\x80":
        return character
    if character in "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d":
        return "-"
    if character in "\xa0\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202f\u3000":
        return " "
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


def _find_number(text: str) -> Finding | None:
    """Looks at each chain of digit groups that single spaces or hyphens join: whole, and in part."""
    chain: list[str] = []
    begin = end = -2
    for match in _GROUP.finditer(text):
        start = match.start()
        if chain and not (start == end + 1 and text[end] in " -"):
            if (kind := _whole(chain)) is not None:
                return Finding(kind, begin, end)
            chain = []
        end = match.end()
        if (start and _word(text[start - 1])) or (end < len(text) and _word(text[end])):
            chain = []
            continue
        if not chain:
            begin = start
        chain.append(match[0])
        found = _part(chain)
        if found is not None:
            kind, length = found
            return Finding(kind, end - length, end)
        if len(chain) > _LONGEST:
            begin += len(chain.pop(0)) + 1
    kind = _whole(chain)
    return Finding(kind, begin, end) if kind is not None else None


def _word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _part(chain: list[str]) -> tuple[str, int] | None:
    """(kind, length with separators) of the last groups of a chain, where they are a number by themselves."""
    digits = 0
    for count, group in enumerate(reversed(chain[-_WINDOW:]), 1):
        digits += len(group)
        if digits > _LONGEST:
            return None
        if digits >= 11:
            groups = chain[-count:]
            kind = _classify("".join(groups).upper())
            # A list of amounts must not become a card by chance.
            if kind is not None and (kind != "bank_card" or all(len(other) == 4 for other in groups[:-1])):
                return kind, digits + count - 1
    return None


def _whole(chain: list[str]) -> str | None:
    joined = "".join(chain)
    kind = _classify(joined.upper()) if 11 <= len(joined) <= _LONGEST else None
    return None if kind == "bank_card" and any(len(group) < 4 for group in chain[:-1]) else kind


def _classify(digits: str) -> str | None:
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
    if len(text) != 18 or not text.isascii() or not text[:17].isdigit() or not _is_date(text[6:14]):
        return False
    return CHECK_CHARACTERS[sum(int(d) * w for d, w in zip(text[:17], WEIGHTS, strict=True)) % 11] == text[17].upper()


def _is_date(text: str) -> bool:
    try:
        found = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return 1850 <= found.year <= 2100


def _luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
