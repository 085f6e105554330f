"""Delivery's tables. Events and their audience are written by the functions of migration 0015 alone."""

import uuid
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
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
_WAITING = text("state = 'waiting'")


class DeliveryWaiting(Base):
    """An event that was emitted and has no position yet; an empty audience is everybody."""

    __tablename__ = "delivery_waiting"
    __table_args__ = (
        PrimaryKeyConstraint("number"),
        CheckConstraint("left(body, 2) = '…' and octet_length(body) <= 16384", name="body"),
        CheckConstraint("cardinality(audience) <= 10000", name="audience"),
        Index("ix_delivery_waiting_object_id", "object_id"),
    )
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    type: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    object_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    body: Mapped[str] = mapped_column(Text)
    audience: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))


class DeliveryEvent(Base):
    """An event at its position of the feed; its body is what a reader gets, octet for octet."""

    __tablename__ = "delivery_events"
    __table_args__ = (
        PrimaryKeyConstraint("position"),
        UniqueConstraint("id"),
        CheckConstraint("position >= 1", name="position"),
        Index("ix_delivery_events_object_id", "object_id", "position"),
    )
    position: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    type: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    object_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    body: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[datetime] = mapped_column(_STAMP)


class DeliveryAudience(Base):
    """Who may read an event; the member of zeros is everybody with the scope."""

    __tablename__ = "delivery_audience"
    __table_args__ = (
        PrimaryKeyConstraint("member_id", "position"),
        Index("ix_delivery_audience_position", "position"),
    )
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    type: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)


class DeliveryEndpoint(Base):
    """Where a member wants to be called. `lease`: the sender that has it; `due_at`: when there is something to do."""

    __tablename__ = "delivery_endpoints"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        ForeignKeyConstraint(["client_id"], ["clients.id"]),
        CheckConstraint("url ~ '…'", name="url"),
        CheckConstraint("jsonb_array_length(types) between 1 and 100", name="types"),
        CheckConstraint("state in (…)", name="state"),
        CheckConstraint("state <> 'active' or verified_at is not null", name="verified"),
        CheckConstraint("reason in (…)", name="reason"),
        CheckConstraint("(sealed_previous is null) = (previous_until is null)", name="previous"),
        CheckConstraint("(lease is null) = (leased_until is null)", name="lease"),
        Index(
            "ix_delivery_endpoints_one_url",
            "member_id",
            "url",
            unique=True,
            postgresql_where=text("state <> 'removed'"),
        ),
        Index("ix_delivery_endpoints_due_at", "due_at", postgresql_where=text("due_at is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    url: Mapped[str] = mapped_column(Text)
    types: Mapped[list[str]]
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_previous: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_until: Mapped[datetime | None] = mapped_column(_STAMP)
    made_at: Mapped[datetime] = mapped_column(_STAMP)
    verified_at: Mapped[datetime | None] = mapped_column(_STAMP)
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    hold_until: Mapped[datetime | None] = mapped_column(_STAMP)
    due_at: Mapped[datetime | None] = mapped_column(_STAMP)
    lease: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    leased_until: Mapped[datetime | None] = mapped_column(_STAMP)


class DeliverySend(Base):
    """That an endpoint is owed an event, and how it went."""

    __tablename__ = "delivery_sends"
    __table_args__ = (
        PrimaryKeyConstraint("endpoint_id", "position"),
        ForeignKeyConstraint(["endpoint_id"], ["delivery_endpoints.id"]),
        CheckConstraint("state in ('waiting', 'delivered', 'dead', 'dropped')", name="state"),
        CheckConstraint("outcome ~ '…'", name="outcome"),
        CheckConstraint("attempts >= 0 and (attempts = 0) = (first_at is null)", name="attempts"),
        Index("ix_delivery_sends_waiting", "endpoint_id", "position", postgresql_where=_WAITING),
        Index("ix_delivery_sends_object", "endpoint_id", "object_id", "next_at", postgresql_where=_WAITING),
        Index("ix_delivery_sends_dead", "endpoint_id", "position", postgresql_where=text("state = 'dead'")),
    )
    endpoint_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    position: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    event_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    object_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(_STAMP)
    first_at: Mapped[datetime | None] = mapped_column(_STAMP)
    last_at: Mapped[datetime | None] = mapped_column(_STAMP)
    outcome: Mapped[str | None] = mapped_column(Text)


class DeliveryAck(Base):
    """What a member did with an event it was told."""

    __tablename__ = "delivery_acks"
    __table_args__ = (
        PrimaryKeyConstraint("event_id", "member_id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("did in (…)", name="did"),
        CheckConstraint("char_length(note) between 1 and 500", name="note"),
    )
    event_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    did: Mapped[str] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_STAMP)
