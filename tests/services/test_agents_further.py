"""Filings, withdrawn certificates, applications anew, watches, grades in one pass, statistics, the person's access."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.agents import (
    figures,
    filings,
    grading,
    identities,
    queries,
    queries_filings,
    records,
    rules,
    rules_filings,
    service,
    training,
    watches,
)
from gongxin.agents.models import Agent
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, Forbidden, Invalid, NotFound
from gongxin.subjects import service as subjects
from gongxin.transparency import service as log
from gongxin.web.caller import Caller
from tests.services.agents_world import FILING, TODAY, YESTERDAY, Office, committed
from tests.services.disclosure_world import World, build, token
from tests.services.members_world import refused_by


@pytest.fixture
def world(owner_engine: Engine, engine: Engine, config: Config) -> Iterator[World]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    yield from build(owner_engine, config)


@pytest.fixture
def office(session: Session, config: Config, world: World) -> Office:
    return Office(session, config, world)


def entered(office: Office, agent: Agent, severity: str | None = "S3", certainty: str | None = "established",
            days: int = 0, **more: Any) -> Any:  # fmt: skip
    office.become(office.association)
    return records.enter(
        office.session, agent.id, caller=office.association, kind="violation" if severity else "commendation",
        severity=severity, certainty=certainty, occurred_on=TODAY - timedelta(days=days), basis="协会决定", **more,
    )  # fmt: skip


# --- filings --------------------------------------------------------------------------------------------------------


def test_no_licence_at_an_agency_that_has_not_filed(office: Office) -> None:
    agent = office.apply()
    office.train(agent)
    office.examine(agent)
    office.move(agent, "check")
    with pytest.raises(Conflict) as caught:
        office.move(agent, "grant")
    assert caught.value.code == "agency_not_filed"
    filing = office.filed(office.agency)
    assert (filing.state, filing.version) == ("accepted", 2)
    assert office.move(agent, "grant").state == "granted"


def test_a_suspended_filing_stops_licences_and_transfers_in(office: Office) -> None:
    other, agent = office.world.member("agency"), office.licensed()
    office.move(agent, "release", office.agency)
    filing = office.filed(other)
    filings.move(office.session, filing.id, caller=office.association, action="suspend", reason="整改")
    office.become(other)
    with pytest.raises(Conflict) as caught:
        service.claim(office.session, caller=other, licence=agent.licence_no)
    assert caught.value.code == "agency_not_filed"


def test_a_new_filing_supersedes_the_old_only_once_it_is_accepted(office: Office) -> None:
    first = office.filed(office.agency)
    office.become(office.agency)
    second = filings.file(office.session, config=office.config, caller=office.agency, **FILING)
    office.become(office.association)
    assert queries_filings.get_filing(office.session, first.id).state == "accepted"
    filings.move(office.session, second.id, caller=office.association, action="accept", reason="变更")
    assert queries_filings.get_filing(office.session, first.id).state == "superseded"
    found = queries_filings.find_in_force(office.session, first.agency_id)
    assert found is not None
    assert found.id == second.id
    (filed, accepted) = queries_filings.filing_changes(office.session, second.id)
    office.become(office.agency)
    record = log.opened_record(log.opening(office.session, accepted.id))
    assert (filed.action, record["state"], record["filing"]) == ("file", "accepted", second.number)
    assert "测试员丙" not in str(record)


def test_a_filing_names_who_answers_for_conduct_and_data(office: Office) -> None:
    office.become(office.agency)
    for change, code, pointer in (
        ({"officers": FILING["officers"][:1] * 2}, "officer_missing", "/officers"),
        ({"scope": ["remind", "remind"]}, "invalid_field", "/scope"),
        ({"officers": [*FILING["officers"], {"role": "training", "name": "丙 13812345678"}]},
         "personal_data_in_text", "/officers/2/name"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as caught:
            filings.file(office.session, config=office.config, caller=office.agency, **(FILING | change))
        assert caught.value.pointer == pointer
        assert code in (caught.value.code, "invalid_field")
    with pytest.raises(Forbidden):
        filings.file(office.session, config=office.config, caller=office.association, **FILING)


def test_the_officers_names_lie_sealed_and_move_to_a_new_master_key(office: Office) -> None:
    filing = office.filed(office.agency)
    agent = office.apply()
    assert "测试员丙".encode() not in filing.sealed
    assert filings.officers(office.session, office.config, filing.id) == FILING["officers"]
    new = replace(office.config, master_key=bytes(range(32)))
    office.become(None)
    while identities.reseal(office.session, old_key=office.config.master_key, new_key=new.master_key):
        pass
    assert filings.officers(office.session, new, filing.id) == FILING["officers"]
    assert identities.read(office.session, new, agent.id) == {"name": "测试员甲"}
    office.become(office.world.member("agency"))
    with pytest.raises(NotFound):
        filings.officers(office.session, new, filing.id)


def test_the_moves_of_filings_are_the_databases_too(office: Office) -> None:
    for state in rules_filings.STATES[1:]:
        for action, move in rules_filings.MOVES.items():
            if state in move.starts:
                assert rules_filings.check_move(action, state, move.kinds[0]) == move.end
            else:
                with pytest.raises(Conflict):
                    rules_filings.check_move(action, state, move.kinds[0])
    source = office.session.scalar(text("select prosrc from pg_proc where proname = 'agency_filing_changes_apply'"))
    for action, move in rules_filings.MOVES.items():
        for start in move.starts:
            for kind in move.kinds:
                assert f"('{action}', '{start}', '{move.end}', '{kind}')" in source


# --- certificates withdrawn -----------------------------------------------------------------------------------------


def test_a_withdrawn_certificate_takes_the_licence_with_it(office: Office) -> None:
    agent = office.licensed()
    (certificate,) = queries.certificates(office.session, agent.id)
    office.become(office.association)
    training.withdraw(office.session, certificate.id, caller=office.association, reason="考试作弊")
    office.session.execute(text("set constraints all immediate"))
    assert office.read(agent).state == "suspended"
    assert queries.standing(office.session, [(0, agent.licence_no, None, None)])[0]["certificates"] == []
    with pytest.raises(Conflict) as caught:
        training.withdraw(office.session, certificate.id, caller=office.association, reason="再次")
    assert caught.value.code == "certificate_withdrawn"
    with pytest.raises(Conflict) as caught:
        office.move(agent, "reinstate")
    assert caught.value.code == "no_basic_certificate"


def test_the_database_keeps_no_licence_in_force_without_its_certificate(office: Office) -> None:
    agent = office.licensed()
    (certificate,) = queries.certificates(office.session, agent.id)
    office.become(office.association)
    office.session.execute(text("set constraints all immediate"))
    sql = "insert into certificate_withdrawals values (:id, :agent, '决定', :by, now())"
    given = {"id": certificate.id, "agent": agent.id, "by": office.association.member_id}
    assert refused_by(office.session, sql, **given) == "certificate_withdrawals_licence"


def test_a_senior_certificate_leaves_the_licence_alone(office: Office) -> None:
    agent = office.licensed()
    office.train(agent, [("mediation", 24), ("law", 16)], on=TODAY)
    senior = office.examine(agent, "senior", on=TODAY)
    assert senior is not None
    training.withdraw(office.session, senior.id, caller=office.association, reason="更正")
    assert office.read(agent).state == "granted"


# --- applications anew ----------------------------------------------------------------------------------------------


def test_an_application_anew_brings_its_own_declaration_and_photograph(office: Office) -> None:
    tok = token()
    agent = office.licensed(tok=tok)
    office.move(agent, "surrender", office.agency)
    again = office.apply(tok=tok, photo_sha256=b"\x09" * 32, education="bachelor", declared_on=TODAY)
    assert (again.photo_sha256, again.education, again.declared_on) == (b"\x09" * 32, "bachelor", TODAY)
    first, *_, last = queries.changes(office.session, agent.id)
    assert (first.photo_sha256, last.photo_sha256) == (b"\x07" * 32, b"\x09" * 32)
    assert (first.declared_on, last.declared_on) == (YESTERDAY, TODAY)


# --- watches --------------------------------------------------------------------------------------------------------


def checked(office: Office, agent: Agent, by: Caller, purpose: str = "placement", consent: str | None = None) -> Any:
    """A check by licence number, as it is recorded."""
    office.become(by)
    made, items = ids.new_id(), [{"agent_id": str(agent.id)} | ({"consent": consent} if consent else {})]
    office.session.execute(
        text(
            "select agent_check_record(:id, :at, :member, null, :purpose, cast(:items as jsonb),"
            " cast(:fields as jsonb), decode(repeat('05', 32), 'hex'), '{}')"
        ),
        {
            "id": made, "at": clock.now(), "member": by.member_id, "purpose": purpose,
            "items": json.dumps(items), "fields": json.dumps(list(rules.FIELDS[purpose])),
        },
    )  # fmt: skip
    return made


def test_a_bank_watches_whom_it_checked_until_a_day(office: Office) -> None:
    bank, agent = office.world.member("bank"), office.licensed()
    check_id = checked(office, agent, bank)
    watch = watches.begin(
        office.session, caller=bank, check_id=check_id, licence=agent.licence_no, ends_on=TODAY + timedelta(days=90)
    )
    assert (watch.purpose, watch.consent) == ("placement", None)
    with pytest.raises(Conflict) as caught:
        watches.begin(office.session, caller=bank, check_id=check_id, licence=agent.licence_no, ends_on=TODAY)
    assert caught.value.code == "watched_already"
    office.become(office.association)
    assert [(w.member_id, w.purpose) for w in watches.watchers(office.session, agent.id)] == [
        (bank.member_id, "placement")
    ]
    office.become(office.world.member("bank"))
    with pytest.raises(NotFound):
        watches.end(office.session, watch.id)
    office.become(None)
    assert watches.lapse(office.session, TODAY + timedelta(days=91)) >= 1
    office.become(bank)
    with pytest.raises(Conflict):
        watches.end(office.session, watch.id)
    assert watches.watchers(office.session, agent.id) == []


def test_nobody_watches_without_a_check_of_their_own(office: Office) -> None:
    bank, other, agent = office.world.member("bank"), office.world.member("bank"), office.licensed()
    check_id, second = checked(office, agent, bank), office.licensed()
    for by, licence, ends_on in (
        (other, agent.licence_no, TODAY),
        (bank, second.licence_no, TODAY),
        (bank, agent.licence_no, TODAY - timedelta(days=1)),
        (bank, agent.licence_no, TODAY + timedelta(days=366)),
    ):
        office.become(by)
        with pytest.raises(Invalid):
            watches.begin(office.session, caller=by, check_id=check_id, licence=licence, ends_on=ends_on)


_WATCH = (
    "insert into agent_watches values (gen_random_uuid(), :member, :agent, :licence, :check, {purpose}, {consent},"
    " now(), (now() at time zone 'Asia/Shanghai')::date + {days}, {ended})"
)
_WATCH_GOOD = {"purpose": "'placement'", "consent": "null", "days": "9", "ended": "null"}


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"purpose": "'hiring'", "consent": "'C-1'"}, "agent_watches_ground"),
        ({"consent": "'C-1'"}, "agent_watches_ground"),
        ({"days": "400"}, "ck_agent_watches_ends_on"),
        ({"days": "-1"}, "ck_agent_watches_ends_on"),
        ({"ended": "now() - interval '1 day'"}, "ck_agent_watches_ended_at"),
    ],
)
def test_the_database_knows_what_a_watch_rests_on(office: Office, change: dict[str, str], constraint: str) -> None:
    bank, agent = office.world.member("bank"), office.licensed()
    given = {"member": bank.member_id, "agent": agent.id, "licence": agent.licence_no,
             "check": checked(office, agent, bank)}  # fmt: skip
    assert refused_by(office.session, _WATCH.format(**_WATCH_GOOD | change), **given) == constraint
    office.session.execute(text(_WATCH.format(**_WATCH_GOOD)), given)
    assert refused_by(office.session, _WATCH.format(**_WATCH_GOOD), **given) == "ix_agent_watches_one"
    office.session.execute(text("update agent_watches set ended_at = now() where check_id = :check"), given)
    again = "update agent_watches set ended_at = now() where check_id = :check"
    assert refused_by(office.session, again, **given) == "agent_watches_ended"


def test_a_filing_is_not_rewritten(office: Office, owner_engine: Engine, engine: Engine, world: World) -> None:
    with committed(engine, office.config, world) as other:
        filing = other.filed(other.agency)
    with owner_engine.connect() as connection:
        outer = connection.begin()
        owner = Session(connection, join_transaction_mode="create_savepoint")
        for sql, constraint in (
            ("update agency_filings set scope = '[\"on_site\"]' where id = :id", "agency_filings_identity"),
            ("update agency_filings set state = 'revoked' where id = :id", "agency_filings_identity"),
            ("delete from agency_filings where id = :id", "agency_filings_identity"),
            ("update agency_filing_changes set reason = 'x' where filing_id = :id",
             "append_only_agency_filing_changes"),
            ("insert into agency_filings select gen_random_uuid(), agency_id, 'GA7K4M2P9QWAF', state, scope, officers,"
             " sealed_key, sealed, key_id, version, filed_at, changed_at from agency_filings where id = :id",
             "ix_agency_filings_one"),
            ("insert into agency_filing_changes values (gen_random_uuid(), :id, 3, 'accept', 'submitted', 'accepted',"
             " 'x', 'x', now())", "agency_filing_changes_previous"),
            ("insert into agency_filing_changes values (gen_random_uuid(), :id, 3, 'return', 'accepted', 'returned',"
             " 'x', 'x', now())", "agency_filing_changes_transition"),
        ):  # fmt: skip
            owner.execute(text("select set_config('gongxin.kind', 'registry', true),"
                               " set_config('gongxin.member', :m, true)"), {"m": str(filing.agency_id)})  # fmt: skip
            assert refused_by(owner, sql, id=filing.id) == constraint
        outer.rollback()


# --- grades and statistics ------------------------------------------------------------------------------------------


def test_the_databases_grades_are_the_rules(office: Office) -> None:
    """Everybody in one pass, as of several days, against the arithmetic that is shown line by line."""
    draw = random.Random(6)
    people = [office.licensed() for _ in range(6)]
    for agent in people:
        for _ in range(draw.randrange(7)):
            severity = draw.choice(["S1", "S2", "S3", None])
            certainty = draw.choice(["proven", "established", "alleged"]) if severity else None
            made = entered(office, agent, severity, certainty, draw.randrange(1200))
            if draw.random() < 0.25:
                entered(office, agent, severity, certainty, 3, supersedes=made.id, withdrawn=draw.random() < 0.5)
    office.become(office.association)
    seen = set()
    for day in (TODAY, TODAY + timedelta(days=200), TODAY + timedelta(days=1000), YESTERDAY):
        told = {agent: (points, grade) for agent, _, points, grade in records.grades(office.session, day)}
        for agent in people:
            shown = records.as_of(office.session, agent.id, day)
            assert told[agent.id] == (shown["points"], shown["grade"])
            assert sum(line["left"] for line in shown["lines"]) == shown["points"]
            seen.add(shown["grade"])
    assert len(seen) > 2
    office.become(office.agency)
    assert list(records.grades(office.session, TODAY)) == []


def test_each_day_is_graded_by_the_rules_in_force_then() -> None:
    first = grading.packs()[0]
    second = first | {"version": 2, "effective_from": "2027-01-01"}
    for day, version in ((YESTERDAY, 1), (TODAY.replace(year=2027), 2), (None, 2), (TODAY.replace(year=2001), 1)):
        assert grading.in_force((first, second), day)["version"] == version


def test_small_cells_are_kept_back_and_never_alone() -> None:
    assert figures.kept_back({"A": 30, "B": 4}, ("A", "B", "C")) == {"A": None, "B": None, "C": 0}
    assert figures.kept_back({"A": 30, "B": 4, "C": 1}, ("A", "B", "C")) == {"A": 30, "B": None, "C": None}
    assert figures.kept_back({"A": 5}, ("A", "B")) == {"A": 5, "B": 0}


def test_figures_of_agencies_stand_side_by_side_by_name(office: Office) -> None:
    agents = [office.licensed() for _ in range(6)]
    for agent in agents[:5]:
        entered(office, agent)
    entered(office, agents[5], "S2", "alleged")
    told = records.statistics(office.session, TODAY)
    (ours,) = [each for each in told if each["agency_id"] == office.agency.member_id]
    assert (ours["licences"]["granted"], ours["certificates"]["basic"]) == (6, 6)
    assert (ours["entries"]["S3"], ours["entries"]["S2"]) == (5, 0)
    assert ours["grades"] == {"A": None, "B": None, "C": 0, "D": 0}
    assert [each["name_zh"] for each in told] == sorted(each["name_zh"] for each in told)
    assert not {"rank", "score", "total"} & ours.keys()
    office.become(office.agency)
    assert records.statistics(office.session, TODAY) == []


# --- the person -----------------------------------------------------------------------------------------------------


def test_the_person_learns_what_is_on_record_and_who_asked(office: Office) -> None:
    bank, agency, agent = office.world.member("bank"), office.world.member("agency"), office.licensed()
    entered(office, agent)
    checked(office, agent, bank)
    checked(office, agent, agency, "hiring", "C-1")
    checked(office, office.licensed(), bank)
    office.become(office.association)
    told = records.access(office.session, agent.id, caller=office.association, request_reference="查阅2026-0001")
    assert [(each["member_kind"], each["purpose"], each["consent"]) for each in told["checked"]] == [
        ("bank", "placement", None),
        ("agency", "hiring", "C-1"),
    ]
    assert "record" in told["checked"][0]["fields"]
    assert told["record"]["grade"] == "B"
    record = log.opened_record(log.opening(office.session, told["access_id"]))
    assert (record["request"], record["checks"]) == ("查阅2026-0001", 2)


def test_what_waits_for_a_decision_comes_by_its_day(office: Office) -> None:
    agent = office.licensed()
    entry = entered(office, agent)
    office.become(office.agency)
    for kind in ("objection", "correction_request", "reply"):
        records.respond(office.session, agent.id, entry.id, caller=office.agency, kind=kind, said="当日未值班")
    office.become(office.association)
    told = [each for each in records.waiting(office.session, TODAY, 200) if each["agent_id"] == agent.id]
    assert [(each["kind"], each["working_days_left"], each["overdue"]) for each in told] == [
        ("correction_request", 3, False),
        ("objection", 20, False),
    ]
    assert all(each["overdue"] for each in records.waiting(office.session, TODAY + timedelta(days=60), 200))


def test_a_check_says_what_the_person_says(office: Office) -> None:
    agent = office.licensed()
    entry, alleged = entered(office, agent), entered(office, agent, "S1", "alleged")
    office.become(office.agency)
    for each, kind, said in (
        (entry, "objection", "当日未值班"),
        (entry, "reply", "有排班表"),
        (alleged, "objection", "并无此事"),
    ):
        records.respond(office.session, agent.id, each.id, caller=office.agency, kind=kind, said=said)
    told = office.told(agent, office.world.member("bank"), "placement")["record"]
    (objection,) = told["objections"]
    assert (objection["objection"], objection["reply"], told["contested"]) == ("当日未值班", "有排班表", 1)


# --- what watchers are told -----------------------------------------------------------------------------------------


def watching(office: Office, agent: Agent, by: Caller, purpose: str = "placement", consent: str | None = None) -> None:
    check_id = checked(office, agent, by, purpose, consent)
    watches.begin(office.session, caller=by, check_id=check_id, licence=agent.licence_no, ends_on=TODAY)


def test_each_watcher_hears_of_what_its_purpose_may_know(office: Office) -> None:
    bank, hirer, agent = office.world.member("bank"), office.world.member("agency"), office.licensed()
    watching(office, agent, bank)
    watching(office, agent, hirer, "hiring", "C-1")
    heard: list[tuple[str, tuple[str, ...]]] = []

    def emit(_session: Any, *, type: str, object_id: Any, data: dict[str, Any], to: Any) -> None:
        assert (type, object_id, data.keys()) == (
            "agent.changed", agent.id, {"licence", "what", "effective_on", "watch_id"}
        )  # fmt: skip
        heard.append(("bank" if to == [bank.member_id] else "hirer", tuple(data["what"])))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watches.delivery, "emit", emit)
        office.move(agent, "release", office.agency)
        assert heard == [("hirer", ("transfer",))]
        heard.clear()
        office.move(agent, "suspend")
        assert sorted(heard) == [("bank", ("licence",)), ("hirer", ("licence",))]
        heard.clear()
        entered(office, agent, "S1", "alleged")
        assert heard == []
        entered(office, agent)
        office.train(agent, [("mediation", 24), ("law", 16)], on=TODAY)
        office.examine(agent, "senior", on=TODAY)
        assert sorted(heard) == [
            ("bank", ("certificates",)), ("bank", ("record",)), ("hirer", ("certificates",)), ("hirer", ("record",))
        ]  # fmt: skip


def test_an_event_reaches_the_outbox_in_the_transaction_of_the_change(office: Office) -> None:
    bank, agent = office.world.member("bank"), office.licensed()
    watching(office, agent, bank)
    office.become(office.association)
    assert watches.changed(office.session, agent.id, ("licence",)) == 1
    assert watches.changed(office.session, agent.id, ("bar",)) == 0
