"""The verbs on payees, instructions and what is expected. Verbs flush, never commit."""

import secrets
import uuid
from datetime import date

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict, bad_field
from gongxin.pii import refuse_pii

from ..ledger import queries as ledger
from ..ledger.rules import FUNDS, Actor, check_choice, check_code, check_fen, check_words
from . import payees, queries, rules
from .models import Expected, Instruction, Payee


def register_payee(
    session: Session, config: Config, *, actor: Actor, holder: str, account: str, bank_code: str, bank_name: str
) -> Payee:
    """A payee of these details, sealed; the same details give the same payee. Never changed: another account is
    another payee. `account_key` of two payees is equal where their accounts are."""
    return payees.register(
        session, config, actor=actor, holder=holder, account=account, bank_code=bank_code, bank_name=bank_name
    )


def account_key(config: Config, account: str) -> bytes:
    """To compare an account with those of payees without keeping it."""
    return rules.account_key(config.pepper, account)


def new_reference() -> str:
    """A reference for whoever is to pay, with its check character."""
    return rules.draw_reference(secrets.randbelow)


def instruct(
    session: Session,
    *,
    purpose: str,
    source_id: uuid.UUID,
    fund: str,
    amount_fen: int,
    payee_id: uuid.UUID,
    hold_id: uuid.UUID | None,
    maker: Actor,
) -> Instruction:
    """One payment for one source: asked again the same, it is the same instruction. Raises Conflict where another
    payment for it is under way or done, and Invalid where the hold does not cover it."""
    check_choice(purpose, rules.PURPOSES, "/purpose")
    check_choice(fund, FUNDS, "/fund")
    check_fen(amount_fen, "/amount_fen")
    queries.get_payee(session, payee_id)
    known = queries.find_live_instruction(session, purpose, source_id)
    if known is not None:
        if rules.same_request(known, fund=fund, amount_fen=amount_fen, payee_id=payee_id, hold_id=hold_id):
            return known
        raise _paid_already()
    if hold_id is not None:
        held = ledger.get_hold(session, hold_id)
        if held.state != "held" or held.amount_fen != amount_fen:
            raise bad_field("/hold_id", "冻结须有效且金额相同", "The hold is in force and of the same amount")
    now = clock.now()
    found = Instruction(
        id=ids.new_id(),
        reference=new_reference(),
        purpose=purpose,
        source_id=source_id,
        fund=fund,
        amount_fen=amount_fen,
        payee_id=payee_id,
        hold_id=hold_id,
        state="instructed",
        maker_member=maker.member_id,
        maker_officer=maker.officer,
        instructed_at=now,
        changed_at=now,
    )
    session.add(found)
    session.flush()
    return found


def cancel(session: Session, instruction_id: uuid.UUID, *, reason: str) -> Instruction:
    """Ends an instruction that no file bears yet. Raises Conflict afterwards: the bank may have paid."""
    check_words(reason, 200, "/reason")
    refuse_pii(reason, "/reason")
    found = queries.get_instruction(session, instruction_id, lock=True)
    rules.check_step(found.state, "cancelled")
    found.state, found.reason, found.changed_at = "cancelled", reason, clock.now()
    session.flush()
    return found


def expect(
    session: Session,
    *,
    source_kind: str,
    source_id: uuid.UUID,
    reference: str,
    amount_fen: int,
    due_on: date,
    payer_id: uuid.UUID | None,
) -> Expected:
    """A payment to wait for; asked again the same, it is the same. Raises Conflict where it was asked otherwise."""
    check_code(source_kind, rules.KIND_PATTERN, "/source_kind")
    rules.check_reference(reference)
    check_fen(amount_fen, "/amount_fen")
    known = queries.find_expected(session, source_kind, source_id)
    if known is not None:
        if (known.reference, known.amount_fen, known.payer_id) == (reference, amount_fen, payer_id):
            return known
        raise _expected_already()
    if queries.expected_with(session, [reference]):
        raise _expected_already()
    now = clock.now()
    found = Expected(
        id=ids.new_id(),
        source_kind=source_kind,
        source_id=source_id,
        reference=reference,
        amount_fen=amount_fen,
        received_fen=0,
        due_on=due_on,
        payer_id=payer_id,
        state="open",
        made_at=now,
        changed_at=now,
    )
    session.add(found)
    session.flush()
    return found


def withdraw_expected(session: Session, expected_id: uuid.UUID) -> Expected:
    """Nothing is waited for any more. Raises Conflict where it has been met."""
    found = queries.get_expected(session, expected_id, lock=True)
    if found.state != "open" or found.received_fen:
        raise Conflict(
            "already_received",
            zh="该款项已收到或已撤销",
            en="It has been received or withdrawn",
            fix_zh="已收款项以退款指令退回。",
            fix_en="What was received goes back by a refund.",
        )
    found.state, found.changed_at = "withdrawn", clock.now()
    session.flush()
    return found


def _paid_already() -> Conflict:
    return Conflict(
        "payment_under_way",
        zh="该事项已有付款指令",
        en="A payment for this is under way or done",
        fix_zh="一事一付；须更改时先撤销未出盘的指令。",
        fix_en="One source is paid once; cancel an instruction that no file bears to change it.",
        pointer="/source_id",
    )


def _expected_already() -> Conflict:
    return Conflict(
        "expected_already",
        zh="该事项或附言号已登记应收款",
        en="This source or reference is expected already, otherwise",
        fix_zh="使用新的附言号，或先撤销原应收款。",
        fix_en="Use a new reference, or withdraw the one before.",
        pointer="/reference",
    )
