"""Every SELECT on agents, their history, training and checks."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import (
    Agent,
    AgentChange,
    AgentEngagement,
    AgentIdentity,
    AgentRecord,
    AgentResponse,
    Certificate,
    CertificateWithdrawal,
    TrainingHours,
)

_STANDING = text(
    "select * from agent_standing(cast(:at as integer[]), cast(:licences as text[]), cast(:epochs as integer[]),"
    " cast(:keys as bytea[]))"
)


def get_agent(session: Session, agent_id: uuid.UUID) -> Agent:
    """One that the caller may see, as it stands now. Raises NotFound."""
    found = session.get(Agent, agent_id, populate_existing=True)
    if found is None or found.state == "draft":
        raise unknown()
    return found


def standing(
    session: Session, asked: Iterable[tuple[int, str | None, int | None, bytes | None]]
) -> dict[int, Mapping[str, Any]]:
    """What a check may tell, by the place in the question: licence number, or epoch and key. Whoever employs them."""
    places, licences, epochs, keys = [], [], [], []
    for at, licence, epoch, key in asked:
        places.append(at)
        licences.append(licence)
        epochs.append(epoch)
        keys.append(key)
    rows = session.execute(_STANDING, {"at": places, "licences": licences, "epochs": epochs, "keys": keys})
    return {row["at"]: dict(row) for row in rows.mappings()}


def roll(
    session: Session,
    *,
    agency_id: uuid.UUID | None = None,
    state: str | None = None,
    until: date | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[Agent]:
    """Agents the caller may see, as they applied, one more than the limit; `until`: licences that end by then."""
    wanted = select(Agent).where(Agent.state != "draft")
    if agency_id is not None:
        wanted = wanted.where(Agent.agency_id == agency_id)
    if state is not None:
        wanted = wanted.where(Agent.state == state)
    if until is not None:
        wanted = wanted.where(Agent.state.in_(("granted", "suspended")), Agent.valid_until <= until)
    if after is not None:
        wanted = wanted.where(Agent.id > after)
    return session.scalars(wanted.order_by(Agent.id).limit(limit + 1)).all()


def changes(session: Session, agent_id: uuid.UUID) -> Sequence[AgentChange]:
    """The moves, oldest first."""
    return session.scalars(
        select(AgentChange).where(AgentChange.agent_id == agent_id).order_by(AgentChange.version)
    ).all()


def engagements(session: Session, agent_id: uuid.UUID) -> Sequence[AgentEngagement]:
    """The spells at agencies that the caller may see, oldest first."""
    return session.scalars(
        select(AgentEngagement).where(AgentEngagement.agent_id == agent_id).order_by(AgentEngagement.began_at)
    ).all()


def certificates(session: Session, agent_id: uuid.UUID) -> Sequence[Certificate]:
    """Every certificate, oldest first."""
    return session.scalars(
        select(Certificate).where(Certificate.agent_id == agent_id).order_by(Certificate.issued_on, Certificate.id)
    ).all()


def standing_certificates(session: Session, agent_id: uuid.UUID, today: date) -> Sequence[Certificate]:
    """Those that were not withdrawn and have begun, oldest first."""
    return session.scalars(
        select(Certificate)
        .where(
            Certificate.agent_id == agent_id,
            Certificate.issued_on <= today,
            Certificate.id.not_in(select(CertificateWithdrawal.certificate_id)),
        )
        .order_by(Certificate.issued_on, Certificate.id)
    ).all()


def withdrawals(session: Session, agent_id: uuid.UUID) -> dict[uuid.UUID, CertificateWithdrawal]:
    """By certificate."""
    found = session.scalars(select(CertificateWithdrawal).where(CertificateWithdrawal.agent_id == agent_id))
    return {each.certificate_id: each for each in found}


def get_certificate(session: Session, certificate_id: uuid.UUID) -> Certificate:
    """One that the caller may see. Raises NotFound."""
    found = session.get(Certificate, certificate_id)
    if found is None:
        raise NotFound(
            "certificate_not_found",
            zh="没有这张证书",
            en="There is no such certificate",
            fix_zh="按 GET /v1/agents/{agent_id}/training 核对。",
            fix_en="See GET /v1/agents/{agent_id}/training.",
        )
    return found


def hours(session: Session, agent_id: uuid.UUID, since: date | None = None) -> dict[str, int]:
    """Hours by course; `since`: those completed after that day."""
    wanted = select(TrainingHours.course, func.sum(TrainingHours.hours)).where(TrainingHours.agent_id == agent_id)
    if since is not None:
        wanted = wanted.where(TrainingHours.completed_on > since)
    return {course: int(total) for course, total in session.execute(wanted.group_by(TrainingHours.course))}


def find_identity(session: Session, agent_id: uuid.UUID) -> AgentIdentity | None:
    return session.get(AgentIdentity, agent_id, populate_existing=True)


def identities_under(session: Session, key_id: str, limit: int) -> Sequence[AgentIdentity]:
    """Identities sealed under this master key, to be sealed anew."""
    return session.scalars(
        select(AgentIdentity)
        .where(AgentIdentity.key_id == key_id)
        .order_by(AgentIdentity.agent_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def past_term(session: Session, state: str, before: date, limit: int) -> Sequence[Agent]:
    """Agents in this state whose licence ended before the day, as they stand now."""
    return session.scalars(
        select(Agent).where(Agent.state == state, Agent.valid_until < before).order_by(Agent.valid_until).limit(limit),
        execution_options={"populate_existing": True},
    ).all()


def add_keys(session: Session, agent_id: uuid.UUID, keys: Iterable[tuple[int, bytes]]) -> None:
    """The keys of epochs that do not know the person yet."""
    session.execute(
        text(
            "insert into agent_keys (agent_id, epoch, subject_key) values (:agent, :epoch, :key)"
            " on conflict (agent_id, epoch) do nothing"
        ),
        [{"agent": agent_id, "epoch": epoch, "key": key} for epoch, key in keys],
    )


def unknown() -> NotFound:
    return NotFound(
        "agent_not_found",
        zh="没有这位催收员",
        en="There is no such agent",
        fix_zh="核对编号；其他机构的人员同样显示未找到，可用核验查询。",
        fix_en="Check the identifier; another agency's people read the same: use a check.",
    )


# --- credit records -------------------------------------------------------------------------------------------------


def records(session: Session, agent_id: uuid.UUID) -> Sequence[AgentRecord]:
    """Every entry, superseded ones too, in the order recorded."""
    return session.scalars(
        select(AgentRecord).where(AgentRecord.agent_id == agent_id).order_by(AgentRecord.recorded_at, AgentRecord.id)
    ).all()


def get_record(session: Session, agent_id: uuid.UUID, record_id: uuid.UUID) -> AgentRecord:
    """One entry of this agent. Raises NotFound."""
    found = session.get(AgentRecord, record_id)
    if found is None or found.agent_id != agent_id:
        raise NotFound(
            "record_not_found",
            zh="没有这条记录",
            en="There is no such entry",
            fix_zh="按 GET /v1/agents/{agent_id}/record 核对。",
            fix_en="See GET /v1/agents/{agent_id}/record.",
        )
    return found


def responses(session: Session, agent_id: uuid.UUID) -> Sequence[AgentResponse]:
    """What was said to the agent's entries, in order."""
    return session.scalars(
        select(AgentResponse)
        .where(AgentResponse.agent_id == agent_id)
        .order_by(AgentResponse.said_at, AgentResponse.id)
    ).all()


def open_requests(session: Session, limit: int) -> Sequence[AgentResponse]:
    """Objections and requests to correct that nobody decided, the soonest due first."""
    decided = select(AgentResponse.answers).where(AgentResponse.answers.is_not(None))
    return session.scalars(
        select(AgentResponse)
        .where(AgentResponse.due_on.is_not(None), AgentResponse.id.not_in(decided))
        .order_by(AgentResponse.due_on, AgentResponse.id)
        .limit(limit)
    ).all()


def grades(session: Session, day: date, pack: Mapping[str, Any]) -> Iterator[tuple[uuid.UUID, uuid.UUID, int, str]]:
    """(agent, agency, points, grade) of everybody at the end of that day, in one pass of the database's; read as a
    stream. For the association, regulators and the registry."""
    rows = session.execute(
        text("select agent_id, agency_id, points, grade from agent_grades(:day, cast(:pack as jsonb))"),
        {"day": day, "pack": orjson.dumps(pack).decode()},
        execution_options={"stream_results": True, "yield_per": 2000},
    )
    for row in rows:
        yield row[0], row[1], row[2], row[3]


def statistics(session: Session, day: date, pack: Mapping[str, Any]) -> Sequence[Any]:
    """(agency_id, name_zh, name_en, dimension, word, count), agency by agency."""
    return session.execute(
        text("select * from agent_statistics(:day, cast(:pack as jsonb))"),
        {"day": day, "pack": orjson.dumps(pack).decode()},
    ).all()
