"""Quarters disclosed over HTTP: published by the association, read by anyone, proven by anyone."""

import csv
import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from gongxin import clock
from gongxin.config import Config
from gongxin_client.errors import VerificationFailed
from gongxin_client.fund import check_report
from tests.api.disclosure_http import House, build_house

SCOPES = frozenset({"fund.read", "fund.approve"})


@pytest.fixture
def house(config: Config, engine: Engine, owner_engine: Engine) -> Iterator[House]:
    yield from build_house(config, engine, owner_engine)


def quarter_before(today: date) -> dict[str, int]:
    if today.month > 3:
        return {"year": today.year, "quarter": (today.month - 1) // 3}
    return {"year": today.year - 1, "quarter": 4}


def published(house: House) -> dict[str, Any]:
    who = replace(house.world.member("association"), scopes=SCOPES)
    body = {"officer": "lin-01"} | quarter_before(clock.today_in_china())
    answer = house.call("POST", "/v1/fund/reports", who, json=body)
    assert answer.status_code == 201, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"] == f"/v1/fund/reports/{found['report_id']}"
    return found


def test_only_the_association_publishes_and_a_regulator_previews(house: House) -> None:
    body = {"officer": "lin-01"} | quarter_before(clock.today_in_china())
    for kind in ("bank", "agency", "court", "mediator", "regulator"):
        who = replace(house.world.member(kind), scopes=SCOPES)
        assert house.call("POST", "/v1/fund/reports", who, json=body).status_code == 403
        query = "&".join(f"{name}={value}" for name, value in quarter_before(clock.today_in_china()).items())
        told = house.call("GET", f"/v1/fund/reports/figures?{query}", who)
        assert told.status_code == (200 if kind == "regulator" else 403)
    reader = replace(house.world.member("association"), scopes=frozenset({"fund.read"}))
    assert house.call("POST", "/v1/fund/reports", reader, json=body).status_code == 403


def test_anyone_reads_what_was_disclosed_without_a_token(house: House) -> None:
    made = published(house)
    path, client = f"/v1/fund/reports/{made['report_id']}", house.app.test_client()
    assert client.get(path).get_json() == made
    listed = client.get("/v1/fund/reports?limit=200").get_json()["items"]
    assert made["report_id"] in {row["report_id"] for row in listed}
    rows = list(csv.reader(io.StringIO(client.get(f"{path}/csv").get_data().decode("utf-8-sig"))))
    told = {row[1]: row[4] for row in rows if row[0] == "income"}
    assert told == {fund: str(fen) for fund, fen in made["figures"]["income_fen"].items()}
    for language in ("zh", "en"):
        first, again = (client.get(f"{path}/pdf?language={language}") for _ in range(2))
        assert first.status_code == 200, first.get_data()
        assert first.mimetype == "application/pdf"
        assert first.get_data() == again.get_data()
    assert client.get(f"{path}/pdf?language=fr").status_code == 422
    assert client.get(f"/v1/fund/reports/{uuid.uuid4()}").status_code == 404


def test_figures_that_are_not_the_leafs_are_found(house: House) -> None:
    made, client = published(house), house.app.test_client()
    commitment = client.get(f"/v1/log/leaves/{made['report_id']}").get_json()["commitment"]
    check_report(made, commitment)
    more = made["figures"]["reserves_fen"] | {"ADMIN": made["figures"]["reserves_fen"]["ADMIN"] + 1}
    for change in (
        {"figures": made["figures"] | {"reserves_fen": more}},
        {"version": made["version"] + 1},
        {"content": "0" * 64},
        {"leaf": made["leaf"] | {"salt": "A" * 43}},
        {"leaf": {}},
    ):
        with pytest.raises(VerificationFailed, match="report_differs"):
            check_report(made | change, commitment)


def test_the_same_figures_are_disclosed_once_and_no_quarter_before_its_end(house: House) -> None:
    assert published(house)["report_id"] == published(house)["report_id"]
    who = replace(house.world.member("association"), scopes=SCOPES)
    today = clock.today_in_china()
    now = {"officer": "lin-01", "year": today.year, "quarter": (today.month + 2) // 3}
    answer = house.call("POST", "/v1/fund/reports", who, json=now)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "quarter_not_over")
    for change in ({"quarter": 5}, {"quarter": 0}, {"quarter": 1.5}, {"year": 1999}, {"officer": ""}, {"more": 1}):
        assert house.call("POST", "/v1/fund/reports", who, json=now | change).status_code == 422
