"""The log's tables. What the web role may add to them, and how, stands in migration 0007."""

import uuid
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
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

_KINDS = (
    "kind in ('member_state', 'agreement', 'client_key', 'policy', 'case_event', 'court_event', 'lookup',"
    " 'subject_access', 'epoch', 'erasure', 'evidence', 'evidence_batch', 'custody',"
    " 'fund_entry', 'fund_period', 'agent_state', 'certificate', 'agent_check', 'agent_record',"
    " 'fee_cap', 'contract_template', 'contract', 'recovery', 'statement',"
    " 'fund_base', 'fund_run', 'fund_charge', 'fund_objection', 'fund_dunning', 'fund_claim',"
    " 'fund_payment_file', 'fund_day', 'fund_report',"
    " 'blacklist_act', 'blacklist_vote', 'blacklist_screening', 'blacklist_correction', 'badge')"
)


class LogKey(Base):
    """A key the log signs with; one at a time. The log's name never changes, whatever address it is served at."""

    __tablename__ = "log_keys"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        CheckConstraint("octet_length(public_key) = 32", name="public_key"),
        CheckConstraint("origin ~ '^[^[:space:]+]{1,255}$'", name="origin"),
        Index("ix_log_keys_one_signs", text("(true)"), unique=True, postgresql_where=text("retired_at is null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    origin: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_private: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LogWaiting(Base):
    """A leaf that was promised and has no place yet."""

    __tablename__ = "log_waiting"
    __table_args__ = (
        PrimaryKeyConstraint("leaf_id"),
        CheckConstraint(_KINDS, name="kind"),
        CheckConstraint("octet_length(commitment) = 32", name="commitment"),
    )
    leaf_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("clock_timestamp()"))


class LogMergeDelay(Base):
    """How long the leaves waited that were given places in one hour. `counts`: up to each of `rules.MERGE_BOUNDS`."""

    __tablename__ = "log_merge_delays"
    __table_args__ = (PrimaryKeyConstraint("hour"), CheckConstraint("cardinality(counts) = 8", name="counts"))
    hour: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    leaves: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double)
    longest: Mapped[float] = mapped_column(Double)
    counts: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class LogLeaf(Base):
    """A leaf at its place. Never changed, never gone."""

    __tablename__ = "log_leaves"
    __table_args__ = (
        PrimaryKeyConstraint("leaf_index"),
        UniqueConstraint("leaf_id"),
        CheckConstraint(_KINDS, name="kind"),
        CheckConstraint("octet_length(commitment) = 32 and octet_length(leaf_hash) = 32", name="hashes"),
    )
    leaf_index: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    leaf_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)


class LogOpening(Base):
    """Salt and record of a leaf. Whoever is `owner_id` may read its own; deleting the row is what erases."""

    __tablename__ = "log_openings"
    __table_args__ = (
        PrimaryKeyConstraint("leaf_id"),
        CheckConstraint("octet_length(salt) = 32", name="salt"),
    )
    leaf_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    owner_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    record: Mapped[str] = mapped_column(Text)


class LogTile(Base):
    """A full tile: 256 hashes of one level, the nodes above them, and the last of these, which stands for all of them
    in the level above."""

    __tablename__ = "log_tiles"
    __table_args__ = (
        PrimaryKeyConstraint("level", "tile_index"),
        CheckConstraint(
            "octet_length(hashes) = 8192 and octet_length(nodes) = 8160 and octet_length(root) = 32", name="full"
        ),
        CheckConstraint("level between 0 and 7", name="level"),
    )
    level: Mapped[int] = mapped_column(Integer, autoincrement=False)
    tile_index: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(LargeBinary)
    nodes: Mapped[bytes] = mapped_column(LargeBinary)
    root: Mapped[bytes] = mapped_column(LargeBinary)


class LogCheckpoint(Base):
    """What the log signed: its first `size` leaves have this root."""

    __tablename__ = "log_checkpoints"
    __table_args__ = (
        PrimaryKeyConstraint("size"),
        ForeignKeyConstraint(["key_id"], ["log_keys.id"]),
        CheckConstraint("octet_length(root) = 32", name="root"),
        CheckConstraint("size >= 0", name="size"),
    )
    size: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(Text)
    key_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    signed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
