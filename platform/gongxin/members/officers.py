"""Officers of the association, as its own program names them: until people sign in themselves, who acts is a name or
number in one spelling. Pure: no database, no clock."""

import re
import unicodedata

from gongxin.errors import bad_field

PATTERN = "^[0-9A-Z一-鿿]{1,64}$"
_SPACING = re.compile(r"[\s\-_.·•・/]+")
_FORM = re.compile(PATTERN[1:-1])


def officer_key(given: str, pointer: str = "/officer") -> str:
    """One spelling for one person: full-width and half-width, case, spaces, dots and hyphens make no other officer."""
    key = _SPACING.sub("", unicodedata.normalize("NFKC", given)).upper()
    if _FORM.fullmatch(key) is None:
        raise bad_field(pointer, "应为姓名或工号，1 至 64 位", "It is a name or number of 1 to 64 characters")
    return key
