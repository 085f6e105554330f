"""The books for an auditor: what the export says to other programs, and what `gongxin fund audit` finds."""

import json
import random
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import clock, embedded
from gongxin.access import service as access
from gongxin.cli import main
from gongxin.config import Config
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.fund.ledger import audit, export, periods, queries, service
from gongxin.fund.ledger.rules import Draft
from gongxin.transparency import service as log
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime
from tests.conftest import drop_database, make_database
from tests.services.fund_world import Fund, open_fund, unique

ENTRIES = 300
WORDS = [
    "收到会费",
    'a "quoted" \\ word',
    "x; y | z",
    "* ! (a) [b]",
    "@ 5 = 6",
    "2026-01-01 open",
    "#tag ^link",
    "é 😀",
]


@dataclass
class Books:
    """A database of its own with two periods, the first closed, and entries at random."""

    web: Engine
    owner: Engine
    config: Config
    fund: Fund

    def audit(self) -> audit.Report:
        with transaction(self.web) as session:
            return audit.audit(session)

    def count(self) -> int:
        with transaction(self.web) as session:
            return int(session.scalar(text("select count(*) from fund_entries where state = 'posted'")) or 0)

    def export(self, form: str) -> str:
        with transaction(self.web) as session:
            return "".join(line + "\n" for line in export.lines(session, form))


def fill(fund: Fund, rng: random.Random, count: int, days: list[date]) -> None:
    """Entries posted in portions: money comes in, part of it goes out."""
    drafts: list[Draft] = []
    for _ in range(count):
        way = rng.choice([("cash", "levies"), ("staff_cash", "staff_levies"), ("medical_cash", "medical_gifts")])
        amount = rng.choice([1, 99, 100, rng.randrange(1, 10**9)])
        legs = [fund.leg(way[0], "debit", amount), fund.leg(way[1], "credit", amount)]
        if way[0] == "cash" and amount > 10:
            part = rng.randrange(1, amount)
            legs += [fund.leg("relief", "debit", part), fund.leg("cash", "credit", part)]
        drafts.append(
            Draft(unique("x"), rng.choice(days), rng.choice(WORDS), tuple(legs), reference=rng.choice([None, "凭证 1"]))
        )
    made, _ = service.draft_many(fund.session, actor=fund.lin, drafts=drafts, submit=True)
    hashes = {entry_id: queries.get_entry(fund.session, entry_id).content_hash or b"" for entry_id in made}
    for actor in (fund.wang, fund.zhao):
        service.approve_many(fund.session, actor=actor, hashes=hashes)
    for at in range(0, count, 50):
        service.post_many(fund.session, actor=fund.wang, entry_ids=made[at : at + 50])


@pytest.fixture(scope="module")
def books(server: str, config: Config, worker_id: str) -> Iterator[Books]:
    name = f"gongxin_books_{worker_id}"
    make_database(server, name)
    web, owner = (make_engine(embedded.dsn(server, role, name), pool_size=2) for role in (WEB_ROLE, OWNER_ROLE))
    own = replace(
        config,
        database_url=embedded.dsn(server, WEB_ROLE, name),
        migration_database_url=embedded.dsn(server, OWNER_ROLE, name),
    )
    rng, today = random.Random(8), clock.today_in_china()
    with transaction(web) as session:
        access.ensure_registry_keys(session, own)
        log.start(session, own)
        periods.open_period(session, first_day=today - timedelta(days=40), last_day=today - timedelta(days=10))
        periods.open_period(session, last_day=today)
        fund = open_fund(session)
        fill(fund, rng, ENTRIES // 2, [today - timedelta(days=n) for n in range(11, 40)])
    with transaction(web) as session:
        log.sequence(session, own)
        fund.session = session
        runtime = Runtime(own, web, RateLimiter(own), access.authenticate)
        periods.close(session, runtime, 1, actor=fund.wang)
        fill(fund, rng, ENTRIES // 2, [today - timedelta(days=n) for n in range(10)])
    yield Books(web, owner, own, fund)
    web.dispose()
    owner.dispose()
    drop_database(server, name)


# --- export ---------------------------------------------------------------------------------------------------------

_AMOUNT = r"(-?\d+\.\d\d) CNY"
_ACCOUNT = r"(Assets|Liabilities|Equity|Income|Expenses):(?:RELIEF|STAFF|ADMIN):[A-Z0-9][A-Za-z0-9-]*"
PREAMBLE = {"commodity CNY", "    format 1000.00 CNY"}
_HEAD = {
    "hledger": re.compile(r"\d{4}-\d\d-\d\d \* (?:\([A-Za-z0-9_.:-]+\) )?[^;|\n]+"),
    "beancount": re.compile(r'\d{4}-\d\d-\d\d \* "(?:[^"\\]|\\["\\])*" "(?:[^"\\]|\\["\\])*"'),
}


def fen(amount: str) -> int:
    return int(amount.replace(".", ""))


def read(form: str, written: str) -> tuple[int, dict[str, int]]:
    """A strict reader of what is written: transactions, and the sum of each account, which must be as asserted."""
    sums: dict[str, int] = defaultdict(int)
    count, open_sum, accounts = 0, 0, set()
    asserted: dict[str, int] = {}
    for line in [*written.splitlines(), ""]:
        if line.startswith((";", "option ", "    ; entry ", '  entry: "')) or line in PREAMBLE:
            continue
        if line == "":
            assert open_sum == 0
        elif found := re.fullmatch(rf"(?:account|\d{{4}}-\d\d-\d\d open) ({_ACCOUNT})(?: CNY)?", line):
            accounts.add(found[1])
        elif found := re.fullmatch(rf"\d{{4}}-\d\d-\d\d balance ({_ACCOUNT})  {_AMOUNT}", line):
            asserted[found[1]] = fen(found[3])
        elif found := re.fullmatch(rf"(?:    |  )({_ACCOUNT})(?:    |  ){_AMOUNT}(?: = {_AMOUNT})?", line):
            assert found[1] in accounts
            sums[found[1]] += fen(found[3])
            open_sum += fen(found[3])
            if found[4] is not None:
                asserted[found[1]] = fen(found[4])
        else:
            assert _HEAD["beancount" if form == "beancount" else "hledger"].fullmatch(line), line
            count += 1
    assert asserted == dict(sums)
    return count - (form != "beancount"), dict(sums)


@pytest.mark.parametrize("form", export.FORMATS)
def test_the_export_holds_every_entry_and_the_balances_to_the_fen(books: Books, form: str) -> None:
    count, sums = read(form, books.export(form))
    assert count == books.count() >= ENTRIES
    with transaction(books.web) as session:
        kept = {
            export.name_of(row.type, row.fund, row.code): row.balance_fen
            for row in queries.balances(session)
            if row.balance_fen
        }
    assert {name: found for name, found in sums.items() if found} == kept


def test_amounts_are_written_to_the_fen_on_both_sides_of_zero() -> None:
    assert [export.amount(n) for n in (0, 5, -5, 100, -12345)] == [
        "0.00 CNY", "0.05 CNY", "-0.05 CNY", "1.00 CNY", "-123.45 CNY",
    ]  # fmt: skip


TOOLS = {"hledger": ["hledger", "check", "--strict", "-f"], "ledger": ["ledger", "--pedantic", "balance", "-f"],
         "beancount": ["bean-check"]}  # fmt: skip


@pytest.mark.parametrize("form", [form for form, command in TOOLS.items() if shutil.which(command[0])] or ["none"])
def test_the_programs_found_on_this_machine_accept_it(books: Books, form: str, tmp_path: Path) -> None:
    if form == "none":
        pytest.skip("none of hledger, ledger and bean-check is installed")
    path = tmp_path / f"books.{form}"
    path.write_text(books.export(form), encoding="utf-8")
    done = subprocess.run([*TOOLS[form], str(path)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


# --- audit ----------------------------------------------------------------------------------------------------------


def test_books_as_they_were_kept_agree(books: Books) -> None:
    found = books.audit()
    assert found.differences == []
    assert (found.entries, found.leaves) == (books.count(), books.count())
    assert found.waiting == books.count() - ENTRIES // 2
    assert found.postings > 2 * ENTRIES
    assert found.periods == 2


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("fund_postings", "set amount_fen = amount_fen * 2 where number = 3", "does not follow"),
        ("fund_postings", "set entry_id = gen_random_uuid() where number = 2", "are not its legs"),
        ("fund_totals", "set balance_fen = balance_fen + 1", "is derived"),
        ("fund_totals", "set held_fen = held_fen + 1", "is derived"),
        ("fund_balances", "set debit_fen = debit_fen + 1 where period = 2", "derived"),
        ("fund_balances", "set opening_fen = opening_fen + 1 where period = 2", "brought in"),
        ("fund_entries", "set description = 'other' where state = 'posted'", "not what was approved"),
        ("fund_entries", "set posted_at = posted_at + interval '1 second' where state = 'posted'", "commits"),
        ("fund_legs", "set amount_fen = amount_fen + 1 where position = 1", "does not balance"),
        ("fund_approvals", "set officer = 'LIN01' where officer = 'ZHAO03'", "approvals are missing"),
        ("log_openings", "set record = replace(record, 'posted_at', 'posted_et')", "commits to something else"),
        ("log_leaves", "set leaf_hash = sha256('x') where kind = 'fund_entry'", "has another hash"),
        ("log_leaves", "set leaf_index = leaf_index + 100000 where kind = 'fund_entry'", "under no checkpoint"),
        ("log_leaves", "set leaf_id = gen_random_uuid() where kind = 'fund_entry'", "no leaf of it"),
        ("log_checkpoints", "set root = sha256('x') where size = (select max(size) from log_checkpoints)", "its note"),
        ("log_checkpoints", "set note = replace(note, '— ', '— x')", "no key of the log"),
        ("fund_periods", "set trial_balance = trial_balance || 'A' where number = 1", "not signed"),
        ("fund_periods", "set content_hash = sha256('x') where number = 1", "another digest"),
    ],
)
def test_what_somebody_changed_past_every_guard_is_found(books: Books, table: str, change: str, words: str) -> None:
    """As the owner of the tables, with the triggers laid aside: what an operator with a database could do."""
    with books.owner.connect() as connection:
        connection.execute(text(f"set local gongxin.kind = 'registry'; alter table {table} disable trigger user"))
        connection.execute(text(f"update {table} {change}"))
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            session.execute(text("set local gongxin.member = '00000000-0000-0000-0000-000000000000'"))
            found = audit.audit(session)
        connection.rollback()
    assert any(words in difference for difference in found.differences), found.differences[:3]
    assert books.audit().differences == []


# --- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def typed(books: Books, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("GONGXIN_DATABASE_URL", books.config.database_url)
    monkeypatch.setenv("GONGXIN_MIGRATION_DATABASE_URL", books.config.migration_database_url)
    return CliRunner()


def test_an_operator_exports_and_audits(books: Books, typed: CliRunner) -> None:
    printed = typed.invoke(main, ["fund", "export", "--format", "beancount"])
    assert printed.exit_code == 0, printed.output
    assert read("beancount", printed.stdout)[0] == books.count()
    found = typed.invoke(main, ["fund", "audit"])
    assert found.exit_code == 0, found.output
    assert "账目相符 the books agree" in found.output


def test_an_operator_drafts_approves_and_posts(books: Books, typed: CliRunner) -> None:
    member, today = str(books.fund.member_id), clock.today_in_china().isoformat()
    for code, kind in (("CLI-1", "asset"), ("CLI-2", "income")):
        opened = typed.invoke(main, ["fund", "accounts", "open", code, "--name-zh", "测试", "--name-en", "Test",
                                     "--type", kind, "--fund", "ADMIN"])  # fmt: skip
        assert opened.exit_code == 0, opened.output
    made = typed.invoke(main, ["fund", "entry", "收到捐赠", "--key", "cli-1", "--on", today, "--debit", "CLI-1=250",
                               "--credit", "CLI-2=250", "--member", member, "--officer", "lin", "--json"])  # fmt: skip
    assert made.exit_code == 0, made.output
    entry = json.loads(made.stdout)
    for officer in ("wang", "zhao"):
        done = typed.invoke(main, ["fund", "approve", entry["entry_id"], "--content", entry["content_hash"],
                                   "--member", member, "--officer", officer])  # fmt: skip
        assert done.exit_code == 0, done.output
    again = typed.invoke(main, ["fund", "approve", entry["entry_id"], "--content", entry["content_hash"],
                                "--member", member, "--officer", "LIN"])  # fmt: skip
    assert again.exit_code == 2
    posted = typed.invoke(main, ["fund", "post", entry["entry_id"], "--member", member, "--officer", "wang"])
    assert "posted" in posted.output
    listed = typed.invoke(main, ["fund", "accounts", "list"])
    assert "Assets:ADMIN:CLI-1  2.50 CNY" in listed.output
