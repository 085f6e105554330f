"""The verbs on standing watches: begin, end, lapse; and who is to be told of a change."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.delivery import service as delivery
from gongxin.errors import Conflict, Invalid
from gongxin.web.caller import Caller

from . import queries, queries_filings, rules, rules_filings
from .models_filings import AgentWatch

PORTION = 500


def begin(session: Session, *, caller: Caller, check_id: uuid.UUID, licence: str, ends_on: date) -> AgentWatch:
    """Watches somebody whom the caller checked in the last 30 days, under that check's purpose and consent. Raises
    Invalid where the check does not carry it, Conflict where the caller watches them already."""
    assert caller.member_id is not None
    now, today = clock.now(), clock.today_in_china()
    rules_filings.check_watch(ends_on, today)
    number = rules.check_licence(licence, "/licence")
    check = queries_filings.find_check(session, check_id)
    found = queries.standing(session, [(0, number, None, None)]).get(0)
    item = None
    if check is not None and found is not None and (now - check.asked_at).days < rules_filings.WATCH_GROUND_DAYS:
        item = next((each for each in check.items if each["agent_id"] == str(found["agent_id"])), None)
    if check is None or found is None or item is None:
        raise _no_ground()
    if queries_filings.count_watches(session, found["agent_id"], check.purpose):
        raise Conflict(
            "watched_already",
            zh="本机构已在关注此人",
            en="You watch this person already",
            fix_zh="先结束原有关注，再以新的期限开始。",
            fix_en="End that watch, then begin another.",
        )
    watch = AgentWatch(
        id=ids.new_id(),
        member_id=caller.member_id,
        agent_id=found["agent_id"],
        licence_no=number,
        check_id=check_id,
        purpose=check.purpose,
        consent=item.get("consent"),
        began_at=now,
        ends_on=ends_on,
    )
    session.add(watch)
    session.flush()
    return watch


def end(session: Session, watch_id: uuid.UUID) -> AgentWatch:
    """From now on nothing more is told. Raises Conflict where it has ended."""
    watch = queries_filings.get_watch(session, watch_id)
    if watch.ended_at is not None:
        raise Conflict(
            "watch_ended",
            zh="该关注已结束",
            en="The watch has ended",
            fix_zh="需要时重新核验并开始新的关注。",
            fix_en="Check anew and begin another where needed.",
        )
    watch.ended_at = clock.now()
    session.flush()
    return watch


def lapse(session: Session, today: date) -> int:
    """Ends watches past their last day; how many. A job: acts as the registry, can run twice."""
    past = queries_filings.watches_past(session, today, PORTION)
    for watch in past:
        watch.ended_at = clock.now()
    session.flush()
    return len(past)


def watchers(session: Session, agent_id: uuid.UUID) -> Sequence[Any]:
    """(watch_id, member_id, purpose, licence_no) of those who watch the person today, whoever asks."""
    return queries_filings.watchers(session, agent_id, clock.today_in_china())


def changed(session: Session, agent_id: uuid.UUID, parts: Collection[str]) -> int:
    """Tells the watchers that these parts of the person's standing changed; how many were told. Each hears of what a
    check for its own purpose would tell, by name: what it is now, it asks."""
    told = 0
    for watch in watchers(session, agent_id):
        what = [part for part in rules.FIELDS[watch.purpose] if part in parts]
        if what:
            delivery.emit(
                session,
                type="agent.changed",
                object_id=agent_id,
                data={
                    "licence": watch.licence_no,
                    "what": what,
                    "effective_on": clock.today_in_china().isoformat(),
                    "watch_id": str(watch.watch_id),
                },
                to=[watch.member_id],
            )
            told += 1
    return told


def _no_ground() -> Invalid:
    return Invalid(
        "no_ground_to_watch",
        zh="没有可作关注依据的核验",
        en="There is no check to watch on",
        fix_zh="先核验此人；三十日内的核验才能作为依据，用途与同意书随之沿用。",
        fix_en="Check the person first; a check of the last 30 days carries a watch, with its purpose and consent.",
        pointer="/check_id",
    )
