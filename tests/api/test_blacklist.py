"""The blacklist over HTTP: the whole way, who may do what, screening, corrections, the public list."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from gongxin import clock
from gongxin.access import service as access
from gongxin.blacklist import examples
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.web.caller import Caller
from gongxin_client import receipts as verifier
from gongxin_wire import merkle, screenings
from gongxin_wire.canonical import unb64u
from gongxin_wire.identifiers import synthetic_cn_id
from tests.api.disclosure_http import House
from tests.services.agents_world import committed
from tests.services.blacklist_world import PROOF
from tests.services.disclosure_world import token

SCOPES = frozenset({"blacklist.read", "blacklist.report", "blacklist.decide", "blacklist.screen", "agents.check"})
BASE = "/v1/blacklist"


def member(house: House, kind: str) -> Caller:
    return replace(house.world.member(kind), scopes=SCOPES)


@pytest.fixture
def people(house: House, engine: Engine, config: Config) -> dict[str, Any]:
    """A bank, an agency with a licensed agent, an association with two committees."""
    found: dict[str, Any] = {kind: member(house, kind) for kind in ("bank", "agency", "association")}
    found["token"] = token()
    with committed(engine, config, house.world) as office:
        found["agent"] = office.licensed(found["agency"], found["token"])
    for name, officers in (("first", ["A1", "A2", "A3"]), ("second", ["B1", "B2", "B3"])):
        body = {"name_zh": "委员会", "officers": officers}
        found[name] = house.call("POST", f"{BASE}/committees", found["association"], json=body).json["committee_id"]
    return found


def post(house: House, by: Caller, path: str, **body: Any) -> Any:
    return house.call("POST", f"{BASE}{path}", by, json=body)


def report(house: House, people: dict[str, Any], **change: Any) -> Any:
    today = clock.today_in_china().isoformat()
    body = examples.REPORT | {"occurred_from": today, "occurred_until": today} | change
    if "member_id" in change:
        return post(house, people["bank"], "/matters", **{name: body[name] for name in body if name != "licence"})
    return post(house, people["bank"], "/matters", **body | {"licence": people["agent"].licence_no})


def act(house: House, people: dict[str, Any], matter_id: str, action: str, officer: str = "C1", **more: Any) -> Any:
    if action in {"notice", "serve"}:
        more |= {"served_on": clock.today_in_china().isoformat(), "channel": "agency", "proof": PROOF}
    body = {"action": action, "officer": officer, "said": "理由充分"} | more
    answer = post(house, people["association"], f"/matters/{matter_id}/acts", **body)
    assert answer.status_code == 200, answer.text
    return answer.json


def listed(house: House, people: dict[str, Any], **change: Any) -> str:
    matter_id: str = report(house, people, **change).json["matter_id"]
    act(house, people, matter_id, "accept", committee_id=people["first"])
    act(house, people, matter_id, "notice")
    said = {"action": "reply", "said": "当日未联系"}
    assert post(house, people["agency"], f"/matters/{matter_id}/statements", **said).status_code == 200
    act(house, people, matter_id, "draft", act="decide", level="L3", months=6)
    for officer in ("A1", "A2", "A3"):
        vote = {"officer": officer, "vote": officer != "A3", "said": "见卷"}
        assert post(house, people["association"], f"/matters/{matter_id}/votes", **vote).status_code == 201
    act(house, people, matter_id, "decide", "A1")
    act(house, people, matter_id, "serve")
    return matter_id


def test_from_report_to_correction(house: House, people: dict[str, Any]) -> None:
    matter_id = listed(house, people)
    body = {"purpose": "placement", "items": [{"licence": people["agent"].licence_no}]}
    told = house.call("POST", "/v1/agents/checks", people["bank"], json=body).json["answers"][0]
    assert (told["blacklist"]["state"], told["blacklist"]["level"]) == ("listed", "L3")
    appeal = {"action": "appeal", "said": "处理过重"}
    appealed = post(house, people["agency"], f"/matters/{matter_id}/statements", **appeal).json
    assert appealed["state"] == "appealed"
    act(house, people, matter_id, "assign", committee_id=people["second"])
    act(house, people, matter_id, "draft", "D1", act="vary", level="L3", months=2)
    for officer in ("B1", "B2", "B3"):
        post(house, people["association"], f"/matters/{matter_id}/votes", officer=officer, vote=True)
    varied = act(house, people, matter_id, "vary", "B1")
    assert varied["state"] == "varied"
    (owed,) = house.call("GET", f"{BASE}/corrections?show=open", people["bank"]).json["items"]
    assert (owed["cause"], owed["ends_on"]) == ("varied", varied["ends_on"])
    path = f"/corrections/{owed['correction_id']}/acknowledgement"
    assert post(house, people["agency"], path, did="updated").status_code == 404
    assert post(house, people["bank"], path, did="updated").json["did"] == "updated"
    assert post(house, people["bank"], path, did="updated").json["code"] == "acknowledged_already"
    assert house.call("GET", f"{BASE}/corrections?show=open", people["bank"]).json["items"] == []
    told = house.call("GET", f"{BASE}/statistics", people["association"]).json
    assert told["appeals"]["changed"] >= 1


def test_anonymous_wrong_scope_wrong_kind_wrong_member(house: House, people: dict[str, Any]) -> None:
    assert house.call("GET", f"{BASE}/matters").status_code == 401
    lacking = replace(people["bank"], scopes=frozenset({"members.read"}))
    assert house.call("GET", f"{BASE}/matters", lacking).json["code"] == "insufficient_scope"
    matter_id = report(house, people).json["matter_id"]
    body = {"action": "refuse", "officer": "A1", "said": "x"}
    assert post(house, people["bank"], f"/matters/{matter_id}/acts", **body).json["code"] == "wrong_member_kind"
    assert house.call("GET", f"{BASE}/matters/{matter_id}", people["agency"]).status_code == 404
    assert house.call("GET", f"{BASE}/matters/{matter_id}", member(house, "bank")).status_code == 404
    assert house.call("GET", f"{BASE}/matters/{matter_id}", people["bank"]).json["state"] == "reported"
    assert house.call("GET", f"{BASE}/matters/{matter_id}/file", people["bank"]).json["code"] == "not_your_file"
    assert house.call("GET", f"{BASE}/statistics", people["bank"]).json["code"] == "wrong_member_kind"


def test_a_report_with_a_debtors_number_is_refused_where_it_stands(house: House, people: dict[str, Any]) -> None:
    answer = report(house, people, conduct=f"债务人 {synthetic_cn_id(3)} 的同事")
    assert (answer.status_code, answer.json["code"], answer.json["pointer"]) == (
        422, "personal_data_in_text", "/conduct",
    )  # fmt: skip
    assert report(house, people, subject_kind="debtor").status_code == 422


def test_steps_out_of_turn_say_what_can_be_done(house: House, people: dict[str, Any]) -> None:
    matter_id = report(house, people).json["matter_id"]
    body = {"action": "decide", "officer": "A1", "said": "x"}
    answer = post(house, people["association"], f"/matters/{matter_id}/acts", **body)
    assert (answer.status_code, answer.json["code"]) == (409, "matter_state")
    assert answer.json["legal"] == ["join", "refuse", "accept"]


def test_the_listed_side_reads_and_prints_its_file(house: House, people: dict[str, Any]) -> None:
    matter_id = listed(house, people)
    told = house.call("GET", f"{BASE}/matters/{matter_id}/file", people["agency"]).json
    assert told["conduct"] == examples.REPORT["conduct"]
    printed = house.call("GET", f"{BASE}/matters/{matter_id}/file.pdf", people["agency"])
    assert (printed.mimetype, printed.data[:5]) == ("application/pdf", b"%PDF-")
    objection = post(house, people["agency"], f"/matters/{matter_id}/objections", kind="objection", said="有误").json
    path = f"/matters/{matter_id}/objections/{objection['objection_id']}/answers"
    answered = post(house, people["association"], path, officer="A1", outcome="rejected", answer="证据充分")
    assert answered.json["outcome"] == "rejected"


def test_a_screening_is_one_receipt_and_a_proof_for_each_line(
    house: House, people: dict[str, Any], engine: Engine
) -> None:
    listed(house, people)
    lines = [
        json.dumps({"subject": [{"epoch": 1, "token": people["token"]}]}).encode(),
        json.dumps({"licence": "GX7K4M2P9QWAC"}).encode(),
    ]
    lines.append(json.dumps({"subject": [{"epoch": 1, "token": token()}]}).encode())
    answer = house.call(
        "POST", f"{BASE}/screenings?purpose=hire&consent=TY-1", people["agency"], data=b"\n".join(lines),
        content_type="application/x-ndjson",
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    told = answer.json
    assert [each["state"] for each in told["states"]][::2] == ["listed", "not_listed"]
    with transaction(engine) as session:
        keys = verifier.read_jwks(access.public_jwks(session, use="receipt"))
    found = verifier.verify(
        told["receipt"], question=told["question"], answers=told["summary"], keys=keys, issuer="http://localhost",
        now=clock.now(), member_id=str(people["agency"].member_id), purpose="screening_hire",
    )  # fmt: skip
    assert found.lookup_id == told["screening_id"]
    root = unb64u(told["summary"][0]["root"])
    proof = screenings.prove(2, unb64u(told["seed"]), lines, told["states"])
    screenings.check(proof, root)
    with pytest.raises(merkle.ProofError):
        screenings.check(replace(proof, line="{}"), root)
    assert house.call(
        "POST", f"{BASE}/screenings?purpose=hire", people["agency"], data=b"{}", content_type="application/x-ndjson"
    ).status_code == 422  # fmt: skip


def test_the_public_list_names_organisations_in_three_forms(house: House, people: dict[str, Any]) -> None:
    listed(house, people)
    told = house.call("GET", f"{BASE}/public").json
    assert people["agent"].licence_no not in json.dumps(told)
    assert house.call("GET", f"{BASE}/public.csv?history=all").mimetype == "text/csv"
    assert house.call("GET", f"{BASE}/public.atom").data.startswith(b"<?xml")
    assert house.call("GET", f"{BASE}/rules").json["source_status"] == "unverified"


def test_snapshots_hold_listed_organisations_and_ones_own_agents_and_no_listed_person(
    house: House, people: dict[str, Any]
) -> None:
    def lines(by: Caller, name: str) -> list[dict[str, Any]]:
        answer = house.call(
            "GET", f"/v1/snapshots/{name}", replace(by, scopes=SCOPES | {"changes.read", "agents.read"})
        )
        assert answer.status_code == 200, answer.text
        found = [json.loads(line) for line in answer.text.splitlines()]
        assert found[-1] == {"end": True, "count": len(found) - 2}
        return found[1:-1]

    person = listed(house, people)
    agency = str(people["agency"].member_id)
    organisation = listed(house, people, subject_kind="agency", member_id=agency, article="B04")
    told = {line["object_id"]: line["data"] for line in lines(people["bank"], "blacklist_organisations")}
    assert person not in told
    assert told[organisation]["member_id"] == agency
    assert told[organisation]["state"] == "in_force"
    own = {line["data"]["licence"] for line in lines(people["agency"], "agents")}
    assert own == {people["agent"].licence_no}
    assert lines(people["bank"], "agents") == []
