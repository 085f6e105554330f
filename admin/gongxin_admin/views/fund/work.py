"""What waits in the fund: the treasurer's assessments, payments, invoices and days; the approver's approvals."""

from collections.abc import Iterator
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from gongxin.fund.bank import queries_statements as bank
from gongxin.fund.claims import queries as claims
from gongxin.fund.income import queries as income
from gongxin.fund.ledger import queries as ledger

from ...face import Door
from ...formats import yuan
from ...menu import Work
from . import wording

ENOUGH = 50


def waiting(door: Door) -> Iterator[Work]:
    if "treasurer" in door.me.roles:
        yield from _treasurer(door)
    if "approver" in door.me.roles:
        yield from _approver(door)


def _treasurer(door: Door) -> Iterator[Work]:
    does = {"filed": _("评估"), "appealed": _("处理申诉"), "approved": _("付款")}
    for state, word in does.items():
        for claim in claims.claims(door.session, state=state, fund=None, after=None, limit=ENOUGH):
            yield _claim(claim, word)
    for run in income.runs(door.session, state="approved", after=None, limit=ENOUGH):
        yield Work(
            f"{_('开票')} {run.reason}", url_for("admin.run", run_id=run.id), wording.of(wording.KINDS, run.kind)
        )
    for account in bank.bank_accounts(door.session):
        for said, reconciled in bank.statement_days(door.session, account.id, limit=20):
            if reconciled is None:
                address = url_for("admin.bank_day", code=account.code, day=said.day.isoformat())
                yield Work(f"{_('对账')} {account.code}", address, "", said.day)


def _approver(door: Door) -> Iterator[Work]:
    me = door.me.officer
    for claim in claims.claims(door.session, state="assessed", fund=None, after=None, limit=ENOUGH):
        given = claims.approvals(door.session, claim.id)
        said = any(each.officer == me and each.content_hash == claim.content_hash for each in given)
        if me not in (claim.filed_officer, claim.assessor_officer) and not said:
            yield _claim(claim, _("批准"))
    for entry in ledger.entries(door.session, state="submitted", limit=ENOUGH):
        yeas = ledger.approvals(door.session, [entry.id])
        said = any(each.officer == me and each.content_hash == entry.content_hash for each in yeas)
        if entry.maker_officer != me and not said:
            yield Work(f"{_('复核分录')} {entry.description}", url_for("admin.entry", entry_id=entry.id),
                       entry.maker_officer)  # fmt: skip
    for run in income.runs(door.session, state="preview", after=None, limit=ENOUGH):
        if run.maker_officer != me and all(each.officer != me for each in income.approvals(door.session, run.id)):
            yield Work(f"{_('批准征收')} {run.reason}", url_for("admin.run", run_id=run.id),
                       wording.of(wording.KINDS, run.kind))  # fmt: skip


def _claim(claim: Any, word: str) -> Work:
    number, cause, asked = claim.number, claim.cause, claim.asked_fen
    address = url_for("admin.claim", claim_id=claim.id)
    return Work(f"{word} {number}", address, f"{wording.of(wording.CAUSES, cause)} {yuan(asked)}")
