"""Decisions on cases, pure: what events make of a case, who may assert what, what may follow, where a case may go.

The tables are in `vocabulary.py`. Times and days are passed in; `today` is the day in Asia/Shanghai.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from gongxin.disclosure.rules import LEGAL_CLASSES, STOP_FLAGS
from gongxin.errors import Conflict, Forbidden, Invalid

from . import vocabulary as words

EARLIEST = date(1980, 1, 1)
DAYS_AHEAD = 366
YEARS_BEFORE_OPENING = 10
MANDATE_YEARS = 10


@dataclass(frozen=True, slots=True)
class Event:
    """One assertion. `known_at`: when it reached the case, for a court's event not before the case carried its 案号;
    `until`: when the case ceased to carry it."""

    id: uuid.UUID
    axis: str
    status: str
    effective_on: date
    source: str
    known_at: datetime
    asserted_by: uuid.UUID | None = None
    claimed: bool = False
    court_case_number: str | None = None
    supersedes: uuid.UUID | None = None
    withdrawn: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """Which event prevails on an axis, and which of a lower source contradict it."""

    event: Event
    against: tuple[Event, ...] = ()
    others: tuple[Event, ...] = ()

    @property
    def contested(self) -> bool:
        return bool(self.against)


@dataclass(frozen=True, slots=True)
class State:
    """What a case's events make of it on one day. `due_on`: the next day on which a known event takes effect."""

    stop_mask: int = 0
    legal_class: int = 0
    contested: bool = False
    closed: bool = False
    due_on: date | None = None
    axes: Mapping[str, Axis] = field(default_factory=dict, compare=False)


# --- what events make of a case -------------------------------------------------------------------------------------


def live(events: Iterable[Event], at: datetime | None = None) -> list[Event]:
    """Those that stand: known at that moment (None: now), superseded by none that was, and not withdrawn."""
    known = [event for event in events if _is_known(event, at)]
    replaced = {event.supersedes for event in known}
    return [event for event in known if event.id not in replaced and not event.withdrawn]


def _is_known(event: Event, at: datetime | None) -> bool:
    if at is None:
        return event.until is None
    return event.known_at <= at and (event.until is None or event.until > at)


def project(standing: Iterable[Event], today: date) -> State:
    """The state on that day. Depends on the set of events alone, never on their order."""
    axes: dict[str, list[Event]] = {}
    ahead: list[date] = []
    for event in standing:
        if event.effective_on > today:
            ahead.append(event.effective_on)
        else:
            axes.setdefault(event.axis, []).append(event)
    moves = axes.pop("placement", [])
    found = {name: _axis(name, events) for name, events in axes.items()}
    flags = {flag for events in axes.values() for flag in _flags(events)}
    collection, legal = found.get("collection"), found.get("legal")
    legal_class = words.LEGAL_CLASS[legal.event.status] if legal else "none"
    if moves:
        found["placement"] = Axis(max(moves, key=lambda event: (event.known_at, event.id.int)))
    return State(
        stop_mask=sum(1 << STOP_FLAGS.index(flag) for flag in flags),
        legal_class=LEGAL_CLASSES.index("bankruptcy" if "bankruptcy_stay" in flags else legal_class),
        contested=any(axis.contested for axis in found.values()),
        closed=collection is not None and collection.event.status in words.CLOSES,
        due_on=min(ahead, default=None),
        axes=found,
    )


def _later(event: Event) -> tuple[date, datetime, int]:
    return event.effective_on, event.known_at, event.id.int


def _axis(name: str, events: Sequence[Event]) -> Axis:
    top = max(events, key=lambda event: (words.RANK[event.source], _later(event)))
    latest: dict[tuple[str, str], Event] = {}
    for event in sorted(events, key=_later):
        latest[event.source, event.status if name in words.ADDITIVE else ""] = event
    if name in words.ADDITIVE:
        also = [event for event in latest.values() if event.status != top.status]
        return Axis(top, (), tuple(sorted(also, key=_later)))
    others = [event for event in latest.values() if event.source != top.source]
    # What a lower source said before the prevailing word is history; what it says after contradicts it.
    against = [e for e in events if e.source != top.source and e.status != top.status and _later(e) > _later(top)]
    return Axis(top, tuple(sorted(against, key=_later)), tuple(sorted(others, key=_later)))


def _flags(events: Sequence[Event]) -> Iterable[str]:
    for event in events:
        flag, released_by = words.FLAGS.get((event.axis, event.status), ("", ()))
        if flag and not any(other.status in released_by and _may_end(other, event) for other in events):
            yield flag


def _may_end(other: Event, event: Event) -> bool:
    """Later, and by the same asserter or a higher source."""
    by_same = other.source == event.source and other.asserted_by == event.asserted_by
    return _later(other) > _later(event) and (by_same or words.RANK[other.source] > words.RANK[event.source])


def standing_of(event: Event, state: State) -> tuple[bool, bool]:
    """(prevails, contested) of one event in a state."""
    axis = state.axes.get(event.axis)
    if axis is None:
        return False, False
    prevails = axis.event.id == event.id
    return prevails, axis.contested if prevails else any(other.id == event.id for other in axis.against)


# --- who may assert what, and when ----------------------------------------------------------------------------------


def assertable(kind: str, axis: str) -> list[str]:
    """What a member of this kind may assert on the axis; on the legal axis the rest as claims."""
    if axis == "legal":
        return list(words.STATUSES[axis])
    known = {s for source in words.CAPACITIES.get(kind, ()) for s in words.ASSERTABLE[source].get(axis, ())}
    return [status for status in words.STATUSES[axis] if status in known]


def capacity(kind: str, axis: str, status: str) -> tuple[str, bool]:
    """(source, claimed) in which a member of this kind asserts the status. Raises Invalid or Forbidden with `legal`."""
    legal = assertable(kind, axis)
    if status not in words.STATUSES[axis]:
        raise unknown_status(legal)
    for source in words.CAPACITIES[kind]:
        if status in words.ASSERTABLE[source].get(axis, ()):
            return source, False
    if axis == "legal":
        return words.CAPACITIES[kind][0], True
    raise Forbidden(
        "not_assertable",
        zh="该类机构不能登记此状态",
        en="Members of this kind may not assert this status",
        fix_zh="可登记的状态列于 legal；其余由知情方登记。",
        fix_en="What you may assert is listed in legal; the rest is for whoever knows it.",
        pointer="/status",
        extra={"legal": legal},
    )


def check_court_status(axis: str, status: str) -> None:
    """A court asserts by 案号 on three axes. Raises Invalid with `legal`."""
    if axis not in words.COURT_AXES:
        raise Invalid(
            "axis_not_for_courts",
            zh="法院不在此轴登记",
            en="Courts do not assert on this axis",
            fix_zh="可用的轴列于 legal。",
            fix_en="The axes you may use are listed in legal.",
            pointer="/axis",
            extra={"legal": list(words.COURT_AXES)},
        )
    if status not in words.COURT_AXES[axis]:
        raise unknown_status(list(words.COURT_AXES[axis]))


def unknown_status(legal: list[str]) -> Invalid:
    return Invalid(
        "unknown_status",
        zh="该轴没有这个状态",
        en="The axis has no such status, or not for you",
        fix_zh="可登记的状态列于 legal。",
        fix_en="What you may assert is listed in legal.",
        pointer="/status",
        extra={"legal": legal},
    )


def check_follows(standing: Iterable[Event], new: Event, allowed: Collection[str]) -> None:
    """The same asserter's word before this one lets it follow; under a 案号, its word on that number. Raises Conflict
    with `legal`, which holds only what this asserter is allowed."""
    before = [
        event
        for event in standing
        if (event.axis, event.source, event.asserted_by, event.claimed)
        == (new.axis, new.source, new.asserted_by, new.claimed)
        and (new.axis != "legal" or event.court_case_number == new.court_case_number)
        and event.effective_on <= new.effective_on
    ]
    if not before:
        return
    last = max(before, key=_later)
    follows = words.FOLLOWS[new.axis].get(last.status, words.STATUSES[new.axis])
    if new.status not in follows:
        raise Conflict(
            "illegal_transition",
            zh="此状态不能接在前一状态之后",
            en="This status does not follow the one before",
            fix_zh="可接续的状态列于 legal；登记有误时请更正或撤回前一条。",
            fix_en="What may follow is listed in legal; where the one before is wrong, correct or withdraw it.",
            pointer="/status",
            extra={"legal": [status for status in follows if status in allowed]},
        )


def check_effective(effective_on: date, today: date, *, opened_on: date | None = None, year: int | None = None) -> None:
    """Neither absurdly early nor more than a year ahead. `year`: of the 案号 that a legal event stands on."""
    earliest = EARLIEST
    if opened_on is not None:
        earliest = max(earliest, date(max(opened_on.year - YEARS_BEFORE_OPENING, 1), 1, 1))
    if year is not None:
        earliest = max(earliest, date(min(max(year, 1), 9999), 1, 1))
    latest = today + timedelta(days=DAYS_AHEAD)
    if not earliest <= effective_on <= latest:
        raise Invalid(
            "effective_date_out_of_range",
            zh="生效日期不合理",
            en="The effective date is out of range",
            fix_zh=f"应在 {earliest} 与 {latest} 之间。",
            fix_en=f"Give a day between {earliest} and {latest}.",
            pointer="/effective_on",
        )


# --- placement ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """Where a case stands after an action."""

    placement: str
    agency_id: uuid.UUID | None
    mandate_until: date | None


def legal_actions(who: str, placement: str, closed: bool) -> list[str]:
    """What this party may do with a case in this placement."""
    return [
        action
        for action, (by, origins, _) in words.ACTIONS.items()
        if by == who and placement in origins and (not closed or action in words.AFTER_CLOSING)
    ]


def check_move_fields(action: str, agency_id: uuid.UUID | None, mandate_until: date | None, today: date) -> None:
    """Each action has the fields it needs and no others. Raises Invalid at the field."""
    if (agency_id is not None) != (action == "assign"):
        raise Invalid(
            "agency_id_for_assign",
            zh="agency_id 须随且仅随 assign 给出",
            en="agency_id goes with assign, and with nothing else",
            fix_zh="委托时写明受托机构，其他操作不写。",
            fix_en="Name the agency when assigning, and only then.",
            pointer="/agency_id",
        )
    if (mandate_until is None and action == "hold_over") or (mandate_until is not None and action not in _WITH_MANDATE):
        raise Invalid(
            "mandate_until_for_mandates",
            zh="留案须写明新的委托期限，委托可写，其他操作不写",
            en="hold_over needs mandate_until, assign may have it, nothing else does",
            fix_zh="留案时给出新的委托期限。",
            fix_en="Give the new end of the mandate when holding over.",
            pointer="/mandate_until",
        )
    if mandate_until is not None and not today <= mandate_until <= today + timedelta(days=366 * MANDATE_YEARS):
        raise Invalid(
            "mandate_out_of_range",
            zh="委托期限不合理",
            en="The end of the mandate is out of range",
            fix_zh=f"应不早于今日，且在 {MANDATE_YEARS} 年之内。",
            fix_en=f"Give a day from today on, within {MANDATE_YEARS} years.",
            pointer="/mandate_until",
        )


_WITH_MANDATE = ("assign", "hold_over")


def move(
    who: str,
    action: str,
    *,
    placement: str,
    closed: bool,
    agency_id: uuid.UUID | None,
    mandate_until: date | None,
    to_agency: uuid.UUID | None = None,
    to_mandate: date | None = None,
) -> Move:
    """The case after the action. Raises Conflict with the list of legal ones."""
    legal = legal_actions(who, placement, closed)
    if action not in legal:
        raise Conflict(
            "illegal_transition",
            zh="案件当前状态下不能进行此操作",
            en="The case, as it stands, does not allow this action by you",
            fix_zh="可进行的操作列于 legal。",
            fix_en="What you may do is listed in legal.",
            pointer="/action",
            extra={"legal": legal, "placement": placement},
        )
    target = words.ACTIONS[action][2]
    if target not in words.HELD:
        return Move(target, None, None)
    return Move(target, to_agency or agency_id, to_mandate if action in _WITH_MANDATE else mandate_until)
