"""The verbs of the process: report, act, vote, object. Verbs flush, never commit; each has its leaf."""

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.agents import queries as agents
from gongxin.agents import rules as agent_rules
from gongxin.errors import Conflict, Invalid, TooMany, bad_field
from gongxin.members import queries as members
from gongxin.members.officers import officer_key
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin_wire import licences
from gongxin_wire.identifiers import USCC_ALPHABET
from gongxin_wire.pii import find_pii

from . import effects, pack, queries, rules
from .models import Act, Committee, Matter, Seat

OFFICE_KINDS = ("association", "registry")


# --- committees -----------------------------------------------------------------------------------------------------


def found_committee(
    session: Session, *, name_zh: str, officers: Sequence[str], name_en: str | None = None
) -> Committee:
    """A committee and who sits in it."""
    refuse_pii(name_zh, "/name_zh")
    committee = Committee(id=ids.new_id(), name_zh=name_zh, name_en=name_en, created_at=clock.now())
    session.add(committee)
    session.flush()
    seat(session, committee.id, officers=officers)
    return committee


def seat(session: Session, committee_id: uuid.UUID, *, officers: Sequence[str]) -> None:
    queries.get_committee(session, committee_id)
    held = queries.seated(session, committee_id)
    named = dict.fromkeys(officer_key(each, f"/officers/{at}") for at, each in enumerate(officers))
    for officer in named:
        if officer not in held:
            session.add(Seat(committee_id=committee_id, officer=officer, seated_at=clock.now()))
    session.flush()


# --- reports --------------------------------------------------------------------------------------------------------


def report(
    session: Session,
    *,
    caller: Caller,
    subject_kind: str,
    article: str,
    place: str,
    occurred_from: date,
    occurred_until: date,
    conduct: str,
    evidence: Sequence[Mapping[str, Any]] = (),
    complaint_ref: str | None = None,
    licence: str | None = None,
    member_id: uuid.UUID | None = None,
) -> Matter:
    """A member's report on an agent (by licence number), an agency or a member. Raises TooMany over the day's limit,
    Invalid for what is no report, NotFound where there is no such subject."""
    if caller.member_id is None:
        raise bad_field("/member_id", "举报由会员提出", "A member reports")
    pack.check_article(article, subject_kind)
    _check_conduct(place, conduct, complaint_ref, occurred_from, occurred_until)
    agent_id, agency_id = _subject(session, subject_kind, licence, member_id, caller.member_id)
    _check_limit(session, caller.member_id)
    matter = _new(
        subject_kind=subject_kind,
        agent_id=agent_id,
        member_id=member_id,
        agency_id=agency_id,
        reporter_id=caller.member_id,
        article=article,
        place=place,
        occurred_from=occurred_from,
        occurred_until=occurred_until,
        conduct=conduct,
        evidence=[dict(each) for each in evidence],
        complaint_ref=complaint_ref,
    )
    session.add(matter)
    session.flush()
    _record(session, matter, caller, rules.Act("report", rules.MEMBER, said="举报 reported"), {})
    return queries.get_matter(session, matter.id)


def warn_of_bulk(session: Session, *, reporter_id: uuid.UUID, against: uuid.UUID) -> bool:
    """Whether the member reports one agency and its people as a competitor would: shown to whoever decides."""
    limits = pack.pack()["reports"]
    since = clock.now() - timedelta(days=limits["window_days"])
    warned: int = limits["same_agency_warning"]
    return queries.reports_against(session, reporter_id, against, since) >= warned


def propose_escalation(session: Session, *, agent_id: uuid.UUID, numbers: Sequence[str], since: date, until: date,
                       caller: Caller) -> Matter:  # fmt: skip
    """A matter of the system's own, for people to decide: so many minor violations within the pack's months."""
    article = pack.pack()["escalation"]["article"]
    matter = _new(
        subject_kind="agent",
        agent_id=agent_id,
        agency_id=queries.present_agency(session, agent_id)["agency_id"],
        article=article,
        place="登记处 the registry",
        occurred_from=since,
        occurred_until=until,
        conduct=f"{pack.pack()['articles'][article]['zh']}：{'、'.join(numbers)}",
        evidence=[],
    )
    session.add(matter)
    session.flush()
    _record(session, matter, caller, rules.Act("report", rules.CLOCK, said="系统提请 proposed by the system"), {})
    return queries.get_matter(session, matter.id)


def _new(**columns: Any) -> Matter:
    now = clock.now()
    return Matter(
        id=ids.new_id(),
        number=_number(),
        severity=pack.severity_of(columns["article"]),
        rules_version=pack.pack()["version"],
        state="draft",
        version=0,
        created_at=now,
        changed_at=now,
        **columns,
    )


def _number() -> str:
    """GL, ten characters, a check character, as of licences."""
    while True:
        body = "GL" + "".join(secrets.choice(USCC_ALPHABET) for _ in range(10))
        number = body + licences.check_character(body)
        if number[-1] != "*" and find_pii(number) is None:
            return number


def _check_conduct(place: str, conduct: str, complaint_ref: str | None, first: date, last: date) -> None:
    for name, words, longest in (("place", place, 120), ("conduct", conduct, 2000)):
        if not 1 <= len(words.strip()) <= longest or not words.replace("\n", "").isprintable():
            raise bad_field(f"/{name}", f"1 至 {longest} 个可见字符", f"1 to {longest} visible characters")
        refuse_pii(words, f"/{name}")
    refuse_pii(complaint_ref, "/complaint_ref")
    today = clock.today_in_china()
    if not first <= last <= today:
        raise bad_field("/occurred_until", "起止日有误或晚于今日", "The days are in order and not after today")
    if first < today - timedelta(days=366 * pack.pack()["conduct_years"]):
        raise bad_field("/occurred_from", "行为早于可受理的年限", "The conduct is too long ago")


def _subject(
    session: Session, kind: str, licence: str | None, member_id: uuid.UUID | None, reporter_id: uuid.UUID
) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """(agent, the agency that employs them), or neither for an organisation."""
    if (licence is None) == (kind == "agent") or (member_id is None) != (kind == "agent"):
        raise bad_field(
            "/subject_kind", "催收员填 licence，机构填 member_id", "An agent by licence, others by member_id"
        )
    if kind == "agent":
        assert licence is not None
        found = agents.standing(session, [(0, agent_rules.check_licence(licence, "/licence"), None, None)]).get(0)
        if found is None:
            raise agents.unknown()
        return found["agent_id"], found["agency_id"]
    assert member_id is not None
    member = members.get_member(session, member_id)
    if (kind == "agency") != (member.kind == "agency") and kind == "agency":
        raise bad_field("/member_id", "该会员不是受托机构", "That member is no agency")
    if member_id == reporter_id:
        raise bad_field("/member_id", "不能举报本机构", "Nobody reports themselves")
    return None, None


def _check_limit(session: Session, reporter_id: uuid.UUID) -> None:
    recent = queries.matters(session, reporter_id=reporter_id, limit=10_000)
    since = clock.now() - timedelta(days=1)
    if sum(each.created_at > since for each in recent) >= pack.pack()["reports"]["a_day"]:
        raise TooMany(
            "too_many_reports",
            zh="今日举报数已达上限",
            en="The day's limit of reports is reached",
            fix_zh="次日再提交；批量问题请另行与协会联系。",
            fix_en="Go on tomorrow; speak to the association about a matter of scale.",
            retry_after=86_400,
        )


# --- acts -----------------------------------------------------------------------------------------------------------


def act(
    session: Session,
    matter_id: uuid.UUID,
    *,
    caller: Caller,
    action: str,
    officer: str | None = None,
    said: str | None = None,
    version: int | None = None,
    **details: Any,
) -> Matter:
    """One step of the process, by whoever may make it. Raises Conflict where it does not follow, is late, or has not
    the votes; the database says the same to whoever comes past here."""
    matter = queries.get_matter(session, matter_id)
    move = rules.MOVES[action]
    party = rules.REPORTED if rules.REPORTED in move.by else rules.OFFICE
    if caller.kind not in OFFICE_KINDS and party == rules.OFFICE:
        party = rules.REPORTED  # which the table refuses
    if version is not None and version != matter.version:
        raise meanwhile()
    if said is not None:
        refuse_pii(said, "/said")
    by = "" if officer is None else officer_key(officer)
    draft = None
    if action == "draft":
        draft = _draft(session, matter, by, details)
    elif action in {"accept", "assign"}:
        _check_committee(session, matter, action, details)
    elif action == "join":
        _check_joined(session, matter, details)
    step = rules.Act(
        action, party, by, said or "", draft, details.get("served_on"), details.get("until")
    )  # fmt: skip
    _record(session, matter, caller, step, details)
    return queries.get_matter(session, matter_id)


def run_clock(session: Session, matter: Matter, action: str, caller: Caller) -> None:
    """What follows by itself once a clock or a term has ended."""
    _record(session, matter, caller, rules.Act(action, rules.CLOCK), {})


def snapshot(session: Session, matter: Matter) -> rules.Matter:
    """The matter as the rules see it."""
    panel = queries.seated(session, matter.appeal_committee_id if matter.state == "appealed" else matter.committee_id)
    cast = queries.votes(session, matter.id)
    drafted = queries.find_act(session, matter.draft_id)
    draft = None
    if drafted is not None and drafted.previous == matter.state:
        told = drafted.details
        draft = rules.Draft(
            told["act"], drafted.officer or "", told["level"], told["months"], told["severity"], panel
        )  # fmt: skip
    first = {each.id for each in queries.acts(session, matter.id) if each.previous == "deliberation"}
    return rules.Matter(
        state=matter.state,
        severity=matter.severity,
        due_on=matter.due_on,
        began_on=matter.began_on,
        extended=matter.extended,
        noticed=matter.noticed_at is not None,
        heard=matter.began_on is not None,
        keeper=matter.keeper or "",
        draft=draft,
        votes={vote.officer: vote.vote for vote in cast if vote.draft_id == matter.draft_id},
        recused=frozenset(each.officer for each in queries.recusals(session, matter.id)),
        first_panel=frozenset({matter.keeper or "", *(v.officer for v in cast if v.draft_id in first)}),
        appeal_until=matter.appeal_until,
        level=matter.level or "none",
        months=matter.months,
        begins_on=matter.begins_on,
        ends_on=matter.ends_on,
        stop_until=matter.stop_until,
    )


def _record(session: Session, matter: Matter, caller: Caller, step: rules.Act, details: Mapping[str, Any]) -> Act:
    """The row that makes it so, its leaf, and what follows from it elsewhere."""
    today, now = clock.today_in_china(), clock.now()
    after = rules.step(snapshot(session, matter), step, today)
    kept = {name: _plain(value) for name, value in details.items() if value is not None}
    if step.draft is not None:
        kept |= {"severity": step.draft.severity, "months": step.draft.months}
    kept |= effects.details_of(session, matter, step.action, today)
    made = Act(
        id=ids.new_id(),
        matter_id=matter.id,
        version=matter.version + 1,
        action=step.action,
        previous=matter.state,
        state=after.state,
        party=step.by,
        member_id=caller.member_id,
        officer=step.officer or None,
        said=step.said or None,
        due_on=after.due_on,
        details=kept,
        at=now,
    )
    session.add(made)
    session.flush()
    transparency.append(
        session,
        kind="blacklist_act",
        record={
            "action": step.action,
            "at": transparency.moment(now),
            "details": hashlib.sha256(transparency.canonical_text(kept)).hexdigest(),
            "due_on": after.due_on.isoformat() if after.due_on else None,
            "matter_id": str(matter.id),
            "officer": step.officer or None,
            "party": step.by,
            "previous": matter.state,
            "said": hashlib.sha256(step.said.encode()).hexdigest(),
            "state": after.state,
            "version": made.version,
        },
        leaf_id=made.id,
        owner=caller.member_id,
    )
    effects.follow(session, queries.get_matter(session, matter.id), made, caller)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def _draft(session: Session, matter: Matter, by: str, details: dict[str, Any]) -> rules.Draft:
    """What the committee is to vote on; a term and a level with what lists, as they are with what upholds."""
    what, level = details.get("act"), details.get("level")
    if what not in rules.DRAFTABLE:
        raise bad_field("/act", "decide、uphold、vary 或 withdraw", "decide, uphold, vary or withdraw")
    severity = details.get("severity") or matter.severity
    if what in {"decide", "vary"}:
        if level is None:
            raise bad_field("/level", "须填级别", "The level is named")
        pack.check_finding(severity, level, bool(details.get("major_harm")), details.get("months"))
        months = details.get("months")
    else:
        level, months = matter.level or "none", matter.months
    details["level"] = level
    panel = queries.seated(session, matter.appeal_committee_id if matter.state == "appealed" else matter.committee_id)
    return rules.Draft(what, by, level, months, severity, panel)


def _check_committee(session: Session, matter: Matter, action: str, details: Mapping[str, Any]) -> None:
    committee = queries.get_committee(session, details.get("committee_id"))
    if action == "assign" and committee.id == matter.committee_id:
        raise Invalid("same_committee", zh="复核由另一委员会进行", en="An appeal is heard by others",
                      fix_zh="另指定一个委员会。", fix_en="Name another committee.",
                      pointer="/committee_id")  # fmt: skip


def _check_joined(session: Session, matter: Matter, details: Mapping[str, Any]) -> None:
    if details.get("joined_to") is None:
        raise bad_field("/joined_to", "须填并入的事项", "The matter it joins is named")
    other = queries.get_matter(session, details["joined_to"])
    if other.id == matter.id or (other.agent_id, other.member_id) != (matter.agent_id, matter.member_id):
        raise bad_field("/joined_to", "须为同一对象的另一事项", "Another matter on the same subject")


def meanwhile() -> Conflict:
    return Conflict("matter_changed_meanwhile", zh="该事项刚被他人推进", en="Another act on the matter came first",
                    fix_zh="重新读取后再进行。", fix_en="Read it again first.")  # fmt: skip
