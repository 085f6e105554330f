"""The verbs on members and agreements: applications, histories, versions, who may, two at once."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock, embedded, ids
from gongxin.db import WEB_ROLE, make_engine, transaction
from gongxin.errors import Conflict, Invalid, NotFound
from gongxin.members import api, queries, rules, service
from gongxin.members.models import Member
from gongxin.web import problems
from gongxin_wire.identifiers import synthetic_uscc
from tests.conftest import act_for, drop_database, make_database
from tests.services.members_world import REAL_USCC, agree, apply, move, new_code, refused_by

# --- applications ---------------------------------------------------------------------------------------------------


def test_an_institution_applies_and_is_found_in_the_directory(session: Session) -> None:
    bank, court = apply(session, name_en="Test Bank"), apply(session, "court")
    assert (bank.state, bank.court_code, bank.name_en) == ("applied", None, "Test Bank")
    assert [m.id for m in queries.directory(session, state="applied") if m.id in {bank.id, court.id}] == [
        bank.id,
        court.id,
    ]
    assert court in queries.directory(session, kind="court")
    assert bank not in queries.directory(session, kind="court")
    assert queries.get_member_by_uscc(session, bank.uscc) is bank
    with pytest.raises(NotFound):
        queries.get_member_by_uscc(session, synthetic_uscc(1))
    with pytest.raises(NotFound):
        queries.get_member(session, ids.new_id())


def test_a_code_is_one_member_s_for_ever(session: Session) -> None:
    bank = move(session, apply(session), "left")
    with pytest.raises(Conflict) as caught:
        apply(session, uscc=bank.uscc)
    assert (caught.value.code, caught.value.pointer) == ("member_exists", "/uscc")


def test_a_court_code_is_one_sitting_court_s(session: Session) -> None:
    court = apply(session, "court")
    with pytest.raises(Conflict) as caught:
        apply(session, "court", court_code=court.court_code)
    assert (caught.value.code, caught.value.pointer) == ("court_code_taken", "/court_code")
    move(session, court, "left")
    assert apply(session, "court", court_code=court.court_code).state == "applied"


def test_whether_a_test_institution_may_apply_is_the_registry_s_configuration(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Invalid) as caught:
        apply(session, uscc=REAL_USCC)
    assert caught.value.code == "uscc_not_synthetic"
    monkeypatch.setenv("GONGXIN_SYNTHETIC", "0")
    with pytest.raises(Invalid) as caught:
        apply(session)
    assert caught.value.code == "uscc_synthetic"
    assert apply(session, synthetic=True).state == "applied"


# --- states ---------------------------------------------------------------------------------------------------------


def test_a_state_moves_by_its_history_and_no_other_way(session: Session) -> None:
    bank = apply(session)
    applied_at = bank.changed_at
    move(session, bank, "active", "suspended", "active", "left")
    assert bank.state == "left"
    assert [(c.previous, c.state, c.reason, c.changed_by) for c in queries.history(session, bank.id)] == [
        ("applied", "active", "按决定", "operator:lin"),
        ("active", "suspended", "按决定", "operator:lin"),
        ("suspended", "active", "按决定", "operator:lin"),
        ("active", "left", "按决定", "operator:lin"),
    ]
    assert bank.changed_at == queries.history(session, bank.id)[-1].changed_at > applied_at
    with pytest.raises(Conflict) as caught:
        move(session, bank, "active")
    assert caught.value.extra == {"state": "left", "legal": []}
    with pytest.raises(DBAPIError) as denied, session.begin_nested():
        session.execute(text("update members set state = 'active'"))
    assert "permission denied" in str(denied.value.orig)


def test_a_change_of_an_unknown_member_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        service.change_state(session, ids.new_id(), state="active", reason="x", changed_by="operator:lin")


def test_a_suspension_is_seen_by_whoever_reads_next(session: Session) -> None:
    bank = move(session, apply(session), "active")
    held = queries.get_member(session, bank.id)
    session.execute(
        text("insert into member_changes values (:id, :member, 'active', 'suspended', 'x', 'operator:lin', now())"),
        {"id": ids.new_id(), "member": bank.id},
    )
    assert queries.get_member(session, bank.id).state == "suspended"
    assert held.state == "suspended"


# --- agreements -----------------------------------------------------------------------------------------------------


def test_the_newest_version_that_has_begun_is_in_force(session: Session) -> None:
    bank, now = apply(session), clock.now()

    def version_at(at: datetime) -> int | None:
        found = queries.agreement_in_force(session, bank.id, at)
        return found.version if found else None

    assert version_at(now) is None
    agree(session, bank, effective_from=now - timedelta(days=2))
    agree(session, bank, effective_from=now - timedelta(days=1))
    agree(session, bank, effective_from=now - timedelta(days=1))
    agree(session, bank, effective_from=now + timedelta(days=1))
    assert [version_at(now + timedelta(days=days)) for days in (-3, -2, -1, 0, 1)] == [None, 1, 3, 3, 4]
    assert [agreement.version for agreement in queries.agreements(session, bank.id)] == [4, 3, 2, 1]
    with pytest.raises(Conflict) as caught:
        agree(session, bank, effective_from=now)
    assert caught.value.code == "agreement_out_of_order"


def test_what_was_agreed_is_read_back_as_it_was(session: Session) -> None:
    bank = apply(session)
    made = agree(
        session, bank, purposes=("placement", "contact"), budgets={"placement": 0, "contact": 7, "evaluation": 9}
    )
    session.expire(made)
    assert made.purposes == ["placement", "contact"]
    assert made.budgets == {"placement": 0, "contact": 7, "evaluation": 9}
    assert (made.data_types, made.contacts) == (["case_status"], {"operations": "ops@member.example"})


def test_no_agreement_for_nobody_or_for_a_member_that_left(session: Session) -> None:
    gone = move(session, apply(session), "left")
    with pytest.raises(Conflict) as caught:
        agree(session, gone)
    assert caught.value.code == "member_left"
    with pytest.raises(NotFound):
        service.agree(
            session, ids.new_id(), purposes=[], data_types=[], budgets={}, contacts={}, effective_from=clock.now()
        )


# --- who may read and write -----------------------------------------------------------------------------------------


def test_agreements_and_histories_are_the_member_s_own_and_the_association_s(session: Session) -> None:
    one, two, association = apply(session), apply(session), apply(session, "association")
    for member in (one, two):
        agree(session, member)
        move(session, member, "active")
    for reader, kind, expected in (
        (one, "bank", {one.id}),
        (two, "bank", {two.id}),
        (association, "association", {one.id, two.id}),
        (association, "regulator", set()),
    ):
        act_for(session, reader.id, kind)
        for table in ("agreements", "member_changes"):
            seen = session.scalars(text(f"select member_id from {table} where member_id in (:a, :b)"),
                                   {"a": one.id, "b": two.id})  # fmt: skip
            assert set(seen) == expected, (table, kind)
    act_for(session, one.id, "bank")
    assert queries.get_member(session, two.id).name_zh == two.name_zh


@pytest.mark.parametrize("kind", [kind for kind in rules.KINDS if kind != "association"])
def test_only_the_association_and_the_registry_write(session: Session, kind: str) -> None:
    member = move(session, apply(session), "active")
    act_for(session, member.id, kind)
    for act in (
        lambda: apply(session),
        lambda: move(session, member, "suspended"),
        lambda: agree(session, member),
    ):
        with pytest.raises(DBAPIError) as caught, session.begin_nested():
            act()
        assert "row-level security" in str(caught.value.orig)
    act_for(session, None, "registry")
    assert queries.get_member(session, member.id).state == "active"


def test_nobody_enters_as_an_active_member(session: Session) -> None:
    entered = "insert into members (id, kind, name_zh, uscc, state) values (:id, 'bank', '名', :uscc, 'active')"
    assert "row-level security" in refused_by(session, entered, id=ids.new_id(), uscc=new_code())


@pytest.mark.parametrize("table", ["members", "member_changes", "agreements"])
def test_the_web_role_neither_changes_nor_deletes(session: Session, table: str) -> None:
    for sql in (f"delete from {table}", f"update {table} set id = id", f"truncate {table}"):
        assert "permission denied" in refused_by(session, sql)


# --- two at once ----------------------------------------------------------------------------------------------------


def at_once(engine: Engine, *acts: Callable[[Session], Any]) -> list[str]:
    """Runs each in a transaction of its own; their outcomes, sorted."""
    outcomes = []

    def run(act: Callable[[Session], Any]) -> None:
        try:
            with transaction(engine) as session:
                act(session)
            outcomes.append("done")
        except Conflict as refused:
            outcomes.append(refused.code)
        except DBAPIError as refused:
            known = problems.translate(refused)
            assert isinstance(known, Conflict)
            outcomes.append(known.code)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return sorted(outcomes)


def both_read_first(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    """Neither of two goes on from this query before the other has its answer too, so that the rules of both say yes
    and the database must decide."""
    real, read, waited = getattr(queries, query), threading.Barrier(2), threading.local()

    def wait_for_the_other(*arguments: Any) -> Any:
        found = real(*arguments)
        if not getattr(waited, "once", False):
            waited.once = True
            read.wait(10)
        return found

    monkeypatch.setattr(service.queries, query, wait_for_the_other)


@pytest.mark.parametrize("states", [("suspended", "suspended"), ("suspended", "left")])
def test_of_two_changes_at_once_one_wins_and_one_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, states: tuple[str, str]
) -> None:
    with transaction(engine) as session:
        member = move(session, apply(session), "active")
    both_read_first(monkeypatch, "get_member")
    outcomes = at_once(engine, *(lambda s, state=state: move(s, member, state) for state in states))
    assert outcomes == ["done", "member_changed_meanwhile"]
    with transaction(engine) as session:
        history = queries.history(session, member.id)
        assert len(history) == 2
        assert session.get_one(Member, member.id).state == history[-1].state


def test_of_two_agreements_at_once_one_is_version_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(engine) as session:
        member = apply(session)
    both_read_first(monkeypatch, "find_newest_agreement")
    outcomes = at_once(engine, lambda s: agree(s, member), lambda s: agree(s, member))
    assert outcomes == ["agreement_meanwhile", "done"]
    with transaction(engine) as session:
        assert [agreement.version for agreement in queries.agreements(session, member.id)] == [1]


def test_of_two_applications_with_one_code_one_is_a_member(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    code = new_code()
    both_read_first(monkeypatch, "find_member_by_uscc")
    outcomes = at_once(engine, lambda s: apply(s, uscc=code), lambda s: apply(s, uscc=code))
    assert outcomes == ["done", "member_exists"]


def test_of_a_test_institution_and_a_real_one_at_once_one_enters(server: str) -> None:
    """In a registry that has no member yet: elsewhere the first one has decided."""
    make_database(server, "gongxin_test_worlds")
    engine = make_engine(embedded.dsn(server, WEB_ROLE, "gongxin_test_worlds"), pool_size=2)
    outcomes: list[str] = []
    real = threading.Thread(target=lambda: outcomes.extend(at_once(engine, enters_for_real)))
    try:
        with transaction(engine) as session:
            apply(session)
            session.execute(text("set constraints all immediate"))  # as a commit does first
            real.start()
            real.join(0.5)
            assert outcomes == []
        real.join(20)
        assert outcomes == ["worlds_apart"]
        with transaction(engine) as session:
            assert len(queries.directory(session)) == 1
    finally:
        engine.dispose()
        drop_database(server, "gongxin_test_worlds")


def enters_for_real(session: Session) -> None:
    apply(session, uscc=REAL_USCC, synthetic=False)


def test_every_race_has_words(engine: Engine) -> None:
    assert api.CONSTRAINTS is problems.CONSTRAINTS
    with engine.connect() as connection:
        known = connection.scalars(
            text("select conname from pg_constraint union select indexname from pg_indexes where tablename = 'members'")
        ).all()
    named_by_triggers = {"members_one_world", "member_changes_previous", "agreements_version", "agreements_order",
                         "agreements_member_left"}  # fmt: skip
    ours = {"uq_members_uscc", "ix_members_court_code", "uq_agreements_member_id_version"}
    assert ours <= set(known)
    assert ours | named_by_triggers <= set(problems.CONSTRAINTS)
