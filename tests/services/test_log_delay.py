"""The worker keeps the published merge delay: what is promised stands under a signed checkpoint within a second,
whatever else the worker has to do; and a standby goes on where it stopped."""

import threading
import time
from collections.abc import Iterator

import pytest

from gongxin import jobs
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.transparency import queries, rules
from gongxin.transparency.verify import State, verify
from tests.services.log_world import OwnLog, own_log

WAIT = 15.0


@pytest.fixture
def log(server: str, config: Config) -> Iterator[OwnLog]:
    with own_log(server, config) as made:
        yield made


def delay(log: OwnLog) -> float:
    """Seconds from a promise, committed, to a signed checkpoint over it."""
    (promise,) = log.append(1)
    started = time.monotonic()
    while time.monotonic() - started < WAIT:
        with transaction(log.engine) as session:
            leaf = queries.find_leaf(session, promise.leaf_id)
            if leaf is not None and queries.size_of(session) > leaf.leaf_index:
                return time.monotonic() - started
        time.sleep(0.01)
    raise AssertionError("the leaf still waits")


def test_a_promise_is_kept_within_the_merge_delay_while_another_job_takes_its_time(log: OwnLog) -> None:
    stop, busy = threading.Event(), threading.Event()

    def slow(*_: object) -> int:
        busy.set()
        stop.wait(WAIT)
        return 0

    others = threading.Thread(target=jobs.work, args=(log.engine, log.config, stop, [jobs.Job("slow", 1, slow)]))
    others.start()
    sequencer = jobs.work_beside(log.engine, log.config, stop)
    try:
        assert busy.wait(WAIT)
        delay(log)  # the sequencer has begun
        taken = sorted(delay(log) for _ in range(9))
        assert taken[4] <= rules.MAX_MERGE_DELAY_SECONDS, taken
    finally:
        stop.set()
        others.join(WAIT)
        sequencer.join(WAIT)
    verify(log.engine, State())


def test_where_one_sequencer_stops_another_goes_on(log: OwnLog) -> None:
    stops = [threading.Event(), threading.Event()]
    crew = [jobs.work_beside(log.engine, log.config, stop) for stop in stops]
    try:
        for stop in stops:
            delay(log)
            if stop is stops[0]:
                stop.set()
                crew[0].join(WAIT)
        delay(log)
    finally:
        stops[1].set()
        crew[1].join(WAIT)
    state = State()
    verify(log.engine, state)
    assert state.edge.size == 3
