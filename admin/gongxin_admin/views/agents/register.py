"""The lists: the roll, applications by their clock, transfers, licences that will lapse; and what of it waits."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Flask, Response, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.agents import queries_desk as queries
from gongxin.agents import queries_filings, rules
from gongxin.web.paging import id_after, typed

from ... import languages
from ...face import Door, page
from ...formats import day, moment
from ...listing import Column, Filter, Listing, show
from ...menu import WORK, Work
from . import words

LIST = "agents/list.html"
HORIZONS = (7, 30, 60)
SHOWN_WORK = 50


def register(app: Flask) -> None:
    @page(app, "admin.agents", "/agents")
    def agents(door: Door) -> Response:
        return show(door, _roll(door), LIST, parts=words.parts(door, "agents"))

    @page(app, "admin.agent_applications", "/agents/applications")
    def applications(door: Door) -> Response:
        return show(door, _applications(door), LIST, parts=words.parts(door, "agent_applications"))

    @page(app, "admin.agent_transfers", "/agents/transfers")
    def transfers(door: Door) -> Response:
        return show(door, _transfers(door), LIST, parts=words.parts(door, "agent_transfers"))

    @page(app, "admin.agent_lapses", "/agents/lapses")
    def lapses(door: Door) -> Response:
        return show(door, _lapses(door), LIST, parts=words.parts(door, "agent_lapses"))


def _roll(door: Door) -> Listing:
    agencies = words.names(door, queries.agencies(door.session))

    def asked(values: dict[str, str]) -> dict[str, Any]:
        return {
            "agency_id": UUID(values["agency"]) if values["agency"] else None,
            "licence": values["licence"].upper().replace(" ", "").replace("-", ""),
            "released": values["released"] == "1",
        }

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries.agents(
            door.session, state=values["state"] or None, after=id_after(after), limit=limit,
            **asked(values),
        )  # fmt: skip

    filters = [
        Filter("licence", _("执照号")),
        Filter("agency", _("机构"), sorted(((str(k), v) for k, v in agencies.items()), key=lambda row: row[1])),
        Filter("released", _("转会"), [("1", _("已放行，待认领"))]),
    ]
    listing = Listing(
        name="agents",
        title=_("催收员"),
        rule=_("协会许可、中止、吊销；执照不长于上岗证书，每人终身一号。"),
        columns=[
            Column(_("执照号"), lambda a: a.licence_no),
            Column(_("机构"), lambda a: agencies.get(a.agency_id, "—")),
            Column(_("状态"), lambda a: words.shown(words.STATES, a.state)),
            Column(_("有效至"), lambda a: day(a.valid_until)),
            Column(_("变更于"), lambda a: moment(a.changed_at)),
        ],
        fetch=fetch,
        key=lambda a: [str(a.id)],
        address=lambda a: url_for("admin.agent", agent_id=a.id),
        filters=filters,
        empty=_("还没有催收员。由所属机构经接口或门户申请。"),
    )
    counts = queries.count_agents(door.session, **asked(listing.values()))
    tabs = Filter("state", _("状态"), words.options(words.STATES), tab=True, counts=counts)
    return replace(listing, filters=[tabs, *filters])


def _applications(door: Door) -> Listing:
    agencies = words.names(door, queries.agencies(door.session))
    counts = queries.count_agents(door.session)

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries.applications(
            door.session, state=values["state"] or None,
            after=typed(after, datetime.fromisoformat, UUID), limit=limit,
        )  # fmt: skip

    return Listing(
        name="agent-applications",
        title=_("执照申请"),
        rule=_("最早的在前；时限自申请之日起按工作日计算，来源未经核实。"),
        columns=[
            Column(_("执照号"), lambda row: row[0].licence_no),
            Column(_("机构"), lambda row: agencies.get(row[0].agency_id, "—")),
            Column(_("状态"), lambda row: words.shown(words.STATES, row[0].state)),
            Column(_("申请于"), lambda row: moment(row[1])),
            Column(_("期限"), lambda row: day(due(row[1]))),
            Column(_("剩余工作日"), lambda row: remaining(due(row[1])), lambda row: words.left(due(row[1])), end=True),
        ],
        fetch=fetch,
        key=lambda row: [row[1].isoformat(), str(row[0].id)],
        keys=2,
        address=lambda row: url_for("admin.agent", agent_id=row[0].id, queue="applications"),
        filters=[
            Filter(
                "state", _("状态"), [(s, words.shown(words.STATES, s)) for s in queries.WAITING], tab=True,
                counts={s: counts.get(s, 0) for s in queries.WAITING},
            )
        ],
        empty=_("没有待审的申请。新的申请会按时限排在这里。"),
    )  # fmt: skip


def due(applied_at: datetime) -> date:
    return words.due(words.day_of(applied_at), "application")


def remaining(due_on: date) -> str:
    """A word where it is overdue, so that colour or sign alone does not say it."""
    days = words.left(due_on)
    return _("逾期 %(days)s 日", days=-days) if days < 0 else str(days)


def _transfers(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        found = queries.transfers(door.session, action=values["action"] or None, before=id_after(after), limit=limit)
        agencies.update(
            words.names(door, {c.agency_id for c, _no in found} | {c.released_to for c, _no in found if c.released_to})
        )
        return found

    agencies: dict[UUID, str] = {}
    return Listing(
        name="agent-transfers",
        title=_("转会"),
        rule=_("原机构放行、新机构认领，同一瞬间易主；协会不批准转会，只看其经过。"),
        columns=[
            Column(_("执照号"), lambda row: row[1]),
            Column(_("操作"), lambda row: words.shown(words.MOVES, row[0].action)),
            Column(_("机构"), lambda row: agencies.get(row[0].agency_id, "—")),
            Column(_("放行给"), lambda row: agencies.get(row[0].released_to, "—")),
            Column(_("时间"), lambda row: moment(row[0].changed_at)),
        ],
        fetch=fetch,
        key=lambda row: [str(row[0].id)],
        address=lambda row: url_for("admin.agent", agent_id=row[0].agent_id),
        filters=[Filter("action", _("操作"), [(a, words.shown(words.MOVES, a)) for a in queries.TRANSFERS], tab=True)],
        empty=_("还没有转会。放行由所属机构办理。"),
    )


def _lapses(door: Door) -> Listing:
    agencies = words.names(door, queries.agencies(door.session))
    today = clock.today_in_china()

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries.ending(
            door.session, first=today, until=words.horizon(int(values["days"] or HORIZONS[-1])),
            after=typed(after, date.fromisoformat, UUID), limit=limit,
        )  # fmt: skip

    return Listing(
        name="agent-lapses",
        title=_("即将到期"),
        rule=_(
            "到期当日起不得联系债务人；到期未续先中止，%(days)s 日后失效。", days=rules.pack()["licence"]["grace_days"]
        ),
        columns=[
            Column(_("执照号"), lambda a: a.licence_no),
            Column(_("机构"), lambda a: agencies.get(a.agency_id, "—")),
            Column(_("状态"), lambda a: words.shown(words.STATES, a.state)),
            Column(_("有效至"), lambda a: day(a.valid_until)),
            Column(_("剩余天数"), lambda a: (a.valid_until - today).days, end=True),
        ],
        fetch=fetch,
        key=lambda a: [a.valid_until.isoformat(), str(a.id)],
        keys=2,
        address=lambda a: url_for("admin.agent", agent_id=a.id),
        filters=[Filter("days", _("到期前"), [(str(d), _("%(days)s 日内", days=d)) for d in HORIZONS[:-1]], tab=True)],
        empty=_("六十日内没有到期的执照。"),
    )


def _waiting(door: Door) -> Iterator[Work]:
    """Applications, objections and filings that wait for an officer of the association."""
    if not words.is_officer(door):
        return
    for agent, applied_at in queries.applications(door.session, limit=SHOWN_WORK - 1):
        yield Work(
            languages.both(f"执照申请 {agent.licence_no}", f"Application for a licence {agent.licence_no}"),
            url_for("admin.agent", agent_id=agent.id, queue="applications"),
            _("自申请起二十个工作日"), due(applied_at),
        )  # fmt: skip
    for response, agent in queries.objections(door.session, limit=SHOWN_WORK - 1):
        kind = words.shown(words.RESPONSES, response.kind)
        yield Work(
            f"{kind} {agent.licence_no}",
            url_for("admin.agent_objection", agent_id=agent.id, response_id=response.id),
            _("异议二十个、更正请求三个工作日"), response.due_on,
        )  # fmt: skip
    waiting = queries_filings.filings(door.session, agency_id=None, state="submitted", after=None, limit=SHOWN_WORK - 1)
    for filing in waiting:
        yield Work(
            languages.both(f"机构备案 {filing.number}", f"Agency's filing {filing.number}"),
            url_for("admin.filing", filing_id=filing.id),
            _("自提交起二十个工作日"), words.due(words.day_of(filing.filed_at), "filing"),
        )  # fmt: skip


WORK["admin"].append(_waiting)
