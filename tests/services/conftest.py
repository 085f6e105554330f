"""What tests of services share: members acting on cases, each act a transaction of its own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller
from tests.services.cases_world import Acts
from tests.services.disclosure_world import build


@pytest.fixture
def acts(engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Acts]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    for world in build(owner_engine, config):
        yield Acts(engine, config, world)


@pytest.fixture
def bank(acts: Acts) -> Caller:
    return acts.member("bank")


@pytest.fixture
def agency(acts: Acts) -> Caller:
    return acts.member("agency")
