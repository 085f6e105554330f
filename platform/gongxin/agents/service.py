"""The verbs on agents: apply, move, claim, lapse. Verbs flush, never commit; each move has its leaf."""

import secrets
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict
from gongxin.subjects import service as subjects
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin_wire import licences

from . import identities, queries, queries_filings, rules, rules_filings, watches
from .models import Agent, AgentChange

DATA_SET = "agent"
CLOCK = "clock"
PORTION = 200


def apply(
    session: Session,
    *,
    config: Config,
    caller: Caller,
    subject: list[dict[str, Any]],
    name: str,
    education: str,
    photo_sha256: bytes,
    adult_as_of: date,
    declared_on: date,
) -> Agent:
    """An agency's application for a person; one who was refused, or whose licence ended, applies again under the same
    number. Raises Conflict where the person is licensed, applied for or barred."""
    assert caller.member_id is not None
    now, today = clock.now(), clock.today_in_china()
    rules.check_move("apply", "draft", caller.kind)
    rules.check_name(name)
    rules.check_application(adult_as_of, declared_on, today)
    made_with: dict[str, Any] = {
        "education": education,
        "photo_sha256": photo_sha256,
        "adult_as_of": adult_as_of,
        "declared_on": declared_on,
    }
    keys = subjects.parse_subject(config, session, subject, DATA_SET, complete=True)
    known = _known(session, keys)
    if known is None:
        agent_id, state, version = ids.new_id(), "draft", 0
        session.add(
            Agent(
                id=agent_id,
                licence_no=licences.draw(secrets.randbelow),
                state=state,
                agency_id=caller.member_id,
                released=False,
                version=version,
                created_at=now,
                changed_at=now,
                **made_with,
            )
        )
        session.flush()
    else:
        agent_id, state, version = known["agent_id"], known["state"], known["version"]
        if state not in rules.MOVES["apply"].starts:
            raise Conflict(
                "agent_on_record",
                zh="此人已在申请中或持有执照",
                en="The person is applied for or licensed already",
                fix_zh="由所属机构放行后认领，不必重新申请。",
                fix_en="Have the employing agency release the person, then claim them.",
            )
        rules.check_bar(known["barred_until"], today)
    _change(
        session, agent_id, version, "apply", state, caller.member_id, "机构申请 application", caller.by, **made_with
    )
    queries.add_keys(session, agent_id, keys)
    identities.keep(session, config, agent_id, {"name": name})
    return queries.get_agent(session, agent_id)


def move(
    session: Session,
    agent_id: uuid.UUID,
    *,
    caller: Caller,
    action: str,
    reason: str,
    version: int | None = None,
    valid_until: date | None = None,
    released_to: uuid.UUID | None = None,
) -> Agent:
    """A decision or an act on an agent: `rules.MOVES`. Raises Conflict where it does not follow."""
    agent, today = queries.get_agent(session, agent_id), clock.today_in_china()
    rules.check_reason(reason)
    rules.check_move(action, agent.state, caller.kind)
    rules.check_extras(action, valid_until, released_to)
    if action == "release" and released_to == agent.agency_id:
        raise _own_agency()
    term = None
    if action in rules.LICENSING:
        held = [(c.level, c.valid_until) for c in queries.standing_certificates(session, agent_id, today)]
        term = rules.licence_term(today, valid_until, held)
        if action == "grant":
            _check_filing(session, agent.agency_id)
    _change(
        session,
        agent_id,
        agent.version if version is None else version,
        action,
        agent.state,
        agent.agency_id,
        reason,
        caller.by,
        valid_until=term,
        barred_until=rules.bar_until(today) if action in rules.BARRING else None,
        released_to=released_to,
    )
    return queries.get_agent(session, agent_id)


def claim(session: Session, *, caller: Caller, licence: str) -> Agent:
    """Takes on an agent whom another agency released: from this instant theirs, not one without nor one with two."""
    assert caller.member_id is not None
    found = queries.standing(session, [(0, rules.check_licence(licence, "/licence"), None, None)]).get(0)
    if found is None or found["state"] not in rules.PUBLIC_STATES:
        raise queries.unknown()
    if found["agency_id"] == caller.member_id:
        raise _own_agency()
    rules.check_move("claim", found["state"], caller.kind)
    if not found["released"] or found["released_to"] not in (None, caller.member_id):
        raise Conflict(
            "agent_not_released",
            zh="所属机构尚未放行，或放行给另一机构",
            en="The employing agency has not released the agent, or to another",
            fix_zh="请所属机构以 release 放行本机构。",
            fix_en="Have the employing agency release the agent to you.",
        )
    _check_filing(session, caller.member_id)
    agent_id: uuid.UUID = found["agent_id"]
    _change(session, agent_id, found["version"], "claim", "granted", caller.member_id, "转会 transfer", caller.by)
    return queries.get_agent(session, agent_id)


def rekey(
    session: Session, *, config: Config, agent_id: uuid.UUID, subject: list[dict[str, Any]], caller: Caller
) -> None:
    """Adds the keys of new epochs to one of the agency's own people, so that the old one can retire. The keys that are
    held stay. Raises NotFound for another's, Conflict where a token is another agent's."""
    if queries.get_agent(session, agent_id).agency_id != caller.member_id:
        raise queries.unknown()
    queries.add_keys(session, agent_id, subjects.parse_subject(config, session, subject, DATA_SET))


def suspend_without(session: Session, agent: Agent, by: str) -> bool:
    """Suspends a licence that no basic certificate carries any more; whether it had to."""
    today = clock.today_in_china()
    held = [c.valid_until for c in queries.standing_certificates(session, agent.id, today) if c.level == "basic"]
    if agent.state != "granted" or any(agent.valid_until and until >= agent.valid_until for until in held):
        return False
    reason = "上岗证书已撤销 basic certificate withdrawn"
    _change(session, agent.id, agent.version, "suspend", "granted", agent.agency_id, reason, by)
    return True


def lapse(session: Session, today: date) -> int:
    """A licence past its last day is suspended, and after the pack's grace expires; how many. A job: acts as the
    registry, can run twice."""
    grace = timedelta(days=rules.pack()["licence"]["grace_days"])
    ended = queries.past_term(session, "granted", today, PORTION)
    for agent in ended:
        reason = "执照或证书到期 licence or certificate lapsed"
        _change(session, agent.id, agent.version, "suspend", "granted", agent.agency_id, reason, CLOCK)
    gone = queries.past_term(session, "suspended", today - grace, PORTION)
    for agent in gone:
        reason = "到期未续 not renewed"
        _change(session, agent.id, agent.version, "expire", "suspended", agent.agency_id, reason, CLOCK)
    return max(len(ended), len(gone))


def _check_filing(session: Session, agency_id: uuid.UUID) -> None:
    filing = queries_filings.find_in_force(session, agency_id)
    if filing is None or filing.state != "accepted":
        raise rules_filings.needs_filing()


def _known(session: Session, keys: list[tuple[int, bytes]]) -> Mapping[str, Any] | None:
    found = queries.standing(session, [(at, None, epoch, key) for at, (epoch, key) in enumerate(keys)])
    return next(iter(found.values()), None)


def _change(
    session: Session,
    agent_id: uuid.UUID,
    version: int,
    action: str,
    previous: str,
    agency_id: uuid.UUID,
    reason: str,
    by: str,
    *,
    valid_until: date | None = None,
    barred_until: date | None = None,
    released_to: uuid.UUID | None = None,
    **made_with: Any,
) -> None:
    """The row that makes it so, and its leaf. `made_with`: what an application brings."""
    change = AgentChange(
        id=ids.new_id(),
        agent_id=agent_id,
        version=version + 1,
        action=action,
        previous=previous,
        state=rules.MOVES[action].end,
        agency_id=agency_id,
        released_to=released_to,
        valid_until=valid_until,
        barred_until=barred_until,
        reason=reason,
        changed_by=by,
        changed_at=clock.now(),
        **made_with,
    )
    session.add(change)
    session.flush()
    transparency.append(
        session,
        kind="agent_state",
        record={
            "action": action,
            "agency_id": str(agency_id),
            "agent_id": str(agent_id),
            "barred_until": barred_until.isoformat() if barred_until else None,
            "changed_at": transparency.moment(change.changed_at),
            "changed_by": by,
            "previous": previous,
            "reason": reason,
            "released_to": str(released_to) if released_to else None,
            "state": change.state,
            "valid_until": valid_until.isoformat() if valid_until else None,
            "version": change.version,
        },
        leaf_id=change.id,
        owner=agency_id,
    )
    watches.changed(session, agent_id, rules.parts_of(action))


def _own_agency() -> Conflict:
    return Conflict(
        "own_agency",
        zh="此人已在本机构名下",
        en="The person is that agency's already",
        fix_zh="转会须在两家机构之间。",
        fix_en="A transfer is between two agencies.",
    )
