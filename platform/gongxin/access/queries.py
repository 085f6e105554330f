"""Every SELECT of access. `admit`, `spend` and `find_client` are one statement each, committed as it runs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, or_, select, text
from sqlalchemy.orm import Session

from gongxin.db import one_statement, one_value
from gongxin.errors import NotFound

from .models import Client, ClientKey, RegistryKey

_ADMIT = b"select admit($1, $2, $3, $4)"
_SPEND = b"select spend(%b, %b, %b, %b)"
_FIND = b"select * from client_to_authenticate(%b)"
_REVOKE = b"select revoke_token(%b, %b, %b)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A client as the token endpoint finds it, before it has proved anything. `keys`: live and unexpired."""

    client_id: uuid.UUID
    member_id: uuid.UUID
    kind: str
    state: str
    court_code: str | None
    auth_method: str
    scopes: tuple[str, ...]
    secret_digest: bytes | None
    revoked: bool
    keys: tuple[dict[str, Any], ...]


def admit(
    engine: Engine, client_id: uuid.UUID, token_id: uuid.UUID, proof: bytes | None, expires: datetime | None
) -> int:
    """0 admitted, 1 proof used before, 2 token revoked, 3 client revoked, 4 member not active."""
    return int(one_value(engine, _ADMIT, (client_id, token_id, proof, expires)))


def spend(
    engine: Engine,
    assertion: bytes | None,
    assertion_expires: datetime | None,
    proof: bytes | None,
    proof_expires: datetime | None,
) -> int:
    """0 neither was used before, 1 the assertion was, 2 the proof was."""
    return int(one_statement(engine, _SPEND, (assertion, assertion_expires, proof, proof_expires))[0])


def find_client(engine: Engine, client_id: uuid.UUID) -> Candidate | None:
    row = one_statement(engine, _FIND, (client_id,))
    if not row:
        return None
    member_id, kind, state, court_code, method, scopes, digest, revoked, keys = row
    return Candidate(client_id, member_id, kind, state, court_code, method, tuple(scopes), digest, revoked, tuple(keys))


def revoke_token(engine: Engine, token_id: uuid.UUID, client_id: uuid.UUID, expires: datetime) -> None:
    """Durable when it returns."""
    one_statement(engine, _REVOKE, (token_id, client_id, expires))


def forget_expired(session: Session, now: datetime) -> int:
    return int(session.scalar(text("select forget_expired(:now)"), {"now": now}) or 0)


# --- clients --------------------------------------------------------------------------------------------------------


def get_client(session: Session, client_id: uuid.UUID) -> Client:
    """Raises NotFound for another member's too (row-level security)."""
    found = session.get(Client, client_id, populate_existing=True)
    if found is None:
        raise NotFound(
            "client_not_found",
            zh="没有这个客户端",
            en="There is no such client",
            fix_zh="按 GET /v1/clients 核对编号。",
            fix_en="Check the identifier against GET /v1/clients.",
        )
    return found


def clients(
    session: Session, *, member_id: uuid.UUID | None = None, after: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Client]:
    """Clients that the caller may see, oldest first, one more than `limit`."""
    wanted = select(Client)
    if member_id is not None:
        wanted = wanted.where(Client.member_id == member_id)
    if after is not None:
        wanted = wanted.where(Client.id > after)
    return session.scalars(wanted.order_by(Client.id).limit(limit + 1)).all()


def keys_of(session: Session, client_id: uuid.UUID) -> Sequence[ClientKey]:
    """Every key the client has had, oldest first."""
    return session.scalars(
        select(ClientKey).where(ClientKey.client_id == client_id).order_by(ClientKey.created_at, ClientKey.kid)
    ).all()


def hold_client(session: Session, client_id: uuid.UUID) -> None:
    """Until the transaction ends no other adds a key to this client."""
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(:id, 7517))"), {"id": str(client_id)})


def find_key(session: Session, client_id: uuid.UUID, kid: str) -> ClientKey | None:
    return session.scalars(select(ClientKey).where(ClientKey.client_id == client_id, ClientKey.kid == kid)).first()


def expiring_keys(session: Session, before: datetime) -> Sequence[tuple[ClientKey, Client]]:
    """Live keys of live clients that expire before then, soonest first."""
    rows = session.execute(
        select(ClientKey, Client)
        .join(Client, Client.id == ClientKey.client_id)
        .where(ClientKey.retired_at.is_(None), Client.revoked_at.is_(None), ClientKey.expires_at < before)
        .order_by(ClientKey.expires_at, ClientKey.kid)
    )
    return [(row[0], row[1]) for row in rows]


# --- keys of the registry -------------------------------------------------------------------------------------------


def registry_keys_for_update(session: Session) -> Sequence[RegistryKey]:
    """All of them, held until the transaction ends so that two rotations cannot cross."""
    session.execute(text("select pg_advisory_xact_lock(hashtextextended('registry_keys', 7517))"))
    return session.scalars(select(RegistryKey).order_by(RegistryKey.created_at, RegistryKey.kid)).all()


def published_keys(session: Session, now: datetime) -> Sequence[RegistryKey]:
    """Keys that signed anything still of account, newest first."""
    return session.scalars(
        select(RegistryKey)
        .where(or_(RegistryKey.published_until.is_(None), RegistryKey.published_until > now))
        .order_by(RegistryKey.created_at.desc(), RegistryKey.kid)
    ).all()
