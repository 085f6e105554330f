"""Re-derives every balance from the postings and every posting from its entry, and holds all of it against what the
database keeps, the leaves of the log, its newest checkpoint and the signed trial balances. Each leaf must be the
entry's and stand under that checkpoint or wait for its place; that the whole tree is what was signed, now and ever, is
for `gongxin log verify`.

The database derives and compares; what it finds wrong, and some entries at random, are derived once more here.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import jwt
import orjson
from sqlalchemy.orm import Session

from gongxin.access import service as access
from gongxin.transparency import keys as log_keys
from gongxin.transparency import queries as log
from gongxin.transparency.service import canonical_text
from gongxin_wire import commitments, merkle, notes
from gongxin_wire.canonical import canonical, unb64u

from . import periods, queries, queries_audit, rules

MOST = queries_audit.SHOWN
SAMPLE = 200


@dataclass
class Report:
    """What was looked at, and where it differs: at most the first hundred."""

    postings: int = 0
    entries: int = 0
    leaves: int = 0
    waiting: int = 0
    erased: int = 0
    accounts: int = 0
    periods: int = 0
    differences: list[str] = field(default_factory=list)

    def check(self, holds: bool, words: Callable[[], str]) -> None:
        if not holds and len(self.differences) < MOST:
            self.differences.append(words())


def audit(session: Session) -> Report:
    """In one transaction, which should be REPEATABLE READ so that nothing moves meanwhile."""
    report = Report()
    queries_audit.prepare(session)
    balances, moved, counts = _postings(session, report)
    _kept(session, report, balances, moved, counts)
    for row in queries_audit.strays(session):
        report.check(False, lambda row=row: f"entry {row.entry_id}: its postings are not its legs")  # type: ignore[misc]
    _entries(session, report)
    _periods(session, report)
    return report


def _postings(session: Session, report: Report) -> tuple[dict[Any, int], dict[Any, list[int]], dict[Any, int]]:
    """Balance and number of postings by account, debits and credits by account and period."""
    balances: dict[Any, int] = defaultdict(int)
    counts: dict[Any, int] = defaultdict(int)
    moved: dict[Any, list[int]] = {}
    for row in queries_audit.derived(session):
        report.check(
            row.stray is None,
            lambda: f"account {row.account_id}: posting {row.stray} does not follow the one before",  # noqa: B023
        )
        moved[row.account_id, row.period] = [row.debit_fen, row.credit_fen]
        balances[row.account_id] += row.debit_fen - row.credit_fen
        counts[row.account_id] += row.postings
        report.postings += row.postings
    return balances, moved, counts


def _kept(
    session: Session, report: Report, balances: dict[Any, int], moved: dict[Any, list[int]], counts: dict[Any, int]
) -> None:
    funds: dict[str, int] = defaultdict(int)
    for row in queries_audit.kept_totals(session):
        report.accounts += 1
        derived = balances.get(row.id, 0)
        funds[row.fund] += derived
        kept = (row.balance_fen, row.postings, row.held_fen)
        wanted = (derived, counts.get(row.id, 0), row.holds_fen)
        report.check(kept == wanted, lambda: f"account {row.code}: {kept} is kept, {wanted} is derived")  # noqa: B023
    for fund, fen in funds.items():
        report.check(fen == 0, lambda: f"fund {fund} is out of balance by {fen} fen")  # noqa: B023
    closed = {period.number for period in queries.periods(session) if period.state == "closed"}
    carried: dict[Any, int] = defaultdict(int)
    rows = {(row.account_id, row.period): row for row in queries_audit.kept_balances(session)}
    for key in moved.keys() - rows.keys():
        report.check(False, lambda: f"account {key[0]}, period {key[1]}: no balance is kept")  # noqa: B023
    for (account, period), row in rows.items():
        sides, derived_sides = [row.debit_fen, row.credit_fen], moved.get((account, period), [0, 0])
        report.check(
            sides == derived_sides,
            lambda: f"account {account}, period {period}: {sides} kept, {derived_sides} derived",  # noqa: B023
        )
        if period - 1 in closed:
            opening = carried[account]
            report.check(
                row.opening_fen == opening,
                lambda: f"account {account}, period {period}: {row.opening_fen} brought in, {opening} derived",  # noqa: B023
            )
        carried[account] += derived_sides[0] - derived_sides[1]


def _entries(session: Session, report: Report) -> None:
    newest = log.newest_checkpoint(session)
    size = newest.size if newest is not None else 0
    if newest is not None:
        fault = _checkpoint_fault(session, newest)
        report.check(fault is None, lambda: f"checkpoint {size}: {fault}")
    found = queries_audit.looked_through(session, size)
    report.entries, report.leaves = found.entries, found.leaves
    report.waiting, report.erased = found.waiting, found.erased
    wrong = set(found.wrong or ())
    for row in queries_audit.posted_entries(session, [*wrong, *queries_audit.some_posted(session, SAMPLE)]):
        faults = _faults(row, size) or (["it is not as it should be"] if row.id in wrong else [])
        for words in faults:
            report.check(False, lambda words=words, row=row: f"entry {row.id}: {words}")  # type: ignore[misc]


def _checkpoint_fault(session: Session, checkpoint: Any) -> str | None:
    """The newest checkpoint: signed by a key of the log, of all leaves that have a place, with their root."""
    for key in log_keys.verifiers(session):
        try:
            signed, _ = notes.open_checkpoint(checkpoint.note, key)
        except notes.NoteError:
            continue
        if (signed.size, signed.root) != (checkpoint.size, checkpoint.root):
            return "its note is of another tree"
        return None if log.root(session) == checkpoint.root else "its root is not that of the leaves"
    return "no key of the log signed it"


def _faults(row: Any, size: int) -> list[str]:
    legs, funds = [], defaultdict[str, int](int)
    for leg in row.legs or []:
        account, fund, side, fen = leg.split(" ")
        legs.append(SimpleNamespace(account_id=account, fund=fund, side=side, amount_fen=int(fen)))
        funds[fund] += rules.signed(side, int(fen))
    approvals = [tuple(found.split("/")) for found in row.approvals or []]
    found = []
    if any(funds.values()):
        found.append("it does not balance in each fund")
    if rules.content_hash(row, legs) != row.content_hash:
        found.append("its content is not what was approved")
    if len({officer for _, officer in approvals} - {row.maker_officer}) < row.approvals_needed:
        found.append("approvals are missing")
    record = canonical_text(rules.leaf_record(row, approvals))
    if row.commitment is None:
        return [*found, "the log has no leaf of it"]
    if row.salt is not None and (
        row.record.encode() != record or commitments.commit_bytes(row.salt, record) != row.commitment
    ):
        found.append("its leaf commits to something else")
    if row.leaf_index is not None and row.leaf_index >= size:
        found.append("its leaf is under no checkpoint")
    elif row.leaf_index is not None and row.leaf_hash != merkle.leaf_hash(
        commitments.entry(row.id, "fund_entry", row.commitment)
    ):
        found.append("its leaf has another hash")
    return found


def _periods(session: Session, report: Report) -> None:
    keys = {key["kid"]: key for key in access.public_jwks(session, "receipt")["keys"]}
    for period in queries.periods(session):
        report.periods += 1
        if period.state == "closed":
            fault = _period_fault(session, period, keys)
            report.check(fault is None, lambda: f"period {period.number}: {fault}")  # noqa: B023


def _period_fault(session: Session, period: Any, keys: dict[str, Any]) -> str | None:
    try:
        key = keys[jwt.get_unverified_header(period.trial_balance)["kid"]]
        claims = jwt.decode(period.trial_balance, jwt.PyJWK(key), algorithms=["EdDSA"], options={"verify_iss": False})
    except (jwt.PyJWTError, KeyError, ValueError):
        return "its trial balance is not signed by the registry"
    body = unb64u(period.trial_balance.split(".")[1])
    if hashlib.sha256(body).digest() != period.content_hash:
        return "its trial balance has another digest"
    derived = periods.trial_balance(period, queries.trial_balance(session, period.number))
    if canonical({name: claims.get(name) for name in derived}) != canonical(derived):
        return "its trial balance is not what the postings give"
    opening = log.find_opening(session, period.leaf_id)
    if opening is not None and orjson.loads(opening.record)["content"] != period.content_hash.hex():
        return "its leaf is of another trial balance"
    return None
