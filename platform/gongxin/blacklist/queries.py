"""Every SELECT on matters, votes, entries and corrections."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound
from gongxin.members.models import Member

from .models import Act, Committee, Correction, Listing, Matter, Objection, Recusal, Seat, Told, Turn, Vote


def get_matter(session: Session, matter_id: uuid.UUID) -> Matter:
    """One that the caller may see, as it stands now. Raises NotFound."""
    found = session.get(Matter, matter_id, populate_existing=True)
    if found is None or found.state == "draft":
        raise NotFound(
            "matter_not_found",
            zh="没有这个事项",
            en="There is no such matter",
            fix_zh="核对编号；尚未告知或与本机构无关的事项同样显示未找到。",
            fix_en="Check the identifier; one that is not yours, or not yet noticed, reads the same.",
        )
    return found


def matters(
    session: Session,
    *,
    state: str | None = None,
    reporter_id: uuid.UUID | None = None,
    against: uuid.UUID | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[Matter]:
    """Matters the caller may see, oldest first, one more than the limit. `against`: of this organisation's people, or
    of itself."""
    wanted = select(Matter).where(Matter.state != "draft")
    if state is not None:
        wanted = wanted.where(Matter.state == state)
    if reporter_id is not None:
        wanted = wanted.where(Matter.reporter_id == reporter_id)
    if against is not None:
        wanted = wanted.where(or_(Matter.agency_id == against, Matter.member_id == against))
    if after is not None:
        wanted = wanted.where(Matter.id > after)
    return session.scalars(wanted.order_by(Matter.id).limit(limit + 1)).all()


def get_turn(session: Session) -> Turn:
    """When the clocks were last run, and until when what is told may be relied upon."""
    return session.scalars(select(Turn).execution_options(populate_existing=True)).one()


def acts(session: Session, matter_id: uuid.UUID) -> Sequence[Act]:
    return session.scalars(select(Act).where(Act.matter_id == matter_id).order_by(Act.version)).all()


def find_act(session: Session, act_id: uuid.UUID | None) -> Act | None:
    return None if act_id is None else session.get(Act, act_id)


def votes(session: Session, matter_id: uuid.UUID) -> Sequence[Vote]:
    """Every vote ever cast in the matter, in order."""
    return session.scalars(select(Vote).where(Vote.matter_id == matter_id).order_by(Vote.at, Vote.officer)).all()


def recusals(session: Session, matter_id: uuid.UUID) -> Sequence[Recusal]:
    return session.scalars(select(Recusal).where(Recusal.matter_id == matter_id).order_by(Recusal.officer)).all()


def objections(session: Session, matter_id: uuid.UUID) -> Sequence[Objection]:
    return session.scalars(select(Objection).where(Objection.matter_id == matter_id).order_by(Objection.id)).all()


def get_objection(session: Session, matter_id: uuid.UUID, objection_id: uuid.UUID) -> Objection:
    found = session.get(Objection, objection_id, populate_existing=True)
    if found is None or found.matter_id != matter_id:
        raise NotFound(
            "objection_not_found",
            zh="没有这项异议",
            en="There is no such objection",
            fix_zh="按该事项的卷宗核对。",
            fix_en="See the matter's file.",
        )
    return found


def seated(session: Session, committee_id: uuid.UUID | None) -> frozenset[str]:
    """Officers who sit in the committee now."""
    wanted = select(Seat.officer).where(Seat.committee_id == committee_id, Seat.ended_at.is_(None))
    return frozenset(session.scalars(wanted))


def committees(session: Session) -> list[tuple[Committee, list[str]]]:
    found = session.scalars(select(Committee).order_by(Committee.id)).all()
    return [(each, sorted(seated(session, each.id))) for each in found]


def get_committee(session: Session, committee_id: uuid.UUID | None) -> Committee:
    found = None if committee_id is None else session.get(Committee, committee_id)
    if found is None:
        raise NotFound(
            "committee_not_found",
            zh="没有这个委员会",
            en="There is no such committee",
            fix_zh="按 GET /v1/blacklist/committees 核对。",
            fix_en="See GET /v1/blacklist/committees.",
            pointer="/committee_id",
        )
    return found


def find_listing(session: Session, matter_id: uuid.UUID) -> Listing | None:
    return session.get(Listing, matter_id, populate_existing=True)


# --- clocks ---------------------------------------------------------------------------------------------------------


def overdue(session: Session, states: Collection[str], today: date, limit: int) -> Sequence[Matter]:
    """Matters in these states whose clock has ended."""
    wanted = select(Matter).where(Matter.due_on < today, Matter.state.in_(states)).order_by(Matter.due_on).limit(limit)
    return session.scalars(wanted, execution_options={"populate_existing": True}).all()


def past_term(session: Session, today: date, limit: int) -> Sequence[Matter]:
    wanted = (
        select(Matter)
        .join(Listing, Listing.matter_id == Matter.id)
        .where(Listing.state == "in_force", Listing.ends_on < today)
        .order_by(Listing.ends_on)
        .limit(limit)
    )
    return session.scalars(wanted, execution_options={"populate_existing": True}).all()


def unappealed(session: Session, today: date, limit: int) -> Sequence[Matter]:
    """L1 entries of people still licensed, whose period of appeal has passed or whose appeal was lost."""
    wanted = text(
        "select m.id from blacklist_matters m join agents a on a.id = m.agent_id"
        " where m.level = 'L1' and a.state in ('granted', 'suspended') and m.ends_on >= :today"
        " and (m.state in ('upheld', 'varied') or m.state = 'standing' and m.appeal_until < :today) limit :limit"
    )
    found = session.scalars(wanted, {"today": today, "limit": limit}).all()
    return session.scalars(select(Matter).where(Matter.id.in_(found))).all()


def to_escalate(
    session: Session, *, severity: str, since: date, count: int, article: str
) -> Sequence[Mapping[str, Any]]:
    """Agents with so many entries of this severity since that day, none of which a proposal has taken up before."""
    wanted = text(
        "select l.agent_id, array_agg(l.number order by l.number) as numbers, min(m.occurred_from) as since,"
        " max(m.occurred_until) as until"
        " from blacklist_listings l join blacklist_matters m on m.id = l.matter_id"
        " where l.agent_id is not null and l.severity = :severity and l.state <> 'withdrawn' and l.begins_on > :since"
        " and not exists (select from blacklist_matters e where e.agent_id = l.agent_id and e.article = :article"
        " and e.state <> 'lapsed' and e.created_at >= m.created_at)"
        " group by l.agent_id having count(*) >= :count"
    )
    given = {"severity": severity, "since": since, "count": count, "article": article}
    return [dict(row) for row in session.execute(wanted, given).mappings()]


def present_agency(session: Session, agent_id: uuid.UUID) -> Mapping[str, Any]:
    """Where the agent works now, and what the licence is. Raises NotFound where the caller may not see the agent."""
    found = session.execute(
        text("select agency_id, state, version, licence_no from agents where id = :id"), {"id": agent_id}
    ).mappings()
    row = found.one_or_none()
    if row is None:
        raise NotFound("agent_not_found", zh="没有这位催收员", en="There is no such agent")
    return dict(row)


def members_of(session: Session, kind: str) -> list[uuid.UUID]:
    """Active members of a kind."""
    return list(session.scalars(text("select id from members where kind = :kind and state = 'active'"), {"kind": kind}))


# --- reports of one member ------------------------------------------------------------------------------------------


def reports_against(session: Session, reporter_id: uuid.UUID, agency_id: uuid.UUID, since: datetime) -> int:
    """How many of this member's reports since then are against one agency and its people."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Matter)
            .where(
                Matter.reporter_id == reporter_id,
                Matter.created_at > since,
                or_(Matter.agency_id == agency_id, Matter.member_id == agency_id),
            )
        )
        or 0
    )


def filing(session: Session, reporter_id: uuid.UUID | None = None) -> list[Mapping[str, Any]]:
    """By member: reports, decided, upheld (an entry or a watch followed), and refused."""
    rows = session.execute(
        text(
            "select reporter_id as member_id, count(*) as reports,"
            " count(*) filter (where state in ('dismissed', 'refused') or begins_on is not null) as decided,"
            " count(*) filter (where begins_on is not null and state not in ('withdrawn', 'lapsed')) as upheld"
            " from blacklist_matters where reporter_id is not null and state <> 'draft'"
            " and (cast(:member as uuid) is null or reporter_id = :member) group by 1 order by 1"
        ),
        {"member": reporter_id},
    )
    return [dict(row) for row in rows.mappings()]


# --- corrections ----------------------------------------------------------------------------------------------------


def corrections(
    session: Session, *, member_id: uuid.UUID | None = None, open_only: bool = False, overdue_by: date | None = None,
    after: uuid.UUID | None = None, limit: int = 50,
) -> Sequence[tuple[Correction, Listing]]:  # fmt: skip
    """What members are to hear, in the order made, one more than the limit."""
    wanted = select(Correction, Listing).join(Listing, Listing.matter_id == Correction.matter_id)
    if member_id is not None:
        wanted = wanted.where(Correction.member_id == member_id)
    if open_only or overdue_by is not None:
        wanted = wanted.where(Correction.acknowledged_at.is_(None))
    if overdue_by is not None:
        wanted = wanted.where(Correction.due_on < overdue_by)
    if after is not None:
        wanted = wanted.where(Correction.id > after)
    return [(row[0], row[1]) for row in session.execute(wanted.order_by(Correction.id).limit(limit + 1))]


def get_correction(session: Session, correction_id: uuid.UUID, member_id: uuid.UUID | None) -> Correction:
    found = session.get(Correction, correction_id, populate_existing=True)
    if found is None or found.member_id != member_id:
        raise NotFound(
            "correction_not_found",
            zh="没有这条更正通知",
            en="There is no such correction",
            fix_zh="按 GET /v1/blacklist/corrections 核对。",
            fix_en="See GET /v1/blacklist/corrections.",
        )
    return found


def unchased(session: Session, today: date, limit: int) -> Sequence[Correction]:
    wanted = select(Correction).where(
        Correction.acknowledged_at.is_(None), Correction.due_on < today, Correction.chased_at.is_(None)
    )
    return session.scalars(wanted.order_by(Correction.due_on).limit(limit).with_for_update(skip_locked=True)).all()


def made_by(session: Session, act_id: uuid.UUID) -> Sequence[Correction]:
    return session.scalars(select(Correction).where(Correction.act_id == act_id).order_by(Correction.id)).all()


def told(session: Session, matter_id: uuid.UUID) -> Sequence[Told]:
    return session.scalars(select(Told).where(Told.matter_id == matter_id).order_by(Told.told_at)).all()


# --- statistics and the public list ---------------------------------------------------------------------------------


def _counts(session: Session, sql: str) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in session.execute(text(sql))}


def by_state(session: Session) -> dict[str, int]:
    return _counts(
        session, "select state, count(*) from blacklist_matters where state <> 'draft' group by 1 order by 1"
    )


def by_level(session: Session) -> dict[str, int]:
    """Decided matters by what was decided."""
    return _counts(
        session, "select level, count(*) from blacklist_matters where level is not null group by 1 order by 1"
    )


def appeals(session: Session) -> dict[str, int]:
    """How appeals ended."""
    return _counts(
        session,
        "select state, count(*) from blacklist_acts where previous = 'appealed' and state in ('upheld', 'varied',"
        " 'withdrawn') group by 1 order by 1",
    )


def hours_in_state(session: Session) -> dict[str, int]:
    """Whole hours that matters spent in a state before they left it, on average."""
    return _counts(
        session,
        "select state, floor(avg(extract(epoch from left_at - at)) / 3600) from (select state, at, lead(at) over"
        " (partition by matter_id order by version) as left_at, lead(state) over (partition by matter_id order by"
        " version) as following from blacklist_acts) a where left_at is not null and following <> state"
        " group by 1 order by 1",
    )


def correction_counts(session: Session, today: date) -> dict[str, int]:
    row = session.execute(
        text(
            "select count(*), count(acknowledged_at),"
            " count(*) filter (where acknowledged_at is null and due_on < :today)"
            " from blacklist_corrections"
        ),
        {"today": today},
    ).one()
    return {"made": row[0], "acknowledged": row[1], "overdue": row[2]}


def organisations(session: Session) -> list[tuple[Listing, str, str | None, str]]:
    """Entries of organisations that anyone may see, with the names of the directory."""
    rows = session.execute(
        select(Listing, Member.name_zh, Member.name_en, Member.uscc)
        .join(Member, Member.id == Listing.member_id)
        .where(Listing.member_id.is_not(None), Listing.level != "watch")
        .order_by(Listing.changed_at.desc(), Listing.matter_id)
        .limit(10_000)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def organisations_after(session: Session, after: uuid.UUID | None, limit: int) -> Sequence[Listing]:
    """Entries of organisations that anyone may see, ended ones too, in the order of their ids."""
    wanted = select(Listing).where(Listing.member_id.is_not(None), Listing.level != "watch")
    if after is not None:
        wanted = wanted.where(Listing.matter_id > after)
    return session.scalars(wanted.order_by(Listing.matter_id).limit(limit)).all()


def by_clock(session: Session, limit: int) -> Sequence[Matter]:
    """Matters whose clock runs, the soonest first."""
    wanted = select(Matter).where(Matter.due_on.is_not(None)).order_by(Matter.due_on, Matter.id).limit(limit)
    return session.scalars(wanted).all()
