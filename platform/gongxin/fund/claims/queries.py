"""Every SELECT on claims. Row-level security is in force: filer, reviewer, association and regulator see a claim."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import Claim, ClaimApproval, ClaimFlag, ClaimStep


def get_claim(session: Session, claim_id: uuid.UUID, *, lock: bool = False) -> Claim:
    """As it stands now. Raises NotFound; another's reads the same."""
    wanted = select(Claim).where(Claim.id == claim_id).execution_options(populate_existing=True)
    found = session.scalars(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound("claim_not_found", zh="没有这个申请", en="There is no such claim")
    return found


def claims(
    session: Session, *, state: str | None, fund: str | None, after: uuid.UUID | None, limit: int
) -> Sequence[Claim]:
    """In the order they were filed, one more than `limit`."""
    wanted = select(Claim).execution_options(populate_existing=True)
    if state is not None:
        wanted = wanted.where(Claim.state == state)
    if fund is not None:
        wanted = wanted.where(Claim.fund == fund)
    if after is not None:
        wanted = wanted.where(Claim.id > after)
    return session.scalars(wanted.order_by(Claim.id).limit(limit + 1)).all()


def count_by_state(session: Session) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(select(Claim.state, func.count()).group_by(Claim.state))}


def approvals(session: Session, claim_id: uuid.UUID) -> Sequence[ClaimApproval]:
    return session.scalars(
        select(ClaimApproval).where(ClaimApproval.claim_id == claim_id).order_by(ClaimApproval.approved_at)
    ).all()


def steps(session: Session, claim_id: uuid.UUID) -> Sequence[ClaimStep]:
    return session.scalars(select(ClaimStep).where(ClaimStep.claim_id == claim_id).order_by(ClaimStep.version)).all()


def spent(session: Session, claim: Claim, year: int) -> tuple[int, int]:
    """What other claims of this kind took of the year: the person's, and everybody's."""
    row = session.execute(
        text(
            "select coalesce(sum(o.granted_fen) filter (where o.agent_id = c.agent_id"
            " or o.subject_keys && c.subject_keys), 0)::bigint, coalesce(sum(o.granted_fen), 0)::bigint"
            " from fund_claims c left join fund_claims o on o.id <> c.id and o.cause = c.cause"
            " and o.state in ('held', 'instructed', 'paid')"
            " and o.held_on between make_date(:year, 1, 1) and make_date(:year, 12, 31) where c.id = :id"
        ),
        {"id": claim.id, "year": year},
    ).one()
    return row[0], row[1]


def available(session: Session, code: str) -> int:
    """What an account has above its reserve floor and holds; 0 where it is not open."""
    found = session.scalar(
        text(
            "select t.balance_fen - t.held_fen - coalesce(a.minimum_fen, 0) from fund_accounts a join fund_totals t"
            " on t.account_id = a.id where a.code = :code and a.closed_at is null"
        ),
        {"code": code},
    )
    return max(0, int(found or 0))


def is_party(session: Session, claim: Claim, member_id: uuid.UUID | None) -> bool:
    """As the registry: whether the member is creditor or agency on a case of the claim's person."""
    return bool(
        session.scalar(
            text(
                "select exists (select from unnest(cast(:epochs as integer[]), cast(:keys as bytea[])) as"
                " k (epoch, subject_key) join case_keys x on x.epoch = k.epoch and x.subject_key = k.subject_key"
                " join cases s on s.id = x.case_id where :member in (s.creditor_id, s.agency_id))"
            ),
            {"epochs": claim.epochs or [], "keys": claim.subject_keys or [], "member": member_id},
        )
    )


def open_cases(session: Session, claim_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """As the registry: the person's cases that are not closed."""
    return session.scalars(
        text(
            "select distinct s.id from fund_claims c, unnest(c.epochs, c.subject_keys) as k (epoch, subject_key)"
            " join case_keys x on x.epoch = k.epoch and x.subject_key = k.subject_key join cases s on s.id = x.case_id"
            " where c.id = :id and not s.closed order by 1"
        ),
        {"id": claim_id},
    ).all()


def flags(session: Session, claim_id: uuid.UUID) -> Sequence[ClaimFlag]:
    return session.scalars(select(ClaimFlag).where(ClaimFlag.claim_id == claim_id, ClaimFlag.lifted_at.is_(None))).all()


def flags_over(session: Session, today: date, limit: int) -> Sequence[ClaimFlag]:
    """Stop flags whose term has ended."""
    return session.scalars(
        select(ClaimFlag)
        .where(ClaimFlag.lifted_at.is_(None), ClaimFlag.until < today)
        .order_by(ClaimFlag.until, ClaimFlag.event_id)
        .limit(limit)
    ).all()


def agency_of(session: Session, agent_id: uuid.UUID) -> Row[Any] | None:
    """The agent's agency, where the caller may see the agent."""
    return session.execute(text("select agency_id, state from agents where id = :id"), {"id": agent_id}).first()
