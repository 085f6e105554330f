"""Accounts at banks, files of payments, statements, what was matched, days reconciled. What guards them stands in the
migration `fund_statements`."""

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


class BankAccount(Base):
    """The fund's own account at a bank, and the first account of the books that is the same money (all of them:
    `BankBook`). `payments`: how its bank reads files of payments; `statements`: how it writes statements as CSV: these
    may change, nothing else does."""

    __tablename__ = "fund_bank_accounts"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("code"),
        UniqueConstraint("account_key"),
        UniqueConstraint("ledger_account_id"),
        ForeignKeyConstraint(["ledger_account_id"], ["fund_accounts.id"]),
        ForeignKeyConstraint(["registered_member"], ["members.id"]),
        CheckConstraint("code ~ '^[A-Z0-9][A-Za-z0-9-]{0,30}$'", name="code"),
        CheckConstraint("octet_length(account_key) = 32", name="account_key"),
        CheckConstraint("octet_length(sealed) between 28 and 4096", name="sealed"),
        CheckConstraint("opening_fen >= 0", name="opening"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    code: Mapped[str] = mapped_column(Text)
    account_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str] = mapped_column(Text)
    ledger_account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    opened_on: Mapped[date] = mapped_column(Date)
    opening_fen: Mapped[int] = mapped_column(BigInteger)
    payments: Mapped[dict[str, Any]] = mapped_column()
    statements: Mapped[dict[str, Any]] = mapped_column()
    registered_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    registered_officer: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(_STAMP)


class BankBook(Base):
    """An account of the books whose money lies on an account at a bank. A bank account is the sum of its own; the first
    is put in by the database as the bank account is."""

    __tablename__ = "fund_bank_books"
    __table_args__ = (
        PrimaryKeyConstraint("ledger_account_id"),
        ForeignKeyConstraint(["ledger_account_id"], ["fund_accounts.id"]),
        ForeignKeyConstraint(["bank_account_id"], ["fund_bank_accounts.id"]),
        Index("ix_fund_bank_books_bank_account_id", "bank_account_id"),
    )
    ledger_account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    bank_account_id: Mapped[uuid.UUID] = mapped_column(Uuid)


class PaymentFile(Base):
    """What is given to the bank, by its digest: generated → released (by another) → sent. The bytes are made anew
    whenever they are wanted, and are always the same."""

    __tablename__ = "fund_payment_files"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["bank_account_id"], ["fund_bank_accounts.id"]),
        ForeignKeyConstraint(["maker_member"], ["members.id"]),
        ForeignKeyConstraint(["releaser_member"], ["members.id"]),
        CheckConstraint("format in ('csv', 'pain001')", name="format"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        CheckConstraint("payments between 1 and 10000", name="payments"),
        CheckConstraint("total_fen >= 1", name="total"),
        CheckConstraint("state in ('generated', 'released', 'sent', 'withdrawn')", name="state"),
        CheckConstraint("releaser_officer <> maker_officer", name="releaser"),
        CheckConstraint("(state in ('released', 'sent')) = (released_at is not null)", name="released"),
        CheckConstraint("(state = 'sent') = (sent_at is not null)", name="sent"),
        Index("ix_fund_payment_files_once", "sha256", unique=True, postgresql_where=text("state <> 'withdrawn'")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    bank_account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    format: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    payments: Mapped[int] = mapped_column(Integer)
    total_fen: Mapped[int] = mapped_column(BigInteger)
    execute_on: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(Text, server_default="generated")
    maker_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    maker_officer: Mapped[str] = mapped_column(Text)
    generated_at: Mapped[datetime] = mapped_column(_STAMP)
    releaser_member: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    releaser_officer: Mapped[str | None] = mapped_column(Text)
    released_at: Mapped[datetime | None] = mapped_column(_STAMP)
    sent_at: Mapped[datetime | None] = mapped_column(_STAMP)


class PaymentItem(Base):
    """Which instruction stands where in a file. As it is put in, the database makes the instruction filed."""

    __tablename__ = "fund_payment_items"
    __table_args__ = (
        PrimaryKeyConstraint("file_id", "position"),
        ForeignKeyConstraint(["file_id"], ["fund_payment_files.id"]),
        ForeignKeyConstraint(["instruction_id"], ["fund_instructions.id"]),
        CheckConstraint("position between 1 and 10000", name="position"),
        Index("ix_fund_payment_items_instruction_id", "instruction_id"),
    )
    file_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(Integer, autoincrement=False)
    instruction_id: Mapped[uuid.UUID] = mapped_column(Uuid)


class Statement(Base):
    """What a bank says of an account up to a day. Each begins where the one before ended."""

    __tablename__ = "fund_statements"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("bank_account_id", "day"),
        UniqueConstraint("bank_account_id", "sha256"),
        UniqueConstraint("id", "bank_account_id"),
        ForeignKeyConstraint(["bank_account_id"], ["fund_bank_accounts.id"]),
        ForeignKeyConstraint(["imported_member"], ["members.id"]),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        CheckConstraint("closing_fen = opening_fen + moved_fen", name="closing"),
        CheckConstraint("lines between 0 and 100000", name="lines"),
        CheckConstraint("format in ('camt053', 'csv')", name="format"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    bank_account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    day: Mapped[date] = mapped_column(Date)
    opening_fen: Mapped[int] = mapped_column(BigInteger)
    moved_fen: Mapped[int] = mapped_column(BigInteger)
    closing_fen: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    format: Mapped[str] = mapped_column(Text)
    imported_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    imported_officer: Mapped[str] = mapped_column(Text)
    imported_at: Mapped[datetime] = mapped_column(_STAMP)


class BankLine(Base):
    """A line of a statement; in is positive. `sealed`: the other side and the words. `matched_fen`: counted by the
    database alone."""

    __tablename__ = "fund_bank_lines"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("statement_id", "position"),
        UniqueConstraint("bank_account_id", "bank_ref"),
        ForeignKeyConstraint(
            ["statement_id", "bank_account_id"], ["fund_statements.id", "fund_statements.bank_account_id"]
        ),
        CheckConstraint("amount_fen <> 0", name="amount"),
        CheckConstraint("bank_ref ~ '…'", name="bank_ref"),
        CheckConstraint("reference ~ '^[A-Z0-9-]{6,35}$'", name="reference"),
        CheckConstraint("matched_fen between 0 and abs(amount_fen)", name="matched"),
        CheckConstraint("octet_length(sealed) between 28 and 16384", name="sealed"),
        Index(
            "ix_fund_bank_lines_unmatched",
            "bank_account_id",
            "id",
            postgresql_where=text("matched_fen <> abs(amount_fen)"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    statement_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    bank_account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(Integer)
    booked_on: Mapped[date] = mapped_column(Date)
    value_on: Mapped[date] = mapped_column(Date)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    bank_ref: Mapped[str] = mapped_column(Text)
    reference: Mapped[str | None] = mapped_column(Text)
    returned: Mapped[bool] = mapped_column()
    matched_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str] = mapped_column(Text)


class Match(Base):
    """Part of a line, and what it settles: a payment, what was expected, or a posted entry. The database moves what is
    settled as it is put in."""

    __tablename__ = "fund_matches"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["line_id"], ["fund_bank_lines.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("target in ('instruction', 'expected', 'entry')", name="target"),
        CheckConstraint("amount_fen >= 1", name="amount"),
        CheckConstraint("outcome in ('confirmed', 'returned')", name="outcome"),
        Index(
            "ix_fund_matches_once", "target_id", "outcome", unique=True, postgresql_where=text("target = 'instruction'")
        ),
        Index("ix_fund_matches_line_id", "line_id"),
        Index("ix_fund_matches_target_id", "target_id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    line_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    target: Mapped[str] = mapped_column(Text)
    target_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(Text)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    matched_at: Mapped[datetime] = mapped_column(_STAMP)


class Day(Base):
    """A day on which bank and books agreed, every line accounted for."""

    __tablename__ = "fund_days"
    __table_args__ = (
        PrimaryKeyConstraint("bank_account_id", "day"),
        ForeignKeyConstraint(["bank_account_id", "day"], ["fund_statements.bank_account_id", "fund_statements.day"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
    )
    bank_account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    day: Mapped[date] = mapped_column(Date)
    closing_fen: Mapped[int] = mapped_column(BigInteger)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    reconciled_at: Mapped[datetime] = mapped_column(_STAMP)
    leaf_id: Mapped[uuid.UUID] = mapped_column(Uuid)
