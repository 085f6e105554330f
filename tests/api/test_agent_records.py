"""Credit records over HTTP: entries, corrections, the person's word, decisions, the grade as of any day."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import calendar, clock
from gongxin.agents import queries, records
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.transparency import service as log
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House
from tests.api.test_agents import check, member
from tests.services.agents_world import TODAY, YESTERDAY, committed
from tests.services.members_world import refused_by


@pytest.fixture
def agency(house: House) -> Caller:
    return member(house, "agency")


@pytest.fixture
def association(house: House) -> Caller:
    return member(house, "association")


@pytest.fixture
def agent(house: House, engine: Engine, config: Config, agency: Caller) -> Any:
    with committed(engine, config, house.world) as office:
        made = office.licensed(agency)
    return made


def entry(**change: Any) -> dict[str, Any]:
    return {
        "kind": "violation", "severity": "S2", "certainty": "established", "occurred_on": YESTERDAY.isoformat(),
        "basis": "协会 2026-17 号决定",
    } | change  # fmt: skip


def enter(house: House, by: Caller, agent: Any, **change: Any) -> str:
    answer = house.call("POST", f"/v1/agents/{agent.id}/record", by, json=entry(**change))
    assert answer.status_code == 201, answer.text
    return str(answer.json["record_id"])


def read(house: House, by: Caller, agent: Any, query: str = "") -> Any:
    answer = house.call("GET", f"/v1/agents/{agent.id}/record{query}", by)
    assert answer.status_code == 200, answer.text
    return answer.json


def post(house: House, by: Caller, agent: Any, record_id: str, what: str, **body: Any) -> Any:
    return house.call("POST", f"/v1/agents/{agent.id}/record/{record_id}/{what}", by, json=body)


def test_a_violation_counts_and_an_allegation_does_not(
    house: House, engine: Engine, agency: Caller, association: Caller, agent: Any
) -> None:
    assert read(house, agency, agent)["grade"] == "A"
    enter(house, association, agent, severity="S1", certainty="alleged")
    assert (read(house, agency, agent)["grade"], read(house, agency, agent)["points"]) == ("A", 0)
    made = enter(house, association, agent)
    told = read(house, agency, agent)
    assert (told["grade"], told["points"]) == ("C", 600)
    assert sum(line["left"] for line in told["lines"]) == 600
    assert {line["why"] for line in told["lines"]} == {"alleged_never_counts", "less_with_each_month"}
    assert read(house, agency, agent, f"?as_of={YESTERDAY}")["grade"] == "A"
    assert read(house, agency, agent, f"?as_of={TODAY + timedelta(days=1200)}")["grade"] == "A"
    with transaction(engine) as session:
        assert log.opened_record(log.opening(session, uuid.UUID(made)))["severity"] == "S2"


def test_a_correction_supersedes_and_stays_on_record(
    house: House, agency: Caller, association: Caller, agent: Any
) -> None:
    made = enter(house, association, agent)
    milder = post(house, association, agent, made, "corrections", **entry(severity="S3"))
    assert milder.status_code == 201
    told = read(house, agency, agent)
    assert (told["points"], [e["superseded"] for e in told["entries"]]) == (200, [True, False])
    again = post(house, association, agent, made, "corrections", **entry())
    assert (again.status_code, again.json["code"]) == (409, "record_superseded")
    gone = post(house, association, agent, milder.json["record_id"], "corrections", **entry(withdrawn=True))
    assert gone.status_code == 201
    told = read(house, agency, agent)
    assert (told["points"], len(told["entries"])) == (0, 3)


def test_an_objection_has_twenty_working_days_and_travels_with_the_check(
    house: House, agency: Caller, association: Caller, agent: Any
) -> None:
    made = enter(house, association, agent)
    assert post(house, agency, agent, made, "responses", kind="reply", said="已向对方致歉").json["due_on"] is None
    objection = post(house, agency, agent, made, "responses", kind="objection", said="当日未值班")
    assert objection.json["due_on"] == calendar.china().add(TODAY, 20).isoformat()
    request = post(house, agency, agent, made, "responses", kind="correction_request", said="日期有误")
    assert request.json["due_on"] == calendar.china().add(TODAY, 3).isoformat()
    bank = member(house, "bank")
    told = check(house, bank, "placement", {"licence": agent.licence_no}).json["answers"][0]["record"]
    (contested,) = told.pop("objections")
    assert told == {"grade": "C", "points": 600, "rules_version": 1, "contested": 1}
    assert (contested["severity"], contested["objection"], contested["reply"]) == ("S2", "当日未值班", "已向对方致歉")
    assert read(house, agency, agent)["entries"][0]["contested"] is True
    late = read(house, agency, agent, f"?as_of={TODAY + timedelta(days=60)}")["entries"][0]["responses"]
    assert [response["overdue"] for response in late] == [False, True, True]
    decision = {"answers": objection.json["response_id"], "outcome": "rejected", "said": "排班表显示当日在岗"}
    assert post(house, association, agent, made, "decisions", **decision).status_code == 201
    assert post(house, association, agent, made, "decisions", **decision).json["code"] == "decided_before"
    assert read(house, agency, agent)["entries"][0]["contested"] is False
    told = check(house, bank, "placement", {"licence": agent.licence_no}).json["answers"][0]["record"]
    assert told["contested"] == 0


def test_who_may_enter_answer_and_decide(house: House, agency: Caller, association: Caller, agent: Any) -> None:
    path = f"/v1/agents/{agent.id}/record"
    assert house.call("GET", path).status_code == 401
    assert house.call("POST", path, agency, json=entry()).json["code"] == "wrong_member_kind"
    assert house.call("GET", path, member(house, "bank")).status_code == 403
    assert house.call("GET", path, member(house, "agency")).status_code == 404
    made = enter(house, member(house, "regulator"), agent)
    other = member(house, "agency")
    assert post(house, other, agent, made, "responses", kind="reply", said="x").status_code == 404
    assert post(house, agency, agent, made, "decisions", answers=made, outcome="upheld", said="x").status_code == 403
    nothing = post(house, association, agent, made, "decisions", answers=made, outcome="upheld", said="x")
    assert (nothing.status_code, nothing.json["code"]) == (422, "nothing_to_decide")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"severity": None}, "/severity"),
        ({"certainty": None}, "/certainty"),
        ({"kind": "commendation"}, "/severity"),
        ({"severity": "S4"}, "/severity"),
        ({"occurred_on": (TODAY + timedelta(days=1)).isoformat()}, "/occurred_on"),
        ({"basis": ""}, "/basis"),
        ({"basis": "电话 13812345678"}, "/basis"),
    ],
)
def test_an_entry_that_is_not_one(
    house: House, association: Caller, agent: Any, change: dict[str, Any], pointer: str
) -> None:
    answer = house.call("POST", f"/v1/agents/{agent.id}/record", association, json=entry(**change))
    assert (answer.status_code, answer.json["pointer"]) == (422, pointer)


def test_the_rules_of_grading_are_published_with_their_source(house: House) -> None:
    told = house.call("GET", "/v1/agents/grading-rules").json
    assert (told["version"], told["source_status"]) == (1, "unverified")


_RECORD = (
    "insert into agent_records values (gen_random_uuid(), :agent, {kind}, {severity}, {certainty}, {day}, {basis},"
    " {withdrawn}, {supersedes}, :by, now())"
)
_GOOD = {
    "kind": "'violation'", "severity": "'S1'", "certainty": "'proven'", "day": "current_date - 1", "basis": "'x'",
    "withdrawn": "false", "supersedes": "null",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"kind": "'rumour'"}, "ck_agent_records_kind"),
        ({"severity": "null"}, "ck_agent_records_kind"),
        ({"certainty": "'perhaps'"}, "ck_agent_records_kind"),
        ({"kind": "'commendation'"}, "ck_agent_records_kind"),
        ({"day": "current_date + 2"}, "ck_agent_records_occurred_on"),
        ({"basis": "''"}, "ck_agent_records_basis"),
        ({"withdrawn": "true"}, "ck_agent_records_withdrawn"),
        ({"supersedes": "gen_random_uuid()"}, "fk_agent_records_agent_id_supersedes"),
    ],
)
def test_the_database_refuses_an_entry_that_is_not_whole(
    engine: Engine, association: Caller, agent: Any, change: dict[str, str], constraint: str
) -> None:
    with transaction(engine, association.member_id, "association") as session:
        values = {"agent": agent.id, "by": association.member_id}
        assert refused_by(session, _RECORD.format(**_GOOD | change), **values) == constraint
        session.execute(text(_RECORD.format(**_GOOD)), values)


_SAID = "insert into agent_responses values (gen_random_uuid(), :agent, :record, {}, :by, now())"


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("'shout', null, null, 'x', null", "ck_agent_responses_kind"),
        ("'reply', null, 'upheld', 'x', null", "ck_agent_responses_decision"),
        ("'decision', null, null, 'x', null", "ck_agent_responses_decision"),
        ("'decision', :record, 'perhaps', 'x', null", "ck_agent_responses_outcome"),
        ("'objection', null, null, 'x', null", "ck_agent_responses_due_on"),
        ("'reply', null, null, 'x', now()", "ck_agent_responses_due_on"),
        ("'reply', null, null, '', null", "ck_agent_responses_said"),
        ("'decision', :record, 'upheld', 'x', null", "fk_agent_responses_record_id_answers"),
    ],
)
def test_the_database_refuses_a_response_that_is_not_whole(
    engine: Engine, association: Caller, agent: Any, values: str, constraint: str
) -> None:
    with transaction(engine, association.member_id, "association") as session:
        made = records.enter(
            session, agent.id, caller=association, kind="commendation", occurred_on=YESTERDAY, basis="表彰"
        )
        given = {"agent": agent.id, "record": made.id, "by": association.member_id}
        assert refused_by(session, _SAID.format(values), **given) == constraint


def test_records_are_superseded_once_decided_once_and_never_changed(
    engine: Engine, owner_engine: Engine, association: Caller, agency: Caller, agent: Any
) -> None:
    with transaction(engine, association.member_id, "association") as session:
        made = records.enter(
            session, agent.id, caller=association, kind="commendation", occurred_on=YESTERDAY, basis="表彰"
        )
        said = records.respond(session, agent.id, made.id, caller=association, kind="objection", said="x")
        records.decide(session, agent.id, made.id, caller=association, answers=said.id, outcome="upheld", said="x")
        records.enter(
            session, agent.id, caller=association, kind="commendation", occurred_on=YESTERDAY, basis="更正",
            supersedes=made.id,
        )  # fmt: skip
        given = {"agent": agent.id, "record": made.id, "by": association.member_id}
        decided = _SAID.format(f"'decision', '{said.id}', 'upheld', 'x', null")
        assert refused_by(session, decided, **given) == "uq_agent_responses_answers"
        twice = _RECORD.format(
            **_GOOD | {"kind": "'commendation'", "severity": "null", "certainty": "null", "supersedes": f"'{made.id}'"}
        )
        assert refused_by(session, twice, agent=agent.id, by=association.member_id) == "uq_agent_records_supersedes"
        assert len(queries.records(session, agent.id)) == 2
    with transaction(engine, agency.member_id, "agency") as session:
        mine = {"agent": agent.id, "record": made.id, "by": agency.member_id}
        assert "row-level security" in refused_by(session, _RECORD.format(**_GOOD), agent=agent.id, by=agency.member_id)
        decision = _SAID.format("'decision', null, null, 'x', null")
        assert "row-level security" in refused_by(session, decision, **mine)
    with owner_engine.connect() as connection:
        own = Session(connection)
        for table in ("agent_records", "agent_responses"):
            for sql in (f"update {table} set kind = kind", f"delete from {table}"):
                assert refused_by(own, sql) == f"append_only_{table}"
        connection.rollback()


def test_the_day_is_the_day_in_china(engine: Engine, association: Caller, agent: Any) -> None:
    with transaction(engine, association.member_id, "association") as session:
        told = records.as_of(session, agent.id, clock.today_in_china())
    assert (told["grade"], told["points"], told["lines"], told["entries"]) == ("A", 0, [], [])
