"""What members did with what they were told: recorded once for each event and member, never changed."""

import uuid
from collections.abc import Collection

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import Conflict, Forbidden, NotFound
from gongxin.pii import refuse_pii
from gongxin.web.caller import Caller

from . import queries
from .models import DeliveryAck

DID = ("applied", "removed", "acted", "not_held", "disputed")


def acknowledge(
    session: Session, *, caller: Caller, event_id: uuid.UUID, did: str, note: str | None = None
) -> tuple[DeliveryAck, bool]:
    """One acknowledgement, and whether it is new. Raises NotFound for what the member was not told, Conflict where it
    said something else before."""
    if caller.member_id is None:
        raise Forbidden
    refuse_pii(note, "/note")
    if not queries.readable(session, event_id, caller.member_id):
        raise NotFound("event_not_found", zh="没有这个事件", en="There is no such event")
    found = queries.find_ack(session, event_id, caller.member_id)
    if found is not None:
        if (found.did, found.note) != (did, note):
            raise Conflict(
                "acknowledged_otherwise",
                zh="该事件已作出不同的回执",
                en="The event was acknowledged otherwise",
                fix_zh="回执不得更改；情况有变时请联系协会。",
                fix_en="An acknowledgement is not changed; tell the association what changed.",
            )
        return found, False
    made = DeliveryAck(event_id=event_id, member_id=caller.member_id, did=did, note=note, at=clock.now())
    session.add(made)
    session.flush()
    return made, True


def missing(session: Session, event_ids: Collection[uuid.UUID], told: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Which of the members that were told have acknowledged none of these events: whom to chase. For the registry and
    the association."""
    said = {ack.member_id for ack in queries.acks(session, event_ids)}
    return sorted(set(told) - said)
