"""Events: asserted by who knows, corrected and withdrawn by who asserted, projected in the same transaction."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.disclosure import rules as disclosure
from gongxin.errors import Conflict, Forbidden, Invalid
from gongxin.web.caller import Caller
from gongxin_wire import case_numbers

from .. import answers, leaves, queries, rules, writes
from ..lines import Reference
from ..models import Case, CaseEvent, CourtEvent
from ..vocabulary import COURT_AXES, HELD
from .projecting import as_registry, project


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is said: the body of an event. `court_case_number` as it was sent."""

    axis: str
    status: str
    effective_on: date
    basis: str | None = None
    court_case_number: str | None = None


# --- by members -----------------------------------------------------------------------------------------------------


def assert_event(session: Session, *, caller: Caller, case_id: uuid.UUID, said: Assertion) -> dict[str, Any]:
    """A new event on the case. Raises Forbidden, Invalid or Conflict with `legal`, the list of what may be said."""
    source, claimed = rules.capacity(caller.kind, said.axis, said.status)
    number = _number(said, claimed)
    if number is not None:
        queries.hold_numbers(session, [number], shared=True)
    case = _lock(session, caller, case_id)
    _check_party(case, caller, said)
    return _record(session, caller, case, said, source=source, claimed=claimed, number=number)


def correct_event(session: Session, *, caller: Caller, event_id: uuid.UUID, said: Assertion) -> dict[str, Any]:
    """A new event in the place of one's own earlier one."""
    source, claimed = rules.capacity(caller.kind, said.axis, said.status)
    number = _number(said, claimed)
    if number is not None:
        queries.hold_numbers(session, [number], shared=True)
    old = _own(session, caller, event_id)
    if old.axis != said.axis:
        raise _other_axis(old.axis)
    with as_registry(session, caller):
        case = queries.get_case(session, old.case_id, lock=True)
    _check_open(session, CaseEvent, old.id, withdrawn=old.withdrawn)
    return _record(session, caller, case, said, source=source, claimed=claimed, number=number, supersedes=old.id)


def withdraw_event(session: Session, *, caller: Caller, event_id: uuid.UUID, reason: str) -> dict[str, Any]:
    """One's own event stands no more; it and its withdrawal stay on record."""
    old = _own(session, caller, event_id)
    with as_registry(session, caller):
        case = queries.get_case(session, old.case_id, lock=True)
    _check_open(session, CaseEvent, old.id, withdrawn=old.withdrawn)
    now = clock.now()
    event = CaseEvent(
        id=ids.new_id(),
        case_id=old.case_id,
        axis=old.axis,
        status=old.status,
        effective_on=old.effective_on,
        source=old.source,
        asserted_by=old.asserted_by,
        claimed=old.claimed,
        court_case_number=old.court_case_number,
        basis=reason,
        supersedes=old.id,
        withdrawn=True,
        recorded_at=now,
    )
    return _store(session, caller, case, event, now)


def _record(
    session: Session,
    caller: Caller,
    case: Case,
    said: Assertion,
    *,
    source: str,
    claimed: bool,
    number: str | None,
    supersedes: uuid.UUID | None = None,
) -> dict[str, Any]:
    now, today = clock.now(), clock.today_in_china()
    year = case_numbers.parse(number).year if number and said.axis == "legal" else None
    rules.check_effective(said.effective_on, today, opened_on=case.opened_on, year=year)
    event = CaseEvent(
        id=ids.new_id(),
        case_id=case.id,
        axis=said.axis,
        status=said.status,
        effective_on=said.effective_on,
        source=source,
        asserted_by=caller.member_id,
        claimed=claimed,
        court_case_number=number,
        basis=said.basis,
        supersedes=supersedes,
        withdrawn=False,
        recorded_at=now,
    )
    with as_registry(session, caller):
        standing = queries.standing_events(session, [case.id]).get(case.id, [])
    before = [other for other in standing if other.id != supersedes]
    rules.check_follows(before, _as_event(event), rules.assertable(caller.kind, said.axis))
    linked = False
    if number is not None and claimed and caller.kind in {"bank", "agency"} and queries.is_seen(session, case.id):
        # A case on which a court's step is claimed carries the number, so that the court's own word reaches it.
        linked = bool(writes.insert_references(session, [(case.id, Reference("court_case", number))], now))
    return _store(session, caller, case, event, now, linked=linked)


def _store(
    session: Session, caller: Caller, case: Case, event: CaseEvent, now: datetime, *, linked: bool = False
) -> dict[str, Any]:
    today = clock.today_in_china()
    session.add(event)
    session.flush()
    leaves.prove_event(session, event)
    with as_registry(session, caller):
        if linked:
            writes.touch(session, [case.id], now)
        project(session, [case.id], today, now)
        standing = queries.standing_events(session, [case.id]).get(case.id, [])
    return answers.own_event_out(event, rules.project(standing, today))


def _as_event(event: CaseEvent) -> rules.Event:
    return rules.Event(
        event.id, event.axis, event.status, event.effective_on, event.source, event.recorded_at, event.asserted_by,
        event.claimed, event.court_case_number,
    )  # fmt: skip


def _lock(session: Session, caller: Caller, case_id: uuid.UUID) -> Case:
    """A case of the caller's; the association and regulators hold its number from a file, and see no more of it."""
    if caller.kind in {"association", "regulator"}:
        with as_registry(session, caller):
            return queries.get_case(session, case_id, lock=True)
    return queries.get_case(session, case_id, lock=True)


def _check_party(case: Case, caller: Caller, said: Assertion) -> None:
    if caller.kind == "agency" and case.placement not in HELD[1:]:
        raise Conflict(
            "case_not_accepted",
            zh="接受委托之前不能登记状态",
            en="An agency asserts on cases it has accepted",
            fix_zh="先接受委托。",
            fix_en="Accept the case first.",
            extra={"legal": ["accept", "decline"]},
        )
    if caller.kind in {"association", "regulator"} and said.basis is None:
        raise Invalid(
            "basis_required",
            zh="须写明依据的卷号",
            en="Name the file this rests on",
            fix_zh="在 basis 中写明卷号。",
            fix_en="Give the file number in basis.",
            pointer="/basis",
        )


def _number(said: Assertion, claimed: bool) -> str | None:
    if said.court_case_number is not None:
        return disclosure.court_case(said.court_case_number, "/court_case_number")[0]
    if claimed:
        raise Invalid(
            "court_case_number_required",
            zh="非法院登记的司法状态须写明案号",
            en="A court's step claimed by another carries the court case number",
            fix_zh="在 court_case_number 中写明案号。",
            fix_en="Give the number in court_case_number.",
            pointer="/court_case_number",
        )
    return None


def _own(session: Session, caller: Caller, event_id: uuid.UUID) -> CaseEvent:
    if caller.member_id is None:
        raise Forbidden
    old = queries.get_own_event(session, event_id, caller.member_id)
    if old.axis == "placement":
        raise Conflict(
            "placement_is_moved",
            zh="委托状态只能以操作变更",
            en="A placement changes by a further action only",
            fix_zh="使用 POST /v1/cases/{case_id}/placement。",
            fix_en="Use POST /v1/cases/{case_id}/placement.",
        )
    return old


def _check_open(
    session: Session, kind: type[CaseEvent] | type[CourtEvent], event_id: uuid.UUID, *, withdrawn: bool
) -> None:
    """To be asked with the case, or the number, held."""
    if withdrawn or queries.is_superseded(session, kind, event_id):
        raise Conflict(
            "already_superseded",
            zh="该条状态已被更正或撤回",
            en="This event has been corrected or withdrawn already",
            fix_zh="请对最新的一条操作。",
            fix_en="Act on the event that superseded it.",
        )


def _other_axis(axis: str) -> Invalid:
    return Invalid(
        "axis_fixed",
        zh="更正不能改变轴",
        en="A correction stays on its axis",
        fix_zh="撤回原条，再在另一轴登记。",
        fix_en="Withdraw it and assert on the other axis.",
        pointer="/axis",
        extra={"legal": [axis]},
    )


# --- by courts ------------------------------------------------------------------------------------------------------


def assert_court_event(session: Session, *, caller: Caller, said: Assertion) -> dict[str, Any]:
    """A court's event under its own 案号. It reaches every case that carries the number, in this transaction, and the
    court learns nothing of them."""
    number = _own_number(caller, said.court_case_number or "")
    queries.hold_numbers(session, [number], shared=False)
    return _record_court(session, caller, number, said)


def correct_court_event(session: Session, *, caller: Caller, event_id: uuid.UUID, said: Assertion) -> dict[str, Any]:
    """A new event in the place of the court's earlier one, under the same number."""
    number = _own_number(caller, said.court_case_number or "")
    queries.hold_numbers(session, [number], shared=False)
    old = queries.get_own_court_event(session, event_id, _court(caller))
    if old.reference != number:
        raise Invalid(
            "case_number_fixed",
            zh="更正不能改变案号",
            en="A correction stays under its case number",
            fix_zh="撤回原条，再以另一案号登记。",
            fix_en="Withdraw it and assert under the other number.",
            pointer="/court_case_number",
        )
    if old.axis != said.axis:
        raise _other_axis(old.axis)
    _check_open(session, CourtEvent, old.id, withdrawn=old.withdrawn)
    return _record_court(session, caller, number, said, supersedes=old.id)


def withdraw_court_event(session: Session, *, caller: Caller, event_id: uuid.UUID, reason: str) -> dict[str, Any]:
    """The court's event stands no more; it and its withdrawal stay on record."""
    old = queries.get_own_court_event(session, event_id, _court(caller))
    queries.hold_numbers(session, [old.reference], shared=False)
    _check_open(session, CourtEvent, old.id, withdrawn=old.withdrawn)
    event = CourtEvent(
        id=ids.new_id(),
        court_id=old.court_id,
        court_code=old.court_code,
        reference=old.reference,
        axis=old.axis,
        status=old.status,
        effective_on=old.effective_on,
        basis=reason,
        supersedes=old.id,
        withdrawn=True,
        recorded_at=clock.now(),
    )
    return _reach(session, caller, event)


def court_events(
    session: Session, *, caller: Caller, number: str | None, after: uuid.UUID | None, limit: int
) -> Sequence[dict[str, Any]]:
    """The court's own events, oldest first, one more than `limit`."""
    normal = disclosure.court_case(number, "/court_case_number")[0] if number is not None else None
    rows = queries.court_events_page(session, _court(caller), normal, after, limit)
    return [answers.court_event_out(row) for row in rows]


def _record_court(
    session: Session, caller: Caller, number: str, said: Assertion, *, supersedes: uuid.UUID | None = None
) -> dict[str, Any]:
    rules.check_court_status(said.axis, said.status)
    now, court_id = clock.now(), _court(caller)
    year = case_numbers.parse(number).year if said.axis == "legal" else None
    rules.check_effective(said.effective_on, clock.today_in_china(), year=year)
    event = CourtEvent(
        id=ids.new_id(),
        court_id=court_id,
        court_code=caller.court_code,
        reference=number,
        axis=said.axis,
        status=said.status,
        effective_on=said.effective_on,
        basis=said.basis,
        supersedes=supersedes,
        withdrawn=False,
        recorded_at=now,
    )
    standing = [other for other in queries.court_standing(session, court_id, number) if other.id != supersedes]
    new = rules.Event(
        event.id, said.axis, said.status, said.effective_on, "court", now, court_id, court_case_number=number
    )
    rules.check_follows(standing, new, COURT_AXES[said.axis])
    return _reach(session, caller, event)


def _reach(session: Session, caller: Caller, event: CourtEvent) -> dict[str, Any]:
    session.add(event)
    session.flush()
    leaves.prove_court_event(session, event)
    with as_registry(session, caller):
        project(session, queries.carriers(session, event.reference), clock.today_in_china(), event.recorded_at)
    return answers.court_event_out(event)


def _own_number(caller: Caller, text: str) -> str:
    number, code = disclosure.court_case(text, "/court_case_number")
    if caller.court_code is None or code != caller.court_code:
        raise Forbidden(
            "another_courts_number",
            zh="案号属于另一法院",
            en="The case number is another court's",
            fix_zh="法院只能以本院案号登记。",
            fix_en="A court asserts under its own case numbers.",
            pointer="/court_case_number",
        )
    return number


def _court(caller: Caller) -> uuid.UUID:
    if caller.member_id is None:
        raise Forbidden
    return caller.member_id


# --- what takes effect by itself ------------------------------------------------------------------------------------


def apply_due_events(session: Session, today: date, limit: int = 500) -> int:
    """A job, as the registry: events dated ahead whose day has come take effect; how many cases. Can run twice."""
    due = queries.due_cases(session, today, limit)
    project(session, due, today, clock.now())
    return len(due)
