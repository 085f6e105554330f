"""The bank over HTTP: anonymous, wrong scope, wrong kind, bad input, then from a payee to a day reconciled."""

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Engine

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.fund.ledger import periods, queries
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House, build_house
from tests.services.bank_world import HEAD, number, yuan

SCOPES = frozenset({"fund.read", "fund.write", "fund.approve", "fund.pay"})
TODAY = clock.today_in_china().isoformat()


@dataclass
class Desk:
    house: House
    who: Caller

    def ask(self, method: str, path: str, body: Any = None, who: Caller | None = None) -> tuple[int, Any]:
        extra = {} if body is None else {"json": body}
        answer = self.house.call(method, f"/v1/fund{path}", who or self.who, **extra)
        return answer.status_code, answer.get_json()

    def right(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        found, answer = self.ask(method, path, body)
        assert found == status, answer
        return answer


@pytest.fixture
def desk(config: Config, engine: Engine, owner_engine: Engine) -> Iterator[Desk]:
    for house in build_house(config, engine, owner_engine):
        with transaction(engine) as session:
            if queries.find_last_period(session) is None:
                today = clock.today_in_china()
                periods.open_period(session, first_day=today.replace(day=1), last_day=today)
        yield Desk(house, replace(house.world.member("association"), scopes=SCOPES))


def account(desk: Desk, kind: str) -> str:
    code = f"A-{uuid.uuid4().hex[:12]}"
    body = {"code": code, "name_zh": "测试", "name_en": "Test", "type": kind, "fund": "STAFF"}
    desk.right("POST", "/accounts", body, 201)
    return code


def details(account_no: str) -> dict[str, str]:
    return {"holder": "测试医院", "account": account_no, "bank_code": "103100000018", "bank_name": "示范银行"}


def owed(desk: Desk, costs: str, amount: int) -> str:
    """The posted entry that owes so much; its money is there already."""
    legs = [
        {"account": costs, "fund": "STAFF", "side": "debit", "amount_fen": amount},
        {"account": account(desk, "liability"), "fund": "STAFF", "side": "credit", "amount_fen": amount},
    ]
    entry = {
        "key": uuid.uuid4().hex, "officer": "lin", "booked_on": TODAY, "description": "应退", "submit": True,
        "legs": legs,
    }  # fmt: skip
    made = desk.right("POST", "/entries", entry, 201)
    for officer in ("wang", "zhao"):
        vote = {"officer": officer, "content_hash": made["content_hash"]}
        desk.right("POST", f"/entries/{made['entry_id']}/approvals", vote)
    return str(desk.right("POST", f"/entries/{made['entry_id']}/posting", {"officer": "wang"})["entry_id"])


def test_an_accounts_layout_mapping_and_books_over_http(desk: Desk) -> None:
    cash, more = account(desk, "asset"), account(desk, "asset")
    code = f"B-{uuid.uuid4().hex[:10]}"
    columns = [
        {"heading": "户名", "field": "holder"}, {"heading": "账号", "field": "account"},
        {"heading": "分", "field": "amount"}, {"heading": "用途", "field": "reference"},
    ]  # fmt: skip
    opened = details(number()) | {
        "officer": "lin", "code": code, "ledger_accounts": [cash], "opened_on": TODAY,
        "payments": {"amount": "fen", "encoding": "utf-8", "columns": columns}, "statements": {"words": "摘要"},
    }  # fmt: skip
    made = desk.right("POST", "/bank/accounts", opened, 201)
    assert (made["payments"]["columns"], made["payments"]["delimiter"]) == (columns, ",")
    assert (made["statements"]["words"], made["statements"]["date"]) == ("摘要", "交易日期")
    path = f"/bank/accounts/{code}"
    changed = desk.right("POST", f"{path}/forms", {"statements": {"words": "备注"}})
    assert (changed["statements"]["words"], changed["payments"]) == ("备注", made["payments"])
    for body in ({"payments": {"columns": columns[:2]}}, {"payments": {"amount": "jiao"}}, {"statements": {"x": "y"}},
                 {"statements": {"words": "余额"}}):  # fmt: skip
        assert desk.ask("POST", f"{path}/forms", body)[0] == 422
    added = desk.right("POST", f"{path}/books", {"ledger_account": more}, 201)
    assert sorted(added["ledger_accounts"]) == sorted([cash, more])
    status, answer = desk.ask("POST", f"{path}/books", {"ledger_account": more})
    assert (status, answer["code"]) == (409, "bank_account_exists")
    assert desk.ask("POST", f"{path}/books", {"ledger_account": account(desk, "income")})[0] == 422
    reader = replace(desk.who, scopes=frozenset({"fund.read", "fund.write"}))
    for end, body in (("forms", {}), ("books", {"ledger_account": more})):
        assert desk.ask("POST", f"{path}/{end}", body, reader)[0] == 403


def test_who_may_not(desk: Desk) -> None:
    payee = details(number()) | {"officer": "lin"}
    reader = replace(desk.who, scopes=frozenset({"fund.read"}))
    bank = replace(desk.house.world.member("bank"), scopes=SCOPES)
    regulator = replace(desk.house.world.member("regulator"), scopes=SCOPES)
    assert desk.ask("POST", "/bank/payees", payee, reader)[0] == 403
    for who in (bank, regulator):
        assert desk.ask("POST", "/bank/payees", payee, who)[0] == 403
    assert desk.ask("GET", "/bank/files", None, regulator)[0] == 200
    assert desk.ask("GET", "/bank/files", None, bank)[0] == 403


def test_bad_input_is_refused_by_field(desk: Desk) -> None:
    for change in ({"account": "12"}, {"bank_code": "x"}, {"holder": ""}, {"more": 1}):
        status, answer = desk.ask("POST", "/bank/payees", details(number()) | {"officer": "lin"} | change)
        assert (status, answer["pointer"]) == (422, f"/{next(iter(change))}")
    assert desk.ask("GET", f"/bank/payees/{uuid.uuid4()}")[0] == 404
    status, answer = desk.ask("POST", "/bank/accounts/NONE/statements", {"officer": "lin", "content": "!!"})
    assert status == 422


def test_from_a_payee_to_a_day_reconciled(desk: Desk) -> None:
    cash, costs = account(desk, "asset"), account(desk, "expense")
    ours, code = number(), f"B-{uuid.uuid4().hex[:10]}"
    opened = {"officer": "lin", "code": code, "ledger_accounts": [cash], "opened_on": TODAY, "opening_fen": 0}
    desk.right("POST", "/bank/accounts", opened | details(ours), 201)
    theirs = number()
    payee = desk.right("POST", "/bank/payees", details(theirs) | {"officer": "lin"}, 201)
    shown = desk.right("GET", f"/bank/payees/{payee['payee_id']}")
    assert shown["details"]["account"] == theirs
    refund = {
        "officer": "lin", "source_id": owed(desk, costs, 700), "fund": "STAFF", "amount_fen": 700,
        "payee_id": payee["payee_id"],
    }  # fmt: skip
    status, answer = desk.ask("POST", "/bank/refunds", refund | {"source_id": str(uuid.uuid4())})
    assert (status, answer["code"]) == (409, "nothing_owed")
    status, answer = desk.ask("POST", "/bank/refunds", refund | {"amount_fen": 701})
    assert (status, answer["code"]) == (409, "nothing_owed")
    made = desk.right("POST", "/bank/refunds", refund, 201)
    file = desk.right(
        "POST", "/bank/files", {"officer": "lin", "bank_account": code, "format": "pain001", "execute_on": TODAY}, 201
    )
    release = f"/bank/files/{file['file_id']}/release"
    assert desk.ask("POST", release, {"officer": "ＬＩＮ", "sha256": file["sha256"]})[0] == 403
    desk.right("POST", release, {"officer": "wang", "sha256": file["sha256"]})
    first = desk.right("POST", f"/bank/files/{file['file_id']}/sending")
    again = desk.right("POST", f"/bank/files/{file['file_id']}/sending")
    assert first == again
    assert theirs.encode() in base64.b64decode(first["content"])
    rows = [
        HEAD,
        f"{ours},{TODAY},{yuan(1_000)},,{yuan(1_000)},R1,捐款,某某",
        f"{ours},{TODAY},,{yuan(700)},{yuan(300)},R2,{made['reference']},某某",
    ]
    path = f"/bank/accounts/{code}"
    content = base64.b64encode("\n".join(rows).encode("gb18030")).decode()
    desk.right("POST", f"{path}/statements", {"officer": "lin", "content": content}, 201)
    assert (
        desk.ask("POST", f"{path}/statements", {"officer": "lin", "content": content})[1]["code"] == "statement_twice"
    )
    assert {found["confidence"] for found in desk.right("GET", f"{path}/suggestions")["items"]} == {"certain"}
    assert len(desk.right("POST", f"{path}/matching", {"officer": "wang"})["items"]) == 1
    status, answer = desk.ask("POST", f"{path}/days", {"officer": "wang", "day": TODAY})
    assert (status, answer["code"]) == (409, "day_not_reconciled")
    (line,) = desk.right("GET", f"{path}/lines?unmatched=true")["items"]
    entry = {
        "key": uuid.uuid4().hex, "officer": "lin", "booked_on": TODAY, "description": "收支", "submit": True,
        "legs": [
            {"account": cash, "fund": "STAFF", "side": "debit", "amount_fen": 1_000},
            {"account": cash, "fund": "STAFF", "side": "credit", "amount_fen": 300},
            {"account": costs, "fund": "STAFF", "side": "credit", "amount_fen": 700},
        ],
    }  # fmt: skip
    posted = desk.right("POST", "/entries", entry, 201)
    for officer in ("wang", "zhao"):
        vote = {"officer": officer, "content_hash": posted["content_hash"]}
        desk.right("POST", f"/entries/{posted['entry_id']}/approvals", vote)
    desk.right("POST", f"/entries/{posted['entry_id']}/posting", {"officer": "wang"})
    part = {"target": "entry", "target_id": posted["entry_id"], "amount_fen": 1_000}
    status, answer = desk.ask("POST", f"/bank/lines/{line['line_id']}/matches", {"officer": "wang", "parts": [part]})
    assert (status, answer["code"]) == (409, "match_not_possible")
    in_only = entry | {
        "key": uuid.uuid4().hex,
        "legs": [
            {"account": cash, "fund": "STAFF", "side": "debit", "amount_fen": 1_000},
            {"account": costs, "fund": "STAFF", "side": "credit", "amount_fen": 1_000},
        ],
    }
    assert desk.right("POST", "/entries", in_only, 201)["state"] == "submitted"
    standing = desk.right("GET", f"{path}/day?day={TODAY}")
    assert (standing["difference_fen"], standing["agrees"], len(standing["lines"])) == (300, False, 1)
