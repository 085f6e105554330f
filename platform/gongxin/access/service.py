"""What others call: authenticate a request, the registry's keys, clients and their keys. Verbs flush, never commit."""

from flask import Request
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.web.caller import Caller
from gongxin.web.permissions import Permission
from gongxin.web.runtime import Runtime

from . import registry_keys
from .registry_keys import SigningKey, signing_key


def ensure_registry_keys(session: Session, config: Config) -> None:
    """The registry's token key (ES256) and receipt key (EdDSA), where they are missing. Can run twice."""
    registry_keys.ensure(session, config)


def public_jwks(session: Session, use: str | None = None) -> dict[str, list[dict[str, str]]]:
    """The published keys of use `token` or `receipt`, or of both, as a JWK Set."""
    return registry_keys.public_jwks(session, use)


def authenticate(runtime: Runtime, request: Request, permission: Permission) -> Caller:
    raise NotImplementedError


__all__ = ["SigningKey", "authenticate", "ensure_registry_keys", "public_jwks", "signing_key"]
