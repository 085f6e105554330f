"""What goes over the wire."""

from datetime import date
from typing import Any

import orjson
from marshmallow import Schema, fields, validate

from .caps import rules as cap_rules
from .caps.models import FeeCap
from .commissions import rules as recovery_rules
from .commissions.models import Recovery, RecoveryReversal, Statement, StatementLine
from .fees import model as fees
from .fees.pricing import Priced
from .models import Contract, ContractSignature
from .rules import MAX_NAME, MAX_REASON, POLICIES, Deviation, shown_state
from .service import Terms
from .standard import rules as standard
from .standard.models import ContractTemplate, TemplateApproval, TemplateComment

_RFC3339 = {"format": "date-time"}
_UUID: dict[str, Any] = {"format": "uuid"}
_UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_DAY_PATTERN = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
_DAY_OUT = {"format": "date"}
_TEXT = "^[^\\x00]*$"
_SHA256 = "^[0-9a-f]{64}$"
_END = "(?!\n)"
_OBJECT: dict[str, Any] = {"type": "object"}
_MAX = recovery_rules.MAX_FEN


class Day(fields.Date):
    """YYYY-MM-DD and no other of ISO 8601's forms."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(format="iso", metadata={"pattern": _DAY_PATTERN}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> date:
        if not isinstance(value, str) or len(value) != 10:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        found: date = super()._deserialize(value, attr, data, **kw)
        return found


class Identifier(fields.UUID):
    """A UUID as the registry writes it."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(metadata={"pattern": _UUID_PATTERN}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Any:
        if not isinstance(value, str) or len(value) != 36 or value != value.lower():
            raise self.make_error("invalid_uuid")
        return super()._deserialize(value, attr, data, **kw)


class Whole(fields.Field[Any]):
    """Left to the rules, which say in both languages what a whole number of basis points or fen is."""


def _pattern(pattern: str, **kw: Any) -> fields.String:
    return fields.String(validate=validate.Regexp(pattern + _END), metadata={"pattern": pattern}, **kw)


def _text(most: int, **kw: Any) -> fields.String:
    checks = [validate.Length(1, most), validate.ContainsNoneOf("\0")]
    return fields.String(validate=checks, metadata={"pattern": _TEXT}, **kw)


def _word(words: Any, **kw: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words), **kw)


def _number(least: int, most: int, **kw: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(least, most), **kw)


def _object(**kw: Any) -> fields.Raw:
    return fields.Raw(metadata=_OBJECT, **kw)


class Both(Schema):
    zh = _text(standard.MAX_TEXT, required=True)
    en = _text(standard.MAX_TEXT, required=True)


class PageIn(Schema):
    cursor = fields.String(validate=[validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class Items(Schema):
    items = fields.List(fields.Raw(metadata=_OBJECT), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


# --- fees and caps --------------------------------------------------------------------------------------------------


class FeesIn(Schema):
    fee_model = _object(required=True)
    jurisdiction = _pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    age = _word(fees.AGES, load_default="M1")
    round = _number(1, fees.MAX_ROUND, load_default=1)


class CapIn(Schema):
    jurisdiction = _pattern(cap_rules.JURISDICTION_PATTERN, required=True)
    member_kind = _word(cap_rules.MEMBER_KINDS, load_default="agency")
    age = _word(fees.AGES, required=True)
    rate_bp_max = Whole(required=True, allow_none=True, metadata={"type": "integer"})
    authority = _text(120, required=True)
    citation = _text(200, required=True)
    source_status = _word(cap_rules.SOURCES, required=True)
    effective_from = Day(required=True)
    effective_until = Day(load_default=None, allow_none=True)
    supersedes = Identifier(load_default=None, allow_none=True)


class CapsIn(Schema):
    caps = fields.List(fields.Nested(CapIn), required=True, validate=validate.Length(1, 100))


class CapsAskIn(Schema):
    jurisdiction = _pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    member_kind = _word(cap_rules.MEMBER_KINDS, load_default="agency")
    on = Day()
    known_at = fields.AwareDateTime(format="iso", metadata=_RFC3339)


def cap_out(cap: FeeCap) -> dict[str, Any]:
    return {
        "cap_id": cap.id, "jurisdiction": cap.jurisdiction, "member_kind": cap.member_kind,
        "age": fees.AGES[cap.bucket - 1], "rate_bp_max": cap.rate_bp_max, "authority": cap.authority,
        "citation": cap.citation, "source_status": cap.source_status, "effective_from": cap.effective_from,
        "effective_until": cap.effective_until, "recorded_at": cap.recorded_at, "superseded_at": cap.superseded_at,
        "supersedes": cap.supersedes,
    }  # fmt: skip


def verdict_out(found: cap_rules.Verdict) -> dict[str, Any]:
    return {
        "verdict": found.state,
        "above": [cap_rules.told(each) for each in found.above],
        "informational": [cap_rules.told(each) for each in found.informed],
    }


# --- templates ------------------------------------------------------------------------------------------------------


class TemplateIn(Schema):
    code = _pattern(standard.CODE_PATTERN, required=True)
    officer = _text(64, required=True)
    content = _object(required=True)


class RevisionIn(Schema):
    content = _object(required=True)


class TemplateStateIn(Schema):
    state = _word(standard.STATES, required=True)
    effective_on = Day(load_default=None, allow_none=True)


class TemplateApprovalIn(Schema):
    officer = _text(64, required=True)
    content_hash = _pattern(_SHA256, required=True)


class CommentIn(Schema):
    said = _text(standard.MAX_COMMENT, required=True)
    clause_id = _pattern(standard.CODE_PATTERN, load_default=None, allow_none=True)


class CompareIn(Schema):
    before = Identifier(required=True)


def template_out(template: ContractTemplate, today: date, *, whole: bool = True) -> dict[str, Any]:
    return {
        "template_id": template.id, "code": template.code, "version": template.version,
        "state": standard.shown_state(template.state, template.superseded_on, today),
        "content_hash": template.content_hash.hex(), "effective_on": template.effective_on,
        "superseded_on": template.superseded_on, "changed_at": template.changed_at,
    } | ({"content": template.content} if whole else {"title": template.content["title"]})  # fmt: skip


def comment_out(said: TemplateComment) -> dict[str, Any]:
    return {"comment_id": said.id, "member_id": said.member_id, "clause_id": said.clause_id, "said": said.said,
            "said_at": said.said_at}  # fmt: skip


def approval_out(given: TemplateApproval) -> dict[str, Any]:
    return {"officer": given.officer, "content_hash": given.content_hash.hex(), "approved_at": given.approved_at}


def change_out(change: standard.Change) -> dict[str, Any]:
    return {"clause_id": change.clause_id, "what": change.what, "before": change.before, "after": change.after}


# --- contracts ------------------------------------------------------------------------------------------------------


class NamesIn(Schema):
    creditor = _text(MAX_NAME, required=True)
    agency = _text(MAX_NAME, required=True)


class BankIn(Schema):
    holder = _text(MAX_NAME, required=True)
    bank = _text(MAX_NAME, required=True)
    account_tail = _pattern("^[0-9]{4}$", required=True)


class DeviationIn(Schema):
    clause_id = _pattern(standard.CODE_PATTERN, required=True)
    text = fields.List(fields.Nested(Both), required=True, validate=validate.Length(1, standard.MAX_PARAGRAPHS))
    reason = _text(MAX_REASON, required=True)


class TermsIn(Schema):
    representatives = fields.Nested(NamesIn, required=True)
    scope = fields.Nested(Both, required=True)
    fee_model = _object(required=True)
    jurisdiction = _pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    begins_on = Day(required=True)
    ends_on = Day(required=True)
    bank = fields.Nested(BankIn, required=True)
    contacts = fields.Nested(NamesIn, required=True)
    deviations = fields.List(fields.Nested(DeviationIn), load_default=list, validate=validate.Length(0, 100))


class ContractIn(Schema):
    template = _pattern(standard.CODE_PATTERN, required=True)
    other_id = Identifier(required=True)
    terms = fields.Nested(TermsIn, required=True)
    follows = Identifier(load_default=None, allow_none=True)
    kind = _word(("new", "amendment", "renewal"), load_default="new")


class RevisedIn(Schema):
    terms = fields.Nested(TermsIn, required=True)


class ContractsIn(PageIn):
    expiring_days = fields.Integer(validate=validate.Range(0, 3660))


class ConsentIn(Schema):
    clause_id = _pattern(standard.CODE_PATTERN, required=True)
    content_hash = _pattern(_SHA256, required=True)


class SignatureIn(Schema):
    content_hash = _pattern(_SHA256, required=True)
    jws = _pattern("^[A-Za-z0-9_-]{1,1024}[.][.][A-Za-z0-9_-]{1,1000}$", required=True)


class TerminationIn(Schema):
    on = Day(required=True)
    reason = _text(MAX_REASON, required=True)


class ScanIn(Schema):
    evidence_id = Identifier(required=True)


class OpeningIn(Schema):
    complaint = _pattern("^[0-9A-Za-z-]{1,32}$", required=True)
    officer = _text(64, required=True)


class CasesIn(Schema):
    case_ids = fields.List(Identifier(), required=True, validate=validate.Length(1, 1000))


class PolicyIn(Schema):
    policy = _word(POLICIES, required=True)
    effective_from = Day(required=True)


class VerdictIn(Schema):
    known_at = fields.AwareDateTime(format="iso", metadata=_RFC3339)


def terms_in(body: dict[str, Any]) -> Terms:
    deviations = [Deviation(each["clause_id"], each["text"], each["reason"]) for each in body.pop("deviations")]
    return Terms(**body, deviations=deviations)


def contract_out(contract: Contract, today: date) -> dict[str, Any]:
    """What the association sees too: no price."""
    return {
        "contract_id": contract.id, "number": contract.number, "version": contract.version, "kind": contract.kind,
        "follows": contract.follows, "creditor_id": contract.creditor_id, "agency_id": contract.agency_id,
        "drafted_by": contract.drafted_by, "template_id": contract.template_id,
        "state": shown_state(contract.state, contract.begins_on, contract.ends_on, contract.ended_on, today),
        "content_hash": contract.content_hash.hex(), "begins_on": contract.begins_on, "ends_on": contract.ends_on,
        "ended_on": contract.ended_on, "verdict": contract.verdict, "signed_at": contract.signed_at,
        "changed_at": contract.changed_at,
    }  # fmt: skip


def signature_out(signature: ContractSignature) -> dict[str, Any]:
    return {
        "member_id": signature.member_id, "kid": signature.kid, "public_jwk": signature.public_jwk,
        "jws": signature.jws, "content_hash": signature.content_hash.hex(), "signed_at": signature.signed_at,
        "leaf_id": signature.id,
    }  # fmt: skip


def content_out(text: str) -> Any:
    return orjson.loads(text)


# --- recoveries and statements --------------------------------------------------------------------------------------


class PartsIn(Schema):
    principal = _number(0, _MAX)
    interest = _number(0, _MAX)
    penalty = _number(0, _MAX)
    fees = _number(0, _MAX)
    legal_costs = _number(0, _MAX)


class RecoveryIn(Schema):
    contract_id = Identifier(required=True)
    reference = _pattern(recovery_rules.REFERENCE_PATTERN, required=True)
    received_on = Day(required=True)
    age = _word(fees.AGES, required=True)
    round = _number(1, fees.MAX_ROUND, load_default=1)
    parts = fields.Nested(PartsIn, required=True)
    case_id = Identifier(load_default=None, allow_none=True)
    modifiers = fields.List(_pattern(fees.CODE_PATTERN), load_default=list, validate=validate.Length(0, fees.MAX_NAMED))
    stage = _pattern(fees.CODE_PATTERN, load_default=None, allow_none=True)


class RecoveriesIn(PageIn):
    state = _word(("reported", "confirmed", "disputed"))


class ConfirmIn(Schema):
    bank_line = _pattern(recovery_rules.REFERENCE_PATTERN, load_default=None, allow_none=True)


class ReasonIn(Schema):
    reason = _text(MAX_REASON, required=True)


class RecoveryReversalIn(Schema):
    amount_fen = _number(1, _MAX, required=True)
    reversed_on = Day(required=True)
    reason = _text(MAX_REASON, required=True)


class CommissionStatementIn(Schema):
    contract_id = Identifier(required=True)
    month = _pattern(recovery_rules.MONTH_PATTERN, required=True)


class LineIn(Schema):
    position = _number(1, 1_000_000, required=True)
    state = _word(("agreed", "disputed", "dropped"), required=True)
    reason = _text(MAX_REASON, load_default=None, allow_none=True)


class LinesIn(Schema):
    lines = fields.List(fields.Nested(LineIn), required=True, validate=validate.Length(1, 10_000))


class SimulationIn(Schema):
    models = fields.Dict(
        keys=_pattern(fees.CODE_PATTERN), values=fields.Raw(metadata=_OBJECT), required=True,
        validate=validate.Length(1, 10),
    )  # fmt: skip
    jurisdiction = _pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    first = Day(required=True)
    last = Day(required=True)


def recovery_out(found: Recovery, priced: Priced | None) -> dict[str, Any]:
    steps = [] if priced is None else [
        {"code": step.code, "amount_fen": step.amount_fen, "facts": dict(step.facts)} for step in priced.steps
    ]  # fmt: skip
    return {
        "recovery_id": found.id, "contract_id": found.contract_id, "case_id": found.case_id,
        "reference": found.reference, "received_on": found.received_on, "age": fees.AGES[found.age - 1],
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
        "total_fen": found.total_fen, "agreed_fen": found.agreed_fen, "leaf_id": found.leaf_id,
        "levy_base_id": found.levy_base_id, "made_at": found.made_at,
        "lines": [line_out(line, recovery) for line, recovery in lines],
    }  # fmt: skip


def line_out(line: StatementLine, recovery: Recovery) -> dict[str, Any]:
    return {
        "position": line.position, "reference": recovery.reference, "recovery_id": recovery.id,
        "received_on": recovery.received_on, "age": fees.AGES[recovery.age - 1],
        "kind": "commission" if line.reversal_id is None else "clawback", "base_fen": recovery.base_fen,
        "amount_fen": line.amount_fen, "state": line.state, "reason": line.reason,
    }  # fmt: skip
