"""Contracts, their content, consents, signatures, scans, openings, cases. What guards them stands in the migration."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
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

from .standard.rules import OFFICER_PATTERN

_MOMENT = DateTime(timezone=True)
NUMBER_PATTERN = "^HT[0-9ABCDEFGHJKLMNPQRTUWXY]{10}[0-9A-Z]$"


class Contract(Base):
    """One version between one creditor and one agency, without its prices: those stand in its content."""

    __tablename__ = "contracts"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("number", "version"),
        ForeignKeyConstraint(["creditor_id"], ["members.id"]),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        ForeignKeyConstraint(["drafted_by"], ["members.id"]),
        ForeignKeyConstraint(["template_id"], ["contract_templates.id"]),
        ForeignKeyConstraint(["follows"], ["contracts.id"]),
        CheckConstraint(f"number ~ '{NUMBER_PATTERN}'", name="number"),
        CheckConstraint("kind in ('new', 'amendment', 'renewal') and (kind = 'new') = (follows is null)", name="kind"),
        CheckConstraint("state in ('draft', 'signed', 'superseded', 'terminated', 'withdrawn')", name="state"),
        CheckConstraint("creditor_id <> agency_id and drafted_by in (creditor_id, agency_id)", name="parties"),
        CheckConstraint("octet_length(content_hash) = 32", name="content_hash"),
        CheckConstraint("ends_on >= begins_on", name="term"),
        CheckConstraint("(state in ('draft', 'withdrawn')) = (signed_at is null)", name="signed_at"),
        CheckConstraint("(state in ('superseded', 'terminated')) = (ended_on is not null)", name="ended_on"),
        CheckConstraint("verdict in ('within', 'unknown')", name="verdict"),
        CheckConstraint("char_length(end_reason) between 1 and 200", name="end_reason"),
        Index("ix_contracts_creditor_id_agency_id", "creditor_id", "agency_id"),
        Index("ix_contracts_agency_id", "agency_id"),
        Index("ix_contracts_ends_on", "ends_on", postgresql_where=text("state = 'signed'")),
        Index("ix_contracts_content_hash", "content_hash", postgresql_where=text("signed_at is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    number: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)
    follows: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    creditor_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    drafted_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    template_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    jurisdiction: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    begins_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    ended_on: Mapped[date | None] = mapped_column(Date)
    end_reason: Mapped[str | None] = mapped_column(Text)
    verdict: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_MOMENT)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)
    signed_at: Mapped[datetime | None] = mapped_column(_MOMENT)


class ContractContent(Base):
    """The whole content as canonical JSON (RFC 8785), and the highest rate of each age. Documents are made from it."""

    __tablename__ = "contract_contents"
    __table_args__ = (
        PrimaryKeyConstraint("contract_id"),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        CheckConstraint("content_hash = sha256(convert_to(content, 'UTF8'))", name="content_hash"),
        CheckConstraint("cardinality(rates) = 25", name="rates"),
    )
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    content: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    rates: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class ContractConsent(Base):
    """The other side's yes to one deviation, in the content of this hash."""

    __tablename__ = "contract_consents"
    __table_args__ = (
        PrimaryKeyConstraint("contract_id", "clause_id", "content_hash"),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
    )
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    clause_id: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    consented_at: Mapped[datetime] = mapped_column(_MOMENT)


class ContractSignature(Base):
    """One party's detached JWS over the content hash, with the key as it was. Its leaf bears its id."""

    __tablename__ = "contract_signatures"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("contract_id", "member_id", name="uq_contract_signatures_contract_id_member_id"),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("char_length(jws) between 1 and 2048", name="jws"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    kid: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]]
    jws: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime] = mapped_column(_MOMENT)


class ContractScan(Base):
    """Evidence that a party registered of the paper copy: the fingerprint, never the paper."""

    __tablename__ = "contract_scans"
    __table_args__ = (
        PrimaryKeyConstraint("contract_id", "evidence_id"),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        ForeignKeyConstraint(["evidence_id"], ["evidence.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    )
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    evidence_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    linked_at: Mapped[datetime] = mapped_column(_MOMENT)


class ContractOpening(Base):
    """A complaint under which the association reads the prices; the parties see that it did."""

    __tablename__ = "contract_openings"
    __table_args__ = (
        PrimaryKeyConstraint("contract_id", "complaint"),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("complaint ~ '^[0-9A-Za-z-]{1,32}$'", name="complaint"),
        CheckConstraint(f"officer ~ '{OFFICER_PATTERN}'", name="officer"),
    )
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    complaint: Mapped[str] = mapped_column(Text)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(_MOMENT)


class ContractCase(Base):
    """Under which contract a case is worked."""

    __tablename__ = "contract_cases"
    __table_args__ = (
        PrimaryKeyConstraint("case_id", "contract_id"),
        ForeignKeyConstraint(["case_id"], ["cases.id"]),
        ForeignKeyConstraint(["contract_id"], ["contracts.id"]),
        Index("ix_contract_cases_contract_id", "contract_id"),
    )
    case_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    contract_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    named_at: Mapped[datetime] = mapped_column(_MOMENT)


class PlacementPolicy(Base):
    """What a placement without a live contract meets from a day on: off, warn or refuse. The newest row counts."""

    __tablename__ = "contract_placement_policies"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        CheckConstraint("policy in ('off', 'warn', 'refuse')", name="policy"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    policy: Mapped[str] = mapped_column(Text)
    effective_from: Mapped[date] = mapped_column(Date)
    recorded_at: Mapped[datetime] = mapped_column(_MOMENT)
