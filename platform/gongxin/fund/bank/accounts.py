"""The fund's own accounts at banks."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import bad_field
from gongxin.sealed import seal, unseal

from ..ledger import queries as ledger
from ..ledger.rules import CODE_PATTERN, MAX_FEN, Actor, check_code
from . import payees, rules
from .formats import payment_csv, statement_csv
from .models_statements import BankAccount


def open_account(
    session: Session,
    config: Config,
    *,
    actor: Actor,
    code: str,
    ledger_account: str,
    holder: str,
    account: str,
    bank_code: str,
    bank_name: str,
    opened_on: date,
    opening_fen: int = 0,
    payments: Mapping[str, Any] | None = None,
    statements: Mapping[str, Any] | None = None,
) -> BankAccount:
    """An account of the fund at a bank; the first statement begins with `opening_fen`. Never changed."""
    check_code(code, CODE_PATTERN, "/code")
    details = rules.details(holder=holder, account=account, bank_code=bank_code, bank_name=bank_name)
    booked = ledger.get_account(session, ledger_account)
    if booked.type != "asset":
        raise bad_field("/ledger_account", "应为资产类科目", "It is an account of assets")
    if type(opening_fen) is not int or not 0 <= opening_fen <= MAX_FEN:
        raise bad_field("/opening_fen", "应为非负整数分", "It is a whole number of fen, not negative")
    found = BankAccount(
        id=ids.new_id(),
        code=code,
        account_key=rules.account_key(config.pepper, details["account"]),
        sealed=b"",
        key_id=payees.key_id(config.master_key),
        ledger_account_id=booked.id,
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
    return found


def details(config: Config, account: BankAccount) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(unseal(config.master_key, _label(account), account.sealed))
    return found


def _label(account: BankAccount) -> str:
    return f"fund-bank-account|{account.id}"
