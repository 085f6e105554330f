"""投递 Delivery at the desk: members' endpoints, what they are owed, dead letters and sending them again."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.delivery import endpoints, queries, queries_desk
from gongxin.delivery.types import TYPES
from gongxin.errors import GongxinError, bad_field
from gongxin.logs import log
from gongxin.web.paging import id_after, typed

from .. import languages
from ..face import Door, as_registry, page
from ..formats import moment
from ..listing import Column, Filter, Listing, here, show
from ..menu import WORK, Work
from .common import association_only, is_officer, names

STATES: dict[str, tuple[str, str, str]] = {
    "active": ("在用", "in use", "good"),
    "unverified": ("待验证", "not verified", "wait"),
    "paused": ("已暂停", "paused", "over"),
}
REASONS: dict[str, tuple[str, str]] = {
    "by_member": ("机构自行暂停", "paused by the member"),
    "gone": ("端点答复不再接收（410）", "the endpoint said it wants no more (410)"),
    "not_verified": ("未能答复验证", "the challenge was not answered"),
}
SENDS: dict[str, tuple[str, str]] = {
    "waiting": ("待投", "waiting"),
    "delivered": ("已投", "delivered"),
    "dead": ("死信", "dead letter"),
    "dropped": ("已作废", "dropped"),
}
LIMIT = 100


def register(app: Flask) -> None:
    @page(app, "admin.delivery", "/delivery")
    def listed(door: Door) -> Response:
        association_only(door)
        with as_registry(door):
            found = queries.figures(door.session, clock.now())
            return show(door, _listing(door), "delivery/list.html", figures=_figures(found))

    @page(app, "admin.delivery_dead", "/delivery/dead")
    def dead(door: Door) -> Response:
        association_only(door)
        with as_registry(door):
            return show(door, _dead(door))

    @page(app, "admin.endpoint", "/delivery/<uuid:endpoint_id>")
    def endpoint(door: Door, endpoint_id: UUID) -> Response:
        association_only(door)
        return _endpoint(door, endpoint_id)

    @page(app, "admin.endpoint_replay", "/delivery/<uuid:endpoint_id>/replay", ("POST",))
    def replay(door: Door, endpoint_id: UUID) -> Response:
        association_only(door)
        done = 0
        with as_registry(door), door.attempting() as tried:
            done = endpoints.replay(door.session, endpoint_id, _positions())
        if tried.error is not None:
            return _endpoint(door, endpoint_id, tried.error)
        log.info("delivery_replayed", endpoint=str(endpoint_id), count=done, by=door.me.officer)
        flash(_("已重新排队 %(n)s 件；按原先后、在新事件之后送出。", n=done), "good")
        return door.go("endpoint", endpoint_id=endpoint_id)


def _positions() -> list[int]:
    """Those chosen; empty where all are. Raises Invalid where none was chosen."""
    if request.form.get("which") == "all":
        return []
    given = request.form.getlist("position")[:10_000]
    chosen = [int(each) for each in given if each.isascii() and each.isdigit() and len(each) < 19]
    if not chosen:
        raise bad_field("/position", "请选择要重发的死信", "Choose the dead letters to send again")
    return chosen


def _figures(found: Any) -> list[tuple[str, str]]:
    late = int(found.overdue_seconds)
    return [
        (_("在用端点"), f"{found.endpoints:,}"),
        (_("最近一次失败的端点"), f"{found.failing:,}"),
        (_("待排序事件"), f"{found.waiting:,}"),
        (_("待投"), f"{found.owed:,}"),
        (_("死信"), f"{found.dead:,}"),
        (_("最久逾期"), languages.both(f"{late} 秒", f"{late} s")),
    ]


def shown_address(url: str) -> str:
    """Where it is, without what may be a secret: neither query nor the path past its first part."""
    parts = urlsplit(url)
    head = parts.path.split("/")[1] if parts.path.count("/") else ""
    return f"{parts.scheme}://{parts.netloc}/{head}" + ("/…" if parts.path.count("/") > 1 or parts.query else "")


def _state(each: Any) -> str:
    told = languages.both(*STATES[each.state][:2])
    return told + languages.both("，失败中", ", failing") if each.state == "active" and each.failures else told


def _listing(door: Door) -> Listing:
    houses: dict[UUID, str] = {}

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        found = queries_desk.endpoints(door.session, state=values["state"] or None, after=id_after(after), limit=limit)
        houses.update(names(door, {row[0].member_id for row in found}))
        return found

    counts = queries_desk.count_endpoints(door.session)
    return Listing(
        name="endpoints",
        title=_("投递"),
        rule=_("事件按对象先后送到会员的端点；七十二小时不成即为死信，由协会重发。地址只显示开头。"),
        columns=[
            Column(_("端点"), lambda row: shown_address(row[0].url)),
            Column(_("机构"), lambda row: houses.get(row[0].member_id, "—")),
            Column(_("状态"), lambda row: _state(row[0])),
            Column(_("待投"), lambda row: row[1], end=True),
            Column(_("死信"), lambda row: row[2], end=True),
            Column(_("最早待投自"), lambda row: moment(row[3])),
        ],
        fetch=fetch,
        key=lambda row: [str(row[0].id)],
        address=lambda row: url_for("admin.endpoint", endpoint_id=row[0].id),
        filters=[
            Filter(
                "state", _("状态"),
                [*((s, languages.both(*row[:2])) for s, row in STATES.items()), ("failing", _("失败中"))], tab=True,
            )
        ],
        total=lambda _values: sum(count for state, count in counts.items() if state != "failing"),
        empty=_("还没有端点。会员经接口登记后显示在这里。"),
    )  # fmt: skip


def _dead(door: Door) -> Listing:
    houses: dict[UUID, str] = {}

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        found = queries_desk.dead_letters(door.session, after=typed(after, UUID, int), limit=limit)
        houses.update(names(door, {row[1].member_id for row in found}))
        return found

    return Listing(
        name="dead-letters",
        title=_("死信"),
        rule=_("七十二小时内端点没有收下的事件；会员仍可从变更流读到。"),
        columns=[
            Column(_("位置"), lambda row: f"{row[0].position:,}", lambda row: row[0].position),
            Column(_("机构"), lambda row: houses.get(row[1].member_id, "—")),
            Column(_("事件"), lambda row: type_words(row[2])),
            Column(_("尝试"), lambda row: row[0].attempts, end=True),
            Column(_("结果"), lambda row: row[0].outcome),
            Column(_("最后尝试"), lambda row: moment(row[0].last_at)),
        ],
        fetch=fetch,
        key=lambda row: [str(row[0].endpoint_id), str(row[0].position)],
        keys=2,
        address=lambda row: url_for("admin.endpoint", endpoint_id=row[0].endpoint_id, state="dead"),
        empty=_("没有死信。"),
    )


def type_words(name: str | None) -> str:
    """A type of event in words; what is held no more is said to be so."""
    if name is None:
        return languages.both("已清理", "no longer held")
    row = TYPES.get(name)
    return name if row is None else languages.both(row.zh, row.en)


def _endpoint(door: Door, endpoint_id: UUID, error: GongxinError | None = None) -> Response:
    wanted = request.args.get("state", "")
    with as_registry(door):
        found = queries.get_endpoint(door.session, endpoint_id)
        sends = queries.sends(door.session, endpoint_id, wanted if wanted in SENDS else None, None, LIMIT)[:LIMIT]
        dead = queries.dead(door.session, endpoint_id, LIMIT)
        types = queries_desk.types(door.session, [send.position for send in (*sends, *dead)])
    object_ = {
        "title": shown_address(found.url),
        "rule": _("重发的事件排在此后的事件之后；端点保存对象位置的，会知道它较旧。"),
        "number": str(found.id),
        "back": url_for("admin.delivery"),
        "back_name": _("投递"),
        "state": (_state(found), "bad" if found.failures else STATES[found.state][2]),
        "facts": [
            (_("机构"), names(door, {found.member_id}).get(found.member_id, "—")),
            (_("原因"), languages.both(*REASONS.get(found.reason, (found.reason,) * 2)) if found.reason else "—"),
            (_("连续失败"), found.failures),
            (_("下次尝试"), moment(found.hold_until or found.due_at)),
            (_("登记于"), moment(found.made_at)),
            (_("验证于"), moment(found.verified_at)),
            (_("事件"), "、".join(type_words(each) for each in found.types)),
        ],
        "steps": [],
    }  # fmt: skip
    rows = [
        [
            f"{send.position:,}", type_words(types.get(send.position)), languages.both(*SENDS[send.state]),
            send.attempts, send.outcome or "—", moment(send.last_at),
        ]
        for send in sends
    ]  # fmt: skip
    tabs = [
        {"name": shown, "address": here(state=value or None), "here": wanted == value, "count": None}
        for value, shown in (("", languages.both("全部", "All")), *((s, languages.both(*p)) for s, p in SENDS.items()))
    ] if request.method == "GET" else []  # fmt: skip
    return door.render(
        "delivery/endpoint.html", error=error, object=object_, endpoint=found, rows=rows, tabs=tabs,
        may_replay=bool(dead) and is_officer(door) and found.state == "active",
        dead=[(str(send.position), f"{send.position:,} {type_words(types.get(send.position))}") for send in dead],
        waits=bool(dead) and found.state != "active", chosen=request.form.getlist("position"),
    )  # fmt: skip


def _waiting(door: Door) -> Iterator[Work]:
    if not is_officer(door):
        return
    with as_registry(door):
        found = queries_desk.with_dead(door.session, 50)
    houses = names(door, {each.member_id for each, _count in found})
    for each, count in found:
        yield Work(
            languages.both(f"死信 {count} 件：", f"{count} dead letters: ") + houses.get(each.member_id, "—"),
            url_for("admin.endpoint", endpoint_id=each.id), _("与机构核对端点后重发"),
        )  # fmt: skip


WORK["admin"].append(_waiting)
