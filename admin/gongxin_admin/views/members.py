"""会员 Members at the desk: the directory, a member with agreements, credentials and history, its state."""

from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin.access import queries as access
from gongxin.errors import GongxinError
from gongxin.members import queries, rules, service
from gongxin.web.pages import KINDS
from gongxin.web.paging import id_after

from .. import languages
from ..face import Door, page
from ..formats import day, moment
from ..listing import Column, Filter, Listing, show

KINDS_EN = {
    "bank": "bank", "court": "court", "agency": "agency", "mediator": "mediator", "regulator": "regulator",
    "association": "association",
}  # fmt: skip
STATES = {
    "applied": ("已申请", "applied", "wait"),
    "active": ("在会", "active", "good"),
    "suspended": ("已中止", "suspended", "bad"),
    "left": ("已退出", "left", "over"),
}
MOVES = {
    "active": ("接纳或恢复", "Admit or reinstate"),
    "suspended": ("中止", "Suspend"),
    "left": ("退出", "Let leave"),
}


def register(app: Flask) -> None:
    @page(app, "admin.members", "/members")
    def members(door: Door) -> Response:
        return show(door, _listing(door))

    @page(app, "admin.member", "/members/<uuid:member_id>")
    def member(door: Door, member_id: UUID) -> Response:
        return _member(door, member_id)

    @page(app, "admin.member_state", "/members/<uuid:member_id>/state", ("POST",))
    def state(door: Door, member_id: UUID) -> Response:
        with door.attempting() as tried:
            service.change_state(
                door.session, member_id, state=request.form.get("state", ""), reason=request.form.get("reason", ""),
                changed_by=f"officer:{door.me.login}",
            )  # fmt: skip
        if tried.error is not None:
            return _member(door, member_id, tried.error, reason=request.form.get("reason", ""))
        flash(_("已记录；下一次调用起生效。"), "good")
        return door.go("member", member_id=member_id)


def _listing(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries.directory(
            door.session, kind=values["kind"] or None, words=values["q"], state=values["state"] or None,
            after=id_after(after), limit=limit,
        )  # fmt: skip

    return Listing(
        name="members",
        title=_("会员机构"),
        rule=_("协会接纳、中止会员；协议决定其可查询的用途与每日限额。"),
        columns=[
            Column(_("机构"), lambda m: languages.both(m.name_zh, m.name_en or m.name_zh)),
            Column(_("类别"), lambda m: kind(m.kind)),
            Column(_("统一社会信用代码"), lambda m: m.uscc),
            Column(_("状态"), lambda m: languages.both(*STATES[m.state][:2])),
            Column(_("变更于"), lambda m: moment(m.changed_at)),
        ],
        fetch=fetch,
        key=lambda m: [str(m.id)],
        address=lambda m: url_for("admin.member", member_id=m.id),
        filters=[
            Filter("state", _("状态"), [(s, languages.both(*row[:2])) for s, row in STATES.items()], tab=True),
            Filter("kind", _("类别"), [(k, kind(k)) for k in KINDS]),
            Filter("q", _("名称或信用代码")),
        ],
        empty=_("还没有会员。操作员可用 gongxin members 登记，机构也可由接口申请。"),
    )


def _member(door: Door, member_id: UUID, error: GongxinError | None = None, reason: str = "") -> Response:
    found = queries.get_member(door.session, member_id)
    agreements = queries.agreements(door.session, member_id)
    clients = access.clients(door.session, member_id=member_id, after=None, limit=100)
    object_ = {
        "title": languages.both(found.name_zh, found.name_en or found.name_zh),
        "rule": _("状态变更即时生效，并写入透明日志。"),
        "number": found.uscc,
        "back": url_for("admin.members"),
        "back_name": _("会员机构"),
        "state": (languages.both(*STATES[found.state][:2]), STATES[found.state][2]),
        "facts": [
            (_("类别"), kind(found.kind)),
            (_("中文名称"), found.name_zh),
            (_("英文名称"), found.name_en),
            (_("法院代字"), found.court_code),
            (_("申请于"), moment(found.created_at)),
        ],
        "steps": [
            {
                "what": f"{languages.both(*STATES[c.previous][:2])} → {languages.both(*STATES[c.state][:2])}",
                "who": c.changed_by, "why": c.reason, "at": c.changed_at, "leaf": c.id,
            }
            for c in queries.history(door.session, member_id)
        ],
    }  # fmt: skip
    terms = [
        [
            a.version,
            "、".join(a.purposes),
            ", ".join(f"{k} {v:,}" for k, v in a.budgets.items()),
            day(a.effective_from.date()),
        ]
        for a in agreements
    ]
    credentials = [
        [client_link(member_id, c), c.auth_method, _("已吊销") if c.revoked_at else _("在用"), moment(c.created_at)]
        for c in clients
    ]
    moves = (
        [(s, languages.both(*MOVES[s])) for s in rules.TRANSITIONS[found.state]] if "officer" in door.me.roles else []
    )
    return door.render(
        "member.html", error=error, object=object_, terms=terms, credentials=credentials, moves=moves,
        member_id=member_id, reason=reason,
    )  # fmt: skip


def client_link(member_id: UUID, client: Any) -> Markup:
    """The name of a credential, leading to its keys."""
    address = url_for("admin.client", member_id=member_id, client_id=client.id)
    return Markup('<a href="{}">{}</a>').format(address, client.name)


def kind(name: str) -> str:
    """A kind of member in the page's language."""
    return languages.both(KINDS[name], KINDS_EN[name])
