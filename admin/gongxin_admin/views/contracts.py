"""合同 Contracts at the desk: template versions side by side in both languages, what changed by clause, adoption;
caps with their source; contracts over a cap, without their prices."""

import difflib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup, escape

from gongxin import clock
from gongxin.contracts import queries as contracts
from gongxin.contracts.caps import queries as caps
from gongxin.contracts.fees.model import AGES
from gongxin.contracts.standard import queries, rules, service
from gongxin.errors import GongxinError, Invalid, NotFound
from gongxin.members import queries as members
from gongxin.web.paging import id_after

from .. import languages, reading
from ..face import Door, as_registry, page
from ..formats import day, moment, percent, plain
from ..listing import Column, Listing, show

STATES = {
    "draft": ("草稿", "draft", "over"), "consulted": ("征求意见", "out for consultation", "wait"),
    "adopted": ("已通过", "adopted", "good"), "withdrawn": ("已撤回", "withdrawn", "over"),
    "superseded": ("已被取代", "superseded", "over"),
}  # fmt: skip
WHAT = {"added": ("新增", "added", "good"), "removed": ("删去", "removed", "bad"),
        "changed": ("修改", "changed", "wait"), "moved": ("仅改编号", "renumbered", "over"),
        "same": ("未变", "unchanged", "over")}  # fmt: skip
SOURCES = {"verified": ("已核实，具约束力", "verified, binds", "good"),
           "unverified": ("来源未核实，仅供参考", "unverified, informs only", "wait"),
           "informational": ("仅供参考", "informs only", "over")}  # fmt: skip
MOST_CAPS, MOST_CONTRACTS = 100, 200


def register(app: Flask) -> None:
    @page(app, "admin.contracts", "/contracts")
    def templates(door: Door) -> Response:
        return show(door, _listing(door), "contracts/list.html", here="contracts")

    @page(app, "admin.template", "/contracts/templates/<uuid:template_id>")
    def template(door: Door, template_id: UUID) -> Response:
        return _template(door, template_id)

    @page(app, "admin.template_approve", "/contracts/templates/<uuid:template_id>/approvals", ("POST",))
    def approve(door: Door, template_id: UUID) -> Response:
        with door.attempting() as tried:
            service.approve(
                door.session, template_id, member_id=door.house.id, officer=door.me.officer,
                content_hash=bytes.fromhex(reading.fingerprint("content") or ""),
            )  # fmt: skip
        return _after(door, template_id, tried.error)

    @page(app, "admin.template_move", "/contracts/templates/<uuid:template_id>/state", ("POST",))
    def move(door: Door, template_id: UUID) -> Response:
        with door.attempting() as tried:
            queries.get_template(door.session, template_id)
            state = reading.chosen("state", rules.STATES)
            if state is None:
                raise Invalid("missing_field", zh="此项须填写", en="This is needed", pointer="/state")
            on = reading.day("effective_on") if state == "adopted" else None
            service.move(door.session, template_id, state=state, effective_on=on)
        return _after(door, template_id, tried.error)

    @page(app, "admin.caps", "/contracts/caps")
    def every_cap(door: Door) -> Response:
        return _caps(door)

    @page(app, "admin.over_caps", "/contracts/over")
    def over(door: Door) -> Response:
        return _over(door)


def _after(door: Door, template_id: UUID, error: GongxinError | None) -> Response:
    if error is not None:
        queries.get_template(door.session, template_id)
        return _template(door, template_id, error)
    flash(_("已记录。"), "good")
    return door.go("template", template_id=template_id)


def _tag(words: dict[str, tuple[str, str, str]], name: str) -> Markup:
    return Markup('<span class="tag {}">{}</span>').format(words[name][2], languages.both(*words[name][:2]))


def _shown(found: Any) -> str:
    return rules.shown_state(found.state, found.superseded_on, clock.today_in_china())


def _listing(door: Door) -> Listing:
    def fetch(_values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        try:
            place = id_after(after)
        except ValueError as fault:
            raise Invalid(
                "bad_cursor", zh="分页游标无效", en="The cursor is not one of ours", pointer="/cursor"
            ) from fault
        return queries.templates(door.session, after=place, limit=limit)

    return Listing(
        name="templates",
        title=_("合同范本"),
        rule=_("锁定条款任何合同不得改动；中英文数字必须一致；通过须起草人以外的两人批准。"),
        columns=[
            Column(_("名称"), lambda t: plain(languages.both(t.content["title"]["zh"], t.content["title"]["en"]))),
            Column(_("代码与版本"), lambda t: f"{t.code} v{t.version}"),
            Column(_("状态"), lambda t: _tag(STATES, _shown(t)), lambda t: languages.both(*STATES[_shown(t)][:2])),
            Column(_("生效日"), lambda t: day(t.effective_on), lambda t: t.effective_on or ""),
            Column(_("起草人"), lambda t: t.maker),
        ],
        fetch=fetch,
        key=lambda t: [str(t.id)],
        address=lambda t: url_for("admin.template", template_id=t.id),
        empty=_("还没有范本。协会经接口起草首个标准文本。"),
    )


def _against(door: Door, found: Any) -> tuple[Any, Sequence[Any]]:
    """The version compared with, and those there are: the one the address names, else the one before."""
    others = [each for each in queries.versions(door.session, found.code) if each.id != found.id]
    named = next((each for each in others if str(each.id) == request.args.get("against")), None)
    before = next((each for each in others if each.version < found.version), None)
    return named or before, others


def _template(door: Door, template_id: UUID, error: GongxinError | None = None) -> Response:
    found = queries.get_template(door.session, template_id)
    against, others = _against(door, found)
    given = queries.approvals(door.session, template_id)
    valid = [each for each in given if each.content_hash == found.content_hash]
    own, said = found.maker == door.me.officer, any(each.officer == door.me.officer for each in valid)
    waits = found.state == "consulted" and "approver" in door.me.roles
    return door.render(
        "contracts/template.html",
        error=error, found=found, object=_object(found, given), typed=request.form,
        clauses=found.content["clauses"], against=against, others=others,
        changes=_changes(against.content, found.content) if against is not None else [],
        approvals=[[each.officer, moment(each.approved_at), _("现内容") if each in valid else _("旧内容，不再有效")]
                   for each in given],
        missing=max(0, rules.APPROVALS - len(valid)), approves=waits and not own and not said,
        bar=_("起草人不得批准自己的范本：须由另一人批准。") if waits and own
        else _("您已批准现内容：还须另一名复核人批准。") if waits and said else "",
        moves=list(rules.STEPS[found.state]) if "officer" in door.me.roles else [],
        comments=[[_name(door, each.member_id), each.clause_id or "—", plain(each.said), moment(each.said_at)]
                  for each in queries.comments(door.session, template_id, 200)],
        today=clock.today_in_china().isoformat(),
    )  # fmt: skip


def _changes(before: Any, after: Any) -> list[dict[str, Any]]:
    """Each clause that differs, both languages, with what was struck and what was put in."""
    rows = []
    for each in rules.compare(before, after):
        if each.what == "same":
            continue
        clause = each.after or each.before
        assert clause is not None
        rows.append(
            {
                "what": _tag(WHAT, each.what),
                "title": languages.both(clause["title"]["zh"], clause["title"]["en"]),
                "number": clause["number"],
                "texts": [] if each.what == "moved" else [
                    redline(_text(each.before, language), _text(each.after, language)) for language in ("zh", "en")
                ],
            }
        )  # fmt: skip
    return rows


def _text(clause: Any, language: str) -> str:
    return "" if clause is None else "\n".join(paragraph[language] for paragraph in clause["text"])


def redline(before: str, after: str) -> Markup:
    """The later text with what was struck (`del`) and what was put in (`ins`): by word, or by sign where there are
    none."""
    old, new = _parts(before), _parts(after)
    found = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(escape("".join(new[c:d])))
            continue
        if b > a:
            found.append(Markup("<del>{}</del>").format("".join(old[a:b])))
        if d > c:
            found.append(Markup("<ins>{}</ins>").format("".join(new[c:d])))
    return Markup("").join(found)


def _parts(text: str) -> list[str]:
    """Words with the blank after them; a Chinese sign stands for itself."""
    parts: list[str] = []
    for sign in text:
        if parts and sign.isascii() and sign != "\n" and parts[-1].isascii() and not parts[-1].endswith((" ", "\n")):
            parts[-1] += sign
        else:
            parts.append(sign)
    return parts


def _object(found: Any, given: Sequence[Any]) -> dict[str, Any]:
    source = found.content["source"]
    steps = [{"what": _("批准"), "who": e.officer, "why": "", "at": e.approved_at} for e in reversed(given)]
    if found.state == "adopted":
        steps.insert(0, {"what": _("通过"), "who": "", "why": "", "at": found.changed_at, "leaf": found.id})
    steps.append({"what": _("起草"), "who": found.maker, "why": "", "at": found.created_at})
    return {
        "title": languages.both(found.content["title"]["zh"], found.content["title"]["en"]),
        "rule": _("锁定条款任何合同不得改动；中英文数字必须一致；通过须起草人以外的两人批准。"),
        "number": f"{found.code} v{found.version}",
        "back": url_for("admin.contracts"),
        "back_name": _("合同范本"),
        "state": (languages.both(*STATES[_shown(found)][:2]), STATES[_shown(found)][2]),
        "facts": [
            (_("起草人"), found.maker),
            (_("生效日"), day(found.effective_on)),
            (_("被取代于"), day(found.superseded_on)),
            (_("内容指纹"), Markup("<code>{}</code>").format(found.content_hash.hex())),
            (_("来源"), Markup("{} {}").format(_tag(SOURCES, source["status"]),
                                              languages.both(source["note"]["zh"], source["note"]["en"]))),
        ],
        "steps": steps,
    }  # fmt: skip


# --- caps -------------------------------------------------------------------------------------------------------------


def _caps(door: Door) -> Response:
    places = caps.jurisdictions(door.session)
    place = request.args.get("place", "")
    place = place if place in places else next(iter(places), "")
    kind = "mediator" if request.args.get("kind") == "mediator" else "agency"
    rows = [
        [
            AGES[cap.bucket - 1], _("撤销") if cap.rate_bp_max is None else percent(cap.rate_bp_max),
            _tag(SOURCES, cap.source_status), plain(cap.authority), plain(cap.citation),
            Markup("{} – {}").format(day(cap.effective_from), day(cap.effective_until)), moment(cap.recorded_at),
            _("已被更正") if cap.superseded_at else _("现行"),
        ]
        for cap in caps.history(door.session, jurisdiction=place, member_kind=kind)
    ]  # fmt: skip
    return door.render("contracts/caps.html", rows=rows, places=[(each, each) for each in places], place=place,
                       kind=kind, here="caps")  # fmt: skip


def _over(door: Door) -> Response:
    """Found by the registry, which alone compares prices; shown are the contract, its parties and the cap, no price."""
    told: dict[UUID, set[tuple[str, int, str]]] = {}
    in_force = caps.binding_on(door.session, clock.today_in_china(), MOST_CAPS)
    with as_registry(door):
        for cap in in_force:
            for contract_id, _rate in contracts.touched_by(door.session, cap):
                if contract_id in told or len(told) < MOST_CONTRACTS:
                    told.setdefault(contract_id, set()).add((AGES[cap.bucket - 1], cap.rate_bp_max or 0, cap.citation))
    rows = [row for contract_id, over in told.items() if (row := _contract(door, contract_id, over))]
    return door.render("contracts/over.html", rows=rows, caps=len(in_force), here="over_caps")


def _contract(door: Door, contract_id: UUID, over: set[tuple[str, int, str]]) -> list[Any] | None:
    try:
        found = contracts.get_contract(door.session, contract_id)
    except NotFound:
        return None
    age, cap_bp, citation = sorted(over)[0]
    return [
        f"{found.number} v{found.version}", _name(door, found.creditor_id), _name(door, found.agency_id),
        Markup("{} – {}").format(day(found.begins_on), day(found.ends_on)), len(over),
        f"{age}: {percent(cap_bp)} · {citation}",
    ]  # fmt: skip


def _name(door: Door, member_id: UUID) -> Markup:
    found = members.get_member(door.session, member_id)
    return plain(languages.both(found.name_zh, found.name_en or found.name_zh))
