"""The subject, through the association, sees who asked."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gongxin_wire.canonical import digest, unb64u
from tests.api.disclosure_http import House
from tests.services.disclosure_world import granted, subject, token


def test_the_association_tells_the_subject_who_asked_and_the_telling_is_recorded(house: House) -> None:
    bank, association, tok = house.world.member("bank"), house.world.member("association"), token()
    case = house.world.case(bank, tok)
    question = {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(case)}}
    house.call("POST", "/v1/lookups", bank, json=question)
    house.call("POST", "/v1/lookups", granted(bank, "contact"), json=question)
    body = {"subject": subject(tok), "request_reference": "查阅2026-0001"}
    answer = house.call("POST", "/v1/subject-access", association, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert [(row["purpose"], row["outcome"], row["ground"]) for row in answer.json["asked"]] == [
        ("placement", "none", str(case)),
        ("placement", "refused", str(case)),
    ]
    assert answer.json["asked"][0]["member_name_zh"].startswith("机构")
    said = json.loads(unb64u(answer.json["receipt"].split(".")[1]))
    assert unb64u(said["question"]) == digest(body)
    assert unb64u(said["answer"]) == digest(answer.json["asked"])
    again = house.call("POST", "/v1/subject-access", association, json=body)
    assert again.json["asked"][-1]["purpose"] == "subject_access"
    (own, _) = house.call("GET", "/v1/lookups", association).json["items"]
    assert (own["purpose"], own["ground"]) == ("subject_access", "查阅2026-0001")


def test_nobody_but_the_association_may(house: House) -> None:
    body = {"subject": subject(token()), "request_reference": "查阅2026-0001"}
    assert house.call("POST", "/v1/subject-access", json=body).status_code == 401
    for kind in ("bank", "agency", "court", "mediator", "regulator"):
        answer = house.call("POST", "/v1/subject-access", house.world.member(kind), json=body)
        assert (answer.status_code, answer.json["code"]) == (403, "wrong_member_kind")
    lacking = replace(house.world.member("association"), scopes=frozenset({"lookups"}))
    assert house.call("POST", "/v1/subject-access", lacking, json=body).status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"subject": []}, "/subject"),
        ({"subject": [{"epoch": 1, "token": "short"}]}, "/subject/0/token"),
        ({"request_reference": ""}, "/request_reference"),
        ({"request_reference": "本人 13912345678"}, "/request_reference"),
        ({"request_reference": "a;b"}, "/request_reference"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_request_out_of_form_is_refused_at_its_field(house: House, change: dict[str, Any], pointer: str) -> None:
    body = {"subject": subject(token()), "request_reference": "查阅2026-0001"} | change
    answer = house.call("POST", "/v1/subject-access", house.world.member("association"), json=body)
    assert (answer.status_code, answer.json["pointer"]) == (422, pointer)


def test_the_same_key_gives_the_same_answer_and_one_record(house: House) -> None:
    association = house.world.member("association")
    body = {"subject": subject(token()), "request_reference": "查阅2026-0002"}
    headers = {"Idempotency-Key": "access-0001"}
    first, second = (
        house.call("POST", "/v1/subject-access", association, json=body, headers=headers) for _ in range(2)
    )
    assert first.json == second.json
    assert len(house.call("GET", "/v1/lookups", association).json["items"]) == 1
