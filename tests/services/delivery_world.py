"""What tests of delivery share: a registry of a test's own, committed, in a database that goes with it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Engine

from gongxin import embedded
from gongxin.config import Config
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.delivery import queries, service
from gongxin.delivery.types import TYPES, EventType
from tests.conftest import drop_database, make_database

NOTE = EventType("test.note", "members.read", "测试", "test", frozenset({"n", "words"}))
SECRET_NOTE = EventType("test.secret", "evidence.read", "测试", "test", frozenset({"n"}))
TYPES.setdefault(NOTE.name, NOTE)
TYPES.setdefault(SECRET_NOTE.name, SECRET_NOTE)


@dataclass
class OwnFeed:
    engine: Engine
    owner: Engine
    config: Config

    def emit(self, object_id: uuid.UUID, n: int = 0, *, to: Any = (), type: str = NOTE.name) -> uuid.UUID:
        with transaction(self.engine) as session:
            return service.emit(session, type=type, object_id=object_id, data={"n": n}, to=to)

    def sequence(self) -> int:
        with transaction(self.engine) as session:
            return service.sequence(session, self.config)

    def read(
        self, member: uuid.UUID, after: int = 0, *, scopes: Any = ("members.read",), types: Any = None, limit: int = 500
    ) -> tuple[int, bool, list[dict[str, Any]]]:
        """Next position, whether more follow, the events."""
        said = queries.changes(self.engine, member, after, list(types or TYPES), list(scopes), limit)
        following, more, items = said.split(b" ", 2)
        return int(following), more == b"t", orjson.loads(items)


@contextmanager
def own_feed(server: str, config: Config) -> Iterator[OwnFeed]:
    name = f"gongxin_feed_{uuid.uuid4().hex[:12]}"
    make_database(server, name)
    web, owner = embedded.dsn(server, WEB_ROLE, name), embedded.dsn(server, OWNER_ROLE, name)
    made = OwnFeed(
        make_engine(web, pool_size=8),
        make_engine(owner, pool_size=1),
        replace(config, database_url=web, migration_database_url=owner),
    )
    try:
        yield made
    finally:
        made.engine.dispose()
        made.owner.dispose()
        drop_database(server, name)
