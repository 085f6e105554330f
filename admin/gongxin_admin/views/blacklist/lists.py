"""Matters by their clock, corrections by theirs, committees and who sits in them."""

from datetime import date
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin import clock
from gongxin.blacklist import pack, queries, queries_desk, service
from gongxin.errors import GongxinError, Invalid

from ... import languages
from ...face import Door, page
from ...formats import day, moment, plain
from ...listing import Column, Filter, Listing, show
from . import wording


def register(app: Flask) -> None:
    @page(app, "admin.blacklist", "/blacklist")
    def blacklist(door: Door) -> Response:
        return show(door, _matters(door), "blacklist/list.html")

    @page(app, "admin.corrections", "/blacklist/corrections")
    def corrections(door: Door) -> Response:
        return show(door, _corrections(door))

    @page(app, "admin.committees", "/blacklist/committees")
    def committees(door: Door) -> Response:
        return _committees(door)

    @page(app, "admin.seat", "/blacklist/committees/seats", ("POST",))
    def seat(door: Door) -> Response:
        given = request.form.get("officers", "").replace("，", ",").replace("\n", ",")
        officers = [each.strip() for each in given.split(",") if each.strip()]
        with door.attempting() as tried:
            _seat(door, officers)
        if tried.error is not None:
            return _committees(door, tried.error)
        flash(_("委员已登记。"), "good")
        return door.go("committees")


def _seat(door: Door, officers: list[str]) -> None:
    if not officers:
        raise Invalid("bad_field", zh="至少填一名委员", en="At least one member", pointer="/officers")
    chosen = request.form.get("committee_id", "")
    if chosen:
        service.seat(door.session, UUID(chosen), officers=officers)
    else:
        name = request.form.get("name_zh", "").strip()
        if not 1 <= len(name) <= 120:
            raise Invalid("bad_field", zh="须填委员会名称", en="The committee has a name", pointer="/name_zh")
        service.found_committee(door.session, name_zh=name, officers=officers,
                                name_en=request.form.get("name_en", "").strip() or None)  # fmt: skip


def _committees(door: Door, error: GongxinError | None = None) -> Response:
    found = queries.committees(door.session)
    return door.render("blacklist/committees.html", error=error, committees=found, typed=request.form,
                       quorum=pack.pack()["quorum"], edits="officer" in door.me.roles)  # fmt: skip


def key_of(after: list[str] | None) -> tuple[date, UUID] | None:
    """The place a list by clock goes on from. Raises Invalid for what no page gave out."""
    if not after:
        return None
    try:
        return date.fromisoformat(after[0]), UUID(after[1])
    except ValueError as fault:
        raise Invalid("bad_cursor", zh="分页游标无效", en="The cursor is not one of ours", pointer="/cursor") from fault


def who(row: Any) -> str:
    """The reported party of a row of the list: a licence with its agency, or the organisation."""
    name = languages.both(row.name_zh or "", row.name_en or row.name_zh or "")
    return f"{row.licence_no} · {name}" if row.licence_no else name


def due(on: date | None) -> Markup:
    """A day and, where it has passed, the word for it."""
    if on is None:
        return Markup("—")
    late = on < clock.today_in_china()
    return Markup('<span>{} <span class="tag bad">{}</span></span>').format(day(on), _("逾期")) if late else day(on)


def tagged(state: str) -> Markup:
    word, mood = wording.state(state)
    return Markup('<span class="tag {}">{}</span>').format(mood, word)


def _matters(door: Door) -> Listing:
    today = clock.today_in_china()

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries_desk.by_clock(
            door.session, states=wording.TABS[values["at"]][2] if values["at"] else (),
            severity=values["severity"] or None, subject_kind=values["kind"] or None,
            overdue_on=today if values["clock"] == "overdue" else None, search=values["q"],
            after=key_of(after), limit=limit,
        )  # fmt: skip

    held = queries_desk.count_by_state(door.session)
    counts = {tab: sum(held.get(state, 0) for state in row[2]) for tab, row in wording.TABS.items()}
    return Listing(
        name="blacklist",
        title=_("黑名单审议"),
        rule=_("按法定时限排列。协会误期，提案依规失效；被举报方误期，不因此列入。"),
        columns=[
            Column(_("编号"), lambda r: r.Matter.number),
            Column(_("被举报方"), lambda r: plain(who(r)), who),
            Column(_("条款"), lambda r: wording.article(r.Matter.article)),
            Column(_("程度"), lambda r: r.Matter.severity),
            Column(_("状态"), lambda r: tagged(r.Matter.state), lambda r: wording.state(r.Matter.state)[0]),
            Column(_("期限"), lambda r: due(r.Matter.due_on), lambda r: r.Matter.due_on or ""),
        ],
        fetch=fetch,
        key=lambda r: [(r.Matter.due_on or queries_desk.NEVER).isoformat(), str(r.Matter.id)],
        keys=2,
        address=lambda r: url_for("admin.matter", matter_id=r.Matter.id),
        filters=[
            Filter("at", _("阶段"), [(t, languages.both(*row[:2])) for t, row in wording.TABS.items()], True, counts),
            Filter("severity", _("程度"), wording.options(wording.SEVERITIES)),
            Filter("kind", _("对象"), wording.options(wording.SUBJECTS)),
            Filter("clock", _("时限"), [("overdue", _("已逾期"))]),
            Filter("q", _("编号或执照号")),
        ],
        empty=_("没有举报。会员通过门户或接口举报；三次轻微违规由系统提请。"),
    )


def _corrections(door: Door) -> Listing:
    today = clock.today_in_china()

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries_desk.corrections_by_clock(
            door.session, show=values["show"] or "all", today=today, after=key_of(after), limit=limit
        )

    counts = queries_desk.count_corrections(door.session, today)
    shown = {"open": _("未确认"), "overdue": _("逾期未确认"), "done": _("已确认")}
    return Listing(
        name="corrections",
        title=_("更正与新列入的确认"),
        rule=_("每个被告知过的机构须在时限内说明已作何处理；逾期者系统记名催告一次。"),
        columns=[
            Column(_("编号"), lambda r: r.Listing.number),
            Column(_("应知机构"), lambda r: plain(languages.both(r.name_zh, r.name_en or r.name_zh)),
                   lambda r: languages.both(r.name_zh, r.name_en or r.name_zh)),
            Column(_("事由"), lambda r: wording.of(wording.CAUSES, r.Correction.cause)),
            Column(_("发出"), lambda r: moment(r.Correction.made_at)),
            Column(_("期限"), lambda r: day(r.Correction.due_on) if r.Correction.did else due(r.Correction.due_on),
                   lambda r: r.Correction.due_on),
            Column(_("确认"), lambda r: wording.of(wording.DID, r.Correction.did)),
            Column(_("确认于"), lambda r: moment(r.Correction.acknowledged_at)),
        ],
        fetch=fetch,
        key=lambda r: [r.Correction.due_on.isoformat(), str(r.Correction.id)],
        keys=2,
        address=lambda r: url_for("admin.matter", matter_id=r.Correction.matter_id) + "#corrections",
        filters=[Filter("show", _("状态"), list(shown.items()), True, counts)],
        empty=_("还没有发出过更正或新列入的通知。"),
    )  # fmt: skip
