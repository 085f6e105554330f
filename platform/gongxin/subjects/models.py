"""Key epochs and used budgets. The subjects themselves have no table: they are keys inside other records."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base


class SubjectEpoch(Base):
    """One VOPRF key of one data set; `sealed_secret` opens only under the registry's master key."""

    __tablename__ = "subject_epochs"
    __table_args__ = (
        PrimaryKeyConstraint("data_set", "epoch"),
        CheckConstraint("state in ('next', 'live', 'retiring', 'retired')", name="state"),
        CheckConstraint("octet_length(public_key) = 32", name="public_key"),
        CheckConstraint("epoch between 1 and 32767", name="epoch"),
        Index("ix_subject_epochs_one_live", "data_set", unique=True, postgresql_where=text("state = 'live'")),
        ExcludeConstraint(
            ("data_set", "="),
            name="ex_subject_epochs_one_other",
            using="btree",
            where=text("state in ('next', 'retiring')"),
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    data_set: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(Integer, autoincrement=False)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class BudgetUse(Base):
    """What a member has used, or its processes have leased, of one purpose's budget on one day in China."""

    __tablename__ = "budget_uses"
    __table_args__ = (
        PrimaryKeyConstraint("member_id", "purpose", "day"),
        CheckConstraint("used >= 0", name="used"),
    )
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    purpose: Mapped[str] = mapped_column(Text)
    day: Mapped[date] = mapped_column(Date)
    used: Mapped[int] = mapped_column(BigInteger)
