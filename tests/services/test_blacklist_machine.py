"""The whole process on the real database, on a clock that Hypothesis moves: nobody is listed without it, nobody
is told past the term, and whoever was told is corrected. `GONGXIN_TEST_HISTORIES=10000` tries as many histories."""

import os
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.blacklist import answers, clocks, queries, rules
from gongxin.blacklist.models import Matter
from gongxin.config import Config
from gongxin.errors import GongxinError
from tests.services.blacklist_world import Bench, Clock, benches

OFFICERS = st.sampled_from(["A1", "A2", "A3", "B1", "B2", "B3", "C1", "D1"])
STEPS = st.sampled_from([name for name in rules.MOVES if name not in {"report", "join"}])


@pytest.fixture
def bench(session: Session, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Bench]:
    yield from benches(session, engine, owner_engine, config)


def fair(bench: Bench, matter: Matter, today: date) -> None:
    """What must have come before an entry: served notice, a reply or its ended clock, a quorum, reasons."""
    acts = queries.acts(bench.session, matter.id)
    done = {each.action: each for each in acts}
    assert done["notice"].details["proof"]
    assert done["notice"].details["channel"]
    assert {"reply", "close_reply", "ask_hearing"} & done.keys()
    if "close_reply" in done:
        assert done["notice"].due_on is not None
        assert done["close_reply"].at.astimezone().date() >= done["notice"].due_on
    drafted = [each for each in acts if each.action == "draft" and each.previous == "deliberation"][-1]
    recused = {each.officer for each in queries.recusals(bench.session, matter.id)}
    cast = [each for each in queries.votes(bench.session, matter.id) if each.draft_id == drafted.id]
    assert len(cast) >= 3
    assert 2 * sum(each.vote for each in cast) > len(cast) or recused
    assert done["decide"].officer != drafted.officer
    assert drafted.officer not in {each.officer for each in cast}
    assert done["decide"].said
    assert done["serve"].details["proof"]
    assert matter.level in {"L1", "L2", "L3", "watch"}
    assert matter.begins_on is not None
    assert matter.begins_on <= today or matter.state in rules.ENDED


def test_no_history_lists_without_the_process_or_past_the_term_or_leaves_a_told_member_uncorrected(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, reached = bench.session, set[str]()
    days = Clock(monkeypatch)
    for held in (bench.agent, bench.first, bench.second):
        session.expunge(held)  # what a rollback expires, row-level security would hide from the next to act

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.savepoint = session.begin_nested()
            self.matter = bench.report().id
            self.told: set[Any] = set()

        def teardown(self) -> None:
            self.savepoint.rollback()
            session.expire_all()
            days.offset *= 0

        def attempt(self, verb: Any, *args: Any, **values: Any) -> None:
            """A refusal is an answer too: then nothing has changed."""
            try:
                with session.begin_nested():
                    verb(*args, **values)
                    session.execute(text("set constraints all immediate"))
                    session.execute(text("set constraints all deferred"))
            except (GongxinError, DBAPIError):
                session.expire_all()

        def step(self, action: str, officer: str, **more: Any) -> None:
            reported = rules.REPORTED in rules.MOVES[action].by
            by = bench.office.agency if reported else None
            self.attempt(bench.act, self.matter, action, None if reported else officer, by, **more)

        @rule(action=STEPS, officer=OFFICERS, said=st.sampled_from(["理由充分", "理由充分", ""]))
        def any_step(self, action: str, officer: str, said: str) -> None:
            self.step(action, officer, said=said or None)

        @rule(what=st.sampled_from(rules.DRAFTABLE), officer=OFFICERS,
              finding=st.sampled_from([("L3", 6), ("L3", 1), ("none", None), ("L1", 60)]))  # fmt: skip
        def draft(self, what: str, officer: str, finding: tuple[str, int | None]) -> None:
            level, months = finding
            self.step("draft", officer, act=what, level=level, months=months)

        def cast(self, *officers: str, against: tuple[str, ...] = ()) -> None:
            bench.vote(self.read(), *officers, against=against)

        def read(self) -> Matter:
            bench.association_acts()
            return queries.get_matter(session, self.matter)

        @rule(officer=OFFICERS, for_it=st.booleans())
        def vote(self, officer: str, for_it: bool) -> None:
            cast = {"against": (officer,)} if not for_it else {}
            self.attempt(self.cast, *((officer,) if for_it else ()), **cast)

        @rule()
        def onwards(self) -> None:
            """The step that a diligent office would take, so that histories reach the end often enough."""
            state = self.read().state
            ahead = {"reported": "accept", "accepted": "notice", "noticed": "reply", "standing": "appeal",
                     "hearing": "hold_hearing", "decided": "serve"}  # fmt: skip
            if state == "deliberation":
                self.draft("decide", "C1", ("L3", 6))
                self.attempt(self.cast, "A1", "A2", "A3")
                self.step("decide", "A1")
            elif state == "appealed":
                self.step("assign", "D1")
                self.attempt(bench.settle, self.read(), "vary", "L3", 1)
            elif state in ahead:
                self.step(ahead[state], "C1")

        @rule(after=st.sampled_from([1, 1, 5, 16, 40, 200]), run=st.booleans())
        def time_passes(self, after: int, run: bool) -> None:
            days.pass_days(after)
            bench.as_registry()
            if run:
                self.attempt(clocks.run, session, days.today)
            else:
                bench.clocks_ran()

        @rule()
        def a_bank_asks(self) -> None:
            facts, agent = bench.office.facts(bench.agent, bench.bank), str(bench.agent.id)
            told = answers.state_for_check(facts["entries"] or (), (facts["stops"] or {}).get(agent), facts["fresh"])
            if told["state"] == "listed":
                assert date.fromisoformat(told["ends_on"]) >= days.today, "told past the term"
                assert self.read().state in rules.IN_FORCE
                self.told.add(bench.bank.member_id)

        @invariant()
        def holds(self) -> None:
            matter = self.read()
            reached.add(matter.state)
            entry = queries.find_listing(session, matter.id)
            assert (entry is not None) == (matter.begins_on is not None)
            if entry is None:
                return
            fair(bench, matter, days.today)
            made = queries.corrections(session, limit=200)
            corrected = {(each.member_id, each.cause) for each, listing in made if listing.matter_id == matter.id}
            cause = {"withdrawn": "withdrawn", "lapsed": "withdrawn"}.get(matter.state)
            if cause is not None:
                assert {(member, cause) for member in self.told} <= corrected
            elif matter.state == "varied":
                varied = [each for each in queries.acts(session, matter.id) if each.action == "vary"][-1]
                before = {each.member_id for each in queries.told(session, matter.id) if each.told_at < varied.at}
                assert {(member, "varied") for member in before} <= corrected

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=int(os.environ.get("GONGXIN_TEST_HISTORIES", "40")), stateful_step_count=20, deadline=None,
            database=None, derandomize="GONGXIN_TEST_HISTORIES" not in os.environ, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    assert {"reported", "noticed", "deliberation", "standing"} <= reached, reached
