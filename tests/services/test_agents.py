"""Agents through the verbs, as the web role: applications, licences, transfers, training, lapses."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.agents import identities, public, queries, rules, service, training
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid, NotFound
from gongxin.subjects import service as subjects
from gongxin.subjects.queries import count_unmoved
from gongxin.transparency import service as log
from tests.services.agents_world import TODAY, YESTERDAY, Office, committed
from tests.services.disclosure_world import World, build, token
from tests.services.members_world import named


@pytest.fixture
def world(owner_engine: Engine, engine: Engine, config: Config) -> Iterator[World]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    yield from build(owner_engine, config)


@pytest.fixture
def office(session: Session, config: Config, world: World) -> Office:
    return Office(session, config, world)


# --- applications ---------------------------------------------------------------------------------------------------


def test_an_application_has_a_number_a_leaf_and_a_sealed_name(office: Office) -> None:
    agent = office.apply()
    assert (agent.state, agent.version, agent.agency_id) == ("applied", 1, office.agency.member_id)
    assert rules.check_licence(agent.licence_no, "") == agent.licence_no
    (change,) = queries.changes(office.session, agent.id)
    record = log.opened_record(log.opening(office.session, change.id))
    assert (record["action"], record["state"], record["agent_id"]) == ("apply", "applied", str(agent.id))
    assert "测试员甲" not in str(record)
    assert identities.read(office.session, office.config, agent.id) == {"name": "测试员甲"}
    held = queries.find_identity(office.session, agent.id)
    assert held is not None
    assert "测试员甲".encode() not in held.sealed


def test_a_person_is_applied_for_once_whoever_asks(office: Office) -> None:
    tok, other = token(), office.world.member("agency")
    office.apply(tok=tok)
    for agency in (office.agency, other):
        with pytest.raises(Conflict) as caught:
            office.apply(agency, tok)
        assert caught.value.code == "agent_on_record"


def test_a_minor_and_a_stale_declaration_are_refused(office: Office) -> None:
    for change, code in (
        ({"adult_as_of": TODAY + timedelta(days=1)}, "agent_minor"),
        ({"declared_on": TODAY - timedelta(days=91)}, "declaration_stale"),
        ({"declared_on": TODAY + timedelta(days=1)}, "declaration_stale"),
        ({"name": "甲 13812345678"}, "personal_data_in_text"),
        ({"name": ""}, "bad_text"),
    ):
        with pytest.raises(Invalid) as caught:
            office.apply(**change)
        assert caught.value.code == code


def test_another_agency_sees_neither_the_person_nor_the_name(office: Office) -> None:
    agent = office.apply()
    office.become(office.world.member("agency"))
    for read in (queries.get_agent, lambda s, i: identities.read(s, office.config, i)):
        with pytest.raises(NotFound):
            read(office.session, agent.id)
    assert queries.roll(office.session) == []
    assert queries.changes(office.session, agent.id) == []


def test_a_regulator_sees_the_register_and_not_the_names(office: Office) -> None:
    agent = office.apply()
    office.become(office.world.member("regulator"))
    assert queries.get_agent(office.session, agent.id).id == agent.id
    with pytest.raises(NotFound):
        identities.read(office.session, office.config, agent.id)


# --- licences -------------------------------------------------------------------------------------------------------


def test_no_licence_without_a_basic_certificate(office: Office) -> None:
    agent = office.move(office.apply(), "check")
    with pytest.raises(Conflict) as caught:
        office.move(agent, "grant")
    assert caught.value.code == "no_basic_certificate"
    office.train(agent)
    assert office.examine(agent, score=59) is None
    with pytest.raises(Conflict):
        office.move(agent, "grant")


def test_a_licence_ends_no_later_than_the_basic_certificate(office: Office) -> None:
    agent = office.licensed(on=TODAY - timedelta(days=300))
    (certificate,) = queries.certificates(office.session, agent.id)
    assert (agent.state, agent.valid_from, agent.valid_until) == ("granted", TODAY, certificate.valid_until)
    with pytest.raises(Invalid) as caught:
        office.move(agent, "renew", valid_until=certificate.valid_until + timedelta(days=1))
    assert caught.value.code == "licence_term"
    shorter = office.move(agent, "renew", valid_until=TODAY + timedelta(days=30))
    assert shorter.valid_until == TODAY + timedelta(days=30)


def test_a_refusal_bars_for_three_years(office: Office) -> None:
    tok, other = token(), office.world.member("agency")
    agent = office.move(office.apply(tok=tok), "refuse")
    assert agent.barred_until == rules.months_after(TODAY, 36)
    with pytest.raises(Conflict) as caught:
        office.apply(other, tok)
    assert caught.value.code == "agent_barred"


def test_after_a_surrender_the_person_applies_again_under_the_same_number(office: Office) -> None:
    tok, other = token(), office.world.member("agency")
    agent = office.licensed(tok=tok)
    gone = office.move(agent, "surrender", office.agency)
    assert gone.state == "surrendered"
    again = office.apply(other, tok, name="测试员乙")
    assert (again.id, again.licence_no, again.state) == (agent.id, agent.licence_no, "applied")
    assert again.agency_id == other.member_id
    assert identities.read(office.session, office.config, again.id) == {"name": "测试员乙"}


def test_who_may_do_what(office: Office) -> None:
    agent = office.apply()
    with pytest.raises(Forbidden):
        office.move(agent, "grant", office.agency)
    with pytest.raises(Conflict) as caught:
        office.move(agent, "suspend")
    assert caught.value.extra["legal"] == ["check", "refuse"]
    office.become(None)
    with pytest.raises(Invalid):
        office.move(agent, "check", valid_until=TODAY)


# --- transfers ------------------------------------------------------------------------------------------------------


def test_a_transfer_leaves_no_gap_and_no_two(office: Office) -> None:
    other = office.world.member("agency")
    agent = office.licensed()
    with pytest.raises(Conflict) as caught:
        office.claim(agent, other)
    assert caught.value.code == "agent_not_released"
    office.move(agent, "release", office.agency, released_to=other.member_id)
    with pytest.raises(Conflict):
        office.claim(agent, office.world.member("agency"))
    moved = office.claim(agent, other)
    assert (moved.agency_id, moved.state, moved.released, moved.released_to) == (
        other.member_id,
        "granted",
        False,
        None,
    )
    office.become(office.association)
    first, second = queries.engagements(office.session, agent.id)
    assert (first.agency_id, second.agency_id) == (office.agency.member_id, other.member_id)
    assert first.ended_at == second.began_at
    assert second.ended_at is None


def test_a_release_can_be_taken_back_and_ends_with_a_suspension(office: Office) -> None:
    other, agent = office.world.member("agency"), office.licensed()
    office.move(agent, "release", office.agency)
    office.move(agent, "retain", office.agency)
    with pytest.raises(Conflict):
        office.claim(agent, other)
    office.move(agent, "release", office.agency)
    assert office.move(agent, "suspend").released is False
    with pytest.raises(Conflict):
        office.claim(agent, other)


def test_of_two_agencies_that_claim_at_one_moment_one_is_told_no(engine: Engine, config: Config, world: World) -> None:
    with committed(engine, config, world) as office:
        agent = office.licensed()
        office.move(agent, "release", office.agency)
    rivals = [world.member("agency") for _ in range(4)]
    with committed(engine, config, world) as office:
        for rival in rivals:
            office.filed(rival)
    outcomes: list[str] = []
    gate = threading.Barrier(len(rivals))

    def claim(agency: Any) -> None:
        gate.wait()
        try:
            with transaction(engine, agency.member_id, agency.kind) as session:
                service.claim(session, caller=agency, licence=agent.licence_no)
            outcomes.append("claimed")
        except DBAPIError as error:
            outcomes.append(named(error))
        except GongxinError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=claim, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("claimed") == 1, outcomes
    assert set(outcomes) <= {"claimed", "agent_changes_previous", "agent_not_released"}
    with transaction(engine) as session:
        assert [spell.ended_at is None for spell in queries.engagements(session, agent.id)] == [False, True]


# --- training -------------------------------------------------------------------------------------------------------


def test_an_examination_needs_its_hours_first(office: Office) -> None:
    agent = office.apply()
    office.train(agent, [("law", 16), ("talk", 16)])
    with pytest.raises(Conflict) as caught:
        office.examine(agent)
    assert caught.value.code == "training_missing"
    assert caught.value.extra["missing"] == {"hours": 8, "courses": ["privacy"]}


def test_nobody_examines_the_people_of_their_own_agency(office: Office) -> None:
    agent = office.apply()
    office.train(agent)
    with pytest.raises(Conflict) as caught:
        office.examine(agent, examiner=office.agency)
    assert caught.value.code == "examiner_of_own_agency"
    assert office.examine(agent, examiner=office.world.member("agency")) is not None


def test_a_certificate_is_prolonged_by_continuing_hours(office: Office) -> None:
    agent = office.licensed(on=TODAY - timedelta(days=100))
    with pytest.raises(Conflict) as caught:
        office.examine(agent)
    assert caught.value.extra["missing"] == {"hours": 24, "courses": []}
    office.train(agent, [("law", 16), ("privacy", 8)])
    later = office.examine(agent)
    assert later is not None
    assert office.move(agent, "renew").valid_until == rules.months_after(TODAY, 24) - timedelta(days=1) or (
        later.valid_until == office.read(agent).valid_until
    )


def test_no_hours_or_examinations_of_days_to_come(office: Office) -> None:
    agent = office.apply()
    office.become(office.association)
    with pytest.raises(Invalid) as caught:
        office.train(agent, on=TODAY + timedelta(days=1))
    assert caught.value.code == "day_to_come"
    office.train(agent)
    with pytest.raises(Invalid):
        office.examine(agent, on=TODAY + timedelta(days=1))
    with pytest.raises(Invalid):
        training.record_hours(office.session, agent_id=agent.id, course="cooking", hours=1, completed_on=YESTERDAY)


# --- the clock ------------------------------------------------------------------------------------------------------


def test_a_lapsed_licence_is_suspended_and_after_the_grace_expires(office: Office) -> None:
    agent = office.licensed()
    last = agent.valid_until
    assert last is not None
    office.become(None)
    service.lapse(office.session, last)
    assert office.read(agent).state == "granted"
    office.become(None)
    service.lapse(office.session, last + timedelta(days=1))
    assert office.read(agent).state == "suspended"
    office.become(None)
    service.lapse(office.session, last + timedelta(days=90))
    assert office.read(agent).state == "suspended"
    office.become(None)
    service.lapse(office.session, last + timedelta(days=91))
    assert office.read(agent).state == "expired"
    assert [change.changed_by for change in queries.changes(office.session, agent.id)][-2:] == ["clock", "clock"]


def test_a_licence_long_past_its_term_is_suspended_and_expires_in_one_turn(office: Office) -> None:
    agent = office.licensed()
    assert agent.valid_until is not None
    office.become(None)
    service.lapse(office.session, agent.valid_until + timedelta(days=400))
    assert office.read(agent).state == "expired"


def test_an_epoch_does_not_retire_while_an_agent_is_known_by_it_alone(office: Office) -> None:
    agent = office.apply()
    office.become(None)
    subjects.rotate(office.session, office.config, "agent")
    before = count_unmoved(office.session, "agent", 1)
    with pytest.raises(Conflict) as caught:
        subjects.retire(office.session, office.config, "agent", 1)
    assert caught.value.code == "epoch_in_use"
    other = office.world.member("agency")
    for caller, refused in ((other, True), (office.agency, False)):
        office.become(caller)
        values = {"agent_id": agent.id, "subject": [{"epoch": 2, "token": token()}], "caller": caller}
        if refused:
            with pytest.raises(NotFound):
                service.rekey(office.session, config=office.config, **values)
        else:
            service.rekey(office.session, config=office.config, **values)
    office.become(None)
    assert count_unmoved(office.session, "agent", 1) == before - 1


def test_a_name_is_sealed_anew_when_the_master_key_changes(office: Office) -> None:
    agent, new = office.apply(), bytes(range(32))
    office.become(None)
    old = office.config.master_key
    while identities.reseal(office.session, old_key=old, new_key=new):
        pass
    assert queries.identities_under(office.session, identities.key_id(old), 1) == []
    assert identities.read(office.session, replace(office.config, master_key=new), agent.id) == {"name": "测试员甲"}
    with pytest.raises(InvalidTag):
        identities.read(office.session, office.config, agent.id)


def test_the_public_learns_of_a_licence_and_of_nothing_else(office: Office) -> None:
    applied = office.apply()
    for number in (applied.licence_no, "GX7K4M2P9QWAC", "GX7K4M2P9QWAD", "", "'; drop"):
        with pytest.raises(NotFound) as caught:
            public.licence(office.session, number)
        assert caught.value.code == "licence_not_found"
    agent = office.licensed()
    told = public.licence(office.session, agent.licence_no.lower())
    assert told.keys() == {
        "licence", "state", "may_work", "agency_zh", "agency_en", "valid_from", "valid_until", "certificate", "as_of",
    }  # fmt: skip
    assert (told["state"], told["may_work"], told["certificate"]) == ("granted", True, "basic")


# --- any sequence of verbs ------------------------------------------------------------------------------------------

# A claim of an agent whom the caller cannot see moving; the same training on the same day.
_MAY_REFUSE = {
    "agent_changes_previous",
    "uq_training_hours_agent_id_course_completed_on",
    "uq_examinations_agent_id_level_sat_on",
}
_VERBS = [*rules.ACTIONS, "apply", "claim", "lapse", "train"]


@settings(
    max_examples=12, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(
    steps=st.lists(st.tuples(st.sampled_from(_VERBS), st.integers(0, 2), st.integers(0, 900)), min_size=5, max_size=25)
)
def test_no_sequence_of_verbs_reaches_two_agencies_or_a_licence_beyond_its_certificate(
    office: Office, steps: list[tuple[str, int, int]]
) -> None:
    agencies = [office.agency, office.world.member("agency")]
    tok = token()
    agent = office.apply(tok=tok)
    office.train(agent, on=TODAY - timedelta(days=200))
    office.examine(agent, on=TODAY - timedelta(days=200))
    for verb, who, days in [("check", 2, 0), ("grant", 2, 0), *steps]:
        by = [*agencies, office.association][who]
        try:
            with office.session.begin_nested():
                _do(office, agent, verb, by, days, tok)
        except GongxinError:
            pass
        except DBAPIError as error:
            if named(error) not in _MAY_REFUSE:
                raise
        _hold(office, agent)


def _do(office: Office, agent: Any, verb: str, by: Any, days: int, tok: str) -> None:
    if verb == "apply":
        office.apply(by, tok)
    elif verb == "claim":
        office.claim(agent, by)
    elif verb == "lapse":
        office.become(None)
        service.lapse(office.session, TODAY + timedelta(days=days))
    elif verb == "train":
        office.train(agent, [("law", 16), ("privacy", 8)], on=YESTERDAY)
        office.examine(agent)
    else:
        until = TODAY + timedelta(days=days) if verb in rules.LICENSING and days % 2 else None
        office.move(agent, verb, by, valid_until=until)


def _hold(office: Office, agent: Any) -> None:
    office.session.expire_all()
    now = office.read(agent)
    spells = queries.engagements(office.session, agent.id)
    open_ = [spell for spell in spells if spell.ended_at is None]
    working = now.state in {"granted", "suspended"}
    assert [spell.agency_id for spell in open_] == ([now.agency_id] if working else [])
    assert all(a.ended_at is not None and a.ended_at <= b.began_at for a, b in pairwise(spells))
    if working:
        basics = [c.valid_until for c in queries.certificates(office.session, agent.id) if c.level == "basic"]
        assert now.valid_until is not None
        assert now.valid_until <= max(basics, default=date.min)
    changes = queries.changes(office.session, agent.id)
    assert [change.version for change in changes] == list(range(1, now.version + 1))
    assert all(b.previous == a.state for a, b in pairwise(changes))
    office.become(None)
    for change in changes:
        assert log.opening(office.session, change.id)


def test_the_database_keeps_the_table_of_moves_as_the_rules_do(office: Office) -> None:
    """Each move from each state by each kind, straight into the history."""
    kinds = {"agency": office.agency, "association": office.association, "registry": None}
    agent = office.licensed()
    columns = "id, agent_id, version, action, previous, state, agency_id, valid_until, barred_until, reason,"
    row = text(
        f"insert into agent_changes ({columns} changed_by, changed_at) values (gen_random_uuid(), :agent, :version,"
        " :action, 'granted', :state, :agency, :until, :bar, 'x', 'x', now())"
    )
    for action in rules.MOVES:
        for kind, caller in kinds.items():
            if action in {"claim", "apply"} and kind == "agency":
                continue
            for state in rules.STATES[1:]:
                move = rules.MOVES[action]
                allowed = "granted" in move.starts and state == move.end and kind in move.kinds
                office.become(caller)
                values = {
                    "agent": agent.id, "version": agent.version + 1, "action": action, "state": state,
                    "agency": agent.agency_id, "until": TODAY if action in rules.LICENSING else None,
                    "bar": TODAY if action in rules.BARRING else None,
                }  # fmt: skip
                point = office.session.begin_nested()
                try:
                    office.session.execute(row, values)
                    refused = ""
                except DBAPIError as error:
                    refused = named(error)
                point.rollback()
                assert (refused == "") is allowed, (action, kind, state, refused)
                assert refused in {"", "agent_changes_transition"}, (action, kind, state)
