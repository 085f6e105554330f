"""What stays of a record that was erased. Written by the database alone, as it erases."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, PrimaryKeyConstraint, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base


class Erasure(Base):
    """A tombstone: the leaf whose record is gone, on which ground, when; `erasure_id` is the leaf that says so."""

    __tablename__ = "erasures"
    __table_args__ = (
        PrimaryKeyConstraint("leaf_id"),
        UniqueConstraint("erasure_id"),
        CheckConstraint("kind in (…)", name="kind"),
        CheckConstraint("because in (…)", name="because"),
        CheckConstraint("char_length(ground) between 1 and 200", name="ground"),
    )
    leaf_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    because: Mapped[str] = mapped_column(Text)
    ground: Mapped[str] = mapped_column(Text)
    erasure_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    erased_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    erased_by: Mapped[uuid.UUID] = mapped_column(Uuid)
