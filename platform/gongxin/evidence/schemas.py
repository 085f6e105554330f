"""What goes over the wire. Registrations and batches are read by hand (`reading.py`); these shapes document them."""

from collections.abc import Iterable
from typing import Any

import orjson
from marshmallow import RAISE, Schema, fields, validate

from gongxin.transparency.models import LogOpening
from gongxin_wire.canonical import b64u
from gongxin_wire.evidence import CUSTODY, KINDS, MAX_BATCH, MAX_SIZE, moment

from . import examples, reading, rules
from .batching import State, custody_record
from .models import BatchCustodyEvent, CustodyEvent, EvidenceBatch, RetentionRule
from .queries import Found

_UUID: dict[str, Any] = {"format": "uuid"}
_RFC3339 = {"format": "date-time"}
_HASH: dict[str, Any] = {"pattern": reading.HEX_PATTERN}
_CURSOR = [validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$(?!\n)")]


def _pattern(pattern: str, longest: int, *, example: str | None = None, **kw: Any) -> fields.String:
    return fields.String(
        validate=[validate.Length(1, longest), validate.Regexp(pattern.removesuffix("$") + r"\Z")],
        metadata={"pattern": pattern} | ({"example": example} if example else {}),
        **kw,
    )


def _word(**kw: Any) -> fields.String:
    return _pattern(reading.WORD_PATTERN, 64, **kw)


class EvidenceIn(Schema):
    """Read by hand. At least one of case_id, agent_licence and complaint."""

    class Meta:
        unknown = RAISE

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    sha256 = _pattern(reading.HEX_PATTERN, 64, required=True)
    sm3 = _pattern(reading.HEX_PATTERN, 64, allow_none=True)
    size = fields.Integer(required=True, strict=True, validate=validate.Range(0, MAX_SIZE))
    media_type = _pattern(reading.MEDIA_PATTERN, 129, required=True)
    case_id = _pattern(reading.UUID_PATTERN, 36, allow_none=True)
    agent_licence = _word(allow_none=True)
    complaint = _word(allow_none=True)
    made_by = _word(allow_none=True)
    device = _word(allow_none=True)
    made_at = fields.String(
        allow_none=True,
        validate=validate.Length(20, 32),
        metadata={"pattern": reading.MOMENT_PATTERN, "description": "RFC 3339; the member's claim"},
    )


class PromiseOut(Schema):
    id = fields.String(required=True, metadata=_UUID)
    commitment = fields.String(required=True)


class EvidenceOut(Schema):
    evidence_id = fields.String(required=True, metadata=_UUID)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    sha256 = fields.String(required=True, metadata=_HASH)
    sm3 = fields.String(required=True, allow_none=True, metadata=_HASH)
    size = fields.Integer(required=True)
    media_type = fields.String(required=True)
    case_id = fields.String(required=True, allow_none=True, metadata=_UUID)
    agent_licence = fields.String(required=True, allow_none=True)
    complaint = fields.String(required=True, allow_none=True)
    made_by = fields.String(required=True, allow_none=True)
    device = fields.String(required=True, allow_none=True)
    made_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)
    registered_at = fields.String(required=True, metadata=_RFC3339)
    keep_at_least_until = fields.Date(required=True)
    keep_until = fields.Date(required=True)
    held = fields.Boolean(required=True)
    destroyed_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)
    custody_head = fields.String(required=True, metadata=_HASH)
    leaf = fields.Nested(PromiseOut, required=True)
    version = fields.Integer(required=True)


class PageIn(Schema):
    cursor = fields.String(validate=_CURSOR)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class ListIn(PageIn):
    case_id = _pattern(reading.UUID_PATTERN, 36, example=examples.CASE_ID)
    sha256 = _pattern(reading.HEX_PATTERN, 64, example=examples.SHA256)
    kind = fields.String(validate=validate.OneOf(KINDS))
    held = fields.Boolean(truthy={"true"}, falsy={"false"})


class EvidenceListOut(Schema):
    items = fields.List(fields.Nested(EvidenceOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class OfCaseItem(Schema):
    evidence_id = fields.String(required=True, metadata=_UUID)
    own = fields.Boolean(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    sha256 = fields.String(required=True, metadata=_HASH)
    registered_at = fields.String(required=True, metadata=_RFC3339)


class OfCaseOut(Schema):
    items = fields.List(fields.Nested(OfCaseItem), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


# --- custody --------------------------------------------------------------------------------------------------------


def _text(longest: int, **kw: Any) -> fields.String:
    return _pattern(reading.TEXT_PATTERN, longest, **kw)


class CustodyIn(Schema):
    event = fields.String(required=True, validate=validate.OneOf(rules.REQUESTABLE))
    at = fields.AwareDateTime(format="iso", allow_none=True, load_default=None, metadata=_RFC3339)
    to = _text(120, allow_none=True, load_default=None)
    basis = _text(200, allow_none=True, load_default=None)


class HoldIn(Schema):
    action = fields.String(required=True, validate=validate.OneOf(["place", "release"]))
    basis = _text(200, required=True)


class CustodyOut(Schema):
    position = fields.Integer(required=True)
    event = fields.String(required=True, validate=validate.OneOf(CUSTODY))
    at = fields.String(required=True, metadata=_RFC3339)
    to = fields.String(required=True, allow_none=True)
    basis = fields.String(required=True, allow_none=True)
    evidence_id = fields.String(required=True, metadata=_UUID)
    member_id = fields.String(required=True, metadata=_UUID)
    previous = fields.String(required=True, metadata=_HASH)
    digest = fields.String(required=True, metadata=_HASH)
    recorded_at = fields.String(required=True, metadata=_RFC3339)
    leaf = fields.Nested(PromiseOut, required=True)
    v = fields.Integer(required=True)


class CustodyListOut(Schema):
    items = fields.List(fields.Nested(CustodyOut), required=True)


# --- batches, openings, retention -----------------------------------------------------------------------------------


class BatchOut(Schema):
    batch_id = fields.String(required=True, metadata=_UUID)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    root = fields.String(required=True, metadata=_HASH)
    count = fields.Integer(required=True)
    label = fields.String(required=True, allow_none=True)
    made_from = fields.Date(required=True, allow_none=True)
    made_to = fields.Date(required=True, allow_none=True)
    case_id = fields.String(required=True, allow_none=True, metadata=_UUID)
    agent_licence = fields.String(required=True, allow_none=True)
    complaint = fields.String(required=True, allow_none=True)
    registered_at = fields.String(required=True, metadata=_RFC3339)
    keep_at_least_until = fields.Date(required=True)
    keep_until = fields.Date(required=True)
    leaf = fields.Nested(PromiseOut, required=True)


class BatchesOut(Schema):
    items = fields.List(fields.Nested(BatchOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class BatchItemIn(Schema):
    """A file of the batch: its SHA-256, its place in the list (from 0) and the Merkle path from it to the root."""

    class Meta:
        unknown = RAISE

    sha256 = _pattern(reading.HEX_PATTERN, 64, required=True)
    index = fields.Integer(required=True, strict=True, validate=validate.Range(0, MAX_BATCH - 1))
    path = fields.List(_pattern(reading.HEX_PATTERN, 64), required=True, validate=validate.Length(max=17))


class BatchCustodyIn(CustodyIn):
    """Without `item` the event is of the batch as a whole."""

    item = fields.Nested(BatchItemIn, load_default=None, allow_none=True)


class BatchHoldIn(HoldIn):
    """Without `item` the hold is on every file of the batch."""

    item = fields.Nested(BatchItemIn, load_default=None, allow_none=True)


class BatchStateOut(Schema):
    batch_id = fields.String(required=True, metadata=_UUID)
    item = fields.String(required=True, allow_none=True, metadata=_HASH)
    version = fields.Integer(required=True)
    held = fields.Boolean(required=True)
    destroyed_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)
    custody_head = fields.String(required=True, metadata=_HASH)
    items_held = fields.Integer(required=True)


class ItemQuery(Schema):
    item = _pattern(reading.HEX_PATTERN, 64, example=examples.SHA256)


class BatchCustodyOut(Schema):
    at = fields.String(required=True, metadata=_RFC3339)
    basis = fields.String(required=True, allow_none=True)
    batch_id = fields.String(required=True, metadata=_UUID)
    event = fields.String(required=True, validate=validate.OneOf(CUSTODY[1:]))
    item = fields.String(required=True, allow_none=True, metadata=_HASH)
    member_id = fields.String(required=True, metadata=_UUID)
    position = fields.Integer(required=True)
    previous = fields.String(required=True, metadata=_HASH)
    recorded_at = fields.String(required=True, metadata=_RFC3339)
    to = fields.String(required=True, allow_none=True)
    v = fields.Integer(required=True)
    digest = fields.String(required=True, metadata=_HASH)
    leaf = fields.Nested(PromiseOut, required=True)


class BatchCustodyListOut(Schema):
    items = fields.List(fields.Nested(BatchCustodyOut), required=True)


class OpeningOut(Schema):
    leaf = fields.Nested(PromiseOut, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["evidence", "evidence_batch", "custody"]))
    salt = fields.String(required=True)
    record = fields.Dict(required=True)


class OpeningsOut(Schema):
    items = fields.List(fields.Nested(OpeningOut), required=True)


class RetentionOut(Schema):
    pack = fields.String(required=True)
    record = fields.String(required=True, validate=validate.OneOf(rules.RECORDS))
    version = fields.Integer(required=True)
    min_months = fields.Integer(required=True)
    default_months = fields.Integer(required=True)
    authority = fields.String(required=True)
    article = fields.String(required=True)
    source_status = fields.String(required=True, validate=validate.OneOf(["verified", "unverified"]))
    effective_from = fields.Date(required=True)


class RetentionListOut(Schema):
    items = fields.List(fields.Nested(RetentionOut), required=True)


# --- how they read --------------------------------------------------------------------------------------------------


def leaf_out(leaf_id: Any, commitment: bytes) -> dict[str, str]:
    return {"id": str(leaf_id), "commitment": b64u(commitment)}


def evidence_out(found: Found) -> dict[str, Any]:
    item, state = found
    return {
        "evidence_id": str(item.id),
        "kind": item.kind,
        "sha256": item.sha256.hex(),
        "sm3": item.sm3.hex() if item.sm3 else None,
        "size": item.size,
        "media_type": item.media_type,
        "case_id": str(item.case_id) if item.case_id else None,
        "agent_licence": item.agent_licence,
        "complaint": item.complaint,
        "made_by": item.made_by,
        "device": item.device,
        "made_at": moment(item.made_at) if item.made_at else None,
        "registered_at": moment(item.registered_at),
        "keep_at_least_until": item.keep_at_least_until.isoformat(),
        "keep_until": item.keep_until.isoformat(),
        "held": state.held,
        "destroyed_at": moment(state.destroyed_at) if state.destroyed_at else None,
        "custody_head": state.head.hex(),
        "leaf": leaf_out(item.id, item.commitment),
        "version": state.version,
    }


def custody_out(event: CustodyEvent) -> dict[str, Any]:
    """The fields of the digest, the digest, and the leaf: that of the evidence for the event that begins the chain."""
    return {
        "at": moment(event.at),
        "basis": event.basis,
        "event": event.event,
        "evidence_id": str(event.evidence_id),
        "member_id": str(event.member_id),
        "position": event.position,
        "previous": event.previous.hex(),
        "recorded_at": moment(event.recorded_at),
        "to": event.recipient,
        "v": 1,
        "digest": event.digest.hex(),
        "leaf": leaf_out(event.evidence_id if event.position == 1 else event.id, event.commitment),
    }


def batch_out(batch: EvidenceBatch) -> dict[str, Any]:
    return {
        "batch_id": str(batch.id),
        "kind": batch.kind,
        "root": batch.root.hex(),
        "count": batch.count,
        "label": batch.label,
        "made_from": batch.made_from.isoformat() if batch.made_from else None,
        "made_to": batch.made_to.isoformat() if batch.made_to else None,
        "case_id": str(batch.case_id) if batch.case_id else None,
        "agent_licence": batch.agent_licence,
        "complaint": batch.complaint,
        "registered_at": moment(batch.registered_at),
        "keep_at_least_until": batch.keep_at_least_until.isoformat(),
        "keep_until": batch.keep_until.isoformat(),
        "leaf": leaf_out(batch.id, batch.commitment),
    }


def batch_state_out(found: State) -> dict[str, Any]:
    return {
        "batch_id": str(found.batch_id),
        "item": found.item.hex() if found.item else None,
        "version": found.version,
        "held": found.held,
        "destroyed_at": moment(found.destroyed_at) if found.destroyed_at else None,
        "custody_head": found.head.hex(),
        "items_held": found.items_held,
    }


def batch_custody_out(event: BatchCustodyEvent) -> dict[str, Any]:
    """The fields of the digest, the digest, the leaf."""
    return custody_record(event) | {"digest": event.digest.hex(), "leaf": leaf_out(event.id, event.commitment)}


def of_case_out(row: Any) -> dict[str, Any]:
    return {
        "evidence_id": str(row.id),
        "own": row.own,
        "kind": row.kind,
        "sha256": row.sha256.hex(),
        "registered_at": moment(row.registered_at),
    }


def opening_out(opening: LogOpening, kind: str, commitment: bytes) -> dict[str, Any]:
    return {
        "leaf": leaf_out(opening.leaf_id, commitment),
        "kind": kind,
        "salt": b64u(opening.salt),
        "record": orjson.loads(opening.record),
    }


def retention_out(found: Iterable[RetentionRule]) -> dict[str, Any]:
    names = RetentionOut().fields
    return {"items": [{name: _plain(getattr(rule, name)) for name in names} for rule in found]}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
