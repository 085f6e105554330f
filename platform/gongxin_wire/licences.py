"""Licence numbers of agents: `GX`, ten characters drawn at random, a check character (ISO 7064, MOD 37-2).

The check character finds every single wrong character and every exchange of two neighbours. It could be `*`; a number
whose character would be that is not issued. Without I, O, S, V, Z, which read as digits.
"""

import re
from collections.abc import Callable
from operator import mul

from .folding import fold
from .identifiers import USCC_ALPHABET, IdentifierError
from .pii import find_pii

PREFIX = "GX"
FILING_PREFIX = "GA"
BODY = 10
LICENCE_PATTERN = f"^{PREFIX}[{USCC_ALPHABET}]{{{BODY}}}[0-9A-Z]$"
FILING_PATTERN = f"^{FILING_PREFIX}[{USCC_ALPHABET}]{{{BODY}}}[0-9A-Z]$"
_FORM = re.compile(LICENCE_PATTERN[1:-1])
_VALUES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_VALUE_OF = bytes.maketrans(_VALUES.encode(), bytes(range(37)))
_WEIGHTS = tuple(2**power % 37 for power in range(len(PREFIX) + BODY, -1, -1))


def check_character(body: str) -> str:
    """ISO 7064 MOD 37-2 of digits and capital letters."""
    remainder = 0
    for character in body:
        remainder = (remainder + _VALUES.index(character)) * 2 % 37
    return _VALUES[(38 - remainder) % 37]


def is_plain(text: str) -> bool:
    """Whether a text is a licence number in its normal form, the check character included; for many of them at once."""
    if _FORM.fullmatch(text) is None:
        return False
    remainder: int = sum(map(mul, text.encode().translate(_VALUE_OF), _WEIGHTS)) % 37
    return remainder == 1


def draw(below: Callable[[int], int], prefix: str = PREFIX) -> str:
    """A number; `below(n)` draws a whole number under n. With FILING_PREFIX that of an agency's filing."""
    while True:
        body = prefix + "".join(USCC_ALPHABET[below(len(USCC_ALPHABET))] for _ in range(BODY))
        number = body + check_character(body)
        if number[-1] != "*" and find_pii(number) is None:
            return number


def check_licence(text: str) -> str:
    """The normal form: capitals, no spaces or hyphens. Raises IdentifierError."""
    if is_plain(text):
        return text
    folded = fold(text, hyphens=True).upper() if len(text) <= 64 else ""
    if _FORM.fullmatch(folded) is None:
        raise IdentifierError(
            "licence_form", "执照号应为 GX 加 11 位字符", "A licence number is GX and 11 characters",
            "按执照原样录入，不含字母 I、O、S、V、Z。", "Enter it as the licence shows it; it has no I, O, S, V, Z.",
        )  # fmt: skip
    if check_character(folded[:-1]) != folded[-1]:
        raise IdentifierError(
            "licence_check", "执照号校验码不符", "The check character of the licence number does not match",
            "逐字核对执照号。", "Compare it with the licence, character by character.",
        )  # fmt: skip
    return folded
