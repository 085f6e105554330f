"""The fund over HTTP: anonymous, wrong scope, wrong kind, bad input, then right."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from gongxin import clock, embedded
from gongxin.access import service as access
from gongxin.config import Config
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.transparency import service as log
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House, build_house
from tests.conftest import drop_database, make_database

SCOPES = frozenset({"fund.read", "fund.write", "fund.approve"})
TODAY = clock.today_in_china()


@dataclass
class Desk:
    """The association's desk: requests of its officers, and what they made."""

    house: House
    who: Caller

    def ask(self, method: str, path: str, body: Any = None, who: Caller | None = None) -> Any:
        extra = {} if body is None else {"json": body}
        return self.house.call(method, f"/v1/fund{path}", who or self.who, **extra)

    def right(self, method: str, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
        answer = self.ask(method, path, body)
        assert answer.status_code == status, answer.get_json()
        found: dict[str, Any] = answer.get_json()
        return found

    def wrong(self, method: str, path: str, body: Any = None, who: Caller | None = None) -> tuple[int, str]:
        answer = self.ask(method, path, body, who)
        return answer.status_code, answer.get_json()["code"]

    def account(self, kind: str, **more: Any) -> str:
        code = f"A-{uuid.uuid4().hex[:12]}"
        body = {"code": code, "name_zh": "测试", "name_en": "Test", "type": kind, "fund": "RELIEF"} | more
        self.right("POST", "/accounts", body, 201)
        return code

    def entry(self, debit: str, credit: str, amount: Any = 500, **change: Any) -> dict[str, Any]:
        return {
            "key": uuid.uuid4().hex,
            "officer": "Lin-01",
            "booked_on": TODAY.isoformat(),
            "description": "收到会费",
            "legs": [
                {"account": debit, "fund": "RELIEF", "side": "debit", "amount_fen": amount},
                {"account": credit, "fund": "RELIEF", "side": "credit", "amount_fen": amount},
            ],
            "submit": True,
        } | change

    def posted(self, debit: str, credit: str, amount: int = 500, **change: Any) -> dict[str, Any]:
        made = self.right("POST", "/entries", self.entry(debit, credit, amount, **change), 201)
        path = f"/entries/{made['entry_id']}"
        for officer in ("wang 02", "Zhao.03"):
            self.right("POST", f"{path}/approvals", {"officer": officer, "content_hash": made["content_hash"]})
        return self.right("POST", f"{path}/posting", {"officer": "wang02"})


@pytest.fixture(scope="module")
def desk(server: str, config: Config, worker_id: str) -> Iterator[Desk]:
    """A database of its own: a period that is closed here is closed for nobody else."""
    name = f"gongxin_fund_http_{worker_id}"
    make_database(server, name)
    web, owner = (make_engine(embedded.dsn(server, role, name), pool_size=2) for role in (WEB_ROLE, OWNER_ROLE))
    for house in build_house(config, web, owner):
        desk = Desk(house, replace(house.world.member("association"), scopes=SCOPES))
        first = TODAY - timedelta(days=20)
        desk.right("POST", "/periods", {"first_day": first.isoformat(), "last_day": first.isoformat()}, 201)
        desk.right("POST", "/periods", {"last_day": (TODAY + timedelta(days=1)).isoformat()}, 201)
        yield desk
    web.dispose()
    owner.dispose()
    drop_database(server, name)


@pytest.fixture(scope="module")
def cash(desk: Desk) -> str:
    return desk.account("asset", minimum_fen=0)


@pytest.fixture(scope="module")
def levies(desk: Desk) -> str:
    return desk.account("income")


def test_nobody_without_token_scope_or_kind_gets_in(desk: Desk, cash: str, levies: str) -> None:
    assert desk.house.call("GET", "/v1/fund/accounts").status_code == 401
    reader = replace(desk.who, scopes=frozenset({"fund.read"}))
    body = desk.entry(cash, levies)
    assert desk.wrong("POST", "/entries", body, reader) == (403, "insufficient_scope")
    writer = replace(desk.who, scopes=frozenset({"fund.read", "fund.write"}))
    posting = f"/entries/{uuid.uuid4()}/posting"
    assert desk.wrong("POST", posting, {"officer": "LIN"}, writer) == (403, "insufficient_scope")
    bank = replace(desk.house.world.member("bank"), scopes=SCOPES)
    assert desk.wrong("GET", "/balances", None, bank) == (403, "wrong_member_kind")


def test_a_regulator_reads_all_and_changes_nothing(desk: Desk, cash: str, levies: str) -> None:
    auditor = replace(desk.house.world.member("regulator"), scopes=SCOPES)
    made = desk.posted(cash, levies)
    for path in ("/accounts", "/periods", "/entries", "/holds", "/balances", "/periods/2/trial-balance",
                 f"/entries/{made['entry_id']}", f"/entries/{made['entry_id']}/steps"):  # fmt: skip
        assert desk.ask("GET", path, who=auditor).status_code == 200, path
    assert desk.wrong("POST", "/entries", desk.entry(cash, levies), auditor) == (403, "wrong_member_kind")


def test_an_entry_from_draft_to_posted_and_what_each_step_shows(desk: Desk, cash: str, levies: str) -> None:
    before = desk.right("GET", "/balances")
    made = desk.posted(cash, levies, 1_234)
    assert made["state"] == "posted"
    assert made["maker_officer"] == "LIN01"
    assert [found["officer"] for found in made["approvals"]] == ["WANG02", "ZHAO03"]
    steps = desk.right("GET", f"/entries/{made['entry_id']}/steps")["items"]
    assert [step["state"] for step in steps] == ["draft", "submitted", "approved", "posted"]

    def on(balances: dict[str, Any]) -> int:
        return next(int(row["balance_fen"]) for row in balances["items"] if row["account"] == cash)

    now = desk.right("GET", "/balances")
    assert on(now) - on(before) == 1_234
    then = desk.house.call("GET", "/v1/fund/balances", desk.who, query_string={"as_of": before["as_of"]})
    assert on(then.get_json()) == on(before)


def test_the_leaf_of_an_entry_is_proven_by_its_id(desk: Desk, cash: str, levies: str, config: Config) -> None:
    made = desk.posted(cash, levies)
    with transaction(desk.house.runtime.engine) as session:
        log.start(session, config)
        log.sequence(session, config)
    assert desk.house.call("GET", f"/v1/log/proofs/{made['entry_id']}").status_code == 200


def test_the_same_key_is_the_same_entry_and_another_content_is_refused(desk: Desk, cash: str, levies: str) -> None:
    body = desk.entry(cash, levies)
    first = desk.right("POST", "/entries", body, 201)
    assert desk.right("POST", "/entries", body)["entry_id"] == first["entry_id"]
    assert desk.wrong("POST", "/entries", body | {"description": "另一内容"}) == (409, "entry_key_taken")


@pytest.mark.parametrize("amount", [1.5, 1.0, -1, 0, 2**53, "1", None, True])
def test_fen_that_is_no_positive_integer_is_refused(desk: Desk, cash: str, levies: str, amount: Any) -> None:
    assert desk.wrong("POST", "/entries", desk.entry(cash, levies, amount))[0] == 422


@pytest.mark.parametrize("day", ["2026-02-31", "20260228", "2026-2-1", "2026-W01-1", 20260228, None, ""])
def test_a_day_that_is_none_is_refused(desk: Desk, cash: str, levies: str, day: Any) -> None:
    assert desk.wrong("POST", "/entries", desk.entry(cash, levies, booked_on=day)) == (422, "invalid_field")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"officer": "?"}, "invalid_field"),
        ({"key": "a b"}, "invalid_field"),
        ({"description": " x"}, "invalid_field"),
        ({"description": "电话 13800000017"}, "personal_data_in_text"),
        ({"legs": []}, "entry_unbalanced"),
        ({"booked_on": "1999-01-01"}, "no_period"),
        ({"submit": 1}, "invalid_field"),
    ],
)
def test_an_entry_out_of_form_is_refused(desk: Desk, cash: str, levies: str, change: dict[str, Any], code: str) -> None:
    assert desk.wrong("POST", "/entries", desk.entry(cash, levies, **change)) == (422, code)


def test_one_person_under_two_accounts_approves_once(desk: Desk, cash: str, levies: str) -> None:
    made = desk.right("POST", "/entries", desk.entry(cash, levies), 201)
    path = f"/entries/{made['entry_id']}/approvals"
    desk.right("POST", path, {"officer": "WANG02", "content_hash": made["content_hash"]})
    other = replace(desk.who, client_id=uuid.uuid4())
    again = {"officer": "ｗａｎｇ-02", "content_hash": made["content_hash"]}
    assert desk.wrong("POST", path, again, other) == (409, "already_approved")
    elsewhere = replace(desk.house.world.member("association"), scopes=SCOPES)
    assert desk.wrong("POST", path, again, elsewhere) == (409, "already_approved")
    assert desk.wrong("POST", path, again | {"officer": "lin01"}) == (403, "maker_is_not_checker")
    assert desk.wrong("POST", path, again | {"officer": "ZHAO03", "content_hash": "00" * 32}) == (
        409,
        "content_changed",
    )


def test_a_reversal_once_and_never_of_a_reversal(desk: Desk, cash: str, levies: str) -> None:
    made = desk.posted(cash, levies, 77)
    body = {"officer": "LIN01", "booked_on": TODAY.isoformat(), "description": "冲销"}
    path = f"/entries/{made['entry_id']}/reversal"
    undone = desk.right("POST", path, body | {"key": uuid.uuid4().hex}, 201)
    assert undone["reverses"] == made["entry_id"]
    assert desk.wrong("POST", path, body | {"key": uuid.uuid4().hex}) == (409, "reversed_already")
    again = f"/entries/{undone['entry_id']}/reversal"
    assert desk.wrong("POST", again, body | {"key": uuid.uuid4().hex}) == (409, "not_reversible")


def test_money_held_and_released(desk: Desk) -> None:
    cash, levies, relief = desk.account("asset", minimum_fen=0), desk.account("income"), desk.account("expense")
    desk.posted(cash, levies, 100)
    body = {"officer": "LIN01", "account": cash, "amount_fen": 80, "reason": "救助已批"}
    held = desk.right("POST", "/holds", body, 201)
    assert desk.wrong("POST", "/holds", body) == (409, "hold_not_covered")
    made = desk.right("POST", "/entries", desk.entry(relief, cash, 80, hold_id=held["hold_id"]), 201)
    assert desk.wrong("POST", f"/holds/{held['hold_id']}/release") == (409, "hold_claimed")
    withdrawn = {"state": "withdrawn", "officer": "LIN01", "reason": "不再需要"}
    desk.right("POST", f"/entries/{made['entry_id']}/state", withdrawn)
    assert desk.right("POST", f"/holds/{held['hold_id']}/release")["state"] == "released"
    items = desk.house.call("GET", "/v1/fund/holds?state=released", desk.who).get_json()["items"]
    assert held["hold_id"] in {item["hold_id"] for item in items}


def test_below_the_minimum_nothing_is_posted(desk: Desk) -> None:
    cash, relief = desk.account("asset", minimum_fen=0), desk.account("expense")
    made = desk.right("POST", "/entries", desk.entry(relief, cash, 1), 201)
    path = f"/entries/{made['entry_id']}"
    for officer in ("WANG02", "ZHAO03"):
        desk.right("POST", f"{path}/approvals", {"officer": officer, "content_hash": made["content_hash"]})
    assert desk.wrong("POST", f"{path}/posting", {"officer": "WANG02"}) == (409, "below_minimum")
    assert desk.right("GET", path)["state"] == "approved"


def test_a_draft_is_revised_submitted_and_rejected(desk: Desk, cash: str, levies: str) -> None:
    made = desk.right("POST", "/entries", desk.entry(cash, levies, submit=False), 201)
    path = f"/entries/{made['entry_id']}"
    legs = desk.entry(cash, levies, 9)["legs"]
    found = desk.right("POST", f"{path}/legs", {"officer": "LIN01", "legs": legs})
    assert [leg["amount_fen"] for leg in found["legs"]] == [9, 9]
    assert desk.wrong("POST", f"{path}/legs", {"officer": "WANG02", "legs": legs}) == (403, "not_the_maker")
    desk.right("POST", f"{path}/state", {"state": "submitted", "officer": "LIN01"})
    rejected = {"state": "rejected", "officer": "WANG02", "reason": "凭证不符"}
    assert desk.right("POST", f"{path}/state", rejected)["state"] == "rejected"
    assert desk.wrong("POST", f"{path}/state", rejected) == (409, "illegal_transition")


def test_entries_come_in_pages(desk: Desk, cash: str, levies: str) -> None:
    made = [desk.right("POST", "/entries", desk.entry(cash, levies), 201)["entry_id"] for _ in range(3)]
    seen, cursor = [], ""
    while cursor is not None:
        page = desk.house.call("GET", f"/v1/fund/entries?state=submitted&limit=2{cursor}", desk.who).get_json()
        seen += [item["entry_id"] for item in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert seen == sorted(set(seen))
    assert set(made) <= set(seen)


def test_a_closed_period_is_signed_by_the_registry(desk: Desk) -> None:
    state = "/periods/1/state"
    desk.right("POST", state, {"state": "closing", "officer": "LIN01"})
    assert desk.wrong("POST", "/periods/2/state", {"state": "closed", "officer": "LIN01"})[0] == 409
    closed = desk.right("POST", state, {"state": "closed", "officer": "LIN01"})
    assert closed["leaf_id"]
    assert desk.wrong("POST", state, {"state": "open", "officer": "LIN01"}) == (409, "period_closed")
    found = desk.right("GET", "/periods/1/trial-balance")
    with transaction(desk.house.runtime.engine) as session:
        key = access.public_jwks(session, "receipt")["keys"][-1]
    claims = jwt.decode(found["signed"], jwt.PyJWK(key), algorithms=["EdDSA"])
    assert (claims["period"], claims["accounts"]) == (1, found["accounts"])


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    nobody = uuid.uuid4()
    assert desk.wrong("GET", f"/entries/{nobody}") == (404, "entry_not_found")
    assert desk.wrong("POST", f"/holds/{nobody}/release") == (404, "hold_not_found")
    assert desk.wrong("GET", "/periods/999/trial-balance") == (404, "period_not_found")
    assert desk.wrong("POST", "/accounts/NO-SUCH/closure") == (404, "account_not_found")


def test_an_account_is_opened_once_and_closed_empty(desk: Desk) -> None:
    code = desk.account("asset")
    body = {"code": code, "name_zh": "测试", "name_en": "Test", "type": "asset", "fund": "RELIEF"}
    assert desk.wrong("POST", "/accounts", body) == (409, "account_exists")
    assert desk.right("POST", f"/accounts/{code}/closure")["closed_at"]
    levies = desk.account("income")
    assert desk.wrong("POST", "/entries", desk.entry(code, levies)) == (422, "invalid_field")
