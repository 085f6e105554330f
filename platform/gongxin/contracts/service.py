"""The verbs on contracts. Verbs flush, never commit; a signature and an end have their leaf."""

import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.access import jose
from gongxin.access import queries as access
from gongxin.cases import queries as cases
from gongxin.errors import Conflict, Forbidden, Invalid, NotFound, bad_field
from gongxin.evidence import queries as evidence
from gongxin.members import queries as members
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin_wire.canonical import b64u

from . import queries, rules
from .caps import rules as cap_rules
from .caps import service as caps
from .fees import model as fees
from .models import (
    Contract,
    ContractCase,
    ContractConsent,
    ContractContent,
    ContractOpening,
    ContractScan,
    ContractSignature,
    PlacementPolicy,
)
from .standard import queries as standard
from .standard.models import ContractTemplate
from .standard.rules import officer_key


@dataclass(frozen=True, slots=True)
class Terms:
    """What a drafter fills in; parties' names come from the directory."""

    representatives: Mapping[str, str]
    scope: Mapping[str, str]
    fee_model: Mapping[str, Any]
    jurisdiction: str
    begins_on: date
    ends_on: date
    bank: Mapping[str, str]
    contacts: Mapping[str, str]
    deviations: Sequence[rules.Deviation] = ()


def draft(
    session: Session,
    *,
    caller: Caller,
    template: str,
    other_id: uuid.UUID,
    terms: Terms,
    follows: uuid.UUID | None = None,
    kind: str = "new",
) -> Contract:
    """A contract from the template in force. Raises Conflict where a locked clause would change or a fee is above its
    cap; a verdict `unknown` refuses nothing."""
    today, now = clock.today_in_china(), clock.now()
    found = standard.in_force(session, template, today)
    creditor_id, agency_id = _parties(session, caller, other_id)
    number, version = rules.draw_number(secrets.randbelow), 1
    if follows is not None:
        before = queries.get_contract(session, follows)
        if {before.creditor_id, before.agency_id} != {creditor_id, agency_id}:
            raise bad_field("/follows", "该合同属于其他机构", "That contract is between others")
        rules.check_follows(before.state, kind, terms.begins_on, before.begins_on, before.ends_on)
        number, version = before.number, queries.last_version(session, before.number) + 1
    made = Contract(
        id=ids.new_id(), number=number, version=version, kind=kind, follows=follows, creditor_id=creditor_id,
        agency_id=agency_id, drafted_by=caller.member_id, template_id=found.id, jurisdiction=terms.jurisdiction,
        state="draft", begins_on=terms.begins_on, ends_on=terms.ends_on, created_at=now, changed_at=now,
    )  # fmt: skip
    text, digest, model = _content(session, made, found, terms)
    made.content_hash = digest
    session.add(made)
    session.flush()
    session.add(ContractContent(contract_id=made.id, content=text, content_hash=digest, rates=list(model.top_rates())))
    session.flush()
    return made


def revise(session: Session, contract_id: uuid.UUID, *, caller: Caller, terms: Terms) -> Contract:
    """Other terms for one's own draft; consents given to the former ones lapse. None once a party has signed."""
    contract = queries.get_contract(session, contract_id, lock=True)
    rules.check_draft(contract.state)
    if contract.drafted_by != caller.member_id:
        raise Forbidden("not_the_drafter", zh="仅起草方可以修改草稿", en="Only the drafter revises a draft")
    if queries.signatures(session, contract_id):
        raise Conflict("signed_already", zh="已有一方签署，内容不得再改", en="A party has signed; the content stands",
                       fix_zh="撤回后重新起草。", fix_en="Withdraw it and draft anew.")  # fmt: skip
    contract.begins_on, contract.ends_on = terms.begins_on, terms.ends_on
    contract.jurisdiction, contract.changed_at = terms.jurisdiction, clock.now()
    found = standard.get_template(session, contract.template_id)
    text, contract.content_hash, model = _content(session, contract, found, terms)
    session.flush()
    content = queries.get_content(session, contract_id)
    content.content, content.content_hash, content.rates = text, contract.content_hash, list(model.top_rates())
    session.flush()
    return contract


def _content(
    session: Session, contract: Contract, template: ContractTemplate, terms: Terms
) -> tuple[str, bytes, fees.FeeModel]:
    names = {
        member_id: {"member_id": str(member_id), "name_zh": found.name_zh, "uscc": found.uscc}
        for member_id in (contract.creditor_id, contract.agency_id)
        if (found := members.get_member(session, member_id))
    }
    cover = rules.Cover(
        names[contract.creditor_id], names[contract.agency_id], terms.representatives, terms.scope, terms.fee_model,
        terms.jurisdiction, terms.begins_on, terms.ends_on, terms.bank, terms.contacts,
    )  # fmt: skip
    refuse_pii({"representatives": dict(terms.representatives), "scope": dict(terms.scope), "bank": dict(terms.bank),
                "contacts": dict(terms.contacts)}, "/cover")  # fmt: skip
    refuse_pii([{"text": each.text, "reason": each.reason} for each in terms.deviations], "/deviations")
    model = rules.check_cover(cover, clock.today_in_china())
    _refuse_above(session, contract, model)
    reference = {
        "template_id": str(template.id), "code": template.code, "version": template.version,
        "content_hash": template.content_hash.hex(),
    }  # fmt: skip
    value = rules.content(template.content, reference, contract.number, contract.version, cover, list(terms.deviations))
    text, digest = rules.canonical_text(value)
    return text, digest, model


def _refuse_above(session: Session, contract: Contract, model: fees.FeeModel) -> str:
    found = caps.verdict(
        session, model, jurisdiction=contract.jurisdiction, day=clock.today_in_china(), known_at=clock.now()
    )
    cap_rules.refuse_above(found, "/cover/fee_model")
    return found.state


def _parties(session: Session, caller: Caller, other_id: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID]:
    assert caller.member_id is not None
    other = members.get_member(session, other_id)
    if other.state != "active":
        raise bad_field("/other_id", "对方机构不在有效状态", "The other side is not in good standing")
    ordered = (caller.member_id, other_id) if caller.kind == "bank" else (other_id, caller.member_id)
    rules.check_party((caller.kind, other.kind) if caller.kind == "bank" else (other.kind, caller.kind))
    return ordered


def model_of(content: ContractContent) -> fees.FeeModel:
    """The fee model of a contract."""
    return fees.read(orjson.loads(content.content)["cover"]["fee_model"])


def consent(session: Session, contract_id: uuid.UUID, *, caller: Caller, clause_id: str, content_hash: bytes) -> None:
    """The other side's yes to one deviation in the content of this hash. Saying it again says nothing new."""
    contract = queries.get_contract(session, contract_id, lock=True)
    rules.check_draft(contract.state)
    if caller.member_id == contract.drafted_by:
        raise Forbidden("consent_of_the_other", zh="偏离须由对方同意", en="The other side consents to a deviation")
    rules.check_same_hash(contract.content_hash, content_hash.hex())
    if clause_id not in _deviating(queries.get_content(session, contract_id)):
        raise bad_field("/clause_id", "该条款没有偏离", "There is no deviation from this clause")
    if clause_id not in queries.consents(session, contract):
        session.add(
            ContractConsent(
                contract_id=contract_id, clause_id=clause_id, content_hash=content_hash, member_id=caller.member_id,
                consented_at=clock.now(),
            )
        )  # fmt: skip
        session.flush()


def _deviating(content: ContractContent) -> set[str]:
    return {each["clause_id"] for each in orjson.loads(content.content)["deviations"]}


def sign(session: Session, contract_id: uuid.UUID, *, caller: Caller, jws: str, content_hash: bytes) -> Contract:
    """A party's detached JWS by a key registered for its client. The second one makes the contract, once more under
    the caps of the day."""
    contract = queries.get_contract(session, contract_id, lock=True)
    content = queries.get_content(session, contract_id)
    rules.check_signable(contract.state, _deviating(content), queries.consents(session, contract))
    rules.check_same_hash(contract.content_hash, content_hash.hex())
    before = queries.signatures(session, contract_id)
    if any(each.member_id == caller.member_id for each in before):
        raise Conflict("signed_already", zh="本机构已签署", en="This party has signed already")
    kid, jwk = _verify(session, caller, jws, rules.signed_payload(str(contract_id), content_hash))
    state, now = _refuse_above(session, contract, model_of(content)), clock.now()
    signature = ContractSignature(
        id=ids.new_id(), contract_id=contract_id, member_id=caller.member_id, content_hash=content_hash, kid=kid,
        public_jwk=jwk, jws=jws, signed_at=now,
    )  # fmt: skip
    session.add(signature)
    session.flush()
    record = {"content_hash": content_hash.hex(), "kid": kid, "signed_at": transparency.moment(now)}
    _prove(session, contract, "signed", caller.member_id, record, signature.id)
    if before:
        contract.state, contract.signed_at, contract.changed_at, contract.verdict = "signed", now, now, state
        session.flush()
        _supersede(session, contract)
    return contract


def _supersede(session: Session, contract: Contract) -> None:
    if contract.kind == "amendment" and contract.follows is not None:
        before = queries.get_contract(session, contract.follows, lock=True)
        rules.check_follows(before.state, contract.kind, contract.begins_on, before.begins_on, before.ends_on)
        before.state, before.ended_on = "superseded", contract.begins_on - timedelta(days=1)
        before.changed_at = clock.now()
        session.flush()


def _verify(session: Session, caller: Caller, jws: str, payload: bytes) -> tuple[str, dict[str, Any]]:
    """The key and its public form. Raises Invalid where the signature is not that key's over this payload."""
    header, between, signature = jose.split(jws, 2048)
    if between:
        raise _bad_signature()
    told = jose.json_object(jose.decode(header))
    alg = jose.check_header(told, (rules.TYP,))
    kid = told.get("kid")
    key = access.find_key(session, caller.client_id, kid) if caller.client_id and isinstance(kid, str) else None
    if key is None or key.public_jwk is None or key.retired_at is not None or key.expires_at <= clock.now():
        raise _bad_signature()
    public, jwk = jose.import_jwk(key.public_jwk)
    if not jose.verify(public, alg, f"{header}.{b64u(payload)}".encode(), jose.decode(signature)):
        raise _bad_signature()
    return key.kid, dict(jwk)


def _bad_signature() -> Invalid:
    return Invalid(
        "bad_signature",
        zh="签名不成立，或密钥未登记在本客户端名下",
        en="The signature does not hold, or its key is not registered for this client",
        fix_zh="以已登记且有效的密钥对 content_hash 做分离式 JWS（typ gongxin-contract+jws）。",
        fix_en="Sign content_hash as a detached JWS (typ gongxin-contract+jws) with a registered, live key.",
        pointer="/jws",
    )


def terminate(session: Session, contract_id: uuid.UUID, *, caller: Caller, on: date, reason: str) -> Contract:
    """Ends a signed contract after a day."""
    contract = queries.get_contract(session, contract_id, lock=True)
    _only_party(contract, caller)
    rules.check_termination(contract.state, on, contract.begins_on, contract.ends_on, clock.today_in_china())
    refuse_pii(reason, "/reason")
    contract.state, contract.ended_on, contract.end_reason, contract.changed_at = "terminated", on, reason, clock.now()
    session.flush()
    _prove(session, contract, "terminated", caller.member_id, {"on": on.isoformat(), "reason": reason})
    return contract


def withdraw(session: Session, contract_id: uuid.UUID, *, caller: Caller) -> Contract:
    """Takes a draft off the table, by either side, before both have signed."""
    contract = queries.get_contract(session, contract_id, lock=True)
    _only_party(contract, caller)
    rules.check_draft(contract.state)
    contract.state, contract.changed_at = "withdrawn", clock.now()
    session.flush()
    return contract


def add_scan(session: Session, contract_id: uuid.UUID, *, caller: Caller, evidence_id: uuid.UUID) -> ContractScan:
    """Ties the fingerprint of a signed paper copy, registered as one's own evidence, to the contract."""
    contract = queries.get_contract(session, contract_id)
    _only_party(contract, caller)
    found = evidence.get_evidence(session, evidence_id)[0]
    if found.member_id != caller.member_id or found.kind != "contract":
        raise bad_field("/evidence_id", "应为本机构登记的合同类证据", "It must be one's own evidence of kind contract")
    if any(each.evidence_id == evidence_id for each in queries.scans(session, contract_id)):
        raise Conflict("scan_linked", zh="该扫描件已关联", en="The scan is linked already")
    made = ContractScan(
        contract_id=contract_id, evidence_id=evidence_id, member_id=caller.member_id, sha256=found.sha256,
        linked_at=clock.now(),
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def open_prices(
    session: Session, contract_id: uuid.UUID, *, caller: Caller, complaint: str, officer: str
) -> ContractOpening:
    """Opens the content to the association under a complaint; the parties see it, and the log."""
    contract = queries.get_contract(session, contract_id)
    found = next((each for each in queries.openings(session, contract_id) if each.complaint == complaint), None)
    if found is None:
        found = ContractOpening(
            contract_id=contract_id, complaint=complaint, member_id=caller.member_id, officer=officer_key(officer),
            opened_at=clock.now(),
        )  # fmt: skip
        session.add(found)
        session.flush()
        _prove(session, contract, "opened", caller.member_id, {"complaint": complaint})
    return found


def name_cases(session: Session, contract_id: uuid.UUID, *, caller: Caller, case_ids: Collection[uuid.UUID]) -> int:
    """Says under which contract cases are worked; how many said it for the first time."""
    contract = queries.get_contract(session, contract_id)
    if caller.member_id != contract.creditor_id:
        raise Forbidden(
            "only_the_creditor", zh="由委托方指明案件所属合同", en="The creditor names the contract of a case"
        )
    if contract.state != "signed":
        raise Conflict("contract_not_signed", zh="合同未在有效状态", en="The contract is not in force")
    wanted = set(case_ids)
    for at, case_id in enumerate(case_ids):
        if cases.get_case(session, case_id).creditor_id != caller.member_id:
            raise NotFound("case_not_found", zh="没有这个案件", en="There is no such case", pointer=f"/case_ids/{at}")
    fresh = wanted - queries.named_cases(session, contract_id, wanted)
    session.add_all(ContractCase(case_id=each, contract_id=contract_id, named_at=clock.now()) for each in fresh)
    session.flush()
    return len(fresh)


def set_policy(session: Session, *, policy: str, effective_from: date) -> PlacementPolicy:
    """From a day on, what a placement without a live contract meets."""
    made = PlacementPolicy(id=ids.new_id(), policy=policy, effective_from=effective_from, recorded_at=clock.now())
    session.add(made)
    session.flush()
    return made


def check_placement(session: Session, creditor_id: uuid.UUID, agency_id: uuid.UUID) -> str | None:
    """What `cases` asks as a case is assigned: a warning, or None. Raises Conflict where the policy refuses."""
    today = clock.today_in_china()
    policy = queries.policy(session, today)
    if policy == "off" or queries.live_between(session, creditor_id, agency_id, today) is not None:
        return None
    if policy == "refuse":
        raise rules.refuse_no_contract()
    return "no_live_contract"


def verdict(session: Session, contract: Contract, *, known_at: datetime | None = None) -> cap_rules.Verdict:
    """As of the signing day (today for a draft), by what was known then, or at another instant."""
    signed = contract.signed_at or clock.now()
    return caps.verdict(
        session,
        model_of(queries.get_content(session, contract.id)),
        jurisdiction=contract.jurisdiction,
        day=signed.astimezone(clock.SHANGHAI).date(),
        known_at=known_at or signed,
    )


def _only_party(contract: Contract, caller: Caller) -> None:
    if caller.member_id not in (contract.creditor_id, contract.agency_id):
        raise Forbidden("not_a_party", zh="仅合同双方可以办理", en="Only a party may do this")


def _prove(
    session: Session,
    contract: Contract,
    action: str,
    by: uuid.UUID | None,
    facts: Mapping[str, Any],
    leaf_id: uuid.UUID | None = None,
) -> None:
    transparency.append(
        session,
        kind="contract",
        record={
            "action": action, "by": str(by), "contract_id": str(contract.id), "number": contract.number,
            "version": contract.version, **facts,
        },
        leaf_id=leaf_id,
        owner=by,
    )  # fmt: skip
