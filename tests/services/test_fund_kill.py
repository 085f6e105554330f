"""The ledger's process killed with -9 at any instruction, and its database too: what was answered is there, nothing is
half there, and the books are true. `GONGXIN_TEST_KILLS=200` kills as often as that."""

import multiprocessing
import os
import random
import select
import shutil
import signal
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gongxin import embedded, migrate
from gongxin.db import make_engine, transaction
from gongxin.errors import GongxinError
from gongxin.fund.ledger import queries, service, singly
from gongxin.fund.ledger.rules import Draft
from tests.conftest import DATA
from tests.services.fund_world import Fund, open_fund
from tests.services.test_fund_concurrency import faults, on

KILLS = int(os.environ.get("GONGXIN_TEST_KILLS", "16"))
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def home(worker_id: str) -> Iterator[Path]:
    """A durable server of its own, whose death troubles nobody; not in pytest's folder, which each run of pytest closes
    to the account that runs the server."""
    data = DATA / f"ledger-{worker_id}"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    yield data
    embedded.stop(data)
    shutil.rmtree(data, ignore_errors=True)


def works(url: str, fund: Fund, told: int, seed: float) -> None:
    """Drafts, approves, posts, holds, releases, reverses, for ever; tells each entry once its posting is answered."""
    chance, engine = random.Random(seed), make_engine(url, pool_size=1)
    while True:
        try:
            way = chance.choice([("cash", "levies"), ("relief", "cash"), ("staff_cash", "staff_levies")])
            made = _entry(engine, fund, chance, fund.new(chance.randint(1, 900), *way))
            os.write(told, made.bytes)
            if chance.random() < 0.3:
                with transaction(engine) as session:
                    reversal = service.reverse(
                        session, made, actor=fund.lin, key=uuid.uuid4().hex, booked_on=fund.today, description="冲销"
                    )[0]
                    for actor in (fund.wang, fund.zhao):
                        service.approve(session, reversal.id, actor=actor, content_hash=reversal.content_hash or b"")
                    service.post(session, reversal.id, actor=fund.wang)
        except GongxinError:
            continue  # what the fund cannot pay, it does not


def _entry(engine: Engine, fund: Fund, chance: random.Random, new: Draft) -> uuid.UUID:
    if chance.random() < 0.4:
        return singly.book(engine, maker=fund.lin, approvers=(fund.wang, fund.zhao), new=new)
    if chance.random() < 0.3:
        with transaction(engine) as session:
            held = service.hold(session, actor=fund.lin, account=fund.codes["cash"], amount_fen=7, reason="救助")
        with transaction(engine) as session:
            service.release(session, held.id)
    entry_id, content = singly.submit(engine, actor=fund.lin, new=new)
    for actor in (fund.wang, fund.zhao):
        singly.approve(engine, entry_id, actor=actor, content_hash=content)
    singly.post(engine, entry_id, actor=fund.zhao)
    return entry_id


def _start(home: Path) -> str:
    return embedded.prepare(embedded.start(home), "ledger")[0]


def test_killed_anywhere_the_books_stay_true_and_what_was_answered_is_there(home: Path) -> None:
    chance = random.Random(20261125)
    url = _start(home)
    migrate.upgrade(embedded.prepare(embedded.start(home), "ledger")[1])
    engine = make_engine(url, pool_size=2)
    with transaction(engine) as session:
        opened = open_fund(session)
        opened.posted(50_000)
        fund = Fund(None, opened.member_id, opened.period, opened.codes)  # type: ignore[arg-type]
    engine.dispose()
    answered, databases = 0, 0
    for kill in range(KILLS):
        ready, told = os.pipe()
        workers = [FORK.Process(target=works, args=(url, fund, told, chance.random()), daemon=True) for _ in range(2)]
        for worker in workers:
            worker.start()
        assert select.select([ready], [], [], 30)[0], "no entry was posted"
        first = os.read(ready, 16)
        time.sleep(chance.random() * 0.15)
        of_database = kill % 4 == 3
        if of_database:
            postmaster = int((home / "pg" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
            databases += 1
            time.sleep(chance.random() * 0.05)
        for worker in workers:
            os.kill(worker.pid or 0, signal.SIGKILL)
            worker.join()
        os.close(told)
        said = first + b"".join(iter(partial(os.read, ready, 4096), b""))
        os.close(ready)
        if of_database:
            _start(home)
        posted = [uuid.UUID(bytes=said[at : at + 16]) for at in range(0, len(said) - 15, 16)]
        answered += len(posted)
        engine = make_engine(url, pool_size=1)
        with transaction(engine) as session:
            assert faults(session) == [], f"after kill {kill}"
            states = {queries.get_entry(session, entry_id).state for entry_id in posted}
            assert states == {"posted"}, f"after kill {kill}"
        engine.dispose()
    assert databases >= KILLS // 4
    assert answered >= KILLS
    engine = make_engine(url, pool_size=1)
    with transaction(engine) as session:
        assert on(fund, session).posted(1).state == "posted"
        assert session.scalar(text("select count(*) from fund_entries where state = 'posted'")) >= answered
    engine.dispose()
