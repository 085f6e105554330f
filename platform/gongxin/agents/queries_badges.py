"""Every SELECT on badges and status lists."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models_badges import BadgeIssued, BadgeList


def badges(session: Session, agent_id: uuid.UUID, limit: int = 50) -> Sequence[BadgeIssued]:
    """An agent's badges that the caller may see, the newest first."""
    return session.scalars(
        select(BadgeIssued).where(BadgeIssued.agent_id == agent_id).order_by(BadgeIssued.id.desc()).limit(limit),
        execution_options={"populate_existing": True},
    ).all()


def find_in_force(session: Session, agent_id: uuid.UUID) -> BadgeIssued | None:
    return session.scalars(
        select(BadgeIssued).where(BadgeIssued.agent_id == agent_id, BadgeIssued.ended_at.is_(None)),
        execution_options={"populate_existing": True},
    ).one_or_none()


def get_badge(session: Session, agent_id: uuid.UUID, badge_id: uuid.UUID) -> BadgeIssued:
    """One of this agent's, as it stands. Raises NotFound."""
    found = session.get(BadgeIssued, badge_id, populate_existing=True)
    if found is None or found.agent_id != agent_id:
        raise NotFound(
            "badge_not_found",
            zh="没有这个工牌",
            en="There is no such badge",
            fix_zh="按 GET /v1/agents/{agent_id}/badges 核对。",
            fix_en="See GET /v1/agents/{agent_id}/badges.",
        )
    return found


def newest_list(session: Session) -> int:
    """The list that new badges go to."""
    return session.scalar(select(func.max(BadgeList.list_no))) or 1


def list_numbers(session: Session) -> Sequence[int]:
    return session.scalars(select(BadgeList.list_no).order_by(BadgeList.list_no)).all()


def find_list(session: Session, number: int, *, hold: bool = False) -> BadgeList | None:
    """The list as last published; `hold`: for whoever publishes it anew, one at a time."""
    wanted = select(BadgeList).where(BadgeList.list_no == number)
    return session.scalars(
        wanted.with_for_update() if hold else wanted, execution_options={"populate_existing": True}
    ).one_or_none()


def place_taken(session: Session, number: int, index: int) -> bool:
    """Whether a badge, whoever's, had this place."""
    return bool(session.scalar(text("select badge_place_taken(:number, :index)"), {"number": number, "index": index}))


def statuses(session: Session, number: int, now: datetime, today: date) -> dict[int, int]:
    """By place: what does not simply hold, of the badges not past their own expiry. Ended goes before suspended."""
    rows = session.execute(
        text("select idx, min(status) from badge_statuses(:number, :now, :today) group by idx"),
        {"number": number, "now": now, "today": today},
    )
    return {int(index): int(status) for index, status in rows}


def standing(session: Session, number: int, index: int, today: date) -> Any:
    """(badge_id, licence_no, status) of a place, whoever asks; None where no badge has it."""
    return session.execute(
        text("select badge_id, licence_no, status from badge_standing(:number, :index, :today)"),
        {"number": number, "index": index, "today": today},
    ).one_or_none()


def photo_matches(session: Session, licence: str, photo_sha256: bytes) -> bool:
    return bool(
        session.scalar(
            text("select agent_photo_matches(:licence, :photo)"), {"licence": licence, "photo": photo_sha256}
        )
    )
