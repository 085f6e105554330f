"""Recoveries, reversals, statements and their lines. What guards them stands in the migration."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
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
PARTS = ("principal_fen", "interest_fen", "penalty_fen", "fees_fen", "legal_costs_fen")
MAX_FEN = 10**13


class Recovery(Base):
    """Money that came in on a case under a contract. Priced as it is confirmed, once."""

    __tablename__ = "recoveries"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("contract_id", "reference", name="uq_recoveries_contract_id_reference"),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        ForeignKeyConstraint(["case_id"], ["cases.id"]),
        CheckConstraint("reference ~ '^[0-9A-Za-z_.:-]{1,64}$'", name="reference"),
        CheckConstraint("age between 1 and 25 and round between 1 and 99", name="bucket"),
        CheckConstraint(
            f"least({', '.join(PARTS)}) >= 0 and {' + '.join(PARTS)} between 1 and {MAX_FEN}", name="parts"
        ),
        CheckConstraint("state in ('reported', 'confirmed', 'disputed')", name="state"),
        CheckConstraint(
            "(state = 'confirmed') = (confirmed_at is not null and commission_fen is not null and base_fen is not null"
            " and already_fen is not null)",
            name="confirmed",
        ),
        CheckConstraint(
            f"commission_fen between 0 and {MAX_FEN} and commission_fen <= base_fen * cap_bp / 10000", name="capped"
        ),
        CheckConstraint("state <> 'disputed' or dispute_reason is not null", name="disputed"),
        CheckConstraint("char_length(dispute_reason) between 1 and 200", name="dispute_reason"),
        CheckConstraint("bank_line ~ '^[0-9A-Za-z_.:-]{1,64}$'", name="bank_line"),
        Index("ix_recoveries_contract_id_case_id", "contract_id", "case_id"),
        Index("ix_recoveries_creditor_id_id", "creditor_id", "id"),
        Index("ix_recoveries_agency_id_id", "agency_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    creditor_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    case_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    reference: Mapped[str] = mapped_column(Text)
    received_on: Mapped[date] = mapped_column(Date)
    age: Mapped[int] = mapped_column(Integer)
    round: Mapped[int] = mapped_column(Integer)
    principal_fen: Mapped[int] = mapped_column(BigInteger)
    interest_fen: Mapped[int] = mapped_column(BigInteger)
    penalty_fen: Mapped[int] = mapped_column(BigInteger)
    fees_fen: Mapped[int] = mapped_column(BigInteger)
    legal_costs_fen: Mapped[int] = mapped_column(BigInteger)
    modifiers: Mapped[list[str]]
    stage: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(_MOMENT)
    confirmed_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    bank_line: Mapped[str | None] = mapped_column(Text)
    dispute_reason: Mapped[str | None] = mapped_column(Text)
    already_fen: Mapped[int | None] = mapped_column(BigInteger)
    cap_bp: Mapped[int | None] = mapped_column(Integer)
    base_fen: Mapped[int | None] = mapped_column(BigInteger)
    fee_fen: Mapped[int | None] = mapped_column(BigInteger)
    commission_fen: Mapped[int | None] = mapped_column(BigInteger)

    @property
    def parts(self) -> dict[str, int]:
        """Fen by part of the debt."""
        return {name.removesuffix("_fen"): getattr(self, name) for name in PARTS}

    @property
    def amount_fen(self) -> int:
        return sum(self.parts.values())


class RecoveryReversal(Base):
    """A payment of the debtor's that was taken back, and what of its commission goes back with it."""

    __tablename__ = "recovery_reversals"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["recovery_id"], ["recoveries.id"]),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("clawback_fen >= 0", name="clawback"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        Index("ix_recovery_reversals_recovery_id", "recovery_id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    recovery_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    reversed_on: Mapped[date] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(Text)
    clawback_fen: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime] = mapped_column(_MOMENT)


class Statement(Base):
    """A month of one contract. `agreed_fen`: the sum of its agreed lines once every line is decided.
    `carried_fen`: what months below zero have left to it."""

    __tablename__ = "commission_statements"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("contract_id", "month", name="uq_commission_statements_contract_id_month"),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        CheckConstraint("month ~ '^20[0-9]{2}-(0[1-9]|1[0-2])$'", name="month"),
        CheckConstraint("state in ('open', 'agreed', 'disputed')", name="state"),
        CheckConstraint("(state = 'open') = (agreed_fen is null)", name="agreed_fen"),
        CheckConstraint("carried_fen <= 0", name="carried_fen"),
        Index("ix_commission_statements_creditor_id_id", "creditor_id", "id"),
        Index("ix_commission_statements_agency_id_id", "agency_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    creditor_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    month: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    total_fen: Mapped[int] = mapped_column(BigInteger)
    agreed_fen: Mapped[int | None] = mapped_column(BigInteger)
    carried_fen: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    leaf_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    levy_base_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    made_at: Mapped[datetime] = mapped_column(_MOMENT)
    decided_at: Mapped[datetime | None] = mapped_column(_MOMENT)


class StatementLine(Base):
    """A commission, or a claw-back below zero; each stands on one statement only."""

    __tablename__ = "commission_statement_lines"
    __table_args__ = (
        PrimaryKeyConstraint("statement_id", "position"),
        ForeignKeyConstraint(["statement_id"], ["commission_statements.id"]),
        ForeignKeyConstraint(["recovery_id"], ["recoveries.id"]),
        ForeignKeyConstraint(["reversal_id"], ["recovery_reversals.id"]),
        UniqueConstraint("reversal_id"),
        CheckConstraint("state in ('open', 'agreed', 'disputed', 'dropped')", name="state"),
        CheckConstraint("case when reversal_id is null then amount_fen >= 0 else amount_fen <= 0 end", name="amount"),
        CheckConstraint("state <> 'disputed' or reason is not null", name="disputed"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        Index(
            "ix_commission_statement_lines_recovery_id",
            "recovery_id",
            unique=True,
            postgresql_where=text("reversal_id is null"),
        ),
    )
    statement_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(Integer)
    recovery_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    reversal_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
