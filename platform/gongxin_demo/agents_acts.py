"""A collector on the day: hired, licensed, checked, with a badge; then suspended, and whoever relies on it sees so."""

import time
from datetime import timedelta
from typing import Any

from gongxin import clock
from gongxin_client import Identifier
from gongxin_client.badges import BadgeStore
from gongxin_client.changes import LATEST
from gongxin_wire.identifiers import synthetic_cn_id

from .day import Day
from .screen import Said, expect

_AGENCY, _BANK, _PEOPLE = "zhulin", "yunshan", 5_000_000
_PAPER = "5c" * 32
_COURSES = (("law", 16), ("privacy", 8), ("talk", 16))


def an_agency_hires(day: Day) -> None:
    """Its filing, a check with the applicant's consent, the application, training, certificate, licence."""
    agency, office = day.software[_AGENCY], day.software["association"]
    day.screen.chapter("催收员：录用到停牌", "a collector, from hiring to suspension")
    with day.screen.step(day.name(_AGENCY), "机构备案，协会受理", "files its scope; the association accepts") as says:
        if not any(True for _ in agency.filings(state="accepted")):
            officers = [{"role": "conduct", "name": "演示负责人"}, {"role": "data_protection", "name": "演示专员"}]
            filed = agency.file_agency(scope=["remind", "negotiate"], officers=officers)
            office.move_filing(filed["filing_id"], "accept", version=filed["version"], reason="材料齐全")
        found = next(iter(agency.filings(state="accepted")))
        says(f"{found['number']}", "in force")
    with day.screen.step(day.name(_AGENCY), "凭同意书核验应聘人", "checks the applicant, with consent") as says:
        (answer,) = agency.check_agents([_applicant(day)], purpose="hiring", consents=["TY-DAY-1"])
        expect(not answer.found and not answer.may_work, "应为无执照", "no licence was to be found")
        says("没有执照，不能上岗；回执已核对", "no licence, so no work yet; the receipt holds")
    with day.screen.step(day.name(_AGENCY), "申请执照", "applies for a licence") as says:
        yesterday = clock.today_in_china() - timedelta(days=1)
        agent = agency.apply_for_agent(
            _applicant(day), name="演示催收员", education="college", photo_sha256=_PAPER, adult_as_of=yesterday,
            declared_on=yesterday,
        )  # fmt: skip
        says(f"{agent['licence']}：身份证号不离开机构", "the ID number never leaves the agency")
    with day.screen.step(day.name("association"), "学时、考试、证书、许可", "hours, examination, licence") as says:
        _train(day, agent["agent_id"])
        for action in ("check", "grant"):
            agent = office.move_agent(agent["agent_id"], action, version=agent["version"], reason="符合条件")
        expect(agent["may_work"], "应可上岗", "it was to be licensed")
        says(f"有效至 {agent['valid_until']}", f"until {agent['valid_until']}")


def the_badge_is_scanned_and_turns_invalid(day: Day) -> None:
    """Offline against fetched lists, before and after the suspension; the bank that watches is told by the feed."""
    agency, bank, office = day.software[_AGENCY], day.software[_BANK], day.software["association"]
    agent = next(each for each in agency.agents(state="granted") if each["may_work"])
    store = BadgeStore(day.town.folder / "badges" / f"day-{day.town.cast.day}")
    with day.screen.step(day.name(_BANK), "委托前核验并关注", "checks before placing, and watches") as says:
        (answer,) = bank.check_agents([agent["licence"]], purpose="placement")
        expect(answer.may_work, "应可上岗", "it was to be licensed")
        bank.watch_agent(
            answer.evidence.reply["lookup_id"], agent["licence"], ends_on=clock.today_in_china() + timedelta(days=30)
        )
        cursor = bank.changes(LATEST, types=["agent.changed"]).next_cursor
        says(f"{answer.told['licence']['state']}，名单 {answer.blacklist}", f"grade {answer.told['record']['grade']}")
    with day.screen.step(day.name(_AGENCY), "签发工牌", "issues a badge and prints it") as says:
        badge = agency.issue_badge(agent["agent_id"])
        card = agency.badge_card(agent["agent_id"], badge["badge_id"])
        expect(card.startswith(b"%PDF"), "不是 PDF", "the card is no PDF")
        says(f"二维码 {len(badge['code'])} 字符，卡片 {len(card):,} 字节", "nothing in the code names the person")
    with day.screen.step("债务人 The debtor", "离线扫描", "scans it offline") as says:
        day.software["shiqiao"].fetch_badge_lists(store)
        scanned = store.verify(badge["code"])
        expect(scanned.valid, f"应有效，得 {scanned.verdict.state}", "the badge was to be valid")
        says(f"有效：{scanned.badge.agency}", "valid")
    with day.screen.step(day.name("association"), "暂停执照", "suspends the licence") as says:
        moved = office.move_agent(agent["agent_id"], "suspend", version=agent["version"], reason="投诉核查")
        expect(not moved["may_work"], "应不可上岗", "it was to be suspended")
        says(f"{moved['state']}", "with its leaf in the log")
    with day.screen.step("债务人 The debtor", "取新清单后再扫", "fetches the list and scans again") as says:
        state = _scanned(day, store, badge["code"])
        expect(state == "suspended", f"应暂停，得 {state}", "the badge was to be suspended")
        says("已暂停，不可信赖", "suspended: do not rely on it")
    _the_bank_is_told(day, agent, cursor)


def _the_bank_is_told(day: Day, agent: dict[str, Any], cursor: str) -> None:
    bank = day.software[_BANK]
    with day.screen.step(day.name(_BANK), "收到变更，再核验不通过", "is told, and the check fails") as says:
        _hear(day, agent["licence"], cursor, says)
        (answer,) = bank.check_agents([agent["licence"]], purpose="placement")
        expect(answer.found and not answer.may_work, "应不可上岗", "the check was to fail")
        says(f"{answer.told['licence']['state']}：不委托", "it does not place")


def _hear(day: Day, licence: str, cursor: str, says: Said) -> None:
    for _ in range(5):
        page = day.software[_BANK].changes(cursor, types=["agent.changed"], wait=2)
        for event in page.events:
            if event.data["licence"] == licence:
                says(f"变更：{'、'.join(event.data['what'])}", "which parts changed, never the values")
                return
        cursor = page.next_cursor
    expect(False, "变更未到", "the change did not arrive")


def _scanned(day: Day, store: BadgeStore, code: str) -> str:
    """A list is signed anew once it is two seconds old."""
    for _ in range(6):
        day.software["shiqiao"].fetch_badge_lists(store)
        state = store.verify(code).verdict.state
        if state != "valid":
            break
        time.sleep(1)
    return state


def _applicant(day: Day) -> Identifier:
    return Identifier("cn_id", synthetic_cn_id(_PEOPLE + day.town.cast.day))


def _train(day: Day, agent_id: str) -> None:
    office, on = day.software["association"], (clock.today_in_china() - timedelta(days=1)).isoformat()
    hours = [{"agent_id": agent_id, "course": c, "hours": h, "completed_on": on} for c, h in _COURSES]
    result = {"agent_id": agent_id, "level": "basic", "sat_on": on, "score": 90, "examiner_ref": "K-01",
              "examiner_id": day.member_id("association")}  # fmt: skip
    told = office.agent_lines("/v1/agents/training", hours) + office.agent_lines("/v1/agents/examinations", [result])
    expect(all("problem" not in line for line in told), f"{told}", "a line was refused")


ACTS = (an_agency_hires, the_badge_is_scanned_and_turns_invalid)
