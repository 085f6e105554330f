"""The bank's tables: payees, instructions, what is expected. What guards them stands in the migration `fund_bank`."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
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


class Payee(Base):
    """Whom the fund pays, by a digest of the account. Never changed."""

    __tablename__ = "fund_payees"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["registered_member"], ["members.id"]),
        CheckConstraint("octet_length(account_key) = 32", name="account_key"),
        CheckConstraint("registered_officer ~ '…'", name="officer"),
        Index("ix_fund_payees_account_key", "account_key"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    account_key: Mapped[bytes] = mapped_column(LargeBinary)
    registered_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    registered_officer: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(_STAMP)


class PayeeDetails(Base):
    """Holder, account and bank of a payee, sealed under a label that bears its id. `key_id`: of which master key."""

    __tablename__ = "fund_payee_details"
    __table_args__ = (
        PrimaryKeyConstraint("payee_id"),
        ForeignKeyConstraint(["payee_id"], ["fund_payees.id"]),
        CheckConstraint("octet_length(sealed) between 28 and 4096", name="sealed"),
        CheckConstraint("key_id ~ '^[0-9a-f]{16}$'", name="key_id"),
    )
    payee_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str] = mapped_column(Text)


class Instruction(Base):
    """One payment to one payee. `source_id`: what it is for, as `purpose` knows it; paid once."""

    __tablename__ = "fund_instructions"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("reference"),
        ForeignKeyConstraint(["payee_id"], ["fund_payees.id"]),
        ForeignKeyConstraint(["hold_id"], ["fund_holds.id"]),
        ForeignKeyConstraint(["maker_member"], ["members.id"]),
        CheckConstraint("reference ~ '…'", name="reference"),
        CheckConstraint("purpose in ('relief', 'staff', 'refund')", name="purpose"),
        CheckConstraint("fund in ('RELIEF', 'STAFF', 'ADMIN')", name="fund"),
        CheckConstraint("amount_fen >= 1", name="amount"),
        CheckConstraint("state in (…)", name="state"),
        CheckConstraint("maker_officer ~ '…'", name="officer"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        Index(
            "ix_fund_instructions_one_payment",
            "purpose",
            "source_id",
            unique=True,
            postgresql_where=text("state not in ('returned', 'cancelled')"),
        ),
        Index(
            "ix_fund_instructions_one_hold",
            "hold_id",
            unique=True,
            postgresql_where=text("state not in ('returned', 'cancelled')"),
        ),
        Index("ix_fund_instructions_state_id", "state", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    reference: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    source_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    fund: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    payee_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    hold_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    state: Mapped[str] = mapped_column(Text, server_default="instructed")
    reason: Mapped[str | None] = mapped_column(Text)
    maker_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    maker_officer: Mapped[str] = mapped_column(Text)
    instructed_at: Mapped[datetime] = mapped_column(_STAMP)
    changed_at: Mapped[datetime] = mapped_column(_STAMP)


class Expected(Base):
    """A payment the fund waits for. `received_fen`: what bank lines have brought of it."""

    __tablename__ = "fund_expected"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("reference"),
        UniqueConstraint("source_kind", "source_id"),
        ForeignKeyConstraint(["payer_id"], ["members.id"]),
        CheckConstraint("source_kind ~ '^[a-z][a-z_]{0,31}$'", name="source_kind"),
        CheckConstraint("reference ~ '^[A-Z0-9-]{6,35}$'", name="reference"),
        CheckConstraint("amount_fen >= 1", name="amount"),
        CheckConstraint("received_fen between 0 and amount_fen", name="received"),
        CheckConstraint("state in ('open', 'met', 'withdrawn')", name="state"),
        Index("ix_fund_expected_payer_id_due_on", "payer_id", "due_on"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    source_kind: Mapped[str] = mapped_column(Text)
    source_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    reference: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    received_fen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    due_on: Mapped[date] = mapped_column(Date)
    payer_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    state: Mapped[str] = mapped_column(Text, server_default="open")
    made_at: Mapped[datetime] = mapped_column(_STAMP)
    changed_at: Mapped[datetime] = mapped_column(_STAMP)
