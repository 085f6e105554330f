"""Member institutions, the history of their states, their agreements. What guards them stands in migration 0002."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
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


class Member(Base):
    """One institution. `state` is moved by the database alone, as a `MemberChange` is recorded."""

    __tablename__ = "members"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("uscc"),
        CheckConstraint(
            "kind in ('bank', 'court', 'agency', 'mediator', 'regulator', 'association')",
            name="kind",
        ),
        CheckConstraint("state in ('applied', 'active', 'suspended', 'left')", name="state"),
        CheckConstraint(
            "char_length(name_zh) between 1 and 120 and char_length(name_en) between 1 and 200", name="names"
        ),
        CheckConstraint("uscc_is_valid(uscc)", name="uscc"),
        CheckConstraint(
            "(kind = 'court') = (court_code is not null) and char_length(court_code) between 1 and 8",
            name="court_code",
        ),
        Index("ix_members_court_code", "court_code", unique=True, postgresql_where=text("state <> 'left'")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    name_zh: Mapped[str] = mapped_column(Text)
    name_en: Mapped[str | None] = mapped_column(Text)
    uscc: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="applied")
    court_code: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class MemberChange(Base):
    """One step of a member's state: from which to which, why, by whom. Recording it makes it so."""

    __tablename__ = "member_changes"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("state <> previous", name="moves"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        CheckConstraint("char_length(changed_by) between 1 and 128", name="changed_by"),
        Index("ix_member_changes_member_id_id", "member_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    previous: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Agreement(Base):
    """One version of a member's agreement. `budgets`: look-ups a day by purpose; `contacts`: e-mail by office."""

    __tablename__ = "agreements"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        UniqueConstraint("member_id", "version"),
        CheckConstraint(
            "jsonb_typeof(purposes) = 'array' and jsonb_typeof(data_types) = 'array'"
            " and jsonb_typeof(budgets) = 'object' and jsonb_typeof(contacts) = 'object'",
            name="terms",
        ),
        CheckConstraint(
            "not jsonb_path_exists(budgets, '$.* ? (@.type() != \"number\" || @ < 0 || @ != @.floor())')",
            name="budgets",
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)
    purposes: Mapped[list[str]]
    data_types: Mapped[list[str]]
    budgets: Mapped[dict[str, Any]]
    contacts: Mapped[dict[str, Any]]
    effective_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
