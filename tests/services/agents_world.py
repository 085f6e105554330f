"""What tests of agents share: agencies, an association, people made through the verbs as their members would."""

import json
import uuid
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.agents import checks, filings, queries, queries_filings, rules, service, training
from gongxin.agents.models import Agent, Certificate
from gongxin.agents.models_filings import AgencyFiling
from gongxin.agents.questions import Question
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.web.caller import Caller
from tests.conftest import act_for
from tests.services.disclosure_world import World, token

TODAY = clock.today_in_china()
YESTERDAY = TODAY - timedelta(days=1)
FILING: dict[str, Any] = {
    "scope": ["remind", "negotiate"],
    "officers": [{"role": "conduct", "name": "测试员丙"}, {"role": "data_protection", "name": "测试员丁"}],
}
_FACTS = text(
    "select agent_facts(cast(:id as uuid), :at, cast(:today as date), cast(:member as uuid), :kind, array[0],"
    " array[cast(:number as text)], '{}', '{}', '')"
)


@dataclass
class Office:
    """The register behind one session, acting for whom it is told to."""

    session: Session
    config: Config
    world: World

    def __post_init__(self) -> None:
        self.association = self.world.member("association")
        self.agency = self.world.member("agency")

    def become(self, caller: Caller | None) -> None:
        act_for(self.session, caller.member_id if caller else None, caller.kind if caller else "registry")

    def apply(self, agency: Caller | None = None, tok: str | None = None, **change: Any) -> Agent:
        by = agency or self.agency
        self.become(by)
        values: dict[str, Any] = {
            "subject": [{"epoch": 1, "token": tok or token()}],
            "name": "测试员甲",
            "education": "college",
            "photo_sha256": b"\x07" * 32,
            "adult_as_of": YESTERDAY,
            "declared_on": YESTERDAY,
        }
        return service.apply(self.session, config=self.config, caller=by, **(values | change))

    def move(self, agent: Agent | uuid.UUID, action: str, caller: Caller | None = None, **values: Any) -> Agent:
        by = caller or self.association
        self.become(by)
        agent_id = agent if isinstance(agent, uuid.UUID) else agent.id
        return service.move(
            self.session, agent_id, caller=by, action=action, reason=values.pop("reason", "按决定"), **values
        )

    def train(self, agent: Agent, courses: Iterable[tuple[str, int]] = (("law", 16), ("privacy", 8), ("talk", 16)),
              on: date = YESTERDAY) -> None:  # fmt: skip
        self.become(self.association)
        for course, hours in courses:
            training.record_hours(self.session, agent_id=agent.id, course=course, hours=hours, completed_on=on)

    def examine(self, agent: Agent, level: str = "basic", score: int = 90, on: date = YESTERDAY,
                examiner: Caller | None = None) -> Certificate | None:  # fmt: skip
        self.become(self.association)
        by = (examiner or self.association).member_id
        assert by is not None
        return training.record_examination(
            self.session, agent_id=agent.id, level=level, sat_on=on, score=score, examiner_id=by, examiner_ref="K-07"
        )

    def licensed(self, agency: Caller | None = None, tok: str | None = None, on: date = YESTERDAY) -> Agent:
        """A person with a basic certificate and a licence."""
        agent = self.apply(agency, tok)
        self.train(agent, on=on)
        self.examine(agent, on=on)
        self.move(agent, "check")
        self.filed(agency or self.agency)
        return self.move(agent, "grant")

    def filed(self, agency: Caller) -> AgencyFiling:
        """The agency's filing in force; made where it has none."""
        assert agency.member_id is not None
        self.become(self.association)
        found = queries_filings.find_in_force(self.session, agency.member_id)
        if found is not None:
            return found
        self.become(agency)
        made = filings.file(self.session, config=self.config, caller=agency, **FILING)
        self.become(self.association)
        return filings.move(self.session, made.id, caller=self.association, action="accept", reason="受理")

    def claim(self, agent: Agent, agency: Caller) -> Agent:
        self.filed(agency)
        self.become(agency)
        return service.claim(self.session, caller=agency, licence=agent.licence_no)

    def facts(self, agent: Agent, caller: Caller) -> dict[str, Any]:
        """What the statement of a check by this caller finds, and records of the blacklist's entries as told."""
        given = {"id": ids.new_id(), "at": clock.now(), "today": clock.today_in_china(), "member": caller.member_id,
                 "kind": caller.kind, "number": agent.licence_no}  # fmt: skip
        self.become(caller)
        found: dict[str, Any] = json.loads(self.session.scalar(_FACTS, given) or "")
        return found

    def told(self, agent: Agent, caller: Caller, purpose: str) -> dict[str, Any]:
        """The answer of a check by this caller."""
        question = Question(purpose, rules.FIELDS[purpose], 1, [0], [agent.licence_no], [], [], b"", [], b"")
        facts = self.facts(agent, caller)
        people = {row[0]: row for row in facts["people"]}
        return checks.answer_all(question, people, facts, clock.today_in_china())[0]

    def read(self, agent: Agent) -> Agent:
        self.become(self.association)
        return queries.get_agent(self.session, agent.id)


@contextmanager
def committed(engine: Engine, config: Config, world: World) -> Any:
    """The same in a transaction that commits: for races and for requests over HTTP."""
    with transaction(engine) as session:
        yield Office(session, config, world)
