"""Peers, their history, agreements with them, and every exchange. What guards them stands in the migration."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
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


class Peer(Base):
    """Another registry. `kid` is the key pinned: approved by two, or announced under the one pinned before."""

    __tablename__ = "peers"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        CheckConstraint("char_length(address) between 8 and 200", name="address"),
        CheckConstraint("state in ('proposed', 'active', 'paused', 'removed')", name="state"),
        CheckConstraint("kid ~ '^[A-Za-z0-9_-]{43}$'", name="kid"),
        Index("ix_peers_address", "address", unique=True, postgresql_where=text("state <> 'removed'")),
        Index("ix_peers_kid", "kid", unique=True, postgresql_where=text("state <> 'removed'")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    address: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="proposed")
    kid: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]]
    description: Mapped[dict[str, Any]]
    serial: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime] = mapped_column(_STAMP)
    created_at: Mapped[datetime] = mapped_column(_STAMP)


class PeerStep(Base):
    """What was done to a peer, by which administrator, why: proposed, approved, re-keyed, paused, resumed, removed."""

    __tablename__ = "peer_steps"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["peer_id"], ["peers.id"]),
        CheckConstraint("what in ('proposed', 'approved', 'rekeyed', 'paused', 'resumed', 'removed')", name="what"),
        CheckConstraint("char_length(reason) between 0 and 200", name="reason"),
        Index("ix_peer_steps_peer_id_id", "peer_id", "id"),
        Index(
            "ix_peer_steps_one_approval",
            "peer_id",
            "officer",
            "kid",
            unique=True,
            postgresql_where=text("what = 'approved'"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    peer_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    what: Mapped[str] = mapped_column(Text)
    officer: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    kid: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_STAMP)


class PeerAgreement(Base):
    """One version: `purposes` look-ups a day by purpose, `data_types` what may be asked about."""

    __tablename__ = "peer_agreements"
    __table_args__ = (
        PrimaryKeyConstraint("peer_id", "version"),
        ForeignKeyConstraint(["peer_id"], ["peers.id"]),
        CheckConstraint("jsonb_typeof(purposes) = 'object' and jsonb_typeof(data_types) = 'array'", name="terms"),
    )
    peer_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)
    purposes: Mapped[dict[str, Any]]
    data_types: Mapped[list[str]]
    officer: Mapped[str] = mapped_column(Text)
    agreed_at: Mapped[datetime] = mapped_column(_STAMP)


class PeerExchange(Base):
    """One question and its answer with both signatures, as evidence. A nonce is used once in each direction."""

    __tablename__ = "peer_exchanges"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["peer_id"], ["peers.id"]),
        UniqueConstraint("peer_id", "direction", "nonce"),
        CheckConstraint("direction in ('asked', 'answered')", name="direction"),
        CheckConstraint("nonce ~ '^[A-Za-z0-9_-]{22,64}$'", name="nonce"),
        CheckConstraint("status between 100 and 599", name="status"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    peer_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    direction: Mapped[str] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)
    nonce: Mapped[str] = mapped_column(Text)
    question: Mapped[bytes] = mapped_column(LargeBinary)
    question_signature: Mapped[dict[str, Any]]
    status: Mapped[int] = mapped_column(Integer)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    answer_signature: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(_STAMP)
