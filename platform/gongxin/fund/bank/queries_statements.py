"""Every SELECT on bank accounts, files of payments, statements, lines, matches and days."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from ..ledger.models import Account, Entry
from .models import Expected, Instruction
from .models_statements import BankAccount, BankBook, BankLine, Day, Match, PaymentFile, PaymentItem, Statement

_BOOKS = "(select k.ledger_account_id from fund_bank_books k where k.bank_account_id = :account)"
_UNMATCHED = BankLine.matched_fen != func.abs(BankLine.amount_fen)


def bank_accounts(session: Session) -> Sequence[BankAccount]:
    return session.scalars(select(BankAccount).order_by(BankAccount.code)).all()


def books(session: Session, account_ids: Collection[uuid.UUID]) -> Sequence[Row[uuid.UUID, str, str]]:
    """(bank account, code and fund of an account of the books that is its money), by code."""
    return session.execute(
        select(BankBook.bank_account_id, Account.code, Account.fund)
        .join(Account, Account.id == BankBook.ledger_account_id)
        .where(BankBook.bank_account_id.in_(list(account_ids)))
        .order_by(Account.code)
    ).all()


def books_paid_from(session: Session, purpose: str, source_id: uuid.UUID) -> dict[tuple[str, str | None], str]:
    """Codes, by fund and restriction, of the accounts of the books whose money paid for this: of the bank account that
    its last file is of."""
    account_id = (
        select(PaymentFile.bank_account_id)
        .join(PaymentItem, PaymentItem.file_id == PaymentFile.id)
        .join(Instruction, Instruction.id == PaymentItem.instruction_id)
        .where(Instruction.purpose == purpose, Instruction.source_id == source_id, PaymentFile.state == "sent")
        .order_by(PaymentFile.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Account.fund, Account.restriction, Account.code)
        .join(BankBook, BankBook.ledger_account_id == Account.id)
        .where(BankBook.bank_account_id == account_id)
        .order_by(Account.code.desc())
    )
    return {(fund, restriction): code for fund, restriction, code in rows}


def get_bank_account(session: Session, code: str) -> BankAccount:
    """Raises NotFound."""
    found = session.scalars(select(BankAccount).where(BankAccount.code == code)).first()
    if found is None:
        raise NotFound("bank_account_not_found", zh="没有这个银行账户", en="There is no such bank account")
    return found


def bank_account_of(session: Session, account_id: uuid.UUID) -> BankAccount:
    return session.scalars(select(BankAccount).where(BankAccount.id == account_id)).one()


def accounts_under(session: Session, key_id: str, limit: int) -> Sequence[BankAccount]:
    """Bank accounts sealed under a master key."""
    return session.scalars(select(BankAccount).where(BankAccount.key_id == key_id).limit(limit)).all()


def lines_under(session: Session, key_id: str, limit: int) -> Sequence[BankLine]:
    """Lines sealed under a master key."""
    return session.scalars(select(BankLine).where(BankLine.key_id == key_id).limit(limit)).all()


_PAID_FROM = text("fund_instruction_of(fund_instructions, :bank_account)")


def paid_from(session: Session, account_id: uuid.UUID, instruction_ids: Collection[uuid.UUID]) -> Sequence[uuid.UUID]:
    """Which of these payments go out of a bank account, as the database has it."""
    wanted = select(Instruction.id).where(Instruction.id.in_(list(instruction_ids)), _PAID_FROM)
    return session.scalars(wanted, {"bank_account": account_id}).all()


def waiting_instructions(session: Session, account_id: uuid.UUID, limit: int) -> Sequence[Instruction]:
    """What is to be paid from a bank account and stands in no file, oldest first, locked."""
    return session.scalars(
        select(Instruction)
        .where(_PAID_FROM, Instruction.state == "instructed")
        .order_by(Instruction.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True),
        {"bank_account": account_id},
    ).all()


def get_file(session: Session, file_id: uuid.UUID, *, lock: bool = False) -> PaymentFile:
    """Raises NotFound."""
    wanted = select(PaymentFile).where(PaymentFile.id == file_id).execution_options(populate_existing=True)
    found = session.scalars(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound("payment_file_not_found", zh="没有这个付款文件", en="There is no such payment file")
    return found


def files(
    session: Session, *, state: str | None = None, after: uuid.UUID | None = None, limit: int
) -> Sequence[PaymentFile]:
    """In the order they were made, one more than `limit`."""
    wanted = select(PaymentFile).execution_options(populate_existing=True)
    if state is not None:
        wanted = wanted.where(PaymentFile.state == state)
    if after is not None:
        wanted = wanted.where(PaymentFile.id > after)
    return session.scalars(wanted.order_by(PaymentFile.id).limit(limit + 1)).all()


def file_instructions(session: Session, file_id: uuid.UUID) -> Sequence[Instruction]:
    """In their order of the file."""
    return session.scalars(
        select(Instruction)
        .join(PaymentItem, PaymentItem.instruction_id == Instruction.id)
        .where(PaymentItem.file_id == file_id)
        .order_by(PaymentItem.position)
        .execution_options(populate_existing=True)
    ).all()


def statement_days(
    session: Session, account_id: uuid.UUID, *, before: date | None = None, limit: int
) -> Sequence[Row[Statement, Day | None]]:
    """(statement, its day where that is reconciled), the latest first, one more than `limit`."""
    wanted = (
        select(Statement, Day)
        .outerjoin(Day, (Day.bank_account_id == Statement.bank_account_id) & (Day.day == Statement.day))
        .where(Statement.bank_account_id == account_id)
        .order_by(Statement.day.desc())
        .limit(limit + 1)
    )
    if before is not None:
        wanted = wanted.where(Statement.day < before)
    return session.execute(wanted).all()


def lines_of(session: Session, statement_id: uuid.UUID) -> Sequence[BankLine]:
    """The lines of a statement, in its order."""
    return session.scalars(
        select(BankLine)
        .where(BankLine.statement_id == statement_id)
        .order_by(BankLine.position)
        .execution_options(populate_existing=True)
    ).all()


def find_statement_of(session: Session, account_id: uuid.UUID, sha256: bytes) -> Statement | None:
    return session.scalars(
        select(Statement).where(Statement.bank_account_id == account_id, Statement.sha256 == sha256)
    ).first()


def find_last_statement(session: Session, account_id: uuid.UUID) -> Statement | None:
    return session.scalars(
        select(Statement).where(Statement.bank_account_id == account_id).order_by(Statement.day.desc()).limit(1)
    ).first()


def get_statement(session: Session, account_id: uuid.UUID, day: date) -> Statement:
    """Raises NotFound."""
    found = session.scalars(
        select(Statement).where(Statement.bank_account_id == account_id, Statement.day == day)
    ).first()
    if found is None:
        raise NotFound("statement_not_found", zh="该日没有对账单", en="There is no statement of this day")
    return found


def known_lines(session: Session, account_id: uuid.UUID, bank_refs: Collection[str]) -> set[str]:
    """Which of the bank's references are there already."""
    return set(
        session.scalars(
            select(BankLine.bank_ref).where(
                BankLine.bank_account_id == account_id, BankLine.bank_ref.in_(list(bank_refs))
            )
        )
    )


def lines(
    session: Session,
    account_id: uuid.UUID,
    *,
    unmatched: bool = False,
    until: date | None = None,
    after: uuid.UUID | None = None,
    limit: int,
) -> Sequence[BankLine]:
    """In the order they came, one more than `limit`."""
    wanted = select(BankLine).where(BankLine.bank_account_id == account_id).execution_options(populate_existing=True)
    if unmatched:
        wanted = wanted.where(_UNMATCHED)
    if until is not None:
        wanted = wanted.join(Statement, Statement.id == BankLine.statement_id).where(Statement.day <= until)
    if after is not None:
        wanted = wanted.where(BankLine.id > after)
    return session.scalars(wanted.order_by(BankLine.id).limit(limit + 1)).all()


def get_line(session: Session, line_id: uuid.UUID, *, lock: bool = False) -> BankLine:
    """Raises NotFound."""
    wanted = select(BankLine).where(BankLine.id == line_id).execution_options(populate_existing=True)
    found = session.scalars(wanted).first()
    if found is None:
        raise NotFound("bank_line_not_found", zh="没有这条银行流水", en="There is no such line of the bank")
    return found


def matches(session: Session, line_ids: Collection[uuid.UUID]) -> Sequence[Match]:
    return session.scalars(select(Match).where(Match.line_id.in_(list(line_ids))).order_by(Match.id)).all()


def sent_of_amount(session: Session, account_id: uuid.UUID, amounts: Collection[int]) -> Sequence[Instruction]:
    """Payments of this account that the bank has not settled, of these amounts."""
    return session.scalars(
        select(Instruction)
        .join(PaymentItem, PaymentItem.instruction_id == Instruction.id)
        .join(PaymentFile, PaymentFile.id == PaymentItem.file_id)
        .where(
            PaymentFile.bank_account_id == account_id,
            PaymentFile.state == "sent",
            Instruction.state == "sent",
            Instruction.amount_fen.in_(list(amounts)),
        )
        .order_by(Instruction.id)
        .limit(1000)
    ).all()


def expected_of_amount(session: Session, amounts: Collection[int]) -> Sequence[Expected]:
    return session.scalars(
        select(Expected)
        .where(Expected.state == "open", (Expected.amount_fen - Expected.received_fen).in_(list(amounts)))
        .order_by(Expected.due_on, Expected.id)
        .limit(1000)
    ).all()


def unmatched_entries(session: Session, account: BankAccount, until: date) -> Sequence[Row[Any]]:
    """Posted entries on the account up to a day that no line of the bank bears yet: id, key, day, words, amount.

    What income and payments book by themselves is settled with their lines; what stands here is either under way at the
    bank or missing there."""
    return session.execute(
        text(
            "select e.id, e.key, e.booked_on, e.description, e.reference, sum(p.amount_fen)::bigint as amount_fen"
            " from fund_postings p join fund_entries e on e.id = p.entry_id"
            f" where p.account_id in {_BOOKS} and e.booked_on <= :until and e.booked_on >= :since"
            " and not exists (select from fund_matches m where m.target = 'entry' and m.target_id = e.id)"
            " group by e.id having sum(p.amount_fen) <> 0 order by e.booked_on, e.id limit 1000"
        ),
        {"account": account.id, "until": until, "since": account.opened_on},
    ).all()


def entries_of_amount(session: Session, account: BankAccount, amounts: Collection[int]) -> Sequence[Row[Any]]:
    """Posted entries on the account that move so much and that no line bears yet."""
    return session.execute(
        text(
            "select e.id, e.booked_on, e.reference, sum(p.amount_fen)::bigint as amount_fen"
            " from fund_postings p join fund_entries e on e.id = p.entry_id"
            f" where p.account_id in {_BOOKS}"
            " and not exists (select from fund_matches m where m.target = 'entry' and m.target_id = e.id)"
            " group by e.id having sum(p.amount_fen) = any(cast(:amounts as bigint[]))"
            " order by e.booked_on, e.id limit 1000"
        ),
        {"account": account.id, "amounts": list(amounts)},
    ).all()


def get_posted_entry(session: Session, entry_id: uuid.UUID) -> Entry | None:
    return session.scalars(select(Entry).where(Entry.id == entry_id, Entry.state == "posted")).first()


def booked_fen(session: Session, account: BankAccount, day: date) -> int:
    """What the books hold on the accounts that are its money, by the end of a day."""
    statement = text("select fund_bank_booked(:account, :day)")
    return int(session.scalar(statement, {"account": account.id, "day": day}) or 0)


def day_to_book(session: Session, line: BankLine) -> date:
    """The line's own day; or, where that day is reconciled already, its statement's: nothing goes into a day on which
    bank and books agreed."""
    last = session.scalar(select(func.max(Day.day)).where(Day.bank_account_id == line.bank_account_id))
    if last is None or line.booked_on > last:
        return line.booked_on
    return session.scalars(select(Statement.day).where(Statement.id == line.statement_id)).one()


def under_way(session: Session, account_id: uuid.UUID) -> Sequence[Instruction]:
    """Sent to the bank, not settled."""
    return session.scalars(
        select(Instruction)
        .join(PaymentItem, PaymentItem.instruction_id == Instruction.id)
        .join(PaymentFile, PaymentFile.id == PaymentItem.file_id)
        .where(PaymentFile.bank_account_id == account_id, Instruction.state == "sent", PaymentFile.state == "sent")
        .order_by(Instruction.id)
        .limit(1000)
    ).all()


def find_day(session: Session, account_id: uuid.UUID, day: date) -> Day | None:
    return session.get(Day, (account_id, day), populate_existing=True)


def days_open(session: Session, account_id: uuid.UUID, until: date) -> Sequence[date]:
    """Days with a statement before this one that are not reconciled."""
    return session.scalars(
        select(Statement.day)
        .where(
            Statement.bank_account_id == account_id,
            Statement.day < until,
            ~select(Day).where(Day.bank_account_id == account_id, Day.day == Statement.day).exists(),
        )
        .order_by(Statement.day)
    ).all()
