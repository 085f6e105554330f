"""The ledger's verbs as the database has them (migration `fund_verbs`): one entry, one round trip each."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin.db import NOBODY, one_value

from .rules import Actor, Draft

_POST = text("select fund_post(:id, :member, :officer, :at)")
_APPROVE = text("select fund_approve(:id, :hash, :member, :officer, :client, :at)")
_DRAFTED = "%s::uuid, %s, %s, %s, %s, %s, %s::uuid, %s::uuid, %s::text[], %s::text[], %s::text[], %s::bigint[], %s, %s"
_BOOK = f"select fund_book({_DRAFTED}, %s::uuid[], %s::text[], %s)"


def approve(session: Session, entry_id: uuid.UUID, actor: Actor, content_hash: bytes, at: datetime) -> None:
    values = {"member": actor.member_id, "officer": actor.officer, "client": actor.client_id}
    session.execute(_APPROVE, values | {"id": entry_id, "hash": content_hash, "at": at})


def post(session: Session, entry_id: uuid.UUID, actor: Actor, at: datetime) -> None:
    session.execute(_POST, {"id": entry_id, "member": actor.member_id, "officer": actor.officer, "at": at})


def book(
    session: Session, entry_id: uuid.UUID, maker: Actor, approvers: Sequence[Actor], new: Draft, at: datetime
) -> uuid.UUID:
    """Drafts, approves, posts; the entry that has the key."""
    values = book_values(entry_id, maker, approvers, new, at)
    return drafted(str(session.connection().exec_driver_sql(_BOOK, values).scalar_one()))[0]


def draft_values(entry_id: uuid.UUID, actor: Actor, new: Draft, at: datetime) -> tuple[Any, ...]:
    """What `fund_draft` is given; lists as PostgreSQL writes arrays."""
    return (*_drafted(entry_id, actor, new), at)


def book_values(
    entry_id: uuid.UUID, maker: Actor, approvers: Sequence[Actor], new: Draft, at: datetime
) -> tuple[Any, ...]:
    """What `fund_book` is given."""
    members = _array(str(found.member_id) for found in approvers)
    return (*_drafted(entry_id, maker, new), members, _array(found.officer for found in approvers), at)


def drafted(answer: str) -> tuple[uuid.UUID, bytes]:
    """Identifier and content hash from what `fund_draft` and `fund_book` answer."""
    _, entry_id, content_hash = answer.split(" ")
    return uuid.UUID(entry_id), bytes.fromhex(content_hash)


def _drafted(entry_id: uuid.UUID, actor: Actor, new: Draft) -> tuple[Any, ...]:
    return (
        entry_id,
        new.key,
        new.key_hash(actor.member_id),
        new.booked_on,
        new.description,
        new.reference,
        new.reverses,
        new.hold_id,
        _array(leg.account for leg in new.legs),
        _array(leg.fund for leg in new.legs),
        _array(leg.side for leg in new.legs),
        "{" + ",".join(str(leg.amount_fen) for leg in new.legs) + "}",
        actor.member_id,
        actor.officer,
    )


def _array(words: Iterable[str]) -> str:
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words)
    return "{" + ",".join(f'"{word}"' for word in quoted) + "}"


# --- as transactions of their own -------------------------------------------------------------------------------------

_AS = b" from (select set_config('gongxin.member', $1, true), set_config('gongxin.kind', $2, true) offset 0) as named"
DRAFT = b"select fund_draft($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)" + _AS
APPROVE = b"select fund_approve($3, $4, $5, $6, $7, $8)" + _AS
POST = b"select fund_post($3, $4, $5, $6)" + _AS
BOOK = b"select fund_book($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)" + _AS


def said(engine: Engine, statement: bytes, values: Sequence[Any]) -> str:
    """What one of these answered for the registry; committed then."""
    return one_value(engine, statement, (NOBODY, "registry", *values)).decode()
