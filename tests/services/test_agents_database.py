"""What the database refuses by itself about agents, each constraint violated once and named."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.subjects import service as subjects
from tests.services.agents_world import TODAY, Office, committed
from tests.services.disclosure_world import World, build
from tests.services.members_world import refused_by


@pytest.fixture
def office(session: Session, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Office]:
    with transaction(engine) as opened:
        subjects.ensure_epochs(opened, config)
    for world in build(owner_engine, config):
        yield Office(session, config, world)


@pytest.fixture
def owner(engine: Engine, owner_engine: Engine, config: Config) -> Iterator[tuple[Session, Any, World]]:
    """Past the grants and row-level security, over a licensed agent; constraints and triggers hold all the same."""
    with transaction(engine) as opened:
        subjects.ensure_epochs(opened, config)
    for world in build(owner_engine, config):
        with committed(engine, config, world) as office:
            agent = office.licensed()
        with owner_engine.connect() as connection:
            outer = connection.begin()
            yield Session(connection, join_transaction_mode="create_savepoint"), agent, world
            outer.rollback()


_AGENT = (
    "insert into agents (id, licence_no, state, agency_id, released, photo_sha256, adult_as_of, declared_on, education,"
    " version, created_at, changed_at) values (gen_random_uuid(), {number}, {state}, :agency, {released},"
    " decode(repeat('00', {photo}), 'hex'), now(), now(), {education}, {version}, now(), now())"
)
_GOOD = {
    "number": "'GX7K4M2P9QWAC'", "state": "'draft'", "released": "false", "photo": "32", "education": "'college'",
    "version": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"number": "'GX7K4M2P9QWI1'"}, "ck_agents_licence_no"),
        ({"state": "'gone'"}, "ck_agents_state"),
        ({"photo": "31"}, "ck_agents_photo"),
        ({"education": "'none'"}, "ck_agents_education"),
        ({"released": "true"}, "ck_agents_released"),
        ({"version": "1"}, "ck_agents_version"),
        ({"state": "'granted'", "version": "1"}, "ck_agents_licence"),
    ],
)
def test_an_agent_is_whole(owner: Any, change: dict[str, str], constraint: str) -> None:
    session, agent, _ = owner
    assert refused_by(session, _AGENT.format(**_GOOD | change), agency=agent.agency_id) == constraint
    session.execute(text(_AGENT.format(**_GOOD)), {"agency": agent.agency_id})
    assert refused_by(session, _AGENT.format(**_GOOD), agency=agent.agency_id) == "uq_agents_licence_no"


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("update agents set licence_no = 'GX7K4M2P9QWAC', version = version + 1 where id = :id", "agents_identity"),
        ("update agents set state = 'suspended' where id = :id", "agents_identity"),
        ("delete from agents where id = :id", "agents_identity"),
        (
            "update agents set valid_until = valid_until + 1000, version = version + 1 where id = :id",
            "agents_certificate",
        ),
        ("update agent_keys set epoch = 2 where agent_id = :id", "append_only_agent_keys"),
        ("delete from agent_changes where agent_id = :id", "append_only_agent_changes"),
        ("update examinations set score = 100 where agent_id = :id", "append_only_examinations"),
        ("delete from training_hours where agent_id = :id", "append_only_training_hours"),
        ("update certificates set valid_until = valid_until + 1 where agent_id = :id", "append_only_certificates"),
        ("insert into agent_keys select gen_random_uuid(), epoch, subject_key from agent_keys where agent_id = :id",
         "uq_agent_keys_epoch_subject_key"),
        ("insert into agent_keys values (:id, 0, decode(repeat('01', 32), 'hex'))", "ck_agent_keys_epoch"),
        ("insert into agent_keys values (:id, 9, '\\x01')", "ck_agent_keys_subject_key"),
        ("update agent_identities set key_id = 'x' where agent_id = :id", "ck_agent_identities_key_id"),
        ("update agent_identities set sealed_key = '\\x00' where agent_id = :id", "ck_agent_identities_sealed"),
        # One agency at a time, whoever writes.
        ("insert into agent_engagements select agent_id, agency_id, began_at + interval '1 hour', null"
         " from agent_engagements where agent_id = :id", "agent_engagements_apart"),
        ("update agent_engagements set ended_at = began_at - interval '1 s' where agent_id = :id", ""),
    ],
)  # fmt: skip
def test_not_even_the_owner_of_the_tables_rewrites_an_agent(owner: Any, sql: str, constraint: str) -> None:
    session, agent, _ = owner
    refused = refused_by(session, sql, id=agent.id)
    # A period that ends before it begins falls at the trigger's range or, where that met no other row, at the check.
    ends_early = refused == "ck_agent_engagements_order" or "range lower bound" in refused
    assert refused == constraint if constraint else ends_early


def test_two_open_spells_are_refused_by_the_index_too(owner: Any) -> None:
    session, agent, _ = owner
    session.execute(text("alter table agent_engagements disable trigger agent_engagements_apart"))
    again = (
        "insert into agent_engagements select agent_id, agency_id, began_at + interval '1 hour', null"
        " from agent_engagements where agent_id = :id"
    )
    assert refused_by(session, again, id=agent.id) == "ix_agent_engagements_one"


_EXAM = (
    "insert into examinations values (gen_random_uuid(), :id, {level}, current_date - 9, {score}, 60, :examiner, {ref},"
    " now() {later})"
)
_EXAM_GOOD = {"level": "'senior'", "score": "80", "ref": "'K-1'", "later": ""}


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"level": "'none'"}, "ck_examinations_level"),
        ({"score": "101"}, "ck_examinations_score"),
        ({"ref": "'老师'"}, "ck_examinations_examiner_ref"),
        ({"later": "- interval '99 days'"}, "ck_examinations_sat_on"),
    ],
)
def test_an_examination_is_whole(owner: Any, change: dict[str, str], constraint: str) -> None:
    session, agent, world = owner
    values = {"id": agent.id, "examiner": world.member("association").member_id}
    assert refused_by(session, _EXAM.format(**_EXAM_GOOD | change), **values) == constraint
    session.execute(text(_EXAM.format(**_EXAM_GOOD)), values)
    own = values | {"examiner": agent.agency_id}
    assert refused_by(session, _EXAM.format(**_EXAM_GOOD), **own) == "examinations_own_agency"
    assert refused_by(session, _EXAM.format(**_EXAM_GOOD), **values) == "uq_examinations_agent_id_level_sat_on"


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ("'senior', id, sat_on, sat_on + 100", "certificates_examined"),
        ("level, id, sat_on + 1, sat_on + 100", "certificates_examined"),
        ("level, gen_random_uuid(), sat_on, sat_on + 100", "certificates_examined"),
        ("level, id, sat_on, sat_on", "ck_certificates_valid_until"),
        ("level, id, sat_on, sat_on + 100", "uq_certificates_examination_id"),
    ],
)
def test_a_certificate_follows_its_examination(owner: Any, columns: str, constraint: str) -> None:
    session, agent, _ = owner
    sql = (
        f"insert into certificates select gen_random_uuid(), agent_id, {columns}, 1, now() from examinations"
        " where agent_id = :id"
    )
    assert refused_by(session, sql, id=agent.id) == constraint


def test_a_failed_examination_gives_no_certificate(owner: Any) -> None:
    session, agent, world = owner
    values = {"id": agent.id, "examiner": world.member("association").member_id}
    session.execute(text(_EXAM.format(**_EXAM_GOOD | {"score": "59"})), values)
    sql = (
        "insert into certificates select gen_random_uuid(), agent_id, level, id, sat_on, sat_on + 100, 1, now()"
        " from examinations where agent_id = :id and level = 'senior'"
    )
    assert refused_by(session, sql, id=agent.id) == "certificates_examined"


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("'law', 25, current_date - 9", "ck_training_hours_hours"),
        ("'LAW', 1, current_date - 9", "ck_training_hours_course"),
        ("'law', 1, current_date + 2", "ck_training_hours_completed_on"),
    ],
)
def test_hours_are_whole(owner: Any, values: str, constraint: str) -> None:
    session, agent, _ = owner
    sql = "insert into training_hours values (gen_random_uuid(), :id, {}, now())"
    assert refused_by(session, sql.format(values), id=agent.id) == constraint
    session.execute(text(sql.format("'law', 1, current_date - 9")), {"id": agent.id})
    again = refused_by(session, sql.format("'law', 1, current_date - 9"), id=agent.id)
    assert again == "uq_training_hours_agent_id_course_completed_on"


_CHECK = (
    "insert into agent_checks values (gen_random_uuid(), now(), :member, null, {purpose}, cast({items} as jsonb), '[]')"
)


@pytest.mark.parametrize(
    ("purpose", "items", "constraint"),
    [
        ("'curiosity'", "'[{}]'", "ck_agent_checks_purpose"),
        ("'placement'", "'[]'", "ck_agent_checks_items"),
        ("'hiring'", "'[{\"agent_id\": null}]'", "ck_agent_checks_consent"),
    ],
)
def test_a_check_says_why(owner: Any, purpose: str, items: str, constraint: str) -> None:
    session, agent, _ = owner
    assert refused_by(session, _CHECK.format(purpose=purpose, items=items), member=agent.agency_id) == constraint
    good = _CHECK.format(purpose="'hiring'", items='\'[{"consent": "TY-1"}]\'').replace(": ", "\\: ")
    session.execute(text(good), {"member": agent.agency_id})


_CHANGE = (
    "insert into agent_changes (id, agent_id, version, action, previous, state, agency_id, valid_until, barred_until,"
    " reason, changed_by, changed_at) values (gen_random_uuid(), :id, :version, :action, :previous, :state, :agency,"
    " :until, :bar, :reason, :by, now())"
)


def _change(agent: Any, **change: Any) -> dict[str, Any]:
    return {
        "id": agent.id, "version": agent.version + 1, "action": "suspend", "previous": "granted", "state": "suspended",
        "agency": agent.agency_id, "until": None, "bar": None, "reason": "x", "by": "x",
    } | change  # fmt: skip


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"previous": "applied"}, "agent_changes_previous"),
        ({"state": "revoked"}, "agent_changes_transition"),
        ({"action": "release", "state": "granted"}, "agent_changes_transition"),
        ({"reason": ""}, "ck_agent_changes_reason"),
        ({"by": ""}, "ck_agent_changes_changed_by"),
        ({"action": "revoke", "state": "revoked"}, "ck_agent_changes_bar"),
        ({"action": "renew", "state": "granted"}, "ck_agent_changes_term"),
        ({"action": "renew", "state": "granted", "until": TODAY - timedelta(days=1)}, "agent_changes_past"),
        ({"action": "renew", "state": "granted", "until": TODAY + timedelta(days=5000)}, "agents_certificate"),
    ],
)
def test_a_move_is_checked_again_by_the_database(office: Office, change: dict[str, Any], constraint: str) -> None:
    agent = office.licensed()
    office.become(office.association)
    assert refused_by(office.session, _CHANGE, **_change(agent, **change)) == constraint


def test_a_move_is_for_the_version_read_and_the_agency_it_concerns(office: Office) -> None:
    agent, other = office.licensed(), office.world.member("agency")
    office.become(office.association)
    stale = _change(agent, version=agent.version)
    assert refused_by(office.session, _CHANGE, **stale) in {"agent_changes_previous"}
    assert refused_by(office.session, _CHANGE, **_change(agent, agency=other.member_id)) == "agent_changes_agency"
    office.become(other)
    claim = _change(agent, action="claim", state="granted", agency=other.member_id)
    assert refused_by(office.session, _CHANGE, **claim) == "agent_changes_claim"
    surrender = _change(agent, action="surrender", state="surrendered", agency=other.member_id)
    assert refused_by(office.session, _CHANGE, **surrender) == "agent_changes_agency"
    foreign = _change(agent, action="surrender", state="surrendered")
    assert refused_by(office.session, _CHANGE, **foreign) == "agent_changes_agency"


def test_the_bar_and_the_agencys_standing_hold_in_the_database(office: Office) -> None:
    agent = office.move(office.apply(), "refuse")
    office.become(office.agency)
    again = _change(agent, action="apply", previous="refused", state="applied")
    assert refused_by(office.session, _CHANGE, **again) == "agent_changes_barred"
    second = office.licensed()
    office.move(second, "release", office.agency)
    suspended = office.world.member("agency")
    office.world.connection.execute(
        text("update members set state = 'suspended' where id = :id"), {"id": suspended.member_id}
    )
    office.become(suspended)
    fresh = office.read(second)
    office.become(suspended)
    claim = _change(fresh, action="claim", state="granted", agency=suspended.member_id)
    assert refused_by(office.session, _CHANGE, **claim) == "agent_changes_active_agency"


def test_an_agency_writes_into_no_others_roll(office: Office) -> None:
    other = office.world.member("agency")
    office.become(office.agency)
    refused = refused_by(office.session, _AGENT.format(**_GOOD), agency=other.member_id)
    assert "row-level security" in refused
