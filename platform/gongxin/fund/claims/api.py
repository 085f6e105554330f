"""Claims over HTTP: filed by mediators, agencies, courts and the association; assessed, approved and paid by two
institutions. Payees' details are taken in here and never told again."""

import uuid
from typing import Any

from gongxin.pii import refuse_pii
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from ..bank import outcomes
from ..ledger.rules import Actor, officer_key
from . import examples, paying, queries, rules, schemas, service
from .models import Claim

blp = Blueprint("fund_claims", url_prefix="/v1/fund/claims", description="互助基金申请 Claims on the mutual-aid fund")
BLUEPRINTS = (blp,)
for _purpose in ("relief", "staff"):
    outcomes.register(_purpose, paying.settled)

_MOVED = ("claim_moved_meanwhile", "申请状态刚被他人变更", "Another change of the claim came first")
_CHANGED = ("claim_content_changed", "申请内容与所批准的不同", "The claim is not what is approved")
_PARTY = rules.party()
CONSTRAINTS.update(
    {
        "fund_claims_transition": _MOVED,
        "fund_claims_fixed": _MOVED,
        "fund_claim_approvals_state": _MOVED,
        "fund_claims_party": ("party_to_the_case", _PARTY.zh, _PARTY.en),
        "fund_claims_related": (
            "beneficiary_is_related", "收款账户或机构与经办方、他人申请有关联",
            "The payee is related to whoever decides, or to another person's claim"),
        "fund_claims_cap": ("claim_over_cap", "超过单笔、个人年度或年度限额", "It is over a cap of claim or year"),
        "fund_claims_content": _CHANGED,
        "fund_claim_approvals_content": (
            "claim_content_changed", "申请内容与所批准的不同", "The claim is not what is approved"),
        "fund_claims_approved": (
            "claim_unapproved", "须由两家机构的两人批准", "Two people of two institutions approve it first"),
        "fund_claim_approvals_maker": (
            "own_claim", "经办过此申请的人员不得再作此决定", "Who filed, assessed or returned it does not decide this"),
        "pk_fund_claim_approvals": (
            "claim_approved_before", "该人员已批准过此申请", "This person has approved the claim already"),
        "fund_claims_appeal": ("appeal_too_late", "申诉期限已过", "The day to appeal has passed"),
    }
)  # fmt: skip


def _actor(call: Call, body: dict[str, Any]) -> Actor:
    return Actor(call.member_id, officer_key(body.pop("officer")), call.caller.client_id)


def _claim(call: Call, claim: Claim) -> dict[str, Any]:
    return schemas.detail_out(claim, queries.approvals(call.session, claim.id), queries.steps(call.session, claim.id))


@blp.operation("claims.rules", "GET", "/rules", answer={"type": "object"}, example=rules.pack())
def claim_rules(call: Call) -> dict[str, Any]:
    """申请规则 The rule pack: caps, terms, clocks, and where it comes from."""
    return rules.pack()


# An account number would be taken for a bank card's: the details are of closed forms and sealed; `rules` checks them.
@blp.operation(
    "claims.file",
    "POST",
    "",
    body=schemas.FundClaimIn,
    answer=schemas.ClaimDetailOut,
    status=201,
    walk=False,
    body_example=examples.CLAIM_IN,
    example=examples.CLAIM,
)
def file(call: Call, body: dict[str, Any]) -> Answer:
    """提交申请 File a claim: relief for a person by blind token, or protection for an agent of one's own.

    No creditor or agency on the person's cases files. Payee details are sealed and read by payers alone."""
    body["officer"] = officer_key(body["officer"])
    refuse_pii(body["payee"]["bank_name"], "/payee/bank_name")
    for name in ("means_sha256", "evidence_sha256"):
        body[name] = bytes.fromhex(body[name])
    claim = service.file(call.session, call.runtime.config, caller=call.caller, **body)
    return Answer(_claim(call, claim), 201, {"Location": f"/v1/fund/claims/{claim.id}"})


@blp.operation(
    "claims.list",
    "GET",
    "",
    query=schemas.ClaimsIn,
    answer=schemas.ClaimsOut,
    example={"items": [examples.LISTED], "next_cursor": None},
)
def list_claims(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """申请列表 Claims one filed or reviews; association and regulators see all."""
    after = paging.decode_id(query.get("cursor"))
    found = queries.claims(
        call.session, state=query.get("state"), fund=query.get("fund"), after=after, limit=query["limit"]
    )
    kept, following = paging.page(found, query["limit"], lambda claim: [str(claim.id)])
    return {"items": [schemas.claim_out(claim) for claim in kept], "next_cursor": following}


@blp.operation("claims.get", "GET", "/<uuid:claim_id>", answer=schemas.ClaimDetailOut, example=examples.CLAIM)
def get_claim(call: Call, claim_id: uuid.UUID) -> dict[str, Any]:
    """一项申请 One claim: assessment line by line, approvals, steps."""
    return _claim(call, queries.get_claim(call.session, claim_id))


@blp.operation(
    "claims.change_payee",
    "POST",
    "/<uuid:claim_id>/payee",
    body=schemas.PayeeChangeIn,
    answer=schemas.ClaimDetailOut,
    walk=False,
    body_example=examples.PAYEE_IN,
    example=examples.CLAIM,
)
def change_payee(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """更换收款人 Another payee, by the filer, before money is held; what was approved is approved no more."""
    refuse_pii(body["payee"]["bank_name"], "/payee/bank_name")
    actor = _actor(call, body)
    return _claim(call, service.change_payee(call.session, call.runtime.config, claim_id, actor=actor, **body))


@blp.operation(
    "claims.assess",
    "POST",
    "/<uuid:claim_id>/assessment",
    body=schemas.AssessmentIn,
    answer=schemas.ClaimDetailOut,
    body_example=examples.ASSESSMENT_IN,
    example=examples.ASSESSED,
)
def assess(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """评估 Assess a claim: what is granted, what each cap cut, which institution reviews it."""
    return _claim(call, service.assess(call.session, claim_id, actor=_actor(call, body), **body))


@blp.operation(
    "claims.approve",
    "POST",
    "/<uuid:claim_id>/approvals",
    body=schemas.ClaimApprovalIn,
    answer=schemas.ClaimDetailOut,
    body_example=examples.APPROVAL_IN,
    example=examples.ASSESSED | {"state": "approved", "version": 3},
)
def approve(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """批准申请 Approve the assessed content by its hash; two people of two institutions do."""
    content_hash = bytes.fromhex(body.pop("content_hash"))
    actor = _actor(call, body)
    return _claim(call, service.approve(call.session, claim_id, actor=actor, content_hash=content_hash, **body))


@blp.operation(
    "claims.pay",
    "POST",
    "/<uuid:claim_id>/payment",
    body=schemas.ClaimPaymentIn,
    answer=schemas.ClaimDetailOut,
    body_example={"officer": "WANG02"},
    example=examples.ASSESSED | {"state": "instructed", "version": 5, "held_on": "2026-11-24"},
)
def pay(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """冻结并付款 Hold what was granted and instruct the bank; the person's cases bear the stop flag from now on."""
    return _claim(call, paying.pay(call.session, claim_id, actor=_actor(call, body)))


@blp.operation(
    "claims.give_back",
    "POST",
    "/<uuid:claim_id>/return",
    body=schemas.ClaimActIn,
    answer=schemas.ClaimDetailOut,
    body_example=examples.ACT_IN,
    example=examples.CLAIM | {"state": "returned", "version": 2},
)
def give_back(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """退回申请 Return a claim with its reason, before money is held; the filer may appeal."""
    return _claim(call, paying.give_back(call.session, claim_id, actor=_actor(call, body), **body))


@blp.operation(
    "claims.appeal",
    "POST",
    "/<uuid:claim_id>/appeal",
    body=schemas.ClaimActIn,
    answer=schemas.ClaimDetailOut,
    body_example=examples.ACT_IN,
    example=examples.CLAIM | {"state": "appealed", "version": 2},
)
def appeal(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """申诉 Appeal against a return, inside its working days."""
    return _claim(call, service.appeal(call.session, claim_id, actor=_actor(call, body), **body))


@blp.operation(
    "claims.reject",
    "POST",
    "/<uuid:claim_id>/rejection",
    body=schemas.ClaimActIn,
    answer=schemas.ClaimDetailOut,
    body_example=examples.ACT_IN,
    example=examples.CLAIM | {"state": "rejected", "version": 2},
)
def reject(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """驳回申诉 The end of an appeal, by another officer than who returned the claim."""
    return _claim(call, service.reject(call.session, claim_id, actor=_actor(call, body), **body))


@blp.operation(
    "claims.withdraw",
    "POST",
    "/<uuid:claim_id>/withdrawal",
    body=schemas.ClaimActIn,
    answer=schemas.ClaimDetailOut,
    body_example=examples.ACT_IN,
    example=examples.CLAIM | {"state": "withdrawn", "version": 2},
)
def withdraw(call: Call, claim_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """撤回申请 Withdraw one's own claim, before money is held."""
    return _claim(call, service.withdraw(call.session, claim_id, actor=_actor(call, body), **body))
