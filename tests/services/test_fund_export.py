"""The export of random entries, read by programs that are not ours: the same balances to the fen.

`GONGXIN_TEST_ENTRIES` says how many (10,000 for the whole proof)."""

import csv
import io
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gongxin import embedded
from gongxin.db import WEB_ROLE, make_engine, transaction
from gongxin.fund.ledger import export, queries, service
from tests.conftest import drop_database, make_database
from tests.services.fund_world import Fund, open_fund

ENTRIES = int(os.environ.get("GONGXIN_TEST_ENTRIES", "500"))


@pytest.fixture(scope="module")
def books(
    server: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, int]]]:
    name = f"gongxin_fund_export_{worker_id}"
    make_database(server, name)
    engine = make_engine(embedded.dsn(server, WEB_ROLE, name), pool_size=2)
    found = tmp_path_factory.mktemp("books")
    with transaction(engine) as session:
        fund = open_fund(session)
        fund.posted(10**12)
    for at in range(0, ENTRIES, 500):
        some(engine, fund, min(500, ENTRIES - at))
    with transaction(engine) as session:
        for form in export.FORMATS:
            (found / f"books.{form}").write_text("\n".join(export.lines(session, form)) + "\n", encoding="utf-8")
        kept = {
            export.name_of(row.type, row.fund, row.code): row.balance_fen
            for row in queries.balances(session, None)
            if row.balance_fen
        }
    yield found, kept
    engine.dispose()
    drop_database(server, name)


def some(engine: Engine, fund: Fund, count: int) -> None:
    chance = random.Random(count)
    words = ["收到会费", 'with "quotes" | bars; and a semicolon', "退回\\多付"]
    with transaction(engine) as session:
        on = Fund(session, fund.member_id, fund.period, fund.codes)
        drafts = [
            on.new(chance.randrange(1, 10**9), *chance.choice([("cash", "levies"), ("relief", "cash")]),
                   description=chance.choice(words))
            for _ in range(count)
        ]  # fmt: skip
        made, _ = service.draft_many(session, actor=on.lin, drafts=drafts, submit=True)
        hashes = {row.id: row.content_hash for row in queries.entries_of(session, made)}
        for actor in (on.wang, on.zhao):
            service.approve_many(session, actor=actor, hashes=hashes)
        service.post_many(session, actor=on.wang, entry_ids=made)


def ran(*command: str) -> str:
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr[-2000:]
    return found.stdout


def fen(text: str) -> int:
    whole, _, rest = text.replace(" CNY", "").replace("CNY", "").replace(",", "").strip().partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * (abs(int(whole)) * 100 + int((rest or "0").ljust(2, "0")))


def test_hledger_accepts_the_books_and_finds_the_same_balances(books: tuple[Path, dict[str, int]]) -> None:
    if shutil.which("hledger") is None:
        pytest.skip("hledger is not installed")
    path, kept = books
    ran("hledger", "check", "-f", str(path / "books.hledger"))
    rows = csv.reader(
        io.StringIO(ran("hledger", "bal", "-N", "--flat", "-O", "csv", "-f", str(path / "books.hledger")))
    )
    assert {name: fen(amount) for name, amount in list(rows)[1:] if fen(amount)} == kept


def test_ledger_accepts_the_books_and_finds_the_same_balances(books: tuple[Path, dict[str, int]]) -> None:
    if shutil.which("ledger") is None:
        pytest.skip("ledger is not installed")
    path, kept = books
    form = "%(account)\t%(quantity(scrub(amount)))\n"
    listed = ran("ledger", "-f", str(path / "books.ledger"), "bal", "--flat", "--no-total", "--balance-format",
                 "%(account)\t%(quantity(scrub(display_total)))\n", "--format", form)  # fmt: skip
    found = dict(line.split("\t") for line in listed.splitlines() if line.strip())
    assert {name: fen(amount) for name, amount in found.items() if fen(amount)} == kept


def test_beancount_accepts_the_books_and_their_assertions(books: tuple[Path, dict[str, int]]) -> None:
    path, kept = books
    check = "from beancount.scripts.check import main; main()"
    ran(sys.executable, "-c", check, str(path / "books.beancount"))
    asserted = [line for line in (path / "books.beancount").read_text().splitlines() if " balance " in line]
    assert len(asserted) >= len(kept)
