"""A log of a test's own, committed, in a database that goes with it; what it shows is read as a member would."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, text

from gongxin import embedded
from gongxin.config import Config
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.transparency import service
from gongxin.transparency.service import Promise
from tests.conftest import drop_database, make_database


@dataclass
class OwnLog:
    engine: Engine
    owner: Engine
    config: Config

    def append(self, count: int, kind: str = "court_event") -> list[Promise]:
        """Waiting leaves."""
        with transaction(self.engine) as session:
            return service.append_many(session, kind=kind, records=[{"n": n} for n in range(count)])

    def sequence(self, limit: int = service.PORTION) -> int:
        with transaction(self.engine) as session:
            return service.sequence(session, self.config, limit)

    def fill(self, *portions: int) -> list[Promise]:
        """Leaves in their places, a checkpoint after each portion."""
        made = []
        for count in portions:
            made += self.append(count)
            self.sequence(10**6)
        return made

    def tamper(self, statement: str, **parameters: Any) -> int:
        """As only the owner of the server could: past every trigger. How many rows."""
        with self.owner.begin() as connection:
            for table in ("log_leaves", "log_tiles", "log_checkpoints", "log_openings"):
                connection.execute(text(f"alter table {table} disable trigger user"))
            found = connection.execute(text(statement), parameters).rowcount
            for table in ("log_leaves", "log_tiles", "log_checkpoints", "log_openings"):
                connection.execute(text(f"alter table {table} enable trigger user"))
        return found


@contextmanager
def own_log(server: str, config: Config, *, started: bool = True) -> Iterator[OwnLog]:
    name = f"gongxin_log_{uuid.uuid4().hex[:12]}"
    make_database(server, name)
    web, owner = embedded.dsn(server, WEB_ROLE, name), embedded.dsn(server, OWNER_ROLE, name)
    made = OwnLog(
        make_engine(web, pool_size=4),
        make_engine(owner, pool_size=1),
        replace(config, database_url=web, migration_database_url=owner),
    )
    try:
        if started:
            with transaction(made.engine) as session:
                service.start(session, made.config)
        yield made
    finally:
        made.engine.dispose()
        made.owner.dispose()
        drop_database(server, name)
