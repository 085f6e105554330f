"""What tests of the blacklist's pages share: a committed bench of the process, and people who sit in its committees."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from gongxin.blacklist import service
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.members.models import Member
from gongxin.subjects import service as subjects
from tests.conftest import act_for
from tests.services.accounts_world import Person
from tests.services.blacklist_world import Bench, committed_bench
from tests.services.disclosure_world import World, build
from tests.web.conftest import Town


@dataclass
class Room:
    """A bench opened anew for each act, so that what it does is committed; `association` the desk's house."""

    town: Town
    engine: Engine
    config: Config
    world: World
    association: Member

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        with committed_bench(self.engine, self.config, self.world) as found:
            yield found

    def officer(self) -> Person:
        return self.town.person(self.association, "officer")

    def panel(self, bench: Bench, count: int = 3, *, appeal: bool = False) -> list[Person]:
        """Committee members with accounts, seated in the bench's committee in place of its names."""
        people = [self.town.person(self.association, "committee") for _ in range(count)]
        bench.association_acts()
        committee = bench.second if appeal else bench.first
        service.seat(bench.session, committee.id, officers=[each.account.officer for each in people])
        return people


@contextmanager
def room(town: Town, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Room]:
    with transaction(engine) as session:
        act_for(session, None, "registry")
        subjects.ensure_epochs(session, config)
    for world in build(owner_engine, config):
        yield Room(town, engine, config, world, town.house())
