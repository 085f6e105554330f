"""What goes over the wire; requests are read by hand (`rules.check_*`), and these shapes document them."""

from typing import Any

from marshmallow import Schema, fields, validate

from . import rules

_B64_32: dict[str, Any] = {"pattern": "^[A-Za-z0-9_-]{43}$", "description": "32 bytes, base64url without padding"}


class EpochOut(Schema):
    epoch = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(("next", "live", "retiring")))
    public_key = fields.String(required=True, metadata=_B64_32)


class DataSetOut(Schema):
    data_set = fields.String(required=True, validate=validate.OneOf(rules.DATA_SETS))
    suite = fields.String(required=True)
    mode = fields.String(required=True)
    normalisation = fields.String(required=True)
    epochs = fields.List(fields.Nested(EpochOut), required=True)


class KeysOut(Schema):
    data_sets = fields.List(fields.Nested(DataSetOut), required=True)


class EvaluationIn(Schema):
    data_set = fields.String(required=True, validate=validate.OneOf(rules.DATA_SETS))
    epoch = fields.Integer(required=True, strict=True, validate=validate.Range(1, 32767))
    elements = fields.List(
        fields.String(metadata=_B64_32), required=True, validate=validate.Length(1, rules.MAX_ELEMENTS)
    )


class EvaluationOut(Schema):
    data_set = fields.String(required=True)
    epoch = fields.Integer(required=True)
    evaluated = fields.List(fields.String(metadata=_B64_32), required=True)
    proof = fields.String(required=True, metadata={"description": "DLEQ proof, 64 bytes, base64url (RFC 9497 2.2.1)"})
    public_key = fields.String(required=True, metadata=_B64_32)


class TokenIn(Schema):
    """One entry of a `subject`; other packages nest it."""

    epoch = fields.Integer(required=True, strict=True, validate=validate.Range(1, 32767))
    token = fields.String(required=True, metadata=_B64_32)
