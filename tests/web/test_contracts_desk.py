"""Contracts at the desk: versions compared, adopted by two others, caps with their source, contracts over a cap."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from gongxin import clock
from gongxin.config import Config
from gongxin.contracts.standard import service as standard
from gongxin.db import transaction
from gongxin_admin.views.contracts import redline
from tests.services.contracts_world import Desk
from tests.services.disclosure_world import World, build

from .conftest import Town


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@contextmanager
def office(engine: Engine, world: World) -> Iterator[Desk]:
    with transaction(engine) as session:
        yield Desk(session, world)


def hidden(text: str, name: str) -> str:
    return text.partition(f'name="{name}" value="')[2].partition('"')[0]


def changed(desk: Desk) -> dict[str, object]:
    content = desk.content()
    content["clauses"][1]["text"][0]["zh"] += "另有约定的除外。"
    content["clauses"][1]["text"][0]["en"] += " Unless otherwise agreed."
    return content


def test_two_versions_stand_side_by_side_with_what_changed(town: Town, engine: Engine, world: World) -> None:
    with office(engine, world) as desk:
        desk.adopted()
        second = desk.draft(changed(desk)).id
    browser = town.browser("admin", town.person(town.house(), "auditor"))
    page = browser.get(f"/admin/contracts/templates/{second}").text
    assert "v1 → v2" in page
    assert re.search(r"<ins>[^<]*另有约定的除外[^<]*</ins>", page)
    assert re.search(r"<ins>[^<]*otherwise agreed[^<]*</ins>", page)
    assert 'lang="en"' in page
    assert '<form method="post"' not in page.partition("<main")[2]


def test_a_template_is_adopted_after_two_others_approved_it(town: Town, engine: Engine, world: World) -> None:
    with office(engine, world) as desk:
        found = desk.draft()
        standard.move(desk.session, found.id, state="consulted")
    house, address = town.house(), f"/admin/contracts/templates/{found.id}"
    officer = town.browser("admin", town.person(house, "officer"))
    today = clock.today_in_china().isoformat()
    early = officer.post(f"{address}/state", {"state": "adopted", "effective_on": today}, address)
    assert early.status_code == 409
    assert f'value="{today}"' in early.text
    for _n in range(2):
        approver = town.browser("admin", town.person(house, "approver"))
        content = hidden(approver.get(address).text, "content")
        assert approver.post(f"{address}/approvals", {"content": content}, address).status_code == 303
    assert "您已批准现内容" in approver.get(address).text
    bad = officer.post(f"{address}/state", {"state": "adopted", "effective_on": "soon"}, address)
    assert bad.status_code == 422
    assert officer.post(f"{address}/state", {"state": "adopted", "effective_on": today}, address).status_code == 303
    page = officer.get(address).text
    assert "已通过" in page
    assert f"/v1/log/proofs/{found.id}" in page


def test_the_maker_is_told_that_another_approves(town: Town, engine: Engine, world: World) -> None:
    maker = town.person(town.house(), "approver")
    with office(engine, world) as desk:
        desk.become(desk.association)
        assert desk.association.member_id is not None
        found = standard.draft(desk.session, member_id=desk.association.member_id, officer=maker.account.officer,
                               code=desk.code, content=desk.content())  # fmt: skip
        standard.move(desk.session, found.id, state="consulted")
    address = f"/admin/contracts/templates/{found.id}"
    browser = town.browser("admin", maker)
    assert "起草人不得批准自己的范本" in browser.get(address).text
    refused = browser.post(f"{address}/approvals", {"content": found.content_hash.hex()}, address)
    assert refused.status_code == 403


def test_a_cap_shows_its_source_and_a_contract_over_it_is_listed_without_its_price(
    town: Town, engine: Engine, world: World
) -> None:
    with office(engine, world) as desk:
        desk.adopted()
        contract, place = desk.signed(), desk.place
        number, rate = contract.number, "20.00 %"
        desk.cap(1_500, first=clock.today_in_china())
    browser = town.browser("admin", town.person(town.house(), "auditor"))
    page = browser.get(f"/admin/contracts/caps?place={place}").text
    assert "2026-03 号决定" in page
    assert "15.00 %" in page
    over = browser.get("/admin/contracts/over").text
    assert number in over
    assert rate not in over
    assert browser.get("/admin/contracts/caps?place=nowhere").status_code == 200


def test_the_list_pages_and_a_template_that_is_not_there_is_404(town: Town, engine: Engine, world: World) -> None:
    with office(engine, world) as desk:
        code = desk.draft().code
    browser = town.browser("admin", town.person(town.house(), "committee"))
    assert code in browser.get("/admin/contracts").text or "下一页" in browser.get("/admin/contracts").text
    assert browser.get("/admin/contracts/templates/01900000-0000-7000-8000-000000000000").status_code == 404
    assert browser.get("/admin/contracts?cursor=WyJ4Il0").status_code == 422


def test_a_redline_escapes_what_it_marks() -> None:
    assert redline("a <b> c", "a <i> c") == "a <del>&lt;b&gt; </del><ins>&lt;i&gt; </ins>c"
    assert redline("三日内答复", "五日内答复") == "<del>三</del><ins>五</ins>日内答复"
