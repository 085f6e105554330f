"""Every SELECT on recoveries and statements; the arithmetic of `fees/pricing.py` over many rows as one statement.

A test holds the two together. Amounts stay below 10¹³ fen, so that nothing leaves bigint."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from ..fees.model import MAX_ROUND, PARTS, FeeModel
from .models import Recovery, RecoveryReversal, Statement, StatementLine

_NO_END = 10**15
_NO_CAP = 10_000


def get_recovery(session: Session, recovery_id: uuid.UUID, *, lock: bool = False) -> Recovery:
    """Raises NotFound; another's reads the same."""
    found = session.get(Recovery, recovery_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise NotFound("recovery_not_found", zh="没有这笔回款", en="There is no such recovery")
    return found


def find_reference(session: Session, contract_id: uuid.UUID, reference: str) -> Recovery | None:
    return session.scalars(
        select(Recovery).where(Recovery.contract_id == contract_id, Recovery.reference == reference)
    ).first()


def recoveries(
    session: Session, *, after: uuid.UUID | None, limit: int, state: str | None = None
) -> Sequence[Recovery]:
    """The caller's own, in the order of reporting."""
    found = select(Recovery).order_by(Recovery.id).limit(limit + 1)
    if after is not None:
        found = found.where(Recovery.id > after)
    return session.scalars(found if state is None else found.where(Recovery.state == state)).all()


def brought_before(session: Session, contract_id: uuid.UUID, case_id: uuid.UUID | None) -> int:
    """What a case has brought so far under a contract, held until the transaction ends; 0 where no case is named."""
    if case_id is None:
        return 0
    session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:key, 7206))"), {"key": f"{contract_id}/{case_id}"}
    )
    found = session.scalar(
        select(func.coalesce(func.sum(Recovery.base_fen), 0)).where(
            Recovery.contract_id == contract_id, Recovery.case_id == case_id, Recovery.state == "confirmed"
        )
    )
    return int(found or 0)


def reversals(session: Session, recovery_id: uuid.UUID) -> Sequence[RecoveryReversal]:
    return session.scalars(
        select(RecoveryReversal).where(RecoveryReversal.recovery_id == recovery_id).order_by(RecoveryReversal.id)
    ).all()


def unstated(
    session: Session, contract_id: uuid.UUID, before: datetime
) -> tuple[Sequence[Recovery], Sequence[RecoveryReversal]]:
    """What no statement carries yet of what was confirmed, or reversed, before an instant."""
    stated = select(StatementLine.recovery_id).where(StatementLine.reversal_id.is_(None))
    found = session.scalars(
        select(Recovery)
        .where(
            Recovery.contract_id == contract_id,
            Recovery.state == "confirmed",
            Recovery.confirmed_at < before,
            Recovery.id.not_in(stated),
        )
        .order_by(Recovery.confirmed_at, Recovery.id)
    ).all()
    taken = select(StatementLine.reversal_id).where(StatementLine.reversal_id.is_not(None))
    back = session.scalars(
        select(RecoveryReversal)
        .join(Recovery, Recovery.id == RecoveryReversal.recovery_id)
        .where(
            Recovery.contract_id == contract_id,
            RecoveryReversal.recorded_at < before,
            RecoveryReversal.id.not_in(taken),
        )
        .order_by(RecoveryReversal.recorded_at, RecoveryReversal.id)
    ).all()
    return found, back


def get_statement(session: Session, statement_id: uuid.UUID, *, lock: bool = False) -> Statement:
    """Raises NotFound; another's reads the same."""
    found = session.get(Statement, statement_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise NotFound("statement_not_found", zh="没有这份对账单", en="There is no such statement")
    return found


def find_statement(session: Session, contract_id: uuid.UUID, month: str) -> Statement | None:
    return session.scalars(
        select(Statement).where(Statement.contract_id == contract_id, Statement.month == month)
    ).first()


def decided_statements(session: Session, contract_id: uuid.UUID) -> Sequence[Statement]:
    """A contract's decided statements by month, held until the transaction ends."""
    return session.scalars(
        select(Statement)
        .where(Statement.contract_id == contract_id, Statement.state != "open")
        .order_by(Statement.month)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def statements(session: Session, *, after: uuid.UUID | None, limit: int) -> Sequence[Statement]:
    found = select(Statement).order_by(Statement.id).limit(limit + 1)
    return session.scalars(found if after is None else found.where(Statement.id > after)).all()


def lines(session: Session, statement_id: uuid.UUID) -> Sequence[tuple[StatementLine, Recovery]]:
    """In their order, each with its recovery."""
    return [
        (line, recovery)
        for line, recovery in session.execute(
            select(StatementLine, Recovery)
            .join(Recovery, Recovery.id == StatementLine.recovery_id)
            .where(StatementLine.statement_id == statement_id)
            .order_by(StatementLine.position)
        )
    ]


def reversals_stated(session: Session, statement_id: uuid.UUID) -> dict[uuid.UUID, RecoveryReversal]:
    """The reversals that a statement's lines tell."""
    found = session.scalars(
        select(RecoveryReversal)
        .join(StatementLine, StatementLine.reversal_id == RecoveryReversal.id)
        .where(StatementLine.statement_id == statement_id)
    )
    return {each.id: each for each in found}


# --- many at once ---------------------------------------------------------------------------------------------------


def price_many(
    session: Session, model: FeeModel, caps: Sequence[int | None], contract_id: uuid.UUID | None = None
) -> Sequence[tuple[uuid.UUID, int, int, int]]:
    """(recovery, base, fee before the cap, commission) of every confirmed recovery the caller sees, or of one
    contract's. `caps` by age. A modifier the model does not know counts nothing."""
    found = session.execute(text(statement(model)), parameters(model, caps, contract_id))
    return [(row[0], row[1], row[2], row[3]) for row in found]


def totals(
    session: Session, model: FeeModel, caps: Sequence[int | None], first: date = date.min, last: date = date.max
) -> tuple[int, int, int]:
    """(how many recoveries, what bears commission, commission) of those received between two days."""
    row = session.execute(
        text(f"select count(*), coalesce(sum(base), 0), coalesce(sum(due), 0) from ({statement(model)}) priced"),
        parameters(model, caps, None, first, last),
    ).one()
    return int(row[0]), int(row[1]), int(row[2])


def parameters(
    model: FeeModel,
    caps: Sequence[int | None],
    contract_id: uuid.UUID | None = None,
    first: date = date.min,
    last: date = date.max,
) -> dict[str, Any]:
    """What the statement is run with."""
    tiers = model.tiers
    values: dict[str, Any] = {
        "age_from": [tier.age_from for tier in tiers], "age_to": [tier.age_to for tier in tiers],
        "round_from": [tier.round_from for tier in tiers],
        "round_to": [tier.round_to or MAX_ROUND for tier in tiers],
        "from_fen": [min(tier.from_fen, _NO_END) for tier in tiers],
        "to_fen": [_NO_END if tier.to_fen is None else min(tier.to_fen, _NO_END) for tier in tiers],
        "rate": [tier.rate_bp for tier in tiers], "least": [tier.min_fee_fen or 0 for tier in tiers],
        "most": [_NO_END if tier.max_fee_fen is None else tier.max_fee_fen for tier in tiers],
        "caps": [_NO_CAP if cap is None else cap for cap in caps], "contract": contract_id,
        "minimum": model.minimum_fen or 0, "maximum": _NO_END if model.maximum_fen is None else model.maximum_fen,
        "age_first": model.age_from, "age_last": model.age_to, "first": first, "last": last,
    }  # fmt: skip
    return values | {f"mod{at}": bp for at, bp in enumerate(model.modifiers.values())}


def statement(model: FeeModel) -> str:
    """One SELECT: id, base, fee, due."""
    kept = [part for part in PARTS if part not in model.carve_outs]
    if model.base == "recovered_principal":
        kept = [part for part in kept if part == "principal"]
    base = " + ".join(f"{part}_fen" for part in kept) or "0::bigint"
    more = " + ".join(
        f"(case when jsonb_exists(modifiers, '{code}') then cast(:mod{at} as bigint) else 0 end)"
        for at, code in enumerate(model.modifiers)
    )
    if model.method == "whole":
        portion, lies = "r.base", "r.low + r.base >= t.from_fen and r.low + r.base < t.to_fen"
    else:
        portion = "least(r.low + r.base, t.to_fen) - greatest(r.low, t.from_fen)"
        lies = "t.from_fen < r.low + r.base and t.to_fen > r.low"
    line = f"least(greatest((({portion}) * (t.rate + r.more) * 2 + 10000) / 20000, t.least), t.most)"
    due = "least(fee, base * cap / 10000)"
    for each in model.deductions:
        share = f"(({due}) * {each.rate_bp} * 2 + 10000) / 20000" if each.rate_bp is not None else str(each.amount_fen)
        due = f"({due}) - least({due}, {share})"
    return f"""
        with t as materialized (
            select * from unnest(
                cast(:age_from as int[]), cast(:age_to as int[]), cast(:round_from as int[]), cast(:round_to as int[]),
                cast(:from_fen as bigint[]), cast(:to_fen as bigint[]), cast(:rate as bigint[]),
                cast(:least as bigint[]), cast(:most as bigint[])
            ) as t(age_from, age_to, round_from, round_to, from_fen, to_fen, rate, least, most)
        ),
        r as (
            select id, age, round, {base} as base, already_fen as low, {more or "0::bigint"} as more,
                (cast(:caps as bigint[]))[age] as cap
            from recoveries
            where state = 'confirmed' and age between :age_first and :age_last
            and received_on between :first and :last
            and (cast(:contract as uuid) is null or contract_id = :contract)
        ),
        priced as (
            select r.id, r.base, r.cap,
                case when r.base = 0 then 0 else least(greatest(f.fee, :minimum), :maximum) end as fee
            from r cross join lateral (
                select coalesce(sum({line}), 0)::bigint as fee from t
                where r.age between t.age_from and t.age_to and r.round between t.round_from and t.round_to
                and r.base > 0 and {lies}
            ) f
        )
        select id, base, fee, {due} as due from priced
    """


def paid(session: Session, first: date, last: date) -> tuple[int, int]:
    """(how many, commission as it fell due) of the caller's confirmed recoveries of some days."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Recovery.commission_fen), 0)).where(
            Recovery.state == "confirmed", Recovery.received_on.between(first, last)
        )
    ).one()
    return int(row[0] or 0), int(row[1] or 0)
