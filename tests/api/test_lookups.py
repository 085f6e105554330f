"""Look-ups over HTTP: anonymous, wrong scope, wrong purpose, wrong form, then right."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from gongxin.errors import Unavailable
from gongxin_wire.canonical import digest, unb64u
from gongxin_wire.identifiers import synthetic_cn_id
from tests.api.disclosure_http import House
from tests.services.disclosure_world import granted, subject, token


def own_case(house: House) -> tuple[Any, dict[str, Any]]:
    bank, tok = house.world.member("bank"), token()
    case = house.world.case(bank, tok)
    return bank, {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(case)}}


def count(house: House, caller: Any) -> int:
    query = text("select count(*) from lookups where member_id = :m")
    return int(house.world.connection.execute(query, {"m": caller.member_id}).scalar_one())


def test_a_look_up_needs_a_member_its_scope_a_bound_token_and_the_purpose(house: House) -> None:
    bank, body = own_case(house)
    assert house.call("POST", "/v1/lookups", json=body).status_code == 401
    for caller, code, kept in (
        (replace(bank, scopes=frozenset()), "insufficient_scope", 0),
        (replace(bank, sender_constrained=False), "sender_constraint_required", 0),
        (granted(bank, "contact"), "purpose_not_granted", 1),
        (granted(bank, "placement", references=["another"]), "case_not_granted", 2),
    ):
        answer = house.call("POST", "/v1/lookups", caller, json=body)
        assert (answer.status_code, answer.json["code"]) == (403, code)
        assert count(house, bank) == kept


def test_an_answer_carries_its_receipt_and_is_not_stored_on_the_way(house: House) -> None:
    bank, body = own_case(house)
    answer = house.call("POST", "/v1/lookups", bank, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["answers"][0]["result"] == "none"
    said = json.loads(unb64u(answer.json["receipt"].split(".")[1]))
    assert unb64u(said["question"]) == digest(body)
    assert unb64u(said["answer"]) == digest(answer.json["answers"])
    kid = json.loads(unb64u(answer.json["receipt"].split(".")[0]))["kid"]
    keys = house.call("GET", "/v1/disclosure/receipt-keys").json["keys"]
    assert kid in {key["kid"] for key in keys}
    assert all("d" not in key for key in keys)


def test_a_batch_answers_each_item(house: House) -> None:
    bank, body = own_case(house)
    items = [
        {"subject": body["subject"], "ground": body["ground"]},
        {"subject": subject(token()), "ground": body["ground"]},
    ]
    answer = house.call("POST", "/v1/lookups/batch", bank, json={"purpose": "placement", "items": items})
    assert answer.status_code == 200, answer.text
    assert [a["result"] for a in answer.json["answers"]] == ["none", "no_ground"]


ID_NUMBER = synthetic_cn_id(7)
T = "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI"
CASE = {"case_id": "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"}
S = [{"epoch": 1, "token": T}]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"purpose": "contact", "subject": S}, ""),
        ({"purpose": "contact", "subject": S, "ground": CASE, "extra": 1}, ""),
        ({"purpose": "subject_access", "subject": S, "ground": CASE}, "/purpose"),
        ({"purpose": ["contact"], "subject": S, "ground": CASE}, "/purpose"),
        ({"purpose": "contact", "subject": [], "ground": CASE}, "/subject"),
        ({"purpose": "contact", "subject": [{"epoch": 1, "token": T[:-1] + "J"}], "ground": CASE}, "/subject/0/token"),
        ({"purpose": "contact", "subject": [{"epoch": True, "token": T}], "ground": CASE}, "/subject/0/epoch"),
        ({"purpose": "contact", "subject": [{"epoch": 99, "token": T}], "ground": CASE}, "/subject/0/epoch"),
        ({"purpose": "contact", "subject": S * 2, "ground": CASE}, "/subject/1/epoch"),
        ({"purpose": "contact", "subject": S, "ground": {"reference": "x"}}, "/ground"),
        ({"purpose": "contact", "subject": S, "ground": {"case_id": "x"}}, "/ground/case_id"),
        ({"purpose": "contact", "subject": S, "ground": {"case_id": 7}}, "/ground"),
        ({"purpose": "contact", "subject": S, "ground": None}, "/ground"),
        ({"purpose": "judicial", "subject": S, "ground": {"reference": "no number"}}, "/ground/reference"),
        ({"purpose": "supervision", "subject": S, "ground": {"reference": "x1"}}, "/officer"),
        ({"purpose": "contact", "subject": S, "ground": CASE, "officer": "x" * 65}, "/officer"),
        ({"purpose": "contact", "subject": S, "ground": CASE, "officer": "张 13912345678"}, "/officer"),
        ({"purpose": "mediation", "subject": S, "ground": {"reference": "13912345678"}}, "/ground/reference"),
        (
            {"purpose": "contact", "subject": [{"epoch": 1, "token": ID_NUMBER}], "ground": CASE},
            "/subject/0/token",
        ),
    ],
)
def test_a_question_out_of_form_is_refused_at_its_field(house: House, body: dict[str, Any], pointer: str) -> None:
    bank = house.world.member("bank")
    answer = house.call("POST", "/v1/lookups", bank, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json.get("pointer", "") == pointer
    if ID_NUMBER in json.dumps(body):
        assert answer.json["code"] == "personal_data_in_text"
    if set(body) == {"purpose", "subject", "ground"} and pointer not in {"/purpose", ""}:
        item = {"subject": body["subject"], "ground": body["ground"]}
        good = {"subject": S, "ground": CASE if "case_id" in (body["ground"] or {}) else body["ground"]}
        if body["ground"] and pointer.startswith("/subject"):
            batch = {"purpose": body["purpose"], "items": [good, item]}
            answer = house.call("POST", "/v1/lookups/batch", bank, json=batch)
            assert (answer.status_code, answer.json["pointer"]) == (422, f"/items/1{pointer}")
    assert ID_NUMBER not in answer.text
    assert "13912345678" not in answer.text


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"x"', 422),
        (b'{"purpose":"contact","purpose":"placement","subject":[],"ground":{}}', 422),
        (b'{"purpose":"contact","items":{"a":1}}', 422),
        (b'{"purpose":"contact","items":[{"subject":{},"ground":[]}]}', 422),
        (b'{"purpose":"contact","items":[1,2]}', 422),
        (b'{"purpose":"\xff"}', 400),
        (b'{"purpose":NaN}', 400),
        (b"[" * 100_000, 400),
        (b'{"purpose":"contact","items":[' + b"[" * 500 + b"]" * 500 + b"]}", 400),
        (b'{"purpose":"supervision","items":[],"officer":"\\ud800"}', 422),
    ],
)
@pytest.mark.parametrize("path", ["/v1/lookups", "/v1/lookups/batch"])
def test_a_body_that_is_no_question_is_a_plain_refusal_and_never_a_fault(
    house: House, raw: bytes, status: int, path: str
) -> None:
    bank = house.world.member("bank")
    answer = house.call("POST", path, bank, data=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


def test_a_repeated_name_inside_an_item_is_refused_too(house: House) -> None:
    bank, body = own_case(house)
    for once, twice in (
        ('"epoch": 1', '"epoch": 2, "epoch": 1'),
        ('"purpose"', '"purpose": "contact", "purpose"'),
        ('"case_id"', '"case_id": null, "case_id"'),
        ('"ground"', '"ground": {}, "ground"'),
    ):
        raw = json.dumps(body).replace(once, twice)
        answer = house.call("POST", "/v1/lookups", bank, data=raw, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json["code"]) == (400, "bad_json")


def test_a_batch_has_one_to_a_thousand_items(house: House) -> None:
    bank, body = own_case(house)
    item = {"subject": body["subject"], "ground": body["ground"]}
    for items in ([], [item] * 1001):
        answer = house.call("POST", "/v1/lookups/batch", bank, json={"purpose": "placement", "items": items})
        assert (answer.status_code, answer.json["pointer"]) == (422, "/items")


def test_another_media_type_is_refused(house: House) -> None:
    bank, body = own_case(house)
    answer = house.call("POST", "/v1/lookups", bank, data=json.dumps(body), headers={"Content-Type": "text/plain"})
    assert 400 <= answer.status_code < 500


def test_over_the_budget_is_429_until_midnight_and_recorded(house: House) -> None:
    bank, tok = house.world.member("bank", budgets={"placement": 1}), token()
    case = house.world.case(bank, tok)
    body = {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(case)}}
    assert house.call("POST", "/v1/lookups", bank, json=body).status_code == 200
    answer = house.call("POST", "/v1/lookups", bank, json=body)
    assert (answer.status_code, answer.json["code"]) == (429, "budget_exceeded")
    assert 0 < int(answer.headers["Retry-After"]) <= 86_401
    assert count(house, bank) == 2


def test_where_the_database_cannot_say_there_is_an_error_and_no_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, body = own_case(house)

    def gone(*_: Any) -> list[int]:
        raise Unavailable("database_unreachable")

    monkeypatch.setattr("gongxin.disclosure.queries.ask", gone)
    answer = house.call("POST", "/v1/lookups", bank, json=body)
    assert answer.status_code == 503
    assert not {"answers", "receipt"} & answer.json.keys()


def test_a_connection_killed_under_a_look_up_is_503_and_the_next_works(house: House) -> None:
    bank, body = own_case(house)
    assert house.call("POST", "/v1/lookups", bank, json=body).status_code == 200
    held = [house.runtime.engine.raw_connection() for _ in range(house.runtime.engine.pool.size())]  # type: ignore[attr-defined]
    for connection in held:
        connection.driver_connection.close()  # type: ignore[union-attr]
        connection.close()
    statuses = [house.call("POST", "/v1/lookups", bank, json=body).status_code for _ in range(8)]
    assert statuses[1:] == [200] * 7
    assert statuses[0] in {200, 503}


def test_one_s_own_questions_are_paged_newest_first(house: House) -> None:
    bank, body = own_case(house)
    asked = [house.call("POST", "/v1/lookups", bank, json=body).json["lookup_id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = house.call("GET", f"/v1/lookups?limit=2{cursor}", bank).json
        seen += [row["lookup_id"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == asked[::-1]
    other = house.world.member("bank")
    assert house.call("GET", "/v1/lookups", other).json == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WyJhIl0", "%7F"])
def test_a_cursor_that_is_not_ours_is_refused(house: House, cursor: str) -> None:
    bank = house.world.member("bank")
    answer = house.call("GET", f"/v1/lookups?cursor={cursor}", bank)
    assert (answer.status_code, answer.json["pointer"]) == (422, "/cursor")


def test_anyone_reads_the_policy_in_force(house: House) -> None:
    policy = house.call("GET", "/v1/disclosure/policy").json
    assert policy["version"] == 1
    rows = {(row["asker"], row["purpose"]): row["fields"] for row in policy["rows"]}
    assert rows[("agency", "contact")] == ["contested", "legal_class", "result", "stop_flags"]
    assert ("agency", "placement") not in rows


def test_none_and_not_yours_have_one_size_on_the_wire(house: House) -> None:
    bank, body = own_case(house)
    strange = body | {"subject": subject(token())}
    sizes = {len(house.call("POST", "/v1/lookups", bank, json=asked).data) for asked in (body, strange) * 3}
    assert len(sizes) == 1
