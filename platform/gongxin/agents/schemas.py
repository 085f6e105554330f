"""What goes over the wire."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from gongxin.subjects.schemas import TokenIn

from . import grading, rules
from .models import Agent, AgentChange, AgentEngagement, Certificate

_RFC3339 = {"format": "date-time"}
_UUID: dict[str, Any] = {"format": "uuid"}
_UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_DAY_PATTERN = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
_DAY_OUT = {"format": "date"}
_TEXT = "^[^\\x00]*$"
_SHA256 = "^[0-9a-f]{64}$"
_REFERENCE = "^[0-9A-Za-z-]{1,32}$"
_END = "(?!\n)"


class Day(fields.Date):
    """YYYY-MM-DD and no other of ISO 8601's forms."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(format="iso", metadata={"pattern": _DAY_PATTERN}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> date:
        if not isinstance(value, str) or len(value) != 10:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        found: date = super()._deserialize(value, attr, data, **kw)
        return found


class Identifier(fields.UUID):
    """A UUID as the registry writes it."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(metadata={"pattern": _UUID_PATTERN}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Any:
        if not isinstance(value, str) or len(value) != 36 or value != value.lower():
            raise self.make_error("invalid_uuid")
        return super()._deserialize(value, attr, data, **kw)


def _pattern(pattern: str, **kw: Any) -> fields.String:
    return fields.String(validate=validate.Regexp(pattern + _END), metadata={"pattern": pattern}, **kw)


def _text(most: int, **kw: Any) -> fields.String:
    checks = [validate.Length(1, most), validate.ContainsNoneOf("\0")]
    return fields.String(validate=checks, metadata={"pattern": _TEXT}, **kw)


def _word(words: Any, **kw: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words), **kw)


# --- the register ---------------------------------------------------------------------------------------------------


class ApplicationIn(Schema):
    subject = fields.List(fields.Nested(TokenIn), required=True, validate=validate.Length(1, 2))
    name = _text(rules.MAX_NAME, required=True)
    education = _word(rules.EDUCATION, required=True)
    photo_sha256 = _pattern(_SHA256, required=True)
    adult_as_of = Day(required=True)
    declared_on = Day(required=True)


class MoveIn(Schema):
    action = _word(rules.ACTIONS, required=True)
    reason = _text(rules.MAX_REASON, required=True)
    valid_until = Day(allow_none=True, load_default=None)
    released_to = Identifier(allow_none=True, load_default=None)


class ClaimIn(Schema):
    licence = _text(64, required=True)


class RekeyIn(Schema):
    agent_id = Identifier(required=True)
    subject = fields.List(fields.Nested(TokenIn), required=True, validate=validate.Length(1, 2))


class RollIn(Schema):
    state = _word(rules.STATES[1:])
    expiring_days = fields.Integer(validate=validate.Range(0, 3660))
    agency_id = Identifier()
    cursor = fields.String(validate=[validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class AgentOut(Schema):
    agent_id = fields.String(required=True, metadata=_UUID)
    licence = fields.String(required=True)
    state = _word(rules.STATES[1:], required=True)
    may_work = fields.Boolean(required=True)
    agency_id = fields.String(required=True, metadata=_UUID)
    released = fields.Boolean(required=True)
    released_to = fields.String(required=True, allow_none=True, metadata=_UUID)
    photo_sha256 = fields.String(required=True)
    adult_as_of = fields.String(required=True, metadata=_DAY_OUT)
    declared_on = fields.String(required=True, metadata=_DAY_OUT)
    education = fields.String(required=True)
    valid_from = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    valid_until = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    expires_within_days = fields.Integer(
        required=True, allow_none=True, metadata={"description": "7, 30 or 60 where the licence ends within that"}
    )
    barred_until = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    version = fields.Integer(required=True)
    created_at = fields.String(required=True, metadata=_RFC3339)
    changed_at = fields.String(required=True, metadata=_RFC3339)


class RollOut(Schema):
    items = fields.List(fields.Nested(AgentOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class IdentityOut(Schema):
    agent_id = fields.String(required=True, metadata=_UUID)
    name = fields.String(required=True)


class ChangeOut(Schema):
    version = fields.Integer(required=True)
    action = fields.String(required=True)
    previous = fields.String(required=True)
    state = fields.String(required=True)
    agency_id = fields.String(required=True, metadata=_UUID)
    released_to = fields.String(required=True, allow_none=True, metadata=_UUID)
    valid_until = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    barred_until = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    reason = fields.String(required=True)
    changed_at = fields.String(required=True, metadata=_RFC3339)
    leaf_id = fields.String(required=True, metadata=_UUID)


class EngagementOut(Schema):
    agency_id = fields.String(required=True, metadata=_UUID)
    began_at = fields.String(required=True, metadata=_RFC3339)
    ended_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)


class HistoryOut(Schema):
    changes = fields.List(fields.Nested(ChangeOut), required=True)
    engagements = fields.List(fields.Nested(EngagementOut), required=True)


# --- training -------------------------------------------------------------------------------------------------------


class HoursIn(Schema):
    agent_id = Identifier(required=True)
    course = _pattern("^[a-z_]{1,32}$", required=True)
    hours = fields.Integer(required=True, strict=True, validate=validate.Range(1, 24))
    completed_on = Day(required=True)


class ExaminationIn(Schema):
    agent_id = Identifier(required=True)
    level = _word(rules.LEVELS, required=True)
    sat_on = Day(required=True)
    score = fields.Integer(required=True, strict=True, validate=validate.Range(0, 100))
    examiner_id = Identifier(required=True)
    examiner_ref = _pattern(_REFERENCE, required=True)


class CertificateOut(Schema):
    certificate_id = fields.String(required=True, metadata=_UUID)
    level = _word(rules.LEVELS, required=True)
    issued_on = fields.String(required=True, metadata=_DAY_OUT)
    valid_until = fields.String(required=True, metadata=_DAY_OUT)
    rules_version = fields.Integer(required=True)


class TrainingOut(Schema):
    certificates = fields.List(fields.Nested(CertificateOut), required=True)
    hours = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


# --- credit records ---------------------------------------------------------------------------------------------------


class EntryIn(Schema):
    kind = _word(("violation", "commendation"), required=True)
    severity = _word(grading.SEVERITIES, allow_none=True, load_default=None)
    certainty = _word(grading.CERTAINTIES, allow_none=True, load_default=None)
    occurred_on = Day(required=True)
    basis = _text(rules.MAX_REASON, required=True)


class CorrectionIn(EntryIn):
    withdrawn = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class ResponseIn(Schema):
    kind = _word(("reply", "objection", "correction_request"), required=True)
    said = _text(rules.MAX_SAID, required=True)


class DecisionIn(Schema):
    answers = Identifier(required=True)
    outcome = _word(("upheld", "rejected"), required=True)
    said = _text(rules.MAX_SAID, required=True)


class RecordIn(Schema):
    as_of = Day()


class EntryMadeOut(Schema):
    record_id = fields.String(required=True, metadata=_UUID)


class ResponseOut(Schema):
    response_id = fields.String(required=True, metadata=_UUID)
    kind = fields.String(required=True)
    answers = fields.String(required=True, allow_none=True, metadata=_UUID)
    outcome = fields.String(required=True, allow_none=True)
    said = fields.String(required=True)
    due_on = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    overdue = fields.Boolean(required=True)
    said_by = fields.String(required=True, metadata=_UUID)
    said_at = fields.String(required=True, metadata=_RFC3339)


class LineOut(Schema):
    record_id = fields.String(required=True, allow_none=True, metadata=_UUID)
    why = fields.String(required=True)
    start = fields.Integer(required=True)
    months = fields.Integer(required=True)
    left = fields.Integer(required=True)


class EntryOut(Schema):
    record_id = fields.String(required=True, metadata=_UUID)
    kind = fields.String(required=True)
    severity = fields.String(required=True, allow_none=True)
    certainty = fields.String(required=True, allow_none=True)
    occurred_on = fields.String(required=True, metadata=_DAY_OUT)
    basis = fields.String(required=True)
    withdrawn = fields.Boolean(required=True)
    supersedes = fields.String(required=True, allow_none=True, metadata=_UUID)
    superseded = fields.Boolean(required=True)
    contested = fields.Boolean(required=True)
    recorded_by = fields.String(required=True, metadata=_UUID)
    recorded_at = fields.String(required=True, metadata=_RFC3339)
    responses = fields.List(fields.Nested(ResponseOut), required=True)


class RecordOut(Schema):
    """`points` in hundredths; `lines` add up to it."""

    agent_id = fields.String(required=True, metadata=_UUID)
    as_of = fields.String(required=True, metadata=_DAY_OUT)
    grade = _word(("A", "B", "C", "D"), required=True)
    points = fields.Integer(required=True)
    rules_version = fields.Integer(required=True)
    lines = fields.List(fields.Nested(LineOut), required=True)
    entries = fields.List(fields.Nested(EntryOut), required=True)


# --- checks ---------------------------------------------------------------------------------------------------------


class CheckItemIn(Schema):
    """Exactly one of `licence` and `subject`; `consent` in a check before hiring."""

    licence = _text(64)
    subject = fields.List(fields.Nested(TokenIn), validate=validate.Length(1, 2))
    consent = _pattern(_REFERENCE)


class ChecksIn(Schema):
    purpose = _word(tuple(rules.PURPOSES), required=True)
    items = fields.List(fields.Nested(CheckItemIn), required=True, validate=validate.Length(1, 1000))


class LicenceOut(Schema):
    number = fields.String(required=True)
    state = _word(rules.STATES, required=True)
    valid_from = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    valid_until = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)


class AgencyOut(Schema):
    member_id = fields.String(required=True, metadata=_UUID)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True, allow_none=True)
    state = fields.String(required=True)


class HeldOut(Schema):
    level = _word(rules.LEVELS, required=True)
    issued_on = fields.String(required=True, metadata=_DAY_OUT)
    valid_until = fields.String(required=True, metadata=_DAY_OUT)
    in_force = fields.Boolean(required=True)


class TransferOut(Schema):
    released = fields.Boolean(required=True)


class BarOut(Schema):
    barred_until = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)


class CreditOut(Schema):
    """`points` in hundredths; `contested`: entries under objection."""

    grade = _word(("A", "B", "C", "D"), required=True)
    points = fields.Integer(required=True)
    rules_version = fields.Integer(required=True)
    contested = fields.Integer(required=True)


class CheckOut(Schema):
    """`found` false: no licence under that number or key. What is not for this purpose is left out."""

    found = fields.Boolean(required=True)
    may_work = fields.Boolean(required=True)
    licence = fields.Nested(LicenceOut)
    agency = fields.Nested(AgencyOut)
    certificates = fields.List(fields.Nested(HeldOut))
    record = fields.Nested(CreditOut)
    blacklist = _word((rules.BLACKLIST_UNKNOWN,))
    transfer = fields.Nested(TransferOut)
    bar = fields.Nested(BarOut)


class ChecksOut(Schema):
    check_id = fields.String(required=True, metadata=_UUID)
    purpose = _word(tuple(rules.PURPOSES), required=True)
    rules_version = fields.Integer(required=True)
    as_of = fields.String(required=True, metadata=_RFC3339)
    fresh_until = fields.String(required=True, metadata=_RFC3339)
    answers = fields.List(fields.Nested(CheckOut), required=True)
    receipt = fields.String(required=True)


class PublicOut(Schema):
    licence = fields.String(required=True)
    state = _word(rules.PUBLIC_STATES, required=True)
    may_work = fields.Boolean(required=True)
    agency_zh = fields.String(required=True)
    agency_en = fields.String(required=True, allow_none=True)
    valid_from = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    valid_until = fields.String(required=True, allow_none=True, metadata=_DAY_OUT)
    certificate = _word(rules.LEVELS, required=True, allow_none=True)
    as_of = fields.String(required=True, metadata=_RFC3339)


# --- values ---------------------------------------------------------------------------------------------------------


def agent_out(agent: Agent, *, agency_state: str, today: date) -> dict[str, Any]:
    return {
        "agent_id": agent.id,
        "licence": agent.licence_no,
        "state": agent.state,
        "may_work": rules.may_work(agent.state, agent.valid_until, agency_state, today),
        "agency_id": agent.agency_id,
        "released": agent.released,
        "released_to": agent.released_to,
        "photo_sha256": agent.photo_sha256.hex(),
        "adult_as_of": agent.adult_as_of,
        "declared_on": agent.declared_on,
        "education": agent.education,
        "valid_from": agent.valid_from,
        "valid_until": agent.valid_until,
        "expires_within_days": rules.expires_within(agent.state, agent.valid_until, today),
        "barred_until": agent.barred_until,
        "version": agent.version,
        "created_at": agent.created_at,
        "changed_at": agent.changed_at,
    }


def change_out(change: AgentChange) -> dict[str, Any]:
    return {
        "version": change.version,
        "action": change.action,
        "previous": change.previous,
        "state": change.state,
        "agency_id": change.agency_id,
        "released_to": change.released_to,
        "valid_until": change.valid_until,
        "barred_until": change.barred_until,
        "reason": change.reason,
        "changed_at": change.changed_at,
        "leaf_id": change.id,
    }


def engagement_out(spell: AgentEngagement) -> dict[str, Any]:
    return {"agency_id": spell.agency_id, "began_at": spell.began_at, "ended_at": spell.ended_at}


def certificate_out(certificate: Certificate) -> dict[str, Any]:
    return {
        "certificate_id": certificate.id,
        "level": certificate.level,
        "issued_on": certificate.issued_on,
        "valid_until": certificate.valid_until,
        "rules_version": certificate.rules_version,
    }
