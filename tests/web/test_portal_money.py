"""Contracts, statements and the fund at the portal: the curve drawn, lines agreed or disputed, others' hidden."""

import uuid
from typing import Any

import pytest

from gongxin.contracts.commissions import levy, queries, service
from gongxin.db import transaction
from gongxin.fund.income import service as income
from gongxin.members import queries as members
from gongxin.web.caller import Caller
from gongxin_admin import curves
from tests.services.contracts_world import TODAY, Desk, fee_model, terms
from tests.services.disclosure_world import World

from .agents_town import world
from .conftest import Browser, Town

__all__ = ["world"]
TIERS = [
    {"age_from": "M1", "age_to": "M24+", "to_fen": 100_000, "rate_bp": 2_000},
    {"age_from": "M1", "age_to": "M24+", "from_fen": 100_000, "rate_bp": 1_000},
]


class Papers:
    """A signed contract and a statement of two lines, committed."""

    def __init__(self, town: Town, world: World) -> None:
        levy.report_to(income.report_base)
        self.town = town
        with transaction(town.engine) as session:
            desk = Desk(session, world)
            desk.adopted()
            desk.cap(2_500)
            contract = desk.signed(terms(desk, fee_model=fee_model(tiers=TIERS)))
            self.bank, self.agency, self.contract_id, self.number = desk.bank, desk.agency, contract.id, contract.number
            for principal in (50_000, 150_000):
                desk.become(desk.agency)
                found, _new = service.report(
                    session, caller=desk.agency, contract_id=contract.id, reference=f"R-{uuid.uuid4().hex[:12]}",
                    received_on=TODAY, age=3, parts={"principal": principal},
                )  # fmt: skip
                desk.become(desk.bank)
                service.confirm(session, found.id, caller=desk.bank, bank_line="B-1")
            desk.become(desk.agency)
            made = service.make_statement(session, caller=desk.agency, contract_id=contract.id, month=f"{TODAY:%Y-%m}")
            self.statement_id = made.id

    def of(self, caller: Caller, *roles: str) -> Browser:
        assert caller.member_id is not None
        with transaction(self.town.engine) as session:
            member = members.get_member(session, caller.member_id)
        return self.town.browser("portal", self.town.person(member, *(roles or ("clerk", "compliance"))))

    def statement(self) -> Any:
        with transaction(self.town.engine, self.bank.member_id, "bank") as session:
            return queries.get_statement(session, self.statement_id)


@pytest.fixture
def papers(town: Town, world: World) -> Papers:
    return Papers(town, world)


def test_a_contract_shows_its_rates_as_table_and_curve_to_its_parties_alone(papers: Papers, town: Town) -> None:
    clerk = papers.of(papers.bank)
    assert papers.number in clerk.get("/portal/contracts").text
    page = clerk.get(f"/portal/contracts/{papers.contract_id}?age=3").text
    assert "20.00 %" in page
    assert "10.00 %" in page
    assert page.count("<polyline") == 2
    for odd in ("age=0", "age=99999", "age=x", "round=²"):
        assert clerk.get(f"/portal/contracts/{papers.contract_id}?{odd}").status_code == 200
    stranger = town.browser("portal", town.person(town.house("bank"), "clerk"))
    assert stranger.get(f"/portal/contracts/{papers.contract_id}").status_code == 404
    assert papers.number not in stranger.get("/portal/contracts").text


def test_a_statement_is_agreed_and_disputed_line_by_line(papers: Papers, town: Town) -> None:
    path = f"/portal/statements/{papers.statement_id}"
    clerk = papers.of(papers.bank)
    assert clerk.post(f"{path}/lines", {}, path).status_code == 422
    refused = clerk.post(f"{path}/lines", {"line-1": "agreed", "line-2": "disputed"}, path)
    assert refused.status_code == 422
    assert papers.statement().state == "open"
    done = clerk.post(f"{path}/lines", {"line-1": "agreed", "line-2": "disputed", "reason-2": "未到账"}, path)
    assert done.status_code == 303
    assert papers.statement().state == "disputed"
    assert papers.statement().agreed_fen > 0
    agency = papers.of(papers.agency)
    assert "未到账" in agency.get(path).text
    assert agency.post(f"{path}/lines", {"line-1": "agreed"}, path).status_code >= 400
    assert agency.post(f"{path}/lines", {"line-2": "dropped"}, path).status_code == 303
    assert papers.statement().state == "agreed"
    stranger = town.browser("portal", town.person(town.house("bank"), "clerk"))
    assert stranger.get(path).status_code == 404
    assert stranger.post(f"{path}/lines", {"line-1": "agreed"}, "/portal/ask").status_code == 404


def test_the_fund_and_credentials_are_ones_own(town: Town) -> None:
    house = town.house("agency")
    boss, clerk = town.person(house, "administrator"), town.person(house, "clerk")
    own = town.browser("portal", boss)
    assert "应缴未缴" in own.get("/portal/fund").text
    assert "没有申请" in own.get("/portal/claims").text
    page = own.get("/portal/credentials").text
    assert clerk.login in page
    assert boss.login in page
    assert town.browser("portal", clerk).get("/portal/credentials").status_code == 403
    other = town.browser("portal", town.person(town.house("agency"), "administrator"))
    assert clerk.login not in other.get("/portal/credentials").text
    made_up = "/portal/fund/charges/01900000-0000-7000-8000-000000000000/objections"
    assert own.get(made_up).status_code == 404


def test_a_curve_of_one_point_is_not_drawn_and_a_steep_one_stays_inside() -> None:
    assert curves.rates([{"amount_fen": 100, "effective_bp": 5}], "x") == ""
    drawn = curves.rates([{"amount_fen": 100, "effective_bp": 5}, {"amount_fen": 10**9, "effective_bp": 9_999}], "<x>")
    assert "&lt;x&gt;" in drawn
    assert "NaN" not in drawn
