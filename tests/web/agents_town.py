"""What tests of the agents' pages share: an office of the register whose people are committed, beside the town."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Engine

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.subjects import service as subjects
from tests.services.agents_world import Office, committed
from tests.services.disclosure_world import World, build

Opened = Callable[[], AbstractContextManager[Office]]


@pytest.fixture
def world(owner_engine: Engine, engine: Engine, config: Config) -> Iterator[World]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    yield from build(owner_engine, config)


@pytest.fixture
def office(world: World, engine: Engine, config: Config) -> Opened:
    """`with office() as found:` commits what the verbs do in it."""
    return lambda: committed(engine, config, world)
