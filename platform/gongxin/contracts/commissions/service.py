"""The verbs on recoveries and statements. Verbs flush, never commit; what is due and what is settled has its leaf."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.cases import queries as cases
from gongxin.cases.service.projecting import as_registry
from gongxin.errors import Conflict, Forbidden, bad_field
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin_wire.canonical import canonical

from .. import queries as contract_queries
from ..caps import service as caps
from ..fees import pricing
from ..fees.model import AGES, PARTS, FeeModel
from ..models import Contract
from ..service import model_of
from . import levy, queries, rules
from .models import Recovery, RecoveryReversal, Statement, StatementLine

# --- recoveries -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ground:
    """What a recovery is priced by."""

    contract: Contract
    model: FeeModel
    caps: list[int | None]


def _ground(session: Session, contract: Contract) -> Ground:
    if contract.signed_at is None:
        raise Conflict("contract_not_signed", zh="合同未在有效状态", en="The contract is not in force")
    model = model_of(contract_queries.get_content(session, contract.id))
    return Ground(contract, model, _caps(session, contract, clock.now()))


def report(
    session: Session,
    *,
    caller: Caller,
    contract_id: uuid.UUID,
    reference: str,
    received_on: date,
    age: int,
    parts: Mapping[str, int],
    round: int = 1,
    case_id: uuid.UUID | None = None,
    modifiers: Sequence[str] = (),
    stage: str | None = None,
    known: dict[uuid.UUID, Ground] | None = None,
) -> tuple[Recovery, bool]:
    """(the recovery, whether it is new): an agency says what came in. The same reference with another content is
    refused; a dispute or a confirmation is the creditor's. `known`: what this transaction has read already, where it
    reports many."""
    ground = known.get(contract_id) if known else None
    contract = ground.contract if ground else contract_queries.get_contract(session, contract_id)
    if caller.member_id != contract.agency_id:
        raise Forbidden("only_the_agency", zh="由受托机构报告回款", en="The agency reports a recovery")
    ground = ground or _ground(session, contract)
    if known is not None:
        known[contract_id] = ground
    last = contract.ends_on if contract.ended_on is None else min(contract.ends_on, contract.ended_on)
    rules.check_recovery(parts, received_on, contract.begins_on, last, clock.today_in_china())
    if case_id is not None and cases.get_case(session, case_id).creditor_id != contract.creditor_id:
        raise bad_field("/case_id", "该案件属于其他委托方", "The case is another creditor's")
    made = Recovery(
        id=ids.new_id(), contract_id=contract_id, creditor_id=contract.creditor_id, agency_id=contract.agency_id,
        case_id=case_id, reference=reference, received_on=received_on, age=age, round=round,
        modifiers=list(modifiers), stage=stage, state="reported", reported_at=clock.now(),
        **{f"{part}_fen": parts.get(part, 0) for part in PARTS},
    )  # fmt: skip
    before = queries.find_reference(session, contract_id, reference)
    if before is not None:
        return _same(before, made), False
    _price(ground, made, already=0)
    session.add(made)
    session.flush()
    return made, True


def _same(before: Recovery, made: Recovery) -> Recovery:
    names = ("case_id", "received_on", "age", "round", "modifiers", "stage", "parts")
    if any(getattr(before, name) != getattr(made, name) for name in names):
        raise Conflict(
            "reference_taken",
            zh="该编号已用于另一笔回款",
            en="The reference was used for another recovery",
            fix_zh="每笔回款使用自己的编号。",
            fix_en="Give each recovery a reference of its own.",
            pointer="/reference",
        )
    return before


def confirm(
    session: Session, recovery_id: uuid.UUID, *, caller: Caller, bank_line: str | None = None
) -> tuple[Recovery, pricing.Priced]:
    """The creditor says it arrived, by its own word or by a line of its bank; then it is priced, once. Slices go on
    where the case's former recoveries stopped."""
    found = _held(session, recovery_id, caller)
    rules.check_confirm(found.state)
    contract = contract_queries.get_contract(session, found.contract_id)
    ground = _ground(session, contract)
    already = queries.brought_before(session, found.contract_id, found.case_id)
    priced, cap_bp = _price(ground, found, already)
    found.state, found.confirmed_at, found.bank_line = "confirmed", clock.now(), bank_line
    found.already_fen, found.cap_bp, found.base_fen = already, cap_bp, priced.base_fen
    found.fee_fen, found.commission_fen = priced.fee_fen, priced.commission_fen
    session.flush()
    record = {
        "amount_fen": found.amount_fen, "cap_bp": cap_bp, "commission_fen": priced.commission_fen,
        "confirmed_at": transparency.moment(found.confirmed_at), "contract": contract.content_hash.hex(),
        "contract_id": str(contract.id), "recovery_id": str(found.id), "reference": found.reference,
    }  # fmt: skip
    transparency.append(session, kind="recovery", record=record, leaf_id=found.id, owner=found.creditor_id)
    return found, priced


def _price(ground: Ground, found: Recovery, already: int) -> tuple[pricing.Priced, int | None]:
    cap_bp = ground.caps[found.age - 1]
    return _priced(ground.model, found, already, cap_bp), cap_bp


def _priced(model: FeeModel, found: Recovery, already: int, cap_bp: int | None) -> pricing.Priced:
    known = pricing.Recovered(found.age, found.round, found.parts, already, tuple(found.modifiers), found.stage)
    return pricing.price(model, known, cap_bp)


def _caps(session: Session, contract: Contract, known_at: datetime) -> list[int | None]:
    """Binding caps by age as of the signing day, one recorded late included."""
    assert contract.signed_at is not None
    day = contract.signed_at.astimezone(clock.SHANGHAI).date()
    found = caps.snapshot(session, jurisdiction=contract.jurisdiction, day=day, known_at=known_at)
    return [found.cap_of(age) for age in range(1, len(AGES) + 1)]


def explain(session: Session, found: Recovery) -> pricing.Priced | None:
    """The steps again, from what is kept; None for what is not confirmed."""
    if found.already_fen is None:
        return None
    return explained(model_of(contract_queries.get_content(session, found.contract_id)), found)


def explained(model: FeeModel, found: Recovery) -> pricing.Priced | None:
    """The same under a model already read."""
    return None if found.already_fen is None else _priced(model, found, found.already_fen, found.cap_bp)


def dispute(session: Session, recovery_id: uuid.UUID, *, caller: Caller, reason: str) -> Recovery:
    """The creditor says it did not arrive, or not so; it may still confirm later."""
    found = _held(session, recovery_id, caller)
    rules.check_confirm(found.state)
    refuse_pii(reason, "/reason")
    found.state, found.dispute_reason = "disputed", reason
    session.flush()
    return found


def reverse(
    session: Session, recovery_id: uuid.UUID, *, caller: Caller, amount_fen: int, reversed_on: date, reason: str
) -> RecoveryReversal:
    """The debtor's payment was taken back: its share of the commission goes back, never more than was paid."""
    found = _held(session, recovery_id, caller)
    before = queries.reversals(session, recovery_id)
    rules.check_reversal(
        found.state, found.amount_fen, amount_fen, sum(each.amount_fen for each in before), reversed_on,
        found.received_on, clock.today_in_china(),
    )  # fmt: skip
    refuse_pii(reason, "/reason")
    made = RecoveryReversal(
        id=ids.new_id(), recovery_id=recovery_id, amount_fen=amount_fen, reversed_on=reversed_on, reason=reason,
        clawback_fen=pricing.claw_back(
            model_of(contract_queries.get_content(session, found.contract_id)),
            commission_fen=found.commission_fen or 0, amount_fen=found.amount_fen, reversed_fen=amount_fen,
            days=rules.days_between(found.received_on, reversed_on),
            taken_fen=sum(each.clawback_fen for each in before),
        ),
        recorded_at=clock.now(),
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


# --- statements -----------------------------------------------------------------------------------------------------


def make_statement(session: Session, *, caller: Caller, contract_id: uuid.UUID, month: str) -> Statement:
    """What no statement carries yet of what was confirmed, or reversed, by the end of a month."""
    contract = contract_queries.get_contract(session, contract_id, lock=True)
    if caller.member_id != contract.agency_id:
        raise Forbidden("only_the_agency", zh="由受托机构出具对账单", en="The agency makes the statement")
    rules.check_month(month, clock.today_in_china())
    if queries.find_statement(session, contract_id, month) is not None:
        raise Conflict(
            "statement_made",
            zh="该月对账单已出具",
            en="The month's statement is made already",
            fix_zh="其后确认的回款列入下月。",
            fix_en="What is confirmed later goes on the next one.",
        )
    before = datetime.combine(rules.month_ends(month), time(), clock.SHANGHAI)
    found, back = queries.unstated(session, contract_id, before)
    if not found and not back:
        raise Conflict("nothing_to_state", zh="该月没有可列的回款", en="There is nothing to state for the month")
    rows: list[tuple[uuid.UUID, uuid.UUID | None, int]] = [(each.id, None, each.commission_fen or 0) for each in found]
    rows += [(each.recovery_id, each.id, -each.clawback_fen) for each in back]
    made = Statement(
        id=ids.new_id(), contract_id=contract_id, creditor_id=contract.creditor_id, agency_id=contract.agency_id,
        month=month, state="open", total_fen=sum(fen for _, _, fen in rows), made_at=clock.now(),
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.add_all(
        StatementLine(
            statement_id=made.id, position=at, recovery_id=recovery, reversal_id=reversal, amount_fen=fen, state="open"
        )
        for at, (recovery, reversal, fen) in enumerate(rows, 1)
    )
    session.flush()
    return made


def decide(
    session: Session, statement_id: uuid.UUID, *, caller: Caller, lines: Sequence[tuple[int, str, str | None]]
) -> Statement:
    """(position, state, reason) each: the creditor agrees or disputes, the agency drops a disputed line. Once every
    line is decided the agreed sum goes to the fund as the levy's base; a later decision supersedes it."""
    found = queries.get_statement(session, statement_id, lock=True)
    side = "creditor" if caller.member_id == found.creditor_id else "agency"
    known = {line.position: line for line, _ in queries.lines(session, statement_id)}
    for at, (position, state, reason) in enumerate(lines):
        line = known.get(position)
        if line is None:
            raise bad_field(f"/lines/{at}/position", "对账单没有这一行", "The statement has no such line")
        rules.check_line(line.state, state, side)
        if state == "disputed" and reason is None:
            raise bad_field(f"/lines/{at}/reason", "异议须说明理由", "A dispute has its reason")
        refuse_pii(reason or "", f"/lines/{at}/reason")
        line.state, line.reason = state, reason or line.reason
    session.flush()
    _settle(session, caller, found, list(known.values()))
    return found


def _settle(session: Session, caller: Caller, found: Statement, lines: Sequence[StatementLine]) -> None:
    state, agreed = rules.settled((line.state, line.amount_fen) for line in lines)
    if agreed is None:
        return
    leaf = ids.new_id()
    record = {
        "agreed_fen": agreed, "contract_id": str(found.contract_id), "month": found.month,
        "lines": lines_digest(lines), "state": state,
        "statement_id": str(found.id),
    }  # fmt: skip
    transparency.append(session, kind="statement", record=record, leaf_id=leaf, owner=found.agency_id)
    found.state, found.agreed_fen, found.decided_at, found.leaf_id = state, agreed, clock.now(), leaf
    session.flush()
    _tell_the_fund(session, caller, found)


def _tell_the_fund(session: Session, caller: Caller, settled: Statement) -> None:
    """The base of the month, and of the later ones where what it leaves to them has changed."""
    months = queries.decided_statements(session, settled.contract_id)
    for each, (before, base) in zip(months, rules.carried(each.agreed_fen or 0 for each in months), strict=True):
        if each.id != settled.id and each.carried_fen == before:
            continue
        with as_registry(session, caller):
            told = levy.report(session, member_id=each.agency_id, month=each.month, base_fen=base, source_id=each.id)
        each.carried_fen, each.levy_base_id = before, told
        session.flush()


def lines_digest(lines: Iterable[StatementLine]) -> str:
    """SHA-256 in hexadecimal of a statement's lines, as its leaf bears it."""
    return hashlib.sha256(canonical([line_record(line) for line in lines])).hexdigest()


def line_record(line: StatementLine) -> dict[str, Any]:
    """What the leaf of a statement commits to of a line: the recovery's own leaf bears `recovery_id`."""
    return {
        "amount_fen": line.amount_fen, "position": line.position, "recovery_id": str(line.recovery_id),
        "reversal_id": str(line.reversal_id) if line.reversal_id else None, "state": line.state,
    }  # fmt: skip


def chain(session: Session, statement_id: uuid.UUID) -> dict[str, Any]:
    """Contract → recoveries → statement → levy: the leaves that prove it, to be fetched from the log."""
    found = queries.get_statement(session, statement_id)
    contract = contract_queries.get_contract(session, found.contract_id)
    return {
        "contract_id": str(contract.id),
        "content_hash": contract.content_hash.hex(),
        "signature_leaves": [str(each.id) for each in contract_queries.signatures(session, contract.id)],
        "recovery_leaves": sorted({str(line.recovery_id) for line, _ in queries.lines(session, statement_id)}),
        "statement_leaf": str(found.leaf_id) if found.leaf_id else None,
        "levy_leaf": str(found.levy_base_id) if found.levy_base_id else None,
        "agreed_fen": found.agreed_fen,
    }


# --- simulator ------------------------------------------------------------------------------------------------------


def simulate(
    session: Session, *, models: Mapping[str, FeeModel], jurisdiction: str, first: date, last: date
) -> dict[str, Any]:
    """What fee models would have cost on the caller's own confirmed recoveries of some days, and what was due: sums
    only. Each is priced plain and under the caps in force on the last day."""
    found = caps.snapshot(session, jurisdiction=jurisdiction, day=last, known_at=clock.now())
    bound, free = [found.cap_of(age) for age in range(1, len(AGES) + 1)], [None] * len(AGES)
    told: dict[str, Any] = {}
    for name, model in models.items():
        if model.base == "stage_fee":
            raise bad_field(f"/{name}", "按阶段收费不能模拟", "A stage fee cannot be simulated")
        count, base, due = queries.totals(session, model, free, first, last)
        capped = queries.totals(session, model, bound, first, last)[2]
        told[name] = {"recoveries": count, "base_fen": base, "commission_fen": due, "capped_fen": capped}
    count, due = queries.paid(session, first, last)
    return {"paid": {"recoveries": count, "commission_fen": due}, "models": told}


def _held(session: Session, recovery_id: uuid.UUID, caller: Caller) -> Recovery:
    """The creditor's own, locked."""
    if caller.member_id != queries.get_recovery(session, recovery_id).creditor_id:
        raise Forbidden("only_the_creditor", zh="由委托方确认、提出异议或登记撤销", en="The creditor does this")
    return queries.get_recovery(session, recovery_id, lock=True)
