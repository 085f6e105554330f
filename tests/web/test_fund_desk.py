"""The fund at the desk: entries approved by what they hold, claims by two institutions, days by the bank's word."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Engine

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.fund import chart
from gongxin.fund.claims import queries as claims
from gongxin.fund.income import service as income
from gongxin.fund.ledger import service
from gongxin.fund.ledger.rules import Actor
from gongxin.members import queries as members
from gongxin.subjects import service as subjects
from tests.conftest import act_for

from .conftest import Town
from .fund_room import Treasury, treasury


@pytest.fixture
def fund(town: Town, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Treasury]:
    with transaction(engine) as session:
        act_for(session, None, "registry")
        subjects.ensure_epochs(session, config)
    with treasury(town, engine, owner_engine, config) as found:
        yield found


def hidden(text: str, name: str) -> str:
    return unescape(text.partition(f'name="{name}" value="')[2].partition('"')[0])


def test_two_approvers_approve_what_the_page_showed_and_it_is_posted(fund: Treasury) -> None:
    with fund.books() as books:
        entry = books.submitted(123_456).id
    address = f"/admin/fund/entries/{entry}"
    for _n in range(2):
        browser = fund.town.browser("admin", fund.person("approver"))
        page = browser.get(address).text
        assert "¥1,234.56" in page
        assert "变为" in page
        assert "<ins><bdi>¥1,234.56</bdi></ins>" in page
        sent = browser.post(f"{address}/checks", {"verb": "approve", "content": hidden(page, "content")}, address)
        assert sent.status_code == 303
    again = browser.get(address).text
    assert "您已批准" not in again  # it is approved: what is left is to post it
    assert browser.post(f"{address}/checks", {"verb": "post"}, address).status_code == 303
    assert fund.entry(entry).state == "posted"
    assert "/v1/log/proofs/" in browser.get(address).text


def test_the_maker_is_told_why_not_before_they_try_and_refused_if_they_do(fund: Treasury) -> None:
    maker = fund.person("approver", "treasurer")
    with fund.books(maker.account.officer) as books:
        entry = books.submitted()
        content = (entry.content_hash or b"").hex()
    address = f"/admin/fund/entries/{entry.id}"
    browser = fund.town.browser("admin", maker)
    page = browser.get(address).text
    assert "经办过此件的人员不得复核" in page
    assert 'value="approve"' not in page
    refused = browser.post(f"{address}/checks", {"verb": "approve", "content": content}, address)
    assert refused.status_code == 403


def test_an_entry_changed_after_the_page_was_opened_shows_what_changed(fund: Treasury) -> None:
    with fund.books() as books:
        entry = books.submitted(10_000).id
        codes = books.codes
    address = f"/admin/fund/entries/{entry}"
    browser = fund.town.browser("admin", fund.person("approver"))
    page = browser.get(address).text
    with fund.books() as books:
        books.codes = codes
        service.move(books.session, entry, actor=books.lin, state="draft")
        legs = (books.leg("cash", "debit", 77_700), books.leg("levies", "credit", 77_700))
        service.revise(books.session, entry, actor=books.lin, legs=legs)
        service.move(books.session, entry, actor=books.lin, state="submitted")
    stale = browser.post(
        f"{address}/checks",
        {"verb": "approve", "content": hidden(page, "content"), "seen": hidden(page, "seen"), "reason": "核对无误"},
        address,
    )
    assert stale.status_code == 409
    assert "您打开此页后有变更" in stale.text
    assert re.search(r"<del><bdi>[^<]*¥100\.00</bdi></del>.*?<ins><bdi>[^<]*¥777\.00</bdi></ins>", stale.text, re.S)
    fresh = browser.get(address).text
    assert "自上次提交以来的变更" in fresh
    assert re.search(r"<del><bdi>[^<]*¥100\.00</bdi></del>.*?<ins><bdi>[^<]*¥777\.00</bdi></ins>", fresh, re.S)


def test_a_rejection_needs_its_reason_and_the_list_finds_it(fund: Treasury) -> None:
    with fund.books() as books:
        entry = books.submitted(description="=cmd 会费<b>").id
    address = f"/admin/fund/entries/{entry}"
    browser = fund.town.browser("admin", fund.person("approver"))
    bare = browser.post(f"{address}/checks", {"verb": "reject", "reason": ""}, address)
    assert bare.status_code == 422
    assert browser.post(f"{address}/checks", {"verb": "reject", "reason": "科目有误"}, address).status_code == 303
    listed = browser.get("/admin/fund/entries?state=rejected")
    assert "=cmd 会费&lt;b&gt;" in listed.text
    export = browser.get("/admin/fund/entries?state=rejected&csv=1").data.decode("utf-8-sig")
    assert "'=cmd" in export
    assert browser.get("/admin/fund/entries?cursor=WyJ4Il0").status_code == 422


def test_a_claim_is_assessed_and_the_assessor_does_not_approve_it(fund: Treasury) -> None:
    with fund.claims() as world:
        world.give(5_000_000)
        claim, court = world.file(), world.court
        house = world.association.member_id
    address = f"/admin/fund/claims/{claim.id}"
    fund.house = _member(fund, house)
    both = fund.person("treasurer", "approver")
    browser = fund.town.browser("admin", both)
    assert "99" + "0" * 6 not in browser.get(address).text  # no account number
    bad = browser.post(f"{address}/assessments", {"proposed": "8000.123", "reviewer_id": court.member_id}, address)
    assert bad.status_code == 422
    assert 'value="8000.123"' in bad.text
    sent = browser.post(f"{address}/assessments", {"proposed": "7,000.5", "reviewer_id": court.member_id}, address)
    assert sent.status_code == 303
    page = browser.get(address).text
    assert "¥7,000.50" in page
    assert "经办过此件的人员不得复核" in page
    other = fund.town.browser("admin", fund.person("approver"))
    page = other.get(address).text
    bare = other.post(f"{address}/approvals", {"content": hidden(page, "content")}, address)
    assert bare.status_code == 422
    done = other.post(f"{address}/approvals", {"content": hidden(page, "content"), "unrelated": "yes"}, address)
    assert done.status_code == 303
    page = other.get(address).text
    assert "您已批准：还须另一机构的另一人批准" in page
    assert "复核机构一人" in page


def test_an_approved_claim_is_paid_and_a_second_press_is_a_conflict(fund: Treasury) -> None:
    with fund.claims() as world:
        world.give(5_000_000)
        claim = world.approved(world.assess(world.file()))
        house = world.association.member_id
    fund.house = _member(fund, house)
    address = f"/admin/fund/claims/{claim.id}"
    browser = fund.town.browser("admin", fund.person("treasurer"))
    assert "冻结并指令银行" in browser.get(address).text
    assert browser.post(f"{address}/payments", {}, address).status_code == 303
    assert browser.post(f"{address}/payments", {}, address).status_code == 409
    with fund.session() as session:
        assert claims.get_claim(session, claim.id).state == "instructed"


def test_a_returned_claim_needs_a_reason_and_keeps_it(fund: Treasury) -> None:
    with fund.claims() as world:
        claim, house = world.file(), world.association.member_id
    fund.house = _member(fund, house)
    address = f"/admin/fund/claims/{claim.id}"
    browser = fund.town.browser("admin", fund.person("treasurer"))
    assert browser.post(f"{address}/returns", {"verb": "return", "reason": ""}, address).status_code == 422
    assert browser.post(f"{address}/returns", {"verb": "return", "reason": "材料不足"}, address).status_code == 303
    page = browser.get(address).text
    assert "材料不足" in page
    assert "申诉截止" in page


def test_a_levy_run_of_a_month_that_is_not_over_is_refused_at_its_field(fund: Treasury) -> None:
    browser = fund.town.browser("admin", fund.person("treasurer"))
    month = clock.today_in_china().strftime("%Y-%m")
    page = "/admin/fund/runs"
    answer = browser.post(f"{page}/previews", {"rhythm": "monthly", "last_month": month}, page)
    assert answer.status_code == 422
    assert f'value="{month}"' in answer.text
    assert 'href="#f-last_month"' in answer.text


def test_a_gift_is_approved_by_two_and_invoiced_from_the_page(fund: Treasury) -> None:
    with fund.books() as books:
        act_for(books.session, None, "registry")
        chart.open_chart(books.session)
        act_for(books.session, fund.house.id, "association")
        run = income.donation(books.session, actor=Actor(fund.house.id, "LIN01"), amount_fen=990_000, reason="捐赠").id
    address = f"/admin/fund/runs/{run}"
    for _n in range(2):
        browser = fund.town.browser("admin", fund.person("approver"))
        page = browser.get(address).text
        assert "¥9,900.00" in page
        sent = browser.post(f"{address}/approvals", {"content": hidden(page, "content")}, address)
        assert sent.status_code == 303
    treasurer = fund.town.browser("admin", fund.person("treasurer"))
    assert treasurer.post(f"{address}/steps", {"verb": "issue"}, address).status_code == 303
    assert "已开票" in treasurer.get(address).text


def test_a_day_shows_what_is_missing_and_is_reconciled_once_it_agrees(fund: Treasury) -> None:
    with fund.bank() as bank:
        bank.booked(900)
        bank.take(bank.csv((900, "捐赠")))
        code, day = bank.code, bank.fund.today.isoformat()
    address = f"/admin/fund/bank/{code}/{day}"
    browser = fund.town.browser("admin", fund.person("treasurer"))
    page = browser.get(address).text
    assert "尚不能对平" in page
    early = browser.post(f"{address}/reconciled", {}, address)
    assert early.status_code == 409
    form = {name: hidden(page, name) for name in ("line", "target", "target_id", "amount")}
    assert form["amount"] == "9.00"
    assert browser.post(f"{address}/matches", form, address).status_code == 303
    assert "可以对平" in browser.get(address).text
    assert browser.post(f"{address}/reconciled", {}, address).status_code == 303
    page = browser.get(address).text
    assert "已对平" in page
    assert "/v1/log/proofs/" in page
    assert "已对平" in browser.get("/admin/fund/bank").text
    assert browser.get(f"/admin/fund/bank/{code}/2020-01-01").status_code == 404
    assert browser.get(f"/admin/fund/bank/{code}/nonsense").status_code == 422


def test_a_period_with_undecided_entries_is_not_closed_and_says_which(fund: Treasury) -> None:
    with fund.books() as books:
        entry, number = books.submitted(description="未决的一笔"), books.period.number
    browser = fund.town.browser("admin", fund.person("treasurer"))
    address = f"/admin/fund/periods/{entry.period}"
    page = browser.get(address).text
    assert "未决的一笔" in page
    assert browser.post(f"{address}/state", {"state": "closed"}, address).status_code == 409
    assert browser.post(f"{address}/state", {"state": ""}, address).status_code == 422
    assert browser.post("/admin/fund/periods/opened", {"last_day": "x"}, "/admin/fund/periods").status_code == 422
    assert number >= 1


def test_the_quarter_is_disclosed_once_with_its_leaf_and_its_files(fund: Treasury) -> None:
    browser = fund.town.browser("admin", fund.person("treasurer"))
    page = browser.get("/admin/fund/disclosure").text
    quarter = hidden(page, "quarter") or re.search(r"\d{4}Q\d", page)[0]  # type: ignore[index]
    if "披露本季度" in page:
        sent = browser.post("/admin/fund/disclosure/published", {"quarter": quarter}, "/admin/fund/disclosure")
        assert sent.status_code == 303
    page = browser.get(f"/admin/fund/disclosure?quarter={quarter}").text
    assert "已披露" in page
    assert "/v1/log/proofs/" in page
    assert browser.get(f"/admin/fund/disclosure/{quarter}.csv").data.startswith(b"\xef\xbb\xbfpart,name")
    assert browser.get(f"/admin/fund/disclosure/{quarter}.pdf").data.startswith(b"%PDF")


def test_what_waits_stands_on_the_home_of_whom_it_waits_for(fund: Treasury) -> None:
    with fund.books() as books:
        books.submitted(description="待办里的一笔")
    assert "待办里的一笔" in fund.town.browser("admin", fund.person("approver")).get("/admin").text
    assert "待办里的一笔" not in fund.town.browser("admin", fund.person("treasurer")).get("/admin").text


def test_an_auditor_reads_every_page_and_finds_nothing_to_press(fund: Treasury) -> None:
    with fund.books() as books:
        entry = books.submitted().id
    reader = fund.town.browser("admin", fund.person("auditor"))
    for path in (f"entries/{entry}", "claims", "runs", "bank", "periods", "disclosure"):
        main = reader.get(f"/admin/fund/{path}").text.partition("<main")[2]
        assert not re.search(r'<button[^>]*name="(verb|state)"|<form method="post"', main), path
    assert reader.get("/admin/fund/entries/01900000-0000-7000-8000-000000000000").status_code == 404


def _member(fund: Treasury, member_id: Any) -> Any:
    with fund.session() as session:
        return members.get_member(session, member_id)
