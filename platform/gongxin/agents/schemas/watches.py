"""Watches and statistics over the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from .. import figures, rules
from ..models_filings import AgentWatch
from .fields import DAY_OUT, RFC3339, UUID, Day, Identifier, text, word


class WatchIn(Schema):
    check_id = Identifier(required=True)
    licence = text(64, required=True)
    ends_on = Day(required=True)


class PageIn(Schema):
    cursor = fields.String(validate=[validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class WatchOut(Schema):
    watch_id = fields.String(required=True, metadata=UUID)
    licence = fields.String(required=True)
    check_id = fields.String(required=True, metadata=UUID)
    purpose = word(tuple(rules.PURPOSES), required=True)
    consent = fields.String(required=True, allow_none=True)
    began_at = fields.String(required=True, metadata=RFC3339)
    ends_on = fields.String(required=True, metadata=DAY_OUT)
    ended_at = fields.String(required=True, allow_none=True, metadata=RFC3339)


class WatchesOut(Schema):
    items = fields.List(fields.Nested(WatchOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class StatisticsIn(Schema):
    as_of = Day()


def _cells(name: str) -> Any:
    words = figures.DIMENSIONS[name]
    cells: dict[str, Any] = {each: fields.Integer(required=True, allow_none=True) for each in words}
    return fields.Nested(Schema.from_dict(cells, name=f"Agency{name.capitalize()}Out"), required=True)


class AgencyFiguresOut(Schema):
    """A cell that is null is from 1 to 4, or kept back beside one that is."""

    agency_id = fields.String(required=True, metadata=UUID)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True, allow_none=True)
    licences = _cells("licences")
    certificates = _cells("certificates")
    grades = _cells("grades")
    entries = _cells("entries")
    objections = _cells("objections")


class StatisticsOut(Schema):
    as_of = fields.String(required=True, metadata=DAY_OUT)
    rules_version = fields.Integer(required=True)
    least_cell = fields.Integer(required=True)
    agencies = fields.List(fields.Nested(AgencyFiguresOut), required=True)


def watch_out(watch: AgentWatch) -> dict[str, Any]:
    return {
        "watch_id": watch.id,
        "licence": watch.licence_no,
        "check_id": watch.check_id,
        "purpose": watch.purpose,
        "consent": watch.consent,
        "began_at": watch.began_at,
        "ends_on": watch.ends_on,
        "ended_at": watch.ended_at,
    }
