"""Compact JWS (RFC 7515) with the two algorithms spoken here, and public keys as JWK (RFC 7517, 8037). Pure.

Nothing in a header chooses the key: `jwk` is read where RFC 9449 puts it and refused elsewhere; `jku`, `x5u` and their
like are refused everywhere. PyJWT's algorithms verify and sign.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt.algorithms
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gongxin.errors import Malformed
from gongxin_wire.canonical import b64u, unb64u

ES256, EDDSA = "ES256", "EdDSA"
ALGORITHMS = (ES256, EDDSA)
MAX_JWS = 8192

_EC = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256, ec.SECP256R1)
_OKP = jwt.algorithms.OKPAlgorithm()
# Headers that would choose the key, or change what is signed, from inside the message (RFC 8725 section 3).
_STEERING = frozenset({"jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc", "p2c", "p2s", "epk"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KINDS = ((["EC", "P-256"], ("crv", "kty", "x", "y")), (["OKP", "Ed25519"], ("crv", "kty", "x")))
_JWK_MEMBERS = frozenset({"kty", "crv", "x", "y", "kid", "alg", "use", "key_ops"})

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class JoseFault(Malformed):
    """What is wrong with a signed text or a key; whoever asked for it says of what."""

    fix_zh, fix_en = "请更正签名文本或公钥。", "Correct the signed text or the key."

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(code, zh=zh, en=en)


@dataclass(frozen=True, slots=True)
class Jws:
    """A compact JWS taken apart; nothing is verified yet."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """A public key ready for use; `kid` is its RFC 7638 thumbprint."""

    kid: str
    alg: str
    public: PublicKey


def split(compact: str, limit: int = MAX_JWS) -> tuple[str, str, str]:
    """The three segments as text."""
    if len(compact) > limit:
        raise JoseFault(
            "jws_too_large", f"签名文本超过 {limit} 字符", f"The signed text is longer than {limit} characters"
        )
    parts = compact.split(".")
    if len(parts) != 3 or not compact.isascii():
        raise JoseFault("bad_jws", "不是紧凑格式的 JWS", "Not a compact JWS")
    return parts[0], parts[1], parts[2]


def parse(compact: str, limit: int = MAX_JWS) -> Jws:
    """Takes it apart; header and payload must be JSON objects."""
    header, payload, signature = split(compact, limit)
    return Jws(_object(header), _object(payload), f"{header}.{payload}".encode(), decode(signature))


def decode(segment: str) -> bytes:
    try:
        return unb64u(segment)
    except ValueError as fault:
        raise JoseFault("bad_base64", "base64url 编码无效", "Not base64url without padding") from fault


def _object(segment: str) -> dict[str, Any]:
    return json_object(decode(segment))


def json_object(raw: bytes) -> dict[str, Any]:
    """orjson: UTF-8 only, no NaN, bounded depth; of a repeated name the last counts (RFC 7515 section 4)."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise JoseFault("bad_jose_json", "JOSE 内容不是合法 JSON", "The JOSE content is not JSON") from fault
    if not isinstance(value, dict):
        raise JoseFault("bad_jose_json", "JOSE 内容不是 JSON 对象", "The JOSE content is not a JSON object")
    return value


def check_header(header: Mapping[str, Any], types: tuple[str, ...], *, with_jwk: bool = False) -> str:
    """Its algorithm, one of ours. `types`: what `typ` may be, lower case; "" where it may be absent."""
    alg = header.get("alg")
    if alg not in ALGORITHMS:
        raise JoseFault("alg_not_allowed", "签名算法只接受 ES256 或 EdDSA", "The algorithm must be ES256 or EdDSA")
    typ = header.get("typ", "")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in types:
        raise JoseFault("wrong_typ", f"typ 应为 {types[0]}", f"typ must be {types[0]}")
    steering = _STEERING if with_jwk else _STEERING | {"jwk"}
    if not steering.isdisjoint(header):
        raise JoseFault(
            "header_not_allowed",
            "头部含有不接受的成员（crit、jwk、jku、x5u 等）",
            "The header carries a member that is not accepted (crit, jwk, jku, x5u and the like)",
        )
    return str(alg)


def verify(key: Key, alg: str, signed: bytes, signature: bytes) -> bool:
    """Whether the signature is the key's; the key's own algorithm counts, never the header's alone."""
    if alg != key.alg or len(signature) != 64:
        return False
    algorithm: Any = _EC if alg == ES256 else _OKP
    return bool(algorithm.verify(signed, key.public, signature))


def sign(private: PrivateKey, alg: str, signed: bytes) -> bytes:
    algorithm: Any = _EC if alg == ES256 else _OKP
    signature: bytes = algorithm.sign(signed, private)
    return signature


# --- keys -----------------------------------------------------------------------------------------------------------


def import_jwk(jwk: Any) -> tuple[Key, dict[str, str]]:
    """(key, its JWK reduced to the public members). Refuses private, symmetric and foreign keys, and points that are
    not on their curve."""
    if not isinstance(jwk, Mapping):
        raise JoseFault("bad_jwk", "公钥应为 JWK 对象", "The key must be a JWK object")
    if not _PRIVATE.isdisjoint(jwk):
        raise JoseFault(
            "private_key_sent", "只接受公钥，切勿发送私钥", "Send the public key only, never the private one"
        )
    kind = [jwk.get("kty"), jwk.get("crv")]
    names = next((names for known, names in _KINDS if kind == known), None)
    if names is None:
        raise JoseFault("key_type_not_allowed", "密钥须为 P-256 或 Ed25519", "The key must be P-256 or Ed25519")
    public = {name: value for name in names if isinstance(value := jwk.get(name), str)}
    if len(public) != len(names) or not _JWK_MEMBERS.issuperset(jwk):
        raise JoseFault("bad_jwk", "JWK 成员缺失或不接受", "A member of the JWK is missing or not accepted")
    alg = ES256 if kind[0] == "EC" else EDDSA
    if jwk.get("alg", alg) != alg or jwk.get("use", "sig") != "sig" or jwk.get("key_ops", ["verify"]) != ["verify"]:
        raise JoseFault("bad_jwk", "JWK 的 alg、use 或 key_ops 不符", "The JWK's alg, use or key_ops does not fit")
    return _import(tuple(public.values())), public


@lru_cache(maxsize=16384)
def _import(values: tuple[str, ...]) -> Key:
    """By values of (crv, kty, x[, y]): each key is parsed once."""
    crv, kty, *coordinates = values
    try:
        numbers = [unb64u(text) for text in coordinates]
        if any(len(number) != 32 for number in numbers):
            raise ValueError("not 32 bytes")
        public: PublicKey
        if kty == "EC":
            x, y = (int.from_bytes(number) for number in numbers)
            public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        else:
            public = ed25519.Ed25519PublicKey.from_public_bytes(numbers[0])
    except ValueError as fault:
        raise JoseFault("bad_jwk", "公钥坐标无效", "The key's coordinates are not valid") from fault
    members = {"crv": crv, "kty": kty, **dict(zip(("x", "y"), coordinates, strict=False))}
    return Key(thumbprint(members), ES256 if kty == "EC" else EDDSA, public)


def thumbprint(members: Mapping[str, str]) -> str:
    """RFC 7638 over the required members."""
    return b64u(hashlib.sha256(orjson.dumps(dict(members), option=orjson.OPT_SORT_KEYS)).digest())


def export_jwk(public: PublicKey) -> dict[str, str]:
    """The public members of a key."""
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": b64u(public.public_bytes_raw())}
    numbers = public.public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": b64u(numbers.x.to_bytes(32)), "y": b64u(numbers.y.to_bytes(32))}
