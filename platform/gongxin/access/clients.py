"""Clients and their keys: made, rotated, retired, revoked. Verbs flush, never commit."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, Invalid, NotFound
from gongxin.logs import log
from gongxin.members import queries as members
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin.web.permissions import LOW_RISK_SCOPES

from . import grants, jose, queries, rules
from .models import Client, ClientKey

WARN_DAYS = 30


def new_secret() -> tuple[str, bytes]:
    """(secret, SHA-256): 32 random bytes, shown once, never stored."""
    secret = secrets.token_urlsafe(32)
    return secret, sha256(secret.encode()).digest()


def create_client(
    session: Session,
    *,
    member_id: uuid.UUID,
    name: str,
    auth_method: str,
    scopes: Sequence[str],
    secret_digest: bytes | None = None,
) -> Client:
    """A client without keys. Raises Invalid where a scope is not for the member's kind or needs a key."""
    member = members.get_member(session, member_id)
    if member.state == "left":
        raise Conflict(
            "member_left",
            zh="该机构已退出",
            en="The member has left",
            fix_zh="退出的机构不能再有客户端。",
            fix_en="A member that left has no new clients.",
        )
    refuse_pii(name, "/name")
    rules.check_client(
        auth_method,
        scopes,
        grants.scopes_for(member.kind),
        LOW_RISK_SCOPES,
        has_secret=secret_digest is not None,
    )
    client = Client(
        id=ids.new_id(),
        member_id=member_id,
        name=name,
        auth_method=auth_method,
        scopes=sorted(scopes),
        secret_digest=secret_digest,
        created_at=clock.now(),
    )
    session.add(client)
    session.flush()
    _prove(session, client, "client_created", auth_method=auth_method, scopes=list(client.scopes))
    return client


def revoke_client(session: Session, client_id: uuid.UUID) -> Client:
    """From now on it gets no token, and those it has are refused. Can run twice."""
    client = queries.get_client(session, client_id)
    if client.revoked_at is None:
        client.revoked_at = clock.now()
        session.flush()
        _prove(session, client, "client_revoked")
    return client


def add_key(
    session: Session,
    client_id: uuid.UUID,
    jwk: Any = None,
    *,
    certificate: str | None = None,
    expires_at: datetime | None = None,
) -> ClientKey:
    """A public key (`jwk`) or a certificate's x5t#S256, live at once. Raises Conflict where two are live. A key that is
    known already, to this client or any other, is refused by the primary key."""
    client = queries.get_client(session, client_id)
    queries.hold_client(session, client_id)
    now = clock.now()
    if client.revoked_at is not None:
        raise Conflict("client_revoked", zh="客户端已撤销", en="The client is revoked")
    by_certificate = client.auth_method in rules.BY_CERTIFICATE
    if (jwk is None) == (certificate is None) or by_certificate != (certificate is not None) or _secret(client):
        raise Invalid(
            "wrong_credential",
            zh="凭证与客户端的认证方式不符",
            en="The credential does not fit the client's authentication method",
            fix_zh="private_key_jwt 给出 jwk，双向 TLS 给出 certificate_sha256。",
            fix_en="Give jwk for private_key_jwt, certificate_sha256 for mutual TLS.",
        )
    kid, public = (certificate, None) if certificate is not None else _import(jwk)
    expires = rules.key_expiry(expires_at, now)
    live = [key for key in queries.keys_of(session, client_id) if key.retired_at is None]
    for key in live:
        if key.expires_at <= now:
            key.retired_at = now
    session.flush()
    slot = rules.free_slot(key.slot for key in live if key.retired_at is None)
    key = ClientKey(kid=kid, client_id=client_id, public_jwk=public, slot=slot, created_at=now, expires_at=expires)
    session.add(key)
    session.flush()
    _prove(session, client, "key_added", kid=kid, expires_at=transparency.moment(expires))
    return key


def _prove(session: Session, client: Client, change: str, **facts: Any) -> None:
    """A leaf for what a client may do, or sign with, from now on."""
    transparency.append(
        session,
        kind="client_key",
        record={
            "change": change,
            "changed_at": transparency.moment(clock.now()),
            "client_id": str(client.id),
            "member_id": str(client.member_id),
            **facts,
        },
        owner=client.member_id,
    )


def _secret(client: Client) -> bool:
    return client.auth_method == "client_secret_basic"


def _import(jwk: Any) -> tuple[str, dict[str, Any]]:
    try:
        key, public = jose.import_jwk(jwk)
    except jose.JoseFault as fault:
        raise Invalid(
            fault.code,
            zh=fault.zh,
            en=fault.en,
            fix_zh="给出 P-256 或 Ed25519 公钥的 JWK，仅含公开成员。",
            fix_en="Give the JWK of a P-256 or Ed25519 public key, public members only.",
            pointer="/jwk",
        ) from fault
    return key.kid, dict(public)


def retire_key(session: Session, client_id: uuid.UUID, kid: str) -> ClientKey:
    """It authenticates nobody from now on. Can run twice. Tokens already issued run out by themselves."""
    client = queries.get_client(session, client_id)
    key = queries.find_key(session, client_id, kid)
    if key is None:
        raise NotFound(
            "client_key_not_found",
            zh="没有这个密钥",
            en="There is no such key",
            fix_zh="按密钥列表核对 kid。",
            fix_en="Check the kid against the list of keys.",
        )
    if key.retired_at is None:
        key.retired_at = clock.now()
        session.flush()
        _prove(session, client, "key_retired", kid=kid)
    return key


def expiring_keys(session: Session, days: int = WARN_DAYS) -> Sequence[tuple[ClientKey, Client]]:
    """Live keys that expire within so many days or have expired: for the operator and the daily warning."""
    return queries.expiring_keys(session, clock.now() + timedelta(days=days))


def warn_of_expiring_keys(session: Session) -> int:
    """A line in the log for each: whose client, how many days are left. How many. A job."""
    found = expiring_keys(session)
    now = clock.now()
    for key, client in found:
        log.warning(
            "client_key_expires", client=str(client.id), member=str(client.member_id), count=(key.expires_at - now).days
        )
    return len(found)
