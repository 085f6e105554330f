"""案件 A member's own cases: the list, one case with its axes, stop flags and history, placement and statuses."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.cases import lines, queries, rules, service
from gongxin.cases.service.asserting import Assertion
from gongxin.cases.vocabulary import EVENT_AXES, PLACEMENTS
from gongxin.errors import GongxinError, Invalid
from gongxin.pii import refuse_pii
from gongxin.web.paging import id_after

from ... import languages
from ...face import Door, page
from ...formats import instant
from ...listing import Column, Filter, Listing, show
from ...permissions import WORKERS
from . import words
from .common import act, agencies, name_of

EVENTS_SHOWN = 200
_WITH_MANDATE = ("assign", "hold_over")


def register(app: Flask) -> None:
    @page(app, "portal.cases", "/cases")
    def cases(door: Door) -> Response:
        return show(door, _listing(door))

    @page(app, "portal.case", "/cases/<uuid:case_id>")
    def case(door: Door, case_id: UUID) -> Response:
        return _case(door, case_id)

    @act(app, "portal.case_move", "/cases/<uuid:case_id>/placement")
    def move(door: Door, case_id: UUID) -> Response:
        name = door.house.kind
        with door.attempting() as tried:
            asked, version = _move_typed(case_id)
            service.place(door.session, caller=door.caller, asked=asked, if_match={version})
        if tried.error is not None:
            return _case(door, case_id, tried.error)
        flash(_("已记录；对方在其案件中看到。"), "good")
        gone = name == "agency" and asked.action in {"decline", "return"}
        return door.go("cases") if gone else door.go("case", case_id=case_id)

    @act(app, "portal.case_event", "/cases/<uuid:case_id>/events")
    def event(door: Door, case_id: UUID) -> Response:
        with door.attempting() as tried:
            service.assert_event(door.session, caller=door.caller, case_id=case_id, said=_assertion_typed())
        if tried.error is not None:
            return _case(door, case_id, tried.error)
        flash(_("已登记；停止事项即时生效。"), "good")
        return door.go("case", case_id=case_id)


# --- the list -------------------------------------------------------------------------------------------------------


def _listing(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        wanted: dict[str, Any] = {name: values[name] for name in ("placement", "creditor_ref") if values[name]}
        for name in ("stopped", "closed"):
            if values[name]:
                wanted[name] = values[name] == "yes"
        key = id_after(after)
        return service.list_cases(door.session, caller=door.caller, filters=wanted, after=key, limit=limit)

    yes_no = [("yes", _("有")), ("no", _("无"))]
    counts = queries.placements(door.session, door.house.id, door.house.kind)
    tabs = [(p, words.said(words.PLACEMENTS, p)) for p in PLACEMENTS if p in counts]
    return Listing(
        name="cases",
        title=_("案件"),
        rule=_("本机构登记或受托的案件。停止事项有效期间不得催收。"),
        columns=[
            Column(_("债权人编号"), lambda c: c["creditor_ref"]),
            Column(_("委托状态"), lambda c: words.said(words.PLACEMENTS, c["placement"])),
            Column(
                _("停止事项"),
                lambda c: words.stops(c["stop_flags"]),
                plain=lambda c: "、".join(words.said(words.STOPS, flag) for flag in c["stop_flags"]),
            ),
            Column(_("司法程序"), lambda c: words.said(words.LEGAL_CLASSES, c["legal_class"])),
            Column(_("立案日"), lambda c: c["opened_on"]),
            Column(_("委托期限"), lambda c: c["mandate_until"] or "—"),
            Column(_("更新于"), lambda c: instant(c["updated_at"])),
        ],
        fetch=fetch,
        key=lambda c: [c["case_id"]],
        address=lambda c: url_for("portal.case", case_id=c["case_id"]),
        filters=[
            Filter("placement", _("委托状态"), tabs, tab=True, counts=counts),
            Filter("creditor_ref", _("债权人编号")),
            Filter("stopped", _("停止事项"), yes_no),
            Filter("closed", _("已结案"), [("yes", _("是")), ("no", _("否"))]),
        ],
        empty=_("还没有案件。银行可从表格批量登记；受托机构在银行委托后看到案件。"),
    )


# --- one case -------------------------------------------------------------------------------------------------------


def _case(door: Door, case_id: UUID, error: GongxinError | None = None) -> Response:
    found, out = service.get_case(door.session, case_id)
    status = service.status_as_of(door.session, case_id=case_id, at=None)
    events = service.history(door.session, case_id=case_id, after=None, limit=EVENTS_SHOWN)[:EVENTS_SHOWN]
    names: dict[Any, str] = {who: name_of(door, who) for who in {e["asserted_by"] for e in events}}
    acts = door.house.state == "active" and not WORKERS.isdisjoint(door.me.roles)
    moves = rules.legal_actions(_side(door), found.placement, found.closed) if acts else []
    placement = words.PLACEMENTS[found.placement]
    object_ = {
        "title": out["creditor_ref"],
        "rule": _("停止事项、司法程序由各轴状态得出，法院优先。更正与撤回留在经过中。"),
        "number": out["case_id"],
        "back": url_for("portal.cases"),
        "back_name": _("案件"),
        "state": (languages.both(*placement[:2]), placement[2]),
        "facts": [
            (_("债权人"), name_of(door, out["creditor_id"])),
            (_("受托机构"), name_of(door, out["agency_id"]) if out["agency_id"] else None),
            (_("委托期限"), out["mandate_until"]),
            (_("立案日"), out["opened_on"]),
            (_("司法程序"), words.said(words.LEGAL_CLASSES, out["legal_class"])),
            (_("有无争议"), _("有") if out["contested"] else _("无")),
            (_("案号与卷号"), "、".join(item["reference"] for item in out["references"]) or None),
            (_("登记于"), instant(out["created_at"])),
        ],
        "steps": [_step(event, names) for event in reversed(events)],
    }
    return door.render(
        "portal/case.html",
        error=error,
        object=object_,
        case_id=case_id,
        version=request.form.get("version") or found.version,
        now_version=found.version,
        flags=[words.STOPS[flag] for flag in out["stop_flags"]],
        axes=[_axis(name, axis) for name, axis in status["axes"].items()],
        moves=[(action, languages.both(*words.ACTIONS[action])) for action in moves],
        agencies=agencies(door) if "assign" in moves else [],
        mandates=any(action in _WITH_MANDATE for action in moves),
        sayable=_sayable(door) if acts else [],
        may_ask=acts and door.house.kind in {"bank", "agency"},
        typed=request.form if error is not None else {},
        today=clock.today_in_china().isoformat(),
    )


def _side(door: Door) -> str:
    return {"bank": "creditor", "agency": "agency"}.get(door.house.kind, "")


def _sayable(door: Door) -> list[tuple[str, str]]:
    """What this house may assert, axis before status."""
    found = []
    for axis in EVENT_AXES:
        for status in rules.assertable(door.house.kind, axis):
            shown = f"{words.said(words.AXES, axis)} · {words.said(words.STATUSES, status)}"
            found.append((f"{axis}:{status}", shown))
    return found


def _axis(name: str, axis: dict[str, Any]) -> list[Any]:
    others = "、".join(
        f"{words.said(words.SOURCES, o['source'])}：{words.said(words.STATUSES, o['status'])}" for o in axis["others"]
    )
    source = words.said(words.SOURCES, axis["source"])
    return [
        words.said(words.AXES, name),
        words.said(words.STATUSES, axis["status"]),
        f"{source}（{_('转述')}）" if axis["claimed"] else source,
        axis["effective_on"],
        (_("有：") + others) if axis["contested"] else (others or "—"),
    ]


def _step(event: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    said = f"{words.said(words.AXES, event['axis'])} · {words.said(words.STATUSES, event['status'])}"
    if event["withdrawn"]:
        said = _("撤回：") + said
    elif event["supersedes"]:
        said = _("更正为：") + said
    why = "；".join(
        part for part in (event["basis"], event["court_case_number"], _("生效日 ") + event["effective_on"]) if part
    )
    at = languages.both(words.SOURCES[event["source"]][0], words.SOURCES[event["source"]][1])
    return {
        "what": said, "who": f"{names[event['asserted_by']]} · {at}", "why": why,
        "at": datetime.fromisoformat(event["recorded_at"]), "leaf": event["event_id"],
    }  # fmt: skip


# --- what was typed -------------------------------------------------------------------------------------------------


def _move_typed(case_id: UUID) -> tuple[lines.NewMove, int]:
    """The action with the fields it takes; what stands in the others is not meant for it."""
    form = request.form
    action = form.get("action", "")
    agency = form.get("agency_id", "") if action == "assign" else ""
    mandate = form.get("mandate_until", "") if action in _WITH_MANDATE else ""
    if action not in words.ACTIONS:
        raise _field("/action", "请选择操作", "Choose what to do")
    try:
        agency_id = UUID(agency) if agency else None
        version = int(form.get("version", ""))
    except ValueError:
        raise _field("/agency_id", "请选择受托机构", "Choose an agency") from None
    reason = form.get("reason", "").strip()
    _check_text(reason, "/reason")
    return lines.NewMove(case_id, action, agency_id, _day(mandate, "/mandate_until"), reason or None, None), version


def _assertion_typed() -> Assertion:
    form = request.form
    axis, _colon, status = form.get("said", "").partition(":")
    if axis not in EVENT_AXES:
        raise _field("/said", "请选择状态", "Choose a status")
    effective = _day(form.get("effective_on", ""), "/effective_on")
    if effective is None:
        raise _field("/effective_on", "请填写生效日", "Give the day it takes effect")
    number, basis = form.get("court_case_number", "").strip(), form.get("basis", "").strip()
    _check_text(basis, "/basis")
    return Assertion(axis, status, effective, basis or None, number[:100] or None)


def _check_text(text: str, pointer: str) -> None:
    if len(text) > 200:
        raise _field(pointer, "不超过 200 字", "At most 200 characters")
    refuse_pii(text, pointer)


def _day(text: str, pointer: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise _field(pointer, "日期格式不符", "Not the form of a date") from None


def _field(pointer: str, zh: str, en: str) -> Invalid:
    return Invalid(
        "bad_form", zh=zh, en=en, fix_zh="更正后重新提交。", fix_en="Correct it and send it again.", pointer=pointer
    )
