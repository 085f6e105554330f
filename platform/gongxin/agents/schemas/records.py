"""Credit records over the wire."""

from marshmallow import Schema, fields, validate

from .. import grading, rules
from .fields import DAY_OUT, RFC3339, UUID, Day, Identifier, text, word


class EntryIn(Schema):
    kind = word(("violation", "commendation"), required=True)
    severity = word(grading.SEVERITIES, allow_none=True, load_default=None)
    certainty = word(grading.CERTAINTIES, allow_none=True, load_default=None)
    occurred_on = Day(required=True)
    basis = text(rules.MAX_REASON, required=True)


class CorrectionIn(EntryIn):
    withdrawn = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class ResponseIn(Schema):
    kind = word(("reply", "objection", "correction_request"), required=True)
    said = text(rules.MAX_SAID, required=True)


class DecisionIn(Schema):
    answers = Identifier(required=True)
    outcome = word(("upheld", "rejected"), required=True)
    said = text(rules.MAX_SAID, required=True)


class RecordIn(Schema):
    as_of = Day()


class WaitingIn(Schema):
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class AccessIn(Schema):
    request_reference = text(64, required=True)


class EntryMadeOut(Schema):
    record_id = fields.String(required=True, metadata=UUID)


class ResponseOut(Schema):
    response_id = fields.String(required=True, metadata=UUID)
    kind = fields.String(required=True)
    answers = fields.String(required=True, allow_none=True, metadata=UUID)
    outcome = fields.String(required=True, allow_none=True)
    said = fields.String(required=True)
    due_on = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    overdue = fields.Boolean(required=True)
    said_by = fields.String(required=True, metadata=UUID)
    said_at = fields.String(required=True, metadata=RFC3339)


class GradeLineOut(Schema):
    record_id = fields.String(required=True, allow_none=True, metadata=UUID)
    why = fields.String(required=True)
    start = fields.Integer(required=True)
    months = fields.Integer(required=True)
    left = fields.Integer(required=True)


class EntryOut(Schema):
    record_id = fields.String(required=True, metadata=UUID)
    kind = fields.String(required=True)
    severity = fields.String(required=True, allow_none=True)
    certainty = fields.String(required=True, allow_none=True)
    occurred_on = fields.String(required=True, metadata=DAY_OUT)
    basis = fields.String(required=True)
    withdrawn = fields.Boolean(required=True)
    supersedes = fields.String(required=True, allow_none=True, metadata=UUID)
    superseded = fields.Boolean(required=True)
    contested = fields.Boolean(required=True)
    recorded_by = fields.String(required=True, metadata=UUID)
    recorded_at = fields.String(required=True, metadata=RFC3339)
    responses = fields.List(fields.Nested(ResponseOut), required=True)


class RecordOut(Schema):
    """`points` in hundredths; `lines` add up to it."""

    agent_id = fields.String(required=True, metadata=UUID)
    as_of = fields.String(required=True, metadata=DAY_OUT)
    grade = word(("A", "B", "C", "D"), required=True)
    points = fields.Integer(required=True)
    rules_version = fields.Integer(required=True)
    lines = fields.List(fields.Nested(GradeLineOut), required=True)
    entries = fields.List(fields.Nested(EntryOut), required=True)


class WaitingOneOut(ResponseOut):
    agent_id = fields.String(required=True, metadata=UUID)
    record_id = fields.String(required=True, metadata=UUID)
    working_days_left = fields.Integer(required=True)


class WaitingOut(Schema):
    items = fields.List(fields.Nested(WaitingOneOut), required=True)


class CheckedByOut(Schema):
    """`fields` names what was told, never the values."""

    asked_at = fields.String(required=True, metadata=RFC3339)
    member_name_zh = fields.String(required=True)
    member_name_en = fields.String(required=True, allow_none=True)
    member_kind = fields.String(required=True)
    purpose = fields.String(required=True)
    consent = fields.String(required=True, allow_none=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")


class AccessOut(Schema):
    access_id = fields.String(required=True, metadata=UUID)
    as_of = fields.String(required=True, metadata=RFC3339)
    record = fields.Nested(RecordOut, required=True)
    checked = fields.List(fields.Nested(CheckedByOut), required=True)
