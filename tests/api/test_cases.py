"""Cases over HTTP: anonymous, wrong scope, wrong kind, wrong member, wrong form, then right."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gongxin.cases import lines
from gongxin.web import ndjson
from gongxin.web.caller import Caller
from gongxin_wire.identifiers import synthetic_cn_id
from tests.api.cases_http import CARD, NOBODY, new_case, place, register, send, told
from tests.api.disclosure_http import House
from tests.services.cases_world import SCOPES, TODAY, Acts, days_ago
from tests.services.disclosure_world import subject, token

# --- who may --------------------------------------------------------------------------------------------------------

OPERATIONS = [
    ("POST", "/v1/cases", "cases.write", {"agency", "court", "mediator", "regulator", "association"}),
    ("POST", "/v1/cases/bulk", "cases.write", {"agency", "court", "mediator", "regulator", "association"}),
    ("POST", "/v1/cases/keys", "cases.write", {"agency", "court", "mediator", "regulator", "association"}),
    ("GET", "/v1/cases", "cases.read", {"court", "regulator", "association"}),
    ("GET", f"/v1/cases/{NOBODY}", "cases.read", {"court", "regulator", "association"}),
    ("GET", f"/v1/cases/{NOBODY}/events", "cases.read", {"court", "regulator", "association"}),
    ("GET", f"/v1/cases/{NOBODY}/status", "cases.read", {"court", "regulator", "association"}),
    ("POST", "/v1/cases/placements", "cases.write", {"court", "mediator", "regulator", "association"}),
    ("POST", f"/v1/cases/{NOBODY}/placement", "cases.write", {"court", "mediator", "regulator", "association"}),
    ("POST", f"/v1/cases/{NOBODY}/references", "cases.write", {"court", "mediator", "regulator", "association"}),
    ("POST", f"/v1/cases/{NOBODY}/references/removal", "cases.write", {"court", "mediator", "association"}),
    ("POST", f"/v1/cases/{NOBODY}/events", "events.write", {"court"}),
    ("POST", f"/v1/events/{NOBODY}/corrections", "events.write", {"court"}),
    ("POST", f"/v1/events/{NOBODY}/withdrawal", "events.write", {"court"}),
    ("POST", "/v1/court-events", "court_events.write", {"bank", "agency", "mediator", "regulator", "association"}),
    ("GET", "/v1/court-events", "court_events.write", {"bank", "agency", "mediator", "regulator", "association"}),
    ("POST", f"/v1/court-events/{NOBODY}/corrections", "court_events.write", {"bank", "agency", "association"}),
    ("POST", f"/v1/court-events/{NOBODY}/withdrawal", "court_events.write", {"bank", "agency", "association"}),
]


@pytest.mark.parametrize(("method", "path", "scope", "wrong"), OPERATIONS)
def test_an_operation_needs_a_member_its_scope_a_bound_token_and_the_right_kind(
    house: House, bank: Caller, method: str, path: str, scope: str, wrong: set[str]
) -> None:
    assert house.call(method, path).status_code == 401
    for caller, code in (
        (replace(bank, scopes=SCOPES - {scope}), "insufficient_scope"),
        (replace(bank, sender_constrained=False), "sender_constraint_required"),
        *((replace(bank, kind=kind), "wrong_member_kind") for kind in wrong),
    ):
        caller = replace(caller, kind="court") if scope.startswith("court") and code != "wrong_member_kind" else caller
        answer = house.call(method, path, caller)
        assert (answer.status_code, answer.json["code"]) == (403, code)


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("GET", "/events", None),
        ("GET", "/status", None),
        ("POST", "/placement", {"action": "recall"}),
        ("POST", "/references", {"kind": "court_case", "reference": "（2025）沪0115民初1号"}),
        ("POST", "/references/removal", {"kind": "court_case", "reference": "（2025）沪0115民初1号"}),
        ("POST", "/events", {"axis": "person", "status": "deceased", "effective_on": "2026-10-01"}),
    ],
)
def test_another_s_case_reads_as_one_that_does_not_exist(
    house: House, acts: Acts, bank: Caller, method: str, suffix: str, body: Any
) -> None:
    theirs = register(house, acts.member("bank"))["case_id"]
    answers = []
    for case_id in (theirs, NOBODY):
        extra = {"json": body, "headers": {"If-Match": "*"}} if body else {}
        answer = house.call(method, f"/v1/cases/{case_id}{suffix}", bank, **extra)
        assert answer.status_code == 404, answer.text
        answers.append({name: value for name, value in answer.json.items() if name != "request_id"})
    assert answers[0] == answers[1]
    assert house.call(method, f"/v1/cases/not-a-uuid{suffix}", bank).status_code == 404


# --- registration ---------------------------------------------------------------------------------------------------


def test_a_case_is_registered_once(house: House, bank: Caller) -> None:
    body = new_case(references=[{"kind": "court_case", "reference": "(2025) 沪0115民初12345号"}])
    first = house.call("POST", "/v1/cases", bank, json=body)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    assert first.headers["Location"] == f"/v1/cases/{first.json['case_id']}"
    assert first.headers["Cache-Control"] == "no-store"
    assert first.json["references"] == [{"kind": "court_case", "reference": "（2025）沪0115民初12345号"}]
    assert first.json["placement"] == "draft"
    assert "subject" not in first.json
    again = house.call("POST", "/v1/cases", bank, json=body)
    assert (again.status_code, again.json) == (200, first.json)
    other = house.call("POST", "/v1/cases", bank, json=body | {"subject": subject(token())})
    assert (other.status_code, other.json["code"]) == (409, "creditor_ref_taken")


def test_the_idempotency_key_replays_the_answer_with_its_etag(house: House, bank: Caller) -> None:
    body, headers = new_case(), {"Idempotency-Key": uuid.uuid4().hex}
    first = house.call("POST", "/v1/cases", bank, json=body, headers=headers)
    again = house.call("POST", "/v1/cases", bank, json=body, headers=headers)
    assert (again.status_code, again.json, again.headers["ETag"]) == (201, first.json, '"1"')
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"creditor_ref": CARD}, "/creditor_ref", "creditor_ref_looks_personal"),
        ({"creditor_ref": synthetic_cn_id(3)}, "/creditor_ref", "creditor_ref_looks_personal"),
        ({"creditor_ref": "13912345678"}, "/creditor_ref", "creditor_ref_looks_personal"),
        ({"creditor_ref": None}, "/creditor_ref", "invalid_field"),
        ({"opened_on": "2026-1-5"}, "/opened_on", "invalid_field"),
        ({"opened_on": "2999-01-01"}, "/opened_on", "invalid_field"),
        ({"subject": []}, "/subject", "bad_subject"),
        ({"subject": [{"epoch": 99, "token": "x"}]}, "/subject/0/epoch", "epoch_not_open"),
        ({"subject": [{"epoch": 1, "token": synthetic_cn_id(3)}]}, "/subject/0/token", "personal_data_in_text"),
        ({"name": "张三"}, "", "invalid_field"),
        ({"phone": "13912345678"}, "/phone", "personal_data_in_text"),
        ({"references": [{"kind": "court_case", "reference": "沪"}]}, "/references/0/reference", "bad_case_number"),
    ],
)
def test_a_case_out_of_form_is_refused_at_its_field_and_never_repeated(
    house: House, bank: Caller, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = house.call("POST", "/v1/cases", bank, json=new_case(**change))
    assert (answer.status_code, answer.json["code"]) == (422, code), answer.text
    assert answer.json.get("pointer", "") == pointer
    for secret in (CARD, synthetic_cn_id(3), "13912345678"):
        assert secret not in answer.text


def test_a_batch_registers_what_it_can_and_says_of_each_line_what_became_of_it(house: House, bank: Caller) -> None:
    good, twice = new_case(), new_case()
    there = new_case()
    house.call("POST", "/v1/cases", bank, json=there)
    bodies: list[Any] = [
        good,
        there,
        there | {"opened_on": days_ago(91).isoformat(), "creditor_ref": there["creditor_ref"]},
        b"",
        b"[1]",
        b"\xff",
        b'{"creditor_ref":"a","creditor_ref":"b"}',
        new_case(creditor_ref=CARD),
        twice,
        twice,
        json.dumps(new_case()).encode() + b" " * ndjson.MAX_LINE_BYTES,
        new_case(subject=[]),
        new_case(references=[{"kind": "mediation_file", "reference": "调1", "member_id": NOBODY}]),
        json.dumps(new_case()).encode() + b"\r",
    ]
    found = told(send(house, bank, "/v1/cases/bulk", bodies))
    assert [line["line"] for line in found] == list(range(1, 15))
    assert [line.get("problem", {}).get("code", line["status"]) for line in found] == [
        "created", "exists", "repeated_in_batch", "empty_line", "not_an_object", "not_utf8", "bad_json",
        "creditor_ref_looks_personal", "created", "repeated_in_batch", "line_too_long", "bad_subject",
        "mediator_not_found", "created",
    ]  # fmt: skip
    assert found[0].keys() == {"line", "status", "case_id", "creditor_ref"}
    assert found[7]["problem"].keys() == {"code", "title", "title_en", "fix", "fix_en", "pointer"}
    assert found[7]["problem"]["pointer"] == "/creditor_ref"
    assert found[12]["problem"]["pointer"] == "/references/0/member_id"
    assert CARD not in json.dumps(found)
    again = told(send(house, bank, "/v1/cases/bulk", bodies))
    assert [line["status"] for line in again if line["status"] != "refused"] == ["exists"] * 4
    assert again[0]["case_id"] == found[0]["case_id"]


def test_a_batch_is_refused_as_a_whole_only_for_its_form(house: House, bank: Caller) -> None:
    for raw, media, status, code in (
        (b"", ndjson.NDJSON, 422, "no_lines"),
        (b"\n", ndjson.NDJSON, 200, None),
        (b"{}\n", "application/json", 415, "not_ndjson"),
        (b"{}\n" * (ndjson.MAX_LINES + 1), ndjson.NDJSON, 413, "too_many_lines"),
        (b"x" * (8 * 1024 * 1024 + 1), ndjson.NDJSON, 413, "body_too_large"),
    ):
        answer = house.call("POST", "/v1/cases/bulk", bank, data=raw, content_type=media)
        assert answer.status_code == status, answer.text
        if code:
            assert answer.json["code"] == code


def test_ten_thousand_lines_fit_in_a_body(house: House, bank: Caller) -> None:
    mark = uuid.uuid4().hex[:8]
    bodies = [new_case(creditor_ref=f"{mark}-{n}") for n in range(ndjson.MAX_LINES)]
    found = told(send(house, bank, "/v1/cases/bulk", bodies))
    assert [line["status"] for line in found] == ["created"] * ndjson.MAX_LINES
    assert len({line["case_id"] for line in found}) == ndjson.MAX_LINES
    assert [line["creditor_ref"] for line in found] == [body["creditor_ref"] for body in bodies]


def test_the_key_of_a_new_epoch_is_added_by_lines(house: House, bank: Caller) -> None:
    case_id = register(house, bank)["case_id"]
    bodies = [{"case_id": case_id, "subject": subject(token(), 2)}, {"case_id": "x", "subject": []}, {"case_id": 1}]
    found = told(send(house, bank, "/v1/cases/keys", bodies))
    assert found[0] == {"line": 1, "status": "done", "case_id": case_id}
    assert [line["status"] for line in found] == ["done", "refused", "refused"]
    query = text("select epoch from case_keys where case_id = :c order by 1")
    assert house.world.connection.scalars(query, {"c": case_id}).all() == [1, 2]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("case_id", "creditor_ref", "subject", "opened_on", "references", "action", "agency_id", "version", "reason")
LINES = st.binary(max_size=20).filter(lambda raw: b"\n" not in raw) | st.dictionaries(
    st.sampled_from(NAMES), ODD, max_size=5
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(LINES, min_size=1, max_size=20))
@pytest.mark.parametrize("path", ["/v1/cases/bulk", "/v1/cases/keys", "/v1/cases/placements"])
def test_whatever_a_line_holds_it_is_answered_as_a_line(
    house: House, bank: Caller, path: str, bodies: list[bytes]
) -> None:
    found = told(send(house, bank, path, [*bodies, b"{}"]))
    assert [line["line"] for line in found] == list(range(1, len(bodies) + 2))
    assert {line["status"] for line in found} == {"refused"}


# --- reading --------------------------------------------------------------------------------------------------------


def test_one_s_own_cases_are_listed_by_pages_that_no_newcomer_disturbs(house: House, bank: Caller) -> None:
    made = [register(house, bank)["case_id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        answer = house.call("GET", f"/v1/cases?limit=2{cursor}", bank)
        assert answer.status_code == 200
        seen += [case["case_id"] for case in answer.json["items"]]
        if answer.json["next_cursor"] is None:
            break
        if len(seen) == 2:
            made.append(register(house, bank)["case_id"])
        cursor = f"&cursor={answer.json['next_cursor']}"
    assert seen == made


def test_cases_are_found_by_what_they_are(house: House, bank: Caller, agency: Caller) -> None:
    one, other = register(house, bank), register(house, bank)
    place(house, bank, other["case_id"], "assign", agency_id=str(agency.member_id))
    since = house.call("GET", f"/v1/cases/{other['case_id']}", bank).json["updated_at"].replace("+", "%2B")
    for query, expected in (
        ("placement=draft", [one]),
        ("placement=assigned", [other]),
        ("placement=accepted", []),
        (f"creditor_ref={one['creditor_ref']}", [one]),
        ("creditor_ref=unknown", []),
        ("closed=false", [one, other]),
        ("closed=true", []),
        (f"updated_since={since}", [other]),
    ):
        answer = house.call("GET", f"/v1/cases?{query}", bank)
        assert [c["case_id"] for c in answer.json["items"]] == [c["case_id"] for c in expected], query
    assert [c["case_id"] for c in house.call("GET", "/v1/cases", agency).json["items"]] == [other["case_id"]]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "placement=lost", "closed=1", "cursor=x", "cursor=WyJ4Il0", "updated_since=now",
     "updated_since=2026-01-01T00:00:00", "creditor_ref=", "unknown=1", "limit=1&limit=2"],
)  # fmt: skip
def test_a_list_refuses_what_it_does_not_understand(house: House, bank: Caller, query: str) -> None:
    answer = house.call("GET", f"/v1/cases?{query}", bank)
    assert answer.status_code == 422, answer.text
    assert answer.json["pointer"].startswith("/")


def test_an_unchanged_case_is_not_sent_again(house: House, bank: Caller) -> None:
    case_id = register(house, bank)["case_id"]
    answer = house.call("GET", f"/v1/cases/{case_id}", bank, headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", '"1"')
    assert house.call("GET", f"/v1/cases/{case_id}", bank, headers={"If-None-Match": '"2"'}).status_code == 200


# --- placement ------------------------------------------------------------------------------------------------------


def test_a_case_is_placed_against_the_version_that_was_read(house: House, bank: Caller, agency: Caller) -> None:
    case_id = register(house, bank)["case_id"]
    path, body = f"/v1/cases/{case_id}/placement", {"action": "assign", "agency_id": str(agency.member_id)}
    answer = house.call("POST", path, bank, json=body)
    assert (answer.status_code, answer.json["code"]) == (428, "if_match_required")
    for stale in ('"2"', 'W/"1"', "1", "", '"x"'):
        answer = house.call("POST", path, bank, json=body, headers={"If-Match": stale})
        assert (answer.status_code, answer.json["code"]) == (412, "stale_version"), stale
    answer = house.call("POST", path, bank, json=body, headers={"If-Match": '"7", "1"'})
    assert (answer.status_code, answer.headers["ETag"], answer.json["placement"]) == (200, '"2"', "assigned")
    answer = place(house, agency, case_id, "accept", answer.headers["ETag"])
    assert (answer.status_code, answer.json["version"]) == (200, 3)
    answer = place(house, bank, case_id, "assign", agency_id=str(agency.member_id))
    assert (answer.status_code, answer.json["code"]) == (409, "illegal_transition")
    assert answer.json["legal"] == ["hold_over", "recall", "claim_assign"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "expire"}, "/action"),
        ({"action": "assign"}, "/agency_id"),
        ({"action": "assign", "agency_id": "x"}, "/agency_id"),
        ({"action": "assign", "agency_id": NOBODY}, "/agency_id"),
        ({"action": "recall", "mandate_until": TODAY.isoformat()}, "/mandate_until"),
        ({"action": "hold_over", "mandate_until": "2026-13-01"}, "/mandate_until"),
        ({"action": "recall", "reason": ""}, "/reason"),
        ({"action": "recall", "reason": "x" * 201}, "/reason"),
        ({"action": "recall", "reason": "电话13912345678"}, "/reason"),
        ({"action": "recall", "extra": 1}, "/extra"),
    ],
)
def test_an_action_out_of_form_is_refused_at_its_field(
    house: House, bank: Caller, body: dict[str, Any], pointer: str
) -> None:
    case_id = register(house, bank)["case_id"]
    answer = house.call("POST", f"/v1/cases/{case_id}/placement", bank, json=body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json["pointer"]) == (422, pointer), answer.text


def test_a_batch_of_placements_answers_line_by_line_and_replays_as_it_was(
    house: House, bank: Caller, agency: Caller
) -> None:
    one, other = register(house, bank)["case_id"], register(house, bank)["case_id"]
    line = {"action": "assign", "agency_id": str(agency.member_id)}
    bodies: list[Any] = [line | {"case_id": one, "version": 1}, line | {"case_id": other, "version": 9}, b"{}",
                         {"case_id": other, "action": "vanish"}, line | {"case_id": NOBODY}]  # fmt: skip
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first = send(house, bank, "/v1/cases/placements", bodies, headers=headers)
    found = told(first)
    assert found[0] == {"line": 1, "status": "done", "case_id": one, "version": 2}
    assert [line["problem"]["code"] for line in found[1:]] == [
        "stale_version", "invalid_field", "unknown_action", "case_not_found",
    ]  # fmt: skip
    assert found[3]["problem"]["legal"] == list(lines.REQUESTABLE)
    again = send(house, bank, "/v1/cases/placements", bodies, headers=headers)
    assert (again.data, again.mimetype) == (first.data, ndjson.NDJSON)
    assert told(send(house, bank, "/v1/cases/placements", bodies))[0]["problem"]["code"] == "stale_version"
