"""Erasing an event: every version of it goes, for a correction alone would bring back what it corrected; then the state
of its cases is made anew from what stands."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.transparency import erasing

from .. import queries
from .projecting import project


@contextmanager
def _event(session: Session, event_id: uuid.UUID) -> Iterator[Sequence[uuid.UUID]]:
    versions, case_ids = queries.versions_of(session, event_id)
    yield versions
    project(session, case_ids, clock.today_in_china(), clock.now())


erasing.ERASERS |= {"case_event": _event, "court_event": _event}
