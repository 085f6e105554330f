"""The credit record at work: entries made and corrected, objections and requests to correct decided by their clock."""

from datetime import date
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.agents import grading, queries, queries_desk, records
from gongxin.errors import GongxinError, NotFound, bad_field
from gongxin.web.paging import typed

from ... import languages
from ...face import Door, page
from ...formats import day, moment, plain
from ...listing import Column, Listing, show
from . import words
from .register import LIST, remaining


def register(app: Flask) -> None:
    @page(app, "admin.agent_objections", "/agents/objections")
    def objections(door: Door) -> Response:
        return show(door, _objections(door), LIST, parts=words.parts(door, "agent_objections"))

    @page(app, "admin.agent_objection", "/agents/<uuid:agent_id>/objections/<uuid:response_id>")
    def objection(door: Door, agent_id: UUID, response_id: UUID) -> Response:
        return _objection(door, agent_id, response_id)

    @page(app, "admin.agent_decide", "/agents/<uuid:agent_id>/objections/<uuid:response_id>/decide", ("POST",))
    def decide(door: Door, agent_id: UUID, response_id: UUID) -> Response:
        record_id = _response(door, agent_id, response_id).record_id
        with door.attempting() as tried:
            outcome = request.form.get("outcome", "")
            if outcome not in words.OUTCOMES:
                raise bad_field("/outcome", "请选择成立或不成立", "Choose upheld or rejected")
            records.decide(
                door.session, agent_id, record_id, caller=door.caller, answers=response_id, outcome=outcome,
                said=request.form.get("said", "").strip(),
            )  # fmt: skip
        if tried.error is not None:
            return _objection(door, agent_id, response_id, tried.error)
        if outcome == "upheld":
            flash(_("已决定；异议成立，请随即更正或撤回该记录。"), "good")
            return door.go("agent_entry", agent_id=agent_id, supersedes=record_id)
        flash(_("已决定并写入透明日志。"), "good")
        following = queries_desk.objections(door.session, limit=1)
        if not following:
            return door.go("agent_objections")
        return door.go("agent_objection", agent_id=following[0][1].id, response_id=following[0][0].id)

    @page(app, "admin.agent_entry", "/agents/<uuid:agent_id>/entry")
    def entry(door: Door, agent_id: UUID) -> Response:
        return _entry(door, agent_id)

    @page(app, "admin.agent_enter", "/agents/<uuid:agent_id>/enter", ("POST",))
    def enter(door: Door, agent_id: UUID) -> Response:
        given = request.form
        with door.attempting() as tried:
            records.enter(
                door.session, agent_id, caller=door.caller, kind=_word(given, "kind", words.KINDS) or "",
                severity=_word(given, "severity", words.SEVERITIES), basis=given.get("basis", "").strip(),
                certainty=_word(given, "certainty", words.CERTAINTIES), occurred_on=_day(given.get("occurred_on", "")),
                withdrawn=given.get("withdrawn") == "1", supersedes=_superseded(given.get("supersedes", "")),
            )  # fmt: skip
        if tried.error is not None:
            return _entry(door, agent_id, tried.error)
        flash(_("已登记并写入透明日志。"), "good")
        return door.go("agent", agent_id=agent_id)


def _objections(door: Door) -> Listing:
    agencies: dict[UUID, str] = {}

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        found = queries_desk.objections(door.session, after=typed(after, date.fromisoformat, UUID), limit=limit)
        agencies.update(words.names(door, {agent.agency_id for _said, agent in found}))
        return found

    return Listing(
        name="agent-objections",
        title=_("异议与更正请求"),
        rule=_("异议二十个工作日、更正请求三个工作日内决定；期间查验答复随附本人的话。"),
        columns=[
            Column(_("执照号"), lambda row: row[1].licence_no),
            Column(_("机构"), lambda row: agencies.get(row[1].agency_id, "—")),
            Column(_("类别"), lambda row: words.shown(words.RESPONSES, row[0].kind)),
            Column(_("提出于"), lambda row: moment(row[0].said_at)),
            Column(_("期限"), lambda row: day(row[0].due_on)),
            Column(
                _("剩余工作日"), lambda row: remaining(row[0].due_on), lambda row: words.left(row[0].due_on), end=True
            ),
        ],
        fetch=fetch,
        key=lambda row: [row[0].due_on.isoformat(), str(row[0].id)],
        keys=2,
        address=lambda row: url_for("admin.agent_objection", agent_id=row[1].id, response_id=row[0].id),
        empty=_("没有待决定的异议或更正请求。"),
        total=lambda _values: queries_desk.count_objections(door.session),
    )


def _response(door: Door, agent_id: UUID, response_id: UUID) -> Any:
    """An objection or request of this agent. Raises NotFound."""
    queries.get_agent(door.session, agent_id)
    found = [r for r in queries.responses(door.session, agent_id) if r.id == response_id and r.kind in records.CLOCKED]
    if not found:
        raise NotFound
    return found[0]


def _objection(door: Door, agent_id: UUID, response_id: UUID, error: GongxinError | None = None) -> Response:
    agent, said = queries.get_agent(door.session, agent_id), _response(door, agent_id, response_id)
    entry = queries.get_record(door.session, agent_id, said.record_id)
    others = [r for r in queries.responses(door.session, agent_id) if r.record_id == entry.id]
    decided = next((r for r in others if r.answers == response_id), None)
    who = words.names(door, {r.said_by for r in others} | {entry.recorded_by})
    clock_row = grading.pack()["clocks"][said.kind]
    state = (_("待决定"), "wait") if decided is None else (
        words.shown(words.OUTCOMES, decided.outcome), words.OUTCOMES[decided.outcome or ""][2]
    )  # fmt: skip
    object_ = {
        "title": f"{words.shown(words.RESPONSES, said.kind)} · {agent.licence_no}",
        "rule": _("%(days)s 个工作日内决定；时限来源未经核实。", days=clock_row["working_days"]),
        "number": str(response_id),
        "back": url_for("admin.agent_objections"),
        "back_name": _("异议与更正请求"),
        "state": state,
        "facts": [
            (_("期限"), f"{said.due_on} · {remaining(said.due_on)}" if decided is None else day(said.due_on)),
            (_("本人的话"), plain(said.said)),
            (_("提出机构"), who.get(said.said_by, "—")),
            (_("所涉记录"), entry_words(entry)),
            (_("发生于"), day(entry.occurred_on)),
            (_("依据"), plain(entry.basis)),
            (_("登记机构"), who.get(entry.recorded_by, "—")),
        ],
        "steps": [
            {"what": words.shown(words.RESPONSES, r.kind) + (f" → {words.shown(words.OUTCOMES, r.outcome)}" if r.outcome
             else ""), "who": who.get(r.said_by, ""), "why": r.said, "at": r.said_at, "leaf": r.id}
            for r in reversed(others)
        ],
    }  # fmt: skip
    return door.render(
        "agents/objection.html", error=error, object=object_, agent=agent, said=said, given=request.form,
        may_decide=decided is None and words.is_officer(door), outcomes=words.options(words.OUTCOMES),
    )  # fmt: skip


def entry_words(entry: Any) -> str:
    """What an entry says, in one line."""
    told = [words.shown(words.KINDS, entry.kind)]
    told += [words.shown(words.SEVERITIES, entry.severity)] if entry.severity else []
    told += [words.shown(words.CERTAINTIES, entry.certainty)] if entry.certainty else []
    return " · ".join(told)


def _entry(door: Door, agent_id: UUID, error: GongxinError | None = None) -> Response:
    agent = queries.get_agent(door.session, agent_id)
    before_id = _superseded(request.values.get("supersedes", ""))
    before = queries.get_record(door.session, agent_id, before_id) if before_id is not None else None
    given: dict[str, Any] = request.form.to_dict()
    if not given and before is not None:
        given = {
            "kind": before.kind, "severity": before.severity, "certainty": before.certainty, "basis": before.basis,
            "occurred_on": before.occurred_on.isoformat(),
        }  # fmt: skip
    return door.render(
        "agents/entry.html", error=error, agent=agent, before=before, given=given,
        before_words=entry_words(before) if before is not None else "", kinds=words.options(words.KINDS),
        severities=words.options(words.SEVERITIES), certainties=words.options(words.CERTAINTIES),
        scale=[
            (words.shown(words.SEVERITIES, s), row["points"] // 100, row["months"])
            for s, row in grading.pack()["violations"].items()
        ],
        today=clock.today_in_china(), both=languages.both,
    )  # fmt: skip


def _word(given: Any, name: str, table: dict[str, words.Pair]) -> str | None:
    value = given.get(name, "")
    if name == "kind" and value not in table:
        raise bad_field("/kind", "请选择类别", "Choose a kind")
    return value if value in table else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as fault:
        raise bad_field("/occurred_on", "应为 2026-11-23 的形式", "Write it as 2026-11-23") from fault


def _superseded(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as fault:
        raise NotFound from fault
