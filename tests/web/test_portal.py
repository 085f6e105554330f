"""The portal: each house sees its own, suspended members only look, nothing typed is lost, nothing personal stays."""

import csv
import io
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gongxin.db import transaction
from gongxin.members import service as members
from gongxin_wire.canonical import b64u
from gongxin_wire.voprf import oprf
from tests.services.portal_world import Portal, somebody

from .conftest import Browser, Town


@pytest.fixture
def portal(town: Town) -> Portal:
    return Portal(town.engine, town.config)


def sent(browser: Browser, path: str, body: Any, page: str = "/portal/ask") -> TestResponse:
    """JSON as the page's own script sends it."""
    headers = {**browser.headers, "Accept": "application/json", "X-CSRFToken": browser.token(page)}
    return browser.client.post(path, json=body, headers=headers)


def subject(portal: Portal, number: str) -> str:
    return json.dumps([{"epoch": epoch, "token": b64u(token)} for epoch, token in portal.tokens(number)])


# --- asking ---------------------------------------------------------------------------------------------------------


def test_a_question_needs_a_case_of_ones_own(town: Town, portal: Portal) -> None:
    bank, other, number = portal.house("bank"), portal.house("bank"), somebody()
    theirs = portal.case(other, number)
    clerk = town.browser("portal", portal.person(bank))
    answer = clerk.post(
        "/portal/ask", {"purpose": "contact", "ground": str(theirs), "subject": subject(portal, number)}
    )
    assert answer.status_code == 422
    assert "本机构没有这个编号的案件" in answer.text
    assert f'value="{theirs}"' in answer.text


def test_a_question_by_our_own_number_is_answered_and_stands_in_our_list(town: Town, portal: Portal) -> None:
    bank, number = portal.house("bank"), somebody()
    case_id = portal.case(bank, number)
    reference = portal.read(bank, case_id)["creditor_ref"]
    who = portal.person(bank)
    clerk = town.browser("portal", who)
    answer = clerk.post("/portal/ask", {"purpose": "contact", "ground": reference, "subject": subject(portal, number)})
    assert answer.status_code == 200
    assert "没有停止事项" in answer.text
    listed = clerk.get("/portal/asked").text
    assert who.login.upper() in listed
    assert "没有其他机构的登记 1" in listed
    assert (
        who.login.upper() not in town.browser("portal", portal.person(portal.house("bank"))).get("/portal/asked").text
    )


def test_a_question_over_the_days_budget_is_refused_with_the_time_to_wait(town: Town, portal: Portal) -> None:
    bank, number = portal.house("bank", budget=1), somebody()
    case_id = str(portal.case(bank, number))
    clerk = town.browser("portal", portal.person(bank))
    form = {"purpose": "contact", "ground": case_id, "subject": subject(portal, number)}
    assert clerk.post("/portal/ask", form).status_code == 200
    answer = clerk.post("/portal/ask", form)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "今日该用途的查询额度已用完" in answer.text


def test_a_number_sent_by_a_page_without_script_goes_nowhere(town: Town, portal: Portal) -> None:
    bank, number = portal.house("bank"), somebody()
    case_id = str(portal.case(bank, number))
    clerk = town.browser("portal", portal.person(bank))
    answer = clerk.post("/portal/ask", {"purpose": "contact", "ground": case_id, "subject": number})
    assert answer.status_code == 422
    assert number not in answer.text
    assert clerk.post("/portal/ask", {"purpose": "contact", "ground": case_id}).status_code == 422


@pytest.mark.parametrize("purpose", ["judicial", "supervision", "nonsense", ""])
def test_a_purpose_that_is_not_ours_is_refused_at_the_field(town: Town, portal: Portal, purpose: str) -> None:
    bank, number = portal.house("bank"), somebody()
    clerk = town.browser("portal", portal.person(bank))
    form = {"purpose": purpose, "ground": "某卷1", "subject": subject(portal, number)}
    assert clerk.post("/portal/ask", form).status_code in {403, 422}


def test_blind_evaluation_is_by_this_member_within_its_budget(town: Town, portal: Portal) -> None:
    clerk = town.browser("portal", portal.person(portal.house("bank", budget=2)))
    element = b64u(oprf.blind([b"anything"])[0].element)
    body = {"data_set": "debtor", "epoch": portal.tokens(somebody())[0][0], "elements": [element] * 2}
    first = sent(clerk, "/portal/subjects/evaluations", body)
    assert first.status_code == 200
    assert set(first.json or {}) == {"data_set", "epoch", "evaluated", "proof", "public_key"}
    again = sent(clerk, "/portal/subjects/evaluations", body)
    assert again.status_code == 429
    assert (again.json or {})["code"] == "budget_exceeded"


def test_what_is_no_element_is_refused_and_never_repeated(town: Town, portal: Portal) -> None:
    clerk, number = town.browser("portal", portal.person(portal.house("bank"))), somebody()
    for elements in ([number], ["A" * 43], [], [1], "x"):
        answer = sent(clerk, "/portal/subjects/evaluations", {"data_set": "debtor", "epoch": 1, "elements": elements})
        assert answer.status_code in {400, 422}
        assert number not in answer.text


def test_scripts_of_other_sites_cannot_evaluate(town: Town, portal: Portal) -> None:
    clerk = town.browser("portal", portal.person(portal.house("bank")))
    assert clerk.client.post("/portal/subjects/evaluations", json={}).status_code == 400


# --- cases ----------------------------------------------------------------------------------------------------------


def test_another_houses_case_is_not_there(town: Town, portal: Portal) -> None:
    case_id = portal.case(portal.house("bank"), somebody())
    clerk = town.browser("portal", portal.person(portal.house("bank")))
    assert clerk.get(f"/portal/cases/{case_id}").status_code == 404
    assert (
        clerk.post(
            f"/portal/cases/{case_id}/placement", {"action": "recall", "version": "1"}, "/portal/ask"
        ).status_code
        == 404
    )
    assert clerk.get("/portal/cases").text.count("<tr>") <= 1


def test_the_list_filters_by_placement_and_stop_and_exports(town: Town, portal: Portal) -> None:
    bank, agency = portal.house("bank"), portal.house("agency")
    plain, stopped = portal.case(bank, somebody()), portal.case(bank, somebody(), agency)
    portal.say(bank, stopped, "person", "represented")
    names = {case_id: portal.read(bank, case_id)["creditor_ref"] for case_id in (plain, stopped)}
    clerk = town.browser("portal", portal.person(bank))
    assert all(name in clerk.get("/portal/cases").text for name in names.values())
    page = clerk.get("/portal/cases?stopped=yes").text
    assert names[stopped] in page
    assert names[plain] not in page
    assert names[plain] in clerk.get("/portal/cases?placement=draft").text
    assert names[stopped] not in clerk.get("/portal/cases?placement=draft").text
    rows = list(csv.reader(io.StringIO(clerk.get("/portal/cases?csv=1").data.decode("utf-8-sig"))))
    assert {row[0] for row in rows[2:]} == set(names.values())
    assert "已有代理人" in [row[2] for row in rows[2:]]


def test_a_stale_form_changes_nothing_and_keeps_what_was_typed(town: Town, portal: Portal) -> None:
    bank, agency = portal.house("bank"), portal.house("agency")
    case_id = portal.case(bank, somebody())
    version = portal.read(bank, case_id)["version"]
    clerk = town.browser("portal", portal.person(bank))
    portal.move(bank, case_id, "assign", agency.id)
    path = f"/portal/cases/{case_id}"
    answer = clerk.post(f"{path}/placement", {"action": "recall", "version": str(version), "reason": "客户要求"}, path)
    assert answer.status_code in {409, 412}
    assert "客户要求" in answer.text
    assert portal.read(bank, case_id)["placement"] == "assigned"


def test_personal_data_in_a_note_is_refused(town: Town, portal: Portal) -> None:
    bank, agency, number = portal.house("bank"), portal.house("agency"), somebody()
    case_id = portal.case(bank, somebody(), agency)
    clerk = town.browser("portal", portal.person(bank))
    path = f"/portal/cases/{case_id}"
    version = str(portal.read(bank, case_id)["version"])
    answer = clerk.post(
        f"{path}/placement", {"action": "recall", "version": version, "reason": f"债务人{number}"}, path
    )
    assert answer.status_code == 422
    said = {"said": "person:deceased", "effective_on": "2026-01-05", "basis": number}
    assert clerk.post(f"{path}/events", said, path).status_code == 422
    assert portal.read(bank, case_id)["placement"] == "accepted"


def test_an_administrator_reads_and_a_suspended_member_only_looks(town: Town, portal: Portal) -> None:
    bank = portal.house("bank")
    case_id = portal.case(bank, somebody())
    boss = town.browser("portal", portal.person(bank, "administrator"))
    assert boss.get(f"/portal/cases/{case_id}").status_code == 200
    assert "登记状态" not in boss.get(f"/portal/cases/{case_id}").text
    assert boss.get("/portal/ask").status_code == 403
    clerk = town.browser("portal", portal.person(bank))
    with transaction(town.engine) as session:
        members.change_state(session, bank.id, state="suspended", reason="按决定", changed_by="operator:lin")
    assert clerk.get(f"/portal/cases/{case_id}").status_code == 200
    assert clerk.get("/portal/ask").status_code == 403
    assert "本机构已被中止" in clerk.get("/portal/imports").text


def test_a_house_of_another_kind_has_no_such_page(town: Town, portal: Portal) -> None:
    agency = town.browser("portal", portal.person(portal.house("agency")))
    assert agency.get("/portal/imports").status_code == 403
    assert "批量登记" not in agency.get("/portal").text
    court = town.browser("portal", portal.person(portal.house("court")))
    assert court.get("/portal/cases").status_code == 403
    assert "案号或卷号" in court.get("/portal/ask").text


# --- registering from a file ----------------------------------------------------------------------------------------


def line(portal: Portal, row: int, reference: str, number: str, **more: Any) -> dict[str, Any]:
    entries = json.loads(subject(portal, number))
    return {"row": row, "creditor_ref": reference, "subject": entries, "opened_on": "2026-01-05", **more}


def test_a_dry_run_tells_everything_and_stores_nothing(town: Town, portal: Portal) -> None:
    bank, agency = portal.house("bank"), portal.house("agency")
    clerk = town.browser("portal", portal.person(bank))
    lines = [
        line(portal, 2, "A-1", somebody(), agency=agency.uscc),
        line(portal, 3, "A-2", somebody(), agency="没有这家"),
        line(portal, 4, "A-3", somebody(), court_case="（2026）沪9901民初1号"),
        line(portal, 5, "坏\u202e号", somebody()),
        line(portal, 6, "A-1", somebody()),
    ]
    tried = sent(clerk, "/portal/imports/lines", {"confirmed": False, "lines": lines}).json
    assert [entry["status"] for entry in tried["lines"]] == ["created", "created", "created", "refused", "refused"]
    assert tried["lines"][0]["placed"]
    assert tried["lines"][1]["placement_problem"]["code"] == "agency_not_found"
    assert portal.count(bank) == 0
    done = sent(clerk, "/portal/imports/lines", {"confirmed": True, "lines": lines}).json
    assert [entry["status"] for entry in done["lines"]] == [entry["status"] for entry in tried["lines"]]
    assert portal.count(bank) == 3
    assert portal.read(agency, done["lines"][0]["case_id"])["placement"] == "assigned"
    again = sent(clerk, "/portal/imports/lines", {"confirmed": True, "lines": lines[:3]}).json
    assert [entry["status"] for entry in again["lines"]] == ["exists"] * 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"confirmed": 1, "lines": [{}]},
        {"confirmed": True, "lines": []},
        {"confirmed": True, "lines": [{"row": 1}]},
        {"confirmed": True, "lines": [None]},
        {"confirmed": True, "lines": [{"row": "1", "creditor_ref": "x", "subject": [], "opened_on": ""}]},
        {"confirmed": True, "lines": [{"row": 1, "creditor_ref": None, "subject": 3, "opened_on": [], "agency": {}}]},
    ],
)
def test_a_body_the_page_would_not_send_is_refused(town: Town, portal: Portal, body: Any) -> None:
    bank = portal.house("bank")
    clerk = town.browser("portal", portal.person(bank))
    answer = sent(clerk, "/portal/imports/lines", body)
    assert answer.status_code < 500
    assert portal.count(bank) == 0


def test_a_line_with_an_id_number_in_it_is_refused_whole(town: Town, portal: Portal) -> None:
    bank, number = portal.house("bank"), somebody()
    clerk = town.browser("portal", portal.person(bank))
    for reference in (number, f"借{number}"):
        answer = sent(
            clerk, "/portal/imports/lines",
            {"confirmed": True, "lines": [line(portal, 2, reference, somebody()), line(portal, 3, "ok", somebody())]},
        )  # fmt: skip
        assert number not in answer.text
    assert portal.count(bank) <= 1
