"""What the association's desk lists: matters by their clock, what waits for whom, corrections of one matter."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, case, func, literal, or_, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from gongxin.agents.models import Agent
from gongxin.members.models import Member

from .models import Correction, Listing, Matter, Objection, Seat

NEVER = date.max
_NAMED = aliased(Member)
_DUE = func.coalesce(Matter.due_on, NEVER)


def by_clock(
    session: Session,
    *,
    states: Collection[str] = (),
    severity: str | None = None,
    subject_kind: str | None = None,
    overdue_on: date | None = None,
    search: str = "",
    after: tuple[date, uuid.UUID] | None = None,
    limit: int = 50,
) -> Sequence[Row[Any]]:
    """(matter, licence number, name_zh, name_en) in the order of the clock, what has none last; one more than the
    limit. The names: of the organisation, or of the person's agency. `search`: a number of the matter or a licence."""
    wanted = _wanted(states, severity, subject_kind, overdue_on, search)
    if after is not None:
        wanted = wanted.where(tuple_(_DUE, Matter.id) > tuple_(literal(after[0]), literal(after[1])))
    found: Sequence[Row[Any]] = session.execute(wanted.order_by(_DUE, Matter.id).limit(limit + 1)).all()
    return found


def count_by_state(session: Session) -> dict[str, int]:
    rows = session.execute(select(Matter.state, func.count()).where(Matter.state != "draft").group_by(Matter.state))
    return {row[0]: row[1] for row in rows}


def rooms_of(session: Session, officer: str, *, limit: int) -> Sequence[Row[Any]]:
    """(matter, licence number, name_zh, name_en) with a draft before a committee in which this officer sits."""
    committee = case((Matter.state == "appealed", Matter.appeal_committee_id), else_=Matter.committee_id)
    sits = (
        select(Seat.officer)
        .where(Seat.officer == officer, Seat.ended_at.is_(None), Seat.committee_id == committee)
        .correlate(Matter)
        .exists()
    )
    wanted = _wanted((), None, None, None, "").where(Matter.draft_id.is_not(None), sits)
    found: Sequence[Row[Any]] = session.execute(wanted.order_by(_DUE, Matter.id).limit(limit)).all()
    return found


def open_objections(session: Session, *, limit: int) -> Sequence[tuple[Objection, Matter]]:
    """What was objected and not yet answered, by its clock."""
    wanted = (
        select(Objection, Matter)
        .join(Matter, Matter.id == Objection.matter_id)
        .where(Objection.answered_at.is_(None))
        .order_by(Objection.due_on, Objection.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(wanted)]


def corrections_by_clock(
    session: Session,
    *,
    show: str = "open",
    today: date,
    matter_id: uuid.UUID | None = None,
    after: tuple[date, uuid.UUID] | None = None,
    limit: int = 50,
) -> Sequence[Row[Any]]:
    """(correction, listing, name_zh, name_en of whom it was told to), by their clock; one more than the limit. `show`:
    open, overdue, done or all."""
    wanted: Any = (
        select(Correction, Listing, Member.name_zh, Member.name_en)
        .join(Listing, Listing.matter_id == Correction.matter_id)
        .join(Member, Member.id == Correction.member_id)
        .where(_shown(show, today))
    )
    if matter_id is not None:
        wanted = wanted.where(Correction.matter_id == matter_id)
    if after is not None:
        wanted = wanted.where(tuple_(Correction.due_on, Correction.id) > tuple_(literal(after[0]), literal(after[1])))
    found: Sequence[Row[Any]] = session.execute(
        wanted.order_by(Correction.due_on, Correction.id).limit(limit + 1)
    ).all()
    return found


def count_corrections(session: Session, today: date) -> dict[str, int]:
    """How many each of open, overdue and done would show."""
    row = session.execute(
        select(*(func.count().filter(_shown(show, today)) for show in ("open", "overdue", "done")))
    ).one()
    return dict(zip(("open", "overdue", "done"), row, strict=True))


def _shown(show: str, today: date) -> Any:
    unanswered = Correction.acknowledged_at.is_(None)
    return {
        "open": unanswered,
        "overdue": and_(unanswered, Correction.due_on < today),
        "done": Correction.acknowledged_at.is_not(None),
    }.get(show, true())


def _wanted(
    states: Collection[str], severity: str | None, subject_kind: str | None, overdue_on: date | None, search: str
) -> Any:
    wanted: Any = (
        select(Matter, Agent.licence_no, _NAMED.name_zh, _NAMED.name_en)
        .outerjoin(Agent, Agent.id == Matter.agent_id)
        .outerjoin(_NAMED, _NAMED.id == func.coalesce(Matter.member_id, Matter.agency_id))
        .where(Matter.state != "draft")
    )
    if states:
        wanted = wanted.where(Matter.state.in_(states))
    if severity:
        wanted = wanted.where(Matter.severity == severity)
    if subject_kind:
        wanted = wanted.where(Matter.subject_kind == subject_kind)
    if overdue_on is not None:
        wanted = wanted.where(Matter.due_on < overdue_on)
    if search:
        key = search.upper()
        wanted = wanted.where(or_(Matter.number == key, Agent.licence_no == key))
    return wanted
