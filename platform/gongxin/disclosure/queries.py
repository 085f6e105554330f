"""Every SELECT of disclosure. `ask` is the hot path: one statement, committed as it runs."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from gongxin.db import one_value

from .models import DisclosurePolicy, Lookup

_ASK = b"select look_up_and_promise($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"


def ask(engine: Engine, parameters: Sequence[Any]) -> list[int]:
    """Finds the ground, gathers the answer, records the question, lets its leaf wait: durable when it returns. Packed
    outcomes, one an item. Raises Unavailable where the database cannot say; then nothing was answered, though it may
    be recorded."""
    return list(map(int, one_value(engine, _ASK, parameters)[1:-1].split(b",")))


def policy_in_force(session: Session, at: datetime) -> DisclosurePolicy:
    """The newest version that has begun. Migration 0006 brings version 1, so there is always one."""
    return session.scalars(
        select(DisclosurePolicy)
        .where(DisclosurePolicy.effective_from <= at)
        .order_by(DisclosurePolicy.version.desc())
        .limit(1)
    ).one()


def newest_policy(session: Session) -> DisclosurePolicy:
    """The last version written, in force or not."""
    return session.scalars(select(DisclosurePolicy).order_by(DisclosurePolicy.version.desc()).limit(1)).one()


def own_lookups(session: Session, member_id: uuid.UUID, before: uuid.UUID | None, limit: int) -> Sequence[Lookup]:
    """The member's questions, newest first, one more than `limit`."""
    wanted = select(Lookup).where(Lookup.member_id == member_id)
    if before is not None:
        wanted = wanted.where(Lookup.id < before)
    return session.scalars(wanted.order_by(Lookup.id.desc()).limit(limit + 1)).all()


def last_asked(session: Session, member_id: uuid.UUID, client_id: uuid.UUID) -> datetime | None:
    """When this client of the member asked last, of its newest thousand questions; None where it did not."""
    newest = select(Lookup.client_id, Lookup.asked_at).where(Lookup.member_id == member_id)
    held = newest.order_by(Lookup.id.desc()).limit(1000).subquery()
    found: datetime | None = session.scalar(select(func.max(held.c.asked_at)).where(held.c.client_id == client_id))
    return found


def asked_about(session: Session, parameters: dict[str, Any]) -> Sequence[Any]:
    """Who asked about these keys, oldest first; this question too is recorded, in the same transaction."""
    return session.execute(
        text(
            "select asked_at, name_zh, name_en, kind, purpose, ground, outcome, fields, refusal from asked_about("
            ":id, :asked_at, :fresh_until, :member, :client, :request, :keys, :width, cast(:fields as jsonb), :policy)"
        ),
        parameters,
    ).all()


def unpack(session: Session, limit: int) -> int:
    """Moves up to `limit` pending look-ups into `lookup_subjects`; several workers may run it at once."""
    moved = session.execute(
        text(
            """
            with taken as (
                delete from lookups_pending where lookup_id in (
                    select lookup_id from lookups_pending order by lookup_id limit :limit for update skip locked
                ) returning lookup_id, member_id
            ),
            filed as (
                insert into lookup_subjects (subject_key, lookup_id, item, member_id, asked_at)
                select distinct substr(l.subject_keys, n * 32 + 1, 32), l.id, n / l.width + 1, l.member_id, l.asked_at
                from taken t join lookups l on l.member_id = t.member_id and l.id = t.lookup_id
                cross join generate_series(0, octet_length(l.subject_keys) / 32 - 1) n
                on conflict do nothing
            )
            select count(*) from taken
            """
        ),
        {"limit": limit},
    )
    return int(moved.scalar_one())
