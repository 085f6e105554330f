"""Members in the database: each constraint violated once, histories, agreements, two at once."""

import itertools
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock, embedded, ids
from gongxin.db import WEB_ROLE, make_engine, transaction
from gongxin.errors import Conflict, Invalid, NotFound
from gongxin.members import api, queries, rules, service
from gongxin.members.models import Agreement, Member
from gongxin.web import problems
from gongxin_wire.identifiers import synthetic_uscc
from tests.conftest import act_for, drop_database, make_database

_NUMBERS = itertools.count(100_000_000)
REAL_USCC = "91310000400000001C"


def apply(session: Session, kind: str = "bank", **change: Any) -> Member:
    number = next(_NUMBERS)
    court = {"court_code": f"沪{number % 95 + 1:02d}{number % 99 + 1:02d}"} if kind == "court" else {}
    terms: dict[str, Any] = {"name_zh": f"测试机构{number % 1000}", "uscc": synthetic_uscc(number)}
    return service.apply(session, kind=kind, **(terms | court | change))


def move(session: Session, member: Member, *states: str) -> Member:
    for state in states:
        service.change_state(session, member.id, state=state, reason="按决定", changed_by="operator:lin")
    return member


def agree(session: Session, member: Member, **change: Any) -> Agreement:
    terms: dict[str, Any] = {
        "purposes": ["contact"],
        "data_types": ["case_status"],
        "budgets": {"contact": 100},
        "contacts": {"operations": "ops@member.example"},
        "effective_from": clock.now(),
    }
    return service.agree(session, member.id, **(terms | change))


def refused_by(session: Session, sql: str, **values: Any) -> str:
    """The name of the constraint that refuses this statement."""
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(sql), values)
    return named(caught.value)


def named(error: DBAPIError) -> str:
    return error.orig.diag.constraint_name or str(error.orig)  # type: ignore[union-attr]


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


# --- what the database refuses by itself ----------------------------------------------------------------------------

_MEMBER = "insert into members (id, kind, name_zh, name_en, uscc, court_code) values (:id, "


def _code(last: str | None = None) -> str:
    code = synthetic_uscc(next(_NUMBERS))
    return code if last is None else code[:17] + last


@pytest.mark.parametrize(
    ("values", "uscc", "constraint"),
    [
        ("'debtor', '名', null, :uscc, null)", _code, "ck_members_kind"),
        ("'bank', '', null, :uscc, null)", _code, "ck_members_names"),
        ("'bank', '名', '', :uscc, null)", _code, "ck_members_names"),
        ("'bank', '名', null, :uscc, '沪0115')", _code, "ck_members_court_code"),
        ("'court', '名', null, :uscc, null)", _code, "ck_members_court_code"),
        ("'bank', '名', null, :uscc, null)", lambda: _code("I"), "ck_members_uscc"),
        ("'bank', '名', null, :uscc, null)", lambda: _code()[:17], "ck_members_uscc"),
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
    taken = {"id": ids.new_id(), "uscc": _code(), "court": court.court_code}
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
        {"id": found, "uscc": _code(), "state": state},
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
    assert "row-level security" in refused_by(session, entered, id=ids.new_id(), uscc=_code())


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
    code = _code()
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
