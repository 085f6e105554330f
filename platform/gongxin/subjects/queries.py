"""Every SELECT on epochs and budgets."""

import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from .models import BudgetUse, SubjectEpoch
from .rules import Epoch

_AGENTS_KNOWN_ONLY_BY = text(
    "select count(*) from agent_keys k where k.epoch = :epoch"
    " and not exists (select from agent_keys o where o.agent_id = k.agent_id and o.epoch > k.epoch)"
)


def epochs(session: Session) -> list[Epoch]:
    """Every epoch that is not retired, by data set and number."""
    rows = session.execute(
        select(SubjectEpoch.data_set, SubjectEpoch.epoch, SubjectEpoch.state, SubjectEpoch.public_key)
        .where(SubjectEpoch.state != "retired")
        .order_by(SubjectEpoch.data_set, SubjectEpoch.epoch)
    )
    return [Epoch(row.data_set, row.epoch, row.state, row.public_key) for row in rows]


def all_epochs_for_update(session: Session, data_set: str) -> Sequence[SubjectEpoch]:
    """The data set's whole history, held until the transaction ends so that two rotations cannot cross."""
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(:name, 9497))"), {"name": data_set})
    return session.scalars(
        select(SubjectEpoch).where(SubjectEpoch.data_set == data_set).order_by(SubjectEpoch.epoch)
    ).all()


def find_secret(session: Session, data_set: str, epoch: int) -> tuple[bytes, bytes] | None:
    """(sealed secret, public key) of an open epoch."""
    row = session.execute(
        select(SubjectEpoch.sealed_secret, SubjectEpoch.public_key).where(
            SubjectEpoch.data_set == data_set, SubjectEpoch.epoch == epoch, SubjectEpoch.state != "retired"
        )
    ).first()
    return (row.sealed_secret, row.public_key) if row else None


def count_unmoved(session: Session, data_set: str, epoch: int) -> int:
    """Records known by this epoch's key alone. For debtors the count passes row-level security through a function that
    returns nothing else; agents the registry sees itself."""
    if data_set == "agent":
        return int(session.scalar(_AGENTS_KNOWN_ONLY_BY, {"epoch": epoch}) or 0)
    return int(session.scalar(text("select cases_known_only_by(:epoch)"), {"epoch": epoch}) or 0)


def used_today(session: Session, member_id: uuid.UUID, purpose: str, day: date) -> int:
    """Look-ups counted or leased so far."""
    found = session.scalar(
        select(BudgetUse.used).where(
            BudgetUse.member_id == member_id, BudgetUse.purpose == purpose, BudgetUse.day == day
        )
    )
    return found or 0


def count_use(session: Session, member_id: uuid.UUID, purpose: str, day: date, count: int, limit: int) -> bool:
    """Adds `count` to the day where the sum stays within `limit`; False where it would not."""
    if count > limit:
        return False
    added = session.execute(
        text(
            "insert into budget_uses (member_id, purpose, day, used) values (:member, :purpose, :day, :count) "
            "on conflict (member_id, purpose, day) do update set used = budget_uses.used + excluded.used "
            "where budget_uses.used + excluded.used <= :limit returning used"
        ),
        {"member": member_id, "purpose": purpose, "day": day, "count": count, "limit": limit},
    )
    return added.first() is not None
