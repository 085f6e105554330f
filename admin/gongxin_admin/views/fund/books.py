"""Periods: opened, closing, closed with a signed trial balance; and the quarter's public disclosure."""

from datetime import date
from typing import Any

from flask import Flask, Response, flash, make_response, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin import clock
from gongxin.errors import GongxinError
from gongxin.fund.ledger import periods, queries, rules
from gongxin.fund.reports import service as reports

from ... import languages, reading
from ...face import Door, page, runtime
from ...formats import moment, percent, yuan
from . import wording


def register(app: Flask) -> None:
    @page(app, "admin.fund", "/fund")
    def overview(door: Door) -> Response:
        return _overview(door)

    @page(app, "admin.periods", "/fund/periods")
    def every(door: Door) -> Response:
        return _periods(door)

    @page(app, "admin.period", "/fund/periods/<int:number>")
    def one(door: Door, number: int) -> Response:
        return _period(door, number)

    @page(app, "admin.period_open", "/fund/periods/opened", ("POST",))
    def opened(door: Door) -> Response:
        with door.attempting() as tried:
            last = reading.day("last_day")
            if last is None:
                raise wording.missing("last_day")
            periods.open_period(door.session, last_day=last, first_day=reading.day("first_day"))
        if tried.error is not None:
            return _periods(door, tried.error)
        flash(_("期间已开设。"), "good")
        return door.go("periods")

    @page(app, "admin.period_state", "/fund/periods/<int:number>/state", ("POST",))
    def state(door: Door, number: int) -> Response:
        with door.attempting() as tried:
            queries.get_period(door.session, number)
            wanted = reading.chosen("state", rules.PERIOD_STATES)
            if wanted is None:
                raise wording.missing("state")
            if wanted == "closed":
                periods.close(door.session, runtime(), number, actor=wording.actor(door))
            else:
                periods.set_state(door.session, number, wanted)
        if tried.error is not None:
            queries.get_period(door.session, number)
            return _period(door, number, tried.error)
        flash(_("已记录。"), "good")
        return door.go("period", number=number)

    @page(app, "admin.disclosure", "/fund/disclosure")
    def disclosure(door: Door) -> Response:
        return _disclosure(door)

    @page(app, "admin.disclose", "/fund/disclosure/published", ("POST",))
    def disclose(door: Door) -> Response:
        quarter = request.form.get("quarter", "")
        with door.attempting() as tried:
            year, number = _chosen(quarter)
            reports.publish(
                door.session, year=year, quarter=number, today=clock.today_in_china(), actor=wording.actor(door)
            )
        if tried.error is not None:
            return _disclosure(door, tried.error)
        flash(_("已披露：数字的摘要写入透明日志，任何人可核对。"), "good")
        return door.go("disclosure", quarter=quarter)

    @page(app, "admin.disclosure_file", "/fund/disclosure/<quarter>.<kind>")
    def file(door: Door, quarter: str, kind: str) -> Response:
        year, number = _chosen(quarter)
        today = clock.today_in_china()
        told = reports.figures(door.session, year=year, quarter=number, today=today)
        report = {"figures": told, "quarter": told["quarter"], **reports.sealed(door.session, told)}
        if kind == "pdf":
            body: Any = reports.as_pdf(report, language=languages.current(), made_at=clock.now().replace(microsecond=0))
        else:
            body = "\ufeff" + reports.as_csv(report)
        answer = make_response(body)
        answer.mimetype = "application/pdf" if kind == "pdf" else "text/csv"
        answer.headers["Content-Disposition"] = (
            f'attachment; filename="fund-{year}Q{number}.{"pdf" if kind == "pdf" else "csv"}"'
        )
        return answer


def _overview(door: Door) -> Response:
    rows = [
        [row.code, languages.both(row.name_zh, row.name_en), wording.of(wording.FUNDS, row.fund),
         yuan(rules.normal(row.normal_side, row.balance_fen)), yuan(row.held_fen) if row.held_fen else "—",
         yuan(row.minimum_fen) if row.minimum_fen else "—"]
        for row in queries.balances(door.session) if row.closed_at is None
    ]  # fmt: skip
    return door.render("fund/overview.html", rows=rows, here="fund")


# --- periods ----------------------------------------------------------------------------------------------------------


def _periods(door: Door, error: GongxinError | None = None) -> Response:
    found = queries.periods(door.session)
    rows = [
        [
            Markup('<a href="{}">{}</a>').format(url_for("admin.period", number=p.number), p.number),
            f"{p.first_day} – {p.last_day}", wording.tagged(wording.PERIODS, p.state), moment(p.closed_at),
        ]
        for p in found
    ]  # fmt: skip
    return door.render("fund/periods.html", error=error, rows=rows, here="periods", typed=request.form,
                       makes="treasurer" in door.me.roles, first=not found)  # fmt: skip


def _period(door: Door, number: int, error: GongxinError | None = None) -> Response:
    found = queries.get_period(door.session, number)
    told = periods.trial_balance(found, queries.trial_balance(door.session, number))
    pending = queries.pending(door.session, number)
    undecided = [entry for entry in pending if entry.state != "draft"]
    last = queries.find_last_period(door.session)
    return door.render(
        "fund/period.html",
        error=error, period=found, object=_period_object(found), undecided=undecided,
        drafts=len(pending) - len(undecided), next_missing=last is not None and last.number == number,
        rows=[
            [a["code"], languages.both(a["name_zh"], a["name_en"]), yuan(a["opening_fen"]), yuan(a["debit_fen"]),
             yuan(a["credit_fen"]), yuan(a["closing_fen"])]
            for a in told["accounts"]
        ],
        totals=[[wording.of(wording.FUNDS, fund), *(yuan(sums[name]) for name in
                 ("opening_fen", "debit_fen", "credit_fen", "closing_fen"))] for fund, sums in told["totals"].items()],
        makes="treasurer" in door.me.roles and found.state != "closed",
    )  # fmt: skip


def _period_object(found: Any) -> dict[str, Any]:
    steps = [{"what": _("开设"), "who": "", "why": "", "at": found.opened_at}]
    if found.closed_at is not None:
        steps.insert(0, {"what": _("结账"), "who": "", "why": "", "at": found.closed_at, "leaf": found.leaf_id})
    return {
        "title": f"{_('会计期间')} {found.number}",
        "rule": _("结账后不再变动；试算平衡表由登记处签名，摘要写入透明日志。"),
        "number": found.content_hash.hex() if found.content_hash else "",
        "back": url_for("admin.periods"),
        "back_name": _("结账"),
        "state": (wording.of(wording.PERIODS, found.state), wording.PERIODS[found.state][2]),
        "facts": [
            (_("起止"), f"{found.first_day} – {found.last_day}"),
            (_("结账于"), moment(found.closed_at)),
        ],
        "steps": steps,
    }


# --- disclosure -------------------------------------------------------------------------------------------------------


def ended(today: date, count: int = 8) -> list[tuple[int, int]]:
    """The quarters that have ended, the latest first."""
    year, quarter = today.year, (today.month - 1) // 3 + 1
    found = []
    for _n in range(count):
        year, quarter = (year, quarter - 1) if quarter > 1 else (year - 1, 4)
        found.append((year, quarter))
    return found


def _chosen(given: str) -> tuple[int, int]:
    """2026Q3; the last that ended where it is none that has."""
    known = {f"{year}Q{quarter}": (year, quarter) for year, quarter in ended(clock.today_in_china())}
    return known.get(given, next(iter(known.values())))


def _disclosure(door: Door, error: GongxinError | None = None) -> Response:
    year, number = _chosen(request.values.get("quarter", ""))
    told = reports.figures(door.session, year=year, quarter=number, today=clock.today_in_china())
    sealed = reports.sealed(door.session, told)
    return door.render(
        "fund/disclosure.html",
        error=error, here="disclosure", quarter=told["quarter"], told=told,
        published=sealed["published"], sealed=sealed,
        quarters=[f"{y}Q{q}" for y, q in ended(clock.today_in_china())],
        money=[[wording.of(wording.FUNDS, fund), yuan(told["income_fen"][fund]), yuan(told["spent_fen"][fund]),
                yuan(told["reserves_fen"][fund])] for fund in rules.FUNDS],
        shares=[(_("管理费占收入"), _share(told["admin_share_bp"])),
                (_("支出占收入"), _share(told["relief_share_bp"]))],
        relief=[_relief(row) for row in told["relief"]["by_cause"]],
        least=told["relief"]["least"], makes="treasurer" in door.me.roles,
    )  # fmt: skip


def _relief(row: dict[str, Any]) -> list[Any]:
    if row["count"] is None:
        return [_cause(row["cause"]), "—", _("不足以公开")]
    return [_cause(row["cause"]), row["count"], yuan(row["amount_fen"])]


def _share(bp: int | None) -> str:
    return "—" if bp is None else percent(bp)


def _cause(name: str) -> str:
    fund, _colon, cause = name.partition(":")
    return f"{wording.of(wording.FUNDS, fund)} · {wording.of(wording.CAUSES, cause)}"
