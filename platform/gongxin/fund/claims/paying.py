"""Claims from their approval to the bank's word: held, instructed, paid; returned; and the stop flags of relief."""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy.orm import Session

from gongxin import calendar, clock
from gongxin.cases import service as cases
from gongxin.cases.service.asserting import Assertion
from gongxin.web.caller import Caller

from .. import chart, standing
from ..bank import service as bank
from ..ledger import queries as books
from ..ledger import service as ledger
from ..ledger.rules import Actor, Draft, NewLeg
from . import queries, rules, service
from .models import Claim, ClaimFlag

PORTION = 200


def pay(session: Session, claim_id: uuid.UUID, *, actor: Actor) -> Claim:
    """Holds what was granted and instructs the bank, in one transaction. From here on relief is under way: the person's
    open cases bear `hardship_plan`."""
    claim = queries.get_claim(session, claim_id, lock=True)
    rules.check_step(claim.state, "held")
    assert claim.granted_fen is not None
    account = chart.code("bank", claim.fund, claim.restriction)
    held = ledger.hold(session, actor=actor, account=account, amount_fen=claim.granted_fen, reason=claim.number)
    claim.hold_id, claim.held_on = held.id, clock.today_in_china()
    claim = service.move(session, claim, "held", actor)
    bank.instruct(
        session,
        purpose=claim.fund.lower(),
        source_id=claim.id,
        fund=claim.fund,
        amount_fen=claim.granted_fen or 0,
        payee_id=claim.payee_id,
        hold_id=held.id,
        maker=actor,
    )
    claim = service.move(session, claim, "instructed", actor)
    if claim.fund == "RELIEF":
        _set_flags(session, claim, actor)
    return claim


def give_back(session: Session, claim_id: uuid.UUID, *, actor: Actor, reason: str) -> Claim:
    """Returned by the association before the bank is instructed, with its reason and the day to appeal by."""
    service.check_reason(reason)
    claim = queries.get_claim(session, claim_id, lock=True)
    if claim.state in ("held", "instructed", "paid"):
        raise service.not_now(claim.state)
    rules.check_step(claim.state, "returned")
    return _returned(session, claim, actor, reason)


def settled(
    session: Session, *, source_id: uuid.UUID, outcome: str, booked_on: date, amount_fen: int, reason: str | None
) -> None:
    """What the bank's line did for a claim (`bank.outcomes`): booked under the claim's two approvals, or returned."""
    with standing.acting(session):
        claim = queries.get_claim(session, source_id, lock=True)
        assert claim.assessor_member is not None
        assert claim.assessor_officer is not None
        maker = Actor(claim.assessor_member, claim.assessor_officer)
        if outcome == "confirmed":
            claim.entry_id = _book(session, claim, maker, booked_on, amount_fen)
            service.move(session, claim, "paid", maker)
            return
        if claim.state == "paid":
            _reverse(session, claim, maker, booked_on)
        elif claim.hold_id is not None and books.get_hold(session, claim.hold_id).state == "held":
            ledger.release(session, claim.hold_id)
        _returned(session, claim, maker, f"银行退回 returned by the bank: {reason or '—'}"[: rules.MAX_REASON])
        _lift(session, queries.flags(session, claim.id))


def _book(session: Session, claim: Claim, maker: Actor, booked_on: date, amount_fen: int) -> uuid.UUID:
    bank_account = chart.code("bank", claim.fund, claim.restriction)
    paid_from = chart.code("paid", claim.fund, claim.restriction)
    new = Draft(
        f"claim:{claim.id}:{claim.version}",
        booked_on,
        f"支付 paid {claim.fund} {claim.cause}",
        (
            NewLeg(paid_from, claim.fund, "debit", amount_fen),
            NewLeg(bank_account, claim.fund, "credit", amount_fen),
        ),
        reference=claim.number,
        hold_id=claim.hold_id,
    )
    return standing.book(session, maker=maker, approvers=_approvers(session, claim), new=new).id


def _reverse(session: Session, claim: Claim, maker: Actor, booked_on: date) -> None:
    assert claim.entry_id is not None
    entry, _ = ledger.reverse(
        session,
        claim.entry_id,
        actor=maker,
        key=f"claim-returned:{claim.id}:{claim.version}",
        booked_on=booked_on,
        description="银行退回 returned by the bank",
    )
    assert entry.content_hash is not None
    approvers = _approvers(session, claim)
    for approver in approvers:
        ledger.approve(session, entry.id, actor=approver, content_hash=entry.content_hash)
    ledger.post(session, entry.id, actor=approvers[0])


def _approvers(session: Session, claim: Claim) -> list[Actor]:
    found = queries.approvals(session, claim.id)
    return [Actor(each.member_id, each.officer) for each in found if each.content_hash == claim.content_hash]


def _returned(session: Session, claim: Claim, actor: Actor, reason: str) -> Claim:
    days = rules.pack()["clocks"]["appeal"]["working_days"]
    claim.returned_officer = actor.officer
    claim.appeal_by = calendar.china().add(clock.today_in_china(), days)
    return service.move(session, claim, "returned", actor, reason)


# --- stop flags -------------------------------------------------------------------------------------------------------


def _set_flags(session: Session, claim: Claim, actor: Actor) -> None:
    """The association's word as registrar on each open case of the person."""
    assert claim.held_on is not None
    until = claim.held_on + timedelta(days=claim.term_days)
    said = Assertion("person", "hardship", clock.today_in_china(), basis=claim.number)
    caller = Caller(actor.member_id, "association", actor.client_id)
    with standing.acting(session):
        open_cases = queries.open_cases(session, claim.id)
    for case_id in open_cases:
        told = cases.assert_event(session, caller=caller, case_id=case_id, said=said)
        event_id = uuid.UUID(str(told["event_id"]))
        session.add(ClaimFlag(event_id=event_id, claim_id=claim.id, member_id=actor.member_id, until=until))
    session.flush()


def lift_flags(session: Session, today: date) -> int:
    """A job, as the registry: relief whose term is over stops nobody any more. Can run twice."""
    found = queries.flags_over(session, today, PORTION)
    _lift(session, found)
    return len(found)


def _lift(session: Session, flags: Sequence[ClaimFlag]) -> None:
    now = clock.now()
    for flag in flags:
        caller = Caller(flag.member_id, "association")
        with standing.acting(session, flag.member_id, "association"):
            cases.withdraw_event(session, caller=caller, event_id=flag.event_id, reason="救助期满或终止 relief ended")
        flag.lifted_at = now
    session.flush()
