"""What was paid too much goes back: first a posted entry says what is owed, then the bank is instructed.

Two officers approve the entry, as any other: it moves what came in error, or what a credit note has taken from a charge
that was paid already, to what is owed (`owed` of the chart). The instruction pays exactly that, once; as the bank
confirms it, it is booked under those same two approvals."""

import uuid
from datetime import date

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import Conflict

from .. import chart, standing
from ..bank import outcomes
from ..bank import queries_statements as banking
from ..ledger import queries as books
from ..ledger import service as ledger
from ..ledger.models import Entry
from ..ledger.rules import Actor, Draft, NewLeg
from . import queries, rules

_OPPOSITE = {"debit": "credit", "credit": "debit"}


def owe(session: Session, charge_id: uuid.UUID, *, actor: Actor) -> tuple[Entry, int]:
    """Drafts and submits the entry that owes back what was received for a charge beyond what is left of it after credit
    notes, and how much. Asked again while nothing more is overpaid, it is the same. Raises Conflict where none is."""
    charge = queries.get_charge(session, charge_id)
    run = queries.get_run(session, charge.run_id)
    overpaid = charge.received_fen - (charge.amount_fen - charge.credited_fen)
    if charge.credits is not None or overpaid <= 0:
        raise Conflict(
            "not_overpaid",
            zh="该账单没有多收",
            en="No more was received for it than it is",
            fix_zh="多收的款项先以贷项冲减账单；银行流水多出的部分以分录记入应退款。",
            fix_en="Credit the charge first; what a bank line brings beyond it goes to what is owed by an entry.",
        )
    drafted = queries.entries_begun(session, f"owed:{charge_id}:")
    live = [row for row in drafted if row.state not in ("rejected", "withdrawn", "expired")]
    left = overpaid - sum(row.amount_fen for row in live)
    if left <= 0:
        return books.get_entry(session, live[-1].id), live[-1].amount_fen
    legs = [
        leg
        for role_fund, purpose, part in _parts(run.kind, charge.fund, charge.restriction, left)
        for leg in (
            NewLeg(chart.code(run.kind, role_fund, purpose), role_fund, "debit", part),
            NewLeg(chart.code("owed", role_fund, purpose), role_fund, "credit", part),
        )
    ]
    new = Draft(
        f"owed:{charge_id}:{len(drafted) + 1}",
        clock.today_in_china(),
        f"应退款 to be returned {run.kind}",
        tuple(legs),
        reference=charge.reference,
    )
    entry, _ = ledger.draft(session, actor=actor, new=new, submit=True)
    return entry, left


def settled(
    session: Session, *, source_id: uuid.UUID, outcome: str, booked_on: date, amount_fen: int, reason: str | None
) -> None:
    """What the bank's line did for a refund (`bank.outcomes`): what was owed is owed no more, or is again."""
    with standing.acting(session):
        source = books.get_entry(session, source_id)
        approvers = [
            Actor(found.member_id, found.officer)
            for found in books.approvals(session, [source_id])
            if found.content_hash == source.content_hash
        ]
        begun = {each: queries.entries_begun(session, f"refund-{each}:{source_id}:") for each in outcomes.OUTCOMES}
        if outcome == "returned" and len(begun["returned"]) == len(begun["confirmed"]):
            return  # it never left the books
        money = banking.books_paid_from(session, "refund", source_id)
        owed_on = {(leg.fund, account.restriction) for leg, account in books.legs(session, [source_id])}
        if not owed_on <= money.keys():
            raise _another_bank_account()
        legs = []
        for held, account in books.legs(session, [source_id]):
            if account.type == "liability":
                there, back = held.side, _OPPOSITE[held.side]
                owed, bank = (back, there) if outcome == "confirmed" else (there, back)
                of_bank = money[held.fund, account.restriction]
                legs += [
                    NewLeg(account.code, held.fund, owed, held.amount_fen),
                    NewLeg(of_bank, held.fund, bank, held.amount_fen),
                ]
        new = Draft(
            f"refund-{outcome}:{source_id}:{len(begun[outcome]) + 1}",
            booked_on,
            "退款 paid back" if outcome == "confirmed" else "银行退回 returned by the bank",
            tuple(legs),
            reference=source.reference,
        )
    standing.book(session, maker=Actor(source.maker_member, source.maker_officer), approvers=approvers, new=new)


def _another_bank_account() -> Conflict:
    return Conflict(
        "refund_of_another_account",
        zh="应退款的资金不都在付款的银行账户",
        en="Not all that is owed lies on the bank account that paid it",
        fix_zh="为该银行账户增加对应科目，再核销。",
        fix_en="Add the accounts of the books to that bank account, then settle the line.",
    )


def _parts(kind: str, fund: str | None, restriction: str | None, amount_fen: int) -> list[tuple[str, str | None, int]]:
    """Fund, purpose and part: a levy comes back of the three funds it was split over."""
    if kind == "levy":
        return [(name, None, part) for name, part in rules.split(amount_fen).items() if part]
    assert fund is not None
    return [(fund, restriction, amount_fen)]
