"""Every SELECT of delivery, and the calls of its database functions. The feed is the hot path: one statement."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin.db import one_value

_EMIT = text("select delivery_emit(:id, :type, :scope, :object, :body, cast(:audience as uuid[]))")
_CHANGES = b"select delivery_changes($1, $2, $3, $4, $5)"


def emit(
    session: Session,
    *,
    event_id: uuid.UUID,
    type: str,
    scope: str,
    object_id: uuid.UUID,
    body: str,
    audience: Collection[uuid.UUID],
) -> None:
    """Lets an event wait for its position."""
    session.execute(
        _EMIT,
        {"id": event_id, "type": type, "scope": scope, "object": object_id, "body": body, "audience": list(audience)},
    )


def sequence(session: Session, limit: int, now: datetime) -> int:
    """Gives up to `limit` waiting events their positions; 0 too while another transaction does."""
    found: int = session.execute(
        text("select delivery_sequence(:limit, :now)"), {"limit": limit, "now": now}
    ).scalar_one()
    return found


def erase(session: Session, object_id: uuid.UUID) -> tuple[str | None, list[uuid.UUID]]:
    """Blanks what was told of an object: the scope that read it, and who was told."""
    scope, audience = session.execute(
        text("select scope, audience from delivery_erase(:object)"), {"object": object_id}
    ).one()
    return scope, audience or []


def forget(session: Session, before: datetime, limit: int) -> int:
    """Deletes up to `limit` events placed before this instant; how many."""
    found: int = session.execute(
        text("select delivery_forget(:before, :limit)"), {"before": before, "limit": limit}
    ).scalar_one()
    return found


def changes(
    engine: Engine, member_id: uuid.UUID, after: int, types: Sequence[str], scopes: Sequence[str], limit: int
) -> bytes:
    """What `delivery_changes` says: `unknown`, `gone`, or the next position, t or f, and a JSON array of events."""
    return one_value(engine, _CHANGES, (member_id, after, _names(types), _names(scopes), limit))


def _names(values: Sequence[str]) -> str:
    return "{" + ",".join(values) + "}"
