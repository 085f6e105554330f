"""Every SELECT of the quarterly report: sums of what is posted and of what the bank confirmed, never a person."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import Report


def find_last_report(session: Session, year: int, quarter: int) -> Report | None:
    """What was disclosed last of a quarter."""
    return session.scalars(
        select(Report).where(Report.year == year, Report.quarter == quarter).order_by(Report.version.desc()).limit(1)
    ).first()


def get_report(session: Session, report_id: uuid.UUID) -> Report:
    """Raises NotFound."""
    found = session.scalars(select(Report).where(Report.id == report_id)).first()
    if found is None:
        raise NotFound("report_not_found", zh="没有这份披露", en="There is no such report")
    return found


def reports(session: Session, *, after: uuid.UUID | None, limit: int) -> Sequence[Report]:
    """All that was disclosed, the newest first, one more than `limit`."""
    wanted = select(Report)
    if after is not None:
        wanted = wanted.where(Report.id < after)
    return session.scalars(wanted.order_by(Report.id.desc()).limit(limit + 1)).all()


def moved(session: Session, first: date, last: date) -> Sequence[Row[Any]]:
    """What moved between two days on each account of income and expense: fund, type, code, names, amount."""
    return session.execute(
        text(
            "select a.fund, a.type, a.code, a.name_zh, a.name_en, sum(p.amount_fen)::bigint as amount_fen"
            " from fund_entries e join fund_postings p on p.entry_id = e.id join fund_accounts a on a.id = p.account_id"
            " where e.state = 'posted' and e.booked_on between :first and :last and a.type in ('income', 'expense')"
            " group by a.id order by a.code"
        ),
        {"first": first, "last": last},
    ).all()


def reserves(session: Session, last: date) -> Sequence[Row[Any]]:
    """Assets less liabilities of each fund by the end of a day."""
    return session.execute(
        text(
            "select a.fund, sum(fund_booked(a.id, :last))::bigint as amount_fen from fund_accounts a"
            " where a.type in ('asset', 'liability') group by a.fund order by a.fund"
        ),
        {"last": last},
    ).all()


def relief(session: Session, first: date, last: date) -> Sequence[Row[Any]]:
    """Payments that the bank confirmed: fund, cause, region (prefecture) of the person, count and amount."""
    return session.execute(
        text(
            "select c.fund, c.cause, substr(c.region, 1, 4) as region, count(*) as count,"
            " sum(i.amount_fen)::bigint as amount_fen from fund_instructions i"
            " join fund_matches x on x.target = 'instruction' and x.target_id = i.id and x.outcome = 'confirmed'"
            " join fund_bank_lines l on l.id = x.line_id join fund_claims c on c.id = i.source_id"
            " where i.state = 'confirmed' and i.purpose in ('relief', 'staff')"
            " and l.booked_on between :first and :last group by 1, 2, 3 order by 1, 2, 3"
        ),
        {"first": first, "last": last},
    ).all()
