"""What tests of the blacklist share: a reporter, an agency with people, two committees, and a clock that is told."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.blacklist import queries, service, voting
from gongxin.blacklist.models import Committee, Matter
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller, operator
from tests.services.agents_world import Office
from tests.services.disclosure_world import World, build

PROOF = "ab" * 32


class Clock:
    """The days a test goes through: `clock` asks it, from where it stands on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.offset = timedelta()
        real = clock.now
        patch.setattr(clock, "now", lambda: real() + self.offset)
        patch.setattr(clock, "today_in_china", lambda: self.today)

    @property
    def today(self) -> date:
        return clock.now().astimezone(clock.SHANGHAI).date()

    def pass_days(self, days: int) -> None:
        self.offset += timedelta(days=days)

    def go_to(self, day: date) -> None:
        self.pass_days((day - self.today).days)


@dataclass
class Bench:
    """Everybody who takes part, behind one session."""

    office: Office
    officers: tuple[str, ...] = ("A1", "A2", "A3", "A4")
    others: tuple[str, ...] = ("B1", "B2", "B3", "B4")
    first: Committee = field(init=False)
    second: Committee = field(init=False)

    def __post_init__(self) -> None:
        self.bank = self.office.world.member("bank")
        self.association_acts()
        self.first = service.found_committee(self.session, name_zh="惩戒委员会", officers=self.officers)
        self.second = service.found_committee(self.session, name_zh="复核委员会", officers=self.others)
        self.agent = self.office.licensed()

    @property
    def session(self) -> Session:
        return self.office.session

    def association_acts(self) -> Caller:
        self.office.become(self.office.association)
        return self.office.association

    def report(self, caller: Caller | None = None, **change: Any) -> Matter:
        by = caller or self.bank
        self.office.become(by)
        values: dict[str, Any] = {
            "subject_kind": "agent",
            "licence": self.agent.licence_no,
            "article": "B01",
            "place": "电话",
            "occurred_from": clock.today_in_china(),
            "occurred_until": clock.today_in_china(),
            "conduct": "向债务人同事披露欠款",
            "evidence": [{"sha256": PROOF, "kind": "recording"}],
        }
        return service.report(self.session, caller=by, **(values | change))

    def act(self, matter: Matter | uuid.UUID, action: str, officer: str | None = "C1", caller: Caller | None = None,
            **details: Any) -> Matter:  # fmt: skip
        by = caller or self.office.association
        self.office.become(by)
        matter_id = matter if isinstance(matter, uuid.UUID) else matter.id
        if action in {"notice", "serve", "dismiss"}:
            details = {"served_on": clock.today_in_china(), "channel": "agency", "proof": PROOF} | details
        if action == "accept":
            details = {"committee_id": self.first.id} | details
        if action == "assign":
            details = {"committee_id": self.second.id} | details
        details.setdefault("said", "理由充分")
        return service.act(self.session, matter_id, caller=by, action=action, officer=officer, **details)

    def vote(self, matter: Matter, *officers: str, against: tuple[str, ...] = ()) -> None:
        self.association_acts()
        for officer in officers:
            voting.vote(self.session, matter.id, officer=officer, vote=True)
        for officer in against:
            voting.vote(self.session, matter.id, officer=officer, vote=False, said="证据不足")

    def deliberating(self, **change: Any) -> Matter:
        matter = self.report(**change)
        self.act(matter, "accept")
        self.act(matter, "notice")
        return self.act(matter, "reply", None, self.office.agency, said="当日未联系")

    def decided(self, level: str = "L3", months: int | None = 6, **change: Any) -> Matter:
        matter = self.deliberating(**change)
        harm = level == "L2"
        self.act(matter, "draft", "C1", act="decide", level=level, months=months, major_harm=harm)
        self.vote(matter, *self.officers[:2], against=(self.officers[2],))
        return self.act(matter, "decide", self.officers[0])

    def listed(self, level: str = "L3", months: int | None = 6, **change: Any) -> Matter:
        return self.act(self.decided(level, months, **change), "serve")

    def appealed(self, **change: Any) -> Matter:
        matter = self.listed(**change)
        self.act(matter, "appeal", None, self.office.agency, said="处理过重")
        return self.act(matter, "assign")

    def settle(self, matter: Matter, what: str, level: str | None = None, months: int | None = None) -> Matter:
        self.act(matter, "draft", "D1", act=what, level=level, months=months)
        panel = self.others if matter.state == "appealed" else self.officers
        self.vote(matter, *panel[:3])
        return self.act(matter, what, panel[0])

    def read(self, matter: Matter) -> Matter:
        self.association_acts()
        return queries.get_matter(self.session, matter.id)

    def clocks_ran(self) -> None:
        """The worker had its turn and left nothing, so that answers are good; without what the turn would do."""
        self.as_registry()
        turn = queries.get_turn(self.session)
        turn.ran_at, turn.fresh_until = clock.now(), clock.now() + timedelta(days=1)
        self.session.flush()

    def as_registry(self) -> Caller:
        self.office.become(None)
        return operator()


def benches(session: Session, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Bench]:
    """A bench whose session is undone in the end; for a fixture to yield from."""
    with transaction(engine) as opened:
        subjects.ensure_epochs(opened, config)
    for world in build(owner_engine, config):
        yield Bench(Office(session, config, world))


@contextmanager
def committed_bench(engine: Engine, config: Config, world: World) -> Any:
    """The same in a transaction that commits."""
    with transaction(engine) as session:
        yield Bench(Office(session, config, world))
