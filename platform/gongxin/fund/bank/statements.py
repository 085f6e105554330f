"""Statements in: taken whole or not at all, each once, each beginning where the one before ended."""

import hashlib
import re
from collections.abc import Sequence

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict, Invalid
from gongxin.sealed import seal, unseal

from ..ledger.rules import Actor
from . import accounts, payees, queries, rules
from . import queries_statements as found
from .formats import camt, statement_csv
from .formats.parts import Line, Read, fault
from .models_statements import BankAccount, BankLine, Statement

MOST_BYTES = 8 * 1024 * 1024
_TOKEN = re.compile(r"[A-Z0-9-]{6,35}")


def read(account: BankAccount, data: bytes) -> Read:
    """camt.053 where it is XML, CSV by the account's mapping else. Raises Invalid with the line."""
    if not data.strip():
        raise fault(0, "文件为空", "the file is empty")
    return camt.read(data) if camt.looks_like(data) else statement_csv.read(data, account.statements)


def take(session: Session, config: Config, *, actor: Actor, bank_account: str, data: bytes) -> Statement:
    """Keeps a statement. Raises Conflict where it was taken before, Invalid where it is cut, out of order, of another
    account, or does not begin where the one before ended."""
    account = found.get_bank_account(session, bank_account)
    sha256 = hashlib.sha256(data).digest()
    if found.find_statement_of(session, account.id, sha256) is not None:
        raise Conflict(
            "statement_twice",
            zh="该对账单已导入",
            en="This statement has been taken already",
            fix_zh="无需再次导入。",
            fix_en="There is nothing left to do.",
            pointer="/statement",
        )
    said = read(account, data)
    _check(session, config, account, said)
    now = clock.now()
    made = Statement(
        id=ids.new_id(),
        bank_account_id=account.id,
        day=said.day,
        opening_fen=said.opening_fen,
        moved_fen=said.closing_fen - said.opening_fen,
        closing_fen=said.closing_fen,
        lines=len(said.lines),
        sha256=sha256,
        format=said.format,
        imported_member=actor.member_id,
        imported_officer=actor.officer,
        imported_at=now,
    )
    session.add(made)
    session.flush()
    references = _references(session, said.lines)
    session.add_all(
        _line(config, made, position, line, references[position - 1]) for position, line in enumerate(said.lines, 1)
    )
    session.flush()
    return made


def words(config: Config, line: BankLine) -> dict[str, str]:
    """What the bank wrote to a line, and the other side's name: for those who match."""
    held: dict[str, str] = orjson.loads(unseal(config.master_key, accounts.line_label(line.id), line.sealed))
    return held


def _check(session: Session, config: Config, account: BankAccount, said: Read) -> None:
    try:
        same = rules.account_key(config.pepper, said.account) == account.account_key
    except Invalid:
        same = False
    if not same:
        raise fault(0, "属于另一账户", "it is of another account", code="statement_of_another_account")
    last = found.find_last_statement(session, account.id)
    if said.day < account.opened_on or (last is not None and said.day <= last.day):
        raise fault(
            said.lines[-1].at if said.lines else 0, "不晚于已导入的对账单", "it does not come after the last one taken",
            code="statement_out_of_order",
        )  # fmt: skip
    begins = last.closing_fen if last is not None else account.opening_fen
    if said.opening_fen != begins:
        raise fault(
            said.lines[0].at if said.lines else 0, "期初余额与前一份期末余额不符",
            "its opening does not meet the closing before", code="statement_does_not_follow",
            difference_fen=said.opening_fen - begins,
        )  # fmt: skip
    balance = said.opening_fen
    earliest = last.day if last is not None else account.opened_on
    for line in said.lines:
        balance += line.amount_fen
        if not earliest <= line.booked_on <= said.day:
            raise fault(line.at, "记账日不在本期内", "its day is not of this statement", code="statement_out_of_order")
    if balance != said.closing_fen:
        raise fault(
            said.lines[-1].at if said.lines else 0, "发生额合计与期末余额不符",
            "the lines do not lead from opening to closing", code="statement_cut",
            difference_fen=said.closing_fen - balance,
        )  # fmt: skip
    known = found.known_lines(session, account.id, {line.bank_ref for line in said.lines})
    for line in said.lines:
        if line.bank_ref in known:
            raise fault(line.at, "该流水号已导入", "this line has been taken already", code="bank_line_twice")


def _references(session: Session, lines: Sequence[Line]) -> list[str | None]:
    """The reference each line bears: one of our own, or one that a payer was given."""
    tokens = [[token.strip("-") for token in _TOKEN.findall(line.words.upper())] for line in lines]
    wanted = {token for some in tokens for token in some if re.fullmatch(rules.REFERENCE_PATTERN, token)}
    given = {awaited.reference for awaited in queries.expected_with(session, wanted)} if wanted else set()
    return [next((t for t in some if t in given or rules.is_own_reference(t)), None) for some in tokens]


def _line(config: Config, statement: Statement, position: int, line: Line, reference: str | None) -> BankLine:
    made = BankLine(
        id=ids.new_id(),
        statement_id=statement.id,
        bank_account_id=statement.bank_account_id,
        position=position,
        booked_on=line.booked_on,
        value_on=line.value_on,
        amount_fen=line.amount_fen,
        bank_ref=line.bank_ref,
        reference=reference,
        returned=line.returned,
        matched_fen=0,
        sealed=b"",
        key_id=payees.key_id(config.master_key),
    )
    made.sealed = seal(
        config.master_key, accounts.line_label(made.id), orjson.dumps({"other": line.other, "words": line.words})
    )
    return made
