"""Matters, acts, votes, entries, and who was told of them. What guards and moves them stands in the migration."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
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
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base

_MOMENT = DateTime(timezone=True)


def _check(name: str) -> CheckConstraint:
    """A constraint by its name; what it says stands in the migration."""
    return CheckConstraint("…", name=name)


class Committee(Base):
    """Who decides: officers seated in it."""

    __tablename__ = "blacklist_committees"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        *map(_check, ("names",)),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    name_zh: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_MOMENT)


class Seat(Base):
    """An officer in a committee, until the seat ends."""

    __tablename__ = "blacklist_seats"
    __table_args__ = (
        PrimaryKeyConstraint("committee_id", "officer"),
        ForeignKeyConstraint(["committee_id"], ["blacklist_committees.id"]),
        *map(_check, ("officer",)),
    )
    committee_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    seated_at: Mapped[datetime] = mapped_column(_MOMENT)
    ended_at: Mapped[datetime | None] = mapped_column(_MOMENT)


class Matter(Base):
    """One report and its process. Moved by the database alone, as an `Act` is recorded."""

    __tablename__ = "blacklist_matters"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("number"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        ForeignKeyConstraint(["reporter_id"], ["members.id"]),
        ForeignKeyConstraint(["committee_id"], ["blacklist_committees.id"]),
        ForeignKeyConstraint(["appeal_committee_id"], ["blacklist_committees.id"]),
        ForeignKeyConstraint(["joined_to"], ["blacklist_matters.id"]),
        *map(
            _check,
            (
                "number",
                "subject",
                "reporter",
                "article",
                "severity",
                "words",
                "days",
                "evidence",
                "state",
                "version",
                "level",
                "committees",
            ),
        ),
        Index("ix_blacklist_matters_agent_id", "agent_id", "id"),
        Index("ix_blacklist_matters_member_id", "member_id", "id"),
        Index("ix_blacklist_matters_reporter_id", "reporter_id", "id"),
        Index("ix_blacklist_matters_due_on", "due_on", "id", postgresql_where=text("due_on is not null")),
        Index("ix_blacklist_matters_stop_until", "agent_id", postgresql_where=text("stop_until is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    number: Mapped[str] = mapped_column(Text)
    subject_kind: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    agency_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    reporter_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    complaint_ref: Mapped[str | None] = mapped_column(Text)
    article: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    occurred_from: Mapped[date] = mapped_column(Date)
    occurred_until: Mapped[date] = mapped_column(Date)
    conduct: Mapped[str] = mapped_column(Text)
    evidence: Mapped[Any] = mapped_column(JSONB)
    rules_version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    due_on: Mapped[date | None] = mapped_column(Date)
    began_on: Mapped[date | None] = mapped_column(Date)
    extended: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    noticed_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    keeper: Mapped[str | None] = mapped_column(Text)
    committee_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    appeal_committee_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    draft_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    level: Mapped[str | None] = mapped_column(Text)
    months: Mapped[int | None] = mapped_column(Integer)
    begins_on: Mapped[date | None] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    appeal_until: Mapped[date | None] = mapped_column(Date)
    stop_until: Mapped[date | None] = mapped_column(Date)
    joined_to: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(_MOMENT)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)


class Act(Base):
    """What was done to a matter, by whom and with which reasons; its leaf has the same id."""

    __tablename__ = "blacklist_acts"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("matter_id", "version"),
        ForeignKeyConstraint(["matter_id"], ["blacklist_matters.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        *map(_check, ("party", "officer", "said", "reasons", "served")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    matter_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    party: Mapped[str] = mapped_column(Text)
    member_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    officer: Mapped[str | None] = mapped_column(Text)
    said: Mapped[str | None] = mapped_column(Text)
    due_on: Mapped[date | None] = mapped_column(Date)
    details: Mapped[Any] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(_MOMENT)


class Vote(Base):
    """A committee member on a draft; dissent with its reasons."""

    __tablename__ = "blacklist_votes"
    __table_args__ = (
        PrimaryKeyConstraint("draft_id", "officer"),
        ForeignKeyConstraint(["draft_id"], ["blacklist_acts.id"]),
        ForeignKeyConstraint(["matter_id"], ["blacklist_matters.id"]),
        *map(_check, ("officer", "dissent", "said")),
        Index("ix_blacklist_votes_matter_id", "matter_id", "officer"),
    )
    draft_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    matter_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    vote: Mapped[bool] = mapped_column(Boolean)
    said: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_MOMENT)


class Recusal(Base):
    """A declared conflict of interest: from then on the officer counts no more in the matter."""

    __tablename__ = "blacklist_recusals"
    __table_args__ = (
        PrimaryKeyConstraint("matter_id", "officer"),
        ForeignKeyConstraint(["matter_id"], ["blacklist_matters.id"]),
        *map(_check, ("officer", "said")),
    )
    matter_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_MOMENT)


class Objection(Base):
    """The listed party at any time: an objection or a factual error, and the answer."""

    __tablename__ = "blacklist_objections"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["matter_id"], ["blacklist_matters.id"]),
        ForeignKeyConstraint(["said_by"], ["members.id"]),
        *map(_check, ("kind", "said", "outcome", "officer", "answered")),
        Index("ix_blacklist_objections_matter_id", "matter_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    matter_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    said_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    said_at: Mapped[datetime] = mapped_column(_MOMENT)
    due_on: Mapped[date] = mapped_column(Date)
    outcome: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)
    officer: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column(_MOMENT)


class Listing(Base):
    """An entry as it stands. Written by the database alone."""

    __tablename__ = "blacklist_listings"
    __table_args__ = (
        PrimaryKeyConstraint("matter_id"),
        UniqueConstraint("number"),
        ForeignKeyConstraint(["matter_id"], ["blacklist_matters.id"]),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        *map(_check, ("subject", "level", "state", "term")),
        Index("ix_blacklist_listings_agent_id", "agent_id", postgresql_where=text("state = 'in_force'")),
        Index("ix_blacklist_listings_member_id", "member_id", "matter_id"),
        Index("ix_blacklist_listings_ends_on", "ends_on", postgresql_where=text("state = 'in_force'")),
    )
    matter_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    number: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    level: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    article: Mapped[str] = mapped_column(Text)
    begins_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    contested: Mapped[bool] = mapped_column(Boolean)
    statements: Mapped[Any] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)


class Told(Base):
    """A member was told of an entry: by which check, screening or message. Written by the database alone."""

    __tablename__ = "blacklist_told"
    __table_args__ = (
        PrimaryKeyConstraint("matter_id", "member_id", "source_id"),
        ForeignKeyConstraint(["matter_id"], ["blacklist_listings.matter_id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        *map(_check, ("kind",)),
    )
    matter_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    source_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    told_at: Mapped[datetime] = mapped_column(_MOMENT)


class Correction(Base):
    """What somebody who was told must hear, and what they did about it."""

    __tablename__ = "blacklist_corrections"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("act_id", "member_id"),
        ForeignKeyConstraint(["matter_id"], ["blacklist_listings.matter_id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["act_id"], ["blacklist_acts.id"]),
        *map(_check, ("cause", "did", "note", "acknowledged")),
        Index("ix_blacklist_corrections_member_id", "member_id", "made_at", "id"),
        Index("ix_blacklist_corrections_open", "due_on", postgresql_where=text("acknowledged_at is null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid, server_default=text("gen_random_uuid()"))
    matter_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    act_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    cause: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(_MOMENT)
    due_on: Mapped[date] = mapped_column(Date)
    chased_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    acknowledged_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    did: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)


class Screening(Base):
    """A batch that was asked about: who was found in it, never a token."""

    __tablename__ = "blacklist_screenings"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        *map(_check, ("purpose", "consent", "lines")),
        Index("ix_blacklist_screenings_member_id_id", "member_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    asked_at: Mapped[datetime] = mapped_column(_MOMENT)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    purpose: Mapped[str] = mapped_column(Text)
    consent: Mapped[str] = mapped_column(Text)
    lines: Mapped[int] = mapped_column(Integer)
    agents: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))


class Turn(Base):
    """The worker's last whole turn over the clocks, and until when what is told may be relied upon. One row."""

    __tablename__ = "blacklist_turns"
    __table_args__ = (
        PrimaryKeyConstraint("ran"),
        *map(_check, ("one", "days")),
    )
    ran: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    ran_at: Mapped[datetime] = mapped_column(_MOMENT)
    fresh_until: Mapped[datetime] = mapped_column(_MOMENT)
