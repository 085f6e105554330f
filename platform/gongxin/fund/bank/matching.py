"""Lines of the bank and what they settle: found by reference, by amount and day; taken by a person, or by itself where
reference and amount both say the same."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, bad_field

from ..ledger.rules import Actor, check_fen
from . import outcomes, queries
from . import queries_statements as found
from .models_statements import BankAccount, BankLine, Match

TARGETS = ("instruction", "expected", "entry")
CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"
_NEAR_DAYS = 5
MOST = 1000


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`why`: reference, amount, date: what agrees. Certain: reference and amount both do."""

    line_id: uuid.UUID
    target: str
    target_id: uuid.UUID
    amount_fen: int
    confidence: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a line, and what it is to settle."""

    target: str
    target_id: uuid.UUID
    amount_fen: int


def suggestions(session: Session, account: BankAccount, *, limit: int = MOST) -> list[Suggestion]:
    """For each line that is not settled, the best first."""
    return _suggest(session, account, found.lines(session, account.id, unmatched=True, limit=limit)[:limit])


def match_certain(session: Session, *, actor: Actor, bank_account: str) -> list[Match]:
    """Settles every line whose reference and amount name one thing."""
    account = found.get_bank_account(session, bank_account)
    made: list[Match] = []
    lines = found.lines(session, account.id, unmatched=True, limit=MOST)[:MOST]
    certain = {each.line_id: each for each in _suggest(session, account, lines) if each.confidence == CERTAIN}
    paid: set[uuid.UUID] = set()
    for line in lines:
        best = certain.get(line.id)
        if best is None:
            continue
        if best.target == "instruction" and best.target_id not in paid:
            paid.add(best.target_id)
            made += match(session, line.id, actor=actor, parts=[Part(best.target, best.target_id, best.amount_fen)])
        elif best.target == "expected" and _still_open(session, best):
            made += match(session, line.id, actor=actor, parts=[Part(best.target, best.target_id, best.amount_fen)])
    return made


def _still_open(session: Session, best: Suggestion) -> bool:
    """Whether lines settled before this one have left so much of it."""
    awaited = queries.get_expected(session, best.target_id)
    return awaited.state == "open" and awaited.amount_fen - awaited.received_fen >= best.amount_fen


def match(session: Session, line_id: uuid.UUID, *, actor: Actor, parts: Sequence[Part]) -> list[Match]:
    """Settles parts of a line: one line may pay many things, and many lines one. Whoever asked for a payment or waits
    for one is told. What differs (fees, interest, a payer's mistake) is settled by a posted entry and no other way."""
    line = found.get_line(session, line_id)
    account = found.bank_account_of(session, line.bank_account_id)
    if not parts:
        raise bad_field("/parts", "至少一项", "There is at least one part")
    made = [_settle(session, line, account, actor, part, at) for at, part in enumerate(parts)]
    session.expire(line)
    return made


def _settle(session: Session, line: BankLine, account: BankAccount, actor: Actor, part: Part, at: int) -> Match:
    if part.target not in TARGETS:
        raise bad_field(f"/parts/{at}/target", f"应为 {'、'.join(TARGETS)}", f"It is one of {', '.join(TARGETS)}")
    check_fen(part.amount_fen, f"/parts/{at}/amount_fen")
    open_fen = abs(line.amount_fen) - found.get_line(session, line.id).matched_fen
    if part.amount_fen > open_fen:
        raise Conflict(
            "line_settled",
            zh="超过该流水的未核销金额",
            en="It is more than the line has left",
            fix_zh="核对各项金额；同一流水不得重复核销。",
            fix_en="Check the amounts; a line settles what it moved, once.",
            pointer=f"/parts/{at}/amount_fen",
            extra={"open_fen": open_fen},
        )
    outcome = "returned" if part.target == "instruction" and line.amount_fen > 0 else "confirmed"
    made = Match(
        id=ids.new_id(),
        line_id=line.id,
        target=part.target,
        target_id=part.target_id,
        amount_fen=part.amount_fen,
        outcome=outcome,
        member_id=actor.member_id,
        officer=actor.officer,
        matched_at=clock.now(),
    )
    session.add(made)
    session.flush()
    if part.target == "instruction":
        paid = queries.get_instruction(session, part.target_id)
        kind, source_id = paid.purpose, paid.source_id
    elif part.target == "expected":
        awaited = queries.get_expected(session, part.target_id)
        kind, source_id = awaited.source_kind, awaited.source_id
    else:
        return made
    outcomes.tell(
        session, kind, source_id=source_id, outcome=outcome, booked_on=found.day_to_book(session, line),
        amount_fen=part.amount_fen, reason="银行退汇 returned by the bank" if outcome == "returned" else None,
    )  # fmt: skip
    return made


def _suggest(session: Session, account: BankAccount, lines: Sequence[BankLine]) -> list[Suggestion]:
    open_fen = {line.id: abs(line.amount_fen) - line.matched_fen for line in lines}
    references = {line.reference for line in lines if line.reference is not None}
    paid = {each.reference: each for each in queries.instructions_with(session, references)}
    awaited = {each.reference: each for each in queries.expected_with(session, references)}
    amounts = set(open_fen.values())
    sent = found.sent_of_amount(session, account.id, amounts)
    waiting = found.expected_of_amount(session, amounts)
    booked = found.entries_of_amount(session, account, amounts | {-amount for amount in amounts})
    made: list[Suggestion] = []
    for line in lines:
        left, taken = open_fen[line.id], set[uuid.UUID]()
        named = paid.get(line.reference or "")
        expected = awaited.get(line.reference or "")
        if named is not None and named.state == ("sent" if line.amount_fen < 0 else named.state):
            agrees = named.amount_fen == left and (line.amount_fen < 0 or named.state in ("sent", "confirmed"))
            made.append(_one(line, "instruction", named.id, min(left, named.amount_fen), True, agrees, None))
            taken.add(named.id)
        if expected is not None and expected.state == "open" and line.amount_fen > 0:
            part = min(left, expected.amount_fen - expected.received_fen)
            agrees = part == left  # a payment in parts is as certain as one in full
            made.append(_one(line, "expected", expected.id, part, True, agrees, expected.due_on))
            taken.add(expected.id)
        if taken:
            continue
        if line.amount_fen < 0:
            made += [
                _one(line, "instruction", each.id, left, False, True, None) for each in sent if each.amount_fen == left
            ]
        else:
            made += [
                _one(line, "expected", each.id, left, False, True, each.due_on)
                for each in waiting
                if each.amount_fen - each.received_fen == left
            ]
        signed = left if line.amount_fen > 0 else -left
        made += [
            _one(line, "entry", row.id, left, False, True, row.booked_on) for row in booked if row.amount_fen == signed
        ]
    order = {CERTAIN: 0, LIKELY: 1, POSSIBLE: 2}
    return sorted(made, key=lambda each: (each.line_id, order[each.confidence], each.target, each.target_id))


def _one(
    line: BankLine, target: str, target_id: uuid.UUID, amount_fen: int, reference: bool, amount: bool, day: date | None
) -> Suggestion:
    near = day is not None and abs((line.booked_on - day).days) <= _NEAR_DAYS
    why = tuple(word for word, agrees in (("reference", reference), ("amount", amount), ("date", near)) if agrees)
    confidence = CERTAIN if reference and amount else LIKELY if reference or near else POSSIBLE
    return Suggestion(line.id, target, target_id, amount_fen, confidence, why)
