"""Filings, watches, withdrawn certificates, statistics and the person's access over HTTP."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gongxin.web.caller import Caller
from tests.api.disclosure_http import House
from tests.api.test_agents import agency, association, check, filed, licensed, member
from tests.services.agents_world import FILING, TODAY

__all__ = ["agency", "association", "licensed"]


def watched(house: House, by: Caller, answer: Any, number: str, **change: Any) -> Any:
    ends_on = (TODAY + timedelta(days=30)).isoformat()
    body = {"check_id": answer.json["check_id"], "licence": number, "ends_on": ends_on}
    return house.call("POST", "/v1/agents/watches", by, json=body | change)


def test_a_filing_from_submission_to_suspension(house: House, agency: Caller, association: Caller) -> None:
    path = filed(house, agency, association)
    told = house.call("GET", path, agency)
    assert (told.json["responsible"], told.headers["ETag"]) == (FILING["officers"], '"2"')
    assert [change["action"] for change in told.json["changes"]] == ["file", "accept"]
    assert house.call("GET", path, member(house, "regulator")).json["responsible"] is None
    assert house.call("GET", path, member(house, "agency")).status_code == 404
    assert [each["number"] for each in house.call("GET", "/v1/agencies/filings", agency).json["items"]] == [
        told.json["number"]
    ]
    body = {"action": "suspend", "reason": "整改"}
    assert house.call("POST", f"{path}/moves", association, json=body).status_code == 428
    stale = house.call("POST", f"{path}/moves", association, json=body, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    mine = house.call("POST", f"{path}/moves", agency, json=body, headers={"If-Match": '"2"'})
    assert (mine.status_code, mine.json["code"]) == (403, "not_yours_to_do")
    done = house.call("POST", f"{path}/moves", association, json=body, headers={"If-Match": '"2"'})
    assert (done.status_code, done.json["state"]) == (200, "suspended")
    wrong = house.call("POST", f"{path}/moves", association, json=body, headers={"If-Match": '"3"'})
    assert (wrong.status_code, wrong.json["legal"]) == (409, ["reinstate", "revoke", "supersede"])


def test_anonymous_wrong_scope_and_wrong_kind(house: House, agency: Caller, licensed: Any) -> None:
    agent = licensed[0]
    bank = member(house, "bank")
    for method, path, by in (
        ("POST", "/v1/agencies/filings", bank),
        ("GET", "/v1/agencies/filings", bank),
        ("GET", "/v1/agents/statistics", agency),
        ("GET", "/v1/agents/objections", agency),
        ("POST", f"/v1/agents/{agent.id}/access", agency),
        ("POST", f"/v1/agents/certificates/{agent.id}/withdrawal", agency),
        ("GET", "/v1/agents/watches", member(house, "court")),
    ):
        body = {"json": {}} if method == "POST" else {}
        assert house.call(method, path, **body).status_code == 401
        lacking = replace(by, scopes=frozenset({"members.read"}))
        assert house.call(method, path, lacking, **body).json["code"] == "insufficient_scope"
        assert house.call(method, path, by, **body).json["code"] == "wrong_member_kind"


def test_a_bank_watches_whom_it_checked(house: House, licensed: Any) -> None:
    bank, agent = member(house, "bank"), licensed[0]
    asked = check(house, bank, "placement", {"licence": agent.licence_no})
    made = watched(house, bank, asked, agent.licence_no)
    assert (made.status_code, made.json["purpose"]) == (201, "placement")
    assert watched(house, bank, asked, agent.licence_no).json["code"] == "watched_already"
    (told,) = house.call("GET", "/v1/agents/watches", bank).json["items"]
    assert told == made.json
    other = member(house, "bank")
    assert house.call("GET", "/v1/agents/watches", other).json["items"] == []
    assert watched(house, other, asked, agent.licence_no).json["code"] == "no_ground_to_watch"
    path = f"/v1/agents/watches/{told['watch_id']}/end"
    assert house.call("POST", path, other).status_code == 404
    assert house.call("POST", path, bank).json["ended_at"] is not None
    assert house.call("POST", path, bank).json["code"] == "watch_ended"


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"licence": "GX7K4M2P9QWAD"}, "licence_check", "/licence"),
        ({"ends_on": "2026-01-01"}, "invalid_field", "/ends_on"),
        ({"ends_on": "soon"}, "invalid_field", "/ends_on"),
        ({"check_id": "x"}, "invalid_field", "/check_id"),
    ],
)
def test_a_watch_that_is_not_one(house: House, licensed: Any, change: dict[str, Any], code: str, pointer: str) -> None:
    bank, agent = member(house, "bank"), licensed[0]
    asked = check(house, bank, "placement", {"licence": agent.licence_no})
    answer = watched(house, bank, asked, agent.licence_no, **change)
    assert (answer.status_code, answer.json["code"], answer.json["pointer"]) == (422, code, pointer)


def test_a_withdrawn_certificate_stays_on_record_and_ends_the_licence(
    house: House, agency: Caller, association: Caller, licensed: Any
) -> None:
    path = f"/v1/agents/{licensed[0].id}"
    (held,) = house.call("GET", f"{path}/training", agency).json["certificates"]
    assert held["withdrawn_at"] is None
    done = house.call(
        "POST", f"/v1/agents/certificates/{held['certificate_id']}/withdrawal", association, json={"reason": "作弊"}
    )
    assert done.status_code == 200, done.text
    (kept,) = house.call("GET", f"{path}/training", agency).json["certificates"]
    assert kept["withdrawn_at"] == done.json["withdrawn_at"]
    assert house.call("GET", path, agency).json["state"] == "suspended"
    told = house.call("GET", f"/check/{licensed[0].licence_no}").json
    assert (told["state"], told["certificate"], told["may_work"]) == ("suspended", None, False)


def test_the_association_reads_figures_and_answers_the_person(
    house: House, agency: Caller, association: Caller, licensed: Any
) -> None:
    agent = licensed[0]
    check(house, member(house, "bank"), "placement", {"licence": agent.licence_no})
    told = house.call("GET", "/v1/agents/statistics", association).json
    (ours,) = [each for each in told["agencies"] if each["agency_id"] == str(agency.member_id)]
    assert (ours["licences"]["granted"], told["least_cell"]) == (None, 5)
    access = house.call(
        "POST", f"/v1/agents/{agent.id}/access", association, json={"request_reference": "查阅2026-0001"}
    )
    assert access.status_code == 200, access.text
    assert [each["purpose"] for each in access.json["checked"]] == ["placement"]
    unsaid = house.call("POST", f"/v1/agents/{agent.id}/access", association, json={"request_reference": "13812345678"})
    assert unsaid.status_code == 422
    assert house.call("GET", "/v1/agents/objections", association).status_code == 200
