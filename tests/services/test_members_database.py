"""What the database refuses by itself about members, each constraint violated once and named."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.members import rules
from gongxin_wire.identifiers import synthetic_uscc
from tests.services.members_world import REAL_USCC, apply, named, new_code, refused_by

_MEMBER = "insert into members (id, kind, name_zh, name_en, uscc, court_code) values (:id, "


@pytest.mark.parametrize(
    ("values", "uscc", "constraint"),
    [
        ("'debtor', '名', null, :uscc, null)", new_code, "ck_members_kind"),
        ("'bank', '', null, :uscc, null)", new_code, "ck_members_names"),
        ("'bank', '名', '', :uscc, null)", new_code, "ck_members_names"),
        ("'bank', '名', null, :uscc, '沪0115')", new_code, "ck_members_court_code"),
        ("'court', '名', null, :uscc, null)", new_code, "ck_members_court_code"),
        ("'bank', '名', null, :uscc, null)", lambda: new_code("I"), "ck_members_uscc"),
        ("'bank', '名', null, :uscc, null)", lambda: new_code()[:17], "ck_members_uscc"),
    ],
)
def test_the_database_refuses_an_institution_that_is_not_one(
    session: Session, values: str, uscc: Callable[[], str], constraint: str
) -> None:
    assert refused_by(session, _MEMBER + values, id=ids.new_id(), uscc=uscc()) == constraint


def test_the_database_takes_each_code_and_each_sitting_court_once(session: Session) -> None:
    court = apply(session, "court")
    again = _MEMBER + "'court', '名', null, :uscc, :court)"
    assert refused_by(session, again, id=ids.new_id(), uscc=court.uscc, court="试") == "uq_members_uscc"
    taken = {"id": ids.new_id(), "uscc": new_code(), "court": court.court_code}
    assert refused_by(session, again, **taken) == "ix_members_court_code"


def test_the_database_knows_the_check_character_as_the_rules_do(session: Session) -> None:
    valid = text("select uscc_is_valid(:code)")
    for number in range(0, 999_999_999, 31_234_567):
        code = synthetic_uscc(number)
        assert session.scalar(valid, {"code": code}) is True
        for last in rules.identifiers.USCC_ALPHABET.replace(code[17], ""):
            assert session.scalar(valid, {"code": code[:17] + last}) is False


def test_a_real_institution_does_not_enter_a_registry_of_test_ones(session: Session) -> None:
    apply(session)
    values = "'bank', '名', null, :uscc, null)"
    session.execute(text("set constraints members_one_world immediate"))
    assert refused_by(session, _MEMBER + values, id=ids.new_id(), uscc=REAL_USCC) == "members_one_world"


@pytest.fixture
def owner(owner_engine: Engine) -> Any:
    """Past the grants and row-level security; constraints and triggers hold all the same."""
    with owner_engine.connect() as connection:
        outer = connection.begin()
        yield connection
        outer.rollback()


def owner_refused_by(owner: Connection, sql: str, **values: Any) -> str:
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text(sql), values)
    return named(caught.value)


def made_by_owner(owner: Connection, state: str = "active") -> uuid.UUID:
    found = ids.new_id()
    owner.execute(
        text("insert into members (id, kind, name_zh, uscc, state) values (:id, 'bank', '名', :uscc, :state)"),
        {"id": found, "uscc": new_code(), "state": state},
    )
    return found


@pytest.mark.parametrize(
    ("state", "sql", "constraint"),
    [
        ("active", "update members set state = 'applied' where id = :id", "members_transition"),
        ("applied", "update members set state = 'suspended' where id = :id", "members_transition"),
        ("left", "update members set state = 'active' where id = :id", "members_transition"),
        ("active", "update members set kind = 'agency' where id = :id", "members_identity"),
        ("active", "update members set created_at = now() - interval '1 day' where id = :id", "members_identity"),
        ("active", "delete from members where id = :id", "members_identity"),
        ("active", "update members set state = 'gone' where id = :id", "members_transition"),
    ],
)
def test_not_even_the_owner_of_the_tables_rewrites_a_member(
    owner: Connection, state: str, sql: str, constraint: str
) -> None:
    assert owner_refused_by(owner, sql, id=made_by_owner(owner, state)) == constraint


def test_a_member_is_in_a_known_state_from_the_beginning(owner: Connection) -> None:
    with pytest.raises(DBAPIError) as caught:
        made_by_owner(owner, "gone")
    assert named(caught.value) == "ck_members_state"


_CHANGE = "insert into member_changes values (:change, :id, {}, now())"


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ("'active', 'suspended', '', 'lin'", "ck_member_changes_reason"),
        ("'active', 'suspended', 'x', ''", "ck_member_changes_changed_by"),
        ("'active', 'active', 'x', 'lin'", "ck_member_changes_moves"),
        ("'applied', 'active', 'x', 'lin'", "member_changes_previous"),
        ("'active', 'applied', 'x', 'lin'", "members_transition"),
    ],
)
def test_a_change_is_whole_and_begins_where_the_member_is(owner: Connection, row: str, constraint: str) -> None:
    member = made_by_owner(owner)
    assert owner_refused_by(owner, _CHANGE.format(row), id=member, change=ids.new_id()) == constraint
    assert owner.scalar(text("select state from members where id = :id"), {"id": member}) == "active"


def test_history_and_agreements_are_never_rewritten(owner: Connection) -> None:
    member = made_by_owner(owner)
    row = "'active', 'suspended', 'x', 'lin'"
    owner.execute(text(_CHANGE.format(row)), {"id": member, "change": ids.new_id()})
    owner.execute(text(_AGREEMENT), _agreement(member))
    for table, column in (("member_changes", "reason"), ("agreements", "version")):
        for sql in (f"update {table} set {column} = {column}", f"delete from {table}"):
            refused = owner_refused_by(owner, f"{sql} where member_id = :id", id=member)
            assert refused == f"append_only_{table}"


_AGREEMENT = (
    "insert into agreements (id, member_id, version, purposes, data_types, budgets, contacts, effective_from) values"
    " (:agreement, :member, :version, cast(:purposes as jsonb), cast(:data_types as jsonb), cast(:budgets as jsonb),"
    " cast(:contacts as jsonb), :effective_from)"
)


def _agreement(member: uuid.UUID, **change: Any) -> dict[str, Any]:
    return {
        "agreement": ids.new_id(),
        "member": member,
        "version": 1,
        "purposes": '["contact"]',
        "data_types": "[]",
        "budgets": '{"contact": 1, "evaluation": 0}',
        "contacts": "{}",
        "effective_from": clock.now(),
    } | change


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"version": 2}, "agreements_version"),
        ({"version": 0}, "agreements_version"),
        ({"purposes": '"contact"'}, "ck_agreements_terms"),
        ({"contacts": "[]"}, "ck_agreements_terms"),
        ({"budgets": '{"contact": -1}'}, "ck_agreements_budgets"),
        ({"budgets": '{"contact": 1.5}'}, "ck_agreements_budgets"),
        ({"budgets": '{"contact": "1"}'}, "ck_agreements_budgets"),
        ({"budgets": '{"contact": null}'}, "ck_agreements_budgets"),
        ({"budgets": '{"judicial": 1}'}, "agreements_budget_purposes"),
    ],
)
def test_the_database_refuses_terms_that_cannot_hold(
    owner: Connection, change: dict[str, Any], constraint: str
) -> None:
    member = made_by_owner(owner)
    assert owner_refused_by(owner, _AGREEMENT, **_agreement(member, **change)) == constraint
    owner.execute(text(_AGREEMENT), _agreement(member))


def test_versions_follow_one_another_in_number_and_in_time(owner: Connection) -> None:
    member, now = made_by_owner(owner), clock.now()
    owner.execute(text(_AGREEMENT), _agreement(member, effective_from=now))
    early = _agreement(member, version=2, effective_from=now - timedelta(microseconds=1))
    assert owner_refused_by(owner, _AGREEMENT, **early) == "agreements_order"
    assert owner_refused_by(owner, _AGREEMENT, **_agreement(member, version=1)) == "agreements_version"
    assert owner_refused_by(owner, _AGREEMENT, **_agreement(member, version=3)) == "agreements_version"
    owner.execute(text(_AGREEMENT), _agreement(member, version=2, effective_from=now))


def test_no_agreement_with_a_member_that_left_or_never_was(owner: Connection) -> None:
    gone = made_by_owner(owner, "left")
    assert owner_refused_by(owner, _AGREEMENT, **_agreement(gone)) == "agreements_member_left"
    assert owner_refused_by(owner, _AGREEMENT, **_agreement(ids.new_id())) == "fk_agreements_member_id"
