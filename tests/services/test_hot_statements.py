"""Statements of the hottest paths: a thread's own connection, parameters by libpq, a lost server."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine

from gongxin.db import make_engine, one_statement, one_value
from gongxin.errors import Unavailable

PID = b"select pg_backend_pid()"


@pytest.fixture
def hot(web_url: str) -> Iterator[Engine]:
    engine = make_engine(web_url, pool_size=2)
    yield engine
    engine.dispose()


def in_thread(engine: Engine) -> bytes:
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(one_value(engine, PID, ())))
    thread.start()
    thread.join()
    return found[0]


def test_parameters_arrive_as_they_were(hot: Engine) -> None:
    some, at = uuid.uuid4(), datetime(2026, 11, 24, 1, 2, 3, 4, tzinfo=UTC)
    for statement, value, said in (
        (b"select $1::uuid", some, str(some).encode()),
        (b"select $1::timestamptz", at, b"2026-11-24 01:02:03.000004+00"),
        (b"select encode($1::bytea, 'hex')", b"\x00\xff\\'", b"00ff5c27"),
        (b"select $1::integer[]", [3, -1], b"{3,-1}"),
        (b"select $1::integer[]", [], b"{}"),
        (b"select coalesce($1::text, 'null')", None, b"null"),
        (b"select $1::text", "案件'\\", "案件'\\".encode()),
        (b"select $1::integer + 1", 41, b"42"),
    ):
        assert one_value(hot, statement, (value,)) == said


def test_a_thread_keeps_its_connection_and_each_has_its_own(hot: Engine) -> None:
    mine = one_value(hot, PID, ())
    assert one_value(hot, PID, ()) == mine
    assert str(one_statement(hot, PID, ())[0]).encode() == mine
    assert in_thread(hot) != mine


def test_a_lost_server_fails_one_request_and_not_one_in_each_thread(hot: Engine) -> None:
    go, done, others = threading.Event(), threading.Barrier(3), []

    def wait_and_ask() -> None:
        one_value(hot, PID, ())
        done.wait(10)
        go.wait(10)
        others.append(one_value(hot, PID, ()))

    threads = [threading.Thread(target=wait_and_ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    one_value(hot, PID, ())
    done.wait(10)
    with hot.connect() as connection:
        connection.exec_driver_sql(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = current_user and datname = current_database() and pid <> pg_backend_pid()"
            " and query = 'select pg_backend_pid()'"
        )
    with pytest.raises(Unavailable) as caught:
        one_value(hot, PID, ())
    assert caught.value.code == "database_unreachable"
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(others) == 2
    one_value(hot, PID, ())


def test_what_the_database_could_not_do_in_time_is_busy_and_the_connection_stays(hot: Engine) -> None:
    mine = one_value(hot, PID, ())
    one_statement(hot, b"select set_config('statement_timeout', '50', false)", ())
    with pytest.raises(Unavailable) as caught:
        one_value(hot, b"select pg_sleep(5)::text", ())
    assert caught.value.code == "busy"
    assert one_value(hot, PID, ()) == mine


def test_a_fault_of_the_statement_is_told_as_such_and_the_connection_stays(hot: Engine) -> None:
    mine = one_value(hot, PID, ())
    with pytest.raises(psycopg.DataError):
        one_value(hot, b"select $1::uuid", ("no uuid",))
    with pytest.raises(psycopg.errors.UndefinedTable):
        one_value(hot, b"select 1 from nowhere", ())
    assert one_value(hot, PID, ()) == mine
