"""Every SELECT of delivery, and the calls of its database functions. The feed is the hot path: one statement."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, func, select, text
from sqlalchemy.orm import Session

from gongxin.db import one_value
from gongxin.errors import NotFound
from gongxin.web.caller import Admission

from .models import DeliveryAck, DeliveryEndpoint, DeliverySend

_EMIT = text("select delivery_emit(:id, :type, :scope, :object, :body, cast(:audience as uuid[]))")
_HEAD = b"select delivery_head()"
_CHANGES = b"select delivery_changes($1, $2, $3, $4, $5)"
_ADMITTED = b"select delivery_admitted_changes($1, $2, $3, $4, $5, $6, $7, $8, $9)"


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


def admitted_changes(
    engine: Engine,
    admission: Admission,
    member_id: uuid.UUID,
    after: int,
    types: Sequence[str],
    scopes: Sequence[str],
    limit: int,
) -> bytes:
    """The same in the statement that admits the caller. Raises Unauthenticated where it does not."""
    parameters = (*admission.parameters, member_id, after, _names(types), _names(scopes), limit)
    said = one_value(engine, _ADMITTED, parameters)
    if said.startswith(b"refused "):
        admission.judge(int(said[8:]))
    return said


def head(engine: Engine) -> int:
    """The position of the newest event; 0 before the first."""
    return int(one_value(engine, _HEAD, ()))


def _names(values: Sequence[str]) -> str:
    return "{" + ",".join(values) + "}"


# --- endpoints ------------------------------------------------------------------------------------------------------


def get_endpoint(session: Session, endpoint_id: uuid.UUID, *, lock: bool = False) -> DeliveryEndpoint:
    """An endpoint of the caller's own that is not removed. Raises NotFound."""
    wanted = select(DeliveryEndpoint).where(DeliveryEndpoint.id == endpoint_id, DeliveryEndpoint.state != "removed")
    if lock:
        wanted = wanted.with_for_update(key_share=True)
    found = session.scalars(wanted.execution_options(populate_existing=True)).first()
    if found is None:
        raise NotFound("endpoint_not_found", zh="没有这个端点", en="There is no such endpoint")
    return found


def endpoints(session: Session, after: uuid.UUID | None, limit: int) -> Sequence[DeliveryEndpoint]:
    """The caller's own, oldest first, one more than `limit`."""
    wanted = select(DeliveryEndpoint).where(DeliveryEndpoint.state != "removed")
    if after is not None:
        wanted = wanted.where(DeliveryEndpoint.id > after)
    return session.scalars(wanted.order_by(DeliveryEndpoint.id).limit(limit + 1)).all()


def endpoint_count(session: Session, member_id: uuid.UUID) -> int:
    """How many the member has that are not removed."""
    return session.scalar(
        select(func.count())
        .select_from(DeliveryEndpoint)
        .where(DeliveryEndpoint.member_id == member_id, DeliveryEndpoint.state != "removed")
    ) or 0  # fmt: skip


def sends(
    session: Session, endpoint_id: uuid.UUID, state: str | None, before: int | None, limit: int
) -> Sequence[DeliverySend]:
    """What an endpoint of the caller's own was or is owed, newest first, one more than `limit`."""
    wanted = select(DeliverySend).where(DeliverySend.endpoint_id == endpoint_id)
    if state is not None:
        wanted = wanted.where(DeliverySend.state == state)
    if before is not None:
        wanted = wanted.where(DeliverySend.position < before)
    return session.scalars(wanted.order_by(DeliverySend.position.desc()).limit(limit + 1)).all()


# --- what a sender does; each its own transaction -------------------------------------------------------------------

_CLAIM = text(
    """
    update delivery_endpoints set lease = :lease, leased_until = :until, due_at = null
    where id = (
        select p.id from delivery_endpoints p
        where p.state in ('active', 'unverified') and (p.failures = 0 or not :healthy)
            and (p.lease is null and p.due_at <= :now or p.leased_until < :now)
        order by p.due_at limit 1 for no key update skip locked
    )
    returning *
    """
)
# Due, and behind nothing of the same object that is not: what failed holds up its object alone.
_OWED = text(
    """
    select s.position, s.event_id, s.object_id, s.attempts, s.first_at, e.type, e.body
    from delivery_sends s join delivery_events e on e.position = s.position
    where s.endpoint_id = :endpoint and s.state = 'waiting' and s.next_at <= :now
        and not exists (
            select from delivery_sends b where b.endpoint_id = s.endpoint_id and b.object_id = s.object_id
                and b.state = 'waiting' and b.next_at > :now and b.position < s.position
        )
    order by s.position limit :limit
    """
)
_RECORD = text(
    """
    with held as (
        update delivery_endpoints set leased_until = :until, failures = :failures, hold_until = :hold
        where id = :endpoint and lease = :lease and state = 'active' returning id
    )
    update delivery_sends s set state = :state, attempts = s.attempts + 1, next_at = :next,
        first_at = coalesce(s.first_at, :now), last_at = :now, outcome = :outcome
    from held where s.endpoint_id = held.id and s.position = :position and s.state = 'waiting' returning 1
    """
)


def claim(session: Session, *, lease: uuid.UUID, until: datetime, now: datetime, healthy: bool) -> Row[Any] | None:
    """An endpoint with something due that no other sender has; `healthy`: only one that took the last call."""
    return session.execute(_CLAIM, {"lease": lease, "until": until, "now": now, "healthy": healthy}).first()


def owed(session: Session, endpoint_id: uuid.UUID, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """What may be sent to an endpoint now, in order."""
    return session.execute(_OWED, {"endpoint": endpoint_id, "now": now, "limit": limit}).all()


def record(session: Session, **values: Any) -> bool:
    """How an attempt went; False where the lease is no longer this sender's: then somebody else has the endpoint."""
    return session.execute(_RECORD, values).first() is not None


def lock_leased(session: Session, endpoint_id: uuid.UUID, lease: uuid.UUID) -> DeliveryEndpoint | None:
    """The endpoint, held until the transaction ends; None where the lease is another's."""
    return session.scalars(
        select(DeliveryEndpoint)
        .where(DeliveryEndpoint.id == endpoint_id, DeliveryEndpoint.lease == lease)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).first()


def next_due(session: Session, endpoint_id: uuid.UUID, now: datetime) -> datetime | None:
    """When there is something to send to an endpoint; None where there is nothing. Called with the endpoint locked."""
    if owed(session, endpoint_id, now, 1):
        return now
    return session.scalar(
        select(func.min(DeliverySend.next_at)).where(
            DeliverySend.endpoint_id == endpoint_id, DeliverySend.state == "waiting", DeliverySend.next_at > now
        )
    )


# --- what an operator sees --------------------------------------------------------------------------------------------


def dead(session: Session, endpoint_id: uuid.UUID | None, limit: int) -> Sequence[DeliverySend]:
    """Dead letters, oldest first."""
    wanted = select(DeliverySend).where(DeliverySend.state == "dead")
    if endpoint_id is not None:
        wanted = wanted.where(DeliverySend.endpoint_id == endpoint_id)
    return session.scalars(wanted.order_by(DeliverySend.endpoint_id, DeliverySend.position).limit(limit)).all()


def figures(session: Session, now: datetime) -> Row[Any]:
    """waiting, events, owed, dead, overdue_seconds, endpoints, failing."""
    return session.execute(
        text(
            """
            select (select count(*) from delivery_waiting) as waiting,
                (select coalesce(max(position), 0) from delivery_events) as events,
                (select count(*) from delivery_sends where state = 'waiting') as owed,
                (select count(*) from delivery_sends where state = 'dead') as dead,
                (select coalesce(extract(epoch from :now - min(due_at)), 0)::float8 from delivery_endpoints
                    where due_at <= :now and state = 'active' and lease is null) as overdue_seconds,
                (select count(*) from delivery_endpoints where state = 'active') as endpoints,
                (select count(*) from delivery_endpoints where state = 'active' and failures > 0) as failing
            """
        ),
        {"now": now},
    ).one()


def readable(session: Session, event_id: uuid.UUID, member_id: uuid.UUID) -> bool:
    """Whether this event was told to this member."""
    found: bool = session.execute(
        text("select delivery_readable(:event, :member)"), {"event": event_id, "member": member_id}
    ).scalar_one()
    return found


def find_ack(session: Session, event_id: uuid.UUID, member_id: uuid.UUID) -> DeliveryAck | None:
    return session.get(DeliveryAck, (event_id, member_id))


def acks(session: Session, event_ids: Collection[uuid.UUID]) -> Sequence[DeliveryAck]:
    """What members did with these events."""
    return session.scalars(
        select(DeliveryAck).where(DeliveryAck.event_id.in_(event_ids)).order_by(DeliveryAck.at, DeliveryAck.member_id)
    ).all()
