"""The bank's days: its lines beside the books, what settles each, and the day reconciled once both agree."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin.errors import GongxinError, Invalid
from gongxin.fund.bank import days, matching
from gongxin.fund.bank import queries_statements as queries

from ... import languages, reading
from ...face import Door, page
from ...formats import day as shown_day
from ...formats import moment, plain, yuan
from . import wording

SEEN = 60
CONFIDENCE = {"certain": ("确定", "certain", "good"), "likely": ("很可能", "likely", "act"),
              "possible": ("可能", "possible", "wait")}  # fmt: skip
TARGETS = {"instruction": ("付款指令", "payment instruction"), "expected": ("应收", "expected income"),
           "entry": ("已过账分录", "posted entry")}  # fmt: skip
AGREES = {"reference": ("参考号", "reference"), "amount": ("金额", "amount"), "date": ("日期", "date")}


def register(app: Flask) -> None:
    @page(app, "admin.bank", "/fund/bank")
    def bank(door: Door) -> Response:
        return _accounts(door)

    @page(app, "admin.bank_day", "/fund/bank/<code>/<day>")
    def bank_day(door: Door, code: str, day: str) -> Response:
        return _day(door, code, _date(day))

    @page(app, "admin.bank_settle", "/fund/bank/<code>/<day>/matches", ("POST",))
    def settle(door: Door, code: str, day: str) -> Response:
        at, done = _date(day), 0
        with door.attempting() as tried:
            if request.form.get("line"):
                done = len(_match(door))
            else:
                done = len(matching.match_certain(door.session, actor=wording.actor(door), bank_account=code))
        if tried.error is not None:
            return _day(door, code, at, tried.error)
        flash(_("已核销 %(count)s 项。", count=done), "good" if done else "wait")
        return door.go("bank_day", code=code, day=day)

    @page(app, "admin.bank_reconcile", "/fund/bank/<code>/<day>/reconciled", ("POST",))
    def reconcile(door: Door, code: str, day: str) -> Response:
        at = _date(day)
        with door.attempting() as tried:
            days.reconcile(door.session, actor=wording.actor(door), bank_account=code, day=at)
        if tried.error is not None:
            return _day(door, code, at, tried.error)
        flash(_("当日已对平，并写入透明日志。"), "good")
        return door.go("bank_day", code=code, day=day)


def _date(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as fault:
        raise Invalid("invalid_field", zh="日期应为 2026-11-25 的形式", en="A day reads 2026-11-25", pointer="/day",
                      fix_zh="从列表进入。", fix_en="Come from the list.") from fault  # fmt: skip


def _match(door: Door) -> Sequence[Any]:
    line, target = reading.identifier("line"), reading.chosen("target", matching.TARGETS)
    target_id, amount = reading.identifier("target_id"), reading.fen("amount")
    if line is None or target is None or target_id is None or amount is None:
        raise wording.missing("line")
    part = matching.Part(target, target_id, amount)
    return matching.match(door.session, line, actor=wording.actor(door), parts=[part])


def _accounts(door: Door) -> Response:
    told = []
    for account in queries.bank_accounts(door.session):
        rows = queries.statement_days(door.session, account.id, limit=SEEN)[:SEEN]
        told.append(
            {
                "code": account.code,
                "books": _books(door, account),
                "waiting": sum(found is None for _said, found in rows),
                "rows": [
                    [
                        Markup('<a href="{}">{}</a>').format(
                            url_for("admin.bank_day", code=account.code, day=said.day.isoformat()), said.day
                        ),
                        said.lines, yuan(said.moved_fen), yuan(said.closing_fen),
                        Markup('<span class="tag {}">{}</span>').format(
                            "good" if found else "wait", _("已对平") if found else _("待对账")
                        ),
                        found.officer if found else "—",
                    ]
                    for said, found in rows
                ],
            }
        )  # fmt: skip
    return door.render("fund/bank.html", accounts=told, here="bank")


def _books(door: Door, account: Any) -> str:
    """The accounts of the books that are its money, and of which funds."""
    rows = queries.books(door.session, [account.id])
    funds = "、".join(wording.of(wording.FUNDS, fund) for fund in sorted({row[2] for row in rows}))
    return f"{'、'.join(row[1] for row in rows)} · {funds}"


def _day(door: Door, code: str, at: date, error: GongxinError | None = None) -> Response:
    account = queries.get_bank_account(door.session, code)
    how = days.standing(door.session, account, at)
    said = queries.get_statement(door.session, account.id, at)
    matched: dict[UUID, list[Any]] = {}
    lines = queries.lines_of(door.session, said.id)
    for each in queries.matches(door.session, [line.id for line in lines]):
        matched.setdefault(each.line_id, []).append(each)
    open_ids = {line.id for line in how.lines}
    hints = {each.line_id: each for each in reversed(matching.suggestions(door.session, account)) if open_ids}
    return door.render(
        "fund/bank_day.html",
        error=error, code=code, day=at.isoformat(), how=how, here="bank",
        object=_object(account, _books(door, account), said, how),
        lines=[_line(line, matched.get(line.id, [])) for line in lines],
        older=[line for line in how.lines if line.statement_id != said.id],
        hints=[{"line": line, "hint": hints.get(line.id), "words": _hint(hints.get(line.id))} for line in how.lines],
        entries=[[shown_day(e.booked_on), plain(e.description), e.reference or "—", yuan(e.amount_fen)]
                 for e in how.entries],
        under_way=[[e.reference, wording.of(wording.FUNDS, e.fund), yuan(e.amount_fen)] for e in how.under_way],
        makes="treasurer" in door.me.roles and how.reconciled is None, targets=TARGETS, both_of=wording.of,
    )  # fmt: skip


def _line(line: Any, settled: Sequence[Any]) -> list[Any]:
    if abs(line.amount_fen) == line.matched_fen:
        word = Markup('<span class="tag good">{}</span>').format(_("已核销"))
    else:
        word = Markup('<span class="tag wait">{}</span>').format(_("未核销"))
    what = "、".join(f"{wording.of(TARGETS, each.target)} {yuan(each.amount_fen)} · {each.officer}" for each in settled)
    return [line.bank_ref, line.reference or "—", yuan(line.amount_fen), word, what or "—"]


def _hint(found: Any) -> str:
    if found is None:
        return _("没有相符的付款、应收或分录：先入账，再核销。")
    agrees = languages.both("、", ", ").join(wording.of(AGREES, each) for each in found.why)
    return f"{languages.both(*CONFIDENCE[found.confidence][:2])} · {wording.of(TARGETS, found.target)} · {agrees}"


def _object(account: Any, books: str, said: Any, how: Any) -> dict[str, Any]:
    agreed = how.reconciled is not None
    steps = [{"what": _("导入对账单"), "who": said.imported_officer, "why": "", "at": said.imported_at}]
    if agreed:
        done = how.reconciled
        steps.insert(
            0, {"what": _("对平"), "who": done.officer, "why": "", "at": done.reconciled_at, "leaf": done.leaf_id}
        )
    return {
        "title": f"{account.code} · {how.day}",
        "rule": _("银行的每一行都有去处，账面余额与银行相等，当日才算对平。"),
        "number": said.sha256.hex(),
        "back": url_for("admin.bank"),
        "back_name": _("每日对账"),
        "state": (_("已对平"), "good") if agreed else (_("待对账"), "wait"),
        "facts": [
            (_("账上科目"), books),
            (_("银行期初"), yuan(said.opening_fen)),
            (_("银行期末"), yuan(how.closing_fen)),
            (_("账面余额"), yuan(how.booked_fen)),
            (_("差额"), yuan(how.difference_fen)),
            (_("此前未对平的日子"), "、".join(each.isoformat() for each in how.earlier[:10]) or "—"),
            (_("导入于"), moment(said.imported_at)),
        ],
        "steps": steps,
    }
