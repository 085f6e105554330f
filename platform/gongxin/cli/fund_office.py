"""`gongxin fund`: the chart, levy runs and claims for an operator of the association."""

import uuid
from typing import Any

import click

from gongxin import clock
from gongxin.fund import chart, clocks, standing
from gongxin.fund.claims import queries as claim_queries
from gongxin.fund.claims import schemas as claim_schemas
from gongxin.fund.income import queries, rules, schemas, service
from gongxin.fund.income.models import Run
from gongxin.fund.ledger.rules import check_code

from .common import json_option, opened, tell
from .fund import _MEMBER, _OFFICER, _actor, fund

_RUN = click.argument("run_id", metavar="RUN", type=click.UUID)


@fund.command("chart")
@json_option
def open_chart() -> None:
    """开设互助基金科目表 Opens what of the fund's own chart is not open yet."""
    with opened() as (session, _):
        made = [account.code for account in chart.open_chart(session)]
    tell({"opened": made}, *made)


@fund.command("levy-run")
@json_option
@click.option("--last-month", required=True, metavar="YYYY-MM", help="末月 last month")
@click.option("--rhythm", default="monthly", show_default=True, type=click.Choice(rules.RHYTHMS))
@_MEMBER
@_OFFICER
def levy_run(last_month: str, rhythm: str, member: str, officer: str) -> None:
    """试算会费 Shows the levies of a month or quarter that is over."""
    with opened() as (session, _):
        actor = _actor(session, member, officer)
        with standing.acting(session, actor.member_id, "association"):
            run = service.preview_levies(session, actor=actor, rhythm=rhythm, last_month=last_month)
        body, line = _told(session, run)
    tell(body, line)


@fund.command("run-approve")
@json_option
@_RUN
@click.option("--content", required=True, help="所核对内容的摘要 digest of what was checked")
@_MEMBER
@_OFFICER
def run_approve(run_id: uuid.UUID, content: str, member: str, officer: str) -> None:
    """批准批次 Approves what a run shows."""
    check_code(content, "^[0-9a-f]{64}$", "/content")
    with opened() as (session, _):
        actor = _actor(session, member, officer)
        with standing.acting(session, actor.member_id, "association"):
            run = service.approve(session, run_id, actor=actor, content_hash=bytes.fromhex(content))
        body, line = _told(session, run)
    tell(body, line)


@fund.command("run-issue")
@json_option
@_RUN
@_MEMBER
@_OFFICER
def run_issue(run_id: uuid.UUID, member: str, officer: str) -> None:
    """开票 Invoices an approved run."""
    with opened() as (session, _):
        actor = _actor(session, member, officer)
        with standing.acting(session, actor.member_id, "association"):
            run = service.issue(session, run_id)
        body, line = _told(session, run)
    tell(body, line)


@fund.command("runs")
@json_option
@click.option("--state", type=click.Choice(rules.RUN_STATES))
def list_runs(state: str | None) -> None:
    """列出批次 Lists runs, the oldest first."""
    with opened() as (session, _):
        told = [_told(session, run) for run in queries.runs(session, state=state, after=None, limit=200)]
    tell([body for body, _ in told], *(line for _, line in told))


@fund.command("claims")
@json_option
@click.option("--state", help="状态 state")
def list_claims(state: str | None) -> None:
    """列出申请 Lists claims, the oldest first; nobody's name is in it."""
    with opened() as (session, _):
        found = claim_queries.claims(session, state=state, fund=None, after=None, limit=200)
        body = [claim_schemas.claim_out(claim) for claim in found]
    tell(body, *(f"{each['number']}  {each['fund']} {each['cause']}  {each['state']}" for each in body))


@fund.command("clocks")
@json_option
def run_clocks() -> None:
    """执行到期事项 Does what is due by the clock: reminders, stop flags whose term is over, entries nobody decided."""
    with opened() as (session, _):
        today = clock.today_in_china()
        body = {
            "dunned": clocks.dun(session, today),
            "lifted": clocks.lift_flags(session, today),
            "expired": clocks.expire_entries(session, clock.now()),
        }
    tell(body, "  ".join(f"{name} {count}" for name, count in body.items()))


def _told(session: Any, run: Run) -> tuple[dict[str, Any], str]:
    totals = queries.run_totals(session, [run.id]).get(run.id, (0, 0))
    body = schemas.run_out(run, queries.approvals(session, run.id), totals)
    return body, f"{run.id}  {run.kind}  {run.state}  {totals[0]} × = {totals[1]}  {body['content_hash']}"


__all__ = ["fund"]
