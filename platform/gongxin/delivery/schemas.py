"""What goes over the wire."""

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from . import examples
from .acknowledging import DID
from .models import DeliveryAck, DeliveryEndpoint, DeliverySend
from .rules import MAX_URL
from .snapshots import Snapshot
from .types import EventType

_UUID: dict[str, Any] = {"format": "uuid"}
_RFC3339 = {"format": "date-time"}
_CURSOR_PATTERN = "^[A-Za-z0-9_-]+$"
_TYPE_PATTERN = r"^[a-z_]{1,32}\.[a-z_]{1,32}$"
_TYPES_PATTERN = r"^[a-z_]{1,32}\.[a-z_]{1,32}(,[a-z_]{1,32}\.[a-z_]{1,32}){0,49}$"
_URL_PATTERN = "^https?://[!-~]+$"
_UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _pattern(pattern: str, least: int, longest: int, *, example: str | None = None, **kw: Any) -> fields.String:
    return fields.String(
        validate=[validate.Length(least, longest), validate.Regexp(pattern.removesuffix("$") + r"\Z")],
        metadata={"pattern": pattern} | ({"example": example} if example else {}),
        **kw,
    )


def _types(**kw: Any) -> fields.List[str]:
    return fields.List(_pattern(_TYPE_PATTERN, 3, 65), validate=validate.Length(1, 50), **kw)


class _In(Schema):
    class Meta:
        unknown = RAISE


class ChangesIn(_In):
    after = _pattern(_CURSOR_PATTERN, 1, 64)
    types = _pattern(_TYPES_PATTERN, 3, 3300, example="agent.changed")
    limit = fields.Integer(load_default=500, validate=validate.Range(1, 1000))
    wait = fields.Integer(load_default=0, validate=validate.Range(0, 15))


class ToldOut(Schema):
    position = fields.Integer(required=True, metadata={"minimum": 1})
    id = fields.String(required=True, metadata=_UUID)
    type = fields.String(required=True, metadata={"pattern": _TYPE_PATTERN})
    timestamp = fields.String(required=True, metadata=_RFC3339)
    object_id = fields.String(required=True, metadata=_UUID)
    data = fields.Dict(required=True)


class ChangesOut(Schema):
    items = fields.List(fields.Nested(ToldOut), required=True)
    next_cursor = fields.String(required=True)
    more = fields.Boolean(required=True)


class TypeOut(Schema):
    type = fields.String(required=True)
    scope = fields.String(required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)
    data_fields = fields.List(fields.String(), required=True)
    acknowledged = fields.Boolean(required=True)


class TypesOut(Schema):
    items = fields.List(fields.Nested(TypeOut), required=True)


class SnapshotOut(Schema):
    type = fields.String(required=True)
    scope = fields.String(required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)


class SnapshotsOut(Schema):
    items = fields.List(fields.Nested(SnapshotOut), required=True)


class AckIn(_In):
    event_id = _pattern(_UUID_PATTERN, 36, 36, required=True)
    did = fields.String(required=True, validate=validate.OneOf(DID))
    note = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 500))


class AckOut(Schema):
    event_id = fields.String(required=True, metadata=_UUID)
    did = fields.String(required=True, validate=validate.OneOf(DID))
    note = fields.String(required=True, allow_none=True)
    at = fields.String(required=True, metadata=_RFC3339)


class AcksIn(_In):
    event_id = _pattern(_UUID_PATTERN, 36, 36, example=examples.ID, required=True)


class MemberAckOut(AckOut):
    member_id = fields.String(required=True, metadata=_UUID)


class AcksOut(Schema):
    items = fields.List(fields.Nested(MemberAckOut), required=True)


class PageIn(_In):
    cursor = _pattern(_CURSOR_PATTERN, 1, 512)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class SendsIn(PageIn):
    state = fields.String(validate=validate.OneOf(("waiting", "delivered", "dead", "dropped")))


class EndpointIn(_In):
    url = _pattern(_URL_PATTERN, 10, MAX_URL, required=True)
    types = _types(required=True)


class EndpointChangeIn(_In):
    types = _types(required=True)


class EndpointMoveIn(_In):
    state = fields.String(required=True, validate=validate.OneOf(("active", "paused", "removed")))


class EndpointOut(Schema):
    endpoint_id = fields.String(required=True, metadata=_UUID)
    url = fields.String(required=True)
    types = fields.List(fields.String(), required=True)
    state = fields.String(required=True, validate=validate.OneOf(("unverified", "active", "paused", "removed")))
    reason = fields.String(required=True, allow_none=True)
    failures = fields.Integer(required=True)
    hold_until = fields.String(required=True, allow_none=True, metadata=_RFC3339)
    made_at = fields.String(required=True, metadata=_RFC3339)
    verified_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)
    previous_until = fields.String(required=True, allow_none=True, metadata=_RFC3339)


class EndpointSecretOut(EndpointOut):
    secret = fields.String(required=True)


class EndpointsOut(Schema):
    items = fields.List(fields.Nested(EndpointOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class SendOut(Schema):
    position = fields.Integer(required=True)
    event_id = fields.String(required=True, metadata=_UUID)
    object_id = fields.String(required=True, metadata=_UUID)
    state = fields.String(required=True)
    attempts = fields.Integer(required=True)
    outcome = fields.String(required=True, allow_none=True)
    first_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)
    last_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)
    next_at = fields.String(required=True, metadata=_RFC3339)


class SendsOut(Schema):
    items = fields.List(fields.Nested(SendOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def type_out(row: EventType) -> dict[str, Any]:
    return {
        "type": row.name, "scope": row.scope, "zh": row.zh, "en": row.en, "data_fields": sorted(row.fields),
        "acknowledged": row.acknowledged,
    }  # fmt: skip


def snapshot_out(snapshot: Snapshot) -> dict[str, str]:
    return {"type": snapshot.name, "scope": snapshot.scope, "zh": snapshot.zh, "en": snapshot.en}


def endpoint_out(found: DeliveryEndpoint) -> dict[str, Any]:
    return {
        "endpoint_id": found.id, "url": found.url, "types": found.types, "state": found.state,
        "reason": found.reason, "failures": found.failures, "hold_until": found.hold_until, "made_at": found.made_at,
        "verified_at": found.verified_at, "previous_until": found.previous_until,
    }  # fmt: skip


def send_out(send: DeliverySend) -> dict[str, Any]:
    return {
        "position": send.position, "event_id": send.event_id, "object_id": send.object_id, "state": send.state,
        "attempts": send.attempts, "outcome": send.outcome, "first_at": send.first_at, "last_at": send.last_at,
        "next_at": send.next_at,
    }  # fmt: skip


def ack_out(ack: DeliveryAck) -> dict[str, Any]:
    return {"event_id": ack.event_id, "did": ack.did, "note": ack.note, "at": ack.at}
