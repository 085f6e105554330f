"""The verbs on periods, and the signed trial balance."""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import service as access
from gongxin.errors import Conflict, Invalid
from gongxin.transparency import service as transparency
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u, canonical

from . import queries, rules, writes
from .models import Period
from .rules import Actor

TYPE = "gongxin-trial-balance+jwt"
_MAX_DAYS = 400


def open_period(session: Session, *, last_day: date, first_day: date | None = None) -> Period:
    """The next period. `first_day` is given for the first of all; every other begins the day after the one before."""
    last = queries.find_last_period(session)
    begins = last.last_day + timedelta(days=1) if last is not None else first_day
    if begins is None or (first_day is not None and first_day != begins):
        raise Invalid(
            "period_must_follow",
            zh="期间须首尾相接",
            en="A period begins the day after the one before",
            fix_zh="首个期间须给出起始日；其后无须给出。",
            fix_en="Give the first day for the first period only.",
            pointer="/first_day",
        )
    if not begins <= last_day <= begins + timedelta(days=_MAX_DAYS):
        raise Invalid(
            "period_too_long",
            zh="期间的末日不合理",
            en="The last day is not reasonable",
            fix_zh="末日不早于首日，期间不超过 400 天。",
            fix_en="It is not before the first day, and at most 400 days after it.",
            pointer="/last_day",
        )
    period = Period(
        number=last.number + 1 if last is not None else 1,
        first_day=begins,
        last_day=last_day,
        state="open",
        opened_at=clock.now(),
    )
    session.add(period)
    session.flush()
    return period


def set_state(session: Session, number: int, state: str) -> Period:
    """open ↔ closing: while closing nothing new is drafted, and what is submitted is decided."""
    queries.lock_period(session, number)
    period = queries.get_period(session, number)
    if period.state == "closed":
        raise _closed()
    period.state = state
    session.flush()
    return period


def close(session: Session, runtime: Runtime, number: int, *, actor: Actor) -> Period:
    """Freezes the period for good: drafts expire, balances are carried forward, the trial balance is signed and its
    digest becomes a leaf. Raises Conflict while entries are undecided or the next period is not open."""
    queries.lock_period(session, number)
    period = queries.get_period(session, number)
    if period.state == "closed":
        raise _closed()
    pending = queries.pending(session, number)
    if undecided := [str(entry.id) for entry in pending if entry.state != "draft"]:
        raise Conflict(
            "entries_undecided",
            zh="本期间仍有未决分录",
            en="Entries of the period are undecided",
            fix_zh="先过账、退回或撤回 entries 所列分录。",
            fix_en="Post, reject or withdraw the entries listed first.",
            extra={"entries": undecided[:20]},
        )
    now = clock.now()
    if pending:
        writes.move(session, actor, [entry.id for entry in pending], "expired", now, "会计期间关闭 the period closed")
    if period.state == "open":
        period.state = "closing"
        session.flush()
    statement = trial_balance(period, queries.trial_balance(session, number))
    body = canonical(statement | {"closed_at": transparency.moment(now), "iss": runtime.config.issuer})
    content = hashlib.sha256(body).digest()
    promise = transparency.append(
        session,
        kind="fund_period",
        record={
            "content": content.hex(),
            "first_day": period.first_day.isoformat(),
            "last_day": period.last_day.isoformat(),
            "period": number,
            "v": 1,
        },
        owner=actor.member_id,
    )
    period.state, period.closed_at, period.content_hash = "closed", now, content
    period.trial_balance, period.leaf_id = _sign(runtime, body), promise.leaf_id
    session.flush()
    return period


def trial_balance(period: Period, rows: Iterable[Any]) -> dict[str, Any]:
    """Amounts debit positive, so that they sum to zero in each fund."""
    accounts = [
        {
            "closing_fen": row.opening_fen + row.debit_fen - row.credit_fen,
            "code": row.code,
            "credit_fen": row.credit_fen,
            "debit_fen": row.debit_fen,
            "fund": row.fund,
            "name_en": row.name_en,
            "name_zh": row.name_zh,
            "opening_fen": row.opening_fen,
            "restriction": row.restriction,
            "type": row.type,
        }
        for row in rows
    ]
    return {
        "accounts": accounts,
        "first_day": period.first_day.isoformat(),
        "last_day": period.last_day.isoformat(),
        "period": period.number,
        "totals": {
            fund: {
                name: sum(account[name] for account in accounts if account["fund"] == fund)
                for name in ("opening_fen", "debit_fen", "credit_fen", "closing_fen")
            }
            for fund in rules.FUNDS
        },
        "v": 1,
    }


def _sign(runtime: Runtime, body: bytes) -> str:
    key = access.signing_key(runtime, "receipt")
    header = b64u(orjson.dumps({"alg": key.alg, "kid": key.kid, "typ": TYPE}))
    signed = f"{header}.{b64u(body)}"
    return f"{signed}.{b64u(key.private_key.sign(signed.encode()))}"


def expire(session: Session, *, actor: Actor, entry_ids: list[uuid.UUID], reason: str) -> None:
    """Ends entries that nobody decided."""
    rules.check_reason("expired", reason)
    writes.move(session, actor, entry_ids, "expired", clock.now(), reason)


def _closed() -> Conflict:
    return Conflict(
        "period_closed",
        zh="会计期间已关闭",
        en="The period is closed",
        fix_zh="已关闭的期间不再变动；更正记入后一期间。",
        fix_en="A closed period stays; book the correction in a later one.",
    )
