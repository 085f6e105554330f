"""Evidence, its custody and state, batches, rules of retention. What guards them stands in migration 0008."""

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

_KINDS = "kind in ('recording', 'letter', 'photograph', 'contract', 'other')"
_STAMP = DateTime(timezone=True)


class RetentionRule(Base):
    """How long a kind of record is kept, from which authority. A new version supersedes; none is changed."""

    __tablename__ = "retention_rules"
    __table_args__ = (
        PrimaryKeyConstraint("pack", "record", "version"),
        CheckConstraint("pack ~ '^[a-z]{2}$'", name="pack"),
        CheckConstraint("record in (…)", name="record"),
        CheckConstraint("default_months >= min_months", name="months"),
        CheckConstraint("source_status in ('verified', 'unverified')", name="source"),
        CheckConstraint("version >= 1", name="version"),
    )
    pack: Mapped[str] = mapped_column(Text)
    record: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    min_months: Mapped[int] = mapped_column(Integer)
    default_months: Mapped[int] = mapped_column(Integer)
    authority: Mapped[str] = mapped_column(Text)
    article: Mapped[str] = mapped_column(Text)
    source_status: Mapped[str] = mapped_column(Text)
    effective_from: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(_STAMP, server_default=text("now()"))


class Evidence(Base):
    """One file as its owner registered it; never changed. Its leaf of the log bears its id."""

    __tablename__ = "evidence"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["case_id"], ["cases.id"]),
        UniqueConstraint("id", "member_id"),
        UniqueConstraint(
            "member_id", "sha256", "case_id", "agent_licence", "complaint", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint(_KINDS, name="kind"),
        CheckConstraint("octet_length(sha256) = 32 and octet_length(sm3) = 32 and size >= 0", name="fingerprint"),
        CheckConstraint("media_type ~ '…'", name="media_type"),
        CheckConstraint("case_id is not null or agent_licence is not null or complaint is not null", name="concerns"),
        CheckConstraint("char_length(made_by) between 1 and 64", name="words"),
        CheckConstraint("made_at <= registered_at + interval '10 minutes'", name="made_at"),
        CheckConstraint("keep_until >= keep_at_least_until", name="keep_until"),
        CheckConstraint("octet_length(commitment) = 32", name="commitment"),
        Index("ix_evidence_member_id_id", "member_id", "id"),
        Index("ix_evidence_case_id_id", "case_id", "id", postgresql_where=text("case_id is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    sm3: Mapped[bytes | None] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(Text)
    case_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    agent_licence: Mapped[str | None] = mapped_column(Text)
    complaint: Mapped[str | None] = mapped_column(Text)
    made_by: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime | None] = mapped_column(_STAMP)
    registered_at: Mapped[datetime] = mapped_column(_STAMP)
    keep_at_least_until: Mapped[date] = mapped_column(Date)
    keep_until: Mapped[date] = mapped_column(Date)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)


class CustodyEvent(Base):
    """One event of custody; `previous` is the digest of the one before, of the first the file's SHA-256."""

    __tablename__ = "evidence_custody"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("evidence_id", "position"),
        ForeignKeyConstraint(["evidence_id", "member_id"], ["evidence.id", "evidence.member_id"]),
        CheckConstraint("event in (…)", name="event"),
        CheckConstraint("(event = 'created') = (position = 1)", name="created"),
        CheckConstraint("(event in ('moved', 'disclosed')) = (recipient is not null)", name="recipient"),
        CheckConstraint("char_length(basis) between 1 and 200", name="basis"),
        CheckConstraint("at <= recorded_at + interval '10 minutes'", name="at"),
        CheckConstraint("octet_length(previous) = 32 and octet_length(digest) = 32", name="digest"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    evidence_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(Integer)
    event: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_STAMP)
    recipient: Mapped[str | None] = mapped_column(Text)
    basis: Mapped[str | None] = mapped_column(Text)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    recorded_at: Mapped[datetime] = mapped_column(_STAMP)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)


class EvidenceState(Base):
    """How evidence stands. Written by the database alone, as an event of custody is recorded."""

    __tablename__ = "evidence_states"
    __table_args__ = (PrimaryKeyConstraint("evidence_id"), ForeignKeyConstraint(["evidence_id"], ["evidence.id"]))
    evidence_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)
    head: Mapped[bytes] = mapped_column(LargeBinary)
    held: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    destroyed_at: Mapped[datetime | None] = mapped_column(_STAMP)


class EvidenceBatch(Base):
    """Many files under one root; which they are, its owner knows."""

    __tablename__ = "evidence_batches"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["case_id"], ["cases.id"]),
        UniqueConstraint("member_id", "root"),
        CheckConstraint(_KINDS, name="kind"),
        CheckConstraint("octet_length(root) = 32 and octet_length(commitment) = 32", name="root"),
        CheckConstraint("count between 1 and 100000", name="count"),
        CheckConstraint("char_length(label) between 1 and 64", name="words"),
        CheckConstraint("made_to >= made_from", name="made"),
        CheckConstraint("keep_until >= keep_at_least_until", name="keep_until"),
        Index("ix_evidence_batches_member_id_id", "member_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    count: Mapped[int] = mapped_column(Integer)
    label: Mapped[str | None] = mapped_column(Text)
    made_from: Mapped[date | None] = mapped_column(Date)
    made_to: Mapped[date | None] = mapped_column(Date)
    case_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    agent_licence: Mapped[str | None] = mapped_column(Text)
    complaint: Mapped[str | None] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(_STAMP)
    keep_at_least_until: Mapped[date] = mapped_column(Date)
    keep_until: Mapped[date] = mapped_column(Date)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)


class BatchCustodyEvent(Base):
    """One event of a batch's custody, or of a file of it: `item` its SHA-256, with its place and Merkle path."""

    __tablename__ = "evidence_batch_custody"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("batch_id", "item", "position", postgresql_nulls_not_distinct=True),
        ForeignKeyConstraint(["batch_id"], ["evidence_batches.id"]),
        CheckConstraint("event in (…)", name="event"),
        CheckConstraint("(item is null) = (path is null)", name="item"),
        CheckConstraint("(event in ('moved', 'disclosed')) = (recipient is not null)", name="recipient"),
        CheckConstraint("char_length(basis) between 1 and 200", name="basis"),
        CheckConstraint("at <= recorded_at + interval '10 minutes'", name="at"),
        CheckConstraint("octet_length(previous) = 32 and octet_length(digest) = 32", name="digest"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    batch_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    item: Mapped[bytes | None] = mapped_column(LargeBinary)
    place: Mapped[int | None] = mapped_column(Integer)
    path: Mapped[bytes | None] = mapped_column(LargeBinary)
    position: Mapped[int] = mapped_column(Integer)
    event: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_STAMP)
    recipient: Mapped[str | None] = mapped_column(Text)
    basis: Mapped[str | None] = mapped_column(Text)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    recorded_at: Mapped[datetime] = mapped_column(_STAMP)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)


class BatchState(Base):
    """How a batch stands (`item` empty), or a file of it. Written by the database alone."""

    __tablename__ = "evidence_batch_states"
    __table_args__ = (
        PrimaryKeyConstraint("batch_id", "item"),
        ForeignKeyConstraint(["batch_id"], ["evidence_batches.id"]),
    )
    batch_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    item: Mapped[bytes] = mapped_column(LargeBinary)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)
    head: Mapped[bytes] = mapped_column(LargeBinary)
    held: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    destroyed_at: Mapped[datetime | None] = mapped_column(_STAMP)
