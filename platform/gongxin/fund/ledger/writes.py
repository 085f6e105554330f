"""The statements that write many entries at once, each one round trip: ten thousand rows as one JSON value."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from .rules import Actor

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
