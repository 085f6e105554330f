"""Caps as they were recorded; none is changed, one supersedes another. What guards them stands in the migration."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base

_MOMENT = DateTime(timezone=True)


class FeeCap(Base):
    """The most that may be charged in one age bucket. `rate_bp_max` None: the row it supersedes is withdrawn.
    `effective_until`: the last day. `superseded_at` is set by the database as another supersedes it."""

    __tablename__ = "fee_caps"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("supersedes"),
        ForeignKeyConstraint(["supersedes"], ["fee_caps.id"]),
        CheckConstraint("jurisdiction ~ '^[a-z]{2}(-[a-z0-9]{1,8})?$'", name="jurisdiction"),
        CheckConstraint("member_kind in ('agency', 'mediator')", name="member_kind"),
        CheckConstraint("bucket between 1 and 25", name="bucket"),
        CheckConstraint(
            "rate_bp_max between 0 and 10000 and (rate_bp_max is not null or supersedes is not null)", name="rate"
        ),
        CheckConstraint("char_length(authority) between 1 and 120", name="authority"),
        CheckConstraint("char_length(citation) between 1 and 200", name="citation"),
        CheckConstraint("source_status in ('verified', 'unverified', 'informational')", name="source_status"),
        CheckConstraint("effective_until >= effective_from", name="days"),
        Index(
            "ix_fee_caps_key",
            "jurisdiction",
            "member_kind",
            "bucket",
            "effective_from",
            postgresql_where=text("superseded_at is null"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    jurisdiction: Mapped[str] = mapped_column(Text)
    member_kind: Mapped[str] = mapped_column(Text)
    bucket: Mapped[int] = mapped_column(Integer)
    rate_bp_max: Mapped[int | None] = mapped_column(Integer)
    authority: Mapped[str] = mapped_column(Text)
    citation: Mapped[str] = mapped_column(Text)
    source_status: Mapped[str] = mapped_column(Text)
    effective_from: Mapped[date] = mapped_column(Date)
    effective_until: Mapped[date | None] = mapped_column(Date)
    supersedes: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    recorded_at: Mapped[datetime] = mapped_column(_MOMENT)
    superseded_at: Mapped[datetime | None] = mapped_column(_MOMENT)
