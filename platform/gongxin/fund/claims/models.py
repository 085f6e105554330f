"""Claims, approvals, steps, stop flags, caps. What guards them stands in the migration `fund_claims`."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    ARRAY,
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


class Claim(Base):
    """One claim. `acted_*`: who made it what it is now; each step is kept in `fund_claim_steps`."""

    __tablename__ = "fund_claims"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("number"),
        ForeignKeyConstraint(["filed_by"], ["members.id"]),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["payee_id"], ["fund_payees.id"]),
        ForeignKeyConstraint(["payee_member"], ["members.id"]),
        ForeignKeyConstraint(["reviewer_id"], ["members.id"]),
        ForeignKeyConstraint(["hold_id"], ["fund_holds.id"]),
        ForeignKeyConstraint(["entry_id"], ["fund_entries.id"]),
        UniqueConstraint("hold_id"),
        CheckConstraint("fund = 'RELIEF' and … or fund = 'STAFF' and …", name="person"),
        CheckConstraint("unrelated", name="unrelated"),
        CheckConstraint("region ~ '^[0-9]{6}$'", name="region"),
        CheckConstraint("asked_fen between 1 and 9007199254740991", name="asked"),
        CheckConstraint("granted_fen between 1 and asked_fen", name="granted"),
        CheckConstraint("term_days between 1 and 180", name="term"),
        CheckConstraint("payee_kind in (…)", name="payee_kind"),
        CheckConstraint("state in (…)", name="state"),
        CheckConstraint("octet_length(evidence_sha256) = 32 and octet_length(means_sha256) = 32", name="evidence"),
        CheckConstraint("octet_length(content_hash) = 32", name="hash"),
        CheckConstraint("filed_officer ~ '…'", name="officers"),
        CheckConstraint("char_length(reason) between 1 and 500", name="reason"),
        Index("ix_fund_claims_subject_keys", "subject_keys", postgresql_using="gin"),
        Index("ix_fund_claims_agent_id", "agent_id", postgresql_where=text("agent_id is not null")),
        Index("ix_fund_claims_account_key", "account_key"),
        Index("ix_fund_claims_filed_by_id", "filed_by", "id"),
        Index("ix_fund_claims_held_on_cause", "held_on", "cause", postgresql_where=text("held_on is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    number: Mapped[str] = mapped_column(Text)
    fund: Mapped[str] = mapped_column(Text)
    cause: Mapped[str] = mapped_column(Text)
    region: Mapped[str] = mapped_column(Text)
    filed_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    filed_officer: Mapped[str] = mapped_column(Text)
    filed_at: Mapped[datetime] = mapped_column(_STAMP)
    agent_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    epochs: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    subject_keys: Mapped[list[bytes] | None] = mapped_column(ARRAY(LargeBinary))
    asked_fen: Mapped[int] = mapped_column(BigInteger)
    term_days: Mapped[int] = mapped_column(Integer)
    payee_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    account_key: Mapped[bytes] = mapped_column(LargeBinary)
    payee_kind: Mapped[str] = mapped_column(Text)
    payee_member: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    unrelated: Mapped[bool] = mapped_column(Boolean)
    means_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    evidence_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text, server_default="filed")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    granted_fen: Mapped[int | None] = mapped_column(BigInteger)
    restriction: Mapped[str | None] = mapped_column(Text)
    lines: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    assessor_member: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    assessor_officer: Mapped[str | None] = mapped_column(Text)
    reviewer_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    hold_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    held_on: Mapped[date | None] = mapped_column(Date)
    entry_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    returned_officer: Mapped[str | None] = mapped_column(Text)
    appeal_by: Mapped[date | None] = mapped_column(Date)
    reason: Mapped[str | None] = mapped_column(Text)
    acted_member: Mapped[uuid.UUID] = mapped_column(Uuid)
    acted_officer: Mapped[str] = mapped_column(Text)
    acted_at: Mapped[datetime] = mapped_column(_STAMP)


class ClaimApproval(Base):
    """An officer's yes to a claim's content, with the declaration that they are unrelated to whoever gets it."""

    __tablename__ = "fund_claim_approvals"
    __table_args__ = (
        PrimaryKeyConstraint("claim_id", "officer", "content_hash"),
        ForeignKeyConstraint(["claim_id"], ["fund_claims.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("unrelated", name="unrelated"),
        CheckConstraint("officer ~ '…'", name="officer"),
    )
    claim_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    unrelated: Mapped[bool] = mapped_column(Boolean)
    approved_at: Mapped[datetime] = mapped_column(_STAMP)


class ClaimStep(Base):
    """How a claim came to a state: by whom, when, why. Written by the database."""

    __tablename__ = "fund_claim_steps"
    __table_args__ = (PrimaryKeyConstraint("claim_id", "version"),)
    claim_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer, autoincrement=False)
    state: Mapped[str] = mapped_column(Text)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_STAMP)


class ClaimFlag(Base):
    """The stop flag that a claim set on a case, and when it was lifted."""

    __tablename__ = "fund_claim_flags"
    __table_args__ = (
        PrimaryKeyConstraint("event_id"),
        ForeignKeyConstraint(["claim_id"], ["fund_claims.id"]),
        ForeignKeyConstraint(["event_id"], ["case_events.id"]),
        Index("ix_fund_claim_flags_until", "until", postgresql_where=text("lifted_at is null")),
        Index("ix_fund_claim_flags_claim_id", "claim_id"),
    )
    event_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    claim_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    until: Mapped[date] = mapped_column(Date)
    lifted_at: Mapped[datetime | None] = mapped_column(_STAMP)


class ClaimCap(Base):
    """What a kind of claim is capped at; `data/claims.json` says the same, with its source."""

    __tablename__ = "fund_claim_caps"
    __table_args__ = (PrimaryKeyConstraint("cause"),)
    cause: Mapped[str] = mapped_column(Text)
    fund: Mapped[str] = mapped_column(Text)
    per_claim_fen: Mapped[int] = mapped_column(BigInteger)
    per_person_year_fen: Mapped[int] = mapped_column(BigInteger)
    per_year_fen: Mapped[int] = mapped_column(BigInteger)
