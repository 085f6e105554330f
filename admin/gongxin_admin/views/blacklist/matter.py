"""One matter: who, what, by which proofs; notice, reply, hearing; the committee room; what this person can do now, and
what they cannot and why, asked of the same rules that would refuse it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from flask import Flask, Response, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin import clock
from gongxin.agents import queries as agents
from gongxin.blacklist import pack, queries, queries_desk, rules, service
from gongxin.blacklist.pack import LEVELS
from gongxin.errors import GongxinError
from gongxin.members import queries as members

from ... import languages
from ...face import Door, page
from ...formats import day, moment, plain
from . import wording
from .lists import due, tagged

# Which steps are for which role; the committee's officers draft as well.
OFFICER_STEPS = ("accept", "join", "refuse", "notice", "close_reply", "hold_hearing", "extend", "draft", "serve",
                 "dismiss", "assign", "end_stop")  # fmt: skip
PARTY_STEPS = ("reply", "ask_hearing", "appeal")
COMMITTEE_STEPS = ("draft", "decide", "uphold", "vary", "withdraw", "order_stop", "end_stop")


def register(app: Flask) -> None:
    @page(app, "admin.matter", "/blacklist/<uuid:matter_id>")
    def matter(door: Door, matter_id: UUID) -> Response:
        return show(door, matter_id)


def show(
    door: Door, matter_id: UUID, error: GongxinError | None = None, tried: str = "",
    typed: Mapping[str, Any] | None = None,
) -> Response:  # fmt: skip
    """The page; after a refusal with everything that was typed, in the form that was sent."""
    found = queries.get_matter(door.session, matter_id)
    acts, seen = queries.acts(door.session, matter_id), service.snapshot(door.session, found)
    can, barred = steps(door, found, seen)
    return door.render(
        "blacklist/matter.html",
        error=error, tried=tried, typed=typed or {}, matter=found, object=_object(door, found, acts), seen=seen,
        wording=wording, evidence=[[wording.of(wording.PROOFS, e["kind"]), _code(e["sha256"])] for e in found.evidence],
        served=_served(acts), said=[each for each in acts if each.action in {*PARTY_STEPS, "hold_hearing"}],
        room=room(door, found, seen, acts), objections=queries.objections(door.session, matter_id),
        corrections=_corrections(door, matter_id), warned=_warned(door, found), clock_word=_clock(found),
        can=can, barred=barred, vote=vote_bar(door, seen), committees=queries.committees(door.session),
        today=clock.today_in_china().isoformat(), longest=pack.pack()["terms_months"], others=_others(door, found),
        drafts=DRAFTS.get(found.state, ("vary", "withdraw")), officer="officer" in door.me.roles,
        committee="committee" in door.me.roles, party_steps=PARTY_STEPS, in_force=rules.IN_FORCE,
    )  # fmt: skip


DRAFTS = {"deliberation": ("decide",), "appealed": ("uphold", "vary", "withdraw")}


def steps(door: Door, found: Any, seen: rules.Matter) -> tuple[list[str], list[tuple[str, GongxinError]]]:
    """What this person can do now, in the order of the process; and what the state allows but not to them, or not yet,
    with the words of the rule."""
    roles = door.me.roles
    mine = [*(OFFICER_STEPS + PARTY_STEPS if "officer" in roles else ()),
            *(COMMITTEE_STEPS if "committee" in roles else ())]  # fmt: skip
    can, barred = [], []
    for name in dict.fromkeys(mine):
        if found.state not in rules.MOVES[name].starts or _pointless(name, found, seen):
            continue
        try:
            _dry_run(name, door.me.officer, found, seen)
        except GongxinError as fault:
            barred.append((name, fault))
        else:
            can.append(name)
    return can, barred


def _pointless(name: str, found: Any, seen: rules.Matter) -> bool:
    """What the state allows and nobody would look for: another outcome's service, a decision nobody drafted, what has
    been done."""
    if name in {"serve", "dismiss"}:
        return bool((found.level == "none") != (name == "dismiss"))
    if name in {"decide", "uphold", "vary", "withdraw"}:
        return seen.draft is None or seen.draft.act != name
    if name == "assign":
        return bool(found.appeal_committee_id)
    return (name == "end_stop" and found.stop_until is None) or (name == "order_stop" and found.stop_until is not None)


def _dry_run(name: str, officer: str, found: Any, seen: rules.Matter) -> None:
    """Asks the rules with words and days that are good enough. Raises what they would."""
    today = clock.today_in_china()
    party = rules.REPORTED if name in PARTY_STEPS else rules.OFFICE
    draft = None
    if name == "draft":
        what = DRAFTS.get(found.state, ("withdraw",))[-1]
        draft = rules.Draft(what, officer, found.level or LEVELS[-1], found.months)
    rules.step(seen, rules.Act(name, party, officer, "—", draft, today, today), today)


def vote_bar(door: Door, seen: rules.Matter) -> GongxinError | None:
    """Why this person does not vote on the present draft; None where they may."""
    try:
        rules.check_vote(seen, door.me.officer, True, "")
    except GongxinError as fault:
        return fault
    return None


def room(door: Door, found: Any, seen: rules.Matter, acts: Sequence[Any]) -> dict[str, Any]:
    """The committee room: each seat with its declared conflict and its vote on the present draft, the draft with what
    it would do, and whether it stands to be carried."""
    committee_id = found.appeal_committee_id if found.state == "appealed" else found.committee_id
    seats = sorted(queries.seated(door.session, committee_id))
    conflicts = {each.officer: each for each in queries.recusals(door.session, found.id)}
    cast = queries.votes(door.session, found.id)
    present = {vote.officer: vote for vote in cast if vote.draft_id == found.draft_id}
    counted = [v for o, v in present.items() if o in seats and o not in conflicts]
    drafted = queries.find_act(door.session, found.draft_id) if seen.draft is not None else None
    return {
        "name": _committee(door, committee_id),
        "rows": [
            [officer, _standing(officer, seen, conflicts), _voted(present.get(officer), officer in conflicts)]
            for officer in seats
        ],
        "conflicts": list(conflicts.values()),
        "draft": drafted,
        "draft_says": _drafted(seen) if seen.draft is not None else "",
        "votes": [vote for vote in cast if vote.draft_id == found.draft_id] if drafted is not None else [],
        "past": [vote for vote in cast if drafted is None or vote.draft_id != found.draft_id],
        "drafts": {act.id: act for act in acts if act.action == "draft"},
        "counted": len(counted), "quorum": pack.pack()["quorum"], "for": sum(vote.vote for vote in counted),
        "sits": door.me.officer in seats, "conflict": door.me.officer in conflicts,
    }  # fmt: skip


def _committee(door: Door, committee_id: UUID | None) -> str:
    if committee_id is None:
        return ""
    found = queries.get_committee(door.session, committee_id)
    return languages.both(found.name_zh, found.name_en or found.name_zh)


def _standing(officer: str, seen: rules.Matter, conflicts: Mapping[str, Any]) -> Markup:
    word, mood = _("可表决"), "good"
    if officer in conflicts:
        word, mood = _("已回避"), "over"
    elif seen.draft is not None and officer == seen.draft.by:
        word, mood = _("拟稿人，不表决"), "over"
    elif seen.state == "appealed" and officer in seen.first_panel:
        word, mood = _("初审经手，不参与"), "over"
    return Markup('<span class="tag {}">{}</span>').format(mood, word)


def _voted(vote: Any, out: bool) -> Markup:
    if vote is None:
        return Markup("—")
    word, mood = (_("同意"), "good") if vote.vote else (_("反对"), "bad")
    return Markup('<span><span class="tag {}">{}</span> {} {}{}</span>').format(
        mood, word, moment(vote.at), Markup("· ") + _("不计") + " " if out else "", plain(vote.said or "")
    )


def _drafted(seen: rules.Matter) -> str:
    assert seen.draft is not None
    draft = seen.draft
    term = "" if draft.months is None else languages.both(f"，{draft.months} 个月", f", {draft.months} months")
    level = "" if draft.act in {"uphold", "withdraw"} else f"{_('：')}{wording.of(wording.LEVELS, draft.level)}{term}"
    return f"{wording.step(draft.act) if draft.act != 'decide' else _('决定')}{level}"


def _clock(found: Any) -> tuple[str, str] | None:
    """What a clock that ended means, in words, and its mood."""
    if found.due_on is None or found.due_on >= clock.today_in_china():
        return None
    if found.state == "noticed":
        return _("申辩期已满。未申辩不等于承认：可转审议，由委员会依在卷材料决定。"), "wait"
    return _("协会的期限已过：系统即将登记失效，任何一步都会被拒绝。"), "bad"


def _served(acts: Sequence[Any]) -> list[list[Any]]:
    return [
        [wording.done(each.action), wording.of(wording.CHANNELS, each.details.get("channel")),
         day(date.fromisoformat(each.details["served_on"])), _code(each.details["proof"]),
         each.officer or "—"]
        for each in acts if each.action in {"notice", "serve", "dismiss"}
    ]  # fmt: skip


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _corrections(door: Door, matter_id: UUID) -> list[list[Any]]:
    rows = queries_desk.corrections_by_clock(
        door.session, show="all", today=clock.today_in_china(), matter_id=matter_id, limit=200
    )
    return [
        [plain(languages.both(r.name_zh, r.name_en or r.name_zh)), wording.of(wording.CAUSES, r.Correction.cause),
         day(r.Correction.due_on) if r.Correction.did else due(r.Correction.due_on),
         wording.of(wording.DID, r.Correction.did) if r.Correction.did else _("未确认"),
         moment(r.Correction.acknowledged_at)]
        for r in sorted(rows, key=lambda r: (r.Correction.did is not None, r.Correction.due_on))
    ]  # fmt: skip


def _warned(door: Door, found: Any) -> bool:
    against = found.agency_id or found.member_id
    return found.reporter_id is not None and service.warn_of_bulk(
        door.session, reporter_id=found.reporter_id, against=against
    )


def _others(door: Door, found: Any) -> list[tuple[str, str]]:
    """Other open matters on the same subject, which this one may join."""
    held = queries.matters(door.session, against=found.agency_id or found.member_id, limit=200)
    same = [m for m in held if (m.agent_id, m.member_id) == (found.agent_id, found.member_id) and m.id != found.id]
    return [(str(m.id), f"{m.number} {wording.state(m.state)[0]}") for m in same if m.state not in rules.ENDED]


def _object(door: Door, found: Any, acts: Sequence[Any]) -> dict[str, Any]:
    word, mood = wording.state(found.state)
    return {
        "title": wording.article(found.article),
        "rule": _("证据在卷、双方有言、委员会有票，方可列入；每一步都写入透明日志。"),
        "number": found.number,
        "back": url_for("admin.blacklist"),
        "back_name": _("黑名单审议"),
        "state": (word, mood),
        "facts": [pair for pair in _facts(door, found) if pair[1]],
        "steps": [
            {
                "what": f"{wording.done(each.action)} → {wording.state(each.state)[0]}",
                "who": each.officer or wording.of(wording.PARTIES, each.party), "why": each.said, "at": each.at,
                "leaf": each.id,
            }
            for each in reversed(acts)
        ],
    }  # fmt: skip


def _facts(door: Door, found: Any) -> list[tuple[str, Any]]:
    outcome = None
    if found.level is not None:
        outcome = wording.of(wording.LEVELS, found.level)
    return [
        (_("被举报方"), _subject(door, found)),
        (_("所在机构"), _member(door, found.agency_id)),
        (_("程度"), wording.of(wording.SEVERITIES, found.severity)),
        (_("行为"), plain(found.conduct)),
        (_("地点"), plain(found.place)),
        (_("时间"), Markup("{} – {}").format(day(found.occurred_from), day(found.occurred_until))),
        (_("举报方"), _member(door, found.reporter_id) if found.reporter_id else _("系统提请")),
        (_("投诉编号"), found.complaint_ref),
        (_("时限"), due(found.due_on) if found.due_on else None),
        (_("承办人"), found.keeper),
        (_("结果"), outcome),
        (_("期间"), Markup("{} – {}").format(day(found.begins_on), day(found.ends_on)) if found.begins_on else None),
        (_("复核申请截止"), day(found.appeal_until) if found.appeal_until else None),
        (_("临时停止至"), day(found.stop_until) if found.stop_until else None),
        (_("并入"), _joined(door, found)),
        (_("规则版本"), Markup("{} <span class=\"tag wait\">{}</span>").format(found.rules_version, _("来源未核实"))
         if pack.pack()["source_status"] == "unverified" else found.rules_version),
    ]  # fmt: skip


def _subject(door: Door, found: Any) -> Any:
    if found.agent_id is None:
        return _member(door, found.member_id)
    agent = agents.get_agent(door.session, found.agent_id)
    return Markup('{} <a href="{}"><code>{}</code></a>').format(
        wording.of(wording.SUBJECTS, "agent"), url_for("admin.agent", agent_id=agent.id), agent.licence_no
    )


def _member(door: Door, member_id: UUID | None) -> Any:
    if member_id is None:
        return None
    found = members.get_member(door.session, member_id)
    return Markup('<a href="{}">{}</a>').format(
        url_for("admin.member", member_id=member_id),
        plain(languages.both(found.name_zh, found.name_en or found.name_zh)),
    )


def _joined(door: Door, found: Any) -> Any:
    if found.joined_to is None:
        return None
    other = queries.get_matter(door.session, found.joined_to)
    return Markup('<a href="{}">{}</a> {}').format(
        url_for("admin.matter", matter_id=other.id), other.number, tagged(other.state)
    )
