"""The statements that write: many entries at once as one JSON value, or one entry by a function of the database. Each
is one round trip."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from .rules import Actor, Draft

_ENTRIES = text(
    "insert into fund_entries (id, key, key_hash, period, booked_on, description, reference, reverses, hold_id,"
    " maker_member, maker_officer, acted_member, acted_officer, acted_at, created_at)"
    " select r.id, r.key, decode(r.key_hash, 'hex'), r.period, r.booked_on, r.description, r.reference, r.reverses,"
    " r.hold_id, :member, :officer, :member, :officer, :at, :at"
    " from jsonb_to_recordset(cast(:rows as jsonb)) as r (id uuid, key text, key_hash text, period integer,"
    " booked_on date, description text, reference text, reverses uuid, hold_id uuid)"
)
_LEGS = text(
    "insert into fund_legs (entry_id, position, account_id, fund, side, amount_fen)"
    " select * from jsonb_to_recordset(cast(:rows as jsonb)) as r (entry_id uuid, position integer, account_id uuid,"
    " fund text, side text, amount_fen bigint)"
)
_MOVE = text(
    "update fund_entries set state = :state, acted_member = :member, acted_officer = :officer, acted_at = :at,"
    " reason = :reason, posted_at = case when :state = 'posted' then cast(:at as timestamptz) end"
    " where id = any(cast(:ids as uuid[]))"
)
_APPROVE = text(
    "insert into fund_approvals (entry_id, officer, content_hash, member_id, client_id, approved_at)"
    " select r.entry_id, :officer, decode(r.content_hash, 'hex'), :member, :client, :at"
    " from jsonb_to_recordset(cast(:rows as jsonb)) as r (entry_id uuid, content_hash text)"
)

_POST = text("select fund_post(:id, :member, :officer, :at)")
_APPROVE_ONE = text("select fund_approve(:id, :hash, :member, :officer, :client, :at)")
_DRAFTED = "%s::uuid, %s, %s, %s, %s, %s, %s::uuid, %s::uuid, %s::text[], %s::text[], %s::text[], %s::bigint[], %s, %s"
_DRAFT = f"select fund_draft({_DRAFTED}, %s)"
_BOOK = f"select fund_book({_DRAFTED}, %s::uuid[], %s::text[], %s)"


def draft_one(session: Session, entry_id: uuid.UUID, actor: Actor, new: Draft, at: datetime) -> uuid.UUID:
    """Drafts and submits; the entry that has the key."""
    return drafted(_answer(session, _DRAFT, draft_values(entry_id, actor, new, at)))[0]


def approve_one(session: Session, entry_id: uuid.UUID, actor: Actor, content_hash: bytes, at: datetime) -> None:
    values = {"member": actor.member_id, "officer": actor.officer, "client": actor.client_id}
    session.execute(_APPROVE_ONE, values | {"id": entry_id, "hash": content_hash, "at": at})


def post_one(session: Session, entry_id: uuid.UUID, actor: Actor, at: datetime) -> None:
    session.execute(_POST, {"id": entry_id, "member": actor.member_id, "officer": actor.officer, "at": at})


def book(
    session: Session, entry_id: uuid.UUID, maker: Actor, approvers: Sequence[Actor], new: Draft, at: datetime
) -> uuid.UUID:
    """Drafts, approves, posts; the entry that has the key."""
    return drafted(_answer(session, _BOOK, book_values(entry_id, maker, approvers, new, at)))[0]


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


def _answer(session: Session, statement: str, values: tuple[Any, ...]) -> str:
    return str(session.connection().exec_driver_sql(statement, values).scalar_one())


def insert_entries(session: Session, actor: Actor, rows: Sequence[Mapping[str, Any]], at: datetime) -> None:
    session.execute(_ENTRIES, {"rows": _json(rows), "member": actor.member_id, "officer": actor.officer, "at": at})


def insert_legs(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    session.execute(_LEGS, {"rows": _json(rows)})


def remove_legs(session: Session, entry_id: uuid.UUID) -> None:
    session.execute(text("delete from fund_legs where entry_id = :id"), {"id": entry_id})


def move(
    session: Session, actor: Actor, entry_ids: Sequence[uuid.UUID], state: str, at: datetime, reason: str | None = None
) -> None:
    """One UPDATE; the triggers check, and post."""
    session.execute(
        _MOVE,
        {
            "state": state,
            "member": actor.member_id,
            "officer": actor.officer,
            "at": at,
            "reason": reason,
            "ids": list(entry_ids),
        },
    )


def approve(session: Session, actor: Actor, hashes: Mapping[uuid.UUID, bytes], at: datetime) -> None:
    rows = [{"entry_id": str(entry_id), "content_hash": found.hex()} for entry_id, found in hashes.items()]
    session.execute(
        _APPROVE,
        {
            "rows": _json(rows),
            "officer": actor.officer,
            "member": actor.member_id,
            "client": actor.client_id,
            "at": at,
        },
    )


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
