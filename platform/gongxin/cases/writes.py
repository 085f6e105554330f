"""The statements that write many cases at once, each one round trip.

Cases, keys, references and events are written as their member, under row-level security; projections and placements
as the registry (`service.projecting`).
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from . import leaves, queries
from .lines import Reference


def insert_cases(
    session: Session, creditor_id: uuid.UUID, rows: Sequence[tuple[uuid.UUID, str, date]], now: datetime
) -> set[uuid.UUID]:
    """Registers what is new; the ids that were. A reference that exists, or that another transaction is registering,
    is left to whoever was first. Lists go as one text each (no value holds a comma): half the cost of arrays."""
    ordered = sorted(rows, key=lambda row: row[1])
    added = session.execute(
        text(
            "insert into cases (id, creditor_id, creditor_ref, opened_on, created_at, updated_at)"
            " select n.id, :creditor, n.ref, n.opened_on, :now, :now from unnest(cast(string_to_array(:ids, ',') as"
            " uuid[]), string_to_array(:refs, ','), cast(string_to_array(:days, ',') as date[]))"
            " as n (id, ref, opened_on) on conflict (creditor_id, creditor_ref) do nothing"
        ),
        {
            "creditor": creditor_id,
            "now": now,
            "ids": ",".join([str(row[0]) for row in ordered]),
            "refs": ",".join([row[1] for row in ordered]),
            "days": ",".join([str(row[2]) for row in ordered]),
        },
    )
    ids = [row[0] for row in rows]
    if added.rowcount == len(ids):  # type: ignore[attr-defined]
        return set(ids)
    return queries.present(session, ids)


def insert_keys(session: Session, rows: Sequence[tuple[uuid.UUID, int, bytes]]) -> None:
    """Adds subject keys: one packed value, for a list of bytea is three times slower on the wire."""
    if not rows:
        return
    session.execute(
        text(
            "insert into case_keys (case_id, epoch, subject_key)"
            " select n.case_id, n.epoch, substr(:keys, (n.at::integer - 1) * 32 + 1, 32)"
            " from unnest(cast(string_to_array(:cases, ',') as uuid[]), cast(string_to_array(:epochs, ',') as"
            " integer[])) with ordinality as n (case_id, epoch, at)"
        ),
        {
            "cases": ",".join([str(row[0]) for row in rows]),
            "epochs": ",".join([str(row[1]) for row in rows]),
            "keys": b"".join([row[2] for row in rows]),
        },
    )


def insert_references(session: Session, rows: Sequence[tuple[uuid.UUID, Reference]], now: datetime) -> set[uuid.UUID]:
    """Links references; the cases that got a new one."""
    added = session.execute(
        text(
            "insert into case_references (case_id, kind, reference, member_id, linked_at)"
            " select n.case_id, n.kind, n.reference, n.member_id, :now from unnest(cast(:cases as uuid[]),"
            " cast(:kinds as text[]), cast(:refs as text[]), cast(:members as uuid[]))"
            " as n (case_id, kind, reference, member_id) on conflict do nothing returning case_id"
        ),
        {
            "now": now,
            "cases": [row[0] for row in rows],
            "kinds": [row[1].kind for row in rows],
            "refs": [row[1].reference for row in rows],
            "members": [row[1].member_id for row in rows],
        },
    )
    return set(added.scalars())


def update_projections(session: Session, rows: Sequence[tuple[Any, ...]], now: datetime) -> None:
    """(id, stop_mask, legal_class, contested, closed, due_on, seen): `seen` where whoever reads the case sees a
    difference, which makes a new version."""
    ids, masks, classes, contested, closed, due, seen = (list(column) for column in zip(*rows, strict=True))
    session.execute(
        text(
            "update cases c set stop_mask = n.stop_mask, legal_class = n.legal_class, contested = n.contested,"
            " closed = n.closed, due_on = n.due_on, version = c.version + n.seen::integer,"
            " updated_at = case when n.seen then :now else c.updated_at end"
            " from unnest(cast(:ids as uuid[]), cast(:masks as integer[]), cast(:classes as integer[]),"
            " cast(:contested as boolean[]), cast(:closed as boolean[]), cast(:due as date[]),"
            " cast(:seen as boolean[])) as n (id, stop_mask, legal_class, contested, closed, due_on, seen)"
            " where c.id = n.id"
        ),
        {
            "now": now,
            "ids": ids,
            "masks": masks,
            "classes": classes,
            "contested": contested,
            "closed": closed,
            "due": due,
            "seen": seen,
        },
    )


def update_placements(session: Session, rows: Sequence[tuple[Any, ...]], now: datetime) -> None:
    """(id, placement, agency_id, mandate_until): each a new version."""
    ids, placements, agencies, mandates = (list(column) for column in zip(*rows, strict=True))
    session.execute(
        text(
            "update cases c set placement = n.placement, agency_id = n.agency_id, mandate_until = n.mandate_until,"
            " version = c.version + 1, updated_at = :now"
            " from unnest(cast(:ids as uuid[]), cast(:placements as text[]), cast(:agencies as uuid[]),"
            " cast(:mandates as date[])) as n (id, placement, agency_id, mandate_until)"
            " where c.id = n.id"
        ),
        {"now": now, "ids": ids, "placements": placements, "agencies": agencies, "mandates": mandates},
    )


def touch(session: Session, case_ids: Collection[uuid.UUID], now: datetime) -> None:
    """A new version of each, nothing else."""
    session.execute(
        text("update cases set version = version + 1, updated_at = :now where id = any(:ids)"),
        {"now": now, "ids": list(case_ids)},
    )


def insert_moves(
    session: Session, rows: Sequence[tuple[Any, ...]], *, asserted_by: uuid.UUID | None, today: date, now: datetime
) -> None:
    """(event id, case, placement, source, reason, agency_id, mandate_until): the history of placements."""
    events, cases, statuses, sources, reasons, agencies, mandates = (list(column) for column in zip(*rows, strict=True))
    session.execute(
        text(
            "insert into case_events (id, case_id, axis, status, effective_on, source, asserted_by, basis, agency_id,"
            " mandate_until, recorded_at)"
            " select n.id, n.case_id, 'placement', n.status, :today, n.source, :by, n.basis, n.agency_id,"
            " n.mandate_until, :now from unnest(cast(:events as uuid[]), cast(:cases as uuid[]),"
            " cast(:statuses as text[]), cast(:sources as text[]), cast(:reasons as text[]), cast(:agencies as uuid[]),"
            " cast(:mandates as date[])) as n (id, case_id, status, source, basis, agency_id, mandate_until)"
        ),
        {
            "today": today,
            "by": asserted_by,
            "now": now,
            "events": events,
            "cases": cases,
            "statuses": statuses,
            "sources": sources,
            "reasons": reasons,
            "agencies": agencies,
            "mandates": mandates,
        },
    )
    leaves.prove_moves(session, rows, asserted_by=asserted_by, today=today, now=now)
