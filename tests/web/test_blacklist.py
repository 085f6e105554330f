"""The violations list at the desk: triage by clock, service, the committee's votes, each by whoever may."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from gongxin import clock
from gongxin.blacklist import queries
from gongxin.config import Config
from gongxin.db import transaction
from gongxin_wire.identifiers import synthetic_cn_id
from tests.conftest import act_for
from tests.services.blacklist_world import PROOF

from .blacklist_room import Room, room
from .conftest import Browser, Town


@pytest.fixture
def desk(town: Town, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Room]:
    with room(town, engine, owner_engine, config) as found:
        yield found


def address(matter_id: object) -> str:
    return f"/admin/blacklist/{matter_id}"


def state(desk: Room, matter_id: object) -> str:
    with transaction(desk.engine) as session:
        act_for(session, None, "registry")
        return queries.get_matter(session, matter_id).state  # type: ignore[arg-type]


def send(browser: Browser, matter_id: object, verb: str, **data: object):  # type: ignore[no-untyped-def]
    return browser.post(f"{address(matter_id)}/{verb}", data, address(matter_id))


def version(desk: Room, matter_id: object) -> int:
    with transaction(desk.engine) as session:
        act_for(session, None, "registry")
        return queries.get_matter(session, matter_id).version  # type: ignore[arg-type]


def test_a_report_is_accepted_and_notified_from_the_page(desk: Room) -> None:
    with desk.bench() as bench:
        matter, committee = bench.report().id, bench.first.id
    browser = desk.town.browser("admin", desk.officer())
    page = browser.get(address(matter)).text
    assert "向债务人同事披露欠款" in page
    assert PROOF in page
    assert "交由所选委员会；3 个工作日内须告知被举报方" in page
    refused = send(browser, matter, "acts", action="refuse", said="", version=1)
    assert refused.status_code == 422
    assert state(desk, matter) == "reported"
    done = send(browser, matter, "acts", action="accept", said="", version=1, committee_id=committee)
    assert (done.status_code, done.location) == (303, address(matter))
    bare = send(browser, matter, "acts", action="notice", version=2, served_on=clock.today_in_china(), channel="agency")
    assert bare.status_code == 422
    assert 'href="#f-proof"' in bare.text
    served = send(browser, matter, "acts", action="notice", version=2, served_on=clock.today_in_china(),
                  channel="agency", proof="AB" * 32)  # fmt: skip
    assert served.status_code == 303
    page = browser.get(address(matter)).text
    assert "经所在机构" in page
    assert state(desk, matter) == "noticed"


def test_a_step_that_came_too_late_is_a_conflict_and_keeps_the_words(desk: Room) -> None:
    with desk.bench() as bench:
        matter = bench.report().id
    browser = desk.town.browser("admin", desk.officer())
    for expected in (303, 409):
        answer = send(browser, matter, "acts", action="refuse", said="不属于名单所列行为", version=1)
        assert answer.status_code == expected
    assert "不属于名单所列行为" in answer.text


def test_the_committee_votes_and_another_than_the_drafter_signs(desk: Room) -> None:
    with desk.bench() as bench:
        people = desk.panel(bench, 4)
        matter = bench.deliberating().id
    drafter, *voters = [desk.town.browser("admin", each) for each in people]
    drafted = send(drafter, matter, "decisions", action="draft", act="decide", level="L3", months="6", said="录音可证",
                   version=version(desk, matter))  # fmt: skip
    assert drafted.status_code == 303
    page = drafter.get(address(matter)).text
    assert "拟稿人不得表决" in page
    assert 'name="vote"' not in page
    draft_id = _hidden(voters[0].get(address(matter)).text, "draft_id")
    assert send(drafter, matter, "votes", draft_id=draft_id, vote="for").status_code == 403
    bare = send(voters[0], matter, "votes", draft_id=draft_id, vote="against", said="")
    assert bare.status_code == 422
    assert (
        send(voters[0], matter, "votes", draft_id=draft_id, vote="against", said="证据 <b>不足</b>").status_code == 303
    )
    early = send(voters[1], matter, "decisions", action="decide", said="理由充分", version=version(desk, matter))
    assert early.status_code == 409
    assert "表决人数不足法定人数" in early.text
    assert "理由充分" in early.text
    for voter in voters[1:]:
        assert send(voter, matter, "votes", draft_id=draft_id, vote="for").status_code == 303
    page = voters[1].get(address(matter)).text
    assert "证据 &lt;b&gt;不足&lt;/b&gt;" in page
    assert "该委员已表决" in page
    signed = send(voters[1], matter, "decisions", action="decide", said="理由充分", version=version(desk, matter))
    assert signed.status_code == 303
    assert state(desk, matter) == "decided"


def test_a_vote_on_a_draft_that_was_replaced_meanwhile_is_refused(desk: Room) -> None:
    with desk.bench() as bench:
        people = desk.panel(bench, 1)
        found = bench.deliberating()
        bench.act(found, "draft", act="decide", level="L3", months=6)
        matter, old = found.id, bench.read(found).draft_id
        bench.act(found, "draft", act="decide", level="none")
    browser = desk.town.browser("admin", people[0])
    answer = send(browser, matter, "votes", draft_id=old, vote="for", said="")
    assert answer.status_code == 409


def test_a_declared_conflict_ends_the_vote_before_it_is_cast(desk: Room) -> None:
    with desk.bench() as bench:
        people = desk.panel(bench, 1)
        found = bench.deliberating()
        bench.act(found, "draft", act="decide", level="L3", months=6)
        matter = found.id
    browser = desk.town.browser("admin", people[0])
    assert send(browser, matter, "recusals", said="曾为同事").status_code == 303
    page = browser.get(address(matter)).text
    assert "曾为同事" in page
    assert "已回避" in page
    assert 'name="vote"' not in page


def test_a_missed_clock_is_shown_and_its_steps_are_barred_with_the_rule(
    desk: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.bench() as bench:
        matter = bench.report().id
    browser = desk.town.browser("admin", desk.officer())
    later = clock.today_in_china() + timedelta(days=40)
    monkeypatch.setattr(clock, "today_in_china", lambda: later)
    page = browser.get(address(matter)).text
    assert "协会的期限已过" in page
    assert "现在不能由您做的" in page
    assert 'value="accept"' not in page
    late = browser.get("/admin/blacklist?clock=overdue&at=reported").text
    assert "逾期" in late


def test_the_list_finds_by_number_counts_and_exports(desk: Room) -> None:
    with desk.bench() as bench:
        found = bench.report()
        number, licence = found.number, bench.agent.licence_no
    browser = desk.town.browser("admin", desk.officer())
    for search in (number, number.lower(), licence):
        page = browser.get(f"/admin/blacklist?q={search}").text
        assert number in page
    assert "没有符合条件的记录" in browser.get("/admin/blacklist?q=GL0000000000X").text
    export = browser.get(f"/admin/blacklist?q={number}&csv=1")
    assert number in export.data.decode("utf-8-sig")
    assert "<" not in export.data.decode("utf-8-sig")
    assert browser.get("/admin/blacklist?cursor=WyIxIiwiMiJd").status_code == 422


def test_a_listing_is_served_objected_to_answered_and_its_corrections_shown(desk: Room) -> None:
    with desk.bench() as bench:
        found = bench.decided("L2", 24)
        matter = found.id
    browser = desk.town.browser("admin", desk.officer())
    done = send(browser, matter, "acts", action="serve", version=version(desk, matter), channel="registered_post",
                served_on=clock.today_in_china(), proof=PROOF)  # fmt: skip
    assert done.status_code == 303
    page = browser.get(address(matter)).text
    assert "新列入" in page
    assert "未确认" in page
    said = send(browser, matter, "objections", kind="factual_error", said="日期有误")
    assert said.status_code == 303
    with transaction(desk.engine) as session:
        act_for(session, None, "registry")
        objection = queries.objections(session, matter)[0].id
    bare = send(browser, matter, f"objections/{objection}/answers", outcome="accepted", answer="")
    assert bare.status_code == 422
    assert send(browser, matter, f"objections/{objection}/answers", outcome="rejected",
                answer="日期与录音相符").status_code == 303  # fmt: skip
    assert "日期与录音相符" in browser.get(address(matter)).text
    assert "新列入" in browser.get("/admin/blacklist/corrections?show=open").text


def test_personal_data_in_a_reason_is_refused_at_its_field(desk: Room) -> None:
    with desk.bench() as bench:
        matter = bench.report().id
    browser = desk.town.browser("admin", desk.officer())
    answer = send(browser, matter, "acts", action="refuse", said=f"该人 {synthetic_cn_id(8)}", version=1)
    assert answer.status_code == 422
    assert 'href="#f-said"' in answer.text


def test_what_waits_stands_on_the_home_of_whom_it_waits_for(desk: Room) -> None:
    with desk.bench() as bench:
        voter = desk.panel(bench, 1)[0]
        report, found = bench.report().number, bench.deliberating()
        bench.act(found, "draft", act="decide", level="L3", months=6)
    assert f"{found.number} 表决" in desk.town.browser("admin", voter).get("/admin").text
    assert report not in desk.town.browser("admin", voter).get("/admin").text
    listed = desk.town.browser("admin", desk.officer()).get("/admin").text
    assert " 受理" in listed


def test_who_reads_only_finds_nothing_to_press_and_another_page_is_not_found(desk: Room) -> None:
    with desk.bench() as bench:
        matter = bench.report().id
    reader = desk.town.browser("admin", desk.town.person(desk.association, "auditor"))
    assert '<button class="button' not in reader.get(address(matter)).text.partition("<main")[2]
    assert reader.get(address("01900000-0000-7000-8000-000000000000")).status_code == 404


def test_a_committee_is_founded_and_a_member_seated(desk: Room) -> None:
    browser = desk.town.browser("admin", desk.officer())
    page = "/admin/blacklist/committees"
    assert browser.post(f"{page}/seats", {"officers": ""}, page).status_code == 422
    assert browser.post(f"{page}/seats", {"officers": "ZHAO, QIAN", "name_zh": "惩戒一组"}, page).status_code == 303
    text = browser.get(page).text
    assert "惩戒一组" in text
    assert "QIAN、ZHAO" in text


def _hidden(text: str, name: str) -> str:
    return text.partition(f'name="{name}" value="')[2].partition('"')[0]
