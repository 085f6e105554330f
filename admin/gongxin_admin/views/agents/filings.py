"""机构备案 Agencies' filings: the list, one with who answers for it, and the association's decision."""

from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin.agents import filings, queries_desk, queries_filings, rules_filings
from gongxin.errors import GongxinError, NotFound
from gongxin.web.paging import id_after

from ...face import Door, page
from ...formats import day, moment, plain
from ...listing import Column, Filter, Listing, show
from . import words
from .agent import _number


def register(app: Flask) -> None:
    @page(app, "admin.filings", "/filings")
    def listed(door: Door) -> Response:
        return show(door, _listing(door))

    @page(app, "admin.filing", "/filings/<uuid:filing_id>")
    def filing(door: Door, filing_id: UUID) -> Response:
        return _filing(door, filing_id)

    @page(app, "admin.filing_move", "/filings/<uuid:filing_id>/move", ("POST",))
    def move(door: Door, filing_id: UUID) -> Response:
        action = request.form.get("action", "")
        if action not in words.FILING_CONSEQUENCES:
            raise NotFound
        with door.attempting() as tried:
            filings.move(
                door.session, filing_id, caller=door.caller, action=action,
                reason=request.form.get("reason", "").strip(), version=_number(request.form.get("version", "")),
            )  # fmt: skip
        if tried.error is not None:
            return _filing(door, filing_id, tried.error)
        flash(_("已记录并写入透明日志。"), "good")
        return door.go("filing", filing_id=filing_id)


def _listing(door: Door) -> Listing:
    agencies = words.names(door, queries_desk.agencies(door.session))

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries_filings.filings(
            door.session, agency_id=UUID(values["agency"]) if values["agency"] else None,
            state=values["state"] or None, after=id_after(after), limit=limit,
        )  # fmt: skip

    return Listing(
        name="filings",
        title=_("机构备案"),
        rule=_("备案生效后机构的人员才可许可；写明业务范围与责任人。"),
        columns=[
            Column(_("备案号"), lambda f: f.number),
            Column(_("机构"), lambda f: agencies.get(f.agency_id, "—")),
            Column(_("状态"), lambda f: words.shown(words.FILING_STATES, f.state)),
            Column(_("业务范围"), lambda f: "、".join(words.shown(words.SCOPE, each) for each in f.scope)),
            Column(_("提交于"), lambda f: moment(f.filed_at)),
        ],
        fetch=fetch,
        key=lambda f: [str(f.id)],
        address=lambda f: url_for("admin.filing", filing_id=f.id),
        filters=[
            Filter(
                "state", _("状态"), words.options(words.FILING_STATES), tab=True,
                counts=queries_desk.count_filings(door.session),
            ),
            Filter("agency", _("机构"), sorted(((str(k), v) for k, v in agencies.items()), key=lambda row: row[1])),
        ],
        empty=_("还没有备案。由机构经接口或门户提交。"),
    )  # fmt: skip


def _filing(door: Door, filing_id: UUID, error: GongxinError | None = None) -> Response:
    found = queries_filings.get_filing(door.session, filing_id)
    agencies = words.names(door, {found.agency_id})
    before = queries_filings.find_in_force(door.session, found.agency_id)
    legal = [
        action
        for action, move in rules_filings.MOVES.items()
        if action in words.FILING_CONSEQUENCES and found.state in move.starts
    ]
    facts = [
        (_("机构"), agencies[found.agency_id]),
        (_("业务范围"), "、".join(words.shown(words.SCOPE, each) for each in found.scope)),
        (_("提交于"), moment(found.filed_at)),
    ]
    if found.state == "submitted":
        facts.insert(0, (_("办理期限"), day(words.due(words.day_of(found.filed_at), "filing"))))
    if before is not None and before.id != found.id:
        facts.append((_("现行备案"), before.number))
    object_ = {
        "title": f"{_('机构备案')} {found.number}",
        "rule": _("责任人姓名加密保存，只有机构与协会可见。"),
        "number": found.number,
        "back": url_for("admin.filings"),
        "back_name": _("机构备案"),
        "state": (words.shown(words.FILING_STATES, found.state), words.FILING_STATES[found.state][2]),
        "facts": facts,
        "steps": [
            {"what": words.shown(words.FILING_MOVES, c.action) + " → " + words.shown(words.FILING_STATES, c.state),
             "who": c.changed_by, "why": c.reason, "at": c.changed_at, "leaf": c.id}
            for c in reversed(queries_filings.filing_changes(door.session, filing_id))
        ],
    }  # fmt: skip
    named = filings.officers(door.session, door.config, filing_id) if door.house.kind == "association" else []
    return door.render(
        "agents/filing.html", error=error, object=object_, filing=found, given=request.form,
        responsible=[[words.shown(words.ROLES, each["role"]), plain(each["name"])] for each in named],
        moves=[(a, words.shown(words.FILING_MOVES, a), a in {"return", "suspend", "revoke"}) for a in legal]
        if words.is_officer(door) else [],
        consequences=[(words.shown(words.FILING_MOVES, a), words.shown(words.FILING_CONSEQUENCES, a)) for a in legal],
    )  # fmt: skip
