"""Cases and what was asserted of them. What guards these tables stands in migration 0005."""

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

from .vocabulary import COURT_AXES, EVENT_SOURCES, HELD, PLACEMENTS, REFERENCE_KINDS, STATUSES

_FORWARD = "(recorded_at at time zone 'Asia/Shanghai')::date + 366"


def _words(words: object) -> str:
    return ", ".join(repr(str(word)) for word in words)  # type: ignore[attr-defined]


def _statuses(vocabulary: dict[str, tuple[str, ...]]) -> str:
    return " or ".join(f"(axis = '{axis}' and status in ({_words(statuses)}))" for axis, statuses in vocabulary.items())


class Case(Base):
    """One claim placed for collection. `stop_mask`, `legal_class`, `contested` and `closed` are the projection of its
    events up to today; `due_on` is the next day on which one of them takes effect."""

    __tablename__ = "cases"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["creditor_id"], ["members.id"]),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        UniqueConstraint("creditor_id", "creditor_ref"),
        CheckConstraint("char_length(creditor_ref) between 1 and 64", name="creditor_ref"),
        CheckConstraint(f"placement in ({_words(PLACEMENTS)})", name="placement"),
        CheckConstraint(f"placement not in ({_words(HELD)}) or agency_id is not null", name="held"),
        CheckConstraint("opened_on >= '1980-01-01'", name="opened_on"),
        CheckConstraint("stop_mask between 0 and 65535", name="stop_mask"),
        CheckConstraint("legal_class between 0 and 6", name="legal_class"),
        CheckConstraint("version >= 1", name="version"),
        Index("ix_cases_creditor_id_id", "creditor_id", "id"),
        Index("ix_cases_agency_id_id", "agency_id", "id", postgresql_where=text("agency_id is not null")),
        Index("ix_cases_mandate_until", "mandate_until", postgresql_where=text(f"placement in ({_words(HELD)})")),
        Index("ix_cases_due_on", "due_on", postgresql_where=text("due_on is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    creditor_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    creditor_ref: Mapped[str] = mapped_column(Text)
    agency_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    placement: Mapped[str] = mapped_column(Text, server_default="draft")
    opened_on: Mapped[date] = mapped_column(Date)
    closed: Mapped[bool] = mapped_column(server_default=text("false"))
    stop_mask: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    legal_class: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    contested: Mapped[bool] = mapped_column(server_default=text("false"))
    mandate_until: Mapped[date | None] = mapped_column(Date)
    due_on: Mapped[date | None] = mapped_column(Date)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class CaseKey(Base):
    """The case's subject, under one key epoch."""

    __tablename__ = "case_keys"
    __table_args__ = (
        PrimaryKeyConstraint("case_id", "epoch"),
        ForeignKeyConstraint(["case_id"], ["cases.id"]),
        CheckConstraint("epoch between 1 and 32767", name="epoch"),
        CheckConstraint("octet_length(subject_key) = 32", name="subject_key"),
        Index("ix_case_keys_subject_key", "subject_key"),
    )
    case_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    epoch: Mapped[int] = mapped_column(Integer)
    subject_key: Mapped[bytes] = mapped_column(LargeBinary)


class CaseReference(Base):
    """A 案号 or a mediation file that the case carries, in normal form; `member_id` is the file's mediator. A wrong one
    is ended, and stays on record."""

    __tablename__ = "case_references"
    __table_args__ = (
        PrimaryKeyConstraint("case_id", "kind", "reference", "linked_at"),
        ForeignKeyConstraint(["case_id"], ["cases.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint(f"kind in ({_words(REFERENCE_KINDS)})", name="kind"),
        CheckConstraint("char_length(reference) between 1 and 64", name="reference"),
        ForeignKeyConstraint(["ended_by"], ["members.id"]),
        CheckConstraint("(kind = 'mediation_file') = (member_id is not null)", name="mediator"),
        CheckConstraint("(ended_at is null) = (ended_by is null) and ended_at >= linked_at", name="ended"),
        Index(
            "ix_case_references_once",
            "case_id",
            "kind",
            "reference",
            unique=True,
            postgresql_where=text("ended_at is null"),
        ),
        Index("ix_case_references_reference_kind", "reference", "kind"),
        Index(
            "ix_case_references_member_id_case_id",
            "member_id",
            "case_id",
            postgresql_where=text("member_id is not null"),
        ),
    )
    case_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    member_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    linked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_by: Mapped[uuid.UUID | None] = mapped_column(Uuid)


class CaseEvent(Base):
    """One assertion on one axis. A correction or withdrawal is a further row that supersedes this one."""

    __tablename__ = "case_events"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["case_id"], ["cases.id"]),
        ForeignKeyConstraint(["asserted_by"], ["members.id"]),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        UniqueConstraint("supersedes"),
        UniqueConstraint("id", "case_id", "axis", "asserted_by"),
        ForeignKeyConstraint(
            ["supersedes", "case_id", "axis", "asserted_by"],
            ["case_events.id", "case_events.case_id", "case_events.axis", "case_events.asserted_by"],
        ),
        CheckConstraint(_statuses(STATUSES), name="status"),
        CheckConstraint(f"source in ({_words(EVENT_SOURCES)})", name="source"),
        CheckConstraint("(source = 'registry') = (asserted_by is null)", name="asserted_by"),
        CheckConstraint("not claimed or court_case_number is not null", name="claimed"),
        CheckConstraint(f"effective_on between '1980-01-01' and {_FORWARD}", name="effective_on"),
        CheckConstraint("char_length(basis) between 1 and 200", name="basis"),
        CheckConstraint("not withdrawn or supersedes is not null", name="withdrawn"),
        CheckConstraint("axis <> 'placement' or supersedes is null", name="placement"),
        Index("ix_case_events_case_id", "case_id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    case_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    axis: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    effective_on: Mapped[date] = mapped_column(Date)
    source: Mapped[str] = mapped_column(Text)
    asserted_by: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    claimed: Mapped[bool] = mapped_column(server_default=text("false"))
    court_case_number: Mapped[str | None] = mapped_column(Text)
    basis: Mapped[str | None] = mapped_column(Text)
    agency_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    mandate_until: Mapped[date | None] = mapped_column(Date)
    supersedes: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    withdrawn: Mapped[bool] = mapped_column(server_default=text("false"))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CourtEvent(Base):
    """One assertion by a court under its own 案号; it reaches every case that carries the number, now or later."""

    __tablename__ = "court_events"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["court_id"], ["members.id"]),
        UniqueConstraint("supersedes"),
        UniqueConstraint("id", "court_id", "reference", "axis"),
        ForeignKeyConstraint(
            ["supersedes", "court_id", "reference", "axis"],
            ["court_events.id", "court_events.court_id", "court_events.reference", "court_events.axis"],
        ),
        CheckConstraint(
            "substr(reference, 7, char_length(court_code)) = court_code"
            " and substr(reference, 7 + char_length(court_code), 1) !~ '[0-9]'",
            name="own_number",
        ),
        CheckConstraint(_statuses(COURT_AXES), name="status"),
        CheckConstraint(f"effective_on between '1980-01-01' and {_FORWARD}", name="effective_on"),
        CheckConstraint("char_length(basis) between 1 and 200", name="basis"),
        CheckConstraint("not withdrawn or supersedes is not null", name="withdrawn"),
        Index("ix_court_events_reference", "reference"),
        Index("ix_court_events_court_id_id", "court_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    court_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    court_code: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    axis: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    effective_on: Mapped[date] = mapped_column(Date)
    basis: Mapped[str | None] = mapped_column(Text)
    supersedes: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    withdrawn: Mapped[bool] = mapped_column(server_default=text("false"))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
