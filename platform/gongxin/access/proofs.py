"""What binds a token to its sender: DPoP proofs (RFC 9449) with server nonces, and certificates (RFC 8705) that a
trusted proxy passes on in `Client-Cert` (RFC 9440)."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Request

from gongxin.config import Config
from gongxin.web.address import is_trusted
from gongxin_wire.canonical import b64u

from . import jose, rules
from .refusals import NonceWanted, ProofRefused

MAX_PROOF = 4096
NONCE_SECONDS = 300


def url_of(config: Config, request: Request) -> str:
    """The address that `htu` must name: the public one, whatever proxies stand between."""
    return config.issuer + quote(request.path, safe=rules.URL_SAFE)


@dataclass(frozen=True, slots=True)
class Proof:
    """A DPoP proof that holds, not yet known to be the first of its jti."""

    thumbprint: str
    digest: bytes
    expires: datetime


@lru_cache(maxsize=16384)
def _header(segment: str) -> tuple[str, jose.Key]:
    """(alg, key). A client's proofs have the same header each time, so it is read once."""
    header = jose.json_object(jose.decode(segment))
    alg = jose.check_header(header, rules.PROOF_TYPES, with_jwk=True)
    return alg, jose.import_jwk(header.get("jwk"))[0]


def check(config: Config, compact: str, *, method: str, url: str, now: float, token_hash: str | None = None) -> Proof:
    """Raises OAuthRefusal (invalid_dpop_proof, use_dpop_nonce)."""
    try:
        first, second, third = jose.split(compact, MAX_PROOF)
        alg, key = _header(first)
        claims = jose.json_object(jose.decode(second))
        if not jose.verify(key, alg, f"{first}.{second}".encode(), jose.decode(third)):
            raise jose.JoseFault("proof_signature", "证明的签名无效", "The signature of the proof does not hold")
    except jose.JoseFault as fault:
        raise ProofRefused(fault.code, fault.zh, fault.en) from fault
    jti, until = rules.check_proof(claims, method=method, url=url, now=now, token_hash=token_hash)
    check_nonce(config, claims, now)
    digest = sha256(f"{key.kid}|{jti}".encode()).digest()
    return Proof(key.kid, digest, datetime.fromtimestamp(until, UTC))


# --- nonces ---------------------------------------------------------------------------------------------------------


def nonce(config: Config, now: float) -> str:
    """What `DPoP-Nonce` offers: an HMAC of the time window, so that no process has to remember any."""
    return _nonce(config.master_key, int(now // NONCE_SECONDS))


@lru_cache(maxsize=64)
def _nonce(master_key: bytes, window: int) -> str:
    key = hmac.digest(master_key, b"gongxin dpop nonce 1", "sha256")
    return b64u(hmac.digest(key, window.to_bytes(8), "sha256")[:18])


def check_nonce(config: Config, claims: dict[str, Any], now: float) -> None:
    """This window's or the one before; a proof without one passes unless the configuration demands it."""
    sent = claims.get("nonce")
    if sent is None and not config.dpop_nonce:
        return
    window = int(now // NONCE_SECONDS)
    known = [_nonce(config.master_key, window - age) for age in (0, 1)]
    if not isinstance(sent, str) or not any(hmac.compare_digest(sent.encode(), each.encode()) for each in known):
        raise NonceWanted(
            "proof_nonce",
            zh="证明须带登记处给出的 nonce",
            en="The proof needs the nonce that DPoP-Nonce gives",
            fix_zh="用 DPoP-Nonce 头中的值重新签名。",
            fix_en="Sign again with the value of the DPoP-Nonce header.",
        )


# --- certificates ---------------------------------------------------------------------------------------------------


def certificate(config: Config, request: Request) -> str | None:
    """x5t#S256 of the client's certificate, where a trusted proxy vouches for it; a header from anyone else is as if it
    were not there."""
    value = request.environ.get("HTTP_CLIENT_CERT")
    if not value or not is_trusted(request.remote_addr, config.trusted_proxies):
        return None
    return _thumbprint(value)


@lru_cache(maxsize=4096)
def _thumbprint(value: str) -> str | None:
    """RFC 9440: the DER in base64 between colons, one certificate. None where it is not one."""
    if not 2 < len(value) <= 16384 or value[0] != ":" or value[-1] != ":":
        return None
    try:
        der = base64.b64decode(value[1:-1], validate=True)
        x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError):
        return None
    return b64u(sha256(der).digest())


def pem_thumbprint(pem: bytes) -> str:
    """x5t#S256 of a certificate file. Raises ValueError where it is none."""
    return b64u(sha256(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)).digest())


def confirmation(proof: Proof | None, thumbprint: str | None) -> dict[str, str]:
    """`cnf` of a token (RFC 7800): to the proof's key, else to the certificate, else to nobody."""
    if proof is not None:
        return {"jkt": proof.thumbprint}
    return {"x5t#S256": thumbprint} if thumbprint else {}
