"""What goes over the wire between registries."""

from marshmallow import Schema, fields, validate

_B64 = validate.Regexp(r"^[A-Za-z0-9_-]{1,131072}$")


class SignatureOut(Schema):
    protected = fields.String(required=True, validate=_B64)
    signature = fields.String(required=True, validate=_B64)


class DescriptionOut(Schema):
    """RFC 7515 section 7.2.1: the payload is canonical JSON."""

    payload = fields.String(required=True, validate=_B64)
    signatures = fields.List(fields.Nested(SignatureOut), required=True, validate=validate.Length(1, 8))


class PeerQuestionIn(Schema):
    """Nothing yet: the question is who asks, which its signature says."""


class PeerStatusOut(Schema):
    as_of = fields.String(required=True, validate=validate.Length(1, 40))
    checkpoint = fields.String(required=True, allow_none=True, validate=validate.Length(1, 4096))
    issuer = fields.String(required=True, validate=validate.Length(1, 200))
    serial = fields.Integer(required=True)
