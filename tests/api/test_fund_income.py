"""The fund's income over HTTP: a levy from statement to invoice, and what is refused on the way."""

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
from tests.services.income_world import month_before

SCOPES = frozenset({"fund.read", "fund.write", "fund.approve", "levies"})
TODAY = clock.today_in_china()
MONTH = month_before(TODAY)
HASH = "ab" * 32


class Desk:
    def __init__(self, house: House) -> None:
        self.house = house
        self.office = replace(house.world.member("association"), scopes=SCOPES)
        self.agency = replace(house.world.member("agency"), scopes=SCOPES)

    def ask(self, who: Caller, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        given = extra if body is None else extra | {"json": body}
        return self.house.call(method, f"/v1/fund/income{path}", who, **given)

    def right(self, who: Caller, method: str, path: str, body: Any = None, status: int = 200, **extra: Any) -> Any:
        answer = self.ask(who, method, path, body, **extra)
        assert answer.status_code == status, answer.get_json()
        return answer.get_json()

    def wrong(self, who: Caller, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self.ask(who, method, path, body)
        return answer.status_code, answer.get_json()["code"]

    def issued(self, run: dict[str, Any]) -> dict[str, Any]:
        for officer in ("wang 02", "Zhao.03"):
            body = {"officer": officer, "content_hash": run["content_hash"]}
            self.right(self.office, "POST", f"/runs/{run['run_id']}/approvals", body)
        self.right(self.office, "POST", f"/runs/{run['run_id']}/issue")
        listed = self.right(self.office, "GET", "/charges", query_string={"run_id": run["run_id"]})
        found: dict[str, Any] = listed["items"][0]
        return found


@pytest.fixture(scope="module")
def desk(server: str, config: Config, worker_id: str) -> Iterator[Desk]:
    name = f"gongxin_income_http_{worker_id}"
    make_database(server, name)
    web, owner = (make_engine(embedded.dsn(server, role, name), pool_size=2) for role in (WEB_ROLE, OWNER_ROLE))
    with transaction(web) as session:
        periods.open_period(session, first_day=TODAY - timedelta(days=2), last_day=TODAY + timedelta(days=1))
        chart.open_chart(session)
    for house in build_house(config, web, owner):
        yield Desk(house)
    web.dispose()
    owner.dispose()
    drop_database(server, name)


def test_a_levy_from_statement_to_objection_and_credit_note(desk: Desk) -> None:
    base = {"month": MONTH, "base_fen": 12_500_000, "evidence_sha256": HASH}
    assert desk.right(desk.agency, "POST", "/bases", base, 201)["source"] == "statement"
    run = desk.right(desk.office, "POST", "/runs", {"officer": "Lin-01", "rhythm": "monthly", "last_month": MONTH}, 201)
    assert (run["charges"], run["total_fen"]) == (1, 112_500)
    assert desk.right(desk.agency, "GET", "/charges")["items"] == []
    charge = desk.issued(run)
    own = desk.right(desk.agency, "GET", f"/charges/{charge['charge_id']}")
    assert own["calculation"]["coefficient"]["lines"][-1]["why"] == "clean_year"
    assert own["reference"].startswith("GXP")
    assert desk.right(desk.agency, "GET", "/account")["owed_fen"] == 112_500
    path = f"/charges/{charge['charge_id']}"
    desk.right(desk.agency, "POST", f"{path}/objections", {"said": "基数含已退佣金"}, 201)
    decided = desk.right(
        desk.office,
        "POST",
        f"{path}/decisions",
        {"officer": "LIN01", "upheld": True, "said": "属实", "credit_fen": 12_500},
        201,
    )
    desk.issued(decided["credit_run"])
    assert desk.right(desk.agency, "GET", "/account")["owed_fen"] == 100_000
    assert [item["credits"] for item in desk.right(desk.agency, "GET", "/charges")["items"]] == [
        None,
        charge["charge_id"],
    ]


def test_who_may_not(desk: Desk) -> None:
    body = {"officer": "LIN01", "rhythm": "monthly", "last_month": MONTH}
    assert desk.wrong(desk.agency, "POST", "/runs", body) == (403, "wrong_member_kind")
    assert desk.wrong(desk.agency, "GET", "/runs") == (403, "wrong_member_kind")
    bank = replace(desk.house.world.member("bank"), scopes=SCOPES)
    base = {"month": MONTH, "base_fen": 1, "evidence_sha256": HASH}
    assert desk.wrong(bank, "POST", "/bases", base) == (403, "wrong_member_kind")
    reader = replace(desk.office, scopes=frozenset({"fund.read"}))
    assert desk.wrong(reader, "POST", "/runs", body) == (403, "insufficient_scope")
    assert desk.wrong(bank, "GET", f"/charges/{uuid.uuid4()}") == (404, "charge_not_found")


@pytest.mark.parametrize("fen", [1.5, 1.0, -1, 2**53, "1", None, True])
def test_fen_that_is_no_whole_number_is_refused(desk: Desk, fen: Any) -> None:
    base = {"month": MONTH, "base_fen": fen, "evidence_sha256": HASH}
    assert desk.wrong(desk.agency, "POST", "/bases", base)[0] == 422
    gift = {"officer": "LIN01", "amount_fen": fen, "reason": "捐赠"}
    assert desk.wrong(desk.office, "POST", "/donations", gift)[0] == 422


@pytest.mark.parametrize("month", ["2026-13", "2026-02-31", "202602", TODAY.strftime("%Y-%m"), 202602])
def test_a_month_that_is_none_or_not_over_is_refused(desk: Desk, month: Any) -> None:
    base = {"month": month, "base_fen": 1, "evidence_sha256": HASH}
    assert desk.wrong(desk.agency, "POST", "/bases", base)[0] == 422


def test_words_with_a_persons_number_are_refused(desk: Desk) -> None:
    gift = {"officer": "LIN01", "amount_fen": 5, "reason": "电话 13800000017"}
    assert desk.wrong(desk.office, "POST", "/donations", gift) == (422, "personal_data_in_text")


def test_a_gift_of_no_purpose_that_is_known_is_refused(desk: Desk) -> None:
    gift = {"officer": "LIN01", "amount_fen": 5, "reason": "捐赠", "restriction": "yachts"}
    assert desk.wrong(desk.office, "POST", "/donations", gift) == (422, "invalid_field")
    right = desk.right(desk.office, "POST", "/donations", gift | {"restriction": "medical"}, 201)
    assert desk.right(desk.office, "POST", f"/runs/{right['run_id']}/withdrawal")["state"] == "withdrawn"
    assert desk.wrong(desk.office, "POST", f"/runs/{right['run_id']}/issue") == (409, "run_state")


def test_the_rules_are_public(desk: Desk) -> None:
    answer = desk.house.call("GET", "/v1/fund/income/rules")
    assert answer.status_code == 200
    assert answer.get_json()["source_status"] == "unverified"
