"""What the database does and refuses by itself about badges, each constraint violated once and named."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin.access import service as access
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.subjects import service as subjects
from tests.services.agents_world import committed
from tests.services.disclosure_world import World, build
from tests.services.members_world import refused_by

_BADGE = (
    "insert into badges (id, agent_id, agency_id, list_no, idx, kid, level, code, issued_at, expires_at, issued_by)"
    " values (gen_random_uuid(), :agent, {agency}, {list_no}, {idx}, {kid}, {level}, {code}, now(), {expires_at},"
    " {issued_by})"
)
_KEY = "(select kid from registry_keys where use = '{}' and retired_at is null)"
_GOOD = {
    "agency": ":agency", "list_no": "9000", "idx": "1048575", "kid": _KEY.format("badge"), "level": "'basic'",
    "code": "'GXB1:7'", "expires_at": "now() + interval '1 day'", "issued_by": "'operator'",
}  # fmt: skip


@pytest.fixture
def owner(engine: Engine, owner_engine: Engine, config: Config) -> Iterator[tuple[Session, Any, World]]:
    """Past the grants and row-level security, over a licensed agent; constraints and triggers hold all the same."""
    with transaction(engine) as opened:
        subjects.ensure_epochs(opened, config)
        access.ensure_registry_keys(opened, config)
    for world in build(owner_engine, config):
        with committed(engine, config, world) as office:
            agent = office.licensed()
        with owner_engine.connect() as connection:
            outer = connection.begin()
            yield Session(connection, join_transaction_mode="create_savepoint"), agent, world
            outer.rollback()


def put(session: Session, agent: Any, **change: str) -> None:
    session.execute(text(_BADGE.format(**_GOOD | change)), {"agent": agent.id, "agency": agent.agency_id})


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"list_no": "10000"}, "ck_badges_list_no"),
        ({"idx": "1048576"}, "ck_badges_idx"),
        ({"level": "'master'"}, "ck_badges_level"),
        ({"code": "'GXB1:a'"}, "ck_badges_code"),
        ({"code": "'GXB1:' || repeat('A', 415)"}, "ck_badges_code"),
        ({"expires_at": "now()"}, "ck_badges_expires_at"),
        ({"issued_by": "''"}, "ck_badges_issued_by"),
        ({"expires_at": "now() + interval '50 years'"}, "badges_licensed"),
        ({"agency": "(select id from members where id <> :agency limit 1)"}, "badges_licensed"),
        ({"kid": _KEY.format("receipt")}, "badges_key"),
    ],
)
def test_a_badge_is_whole_and_for_a_licence_in_force(owner: Any, change: dict[str, str], constraint: str) -> None:
    session, agent, _ = owner
    sql = _BADGE.format(**_GOOD | change)
    assert refused_by(session, sql, agent=agent.id, agency=agent.agency_id) == constraint


def test_one_badge_in_force_an_agent_and_one_badge_a_place(owner: Any) -> None:
    session, agent, _ = owner
    put(session, agent)
    given = {"agent": agent.id, "agency": agent.agency_id}
    assert refused_by(session, _BADGE.format(**_GOOD | {"idx": "7"}), **given) == "ix_badges_one_in_force"
    session.execute(
        text("update badges set ended_at = now(), ended_as = 'withdrawn' where agent_id = :a"), {"a": agent.id}
    )
    assert refused_by(session, _BADGE.format(**_GOOD), **given) == "uq_badges_list_no_idx"


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("delete from badges where agent_id = :id", "badges_guard"),
        ("update badges set idx = 3, ended_at = now(), ended_as = 'withdrawn' where agent_id = :id", "badges_guard"),
        ("update badges set expires_at = now() + interval '2 days' where agent_id = :id", "badges_guard"),
        ("update badges set ended_at = now() where agent_id = :id", "ck_badges_ended"),
        ("update badges set ended_at = now(), ended_as = 'forgotten' where agent_id = :id", "ck_badges_ended"),
    ],
)
def test_a_badge_changes_by_its_end_alone(owner: Any, sql: str, constraint: str) -> None:
    session, agent, _ = owner
    put(session, agent)
    assert refused_by(session, sql, id=agent.id) == constraint


def test_an_end_is_for_good(owner: Any) -> None:
    session, agent, _ = owner
    put(session, agent)
    session.execute(
        text("update badges set ended_at = now(), ended_as = 'withdrawn' where agent_id = :a"), {"a": agent.id}
    )
    again = "update badges set ended_at = null, ended_as = null where agent_id = :id"
    assert refused_by(session, again, id=agent.id) == "badges_guard"


@pytest.mark.parametrize(
    ("change", "ended_as"),
    [
        ("state = 'revoked'", "revoked"),
        ("state = 'expired'", "expired"),
        ("state = 'surrendered'", "surrendered"),
        ("state = 'applied'", "lapsed"),
        ("agency_id = (select id from members where id <> agents.agency_id limit 1)", "transferred"),
        ("valid_until = valid_from", "term_changed"),
        ("state = 'suspended'", None),
        ("released = true", None),
    ],
)
def test_whatever_moves_the_agent_ends_the_badge_in_the_same_statement(
    owner: Any, change: str, ended_as: str | None
) -> None:
    """Not by a verb: by plain SQL of the tables' owner, as a path that nobody thought of would."""
    session, agent, _ = owner
    put(session, agent, expires_at="now() + interval '30 days'")
    session.execute(text(f"update agents set {change}, version = version + 1 where id = :id"), {"id": agent.id})
    ended = session.execute(text("select ended_as from badges where agent_id = :id"), {"id": agent.id}).scalar_one()
    assert ended == ended_as


def status(session: Session) -> int:
    """Of the place that `put` fills; 0 where the list says nothing of it."""
    rows = session.execute(
        text("select idx, status from badge_statuses(9000, now(), (now() at time zone 'Asia/Shanghai')::date)")
    )
    found = {row.idx: row.status for row in rows}
    standing = session.execute(
        text("select status from badge_standing(9000, 1048575, (now() at time zone 'Asia/Shanghai')::date)")
    ).scalar_one()
    assert found.get(1_048_575, 0) == standing, "the list and the online check say the same"
    assert isinstance(standing, int)
    return standing


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("update agents set released = true, version = version + 1 where id = :agent", 0),
        ("update agents set state = 'suspended', version = version + 1 where id = :agent", 2),
        ("update agents set state = 'revoked', version = version + 1 where id = :agent", 1),
        ("update badges set ended_at = now(), ended_as = 'withdrawn' where agent_id = :agent", 1),
    ],
)
def test_the_list_and_the_online_check_say_the_same(owner: Any, sql: str, expected: int) -> None:
    session, agent, _ = owner
    put(session, agent)
    assert status(session) == 0
    session.execute(text(sql), {"agent": agent.id})
    assert status(session) == expected


def test_an_agency_that_is_not_in_good_standing_suspends_its_peoples_badges(owner: Any) -> None:
    session, agent, _ = owner
    put(session, agent)
    session.execute(text("alter table members disable trigger user"))
    session.execute(text("update members set state = 'suspended' where id = :id"), {"id": agent.agency_id})
    assert status(session) == 2


def test_a_licence_past_its_last_day_suspends_before_any_job_has_run(owner: Any) -> None:
    session, agent, _ = owner
    put(session, agent)
    session.execute(text("alter table agents disable trigger user"))
    session.execute(
        text("update agents set valid_from = valid_from - 9, valid_until = valid_from - 1 where id = :id"),
        {"id": agent.id},
    )
    assert status(session) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "update badge_lists set issued_at = issued_at where list_no = 9000",
        "update badge_lists set issued_at = issued_at - 1, as_jwt = 'x', as_cwt = '' where list_no = 9000",
        "update badge_lists set issued_at = issued_at + 1, as_jwt = null, as_cwt = null where list_no = 9000",
        "delete from badge_lists where list_no = 9000",
    ],
)
def test_a_published_list_never_goes_back(owner: Any, sql: str) -> None:
    session, agent, _ = owner
    put(session, agent)
    session.execute(
        text(
            "update badge_lists set issued_at = 7, kid = "
            + _KEY.format("badge")
            + ", as_jwt = 'x', as_cwt = '' where list_no = 9000"
        )
    )
    assert refused_by(session, sql) == "badge_lists_forward"


def test_a_list_is_whole(owner: Any) -> None:
    session, agent, _ = owner
    put(session, agent)
    half = "update badge_lists set issued_at = 7, as_jwt = 'x' where list_no = 9000"
    assert refused_by(session, half) == "ck_badge_lists_whole"
    assert refused_by(session, "insert into badge_lists (list_no, issued_at) values (0, 0)") == "ck_badge_lists_list_no"
    twice = "insert into badge_lists (list_no, issued_at) values (9000, 0)"
    assert refused_by(session, twice) == "pk_badge_lists"
