"""The verbs on credit records: enter, supersede, answer, decide; and the record as it stood on any day."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gongxin import calendar, clock, ids
from gongxin.disclosure import rules as disclosure
from gongxin.errors import Conflict, Invalid
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller

from . import figures, grading, queries, queries_filings, rules, watches
from .models import AgentRecord, AgentResponse

CLOCKED = ("objection", "correction_request")


def enter(
    session: Session,
    agent_id: uuid.UUID,
    *,
    caller: Caller,
    kind: str,
    occurred_on: date,
    basis: str,
    severity: str | None = None,
    certainty: str | None = None,
    withdrawn: bool = False,
    supersedes: uuid.UUID | None = None,
) -> AgentRecord:
    """An entry, or what supersedes one: a correction, or a withdrawal, which stays on record as such. Raises Conflict
    where the entry was superseded before."""
    assert caller.member_id is not None
    agent = queries.get_agent(session, agent_id)
    rules.check_entry(kind, severity, certainty, basis, occurred_on, clock.today_in_china())
    if supersedes is not None:
        _check_newest(session, agent_id, supersedes)
    entry = AgentRecord(
        id=ids.new_id(),
        agent_id=agent_id,
        kind=kind,
        severity=severity,
        certainty=certainty,
        occurred_on=occurred_on,
        basis=basis,
        withdrawn=withdrawn,
        supersedes=supersedes,
        recorded_by=caller.member_id,
        recorded_at=clock.now(),
    )
    session.add(entry)
    session.flush()
    transparency.append(session, kind="agent_record", record=_proven(entry), leaf_id=entry.id, owner=agent.agency_id)
    if _counts(session, entry):
        watches.changed(session, agent_id, ("record",))
    return entry


def _counts(session: Session, entry: AgentRecord) -> bool:
    """Whether it changes what is told: an allegation does not, unless it takes the place of what counted."""
    before = None if entry.supersedes is None else queries.get_record(session, entry.agent_id, entry.supersedes)
    return entry.certainty != "alleged" or (before is not None and before.certainty != "alleged")


def _check_newest(session: Session, agent_id: uuid.UUID, record_id: uuid.UUID) -> None:
    queries.get_record(session, agent_id, record_id)
    if any(each.supersedes == record_id for each in queries.records(session, agent_id)):
        raise Conflict(
            "record_superseded",
            zh="该记录已被更正或撤回",
            en="The entry was corrected or withdrawn before",
            fix_zh="更正最新的一条。",
            fix_en="Correct the newest entry.",
        )


def _proven(entry: AgentRecord) -> dict[str, Any]:
    """What the entry's leaf commits to."""
    return {
        "agent_id": str(entry.agent_id),
        "basis": entry.basis,
        "certainty": entry.certainty,
        "kind": entry.kind,
        "occurred_on": entry.occurred_on.isoformat(),
        "recorded_at": transparency.moment(entry.recorded_at),
        "recorded_by": str(entry.recorded_by),
        "severity": entry.severity,
        "supersedes": str(entry.supersedes) if entry.supersedes else None,
        "withdrawn": entry.withdrawn,
    }


def respond(
    session: Session, agent_id: uuid.UUID, record_id: uuid.UUID, *, caller: Caller, kind: str, said: str
) -> AgentResponse:
    """The person's word, through the agency or the association: a reply, an objection or a request to correct; the
    latter two have a day to be answered by."""
    queries.get_agent(session, agent_id)
    queries.get_record(session, agent_id, record_id)
    due_on = None
    if kind in CLOCKED:
        due_on = calendar.china().add(clock.today_in_china(), grading.pack()["clocks"][kind]["working_days"])
    return _say(session, agent_id, record_id, caller, kind, said, due_on=due_on)


def decide(
    session: Session,
    agent_id: uuid.UUID,
    record_id: uuid.UUID,
    *,
    caller: Caller,
    answers: uuid.UUID,
    outcome: str,
    said: str,
) -> AgentResponse:
    """The decision on an objection or a request; what is upheld is then corrected or withdrawn. Raises Conflict where
    it was decided before, Invalid where there is nothing to decide."""
    queries.get_agent(session, agent_id)
    queries.get_record(session, agent_id, record_id)
    found = queries.responses(session, agent_id)
    if not any(each.id == answers and each.record_id == record_id and each.kind in CLOCKED for each in found):
        raise Invalid(
            "nothing_to_decide",
            zh="没有这项异议或更正请求",
            en="There is no such objection or request",
            fix_zh="按该记录的 responses 核对。",
            fix_en="See the entry's responses.",
            pointer="/answers",
        )
    if any(each.answers == answers for each in found):
        raise Conflict(
            "decided_before",
            zh="该异议已有决定",
            en="It was decided before",
            fix_zh="另行提出新的异议。",
            fix_en="File another objection.",
        )
    return _say(session, agent_id, record_id, caller, "decision", said, answers=answers, outcome=outcome)


def as_of(session: Session, agent_id: uuid.UUID, day: date) -> dict[str, Any]:
    """The record as it stood at the end of that day in China, its grade and the arithmetic."""
    queries.get_agent(session, agent_id)
    known = [each for each in queries.records(session, agent_id) if _day(each.recorded_at) <= day]
    said = [each for each in queries.responses(session, agent_id) if _day(each.said_at) <= day]
    gone = {each.supersedes for each in known}
    standing = [each for each in known if each.id not in gone and not each.withdrawn]
    found = grading.grade([_entry(each) for each in standing], day)
    return {
        "agent_id": agent_id,
        "as_of": day,
        "grade": found.grade,
        "points": found.points,
        "rules_version": found.rules_version,
        "lines": found.lines,
        "entries": [_told(each, each.id in gone, [r for r in said if r.record_id == each.id], day) for each in known],
    }


def waiting(session: Session, day: date, limit: int) -> list[dict[str, Any]]:
    """Objections and requests that nobody decided, the soonest due first, with how many working days are left."""
    china = calendar.china()
    return [
        response_out(each)
        | {
            "agent_id": each.agent_id,
            "record_id": each.record_id,
            "overdue": _overdue(each, set(), day),
            "working_days_left": china.between(day, each.due_on) if each.due_on else None,
        }
        for each in queries.open_requests(session, limit)
    ]


def grades(session: Session, day: date) -> Iterator[tuple[uuid.UUID, uuid.UUID, int, str]]:
    """(agent, agency, points, grade) of everybody as the record stood at the end of that day, under the rules in force
    then; the database computes, nobody is held in memory."""
    return queries.grades(session, day, grading.pack(day))


def statistics(session: Session, day: date) -> list[dict[str, Any]]:
    """What the association may say of its agencies: figures side by side, no cell under the least number, no order
    but by name."""
    rows = queries.statistics(session, day, grading.pack(day))
    return figures.by_agency([tuple(row) for row in rows])


def access(session: Session, agent_id: uuid.UUID, *, caller: Caller, request_reference: str) -> dict[str, Any]:
    """The person's own question, through the association: everything on record of them, and who checked them, why and
    what was told. It has its leaf; the reference is the association's file number."""
    assert caller.member_id is not None
    reference = disclosure.file_number(request_reference, "/request_reference")
    refuse_pii(reference, "/request_reference")
    today, access_id, now = clock.today_in_china(), ids.new_id(), clock.now()
    told: dict[str, Any] = {
        "access_id": access_id,
        "as_of": transparency.moment(now),
        "record": as_of(session, agent_id, today),
        "checked": [
            {
                "asked_at": each.asked_at,
                "member_name_zh": each.name_zh,
                "member_name_en": each.name_en,
                "member_kind": each.kind,
                "purpose": each.purpose,
                "consent": each.consent,
                "fields": each.fields,
            }
            for each in queries_filings.checked(session, agent_id)
        ],
    }
    transparency.append(
        session,
        kind="subject_access",
        record={
            "agent_id": str(agent_id),
            "asked_at": told["as_of"],
            "checks": len(told["checked"]),
            "member_id": str(caller.member_id),
            "request": reference,
        },
        leaf_id=access_id,
        owner=caller.member_id,
    )
    return told


def _entry(each: AgentRecord) -> grading.Entry:
    return grading.Entry(str(each.id), each.severity, each.certainty, each.occurred_on)


def _told(each: AgentRecord, superseded: bool, said: Sequence[AgentResponse], day: date) -> dict[str, Any]:
    decided = {response.answers for response in said}
    return {
        "record_id": each.id,
        "kind": each.kind,
        "severity": each.severity,
        "certainty": each.certainty,
        "occurred_on": each.occurred_on,
        "basis": each.basis,
        "withdrawn": each.withdrawn,
        "supersedes": each.supersedes,
        "superseded": superseded,
        "contested": any(r.kind == "objection" and r.id not in decided for r in said),
        "recorded_by": each.recorded_by,
        "recorded_at": each.recorded_at,
        "responses": [response_out(r) | {"overdue": _overdue(r, decided, day)} for r in said],
    }


def response_out(response: AgentResponse) -> dict[str, Any]:
    return {
        "response_id": response.id,
        "kind": response.kind,
        "answers": response.answers,
        "outcome": response.outcome,
        "said": response.said,
        "due_on": response.due_on,
        "overdue": False,
        "said_by": response.said_by,
        "said_at": response.said_at,
    }


def _overdue(response: AgentResponse, decided: set[uuid.UUID | None], day: date) -> bool:
    return response.due_on is not None and response.due_on < day and response.id not in decided


def _say(
    session: Session, agent_id: uuid.UUID, record_id: uuid.UUID, caller: Caller, kind: str, said: str, **more: Any
) -> AgentResponse:
    assert caller.member_id is not None
    rules.check_said(said)
    made = AgentResponse(
        id=ids.new_id(),
        agent_id=agent_id,
        record_id=record_id,
        kind=kind,
        said=said,
        said_by=caller.member_id,
        said_at=clock.now(),
        **more,
    )
    session.add(made)
    session.flush()
    # Without what was said: the log need not hold it to prove that it was said, and when.
    transparency.append(
        session,
        kind="agent_record",
        record={
            "agent_id": str(agent_id),
            "answers": str(made.answers) if made.answers else None,
            "due_on": made.due_on.isoformat() if made.due_on else None,
            "kind": kind,
            "outcome": made.outcome,
            "record_id": str(record_id),
            "said_at": transparency.moment(made.said_at),
            "said_by": str(caller.member_id),
        },
        leaf_id=made.id,
        owner=caller.member_id,
    )
    if (
        kind in ("objection", "reply", "decision")
        and queries.get_record(session, agent_id, record_id).certainty != "alleged"
    ):
        watches.changed(session, agent_id, ("record",))
    return made


def _day(at: Any) -> date:
    found: date = at.astimezone(clock.SHANGHAI).date()
    return found
