"""Reminders by the clock, and members' objections to a charge with their decisions."""

import uuid
from datetime import date

from sqlalchemy.orm import Session

from gongxin import calendar, clock, ids
from gongxin.errors import Conflict, NotFound
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency

from ..ledger.rules import Actor, check_words
from . import queries, rules, service
from .models import Dunning, Objection, Run

PORTION = 200
MAX_SAID = 500


def dun(session: Session, today: date) -> int:
    """A job, as the registry: the next reminder of whatever is past its day. Can run twice."""
    days = rules.pack()["clocks"]["dunning_days"]
    found = queries.to_dun(session, today, days, PORTION)
    now = clock.now()
    for row in found:
        step = rules.dunning_step(row.due_on, today, row.sent)
        assert step is not None
        session.add(Dunning(charge_id=row.id, step=step, owed_fen=row.owed_fen, at=now))
        record = {"at": transparency.moment(now), "charge_id": str(row.id), "owed_fen": row.owed_fen, "step": step}
        transparency.append(session, kind="fund_dunning", record=record, owner=row.member_id)
    session.flush()
    return len(found)


def object_to(session: Session, charge_id: uuid.UUID, *, member_id: uuid.UUID, said: str) -> Objection:
    """A member's objection to its own charge: no reminders while it is open. Raises Conflict while one is open."""
    check_words(said, MAX_SAID, "/said")
    refuse_pii(said, "/said")
    charge = queries.get_charge(session, charge_id)
    if charge.member_id != member_id:
        raise NotFound("charge_not_found", zh="没有这张账单", en="There is no such charge")
    if _open(session, charge_id) is not None:
        raise Conflict(
            "objection_open",
            zh="已有一项异议待决",
            en="An objection is open already",
            fix_zh="待其决定后再提出。",
            fix_en="Wait for its decision.",
        )
    clocks = rules.pack()["clocks"]["objection"]
    due_on = calendar.china().add(clock.today_in_china(), clocks["working_days"])
    return _say(session, charge_id, member_id, said, due_on=due_on)


def decide(
    session: Session, charge_id: uuid.UUID, *, actor: Actor, upheld: bool, said: str, credit_fen: int | None = None
) -> tuple[Objection, Run | None]:
    """The decision on the open objection. `credit_fen`, where it is upheld: the credit note is shown at once and needs
    its two approvals as any other."""
    check_words(said, MAX_SAID, "/said")
    refuse_pii(said, "/said")
    found = _open(session, charge_id)
    if found is None or (credit_fen is not None and not upheld):
        raise Conflict(
            "no_open_objection",
            zh="没有待决的异议，或未支持而要求冲减",
            en="No objection is open, or a credit note without upholding it",
            fix_zh="核对账单的异议记录。",
            fix_en="See the charge's objections.",
        )
    made = _say(
        session, charge_id, actor.member_id, said, answers=found.id, upheld=upheld, officer=actor.officer
    )  # fmt: skip
    run = None
    if credit_fen is not None:
        run = service.credit(session, actor=actor, charge_id=charge_id, amount_fen=credit_fen, reason=said[:200])
    return made, run


def _open(session: Session, charge_id: uuid.UUID) -> Objection | None:
    said = queries.objections(session, charge_id)
    answered = {each.answers for each in said}
    return next((each for each in said if each.answers is None and each.id not in answered), None)


def _say(
    session: Session,
    charge_id: uuid.UUID,
    member_id: uuid.UUID,
    said: str,
    *,
    due_on: date | None = None,
    answers: uuid.UUID | None = None,
    upheld: bool | None = None,
    officer: str | None = None,
) -> Objection:
    made = Objection(
        id=ids.new_id(),
        charge_id=charge_id,
        answers=answers,
        upheld=upheld,
        said=said,
        due_on=due_on,
        officer=officer,
        said_by=member_id,
        said_at=clock.now(),
    )
    session.add(made)
    session.flush()
    record = {
        "answers": None if answers is None else str(answers),
        "charge_id": str(charge_id),
        "due_on": None if due_on is None else due_on.isoformat(),
        "said_at": transparency.moment(made.said_at),
        "said_by": str(member_id),
        "upheld": upheld,
        "v": 1,
    }
    transparency.append(session, kind="fund_objection", record=record, leaf_id=made.id, owner=member_id)
    return made
