"""What tests of the fund's pages share: worlds of the fund whose work is committed, in houses that sign in."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.fund.ledger import queries
from gongxin.fund.ledger.models import Entry
from gongxin.fund.ledger.rules import Actor
from gongxin.members.models import Member
from tests.conftest import act_for
from tests.services.accounts_world import Person
from tests.services.bank_world import Bank
from tests.services.claims_world import Claims
from tests.services.disclosure_world import World, build
from tests.services.fund_world import Fund, open_fund
from tests.web.conftest import Town


@dataclass
class Treasury:
    """The association's house; books, claims and banks are opened anew for each act."""

    town: Town
    engine: Engine
    config: Config
    world: World
    house: Member

    def person(self, *roles: str) -> Person:
        return self.town.person(self.house, *roles)

    @contextmanager
    def session(self) -> Iterator[Session]:
        with transaction(self.engine) as session:
            act_for(session, self.house.id, "association")
            yield session

    @contextmanager
    def books(self, maker: str = "LIN01") -> Iterator[Fund]:
        """Accounts nobody else uses, acting for this house; `maker` drafts."""
        with transaction(self.engine) as session:
            act_for(session, None, "registry")
            found = open_fund(session)
            found.member_id = self.house.id
            act_for(session, self.house.id, "association")
            if maker != "LIN01":
                found = Named(session, self.house.id, found.period, found.codes)
                found.maker = maker
            yield found

    @contextmanager
    def claims(self) -> Iterator[Claims]:
        with transaction(self.engine) as session:
            act_for(session, None, "registry")
            yield Claims(session, self.config, self.world)

    @contextmanager
    def bank(self) -> Iterator[Bank]:
        with transaction(self.engine) as session:
            act_for(session, None, "registry")
            yield Bank(session, self.config)

    def entry(self, entry_id: uuid.UUID) -> Entry:
        with self.session() as session:
            return queries.get_entry(session, entry_id)


class Named(Fund):
    """The same with another maker."""

    maker = "LIN01"

    @property
    def lin(self) -> Actor:
        return Actor(self.member_id, self.maker)


@contextmanager
def treasury(town: Town, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Treasury]:
    for world in build(owner_engine, config):
        yield Treasury(town, engine, config, world, town.house())
