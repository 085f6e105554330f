"""What the log holds of events: one leaf each, under the event's own identifier. A correction or withdrawal is a leaf
of its own that names what it supersedes. Registering a case is no event and has no leaf."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from gongxin.transparency import service as transparency

from .models import CaseEvent, CourtEvent


def prove_event(session: Session, event: CaseEvent) -> None:
    """What was asserted on a case, by whom and on what basis."""
    transparency.append(
        session,
        kind="case_event",
        record={
            **_common(event),
            "asserted_by": str(event.asserted_by),
            "case_id": str(event.case_id),
            "claimed": event.claimed,
            "court_case_number": event.court_case_number,
            "source": event.source,
        },
        leaf_id=event.id,
        owner=event.asserted_by,
    )


def prove_court_event(session: Session, event: CourtEvent) -> None:
    """What a court asserted under its number."""
    transparency.append(
        session,
        kind="court_event",
        record={**_common(event), "court_case_number": event.reference, "court_id": str(event.court_id)},
        leaf_id=event.id,
        owner=event.court_id,
    )


def prove_moves(
    session: Session, rows: Sequence[tuple[Any, ...]], *, asserted_by: uuid.UUID | None, today: date, now: datetime
) -> None:
    """Placements, as `writes.insert_moves` stores them."""
    day, moment, by = today.isoformat(), transparency.moment(now), str(asserted_by) if asserted_by else None
    transparency.append_many(
        session,
        kind="case_event",
        records=[
            {
                "agency_id": str(agency) if agency else None,
                "asserted_by": by,
                "axis": "placement",
                "basis": basis,
                "case_id": str(case_id),
                "effective_on": day,
                "event_id": str(event_id),
                "mandate_until": mandate.isoformat() if mandate else None,
                "recorded_at": moment,
                "source": source,
                "status": status,
            }
            for event_id, case_id, status, source, basis, agency, mandate in rows
        ],
        leaf_ids=[row[0] for row in rows],
        owner=asserted_by,
    )


def _common(event: CaseEvent | CourtEvent) -> dict[str, Any]:
    return {
        "axis": event.axis,
        "basis": event.basis,
        "effective_on": event.effective_on.isoformat(),
        "event_id": str(event.id),
        "recorded_at": transparency.moment(event.recorded_at),
        "status": event.status,
        "supersedes": str(event.supersedes) if event.supersedes else None,
        "withdrawn": event.withdrawn,
    }
