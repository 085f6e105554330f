"""What goes over the wire. Amounts in fen; balances positive on the account's normal side."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from gongxin.transparency.service import moment

from ..fields import CURSOR, HASH, OFFICER, RFC3339, UUID, Day, Flag, account_code, choice, fen, pattern, words
from . import rules
from .models import Account, Approval, Entry, Hold, Leg, Period, Step
from .rules import Draft, NewLeg


class AccountIn(Schema):
    code = account_code(required=True)
    name_zh = words(120, required=True)
    name_en = words(120, required=True)
    type = choice(rules.TYPES, required=True)
    fund = choice(rules.FUNDS, required=True)
    restriction = pattern(rules.RESTRICTION_PATTERN, 32, allow_none=True, load_default=None)
    minimum_fen = fen(0, allow_none=True, load_default=None)


class PeriodIn(Schema):
    first_day = Day(allow_none=True, load_default=None)
    last_day = Day(required=True)


class PeriodStateIn(Schema):
    state = choice(rules.PERIOD_STATES, required=True)
    officer = fields.String(**OFFICER)


class LegIn(Schema):
    account = account_code(required=True)
    fund = choice(rules.FUNDS, required=True)
    side = choice(rules.SIDES, required=True)
    amount_fen = fen(required=True)


class FundEntryIn(Schema):
    key = pattern(rules.KEY_PATTERN, 128, required=True)
    officer = fields.String(**OFFICER)
    booked_on = Day(required=True)
    description = words(rules.MAX_WORDS, required=True)
    reference = words(rules.MAX_REFERENCE, allow_none=True, load_default=None)
    hold_id = fields.UUID(allow_none=True, load_default=None)
    legs = fields.List(fields.Nested(LegIn), required=True, validate=validate.Length(0, rules.MAX_LEGS))
    submit = Flag(load_default=False)


class LegsIn(Schema):
    officer = fields.String(**OFFICER)
    legs = fields.List(fields.Nested(LegIn), required=True, validate=validate.Length(0, rules.MAX_LEGS))


class StepIn(Schema):
    state = choice(("submitted", "draft", "withdrawn", "rejected"), required=True)
    officer = fields.String(**OFFICER)
    reason = words(rules.MAX_WORDS, allow_none=True, load_default=None)


class ApprovalIn(Schema):
    officer = fields.String(**OFFICER)
    content_hash = pattern("^[0-9a-f]{64}$", 64, required=True)


class PostingIn(Schema):
    officer = fields.String(**OFFICER)


class ReversalIn(Schema):
    key = pattern(rules.KEY_PATTERN, 128, required=True)
    officer = fields.String(**OFFICER)
    booked_on = Day(required=True)
    description = words(rules.MAX_WORDS, required=True)


class FundHoldIn(Schema):
    officer = fields.String(**OFFICER)
    account = account_code(required=True)
    amount_fen = fen(required=True)
    reason = words(rules.MAX_WORDS, required=True)


class EntriesIn(Schema):
    state = choice(rules.STATES)
    period = fields.Integer(validate=validate.Range(1, 100_000))
    cursor = fields.String(validate=CURSOR)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class HoldsIn(Schema):
    state = choice(("held", "released", "used"))
    cursor = fields.String(validate=CURSOR)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class BalancesIn(Schema):
    as_of = fields.AwareDateTime(format="iso", metadata=RFC3339)


class AccountOut(Schema):
    code = fields.String(required=True)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True)
    type = fields.String(required=True)
    fund = fields.String(required=True)
    restriction = fields.String(required=True, allow_none=True)
    currency = fields.String(required=True)
    normal_side = fields.String(required=True)
    minimum_fen = fields.Integer(required=True, allow_none=True)
    created_at = fields.String(required=True, metadata=RFC3339)
    closed_at = fields.String(required=True, allow_none=True, metadata=RFC3339)


class AccountsOut(Schema):
    items = fields.List(fields.Nested(AccountOut), required=True)


class PeriodOut(Schema):
    period = fields.Integer(required=True)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    state = choice(rules.PERIOD_STATES, required=True)
    closed_at = fields.String(required=True, allow_none=True, metadata=RFC3339)
    leaf_id = fields.String(required=True, allow_none=True, metadata=UUID)


class PeriodsOut(Schema):
    items = fields.List(fields.Nested(PeriodOut), required=True)


class LegOut(Schema):
    account = fields.String(required=True)
    account_id = fields.String(required=True, metadata=UUID)
    fund = fields.String(required=True)
    side = fields.String(required=True)
    amount_fen = fields.Integer(required=True)


class ApprovalOut(Schema):
    officer = fields.String(required=True)
    member_id = fields.String(required=True, metadata=UUID)
    content_hash = fields.String(required=True, metadata=HASH)
    approved_at = fields.String(required=True, metadata=RFC3339)


class StepOut(Schema):
    version = fields.Integer(required=True)
    state = fields.String(required=True)
    officer = fields.String(required=True)
    member_id = fields.String(required=True, metadata=UUID)
    reason = fields.String(required=True, allow_none=True)
    at = fields.String(required=True, metadata=RFC3339)


class FundEntryOut(Schema):
    """Its leaf, once posted, bears its id."""

    entry_id = fields.String(required=True, metadata=UUID)
    key = fields.String(required=True)
    state = choice(rules.STATES, required=True)
    version = fields.Integer(required=True)
    period = fields.Integer(required=True)
    booked_on = fields.Date(required=True)
    description = fields.String(required=True)
    reference = fields.String(required=True, allow_none=True)
    reverses = fields.String(required=True, allow_none=True, metadata=UUID)
    hold_id = fields.String(required=True, allow_none=True, metadata=UUID)
    maker_member = fields.String(required=True, metadata=UUID)
    maker_officer = fields.String(required=True)
    approvals_needed = fields.Integer(required=True)
    content_hash = fields.String(required=True, allow_none=True, metadata=HASH)
    legs = fields.List(fields.Nested(LegOut), required=True)
    approvals = fields.List(fields.Nested(ApprovalOut), required=True)
    created_at = fields.String(required=True, metadata=RFC3339)
    posted_at = fields.String(required=True, allow_none=True, metadata=RFC3339)


class EntriesOut(Schema):
    items = fields.List(fields.Nested(FundEntryOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class StepsOut(Schema):
    items = fields.List(fields.Nested(StepOut), required=True)


class HoldOut(Schema):
    hold_id = fields.String(required=True, metadata=UUID)
    account = fields.String(required=True)
    amount_fen = fields.Integer(required=True)
    reason = fields.String(required=True)
    state = choice(("held", "released", "used"), required=True)
    officer = fields.String(required=True)
    placed_at = fields.String(required=True, metadata=RFC3339)
    ended_at = fields.String(required=True, allow_none=True, metadata=RFC3339)


class HoldsOut(Schema):
    items = fields.List(fields.Nested(HoldOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class BalanceOut(Schema):
    account = fields.String(required=True)
    fund = fields.String(required=True)
    type = fields.String(required=True)
    restriction = fields.String(required=True, allow_none=True)
    normal_side = fields.String(required=True)
    balance_fen = fields.Integer(required=True)
    held_fen = fields.Integer(required=True, allow_none=True)


class BalancesOut(Schema):
    as_of = fields.String(required=True, metadata=RFC3339)
    items = fields.List(fields.Nested(BalanceOut), required=True)


class TrialAccountOut(Schema):
    code = fields.String(required=True)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True)
    type = fields.String(required=True)
    fund = fields.String(required=True)
    restriction = fields.String(required=True, allow_none=True)
    opening_fen = fields.Integer(required=True)
    debit_fen = fields.Integer(required=True)
    credit_fen = fields.Integer(required=True)
    closing_fen = fields.Integer(required=True)


class TrialTotalOut(Schema):
    opening_fen = fields.Integer(required=True)
    debit_fen = fields.Integer(required=True)
    credit_fen = fields.Integer(required=True)
    closing_fen = fields.Integer(required=True)


class TrialBalanceOut(Schema):
    """`signed`: the same, with the registry's name, as a JWS by its receipt key; null while the period is open."""

    period = fields.Integer(required=True)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    accounts = fields.List(fields.Nested(TrialAccountOut), required=True)
    totals = fields.Dict(keys=fields.String(), values=fields.Nested(TrialTotalOut), required=True)
    v = fields.Integer(required=True)
    signed = fields.String(required=True, allow_none=True)


# --- how they read --------------------------------------------------------------------------------------------------


def legs_in(legs: Sequence[Mapping[str, Any]]) -> tuple[NewLeg, ...]:
    return tuple(NewLeg(**leg) for leg in legs)


def draft_in(body: Mapping[str, Any]) -> Draft:
    given = {name: body[name] for name in ("key", "booked_on", "description", "reference", "hold_id")}
    return Draft(legs=legs_in(body["legs"]), **given)


def account_out(account: Account) -> dict[str, Any]:
    return {
        "code": account.code,
        "name_zh": account.name_zh,
        "name_en": account.name_en,
        "type": account.type,
        "fund": account.fund,
        "restriction": account.restriction,
        "currency": account.currency,
        "normal_side": account.normal_side,
        "minimum_fen": account.minimum_fen,
        "created_at": moment(account.created_at),
        "closed_at": moment(account.closed_at) if account.closed_at else None,
    }


def period_out(period: Period) -> dict[str, Any]:
    return {
        "period": period.number,
        "first_day": period.first_day.isoformat(),
        "last_day": period.last_day.isoformat(),
        "state": period.state,
        "closed_at": moment(period.closed_at) if period.closed_at else None,
        "leaf_id": str(period.leaf_id) if period.leaf_id else None,
    }


def entry_out(entry: Entry, legs: Sequence[tuple[Leg, Account]], approvals: Sequence[Approval]) -> dict[str, Any]:
    return {
        "entry_id": str(entry.id),
        "key": entry.key,
        "state": entry.state,
        "version": entry.version,
        "period": entry.period,
        "booked_on": entry.booked_on.isoformat(),
        "description": entry.description,
        "reference": entry.reference,
        "reverses": str(entry.reverses) if entry.reverses else None,
        "hold_id": str(entry.hold_id) if entry.hold_id else None,
        "maker_member": str(entry.maker_member),
        "maker_officer": entry.maker_officer,
        "approvals_needed": entry.approvals_needed,
        "content_hash": entry.content_hash.hex() if entry.content_hash else None,
        "legs": [
            {
                "account": account.code,
                "account_id": str(leg.account_id),
                "fund": leg.fund,
                "side": leg.side,
                "amount_fen": leg.amount_fen,
            }
            for leg, account in legs
        ],
        "approvals": [
            {
                "officer": found.officer,
                "member_id": str(found.member_id),
                "content_hash": found.content_hash.hex(),
                "approved_at": moment(found.approved_at),
            }
            for found in approvals
        ],
        "created_at": moment(entry.created_at),
        "posted_at": moment(entry.posted_at) if entry.posted_at else None,
    }


def step_out(step: Step) -> dict[str, Any]:
    return {
        "version": step.version,
        "state": step.state,
        "officer": step.officer,
        "member_id": str(step.member_id),
        "reason": step.reason,
        "at": moment(step.at),
    }


def hold_out(hold: Hold, code: str) -> dict[str, Any]:
    return {
        "hold_id": str(hold.id),
        "account": code,
        "amount_fen": hold.amount_fen,
        "reason": hold.reason,
        "state": hold.state,
        "officer": hold.officer,
        "placed_at": moment(hold.placed_at),
        "ended_at": moment(hold.ended_at) if hold.ended_at else None,
    }


def balance_out(row: Any) -> dict[str, Any]:
    return {
        "account": row.code,
        "fund": row.fund,
        "type": row.type,
        "restriction": row.restriction,
        "normal_side": row.normal_side,
        "balance_fen": rules.normal(row.normal_side, row.balance_fen),
        "held_fen": row.held_fen,
    }
