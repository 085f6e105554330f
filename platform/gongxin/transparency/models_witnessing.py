"""Witnesses, cosignatures, reports of split views, stamps. What guards them stands in migration 0009."""

import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
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


class Witness(Base):
    """A member's key for cosigning checkpoints; one active at a time. Its name ends in the member's id."""

    __tablename__ = "log_witnesses"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        UniqueConstraint("public_key"),
        CheckConstraint("name ~ '^[a-z0-9.:/_-]{1,150}$' and right(name, 37) = '/' || member_id::text", name="name"),
        CheckConstraint("octet_length(public_key) = 32", name="public_key"),
        CheckConstraint(
            "key_id = substr(sha256(convert_to(name, 'UTF8') || '\\x0a04'::bytea || public_key), 1, 4)", name="key_id"
        ),
        Index("ix_log_witnesses_one_active", "member_id", unique=True, postgresql_where=text("retired_at is null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[bytes] = mapped_column(LargeBinary)
    registered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Cosignature(Base):
    """That a witness signed the checkpoint of this size, verified when it came. `signed_at`: POSIX seconds."""

    __tablename__ = "log_cosignatures"
    __table_args__ = (
        PrimaryKeyConstraint("size", "witness_id"),
        ForeignKeyConstraint(["size"], ["log_checkpoints.size"]),
        ForeignKeyConstraint(["witness_id"], ["log_witnesses.id"]),
        CheckConstraint("octet_length(signature) = 64", name="signature"),
        CheckConstraint("signed_at > 0", name="signed_at"),
        Index("ix_log_cosignatures_witness_id_size", "witness_id", "size"),
    )
    size: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    witness_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    signed_at: Mapped[int] = mapped_column(BigInteger)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SplitReport(Base):
    """A split view as a witness reported it: two heads that this log signed and that do not go together."""

    __tablename__ = "log_split_reports"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        UniqueConstraint("member_id", "digest"),
        CheckConstraint("kind in ('fork', 'unexplained')", name="kind"),
        CheckConstraint(
            "octet_length(claimed) = 32 and octet_length(path) % 32 = 0 and octet_length(digest) = 32", name="hashes"
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    earlier: Mapped[str] = mapped_column(Text)
    later: Mapped[str] = mapped_column(Text)
    claimed: Mapped[bytes] = mapped_column(LargeBinary)
    path: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    reported_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Stamp(Base):
    """An authority's time stamp of a checkpoint's bytes. `number` orders them, whatever any clock says."""

    __tablename__ = "log_stamps"
    __table_args__ = (
        PrimaryKeyConstraint("number"),
        ForeignKeyConstraint(["size"], ["log_checkpoints.size"]),
        CheckConstraint("octet_length(reply) between 1 and 65536", name="reply"),
        Index("ix_log_stamps_size", "size"),
    )
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    size: Mapped[int] = mapped_column(BigInteger)
    reply: Mapped[bytes] = mapped_column(LargeBinary)
    stamped_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    serial: Mapped[str] = mapped_column(Text)
    policy: Mapped[str] = mapped_column(Text)
    authority: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
