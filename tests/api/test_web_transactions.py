"""One request is one transaction; one Idempotency-Key is one answer."""

import threading
import time
import uuid
from typing import Any

import psycopg.errors as pg
import pytest
from sqlalchemy import text

from tests.api.web_probe import Probe, probe, probe_config

__all__ = ["probe", "probe_config"]


def name() -> str:
    return uuid.uuid4().hex


def test_what_a_view_did_is_kept_once_it_is_answered(probe: Probe) -> None:
    n = name()
    answer = probe.make(n)
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert probe.kept(n) == 1


@pytest.mark.parametrize(("fail", "status"), [("raise", 409), ("answer", 400), ("fault", 500)])
def test_a_refusal_leaves_nothing_however_the_view_says_it(probe: Probe, fail: str, status: int) -> None:
    n = name()
    answer = probe.make(n, fail=fail)
    assert answer.status_code == status
    assert probe.kept(n) == 0
    assert n not in answer.text


def test_a_constraint_that_only_the_commit_meets_gives_409_and_keeps_nothing(probe: Probe) -> None:
    n = name()
    answer = probe.make(n, times=2)
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    assert answer.mimetype == "application/problem+json"
    assert probe.kept(n) == 0


def test_a_commit_that_lost_a_serializable_race_gives_503_and_may_be_repeated(probe: Probe) -> None:
    n = name()

    def isolate(call: Any) -> None:
        call.session.connection().exec_driver_sql("select count(*) from probe.rows")
        raise pg.SerializationFailure("could not serialize access")

    probe.views = [isolate]
    answer = probe.make(n, key=n)
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "busy", "2")
    probe.views = []
    assert probe.make(n, key=n).status_code == 201
    assert probe.kept(n) == 1


def test_two_transactions_that_cannot_be_ordered_do_not_both_succeed(probe: Probe) -> None:
    """A true serialization failure at COMMIT: each reads what the other writes."""
    first, second, both = name(), name(), threading.Barrier(2, timeout=10)

    def read_then_wait(call: Any) -> None:
        call.session.execute(text("select count(*) from probe.rows")).scalar_one()
        both.wait()

    default = probe.engine
    probe.app.extensions["gongxin"].engine = default.execution_options(isolation_level="SERIALIZABLE")
    probe.views = [read_then_wait]
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(probe.make(n))) for n in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201, 503]
    assert probe.kept(first) + probe.kept(second) == 1


@pytest.mark.parametrize("when", ["before", "at"])
def test_a_server_gone_at_commit_is_503_and_never_an_answer(probe: Probe, when: str) -> None:
    n = name()
    if when == "at":
        probe.views = [kill_from_outside(probe)]
    answer = probe.make(n, end_session=when == "before")
    assert (answer.status_code, answer.json["code"]) == (503, "database_unreachable")
    assert answer.headers["Retry-After"] == "2"
    assert probe.kept(n) == 0
    probe.views = []
    assert probe.make(n).status_code == 201


def kill_from_outside(probe: Probe) -> Any:
    def kill(call: Any) -> None:
        pid = call.session.scalar(text("select pg_backend_pid()"))
        with probe.engine.connect() as other:
            other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        time.sleep(0.05)

    return kill


def test_the_same_key_and_body_give_the_same_answer_and_one_record(probe: Probe) -> None:
    n = name()
    first, again = probe.make(n, key="k-1"), probe.make(n, key='"k-1"')
    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    for header in ("ETag", "Location", "Content-Type"):
        assert first.headers[header] == again.headers[header]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert probe.kept(n) == 1


def test_another_body_under_the_same_key_is_refused(probe: Probe) -> None:
    probe.make(name(), key="k-2")
    answer = probe.make(other := name(), key="k-2")
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert probe.kept(other) == 0


def test_another_member_s_same_key_is_its_own(probe: Probe) -> None:
    first, second = name(), name()
    assert probe.make(first, key="k-3").status_code == 201
    answer = probe.make(second, key="k-3", caller=probe.caller())
    assert (answer.status_code, answer.json["name"]) == (201, second)


@pytest.mark.parametrize("fail", ["raise", "answer", "fault"])
def test_a_refusal_is_not_remembered_so_the_same_key_works_once_the_cause_is_mended(probe: Probe, fail: str) -> None:
    n = name()
    assert probe.make(n, key=n, fail=fail).status_code >= 400
    assert probe.make(n, key=n).status_code == 201
    assert probe.kept(n) == 1


def test_a_commit_that_failed_leaves_the_key_free(probe: Probe) -> None:
    n = name()
    assert probe.make(n, key=n, times=2).status_code == 409
    assert probe.make(n, key=n).status_code == 201


def test_a_key_whose_request_still_runs_is_409(probe: Probe) -> None:
    n, started, go_on = name(), threading.Event(), threading.Event()

    def wait(_call: Any) -> None:
        started.set()
        go_on.wait(10)

    probe.views = [wait]
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(probe.make(n, key=n)))
    thread.start()
    assert started.wait(10)
    second = probe.make(n, key=n)
    go_on.set()
    thread.join(10)
    assert (second.status_code, second.json["code"]) == (409, "request_in_progress")
    assert answers[0].status_code == 201
    probe.views = []
    assert probe.make(n, key=n).data == answers[0].data


def test_two_at_the_same_moment_make_one_record(probe: Probe) -> None:
    n, both = name(), threading.Barrier(2, timeout=10)
    answers: list[Any] = []

    def ask() -> None:
        both.wait()
        answers.append(probe.make(n, key=n))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(a.status_code for a in answers) in ([201, 201], [201, 409])
    assert probe.kept(n) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129, '""'])
def test_a_key_that_is_no_key_is_refused(probe: Probe, key: str) -> None:
    answer = probe.call("POST", "/v1/probe", probe.bank, json={"name": name()}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["code"]) == (422, "bad_idempotency_key")


def test_a_member_reads_no_other_s_remembered_answers(probe: Probe) -> None:
    """Row-level security, below any code: the same query as another member finds nothing."""
    probe.make(name(), key="k-4")
    query = text("select count(*) from idempotency_keys where key = 'k-4'")
    with probe.engine.begin() as connection:
        for member, found in ((probe.bank.member_id, 1), (uuid.uuid4(), 0)):
            connection.execute(
                text("select set_config('gongxin.member', :m, true), set_config('gongxin.kind', 'bank', true)"),
                {"m": str(member)},
            )
            assert connection.execute(query).scalar_one() == found
