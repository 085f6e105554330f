"""What the bank says came in: booked under the two approvals of its run."""

import uuid
from datetime import date

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict

from .. import chart, standing
from ..ledger.rules import Actor, Draft, NewLeg
from . import queries, rules
from .models import Charge, Receipt, Run


def receive(session: Session, charge_id: uuid.UUID, *, booked_on: date, amount_fen: int) -> Receipt:
    """Money that the bank says came for a charge: booked under the run's two approvals. The n-th receipt of a charge is
    one entry, whoever repeats it."""
    charge = queries.get_charge(session, charge_id)
    run = queries.get_run(session, charge.run_id)
    if charge.credits is not None or charge.reference is None:
        raise Conflict(
            "not_receivable",
            zh="该账单不收款",
            en="Nothing is received for this charge",
            fix_zh="按已开出账单的编号核对来款。",
            fix_en="Match the money to an issued charge's reference.",
        )
    approvers = [Actor(found.member_id, found.officer) for found in queries.approvals(session, run.id)]
    number = len(queries.receipts(session, charge_id)) + 1
    new = Draft(
        f"receipt:{charge_id}:{number}",
        booked_on,
        f"收到款项 received {run.kind}",
        tuple(_legs(run, charge, amount_fen)),
        reference=charge.reference,
    )
    entry = standing.book(session, maker=Actor(run.maker_member, run.maker_officer), approvers=approvers, new=new)
    receipt = Receipt(
        id=ids.new_id(),
        charge_id=charge_id,
        entry_id=entry.id,
        booked_on=booked_on,
        amount_fen=amount_fen,
        at=clock.now(),
    )
    with standing.acting(session):
        session.add(receipt)
    return receipt


def settled(
    session: Session, *, source_id: uuid.UUID, outcome: str, booked_on: date, amount_fen: int, reason: str | None
) -> None:
    """What the bank's line did for a charge (`bank.outcomes`). What went back is reversed in the books by hand."""
    if outcome == "confirmed":
        receive(session, source_id, booked_on=booked_on, amount_fen=amount_fen)


def _legs(run: Run, charge: Charge, amount_fen: int) -> list[NewLeg]:
    if run.kind == "levy":
        parts = rules.split(amount_fen)
        return [
            leg
            for fund, part in parts.items()
            for leg in (
                NewLeg(chart.code("bank", fund), fund, "debit", part),
                NewLeg(chart.code("levy", fund), fund, "credit", part),
            )
        ]
    assert charge.fund is not None
    fund, purpose = charge.fund, charge.restriction
    return [
        NewLeg(chart.code("bank", fund, purpose), fund, "debit", amount_fen),
        NewLeg(chart.code(run.kind, fund, purpose), fund, "credit", amount_fen),
    ]
