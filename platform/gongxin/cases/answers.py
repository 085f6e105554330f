"""Cases, events and states as they go over the wire."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from gongxin.disclosure.rules import LEGAL_CLASSES, flags_of

from .models import Case, CaseEvent, CaseReference, CourtEvent
from .rules import Axis, Event, State, standing_of
from .vocabulary import STATUSES


def moment(at: datetime) -> str:
    """RFC 3339, UTC, microseconds: an `as_of` of this very text includes what was recorded then."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def case_out(case: Case, references: Iterable[CaseReference]) -> dict[str, Any]:
    return {
        "case_id": str(case.id),
        "creditor_id": str(case.creditor_id),
        "creditor_ref": case.creditor_ref,
        "agency_id": str(case.agency_id) if case.agency_id else None,
        "placement": case.placement,
        "opened_on": case.opened_on.isoformat(),
        "closed": case.closed,
        "mandate_until": case.mandate_until.isoformat() if case.mandate_until else None,
        "stop_flags": flags_of(case.stop_mask),
        "legal_class": LEGAL_CLASSES[case.legal_class],
        "contested": case.contested,
        "references": [{"kind": item.kind, "reference": item.reference} for item in references],
        "version": case.version,
        "created_at": moment(case.created_at),
        "updated_at": moment(case.updated_at),
    }


def placed(case: Case) -> dict[str, Any]:
    """What a placement changes in `case_out`."""
    return {
        "agency_id": str(case.agency_id) if case.agency_id else None,
        "placement": case.placement,
        "mandate_until": case.mandate_until.isoformat() if case.mandate_until else None,
        "version": case.version,
        "updated_at": moment(case.updated_at),
    }


def event_out(event: Any, state: State) -> dict[str, Any]:
    """An event as history reads it: `event` is a row of `queries.history_page`."""
    prevails, contested = standing_of(event, state)
    return {
        "event_id": str(event.id),
        "case_id": str(event.case_id),
        "axis": event.axis,
        "status": event.status,
        "effective_on": event.effective_on.isoformat(),
        "source": event.source,
        "asserted_by": str(event.asserted_by) if event.asserted_by else None,
        "claimed": event.claimed,
        "contested": contested,
        "prevails": prevails,
        "basis": event.basis,
        "court_case_number": event.court_case_number,
        "supersedes": str(event.supersedes) if event.supersedes else None,
        "withdrawn": event.withdrawn,
        "recorded_at": moment(event.known_at),
    }


def own_event_out(event: CaseEvent, state: State) -> dict[str, Any]:
    """The same, of an event just asserted."""
    return event_out(_Recorded(event), state)


class _Recorded:
    """A row of `case_events` under the names that history uses."""

    def __init__(self, event: CaseEvent) -> None:
        self.event = event

    def __getattr__(self, name: str) -> Any:
        return getattr(self.event, "recorded_at" if name == "known_at" else name)


def court_event_out(event: CourtEvent) -> dict[str, Any]:
    return {
        "court_event_id": str(event.id),
        "court_case_number": event.reference,
        "axis": event.axis,
        "status": event.status,
        "effective_on": event.effective_on.isoformat(),
        "basis": event.basis,
        "supersedes": str(event.supersedes) if event.supersedes else None,
        "withdrawn": event.withdrawn,
        "recorded_at": moment(event.recorded_at),
    }


def status_out(case: Case, at: datetime, state: State, created_on: date) -> dict[str, Any]:
    """The case as of a moment. A case that no action has moved is a draft of its creditor."""
    draft = {"status": "draft", "effective_on": created_on.isoformat(), "source": "creditor", "claimed": False}
    axes = {"placement": draft | {"contested": False, "others": []}}
    axes |= {name: _axis(state.axes[name]) for name in STATUSES if name in state.axes}
    return {
        "case_id": str(case.id),
        "as_of": moment(at),
        "axes": axes,
        "stop_flags": flags_of(state.stop_mask),
        "legal_class": LEGAL_CLASSES[state.legal_class],
        "contested": state.contested,
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return _word(axis.event) | {"contested": axis.contested, "others": [_word(event) for event in axis.others]}


def _word(event: Event) -> dict[str, Any]:
    return {
        "status": event.status,
        "effective_on": event.effective_on.isoformat(),
        "source": event.source,
        "claimed": event.claimed,
    }
