"""Published keys and blind evaluation over HTTP."""

from dataclasses import replace

import pytest

from gongxin_wire.canonical import b64u, unb64u
from gongxin_wire.identifiers import synthetic_cn_id
from gongxin_wire.voprf import oprf
from tests.api.disclosure_http import House

# Multiples of the base point, RFC 9496 appendix A.1.
POINTS = [
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
]
ID_NUMBER = synthetic_cn_id(7)
ELEMENTS = [b64u(bytes.fromhex(point)) for point in POINTS]


def test_anyone_reads_the_published_keys(house: House) -> None:
    answer = house.call("GET", "/v1/subjects/keys")
    assert answer.status_code == 200
    debtor, agent = answer.json["data_sets"]
    assert (debtor["data_set"], debtor["suite"], debtor["mode"]) == ("debtor", "ristretto255-SHA512", "VOPRF")
    assert [epoch["state"] for epoch in debtor["epochs"]] == ["live", "next"]
    keys = [epoch["public_key"] for data_set in (debtor, agent) for epoch in data_set["epochs"]]
    assert len(set(keys)) == 4
    assert {len(unb64u(key)) for key in keys} == {32}
    assert "secret" not in answer.text


def test_blinded_elements_come_back_evaluated_under_one_proof(house: House) -> None:
    bank = house.world.member("bank")
    answer = house.call(
        "POST", "/v1/subjects/evaluations", bank, json={"data_set": "debtor", "epoch": 1, "elements": ELEMENTS}
    )
    assert answer.status_code == 200, answer.text
    body = answer.json
    evaluated = [unb64u(element) for element in body["evaluated"]]
    assert oprf.verify(unb64u(body["public_key"]), [bytes.fromhex(p) for p in POINTS], evaluated, unb64u(body["proof"]))
    assert not oprf.verify(
        unb64u(body["public_key"]), [bytes.fromhex(p) for p in POINTS[::-1]], evaluated, unb64u(body["proof"])
    )
    published = house.call("GET", "/v1/subjects/keys").json["data_sets"][0]["epochs"][0]["public_key"]
    assert body["public_key"] == published
    other = house.call(
        "POST", "/v1/subjects/evaluations", bank, json={"data_set": "agent", "epoch": 1, "elements": ELEMENTS}
    )
    assert other.json["evaluated"] != body["evaluated"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_evaluation_is_for_members_with_the_scope_and_a_bound_token(house: House) -> None:
    bank = house.world.member("bank")
    body = {"data_set": "debtor", "epoch": 1, "elements": ELEMENTS}
    assert house.call("POST", "/v1/subjects/evaluations", json=body).status_code == 401
    for caller, code in (
        (replace(bank, scopes=frozenset({"lookups"})), "insufficient_scope"),
        (replace(bank, sender_constrained=False), "sender_constraint_required"),
    ):
        answer = house.call("POST", "/v1/subjects/evaluations", caller, json=body)
        assert (answer.status_code, answer.json["code"]) == (403, code)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"epoch": 900}, "epoch_not_open", "/epoch"),
        ({"data_set": "people"}, "invalid_field", "/data_set"),
        ({"elements": [ELEMENTS[0], b64u(b"\xff" * 32)]}, "bad_element", "/elements/1"),
        ({"elements": [ID_NUMBER]}, "personal_data_in_text", "/elements/0"),
        ({"elements": []}, "invalid_field", "/elements"),
    ],
)
def test_what_cannot_be_evaluated_is_named(house: House, change: dict[str, object], code: str, pointer: str) -> None:
    bank = house.world.member("bank")
    body = {"data_set": "debtor", "epoch": 1, "elements": ELEMENTS} | change
    answer = house.call("POST", "/v1/subjects/evaluations", bank, json=body)
    assert (answer.status_code, answer.json["code"], answer.json["pointer"]) == (422, code, pointer)
    assert ID_NUMBER not in answer.text


def test_evaluations_are_counted_and_over_the_budget_refused(house: House) -> None:
    bank = house.world.member("bank", budgets={"contact": 1, "evaluation": 2})
    body = {"data_set": "debtor", "epoch": 1, "elements": ELEMENTS}
    assert house.call("POST", "/v1/subjects/evaluations", bank, json=body).status_code == 200
    refused = house.call("POST", "/v1/subjects/evaluations", bank, json=body)
    assert (refused.status_code, refused.json["code"]) == (429, "budget_exceeded")
    assert int(refused.headers["Retry-After"]) > 0
