"""What was disclosed of each quarter, every version of it. What guards it stands in the migration `fund_reports`."""

import uuid
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
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


class Report(Base):
    """One version of a quarter's figures, canonical JSON (`content`: its SHA-256); its leaf bears its id. Append-only;
    anyone reads it."""

    __tablename__ = "fund_reports"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("year", "quarter", "version"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("content = sha256(convert_to(figures, 'UTF8'))", name="content"),
        CheckConstraint("officer ~ '…'", name="officer"),
        CheckConstraint("quarter between 1 and 4 and …", name="over"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    year: Mapped[int] = mapped_column(Integer)
    quarter: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    figures: Mapped[str] = mapped_column(Text)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    officer: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
