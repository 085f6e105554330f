"""The database: engine, declarative base, and the one way a transaction is opened.

Row-level security keys on two settings made first in each transaction: `gongxin.member` (the caller's id) and
`gongxin.kind` (its kind). Without them a query on a protected table fails; it does not leak.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, MetaData, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session

from .errors import Unavailable

NOBODY = uuid.UUID(int=0)
WEB_ROLE = "gongxin_web"
OWNER_ROLE = "gongxin_owner"

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
    """The first row of one statement on a raw connection, committed as it runs: for hot paths. Empty where it has none.
    Raises Unavailable where the database cannot say; then what it did is not known."""
    try:
        held = engine.raw_connection()
    except psycopg.Error as fault:
        raise Unavailable("database_unreachable") from fault
    try:
        connection: psycopg.Connection[Any] = held.driver_connection  # type: ignore[assignment]
        connection.autocommit = True
        with connection.cursor(binary=True) as cursor:
            row = cursor.execute(statement, parameters, prepare=True).fetchone()
        connection.autocommit = False
    except psycopg.OperationalError as fault:
        lost = connection.closed
        held.invalidate(fault)
        if lost:
            # The server is gone, and with it every connection waiting in the pool: let none of them fail another.
            engine.dispose(close=False)
        raise Unavailable("database_unreachable" if lost else "busy") from fault
    except BaseException as fault:
        held.invalidate(fault)
        raise
    finally:
        held.close()
    return row or ()
