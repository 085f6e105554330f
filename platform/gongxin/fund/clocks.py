"""What the fund does by the clock, for `jobs.py`: reminders, entries that nobody decided, relief whose term is over."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from .claims.paying import lift_flags
from .income.answering import PORTION, dun
from .ledger import periods, queries
from .ledger.rules import Actor

UNDECIDED_DAYS = 90


def expire_entries(session: Session, now: datetime) -> int:
    """Ends entries that nobody moved for ninety days. Can run twice."""
    found = queries.stale(session, now - timedelta(days=UNDECIDED_DAYS), PORTION)
    for entry in found:
        actor = Actor(entry.maker_member, entry.maker_officer)
        periods.expire(session, actor=actor, entry_ids=[entry.id], reason="逾期未决 undecided for too long")
    return len(found)


__all__ = ["PORTION", "dun", "expire_entries", "lift_flags"]
