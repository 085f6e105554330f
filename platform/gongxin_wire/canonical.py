"""One byte form for one value: RFC 8785 (JSON Canonicalization Scheme), its digest, and base64url without padding."""

import base64
import binascii
import hashlib
import re
from typing import Any

import rfc8785

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes. Raises ValueError for what JSON cannot carry: NaN, integers beyond 2^53, endless nesting."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as fault:
        raise ValueError("not representable in canonical JSON") from fault


def digest(value: Any) -> bytes:
    """SHA-256 over the canonical form."""
    return hashlib.sha256(canonical(value)).digest()


def b64u(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: str) -> bytes:
    """The reverse, strict: no padding, no foreign character, no spare bits set, so one value has one text."""
    if _ALPHABET.fullmatch(text) is None or len(text) % 4 == 1:
        raise ValueError("not base64url without padding")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as fault:
        raise ValueError("not base64url without padding") from fault
    if b64u(data) != text:
        raise ValueError("base64url with spare bits set")
    return data
