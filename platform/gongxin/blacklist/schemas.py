"""What goes over the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from gongxin.agents.schemas.checks import SaidOut
from gongxin.agents.schemas.fields import (
    DAY_OUT,
    REFERENCE,
    RFC3339,
    SHA256,
    UUID,
    Day,
    Identifier,
    pattern,
    text,
    word,
)

from . import pack, records, rules
from .answers import PURPOSES

_CURSOR = [validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")]
_ACTS = tuple(name for name, move in rules.MOVES.items() if rules.OFFICE in move.by)
STATEMENTS = tuple(name for name, move in rules.MOVES.items() if rules.REPORTED in move.by)
_ARTICLES = tuple(pack.pack()["articles"])


class Flag(fields.Boolean):
    """true or false, and nothing that merely reads like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


class FingerprintIn(Schema):
    """A fingerprint; the recording or paper stays with its owner."""

    sha256 = pattern(SHA256, required=True)
    kind = word(("recording", "document", "image", "message"), required=True)


class ReportIn(Schema):
    """An agent by `licence`, an agency or member by `member_id`."""

    subject_kind = word(pack.SUBJECT_KINDS, required=True)
    licence = text(64)
    member_id = Identifier()
    article = word(_ARTICLES, required=True)
    place = text(120, required=True)
    occurred_from = Day(required=True)
    occurred_until = Day(required=True)
    conduct = text(2000, required=True)
    evidence = fields.List(fields.Nested(FingerprintIn), load_default=list, validate=validate.Length(0, 50))
    complaint_ref = pattern(REFERENCE)


class ActIn(Schema):
    """An officer's act. What each needs beside stands in the documentation of the process."""

    action = word(_ACTS, required=True)
    officer = text(64, required=True)
    said = text(rules.MAX_SAID)
    committee_id = Identifier()
    joined_to = Identifier()
    served_on = Day()
    channel = word(rules.CHANNELS)
    proof = pattern(SHA256)
    act = word(rules.DRAFTABLE)
    severity = word(pack.SEVERITIES)
    level = word(pack.OUTCOMES)
    major_harm = Flag()
    months = fields.Integer(strict=True, validate=validate.Range(1, 60))
    until = Day()
    version = fields.Integer(strict=True, validate=validate.Range(1, 10_000))


class ReportedStatementIn(Schema):
    action = word(STATEMENTS, required=True)
    said = text(rules.MAX_SAID, required=True)


class VoteIn(Schema):
    officer = text(64, required=True)
    vote = Flag(required=True)
    said = text(rules.MAX_SAID)


class RecusalIn(Schema):
    officer = text(64, required=True)
    said = text(rules.MAX_SAID, required=True)


class ListingObjectionIn(Schema):
    kind = word(("objection", "factual_error"), required=True)
    said = text(rules.MAX_SAID, required=True)


class ObjectionAnswerIn(Schema):
    officer = text(64, required=True)
    outcome = word(("accepted", "rejected"), required=True)
    answer = text(rules.MAX_SAID, required=True)


class CommitteeIn(Schema):
    name_zh = text(120, required=True)
    name_en = text(120)
    officers = fields.List(text(64), required=True, validate=validate.Length(1, 50))


class MattersIn(Schema):
    state = word(rules.STATES[1:])
    cursor = fields.String(validate=_CURSOR)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class CorrectionsIn(Schema):
    show = word(("all", "open", "overdue"), load_default="all")
    cursor = fields.String(validate=_CURSOR)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class AcknowledgementIn(Schema):
    did = word(records.DID, required=True)
    note = text(500)


class ScreenIn(Schema):
    """`consent`: the reference of the consents you keep for this batch."""

    purpose = word(PURPOSES, required=True)
    consent = pattern(REFERENCE, required=True)


class PublicListIn(Schema):
    history = word(("none", "all"), load_default="none")


def _day(**kw: Any) -> fields.String:
    return fields.String(required=True, metadata=DAY_OUT, **kw)


def _identifier(**kw: Any) -> fields.String:
    return fields.String(required=True, metadata=UUID, **kw)


def _moment(**kw: Any) -> fields.String:
    return fields.String(required=True, metadata=RFC3339, **kw)


class MatterOut(Schema):
    matter_id = _identifier()
    number = fields.String(required=True)
    subject_kind = word(pack.SUBJECT_KINDS, required=True)
    agent_id = _identifier(allow_none=True)
    member_id = _identifier(allow_none=True)
    article = fields.String(required=True)
    severity = word(pack.SEVERITIES, required=True)
    state = word(rules.STATES[1:], required=True)
    level = fields.String(required=True, allow_none=True)
    due_on = _day(allow_none=True)
    begins_on = _day(allow_none=True)
    ends_on = _day(allow_none=True)
    appeal_until = _day(allow_none=True)
    stop_until = _day(allow_none=True)
    version = fields.Integer(required=True)
    legal = fields.List(fields.String(), required=True)
    filing_warning = fields.Boolean(metadata={"description": "the reporter reports this agency in bulk"})


class MattersOut(Schema):
    items = fields.List(fields.Nested(MatterOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DoneOut(Schema):
    done = fields.Boolean(required=True)


class ListingObjectionOut(Schema):
    objection_id = _identifier()
    kind = fields.String(required=True)
    due_on = _day()
    outcome = fields.String(required=True, allow_none=True)


class CommitteeOut(Schema):
    committee_id = _identifier()
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True, allow_none=True)
    officers = fields.List(fields.String(), required=True)


class CommitteesOut(Schema):
    items = fields.List(fields.Nested(CommitteeOut), required=True)


class CorrectionOut(Schema):
    correction_id = _identifier()
    number = fields.String(required=True)
    cause = word(("listed", "varied", "withdrawn"), required=True)
    agent_id = _identifier(allow_none=True)
    member_id = _identifier(allow_none=True)
    told_member_id = _identifier()
    state = fields.String(required=True)
    level = fields.String(required=True)
    ends_on = _day()
    made_at = _moment()
    due_on = _day()
    overdue = fields.Boolean(required=True)
    acknowledged_at = _moment(allow_none=True)
    did = fields.String(required=True, allow_none=True)


class CorrectionsOut(Schema):
    items = fields.List(fields.Nested(CorrectionOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AcknowledgedOut(Schema):
    correction_id = _identifier()
    did = fields.String(required=True)
    acknowledged_at = _moment()


class PublicEntryOut(Schema):
    number = fields.String(required=True)
    member_id = _identifier()
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True, allow_none=True)
    uscc = fields.String(required=True)
    state = fields.String(required=True)
    level = fields.String(required=True)
    article = fields.String(required=True)
    ground = fields.String(required=True)
    begins_on = _day()
    ends_on = _day()
    contested = fields.Boolean(required=True)
    statements = fields.List(fields.Nested(SaidOut), required=True)
    changed_at = _moment()


class PublicListOut(Schema):
    as_of = _moment()
    items = fields.List(fields.Nested(PublicEntryOut), required=True)
