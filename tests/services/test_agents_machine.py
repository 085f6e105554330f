"""No sequence of verbs reaches two agencies at once, a grade without its arithmetic, or a licence beyond its
certificate: Hypothesis draws the sequences, the real database runs them."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.agents import grading, queries, records, rules, service, training
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import GongxinError
from gongxin.subjects import service as subjects
from tests.services.agents_world import TODAY, Office
from tests.services.disclosure_world import World, build, token

WHO = st.integers(0, 1)
DAYS = st.integers(0, 400)


@pytest.fixture
def world(owner_engine: Engine, engine: Engine, config: Config) -> Iterator[World]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    yield from build(owner_engine, config)


def test_no_sequence_of_verbs_breaks_what_must_hold(session: Session, config: Config, world: World) -> None:
    office = Office(session, config, world)
    agencies = [office.agency, world.member("agency")]
    for agency in agencies:
        office.filed(agency)
    reached: set[str] = set()

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.savepoint = session.begin_nested()
            self.token = token()
            self.agent = office.apply(agencies[0], self.token)
            self.given = 0

        def teardown(self) -> None:
            self.savepoint.rollback()
            session.expire_all()

        def attempt(self, verb: object, *args: object, **values: object) -> None:
            """A refusal is an answer too: then nothing has changed."""
            try:
                with session.begin_nested():
                    verb(*args, **values)  # type: ignore[operator]
                    session.execute(text("set constraints all immediate"))
                    session.execute(text("set constraints all deferred"))
            except (GongxinError, DBAPIError):
                session.expire_all()

        @rule(who=WHO)
        def apply(self, who: int) -> None:
            self.attempt(office.apply, agencies[who], self.token)

        @rule(action=st.sampled_from(rules.ACTIONS), who=st.integers(0, 2), days=st.none() | DAYS)
        def move(self, action: str, who: int, days: int | None) -> None:
            by = [*agencies, office.association][who]
            until = None if days is None or action not in rules.LICENSING else TODAY + timedelta(days=days)
            self.attempt(office.move, self.agent, action, by, valid_until=until)

        @rule(who=WHO)
        def claim(self, who: int) -> None:
            self.attempt(office.claim, office.read(self.agent), agencies[who])

        @rule(ago=DAYS, score=st.sampled_from([40, 90]))
        def certify(self, ago: int, score: int) -> None:
            on = TODAY - timedelta(days=ago)
            self.attempt(office.train, self.agent, on=on)
            self.attempt(office.examine, self.agent, "basic", score, on)

        @rule()
        def to_licence(self) -> None:
            """The way there, so that sequences go on from it often enough."""
            self.certify(3, 90)
            self.move("check", 2, None)
            self.move("grant", 2, None)

        @rule()
        def withdraw(self) -> None:
            office.become(office.association)
            gone = queries.withdrawals(session, self.agent.id)
            held = [each for each in queries.certificates(session, self.agent.id) if each.id not in gone]
            if held:
                self.attempt(training.withdraw, session, held[-1].id, caller=office.association, reason="撤销")

        @rule(severity=st.sampled_from([*grading.SEVERITIES, None]), certainty=st.sampled_from(grading.CERTAINTIES))
        def enter(self, severity: str | None, certainty: str) -> None:
            office.become(office.association)
            self.attempt(
                records.enter, session, self.agent.id, caller=office.association, occurred_on=TODAY, basis="决定",
                kind="violation" if severity else "commendation", severity=severity,
                certainty=certainty if severity else None,
            )  # fmt: skip

        @rule(days=st.integers(-10, 1000))
        def clock(self, days: int) -> None:
            office.become(None)
            self.attempt(service.lapse, session, TODAY + timedelta(days=days))

        @invariant()
        def holds(self) -> None:
            agent = office.read(self.agent)
            reached.add(agent.state)
            spells = queries.engagements(session, agent.id)
            live = [spell for spell in spells if spell.ended_at is None]
            assert len(live) <= 1
            assert [spell.agency_id for spell in live] == (
                [agent.agency_id] if agent.state in {"granted", "suspended"} else []
            )
            for before, after in pairwise(spells):
                assert before.ended_at is not None
                assert before.ended_at <= after.began_at
            if agent.state == "granted":
                held = queries.standing_certificates(session, agent.id, TODAY)
                assert agent.valid_until is not None
                assert agent.valid_until <= max(each.valid_until for each in held if each.level == "basic")
            shown = records.as_of(session, agent.id, TODAY)
            assert shown["points"] == sum(line["left"] for line in shown["lines"])
            assert shown["grade"] == next(
                row["grade"]
                for row in grading.pack()["grades"]
                if row["up_to"] is None or shown["points"] <= row["up_to"]
            )

    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=15, stateful_step_count=14, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=checks,
        ),
    )  # fmt: skip
    assert {"applied", "granted", "suspended"} <= reached, reached
