"""The worker: one leads, another stands by; a job that fails does not stop the rest."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gongxin import jobs
from gongxin.config import Config
from gongxin.jobs import Job

DEADLINE = 10.0


@pytest.fixture
def crew(engine: Engine, config: Config) -> Iterator["Crew"]:
    crew = Crew(engine, config)
    yield crew
    crew.dismiss()


class Crew:
    """Workers as threads, each with its own stop."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self.engine, self.config = engine, config
        self.hired: list[tuple[threading.Event, threading.Thread]] = []

    def hire(self, *work: Job) -> threading.Event:
        stop = threading.Event()
        thread = threading.Thread(target=jobs.work, args=(self.engine, self.config, stop, work))
        thread.start()
        self.hired.append((stop, thread))
        return stop

    def dismiss(self) -> None:
        for stop, _ in self.hired:
            stop.set()
        for _, thread in self.hired:
            thread.join(DEADLINE)
            assert not thread.is_alive()


def until(wanted: threading.Event) -> None:
    assert wanted.wait(DEADLINE)


def test_one_worker_leads_and_a_standby_takes_over_when_it_stops(crew: Crew) -> None:
    first, second = threading.Event(), threading.Event()
    leader = crew.hire(Job("first", 0.05, lambda *_: first.set() or 0))
    until(first)
    crew.hire(Job("second", 0.05, lambda *_: second.set() or 0))
    assert not second.wait(0.5)
    leader.set()
    until(second)


def test_a_job_that_fails_is_tried_again_and_does_not_stop_the_others(crew: Crew) -> None:
    tries: list[float] = []
    again, other = threading.Event(), threading.Event()

    def fail(_session: Session, _config: Config) -> int:
        tries.append(time.monotonic())
        if len(tries) > 1:
            again.set()
        raise ValueError("a fault of the job")

    crew.hire(Job("fails", 0.05, fail), Job("other", 0.05, lambda *_: other.set() or 0))
    until(other)
    until(again)


def test_a_worker_that_lost_its_lease_lets_another_lead(crew: Crew, owner_engine: Engine, engine: Engine) -> None:
    started = threading.Event()
    crew.hire(Job("any", 0.05, lambda *_: started.set() or 0))
    until(started)
    with engine.connect() as connection:
        held = text(
            "select pid from pg_locks where locktype = 'advisory' and objid = 7203492 and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        pid = connection.execute(held).scalar_one()
        connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
    started.clear()
    until(started)


def test_full_portions_follow_one_another_at_once(engine: Engine, config: Config) -> None:
    left = [25]

    def take(_session: Session, _config: Config) -> int:
        taken = min(10, left[0])
        left[0] -= taken
        return taken

    assert jobs.run_once(engine, config, Job("takes", 60, take, portion=10)) == 25


def test_a_portion_that_fails_leaves_nothing_half_done(engine: Engine, config: Config) -> None:
    def half(session: Session, _config: Config) -> int:
        session.execute(
            text("insert into lookups_pending (lookup_id, member_id) values (gen_random_uuid(), :m)"), {"m": MARK}
        )
        raise OperationalError("", {}, Exception())

    with pytest.raises(OperationalError):
        jobs.run_once(engine, config, Job("half", 60, half))
    with engine.connect() as connection, connection.begin():
        connection.execute(
            text("select set_config('gongxin.kind', 'registry', true), set_config('gongxin.member', :m, true)"),
            {"m": MARK},
        )
        assert connection.scalar(text("select count(*) from lookups_pending where member_id = :m"), {"m": MARK}) == 0


MARK = "00000000-0000-7000-8000-00000000000a"
