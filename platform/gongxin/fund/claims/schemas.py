"""What goes over the wire of claims. Amounts in fen; who the payee is, payers alone read, from the bank's part."""

from collections.abc import Sequence
from typing import Any

import orjson
from marshmallow import Schema, fields, validate

from gongxin.subjects.schemas import TokenIn
from gongxin.transparency.service import moment

from .. import references
from ..bank.rules import MAX_BANK_NAME, MAX_HOLDER
from ..fields import CURSOR, HASH, OFFICER, RFC3339, UUID, Flag, choice, fen, pattern, words
from . import rules
from .models import Claim, ClaimApproval, ClaimStep

_SHA = "^[0-9a-f]{64}$"


class ClaimPayeeIn(Schema):
    holder = words(MAX_HOLDER, required=True)
    account = words(64, required=True)
    bank_code = words(24, required=True)
    bank_name = words(MAX_BANK_NAME, required=True)


class FundClaimIn(Schema):
    """RELIEF names a `subject` by blind token, STAFF an `agent_id` of one's own roll."""

    officer = fields.String(**OFFICER)
    fund = choice(rules.FUNDS, required=True)
    cause = choice(rules.CAUSES, required=True)
    region = pattern(rules.REGION_PATTERN, 6, required=True)  # of where the person is, for the report alone
    subject = fields.List(fields.Nested(TokenIn), validate=validate.Length(1, 2), load_default=None)
    agent_id = fields.UUID(load_default=None)
    asked_fen = fen(required=True)
    term_days = fields.Integer(strict=True, load_default=90, validate=validate.Range(1, rules.MAX_TERM))
    payee = fields.Nested(ClaimPayeeIn, required=True)
    payee_kind = choice(rules.PAYEE_KINDS, required=True)
    payee_member = fields.UUID(load_default=None)
    unrelated = Flag(required=True)
    means_sha256 = pattern(_SHA, 64, required=True)
    evidence_sha256 = pattern(_SHA, 64, required=True)


class PayeeChangeIn(Schema):
    officer = fields.String(**OFFICER)
    payee = fields.Nested(ClaimPayeeIn, required=True)
    payee_kind = choice(rules.PAYEE_KINDS, required=True)
    payee_member = fields.UUID(load_default=None)


class AssessmentIn(Schema):
    officer = fields.String(**OFFICER)
    proposed_fen = fen(required=True)
    reviewer_id = fields.UUID(required=True)


class ClaimApprovalIn(Schema):
    officer = fields.String(**OFFICER)
    content_hash = pattern(_SHA, 64, required=True)
    unrelated = Flag(required=True)


class ClaimActIn(Schema):
    officer = fields.String(**OFFICER)
    reason = words(rules.MAX_REASON, required=True)


class ClaimPaymentIn(Schema):
    officer = fields.String(**OFFICER)


class ClaimsIn(Schema):
    state = choice(rules.STATES)
    fund = choice(rules.FUNDS)
    cursor = fields.String(validate=CURSOR)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class ClaimApprovalOut(Schema):
    officer = fields.String(required=True)
    member_id = fields.String(required=True, metadata=UUID)
    content_hash = fields.String(required=True, metadata=HASH)
    approved_at = fields.String(required=True, metadata=RFC3339)


class ClaimStepOut(Schema):
    version = fields.Integer(required=True)
    state = choice(rules.STATES, required=True)
    member_id = fields.String(required=True, metadata=UUID)
    officer = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    at = fields.String(required=True, metadata=RFC3339)


class ClaimOut(Schema):
    claim_id = fields.String(required=True, metadata=UUID)
    number = fields.String(required=True, metadata={"pattern": references.PATTERN})
    fund = choice(rules.FUNDS, required=True)
    cause = choice(rules.CAUSES, required=True)
    region = pattern(rules.REGION_PATTERN, 6, required=True)
    state = choice(rules.STATES, required=True)
    version = fields.Integer(required=True)
    filed_by = fields.String(required=True, metadata=UUID)
    filed_at = fields.String(required=True, metadata=RFC3339)
    asked_fen = fields.Integer(required=True)
    granted_fen = fields.Integer(required=True, allow_none=True)
    restriction = fields.String(required=True, allow_none=True)
    term_days = fields.Integer(required=True)
    payee_id = fields.String(required=True, metadata=UUID)
    payee_kind = choice(rules.PAYEE_KINDS, required=True)
    reviewer_id = fields.String(required=True, allow_none=True, metadata=UUID)
    content_hash = fields.String(required=True, allow_none=True, metadata=HASH)
    held_on = fields.String(required=True, allow_none=True, metadata={"format": "date"})
    entry_id = fields.String(required=True, allow_none=True, metadata=UUID)
    appeal_by = fields.String(required=True, allow_none=True, metadata={"format": "date"})
    reason = fields.String(required=True, allow_none=True)


class ClaimsOut(Schema):
    items = fields.List(fields.Nested(ClaimOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ClaimDetailOut(ClaimOut):
    assessment = fields.Dict(required=True, allow_none=True,
                             metadata={"description": "每项限额的核减 what each limit cut, line by line"})  # fmt: skip
    approvals = fields.List(fields.Nested(ClaimApprovalOut), required=True)
    steps = fields.List(fields.Nested(ClaimStepOut), required=True)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def claim_out(claim: Claim) -> dict[str, Any]:
    return {
        "claim_id": str(claim.id),
        "number": claim.number,
        "fund": claim.fund,
        "cause": claim.cause,
        "region": claim.region,
        "state": claim.state,
        "version": claim.version,
        "filed_by": str(claim.filed_by),
        "filed_at": moment(claim.filed_at),
        "asked_fen": claim.asked_fen,
        "granted_fen": claim.granted_fen,
        "restriction": claim.restriction,
        "term_days": claim.term_days,
        "payee_id": str(claim.payee_id),
        "payee_kind": claim.payee_kind,
        "reviewer_id": _text(claim.reviewer_id),
        "content_hash": None if claim.content_hash is None else claim.content_hash.hex(),
        "held_on": _text(claim.held_on),
        "entry_id": _text(claim.entry_id),
        "appeal_by": _text(claim.appeal_by),
        "reason": claim.reason,
    }


def detail_out(claim: Claim, approvals: Sequence[ClaimApproval], steps: Sequence[ClaimStep]) -> dict[str, Any]:
    return claim_out(claim) | {
        "assessment": None if claim.lines is None else orjson.loads(claim.lines),
        "approvals": [
            {
                "officer": found.officer,
                "member_id": str(found.member_id),
                "content_hash": found.content_hash.hex(),
                "approved_at": moment(found.approved_at),
            }
            for found in approvals
        ],
        "steps": [
            {
                "version": step.version,
                "state": step.state,
                "member_id": str(step.member_id),
                "officer": step.officer,
                "reason": step.reason,
                "at": moment(step.at),
            }
            for step in steps
        ],
    }
