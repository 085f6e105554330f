"""A day is reconciled where every line is settled and the books hold what the bank says; else it shows what is
missing."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict
from gongxin.transparency import service as transparency

from ..ledger.rules import Actor
from . import queries_statements as found
from .models_statements import BankAccount, Day

_MOST = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """How bank and books stand at the end of a day. `difference_fen`: the bank's less the books'."""

    day: date
    closing_fen: int
    booked_fen: int
    lines: tuple[Any, ...]
    entries: tuple[Any, ...]
    under_way: tuple[Any, ...]
    earlier: tuple[date, ...]
    reconciled: Day | None

    @property
    def difference_fen(self) -> int:
        return self.closing_fen - self.booked_fen

    @property
    def agrees(self) -> bool:
        return not self.lines and not self.earlier and self.difference_fen == 0


def standing(session: Session, account: BankAccount, day: date) -> Standing:
    """Raises NotFound where the day has no statement."""
    said = found.get_statement(session, account.id, day)
    return Standing(
        day=day,
        closing_fen=said.closing_fen,
        booked_fen=found.booked_fen(session, account, day),
        lines=tuple(found.lines(session, account.id, unmatched=True, until=day, limit=_MOST)),
        entries=tuple(found.unmatched_entries(session, account, day)[:_MOST]),
        under_way=tuple(found.under_way(session, account.id)[:_MOST]),
        earlier=tuple(found.days_open(session, account.id, day)),
        reconciled=found.find_day(session, account.id, day),
    )


def reconcile(session: Session, *, actor: Actor, bank_account: str, day: date) -> Day:
    """Raises Conflict with what is missing. A day reconciled stays so; asked again it is the same."""
    account = found.get_bank_account(session, bank_account)
    how = standing(session, account, day)
    if how.reconciled is not None:
        return how.reconciled
    if not how.agrees:
        raise Conflict(
            "day_not_reconciled",
            zh="当日尚不能对平",
            en="The day does not agree yet",
            fix_zh="先核销 lines 所列流水，差额以分录入账；earlier 所列日期先行对账。",
            fix_en="Settle the lines listed, post an entry for what differs, and reconcile the earlier days first.",
            extra={
                "difference_fen": how.difference_fen,
                "lines": [str(line.id) for line in how.lines[:20]],
                "earlier": [earlier.isoformat() for earlier in how.earlier[:20]],
            },
        )
    leaf_id = ids.new_id()
    made = Day(
        bank_account_id=account.id,
        day=day,
        closing_fen=how.closing_fen,
        member_id=actor.member_id,
        officer=actor.officer,
        reconciled_at=clock.now(),
        leaf_id=leaf_id,
    )
    session.add(made)
    session.flush()
    transparency.append(
        session,
        kind="fund_day",
        record={
            "bank_account": account.code,
            "closing_fen": how.closing_fen,
            "day": day.isoformat(),
            "officer": f"{actor.member_id}/{actor.officer}",
            "v": 1,
        },
        leaf_id=leaf_id,
        owner=actor.member_id,
    )
    return made
