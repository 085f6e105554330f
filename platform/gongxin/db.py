"""The database: engine, declarative base, and the one way a transaction is opened.

Row-level security keys on two settings made first in each transaction: `gongxin.member` (the caller's id) and
`gongxin.kind` (its kind). Without them a query on a protected table fails; it does not leak.
"""

import threading
import uuid
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result
from sqlalchemy import Engine, MetaData, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session

from .errors import Unavailable

NOBODY = uuid.UUID(int=0)
WEB_ROLE = "gongxin_web"
OWNER_ROLE = "gongxin_owner"
AUDITOR_ROLE = "gongxin_auditor"  # reads the fund's books, changes nothing

_SET_CALLER = text("select set_config('gongxin.member', :member, true), set_config('gongxin.kind', :kind, true)")


class Base(DeclarativeBase):
    """Every table of the registry; constraint names follow one convention so that errors can be mapped by name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: JSONB, list[str]: JSONB}  # noqa: RUF012


def make_engine(url: str, *, pool_size: int = 8) -> Engine:
    """One engine a process. Statement and lock time-outs keep one bad query from holding the rest."""
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=5,
        pool_reset_on_return="rollback",
        connect_args={
            "connect_timeout": 5,
            "prepare_threshold": 2,
            "options": "-c statement_timeout=30000 -c lock_timeout=4000 -c idle_in_transaction_session_timeout=60000"
            " -c timezone=UTC",
        },
    )


def name_caller(session: Session, member_id: uuid.UUID | None, kind: str) -> None:
    """Tells the database for whom this transaction acts; the first statement of each."""
    session.execute(_SET_CALLER, {"member": str(member_id or NOBODY), "kind": kind})


@contextmanager
def transaction(engine: Engine, member_id: uuid.UUID | None = None, kind: str = "registry") -> Iterator[Session]:
    """A session that commits or rolls back: for jobs, the command line and records that outlive a refusal."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        name_caller(session, member_id, kind)
        yield session


def one_statement(engine: Engine, statement: bytes, parameters: Sequence[Any]) -> Sequence[Any]:
    """The first row of one statement, committed as it runs. Empty where it has none. Raises Unavailable where the
    database cannot say; then what it did is not known."""
    with _raw(engine) as own, own.connection.cursor(binary=True) as cursor:
        return cursor.execute(statement, parameters, prepare=True).fetchone() or ()


def one_value(engine: Engine, statement: bytes, parameters: Sequence[Any]) -> bytes:
    """The one value of a statement with parameters $1…, as PostgreSQL's text: for the hottest paths. libpq is asked
    directly, which takes a fifth of the time a cursor takes. Raises as `one_statement`."""
    values = [_encode(value) for value in parameters]
    formats = [pq.Format.BINARY if type(value) is bytes else pq.Format.TEXT for value in parameters]
    with _raw(engine) as own:
        libpq = own.connection.pgconn
        name = own.prepared.get(statement)
        if name is None:
            name = b"hot_%d" % len(own.prepared)
            _check(libpq, libpq.prepare(name, statement))
            own.prepared[statement] = name
        result = libpq.exec_prepared(name, values, formats)  # type: ignore[arg-type]  # None is NULL
        _check(libpq, result)
        value = result.get_value(0, 0)
    if value is None:
        raise Unavailable("busy")
    return value


def _encode(value: Any) -> bytes | None:
    """A parameter in libpq's form: bytes as they are, a list of integers as an array, all else as text."""
    if value is None or type(value) is bytes:
        return value
    if isinstance(value, list):
        return b"{%s}" % b",".join(b"%d" % number for number in value)
    return (value.isoformat() if isinstance(value, datetime) else str(value)).encode()


def _check(libpq: Any, result: Any) -> None:
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        if libpq.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError("the connection is lost")
        raise error_from_result(result)


class _Own:
    """A thread's own connection, in autocommit, and the statements prepared on it."""

    def __init__(self, connection: "psycopg.Connection[Any]", generation: int) -> None:
        connection.autocommit = True
        self.connection, self.generation = connection, generation
        self.prepared: dict[bytes, bytes] = {}


class _Connections(threading.local):
    """Per engine and thread; `generation` is shared by all threads through the engine's entry in `_generations`."""

    own: _Own | None = None


_connections: "weakref.WeakKeyDictionary[Engine, _Connections]" = weakref.WeakKeyDictionary()
_generations: "weakref.WeakKeyDictionary[Engine, int]" = weakref.WeakKeyDictionary()


@contextmanager
def _raw(engine: Engine) -> Iterator[_Own]:
    """This thread's own connection. When a server is lost, every thread's is given up, so that none of them fails
    another request."""
    kept = _connections.get(engine)
    if kept is None:
        kept = _connections.setdefault(engine, _Connections())
    generation = _generations.get(engine, 0)
    own = kept.own
    if own is None or own.generation != generation:
        own = kept.own = _Own(_connect(engine), generation)
    try:
        yield own
    except psycopg.OperationalError as fault:
        lost = own.connection.broken or own.connection.closed
        if lost:
            kept.own = None
            _generations[engine] = generation + 1
            engine.dispose(close=False)
        raise Unavailable("database_unreachable" if lost else "busy") from fault


def _connect(engine: Engine) -> "psycopg.Connection[Any]":
    try:
        held = engine.raw_connection()
    except psycopg.Error as fault:
        raise Unavailable("database_unreachable") from fault
    connection: psycopg.Connection[Any] = held.driver_connection  # type: ignore[assignment]
    held.detach()
    return connection
