"""The registry's own signing keys: one live for tokens (ES256), one each for receipts, badges and peers (EdDSA).
Private halves are sealed under the master key; opened once a process, then looked up by kid."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import NotFound, Unavailable
from gongxin.sealed import seal, unseal
from gongxin.web.runtime import Runtime

from . import jose, queries
from .models import RegistryKey

USES = {"token": jose.ES256, "receipt": jose.EDDSA, "badge": jose.EDDSA, "federation": jose.EDDSA}
# What stands for itself until it ends is given up with its key; a receipt proves what was said, and stays.
_WITHDRAWABLE = ("token", "badge", "federation")
_SECONDS = 5.0
# How long other processes may go on signing with the key before, and clocks may differ.
_GRACE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of ours, opened."""

    kid: str
    alg: str
    private_key: Any


@dataclass(frozen=True, slots=True)
class Ring:
    """What a process knows of the keys: who signs now, whose tokens are still good."""

    until: float
    read_at: float
    signing: dict[str, SigningKey]
    verifying: dict[str, jose.Key]


def ensure(session: Session, config: Config) -> None:
    """Each use gets a key where it has none. Can run twice, and in two processes at once."""
    live = {key.use for key in queries.registry_keys_for_update(session) if key.retired_at is None}
    for use in USES:
        if use not in live:
            _add(session, config, use)


def rotate(session: Session, config: Config, use: str, *, withdraw: bool = False) -> str:
    """A new key signs from now on; its kid. The old token key stays published until its last token has expired, unless
    `withdraw` (it is compromised: its tokens, or the badges it signed, stop at once). Other keys stay published."""
    if use not in USES:
        raise NotFound(
            "key_use_not_found",
            zh="没有这种用途的密钥",
            en="There is no key of this use",
            fix_zh="用途为 token、receipt、badge 或 federation。",
            fix_en="The use is token, receipt, badge or federation.",
        )
    now = clock.now()
    for key in queries.registry_keys_for_update(session):
        if key.use != use:
            continue
        if key.retired_at is None:
            key.retired_at = now
            key.published_until = _published_until(config, use, now)
        if withdraw and use in _WITHDRAWABLE and (key.published_until is None or key.published_until > now):
            key.published_until = now
    session.flush()
    return _add(session, config, use)


def _published_until(config: Config, use: str, now: datetime) -> datetime | None:
    return now + timedelta(seconds=config.token_seconds) + _GRACE if use == "token" else None


def _add(session: Session, config: Config, use: str) -> str:
    private: jose.PrivateKey
    private = ec.generate_private_key(ec.SECP256R1()) if use == "token" else ed25519.Ed25519PrivateKey.generate()
    public = jose.export_jwk(private.public_key())
    kid = jose.thumbprint(public)
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    sealed = seal(config.master_key, _label(use, kid), der)
    session.add(RegistryKey(kid=kid, use=use, alg=USES[use], public_jwk=public, sealed_private=sealed))
    session.flush()
    return kid


def _label(use: str, kid: str) -> str:
    return f"registry-key|{use}|{kid}"


@lru_cache(maxsize=64)
def _open(master_key: bytes, use: str, kid: str, sealed: bytes) -> Any:
    return load_der_private_key(unseal(master_key, _label(use, kid), sealed), None)


def public_jwks(session: Session, use: str | None = None) -> dict[str, list[dict[str, str]]]:
    """The published keys as a JWK Set (RFC 7517): what signs now, what signed before and still counts."""
    return {
        "keys": [
            {**key.public_jwk, "kid": key.kid, "use": "sig", "alg": key.alg}
            for key in queries.published_keys(session, clock.now())
            if use is None or key.use == use
        ]
    }


def signing_key(runtime: Runtime, use: str) -> SigningKey:
    """The key that signs now; opened once, looked at again every few seconds. Raises Unavailable without one."""
    found = _ring(runtime).signing.get(use)
    if found is None:
        raise Unavailable(
            "no_signing_key",
            zh="登记处尚无签名密钥",
            en="The registry has no signing key yet",
            fix_zh="运营者须先建立登记处密钥。",
            fix_en="The operator must make the registry's keys first.",
        )
    return found


def published(session: Session, config: Config, use: str) -> list[SigningKey]:
    """The keys of a use that still count, opened, the one that signs now first."""
    found = sorted(
        (key for key in queries.published_keys(session, clock.now()) if key.use == use),
        key=lambda key: key.retired_at is not None,
    )
    return [SigningKey(key.kid, key.alg, _open(config.master_key, use, key.kid, key.sealed_private)) for key in found]


def verifying_key(runtime: Runtime, kid: str) -> jose.Key | None:
    """The token key of this kid while it is published. An unknown kid is looked up anew, at most once a second."""
    ring = _ring(runtime)
    found = ring.verifying.get(kid)
    if found is None and clock.monotonic() - ring.read_at > 1:
        found = _read(runtime).verifying.get(kid)
    return found


def forget(runtime: Runtime) -> None:
    """Reads the keys anew at the next use: for the process that rotated them."""
    runtime.caches.pop("registry_keys", None)


def _ring(runtime: Runtime) -> Ring:
    ring: Ring | None = runtime.caches.get("registry_keys")
    return ring if ring is not None and ring.until > clock.monotonic() else _read(runtime)


def _read(runtime: Runtime) -> Ring:
    with transaction(runtime.engine) as session:
        keys = queries.published_keys(session, clock.now())
    signing = {
        key.use: SigningKey(key.kid, key.alg, _open(runtime.config.master_key, key.use, key.kid, key.sealed_private))
        for key in keys
        if key.retired_at is None
    }
    verifying = {key.kid: jose.import_jwk(key.public_jwk)[0] for key in keys if key.use == "token"}
    now = clock.monotonic()
    ring = runtime.caches["registry_keys"] = Ring(now + _SECONDS, now, signing, verifying)
    return ring
