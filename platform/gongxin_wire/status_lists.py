"""The Token Status List (draft-ietf-oauth-status-list-21): how a verifier learns offline that a badge no longer holds.

One list is an array of 1, 2, 4 or 8 bits a token, the first in the lowest bits of the first octet, compressed with
ZLIB, signed as JWT (`statuslist+jwt`) or CWT (`application/statuslist+cwt`). Ours has 2 bits: a suspension passes, the
end of a badge does not.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from . import cose
from .canonical import b64u, unb64u
from .cose import Keys, SignedError

VALID, INVALID, SUSPENDED = 0, 1, 2
BITS: Final = (1, 2, 4, 8)
JWT_TYPE: Final = "statuslist+jwt"
CWT_TYPE: Final = "application/statuslist+cwt"
MAX_TOKEN: Final = 8 << 20
MAX_OCTETS: Final = 8 << 20
_SUB, _EXP, _IAT, _TTL, _LIST = 2, 4, 6, 65534, 65533


class StatusListError(SignedError):
    """Why a status list was not taken."""


@dataclass(frozen=True, slots=True)
class StatusList:
    """A list, taken apart; `uri` is its own name, `ttl` the seconds after which to fetch it anew. Times in seconds."""

    uri: str
    issued_at: int
    expires_at: int
    ttl: int
    bits: int
    octets: bytes = field(repr=False)

    def status(self, index: int) -> int:
        """Raises StatusListError beyond the list (draft section 8.3: then nothing may be concluded)."""
        place, shift = divmod(index * self.bits, 8)
        if not 0 <= place < len(self.octets):
            raise StatusListError(
                "status_index", "序号超出状态清单", "The index is beyond the status list",
                "重新取得状态清单。", "Fetch the status list anew.",
            )  # fmt: skip
        return self.octets[place] >> shift & ((1 << self.bits) - 1)


def pack(size: int, statuses: Mapping[int, int], bits: int = 2) -> bytes:
    """The array of `size` tokens: `statuses` by index, all others valid. Raises ValueError for what does not fit."""
    if bits not in BITS or size * bits % 8:
        raise ValueError("1, 2, 4 or 8 bits, and whole octets")
    octets = bytearray(size * bits // 8)
    for index, status in statuses.items():
        if not (0 <= index < size and 0 <= status < 1 << bits):
            raise ValueError("an index or status beyond the list")
        place, shift = divmod(index * bits, 8)
        octets[place] |= status << shift
    return bytes(octets)


def compress(octets: bytes) -> bytes:
    return zlib.compress(octets, 9)


def expand(compressed: bytes) -> bytes:
    """The reverse, bounded. Raises ValueError for what is cut, followed by more, or too large."""
    reader = zlib.decompressobj()
    try:
        octets = reader.decompress(compressed, MAX_OCTETS + 1)
    except zlib.error as fault:
        raise ValueError("not ZLIB") from fault
    if len(octets) > MAX_OCTETS or not reader.eof or reader.unused_data:
        raise ValueError("cut, followed by more, or too large")
    return octets


def to_jwt(found: StatusList, kid: str, sign: Callable[[bytes], bytes]) -> str:
    """Signed as a JWT (draft section 5.1); `sign` by the Ed25519 key of this kid."""
    header = {"alg": "EdDSA", "kid": kid, "typ": JWT_TYPE}
    claims = {
        "exp": found.expires_at,
        "iat": found.issued_at,
        "status_list": {"bits": found.bits, "lst": b64u(compress(found.octets))},
        "sub": found.uri,
        "ttl": found.ttl,
    }
    signed = ".".join(b64u(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{b64u(sign(signed.encode()))}"


def to_cwt(found: StatusList, key: Any) -> bytes:
    """Signed as a CWT (draft section 5.2)."""
    claims = {
        _SUB: found.uri,
        _IAT: found.issued_at,
        _EXP: found.expires_at,
        _TTL: found.ttl,
        _LIST: {"bits": found.bits, "lst": compress(found.octets)},
    }
    return cose.sign(cose.encode(claims), key, CWT_TYPE)


def read(token: bytes, keys: Keys) -> StatusList:
    """A list, as JWT or CWT, whose signature one of the keys made. Raises StatusListError. Whether it is too old or
    older than one seen before is for the caller."""
    if len(token) > MAX_TOKEN:
        raise _form()
    try:
        return _read_cwt(token, keys) if token[:1] == b"\xd2" else _read_jwt(token, keys)
    except PermissionError as fault:
        raise StatusListError(
            "status_list_signature", "状态清单的签名不成立", "The signature of the status list does not hold",
            "不要使用；更新公钥后重新取得清单。", "Do not use it; fetch the keys, then the list, anew.",
        ) from fault  # fmt: skip
    except (ValueError, EOFError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise fault if isinstance(fault, StatusListError) else _form() from fault


def _read_jwt(token: bytes, keys: Keys) -> StatusList:
    signed, _, signature = token.strip().rpartition(b".")
    header_text, _, claims_text = signed.partition(b".")
    header = json.loads(unb64u(header_text.decode("ascii")))
    if header != {"alg": "EdDSA", "kid": header.get("kid"), "typ": JWT_TYPE}:
        raise ValueError("another header")
    key = keys.jose(header["kid"])
    if key is None:
        raise _unknown_key()
    try:
        key.verify(unb64u(signature.decode("ascii")), signed)
    except InvalidSignature as fault:
        raise PermissionError("the signature is not this key's") from fault
    claims = json.loads(unb64u(claims_text.decode("ascii")))
    told = claims["status_list"]
    return _list(claims["sub"], claims["iat"], claims["exp"], claims["ttl"], told["bits"], unb64u(told["lst"]))


def _read_cwt(token: bytes, keys: Keys) -> StatusList:
    payload = cose.open_sign1(cose.decode(token), keys, CWT_TYPE)
    if payload is None:
        raise _unknown_key()
    claims = cose.decode(payload)
    told = claims[_LIST]
    return _list(claims[_SUB], claims[_IAT], claims[_EXP], claims[_TTL], told["bits"], told["lst"])


def _list(uri: Any, issued_at: Any, expires_at: Any, ttl: Any, bits: Any, compressed: bytes) -> StatusList:
    whole = (issued_at, expires_at, ttl, bits)
    if not isinstance(uri, str) or not all(type(each) is int and each >= 0 for each in whole) or bits not in BITS:
        raise ValueError("claims of another form")
    return StatusList(uri, issued_at, expires_at, ttl, bits, expand(compressed))


def _unknown_key() -> StatusListError:
    return StatusListError(
        "status_list_key", "状态清单的签名密钥不在公布的密钥中", "The status list is signed by a key not published",
        "更新公钥后重试。", "Fetch the keys anew.",
    )  # fmt: skip


def _form() -> StatusListError:
    return StatusListError(
        "status_list_form", "不是状态清单", "Not a status list",
        "重新取得状态清单。", "Fetch the status list anew.",
    )  # fmt: skip


def check_forward(seen: int | None, found: StatusList) -> None:
    """A list never goes back: raises StatusListError where one issued later was seen before."""
    if seen is not None and found.issued_at < seen:
        raise StatusListError(
            "status_list_rolled_back",
            "状态清单被回退：此前见过更新的清单",
            "The status list was rolled back: a newer one was seen before",
            "不要使用；从登记处重新取得，仍然如此请告知协会。",
            "Do not use it; fetch it from the registry, and tell the association if it stays so.",
        )  # fmt: skip
