"""What the desk's lists ask of delivery; as the registry, for endpoints are their members' own."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from .models import DeliveryEndpoint, DeliveryEvent, DeliverySend


def endpoints(
    session: Session, *, state: str | None = None, after: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Any]:
    """(endpoint, calls owed, dead letters, since when the oldest owed waits), the oldest first, one more than the
    limit. `state`: `failing` is active with the last call failed."""
    owed = select(func.count()).where(DeliverySend.endpoint_id == DeliveryEndpoint.id, DeliverySend.state == "waiting")
    dead = select(func.count()).where(DeliverySend.endpoint_id == DeliveryEndpoint.id, DeliverySend.state == "dead")
    since = (
        select(DeliveryEvent.placed_at)
        .join(DeliverySend, DeliverySend.position == DeliveryEvent.position)
        .where(DeliverySend.endpoint_id == DeliveryEndpoint.id, DeliverySend.state == "waiting")
        .order_by(DeliverySend.position)
        .limit(1)
    )
    wanted = select(DeliveryEndpoint, owed.scalar_subquery(), dead.scalar_subquery(), since.scalar_subquery())
    wanted = wanted.where(DeliveryEndpoint.state != "removed")
    if state == "failing":
        wanted = wanted.where(DeliveryEndpoint.state == "active", DeliveryEndpoint.failures > 0)
    elif state is not None:
        wanted = wanted.where(DeliveryEndpoint.state == state)
    if after is not None:
        wanted = wanted.where(DeliveryEndpoint.id > after)
    return session.execute(wanted.order_by(DeliveryEndpoint.id).limit(limit + 1)).all()


def count_endpoints(session: Session) -> dict[str, int]:
    """How many in each state, and `failing` of the active ones."""
    counted = select(DeliveryEndpoint.state, func.count()).where(DeliveryEndpoint.state != "removed")
    found = {state: int(count) for state, count in session.execute(counted.group_by(DeliveryEndpoint.state))}
    failing = select(func.count()).where(DeliveryEndpoint.state == "active", DeliveryEndpoint.failures > 0)
    return found | {"failing": session.scalar(failing) or 0}


def dead_letters(session: Session, *, after: tuple[uuid.UUID, int] | None = None, limit: int = 50) -> Sequence[Any]:
    """(send, endpoint, type of event), endpoint by endpoint, the oldest first, one more than the limit."""
    wanted = (
        select(DeliverySend, DeliveryEndpoint, DeliveryEvent.type)
        .join(DeliveryEndpoint, DeliveryEndpoint.id == DeliverySend.endpoint_id)
        .outerjoin(DeliveryEvent, DeliveryEvent.position == DeliverySend.position)
        .where(DeliverySend.state == "dead", DeliveryEndpoint.state != "removed")
    )
    if after is not None:
        wanted = wanted.where(tuple_(DeliverySend.endpoint_id, DeliverySend.position) > after)
    return session.execute(wanted.order_by(DeliverySend.endpoint_id, DeliverySend.position).limit(limit + 1)).all()


def types(session: Session, positions: Sequence[int]) -> dict[int, str]:
    """The type of the event at each position that is still held."""
    found = session.execute(
        select(DeliveryEvent.position, DeliveryEvent.type).where(DeliveryEvent.position.in_(positions))
    )
    return {int(position): type_ for position, type_ in found}


def with_dead(session: Session, limit: int) -> Sequence[Any]:
    """(endpoint, how many dead letters) of the endpoints that have any."""
    return session.execute(
        select(DeliveryEndpoint, func.count())
        .join(DeliverySend, DeliverySend.endpoint_id == DeliveryEndpoint.id)
        .where(DeliverySend.state == "dead", DeliveryEndpoint.state != "removed")
        .group_by(DeliveryEndpoint.id)
        .order_by(DeliveryEndpoint.id)
        .limit(limit)
    ).all()
