"""Claims over HTTP: a relief claim to its instruction, and what is refused on the way."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gongxin import clock, embedded
from gongxin.config import Config
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.fund import chart
from gongxin.fund.ledger import periods
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House, build_house
from tests.conftest import drop_database, make_database
from tests.services.claims_world import Claims, payee
from tests.services.disclosure_world import subject, token

SCOPES = frozenset({"fund.read", "fund.write", "fund.approve", "claims"})
TODAY = clock.today_in_china()


class Desk:
    def __init__(self, house: House) -> None:
        self.house, world = house, house.world
        self.office, self.mediator, self.court, self.bank, self.agency = (
            replace(world.member(kind), scopes=SCOPES)
            for kind in ("association", "mediator", "court", "bank", "agency")
        )
        self.token = token()
        self.case_id = world.case(self.bank, self.token, placement="accepted", agency_id=self.agency.member_id)

    def ask(self, who: Caller, method: str, path: str, body: Any = None) -> Any:
        given = {} if body is None else {"json": body}
        return self.house.call(method, f"/v1/fund/claims{path}", who, **given)

    def right(self, who: Caller, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.ask(who, method, path, body)
        assert answer.status_code == status, answer.get_json()
        return answer.get_json()

    def wrong(self, who: Caller, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self.ask(who, method, path, body)
        return answer.status_code, answer.get_json()["code"]

    def claim(self, **change: Any) -> dict[str, Any]:
        return {
            "officer": "tiao-01", "fund": "RELIEF", "cause": "medical", "region": "990102",
            "subject": subject(self.token), "asked_fen": 800_000, "payee": payee(), "payee_kind": "hospital",
            "unrelated": True, "means_sha256": "ab" * 32, "evidence_sha256": "cd" * 32,
        } | change  # fmt: skip


@pytest.fixture(scope="module")
def desk(server: str, config: Config, worker_id: str) -> Iterator[Desk]:
    name = f"gongxin_claims_http_{worker_id}"
    make_database(server, name)
    web, owner = (make_engine(embedded.dsn(server, role, name), pool_size=2) for role in (WEB_ROLE, OWNER_ROLE))
    with transaction(web) as session:
        periods.open_period(session, first_day=TODAY - timedelta(days=2), last_day=TODAY + timedelta(days=1))
        chart.open_chart(session)
    for house in build_house(config, web, owner):
        with transaction(web) as session:
            Claims(session, config, house.world).give(9_000_000)
        yield Desk(house)
    web.dispose()
    owner.dispose()
    drop_database(server, name)


def test_relief_from_filing_to_the_instruction(desk: Desk) -> None:
    filed = desk.right(desk.mediator, "POST", "", desk.claim(), 201)
    assert filed["state"] == "filed"
    assert filed["number"].startswith("GH")
    assert "account" not in str(filed)
    path = f"/{filed['claim_id']}"
    assert desk.wrong(desk.court, "GET", path) == (404, "claim_not_found")
    assessment = {"officer": "LIN01", "proposed_fen": 900_000, "reviewer_id": str(desk.court.member_id)}
    found = desk.right(desk.office, "POST", f"{path}/assessment", assessment)
    assert found["assessment"]["lines"][1] == {
        "why": "over_what_was_asked", "fen": -100_000, "limit_fen": 800_000,
    }  # fmt: skip
    yes = {"content_hash": found["content_hash"], "unrelated": True}
    desk.right(desk.office, "POST", f"{path}/approvals", yes | {"officer": "WANG02"})
    assert desk.wrong(desk.court, "POST", f"{path}/approvals", yes | {"officer": "ｗａｎｇ 02"}) == (
        409,
        "claim_approved_before",
    )
    assert desk.wrong(desk.court, "POST", f"{path}/approvals", yes | {"officer": "F1", "unrelated": False}) == (
        422,
        "related_beneficiary",
    )
    approved = desk.right(desk.court, "POST", f"{path}/approvals", yes | {"officer": "FAGUAN01"})
    assert approved["state"] == "approved"
    paid = desk.right(desk.office, "POST", f"{path}/payment", {"officer": "WANG02"})
    assert paid["state"] == "instructed"
    assert [step["state"] for step in paid["steps"]] == ["filed", "assessed", "approved", "held", "instructed"]
    status = desk.house.call("GET", f"/v1/cases/{desk.case_id}", replace(desk.agency, scopes=frozenset({"cases.read"})))
    assert "hardship_plan" in status.get_json()["stop_flags"]


def test_the_agency_that_works_the_case_does_not_claim(desk: Desk) -> None:
    assert desk.wrong(desk.agency, "POST", "", desk.claim()) == (403, "party_to_the_case")
    assert desk.wrong(desk.bank, "POST", "", desk.claim()) == (403, "wrong_member_kind")
    other = replace(desk.house.world.member("agency"), scopes=SCOPES)
    assert desk.right(other, "POST", "", desk.claim(), 201)["state"] == "filed"


def test_returned_appealed_rejected(desk: Desk) -> None:
    claim = desk.right(desk.mediator, "POST", "", desk.claim(), 201)
    path = f"/{claim['claim_id']}"
    act = {"officer": "LIN01", "reason": "证据不足"}
    returned = desk.right(desk.office, "POST", f"{path}/return", act)
    assert returned["appeal_by"] is not None
    desk.right(desk.mediator, "POST", f"{path}/appeal", {"officer": "TIAO01", "reason": "请复核"})
    assert desk.wrong(desk.office, "POST", f"{path}/rejection", act) == (403, "own_claim")
    assert desk.right(desk.office, "POST", f"{path}/rejection", act | {"officer": "ZHAO03"})["state"] == "rejected"
    assert desk.wrong(desk.mediator, "POST", f"{path}/appeal", act) == (409, "claim_state")


def test_a_related_account_gets_its_own_refusal(desk: Desk) -> None:
    account = payee()
    first = desk.right(desk.mediator, "POST", "", desk.claim(payee=account, payee_kind="person"), 201)
    other = desk.claim(payee=account, payee_kind="person", subject=subject(token()))
    second = desk.right(desk.mediator, "POST", "", other, 201)
    body = {"officer": "LIN01", "proposed_fen": 5, "reviewer_id": str(desk.court.member_id)}
    assert desk.wrong(desk.office, "POST", f"/{second['claim_id']}/assessment", body) == (409, "beneficiary_is_related")
    assert first["state"] == "filed"


@pytest.mark.parametrize("fen", [1.5, 1.0, -1, 0, 2**53, "1", None, True])
def test_fen_that_is_no_positive_integer_is_refused(desk: Desk, fen: Any) -> None:
    assert desk.wrong(desk.mediator, "POST", "", desk.claim(asked_fen=fen))[0] == 422


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payee": payee() | {"account": "12"}}, "invalid_field"),
        ({"payee": payee() | {"bank_name": "电话 13800000017"}}, "personal_data_in_text"),
        ({"cause": "injury"}, "invalid_field"),
        ({"term_days": 999}, "invalid_field"),
        ({"subject": None, "agent_id": str(uuid.uuid4())}, "invalid_field"),
        ({"officer": "?"}, "invalid_field"),
    ],
)
def test_a_claim_out_of_form_is_refused(desk: Desk, change: dict[str, Any], code: str) -> None:
    assert desk.wrong(desk.mediator, "POST", "", desk.claim(**change)) == (422, code)


def test_words_with_a_persons_number_are_refused(desk: Desk) -> None:
    claim = desk.right(desk.mediator, "POST", "", desk.claim(), 201)
    body = {"officer": "TIAO01", "reason": "电话 13800000017"}
    assert desk.wrong(desk.mediator, "POST", f"/{claim['claim_id']}/withdrawal", body) == (422, "personal_data_in_text")
