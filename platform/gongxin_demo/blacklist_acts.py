"""The violations list on the day: a report with a recording, reply, votes, entry, screening, appeal, correction."""

import hashlib
from typing import Any

from gongxin import clock

from .day import Day
from .screen import expect

_PROOF = hashlib.sha256(b"proof of service").hexdigest()


def an_agent_is_reported_and_heard(day: Day) -> None:
    """From the report to the correction that two banks acknowledge."""
    day.screen.chapter("行业风险名单", "the violations list")
    banks, agency = ("yunshan", "baifan"), day.software["chenyu"]
    person: dict[str, Any] = next(
        (each for each in agency.agents(state="granted")), {}
    ) or next(iter(agency.agents()), {})  # fmt: skip
    if not person:
        return
    with day.screen.step(day.name("yunshan"), "附录音指纹举报", "reports, with a recording's fingerprint") as says:
        today = clock.today_in_china()
        matter = day.software["yunshan"].report_violation(
            subject_kind="agent", licence=person["licence"], article="B01", place="电话", occurred_from=today,
            occurred_until=today, conduct="向债务人同事披露欠款",
            evidence=[{"sha256": hashlib.sha256(b"recording").hexdigest(), "kind": "recording"}],
        )  # fmt: skip
        says(f"{matter['number']}，受理期限 {matter['due_on']}", f"acknowledged by {matter['due_on']}")
    found, office = matter["matter_id"], day.software["association"]
    first, second = (office.found_committee(name, officers)["committee_id"] for name, officers in (
        ("惩戒委员会", ["A1", "A2", "A3"]), ("复核委员会", ["B1", "B2", "B3"])))  # fmt: skip
    served = {"served_on": today.isoformat(), "channel": "agency", "proof": _PROOF}
    with day.screen.step(day.name("association"), "受理并送达告知", "accepts and serves notice") as says:
        office.act_on_matter(found, "accept", officer="C1", committee_id=first)
        told = office.act_on_matter(found, "notice", officer="C1", **served)
        says(f"申辩期限 {told['due_on']}", f"reply by {told['due_on']}")
    with day.screen.step(day.name("chenyu"), "代本人申辩", "replies for the person") as says:
        says(agency.state_on_matter(found, "reply", "当日未联系该债务人")["state"], "")
    with day.screen.step(day.name("association"), "三人表决、列入", "three vote; the entry is served") as says:
        _settle(day, found, "decide", ("A1", "A2", "A3"), "C1", level="L3", months=6)
        listed = office.act_on_matter(found, "serve", officer="C1", **served)
        says(f"L3 至 {listed['ends_on']}", f"L3 until {listed['ends_on']}")
    for slug in banks:
        with day.screen.step(day.name(slug), "批量筛查", "screens its collectors in a batch") as says:
            screened = day.software[slug].screen([person["licence"]], purpose="staff", consent="TY-DAY")
            state = screened.state_at(0, clock.now())
            expect(state == "listed", f"应为 listed，得 {state}", "the entry was to be found")
            says(f"{state}，回执与逐行证明已核对", "the receipt and the line's proof hold")
    with day.screen.step(day.name("chenyu"), "申请复核", "appeals; another committee varies it") as says:
        agency.state_on_matter(found, "appeal", "处理过重")
        office.act_on_matter(found, "assign", officer="D1", committee_id=second)
        varied = _settle(day, found, "vary", ("B1", "B2", "B3"), "D1", level="L3", months=1)
        expect(varied["ends_on"] < listed["ends_on"], "期限未缩短", "the term was to be shorter")
        says(f"缩短至 {varied['ends_on']}", f"now until {varied['ends_on']}")
    for slug in banks:
        with day.screen.step(day.name(slug), "收到更正并确认", "gets the correction and acknowledges") as says:
            owed = [each for each in day.software[slug].corrections() if each["number"] == matter["number"]]
            expect(len(owed) == 1, "更正未到", "the correction has not arrived")
            says(day.software[slug].acknowledge_correction(owed[0]["correction_id"], "updated")["did"], "")
    with day.screen.step(
        day.name("association"), "演示结束，撤回", "withdraws it, so that the day can be played again"
    ):
        _settle(day, found, "withdraw", ("A1", "A2", "A3"), "C1")


def _settle(day: Day, matter_id: str, what: str, panel: tuple[str, ...], keeper: str, **draft: Any) -> dict[str, Any]:
    office = day.software["association"]
    office.act_on_matter(matter_id, "draft", officer=keeper, act=what, said="事实清楚", **draft)
    for officer in panel:
        office.vote_on_matter(matter_id, officer=officer, vote=True)
    return office.act_on_matter(matter_id, what, officer=panel[0], said="按表决")


ACTS = (an_agent_is_reported_and_heard,)
