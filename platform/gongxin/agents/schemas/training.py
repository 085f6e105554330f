"""Hours, examinations and certificates over the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from .. import rules
from ..models import Certificate, CertificateWithdrawal
from .fields import DAY_OUT, REFERENCE, RFC3339, UUID, Day, Identifier, pattern, text, word


class HoursIn(Schema):
    agent_id = Identifier(required=True)
    course = pattern("^[a-z_]{1,32}$", required=True)
    hours = fields.Integer(required=True, strict=True, validate=validate.Range(1, 24))
    completed_on = Day(required=True)


class ExaminationIn(Schema):
    agent_id = Identifier(required=True)
    level = word(rules.LEVELS, required=True)
    sat_on = Day(required=True)
    score = fields.Integer(required=True, strict=True, validate=validate.Range(0, 100))
    examiner_id = Identifier(required=True)
    examiner_ref = pattern(REFERENCE, required=True)


class WithdrawIn(Schema):
    reason = text(rules.MAX_REASON, required=True)


class CertificateOut(Schema):
    certificate_id = fields.String(required=True, metadata=UUID)
    level = word(rules.LEVELS, required=True)
    issued_on = fields.String(required=True, metadata=DAY_OUT)
    valid_until = fields.String(required=True, metadata=DAY_OUT)
    rules_version = fields.Integer(required=True)
    withdrawn_at = fields.String(required=True, allow_none=True, metadata=RFC3339)


class TrainingOut(Schema):
    certificates = fields.List(fields.Nested(CertificateOut), required=True)
    hours = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


def certificate_out(certificate: Certificate, withdrawal: CertificateWithdrawal | None = None) -> dict[str, Any]:
    return {
        "certificate_id": certificate.id,
        "level": certificate.level,
        "issued_on": certificate.issued_on,
        "valid_until": certificate.valid_until,
        "rules_version": certificate.rules_version,
        "withdrawn_at": withdrawal.withdrawn_at if withdrawal else None,
    }
