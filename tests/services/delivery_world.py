"""What tests of delivery share: a registry of a test's own, committed, in a database that goes with it."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from gongxin import embedded
from gongxin.config import Config
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.delivery import queries, service
from gongxin.delivery.types import TYPES, EventType
from gongxin.web.caller import Caller
from tests.conftest import drop_database, make_database
from tests.services.members_world import named, new_code

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


def a_member(feed: OwnFeed, scopes: Any = ("members.read",), kind: str = "bank") -> Caller:
    """An active member with a client that has these scopes; as the caller that its token would make."""
    member_id, client_id = uuid.uuid4(), uuid.uuid4()
    with feed.owner.begin() as connection:
        connection.execute(
            text(
                "insert into members (id, kind, name_zh, uscc, state) values (:id, :kind, '测试机构', :uscc, 'active')"
            ),
            {"id": member_id, "kind": kind, "uscc": new_code()},
        )
        connection.execute(
            text(
                "insert into clients (id, member_id, name, auth_method, scopes)"
                " values (:id, :member, 'main', 'private_key_jwt', cast(:scopes as jsonb))"
            ),
            {"id": client_id, "member": member_id, "scopes": json.dumps(list(scopes))},
        )
    return Caller(member_id, kind, client_id, frozenset(scopes))


def refused_by(feed: OwnFeed, statement: str) -> str:
    """The name of the constraint that refuses this, even to the owner."""
    with pytest.raises(DBAPIError) as refused, feed.owner.begin() as connection:
        connection.execute(text(statement))
    return named(refused.value)
