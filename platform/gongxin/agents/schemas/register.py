"""The register over the wire: applications, moves, the roll."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from gongxin.subjects.schemas import TokenIn

from .. import rules
from ..models import Agent, AgentChange, AgentEngagement
from .fields import DAY_OUT, RFC3339, SHA256, UUID, Day, Identifier, pattern, text, word


class ApplicationIn(Schema):
    subject = fields.List(fields.Nested(TokenIn), required=True, validate=validate.Length(1, 2))
    name = text(rules.MAX_NAME, required=True)
    education = word(rules.EDUCATION, required=True)
    photo_sha256 = pattern(SHA256, required=True)
    adult_as_of = Day(required=True)
    declared_on = Day(required=True)


class MoveIn(Schema):
    action = word(rules.ACTIONS, required=True)
    reason = text(rules.MAX_REASON, required=True)
    valid_until = Day(allow_none=True, load_default=None)
    released_to = Identifier(allow_none=True, load_default=None)


class ClaimIn(Schema):
    licence = text(64, required=True)


class RekeyIn(Schema):
    agent_id = Identifier(required=True)
    subject = fields.List(fields.Nested(TokenIn), required=True, validate=validate.Length(1, 2))


class RollIn(Schema):
    state = word(rules.STATES[1:])
    expiring_days = fields.Integer(validate=validate.Range(0, 3660))
    agency_id = Identifier()
    cursor = fields.String(validate=[validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class AgentOut(Schema):
    agent_id = fields.String(required=True, metadata=UUID)
    licence = fields.String(required=True)
    state = word(rules.STATES[1:], required=True)
    may_work = fields.Boolean(required=True)
    agency_id = fields.String(required=True, metadata=UUID)
    released = fields.Boolean(required=True)
    released_to = fields.String(required=True, allow_none=True, metadata=UUID)
    photo_sha256 = fields.String(required=True)
    adult_as_of = fields.String(required=True, metadata=DAY_OUT)
    declared_on = fields.String(required=True, metadata=DAY_OUT)
    education = fields.String(required=True)
    valid_from = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    valid_until = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    expires_within_days = fields.Integer(
        required=True, allow_none=True, metadata={"description": "7, 30 or 60 where the licence ends within that"}
    )
    barred_until = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    version = fields.Integer(required=True)
    created_at = fields.String(required=True, metadata=RFC3339)
    changed_at = fields.String(required=True, metadata=RFC3339)


class RollOut(Schema):
    items = fields.List(fields.Nested(AgentOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class IdentityOut(Schema):
    agent_id = fields.String(required=True, metadata=UUID)
    name = fields.String(required=True)


class ChangeOut(Schema):
    version = fields.Integer(required=True)
    action = fields.String(required=True)
    previous = fields.String(required=True)
    state = fields.String(required=True)
    agency_id = fields.String(required=True, metadata=UUID)
    released_to = fields.String(required=True, allow_none=True, metadata=UUID)
    valid_until = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    barred_until = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    reason = fields.String(required=True)
    changed_at = fields.String(required=True, metadata=RFC3339)
    leaf_id = fields.String(required=True, metadata=UUID)


class EngagementOut(Schema):
    agency_id = fields.String(required=True, metadata=UUID)
    began_at = fields.String(required=True, metadata=RFC3339)
    ended_at = fields.String(required=True, allow_none=True, metadata=RFC3339)


class HistoryOut(Schema):
    changes = fields.List(fields.Nested(ChangeOut), required=True)
    engagements = fields.List(fields.Nested(EngagementOut), required=True)


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
