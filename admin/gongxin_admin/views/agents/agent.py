"""One agent: licence, certificates, agencies, the credit record with its arithmetic, who checked, and the decision."""

from datetime import date
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.agents import identities, queries, queries_desk, queries_filings, records, rules, service
from gongxin.errors import GongxinError, NotFound, bad_field
from gongxin.web.pages import KINDS

from ... import languages
from ...face import Door, page
from ...formats import day, moment, plain
from . import words

# Who reads a person's name; others work with the number.
NAMED_TO = frozenset({"officer", "committee", "auditor"})
QUEUES = ("applications",)


def register(app: Flask) -> None:
    @page(app, "admin.agent", "/agents/<uuid:agent_id>")
    def agent(door: Door, agent_id: UUID) -> Response:
        return _agent(door, agent_id)

    @page(app, "admin.agent_move", "/agents/<uuid:agent_id>/move", ("POST",))
    def move(door: Door, agent_id: UUID) -> Response:
        given, applied = request.form, _place(door, agent_id)
        with door.attempting() as tried:
            service.move(
                door.session, agent_id, caller=door.caller, action=_known(given.get("action", "")),
                reason=given.get("reason", "").strip(), version=_number(given.get("version", "")),
                valid_until=_day(given.get("valid_until", "")),
            )  # fmt: skip
        if tried.error is not None:
            return _agent(door, agent_id, tried.error)
        flash(_("已记录并写入透明日志；关注此人的机构会收到通知。"), "good")
        return _onward(door, agent_id, applied)


def _known(action: str) -> str:
    """Raises NotFound for what is no move of the office's."""
    if action not in words.CONSEQUENCES:
        raise NotFound
    return action


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as fault:
        raise bad_field("/valid_until", "应为 2026-11-23 的形式", "Write it as 2026-11-23") from fault


def _place(door: Door, agent_id: UUID) -> Any:
    """Where the application stands in the work list, before the decision takes it out."""
    if request.form.get("queue") not in QUEUES:
        return None
    found = queries_desk.applications(door.session, limit=1000)
    return next(((at, row.id) for row, at in found if row.id == agent_id), None)


def _onward(door: Door, agent_id: UUID, place: Any) -> Response:
    """The next application where the list is being worked off, else the agent."""
    if place is None or request.form.get("next") != "1":
        return door.go("agent", agent_id=agent_id)
    following = queries_desk.applications(door.session, after=place, limit=1)
    if not following:
        flash(_("申请已办完。"), "good")
        return door.go("agent_applications")
    return door.go("agent", agent_id=following[0][0].id, queue="applications")


def _agent(door: Door, agent_id: UUID, error: GongxinError | None = None) -> Response:
    found, today = queries.get_agent(door.session, agent_id), clock.today_in_china()
    changes, spells = queries.changes(door.session, agent_id), queries.engagements(door.session, agent_id)
    agencies = words.names(door, {found.agency_id} | {s.agency_id for s in spells})
    as_of = _asked_day(today)
    legal = [a for a in rules.legal(found.state, door.house.kind) if a in words.CONSEQUENCES]
    object_ = {
        "title": languages.both(f"催收员 {found.licence_no}", f"Agent {found.licence_no}"),
        "rule": _("协会的决定即时生效，写入透明日志；此人的记录只答复有依据的核验。"),
        "number": "",
        "back": url_for("admin.agents"),
        "back_name": _("催收员"),
        "state": (words.shown(words.STATES, found.state), words.STATES[found.state][2]),
        "facts": _facts(door, found, agencies, changes),
        "steps": [_step(change, agencies) for change in reversed(changes)],
    }
    return door.render(
        "agents/agent.html", error=error, object=object_, agent=found, words=words, as_of=as_of,
        certificates=_certificates(door, agent_id, today),
        engagements=[[agencies[s.agency_id], moment(s.began_at), moment(s.ended_at)] for s in reversed(spells)],
        **_record(door, agent_id, as_of), checks=_checks(door, agent_id), given=request.form,
        moves=[(a, words.shown(words.MOVES, a), a in words.ADVERSE) for a in legal] if words.is_officer(door) else [],
        consequences=[(words.shown(words.MOVES, a), words.shown(words.CONSEQUENCES, a)) for a in legal],
        watchers=len(queries_filings.watchers(door.session, agent_id, today)),
        licensing=[a for a in legal if a in rules.LICENSING], may_decide=words.is_officer(door),
        queue=request.values.get("queue") if request.values.get("queue") in QUEUES else "",
    )  # fmt: skip


def _asked_day(today: date) -> date:
    """The day whose record is asked for; today where none is, or none that can be."""
    try:
        return min(date.fromisoformat(request.args.get("as_of", "")), today)
    except ValueError:
        return today


def _facts(door: Door, found: Any, agencies: dict[UUID, str], changes: Any) -> list[tuple[str, Any]]:
    name = "—"
    if NAMED_TO.intersection(door.me.roles) and door.house.kind == "association":
        try:
            name = plain(identities.read(door.session, door.config, found.id)["name"])
        except NotFound:
            name = _("已擦除")
    facts = [
        (_("姓名"), name),
        (_("机构"), agencies[found.agency_id]),
        (_("有效期"), f"{found.valid_from or '—'} → {found.valid_until or '—'}"),
        (_("学历"), words.shown(words.EDUCATION, found.education)),
        (_("成年已核实于"), day(found.adult_as_of)),
        (_("无犯罪记录声明于"), day(found.declared_on)),
        (_("照片指纹"), found.photo_sha256.hex()[:16] + "…"),
    ]
    if found.state in queries_desk.WAITING:
        applied = next(c.changed_at for c in reversed(changes) if c.action == "apply")
        limit = words.due(words.day_of(applied), "application")
        facts.insert(0, (_("办理期限"), day(limit)))
    if found.released:
        facts.append((_("转会"), _("已放行，待认领")))
    if found.barred_until is not None:
        facts.append((_("暂不受理至"), day(found.barred_until)))
    return facts


def _step(change: Any, agencies: dict[UUID, str]) -> dict[str, Any]:
    return {
        "what": words.shown(words.MOVES, change.action) + " → " + words.shown(words.STATES, change.state),
        "who": change.changed_by, "why": change.reason, "at": change.changed_at, "leaf": change.id,
    }  # fmt: skip


def _certificates(door: Door, agent_id: UUID, today: date) -> list[list[Any]]:
    withdrawn = queries.withdrawals(door.session, agent_id)
    return [
        [
            words.shown(words.LEVELS, each.level), day(each.issued_on), day(each.valid_until),
            _("已撤销") if each.id in withdrawn
            else _("有效") if each.issued_on <= today <= each.valid_until else _("不在有效期"),
        ]
        for each in reversed(queries.certificates(door.session, agent_id))
    ]  # fmt: skip


def _record(door: Door, agent_id: UUID, as_of: date) -> dict[str, Any]:
    """The record as it stood on the day, each line of its arithmetic beside the entry it is of."""
    told = records.as_of(door.session, agent_id, as_of)
    entries = {str(each["record_id"]): each for each in told["entries"]}
    lines = [
        [
            _line_name(entries.get(line["record_id"] or "")), words.shown(words.WHY, line["why"]),
            points(line["start"]), line["months"], points(line["left"]),
        ]
        for line in told["lines"]
    ]  # fmt: skip
    if lines:
        lines.append([languages.both("合计", "Sum"), "", "", "", points(told["points"])])
    who = words.names(door, {r["said_by"] for e in told["entries"] for r in e["responses"]})
    return {"record": told, "lines": lines, "total": points(told["points"]), "who": who, "points": points}


def _line_name(entry: dict[str, Any] | None) -> Any:
    if entry is None:
        return "—"
    what = words.shown(words.SEVERITIES, entry["severity"]) if entry["severity"] else words.shown(
        words.KINDS, entry["kind"]
    )  # fmt: skip
    return f"{entry['occurred_on']} {what}"


def points(hundredths: int) -> str:
    """Hundredths of a point as they are read."""
    sign = "−" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"


def _checks(door: Door, agent_id: UUID) -> list[list[Any]]:
    """Who asked, newest first; for the association's people alone."""
    if door.house.kind != "association":
        return []
    return [
        [
            moment(c.asked_at), languages.both(c.name_zh, c.name_en or c.name_zh),
            languages.both(KINDS[c.kind], c.kind), words.shown(words.PURPOSES, c.purpose), c.consent or "—",
        ]
        for c in reversed(queries_filings.checked(door.session, agent_id)[-200:])
    ]  # fmt: skip
