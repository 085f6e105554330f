"""The fund's own accounts at banks, and which accounts of the books are their money."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import bad_field
from gongxin.sealed import seal, unseal

from ..ledger import queries as ledger
from ..ledger.models import Account
from ..ledger.rules import CODE_PATTERN, MAX_FEN, Actor, check_code
from . import payees, queries_statements, rules
from .formats import payment_csv, statement_csv
from .models_statements import BankAccount, BankBook, BankLine


def open_account(
    session: Session,
    config: Config,
    *,
    actor: Actor,
    code: str,
    ledger_accounts: Sequence[str],
    holder: str,
    account: str,
    bank_code: str,
    bank_name: str,
    opened_on: date,
    opening_fen: int = 0,
    payments: Mapping[str, Any] | None = None,
    statements: Mapping[str, Any] | None = None,
) -> BankAccount:
    """An account of the fund at a bank, the money of these accounts of the books together; the first statement begins
    with `opening_fen`."""
    check_code(code, CODE_PATTERN, "/code")
    details = rules.details(holder=holder, account=account, bank_code=bank_code, bank_name=bank_name)
    booked = [_asset(session, each, at) for at, each in enumerate(ledger_accounts)]
    if not booked or len({each.id for each in booked}) != len(booked):
        raise bad_field("/ledger_accounts", "至少一个科目，且各不相同", "At least one account, each another")
    if type(opening_fen) is not int or not 0 <= opening_fen <= MAX_FEN:
        raise bad_field("/opening_fen", "应为非负整数分", "It is a whole number of fen, not negative")
    found = BankAccount(
        id=ids.new_id(),
        code=code,
        account_key=rules.account_key(config.pepper, details["account"]),
        sealed=b"",
        key_id=payees.key_id(config.master_key),
        ledger_account_id=booked[0].id,
        opened_on=opened_on,
        opening_fen=opening_fen,
        payments=payment_csv.check_layout(payments or {}),
        statements=statement_csv.check_mapping(statements or {}),
        registered_member=actor.member_id,
        registered_officer=actor.officer,
        registered_at=clock.now(),
    )
    found.sealed = seal(config.master_key, _label(found), orjson.dumps(details))
    session.add(found)
    session.flush()
    session.add_all(BankBook(ledger_account_id=each.id, bank_account_id=found.id) for each in booked[1:])
    session.flush()
    return found


def add_books(session: Session, *, bank_account: str, ledger_account: str) -> BankAccount:
    """One more account of the books whose money lies there: nothing on it yet that a reconciled day would miss."""
    account = queries_statements.get_bank_account(session, bank_account)
    booked = _asset(session, ledger_account, 0)
    session.add(BankBook(ledger_account_id=booked.id, bank_account_id=account.id))
    session.flush()
    return account


def set_forms(
    session: Session,
    *,
    bank_account: str,
    payments: Mapping[str, Any] | None = None,
    statements: Mapping[str, Any] | None = None,
) -> BankAccount:
    """How its bank reads files of payments and writes statements from here on. Not while a CSV file waits to be sent:
    it would be other bytes than were released."""
    account = queries_statements.get_bank_account(session, bank_account)
    if payments is not None:
        account.payments = payment_csv.check_layout(payments)
    if statements is not None:
        account.statements = statement_csv.check_mapping(statements)
    session.flush()
    return account


def reseal(session: Session, *, old_key: bytes, new_key: bytes, limit: int = 500) -> int:
    """Seals details and lines that lie under the old master key under the new one; how many. Until none is left, run it
    again."""
    old, new = payees.key_id(old_key), payees.key_id(new_key)
    held: list[BankAccount | BankLine] = [
        *queries_statements.accounts_under(session, old, limit),
        *queries_statements.lines_under(session, old, limit),
    ]
    for each in held:
        label = _label(each) if isinstance(each, BankAccount) else line_label(each.id)
        each.sealed, each.key_id = seal(new_key, label, unseal(old_key, label, each.sealed)), new
    session.flush()
    return len(held)


def _asset(session: Session, code: str, at: int) -> Account:
    found = ledger.get_account(session, code)
    if found.type != "asset":
        raise bad_field(f"/ledger_accounts/{at}", "应为资产类科目", "It is an account of assets")
    return found


def details(config: Config, account: BankAccount) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(unseal(config.master_key, _label(account), account.sealed))
    return found


def _label(account: BankAccount) -> str:
    return f"fund-bank-account|{account.id}"


def line_label(line_id: uuid.UUID) -> str:
    return f"fund-bank-line|{line_id}"
