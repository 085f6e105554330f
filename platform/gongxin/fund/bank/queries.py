"""Every SELECT on payees, instructions and what is expected. Row-level security is in force."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import Expected, Instruction, Payee, PayeeDetails


def get_payee(session: Session, payee_id: uuid.UUID) -> Payee:
    """Raises NotFound."""
    found = session.get(Payee, payee_id)
    if found is None:
        raise payee_not_found()
    return found


def payee_not_found() -> NotFound:
    return NotFound("payee_not_found", zh="没有这个收款人", en="There is no such payee")


def find_details(session: Session, payee_id: uuid.UUID) -> PayeeDetails | None:
    return session.get(PayeeDetails, payee_id)


def payees_of_account(session: Session, account_key: bytes) -> Sequence[Payee]:
    """Every payee with this account, oldest first."""
    return session.scalars(select(Payee).where(Payee.account_key == account_key).order_by(Payee.id)).all()


def details_under(session: Session, key_id: str, limit: int) -> Sequence[PayeeDetails]:
    """Details sealed under a master key."""
    return session.scalars(
        select(PayeeDetails).where(PayeeDetails.key_id == key_id).order_by(PayeeDetails.payee_id).limit(limit)
    ).all()


def get_instruction(session: Session, instruction_id: uuid.UUID, *, lock: bool = False) -> Instruction:
    """As it stands now. `lock`: nobody else moves it until the transaction ends. Raises NotFound."""
    wanted = select(Instruction).where(Instruction.id == instruction_id).execution_options(populate_existing=True)
    found = session.scalars(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound("instruction_not_found", zh="没有这笔付款指令", en="There is no such instruction")
    return found


def find_live_instruction(session: Session, purpose: str, source_id: uuid.UUID) -> Instruction | None:
    """The payment that is under way or done for this, if any."""
    return session.scalars(
        select(Instruction)
        .where(
            Instruction.purpose == purpose,
            Instruction.source_id == source_id,
            Instruction.state.not_in(("returned", "cancelled")),
        )
        .execution_options(populate_existing=True)
    ).first()


def instructions(
    session: Session, *, state: str | None = None, after: uuid.UUID | None = None, limit: int
) -> Sequence[Instruction]:
    """In the order they were made, one more than `limit`."""
    wanted = select(Instruction).execution_options(populate_existing=True)
    if state is not None:
        wanted = wanted.where(Instruction.state == state)
    if after is not None:
        wanted = wanted.where(Instruction.id > after)
    return session.scalars(wanted.order_by(Instruction.id).limit(limit + 1)).all()


def instructions_with(session: Session, references: Collection[str]) -> Sequence[Instruction]:
    return session.scalars(
        select(Instruction).where(Instruction.reference.in_(references)).execution_options(populate_existing=True)
    ).all()


def find_expected(session: Session, source_kind: str, source_id: uuid.UUID) -> Expected | None:
    return session.scalars(
        select(Expected)
        .where(Expected.source_kind == source_kind, Expected.source_id == source_id)
        .execution_options(populate_existing=True)
    ).first()


def get_expected(session: Session, expected_id: uuid.UUID, *, lock: bool = False) -> Expected:
    """Raises NotFound."""
    wanted = select(Expected).where(Expected.id == expected_id).execution_options(populate_existing=True)
    found = session.scalars(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound("expected_not_found", zh="没有这笔应收款", en="There is no such expected payment")
    return found


def expected_with(session: Session, references: Collection[str]) -> Sequence[Expected]:
    return session.scalars(
        select(Expected).where(Expected.reference.in_(references)).execution_options(populate_existing=True)
    ).all()
