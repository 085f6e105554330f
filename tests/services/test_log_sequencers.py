"""Many sequencers at once, and sequencers killed at any instruction: neither gap nor fork."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gongxin.config import Config
from gongxin.db import make_engine, transaction
from gongxin.transparency import queries, service
from gongxin.transparency.verify import State, verify
from gongxin_wire import merkle
from tests.services.log_world import OwnLog, own_log

KILLS = 200
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def log(server: str, config: Config) -> Iterator[OwnLog]:
    with own_log(server, config) as made:
        yield made


def sequencer(config: Config, seed: int, appends: bool, connected: int) -> None:
    """A registry process that appends and sequences for ever, once it has told that it is connected."""
    engine, chance = make_engine(config.database_url, pool_size=1), random.Random(seed)
    with engine.connect():
        os.write(connected, b".")
    while True:
        if appends:
            with transaction(engine) as session:
                service.append_many(session, kind="epoch", records=[{"n": n} for n in range(chance.randrange(1, 90))])
        with transaction(engine) as session:
            service.sequence(session, config, chance.choice([7, 100, 5000]))


def holds(log: OwnLog) -> State:
    """Nothing missing, nothing twice, every checkpoint and every tile that of the one tree; and each signed tree begins
    the next."""
    state = State()
    verify(log.engine, state)
    with transaction(log.engine) as session:
        hashes = session.execute(text("select leaf_hash from log_leaves order by leaf_index")).scalars().all()
        signed = queries.checkpoints_between(session, -1, len(hashes))
    assert merkle.root(hashes) == signed[-1].root
    assert signed[-1].size == len(hashes)
    edge, at = merkle.Edge(), 0
    for checkpoint in signed:
        for each in hashes[at : checkpoint.size]:
            edge.add(each)
        at = checkpoint.size
        assert edge.root() == checkpoint.root
    return state


def test_sequencers_killed_at_any_instruction_leave_neither_gap_nor_fork(log: OwnLog) -> None:
    chance = random.Random(20261124)
    promised = log.append(50)
    began = time.monotonic()
    told, connected = os.pipe()
    for kill in range(KILLS):
        rivals = [
            FORK.Process(target=sequencer, args=(log.config, kill * 2 + n, n == 0, connected), daemon=True)
            for n in range(2)
        ]
        for rival in rivals:
            rival.start()
        for _ in rivals:
            os.read(told, 1)
        # Past the connecting, then anywhere: between statements, inside one, before and after the commit.
        time.sleep(chance.random() * 0.06)
        for rival in rivals:
            os.kill(rival.pid or 0, signal.SIGKILL)
        for rival in rivals:
            rival.join(10)
    os.close(told)
    os.close(connected)
    print(f"{KILLS} rounds of two in {time.monotonic() - began:.0f} s")
    _wait_for_the_dead(log)
    while log.sequence():
        pass
    state = holds(log)
    assert state.edge.size > KILLS
    assert state.checkpoints > 30
    with transaction(log.engine) as session:
        assert queries.waiting_count(session) == 0
        assert all(queries.find_leaf(session, promise.leaf_id) for promise in promised)


def _wait_for_the_dead(log: OwnLog) -> None:
    """A killed client's backend ends when it next speaks to it; its transaction is rolled back then."""
    query = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    for _ in range(100):
        with log.owner.connect() as connection:
            others = connection.execute(text(query + " and usename = 'gongxin_web' and state <> 'idle'")).scalar()
        if not others:
            return
        time.sleep(0.1)
    raise AssertionError("a dead client's backend is still at work")


def test_many_sequencers_at_once_give_every_leaf_one_place(log: OwnLog) -> None:
    promised = log.append(3000)
    start = FORK.Barrier(5)

    def run(config: Config, seed: int) -> None:
        engine, chance = make_engine(config.database_url, pool_size=1), random.Random(seed)
        start.wait()
        while True:
            with transaction(engine) as session:
                service.sequence(session, config, chance.randrange(1, 200))
            with transaction(engine) as session:
                if not queries.waiting_count(session):
                    os._exit(0)

    rivals = [FORK.Process(target=run, args=(log.config, n), daemon=True) for n in range(5)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(60)
    assert [rival.exitcode for rival in rivals] == [0] * 5
    holds(log)
    with transaction(log.engine) as session:
        places = [queries.find_leaf(session, promise.leaf_id) for promise in promised]
    assert len({leaf.leaf_index for leaf in places if leaf is not None}) == len(promised)


def test_a_sequencer_that_finds_another_at_work_leaves_at_once(log: OwnLog) -> None:
    log.append(10)
    with transaction(log.engine) as first:
        assert service.sequence(first, log.config) == 10
        with transaction(log.engine) as second:
            assert service.sequence(second, log.config) == 0
    holds(log)


def test_a_sequencing_that_is_rolled_back_has_not_been(log: OwnLog) -> None:
    promised = log.append(10)

    def killed() -> None:
        with transaction(log.engine) as session:
            service.sequence(session, log.config)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    with transaction(log.engine) as session:
        assert all(queries.find_waiting(session, promise.leaf_id) for promise in promised)
    assert log.sequence() == 10
    holds(log)


def test_a_leaf_whose_transaction_ends_late_is_not_passed_over(log: OwnLog) -> None:
    """It has the smaller identifier and becomes visible after larger ones have their places."""
    with transaction(log.engine) as late:
        (waiting,) = service.append_many(late, kind="epoch", records=[{"late": True}])
        later = log.append(5)
        log.sequence()
    log.sequence()
    with transaction(log.engine) as session:
        placed = queries.find_leaf(session, waiting.leaf_id)
        others = [queries.find_leaf(session, promise.leaf_id) for promise in later]
    assert placed is not None
    assert all(other is not None and other.leaf_index < placed.leaf_index for other in others)
    holds(log)
