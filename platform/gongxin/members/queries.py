"""Every SELECT on members, their history and agreements."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import Agreement, Member, MemberChange


def get_member(session: Session, member_id: uuid.UUID) -> Member:
    """As it stands now, whatever the session read before. Raises NotFound."""
    found = session.get(Member, member_id, populate_existing=True)
    if found is None:
        raise _unknown_member()
    return found


def get_member_by_uscc(session: Session, uscc: str) -> Member:
    """By its 统一社会信用代码. Raises NotFound."""
    found = find_member_by_uscc(session, uscc)
    if found is None:
        raise _unknown_member()
    return found


def find_member_by_uscc(session: Session, uscc: str) -> Member | None:
    return session.scalars(select(Member).where(Member.uscc == uscc)).first()


def find_sitting_court(session: Session, court_code: str) -> Member | None:
    """The court that holds this code and has not left."""
    return session.scalars(select(Member).where(Member.court_code == court_code, Member.state != "left")).first()


def directory(
    session: Session,
    *,
    kind: str | None = None,
    state: str | None = None,
    words: str = "",
    after: uuid.UUID | None = None,
    limit: int | None = None,
) -> Sequence[Member]:
    """Members in the order they applied; with a limit, one more than it. `words`: a part of a name, or the code."""
    wanted = select(Member)
    if words:
        wanted = wanted.where(
            or_(
                Member.name_zh.icontains(words, autoescape=True),
                Member.name_en.icontains(words, autoescape=True),
                Member.uscc == words.upper(),
            )
        )
    if kind is not None:
        wanted = wanted.where(Member.kind == kind)
    if state is not None:
        wanted = wanted.where(Member.state == state)
    if after is not None:
        wanted = wanted.where(Member.id > after)
    return session.scalars(wanted.order_by(Member.id).limit(None if limit is None else limit + 1)).all()


def names(session: Session, member_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, tuple[str, str]]:
    """Their names (中文, English), the Chinese one in both places where there is no English."""
    found = session.execute(select(Member.id, Member.name_zh, Member.name_en).where(Member.id.in_(set(member_ids))))
    return {member_id: (zh, en or zh) for member_id, zh, en in found}


def history(session: Session, member_id: uuid.UUID) -> Sequence[MemberChange]:
    """The member's changes of state, oldest first."""
    return session.scalars(
        select(MemberChange).where(MemberChange.member_id == member_id).order_by(MemberChange.id)
    ).all()


def agreements(session: Session, member_id: uuid.UUID) -> Sequence[Agreement]:
    """Every version, newest first."""
    return session.scalars(
        select(Agreement).where(Agreement.member_id == member_id).order_by(Agreement.version.desc())
    ).all()


def find_newest_agreement(session: Session, member_id: uuid.UUID) -> Agreement | None:
    """The last version, in force or not."""
    return session.scalars(
        select(Agreement).where(Agreement.member_id == member_id).order_by(Agreement.version.desc()).limit(1)
    ).first()


def agreement_in_force(session: Session, member_id: uuid.UUID, at: datetime) -> Agreement | None:
    """The newest version that has begun at this moment; whether the member is active is another question."""
    return session.scalars(
        select(Agreement)
        .where(Agreement.member_id == member_id, Agreement.effective_from <= at)
        .order_by(Agreement.version.desc())
        .limit(1)
    ).first()


def _unknown_member() -> NotFound:
    return NotFound(
        "member_not_found",
        zh="没有这家机构",
        en="There is no such member",
        fix_zh="按机构名录核对。",
        fix_en="Check it against the directory.",
    )
