"""The directory, applications, states and agreements over HTTP."""

import itertools
import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from gongxin import ids
from gongxin.db import transaction
from gongxin.members import queries, rules, service
from gongxin.web.caller import Caller
from gongxin_wire.identifiers import synthetic_uscc
from tests.api.disclosure_http import House

_NUMBERS = itertools.count(300_000_000)
TERMS: dict[str, Any] = {
    "purposes": ["contact"],
    "data_types": ["case_status"],
    "budgets": {"contact": 100},
    "contacts": {"operations": "ops@member.example"},
    "effective_from": "2026-11-01T00:00:00+08:00",
}


def member(house: House, kind: str) -> Caller:
    return replace(house.world.member(kind), scopes=frozenset({"members.read", "members.write"}))


@pytest.fixture
def association(house: House) -> Caller:
    return member(house, "association")


def application(kind: str = "bank", **change: Any) -> dict[str, Any]:
    return {"kind": kind, "name_zh": "示范机构", "uscc": synthetic_uscc(next(_NUMBERS))} | change


def applied(house: House, association: Caller, **change: Any) -> str:
    answer = house.call("POST", "/v1/members", association, json=application(**change))
    assert answer.status_code == 201, answer.text
    return str(answer.json["member_id"])


def move(house: House, association: Caller, member_id: object, state: str) -> Any:
    body = {"state": state, "reason": "按决定"}
    return house.call("POST", f"/v1/members/{member_id}/state", association, json=body)


# --- the directory --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", rules.KINDS)
def test_any_member_reads_the_directory(house: House, kind: str) -> None:
    reader, other = member(house, kind), house.world.member("agency")
    answer = house.call("GET", f"/v1/members/{other.member_id}", reader)
    assert answer.status_code == 200, answer.text
    assert (answer.json["kind"], answer.json["state"]) == ("agency", "active")
    assert answer.json.keys() == {
        "member_id", "kind", "name_zh", "name_en", "uscc", "state", "court_code", "created_at", "changed_at",
    }  # fmt: skip
    own = house.call("GET", "/v1/members/me", reader)
    assert own.json["member_id"] == str(reader.member_id)
    assert own.json["kind"] == kind
    assert (own.json["court_code"] is not None) is (kind == "court")


def test_the_directory_is_for_members_with_the_scope(house: House) -> None:
    bank = member(house, "bank")
    lacking = replace(bank, scopes=frozenset({"members.write"}))
    for path in ("", "/me", f"/{bank.member_id}", f"/{bank.member_id}/agreements"):
        assert house.call("GET", f"/v1/members{path}").status_code == 401
        answer = house.call("GET", f"/v1/members{path}", lacking)
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")


def test_a_member_that_is_not_there_is_not_found(house: House) -> None:
    bank = member(house, "bank")
    answer = house.call("GET", f"/v1/members/{ids.new_id()}", bank)
    assert (answer.status_code, answer.json["code"]) == (404, "member_not_found")
    assert house.call("GET", "/v1/members/not-an-id", bank).status_code == 404
    stranger = replace(bank, member_id=ids.new_id())
    assert house.call("GET", "/v1/members/me", stranger).status_code == 404


def test_the_list_goes_page_by_page_through_every_member_once(house: House, association: Caller) -> None:
    made = [applied(house, association) for _ in range(3)] + [applied(house, association, kind="agency")]
    seen: list[str] = []
    query = {"limit": "2", "state": "applied"}
    while True:
        page = house.call("GET", "/v1/members", association, query_string=query).json
        assert len(page["items"]) <= 2
        assert {item["state"] for item in page["items"]} <= {"applied"}
        seen += [item["member_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert [member_id for member_id in seen if member_id in made] == made
    agencies = house.call("GET", "/v1/members", association, query_string={"kind": "agency", "limit": "200"}).json
    assert {item["kind"] for item in agencies["items"]} == {"agency"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"kind": "debtor"}, "/kind"),
        ({"state": "gone"}, "/state"),
        ({"limit": "0"}, "/limit"),
        ({"limit": "201"}, "/limit"),
        ({"cursor": "x"}, "/cursor"),
        ({"cursor": "WyJ4Il0"}, "/cursor"),
        ({"name": "x"}, "/name"),
    ],
)
def test_a_list_asked_for_wrongly_is_refused_at_its_parameter(
    house: House, association: Caller, query: dict[str, str], pointer: str
) -> None:
    answer = house.call("GET", "/v1/members", association, query_string=query)
    assert (answer.status_code, answer.json["pointer"]) == (422, pointer)


# --- writing is the association's -----------------------------------------------------------------------------------


def writes(member_id: object) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("/v1/members", application()),
        (f"/v1/members/{member_id}/state", {"state": "suspended", "reason": "按决定"}),
        (f"/v1/members/{member_id}/agreements", TERMS),
    ]


def test_nobody_but_the_association_writes(house: House, association: Caller) -> None:
    bank = member(house, "bank")
    for path, body in writes(bank.member_id):
        assert house.call("POST", path, json=body).status_code == 401
        for caller, code in (
            *((member(house, kind), "wrong_member_kind") for kind in rules.KINDS if kind != "association"),
            (bank, "wrong_member_kind"),
            (replace(association, scopes=frozenset({"members.read"})), "insufficient_scope"),
            (replace(association, sender_constrained=False), "sender_constraint_required"),
        ):
            answer = house.call("POST", path, caller, json=body)
            assert (answer.status_code, answer.json["code"]) == (403, code), path
    assert house.call("GET", "/v1/members/me", bank).json["state"] == "active"


def test_the_association_records_an_application(house: House, association: Caller) -> None:
    body = application("court", court_code="沪8801", name_en="Test Court")
    answer = house.call("POST", "/v1/members", association, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json | body == answer.json
    assert answer.json["state"] == "applied"
    found = house.call("GET", answer.headers["Location"], association)
    assert found.json == answer.json
    again = house.call("POST", "/v1/members", association, json=body)
    assert (again.status_code, again.json["code"]) == (409, "member_exists")
    taken = house.call("POST", "/v1/members", association, json=application("court", court_code="沪8801"))
    assert (taken.status_code, taken.json["code"]) == (409, "court_code_taken")


def test_a_code_that_reads_like_a_bank_card_is_still_a_code(house: House, association: Caller) -> None:
    """91990000…: eighteen digits that happen to satisfy the Luhn sum."""
    from gongxin_wire.pii import find_pii

    code = next(c for c in map(synthetic_uscc, itertools.count(310_000_000)) if find_pii(c) is not None)
    assert house.call("POST", "/v1/members", association, json=application(uscc=code)).status_code == 201


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"kind": "debtor"}, "invalid_field", "/kind"),
        ({"name_zh": ""}, "invalid_field", "/name_zh"),
        ({"name_zh": None}, "invalid_field", "/name_zh"),
        ({"name_zh": "示" * 121}, "invalid_field", "/name_zh"),
        ({"name_zh": " 示范"}, "bad_text", "/name_zh"),
        ({"name_zh": "示范 13912345678"}, "personal_data_in_text", "/name_zh"),
        ({"name_en": "Bank 6222021234567890128"}, "personal_data_in_text", "/name_en"),
        ({"uscc": "x"}, "invalid_field", "/uscc"),
        ({"uscc": synthetic_uscc(7)[:17] + "I"}, "invalid_field", "/uscc"),
        ({"uscc": synthetic_uscc(7) + "\n"}, "invalid_field", "/uscc"),
        ({"uscc": synthetic_uscc(7)[:16] + "00"}, "bad_uscc", "/uscc"),
        ({"uscc": "91310000400000001C"}, "uscc_not_synthetic", "/uscc"),
        ({"court_code": "沪0115"}, "court_code_of_courts", "/court_code"),
        ({"kind": "court"}, "court_code_of_courts", "/court_code"),
        ({"kind": "court", "court_code": "0115"}, "bad_court_code", "/court_code"),
        ({"state": "active"}, "invalid_field", "/state"),
    ],
)
def test_an_application_out_of_form_is_refused_at_its_field(
    house: House, association: Caller, change: dict[str, Any], code: str, pointer: str
) -> None:
    answer = house.call("POST", "/v1/members", association, json=application() | change)
    assert (answer.status_code, answer.json["code"], answer.json["pointer"]) == (422, code, pointer)
    assert not any(value in answer.text for value in change.values() if value and len(value) > 8)


# --- states ---------------------------------------------------------------------------------------------------------


def test_a_suspension_is_seen_by_the_next_request_of_anyone(house: House, association: Caller, engine: Engine) -> None:
    bank, reader = member(house, "bank"), member(house, "agency")
    assert house.call("GET", f"/v1/members/{bank.member_id}", reader).json["state"] == "active"
    moved = move(house, association, bank.member_id, "suspended")
    assert (moved.status_code, moved.json["state"]) == (200, "suspended")
    assert house.call("GET", f"/v1/members/{bank.member_id}", reader).json == moved.json
    with transaction(engine) as session:
        (change,) = queries.history(session, bank.member_id)  # type: ignore[arg-type]
        assert change.changed_by == f"client:{association.client_id}"
    assert move(house, association, bank.member_id, "active").json["state"] == "active"


def test_a_change_that_does_not_follow_is_refused_with_the_legal_ones(house: House, association: Caller) -> None:
    made = applied(house, association)
    answer = move(house, association, made, "suspended")
    assert (answer.status_code, answer.json["code"]) == (409, "illegal_member_state")
    assert (answer.json["state"], answer.json["legal"]) == ("applied", ["active", "left"])
    assert move(house, association, made, "left").status_code == 200
    final = move(house, association, made, "active")
    assert (final.status_code, final.json["state"]) == (409, "left")
    assert final.json["legal"] == []
    assert move(house, association, ids.new_id(), "active").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"state": "gone", "reason": "x"}, "/state"),
        ({"state": "left"}, "/reason"),
        ({"state": "left", "reason": ""}, "/reason"),
        ({"state": "left", "reason": "x" * 201}, "/reason"),
        ({"state": "left", "reason": "x\u0007"}, "/reason"),
        ({"state": "left", "reason": "13912345678"}, "/reason"),
        ({"state": "left", "reason": "x", "more": 1}, "/more"),
    ],
)
def test_a_change_out_of_form_is_refused_at_its_field(
    house: House, association: Caller, body: dict[str, Any], pointer: str
) -> None:
    made = applied(house, association)
    answer = house.call("POST", f"/v1/members/{made}/state", association, json=body)
    assert (answer.status_code, answer.json["pointer"]) == (422, pointer)
    assert house.call("GET", f"/v1/members/{made}", association).json["state"] == "applied"


def test_the_same_key_changes_a_state_once(house: House, association: Caller) -> None:
    made = applied(house, association)
    body = {"state": "active", "reason": "按决定"}
    headers = {"Idempotency-Key": f"state-{made}"}
    path = f"/v1/members/{made}/state"
    first, second = (house.call("POST", path, association, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json == second.json
    assert house.call("POST", path, association, json=body).status_code == 409


def test_of_two_changes_at_once_one_is_made_and_one_answered_409(
    house: House, association: Caller, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = applied(house, association)
    real, both = queries.get_member, threading.Barrier(2)
    waited = threading.local()

    def wait_for_the_other(*arguments: Any) -> Any:
        found = real(*arguments)
        if not getattr(waited, "once", False):
            waited.once = True
            both.wait(10)
        return found

    monkeypatch.setattr(service.queries, "get_member", wait_for_the_other)
    house.callers[str(association.client_id)] = association
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda state=state: answers.append(move(house, association, made, state)))
        for state in ("active", "left")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert lost.json["code"] == "member_changed_meanwhile"
    monkeypatch.undo()
    assert house.call("GET", f"/v1/members/{made}", association).json["state"] == won.json["state"]
    with transaction(engine) as session:
        assert len(queries.history(session, won.json["member_id"])) == 1


# --- agreements -----------------------------------------------------------------------------------------------------


def test_an_agreement_is_superseded_and_the_older_version_stays(house: House, association: Caller) -> None:
    agency = member(house, "agency")
    path = f"/v1/members/{agency.member_id}/agreements"
    later = TERMS | {"effective_from": "2035-12-01T00:00:00+08:00"}
    answer = house.call("POST", path, association, json=later)
    assert answer.status_code == 201, answer.text
    assert (answer.json["version"], answer.json["in_force"]) == (2, False)
    assert answer.json["effective_from"] == "2035-11-30T16:00:00Z"
    assert {name: answer.json[name] for name in TERMS if name != "effective_from"} == {
        name: TERMS[name] for name in TERMS if name != "effective_from"
    }
    for reader in (agency, association):
        items = house.call("GET", path, reader).json["items"]
        assert [(item["version"], item["in_force"]) for item in items] == [(2, False), (1, True)]
        assert items[0] == answer.json
    early = house.call("POST", path, association, json=TERMS)
    assert (early.status_code, early.json["code"]) == (409, "agreement_out_of_order")


def test_another_s_agreements_read_as_not_found(house: House) -> None:
    agency = member(house, "agency")
    for kind in ("bank", "court", "agency", "mediator", "regulator"):
        reader = member(house, kind)
        known = house.call("GET", f"/v1/members/{agency.member_id}/agreements", reader)
        unknown = house.call("GET", f"/v1/members/{ids.new_id()}/agreements", reader)
        assert known.status_code == unknown.status_code == 404
        assert known.json["code"] == unknown.json["code"]


def test_no_agreement_for_nobody_or_for_a_member_that_left(house: House, association: Caller) -> None:
    made = applied(house, association)
    nobody = house.call("POST", f"/v1/members/{ids.new_id()}/agreements", association, json=TERMS)
    assert nobody.status_code == 404
    assert house.call("GET", f"/v1/members/{ids.new_id()}/agreements", association).status_code == 404
    move(house, association, made, "left")
    left = house.call("POST", f"/v1/members/{made}/agreements", association, json=TERMS)
    assert (left.status_code, left.json["code"]) == (409, "member_left")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"purposes": ["gossip"]}, "/purposes/0"),
        ({"purposes": ["judicial"], "budgets": {"judicial": 1}}, "/purposes/0"),
        ({"purposes": ["contact", "contact"]}, "/purposes/1"),
        ({"purposes": "contact"}, "/purposes"),
        ({"data_types": ["amount"]}, "/data_types/0"),
        ({"budgets": {}}, "/budgets"),
        ({"budgets": {"contact": -1}}, "/budgets/contact"),
        ({"budgets": {"contact": "1"}}, "/budgets/contact"),
        ({"budgets": {"contact": 1.0}}, "/budgets/contact"),
        ({"budgets": {"contact": True}}, "/budgets/contact"),
        ({"budgets": {"contact": 10**30}}, "/budgets/contact"),
        ({"budgets": {"gossip": 1}}, "/budgets/gossip"),
        ({"contacts": {}}, "/contacts"),
        ({"contacts": {"chairman": "a@bank.example"}}, "/contacts/chairman"),
        ({"contacts": {"security": "bank"}}, "/contacts/security"),
        ({"contacts": {"security": "13912345678@bank.example"}}, "/contacts/security"),
        ({"effective_from": "2026-12-01"}, "/effective_from"),
        ({"effective_from": "2026-12-01T00:00:00"}, "/effective_from"),
        ({"effective_from": "0001-01-01T00:00:00+14:00"}, "/effective_from"),
        ({"effective_from": "9999-12-31T23:59:59-12:00"}, "/effective_from"),
        ({"version": 7}, "/version"),
    ],
)
def test_terms_out_of_form_are_refused_at_their_field(
    house: House, association: Caller, change: dict[str, Any], pointer: str
) -> None:
    made = applied(house, association)
    path = f"/v1/members/{made}/agreements"
    answer = house.call("POST", path, association, json=TERMS | change)
    assert (answer.status_code, answer.json["pointer"]) == (422, pointer)
    assert house.call("GET", path, association).json == {"items": []}
