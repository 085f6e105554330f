"""What goes over the wire. The OAuth forms are read by hand (`grants.py`); these shapes document them."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from gongxin.web.permissions import SCOPES

from . import rules
from .models import Client, ClientKey

_KID = "^[A-Za-z0-9_-]{43}$"
_RFC3339 = {"format": "date-time"}
_UUID = {"format": "uuid"}
_CLIENT_AUTHENTICATION: dict[str, Any] = {
    "client_id": {"type": "string", "format": "uuid"},
    "client_assertion_type": {"type": "string", "enum": [rules.ASSERTION_TYPE]},
    "client_assertion": {"type": "string", "maxLength": 4096, "description": "RFC 7523, ES256 / EdDSA"},
}


def _form(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": {**_CLIENT_AUTHENTICATION, **properties}}


TOKEN_FORM = _form(
    ["grant_type", "scope"],
    grant_type={"type": "string", "enum": ["client_credentials"]},
    scope={"type": "string", "maxLength": 512, "description": "separated by single spaces"},
    resource={"type": "string", "description": "RFC 8707: the issuer"},
    authorization_details={
        "type": "string",
        "maxLength": 16384,
        "description": "RFC 9396: JSON list of type gongxin_lookup",
    },
)
INTROSPECTION_FORM = _form(["token"], token={"type": "string"}, token_type_hint={"type": "string"})

_DETAILS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "purpose", "data_types"],
        "additionalProperties": False,
        "properties": {
            "type": {"type": "string", "enum": [rules.GRANT_TYPE]},
            "purpose": {"type": "string"},
            "data_types": {"type": "array", "items": {"type": "string"}},
            "case_references": {"type": "array", "items": {"type": "string"}},
        },
    },
}
TOKEN_OUT: dict[str, Any] = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "additionalProperties": False,
    "properties": {
        "access_token": {"type": "string"},
        "token_type": {"type": "string", "enum": ["DPoP", "Bearer"]},
        "expires_in": {"type": "integer"},
        "scope": {"type": "string"},
        "authorization_details": _DETAILS,
    },
}
INTROSPECTION_OUT: dict[str, Any] = {
    "type": "object",
    "required": ["active"],
    "properties": {"active": {"type": "boolean"}, "scope": {"type": "string"}, "authorization_details": _DETAILS},
}
EMPTY_OUT: dict[str, Any] = {"type": "object", "maxProperties": 0}
METADATA_OUT: dict[str, Any] = {"type": "object"}
JWKS_OUT: dict[str, Any] = {
    "type": "object",
    "required": ["keys"],
    "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
}


class ClientsIn(Schema):
    member_id = fields.UUID()
    cursor = fields.String(validate=validate.Length(1, 512))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class ClientIn(Schema):
    member_id = fields.UUID(required=True)
    name = fields.String(required=True, validate=validate.Length(1, 100))
    auth_method = fields.String(required=True, validate=validate.OneOf(rules.AUTH_METHODS))
    scopes = fields.List(
        fields.String(validate=validate.OneOf(tuple(SCOPES))), required=True, validate=validate.Length(1, len(SCOPES))
    )
    secret_sha256 = fields.String(
        validate=validate.Regexp(_KID),
        metadata={"description": "client_secret_basic: base64url of the SHA-256 of a random secret you keep"},
    )


class ClientOut(Schema):
    client_id = fields.String(required=True, metadata=_UUID)
    member_id = fields.String(required=True, metadata=_UUID)
    name = fields.String(required=True)
    auth_method = fields.String(required=True, validate=validate.OneOf(rules.AUTH_METHODS))
    scopes = fields.List(fields.String(), required=True)
    state = fields.String(required=True, validate=validate.OneOf(("active", "revoked")))
    created_at = fields.String(required=True, metadata=_RFC3339)
    revoked_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)


class ClientsOut(Schema):
    items = fields.List(fields.Nested(ClientOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ClientKeyIn(Schema):
    """Exactly one of `jwk` and `certificate_sha256`."""

    jwk = fields.Raw(
        metadata={
            "type": "object",
            "required": ["kty", "crv", "x"],
            "additionalProperties": False,
            "properties": {
                "kty": {"type": "string", "enum": ["EC", "OKP"]},
                "crv": {"type": "string", "enum": ["P-256", "Ed25519"]},
                "x": {"type": "string", "pattern": _KID},
                "y": {"type": "string", "pattern": _KID},
                "kid": {"type": "string", "maxLength": 128},
                "alg": {"type": "string", "enum": ["ES256", "EdDSA"]},
                "use": {"type": "string", "enum": ["sig"]},
            },
        }
    )
    certificate_sha256 = fields.String(
        validate=validate.Regexp(_KID), metadata={"description": "x5t#S256 of the client certificate (RFC 8705)"}
    )
    expires_at = fields.AwareDateTime(format="iso", metadata={"description": "a year from now unless given"})


class ClientKeyOut(Schema):
    kid = fields.String(required=True, metadata={"pattern": _KID})
    jwk = fields.Dict(required=True, allow_none=True)
    certificate_sha256 = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(("live", "expired", "retired")))
    created_at = fields.String(required=True, metadata=_RFC3339)
    expires_at = fields.String(required=True, metadata=_RFC3339)
    retired_at = fields.String(required=True, allow_none=True, metadata=_RFC3339)


class ClientKeysOut(Schema):
    items = fields.List(fields.Nested(ClientKeyOut), required=True)


def client_out(client: Client) -> dict[str, Any]:
    """A client as ClientOut shows it."""
    return {
        "client_id": str(client.id),
        "member_id": str(client.member_id),
        "name": client.name,
        "auth_method": client.auth_method,
        "scopes": client.scopes,
        "state": "active" if client.revoked_at is None else "revoked",
        "created_at": _moment(client.created_at),
        "revoked_at": _moment(client.revoked_at),
    }


def key_out(key: ClientKey, now: datetime) -> dict[str, Any]:
    """A key as ClientKeyOut shows it."""
    state = "retired" if key.retired_at is not None else "expired" if key.expires_at <= now else "live"
    return {
        "kid": key.kid,
        "jwk": key.public_jwk,
        "certificate_sha256": key.kid if key.public_jwk is None else None,
        "state": state,
        "created_at": _moment(key.created_at),
        "expires_at": _moment(key.expires_at),
        "retired_at": _moment(key.retired_at),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
