"""The process on a real database: from the report to the entry, the appeal, and everything that ends it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.agents import queries as agents
from gongxin.blacklist import clocks, queries, rules, service, voting
from gongxin.config import Config
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid, NotFound, TooMany
from gongxin_wire.identifiers import synthetic_cn_id
from tests.services.blacklist_world import Bench, Clock, benches


@pytest.fixture
def bench(session: Session, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Bench]:
    yield from benches(session, engine, owner_engine, config)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def code(caught: pytest.ExceptionInfo[Any]) -> str:
    found: str = caught.value.code
    return found


def test_from_report_to_entry(bench: Bench) -> None:
    matter = bench.listed("L2", 24)
    assert (matter.state, matter.level, matter.version) == ("standing", "L2", 7)
    assert matter.ends_on is not None
    entry = queries.find_listing(bench.session, matter.id)
    assert entry is not None
    assert (entry.level, entry.state, entry.ends_on, entry.contested) == ("L2", "in_force", matter.ends_on, False)
    assert entry.statements == [{"kind": "reply", "said": "当日未联系"}]
    acts = [each.action for each in queries.acts(bench.session, matter.id)]
    assert acts == ["report", "accept", "notice", "reply", "draft", "decide", "serve"]
    dissent = [each.said for each in queries.votes(bench.session, matter.id) if not each.vote]
    assert dissent == ["证据不足"]


def test_a_report_is_refused_or_joined_with_reasons(bench: Bench) -> None:
    first, second = bench.report(), bench.report()
    with pytest.raises(Invalid):
        bench.act(first, "refuse", said=None)
    assert bench.act(second, "join", joined_to=first.id).joined_to == first.id
    assert bench.act(first, "refuse").state == "refused"
    with pytest.raises(Conflict) as caught:
        bench.act(first, "accept")
    assert (code(caught), caught.value.extra["legal"]) == ("matter_state", [])


def test_a_debtors_number_in_the_text_is_refused_where_it_stands(bench: Bench) -> None:
    with pytest.raises(Invalid) as caught:
        bench.report(conduct=f"向 {synthetic_cn_id(7)} 的同事披露")
    assert (code(caught), caught.value.pointer) == ("personal_data_in_text", "/conduct")


def test_who_drafts_does_not_vote_or_decide_and_who_is_not_seated_neither(bench: Bench) -> None:
    matter = bench.deliberating()
    bench.act(matter, "draft", "A1", act="decide", level="L3", months=3)
    with pytest.raises(Forbidden) as caught:
        bench.vote(matter, "A1")
    assert code(caught) == "maker_is_not_checker"
    with pytest.raises(Forbidden) as caught:
        bench.vote(matter, "X9")
    assert code(caught) == "not_seated"
    bench.vote(matter, "A2", "a-3")
    with pytest.raises(Conflict) as caught:
        bench.vote(matter, "A3")
    assert code(caught) == "voted_already"
    with pytest.raises(Conflict) as caught:
        bench.act(matter, "decide", "A2")
    assert code(caught) == "no_quorum"
    bench.vote(matter, "A4")
    with pytest.raises(Forbidden):
        bench.act(matter, "decide", "A1")
    assert bench.act(matter, "decide", "A2").state == "decided"


def test_a_declared_conflict_takes_the_vote_out_of_the_count(bench: Bench) -> None:
    matter = bench.deliberating()
    bench.act(matter, "draft", "C1", act="decide", level="L3", months=3)
    bench.vote(matter, "A1", "A2", "A3")
    bench.association_acts()
    voting.recuse(bench.session, matter.id, officer="A3", said="曾为同事")
    with pytest.raises(Conflict) as caught:
        bench.act(matter, "decide", "A1")
    assert code(caught) == "no_quorum"
    with pytest.raises(Forbidden):
        bench.act(matter, "decide", "A3")


def test_a_draft_that_is_not_carried_lists_nobody(bench: Bench) -> None:
    matter = bench.deliberating()
    bench.act(matter, "draft", "C1", act="decide", level="L3", months=3)
    bench.vote(matter, "A1", "A2", against=("A3", "A4"))
    with pytest.raises(Conflict) as caught:
        bench.act(matter, "decide", "A1")
    assert code(caught) == "not_carried"


@pytest.mark.parametrize(
    ("level", "months", "harm"), [("L1", 12, False), ("L2", 12, False), ("L3", 12, True), ("L3", 13, False),
                                  ("watch", 6, False), ("L3", None, False), ("none", 3, False)],
)  # fmt: skip
def test_the_level_follows_from_the_severity(bench: Bench, level: str, months: int | None, harm: bool) -> None:
    matter = bench.deliberating()
    with pytest.raises(Invalid):
        bench.act(matter, "draft", "C1", act="decide", level=level, months=months, major_harm=harm)


def test_what_finds_nothing_is_dismissed(bench: Bench) -> None:
    matter = bench.decided("none", None)
    with pytest.raises(Conflict):
        bench.act(matter, "serve")
    assert bench.act(matter, "dismiss").state == "dismissed"
    assert queries.find_listing(bench.session, matter.id) is None


def test_a_clock_the_association_missed_lapses_the_proposal(bench: Bench, days: Clock) -> None:
    matter = bench.deliberating()
    bench.act(matter, "draft", "C1", act="decide", level="L3", months=3)
    bench.vote(matter, "A1", "A2", "A3")
    assert matter.due_on is not None
    days.go_to(matter.due_on + timedelta(days=1))
    with pytest.raises(Conflict) as caught:
        bench.act(matter, "decide", "A1")
    assert code(caught) == "clock_missed"
    bench.as_registry()
    clocks.run(bench.session, days.today)
    assert bench.read(matter).state == "lapsed"


def test_a_decision_is_put_off_once(bench: Bench) -> None:
    matter = bench.deliberating()
    before = matter.due_on
    later = bench.act(matter, "extend").due_on
    assert before is not None
    assert later is not None
    assert later > before
    with pytest.raises(Conflict) as caught:
        bench.act(matter, "extend")
    assert code(caught) == "extended_once"


def test_who_does_not_reply_is_decided_on_the_record_and_never_listed_by_default(bench: Bench, days: Clock) -> None:
    matter = bench.report()
    bench.act(matter, "accept")
    matter = bench.act(matter, "notice")
    with pytest.raises(Conflict) as caught:
        bench.act(matter, "close_reply")
    assert code(caught) == "clock_runs"
    assert matter.due_on is not None
    days.go_to(matter.due_on + timedelta(days=1))
    bench.as_registry()
    clocks.run(bench.session, days.today)
    assert bench.read(matter).state == "deliberation"
    assert queries.find_listing(bench.session, matter.id) is None


def test_a_hearing_is_held_before_the_decision(bench: Bench) -> None:
    matter = bench.report()
    bench.act(matter, "accept")
    bench.act(matter, "notice")
    bench.act(matter, "ask_hearing", None, bench.office.agency, said="请求听证")
    with pytest.raises(Conflict):
        bench.act(matter, "draft", "C1", act="decide", level="L3", months=3)
    assert bench.act(matter, "hold_hearing").state == "deliberation"


def test_the_reported_side_sees_nothing_before_the_notice_and_the_reporter_no_reply(bench: Bench) -> None:
    matter = bench.report()
    bench.act(matter, "accept")
    bench.office.become(bench.office.agency)
    with pytest.raises(NotFound):
        queries.get_matter(bench.session, matter.id)
    bench.act(matter, "notice")
    bench.act(matter, "reply", None, bench.office.agency, said="当日未联系")
    bench.office.become(bench.office.agency)
    assert queries.get_matter(bench.session, matter.id).state == "deliberation"
    assert queries.votes(bench.session, matter.id) == []
    bench.office.become(bench.bank)
    assert queries.get_matter(bench.session, matter.id).state == "deliberation"
    assert [each.action for each in queries.acts(bench.session, matter.id)] == ["report"]


def test_another_agency_does_not_reply(bench: Bench) -> None:
    matter = bench.report()
    bench.act(matter, "accept")
    bench.act(matter, "notice")
    with pytest.raises(GongxinError):
        bench.act(matter, "reply", None, bench.office.world.member("agency"), said="代为申辩")
    with pytest.raises(Forbidden):
        bench.act(matter, "decide", "A1", bench.office.agency)


def test_an_appeal_is_heard_by_others_and_never_makes_it_worse(bench: Bench) -> None:
    matter = bench.appealed()
    entry = queries.find_listing(bench.session, matter.id)
    assert entry is not None
    assert entry.contested
    with pytest.raises(Invalid):
        bench.act(matter, "assign", committee_id=bench.first.id)
    with pytest.raises(Forbidden) as caught:
        bench.act(matter, "draft", "C1", act="uphold")
    assert code(caught) == "same_committee"
    with pytest.raises(Invalid):
        bench.act(matter, "draft", "D1", act="vary", level="L2", months=6, major_harm=True)
    with pytest.raises(Invalid):
        bench.act(matter, "draft", "D1", act="vary", level="L3", months=7)
    varied = bench.settle(matter, "vary", "L3", 2)
    assert (varied.state, varied.months) == ("varied", 2)
    entry = queries.find_listing(bench.session, matter.id)
    assert entry is not None
    assert (entry.contested, entry.ends_on) == (False, varied.ends_on)
    assert [each["kind"] for each in entry.statements] == ["reply", "appeal"]


def test_an_appeal_is_upheld_or_withdrawn_and_lapses_when_nobody_decides(bench: Bench, days: Clock) -> None:
    assert bench.settle(bench.appealed(), "uphold").state == "upheld"
    gone = bench.settle(bench.appealed(), "withdraw")
    assert queries.find_listing(bench.session, gone.id).state == "withdrawn"  # type: ignore[union-attr]
    matter = bench.appealed()
    assert matter.due_on is not None
    days.go_to(matter.due_on + timedelta(days=1))
    bench.as_registry()
    clocks.run(bench.session, days.today)
    assert bench.read(matter).state == "lapsed"
    assert queries.find_listing(bench.session, matter.id).state == "withdrawn"  # type: ignore[union-attr]


def test_after_fifteen_days_there_is_no_appeal_but_an_objection_at_any_time(bench: Bench, days: Clock) -> None:
    matter = bench.listed()
    days.pass_days(16)
    with pytest.raises(Conflict) as caught:
        bench.act(matter, "appeal", None, bench.office.agency, said="处理过重")
    assert code(caught) == "appeal_period_ended"
    bench.office.become(bench.office.agency)
    made = voting.object_to(
        bench.session, matter.id, caller=bench.office.agency, kind="factual_error", said="日期有误"
    )  # fmt: skip
    bench.association_acts()
    assert queries.find_listing(bench.session, matter.id).contested  # type: ignore[union-attr]
    voting.answer_objection(bench.session, matter.id, made.id, officer="A1", outcome="accepted", answer="属实")
    assert not queries.find_listing(bench.session, matter.id).contested  # type: ignore[union-attr]
    with pytest.raises(Conflict):
        voting.answer_objection(bench.session, matter.id, made.id, officer="A1", outcome="rejected", answer="否")
    assert bench.settle(matter, "withdraw").state == "withdrawn"


def test_an_entry_ends_with_its_term(bench: Bench, days: Clock) -> None:
    matter = bench.listed("L3", 1)
    assert matter.ends_on is not None
    days.go_to(matter.ends_on + timedelta(days=1))
    assert not rules.is_listed(matter.state, matter.ends_on, days.today)
    bench.as_registry()
    clocks.run(bench.session, days.today)
    assert bench.read(matter).state == "expired"


def test_an_interim_stop_is_ordered_by_another_reasoned_and_for_a_time(bench: Bench) -> None:
    matter = bench.report()
    bench.act(matter, "accept", "C1")
    until = clock.today_in_china() + timedelta(days=10)
    with pytest.raises(Forbidden):
        bench.act(matter, "order_stop", "C1", until=until)
    with pytest.raises(Invalid):
        bench.act(matter, "order_stop", "A1", until=until, said=None)
    with pytest.raises(Invalid):
        bench.act(matter, "order_stop", "A1", until=until + timedelta(days=30))
    bench.act(matter, "order_stop", "A1", until=until)
    bank = bench.office.world.member("bank")
    assert bench.office.facts(bench.agent, bank)["stops"] == {str(bench.agent.id): until.isoformat()}
    bench.act(matter, "end_stop", "A1")
    assert bench.office.facts(bench.agent, bank)["stops"] is None


def test_l1_suspends_and_revokes_once_final_and_nobody_on_it_is_licensed(bench: Bench, days: Clock) -> None:
    matter = bench.listed("L1", 60, article="A01")
    assert agents.get_agent(bench.session, bench.agent.id).state == "suspended"
    with pytest.raises(Exception, match="nobody on L1 is licensed"), bench.session.begin_nested():
        bench.office.move(bench.agent, "reinstate")
    days.pass_days(16)
    bench.as_registry()
    clocks.run(bench.session, days.today)
    bench.association_acts()
    assert agents.get_agent(bench.session, bench.agent.id).state == "revoked"
    assert bench.read(matter).state == "standing"


def test_a_withdrawn_l1_gives_the_licence_back(bench: Bench) -> None:
    matter = bench.appealed(level="L1", months=12, article="A01")
    bench.settle(matter, "withdraw")
    assert agents.get_agent(bench.session, bench.agent.id).state == "granted"


def test_three_minor_violations_in_a_year_are_proposed_by_the_system_and_decided_by_people(bench: Bench) -> None:
    for _ in range(3):
        bench.listed("watch", 6, article="C01")
    bench.as_registry()
    assert clocks.escalate(bench.session, clock.today_in_china()) == 1
    assert clocks.escalate(bench.session, clock.today_in_china()) == 0
    bench.association_acts()
    (proposed,) = (each for each in queries.matters(bench.session, state="reported") if each.article == "E01"
                   and each.agent_id == bench.agent.id)  # fmt: skip
    assert (proposed.severity, proposed.reporter_id) == ("S2", None)
    assert bench.act(proposed, "accept").state == "accepted"


def test_members_answer_for_their_offences_by_the_same_process(bench: Bench) -> None:
    member = bench.office.world.member("bank")
    matter = bench.report(subject_kind="member", licence=None, member_id=member.member_id, article="M01")
    bench.act(matter, "accept")
    bench.act(matter, "notice")
    assert bench.act(matter, "reply", None, member, said="据实举报").state == "deliberation"
    with pytest.raises(Invalid):
        bench.report(subject_kind="member", licence=None, member_id=member.member_id, article="B01")
    with pytest.raises(Invalid):
        bench.report(subject_kind="member", licence=None, member_id=bench.bank.member_id, article="M01")


def test_bulk_reports_of_a_competitor_are_warned_of_and_limited(bench: Bench) -> None:
    rival = bench.office.world.member("agency")
    for _ in range(5):
        matter = bench.report(rival)
    bench.association_acts()
    assert matter.agency_id is not None
    assert rival.member_id is not None
    assert service.warn_of_bulk(bench.session, reporter_id=rival.member_id, against=matter.agency_id)
    assert bench.bank.member_id is not None
    assert not service.warn_of_bulk(bench.session, reporter_id=bench.bank.member_id, against=matter.agency_id)
    for _ in range(15):
        bench.report(rival)
    with pytest.raises(TooMany):
        bench.report(rival)
