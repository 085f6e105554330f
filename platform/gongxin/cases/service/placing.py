"""Placement: who works a case. Each action is an event on the placement axis too, so that the history is whole."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import GongxinError, Invalid, NotFound, Stale
from gongxin.web import etags, ndjson
from gongxin.web.caller import Caller

from .. import answers, lines, queries, rules, writes
from ..lines import NewMove
from ..models import Case
from ..vocabulary import HELD
from .projecting import as_registry
from .reading import describe

# What must be so before a case is assigned, asked of parts above this one: (creditor, agency) → a warning, None, or a
# refusal raised. They add themselves as the application is put together.
PLACEMENT_CHECKS: list[Callable[[Session, uuid.UUID, uuid.UUID], str | None]] = []


def place(
    session: Session, *, caller: Caller, asked: NewMove, if_match: Collection[int] | None
) -> tuple[str, dict[str, Any]]:
    """(ETag, the case after the action), as the caller last saw it: an agency that declines sees it no more.
    Raises Stale where the case has changed since any of the versions in `if_match`; None matches all."""
    now, today = clock.now(), clock.today_in_china()
    rules.check_move_fields(asked.action, asked.agency_id, asked.mandate_until, today)
    _check_agencies(asked.agency_id, _active(session, [asked]))
    case = queries.get_case(session, asked.case_id, lock=True)
    who = _who(case, caller)
    if if_match is not None and case.version not in if_match:
        raise Stale(extra={"version": case.version})
    target = _target(case, who, asked)
    warnings = _check_placement(session, case, asked, {})
    answer = describe(session, case)
    event = _event(case, target, who, asked.reason)
    writes.insert_moves(session, [event], asserted_by=caller.member_id, today=today, now=now)
    with as_registry(session, caller):
        writes.update_placements(session, [_row(case, target)], now)
        session.refresh(case)
        answer |= answers.placed(case)
    if warnings:
        answer["warnings"] = list(warnings)
    return etags.tag(case.version), answer


def place_bulk(
    session: Session, *, caller: Caller, bodies: Sequence[bytes], max_depth: int
) -> list[tuple[uuid.UUID | None, int | None, GongxinError | None]]:
    """(case, new version, refusal) of each line; a refused line hinders no other."""
    now, today = clock.now(), clock.today_in_china()
    found, wanted = _read(bodies, max_depth, today)
    agencies = _active(session, [asked for _, asked in wanted])
    cases = queries.lock_cases(session, [asked.case_id for _, asked in wanted])
    events, moved = [], []
    known: dict[tuple[uuid.UUID, uuid.UUID], tuple[str, ...]] = {}
    for at, asked in wanted:
        try:
            _check_agencies(asked.agency_id, agencies)
            case = _held(cases, asked)
            who = _who(case, caller)
            target = _target(case, who, asked)
            _check_placement(session, case, asked, known)
        except GongxinError as refusal:
            found[at] = (asked.case_id, None, refusal)
        else:
            events.append(_event(case, target, who, asked.reason))
            moved.append(_row(case, target))
            found[at] = (asked.case_id, case.version + 1, None)
    if moved:
        writes.insert_moves(session, events, asserted_by=caller.member_id, today=today, now=now)
        with as_registry(session, caller):
            writes.update_placements(session, moved, now)
    return found


def expire_mandates(session: Session, today: date, limit: int = 500) -> int:
    """A job, as the registry: placed cases whose mandate has ended expire; how many. Can run twice."""
    now = clock.now()
    expired = queries.expired_mandates(session, today, limit)
    if not expired:
        return 0
    targets = [(case, _move(case, "registry", "expire")) for case in expired]
    events = [_event(case, target, "registry", None) for case, target in targets]
    writes.insert_moves(session, events, asserted_by=None, today=today, now=now)
    writes.update_placements(session, [_row(case, target) for case, target in targets], now)
    return len(expired)


Found = list[tuple[uuid.UUID | None, int | None, GongxinError | None]]


def _read(bodies: Sequence[bytes], max_depth: int, today: date) -> tuple[Found, list[tuple[int, NewMove]]]:
    found: Found = []
    wanted: list[tuple[int, NewMove]] = []
    seen: set[uuid.UUID] = set()
    for at, body in enumerate(bodies):
        case_id = None
        try:
            asked = lines.new_move(ndjson.parse(body, max_depth))
            case_id = asked.case_id
            rules.check_move_fields(asked.action, asked.agency_id, asked.mandate_until, today)
            if case_id in seen:
                raise lines.repeated("/case_id")
        except GongxinError as refusal:
            found.append((case_id, None, refusal))
        else:
            seen.add(case_id)
            found.append((case_id, None, None))
            wanted.append((at, asked))
    return found, wanted


def _held(cases: Mapping[uuid.UUID, Case], asked: NewMove) -> Case:
    case = cases.get(asked.case_id)
    if case is None:
        raise NotFound("case_not_found", zh="没有这个案件", en="There is no such case")
    if asked.version is not None and asked.version != case.version:
        raise Stale(pointer="/version", extra={"version": case.version})
    return case


def _who(case: Case, caller: Caller) -> str:
    if case.creditor_id == caller.member_id:
        return "creditor"
    if case.agency_id == caller.member_id and case.placement in HELD:
        return "agency"
    raise NotFound("case_not_found", zh="没有这个案件", en="There is no such case")


def _active(session: Session, moves: Sequence[NewMove]) -> set[uuid.UUID]:
    return queries.active_members(session, {m.agency_id for m in moves if m.agency_id is not None}, "agency")


def _check_agencies(agency_id: uuid.UUID | None, active: set[uuid.UUID]) -> None:
    if agency_id is not None and agency_id not in active:
        raise Invalid(
            "agency_not_found",
            zh="没有这家在册的受托机构",
            en="There is no such active agency",
            fix_zh="按机构名录核对 agency_id；暂停或退出的机构不能受托。",
            fix_en="Check agency_id against the directory; a suspended agency takes no cases.",
            pointer="/agency_id",
        )


def _check_placement(
    session: Session, case: Case, asked: NewMove, known: dict[tuple[uuid.UUID, uuid.UUID], tuple[str, ...]]
) -> tuple[str, ...]:
    """Warnings on assigning to this agency; `known` keeps them by pair."""
    if asked.action != "assign" or asked.agency_id is None:
        return ()
    pair = (case.creditor_id, asked.agency_id)
    if pair not in known:
        told = [check(session, *pair) for check in PLACEMENT_CHECKS]
        known[pair] = tuple(warning for warning in told if warning is not None)
    return known[pair]


def _target(case: Case, who: str, asked: NewMove) -> rules.Move:
    return _move(case, who, asked.action, asked.agency_id, asked.mandate_until)


def _move(
    case: Case, who: str, action: str, to_agency: uuid.UUID | None = None, to_mandate: date | None = None
) -> rules.Move:
    return rules.move(
        who,
        action,
        placement=case.placement,
        closed=case.closed,
        agency_id=case.agency_id,
        mandate_until=case.mandate_until,
        to_agency=to_agency,
        to_mandate=to_mandate,
    )


def _event(case: Case, target: rules.Move, source: str, reason: str | None) -> tuple[Any, ...]:
    agency = target.agency_id or case.agency_id
    return ids.new_id(), case.id, target.placement, source, reason, agency, target.mandate_until


def _row(case: Case, target: rules.Move) -> tuple[Any, ...]:
    return case.id, target.placement, target.agency_id, target.mandate_until
