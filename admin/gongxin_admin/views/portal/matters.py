"""举报与答复 What we reported, and what was reported of us: file a report with fingerprints of evidence, answer a
notice, ask for a hearing, appeal, read and print the file."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, make_response, request, url_for
from flask_babel import gettext as _

from gongxin.agents import queries as agents
from gongxin.blacklist import pack, queries, records, rules, schemas, service
from gongxin.errors import Forbidden, GongxinError, NotFound
from gongxin.members import queries as members
from gongxin.web.blueprint import load
from gongxin.web.paging import id_after

from ... import languages
from ...face import Door, page
from ...formats import day
from ...listing import Column, Filter, Listing, show
from ...menu import WORK, Work
from ..blacklist import wording
from .common import act, name_of

# The reported party's steps in its own words: (中文, English, what follows in both).
STATEMENTS = {
    "reply": (
        "提交申辩", "Send the reply", "入卷后进入审议；不能撤回。", "Goes into the file; deliberation begins. Final.",
    ),
    "ask_hearing": ("申请听证", "Ask for a hearing", "先听证，后审议。", "A hearing comes before deliberation."),
    "appeal": (
        "申请复核", "Appeal", "由另一委员会审理；期间条目显示有争议。",
        "Another committee hears it; the entry reads contested meanwhile.",
    ),
}  # fmt: skip
_FIELDS = ("subject_kind", "licence", "member_id", "article", "place", "occurred_from", "occurred_until", "conduct",
           "complaint_ref")  # fmt: skip


def register(app: Flask) -> None:
    @page(app, "portal.matters", "/matters")
    def matters(door: Door) -> Response:
        return show(door, _listing(door), "portal/matters.html", may_report=_may_report(door))

    @page(app, "portal.matter", "/matters/<uuid:matter_id>")
    def matter(door: Door, matter_id: UUID) -> Response:
        return _matter(door, matter_id)

    @page(app, "portal.matter_file", "/matters/<uuid:matter_id>/file")
    def file(door: Door, matter_id: UUID) -> Response:
        found = queries.get_matter(door.session, matter_id)
        if not _is_ours(door, found):
            raise Forbidden("not_your_file", zh="卷宗仅供被举报方查阅", en="The file is for the reported party")
        answer = make_response(records.print_file(records.file_of(door.session, found)))
        answer.mimetype = "application/pdf"
        answer.headers["Content-Disposition"] = f'attachment; filename="{found.number}.pdf"'
        return answer

    @act(app, "portal.matter_state", "/matters/<uuid:matter_id>/statements")
    def state(door: Door, matter_id: UUID) -> Response:
        with door.attempting() as tried:
            body = load(schemas.ReportedStatementIn(), _typed("action", "said"))
            service.act(door.session, matter_id, caller=door.caller, version=_version(), **body)
        if tried.error is not None:
            return _matter(door, matter_id, tried.error)
        flash(_("已入卷。"), "good")
        return door.go("matter", matter_id=matter_id)

    @act(app, "portal.report", "/matters/report", ("GET", "POST"))
    def report(door: Door) -> Response:
        if request.method != "POST":
            return _form(door, {"licence": request.args.get("licence", "")[:64]})
        found = None
        with door.attempting() as tried:
            found = service.report(door.session, caller=door.caller, **load(schemas.ReportIn(), _report_typed()))
        if tried.error is not None or found is None:
            return _form(door, request.form, tried.error)
        flash(_("举报已收到，编号 %(n)s。协会受理后在此可见进展。", n=found.number), "good")
        return door.go("matter", matter_id=found.id)


def _waiting(door: Door) -> Iterator[Work]:
    """Notices that still wait for our reply, and decisions that may still be appealed."""
    if door.house.kind not in {"bank", "agency", "mediator", "court"}:
        return
    for found in queries.matters(door.session, state="noticed", against=door.house.id, limit=100):
        yield Work(
            _("答复告知：") + found.number,
            url_for("portal.matter", matter_id=found.id),
            _("申辩期满未答复的，委员会依在卷材料审议。"),
            found.due_on,
        )


def _listing(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        side = {"ours": {"against": door.house.id}, "reported": {"reporter_id": door.house.id}}.get(values["side"], {})
        key = id_after(after)
        return queries.matters(door.session, after=key, limit=limit, state=values["state"] or None, **side)

    return Listing(
        name="matters",
        title=_("举报与答复"),
        rule=_("本机构提出的举报，以及告知本机构的事项。告知后有期限申辩；每一步都有时限。"),
        columns=[
            Column(_("编号"), lambda m: m.number),
            Column(_("身份"), lambda m: _("被举报方") if _is_ours(door, m) else _("举报方")),
            Column(_("事由"), lambda m: _article(m.article)),
            Column(_("状态"), lambda m: wording.state(m.state)[0]),
            Column(_("期限"), lambda m: day(m.due_on)),
        ],
        fetch=fetch,
        key=lambda m: [str(m.id)],
        address=lambda m: url_for("portal.matter", matter_id=m.id),
        filters=[
            Filter("side", _("身份"), [("ours", _("被举报方")), ("reported", _("举报方"))], tab=True),
            Filter("state", _("状态"), [(s, languages.both(*w[:2])) for s, w in wording.STATES.items()]),
        ],
        empty=_("没有举报，也没有告知本机构的事项。"),
    )


def _matter(door: Door, matter_id: UUID, error: GongxinError | None = None) -> Response:
    found = queries.get_matter(door.session, matter_id)
    ours = _is_ours(door, found)
    told = records.file_of(door.session, found) if ours else None
    steps = told["acts"] if told else [{"action": "report", "said": found.conduct, "at": None, "act_id": None}]
    word = wording.state(found.state)
    may_state = ours and "compliance" in door.me.roles and door.house.state == "active"
    legal = [name for name in rules_for(found) if name in STATEMENTS] if may_state else []
    object_ = {
        "title": _article(found.article),
        "rule": _("被举报方可以申辩、申请听证、申请复核；未申辩不等于承认。"),
        "number": found.number,
        "back": url_for("portal.matters"),
        "back_name": _("举报与答复"),
        "state": word,
        "facts": [
            (_("身份"), _("被举报方") if ours else _("举报方")),
            (_("对象"), _subject(door, found)),
            (_("地点"), found.place),
            (_("发生日期"), f"{found.occurred_from} – {found.occurred_until}"),
            (_("期限"), day(found.due_on)),
            (_("等级"), wording.of(wording.LEVELS, found.level)),
            (_("列入期间"), f"{found.begins_on} – {found.ends_on}" if found.begins_on else None),
            (_("复核申请期限"), day(found.appeal_until)),
        ],
        "steps": [_step(each) for each in reversed(steps) if each["at"]],
    }
    return door.render(
        "portal/matter.html", error=error, object=object_, matter_id=matter_id, ours=ours,
        conduct=found.conduct, version=request.form.get("version") or found.version,
        legal=[(name, *STATEMENTS[name]) for name in legal], typed=request.form if error is not None else {},
    )  # fmt: skip


def rules_for(found: Any) -> list[str]:
    return records.legal(found, rules.REPORTED)


def _step(each: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": wording.done(each["action"]), "who": wording.of(wording.PARTIES, each.get("party")),
        "why": each["said"], "at": datetime.fromisoformat(each["at"]), "leaf": each["act_id"],
    }  # fmt: skip


def _is_ours(door: Door, found: Any) -> bool:
    return door.house.id in (found.agency_id, found.member_id)


def _subject(door: Door, found: Any) -> str:
    if found.agent_id is not None:
        try:
            return languages.both("催收员 ", "agent ") + (
                agents.get_agent(door.session, found.agent_id).licence_no or ""
            )
        except NotFound:
            return languages.both("催收员", "agent")
    return name_of(door, found.member_id)


def _article(code: str) -> str:
    article = pack.pack()["articles"][code]
    return f"{code} " + languages.both(article["zh"], article["en"])


def _may_report(door: Door) -> bool:
    return door.house.state == "active" and not {"clerk", "compliance"}.isdisjoint(door.me.roles)


def _form(door: Door, typed: Any, error: GongxinError | None = None) -> Response:
    kinds = [(name, languages.both(*pair)) for name, pair in wording.SUBJECTS.items()]
    houses = [
        (str(m.id), languages.both(m.name_zh, m.name_en or m.name_zh))
        for m in members.directory(door.session, state="active")
        if m.id != door.house.id and m.kind in {"agency", "bank", "mediator", "court"}
    ]
    articles = [(code, _article(code)) for code in pack.pack()["articles"]]
    return door.render(
        "portal/report.html", error=error, typed=typed, kinds=kinds, houses=houses, articles=articles,
        proofs=[(name, languages.both(*pair)) for name, pair in wording.PROOFS.items()],
    )  # fmt: skip


def _typed(*names: str) -> dict[str, Any]:
    found = {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in names}
    return {name: value for name, value in found.items() if value}


def _report_typed() -> dict[str, Any]:
    """The fields that this kind of subject takes; fingerprints a line each."""
    body = _typed(*_FIELDS)
    body.pop("member_id" if body.get("subject_kind") == "agent" else "licence", None)
    lines = [line.split() for line in request.form.get("evidence", "").lower().splitlines() if line.strip()]
    kind = request.form.get("evidence_kind", "document")
    body["evidence"] = [{"sha256": line[0], "kind": kind} for line in lines]
    return body


def _version() -> int | None:
    given = request.form.get("version", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 6 else None


WORK["portal"].append(_waiting)
