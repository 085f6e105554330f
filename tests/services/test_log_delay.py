"""The worker keeps the published merge delay: what is promised stands under a signed checkpoint within a second,
whatever else the worker has to do; and a standby goes on where it stopped."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gongxin import jobs
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.transparency import merging, queries, rules, service
from gongxin.transparency.verify import State, verify
from gongxin.web.health import Distribution
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


# --- measured -------------------------------------------------------------------------------------------------------


def measured(log: OwnLog) -> tuple[dict[str, float], Distribution]:
    with transaction(log.engine) as session:
        told = merging.measures(session, log.config)
    spread = told.pop("gongxin_log_merge_delay_seconds")[1]
    assert isinstance(spread, Distribution)
    return {name.removeprefix("gongxin_log_"): float(value) for name, (_, value) in told.items()}, spread  # type: ignore[arg-type]


def waited(log: OwnLog, seconds: float) -> None:
    """A leaf that waited so long, in its place; no sequencer saw that nothing waited in between."""
    service._EMPTY_AT.clear()
    log.append(1)
    log.tamper("update log_waiting set since = since - make_interval(secs => :s)", s=seconds)
    log.sequence()


def test_each_leaf_s_wait_is_counted_in_the_histogram_and_the_longest_kept(log: OwnLog) -> None:
    log.fill(3)
    before, _ = measured(log)
    waited(log, 3)
    told, spread = measured(log)
    counts = dict(spread.buckets)
    assert list(counts) == ["0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "60.0", "+Inf"]
    assert (counts["2.5"], counts["10.0"], counts["+Inf"]) == (3, 4, 4)
    assert sorted(counts.values()) == list(counts.values())
    assert (before["merge_delay_late"], told["merge_delay_late"]) == (0, 1)
    assert 3 <= told["merge_delay_longest_seconds"] < 5
    assert 3 <= spread.total < 60


def test_a_wait_counts_from_when_nothing_was_waiting_for_a_leaf_is_promised_at_its_commit(log: OwnLog) -> None:
    """Bulk registrations write their leaves long before they commit."""
    log.append(1)
    log.tamper("update log_waiting set since = since - interval '1 hour'")
    with transaction(log.engine) as session:
        [(now,)] = session.execute(text("select clock_timestamp() - interval '0.2 seconds'")).all()
        queries.integrate(session, 10, now)
    told, _ = measured(log)
    assert 0.2 <= told["merge_delay_longest_seconds"] < 60


def test_a_sequencer_that_stands_still_is_alarmed_while_the_leaf_waits(
    log: OwnLog,
) -> None:
    with transaction(log.engine) as session:
        assert merging.warn_of_delay(session, log.config) == 0
    log.append(1)
    log.tamper("update log_waiting set since = since - interval '2 seconds'")
    told, spread = measured(log)
    assert spread.buckets[-1][1] == 0
    assert told["waiting_oldest_seconds"] >= 2
    assert told["merge_delay_late"] == 1
    with transaction(log.engine) as session:
        assert merging.warn_of_delay(session, log.config) == 1


def test_a_clock_that_jumps_back_makes_no_wait_negative(log: OwnLog) -> None:
    waited(log, -3600)
    told, spread = measured(log)
    assert (told["merge_delay_longest_seconds"], spread.total, dict(spread.buckets)["0.1"]) == (0, 0, 1)


def test_nobody_but_the_queue_writes_the_delays(log: OwnLog) -> None:
    with transaction(log.engine) as session, pytest.raises(DBAPIError) as caught:
        session.execute(text("insert into log_merge_delays values (now(), 1, 1, 1, '{}')"))
    assert getattr(caught.value.orig, "sqlstate", "") == "42501"
