"""base45 (RFC 9285), decoded strictly and fast: a text whose length or groups no encoder makes is refused."""

import struct
from operator import add
from typing import Final

import base45  # type: ignore[import-untyped]

ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_FOREIGN = 255
# Its place of 45 and of 45², looked up: no number is multiplied while a badge is read.
_FORTY_FIVES = tuple(45 * value for value in range(256)).__getitem__
_SQUARES = tuple(2025 * value for value in range(256)).__getitem__
_VALUES = bytes(ALPHABET.index(code) if code in ALPHABET else _FOREIGN for code in range(256))


def encode(data: bytes) -> str:
    text: bytes = base45.b45encode(data)
    return text.decode("ascii")


def decode(text: str) -> bytes:
    """Raises ValueError for a character outside the alphabet or a group beyond its octets, EOFError for an end
    that no whole text has."""
    try:
        values = text.encode("ascii").translate(_VALUES)
    except UnicodeEncodeError as fault:
        raise ValueError("a character outside base45") from fault
    if _FOREIGN in values:
        raise ValueError("a character outside base45")
    whole, rest = divmod(len(values), 3)
    if rest == 1:
        raise EOFError("a base45 text has 3n or 3n + 2 characters")
    end = whole * 3
    upper = map(add, map(_FORTY_FIVES, values[1:end:3]), map(_SQUARES, values[2:end:3]))
    try:
        data = struct.pack(f">{whole}H", *map(add, values[:end:3], upper))
    except struct.error as fault:
        raise ValueError("a group of base45 is beyond two octets") from fault
    if rest:
        last = values[end] + 45 * values[end + 1]
        if last > 255:  # of a whole text only the end of a longer group looks like this
            raise EOFError("the last group of base45 is beyond one octet")
        data += bytes((last,))
    return data
