"""Policies and look-up records: never changed once written."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, DateTime, Integer, LargeBinary, PrimaryKeyConstraint, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base


class DisclosurePolicy(Base):
    """One version; `rows` are {asker, relation, purpose, fields}. In force from `effective_from` until the next."""

    __tablename__ = "disclosure_policies"
    __table_args__ = (
        PrimaryKeyConstraint("version"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("jsonb_typeof(rows) = 'array'", name="rows"),
    )
    version: Mapped[int] = mapped_column(Integer, autoincrement=False)
    effective_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    rows: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class Lookup(Base):
    """One question, of one or many items, and what was answered. `outcomes` as `rules.pack`, none where refused."""

    __tablename__ = "lookups"
    __table_args__ = (
        PrimaryKeyConstraint("member_id", "id"),
        CheckConstraint("width in (1, 2)", name="width"),
        CheckConstraint("octet_length(subject_keys) % (32 * width) = 0", name="aligned"),
        CheckConstraint("refusal is null or cardinality(outcomes) = 0", name="refusal"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    fresh_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    purpose: Mapped[str] = mapped_column(Text)
    grounds: Mapped[list[str]] = mapped_column(JSONB)
    officer: Mapped[str | None] = mapped_column(Text)
    subject_keys: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int] = mapped_column(Integer)
    outcomes: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    fields: Mapped[list[str]] = mapped_column(JSONB)
    policy_version: Mapped[int] = mapped_column(Integer)
    refusal: Mapped[str | None] = mapped_column(Text)


class LookupPending(Base):
    """A look-up whose subjects the job has not indexed yet."""

    __tablename__ = "lookups_pending"
    lookup_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)


class LookupSubject(Base):
    """Who looked, by subject: filled by the job from `lookups`."""

    __tablename__ = "lookup_subjects"
    __table_args__ = (
        PrimaryKeyConstraint("subject_key", "lookup_id", "item"),
        CheckConstraint("octet_length(subject_key) = 32", name="key"),
    )
    subject_key: Mapped[bytes] = mapped_column(LargeBinary)
    lookup_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    item: Mapped[int] = mapped_column(Integer, autoincrement=False)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
