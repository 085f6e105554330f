"""Every SELECT on caps."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import FeeCap


def get_cap(session: Session, cap_id: uuid.UUID) -> FeeCap:
    """Raises NotFound."""
    found = session.get(FeeCap, cap_id, populate_existing=True)
    if found is None:
        raise NotFound("cap_not_found", zh="没有这条上限", en="There is no such cap")
    return found


def caps_as_of(
    session: Session, *, jurisdiction: str, member_kind: str, day: date, known_at: datetime
) -> Sequence[FeeCap]:
    """In force on the day, by what was on record at the instant; one a bucket, by a constraint."""
    return session.scalars(
        select(FeeCap)
        .where(
            FeeCap.jurisdiction == jurisdiction,
            FeeCap.member_kind == member_kind,
            FeeCap.rate_bp_max.is_not(None),
            FeeCap.effective_from <= day,
            or_(FeeCap.effective_until.is_(None), FeeCap.effective_until >= day),
            FeeCap.recorded_at <= known_at,
            or_(FeeCap.superseded_at.is_(None), FeeCap.superseded_at > known_at),
        )
        .order_by(FeeCap.bucket)
    ).all()


def history(session: Session, *, jurisdiction: str, member_kind: str, limit: int = 1000) -> Sequence[FeeCap]:
    """Every row ever recorded, in the order of recording."""
    return session.scalars(
        select(FeeCap)
        .where(FeeCap.jurisdiction == jurisdiction, FeeCap.member_kind == member_kind)
        .order_by(FeeCap.recorded_at, FeeCap.bucket, FeeCap.id)
        .limit(limit)
    ).all()


def jurisdictions(session: Session) -> Sequence[str]:
    """Where caps are on record."""
    return session.scalars(select(FeeCap.jurisdiction).distinct().order_by(FeeCap.jurisdiction).limit(500)).all()


def binding_on(session: Session, day: date, limit: int) -> Sequence[FeeCap]:
    """The caps of a verified source in force on a day, wherever; those recorded last first."""
    return session.scalars(
        select(FeeCap)
        .where(
            FeeCap.superseded_at.is_(None),
            FeeCap.source_status == "verified",
            FeeCap.rate_bp_max.is_not(None),
            FeeCap.effective_from <= day,
            or_(FeeCap.effective_until.is_(None), FeeCap.effective_until >= day),
        )
        .order_by(FeeCap.recorded_at.desc(), FeeCap.bucket)
        .limit(limit)
    ).all()
