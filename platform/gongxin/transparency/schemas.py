"""What goes over the wire; tiles, checkpoints and proofs are C2SP's own forms."""

from marshmallow import Schema, fields, validate

_SIZE = validate.Range(0, 2**53 - 1)


class LogKeyOut(Schema):
    vkey = fields.String(required=True, metadata={"description": "C2SP signed-note verifier key"})
    signs = fields.Boolean(required=True, metadata={"description": "false: retired; older checkpoints need it"})


class LogOut(Schema):
    origin = fields.String(required=True)
    prefix = fields.String(required=True, metadata={"description": "where tlog-tiles are served", "format": "uri"})
    maximum_merge_delay_seconds = fields.Integer(required=True)
    size = fields.Integer(required=True)
    keys = fields.List(fields.Nested(LogKeyOut), required=True)


class LeafOut(Schema):
    leaf_id = fields.String(required=True, metadata={"format": "uuid"})
    kind = fields.String(required=True)
    commitment = fields.String(required=True, metadata={"description": "base64url of 32 bytes"})
    state = fields.String(required=True, validate=validate.OneOf(["waiting", "integrated"]))
    leaf_index = fields.Integer(required=True, allow_none=True)


class ProofIn(Schema):
    size = fields.Integer(
        validate=_SIZE, metadata={"description": "under the checkpoint of this size; default: the newest"}
    )


class ConsistencyIn(Schema):
    old = fields.Integer(required=True, data_key="from", validate=_SIZE)
    new = fields.Integer(
        data_key="to", load_default=None, validate=_SIZE, metadata={"description": "default: the newest"}
    )


class ConsistencyOut(Schema):
    old = fields.Integer(required=True, data_key="from")
    new = fields.Integer(required=True, data_key="to")
    hashes = fields.List(fields.String(), required=True, metadata={"description": "base64, RFC 6962 section 2.1.2"})
