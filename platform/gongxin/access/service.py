"""What others call: authenticate a request, the registry's keys, clients and their keys. Verbs flush, never commit."""

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config

from . import queries, registry_keys
from .clients import add_key, create_client, expiring_keys, new_secret, retire_key, revoke_client, warn_of_expiring_keys
from .registry_keys import SigningKey, signing_key
from .tokens import authenticate


def ensure_registry_keys(session: Session, config: Config) -> None:
    """The registry's token key (ES256), receipt key and badge key (EdDSA), where they are missing. Can run twice."""
    registry_keys.ensure(session, config)


def rotate_registry_key(session: Session, config: Config, use: str, *, withdraw: bool = False) -> str:
    """A new key of this use signs from now on; its kid. `withdraw`: tokens or badges of the old one stop at once."""
    return registry_keys.rotate(session, config, use, withdraw=withdraw)


def public_jwks(session: Session, use: str | None = None) -> dict[str, list[dict[str, str]]]:
    """The published keys of use `token`, `receipt` or `badge`, or of all, as a JWK Set."""
    return registry_keys.public_jwks(session, use)


def cleanup(session: Session) -> int:
    """Forgets what can no longer be replayed: used proofs and assertions, revoked tokens that have expired. A job."""
    return queries.forget_expired(session, clock.now())


__all__ = [
    "SigningKey",
    "add_key",
    "authenticate",
    "cleanup",
    "create_client",
    "ensure_registry_keys",
    "expiring_keys",
    "new_secret",
    "public_jwks",
    "retire_key",
    "revoke_client",
    "rotate_registry_key",
    "signing_key",
    "warn_of_expiring_keys",
]
