"""The books as plain text that other programs read and check: hledger, Ledger, beancount. Every posted entry, the
balance of every account asserted at the end."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from . import queries

FORMATS = ("hledger", "ledger", "beancount")
_ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}


def lines(session: Session, form: str) -> Iterator[str]:
    """Line by line, in constant memory but for a sum an account. hledger and Ledger read the same text."""
    return _beancount(session) if form == "beancount" else _journal(session)


def name_of(type: str, fund: str, code: str) -> str:
    return f"{_ROOTS[type]}:{fund}:{code}"


def amount(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d} CNY"


def _entries(session: Session, sums: dict[str, int]) -> Iterator[tuple[Any, list[tuple[str, int]]]]:
    for _, group in itertools.groupby(queries.journal(session), key=lambda row: row.id):
        rows = list(group)
        legs = [(name_of(row.type, row.fund, row.code), row.amount_fen) for row in rows]
        for account, fen in legs:
            sums[account] += fen
        yield rows[0], legs


def _journal(session: Session) -> Iterator[str]:
    sums: dict[str, int] = defaultdict(int)
    last = None
    yield "; 共信互助基金账目 The books of the mutual-aid fund"
    yield "commodity CNY"
    yield "    format 1000.00 CNY"
    for account in queries.accounts(session):
        yield f"account {name_of(account.type, account.fund, account.code)}"
    for entry, legs in _entries(session, sums):
        last = entry.booked_on
        yield ""
        yield f"{last.isoformat()} * ({entry.key}) {_plain(entry.description)}"
        yield f"    ; entry {entry.id}"
        for account_name, fen in legs:
            yield f"    {account_name}    {amount(fen)}"
    if last is not None:
        yield ""
        yield f"{last.isoformat()} * 余额核对 Balances asserted"
        for account_name, fen in sorted(sums.items()):
            yield f"    {account_name}    0.00 CNY = {amount(fen)}"


def _beancount(session: Session) -> Iterator[str]:
    sums: dict[str, int] = defaultdict(int)
    last = None
    yield "; 共信互助基金账目 The books of the mutual-aid fund"
    yield 'option "title" "Gongxin mutual-aid fund"'
    yield 'option "operating_currency" "CNY"'
    opened = queries.periods(session)
    if not opened:
        return
    for account in queries.accounts(session):
        name = name_of(account.type, account.fund, account.code)
        yield f"{opened[-1].first_day.isoformat()} open {name} CNY"
    for entry, legs in _entries(session, sums):
        last = entry.booked_on
        yield ""
        yield f'{last.isoformat()} * "{_quoted(entry.key)}" "{_quoted(entry.description)}"'
        yield f'  entry: "{entry.id}"'
        for account_name, fen in legs:
            yield f"  {account_name}  {amount(fen)}"
    if last is not None:
        yield ""
        for account_name, fen in sorted(sums.items()):
            yield f"{(last + timedelta(days=1)).isoformat()} balance {account_name}  {amount(fen)}"


def _plain(words: str) -> str:
    """What would begin a comment or divide a description stands in its full-width form."""
    kept = "".join(letter if letter.isprintable() else " " for letter in words)
    return kept.replace(";", "；").replace("|", "｜")


def _quoted(words: str) -> str:
    kept = "".join(letter if letter.isprintable() else " " for letter in words)
    return kept.replace("\\", "\\\\").replace('"', '\\"')
