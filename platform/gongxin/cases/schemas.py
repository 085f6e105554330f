"""What goes over the wire. Registrations and bulk lines are read by hand (`lines.py`); these shapes document them."""

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from gongxin.disclosure.rules import LEGAL_CLASSES, STOP_FLAGS
from gongxin.subjects.schemas import TokenIn

from . import vocabulary as words
from .lines import CREDITOR_REF_PATTERN, DAY_PATTERN, MAX_REFERENCES

_RFC3339 = {"format": "date-time"}
_UUID: dict[str, Any] = {"format": "uuid"}
_UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_TEXT = "^[^\\x00]*$"
_EVERY_STATUS = tuple(dict.fromkeys(s for axis in words.EVENT_AXES for s in words.STATUSES[axis]))
_COURT_STATUS = tuple(dict.fromkeys(s for statuses in words.COURT_AXES.values() for s in statuses))


class Day(fields.Date):
    """YYYY-MM-DD and no other of ISO 8601's forms."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(format="iso", metadata={"pattern": DAY_PATTERN}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Any:
        if not isinstance(value, str) or len(value) != 10:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return super()._deserialize(value, attr, data, **kw)


def _identifier(**kw: Any) -> fields.String:
    return fields.String(validate=validate.Regexp(_UUID_PATTERN + "(?!\n)"), metadata={"pattern": _UUID_PATTERN}, **kw)


def _text(most: int, **kw: Any) -> fields.String:
    checks = [validate.Length(1, most), validate.ContainsNoneOf("\0")]
    return fields.String(validate=checks, metadata={"pattern": _TEXT}, **kw)


# --- cases ----------------------------------------------------------------------------------------------------------


class ReferenceIn(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(words.REFERENCE_KINDS))
    reference = _text(64, required=True)
    # The mediator of a mediation file, and of nothing else.
    member_id = _identifier(allow_none=True, load_default=None)


class ReferenceRemovalIn(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(words.REFERENCE_KINDS))
    reference = _text(64, required=True)


class CaseIn(Schema):
    """Read by hand; `subject` has a token of every open epoch."""

    class Meta:
        unknown = RAISE

    creditor_ref = fields.String(
        required=True,
        validate=validate.Length(1, 64),
        metadata={"pattern": CREDITOR_REF_PATTERN, "description": "the creditor's own case number, never an account"},
    )
    subject = fields.List(fields.Nested(TokenIn), required=True, validate=validate.Length(1, 2))
    opened_on = Day(required=True)
    references = fields.List(fields.Nested(ReferenceIn), validate=validate.Length(0, MAX_REFERENCES))


class ReferenceOut(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(words.REFERENCE_KINDS))
    reference = fields.String(required=True)


class CaseOut(Schema):
    case_id = fields.String(required=True, metadata=_UUID)
    creditor_id = fields.String(required=True, metadata=_UUID)
    creditor_ref = fields.String(required=True)
    agency_id = fields.String(required=True, allow_none=True, metadata=_UUID)
    placement = fields.String(required=True, validate=validate.OneOf(words.PLACEMENTS))
    opened_on = Day(required=True)
    closed = fields.Boolean(required=True)
    mandate_until = Day(required=True, allow_none=True)
    stop_flags = fields.List(fields.String(validate=validate.OneOf(STOP_FLAGS)), required=True)
    legal_class = fields.String(required=True, validate=validate.OneOf(LEGAL_CLASSES))
    contested = fields.Boolean(required=True)
    references = fields.List(fields.Nested(ReferenceOut), required=True)
    version = fields.Integer(required=True)
    created_at = fields.String(required=True, metadata=_RFC3339)
    updated_at = fields.String(required=True, metadata=_RFC3339)
    warnings = fields.List(fields.String(), metadata={"description": "what an assignment should have had; else absent"})


class PageIn(Schema):
    cursor = fields.String(validate=validate.Length(1, 512))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class CasesIn(PageIn):
    creditor_ref = fields.String(
        validate=[validate.Length(1, 64), validate.Regexp(CREDITOR_REF_PATTERN + "(?!\n)")],
        metadata={"pattern": CREDITOR_REF_PATTERN},
    )
    placement = fields.String(validate=validate.OneOf(words.PLACEMENTS))
    closed = fields.Boolean(truthy={"true"}, falsy={"false"})
    updated_since = fields.AwareDateTime(format="iso", metadata=_RFC3339)


class CasesOut(Schema):
    items = fields.List(fields.Nested(CaseOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PlacementIn(Schema):
    action = fields.String(required=True, validate=validate.OneOf(words.REQUESTABLE))
    agency_id = _identifier(allow_none=True, load_default=None)
    mandate_until = Day(allow_none=True, load_default=None)
    reason = _text(200, allow_none=True, load_default=None)


# --- events ---------------------------------------------------------------------------------------------------------


class EventIn(Schema):
    axis = fields.String(required=True, validate=validate.OneOf(words.EVENT_AXES))
    status = fields.String(required=True, validate=validate.OneOf(_EVERY_STATUS))
    effective_on = Day(required=True)
    basis = _text(200, allow_none=True, load_default=None)
    court_case_number = _text(64, allow_none=True, load_default=None)


class CourtEventIn(Schema):
    court_case_number = _text(64, required=True)
    axis = fields.String(required=True, validate=validate.OneOf(tuple(words.COURT_AXES)))
    status = fields.String(required=True, validate=validate.OneOf(_COURT_STATUS))
    effective_on = Day(required=True)
    basis = _text(200, allow_none=True, load_default=None)


class WithdrawalIn(Schema):
    reason = _text(200, required=True)


class EventOut(Schema):
    event_id = fields.String(required=True, metadata=_UUID)
    case_id = fields.String(required=True, metadata=_UUID)
    axis = fields.String(required=True, validate=validate.OneOf(tuple(words.STATUSES)))
    status = fields.String(required=True)
    effective_on = Day(required=True)
    source = fields.String(required=True, validate=validate.OneOf((*words.SOURCES, "registry")))
    asserted_by = fields.String(required=True, allow_none=True, metadata=_UUID)
    claimed = fields.Boolean(required=True)
    contested = fields.Boolean(required=True)
    prevails = fields.Boolean(required=True)
    basis = fields.String(required=True, allow_none=True)
    court_case_number = fields.String(required=True, allow_none=True)
    supersedes = fields.String(required=True, allow_none=True, metadata=_UUID)
    withdrawn = fields.Boolean(required=True)
    recorded_at = fields.String(required=True, metadata=_RFC3339)


class EventsOut(Schema):
    items = fields.List(fields.Nested(EventOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class StatusIn(Schema):
    as_of = fields.AwareDateTime(format="iso", metadata=_RFC3339)


class WordOut(Schema):
    status = fields.String(required=True)
    effective_on = Day(required=True)
    source = fields.String(required=True)
    claimed = fields.Boolean(required=True)


class AxisOut(WordOut):
    contested = fields.Boolean(required=True)
    others = fields.List(fields.Nested(WordOut), required=True)


class AxesOut(Schema):
    """An axis of which nothing is known is absent."""

    placement = fields.Nested(AxisOut, required=True)
    collection = fields.Nested(AxisOut)
    dispute = fields.Nested(AxisOut)
    legal = fields.Nested(AxisOut)
    person = fields.Nested(AxisOut)


class StatusOut(Schema):
    case_id = fields.String(required=True, metadata=_UUID)
    as_of = fields.String(required=True, metadata=_RFC3339)
    axes = fields.Nested(AxesOut, required=True)
    stop_flags = fields.List(fields.String(validate=validate.OneOf(STOP_FLAGS)), required=True)
    legal_class = fields.String(required=True, validate=validate.OneOf(LEGAL_CLASSES))
    contested = fields.Boolean(required=True)


class CourtEventsIn(PageIn):
    court_case_number = _text(64)


class CourtEventOut(Schema):
    court_event_id = fields.String(required=True, metadata=_UUID)
    court_case_number = fields.String(required=True)
    axis = fields.String(required=True)
    status = fields.String(required=True)
    effective_on = Day(required=True)
    basis = fields.String(required=True, allow_none=True)
    supersedes = fields.String(required=True, allow_none=True, metadata=_UUID)
    withdrawn = fields.Boolean(required=True)
    recorded_at = fields.String(required=True, metadata=_RFC3339)


class CourtEventsOut(Schema):
    items = fields.List(fields.Nested(CourtEventOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
