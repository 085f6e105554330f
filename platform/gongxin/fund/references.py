"""Public numbers of claims: two letters and ten characters drawn at random, and a check character
(ISO 7064, MOD 37-2), as licence numbers have it."""

import re
from collections.abc import Callable

from gongxin.errors import bad_field
from gongxin_wire.identifiers import USCC_ALPHABET
from gongxin_wire.licences import check_character
from gongxin_wire.pii import find_pii

BODY = 10
PATTERN = f"^GH[{USCC_ALPHABET}]{{{BODY}}}[0-9A-Z]$"
CLAIM = "GH"


def draw(prefix: str, below: Callable[[int], int]) -> str:
    """A reference; `below(n)` draws a whole number under n."""
    while True:
        body = prefix + "".join(USCC_ALPHABET[below(len(USCC_ALPHABET))] for _ in range(BODY))
        number = body + check_character(body)
        if number[-1] != "*" and find_pii(number) is None:
            return number


def check(text: str, pointer: str = "/reference") -> str:
    """The reference as it is, where its check character says so. Raises Invalid."""
    if re.fullmatch(PATTERN.removesuffix("$"), text) is None or check_character(text[:-1]) != text[-1]:
        raise bad_field(pointer, "编号校验码不符", "The check character of the reference does not match")
    return text
