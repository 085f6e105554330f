"""The member's own keys: PKCS#8 PEM files of mode 0600, their JWK and its thumbprint (RFC 7517, 7638, 8037)."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gongxin_wire.canonical import b64u, digest

from .errors import BadInput

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
ALGORITHMS = ("ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key ready for use: parsed once. `alg` is ES256 or EdDSA, `jwk` the public part with its `kid`."""

    private: PrivateKey = field(repr=False)
    alg: str
    kid: str
    jwk: dict[str, Any]


def generate(alg: str = "ES256") -> SigningKey:
    """A fresh key. Raises BadInput for another algorithm."""
    if alg == "ES256":
        return signing_key(ec.generate_private_key(ec.SECP256R1()))
    if alg == "EdDSA":
        return signing_key(ed25519.Ed25519PrivateKey.generate())
    raise BadInput(
        "unknown_algorithm", "未知的密钥算法", "Unknown key algorithm", "用 ES256 或 EdDSA。", "ES256 or EdDSA."
    )


def signing_key(private: PrivateKey) -> SigningKey:
    """The key with its algorithm, thumbprint and public JWK."""
    public = private.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        numbers = public.public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "x": b64u(numbers.x.to_bytes(32)), "y": b64u(numbers.y.to_bytes(32))}
        alg = "ES256"
    else:
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64u(public.public_bytes_raw())}
        alg = "EdDSA"
    kid = thumbprint(jwk)
    return SigningKey(private, alg, kid, {**jwk, "kid": kid, "alg": alg, "use": "sig"})


def thumbprint(jwk: dict[str, Any]) -> str:
    """RFC 7638: SHA-256 over the required members in canonical form, base64url."""
    names = ("crv", "kty", "x", "y") if jwk.get("kty") == "EC" else ("crv", "kty", "x")
    return b64u(digest({name: jwk[name] for name in names}))


def save(key: SigningKey, path: Path, passphrase: bytes | None = None) -> None:
    """Writes a new file of mode 0600. Raises BadInput where one is there already: keys are not overwritten."""
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    pem = key.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as fault:
        raise BadInput(
            "key_exists", "密钥文件已存在，不会覆盖", "The key file exists and is not overwritten",
            "换一个文件名。", "Choose another name.",
        ) from fault  # fmt: skip
    except OSError as fault:
        raise BadInput("key_not_written", "密钥文件无法写入", "The key file cannot be written") from fault
    with os.fdopen(handle, "wb") as out:
        out.write(pem)
        out.flush()
        os.fsync(out.fileno())


def load(path: Path, passphrase: bytes | None = None) -> SigningKey:
    """Reads a key file. Raises BadInput: missing, readable by others, a wrong passphrase, another kind of key."""
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BadInput(
                "key_open_to_others", "密钥文件可被他人读取", "Others can read the key file",
                f"执行 chmod 600 {path}。", f"Run chmod 600 {path}.",
            )  # fmt: skip
        pem = path.read_bytes()
    except OSError as fault:
        raise BadInput(
            "key_not_read", "密钥文件无法读取", "The key file cannot be read",
            "核对路径，或用 gongxin-member keys new 生成。", "Check the path, or make one: gongxin-member keys new.",
        ) from fault  # fmt: skip
    try:
        private = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as fault:
        raise BadInput(
            "key_not_parsed", "密钥文件无法解开", "The key file cannot be opened",
            "核对口令（GONGXIN_MEMBER_KEY_PASSPHRASE 或口令文件）。",
            "Check the passphrase (GONGXIN_MEMBER_KEY_PASSPHRASE or its file).",
        ) from fault  # fmt: skip
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return signing_key(private)
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        return signing_key(private)
    raise BadInput("key_kind", "密钥应为 P-256 或 Ed25519", "The key must be P-256 or Ed25519")


def public_jwk(jwk: dict[str, Any]) -> dict[str, Any]:
    """The public part alone, whatever else a caller's JWK carries."""
    return {name: jwk[name] for name in ("kty", "crv", "x", "y", "kid", "alg", "use") if name in jwk}
