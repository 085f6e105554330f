"""Every SELECT on the fund's income. Row-level security is in force: a member sees its own charges and bases."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, exists, func, select, text
from sqlalchemy.orm import Session, aliased

from gongxin.errors import NotFound

from .models import Charge, Dunning, LevyBase, Objection, Receipt, Run, RunApproval


def get_run(session: Session, run_id: uuid.UUID, *, lock: bool = False) -> Run:
    """As it stands now. Raises NotFound."""
    wanted = select(Run).where(Run.id == run_id).execution_options(populate_existing=True)
    found = session.scalars(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound("run_not_found", zh="没有这个批次", en="There is no such run")
    return found


def runs(session: Session, *, state: str | None, after: uuid.UUID | None, limit: int) -> Sequence[Run]:
    """In the order they were made, one more than `limit`."""
    wanted = select(Run).execution_options(populate_existing=True)
    if state is not None:
        wanted = wanted.where(Run.state == state)
    if after is not None:
        wanted = wanted.where(Run.id > after)
    return session.scalars(wanted.order_by(Run.id).limit(limit + 1)).all()


def count_by_state(session: Session) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(select(Run.state, func.count()).group_by(Run.state))}


def has_open_levy_run(session: Session) -> bool:
    return bool(
        session.scalar(select(exists().where(Run.kind == "levy", Run.state.in_(("draft", "preview", "approved")))))
    )


def approvals(session: Session, run_id: uuid.UUID) -> Sequence[RunApproval]:
    return session.scalars(
        select(RunApproval).where(RunApproval.run_id == run_id).order_by(RunApproval.approved_at, RunApproval.officer)
    ).all()


def run_charges(session: Session, run_id: uuid.UUID) -> Sequence[Charge]:
    return session.scalars(
        select(Charge).where(Charge.run_id == run_id).order_by(Charge.id).execution_options(populate_existing=True)
    ).all()


def run_totals(session: Session, run_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, tuple[int, int]]:
    """How many charges a run has, and their sum."""
    rows = session.execute(
        text(
            "select run_id, count(*), sum(amount_fen)::bigint from fund_charges"
            " where run_id = any(cast(:ids as uuid[])) group by 1"
        ),
        {"ids": list(run_ids)},
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def get_charge(session: Session, charge_id: uuid.UUID) -> Charge:
    """A charge the caller may see. Raises NotFound; another's reads the same."""
    found = session.scalars(
        select(Charge).where(Charge.id == charge_id).execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound("charge_not_found", zh="没有这张账单", en="There is no such charge")
    return found


def charges(
    session: Session,
    *,
    member_id: uuid.UUID | None = None,
    run_id: uuid.UUID | None = None,
    state: str | None = None,
    after: uuid.UUID | None = None,
    limit: int,
) -> Sequence[Charge]:
    """In their order, one more than `limit`."""
    wanted = select(Charge).execution_options(populate_existing=True)
    for column, value in ((Charge.member_id, member_id), (Charge.run_id, run_id), (Charge.state, state)):
        if value is not None:
            wanted = wanted.where(column == value)
    if after is not None:
        wanted = wanted.where(Charge.id > after)
    return session.scalars(wanted.order_by(Charge.id).limit(limit + 1)).all()


def account(session: Session, member_id: uuid.UUID, today: date) -> Row[Any]:
    """What a member was charged, credited, has paid, and owes beyond its day."""
    return session.execute(
        text(
            "select coalesce(sum(amount_fen), 0)::bigint as charged_fen,"
            " coalesce(sum(credited_fen), 0)::bigint as credited_fen,"
            " coalesce(sum(received_fen), 0)::bigint as received_fen,"
            " coalesce(sum(greatest(0, amount_fen - credited_fen - received_fen)) filter (where due_on < :today), 0)"
            "::bigint as overdue_fen from fund_charges"
            " where member_id = :member and credits is null and state <> 'preview'"
        ),
        {"member": member_id, "today": today},
    ).one()


def receipts(session: Session, charge_id: uuid.UUID) -> Sequence[Receipt]:
    return session.scalars(select(Receipt).where(Receipt.charge_id == charge_id).order_by(Receipt.at)).all()


def dunnings(session: Session, charge_id: uuid.UUID) -> Sequence[Dunning]:
    return session.scalars(select(Dunning).where(Dunning.charge_id == charge_id).order_by(Dunning.step)).all()


def objections(session: Session, charge_id: uuid.UUID) -> Sequence[Objection]:
    """Objections and decisions, oldest first."""
    return session.scalars(
        select(Objection).where(Objection.charge_id == charge_id).order_by(Objection.said_at, Objection.id)
    ).all()


def entries_begun(session: Session, prefix: str) -> Sequence[Row[Any]]:
    """Entries whose key is this and a number from 1 to 99, in the order they were made: id, state, sum of a side."""
    return session.execute(
        text(
            "select e.id, e.state, (select coalesce(sum(l.amount_fen), 0)::bigint from fund_legs l"
            " where l.entry_id = e.id and l.side = 'debit') as amount_fen from fund_entries e"
            " where e.key = any(cast(:keys as text[])) order by e.id"
        ),
        {"keys": [f"{prefix}{number}" for number in range(1, 100)]},
    ).all()


# --- what a run is made of --------------------------------------------------------------------------------------------


def find_base(session: Session, member_id: uuid.UUID, month: str, source: str, source_id: uuid.UUID) -> LevyBase | None:
    """The base as it stands: what was reported and not superseded."""
    later = aliased(LevyBase)
    return session.scalars(
        select(LevyBase).where(
            LevyBase.member_id == member_id,
            LevyBase.month == month,
            LevyBase.source == source,
            LevyBase.source_id == source_id,
            ~exists().where(later.supersedes == LevyBase.id),
        )
    ).first()


def bases(session: Session, *, member_id: uuid.UUID | None, after: uuid.UUID | None, limit: int) -> Sequence[LevyBase]:
    """All that was reported, one more than `limit`."""
    wanted = select(LevyBase)
    if member_id is not None:
        wanted = wanted.where(LevyBase.member_id == member_id)
    if after is not None:
        wanted = wanted.where(LevyBase.id > after)
    return session.scalars(wanted.order_by(LevyBase.id).limit(limit + 1)).all()


def months_due(session: Session, last_month: str) -> Sequence[Row[Any]]:
    """Of every member and month up to the last one: agreed, stated, charged before; where some is left to charge."""
    return session.execute(
        text(
            "with known as (select b.member_id, b.month, coalesce(sum(b.base_fen) filter (where b.source ="
            " 'contracts'), 0)::bigint as agreed_fen, coalesce(sum(b.base_fen) filter (where b.source = 'statement'),"
            " 0)::bigint as stated_fen from fund_bases b where b.month <= :last and not exists (select from fund_bases"
            " s where s.supersedes = b.id) group by 1, 2), charged as (select c.member_id, m.month,"
            " sum(m.base_fen)::bigint as charged_fen from fund_charges c join fund_runs r on r.id = c.run_id,"
            " jsonb_to_recordset(c.lines::jsonb -> 'months') as m (month text, base_fen bigint)"
            " where r.kind = 'levy' and r.state = 'issued' group by 1, 2)"
            " select k.*, coalesce(h.charged_fen, 0) as charged_fen from known k left join charged h"
            " on h.member_id = k.member_id and h.month = k.month"
            " where greatest(k.agreed_fen, k.stated_fen) > coalesce(h.charged_fen, 0) order by 1, 2"
        ),
        {"last": last_month},
    ).all()


def violations(session: Session, day: date) -> Sequence[Row[Any]]:
    """Standing violations by the agency that employed the person on the day it occurred."""
    return session.execute(
        text(
            "select g.agency_id, r.id, r.severity, r.certainty, r.occurred_on from agent_records r"
            " join agent_engagements g on g.agent_id = r.agent_id"
            " and (g.began_at at time zone 'Asia/Shanghai')::date <= r.occurred_on"
            " and coalesce((g.ended_at at time zone 'Asia/Shanghai')::date > r.occurred_on, true)"
            " where r.kind = 'violation' and not r.withdrawn and r.occurred_on <= :day"
            " and not exists (select from agent_records s where s.supersedes = r.id) order by 1, 2"
        ),
        {"day": day},
    ).all()


def to_dun(session: Session, today: date, days: list[int], limit: int) -> Sequence[Row[Any]]:
    """Charges whose next reminder is due and that are under no objection. `days` after the due day, one a step."""
    return session.execute(
        text(
            "select c.id, c.member_id, c.due_on, c.amount_fen - c.received_fen - c.credited_fen as owed_fen, d.sent"
            " from fund_charges c, lateral (select count(*)::integer as sent from fund_dunnings d"
            " where d.charge_id = c.id) d where c.state = 'issued' and c.credits is null and c.due_on < :today"
            " and c.due_on + (cast(:days as integer[]))[d.sent + 1] <= :today"
            " and not exists (select from fund_objections o where o.charge_id = c.id and o.answers is null"
            " and not exists (select from fund_objections a where a.answers = o.id))"
            " order by c.due_on, c.id limit :limit"
        ),
        {"today": today, "days": days, "limit": limit},
    ).all()


def run_hash(session: Session, run_id: uuid.UUID) -> bytes:
    """What the run's content is now, as the database computes it."""
    return bytes(session.scalar(text("select fund_run_hash(:id)"), {"id": run_id}) or b"")
