"""Agencies' filings over the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from .. import rules, rules_filings
from ..models_filings import AgencyFiling, AgencyFilingChange
from .fields import RFC3339, UUID, Identifier, text, word


class ResponsibleIn(Schema):
    role = word(rules_filings.ROLES, required=True)
    name = text(rules.MAX_NAME, required=True)


class FilingIn(Schema):
    scope = fields.List(word(rules_filings.SCOPE), required=True, validate=validate.Length(1, len(rules_filings.SCOPE)))
    officers = fields.List(
        fields.Nested(ResponsibleIn), required=True, validate=validate.Length(2, rules_filings.MAX_OFFICERS)
    )


class FilingMoveIn(Schema):
    action = word(rules_filings.ACTIONS, required=True)
    reason = text(rules.MAX_REASON, required=True)


class FilingsIn(Schema):
    state = word(rules_filings.STATES[1:])
    agency_id = Identifier()
    cursor = fields.String(validate=[validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class FilingOut(Schema):
    filing_id = fields.String(required=True, metadata=UUID)
    number = fields.String(required=True)
    agency_id = fields.String(required=True, metadata=UUID)
    state = word(rules_filings.STATES[1:], required=True)
    scope = fields.List(word(rules_filings.SCOPE), required=True)
    officers = fields.Integer(required=True)
    version = fields.Integer(required=True)
    filed_at = fields.String(required=True, metadata=RFC3339)
    changed_at = fields.String(required=True, metadata=RFC3339)


class FilingsOut(Schema):
    items = fields.List(fields.Nested(FilingOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ResponsibleOut(Schema):
    role = fields.String(required=True)
    name = fields.String(required=True)


class FilingChangeOut(Schema):
    version = fields.Integer(required=True)
    action = fields.String(required=True)
    previous = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    changed_at = fields.String(required=True, metadata=RFC3339)
    leaf_id = fields.String(required=True, metadata=UUID)


class FilingFullOut(FilingOut):
    responsible = fields.List(fields.Nested(ResponsibleOut), required=True, allow_none=True)
    changes = fields.List(fields.Nested(FilingChangeOut), required=True)


def filing_out(filing: AgencyFiling) -> dict[str, Any]:
    return {
        "filing_id": filing.id,
        "number": filing.number,
        "agency_id": filing.agency_id,
        "state": filing.state,
        "scope": filing.scope,
        "officers": filing.officers,
        "version": filing.version,
        "filed_at": filing.filed_at,
        "changed_at": filing.changed_at,
    }


def filing_change_out(change: AgencyFilingChange) -> dict[str, Any]:
    return {
        "version": change.version,
        "action": change.action,
        "previous": change.previous,
        "state": change.state,
        "reason": change.reason,
        "changed_at": change.changed_at,
        "leaf_id": change.id,
    }
