"""What anyone may ask, and what the public gets."""

from marshmallow import Schema, fields

from .. import rules
from .fields import DAY_OUT, RFC3339, SHA256, pattern, text, word


class PublicOut(Schema):
    licence = fields.String(required=True)
    state = word(rules.PUBLIC_STATES, required=True)
    may_work = fields.Boolean(required=True)
    agency_zh = fields.String(required=True)
    agency_en = fields.String(required=True, allow_none=True)
    valid_from = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    valid_until = fields.String(required=True, allow_none=True, metadata=DAY_OUT)
    certificate = word(rules.LEVELS, required=True, allow_none=True)
    as_of = fields.String(required=True, metadata=RFC3339)


class PhotoIn(Schema):
    """The SHA-256 of the photograph's file, as the agency was given it."""

    licence = text(64, required=True)
    photo_sha256 = pattern(SHA256, required=True)


class PhotoOut(Schema):
    licence = fields.String(required=True)
    matches = fields.Boolean(required=True)
    as_of = fields.String(required=True, metadata=RFC3339)


class CodeIn(Schema):
    """What a scanner read, as it is."""

    code = text(1024, required=True)


class BadgeCheckedOut(Schema):
    """`state`: valid, suspended, invalid (ended for good), expired, or unknown; only `valid` is to be relied on."""

    state = word(("valid", "suspended", "invalid", "expired", "unknown"), required=True)
    licence = fields.String(required=True)
    agency_zh = fields.String(required=True)
    certificate = word(rules.LEVELS, required=True)
    issued_at = fields.String(required=True, metadata=RFC3339)
    expires_at = fields.String(required=True, metadata=RFC3339)
    as_of = fields.String(required=True, metadata=RFC3339)
