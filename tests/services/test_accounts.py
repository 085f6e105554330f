"""Accounts: roles that fit the house, nobody over themselves, and what the database refuses whatever the code does."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.accounts import queries, service, sessions
from gongxin.config import Config
from gongxin.errors import Conflict, Invalid, NotFound
from tests.conftest import act_for

from .accounts_world import house, new_login, person
from .members_world import refused_by


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        ("agency", ["officer"]),
        ("association", ["clerk"]),
        ("association", ["auditor", "officer"]),
        ("bank", []),
        ("bank", ["king"]),
    ],
)
def test_roles_that_do_not_fit_the_house_are_refused(session: Session, kind: str, roles: list[str]) -> None:
    member = house(session, kind)
    with pytest.raises(Invalid) as caught:
        service.invite(
            session, member_id=member.id, login=new_login(), display_name="甲", roles=roles, actor="registry"
        )
    assert caught.value.pointer == "/roles"


@pytest.mark.parametrize("login", ["", "ab", "A1234", "a.b.c", "张三三", "a" * 41, "1abc"])
def test_a_login_is_plain_letters_and_digits(session: Session, login: str) -> None:
    member = house(session)
    with pytest.raises(Invalid) as caught:
        service.invite(
            session, member_id=member.id, login=login, display_name="甲", roles=["officer"], actor="registry"
        )
    assert caught.value.pointer == "/login"


def test_a_login_is_taken_once(session: Session, config: Config) -> None:
    member = house(session)
    first = person(session, config, member, "officer")
    with pytest.raises(Conflict):
        service.invite(
            session, member_id=member.id, login=first.login, display_name="乙", roles=["officer"], actor="registry"
        )


def test_nobody_locks_themselves_out_or_gives_themselves_a_role(session: Session, config: Config) -> None:
    boss = person(session, config, house(session), "administrator")
    with pytest.raises(Conflict):
        service.change_state(session, boss.account.id, state="locked", reason="x", actor=boss.login)
    with pytest.raises(Conflict):
        service.change_roles(session, boss.account.id, roles=["treasurer"], reason="x", actor=boss.login)


def test_a_closed_account_stays_closed(session: Session, config: Config) -> None:
    who = person(session, config, house(session), "officer").account
    service.change_state(session, who.id, state="closed", reason="离职", actor="registry")
    with pytest.raises(Conflict):
        service.change_state(session, who.id, state="active", reason="x", actor="registry")
    assert refused_by(session, "update accounts set state = 'active' where id = :i", i=who.id) == "accounts_change"


def test_the_database_refuses_a_role_of_another_kind_of_house(session: Session, config: Config) -> None:
    who = person(session, config, house(session, "agency"), "clerk").account
    found = refused_by(session, "update accounts set roles = '[\"treasurer\"]' where id = :i", i=who.id)
    assert found == "accounts_roles_of_kind"


def test_the_database_refuses_an_auditor_with_another_role(session: Session, config: Config) -> None:
    who = person(session, config, house(session), "officer").account
    found = refused_by(session, 'update accounts set roles = \'["auditor", "officer"]\' where id = :i', i=who.id)
    assert found == "ck_accounts_roles"


def test_what_works_once_works_once_in_the_database_too(session: Session, config: Config) -> None:
    who = person(session, config, house(session), "officer").account
    used = "update account_invitations set used_at = now() where account_id = :i"
    assert refused_by(session, used, i=who.id) == "account_used_once"
    step = "update account_passwords set last_step = last_step where account_id = :i"
    assert refused_by(session, step, i=who.id) == "account_passwords_step"


def test_an_ended_session_stays_ended(session: Session, config: Config) -> None:
    who = person(session, config, house(session), "officer").account
    token = sessions.begin(session, who, face="admin", method="password", device="test")
    assert sessions.resume(session, token, "admin") is not None
    assert sessions.resume(session, token, "portal") is None
    sessions.end_all(session, who)
    assert sessions.resume(session, token, "admin") is None
    again = "update page_sessions set ended_at = null where account_id = :i"
    assert refused_by(session, again, i=who.id) == "page_sessions_change"


def test_a_session_is_over_after_an_idle_hour_and_after_half_a_day(session: Session, config: Config) -> None:
    who = person(session, config, house(session), "officer").account
    for column, minutes in (("seen_at", 61), ("began_at", 721)):
        token = sessions.begin(session, who, face="admin", method="password", device="test")
        found = queries.find_session(session, service.digest(token))
        assert found is not None
        setattr(found[0], column, clock.now() - timedelta(minutes=minutes))
        with session.no_autoflush:
            assert sessions.resume(session, token, "admin") is None, column
        session.refresh(found[0])


def test_a_house_does_not_see_the_people_of_another(session: Session, config: Config) -> None:
    mine, theirs = house(session, "bank"), house(session, "bank")
    stranger = person(session, config, theirs, "clerk").account.id
    session.expire_all()
    act_for(session, mine.id, "bank")
    with pytest.raises(NotFound):
        queries.get_account(session, stranger)
    assert session.scalar(text("select count(*) from account_changes where account_id = :i"), {"i": stranger}) == 0


@pytest.mark.parametrize("table", ["account_passwords", "account_passkeys", "account_invitations", "page_sessions"])
def test_what_proves_a_person_is_read_by_the_registry_only(session: Session, config: Config, table: str) -> None:
    member = house(session, "bank")
    person(session, config, member, "clerk")
    act_for(session, member.id, "bank")
    assert session.scalar(text(f"select count(*) from {table}")) == 0
