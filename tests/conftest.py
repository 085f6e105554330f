"""Fixtures: one database a test process, cloned from a template that is migrated once a run.

`make test PG=system` runs on a PostgreSQL found by `pg_config --bindir` instead of the embedded one.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import embedded, migrate
from gongxin.app import create_app
from gongxin.config import Config, load
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, name_caller

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("GONGXIN_TEST_DATA", ROOT / "var" / "test"))
TEMPLATE = "gongxin_template"


@pytest.fixture(scope="session")
def server() -> str:
    """The socket directory of the test server; started once, shared by all test processes."""
    DATA.mkdir(parents=True, exist_ok=True)
    with open(DATA / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.environ.get("GONGXIN_TEST_PG") == "system":
            from tests.system_postgres import start

            host = start(DATA / "system")
        else:
            host = embedded.start(DATA)
        marker = DATA / "template"
        wanted = _migrations_digest() + host
        if not marker.exists() or marker.read_text() != wanted:
            with _admin(host) as admin:
                embedded.make_roles(admin)
                admin.execute("alter system set fsync = off")
                admin.execute("select pg_reload_conf()")
                admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(TEMPLATE)))
            migrate.upgrade(embedded.prepare(host, TEMPLATE)[1])
            marker.write_text(wanted)
    return host


def _migrations_digest() -> str:
    import hashlib

    digest = hashlib.sha256()
    for path in sorted((ROOT / "alembic").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _admin(host: str) -> psycopg.Connection:
    return psycopg.connect(f"postgresql://postgres@/postgres?host={host}", autocommit=True)


def make_database(host: str, name: str, *, migrated: bool = True) -> None:
    """A database of this name, fresh; cloned from the migrated template unless `migrated` is False."""
    with open(DATA / "clone", "w") as lock, _admin(host) as admin:
        fcntl.flock(lock, fcntl.LOCK_EX)
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        template = sql.SQL("template {}").format(sql.Identifier(TEMPLATE)) if migrated else sql.SQL("")
        admin.execute(
            sql.SQL("create database {} owner {} ").format(sql.Identifier(name), sql.Identifier(OWNER_ROLE)) + template
        )
    if migrated:  # the template may be days old: the list's clocks have just run
        with psycopg.connect(f"postgresql://postgres@/{name}?host={host}") as own:
            own.execute("update blacklist_turns set ran_at = now(), fresh_until = now() + interval '1 day'")


def drop_database(host: str, name: str) -> None:
    with _admin(host) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def database(server: str, worker_id: str) -> Iterator[str]:
    """The name of this process's own database."""
    name = f"gongxin_test_{worker_id}"
    make_database(server, name)
    yield name
    drop_database(server, name)


@pytest.fixture(scope="session")
def web_url(server: str, database: str) -> str:
    return embedded.dsn(server, WEB_ROLE, database)


@pytest.fixture(scope="session")
def owner_url(server: str, database: str) -> str:
    return embedded.dsn(server, OWNER_ROLE, database)


@pytest.fixture(scope="session")
def config(web_url: str, owner_url: str) -> Config:
    return replace(
        load({}),
        issuer="http://localhost",
        database_url=web_url,
        migration_database_url=owner_url,
        rate_limit="1000000/minute",
        anonymous_rate_limit="1000000/minute",
    )


@pytest.fixture(scope="session")
def engine(web_url: str) -> Iterator[Engine]:
    """As the web role: the database's own fences are in force in every test."""
    engine = make_engine(web_url, pool_size=4)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def owner_engine(owner_url: str) -> Iterator[Engine]:
    engine = make_engine(owner_url, pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session inside a transaction that is rolled back; services flush, never commit."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            name_caller(session, None, "registry")
            yield session
        outer.rollback()


def act_for(session: Session, member_id: uuid.UUID | None, kind: str) -> None:
    """From here on the transaction acts for this member, as a request of its would."""
    session.flush()
    name_caller(session, member_id, kind)


@pytest.fixture(scope="session")
def app(config: Config, engine: Engine) -> Flask:
    app = create_app(config, engine)
    app.config["TESTING"] = True
    return app


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    return getattr(request.config, "workerinput", {}).get("workerid", "main")
