"""Levy runs: shown, approved by two others, invoiced; and what each member is charged, line by line."""

import json
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.errors import GongxinError
from gongxin.fund.income import queries, rules, service

from ... import reading
from ...face import Door, page
from ...formats import moment, percent, plain, yuan
from ...listing import Column, Filter, Listing, show
from . import wording


def register(app: Flask) -> None:
    @page(app, "admin.runs", "/fund/runs")
    def runs(door: Door) -> Response:
        return _runs(door)

    @page(app, "admin.run_preview", "/fund/runs/previews", ("POST",))
    def preview(door: Door) -> Response:
        with door.attempting() as tried:
            rhythm = reading.chosen("rhythm", rules.RHYTHMS)
            month = reading.text("last_month")
            if rhythm is None or month is None:
                raise wording.missing("rhythm" if rhythm is None else "last_month")
            made = service.preview_levies(door.session, actor=wording.actor(door), rhythm=rhythm, last_month=month)
        if tried.error is not None:
            return _runs(door, tried.error)
        flash(_("已试算；由两名复核人批准后开票。"), "good")
        return door.go("run", run_id=made.id)

    @page(app, "admin.run", "/fund/runs/<uuid:run_id>")
    def run(door: Door, run_id: UUID) -> Response:
        return _run(door, run_id)

    @page(app, "admin.run_approve", "/fund/runs/<uuid:run_id>/approvals", ("POST",))
    def approve(door: Door, run_id: UUID) -> Response:
        with door.attempting() as tried:
            seen = bytes.fromhex(reading.fingerprint("content") or "")
            service.approve(door.session, run_id, actor=wording.actor(door), content_hash=seen)
        return _after(door, run_id, tried.error, _("已批准。"))

    @page(app, "admin.run_make", "/fund/runs/<uuid:run_id>/steps", ("POST",))
    def make(door: Door, run_id: UUID) -> Response:
        with door.attempting() as tried:
            verb = {"issue": service.issue, "withdraw": service.withdraw}.get(request.form.get("verb", ""))
            if verb is None:
                raise wording.missing("verb")
            verb(door.session, run_id)
        return _after(door, run_id, tried.error, _("已记录。"))


def _after(door: Door, run_id: UUID, error: GongxinError | None, words: str) -> Response:
    if error is not None:
        queries.get_run(door.session, run_id)
        return _run(door, run_id, error)
    flash(words, "good")
    return door.go("run", run_id=run_id)


def _runs(door: Door, error: GongxinError | None = None) -> Response:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        found = queries.runs(door.session, state=values["state"] or None, after=wording.key(after), limit=limit)
        totals = queries.run_totals(door.session, [run.id for run in found])
        return [(run, *totals.get(run.id, (0, 0))) for run in found]

    today = clock.today_in_china()
    last = f"{today.year - (today.month == 1)}-{(today.month - 2) % 12 + 1:02d}"
    return show(
        door,
        Listing(
            name="runs",
            title=_("征收"),
            rule=_("先试算，两名复核人批准同一内容，再开票；基数或信用记录一变须重新试算。"),
            columns=[
                Column(_("批次"), lambda r: plain(r[0].reason), lambda r: r[0].reason),
                Column(_("种类"), lambda r: wording.of(wording.KINDS, r[0].kind)),
                Column(_("账单数"), lambda r: f"{r[1]:,}", end=True),
                Column(_("合计"), lambda r: yuan(r[2]), end=True),
                Column(_("经办"), lambda r: r[0].maker_officer),
                Column(_("状态"), lambda r: wording.tagged(wording.RUNS, r[0].state),
                       lambda r: wording.of(wording.RUNS, r[0].state)),
                Column(_("建立于"), lambda r: moment(r[0].created_at)),
            ],
            fetch=fetch,
            key=lambda r: [str(r[0].id)],
            address=lambda r: url_for("admin.run", run_id=r[0].id),
            filters=[Filter("state", _("状态"), wording.options(wording.RUNS), True,
                            queries.count_by_state(door.session))],
            empty=_("还没有批次。月份结束、机构申报或合同确认佣金之后即可试算。"),
        ),
        "fund/runs.html", here="runs", error=error, typed=request.form, last_month=last,
        rhythms=wording.options(wording.RHYTHMS), makes="treasurer" in door.me.roles,
    )  # fmt: skip


def _run(door: Door, run_id: UUID, error: GongxinError | None = None) -> Response:
    found = queries.get_run(door.session, run_id)
    given, charges = queries.approvals(door.session, run_id), queries.run_charges(door.session, run_id)
    own, approved = found.maker_officer == door.me.officer, any(a.officer == door.me.officer for a in given)
    approves = "approver" in door.me.roles and found.state == "preview" and not own and not approved
    bar = ""
    if "approver" in door.me.roles and found.state == "preview":
        bar = wording.own_bar() if own else _("您已批准：还须另一名复核人。") if approved else ""
    return door.render(
        "fund/run.html",
        error=error, run=found, object=_object(door, found, charges), approves=approves, bar=bar,
        makes="treasurer" in door.me.roles and found.state in {"preview", "approved"},
        approvals=[[each.officer, moment(each.approved_at)] for each in given],
        charges=[[wording.house(door, c.member_id), yuan(c.amount_fen), _why(c), c.state, c.reference or "—"]
                 for c in charges[:200]],
        more=max(0, len(charges) - 200), unverified=rules.pack()["source_status"] == "unverified",
    )  # fmt: skip


def _why(charge: Any) -> str:
    """The arithmetic of one charge: base, coefficient, rate where it is a levy."""
    told = json.loads(charge.lines)
    if "months" not in told:
        return str(told.get("reason", ""))
    return f"{yuan(told['base_fen'])} × {percent(told['rate_bp'])} × {percent(told['coefficient']['bp'])}"


def _object(door: Door, found: Any, charges: Any) -> dict[str, Any]:
    steps = (
        [{"what": _("已开票"), "who": "", "why": "", "at": found.issued_at, "leaf": found.id}]
        if found.issued_at
        else []
    )
    steps += [
        {"what": _("批准"), "who": each.officer, "why": "", "at": each.approved_at}
        for each in reversed(queries.approvals(door.session, found.id))
    ]
    steps.append({"what": _("试算"), "who": found.maker_officer, "why": found.reason, "at": found.created_at})
    return {
        "title": found.reason,
        "rule": _("开票时系统重算一遍：与所批准的不同即拒绝。"),
        "number": found.content_hash.hex() if found.content_hash else "",
        "back": url_for("admin.runs"),
        "back_name": _("征收"),
        "state": (wording.of(wording.RUNS, found.state), wording.RUNS[found.state][2]),
        "facts": [
            (_("种类"), wording.of(wording.KINDS, found.kind)),
            (_("月份"), f"{found.first_month} – {found.last_month}" if found.first_month else None),
            (_("账单数"), f"{len(charges):,}"),
            (_("合计"), yuan(sum(c.amount_fen for c in charges))),
            (_("经办"), found.maker_officer),
            (_("规则版本"), found.pack_version),
        ],
        "steps": steps,
    }
