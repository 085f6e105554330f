"""Agents over HTTP: applications, moves, training, checks, the public check."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from gongxin import clock
from gongxin.access import service as access
from gongxin.agents import checks
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.web.caller import Caller
from gongxin_client import receipts as verifier
from gongxin_wire.canonical import b64u, canonical
from tests.api.agents_http import application
from tests.api.disclosure_http import House
from tests.services.agents_world import FILING, TODAY, YESTERDAY, Office, committed
from tests.services.disclosure_world import token

SCOPES = frozenset({"agents.read", "agents.write", "agents.check"})


def member(house: House, kind: str) -> Caller:
    return replace(house.world.member(kind), scopes=SCOPES)


@pytest.fixture
def agency(house: House) -> Caller:
    return member(house, "agency")


@pytest.fixture
def association(house: House) -> Caller:
    return member(house, "association")


def filed(house: House, agency: Caller, association: Caller) -> str:
    """The agency's filing, accepted."""
    made = house.call("POST", "/v1/agencies/filings", agency, json=FILING)
    assert made.status_code == 201, made.text
    path = f"/v1/agencies/filings/{made.json['filing_id']}"
    body = {"action": "accept", "reason": "材料齐全"}
    accepted = house.call("POST", f"{path}/moves", association, json=body, headers={"If-Match": made.headers["ETag"]})
    assert (accepted.status_code, accepted.json["state"]) == (200, "accepted"), accepted.text
    return path


def applied(house: House, agency: Caller, **change: Any) -> Any:
    answer = house.call("POST", "/v1/agents", agency, json=application(**change))
    assert answer.status_code == 201, answer.text
    return answer


def move(house: House, by: Caller, agent_id: str, action: str, version: int, **body: Any) -> Any:
    return house.call(
        "POST",
        f"/v1/agents/{agent_id}/moves",
        by,
        json={"action": action, "reason": "按决定"} | body,
        headers={"If-Match": f'"{version}"'},
    )


def lines(house: House, by: Caller, path: str, *rows: Any) -> list[dict[str, Any]]:
    data = "\n".join(json.dumps(row) for row in rows)
    answer = house.call("POST", path, by, data=data, content_type="application/x-ndjson")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def trained(house: House, association: Caller, agent_id: str) -> list[dict[str, Any]]:
    hours = [
        {"agent_id": agent_id, "course": course, "hours": count, "completed_on": YESTERDAY.isoformat()}
        for course, count in (("law", 16), ("privacy", 8), ("talk", 16))
    ]
    assert [row["status"] for row in lines(house, association, "/v1/agents/training", *hours)] == ["recorded"] * 3
    return lines(house, association, "/v1/agents/examinations", sitting(agent_id, association))


def sitting(agent_id: str, examiner: Caller, **change: Any) -> dict[str, Any]:
    return {
        "agent_id": agent_id, "level": "basic", "sat_on": YESTERDAY.isoformat(), "score": 85,
        "examiner_id": str(examiner.member_id), "examiner_ref": "K-07",
    } | change  # fmt: skip


@pytest.fixture
def licensed(house: House, engine: Engine, config: Config, agency: Caller) -> tuple[Any, str]:
    """A licensed agent of the agency, and the person's token."""
    tok = token()
    with committed(engine, config, house.world) as office:
        agent = Office.licensed(office, agency, tok)
    return agent, tok


# --- the register ---------------------------------------------------------------------------------------------------


def test_from_application_to_licence(house: House, agency: Caller, association: Caller) -> None:
    answer = applied(house, agency)
    agent_id = answer.json["agent_id"]
    assert (answer.json["state"], answer.headers["ETag"]) == ("applied", '"1"')
    assert answer.headers["Location"] == f"/v1/agents/{agent_id}"
    assert "name" not in answer.json
    assert move(house, association, agent_id, "check", 1).headers["ETag"] == '"2"'
    refused = move(house, association, agent_id, "grant", 2)
    assert (refused.status_code, refused.json["code"]) == (409, "no_basic_certificate")
    (result,) = trained(house, association, agent_id)
    assert (result["status"], result["line"]) == ("passed", 1)
    unfiled = move(house, association, agent_id, "grant", 2)
    assert (unfiled.status_code, unfiled.json["code"]) == (409, "agency_not_filed")
    filed(house, agency, association)
    granted = move(house, association, agent_id, "grant", 2)
    assert granted.status_code == 200, granted.text
    assert granted.json["may_work"] is True
    assert granted.json["valid_until"] <= result["valid_until"]
    history = house.call("GET", f"/v1/agents/{agent_id}/history", agency).json
    assert [change["action"] for change in history["changes"]] == ["apply", "check", "grant"]
    assert len(history["engagements"]) == 1
    training = house.call("GET", f"/v1/agents/{agent_id}/training", agency).json
    assert training["hours"] == {"law": 16, "privacy": 8, "talk": 16}
    assert house.call("GET", f"/v1/agents/{agent_id}/identity", agency).json["name"] == "测试员甲"


def test_anonymous_wrong_scope_wrong_kind_wrong_agency(house: House, agency: Caller, licensed: Any) -> None:
    path = f"/v1/agents/{licensed[0].id}"
    assert house.call("GET", path).status_code == 401
    lacking = replace(agency, scopes=frozenset({"members.read"}))
    assert house.call("GET", path, lacking).json["code"] == "insufficient_scope"
    assert house.call("GET", path, member(house, "bank")).json["code"] == "wrong_member_kind"
    assert house.call("POST", "/v1/agents", member(house, "association"), json=application()).status_code == 403
    other = member(house, "agency")
    for read in ("", "/history", "/training", "/identity"):
        assert house.call("GET", path + read, other).status_code == 404
    assert move(house, other, licensed[0].id, "surrender", 3).status_code == 404
    assert house.call("GET", f"{path}/identity", member(house, "regulator")).status_code == 403
    assert house.call("GET", path, agency).status_code == 200


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"adult_as_of": (TODAY + timedelta(days=1)).isoformat()}, "agent_minor", "/adult_as_of"),
        ({"declared_on": "2020-01-01"}, "declaration_stale", "/declared_on"),
        ({"photo_sha256": "ab" * 31}, "invalid_field", "/photo_sha256"),
        ({"name": "甲13812345678"}, "personal_data_in_text", "/name"),
        ({"name": "甲\u200b"}, "bad_text", "/name"),
        ({"education": "none"}, "invalid_field", "/education"),
        ({"subject": []}, "invalid_field", "/subject"),
        ({"birth_date": "2000-01-01"}, "invalid_field", "/birth_date"),
        ({"subject": [{"epoch": 1, "token": "x"}]}, "bad_token", "/subject/0/token"),
    ],
)
def test_an_application_that_is_not_one(
    house: House, agency: Caller, change: dict[str, Any], code: str, pointer: str
) -> None:
    answer = house.call("POST", "/v1/agents", agency, json=application(**change))
    assert (answer.status_code, answer.json["code"], answer.json["pointer"]) == (422, code, pointer)


def test_a_move_needs_the_version_that_was_read(house: House, association: Caller, licensed: Any) -> None:
    path = f"/v1/agents/{licensed[0].id}/moves"
    body = {"action": "suspend", "reason": "调查期间"}
    assert house.call("POST", path, association, json=body).status_code == 428
    assert move(house, association, licensed[0].id, "suspend", 2).status_code == 412
    assert move(house, association, licensed[0].id, "suspend", 3).json["state"] == "suspended"
    again = move(house, association, licensed[0].id, "suspend", 4)
    assert (again.status_code, again.json["code"]) == (409, "agent_state")
    assert again.json["legal"] == ["reinstate", "revoke", "surrender"]


def test_a_repeated_application_with_its_key_is_one(house: House, agency: Caller) -> None:
    body, headers = application(), {"Idempotency-Key": "apply-0001"}
    first, second = (house.call("POST", "/v1/agents", agency, json=body, headers=headers) for _ in range(2))
    assert first.json == second.json
    roll = house.call("GET", "/v1/agents", agency).json["items"]
    assert [row["agent_id"] for row in roll] == [first.json["agent_id"]]


def test_the_roll_and_the_expiries_ahead(house: House, agency: Caller, association: Caller, licensed: Any) -> None:
    applied(house, agency)
    until = (TODAY + timedelta(days=20)).isoformat()
    assert move(house, association, licensed[0].id, "renew", 3, valid_until=until).status_code == 200
    for days, count in ((7, 0), (30, 1), (60, 1)):
        items = house.call("GET", f"/v1/agents?expiring_days={days}", agency).json["items"]
        assert len(items) == count
        assert all(item["expires_within_days"] == 30 for item in items)
    first = house.call("GET", "/v1/agents?limit=1", agency).json
    rest = house.call("GET", f"/v1/agents?limit=1&cursor={first['next_cursor']}", agency).json
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (1, 1, None)
    assert house.call("GET", "/v1/agents", member(house, "agency")).json["items"] == []


def test_a_transfer(house: House, agency: Caller, licensed: Any) -> None:
    agent, other = licensed[0], member(house, "agency")
    body = {"licence": agent.licence_no}
    assert house.call("POST", "/v1/agents/claims", other, json=body).json["code"] == "agent_not_released"
    assert move(house, agency, agent.id, "release", 3, released_to=str(other.member_id)).json["released"] is True
    third = house.call("POST", "/v1/agents/claims", member(house, "agency"), json=body)
    assert (third.status_code, third.json["code"]) == (409, "agent_not_released")
    filed(house, other, member(house, "association"))
    claimed = house.call("POST", "/v1/agents/claims", other, json=body)
    assert (claimed.status_code, claimed.json["agency_id"]) == (200, str(other.member_id))
    assert house.call("GET", f"/v1/agents/{agent.id}", agency).status_code == 404
    unknown = house.call("POST", "/v1/agents/claims", other, json={"licence": "GX7K4M2P9QWAC"})
    assert unknown.status_code == 404
    off = house.call("POST", "/v1/agents/claims", other, json={"licence": "GX7K4M2P9QWAD"})
    assert (off.status_code, off.json["code"]) == (422, "licence_check")


def test_each_line_has_its_own_outcome(house: House, agency: Caller, association: Caller) -> None:
    agent_id = applied(house, agency).json["agent_id"]
    early = lines(house, association, "/v1/agents/examinations", sitting(agent_id, association))
    assert early[0]["problem"]["code"] == "training_missing"
    trained(house, association, agent_id)
    hours = {"agent_id": agent_id, "course": "law", "hours": 16, "completed_on": YESTERDAY.isoformat()}
    told = lines(
        house, association, "/v1/agents/training",
        hours, hours | {"course": "cooking"}, hours | {"hours": "16"}, [], hours | {"course": "mediation"},
        hours | {"completed_on": (TODAY + timedelta(days=1)).isoformat(), "course": "mediation"},
    )  # fmt: skip
    codes = [row.get("problem", {}).get("code", row["status"]) for row in told]
    assert codes == [
        "hours_recorded", "unknown_course", "invalid_field", "not_an_object", "recorded", "day_to_come",
    ]  # fmt: skip
    results = lines(
        house, association, "/v1/agents/examinations",
        sitting(agent_id, association), sitting(agent_id, agency, level="senior"),
        sitting(agent_id, association, level="senior"), sitting(agent_id, association, score=101),
    )  # fmt: skip
    codes = [row.get("problem", {}).get("code", row["status"]) for row in results]
    assert codes == ["training_missing", "examiner_of_own_agency", "training_missing", "invalid_field"]


def test_tokens_of_a_new_epoch_are_added_line_by_line(house: House, agency: Caller, licensed: Any) -> None:
    agent, line = licensed[0], {"agent_id": str(licensed[0].id), "subject": [{"epoch": 2, "token": token()}]}
    wrong = line | {"subject": [{"epoch": 9, "token": token()}]}
    told = lines(house, agency, "/v1/agents/keys", line, wrong, line | {"name": "x"})
    codes = [row.get("problem", {}).get("code", row["status"]) for row in told]
    assert codes == ["done", "epoch_not_open", "invalid_field"]
    (foreign,) = lines(house, member(house, "agency"), "/v1/agents/keys", line)
    assert foreign["problem"]["code"] == "agent_not_found"
    told = check(house, member(house, "bank"), "placement", {"subject": line["subject"]}).json["answers"][0]
    assert told["licence"]["number"] == agent.licence_no


# --- checks ---------------------------------------------------------------------------------------------------------


def check(house: House, by: Caller, purpose: str, *items: dict[str, Any]) -> Any:
    return house.call("POST", "/v1/agents/checks", by, json={"purpose": purpose, "items": list(items)})


def test_a_bank_checks_before_placing_and_the_answer_is_signed(
    house: House, engine: Engine, agency: Caller, licensed: Any
) -> None:
    agent, tok = licensed
    bank = member(house, "bank")
    items = [{"licence": agent.licence_no}, {"subject": [{"epoch": 1, "token": tok}]},
             {"subject": [{"epoch": 1, "token": token()}]}]  # fmt: skip
    answer = check(house, bank, "placement", *items)
    assert answer.status_code == 200, answer.text
    first, second, third = answer.json["answers"]
    assert first == second
    assert third == {"found": False, "may_work": False}
    assert first.keys() == {"found", "may_work", "licence", "agency", "certificates", "record", "blacklist"}
    assert first["record"] == {"grade": "A", "points": 0, "rules_version": 1, "contested": 0, "objections": []}
    assert first["blacklist"] == {"state": "not_listed"}
    assert first["agency"]["member_id"] == str(agency.member_id)
    assert (first["licence"]["state"], first["may_work"]) == ("granted", True)
    with transaction(engine) as session:
        keys = verifier.read_jwks(access.public_jwks(session, use="receipt"))
    body = {"purpose": "placement", "items": items}
    found = verifier.verify(
        answer.json["receipt"], question=body, answers=answer.json["answers"], keys=keys, issuer="http://localhost",
        now=clock.now(), member_id=str(bank.member_id),
    )  # fmt: skip
    assert found.purpose == "agent_placement"
    with transaction(engine, bank.member_id, "bank") as session:
        row = session.execute(text("select items, purpose from agent_checks")).one()
        leaf = session.execute(
            text("select record from log_openings where leaf_id = :id"), {"id": answer.json["check_id"]}
        ).scalar_one()
    assert row.items[0] == row.items[1] == {"agent_id": str(agent.id)}
    assert row.items[2] == {"agent_id": None}
    assert json.loads(leaf)["question"] == b64u(hashlib.sha256(canonical(body)).digest())


def test_an_agency_checks_before_hiring_with_consent(house: House, licensed: Any) -> None:
    hiring, item = member(house, "agency"), {"licence": licensed[0].licence_no}
    without = check(house, hiring, "hiring", item)
    assert (without.status_code, without.json["code"]) == (422, "consent_reference")
    assert without.json["pointer"] == "/items/0/consent"
    told = check(house, hiring, "hiring", item | {"consent": "TY-2026-7"}).json["answers"][0]
    assert told["transfer"] == {"released": False}
    assert "bar" not in told


def test_each_kind_asks_for_its_own_purpose(house: House, licensed: Any) -> None:
    item = {"licence": licensed[0].licence_no}
    for kind, purpose in (("bank", "hiring"), ("agency", "placement"), ("association", "placement")):
        answer = check(house, member(house, kind), purpose, item)
        assert (answer.status_code, answer.json["code"]) == (403, "purpose_not_yours")
    for kind in ("court", "mediator"):
        assert check(house, member(house, kind), "supervision", item).json["code"] == "wrong_member_kind"
    assert check(house, member(house, "regulator"), "supervision", item).json["answers"][0]["bar"] == {
        "barred_until": None
    }


@pytest.mark.parametrize(
    ("item", "code", "pointer"),
    [
        ({}, "invalid_field", "/items/0"),
        ({"licence": "GX7K4M2P9QWAC", "subject": [{"epoch": 1, "token": token()}]}, "invalid_field", "/items/0"),
        ({"licence": "GX7K4M2P9QWAD"}, "licence_check", "/items/0/licence"),
        ({"licence": "110101199003074258"}, "licence_form", "/items/0/licence"),
        ({"licence": "GX7K4M2P9QWAC", "consent": "TY-1"}, "consent_reference", "/items/0/consent"),
        ({"subject": [{"epoch": 9, "token": token()}]}, "epoch_not_open", "/items/0/subject/0/epoch"),
    ],
)
def test_a_question_that_is_not_one(house: House, item: dict[str, Any], code: str, pointer: str) -> None:
    answer = check(house, member(house, "bank"), "placement", item)
    assert (answer.status_code, answer.json["code"], answer.json["pointer"]) == (422, code, pointer)


def test_a_number_is_read_however_it_is_written_and_a_name_stands_once(house: House, licensed: Any) -> None:
    bank, number = member(house, "bank"), licensed[0].licence_no
    plain = check(house, bank, "placement", {"licence": number}).json["answers"]
    assert check(house, bank, "placement", {"licence": f" {number[:5].lower()}-{number[5:]}"}).json["answers"] == plain
    raw = '{"purpose":"placement","items":[{"licence":"%s"%s}]}'
    for more in (f',"licence":"{number}"', f',"lic\\u0065nce":"{number}"'):
        answer = house.call(
            "POST", "/v1/agents/checks", bank, data=raw % (number, more), content_type="application/json"
        )
        assert (answer.status_code, answer.json["code"]) == (400, "bad_json")
    answer = house.call("POST", "/v1/agents/checks", bank, data=raw % (number, ""), content_type="application/json")
    assert answer.json["answers"] == plain


def test_without_a_blacklist_nobody_reads_as_clear(
    house: House, licensed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "blacklist_state", None)
    told = check(house, member(house, "bank"), "placement", {"licence": licensed[0].licence_no}).json["answers"][0]
    assert told["blacklist"] == {"state": "not_available"}


def test_a_check_takes_up_to_a_thousand(house: House, licensed: Any) -> None:
    bank, item = member(house, "bank"), {"licence": licensed[0].licence_no}
    assert check(house, bank, "placement").status_code == 422
    assert check(house, bank, "placement", *[item] * 1001).status_code == 422
    assert len(check(house, bank, "placement", *[item] * 1000).json["answers"]) == 1000


def test_an_application_under_way_reads_to_a_bank_as_nobody(house: House, agency: Caller) -> None:
    tok = token()
    applied(house, agency, subject=[{"epoch": 1, "token": tok}])
    told = check(house, member(house, "bank"), "placement", {"subject": [{"epoch": 1, "token": tok}]}).json["answers"]
    assert told == [{"found": False, "may_work": False}]


def test_the_public_check_tells_alike_of_what_is_unknown_and_what_is_ill_written(
    house: House, agency: Caller, licensed: Any
) -> None:
    under_way = applied(house, agency).json["licence"]
    answers = [
        house.call("GET", f"/check/{number}")
        for number in ("GX7K4M2P9QWAC", "GX7K4M2P9QWAD", "x", "GX" + "1" * 60, under_way)
    ]
    assert {answer.status_code for answer in answers} == {404}
    bodies = [{k: v for k, v in answer.json.items() if k != "request_id"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    told = house.call("GET", f"/check/{licensed[0].licence_no}")
    assert (told.status_code, told.json["state"], told.json["may_work"]) == (200, "granted", True)
    assert told.headers["Cache-Control"] == "no-store"
    assert str(agency.member_id) not in told.text
    assert "RateLimit" in told.headers


def test_a_suspended_agency_has_no_agent_who_may_work(house: House, agency: Caller, licensed: Any) -> None:
    house.world.connection.execute(
        text("update members set state = 'suspended' where id = :id"), {"id": agency.member_id}
    )
    told = house.call("GET", f"/check/{licensed[0].licence_no}").json
    assert (told["state"], told["may_work"]) == ("granted", False)


def test_the_rules_of_training_are_published_with_their_source(house: House) -> None:
    told = house.call("GET", "/v1/agents/training-rules").json
    assert (told["version"], told["source_status"]) == (1, "unverified")
