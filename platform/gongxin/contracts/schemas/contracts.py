"""Contracts over the wire."""

from datetime import date
from typing import Any

import orjson
from marshmallow import Schema, fields, validate

from ..caps import rules as cap_rules
from ..models import Contract, ContractSignature
from ..rules import MAX_NAME, MAX_REASON, POLICIES, Deviation, shown_state
from ..service import Terms
from ..standard import rules as standard
from .shared import (
    RFC3339,
    SHA256,
    Both,
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
    page_of,
    pattern,
    text,
    word,
)
from .standard import ClauseOut

KINDS = ("new", "amendment", "renewal")
SHOWN_STATES = ("draft", "withdrawn", "pending", "live", "expired", "superseded", "terminated")


class NamesIn(Schema):
    creditor = text(MAX_NAME, required=True)
    agency = text(MAX_NAME, required=True)


class BankIn(Schema):
    holder = text(MAX_NAME, required=True)
    bank = text(MAX_NAME, required=True)
    account_tail = pattern("^[0-9]{4}$", required=True)


class DeviationIn(Schema):
    clause_id = pattern(standard.CODE_PATTERN, required=True)
    reason = text(MAX_REASON, required=True)
    text = fields.List(fields.Nested(Both), required=True, validate=validate.Length(1, standard.MAX_PARAGRAPHS))


class TermsIn(Schema):
    representatives = fields.Nested(NamesIn, required=True)
    scope = fields.Nested(Both, required=True)
    fee_model = free(required=True)
    jurisdiction = pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    begins_on = Day(required=True)
    ends_on = Day(required=True)
    bank = fields.Nested(BankIn, required=True)
    contacts = fields.Nested(NamesIn, required=True)
    deviations = fields.List(fields.Nested(DeviationIn), load_default=list, validate=validate.Length(0, 100))


class ContractIn(Schema):
    template = pattern(standard.CODE_PATTERN, required=True)
    other_id = Identifier(required=True)
    terms = fields.Nested(TermsIn, required=True)
    follows = Identifier(load_default=None, allow_none=True)
    kind = word(KINDS, load_default="new")


class RevisedIn(Schema):
    terms = fields.Nested(TermsIn, required=True)


class ContractsIn(PageIn):
    expiring_days = fields.Integer(validate=validate.Range(0, 3660))


class ConsentIn(Schema):
    clause_id = pattern(standard.CODE_PATTERN, required=True)
    content_hash = pattern(SHA256, required=True)


class SignatureIn(Schema):
    content_hash = pattern(SHA256, required=True)
    jws = pattern("^[A-Za-z0-9_-]{1,1024}[.][.][A-Za-z0-9_-]{1,1000}$", required=True)


class TerminationIn(Schema):
    on = Day(required=True)
    reason = text(MAX_REASON, required=True)


class ScanIn(Schema):
    evidence_id = Identifier(required=True)


class OpeningIn(Schema):
    complaint = pattern("^[0-9A-Za-z-]{1,32}$", required=True)
    officer = text(64, required=True)


class CasesIn(Schema):
    case_ids = fields.List(Identifier(), required=True, validate=validate.Length(1, 1000))


class PolicyIn(Schema):
    policy = word(POLICIES, required=True)
    effective_from = Day(required=True)


class VerdictIn(Schema):
    known_at = fields.AwareDateTime(format="iso", metadata=RFC3339)


class ContractOut(Schema):
    contract_id = an_id()
    number = a_text()
    version = a_number()
    kind = word(KINDS, required=True)
    follows = an_id(allow_none=True)
    creditor_id = an_id()
    agency_id = an_id()
    drafted_by = an_id()
    template_id = an_id()
    state = word(SHOWN_STATES, required=True)
    content_hash = a_hash()
    begins_on = a_day()
    ends_on = a_day()
    ended_on = a_day(allow_none=True)
    verdict = word(("within", "unknown"), required=True, allow_none=True)
    signed_at = a_moment(allow_none=True)
    changed_at = a_moment()


ContractsOut = page_of("ContractsOut", ContractOut)


class ContractSignatureOut(Schema):
    member_id = an_id()
    kid = a_text()
    public_jwk = free(required=True)
    jws = a_text()
    content_hash = a_hash()
    signed_at = a_moment()
    leaf_id = an_id()


class ScanOut(Schema):
    evidence_id = an_id()
    sha256 = a_hash()


class ScanOfOut(ScanOut):
    member_id = an_id()


class ContractOpeningOut(Schema):
    complaint = a_text()
    opened_at = a_moment()


class ConsentsOut(Schema):
    consents = listed(a_text())


class ContractWholeOut(ConsentsOut):
    contract = nested(ContractOut)
    signatures = listed(fields.Nested(ContractSignatureOut))
    scans = listed(fields.Nested(ScanOfOut))
    openings = listed(fields.Nested(ContractOpeningOut))


class PartyOut(Schema):
    member_id = an_id()
    name_zh = a_text()
    uscc = a_text()


class PartiesOut(Schema):
    creditor = nested(PartyOut)
    agency = nested(PartyOut)


class TermOut(Schema):
    begins_on = a_day()
    ends_on = a_day()


class CoverOut(Schema):
    parties = nested(PartiesOut)
    representatives = nested(NamesIn)
    scope = nested(Both)
    fee_model = free(required=True)
    jurisdiction = a_text()
    term = nested(TermOut)
    bank = nested(BankIn)
    contacts = nested(NamesIn)


class TemplateRefOut(Schema):
    template_id = an_id()
    code = a_text()
    version = a_number()
    content_hash = a_hash()


class DeviationOut(Schema):
    clause_id = a_text()
    reason = a_text()
    standard = listed(fields.Nested(Both))


class ContractTextOut(Schema):
    v = a_number()
    number = a_text()
    version = a_number()
    template = nested(TemplateRefOut)
    title = nested(Both)
    cover = nested(CoverOut)
    clauses = listed(fields.Nested(ClauseOut))
    deviations = listed(fields.Nested(DeviationOut))


class ContractContentOut(Schema):
    content_hash = a_hash()
    content = nested(ContractTextOut)
    canonical = a_text()


class NamedOut(Schema):
    named = a_number()


class PlacementPolicyOut(Schema):
    policy = word(POLICIES, required=True)
    effective_from = a_day()


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
