"""The projection: what a case's events make of it, stored with the case in the transaction of the event.

It is written as the registry, whoever the caller is: a court's event moves cases that the court may not see, and an
agency that declines ceases to see the case by that very act. What is done in here answers nothing.
"""

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy.orm import Session

from gongxin.db import name_caller
from gongxin.web.caller import Caller

from .. import queries, rules, writes


@contextmanager
def as_registry(session: Session, caller: Caller) -> Iterator[None]:
    """The transaction acts as the registry inside, and as the caller again after. A refusal inside ends the request, so
    nothing is put back then."""
    session.flush()
    name_caller(session, None, "registry")
    yield
    session.flush()
    name_caller(session, caller.member_id, caller.kind)


def project(session: Session, case_ids: Collection[uuid.UUID], today: date, now: datetime) -> None:
    """Recomputes and stores the state of these cases. Many cases under one 案号 mostly have the same events, so each
    set of events is decided once."""
    if not case_ids:
        return
    held = queries.lock_projections(session, case_ids)
    events = queries.standing_events(session, case_ids)
    decided: dict[frozenset[uuid.UUID], rules.State] = {}
    changed = []
    for row in held:
        standing = events.get(row.id, [])
        key = frozenset(event.id for event in standing)
        state = decided.get(key)
        if state is None:
            state = decided[key] = rules.project(standing, today)
        new = (state.stop_mask, state.legal_class, state.contested, state.closed)
        seen = new != (row.stop_mask, row.legal_class, row.contested, row.closed)
        if seen or state.due_on != row.due_on:
            changed.append((row.id, *new, state.due_on, seen))
    if changed:
        writes.update_projections(session, changed, now)
