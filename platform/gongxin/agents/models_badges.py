"""Badges and the published status lists. What guards them stands in the migration `badges`."""

import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base

_MOMENT = DateTime(timezone=True)
_ENDS = "'replaced', 'withdrawn', 'revoked', 'expired', 'surrendered', 'transferred', 'term_changed', 'lapsed'"


class BadgeIssued(Base):
    """One badge: its code, its place in a status list. Ended once, by a verb or by the trigger on agents."""

    __tablename__ = "badges"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("list_no", "idx", name="uq_badges_list_no_idx"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        ForeignKeyConstraint(["kid"], ["registry_keys.kid"]),
        CheckConstraint("list_no between 1 and 9999", name="list_no"),
        CheckConstraint("idx between 0 and 1048575", name="idx"),
        CheckConstraint("level in ('basic', 'senior', 'debt_counsellor')", name="level"),
        CheckConstraint("char_length(code) <= 419 and code ~ '^GXB1:[0-9A-Z $%*+./:-]+$'", name="code"),
        CheckConstraint("expires_at > issued_at", name="expires_at"),
        CheckConstraint("char_length(issued_by) between 1 and 128", name="issued_by"),
        CheckConstraint(f"(ended_at is null) = (ended_as is null) and ended_as in ({_ENDS})", name="ended"),
        Index("ix_badges_one_in_force", "agent_id", unique=True, postgresql_where=text("ended_at is null")),
        Index("ix_badges_agent_id_id", "agent_id", "id"),
        Index("ix_badges_agency_id", "agency_id", postgresql_where=text("ended_at is null")),
        Index("ix_badges_list_no_ended", "list_no", "expires_at", postgresql_where=text("ended_at is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    list_no: Mapped[int] = mapped_column(Integer)
    idx: Mapped[int] = mapped_column(Integer)
    kid: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime] = mapped_column(_MOMENT)
    expires_at: Mapped[datetime] = mapped_column(_MOMENT)
    issued_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    ended_as: Mapped[str | None] = mapped_column(Text)


class BadgeList(Base):
    """A status list as last signed; `issued_at` in seconds, and never goes back. Opened by the first badge in it."""

    __tablename__ = "badge_lists"
    __table_args__ = (
        PrimaryKeyConstraint("list_no"),
        CheckConstraint("list_no between 1 and 9999", name="list_no"),
        CheckConstraint("num_nulls(kid, as_jwt, as_cwt) in (0, 3)", name="whole"),
        ForeignKeyConstraint(["kid"], ["registry_keys.kid"]),
    )
    list_no: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    kid: Mapped[str | None] = mapped_column(Text)
    as_jwt: Mapped[str | None] = mapped_column(Text)
    as_cwt: Mapped[bytes | None] = mapped_column(LargeBinary)
