"""Epochs turn, budgets hold, keys of one data set mean nothing in another."""

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from gongxin.subjects import budgets, queries, service
from gongxin.subjects.models import SubjectEpoch
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime
from tests.conftest import act_for
from tests.services.disclosure_world import World, build, key_of, subject, token


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def runtime(config: Config, engine: Engine) -> Runtime:
    with transaction(engine) as session:
        service.ensure_epochs(session, config)
    return Runtime(config, engine, RateLimiter(config), lambda *_: None)  # type: ignore[arg-type, return-value]


def states(session: Session, data_set: str = "debtor") -> dict[int, str]:
    session.flush()
    rows = session.execute(
        text("select epoch, state from subject_epochs where data_set = :d order by epoch"), {"d": data_set}
    )
    return {row.epoch: row.state for row in rows}


def with_agents_moved(session: Session) -> None:
    """Agents that other tests left behind are known by the second epoch too."""
    session.execute(
        text(
            "insert into agent_keys select agent_id, 2, sha256(subject_key) from agent_keys k where epoch = 1"
            " and not exists (select from agent_keys o where o.agent_id = k.agent_id and o.epoch = 2)"
        )
    )


def test_a_key_turns_from_next_to_live_to_retiring_to_retired(session: Session, config: Config) -> None:
    service.ensure_epochs(session, config)
    service.ensure_epochs(session, config)
    assert states(session, "agent") == {1: "live", 2: "next"}
    service.rotate(session, config, "agent")
    assert states(session, "agent") == {1: "retiring", 2: "live"}
    with pytest.raises(Conflict) as caught:
        service.rotate(session, config, "agent")
    assert caught.value.code == "epoch_still_retiring"
    session.execute(text("set constraints all immediate"))
    with_agents_moved(session)
    service.retire(session, config, "agent", 1)
    assert states(session, "agent") == {1: "retired", 2: "live", 3: "next"}
    assert states(session, "debtor") == {1: "live", 2: "next"}


def test_a_data_set_or_epoch_that_is_not_there_is_not_found(session: Session, config: Config) -> None:
    service.ensure_epochs(session, config)
    with pytest.raises(NotFound):
        service.rotate(session, config, "people")
    with pytest.raises(NotFound):
        service.retire(session, config, "debtor", 40)
    with pytest.raises(Conflict):
        service.retire(session, config, "debtor", 1)


def test_an_epoch_is_kept_while_an_open_case_is_known_by_it_alone(
    session: Session, config: Config, world: World
) -> None:
    bank, tok = world.member("bank"), token()
    case = world.case(bank, tok)
    service.ensure_epochs(session, config)
    service.rotate(session, config, "debtor")
    with pytest.raises(Conflict) as caught:
        service.retire(session, config, "debtor", 1)
    assert caught.value.code == "epoch_in_use"
    before = queries.count_unmoved(session, "debtor", 1)
    world.connection.execute(
        text("insert into case_keys (case_id, epoch, subject_key) values (:c, 2, :k)"),
        {"c": case, "k": key_of(config, tok, 2)},
    )
    assert queries.count_unmoved(session, "debtor", 1) == before - 1


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("update subject_epochs set state = 'next' where state = 'live'", "subject_epochs_forward"),
        ("update subject_epochs set state = 'retired' where state = 'live'", "subject_epochs_forward"),
        (
            "insert into subject_epochs (data_set, epoch, public_key, sealed_secret, state)"
            " select data_set, 90, public_key, sealed_secret, 'live' from subject_epochs where state = 'live'",
            "ix_subject_epochs_one_live",
        ),
        (
            "insert into subject_epochs (data_set, epoch, public_key, sealed_secret, state)"
            " select data_set, 90, public_key, sealed_secret, 'retiring' from subject_epochs where state = 'live'",
            "ex_subject_epochs_one_other",
        ),
    ],
)
def test_the_database_refuses_epochs_out_of_order(session: Session, config: Config, sql: str, constraint: str) -> None:
    service.ensure_epochs(session, config)
    session.execute(text("set constraints all immediate"))
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(sql))
    assert constraint in str(caught.value.orig)


@pytest.mark.parametrize("sql", ["delete from subject_epochs", "update subject_epochs set public_key = '\\x00'"])
def test_the_web_role_cannot_delete_an_epoch_or_change_its_key(session: Session, config: Config, sql: str) -> None:
    service.ensure_epochs(session, config)
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(sql))
    assert "permission denied" in str(caught.value.orig)


def test_a_member_s_request_cannot_make_or_turn_keys(session: Session, config: Config, world: World) -> None:
    service.ensure_epochs(session, config)
    bank = world.member("bank")
    act_for(session, bank.member_id, "bank")
    moved = session.execute(text("update subject_epochs set state = 'retiring' where state = 'live' returning 1"))
    assert moved.all() == []
    session.add(SubjectEpoch(data_set="other", epoch=1, public_key=bytes(32), sealed_secret=b"", state="live"))
    with pytest.raises(DBAPIError) as caught:
        session.flush()
    assert "row-level security" in str(caught.value.orig)


def test_the_same_token_has_another_key_in_another_epoch_and_data_set(config: Config) -> None:
    tok = bytes(range(32))
    keys = {service.subject_key(config, data_set, epoch, tok) for data_set in ("debtor", "agent") for epoch in (1, 11)}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
    assert tok not in keys


def test_a_subject_field_becomes_keys_under_the_open_epochs(runtime: Runtime, session: Session, config: Config) -> None:
    tok = token()
    for source in (runtime, session):
        assert service.parse_subject(config, source, subject(tok)) == [(1, key_of(config, tok))]
    with pytest.raises(Invalid) as caught:
        service.parse_subject(config, runtime, subject(tok, 2), complete=True, pointer="/items/3/subject")
    assert (caught.value.code, caught.value.pointer) == ("epoch_missing", "/items/3/subject")


# --- budgets --------------------------------------------------------------------------------------------------------


def used(world: World, member: Any, purpose: str) -> int:
    found = world.connection.execute(
        text("select used from budget_uses where member_id = :m and purpose = :p"),
        {"m": member.member_id, "p": purpose},
    ).scalar()
    return found or 0


def test_a_small_budget_is_exact_and_over_it_comes_the_time_to_wait(runtime: Runtime, world: World) -> None:
    agency = world.member("agency", budgets={"contact": 3})
    for _ in range(3):
        budgets.take(runtime, agency, "contact", 1)
    with pytest.raises(TooMany) as caught:
        budgets.take(runtime, agency, "contact", 1)
    assert caught.value.code == "budget_exceeded"
    assert 1 <= caught.value.retry_after <= 86_401
    assert used(world, agency, "contact") == 3


def test_a_process_leases_a_twentieth_and_asks_the_database_again_only_then(runtime: Runtime, world: World) -> None:
    agency = world.member("agency", budgets={"contact": 200})
    budgets.take(runtime, agency, "contact", 1)
    assert used(world, agency, "contact") == 10
    for _ in range(9):
        budgets.take(runtime, agency, "contact", 1)
    assert used(world, agency, "contact") == 10
    budgets.take(runtime, agency, "contact", 50)
    assert used(world, agency, "contact") == 60


def test_a_batch_that_does_not_fit_takes_nothing_of_the_budget(runtime: Runtime, world: World) -> None:
    agency = world.member("agency", budgets={"contact": 10})
    with pytest.raises(TooMany):
        budgets.take(runtime, agency, "contact", 11)
    assert used(world, agency, "contact") == 0
    budgets.take(runtime, agency, "contact", 10)


def test_many_threads_and_two_processes_never_pass_the_budget(
    runtime: Runtime, config: Config, engine: Engine, world: World
) -> None:
    agency = world.member("agency", budgets={"contact": 40})
    other = Runtime(config, engine, runtime.limiter, runtime.authenticate)
    passed: list[int] = []

    def ask(through: Runtime) -> None:
        for _ in range(20):
            try:
                budgets.take(through, agency, "contact", 1)
                passed.append(1)
            except TooMany:
                pass

    threads = [threading.Thread(target=ask, args=(through,)) for through in (runtime, other, runtime)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 36 <= len(passed) <= 40
    assert used(world, agency, "contact") == 40


def test_evaluations_have_ten_times_the_look_ups_unless_the_agreement_says_otherwise(
    runtime: Runtime, world: World
) -> None:
    plain = world.member("bank", budgets={"contact": 2, "placement": 3})
    assert budgets.terms(runtime, plain).limit("evaluation") == 50
    named = world.member("bank", budgets={"contact": 2, "evaluation": 7})
    assert budgets.terms(runtime, named).limit("evaluation") == 7
    with pytest.raises(TooMany):
        budgets.take(runtime, named, "evaluation", 8)


def test_without_an_agreement_nothing_is_allowed(runtime: Runtime, world: World) -> None:
    bank = world.member("bank")
    stranger = type(bank)(**{name: getattr(bank, name) for name in bank.__slots__} | {"member_id": bank.client_id})
    with pytest.raises(Forbidden) as caught:
        budgets.take(runtime, stranger, "contact", 1)
    assert caught.value.code == "no_agreement"


def test_the_day_ends_at_midnight_in_china() -> None:
    late = datetime(2026, 11, 24, 23, 59, 30, tzinfo=clock.SHANGHAI)
    assert budgets.seconds_to_midnight(late) == 31


def test_a_member_sees_its_own_budget_only_and_no_count_ever_falls(
    session: Session, runtime: Runtime, world: World
) -> None:
    one, two = world.member("bank"), world.member("bank")
    budgets.take(runtime, one, "contact", 1)
    budgets.take(runtime, two, "contact", 1)
    act_for(session, one.member_id, "bank")
    assert session.scalars(text("select distinct member_id from budget_uses")).all() == [one.member_id]
    with pytest.raises(DBAPIError) as caught:
        session.execute(text("update budget_uses set used = 0"))
    assert "budget_uses_grow" in str(caught.value.orig) or "only grows" in str(caught.value.orig)
