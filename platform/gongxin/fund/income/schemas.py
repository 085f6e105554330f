"""What goes over the wire of the fund's income. Amounts in fen."""

from collections.abc import Sequence
from typing import Any

import orjson
from marshmallow import Schema, fields, validate

from gongxin.transparency.service import moment

from ..bank.rules import REFERENCE_PATTERN
from ..fields import CURSOR, HASH, OFFICER, RFC3339, UUID, Flag, choice, fen, pattern, words
from ..ledger.models import Entry
from ..ledger.rules import MAX_WORDS, STATES
from . import rules
from .models import Charge, Dunning, LevyBase, Objection, Receipt, Run, RunApproval

_LIMIT: dict[str, Any] = {"load_default": 50, "validate": validate.Range(1, 200)}


class BaseIn(Schema):
    month = pattern(rules.MONTH_PATTERN, 7, required=True)
    base_fen = fen(0, required=True)
    evidence_sha256 = pattern("^[0-9a-f]{64}$", 64, required=True)


class LevyRunIn(Schema):
    officer = fields.String(**OFFICER)
    rhythm = choice(rules.RHYTHMS, required=True)
    last_month = pattern(rules.MONTH_PATTERN, 7, required=True)


class PenaltyIn(Schema):
    officer = fields.String(**OFFICER)
    member_id = fields.UUID(required=True)
    amount_fen = fen(required=True)
    reason = words(MAX_WORDS, required=True)


class DonationIn(Schema):
    officer = fields.String(**OFFICER)
    member_id = fields.UUID(allow_none=True, load_default=None)
    fund = choice(rules.GIFT_FUNDS, load_default="RELIEF")
    restriction = pattern("^[a-z][a-z0-9_]{0,31}$", 32, allow_none=True, load_default=None)
    amount_fen = fen(required=True)
    reason = words(MAX_WORDS, required=True)


class CreditIn(Schema):
    officer = fields.String(**OFFICER)
    amount_fen = fen(required=True)
    reason = words(MAX_WORDS, required=True)


class RunApprovalIn(Schema):
    officer = fields.String(**OFFICER)
    content_hash = pattern("^[0-9a-f]{64}$", 64, required=True)


class ObjectionIn(Schema):
    said = words(500, required=True)


class ChargeDecisionIn(Schema):
    officer = fields.String(**OFFICER)
    upheld = Flag(required=True)
    said = words(500, required=True)
    credit_fen = fen(allow_none=True, load_default=None)


class RunsIn(Schema):
    state = choice(rules.RUN_STATES)
    cursor = fields.String(validate=CURSOR)
    limit = fields.Integer(**_LIMIT)


class ChargesIn(Schema):
    member_id = fields.UUID()
    run_id = fields.UUID()
    state = choice(rules.CHARGE_STATES)
    cursor = fields.String(validate=CURSOR)
    limit = fields.Integer(**_LIMIT)


class BasesIn(Schema):
    member_id = fields.UUID()
    cursor = fields.String(validate=CURSOR)
    limit = fields.Integer(**_LIMIT)


class BaseOut(Schema):
    base_id = fields.String(required=True, metadata=UUID)
    member_id = fields.String(required=True, metadata=UUID)
    month = fields.String(required=True)
    base_fen = fields.Integer(required=True)
    source = choice(("statement", "contracts"), required=True)
    evidence_sha256 = fields.String(required=True, allow_none=True, metadata=HASH)
    supersedes = fields.String(required=True, allow_none=True, metadata=UUID)
    reported_at = fields.String(required=True, metadata=RFC3339)


class BasesOut(Schema):
    items = fields.List(fields.Nested(BaseOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RunApprovalOut(Schema):
    officer = fields.String(required=True)
    member_id = fields.String(required=True, metadata=UUID)
    approved_at = fields.String(required=True, metadata=RFC3339)


class RunOut(Schema):
    run_id = fields.String(required=True, metadata=UUID)
    kind = choice(rules.RUN_KINDS, required=True)
    state = choice(rules.RUN_STATES, required=True)
    first_month = fields.String(required=True, allow_none=True)
    last_month = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)
    pack_version = fields.Integer(required=True)
    charges = fields.Integer(required=True)
    total_fen = fields.Integer(required=True)
    content_hash = fields.String(required=True, allow_none=True, metadata=HASH)
    maker_officer = fields.String(required=True)
    approvals = fields.List(fields.Nested(RunApprovalOut), required=True)
    created_at = fields.String(required=True, metadata=RFC3339)
    issued_at = fields.String(required=True, allow_none=True, metadata=RFC3339)


class RunsOut(Schema):
    items = fields.List(fields.Nested(RunOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ChargeOut(Schema):
    charge_id = fields.String(required=True, metadata=UUID)
    run_id = fields.String(required=True, metadata=UUID)
    member_id = fields.String(required=True, allow_none=True, metadata=UUID)
    credits = fields.String(required=True, allow_none=True, metadata=UUID)
    fund = fields.String(required=True, allow_none=True)
    restriction = fields.String(required=True, allow_none=True)
    amount_fen = fields.Integer(required=True)
    received_fen = fields.Integer(required=True)
    credited_fen = fields.Integer(required=True)
    state = choice(rules.CHARGE_STATES, required=True)
    reference = fields.String(required=True, allow_none=True, metadata={"pattern": REFERENCE_PATTERN})
    due_on = fields.String(required=True, allow_none=True, metadata={"format": "date"})


class ChargesOut(Schema):
    items = fields.List(fields.Nested(ChargeOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ReceiptOut(Schema):
    entry_id = fields.String(required=True, metadata=UUID)
    booked_on = fields.Date(required=True)
    amount_fen = fields.Integer(required=True)


class DunningOut(Schema):
    step = fields.Integer(required=True)
    owed_fen = fields.Integer(required=True)
    at = fields.String(required=True, metadata=RFC3339)


class ObjectionOut(Schema):
    objection_id = fields.String(required=True, metadata=UUID)
    answers = fields.String(required=True, allow_none=True, metadata=UUID)
    upheld = fields.Boolean(required=True, allow_none=True)
    said = fields.String(required=True)
    due_on = fields.String(required=True, allow_none=True, metadata={"format": "date"})
    said_by = fields.String(required=True, metadata=UUID)
    said_at = fields.String(required=True, metadata=RFC3339)


class ChargeDetailOut(ChargeOut):
    calculation = fields.Dict(required=True, metadata={"description": "逐行计算 the calculation, line by line"})
    receipts = fields.List(fields.Nested(ReceiptOut), required=True)
    dunnings = fields.List(fields.Nested(DunningOut), required=True)
    objections = fields.List(fields.Nested(ObjectionOut), required=True)


class DecidedOut(Schema):
    decision = fields.Nested(ObjectionOut, required=True)
    credit_run = fields.Nested(RunOut, required=True, allow_none=True)


class OverpaymentIn(Schema):
    officer = fields.String(**OFFICER)


class OwedOut(Schema):
    entry_id = fields.UUID(required=True)
    state = choice(STATES, required=True)
    content_hash = pattern("^[0-9a-f]{64}$", 64, required=True)
    amount_fen = fen(required=True)
    reference = fields.String(required=True, allow_none=True)


class MemberAccountOut(Schema):
    member_id = fields.String(required=True, metadata=UUID)
    charged_fen = fields.Integer(required=True)
    credited_fen = fields.Integer(required=True)
    received_fen = fields.Integer(required=True)
    owed_fen = fields.Integer(required=True, metadata={"description": "负数为多付 negative: paid too much"})
    overdue_fen = fields.Integer(required=True)


def base_out(base: LevyBase) -> dict[str, Any]:
    return {
        "base_id": str(base.id),
        "member_id": str(base.member_id),
        "month": base.month,
        "base_fen": base.base_fen,
        "source": base.source,
        "evidence_sha256": None if base.evidence_sha256 is None else base.evidence_sha256.hex(),
        "supersedes": None if base.supersedes is None else str(base.supersedes),
        "reported_at": moment(base.reported_at),
    }


def run_out(run: Run, approvals: Sequence[RunApproval], totals: tuple[int, int]) -> dict[str, Any]:
    return {
        "run_id": str(run.id),
        "kind": run.kind,
        "state": run.state,
        "first_month": run.first_month,
        "last_month": run.last_month,
        "reason": run.reason,
        "pack_version": run.pack_version,
        "charges": totals[0],
        "total_fen": totals[1],
        "content_hash": None if run.content_hash is None else run.content_hash.hex(),
        "maker_officer": run.maker_officer,
        "approvals": [
            {
                "officer": found.officer,
                "member_id": str(found.member_id),
                "approved_at": moment(found.approved_at),
            }
            for found in approvals
        ],
        "created_at": moment(run.created_at),
        "issued_at": None if run.issued_at is None else moment(run.issued_at),
    }


def charge_out(charge: Charge) -> dict[str, Any]:
    return {
        "charge_id": str(charge.id),
        "run_id": str(charge.run_id),
        "member_id": None if charge.member_id is None else str(charge.member_id),
        "credits": None if charge.credits is None else str(charge.credits),
        "fund": charge.fund,
        "restriction": charge.restriction,
        "amount_fen": charge.amount_fen,
        "received_fen": charge.received_fen,
        "credited_fen": charge.credited_fen,
        "state": charge.state,
        "reference": charge.reference,
        "due_on": None if charge.due_on is None else charge.due_on.isoformat(),
    }


def detail_out(
    charge: Charge, receipts: Sequence[Receipt], dunnings: Sequence[Dunning], objections: Sequence[Objection]
) -> dict[str, Any]:
    return charge_out(charge) | {
        "calculation": orjson.loads(charge.lines),
        "receipts": [
            {"entry_id": str(each.entry_id), "booked_on": each.booked_on, "amount_fen": each.amount_fen}
            for each in receipts
        ],
        "dunnings": [{"step": each.step, "owed_fen": each.owed_fen, "at": moment(each.at)} for each in dunnings],
        "objections": [objection_out(each) for each in objections],
    }


def owed_out(entry: Entry, amount_fen: int) -> dict[str, Any]:
    return {
        "entry_id": str(entry.id),
        "state": entry.state,
        "content_hash": (entry.content_hash or b"").hex(),
        "amount_fen": amount_fen,
        "reference": entry.reference,
    }


def objection_out(each: Objection) -> dict[str, Any]:
    return {
        "objection_id": str(each.id),
        "answers": None if each.answers is None else str(each.answers),
        "upheld": each.upheld,
        "said": each.said,
        "due_on": None if each.due_on is None else each.due_on.isoformat(),
        "said_by": str(each.said_by),
        "said_at": moment(each.said_at),
    }
