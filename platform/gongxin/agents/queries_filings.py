"""Every SELECT on agencies' filings and on watches."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import AgentCheck
from .models_filings import AgencyFiling, AgencyFilingChange, AgentWatch


def get_filing(session: Session, filing_id: uuid.UUID) -> AgencyFiling:
    """One that the caller may see, as it stands now. Raises NotFound."""
    found = session.get(AgencyFiling, filing_id, populate_existing=True)
    if found is None:
        raise NotFound(
            "filing_not_found",
            zh="没有这项备案",
            en="There is no such filing",
            fix_zh="核对编号；其他机构的备案同样显示未找到。",
            fix_en="Check the identifier; another agency's reads the same.",
        )
    return found


def find_in_force(session: Session, agency_id: uuid.UUID) -> AgencyFiling | None:
    """The filing in force, or suspended."""
    return session.scalars(
        select(AgencyFiling)
        .where(AgencyFiling.agency_id == agency_id, AgencyFiling.state.in_(("accepted", "suspended")))
        .execution_options(populate_existing=True)
    ).one_or_none()


def filings(
    session: Session, *, agency_id: uuid.UUID | None, state: str | None, after: uuid.UUID | None, limit: int
) -> Sequence[AgencyFiling]:
    """Filings that the caller may see, as they were filed, one more than the limit."""
    wanted = select(AgencyFiling).where(AgencyFiling.state != "draft")
    if agency_id is not None:
        wanted = wanted.where(AgencyFiling.agency_id == agency_id)
    if state is not None:
        wanted = wanted.where(AgencyFiling.state == state)
    if after is not None:
        wanted = wanted.where(AgencyFiling.id > after)
    return session.scalars(wanted.order_by(AgencyFiling.id).limit(limit + 1)).all()


def filing_changes(session: Session, filing_id: uuid.UUID) -> Sequence[AgencyFilingChange]:
    """The moves, oldest first."""
    return session.scalars(
        select(AgencyFilingChange).where(AgencyFilingChange.filing_id == filing_id).order_by(AgencyFilingChange.version)
    ).all()


def filings_under(session: Session, key_id: str, limit: int) -> Sequence[AgencyFiling]:
    """Filings sealed under this master key, to be sealed anew."""
    return session.scalars(
        select(AgencyFiling)
        .where(AgencyFiling.key_id == key_id)
        .order_by(AgencyFiling.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def agency_states(session: Session, agency_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """How agencies stand: `active` with a filing in force; the member's state, `filing_suspended` or `no_filing`."""
    rows = session.execute(
        text("select id, agency_state(id) from unnest(cast(:ids as uuid[])) as id"), {"ids": list(agency_ids)}
    )
    return {row[0]: row[1] for row in rows}


def watched_at(session: Session, agency_id: uuid.UUID, today: date) -> Sequence[uuid.UUID]:
    """Agents of the agency whom somebody watches, whoever asks."""
    return session.scalars(
        text("select * from agents_watched_at(:agency, :today)"), {"agency": agency_id, "today": today}
    ).all()


# --- watches --------------------------------------------------------------------------------------------------------


def find_check(session: Session, check_id: uuid.UUID) -> AgentCheck | None:
    """One's own check."""
    return session.get(AgentCheck, check_id)


def watchers(session: Session, agent_id: uuid.UUID, today: date) -> Sequence[Any]:
    """(watch_id, member_id, purpose, licence_no) of those who are to be told of a change, whoever makes it."""
    return session.execute(
        text("select watch_id, member_id, purpose, licence_no from agent_watchers(:agent, :today)"),
        {"agent": agent_id, "today": today},
    ).all()


def get_watch(session: Session, watch_id: uuid.UUID) -> AgentWatch:
    """One of the caller's. Raises NotFound."""
    found = session.get(AgentWatch, watch_id, populate_existing=True)
    if found is None:
        raise NotFound(
            "watch_not_found",
            zh="没有这项关注",
            en="There is no such watch",
            fix_zh="按 GET /v1/agents/watches 核对。",
            fix_en="See GET /v1/agents/watches.",
        )
    return found


def watches(session: Session, after: uuid.UUID | None, limit: int) -> Sequence[AgentWatch]:
    """The caller's, as they began, one more than the limit."""
    wanted = select(AgentWatch)
    if after is not None:
        wanted = wanted.where(AgentWatch.id > after)
    return session.scalars(wanted.order_by(AgentWatch.id).limit(limit + 1)).all()


def count_watches(session: Session, agent_id: uuid.UUID, purpose: str) -> int:
    """The caller's that have not ended, of this person and for this purpose."""
    found = session.scalar(
        select(func.count())
        .select_from(AgentWatch)
        .where(AgentWatch.agent_id == agent_id, AgentWatch.purpose == purpose, AgentWatch.ended_at.is_(None))
    )
    return found or 0


def watches_past(session: Session, today: date, limit: int) -> Sequence[AgentWatch]:
    """Watches past their last day that have not been ended."""
    return session.scalars(
        select(AgentWatch)
        .where(AgentWatch.ended_at.is_(None), AgentWatch.ends_on < today)
        .order_by(AgentWatch.ends_on)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def checked(session: Session, agent_id: uuid.UUID) -> Sequence[Any]:
    """Who checked the person, why, and which fields were told; oldest first. For the association."""
    return session.execute(
        text("select asked_at, name_zh, name_en, kind, purpose, consent, fields from agent_asked(:agent)"),
        {"agent": agent_id},
    ).all()
