"""Every SELECT on witnesses, cosignatures, reports and stamps."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import LogCheckpoint
from .models_witnessing import Cosignature, SplitReport, Stamp, Witness

# Read backwards until one has its quorum; where none has, no more than the newest 200,000 rows: over a day of 130
# witnesses, so that the alarm is the same.
_WITNESSED = text(
    """
    select c.size from (select size, witness_id from log_cosignatures order by size desc limit 200000) c
    join log_witnesses w on w.id = c.witness_id
    group by c.size having count(distinct w.member_id) >= :quorum order by c.size desc limit 1
    """
)


def round_checkpoint(session: Session, before: datetime) -> LogCheckpoint | None:
    """The newest checkpoint signed before this moment; where none was, the newest of all."""
    newest = select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)
    return session.scalars(newest.where(LogCheckpoint.signed_at < before)).first() or session.scalars(newest).first()


def active_witness(session: Session, member_id: uuid.UUID) -> Witness | None:
    return session.scalars(select(Witness).where(Witness.member_id == member_id, Witness.retired_at.is_(None))).first()


def witness_of_key(session: Session, public_key: bytes) -> Witness | None:
    return session.scalars(select(Witness).where(Witness.public_key == public_key)).first()


def witness_of(session: Session, witness_id: uuid.UUID) -> Witness | None:
    return session.get(Witness, witness_id)


def witnesses(session: Session) -> Sequence[Any]:
    """(witness, its newest cosignature or None, that checkpoint's note or None), in the order they registered."""
    newest = (
        select(Cosignature.witness_id, func.max(Cosignature.size).label("size"))
        .group_by(Cosignature.witness_id)
        .subquery()
    )
    return session.execute(
        select(Witness, Cosignature, LogCheckpoint.note)
        .outerjoin(newest, newest.c.witness_id == Witness.id)
        .outerjoin(Cosignature, (Cosignature.witness_id == Witness.id) & (Cosignature.size == newest.c.size))
        .outerjoin(LogCheckpoint, LogCheckpoint.size == Cosignature.size)
        .order_by(Witness.registered_at, Witness.id)
    ).all()


def names(session: Session, size: int) -> list[str]:
    """The witnesses of the checkpoint of this size, in the order their cosignatures came."""
    return list(
        session.scalars(
            select(Witness.name)
            .join(Cosignature, Cosignature.witness_id == Witness.id)
            .where(Cosignature.size == size)
            .order_by(Cosignature.received_at, Witness.id)
        )
    )


def newest_witnessed(session: Session, quorum: int) -> int | None:
    """The size of the newest checkpoint that this many members have cosigned."""
    found: int | None = session.execute(_WITNESSED, {"quorum": quorum}).scalar()
    return found


def checkpoint_after(session: Session, size: int) -> LogCheckpoint | None:
    """The first checkpoint of more leaves."""
    return session.scalars(
        select(LogCheckpoint).where(LogCheckpoint.size > size).order_by(LogCheckpoint.size).limit(1)
    ).first()


def find_report(session: Session, member_id: uuid.UUID, digest: bytes) -> SplitReport | None:
    return session.scalars(
        select(SplitReport).where(SplitReport.member_id == member_id, SplitReport.digest == digest)
    ).first()


def reports(session: Session, *, after: uuid.UUID | None, limit: int) -> Sequence[SplitReport]:
    """In the order they came, one more than the limit."""
    wanted = select(SplitReport).order_by(SplitReport.id).limit(limit + 1)
    return session.scalars(wanted if after is None else wanted.where(SplitReport.id > after)).all()


def count_reports(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(SplitReport)) or 0


def last_stamp(session: Session) -> Stamp | None:
    return session.scalars(select(Stamp).order_by(Stamp.number.desc()).limit(1)).first()


def stamps(session: Session, *, from_size: int, after: int, limit: int) -> Sequence[Any]:
    """(stamp, its checkpoint's note) of checkpoints of at least this size, in their order; one more than the limit."""
    return session.execute(
        select(Stamp, LogCheckpoint.note)
        .join(LogCheckpoint, LogCheckpoint.size == Stamp.size)
        .where(Stamp.size >= from_size, Stamp.number > after)
        .order_by(Stamp.number)
        .limit(limit + 1)
    ).all()


# --- what the desk shows --------------------------------------------------------------------------------------------


def checkpoints(session: Session, *, before: int | None, limit: int) -> Sequence[Any]:
    """(checkpoint, how many members cosigned it), the newest first, one more than the limit."""
    signed = (
        select(func.count(Witness.member_id.distinct()))
        .join(Cosignature, Cosignature.witness_id == Witness.id)
        .where(Cosignature.size == LogCheckpoint.size)
        .scalar_subquery()
    )
    wanted = select(LogCheckpoint, signed)
    if before is not None:
        wanted = wanted.where(LogCheckpoint.size < before)
    return session.execute(wanted.order_by(LogCheckpoint.size.desc()).limit(limit + 1)).all()


def newest_stamps(session: Session, *, before: int | None, limit: int) -> Sequence[Stamp]:
    """The newest first, one more than the limit."""
    wanted = select(Stamp)
    if before is not None:
        wanted = wanted.where(Stamp.number < before)
    return session.scalars(wanted.order_by(Stamp.number.desc()).limit(limit + 1)).all()


def get_report(session: Session, report_id: uuid.UUID) -> SplitReport:
    """One that the caller may see. Raises NotFound."""
    found = session.get(SplitReport, report_id)
    if found is None:
        raise NotFound("report_not_found", zh="没有这份报告", en="There is no such report")
    return found
