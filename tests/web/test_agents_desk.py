"""Agents at the desk: applications by their clock, decisions with reason, the record's arithmetic, objections, filings,
statistics that keep small cells back."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

from gongxin import calendar, clock
from gongxin.agents import queries, records
from gongxin.agents.models import Agent
from gongxin.db import transaction
from gongxin_admin import charts
from tests.services.agents_world import TODAY, YESTERDAY, Office

from .agents_town import Opened, office, world
from .conftest import Browser, Town

__all__ = ["office", "world"]


def desk(town: Town, *roles: str) -> Browser:
    return town.browser("admin", town.person(town.house(), *(roles or ("officer",))))


def violated(at: Office, agent: Agent, severity: str = "S3", certainty: str = "established") -> uuid.UUID:
    at.become(at.association)
    return records.enter(
        at.session, agent.id, caller=at.association, kind="violation", severity=severity, certainty=certainty,
        occurred_on=YESTERDAY, basis="协会 2026-31 号决定",
    ).id  # fmt: skip


def objected(at: Office, agent: Agent, record_id: uuid.UUID, kind: str = "objection") -> uuid.UUID:
    at.become(at.agency)
    said = "当日<b>未值班</b>"
    return records.respond(at.session, agent.id, record_id, caller=at.agency, kind=kind, said=said).id


def test_the_roll_is_found_by_number_agency_and_state_and_counts_them(town: Town, office: Opened) -> None:
    with office() as at:
        held, asked, agency = at.licensed(), at.apply(), at.agency.member_id
    page = desk(town).get(f"/admin/agents?agency={agency}").text
    assert held.licence_no in page
    assert asked.licence_no in page
    assert re.search(r'在用 <span class="count">1</span>', page)
    only = desk(town).get(f"/admin/agents?agency={agency}&state=granted&licence={held.licence_no.lower()}").text
    assert asked.licence_no not in only
    assert held.licence_no in only


def test_an_application_stands_in_the_work_list_with_its_last_day(town: Town, office: Opened) -> None:
    with office() as at:
        asked = at.apply()
    due = calendar.china().add(TODAY, 20).isoformat()
    officer, auditor = desk(town), desk(town, "auditor")
    listed = officer.get("/admin/agents/applications?csv=1").text
    assert re.search(rf"{asked.licence_no},.*{due},20\r", listed)
    assert f"/admin/agents/{asked.id}?queue=applications" in officer.get("/admin").text
    assert str(asked.id) not in auditor.get("/admin").text


def test_an_application_past_its_last_day_says_so_in_words(town: Town, office: Opened, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    with office() as at:
        asked = at.apply()
    later = TODAY + timedelta(days=90)
    monkeypatch.setattr(clock, "today_in_china", lambda: later)
    row = next(r for r in desk(town).get("/admin/agents/applications").text.split("<tr>") if asked.licence_no in r)
    assert "逾期" in row


def test_an_officer_takes_up_and_grants_and_the_history_names_the_officer(town: Town, office: Opened) -> None:
    with office() as at:
        asked = at.apply()
        at.train(asked)
        at.examine(asked)
        at.filed(at.agency)
    who = town.person(town.house(), "officer")
    browser, address = town.browser("admin", who), f"/admin/agents/{asked.id}"
    refused = browser.post(f"{address}/move", {"action": "check", "reason": "", "version": 1}, address)
    assert refused.status_code == 422
    assert 'id="e-reason"' in refused.text
    assert (
        browser.post(f"{address}/move", {"action": "check", "reason": "材料齐全", "version": 1}, address).status_code
        == 303
    )
    done = browser.post(f"{address}/move", {"action": "grant", "reason": "<b>审核通过</b>", "version": 2}, address)
    assert (done.status_code, done.location) == (303, address)
    page = browser.get(address).text
    assert f"officer:{who.account.officer}" in page
    assert "&lt;b&gt;审核通过" in page
    assert "测试员甲" in page
    with transaction(town.engine) as session:
        assert queries.get_agent(session, asked.id).state == "granted"


def test_two_officers_in_one_form_the_second_is_told_and_keeps_the_text(town: Town, office: Opened) -> None:
    with office() as at:
        held = at.licensed()
    browser, address = desk(town), f"/admin/agents/{held.id}"
    form = {"action": "renew", "reason": "按决定第七号", "version": held.version}
    assert browser.post(f"{address}/move", form, address).status_code == 303
    late = browser.post(f"{address}/move", form, address)
    assert late.status_code == 409
    assert "按决定第七号</textarea>" in late.text


def test_a_list_worked_off_leads_to_the_next_application(town: Town, office: Opened) -> None:
    with office() as at:
        first, second = at.apply(), at.apply()
    browser = desk(town)
    done = browser.post(
        f"/admin/agents/{first.id}/move",
        {"action": "refuse", "reason": "材料不实", "version": 1, "queue": "applications", "next": "1"},
        f"/admin/agents/{first.id}",
    )
    assert done.location == f"/admin/agents/{second.id}?queue=applications"


def test_what_is_no_move_of_the_office_is_not_found(town: Town, office: Opened) -> None:
    with office() as at:
        held = at.licensed()
    browser, address = desk(town), f"/admin/agents/{held.id}"
    for action in ("release", "claim", "expire", "nonsense"):
        assert browser.post(f"{address}/move", {"action": action, "reason": "x"}, address).status_code == 404
    bad = browser.post(f"{address}/move", {"action": "renew", "reason": "x", "valid_until": "soon"}, address)
    assert bad.status_code == 422
    assert 'id="e-valid_until"' in bad.text


def test_the_arithmetic_adds_up_and_a_day_before_the_entry_shows_none(town: Town, office: Opened) -> None:
    with office() as at:
        held = at.licensed()
        violated(at, held, "S1")
        violated(at, held, "S3", "alleged")
    page = desk(town, "auditor").get(f"/admin/agents/{held.id}").text
    assert "期内全额计分" in page
    assert "指称不计分" in page
    assert re.search(r"等级 D · 12\.00 分", page)
    before = desk(town).get(f"/admin/agents/{held.id}?as_of={(TODAY - timedelta(days=3)).isoformat()}").text
    assert re.search(r"等级 A · 0\.00 分", before)


def test_an_objection_is_decided_by_its_clock_and_what_is_upheld_is_then_corrected(town: Town, office: Opened) -> None:
    with office() as at:
        held = at.licensed()
        entry = violated(at, held)
        said, soon = objected(at, held, entry), objected(at, held, entry, "correction_request")
    browser = desk(town)
    rows = [r for r in browser.get("/admin/agents/objections").text.split("<tr>") if held.licence_no in r]
    assert [calendar.china().add(TODAY, days).isoformat() in row for days, row in zip((3, 20), rows, strict=True)] == [
        True, True
    ]  # fmt: skip
    address = f"/admin/agents/{held.id}/objections/{said}"
    assert "当日&lt;b&gt;未值班" in browser.get(address).text
    unsaid = browser.post(f"{address}/decide", {"said": "排班表属实"}, address)
    assert unsaid.status_code == 422
    assert "排班表属实</textarea>" in unsaid.text
    done = browser.post(f"{address}/decide", {"outcome": "upheld", "said": "排班表属实"}, address)
    assert done.location == f"/admin/agents/{held.id}/entry?supersedes={entry}"
    form = {"kind": "violation", "severity": "S3", "certainty": "established", "occurred_on": YESTERDAY.isoformat(),
            "basis": "复核决定", "withdrawn": "1", "supersedes": str(entry)}  # fmt: skip
    page = f"/admin/agents/{held.id}/entry?supersedes={entry}"
    assert browser.post(f"/admin/agents/{held.id}/enter", form, page).status_code == 303
    assert browser.post(f"/admin/agents/{held.id}/enter", form, page).status_code == 409
    again = browser.post(
        f"{address}/decide", {"outcome": "rejected", "said": "x"}, f"/admin/agents/{held.id}/objections/{soon}"
    )
    assert again.status_code == 409


def test_an_entry_needs_what_its_kind_needs_and_keeps_what_was_typed(town: Town, office: Opened) -> None:
    with office() as at:
        held = at.licensed()
    browser, page = desk(town), f"/admin/agents/{held.id}/entry"
    bad = browser.post(
        f"/admin/agents/{held.id}/enter",
        {"kind": "violation", "occurred_on": YESTERDAY.isoformat(), "basis": "第九号"}, page,
    )  # fmt: skip
    assert bad.status_code == 422
    assert "第九号</textarea>" in bad.text
    told = browser.post(
        f"/admin/agents/{held.id}/enter",
        {"kind": "commendation", "occurred_on": YESTERDAY.isoformat(), "basis": "联系电话 13800138000"}, page,
    )  # fmt: skip
    assert told.status_code == 422
    assert browser.post(f"/admin/agents/{held.id}/enter", {"kind": "x"}, page).status_code == 422


def test_a_name_is_read_by_who_decides_and_not_by_the_treasurer_or_a_regulator(town: Town, office: Opened) -> None:
    with office() as at:
        held = at.licensed()
    address = f"/admin/agents/{held.id}"
    assert "测试员甲" in desk(town).get(address).text
    assert "测试员甲" not in desk(town, "treasurer").get(address).text
    regulator = town.browser("admin", town.person(town.house("regulator"), "officer"))
    page = regulator.get(address)
    assert page.status_code == 200
    assert "测试员甲" not in page.text
    assert 'name="action"' not in page.text
    refused = regulator.post(f"{address}/move", {"action": "revoke", "reason": "x"}, "/admin")
    assert refused.status_code == 403


def test_a_transfer_is_seen_from_release_to_claim(town: Town, office: Opened) -> None:
    with office() as at:
        held, other = at.licensed(), at.world.member("agency")
        at.move(held, "release", at.agency, released_to=other.member_id)
    waiting = desk(town).get(f"/admin/agents?released=1&licence={held.licence_no}").text
    assert held.licence_no in waiting
    with office() as at:
        at.agency = other
        at.claim(held, other)
    rows = [r for r in desk(town).get("/admin/agents/transfers").text.split("<tr>") if held.licence_no in r]
    assert ["认领" in rows[0], "放行" in rows[1]] == [True, True]


def test_a_licence_that_ends_soon_is_listed_by_its_day(town: Town, office: Opened) -> None:
    with office() as at:
        held = at.licensed()
        at.move(held, "renew", valid_until=TODAY + timedelta(days=20))
    browser = desk(town)
    assert held.licence_no in browser.get("/admin/agents/lapses").text
    assert held.licence_no in browser.get("/admin/agents/lapses?days=30").text
    assert held.licence_no not in browser.get("/admin/agents/lapses?days=7").text


def test_a_filing_is_accepted_with_a_reason_and_names_who_answers_for_it(town: Town, office: Opened) -> None:
    with office() as at:
        at.filed(at.agency)
        at.become(at.agency)
        from gongxin.agents import filings
        from tests.services.agents_world import FILING

        again = filings.file(at.session, config=at.config, caller=at.agency, **FILING)
    browser, address = desk(town), f"/admin/filings/{again.id}"
    page = browser.get(address).text
    assert "测试员丙" in page
    assert "现行备案" in page
    assert address in browser.get("/admin").text
    assert browser.post(f"{address}/move", {"action": "accept", "reason": ""}, address).status_code == 422
    assert browser.post(f"{address}/move", {"action": "accept", "reason": "齐全"}, address).status_code == 303
    assert browser.post(f"{address}/move", {"action": "accept", "reason": "齐全"}, address).status_code == 409
    assert browser.post(f"{address}/move", {"action": "withdraw", "reason": "x"}, address).status_code == 404
    assert again.number in "".join(pages(browser, "/admin/filings?state=accepted"))


def test_statistics_stand_by_name_and_keep_small_cells_back(town: Town, office: Opened) -> None:
    with office() as at:
        at.licensed()
    browser = desk(town, "auditor")
    page = browser.get("/admin/agents/statistics").text
    assert "不公开" in page
    assert page.count('<svg class="wide"') == 1
    assert page.count('<svg class="slim"') == 1
    for dimension in ("certificates", "grades", "entries", "objections", "nonsense"):
        assert browser.get(f"/admin/agents/statistics?of={dimension}&as_of=x&page=99").status_code == 200
    assert browser.get("/admin/agents/statistics?csv=1").data.startswith(b"\xef\xbb\xbf")


def test_what_is_not_there_is_404_and_a_foreign_cursor_422(town: Town) -> None:
    browser, nobody = desk(town), uuid.uuid4()
    for path in (f"/admin/agents/{nobody}", f"/admin/filings/{nobody}", f"/admin/agents/{nobody}/objections/{nobody}",
                 f"/admin/agents/{nobody}/entry"):  # fmt: skip
        assert browser.get(path).status_code == 404
    for path in ("agents", "filings", "agents/applications", "agents/objections", "agents/lapses", "agents/transfers"):
        for cursor in ("WyJ4Il0", "WyJ4IiwieSJd", "!"):
            assert browser.get(f"/admin/{path}?cursor={cursor}").status_code == 422


def test_a_chart_has_whole_ticks_and_bars_as_long_as_their_counts() -> None:
    assert charts.ticks(3, 8) == [0, 1, 2, 3]
    assert charts.ticks(1234, 8) == [0, 200, 400, 600, 800, 1000, 1200, 1400]
    assert charts.ticks(0, 4) == [0, 1]
    drawn = str(charts.stacked([("甲<b>", [10, None]), ("乙", [5, 20])], ["在用", "已中止"], title="执照"))
    wide = drawn[drawn.index('class="wide"') : drawn.index('class="slim"')]
    lengths = [float(w) for w in re.findall(r'<rect class="s\d" x="[\d.]+" y="\d+" width="([\d.]+)"', wide)]
    assert lengths[1] * 2 == lengths[0]
    assert lengths[2] == lengths[0] * 2
    assert "甲&lt;b&gt;" in wide
    assert "10 + 另有不公开" in wide
    assert str(charts.stacked([], ["a"], title="x")) == ""


def pages(browser: Browser, address: str) -> Iterator[str]:
    """The list's pages, one after another: other tests leave filings too."""
    while address:
        text = browser.get(address).text
        yield text
        found = re.search(r'href="([^"]+)">下一页', text)
        address = unescape(found[1]) if found else ""
