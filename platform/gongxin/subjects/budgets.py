"""Budgets by member and purpose: the second line against enumeration, after "no case, no answer".

A process leases a part of the day's budget in a transaction of its own and spends it in memory, so that counting costs
the hot path nothing and outlives a refusal. A lease is at most a twentieth of the budget and a quarter of what is left
(or what one request needs): that is what a stopped process can lose of it. Days are those of Asia/Shanghai.
"""

import threading
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gongxin import clock
from gongxin.db import transaction
from gongxin.errors import Forbidden, TooMany
from gongxin.members import queries as members
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime

from . import queries

EVALUATION = "evaluation"
_TERMS_SECONDS = 5.0
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a member's agreement in force allows: `budgets` in look-ups a day."""

    purposes: frozenset[str]
    data_types: frozenset[str]
    budgets: dict[str, int]

    def limit(self, purpose: str) -> int:
        """Evaluations default to ten times all look-ups together: keys rotate, and imports need tokens too."""
        if purpose == EVALUATION and EVALUATION not in self.budgets:
            return 10 * sum(self.budgets.values())
        return self.budgets.get(purpose, 0)


@dataclass(slots=True)
class _Lease:
    day: date
    left: int


def terms(runtime: Runtime, caller: Caller) -> Terms:
    """The agreement in force, remembered for a few seconds. Raises Forbidden where there is none."""
    kept: dict[uuid.UUID, tuple[float, Terms]] = runtime.caches.setdefault("terms", {})
    member_id = _member(caller)
    held = kept.get(member_id)
    if held is None or held[0] < clock.monotonic():
        with transaction(runtime.engine, member_id, caller.kind) as session:
            found = members.agreement_in_force(session, member_id, clock.now())
        if found is None:
            raise Forbidden(
                "no_agreement",
                zh="本机构没有生效的会员协议",
                en="The member has no agreement in force",
                fix_zh="请联系协会签订协议。",
                fix_en="Ask the association for an agreement.",
            )
        value = Terms(frozenset(found.purposes), frozenset(found.data_types), dict(found.budgets))
        held = kept[member_id] = (clock.monotonic() + _TERMS_SECONDS, value)
    return held[1]


def take(runtime: Runtime, caller: Caller, purpose: str, count: int) -> None:
    """Counts `count` uses against today's budget. Raises TooMany with the seconds until the day ends in China."""
    leases: dict[tuple[uuid.UUID, str], _Lease] = runtime.caches.setdefault("budget_leases", {})
    key = (_member(caller), purpose)
    now = clock.now().astimezone(clock.SHANGHAI)
    with _LOCK:
        lease = leases.get(key)
        if lease is None or lease.day != now.date():
            lease = leases[key] = _Lease(now.date(), 0)
        if lease.left >= count:
            lease.left -= count
            return
    granted = _lease(runtime, caller, purpose, now, count, terms(runtime, caller).limit(purpose))
    with _LOCK:
        lease.left += granted - count


def _lease(runtime: Runtime, caller: Caller, purpose: str, now: datetime, count: int, limit: int) -> int:
    member_id = _member(caller)
    with transaction(runtime.engine, member_id, caller.kind) as session:
        left = limit - queries.used_today(session, member_id, purpose, now.date())
        chunk = max(count, min(limit // 20, left // 4))
        for size in dict.fromkeys((chunk, count)):
            if queries.count_use(session, member_id, purpose, now.date(), size, limit):
                return size
    raise TooMany(
        "budget_exceeded",
        zh="今日该用途的查询额度已用完",
        en="Today's budget for this purpose is used up",
        fix_zh="额度于北京时间零点恢复；如需更多请与协会修订协议。",
        fix_en="It returns at midnight in China; ask the association to amend the agreement for more.",
        retry_after=seconds_to_midnight(now),
        extra={"purpose": purpose, "budget": limit},
    )


def seconds_to_midnight(now: datetime) -> int:
    """Whole seconds, at least one, until the next day of `now`'s own time zone."""
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
    return max(1, int((midnight - now).total_seconds()) + 1)


def _member(caller: Caller) -> uuid.UUID:
    if caller.member_id is None:
        raise Forbidden
    return caller.member_id
