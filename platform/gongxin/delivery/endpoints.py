"""The verbs on endpoints: register, verify again, change, rotate the secret, pause, remove; dead letters sent again."""

import os
import uuid
from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict, Forbidden, Invalid, NotFound
from gongxin.sealed import seal, unseal
from gongxin.web.caller import Caller

from . import queries, rules
from .models import DeliveryEndpoint, DeliverySend
from .types import ERASED, TYPES, readable

MOST = 20
OVERLAP = timedelta(hours=24)


def register(
    session: Session, config: Config, *, caller: Caller, url: str, types: Sequence[str]
) -> tuple[DeliveryEndpoint, str]:
    """An endpoint, unverified, and its secret: said this once. The worker calls it with a challenge at once."""
    if caller.member_id is None or caller.client_id is None:
        raise Forbidden
    rules.check_url(url, config.delivery_networks)
    if queries.endpoint_count(session, caller.member_id) >= MOST:
        raise Conflict(
            "too_many_endpoints",
            zh="端点过多",
            en="There are too many endpoints",
            fix_zh=f"每个机构至多 {MOST} 个端点；请移除不用的。",
            fix_en=f"A member has at most {MOST} endpoints; remove those not in use.",
        )
    secret = os.urandom(32)
    now, endpoint_id = clock.now(), ids.new_id()
    made = DeliveryEndpoint(
        id=endpoint_id,
        member_id=caller.member_id,
        client_id=caller.client_id,
        url=url,
        types=checked_types(types, caller),
        state="unverified",
        sealed_secret=seal(config.master_key, label(endpoint_id), secret),
        made_at=now,
        failures=0,
        due_at=now,
    )
    session.add(made)
    session.flush()
    return made, shown(secret)


def checked_types(types: Sequence[str], caller: Caller) -> list[str]:
    """The types an endpoint of this caller's client may have. Raises Invalid, and Forbidden where the scope lacks."""
    for at, name in enumerate(types):
        row = TYPES.get(name)
        if row is None or name == ERASED:
            raise Invalid(
                "unknown_type",
                zh="没有这种事件",
                en="There is no such type of event",
                fix_zh="GET /v1/changes/types 列出全部事件类型；擦除事件总会送达。",
                fix_en="GET /v1/changes/types lists every type; erasures always come.",
                pointer=f"/types/{at}",
            )
    lacking = [name for name in types if name not in readable(caller.scopes)]
    if lacking:
        scope = TYPES[lacking[0]].scope
        raise Forbidden(
            "type_needs_scope",
            zh="令牌缺少读取该类事件的范围",
            en="The token lacks the scope that reads this type",
            fix_zh=f"用带有 {scope} 的令牌登记端点。",
            fix_en=f"Register the endpoint with a token that carries {scope}.",
            pointer=f"/types/{list(types).index(lacking[0])}",
            extra={"scope": scope},
        )
    return sorted(set(types))


def change(session: Session, endpoint_id: uuid.UUID, *, caller: Caller, types: Sequence[str]) -> DeliveryEndpoint:
    """Other types from now on; those owed already still come."""
    found = queries.get_endpoint(session, endpoint_id, lock=True)
    found.types = checked_types(types, caller)
    if caller.client_id is not None:
        found.client_id = caller.client_id
    session.flush()
    return found


def verify(session: Session, endpoint_id: uuid.UUID) -> DeliveryEndpoint:
    """Asks the worker to call an unverified endpoint with a new challenge. Raises Conflict for any other."""
    found = queries.get_endpoint(session, endpoint_id, lock=True)
    if found.state != "unverified":
        rules.check_move(found.state, "verified")
    found.due_at, found.hold_until, found.reason, found.failures = clock.now(), None, None, 0
    session.flush()
    return found


def rotate(session: Session, config: Config, endpoint_id: uuid.UUID) -> tuple[DeliveryEndpoint, str]:
    """A new secret; for a day the one before signs beside it."""
    found = queries.get_endpoint(session, endpoint_id, lock=True)
    secret = os.urandom(32)
    found.sealed_previous, found.previous_until = found.sealed_secret, clock.now() + OVERLAP
    found.sealed_secret = seal(config.master_key, label(endpoint_id), secret)
    session.flush()
    return found, shown(secret)


def move(session: Session, endpoint_id: uuid.UUID, *, state: str) -> DeliveryEndpoint:
    """Pauses, resumes or removes. What a paused endpoint is owed waits; what a removed one is owed is dropped."""
    found = queries.get_endpoint(session, endpoint_id, lock=True)
    rules.check_move(found.state, state)
    found.state, found.reason = state, "by_member" if state == "paused" else None
    found.due_at = clock.now() if state == "active" else None
    found.hold_until, found.failures = None, 0
    session.flush()
    return found


def replay(session: Session, endpoint_id: uuid.UUID, positions: Sequence[int]) -> int:
    """Sends dead letters of an endpoint again, as if they were new; how many. For the registry. They come after what
    was delivered since: a receiver that keeps an object's position sees that they are older."""
    found = queries.get_endpoint(session, endpoint_id, lock=True)
    now, done = clock.now(), 0
    for send in queries.dead(session, endpoint_id, 10_000):
        if not positions or send.position in positions:
            _again(send)
            send.next_at = now
            done += 1
    if not done:
        raise NotFound("no_dead_letter", zh="没有这样的死信", en="There is no such dead letter")
    found.due_at = now
    session.flush()
    return done


def _again(send: DeliverySend) -> None:
    send.state, send.attempts, send.first_at, send.outcome = "waiting", 0, None, None


def label(endpoint_id: uuid.UUID) -> str:
    """What binds a sealed secret to its endpoint."""
    return f"webhook|{endpoint_id}"


def shown(secret: bytes) -> str:
    """As the Standard Webhooks specification writes a symmetric secret."""
    return "whsec_" + b64encode(secret).decode()


def secrets(config: Config, endpoint: DeliveryEndpoint) -> list[bytes]:
    """Those that sign now, the newest first."""
    sealed = [endpoint.sealed_secret]
    if endpoint.sealed_previous is not None and endpoint.previous_until is not None:
        sealed += [endpoint.sealed_previous] if clock.now() < endpoint.previous_until else []
    return [unseal(config.master_key, label(endpoint.id), each) for each in sealed]
