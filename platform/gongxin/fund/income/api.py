"""The fund's income over HTTP: runs for the association; bases, charges and objections for members."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from ..bank import outcomes
from ..ledger.rules import Actor, officer_key
from . import answering, examples, queries, receiving, refunding, rules, schemas, service
from .models import Run

blp = Blueprint("fund_income", url_prefix="/v1/fund/income", description="互助基金收入 The mutual-aid fund's income")
BLUEPRINTS = (blp,)

outcomes.register(service.EXPECTED, receiving.settled)
outcomes.register("refund", refunding.settled)

_CHANGED = ("run_content_changed", "批次内容与所展示的不同", "The run is not what was shown")
_MOVED = ("run_moved_meanwhile", "批次状态刚被他人变更", "Another change of the run came first")
CONSTRAINTS.update(
    {
        "ix_fund_runs_one_levy": ("levy_run_open", "另一会费批次尚未了结", "Another levy run is open"),
        "ix_fund_bases_first": ("base_meanwhile", "该月基数刚被申报", "The month's base was reported meanwhile"),
        "uq_fund_bases_supersedes": ("base_meanwhile", "该月基数刚被申报", "The month's base was reported meanwhile"),
        "fund_runs_transition": _MOVED,
        "fund_runs_fixed": _MOVED,
        "fund_charges_begin": _MOVED,
        "fund_charges_issued": _MOVED,
        "fund_run_approvals_state": _MOVED,
        "fund_runs_content": _CHANGED,
        "fund_run_approvals_content": _CHANGED,
        "fund_runs_approved": ("run_unapproved", "批次缺少批准", "Approvals of the run are missing"),
        "fund_run_approvals_maker": (
            "run_maker", "经办人不得批准自己的批次", "The maker does not approve their own run"),
        "pk_fund_run_approvals": (
            "run_approved_before", "该人员已批准过此批次", "This person has approved the run already"),
        "fund_charges_credit": (
            "not_creditable",
            "贷项超过账单余额，或该账单不能冲减",
            "It is more than the charge, or the charge takes no credit note"),
        "uq_fund_objections_answers": ("objection_decided", "该异议刚有决定", "The objection was decided meanwhile"),
        "fund_admin_share": (
            "admin_share", "管理费超过本年收入的十分之一", "Administration takes at most a tenth of the year's income"),
    }
)  # fmt: skip


def _actor(call: Call, body: dict[str, Any]) -> Actor:
    return Actor(call.member_id, officer_key(body.pop("officer")), call.caller.client_id)


def _run(call: Call, run: Run) -> dict[str, Any]:
    totals = queries.run_totals(call.session, [run.id]).get(run.id, (0, 0))
    return schemas.run_out(run, queries.approvals(call.session, run.id), totals)


def _made(call: Call, run: Run) -> Answer:
    return Answer(_run(call, run), 201, {"Location": f"/v1/fund/income/runs/{run.id}"})


@blp.operation("income.rules", "GET", "/rules", answer={"type": "object"}, example=rules.pack())
def levy_rules(call: Call) -> dict[str, Any]:
    """会费规则 The rule pack: rate, coefficient, split, clocks, and where it comes from."""
    return rules.pack()


# --- members: bases, charges, objections ------------------------------------------------------------------------------


@blp.operation(
    "income.state_base",
    "POST",
    "/bases",
    body=schemas.BaseIn,
    answer=schemas.BaseOut,
    status=201,
    body_example=examples.BASE_IN,
    example=examples.BASE,
)
def state_base(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """申报基数 State the commission of a month that is over, with the fingerprint of its evidence.

    Stating a month again supersedes the statement before; both stay on record."""
    body["evidence_sha256"] = bytes.fromhex(body["evidence_sha256"])
    return schemas.base_out(service.state_base(call.session, member_id=call.member_id, **body))


@blp.operation(
    "income.bases",
    "GET",
    "/bases",
    query=schemas.BasesIn,
    answer=schemas.BasesOut,
    example={"items": [examples.BASE], "next_cursor": None},
)
def bases(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """已申报基数 Bases as they were reported: one's own; association and regulators see all."""
    after = paging.decode_id(query.get("cursor"))
    found = queries.bases(call.session, member_id=query.get("member_id"), after=after, limit=query["limit"])
    kept, following = paging.page(found, query["limit"], lambda base: [str(base.id)])
    return {"items": [schemas.base_out(base) for base in kept], "next_cursor": following}


@blp.operation("income.account", "GET", "/account", answer=schemas.MemberAccountOut, example=examples.ACCOUNT)
def account(call: Call) -> dict[str, Any]:
    """本机构往来 One's own account: charged, credited, received, owed, overdue."""
    row = queries.account(call.session, call.member_id, clock.today_in_china())
    owed = row.charged_fen - row.credited_fen - row.received_fen
    return {"member_id": str(call.member_id), "owed_fen": owed} | dict(row._mapping)


@blp.operation(
    "income.charges",
    "GET",
    "/charges",
    query=schemas.ChargesIn,
    answer=schemas.ChargesOut,
    example={"items": [examples.CHARGE], "next_cursor": None},
)
def charges(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """账单 Charges and credit notes: one's own; association and regulators see all."""
    after = paging.decode_id(query.pop("cursor", None))
    found = queries.charges(call.session, after=after, **query)
    kept, following = paging.page(found, query["limit"], lambda charge: [str(charge.id)])
    return {"items": [schemas.charge_out(charge) for charge in kept], "next_cursor": following}


@blp.operation(
    "income.charge",
    "GET",
    "/charges/<uuid:charge_id>",
    answer=schemas.ChargeDetailOut,
    example=examples.DETAIL,
)
def charge(call: Call, charge_id: uuid.UUID) -> dict[str, Any]:
    """一张账单 One charge: its calculation line by line, receipts, reminders, objections."""
    found = queries.get_charge(call.session, charge_id)
    return schemas.detail_out(
        found,
        queries.receipts(call.session, charge_id),
        queries.dunnings(call.session, charge_id),
        queries.objections(call.session, charge_id),
    )


@blp.operation(
    "income.object",
    "POST",
    "/charges/<uuid:charge_id>/objections",
    body=schemas.ObjectionIn,
    answer=schemas.ObjectionOut,
    status=201,
    body_example={"said": "10 月基数含已退佣金"},
    example=examples.OBJECTION,
)
def object_to(call: Call, charge_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """提出异议 Object to one's own charge; it is answered within working days and not dunned meanwhile."""
    made = answering.object_to(call.session, charge_id, member_id=call.member_id, **body)
    return schemas.objection_out(made)


@blp.operation(
    "income.decide",
    "POST",
    "/charges/<uuid:charge_id>/decisions",
    body=schemas.ChargeDecisionIn,
    answer=schemas.DecidedOut,
    status=201,
    body_example=examples.DECISION_IN,
    example={
        "decision": examples.OBJECTION | {"answers": examples.ID, "upheld": True, "due_on": None},
        "credit_run": examples.RUN | {"kind": "credit", "first_month": None, "last_month": None},
    },
)
def decide(call: Call, charge_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """决定异议 Decide the open objection; a credit note follows as a run of its own."""
    made, run = answering.decide(call.session, charge_id, actor=_actor(call, body), **body)
    return {"decision": schemas.objection_out(made), "credit_run": None if run is None else _run(call, run)}


@blp.operation(
    "income.owe",
    "POST",
    "/charges/<uuid:charge_id>/overpayment",
    body=schemas.OverpaymentIn,
    answer=schemas.OwedOut,
    body_example={"officer": "LIN01"},
    example={"entry_id": examples.ID, "state": "submitted", "content_hash": examples.RUN["content_hash"],
             "amount_fen": 5_000, "reference": "GXP0Q1W2E3R4T"},
)  # fmt: skip
def owe(call: Call, charge_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """多收款转应退 Submit the entry that owes back what was paid beyond the charge; posted, the bank can be told to."""
    return schemas.owed_out(*refunding.owe(call.session, charge_id, actor=_actor(call, body)))


# --- the association: runs --------------------------------------------------------------------------------------------


@blp.operation(
    "income.runs",
    "GET",
    "/runs",
    query=schemas.RunsIn,
    answer=schemas.RunsOut,
    example={"items": [examples.RUN], "next_cursor": None},
)
def runs(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """批次 Runs in the order they were made."""
    after = paging.decode_id(query.get("cursor"))
    found = queries.runs(call.session, state=query.get("state"), after=after, limit=query["limit"])
    kept, following = paging.page(found, query["limit"], lambda run: [str(run.id)])
    return {"items": [_run(call, run) for run in kept], "next_cursor": following}


@blp.operation("income.run", "GET", "/runs/<uuid:run_id>", answer=schemas.RunOut, example=examples.RUN)
def run(call: Call, run_id: uuid.UUID) -> dict[str, Any]:
    """一个批次 One run; its charges are listed by `run_id`."""
    return _run(call, queries.get_run(call.session, run_id))


@blp.operation(
    "income.preview",
    "POST",
    "/runs",
    body=schemas.LevyRunIn,
    answer=schemas.RunOut,
    status=201,
    body_example=examples.LEVY_RUN_IN,
    example=examples.RUN,
)
def preview(call: Call, body: dict[str, Any]) -> Answer:
    """会费试算 Show the levies of a month or quarter that is over: of every base not charged before."""
    return _made(call, service.preview_levies(call.session, actor=_actor(call, body), **body))


@blp.operation(
    "income.penalty",
    "POST",
    "/penalties",
    body=schemas.PenaltyIn,
    answer=schemas.RunOut,
    status=201,
    body_example=examples.PENALTY_IN,
    example=examples.RUN | {"kind": "penalty", "first_month": None, "last_month": None},
)
def penalty(call: Call, body: dict[str, Any]) -> Answer:
    """违约金 Show a penalty on a member; it is approved and issued as any run."""
    return _made(call, service.penalty(call.session, actor=_actor(call, body), **body))


@blp.operation(
    "income.donation",
    "POST",
    "/donations",
    body=schemas.DonationIn,
    answer=schemas.RunOut,
    status=201,
    body_example=examples.DONATION_IN,
    example=examples.RUN | {"kind": "donation", "first_month": None, "last_month": None},
)
def donation(call: Call, body: dict[str, Any]) -> Answer:
    """捐赠 Show a promised gift; with `restriction` it pays for nothing else."""
    return _made(call, service.donation(call.session, actor=_actor(call, body), **body))


@blp.operation(
    "income.credit",
    "POST",
    "/charges/<uuid:charge_id>/credits",
    body=schemas.CreditIn,
    answer=schemas.RunOut,
    status=201,
    body_example=examples.CREDIT_IN,
    example=examples.RUN | {"kind": "credit", "first_month": None, "last_month": None},
)
def credit(call: Call, charge_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """贷项通知 Show a credit note against an issued charge."""
    return _made(call, service.credit(call.session, actor=_actor(call, body), charge_id=charge_id, **body))


@blp.operation(
    "income.approve",
    "POST",
    "/runs/<uuid:run_id>/approvals",
    body=schemas.RunApprovalIn,
    answer=schemas.RunOut,
    body_example=examples.APPROVAL_IN,
    example=examples.RUN,
)
def approve(call: Call, run_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """批准批次 Approve what a run shows, by its hash; two people do who did not make it."""
    content_hash = bytes.fromhex(body.pop("content_hash"))
    return _run(call, service.approve(call.session, run_id, actor=_actor(call, body), content_hash=content_hash))


@blp.operation("income.issue", "POST", "/runs/<uuid:run_id>/issue", answer=schemas.RunOut,
               example=examples.RUN | {"state": "issued", "issued_at": "2026-11-24T02:00:00.000Z"})  # fmt: skip
def issue(call: Call, run_id: uuid.UUID) -> dict[str, Any]:
    """开票 Invoice an approved run; refused where bases or conduct have changed since it was shown."""
    return _run(call, service.issue(call.session, run_id))


@blp.operation("income.withdraw", "POST", "/runs/<uuid:run_id>/withdrawal", answer=schemas.RunOut,
               example=examples.RUN | {"state": "withdrawn"})  # fmt: skip
def withdraw(call: Call, run_id: uuid.UUID) -> dict[str, Any]:
    """撤回批次 Withdraw a run that is not issued."""
    return _run(call, service.withdraw(call.session, run_id))
