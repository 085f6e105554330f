"""The verbs: emit, sequence, erase, forget. Verbs flush, never commit; an event is as durable as what it tells."""

import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.db import NOBODY
from gongxin.transparency import erasing

from . import queries
from .types import ERASED, TYPES, VERIFY

PORTION = 1000
MAX_DATA_BYTES = 8192
KEEP_DAYS = 400


def emit(
    session: Session, *, type: str, object_id: uuid.UUID, data: Mapping[str, Any], to: Collection[uuid.UUID]
) -> uuid.UUID:
    """One event about one object, in the caller's transaction: no lock, no queue. `to`: the members that may read it,
    everybody with the type's scope where empty. Raises ValueError for what the table of types does not allow: that is
    a fault of the code, not of a caller. `data` names no person and holds nothing the type's row does not list."""
    row = TYPES.get(type)
    if row is None or type in (ERASED, VERIFY):
        raise ValueError(f"{type} is no type of event that can be emitted; add its row to delivery/types.py")
    more = data.keys() - row.fields
    if more:
        raise ValueError(f"{type}: its row does not list {', '.join(sorted(more))}")
    return _write(session, type=type, scope=row.scope, object_id=object_id, data=data, to=to)


def _write(
    session: Session,
    *,
    type: str,
    scope: str,
    object_id: uuid.UUID,
    data: Mapping[str, Any],
    to: Collection[uuid.UUID],
) -> uuid.UUID:
    event_id = ids.new_id()
    told = orjson.dumps(data, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    if len(told) > MAX_DATA_BYTES:
        raise ValueError(f"{type}: more than {MAX_DATA_BYTES} bytes of data")
    head = {"id": str(event_id), "type": type, "timestamp": moment(clock.now()), "object_id": str(object_id)}
    body = orjson.dumps(head)[:-1] + b',"data":' + told + b"}"
    queries.emit(
        session,
        event_id=event_id,
        type=type,
        scope=scope,
        object_id=object_id,
        body=body.decode(),
        audience=sorted(set(to)),
    )
    return event_id


def moment(at: datetime) -> str:
    """RFC 3339 in UTC to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sequence(session: Session, _config: Config, limit: int = PORTION) -> int:
    """Gives waiting events their positions; how many. A job: can run in many processes at once, for the database lets
    one at a time."""
    return queries.sequence(session, limit, clock.now())


def erase(session: Session, *, object_id: uuid.UUID, object_type: str) -> uuid.UUID | None:
    """Blanks every event told of an object and tells those who were told that it is erased. None where nobody was."""
    scope, told = queries.erase(session, object_id)
    if scope is None:
        return None
    to = [] if NOBODY in told else told
    return _write(session, type=ERASED, scope=scope, object_id=object_id, data={"object_type": object_type}, to=to)


def forget_record(session: Session, leaf_id: uuid.UUID) -> None:
    """A record of the log was erased: what was told of it, waiting or told, is blanked too. Events carry their object's
    id, which is its leaf's."""
    erase(session, object_id=leaf_id, object_type="record")


erasing.FOLLOWERS.append(forget_record)


def forget(session: Session, _config: Config) -> int:
    """Deletes events past their keeping; whoever still needs them takes a snapshot. A job."""
    return queries.forget(session, clock.now() - timedelta(days=KEEP_DAYS), PORTION)
