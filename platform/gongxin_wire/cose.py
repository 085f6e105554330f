"""COSE_Sign1 (RFC 9052) by EdDSA over Ed25519 (RFC 9053), as badges and status lists in CBOR carry it: one form, taken
strictly. The `cwt` library signs and verifies; what is around the signature is checked here.

A key's `kid` is the first 8 octets of its RFC 7638 thumbprint: short enough for a QR code, and of two keys that share
one both are tried.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ed25519
from cwt import COSE, COSEKey
from cwt.cose_key_interface import COSEKeyInterface
from cwt.exceptions import CWTError

from .canonical import unb64u

EDDSA: Final = -8
KID_OCTETS: Final = 8
SIGN1: Final = 18
_KTY, _KID, _ALG, _CRV, _X, _D = 1, 2, 3, -1, -2, -4
_OKP, _ED25519 = 1, 6
MAX_KEYS = 64


class SignedError(ValueError):
    """Why something signed was not taken, in two languages, with the fix."""

    def __init__(self, code: str, zh: str, en: str, fix_zh: str, fix_en: str) -> None:
        super().__init__(f"{zh} {en}")
        self.code, self.zh, self.en, self.fix_zh, self.fix_en = code, zh, en, fix_zh, fix_en


class Keys:
    """Published keys, parsed once: by short kid for COSE, by full kid for JWS. `issuer` where the document names it."""

    def __init__(self, jwks: Iterable[Mapping[str, Any]], issuer: str | None = None) -> None:
        self.issuer = issuer
        self._cose: dict[bytes, list[COSEKeyInterface]] = {}
        self._jose: dict[str, ed25519.Ed25519PublicKey] = {}
        for jwk in jwks:
            kid, x = str(jwk["kid"]), unb64u(str(jwk["x"]))
            if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
                raise ValueError("not an Ed25519 key")
            self._jose[kid] = ed25519.Ed25519PublicKey.from_public_bytes(x)
            self._cose.setdefault(short_kid(kid), []).append(_public(short_kid(kid), x))

    def __len__(self) -> int:
        return len(self._jose)

    def of(self, kid: bytes) -> list[COSEKeyInterface]:
        return self._cose.get(kid, [])

    def jose(self, kid: str) -> ed25519.Ed25519PublicKey | None:
        return self._jose.get(kid)


def read_keys(document: Any) -> Keys:
    """From a JWK Set as published. Raises SignedError for anything else."""
    try:
        keys = document["keys"]
        if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
            raise ValueError("no keys, or too many")
        issuer = document.get("issuer")
        return Keys(keys, issuer if isinstance(issuer, str) else None)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise SignedError(
            "badge_keys", "不是工牌公钥集", "Not a set of badge keys",
            "重新取得 /.well-known/gongxin-badge-jwks。", "Fetch /.well-known/gongxin-badge-jwks anew.",
        ) from fault  # fmt: skip


def short_kid(kid: str) -> bytes:
    """The kid in COSE of a key whose RFC 7638 thumbprint is `kid`."""
    return unb64u(kid)[:KID_OCTETS]


@lru_cache(maxsize=64)
def _public(kid: bytes, x: bytes) -> COSEKeyInterface:
    return COSEKey.new({_KTY: _OKP, _KID: kid, _ALG: EDDSA, _CRV: _ED25519, _X: x})


@lru_cache(maxsize=16)
def signing_key(private: ed25519.Ed25519PrivateKey, kid: str) -> COSEKeyInterface:
    """The private key as the library takes it."""
    x, d = private.public_key().public_bytes_raw(), private.private_bytes_raw()
    return COSEKey.new({_KTY: _OKP, _KID: short_kid(kid), _ALG: EDDSA, _CRV: _ED25519, _X: x, _D: d})


def key_set(jwks: Iterable[Mapping[str, Any]]) -> bytes:
    """A COSE_KeySet (RFC 9052 section 7) of the same keys."""
    return encode(
        [
            {_KTY: _OKP, _KID: short_kid(str(j["kid"])), _ALG: EDDSA, _CRV: _ED25519, _X: unb64u(str(j["x"]))}
            for j in jwks
        ]
    )


def encode(value: Any) -> bytes:
    """Deterministic CBOR (RFC 8949 section 4.2.3: shorter keys first)."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes) -> Any:
    """One value, each part in its shortest form, nothing twice and nothing after it. Raises ValueError, EOFError where
    it ends too early."""
    try:
        value = cbor2.loads(data)
        again = cbor2.dumps(value)
    except cbor2.CBORDecodeEOF as fault:
        raise EOFError("the CBOR ends too early") from fault
    except (cbor2.CBORError, RecursionError, TypeError, OverflowError, MemoryError) as fault:
        raise ValueError("not CBOR") from fault
    if again != data:
        raise ValueError("CBOR not in its shortest form, or more after it")
    return value


def sign(payload: bytes, key: COSEKeyInterface, typ: str | None = None) -> bytes:
    """A tagged COSE_Sign1. `typ`: header 16 (RFC 9596)."""
    protected: dict[int, Any] = {1: EDDSA, 4: key.kid}
    if typ is not None:
        protected[16] = typ
    made = COSE.new(deterministic_header=True).encode_and_sign(payload, key, protected=protected, unprotected={})
    assert isinstance(made, bytes)
    return made


def open_sign1(tagged: Any, keys: Keys, typ: str | None = None) -> bytes | None:
    """The payload of a COSE_Sign1 by one of the keys; None where no key has this kid. Raises ValueError for another
    form, PermissionError where the signature is not the key's."""
    if not isinstance(tagged, cbor2.CBORTag) or tagged.tag != SIGN1:
        raise ValueError("not a COSE_Sign1")
    parts = tagged.value
    if not isinstance(parts, list) or len(parts) != 4 or parts[1] != {}:
        raise ValueError("not a COSE_Sign1")
    protected, _, payload, signature = parts
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise ValueError("not a COSE_Sign1")
    found = keys.of(_kid(protected, typ))
    if not found:
        return None
    signed = cbor2.dumps(["Signature1", protected, b"", payload])  # the Sig_structure (RFC 9052 section 4.4)
    for key in found:
        try:
            key.verify(signed, signature)
        except CWTError:
            continue
        return payload
    raise PermissionError("the signature is not this key's")


@lru_cache(maxsize=256)
def _kid(protected: bytes, typ: str | None) -> bytes:
    """Of protected headers that say EdDSA, a kid, the type and nothing else."""
    headers = decode(protected)
    kid = headers.get(4) if isinstance(headers, dict) else None
    if not isinstance(kid, bytes) or headers != {1: EDDSA, 4: kid} | ({} if typ is None else {16: typ}):
        raise ValueError("other protected headers")
    return kid
