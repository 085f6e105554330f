"""What goes over the wire; look-ups are read by hand (`questions.py`), and these shapes document them."""

from marshmallow import Schema, fields, validate

from gongxin.subjects.schemas import TokenIn

from . import rules
from .questions import MAX_ITEMS, MAX_OFFICER

_RFC3339 = {"format": "date-time"}
_ANSWER = {
    "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$",
    "description": "JWS, docs/receipts.md",
    "example": "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
}


class GroundIn(Schema):
    case_id = fields.String(metadata={"format": "uuid", "description": "placement, contact: the asker's own case"})
    reference = fields.String(metadata={"description": "judicial: 案号; mediation, supervision: a file number"})


class ItemIn(Schema):
    subject = fields.List(fields.Nested(TokenIn), required=True, validate=validate.Length(1, 2))
    ground = fields.Nested(GroundIn, required=True)


class LookupIn(ItemIn):
    purpose = fields.String(required=True, validate=validate.OneOf(rules.LOOKUP_PURPOSES))
    officer = fields.String(allow_none=True, validate=validate.Length(1, MAX_OFFICER))


class BatchIn(Schema):
    purpose = fields.String(required=True, validate=validate.OneOf(rules.LOOKUP_PURPOSES))
    items = fields.List(fields.Nested(ItemIn), required=True, validate=validate.Length(1, MAX_ITEMS))
    officer = fields.String(allow_none=True, validate=validate.Length(1, MAX_OFFICER))


class AnswerOut(Schema):
    result = fields.String(required=True, validate=validate.OneOf(rules.RESULTS))
    stop_flags = fields.List(fields.String(validate=validate.OneOf(rules.STOP_FLAGS)), required=True, allow_none=True)
    # The null stands in the enumeration too, or no validator would let it through.
    legal_class = fields.String(required=True, allow_none=True, metadata={"enum": [*rules.LEGAL_CLASSES, None]})
    contested = fields.Boolean(required=True, allow_none=True)
    pad = fields.String(required=True, metadata={"description": "Makes all answers one size; means nothing"})


class LookupOut(Schema):
    lookup_id = fields.String(required=True, metadata={"format": "uuid"})
    purpose = fields.String(required=True)
    policy_version = fields.Integer(required=True)
    as_of = fields.String(required=True, metadata=_RFC3339)
    fresh_until = fields.String(required=True, metadata=_RFC3339)
    answers = fields.List(fields.Nested(AnswerOut), required=True)
    receipt = fields.String(required=True, metadata=_ANSWER)


class OutcomesOut(Schema):
    no_ground = fields.Integer(required=True)
    none = fields.Integer(required=True)
    match = fields.Integer(required=True)


class OwnLookupOut(Schema):
    lookup_id = fields.String(required=True, metadata={"format": "uuid"})
    asked_at = fields.String(required=True, metadata=_RFC3339)
    fresh_until = fields.String(required=True, metadata=_RFC3339)
    client_id = fields.String(required=True, allow_none=True, metadata={"format": "uuid"})
    purpose = fields.String(required=True)
    officer = fields.String(required=True, allow_none=True)
    items = fields.Integer(required=True)
    ground = fields.String(required=True, allow_none=True)
    outcomes = fields.Nested(OutcomesOut, required=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")
    policy_version = fields.Integer(required=True)
    refusal = fields.String(required=True, allow_none=True)


class OwnLookupsOut(Schema):
    items = fields.List(fields.Nested(OwnLookupOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PageIn(Schema):
    cursor = fields.String(validate=validate.Length(1, 512))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class PolicyRowOut(Schema):
    asker = fields.String(required=True)
    relation = fields.String(required=True)
    purpose = fields.String(required=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")


class PolicyOut(Schema):
    version = fields.Integer(required=True)
    effective_from = fields.String(required=True, metadata=_RFC3339)
    rows = fields.List(fields.Nested(PolicyRowOut), required=True)


class SubjectAccessIn(Schema):
    """`subject` is checked by the subjects package, which names the exact place."""

    subject = fields.Raw(
        required=True,
        metadata={
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["epoch", "token"],
                "additionalProperties": False,
                "properties": {
                    "epoch": {"type": "integer", "minimum": 1, "maximum": 32767},
                    "token": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
                },
            },
        },
    )
    request_reference = fields.String(
        required=True, validate=validate.Length(1, 64), metadata={"description": "the association's file number"}
    )


class AskedOut(Schema):
    asked_at = fields.String(required=True, metadata=_RFC3339)
    member_name_zh = fields.String(required=True)
    member_name_en = fields.String(required=True, allow_none=True)
    member_kind = fields.String(required=True)
    purpose = fields.String(required=True)
    ground = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True, validate=validate.OneOf((*rules.RESULTS, "refused", "told")))
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")


class SubjectAccessOut(Schema):
    lookup_id = fields.String(required=True, metadata={"format": "uuid"})
    as_of = fields.String(required=True, metadata=_RFC3339)
    fresh_until = fields.String(required=True, metadata=_RFC3339)
    policy_version = fields.Integer(required=True)
    asked = fields.List(fields.Nested(AskedOut), required=True)
    receipt = fields.String(required=True, metadata=_ANSWER)
