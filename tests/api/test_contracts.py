"""Contracts over HTTP: anonymous, wrong scope, wrong kind, wrong member, then right: from the template to the levy."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.contracts import rules
from gongxin.contracts.standard import service as standard
from gongxin.db import name_caller
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House
from tests.services.contracts_world import TODAY, Desk, detached, fee_model, jurisdiction, signing_key

SCOPES = frozenset({"contracts.read", "contracts.write", "contract_standards.write"})
DAY = TODAY.isoformat()
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture
def office(house: House, engine: Engine) -> Any:
    """The desk's people as callers over HTTP."""
    with Session(engine) as session:
        name_caller(session, None, "registry")
        desk = Desk(session, house.world)
        desk.association, desk.bank, desk.agency = (
            replace(each, scopes=SCOPES) for each in (desk.association, desk.bank, desk.agency)
        )
        yield desk


def ask(house: House, by: Caller | None, method: str, path: str, body: Any = None, **extra: Any) -> Any:
    return house.call(method, path, by, **extra | ({} if body is None else {"json": body}))


def right(house: House, by: Caller, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = ask(house, by, method, path, body)
    assert answer.status_code == status, answer.text
    return answer.json


def adopted(house: House, office: Desk) -> str:
    who = office.association
    draft = {"code": office.code, "officer": "LIN01", "content": copy.deepcopy(standard.first_content())}
    made = right(house, who, "POST", "/v1/contract-templates", draft, 201)
    path = f"/v1/contract-templates/{made['template_id']}"
    right(house, who, "POST", f"{path}/state", {"state": "consulted"})
    right(house, office.agency, "POST", f"{path}/comments", {"said": "同意", "clause_id": "levy"}, 201)
    assert len(right(house, who, "GET", f"{path}/comments")["items"]) == 1
    assert right(house, office.bank, "GET", f"{path}/comments")["items"] == []
    for officer in ("WANG02", "ZHAO03"):
        right(house, who, "POST", f"{path}/approvals", {"officer": officer, "content_hash": made["content_hash"]})
    told = right(house, who, "POST", f"{path}/state", {"state": "adopted", "effective_on": DAY})
    assert told["state"] == "adopted"
    found = right(house, office.bank, "GET", f"{path}/changes?before={made['template_id']}")["items"]
    assert {each["what"] for each in found} == {"same"}
    return str(made["template_id"])


def terms(place: str, rate_bp: Any = 2_000, **change: Any) -> dict[str, Any]:
    return {
        "representatives": {"creditor": "林𠮷", "agency": "王試"}, "scope": {"zh": "贷款", "en": "Loans"},
        "fee_model": fee_model(rate_bp), "jurisdiction": place, "begins_on": DAY, "ends_on": "2099-01-01",
        "bank": {"holder": "示范", "bank": "示范银行", "account_tail": "0017"},
        "contacts": {"creditor": "a@bank.example", "agency": "b@agency.example"},
    } | change | {"ends_on": clock.today_in_china().replace(year=TODAY.year + 1, day=1).isoformat()}  # fmt: skip


def test_from_the_template_to_the_levy(house: House, office: Desk) -> None:
    place = office.place = jurisdiction()
    adopted(house, office)
    cap = {
        "jurisdiction": place, "rate_bp_max": 2_500, "authority": "示范协会", "citation": "2026-03 号决定",
        "source_status": "verified", "effective_from": DAY,
    }  # fmt: skip
    rows = [cap | {"age": age} for age in ("M3", *(f"M{n}" for n in range(1, 25) if n != 3), "M24+")]
    right(house, office.association, "POST", "/v1/fee-caps", {"caps": rows}, 201)
    assert len(right(house, office.bank, "GET", f"/v1/fee-caps?jurisdiction={place}")["items"]) == 25
    told = right(
        house, office.agency, "POST", "/v1/fee-models",
        {"fee_model": fee_model(2_600), "jurisdiction": place, "age": "M3"},
    )  # fmt: skip
    assert (told["verdict"], told["above"][0]["by_bp"]) == ("above", 100)
    assert all(point["commission_fen"] * 10_000 <= point["amount_fen"] * 2_500 for point in told["curve"])
    body: dict[str, Any] = {
        "template": office.code,
        "other_id": str(office.bank.member_id),
        "terms": terms(place, 2_600),
    }
    refused = ask(house, office.agency, "POST", "/v1/contracts", body)
    assert (refused.status_code, refused.json["code"]) == (409, "fee_above_cap")
    made = right(house, office.agency, "POST", "/v1/contracts", body | {"terms": terms(place)}, 201)
    path = f"/v1/contracts/{made['contract_id']}"
    for who in (office.agency, office.bank):
        private, kid = signing_key(office, who)
        payload = rules.signed_payload(made["contract_id"], bytes.fromhex(made["content_hash"]))
        sign = {"content_hash": made["content_hash"], "jws": detached(private, kid, payload)}
        wrong = ask(house, who, "POST", f"{path}/signatures", sign | {"content_hash": "00" * 32})
        assert (wrong.status_code, wrong.json["code"]) == (409, "content_changed")
        signed = right(house, who, "POST", f"{path}/signatures", sign)
    assert (signed["state"], signed["verdict"]) == ("live", "within")
    content = right(house, office.bank, "GET", f"{path}/content")["content"]
    assert content["cover"]["representatives"] == {"creditor": "林𠮷", "agency": "王試"}
    assert right(house, office.bank, "GET", f"{path}/verdict")["verdict"] == "within"
    _documents(house, office, path, signed["content_hash"])
    _seen(house, office, path)
    _paid(house, office, made["contract_id"])


def _documents(house: House, office: Desk, path: str, content_hash: str) -> None:
    made = {}
    for form, media in (("pdf", "application/pdf"), ("docx", DOCX)):
        answer = ask(house, office.bank, "GET", f"{path}/document.{form}")
        assert (answer.status_code, answer.mimetype) == (200, media)
        made[form] = answer.data
        assert ask(house, office.agency, "GET", f"{path}/document.{form}").data == answer.data
        assert ask(house, office.association, "GET", f"{path}/document.{form}").status_code == 404
        assert ask(house, None, "GET", f"{path}/document.{form}").status_code == 401
        told = house.call(
            "POST", f"{path}/comparison", office.bank, data=answer.data, content_type="application/octet-stream"
        )
        assert (told.status_code, told.json["same"]) == (200, True), told.text
    refused = house.call("POST", f"{path}/comparison", office.bank, data=b"x", content_type="application/octet-stream")
    assert (refused.status_code, refused.json["code"]) == (422, "not_a_document")
    typed = house.call("POST", f"{path}/comparison", office.bank, data=made["pdf"], content_type="text/plain")
    assert (typed.status_code, typed.json["code"]) == (415, "not_a_document_type")
    nothing = ask(house, office.bank, "GET", f"{path}/redline.html")
    assert (nothing.status_code, nothing.json["code"]) == (422, "nothing_before")
    page = ask(house, office.bank, "GET", f"{path}/redline.html?before={path.rpartition('/')[2]}")
    assert page.mimetype == "text/html"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    checked = ask(house, None, "GET", f"/v1/contract-checks/{content_hash}")
    assert (checked.status_code, checked.json["members"], checked.json["signed_on"]) == (200, 2, DAY)
    assert ask(house, None, "GET", f"/v1/contract-checks/{'00' * 32}").status_code == 404


def _seen(house: House, office: Desk, path: str) -> None:
    assert ask(house, office.association, "GET", f"{path}/content").status_code == 404
    assert len(right(house, office.association, "GET", path)["signatures"]) == 2
    right(house, office.association, "POST", f"{path}/openings", {"complaint": "TS-1", "officer": "WANG02"})
    assert right(house, office.association, "GET", f"{path}/content")["content_hash"]
    stranger = replace(house.world.member("bank"), scopes=SCOPES)
    assert ask(house, stranger, "GET", path).status_code == 404


def _paid(house: House, office: Desk, contract_id: str) -> None:
    bank, agency = office.bank, office.agency
    report = {"contract_id": contract_id, "reference": "R-1", "received_on": DAY, "age": "M3",
              "parts": {"principal": 100_000}}  # fmt: skip
    found = right(house, agency, "POST", "/v1/recoveries", report, 201)
    assert ask(house, agency, "POST", "/v1/recoveries", report).status_code == 200
    lines = b"\n".join(json.dumps(line).encode() for line in (report, report | {"age": "M99"}))
    bulk = house.call("POST", "/v1/recoveries/bulk", agency, data=lines, content_type="application/x-ndjson")
    told = [json.loads(line) for line in bulk.text.splitlines()]
    assert [line["status"] for line in told] == ["exists", "refused"]
    assert (told[0]["recovery_id"], told[1]["problem"]["pointer"]) == (found["recovery_id"], "/age")
    path = f"/v1/recoveries/{found['recovery_id']}"
    confirmed = right(house, bank, "POST", f"{path}/confirmation", {"bank_line": "B-1"})
    assert [step["code"] for step in confirmed["steps"]] == ["base", "tier", "cap", "commission"]
    again = ask(house, bank, "POST", f"{path}/confirmation", {})
    assert (again.status_code, again.json["code"]) == (409, "recovery_confirmed")
    month = {"contract_id": contract_id, "month": DAY[:7]}
    made = right(house, agency, "POST", "/v1/statements", month, 201)
    path = f"/v1/statements/{made['statement_id']}"
    decided = right(house, bank, "POST", f"{path}/lines", {"lines": [{"position": 1, "state": "agreed"}]})
    assert (decided["state"], decided["agreed_fen"]) == ("agreed", 20_000)
    assert decided["levy_base_id"] is not None
    assert len(right(house, agency, "GET", f"{path}/chain")["signature_leaves"]) == 2
    csv = ask(house, bank, "GET", f"{path}/csv")
    assert (csv.mimetype, "R-1" in csv.text) == ("text/csv", True)
    paper = ask(house, bank, "GET", f"{path}/document.pdf")
    assert (paper.status_code, paper.mimetype, paper.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert ask(house, agency, "GET", f"{path}/document.pdf").data == paper.data
    assert ask(house, office.association, "GET", f"{path}/document.pdf").status_code in (403, 404)
    assert ask(house, None, "GET", f"{path}/document.pdf").status_code == 401
    body = {"models": {"half": fee_model(1_000)}, "first": DAY, "last": DAY}
    assert right(house, bank, "POST", "/v1/fee-simulations", body)["models"]["half"]["commission_fen"] == 10_000


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/contracts"), ("GET", "/v1/recoveries"), ("POST", "/v1/fee-caps")]
)
def test_nobody_without_a_token_or_a_scope(house: House, office: Desk, method: str, path: str) -> None:
    assert ask(house, None, method, path, {} if method == "POST" else None).status_code == 401
    bare = replace(office.association, scopes=frozenset({"lookups"}))
    assert ask(house, bare, method, path, {} if method == "POST" else None).status_code == 403


def test_each_kind_does_its_own_part(house: House, office: Desk) -> None:
    for who, method, path in (
        (office.bank, "POST", "/v1/fee-caps"), (office.bank, "POST", "/v1/recoveries"),
        (office.agency, "POST", f"/v1/contracts/{rules_id()}/cases"), (office.association, "POST", "/v1/contracts"),
    ):  # fmt: skip
        answer = ask(house, who, method, path, {})
        assert (answer.status_code, answer.json["code"]) == (403, "wrong_member_kind")


def rules_id() -> str:
    return "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"


@pytest.mark.parametrize("bad", [300_000, 3000.0001, "3000"])
def test_rates_in_wrong_units_are_refused_with_their_pointer(house: House, office: Desk, bad: Any) -> None:
    answer = ask(house, office.agency, "POST", "/v1/fee-models", {"fee_model": fee_model(bad)})
    assert (answer.status_code, answer.json["code"]) == (422, "bad_rate")
    assert answer.json["pointer"] == "/fee_model/tiers/0/rate_bp"
    assert answer.json["fix"]
    assert answer.json["fix_en"]
