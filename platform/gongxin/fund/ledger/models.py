"""The ledger's tables. What guards them, and what posting writes, stands in the migrations."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
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
_LIVE = "{} is not null and state not in ('rejected', 'withdrawn', 'expired')"


class Account(Base):
    """What money is called while it is somewhere. Opened and closed, never changed."""

    __tablename__ = "fund_accounts"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("code"),
        UniqueConstraint("id", "fund"),
        CheckConstraint("code ~ '^[A-Z0-9][A-Za-z0-9-]{0,30}$'", name="code"),
        CheckConstraint("char_length(name_zh) between 1 and 120", name="names"),
        CheckConstraint("type in ('asset', 'liability', 'equity', 'income', 'expense')", name="type"),
        CheckConstraint("fund in ('RELIEF', 'STAFF', 'ADMIN')", name="fund"),
        CheckConstraint("restriction ~ '^[a-z][a-z0-9_]{0,31}$'", name="restriction"),
        CheckConstraint("currency = 'CNY'", name="currency"),
        CheckConstraint("normal_side in ('debit', 'credit')", name="normal_side"),
        CheckConstraint("minimum_fen >= 0", name="minimum"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    code: Mapped[str] = mapped_column(Text)
    name_zh: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    fund: Mapped[str] = mapped_column(Text)
    restriction: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text, server_default="CNY")
    normal_side: Mapped[str] = mapped_column(Text)
    minimum_fen: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(_STAMP)
    closed_at: Mapped[datetime | None] = mapped_column(_STAMP)


class Period(Base):
    """Days that are accounted for together. `trial_balance`: the signed statement (JWS), once it is closed."""

    __tablename__ = "fund_periods"
    __table_args__ = (
        PrimaryKeyConstraint("number"),
        CheckConstraint("last_day >= first_day", name="days"),
        CheckConstraint("state in ('open', 'closing', 'closed')", name="state"),
        CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed"),
    )
    number: Mapped[int] = mapped_column(Integer, autoincrement=False)
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(Text, server_default="open")
    opened_at: Mapped[datetime] = mapped_column(_STAMP)
    closed_at: Mapped[datetime | None] = mapped_column(_STAMP)
    trial_balance: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    leaf_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)


class Hold(Base):
    """Part of an account that only the entry named for it may spend."""

    __tablename__ = "fund_holds"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["account_id"], ["fund_accounts.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("amount_fen >= 1", name="amount"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        CheckConstraint("state in ('held', 'released', 'used')", name="state"),
        CheckConstraint("(state = 'held') = (ended_at is null)", name="ended"),
        CheckConstraint("officer ~ '…'", name="officer"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="held")
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[datetime] = mapped_column(_STAMP)
    ended_at: Mapped[datetime | None] = mapped_column(_STAMP)


class Entry(Base):
    """One movement of money. `acted_*`: who made it what it is now; each such step is kept in `fund_steps`.

    Its form, and that what it names is there, is asked by triggers under the names that checks and keys would have:
    those cost each statement more (migration `fund_verbs`)."""

    __tablename__ = "fund_entries"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("key"),
        ForeignKeyConstraint(["reverses"], ["fund_entries.id"]),
        ForeignKeyConstraint(["hold_id"], ["fund_holds.id"]),
        Index("ix_fund_entries_one_reversal", "reverses", unique=True, postgresql_where=text(_LIVE.format("reverses"))),
        Index("ix_fund_entries_one_use", "hold_id", unique=True, postgresql_where=text(_LIVE.format("hold_id"))),
        Index(
            "ix_fund_entries_period_pending",
            "period",
            postgresql_where=text("state in ('draft', 'submitted', 'approved')"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    key: Mapped[str] = mapped_column(Text)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    period: Mapped[int] = mapped_column(Integer)
    booked_on: Mapped[date] = mapped_column(Date)
    description: Mapped[str] = mapped_column(Text)
    reference: Mapped[str | None] = mapped_column(Text)
    reverses: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    hold_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    maker_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    maker_officer: Mapped[str] = mapped_column(Text)
    approvals_needed: Mapped[int] = mapped_column(Integer, server_default="2")
    state: Mapped[str] = mapped_column(Text, server_default="draft")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    content_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    acted_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    acted_officer: Mapped[str] = mapped_column(Text)
    acted_at: Mapped[datetime] = mapped_column(_STAMP)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_STAMP)
    posted_at: Mapped[datetime | None] = mapped_column(_STAMP)


class Leg(Base):
    """One side of an entry. Put in and taken out while it is a draft."""

    __tablename__ = "fund_legs"
    __table_args__ = (
        PrimaryKeyConstraint("entry_id", "position"),
        CheckConstraint("position between 1 and 200", name="position"),
        CheckConstraint("side in ('debit', 'credit')", name="side"),
        CheckConstraint("amount_fen >= 1", name="amount"),
    )
    entry_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(Integer)
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    fund: Mapped[str] = mapped_column(Text)
    side: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger)


class Approval(Base):
    """An officer's yes to a content, named by its hash."""

    __tablename__ = "fund_approvals"
    __table_args__ = (
        PrimaryKeyConstraint("entry_id", "officer", "content_hash"),
        CheckConstraint("officer ~ '…'", name="officer"),
        CheckConstraint("octet_length(content_hash) = 32", name="hash"),
    )
    entry_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    approved_at: Mapped[datetime] = mapped_column(_STAMP)


class Total(Base):
    """What is on an account now. Written by the database alone."""

    __tablename__ = "fund_totals"
    __table_args__ = (
        PrimaryKeyConstraint("account_id"),
        ForeignKeyConstraint(["account_id"], ["fund_accounts.id"]),
        CheckConstraint("held_fen >= 0", name="held"),
        CheckConstraint("balance_fen between …", name="balance"),
    )
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    balance_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    postings: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_at: Mapped[datetime] = mapped_column(_STAMP, server_default=text("'1970-01-01 00:00:00+00'"))


class Balance(Base):
    """What an account brought into a period and what moved in it. Written by the database alone."""

    __tablename__ = "fund_balances"
    __table_args__ = (
        PrimaryKeyConstraint("account_id", "period"),
        CheckConstraint("debit_fen >= 0 and credit_fen >= 0", name="sides"),
    )
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    period: Mapped[int] = mapped_column(Integer, autoincrement=False)
    opening_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    debit_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    credit_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class Posting(Base):
    """A leg once posted, with the account's balance after it: so a balance as of any instant is one row."""

    __tablename__ = "fund_postings"
    __table_args__ = (
        PrimaryKeyConstraint("account_id", "number"),
        CheckConstraint("amount_fen <> 0", name="amount"),
        Index("ix_fund_postings_account_id_at_number", "account_id", "at", "number"),
    )
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    number: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    entry_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(Integer)
    period: Mapped[int] = mapped_column(Integer)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    balance_fen: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(_STAMP)


class Step(Base):
    """How an entry came to a state: by whom, when, why."""

    __tablename__ = "fund_steps"
    __table_args__ = (PrimaryKeyConstraint("entry_id", "version"),)
    entry_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer, autoincrement=False)
    state: Mapped[str] = mapped_column(Text)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_STAMP)


class Submission(Base):
    """What an entry was as its maker took it back from approval: `content` as it was submitted. Written by the
    database."""

    __tablename__ = "fund_submissions"
    __table_args__ = (
        PrimaryKeyConstraint("entry_id", "version"),
        ForeignKeyConstraint(["entry_id"], ["fund_entries.id"]),
        CheckConstraint("octet_length(content_hash) = 32", name="hash"),
    )
    entry_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer, autoincrement=False)
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    taken_back_at: Mapped[datetime] = mapped_column(_STAMP)
