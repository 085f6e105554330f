"""Badges over the wire."""

from typing import Any

from marshmallow import Schema, fields

from .. import badges, rules
from ..models_badges import BadgeIssued
from .fields import RFC3339, UUID, word

ENDS = (
    "replaced", "withdrawn", "revoked", "expired", "surrendered", "transferred", "term_changed", "lapsed",
)  # fmt: skip


class BadgeWithdrawalIn(Schema):
    reason = word(badges.REASONS, required=True)


class CardIn(Schema):
    language = word(badges.LANGUAGES, load_default="zh")


class BadgeOut(Schema):
    """`code` is what the QR shows. `state`: in_force, suspended with the licence, or ended for good."""

    badge_id = fields.String(required=True, metadata=UUID)
    agent_id = fields.String(required=True, metadata=UUID)
    agency_id = fields.String(required=True, metadata=UUID)
    level = word(rules.LEVELS, required=True)
    code = fields.String(required=True)
    list_no = fields.Integer(required=True)
    index = fields.Integer(required=True)
    state = word(("in_force", "suspended", "ended"), required=True)
    issued_at = fields.String(required=True, metadata=RFC3339)
    expires_at = fields.String(required=True, metadata=RFC3339)
    ended_at = fields.String(required=True, allow_none=True, metadata=RFC3339)
    ended_as = word(ENDS, required=True, allow_none=True)


class BadgesOut(Schema):
    items = fields.List(fields.Nested(BadgeOut), required=True)


class ListsOut(Schema):
    """The draft's aggregation (section 9.3)."""

    status_lists = fields.List(fields.String(), required=True)


class JwkOut(Schema):
    kty = word(("OKP",), required=True)
    crv = word(("Ed25519",), required=True)
    x = fields.String(required=True)
    kid = fields.String(required=True)
    use = word(("sig",), required=True)
    alg = word(("EdDSA",), required=True)


class JwksOut(Schema):
    issuer = fields.String(required=True)
    keys = fields.List(fields.Nested(JwkOut), required=True)


def badge_out(badge: BadgeIssued, agent_state: str) -> dict[str, Any]:
    return {
        "badge_id": badge.id,
        "agent_id": badge.agent_id,
        "agency_id": badge.agency_id,
        "level": badge.level,
        "code": badge.code,
        "list_no": badge.list_no,
        "index": badge.idx,
        "state": badges.status(badge, agent_state),
        "issued_at": badge.issued_at,
        "expires_at": badge.expires_at,
        "ended_at": badge.ended_at,
        "ended_as": badge.ended_as,
    }
