"""Exactly once against a database of our own: what an event does and our place in the feed are one transaction.

Works over any DB-API connection that is not in autocommit: SQLite, PostgreSQL (psycopg), and others with `?` or `%s`
parameters. Two tables are made where they are missing: `gongxin_cursors` and `gongxin_seen`.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from . import clock
from .changes import Event, challenge_answer, verified
from .errors import BadInput, Refused
from .registry import Registry

Apply = Callable[[Any, Event], object]
Load = Callable[[Any, str, str, Mapping[str, Any]], object]
LOST = ("cursor_gone", "cursor_unknown")
_TABLES = (
    "create table if not exists gongxin_cursors"
    " (name varchar(100) primary key, place varchar(100) not null, position bigint not null)",
    "create table if not exists gongxin_seen"
    " (name varchar(100) not null, event_id varchar(36) not null, position bigint not null,"
    " primary key (name, event_id))",
)


class Consumer:
    """One reader of the feed, by `name`. Two processes with the same name do not disturb each other: one of them moves
    on, the other finds that it did and tries again."""

    def __init__(
        self,
        registry: Registry,
        connection: Any,
        *,
        name: str = "gongxin",
        types: Sequence[str] | None = None,
        limit: int = 500,
    ) -> None:
        self.registry, self.connection, self.name, self.types, self.limit = registry, connection, name, types, limit
        if getattr(connection, "autocommit", None) is True or (
            isinstance(connection, sqlite3.Connection) and connection.isolation_level is None
        ):
            raise BadInput(
                "autocommit", "数据库连接处于自动提交", "The database connection is in autocommit",
                "关闭自动提交：效果与游标须在同一事务。",
                "Turn it off: the effect and the cursor must be one transaction.",
            )  # fmt: skip
        self._mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
        self._scope: str | None = None
        for statement in _TABLES:
            self._run(statement)
        connection.commit()
        self._begin()

    def cursor(self) -> str | None:
        """Our place; None before the first step."""
        return self._place()[0]

    def step(self, apply: Apply, *, wait: int = 0) -> int:
        """One page of events, each by `apply(cursor, event)` in the order of the feed; how many. All of them or none:
        what `apply` raises is raised, and the same events come again. Raises Refused with code `cursor_gone` or
        `cursor_unknown` where our place is lost: take `snapshots`."""
        place, position = self._place()
        if self._scope is None:
            self._scope = self.registry.changes_scope(self.types)
        page = self.registry.changes(place, types=self.types, limit=self.limit, wait=wait, scope=self._scope)
        if page.next_cursor == place:
            return 0
        last = page.events[-1].position if page.events else position
        try:
            if not self._moved(place, page.next_cursor, last):
                self.connection.rollback()
                return 0
            seen = self._seen(page.events)
            with_cursor = self.connection.cursor()
            for event in page.events:
                if event.event_id not in seen:
                    apply(with_cursor, event)
            self._run(f"delete from gongxin_seen where name = {self._mark} and position <= {self._mark}",
                      self.name, last)  # fmt: skip
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise
        return len(page.events) - len(seen)

    def follow(self, apply: Apply, *, wait: int = 15, until: Callable[[], bool] = lambda: False) -> int:
        """Steps until `until()`; how many events."""
        done = 0
        while not until():
            began = clock.monotonic()
            count = self.step(apply, wait=wait)
            done += count
            if not count and clock.monotonic() - began < 1 and wait:
                clock.sleep(1)  # others wait at the registry: it answered at once
        return done

    def snapshots(self, wanted: Mapping[str, str], load: Load, *, begin: Callable[[Any], object] | None = None) -> int:
        """Takes whole snapshots (name → scope), each row by `load(cursor, name, object_id, data)`, and our place with
        them, all in one transaction; `begin(cursor)` first, to empty what is replaced. How many rows."""
        count, first = 0, None
        try:
            with_cursor = self.connection.cursor()
            if begin is not None:
                begin(with_cursor)
            for name, scope in wanted.items():
                with ExitStack() as stack:
                    found = stack.enter_context(self.registry.snapshot(name, scope=scope))
                    first = first or found  # the oldest: what changed since comes again, and is newer than the row
                    for object_id, data in found.rows:
                        load(with_cursor, name, object_id, data)
                        count += 1
            if first is not None:
                self._run(
                    f"update gongxin_cursors set place = {self._mark}, position = {self._mark}"
                    f" where name = {self._mark}",
                    first.cursor, first.position, self.name,
                )  # fmt: skip
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise
        return count

    def receive(
        self, secrets: str | Sequence[str], headers: Mapping[str, str], raw: bytes, apply: Apply
    ) -> dict[str, str]:
        """A call of our endpoint: verified, applied once, however often it comes, by the feed too. Returns what to
        answer with 200: the challenge of a new endpoint, or nothing. Raises VerificationFailed: answer 401."""
        body = verified(secrets, headers, raw)
        answer = challenge_answer(body)
        if answer is not None:
            return answer
        event = Event.read(body)
        try:
            self._hold()
            if event.position > self._standing()[1] and not self._seen([event]):
                self._run(
                    f"insert into gongxin_seen (name, event_id, position) values"
                    f" ({self._mark}, {self._mark}, {self._mark})",
                    self.name, event.event_id, event.position,
                )  # fmt: skip
                apply(self.connection.cursor(), event)
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise
        return {}

    def _place(self) -> tuple[str | None, int]:
        place, position = self._standing()
        self.connection.rollback()  # no transaction stays open while the registry is asked
        return place or None, position

    def _standing(self) -> tuple[str, int]:
        found: tuple[str, int] = self._run(
            f"select place, position from gongxin_cursors where name = {self._mark}", self.name
        ).fetchone()  # fmt: skip
        return found

    def _moved(self, old: str | None, new: str, position: int) -> bool:
        """Whether our place was still `old`; then it is `new`, and held until the transaction ends."""
        moved = self._run(
            f"update gongxin_cursors set place = {self._mark}, position = {self._mark}"
            f" where name = {self._mark} and place = {self._mark}",
            new, position, self.name, old or "",
        )  # fmt: skip
        return bool(moved.rowcount == 1)

    def _hold(self) -> None:
        """Nobody else of our name moves until the transaction ends."""
        self._run(f"update gongxin_cursors set place = place where name = {self._mark}", self.name)

    def _begin(self) -> None:
        """Our row, where it is missing; another may make it meanwhile."""
        try:
            if self._run(f"select 1 from gongxin_cursors where name = {self._mark}", self.name).fetchone() is None:
                self._run(
                    "insert into gongxin_cursors (name, place, position)"
                    f" select {self._mark}, '', 0 where not exists"
                    f" (select 1 from gongxin_cursors where name = {self._mark})",
                    self.name, self.name,
                )  # fmt: skip
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            if self._run(f"select 1 from gongxin_cursors where name = {self._mark}", self.name).fetchone() is None:
                raise
            self.connection.rollback()

    def _seen(self, events: Sequence[Event]) -> set[str]:
        """Which of these were applied as our endpoint was called with them."""
        found = self._run(f"select event_id from gongxin_seen where name = {self._mark}", self.name).fetchall()
        return {row[0] for row in found} & {event.event_id for event in events}

    def _run(self, statement: str, *values: object) -> Any:
        cursor = self.connection.cursor()
        cursor.execute(statement, values)
        return cursor


def is_lost(error: Refused) -> bool:
    """Whether our place in the feed is lost: snapshots are the way on."""
    return error.code in LOST
