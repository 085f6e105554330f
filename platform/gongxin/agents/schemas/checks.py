"""Checks over the wire."""

from marshmallow import Schema, fields, validate

from gongxin.subjects.schemas import TokenIn

from .. import rules
from .fields import DAY_OUT, REFERENCE, RFC3339, UUID, pattern, text, word


class CheckItemIn(Schema):
    """Exactly one of `licence` and `subject`; `consent` in a check before hiring."""

    licence = text(64)
    subject = fields.List(fields.Nested(TokenIn), validate=validate.Length(1, 2))
    consent = pattern(REFERENCE)


class ChecksIn(Schema):
    purpose = word(tuple(rules.PURPOSES), required=True)
    items = fields.List(fields.Nested(CheckItemIn), required=True, validate=validate.Length(1, 1000))


class LicenceOut(Schema):
    number = fields.String(required=True)
    state = word(rules.STATES, required=True)
    valid_from = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    valid_until = fields.String(required=True, allow_none=True, metadata=DAY_OUT)


class AgencyOut(Schema):
    member_id = fields.String(required=True, metadata=UUID)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True, allow_none=True)
    state = fields.String(required=True)


class HeldOut(Schema):
    level = word(rules.LEVELS, required=True)
    issued_on = fields.String(required=True, metadata=DAY_OUT)
    valid_until = fields.String(required=True, metadata=DAY_OUT)
    in_force = fields.Boolean(required=True)


class TransferOut(Schema):
    released = fields.Boolean(required=True)


class BarOut(Schema):
    barred_until = fields.String(required=True, allow_none=True, metadata=DAY_OUT)


class ContestedOut(Schema):
    """An entry that counts and is under objection, with the person's own words."""

    severity = fields.String(required=True, allow_none=True)
    certainty = fields.String(required=True, allow_none=True)
    occurred_on = fields.String(required=True, metadata=DAY_OUT)
    objection = fields.String(required=True)
    reply = fields.String(required=True, allow_none=True)


class CreditOut(Schema):
    """`points` in hundredths; `contested`: how many entries are under objection."""

    grade = word(("A", "B", "C", "D"), required=True)
    points = fields.Integer(required=True)
    rules_version = fields.Integer(required=True)
    contested = fields.Integer(required=True)
    objections = fields.List(fields.Nested(ContestedOut), required=True)


class SaidOut(Schema):
    kind = fields.String(required=True)
    said = fields.String(required=True)


class BlacklistOut(Schema):
    """`watch` to the association and the employer alone; `stop_until`: an interim stop. What the person said to it goes
    with the entry. `not_available` and `stale` are no answer: never read either as clear."""

    state = word(("not_listed", "listed", "watch", "stale", rules.BLACKLIST_UNKNOWN), required=True)
    level = word(("L1", "L2", "L3"))
    ground = word(("S1", "S2", "S3"))
    number = fields.String()
    begins_on = fields.String(metadata=DAY_OUT)
    ends_on = fields.String(metadata=DAY_OUT)
    contested = fields.Boolean()
    statements = fields.List(fields.Nested(SaidOut))
    stop_until = fields.String(metadata=DAY_OUT)


class CheckOut(Schema):
    """`found` false: no licence under that number or key. What is not for this purpose is left out."""

    found = fields.Boolean(required=True)
    may_work = fields.Boolean(required=True)
    licence = fields.Nested(LicenceOut)
    agency = fields.Nested(AgencyOut)
    certificates = fields.List(fields.Nested(HeldOut))
    record = fields.Nested(CreditOut)
    blacklist = fields.Nested(BlacklistOut)
    transfer = fields.Nested(TransferOut)
    bar = fields.Nested(BarOut)


class ChecksOut(Schema):
    check_id = fields.String(required=True, metadata=UUID)
    purpose = word(tuple(rules.PURPOSES), required=True)
    rules_version = fields.Integer(required=True)
    as_of = fields.String(required=True, metadata=RFC3339)
    fresh_until = fields.String(required=True, metadata=RFC3339)
    answers = fields.List(fields.Nested(CheckOut), required=True)
    receipt = fields.String(required=True)
