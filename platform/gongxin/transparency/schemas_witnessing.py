"""What goes over the wire of witnesses and stamps."""

from typing import Any

from marshmallow import Schema, fields, validate

from gongxin.web import paging
from gongxin_wire.canonical import b64u
from gongxin_wire.notes import Signature, parse_note, with_signatures

from . import witnesses
from .models_witnessing import Cosignature, SplitReport, Stamp, Witness

MAX_NOTE = 16_384
_NOTE = {"description": "C2SP signed note of a checkpoint"}
_B64U_32 = r"^[A-Za-z0-9_-]{43}$"


class WitnessIn(Schema):
    vkey = fields.String(
        required=True,
        validate=[validate.Length(1, 300), validate.Regexp(r"^[a-z0-9.:/_-]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$")],
        metadata={"description": "C2SP vkey of type 4 (cosignature/v1); its name ends in / and the member's id"},
    )
    proof = fields.String(
        required=True,
        validate=validate.Regexp(r"^[A-Za-z0-9_-]{86}$"),
        metadata={
            "description": "base64url of the key's Ed25519 signature over the lines"
            " `gongxin witness 1`, issuer, member id and vkey, each ended by a newline"
        },
    )


class WitnessOut(Schema):
    witness_id = fields.String(required=True, metadata={"format": "uuid"})
    member_id = fields.String(required=True, metadata={"format": "uuid"})
    name = fields.String(required=True)
    vkey = fields.String(required=True)
    active = fields.Boolean(required=True)
    registered_at = fields.String(required=True, metadata={"format": "date-time"})
    last_size = fields.Integer(required=True, allow_none=True)
    last_received_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    last_note = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the newest checkpoint it cosigned, with its cosignature"},
    )


class WitnessesOut(Schema):
    quorum = fields.Integer(required=True)
    quorum_size = fields.Integer(
        required=True, allow_none=True, metadata={"description": "newest checkpoint that a quorum cosigned"}
    )
    quorum_note = fields.String(required=True, allow_none=True, metadata=_NOTE)
    late = fields.Boolean(required=True, metadata={"description": "a checkpoint has waited over 24 h for its quorum"})
    items = fields.List(fields.Nested(WitnessOut), required=True)


class CosignatureIn(Schema):
    note = fields.String(
        required=True,
        validate=validate.Length(1, MAX_NOTE),
        metadata={"description": "the checkpoint's note with the member's cosignature/v1 line"},
    )


class CosignatureOut(Schema):
    size = fields.Integer(required=True)
    cosigned_by = fields.List(fields.String(), required=True, metadata={"description": "names of its witnesses so far"})
    quorum = fields.Integer(required=True)


class SplitIn(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(["fork", "unexplained"]))
    earlier = fields.String(required=True, validate=validate.Length(1, MAX_NOTE), metadata=_NOTE)
    later = fields.String(required=True, validate=validate.Length(1, MAX_NOTE), metadata=_NOTE)
    claimed = fields.String(
        required=True,
        validate=validate.Regexp(_B64U_32),
        metadata={"description": "base64url: the root that the later tree has at the earlier size"},
    )
    path = fields.List(
        fields.String(validate=validate.Regexp(_B64U_32)),
        required=True,
        validate=validate.Length(max=128),
        metadata={"description": "consistency proof from `claimed` to the later root"},
    )


class SplitOut(SplitIn):
    report_id = fields.String(required=True, metadata={"format": "uuid"})
    member_id = fields.String(required=True, metadata={"format": "uuid"})
    reported_at = fields.String(required=True, metadata={"format": "date-time"})


class PageIn(Schema):
    cursor = fields.String(validate=validate.Length(1, 512))
    limit = fields.Integer(load_default=paging.DEFAULT_LIMIT, validate=validate.Range(1, paging.MAX_LIMIT))


class SplitsOut(Schema):
    items = fields.List(fields.Nested(SplitOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class StampsIn(Schema):
    from_size = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**53 - 1), metadata={"description": "of checkpoints this large"}
    )
    after = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**53 - 1), metadata={"description": "`number` of the last one seen"}
    )
    limit = fields.Integer(load_default=paging.DEFAULT_LIMIT, validate=validate.Range(1, paging.MAX_LIMIT))


class StampOut(Schema):
    number = fields.Integer(required=True)
    size = fields.Integer(required=True)
    checkpoint = fields.String(required=True, metadata={"description": "the very bytes that are stamped, UTF-8"})
    reply = fields.String(required=True, metadata={"description": "base64url: TimeStampResp, DER (RFC 3161)"})
    time = fields.String(required=True, metadata={"format": "date-time"})
    serial = fields.String(required=True)
    policy = fields.String(required=True)
    authority = fields.String(required=True)
    received_at = fields.String(required=True, metadata={"format": "date-time"})


class StampsOut(Schema):
    items = fields.List(fields.Nested(StampOut), required=True)
    next_after = fields.Integer(required=True, allow_none=True)


class LeafOpeningOut(Schema):
    leaf_id = fields.String(required=True, metadata={"format": "uuid"})
    salt = fields.String(required=True, metadata={"description": "base64url of 32 bytes"})
    record = fields.Dict(required=True)


def witness_out(witness: Witness, last: Cosignature | None = None, note: str | None = None) -> dict[str, Any]:
    shown = None
    if last is not None and note is not None:
        line = Signature(witness.name, witness.key_id, last.signed_at.to_bytes(8) + last.signature)
        shown = str(with_signatures(parse_note(note), [line]))
    return {
        "witness_id": witness.id,
        "member_id": witness.member_id,
        "name": witness.name,
        "vkey": str(witnesses.key_of(witness)),
        "active": witness.retired_at is None,
        "registered_at": witness.registered_at,
        "last_size": last.size if last else None,
        "last_received_at": last.received_at if last else None,
        "last_note": shown,
    }


def split_out(report: SplitReport) -> dict[str, Any]:
    return {
        "report_id": report.id,
        "member_id": report.member_id,
        "kind": report.kind,
        "earlier": report.earlier,
        "later": report.later,
        "claimed": b64u(report.claimed),
        "path": [b64u(report.path[at : at + 32]) for at in range(0, len(report.path), 32)],
        "reported_at": report.reported_at,
    }


def stamp_out(stamp: Stamp, note: str) -> dict[str, Any]:
    return {
        "number": stamp.number,
        "size": stamp.size,
        "checkpoint": note,
        "reply": b64u(stamp.reply),
        "time": stamp.stamped_at,
        "serial": stamp.serial,
        "policy": stamp.policy,
        "authority": stamp.authority,
        "received_at": stamp.received_at,
    }
