"""Key epochs. The subjects themselves have no table: they are keys inside other records."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, Index, Integer, LargeBinary, PrimaryKeyConstraint, Text, text
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
        Index(
            "ix_subject_epochs_one_live", "data_set", unique=True, postgresql_where=text("state = 'live'")
        ),
        Index(
            "ix_subject_epochs_one_other",
            "data_set",
            unique=True,
            postgresql_where=text("state in ('next', 'retiring')"),
        ),
    )
    data_set: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(Integer)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
