"""Agencies' filings and standing watches on agents. What guards them stands in migration 0023."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Date,
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
from gongxin_wire.licences import FILING_PATTERN

_STATES = "'draft', 'submitted', 'accepted', 'returned', 'suspended', 'withdrawn', 'revoked', 'superseded'"
_MOMENT = DateTime(timezone=True)
_IN_CHINA = "at time zone 'Asia/Shanghai')::date"


class AgencyFiling(Base):
    """What an agency filed: its scope, and sealed under a key of their own the names of who answers for it."""

    __tablename__ = "agency_filings"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("number"),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        CheckConstraint(f"number ~ '{FILING_PATTERN}'", name="number"),
        CheckConstraint(f"state in ({_STATES})", name="state"),
        CheckConstraint("jsonb_array_length(scope) between 1 and 8", name="scope"),
        CheckConstraint("officers between 2 and 10", name="officers"),
        CheckConstraint("key_id ~ '^[0-9a-f]{16}$'", name="key_id"),
        CheckConstraint("octet_length(sealed_key) = 60 and octet_length(sealed) between 29 and 4096", name="sealed"),
        CheckConstraint("(version = 0) = (state = 'draft')", name="version"),
        Index(
            "ix_agency_filings_one", "agency_id", unique=True,
            postgresql_where=text("state in ('accepted', 'suspended')"),
        ),
        Index("ix_agency_filings_agency_id_id", "agency_id", "id"),
        Index("ix_agency_filings_key_id_id", "key_id", "id"),
    )  # fmt: skip
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    number: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    scope: Mapped[list[str]]
    officers: Mapped[int] = mapped_column(Integer)
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    filed_at: Mapped[datetime] = mapped_column(_MOMENT)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)


class AgencyFilingChange(Base):
    """One move of a filing; recording it makes it so."""

    __tablename__ = "agency_filing_changes"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("filing_id", "version"),
        ForeignKeyConstraint(["filing_id"], ["agency_filings.id"]),
        CheckConstraint(f"state in ({_STATES}) and state <> 'draft'", name="state"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        CheckConstraint("char_length(changed_by) between 1 and 128", name="changed_by"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    filing_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)


class AgentWatch(Base):
    """A member is told of changes of somebody it checked, on the ground of that check, until a day."""

    __tablename__ = "agent_watches"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["check_id"], ["agent_checks.id"]),
        CheckConstraint("purpose in ('placement', 'hiring', 'supervision')", name="purpose"),
        CheckConstraint("(purpose = 'hiring') = (consent is not null)", name="consent"),
        CheckConstraint(
            f"ends_on between (began_at {_IN_CHINA} and (began_at {_IN_CHINA} + 366",
            name="ends_on",
        ),
        CheckConstraint("ended_at >= began_at", name="ended_at"),
        Index(
            "ix_agent_watches_one", "member_id", "agent_id", "purpose", unique=True,
            postgresql_where=text("ended_at is null"),
        ),
        Index("ix_agent_watches_agent_id", "agent_id", postgresql_where=text("ended_at is null")),
        Index("ix_agent_watches_member_id_id", "member_id", "id"),
        Index("ix_agent_watches_ends_on", "ends_on", postgresql_where=text("ended_at is null")),
    )  # fmt: skip
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    licence_no: Mapped[str] = mapped_column(Text)
    check_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    purpose: Mapped[str] = mapped_column(Text)
    consent: Mapped[str | None] = mapped_column(Text)
    began_at: Mapped[datetime] = mapped_column(_MOMENT)
    ends_on: Mapped[date] = mapped_column(Date)
    ended_at: Mapped[datetime | None] = mapped_column(_MOMENT)
