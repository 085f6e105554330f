"""What tests over HTTP share: the application with callers by header, and members acting on cases behind it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gongxin.config import Config
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House, build_house
from tests.services.cases_world import Acts


@pytest.fixture
def house(config: Config, engine: Engine, owner_engine: Engine) -> Iterator[House]:
    yield from build_house(config, engine, owner_engine)


@pytest.fixture
def acts(house: House, engine: Engine, config: Config) -> Acts:
    return Acts(engine, config, house.world)


@pytest.fixture
def bank(acts: Acts) -> Caller:
    return acts.member("bank")


@pytest.fixture
def agency(acts: Acts) -> Caller:
    return acts.member("agency")
