"""The prime-order group ristretto255 (RFC 9496) as RFC 9497 section 4.1 uses it.

Elements are 32 bytes, scalars Python integers in [0, L). `Group` is what a provider gives.
"""

import secrets
from typing import Protocol

ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = bytes(32)


class Group(Protocol):
    """Group operations on canonical elements; ValueError for anything else, and for a product that is the identity."""

    def is_element(self, data: bytes) -> bool: ...
    def multiply(self, scalar: int, element: bytes) -> bytes: ...
    def multiply_base(self, scalar: int) -> bytes: ...
    def multiply_each(self, scalar: int, elements: "list[bytes]") -> list[bytes]: ...
    def add(self, first: bytes, second: bytes) -> bytes: ...
    def from_hash(self, data: bytes) -> bytes: ...


def random_scalar() -> int:
    """Uniform in [1, L)."""
    return secrets.randbelow(ORDER - 1) + 1


def scalar_bytes(scalar: int) -> bytes:
    """32 bytes, little-endian (RFC 9497 section 4.1)."""
    return scalar.to_bytes(32, "little")


def read_scalar(data: bytes) -> int:
    """Raises ValueError for a scalar that is not in its one form (≥ L, or not 32 bytes)."""
    if len(data) != 32:
        raise ValueError("a scalar has 32 bytes")
    scalar = int.from_bytes(data, "little")
    if scalar >= ORDER:
        raise ValueError("a scalar is below the group order")
    return scalar


def reduce_scalar(data: bytes) -> int:
    """64 uniform bytes to a scalar."""
    return int.from_bytes(data, "little") % ORDER
