"""The ledger over HTTP, for the association; a regulator reads: parse, call, return."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.transparency.service import moment
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import examples, periods, queries, rules, schemas, service
from .models import Entry
from .rules import Actor

blp = Blueprint("fund", url_prefix="/v1/fund", description="互助基金 The mutual-aid fund's ledger")
BLUEPRINTS = (blp,)

_MOVED = ("entry_moved_meanwhile", "分录状态刚被他人变更", "Another change of the entry came first")
_APPROVALS = ("approvals_missing", "缺少有效的批准", "Approvals are missing")
_PERIOD = ("period_takes_no_entry", "会计期间不接受该分录", "The period does not take the entry")
CONSTRAINTS.update(
    {
        "uq_fund_accounts_code": ("account_exists", "该科目代码已在册", "An account with this code is on record"),
        "fund_accounts_empty": ("account_not_empty", "科目尚有余额或冻结", "There is still money on the account"),
        "fund_accounts_fixed": ("account_closed", "科目已关闭", "The account is closed"),
        "pk_fund_periods": ("period_meanwhile", "另一期间刚刚开设", "Another period was opened meanwhile"),
        "fund_periods_follow": ("period_must_follow", "期间须首尾相接", "A period begins the day after the one before"),
        "fund_periods_closed": ("period_closed", "会计期间已关闭", "The period is closed"),
        "fund_periods_order": ("earlier_period_open", "须先关闭前一期间", "The period before closes first"),
        "fund_periods_next": ("no_next_period", "须先开设下一期间", "The next period is opened first"),
        "fund_periods_pending": ("entries_undecided", "本期间仍有未决分录", "Entries of the period are undecided"),
        "uq_fund_entries_key": ("entry_meanwhile", "同一键的分录刚刚登记", "An entry of this key was made meanwhile"),
        "fund_entries_period_open": _PERIOD,
        "fund_entries_day": _PERIOD,
        "fund_entries_future": ("posted_before_its_day", "不得提前过账", "Nothing is posted before its day"),
        "fund_entries_final": _MOVED,
        "fund_entries_transition": _MOVED,
        "fund_legs_draft": _MOVED,
        "fund_approvals_submitted": _MOVED,
        "fund_entries_approved": _APPROVALS,
        "fund_entries_hash": _APPROVALS,
        "fund_approvals_content": ("content_changed", "分录内容与所批准的不同", "The content is not what is approved"),
        "fund_approvals_maker": ("maker_is_not_checker", "经办人不得复核", "The maker does not check their own entry"),
        "pk_fund_approvals": ("already_approved", "该人员已批准过此分录", "This person has approved it already"),
        "fund_entries_accounts_open": ("account_closed", "科目已关闭", "The account is closed"),
        "fund_entries_balanced": ("entry_unbalanced", "借贷不平", "The entry does not balance"),
        "fund_entries_restriction": ("restricted_money", "限定用途的资金不得移作他用", "Restricted money stays"),
        "fund_entries_minimum": ("below_minimum", "余额将低于下限或冻结额", "It would fall below minimum and holds"),
        "fund_entries_hold": ("hold_mismatch", "与冻结不符", "The entry does not pay what is held"),
        "ix_fund_entries_one_reversal": ("reversed_already", "该分录已冲销", "The entry is reversed already"),
        "ix_fund_entries_one_use": ("hold_taken", "该冻结已用于另一分录", "Another entry stands on this hold"),
        "fk_fund_entries_hold_id": ("hold_not_found", "没有这笔冻结", "There is no such hold"),
        "fund_entries_reversal_of_reversal": ("not_reversible", "该分录不能冲销", "This entry cannot be reversed"),
        "fund_holds_covered": ("hold_not_covered", "可用余额不足", "The account does not hold so much"),
        "fund_holds_claimed": ("hold_claimed", "有分录依赖该冻结", "An entry stands on this hold"),
        "fund_holds_fixed": ("hold_ended", "该冻结已结束", "The hold has ended"),
        "ck_fund_totals_balance": ("balance_out_of_range", "余额超出范围", "The balance is out of range"),
    }
)


def _actor(call: Call, officer: str) -> Actor:
    return Actor(call.member_id, rules.officer_key(officer), call.caller.client_id)


def _entry(call: Call, entry: Entry) -> dict[str, Any]:
    legs, approvals = queries.legs(call.session, [entry.id]), queries.approvals(call.session, [entry.id])
    return schemas.entry_out(entry, [(leg, account) for leg, account in legs], approvals)


# --- accounts and periods -------------------------------------------------------------------------------------------


@blp.operation("fund.accounts", "GET", "/accounts", answer=schemas.AccountsOut, example={"items": [examples.ACCOUNT]})
def accounts(call: Call) -> dict[str, Any]:
    """科目表 The chart of accounts."""
    return {"items": [schemas.account_out(account) for account in queries.accounts(call.session)]}


@blp.operation(
    "fund.open_account",
    "POST",
    "/accounts",
    body=schemas.AccountIn,
    answer=schemas.AccountOut,
    status=201,
    body_example=examples.ACCOUNT_IN,
    example=examples.ACCOUNT,
)
def open_account(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """开设科目 Open an account; it is never changed afterwards, only closed."""
    return schemas.account_out(service.open_account(call.session, **body))


@blp.operation(
    "fund.close_account",
    "POST",
    "/accounts/<string(maxlength=31):account>/closure",
    answer=schemas.AccountOut,
    example=examples.ACCOUNT | {"closed_at": "2026-11-24T02:00:00.000Z"},
)
def close_account(call: Call, account: str) -> dict[str, Any]:
    """关闭科目 Close an account that holds nothing."""
    return schemas.account_out(service.close_account(call.session, account))


@blp.operation("fund.periods", "GET", "/periods", answer=schemas.PeriodsOut, example={"items": [examples.PERIOD]})
def list_periods(call: Call) -> dict[str, Any]:
    """会计期间 Periods, the latest first."""
    return {"items": [schemas.period_out(period) for period in queries.periods(call.session)]}


@blp.operation(
    "fund.open_period",
    "POST",
    "/periods",
    body=schemas.PeriodIn,
    answer=schemas.PeriodOut,
    status=201,
    body_example={"last_day": "2026-11-30"},
    example=examples.PERIOD,
)
def open_period(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """开设期间 Open the next period."""
    return schemas.period_out(periods.open_period(call.session, **body))


@blp.operation(
    "fund.set_period_state",
    "POST",
    "/periods/<int(min=1,max=100000):number>/state",
    body=schemas.PeriodStateIn,
    answer=schemas.PeriodOut,
    body_example={"state": "closing", "officer": "LIN01"},
    example=examples.PERIOD | {"state": "closing"},
)
def set_period_state(call: Call, number: int, body: dict[str, Any]) -> dict[str, Any]:
    """变更期间状态 Begin to close a period, reopen one that is closing, or close it for good.

    Closing freezes the period, lets its drafts expire, carries balances forward and signs the trial balance."""
    actor = _actor(call, body["officer"])
    if body["state"] == "closed":
        return schemas.period_out(periods.close(call.session, call.runtime, number, actor=actor))
    return schemas.period_out(periods.set_state(call.session, number, body["state"]))


@blp.operation(
    "fund.trial_balance",
    "GET",
    "/periods/<int(min=1,max=100000):number>/trial-balance",
    answer=schemas.TrialBalanceOut,
    example=examples.TRIAL,
)
def trial_balance(call: Call, number: int) -> dict[str, Any]:
    """试算平衡表 The trial balance of a period, debit positive."""
    period = queries.get_period(call.session, number)
    found = periods.trial_balance(period, queries.trial_balance(call.session, number))
    return found | {"signed": period.trial_balance}


@blp.operation("fund.balances", "GET", "/balances", query=schemas.BalancesIn, answer=schemas.BalancesOut,
               example=examples.BALANCES)  # fmt: skip
def balances(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """各科目余额 What is on each account, now or as it had been posted by an instant."""
    at = query.get("as_of")
    found = [schemas.balance_out(row) for row in queries.balances(call.session, at)]
    return {"as_of": moment(at or clock.now()), "items": found}


# --- entries --------------------------------------------------------------------------------------------------------


@blp.operation(
    "fund.entries",
    "GET",
    "/entries",
    query=schemas.EntriesIn,
    answer=schemas.EntriesOut,
    example={"items": [examples.ENTRY], "next_cursor": None},
)
def list_entries(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """分录 Entries in the order they were drafted."""
    after = paging.decode_id(query.pop("cursor", None))
    found = queries.entries(call.session, after=after, **query)
    kept, following = paging.page(found, query["limit"], lambda entry: [str(entry.id)])
    wanted = [entry.id for entry in kept]
    legs, approvals = queries.legs(call.session, wanted), queries.approvals(call.session, wanted)
    items = [
        schemas.entry_out(
            entry,
            [(leg, account) for leg, account in legs if leg.entry_id == entry.id],
            [approval for approval in approvals if approval.entry_id == entry.id],
        )
        for entry in kept
    ]
    return {"items": items, "next_cursor": following}


@blp.operation(
    "fund.draft",
    "POST",
    "/entries",
    body=schemas.FundEntryIn,
    answer=schemas.FundEntryOut,
    status=201,
    statuses=(200,),
    body_example=examples.ENTRY_IN,
    example=examples.ENTRY,
)
def draft(call: Call, body: dict[str, Any]) -> Answer:
    """起草分录 Draft an entry, and submit it where `submit` says so.

    The same key with the same content answers 200 and the same entry; with another content 409."""
    entry, created = service.draft(
        call.session, actor=_actor(call, body["officer"]), new=schemas.draft_in(body), submit=body["submit"]
    )
    return Answer(_entry(call, entry), 201 if created else 200, {"Location": f"/v1/fund/entries/{entry.id}"})


@blp.operation("fund.entry", "GET", "/entries/<uuid:entry_id>", answer=schemas.FundEntryOut, example=examples.ENTRY)
def get_entry(call: Call, entry_id: uuid.UUID) -> dict[str, Any]:
    """一笔分录 One entry with its legs and approvals."""
    return _entry(call, queries.get_entry(call.session, entry_id))


@blp.operation(
    "fund.steps",
    "GET",
    "/entries/<uuid:entry_id>/steps",
    answer=schemas.StepsOut,
    example={"items": [examples.STEP]},
)
def steps(call: Call, entry_id: uuid.UUID) -> dict[str, Any]:
    """分录的经过 How an entry came to what it is: every step, by whom and when."""
    queries.get_entry(call.session, entry_id)
    return {"items": [schemas.step_out(step) for step in queries.steps(call.session, entry_id)]}


@blp.operation(
    "fund.revise",
    "POST",
    "/entries/<uuid:entry_id>/legs",
    body=schemas.LegsIn,
    answer=schemas.FundEntryOut,
    body_example={"officer": "LIN01", "legs": examples.LEGS},
    example=examples.ENTRY | {"state": "draft", "approvals": [], "content_hash": None},
)
def revise(call: Call, entry_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """更换分录行 Other legs for a draft, by its maker."""
    actor, legs = _actor(call, body["officer"]), schemas.legs_in(body["legs"])
    return _entry(call, service.revise(call.session, entry_id, actor=actor, legs=legs))


@blp.operation(
    "fund.move",
    "POST",
    "/entries/<uuid:entry_id>/state",
    body=schemas.StepIn,
    answer=schemas.FundEntryOut,
    body_example={"state": "submitted", "officer": "LIN01"},
    example=examples.ENTRY,
)
def move(call: Call, entry_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """提交、退回草稿、撤回或拒绝 Submit an entry, take it back, withdraw it (its maker), or reject it (another)."""
    actor = _actor(call, body.pop("officer"))
    return _entry(call, service.move(call.session, entry_id, actor=actor, **body))


@blp.operation(
    "fund.approve",
    "POST",
    "/entries/<uuid:entry_id>/approvals",
    body=schemas.ApprovalIn,
    answer=schemas.FundEntryOut,
    body_example=examples.APPROVAL_IN,
    example=examples.ENTRY,
)
def approve(call: Call, entry_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """批准 Approve the content of this hash; two people do who did not make it."""
    actor, content_hash = _actor(call, body["officer"]), bytes.fromhex(body["content_hash"])
    return _entry(call, service.approve(call.session, entry_id, actor=actor, content_hash=content_hash))


@blp.operation(
    "fund.post",
    "POST",
    "/entries/<uuid:entry_id>/posting",
    body=schemas.PostingIn,
    answer=schemas.FundEntryOut,
    body_example={"officer": "WANG02"},
    example=examples.ENTRY | {"state": "posted", "posted_at": "2026-11-24T02:00:00.000Z"},
)
def post(call: Call, entry_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """过账 Post an approved entry. Its leaf of the log bears its id: /v1/log/proofs/{entry_id}."""
    return _entry(call, service.post(call.session, entry_id, actor=_actor(call, body["officer"])))


@blp.operation(
    "fund.reverse",
    "POST",
    "/entries/<uuid:entry_id>/reversal",
    body=schemas.ReversalIn,
    answer=schemas.FundEntryOut,
    status=201,
    statuses=(200,),
    body_example=examples.REVERSAL_IN,
    example=examples.ENTRY | {"reverses": examples.ID},
)
def reverse(call: Call, entry_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """冲销 The entry that undoes a posted one, submitted; once, and never of a reversal."""
    actor = _actor(call, body.pop("officer"))
    entry, created = service.reverse(call.session, entry_id, actor=actor, **body)
    return Answer(_entry(call, entry), 201 if created else 200, {"Location": f"/v1/fund/entries/{entry.id}"})


# --- holds ----------------------------------------------------------------------------------------------------------


@blp.operation(
    "fund.holds",
    "GET",
    "/holds",
    query=schemas.HoldsIn,
    answer=schemas.HoldsOut,
    example={"items": [examples.HOLD], "next_cursor": None},
)
def list_holds(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """冻结 Holds in the order they were placed."""
    after = paging.decode_id(query.pop("cursor", None))
    found = queries.holds(call.session, after=after, **query)
    kept, following = paging.page(found, query["limit"], lambda row: [str(row[0].id)])
    return {"items": [schemas.hold_out(hold, code) for hold, code in kept], "next_cursor": following}


@blp.operation(
    "fund.hold",
    "POST",
    "/holds",
    body=schemas.FundHoldIn,
    answer=schemas.HoldOut,
    status=201,
    body_example=examples.HOLD_IN,
    example=examples.HOLD,
)
def hold(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """冻结资金 Keep part of an account for one entry."""
    actor = _actor(call, body.pop("officer"))
    return schemas.hold_out(service.hold(call.session, actor=actor, **body), body["account"])


@blp.operation(
    "fund.release",
    "POST",
    "/holds/<uuid:hold_id>/release",
    answer=schemas.HoldOut,
    example=examples.HOLD | {"state": "released", "ended_at": "2026-11-24T02:00:00.000Z"},
)
def release(call: Call, hold_id: uuid.UUID) -> dict[str, Any]:
    """解除冻结 End a hold that no entry stands on."""
    found = service.release(call.session, hold_id)
    return schemas.hold_out(found, queries.account_code(call.session, found.account_id))
