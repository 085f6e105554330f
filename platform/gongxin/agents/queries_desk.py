"""What the desk's lists ask of agents and filings: found by number or agency, counted by state, soonest due first."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from .models import Agent, AgentChange, AgentResponse
from .models_filings import AgencyFiling

WAITING = ("applied", "checking")
TRANSFERS = ("release", "retain", "claim")
_IN_FORCE = ("granted", "suspended")


def agents(
    session: Session,
    *,
    state: str | None = None,
    agency_id: uuid.UUID | None = None,
    licence: str = "",
    released: bool = False,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[Agent]:
    """As they first applied, one more than the limit; `licence`: what the number begins with."""
    wanted = _agents(select(Agent), agency_id, licence, released)
    if state is not None:
        wanted = wanted.where(Agent.state == state)
    if after is not None:
        wanted = wanted.where(Agent.id > after)
    return session.scalars(wanted.order_by(Agent.id).limit(limit + 1)).all()


def count_agents(
    session: Session, *, agency_id: uuid.UUID | None = None, licence: str = "", released: bool = False
) -> dict[str, int]:
    """How many of those in each state."""
    counted = _agents(select(Agent.state, func.count()), agency_id, licence, released).group_by(Agent.state)
    return {state: int(count) for state, count in session.execute(counted)}


def _agents(wanted: Any, agency_id: uuid.UUID | None, licence: str, released: bool) -> Any:
    """The query with what it is narrowed to."""
    wanted = wanted.where(Agent.state != "draft")
    if agency_id is not None:
        wanted = wanted.where(Agent.agency_id == agency_id)
    if licence:
        wanted = wanted.where(Agent.licence_no.startswith(licence, autoescape=True))
    return wanted.where(Agent.released) if released else wanted


def agencies(session: Session) -> Sequence[uuid.UUID]:
    """Those that have, or had, an agent or a filing."""
    found = select(Agent.agency_id).where(Agent.state != "draft").union(select(AgencyFiling.agency_id))
    return session.scalars(found).all()


def applications(
    session: Session, *, state: str | None = None, after: tuple[datetime, uuid.UUID] | None = None, limit: int = 50
) -> Sequence[Any]:
    """(agent, when applied), the oldest application first, one more than the limit."""
    newest = (
        select(AgentChange.agent_id, func.max(AgentChange.changed_at).label("at"))
        .join(Agent, Agent.id == AgentChange.agent_id)
        .where(AgentChange.action == "apply", Agent.state.in_(WAITING))
        .group_by(AgentChange.agent_id)
        .subquery()
    )
    wanted = select(Agent, newest.c.at).join(newest, newest.c.agent_id == Agent.id)
    if state is not None:
        wanted = wanted.where(Agent.state == state)
    if after is not None:
        wanted = wanted.where(tuple_(newest.c.at, Agent.id) > after)
    return session.execute(wanted.order_by(newest.c.at, Agent.id).limit(limit + 1)).all()


def ending(
    session: Session, *, first: date, until: date, after: tuple[date, uuid.UUID] | None = None, limit: int = 50
) -> Sequence[Agent]:
    """Licences in force or suspended that end between the days, the soonest first, one more than the limit."""
    wanted = select(Agent).where(Agent.state.in_(_IN_FORCE), Agent.valid_until.between(first, until))
    if after is not None:
        wanted = wanted.where(tuple_(Agent.valid_until, Agent.id) > after)
    return session.scalars(wanted.order_by(Agent.valid_until, Agent.id).limit(limit + 1)).all()


def transfers(
    session: Session, *, action: str | None = None, before: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Any]:
    """(change, licence number) of releases, releases taken back and claims, the newest first, one more than the
    limit."""
    wanted = select(AgentChange, Agent.licence_no).join(Agent, Agent.id == AgentChange.agent_id)
    wanted = wanted.where(AgentChange.action.in_(TRANSFERS if action is None else (action,)))
    if before is not None:
        wanted = wanted.where(AgentChange.id < before)
    return session.execute(wanted.order_by(AgentChange.id.desc()).limit(limit + 1)).all()


def objections(session: Session, *, after: tuple[date, uuid.UUID] | None = None, limit: int = 50) -> Sequence[Any]:
    """(objection or request to correct that nobody decided, the agent), the soonest due first, one more than the
    limit."""
    wanted = select(AgentResponse, Agent).join(Agent, Agent.id == AgentResponse.agent_id).where(*_undecided())
    if after is not None:
        wanted = wanted.where(tuple_(AgentResponse.due_on, AgentResponse.id) > after)
    return session.execute(wanted.order_by(AgentResponse.due_on, AgentResponse.id).limit(limit + 1)).all()


def count_objections(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AgentResponse).where(*_undecided())) or 0


def _undecided() -> tuple[Any, ...]:
    decided = select(AgentResponse.answers).where(AgentResponse.answers.is_not(None))
    return AgentResponse.due_on.is_not(None), AgentResponse.id.not_in(decided)


def count_filings(session: Session, *, agency_id: uuid.UUID | None = None) -> dict[str, int]:
    """How many filings in each state."""
    counted = select(AgencyFiling.state, func.count()).where(AgencyFiling.state != "draft")
    if agency_id is not None:
        counted = counted.where(AgencyFiling.agency_id == agency_id)
    return {state: int(count) for state, count in session.execute(counted.group_by(AgencyFiling.state))}
