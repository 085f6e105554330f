"""What the worker does: lapses, terms, escalations, and chasing. Each can run twice."""

from datetime import date, timedelta

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.logs import log
from gongxin.web.caller import operator

from . import effects, pack, queries, rules, service

PORTION = 200


def run(session: Session, today: date) -> int:
    """A reply whose clock has ended leaves the record to decide; a clock the association missed lapses the proposal; a
    term that ended ends the entry; L1 revokes once it can no longer be appealed. How many. A turn that left nothing
    makes the answers good for the pack's hours; while none does, they come to read `stale`."""
    caller, done = operator(), 0
    for matter in queries.overdue(session, ("noticed",), today, PORTION):
        service.run_clock(session, matter, "close_reply", caller)
        done += 1
    for matter in queries.past_term(session, today, PORTION):
        service.run_clock(session, matter, "expire", caller)
        done += 1
    for matter in queries.overdue(session, rules.MOVES["lapse"].starts, today, PORTION):
        service.run_clock(session, matter, "lapse", caller)
        done += 1
    for matter in queries.unappealed(session, today, PORTION):
        effects.revoke(session, matter, caller)
        done += 1
    if done < PORTION:
        turn, now = queries.get_turn(session), clock.now()
        turn.ran_at, turn.fresh_until = now, now + timedelta(hours=pack.pack()["stale_after_hours"])
        session.flush()
    return done


def escalate(session: Session, today: date) -> int:
    """Proposes, and leaves it to people: so many minor violations within the pack's months."""
    rule = pack.pack()["escalation"]
    since = pack.months_before(today, rule["months"])
    found = queries.to_escalate(
        session, severity=rule["severity"], since=since, count=rule["count"], article=rule["article"]
    )
    for each in found:
        service.propose_escalation(
            session,
            agent_id=each["agent_id"],
            numbers=each["numbers"],
            since=each["since"],
            until=each["until"],
            caller=operator(),
        )
    return len(found)


def chase(session: Session, today: date) -> int:
    """Notes, once each, the members that let a correction's day pass without a word."""
    found = queries.unchased(session, today, PORTION)
    for correction in found:
        correction.chased_at = clock.now()
        log.warning("correction_unacknowledged", correction=str(correction.id), member=str(correction.member_id))
    session.flush()
    return len(found)
