"""Every SELECT on the ledger. Row-level security is in force: association, regulator and registry read all."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import Invalid, NotFound

from .models import Account, Approval, Entry, Hold, Leg, Period, Step, Submission


def accounts(session: Session, codes: Collection[str] | None = None) -> Sequence[Account]:
    """In the order of their codes; all of them, or those named."""
    wanted = select(Account).order_by(Account.code)
    if codes is not None:
        wanted = wanted.where(Account.code.in_(codes))
    return session.scalars(wanted).all()


def get_account(session: Session, code: str) -> Account:
    """Raises NotFound."""
    found = session.scalars(
        select(Account).where(Account.code == code).execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound("account_not_found", zh="没有这个科目", en="There is no such account")
    return found


def account_code(session: Session, account_id: uuid.UUID) -> str:
    return session.scalars(select(Account.code).where(Account.id == account_id)).one()


def periods(session: Session) -> Sequence[Period]:
    """The latest first."""
    return session.scalars(
        select(Period).order_by(Period.number.desc()).execution_options(populate_existing=True)
    ).all()


def find_last_period(session: Session) -> Period | None:
    return session.scalars(select(Period).order_by(Period.number.desc()).limit(1)).first()


def get_period(session: Session, number: int) -> Period:
    """Raises NotFound."""
    found = session.get(Period, number, populate_existing=True)
    if found is None:
        raise NotFound("period_not_found", zh="没有这个会计期间", en="There is no such period")
    return found


def period_of(session: Session, day: date) -> Period:
    """The period the day is of. Raises Invalid where none is open yet."""
    found = session.scalars(
        select(Period).where(Period.first_day <= day, Period.last_day >= day).execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise Invalid(
            "no_period",
            zh="该日不属于任何会计期间",
            en="The day is of no period",
            fix_zh="先开设包含该日的期间，或更正日期。",
            fix_en="Open a period that holds the day, or correct the day.",
            pointer="/booked_on",
        )
    return found


def lock_period(session: Session, number: int) -> None:
    """Nobody drafts for the period or posts into it until the transaction ends."""
    session.execute(text("select pg_advisory_xact_lock(7208, :number)"), {"number": number})


def get_entry(session: Session, entry_id: uuid.UUID, *, lock: bool = False) -> Entry:
    """As it stands now. `lock`: nobody else moves it until the transaction ends. Raises NotFound."""
    wanted = select(Entry).where(Entry.id == entry_id).execution_options(populate_existing=True)
    if lock:
        wanted = wanted.with_for_update(key_share=True)
    found = session.scalars(wanted).first()
    if found is None:
        raise NotFound("entry_not_found", zh="没有这笔分录", en="There is no such entry")
    return found


def entries_with_keys(session: Session, keys: Collection[str]) -> Sequence[Entry]:
    return session.scalars(select(Entry).where(Entry.key.in_(keys))).all()


def entries_of(session: Session, entry_ids: Collection[uuid.UUID]) -> Sequence[Row[Any]]:
    """(id, content_hash) each: what many approvals are bound to."""
    return session.execute(
        text("select id, content_hash from fund_entries where id = any(cast(:ids as uuid[]))"), {"ids": list(entry_ids)}
    ).all()


def posting_times(session: Session, account_id: uuid.UUID, numbers: Collection[int]) -> Sequence[datetime]:
    """When the postings of these numbers were made."""
    return session.scalars(
        text(
            "select at from fund_postings where account_id = :id and number = any(cast(:numbers as bigint[]))"
            " order by number"
        ),
        {"id": account_id, "numbers": list(numbers)},
    ).all()


def entries(
    session: Session,
    *,
    state: str | None = None,
    period: int | None = None,
    after: uuid.UUID | None = None,
    limit: int,
) -> Sequence[Entry]:
    """In the order they were drafted, one more than `limit`."""
    wanted = select(Entry).execution_options(populate_existing=True)
    if state is not None:
        wanted = wanted.where(Entry.state == state)
    if period is not None:
        wanted = wanted.where(Entry.period == period)
    if after is not None:
        wanted = wanted.where(Entry.id > after)
    return session.scalars(wanted.order_by(Entry.id).limit(limit + 1)).all()


def legs(session: Session, entry_ids: Collection[uuid.UUID]) -> Sequence[Row[Leg, Account]]:
    """(Leg, Account) of these entries, in their order."""
    return session.execute(
        select(Leg, Account)
        .join(Account, Account.id == Leg.account_id)
        .where(Leg.entry_id.in_(entry_ids))
        .order_by(Leg.entry_id, Leg.position)
        .execution_options(populate_existing=True)
    ).all()


def approvals(session: Session, entry_ids: Collection[uuid.UUID]) -> Sequence[Approval]:
    return session.scalars(
        select(Approval).where(Approval.entry_id.in_(entry_ids)).order_by(Approval.entry_id, Approval.approved_at)
    ).all()


def steps(session: Session, entry_id: uuid.UUID) -> Sequence[Step]:
    """How the entry came to what it is, oldest first."""
    return session.scalars(select(Step).where(Step.entry_id == entry_id).order_by(Step.version)).all()


def submissions(session: Session, entry_id: uuid.UUID) -> Sequence[Submission]:
    """What the entry was whenever its maker took it back from approval, the latest first."""
    return session.scalars(
        select(Submission).where(Submission.entry_id == entry_id).order_by(Submission.version.desc())
    ).all()


def count_by_state(session: Session) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(select(Entry.state, func.count()).group_by(Entry.state))}


def accounts_by_id(session: Session, account_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Account]:
    return {found.id: found for found in session.scalars(select(Account).where(Account.id.in_(account_ids)))}


def pending(session: Session, period: int) -> Sequence[Entry]:
    """Undecided entries of a period."""
    return session.scalars(
        select(Entry)
        .where(Entry.period == period, Entry.state.in_(("draft", "submitted", "approved")))
        .order_by(Entry.id)
        .execution_options(populate_existing=True)
    ).all()


def stale(session: Session, before: datetime, limit: int) -> Sequence[Entry]:
    """Undecided entries that nobody moved since that instant, oldest first."""
    return session.scalars(
        select(Entry)
        .where(Entry.state.in_(("draft", "submitted", "approved")), Entry.acted_at < before)
        .order_by(Entry.acted_at, Entry.id)
        .limit(limit)
        .execution_options(populate_existing=True)
    ).all()


def get_hold(session: Session, hold_id: uuid.UUID) -> Hold:
    """Raises NotFound."""
    found = session.get(Hold, hold_id, populate_existing=True)
    if found is None:
        raise NotFound("hold_not_found", zh="没有这笔冻结", en="There is no such hold")
    return found


def holds(
    session: Session, *, state: str | None = None, after: uuid.UUID | None = None, limit: int
) -> Sequence[Row[Hold, str]]:
    """(Hold, code of its account) in the order they were placed, one more than `limit`."""
    wanted = select(Hold, Account.code).join(Account, Account.id == Hold.account_id)
    if state is not None:
        wanted = wanted.where(Hold.state == state)
    if after is not None:
        wanted = wanted.where(Hold.id > after)
    return session.execute(wanted.order_by(Hold.id).limit(limit + 1).execution_options(populate_existing=True)).all()


_NOW = text(
    "select a.*, t.balance_fen, t.held_fen from fund_accounts a join fund_totals t on t.account_id = a.id"
    " order by a.code"
)
# One row of the index for each account, however many postings there are.
_AS_OF = text(
    "select a.*, coalesce(p.balance_fen, 0) as balance_fen, null::bigint as held_fen from fund_accounts a"
    " left join lateral (select p.balance_fen from fund_postings p where p.account_id = a.id and p.at <= :at"
    " order by p.at desc, p.number desc limit 1) p on true where a.created_at <= :at order by a.code"
)


def balances(session: Session, at: datetime | None = None) -> Sequence[Row[Any]]:
    """What is on each account, debit positive: now, or as it had been posted by an instant."""
    return session.execute(_NOW if at is None else _AS_OF, {} if at is None else {"at": at}).all()


def balance(session: Session, account_id: uuid.UUID, at: datetime | None = None) -> int:
    """What is on one account, debit positive."""
    if at is None:
        statement = "select balance_fen from fund_totals where account_id = :id"
    else:
        statement = (
            "select balance_fen from fund_postings where account_id = :id and at <= :at"
            " order by at desc, number desc limit 1"
        )
    return int(session.scalar(text(statement), {"id": account_id, "at": at}) or 0)


def trial_balance(session: Session, number: int) -> Sequence[Row[Any]]:
    """What each account brought into the period and what moved in it. Where the period before is still open, what it
    would carry forward."""
    return session.execute(
        text(
            "select a.id, a.code, a.name_zh, a.name_en, a.type, a.fund, a.restriction, a.normal_side,"
            " coalesce(b.debit_fen, 0) as debit_fen, coalesce(b.credit_fen, 0) as credit_fen,"
            " coalesce((select sum(e.debit_fen - e.credit_fen) from fund_balances e"
            " where e.account_id = a.id and e.period < :number), 0)::bigint as opening_fen"
            " from fund_accounts a left join fund_balances b on b.account_id = a.id and b.period = :number"
            " where b.period is not null or exists (select from fund_balances e"
            " where e.account_id = a.id and e.period < :number) order by a.code"
        ),
        {"number": number},
    ).all()


# --- export: all that was posted, streamed ----------------------------------------------------------------------------


def journal(session: Session) -> Iterator[Row[Any]]:
    """Every posting by day and then by time, those of an entry together."""
    return iter(
        session.execute(
            text(
                "select e.id, e.key, e.booked_on, e.description, e.reference, a.code, a.type, a.fund, p.amount_fen"
                " from fund_entries e join fund_postings p on p.entry_id = e.id join fund_accounts a"
                " on a.id = p.account_id where e.state = 'posted' order by e.booked_on, e.posted_at, e.id, p.position"
            ),
            execution_options={"yield_per": 5000},
        )
    )
