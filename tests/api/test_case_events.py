"""Events over HTTP: by parties and by courts, refused with what is legal, told as of any moment, seen by look-ups."""

from typing import Any

import pytest

from gongxin.web.caller import Caller
from gongxin_wire.identifiers import synthetic_cn_id
from tests.api.cases_http import CARD, NOBODY, place, register, say
from tests.api.disclosure_http import House
from tests.services.cases_world import TODAY, Acts, days_ago
from tests.services.disclosure_world import granted, subject, token

# --- events ---------------------------------------------------------------------------------------------------------


def test_events_are_asserted_corrected_withdrawn_and_all_kept(house: House, bank: Caller) -> None:
    case_id = register(house, bank)["case_id"]
    first = say(house, bank, case_id, "collection", "instalment")
    assert first.status_code == 201, first.text
    body = {"axis": "collection", "status": "paid_off", "effective_on": days_ago(3).isoformat(), "basis": "结清证明"}
    second = house.call("POST", f"/v1/events/{first.json['event_id']}/corrections", bank, json=body)
    assert (second.status_code, second.json["supersedes"]) == (201, first.json["event_id"])
    assert house.call("GET", f"/v1/cases/{case_id}", bank).json["closed"]
    path = f"/v1/events/{second.json['event_id']}/withdrawal"
    third = house.call("POST", path, bank, json={"reason": "录入错误"})
    assert (third.status_code, third.json["withdrawn"], third.json["basis"]) == (201, True, "录入错误")
    again = house.call("POST", path, bank, json={"reason": "录入错误"})
    assert (again.status_code, again.json["code"]) == (409, "already_superseded")
    assert not house.call("GET", f"/v1/cases/{case_id}", bank).json["closed"]
    seen: list[Any] = []
    cursor = ""
    while True:
        page = house.call("GET", f"/v1/cases/{case_id}/events?limit=1{cursor}", bank).json
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [event["event_id"] for event in seen] == [e.json["event_id"] for e in (first, second, third)]


def test_who_may_not_say_it_is_told_what_it_may(house: House, bank: Caller, agency: Caller) -> None:
    case_id = register(house, bank)["case_id"]
    place(house, bank, case_id, "assign", agency_id=str(agency.member_id))
    answer = say(house, agency, case_id, "collection", "in_progress")
    assert (answer.status_code, answer.json["legal"]) == (409, ["accept", "decline"])
    place(house, agency, case_id, "accept")
    answer = say(house, agency, case_id, "collection", "paid_off")
    assert (answer.status_code, answer.json["code"]) == (403, "not_assertable")
    assert answer.json["legal"] == ["in_progress", "promise_to_pay"]
    answer = say(house, agency, case_id, "person", "filed")
    assert (answer.status_code, answer.json["pointer"]) == (422, "/status")
    assert "deceased" in answer.json["legal"]
    say(house, bank, case_id, "collection", "closed")
    answer = say(house, bank, case_id, "collection", "instalment", ago=1)
    assert (answer.status_code, answer.json["code"], answer.json["legal"]) == (409, "illegal_transition", [])


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"axis": "placement"}, "/axis"),
        ({"axis": "mood"}, "/axis"),
        ({"status": "happy"}, "/status"),
        ({"status": None}, "/status"),
        ({"effective_on": "2026-02-30"}, "/effective_on"),
        ({"effective_on": "20260228"}, "/effective_on"),
        ({"effective_on": "1979-01-01"}, "/effective_on"),
        ({"effective_on": "2999-01-01"}, "/effective_on"),
        ({"effective_on": 20260228}, "/effective_on"),
        ({"basis": ""}, "/basis"),
        ({"basis": "x" * 201}, "/basis"),
        ({"basis": f"借款人{synthetic_cn_id(5)}"}, "/basis"),
        ({"axis": "legal", "status": "filed"}, "/court_case_number"),
        ({"axis": "legal", "status": "filed", "court_case_number": "一号案"}, "/court_case_number"),
        (
            {"axis": "legal", "status": "filed", "court_case_number": "（2099）沪0115民初1号"},
            "/effective_on",
        ),
        ({"extra": 1}, "/extra"),
    ],
)
def test_an_event_out_of_form_is_refused_at_its_field(
    house: House, bank: Caller, change: dict[str, Any], pointer: str
) -> None:
    case_id = register(house, bank)["case_id"]
    body = {"axis": "person", "status": "hardship", "effective_on": days_ago(1).isoformat()} | change
    answer = house.call("POST", f"/v1/cases/{case_id}/events", bank, json=body)
    assert (answer.status_code, answer.json.get("pointer")) == (422, pointer), answer.text


def test_a_placement_is_no_event_to_correct(house: House, bank: Caller, agency: Caller) -> None:
    case_id = register(house, bank)["case_id"]
    place(house, bank, case_id, "assign", agency_id=str(agency.member_id))
    (event,) = house.call("GET", f"/v1/cases/{case_id}/events", bank).json["items"]
    answer = house.call("POST", f"/v1/events/{event['event_id']}/withdrawal", bank, json={"reason": "x"})
    assert (answer.status_code, answer.json["code"]) == (409, "placement_is_moved")


def test_the_status_is_told_as_of_any_moment(house: House, bank: Caller) -> None:
    case = register(house, bank)
    answer = house.call("GET", f"/v1/cases/{case['case_id']}/status", bank)
    assert answer.json["axes"]["placement"] == {
        "status": "draft", "effective_on": TODAY.isoformat(), "source": "creditor", "claimed": False,
        "contested": False, "others": [],
    }  # fmt: skip
    event = say(house, bank, case["case_id"], "person", "represented").json
    for at, flags in ((case["created_at"], []), (event["recorded_at"], ["represented"])):
        answer = house.call("GET", f"/v1/cases/{case['case_id']}/status?as_of={at}", bank)
        assert (answer.status_code, answer.json["stop_flags"]) == (200, flags), answer.text
    for wrong in ("2026-01-01", "x", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2020-01-01T00:00:00Z"):
        answer = house.call("GET", f"/v1/cases/{case['case_id']}/status?as_of={wrong}", bank)
        assert (answer.status_code, answer.json["pointer"]) == (422, "/as_of"), answer.text


# --- courts ---------------------------------------------------------------------------------------------------------


def test_a_look_up_shows_the_stop_flag_that_a_court_set_by_its_number(
    house: House, acts: Acts, bank: Caller, agency: Caller
) -> None:
    court, number = acts.court()
    tok = token()
    written = f"({number[1:5]}) {number[6:]}"
    case_id = register(house, bank, subject=subject(tok), references=[{"kind": "court_case", "reference": written}])[
        "case_id"
    ]
    place(house, bank, case_id, "assign", agency_id=str(agency.member_id))
    place(house, agency, case_id, "accept")
    question = {"purpose": "contact", "subject": subject(tok), "ground": {"case_id": case_id}}
    asker = granted(agency, "contact")
    before = house.call("POST", "/v1/lookups", asker, json=question).json["answers"][0]
    assert (before["result"], before["stop_flags"], before["legal_class"]) == ("none", [], "none")
    body = {
        "court_case_number": number,
        "axis": "legal",
        "status": "bankruptcy_accepted",
        "effective_on": days_ago(1).isoformat(),
        "basis": "受理裁定",
    }
    answer = house.call("POST", "/v1/court-events", court, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json["court_case_number"] == number
    after = house.call("POST", "/v1/lookups", asker, json=question).json["answers"][0]
    assert (after["stop_flags"], after["legal_class"]) == (["bankruptcy_stay"], "bankruptcy")
    path = f"/v1/court-events/{answer.json['court_event_id']}"
    corrected = house.call("POST", f"{path}/corrections", court, json=body | {"status": "bankruptcy_filed"})
    assert (corrected.status_code, corrected.json["supersedes"]) == (201, answer.json["court_event_id"])
    told = house.call("POST", "/v1/lookups", asker, json=question).json["answers"][0]
    assert (told["stop_flags"], told["legal_class"]) == ([], "bankruptcy")
    withdrawn = house.call(
        "POST", f"/v1/court-events/{corrected.json['court_event_id']}/withdrawal", court, json={"reason": "撤回申请"}
    )
    assert withdrawn.status_code == 201
    listed = house.call("GET", f"/v1/court-events?court_case_number={number}", court).json["items"]
    assert [(e["status"], e["withdrawn"]) for e in listed] == [
        ("bankruptcy_accepted", False),
        ("bankruptcy_filed", False),
        ("bankruptcy_filed", True),
    ]
    neighbour, _ = acts.court()
    assert house.call("GET", "/v1/court-events", neighbour).json["items"] == []
    answer = house.call("POST", "/v1/court-events", neighbour, json=body)
    assert (answer.status_code, answer.json["code"]) == (403, "another_courts_number")


def test_a_court_s_answer_is_the_same_whether_cases_carry_the_number_or_not(
    house: House, acts: Acts, bank: Caller
) -> None:
    court, number = acts.court()
    acts.case(bank, number)
    answers = [
        house.call(
            "POST",
            "/v1/court-events",
            court,
            json={
                "court_case_number": number.replace("民初1号", f"民初{n}号"),
                "axis": "person",
                "status": "deceased",
                "effective_on": days_ago(1).isoformat(),
            },
        ).json
        for n in (1, 2)
    ]
    assert answers[0].keys() == answers[1].keys()
    different = {name for name in answers[0] if answers[0][name] != answers[1][name]}
    assert different == {"court_event_id", "court_case_number", "recorded_at"}


def test_a_court_s_events_are_paged(house: House, acts: Acts) -> None:
    court, number = acts.court()
    for status in ("filed", "judged", "effective"):
        acts.rule(court, number, status)
    first = house.call("GET", "/v1/court-events?limit=2", court).json
    rest = house.call("GET", f"/v1/court-events?limit=2&cursor={first['next_cursor']}", court).json
    assert [e["status"] for e in first["items"] + rest["items"]] == ["filed", "judged", "effective"]
    assert rest["next_cursor"] is None
    answer = house.call("GET", "/v1/court-events?court_case_number=x", court)
    assert (answer.status_code, answer.json["pointer"]) == (422, "/court_case_number")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"axis": "dispute"}, "/axis"),
        ({"axis": "legal", "status": "deceased"}, "/status"),
        ({"status": "paid_off"}, "/status"),
        ({"court_case_number": None}, "/court_case_number"),
        ({"court_case_number": ""}, "/court_case_number"),
        ({"effective_on": "2024-01-01", "axis": "legal", "status": "filed"}, "/effective_on"),
        ({"basis": "13912345678"}, "/basis"),
    ],
)
def test_a_court_event_out_of_form_is_refused_at_its_field(
    house: House, acts: Acts, change: dict[str, Any], pointer: str
) -> None:
    court, number = acts.court()
    body = {"court_case_number": number, "axis": "person", "status": "deceased", "effective_on": "2026-10-01"} | change
    answer = house.call("POST", "/v1/court-events", court, json=body)
    assert (answer.status_code, answer.json.get("pointer")) == (422, pointer), answer.text


# --- references -----------------------------------------------------------------------------------------------------


def test_references_are_linked_and_a_wrong_one_is_ended(house: House, acts: Acts, bank: Caller) -> None:
    mediator, case_id = acts.member("mediator"), register(house, bank)["case_id"]
    path = f"/v1/cases/{case_id}/references"
    for body, pointer in (
        ({"kind": "mediation_file", "reference": "调1"}, "/member_id"),
        ({"kind": "mediation_file", "reference": "调1", "member_id": NOBODY}, "/member_id"),
        ({"kind": "court_case", "reference": "调1"}, "/reference"),
        ({"kind": "x", "reference": "调1"}, "/kind"),
        ({"kind": "mediation_file", "reference": CARD, "member_id": str(mediator.member_id)}, "/reference"),
    ):
        answer = house.call("POST", path, bank, json=body)
        assert (answer.status_code, answer.json["pointer"]) == (422, pointer), answer.text
    file = {"kind": "mediation_file", "reference": "调 2026-1"}
    linked = house.call("POST", path, bank, json=file | {"member_id": str(mediator.member_id)})
    assert (linked.status_code, linked.headers["ETag"]) == (201, '"2"')
    assert linked.json["references"] == [{"kind": "mediation_file", "reference": "调2026-1"}]
    assert house.call("GET", f"/v1/cases/{case_id}", mediator).status_code == 200
    ended = house.call("POST", f"{path}/removal", bank, json=file)
    assert (ended.status_code, ended.json["references"], ended.headers["ETag"]) == (200, [], '"3"')
    assert house.call("GET", f"/v1/cases/{case_id}", mediator).status_code == 404
    assert house.call("POST", f"{path}/removal", bank, json=file).status_code == 404
