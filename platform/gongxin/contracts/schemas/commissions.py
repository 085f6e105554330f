"""Recoveries, statements and the simulator over the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from ..caps import rules as cap_rules
from ..commissions import rules as recovery_rules
from ..commissions.models import Recovery, RecoveryReversal, Statement, StatementLine
from ..fees import model as fees_model
from ..fees.pricing import Priced
from ..rules import MAX_REASON
from .shared import (
    OBJECT,
    Day,
    Identifier,
    PageIn,
    a_day,
    a_hash,
    a_moment,
    a_number,
    a_text,
    an_id,
    free,
    listed,
    nested,
    number,
    page_of,
    pattern,
    text,
    word,
)

_MAX = recovery_rules.MAX_FEN
STATES = ("reported", "confirmed", "disputed")


class PartsIn(Schema):
    principal = number(0, _MAX)
    interest = number(0, _MAX)
    penalty = number(0, _MAX)
    fees = number(0, _MAX)
    legal_costs = number(0, _MAX)


class RecoveryIn(Schema):
    contract_id = Identifier(required=True)
    reference = pattern(recovery_rules.REFERENCE_PATTERN, required=True)
    received_on = Day(required=True)
    age = word(fees_model.AGES, required=True)
    round = number(1, fees_model.MAX_ROUND, load_default=1)
    parts = fields.Nested(PartsIn, required=True)
    case_id = Identifier(load_default=None, allow_none=True)
    modifiers = fields.List(
        pattern(fees_model.CODE_PATTERN), load_default=list, validate=validate.Length(0, fees_model.MAX_NAMED)
    )
    stage = pattern(fees_model.CODE_PATTERN, load_default=None, allow_none=True)


class RecoveriesIn(PageIn):
    state = word(STATES)


class ConfirmIn(Schema):
    bank_line = pattern(recovery_rules.REFERENCE_PATTERN, load_default=None, allow_none=True)


class ReasonIn(Schema):
    reason = text(MAX_REASON, required=True)


class RecoveryReversalIn(Schema):
    amount_fen = number(1, _MAX, required=True)
    reversed_on = Day(required=True)
    reason = text(MAX_REASON, required=True)


class CommissionStatementIn(Schema):
    contract_id = Identifier(required=True)
    month = pattern(recovery_rules.MONTH_PATTERN, required=True)


class LineIn(Schema):
    position = number(1, 1_000_000, required=True)
    state = word(("agreed", "disputed", "dropped"), required=True)
    reason = text(MAX_REASON, load_default=None, allow_none=True)


class LinesIn(Schema):
    lines = fields.List(fields.Nested(LineIn), required=True, validate=validate.Length(1, 10_000))


class SimulationIn(Schema):
    models = fields.Dict(
        keys=pattern(fees_model.CODE_PATTERN), values=fields.Raw(metadata=OBJECT), required=True,
        validate=validate.Length(1, 10),
    )  # fmt: skip
    jurisdiction = pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    first = Day(required=True)
    last = Day(required=True)


class PartsOut(Schema):
    principal = a_number()
    interest = a_number()
    penalty = a_number()
    fees = a_number()
    legal_costs = a_number()


class CommissionStepOut(Schema):
    code = a_text()
    amount_fen = a_number()
    facts = free(required=True)


class RecoveryOut(Schema):
    recovery_id = an_id()
    contract_id = an_id()
    case_id = an_id(allow_none=True)
    reference = a_text()
    received_on = a_day()
    age = word(fees_model.AGES, required=True)
    round = a_number()
    parts = nested(PartsOut)
    amount_fen = a_number()
    state = word(STATES, required=True)
    bank_line = a_text(allow_none=True)
    dispute_reason = a_text(allow_none=True)
    base_fen = a_number(allow_none=True)
    fee_fen = a_number(allow_none=True)
    cap_bp = a_number(allow_none=True)
    commission_fen = a_number(allow_none=True)
    confirmed_at = a_moment(allow_none=True)
    steps = listed(fields.Nested(CommissionStepOut))


RecoveriesOut = page_of("RecoveriesOut", RecoveryOut)


class RecoveryReversalOut(Schema):
    reversal_id = an_id()
    recovery_id = an_id()
    amount_fen = a_number()
    reversed_on = a_day()
    clawback_fen = a_number()


class StatementLineOut(Schema):
    position = a_number()
    reference = a_text()
    recovery_id = an_id()
    received_on = a_day()
    age = word(fees_model.AGES, required=True)
    kind = word(("commission", "clawback"), required=True)
    base_fen = a_number(allow_none=True)
    amount_fen = a_number()
    state = word(("open", "agreed", "disputed", "dropped"), required=True)
    reason = a_text(allow_none=True)


class CommissionStatementOut(Schema):
    statement_id = an_id()
    contract_id = an_id()
    month = a_text()
    state = word(("open", "agreed", "disputed"), required=True)
    total_fen = a_number()
    agreed_fen = a_number(allow_none=True)
    carried_fen = a_number()
    leaf_id = an_id(allow_none=True)
    levy_base_id = an_id(allow_none=True)
    made_at = a_moment()
    lines = listed(fields.Nested(StatementLineOut))


StatementsOut = page_of("CommissionStatementsOut", CommissionStatementOut)


class StatementChainOut(Schema):
    contract_id = an_id()
    content_hash = a_hash()
    signature_leaves = listed(an_id())
    recovery_leaves = listed(an_id())
    statement_leaf = an_id(allow_none=True)
    levy_leaf = an_id(allow_none=True)
    agreed_fen = a_number(allow_none=True)


class PaidOut(Schema):
    recoveries = a_number()
    commission_fen = a_number()


class SimulatedModelOut(PaidOut):
    base_fen = a_number()
    capped_fen = a_number()


class SimulationOut(Schema):
    paid = nested(PaidOut)
    models = fields.Dict(keys=fields.String(), values=fields.Nested(SimulatedModelOut), required=True)


def recovery_out(found: Recovery, priced: Priced | None) -> dict[str, Any]:
    steps = [] if priced is None else [
        {"code": step.code, "amount_fen": step.amount_fen, "facts": dict(step.facts)} for step in priced.steps
    ]  # fmt: skip
    return {
        "recovery_id": found.id, "contract_id": found.contract_id, "case_id": found.case_id,
        "reference": found.reference, "received_on": found.received_on, "age": fees_model.AGES[found.age - 1],
        "round": found.round, "parts": found.parts, "amount_fen": found.amount_fen, "state": found.state,
        "bank_line": found.bank_line, "dispute_reason": found.dispute_reason, "base_fen": found.base_fen,
        "fee_fen": found.fee_fen, "cap_bp": found.cap_bp, "commission_fen": found.commission_fen,
        "confirmed_at": found.confirmed_at, "steps": steps,
    }  # fmt: skip


def reversal_out(found: RecoveryReversal) -> dict[str, Any]:
    return {"reversal_id": found.id, "recovery_id": found.recovery_id, "amount_fen": found.amount_fen,
            "reversed_on": found.reversed_on, "clawback_fen": found.clawback_fen}  # fmt: skip


def statement_out(found: Statement, lines: Any = ()) -> dict[str, Any]:
    return {
        "statement_id": found.id, "contract_id": found.contract_id, "month": found.month, "state": found.state,
        "total_fen": found.total_fen, "agreed_fen": found.agreed_fen,
        "carried_fen": found.carried_fen, "leaf_id": found.leaf_id,
        "levy_base_id": found.levy_base_id, "made_at": found.made_at,
        "lines": [line_out(line, recovery) for line, recovery in lines],
    }  # fmt: skip


def line_out(line: StatementLine, recovery: Recovery) -> dict[str, Any]:
    return {
        "position": line.position, "reference": recovery.reference, "recovery_id": recovery.id,
        "received_on": recovery.received_on, "age": fees_model.AGES[recovery.age - 1],
        "kind": "commission" if line.reversal_id is None else "clawback", "base_fen": recovery.base_fen,
        "amount_fen": line.amount_fen, "state": line.state, "reason": line.reason,
    }  # fmt: skip
