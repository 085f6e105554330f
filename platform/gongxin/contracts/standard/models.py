"""Templates, the steps of their life, comments and approvals. What guards them stands in the migration."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base

from .rules import OFFICER_PATTERN

_MOMENT = DateTime(timezone=True)


class ContractTemplate(Base):
    """One version of a standard text. `maker`: the officer who drafted it; `superseded_on`: the next one's day."""

    __tablename__ = "contract_templates"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("code", "version"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("code ~ '^[a-z][a-z0-9_-]{0,31}$'", name="code"),
        CheckConstraint("version between 1 and 9999", name="version"),
        CheckConstraint("state in ('draft', 'consulted', 'adopted', 'withdrawn')", name="state"),
        CheckConstraint("octet_length(content_hash) = 32", name="content_hash"),
        CheckConstraint(f"maker ~ '{OFFICER_PATTERN}'", name="maker"),
        CheckConstraint("(state = 'adopted') = (effective_on is not null)", name="effective_on"),
        CheckConstraint("superseded_on > effective_on", name="superseded_on"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    code: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text)
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    maker: Mapped[str] = mapped_column(Text)
    effective_on: Mapped[date | None] = mapped_column(Date)
    superseded_on: Mapped[date | None] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(_MOMENT)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)


class TemplateComment(Base):
    """What a member said in the consultation, on a clause or on the whole."""

    __tablename__ = "contract_template_comments"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["template_id"], ["contract_templates.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("clause_id ~ '^[a-z][a-z0-9_-]{0,31}$'", name="clause_id"),
        CheckConstraint("char_length(said) between 1 and 1000", name="said"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    template_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    clause_id: Mapped[str | None] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime] = mapped_column(_MOMENT)


class TemplateApproval(Base):
    """An officer's yes to a content; two make a template fit to adopt."""

    __tablename__ = "contract_template_approvals"
    __table_args__ = (
        PrimaryKeyConstraint("template_id", "officer", "content_hash"),
        ForeignKeyConstraint(["template_id"], ["contract_templates.id"]),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint(f"officer ~ '{OFFICER_PATTERN}'", name="officer"),
    )
    template_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    approved_at: Mapped[datetime] = mapped_column(_MOMENT)
