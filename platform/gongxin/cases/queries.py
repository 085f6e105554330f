"""Every SELECT of cases. Row-level security is in force throughout: a query sees what its caller may see. Locks are
taken in the order of ids."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, and_, any_, cast, exists, func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound
from gongxin.members.models import Member

from .models import Case, CaseEvent, CaseReference, CourtEvent
from .rules import Event
from .vocabulary import HELD

# Case numbers are locked by bucket, so that ten thousand of them need no more than these locks.
_BUCKETS = 64

_KNOWN = """
    select e.id, e.case_id, e.axis, e.status, e.effective_on, e.source, e.asserted_by, e.claimed, e.court_case_number,
        e.basis, e.supersedes, e.withdrawn, e.recorded_at as known_at, null::timestamptz as until
    from case_events e where e.case_id = any(:cases)
    union all
    select e.id, r.case_id, e.axis, e.status, e.effective_on, 'court', e.court_id, false, e.reference,
        e.basis, e.supersedes, e.withdrawn, greatest(e.recorded_at, r.linked_at), r.ended_at
    from case_references r join court_events e on e.reference = r.reference
    where r.case_id = any(:cases) and r.kind = 'court_case'
"""
_STANDING = """
    where k.until is null and not k.withdrawn and not exists (select from case_events s where s.supersedes = k.id)
        and not exists (select from court_events s where s.supersedes = k.id)
"""


# --- cases ----------------------------------------------------------------------------------------------------------


def present(session: Session, case_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these cases are there."""
    return set(session.scalars(select(Case.id).where(Case.id == any_(cast(list(case_ids), ARRAY(Uuid))))))


def get_case(session: Session, case_id: uuid.UUID, *, lock: bool = False) -> Case:
    """A case the caller may see. Raises NotFound; another's reads the same."""
    wanted = select(Case).where(Case.id == case_id).execution_options(populate_existing=True)
    found = session.scalars(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound("case_not_found", zh="没有这个案件", en="There is no such case")
    return found


def is_seen(session: Session, case_id: uuid.UUID) -> bool:
    """Whether the caller is a party to the case now."""
    return bool(session.scalar(select(exists().where(Case.id == case_id))))


def lock_cases(session: Session, case_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Case]:
    """Those of the cases that the caller may see, held until the transaction ends."""
    wanted = (
        select(Case)
        .where(Case.id == any_(cast(list(case_ids), ARRAY(Uuid))))
        .order_by(Case.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {case.id: case for case in session.scalars(wanted)}


def cases_page(
    session: Session, member_id: uuid.UUID, kind: str, filters: Mapping[str, Any], after: uuid.UUID | None, limit: int
) -> Sequence[Case]:
    """The member's own cases in the order they were registered, one more than `limit`. `stopped`: those with a stop
    flag, or without."""
    wanted = select(Case).where(_own(member_id, kind))
    for name in ("creditor_ref", "placement", "closed"):
        if name in filters:
            wanted = wanted.where(getattr(Case, name) == filters[name])
    if "stopped" in filters:
        wanted = wanted.where((Case.stop_mask != 0) == filters["stopped"])
    if "updated_since" in filters:
        wanted = wanted.where(Case.updated_at >= filters["updated_since"])
    if after is not None:
        wanted = wanted.where(Case.id > after)
    return session.scalars(wanted.order_by(Case.id).limit(limit + 1)).all()


def placements(session: Session, member_id: uuid.UUID, kind: str) -> dict[str, int]:
    """How many of the member's own cases stand where."""
    rows = session.execute(select(Case.placement, func.count()).where(_own(member_id, kind)).group_by(Case.placement))
    return {row[0]: row[1] for row in rows}


def _own(member_id: uuid.UUID, kind: str) -> ColumnElement[bool]:
    if kind == "bank":
        return Case.creditor_id == member_id
    if kind == "agency":
        return and_(Case.agency_id == member_id, Case.placement.in_(HELD))
    return exists().where(
        CaseReference.case_id == Case.id, CaseReference.member_id == member_id, CaseReference.ended_at.is_(None)
    )


def references_of(session: Session, case_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[CaseReference]]:
    """By case, in the order they were linked."""
    found: dict[uuid.UUID, list[CaseReference]] = {}
    rows = session.scalars(
        select(CaseReference)
        .where(CaseReference.case_id.in_(case_ids), CaseReference.ended_at.is_(None))
        .order_by(CaseReference.linked_at, CaseReference.kind, CaseReference.reference)
    )
    for row in rows:
        found.setdefault(row.case_id, []).append(row)
    return found


def find_reference(session: Session, case_id: uuid.UUID, kind: str, reference: str) -> CaseReference | None:
    """The link as it stands."""
    return session.scalars(
        select(CaseReference).where(
            CaseReference.case_id == case_id,
            CaseReference.kind == kind,
            CaseReference.reference == reference,
            CaseReference.ended_at.is_(None),
        )
    ).first()


def active_members(session: Session, member_ids: Collection[uuid.UUID], kind: str) -> set[uuid.UUID]:
    """Which of these are active members of the kind."""
    if not member_ids:
        return set()
    wanted = select(Member.id).where(Member.id.in_(member_ids), Member.kind == kind, Member.state == "active")
    return set(session.scalars(wanted))


# --- registration ---------------------------------------------------------------------------------------------------


def registered(session: Session, creditor_id: uuid.UUID, refs: Sequence[str]) -> dict[str, Row[Any]]:
    """By creditor_ref: id, opened_on, keys {epoch: hex}, references [kind, reference, member_id] of its cases."""
    rows = session.execute(
        text(
            "select c.id, c.creditor_ref, c.opened_on,"
            " (select jsonb_object_agg(k.epoch, encode(k.subject_key, 'hex')) from case_keys k where k.case_id = c.id)"
            " as keys_,"
            " (select jsonb_agg(jsonb_build_array(r.kind, r.reference, r.member_id)) from case_references r"
            " where r.case_id = c.id and r.ended_at is null) as refs"
            " from cases c where c.creditor_id = :creditor and c.creditor_ref = any(:refs)"
        ),
        {"creditor": creditor_id, "refs": list(refs)},
    )
    return {row.creditor_ref: row for row in rows}


def keys_of_cases(session: Session, case_ids: Collection[uuid.UUID]) -> dict[tuple[uuid.UUID, int], bytes]:
    """(case, epoch) → subject key, of one's own cases."""
    rows = session.execute(
        text("select case_id, epoch, subject_key from case_keys where case_id = any(:ids)"), {"ids": list(case_ids)}
    )
    return {(row.case_id, row.epoch): bytes(row.subject_key) for row in rows}


# --- events ---------------------------------------------------------------------------------------------------------


def hold_numbers(session: Session, references: Iterable[str], *, shared: bool) -> None:
    """A court's event under a 案号 and the linking of that number to a case wait for one another, so that neither
    misses the other. To be taken before any case is locked."""
    session.execute(
        text(
            f"select pg_advisory_xact_lock{'_shared' if shared else ''}(9001, b.n) from ("
            f"select distinct abs(hashtext(r)::bigint % {_BUCKETS})::integer as n"
            " from unnest(cast(:refs as text[])) as r order by n) b"
        ),
        {"refs": sorted(set(references))},
    )


def standing_events(session: Session, case_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Event]]:
    """Every event of these cases that is neither superseded nor withdrawn, placements left out."""
    rows = session.execute(
        text(
            f"select k.id, k.axis, k.status, k.effective_on, k.source, k.known_at, k.asserted_by, k.claimed,"
            f" k.court_case_number, k.case_id from ({_KNOWN}) k {_STANDING} and k.axis <> 'placement'"
        ),
        {"cases": list(case_ids)},
    )
    found: dict[uuid.UUID, list[Event]] = {}
    for row in rows:
        found.setdefault(row[9], []).append(Event(*row[:9]))
    return found


def all_events(session: Session, case_id: uuid.UUID) -> list[Event]:
    """Everything ever known of the case, superseded and withdrawn too."""
    rows = session.execute(
        text(
            "select k.id, k.axis, k.status, k.effective_on, k.source, k.known_at, k.asserted_by, k.claimed,"
            f" k.court_case_number, k.supersedes, k.withdrawn, k.until from ({_KNOWN}) k"
        ),
        {"cases": [case_id]},
    )
    return [Event(*row) for row in rows]


def history_page(
    session: Session, case_id: uuid.UUID, after: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """Events in the order they reached the case, one more than `limit`."""
    later = "and (k.known_at, k.id) > (:at, :id)" if after else ""
    return session.execute(
        text(f"select k.* from ({_KNOWN}) k where k.until is null {later} order by k.known_at, k.id limit :limit"),
        {"cases": [case_id], "limit": limit + 1} | ({"at": after[0], "id": after[1]} if after else {}),
    ).all()


def get_own_event(session: Session, event_id: uuid.UUID, member_id: uuid.UUID) -> CaseEvent:
    """An event this member asserted. Raises NotFound for any other."""
    found = session.scalars(
        select(CaseEvent).where(CaseEvent.id == event_id, CaseEvent.asserted_by == member_id)
    ).first()
    if found is None:
        raise NotFound(
            "event_not_found",
            zh="没有本机构登记的这条状态",
            en="There is no such event of yours",
            fix_zh="只有登记方可以更正或撤回。",
            fix_en="Only who asserted an event may correct or withdraw it.",
        )
    return found


def get_own_court_event(session: Session, event_id: uuid.UUID, court_id: uuid.UUID) -> CourtEvent:
    """An event this court asserted. Raises NotFound for any other."""
    found = session.scalars(
        select(CourtEvent).where(CourtEvent.id == event_id, CourtEvent.court_id == court_id)
    ).first()
    if found is None:
        raise NotFound("event_not_found", zh="没有本院登记的这条状态", en="There is no such event of this court")
    return found


def is_superseded(session: Session, kind: type[CaseEvent] | type[CourtEvent], event_id: uuid.UUID) -> bool:
    return bool(session.scalar(select(exists().where(kind.supersedes == event_id))))


def court_events_page(
    session: Session, court_id: uuid.UUID, reference: str | None, after: uuid.UUID | None, limit: int
) -> Sequence[CourtEvent]:
    """The court's own events, oldest first, one more than `limit`."""
    wanted = select(CourtEvent).where(CourtEvent.court_id == court_id)
    if reference is not None:
        wanted = wanted.where(CourtEvent.reference == reference)
    if after is not None:
        wanted = wanted.where(CourtEvent.id > after)
    return session.scalars(wanted.order_by(CourtEvent.id).limit(limit + 1)).all()


def court_standing(session: Session, court_id: uuid.UUID, reference: str) -> list[Event]:
    """The court's events under this number that stand."""
    rows = session.execute(
        text(
            "select k.id, k.axis, k.status, k.effective_on, 'court', k.recorded_at, k.court_id, false, k.reference"
            f" from (select e.*, null::timestamptz as until from court_events e where e.reference = :reference) k"
            f" {_STANDING} and k.court_id = :court"
        ),
        {"court": court_id, "reference": reference},
    )
    return [Event(*row) for row in rows]


# --- the projection; as the registry --------------------------------------------------------------------------------


def carriers(session: Session, reference: str) -> list[uuid.UUID]:
    """Every case that carries this 案号."""
    return list(
        session.scalars(
            select(CaseReference.case_id).where(
                CaseReference.reference == reference,
                CaseReference.kind == "court_case",
                CaseReference.ended_at.is_(None),
            )
        )
    )


def reached_by_courts(session: Session, case_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Which of these cases carry a 案号 under which a court has asserted something."""
    rows = session.scalars(
        text(
            "select distinct r.case_id from case_references r join court_events e on e.reference = r.reference"
            " where r.kind = 'court_case' and r.ended_at is null and r.case_id = any(:ids)"
        ),
        {"ids": list(case_ids)},
    )
    return list(rows)


def lock_projections(session: Session, case_ids: Collection[uuid.UUID]) -> Sequence[Row[Any]]:
    """The stored projections of these cases, held until the transaction ends."""
    return session.execute(
        text(
            "select id, stop_mask, legal_class, contested, closed, due_on from cases"
            " where id = any(:ids) order by id for update"
        ),
        {"ids": list(case_ids)},
    ).all()


def due_cases(session: Session, today: date, limit: int) -> list[uuid.UUID]:
    """Cases of which an event takes effect; those that another transaction holds are left to the next turn."""
    wanted = select(Case.id).where(Case.due_on <= today).order_by(Case.due_on).limit(limit)
    return list(session.scalars(wanted.with_for_update(skip_locked=True)))


def expired_mandates(session: Session, today: date, limit: int) -> Sequence[Case]:
    """Placed cases whose mandate has ended; those that another transaction holds are left to the next turn."""
    wanted = select(Case).where(Case.placement.in_(HELD), Case.mandate_until < today).order_by(Case.mandate_until)
    return session.scalars(wanted.limit(limit).with_for_update(skip_locked=True)).all()


def versions_of(session: Session, event_id: uuid.UUID) -> tuple[list[uuid.UUID], set[uuid.UUID]]:
    """(every version of an event, the newest first; the cases it reaches), whether a party or a court asserted it."""
    rows = session.execute(
        text(
            """
            with recursive both_kinds as (
                select id, supersedes, case_id, null as reference from case_events
                where case_id = (select case_id from case_events where id = :id)
                union all
                select id, supersedes, null, reference from court_events
                where reference = (select reference from court_events where id = :id)
            ),
            older as (
                select e.* from both_kinds e where e.id = :id
                union all select e.* from both_kinds e join older o on e.id = o.supersedes
            ),
            versions as (
                select o.*, 0 as age from older o where o.supersedes is null
                union all
                select e.*, v.age + 1 from both_kinds e join versions v on e.supersedes = v.id
            )
            select v.id, array(
                select v.case_id where v.case_id is not null
                union all select r.case_id from case_references r where r.reference = v.reference
            ) as case_ids
            from versions v order by v.age desc
            """
        ),
        {"id": event_id},
    ).all()
    return [row.id for row in rows] or [event_id], {case_id for row in rows for case_id in row.case_ids}
