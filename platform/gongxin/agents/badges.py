"""The verbs on badges: issue, withdraw, print. One in force an agent; a trigger ends it with the licence."""

import secrets
import uuid
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from gongxin import clock, ids, typesetting
from gongxin.access import service as access
from gongxin.errors import Conflict
from gongxin.members import queries as members
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime
from gongxin_wire import badges as wire
from gongxin_wire import cose

from . import badge_lists, identities, queries, queries_filings, rules
from . import queries_badges as found
from .models import Agent
from .models_badges import BadgeIssued

REASONS: Final = ("lost", "stolen", "damaged", "wrong", "left")
LANGUAGES: Final = ("zh", "en")
_TRIES = 16
_TEMPLATE = Path(__file__).with_name("templates") / "badge.typ"
_LEVEL_WORDS: Final = {
    "basic": ("上岗", "Basic"),
    "senior": ("高级", "Senior"),
    "debt_counsellor": ("债务顾问", "Debt counsellor"),
}


def issue(session: Session, *, runtime: Runtime, caller: Caller, agent_id: uuid.UUID) -> BadgeIssued:
    """A badge for a granted licence; the one before ends. Raises Conflict where there is no licence in force."""
    agent, now, today = queries.get_agent(session, agent_id), clock.now(), clock.today_in_china()
    agency = members.get_member(session, agent.agency_id)
    standing = queries_filings.agency_states(session, [agency.id])[agency.id]
    if not rules.may_work(agent.state, agent.valid_until, standing, today):
        raise Conflict(
            "no_licence_in_force",
            zh="没有有效执照，不能签发工牌",
            en="There is no licence in force to issue a badge for",
            fix_zh="执照许可、恢复或续期，且机构备案有效之后再签发。",
            fix_en="Have the licence granted, reinstated or renewed first, and the agency's filing in force.",
            extra={"agency": standing, "state": rules.shown_state(agent.state, agent.valid_until, today)},
        )
    before = found.find_in_force(session, agent_id)
    if before is not None:
        _end(session, before, "replaced", now)
    key = access.signing_key(runtime, "badge")
    number, index = _place(session)
    expires_at = _expiry(agent)
    level = _level(session, agent_id)
    badge = wire.Badge(
        agent.licence_no, agency.name_zh, level, int(now.timestamp()), int(expires_at.timestamp()),
        badge_lists.uri(runtime.config.issuer, number), index,
    )  # fmt: skip
    try:
        code = wire.encode(badge, cose.signing_key(key.private_key, key.kid))
    except wire.BadgeError as fault:
        raise Conflict(fault.code, zh=fault.zh, en=fault.en, fix_zh=fault.fix_zh, fix_en=fault.fix_en) from fault
    made = BadgeIssued(
        id=ids.new_id(), agent_id=agent_id, agency_id=agent.agency_id, list_no=number, idx=index, kid=key.kid,
        level=level, code=code, issued_at=now, expires_at=expires_at, issued_by=_by(caller),
    )  # fmt: skip
    session.add(made)
    session.flush()
    _leaf(session, made, made.id, "issue", None, now)
    return made


def withdraw(session: Session, *, caller: Caller, agent_id: uuid.UUID, badge_id: uuid.UUID, reason: str) -> BadgeIssued:
    """Ends a badge that is lost, stolen or wrong; for good. Raises Conflict where it has ended already."""
    badge = found.get_badge(session, agent_id, badge_id)
    if badge.ended_at is not None:
        raise Conflict(
            "badge_ended",
            zh="该工牌已失效",
            en="The badge has ended already",
            fix_zh="失效不可撤销；需要时签发新工牌。",
            fix_en="An end is for good; issue another where it is needed.",
        )
    now = clock.now()
    _end(session, badge, "withdrawn", now)
    _leaf(session, badge, ids.new_id(), "withdraw", reason, now)
    return badge


def card(session: Session, *, runtime: Runtime, agent_id: uuid.UUID, badge_id: uuid.UUID, language: str) -> bytes:
    """The card to print, with the person's name and the code as QR. Raises Conflict for a badge that has ended."""
    agent, badge = queries.get_agent(session, agent_id), found.get_badge(session, agent_id, badge_id)
    if badge.ended_at is not None:
        raise Conflict(
            "badge_ended",
            zh="该工牌已失效，不能打印",
            en="The badge has ended and is not printed",
            fix_zh="签发新工牌后再打印。",
            fix_en="Issue another and print that.",
        )
    agency = members.get_member(session, badge.agency_id)
    chinese = language == "zh"
    last_day = (badge.expires_at - timedelta(seconds=1)).astimezone(clock.SHANGHAI).date()
    data: dict[str, Any] = {
        "language": language,
        "name": identities.read(session, runtime.config, agent_id)["name"],
        "licence": agent.licence_no,
        "agency": agency.name_zh if chinese else agency.name_en or agency.name_zh,
        "level": _LEVEL_WORDS[badge.level][0 if chinese else 1],
        "from": badge.issued_at.astimezone(clock.SHANGHAI).date().isoformat(),
        "until": last_day.isoformat(),
        "check": f"{runtime.config.issuer}/check/{agent.licence_no}",
    }
    picture = typesetting.qr_svg(badge.code, error="m")
    return typesetting.pdf(
        _TEMPLATE, data=data, made_at=badge.issued_at.astimezone(UTC).replace(microsecond=0), assets={"code": picture}
    )


def status(badge: BadgeIssued, agent_state: str) -> str:
    """What a reader of the roll sees: the badge's own end, or the licence's suspension."""
    if badge.ended_at is not None:
        return "ended"
    return "suspended" if agent_state == "suspended" else "in_force"


def _end(session: Session, badge: BadgeIssued, ended_as: str, now: datetime) -> None:
    badge.ended_at, badge.ended_as = max(now, badge.issued_at), ended_as
    session.flush()


def _place(session: Session) -> tuple[int, int]:
    """A place drawn at random, so that neighbours in a list say nothing of each other; a list that is nearly full is
    followed by the next."""
    number = found.newest_list(session)
    while True:
        for _ in range(_TRIES):
            index = secrets.randbelow(badge_lists.SIZE)
            if not found.place_taken(session, number, index):
                return number, index
        number += 1


def _expiry(agent: Agent) -> datetime:
    """The end of the licence's last day, in China."""
    assert agent.valid_until is not None
    return datetime.combine(agent.valid_until + timedelta(days=1), time(), clock.SHANGHAI).astimezone(UTC)


def _level(session: Session, agent_id: uuid.UUID) -> str:
    """The highest certificate in force."""
    today = clock.today_in_china()
    held = [c.level for c in queries.certificates(session, agent_id) if c.issued_on <= today <= c.valid_until]
    return max(held, key=rules.LEVELS.index)


def _leaf(
    session: Session, badge: BadgeIssued, leaf_id: uuid.UUID, action: str, reason: str | None, now: datetime
) -> None:
    transparency.append(
        session,
        kind="badge",
        record={
            "action": action,
            "agency_id": str(badge.agency_id),
            "agent_id": str(badge.agent_id),
            "at": transparency.moment(now),
            "badge_id": str(badge.id),
            "expires_at": transparency.moment(badge.expires_at),
            "idx": badge.idx,
            "kid": badge.kid,
            "list_no": badge.list_no,
            "reason": reason,
        },
        leaf_id=leaf_id,
        owner=badge.agency_id,
    )


def _by(caller: Caller) -> str:
    return f"client:{caller.client_id}" if caller.client_id else "operator"
