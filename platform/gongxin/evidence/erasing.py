"""Erasing evidence: its whole custody goes with it, the last event first."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.orm import Session

from gongxin.transparency import erasing

from . import queries


@contextmanager
def _evidence(session: Session, evidence_id: uuid.UUID) -> Iterator[Sequence[uuid.UUID]]:
    events = queries.custody(session, evidence_id)[1:]
    yield [*(event.id for event in reversed(events)), evidence_id]


@contextmanager
def _batch(session: Session, batch_id: uuid.UUID) -> Iterator[Sequence[uuid.UUID]]:
    yield [*queries.batch_custody_ids(session, batch_id), batch_id]


erasing.ERASERS |= {"evidence": _evidence, "evidence_batch": _batch}
