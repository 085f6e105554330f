"""Bases, runs, charges, receipts, objections. What guards them stands in the migration `fund_income`."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
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

_STAMP = DateTime(timezone=True)


class LevyBase(Base):
    """Commission of a month, as a contract's agreed statement or the member itself reports it. Superseded, never
    changed."""

    __tablename__ = "fund_bases"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["supersedes"], ["fund_bases.id"]),
        UniqueConstraint("supersedes"),
        CheckConstraint("month ~ '^20[0-9]{2}-(0[1-9]|1[0-2])$'", name="month"),
        CheckConstraint("base_fen between 0 and 9007199254740991", name="base"),
        CheckConstraint("source in ('statement', 'contracts')", name="source"),
        CheckConstraint("(source = 'statement') = (evidence_sha256 is not null)", name="evidence"),
        CheckConstraint("octet_length(evidence_sha256) = 32", name="digest"),
        Index(
            "ix_fund_bases_first",
            "member_id",
            "month",
            "source",
            "source_id",
            unique=True,
            postgresql_where=text("supersedes is null"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    month: Mapped[str] = mapped_column(Text)
    base_fen: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(Text)
    source_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    evidence_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    supersedes: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    reported_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    reported_at: Mapped[datetime] = mapped_column(_STAMP)


class Run(Base):
    """Charges that two officers approve together: a levy run, a penalty, a donation, a credit note."""

    __tablename__ = "fund_runs"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["maker_member"], ["members.id"]),
        CheckConstraint("kind in ('levy', 'penalty', 'donation', 'credit')", name="kind"),
        CheckConstraint("state in ('draft', 'preview', 'approved', 'issued', 'withdrawn')", name="state"),
        CheckConstraint("(kind = 'levy') = (first_month is not null and last_month >= first_month)", name="months"),
        CheckConstraint("octet_length(content_hash) = 32", name="hash"),
        CheckConstraint("content_hash is not null or state in ('draft', 'withdrawn')", name="frozen"),
        CheckConstraint("(state = 'issued') = (issued_at is not null)", name="issued"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        CheckConstraint("maker_officer ~ '^[0-9A-Z一-鿿]{1,64}$'", name="officer"),
        Index(
            "ix_fund_runs_one_levy",
            "kind",
            unique=True,
            postgresql_where=text("kind = 'levy' and state in ('draft', 'preview', 'approved')"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    first_month: Mapped[str | None] = mapped_column(Text)
    last_month: Mapped[str | None] = mapped_column(Text)
    pack_version: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="draft")
    content_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    maker_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    maker_officer: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_STAMP)
    issued_at: Mapped[datetime | None] = mapped_column(_STAMP)


class RunApproval(Base):
    """An officer's yes to a run's content, named by its hash."""

    __tablename__ = "fund_run_approvals"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "officer"),
        ForeignKeyConstraint(["run_id"], ["fund_runs.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("officer ~ '^[0-9A-Z一-鿿]{1,64}$'", name="officer"),
        CheckConstraint("octet_length(content_hash) = 32", name="hash"),
    )
    run_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    approved_at: Mapped[datetime] = mapped_column(_STAMP)


class Charge(Base):
    """One invoice, or the credit note against one (`credits`). `lines`: its calculation, canonical JSON, fixed.
    `received_fen` and `credited_fen` are kept by the database."""

    __tablename__ = "fund_charges"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("reference"),
        ForeignKeyConstraint(["run_id"], ["fund_runs.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["credits"], ["fund_charges.id"]),
        CheckConstraint("amount_fen between 1 and 9007199254740991", name="amount"),
        CheckConstraint("state in ('preview', 'issued', 'received', 'cancelled')", name="state"),
        CheckConstraint("(state = 'preview') = (reference is null)", name="reference"),
        CheckConstraint("state = 'preview' or credits is not null or due_on is not null", name="due"),
        CheckConstraint("restriction is null or fund = 'RELIEF'", name="restriction"),
        CheckConstraint("fund in ('RELIEF', 'STAFF')", name="fund"),
        CheckConstraint("received_fen >= 0 and credited_fen between 0 and amount_fen", name="sums"),
        Index("ix_fund_charges_member_id_id", "member_id", "id"),
        Index("ix_fund_charges_run_id", "run_id"),
        Index("ix_fund_charges_due_on", "due_on", postgresql_where=text("state = 'issued' and credits is null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    run_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    credits: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    fund: Mapped[str | None] = mapped_column(Text)
    restriction: Mapped[str | None] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="preview")
    reference: Mapped[str | None] = mapped_column(Text)
    due_on: Mapped[date | None] = mapped_column(Date)
    received_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    credited_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class Receipt(Base):
    """Money that came for a charge, with the posted entry that books it."""

    __tablename__ = "fund_receipts"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("entry_id"),
        ForeignKeyConstraint(["charge_id"], ["fund_charges.id"]),
        ForeignKeyConstraint(["entry_id"], ["fund_entries.id"]),
        CheckConstraint("amount_fen >= 1", name="amount"),
        Index("ix_fund_receipts_charge_id", "charge_id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    charge_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    entry_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    booked_on: Mapped[date] = mapped_column(Date)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(_STAMP)


class Dunning(Base):
    """A reminder that was due by the clock."""

    __tablename__ = "fund_dunnings"
    __table_args__ = (
        PrimaryKeyConstraint("charge_id", "step"),
        ForeignKeyConstraint(["charge_id"], ["fund_charges.id"]),
        CheckConstraint("step between 1 and 9", name="step"),
    )
    charge_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    step: Mapped[int] = mapped_column(Integer, autoincrement=False)
    owed_fen: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(_STAMP)


class Objection(Base):
    """What a member says against a charge, or the decision on it."""

    __tablename__ = "fund_objections"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("charge_id", "id"),
        UniqueConstraint("answers"),
        ForeignKeyConstraint(["charge_id"], ["fund_charges.id"]),
        ForeignKeyConstraint(["charge_id", "answers"], ["fund_objections.charge_id", "fund_objections.id"]),
        ForeignKeyConstraint(["said_by"], ["members.id"]),
        CheckConstraint("(answers is null) = (upheld is null) and (answers is null) = (due_on is not null)",
                        name="decision"),
        CheckConstraint("char_length(said) between 1 and 500", name="said"),
    )  # fmt: skip
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    charge_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    answers: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    upheld: Mapped[bool | None] = mapped_column(Boolean)
    said: Mapped[str] = mapped_column(Text)
    due_on: Mapped[date | None] = mapped_column(Date)
    officer: Mapped[str | None] = mapped_column(Text)
    said_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    said_at: Mapped[datetime] = mapped_column(_STAMP)
