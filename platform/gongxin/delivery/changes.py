"""The change feed as a member reads it: from a cursor, and where it wishes waiting for what comes next."""

import threading
import uuid
from collections.abc import Iterable
from typing import Any

import orjson

from gongxin import clock
from gongxin.errors import Conflict, Invalid
from gongxin.web.blueprint import Call
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u, unb64u

from . import queries
from .types import TYPES

LATEST = "latest"
MOST_POSITION = 2**53
# Of a process's four threads: those that wait must leave some to those that ask.
WAITERS = 2
LOOK_SECONDS = 0.25


def page(
    call: Call, member_id: uuid.UUID, *, after: str | None, types: str | None, limit: int, wait: int
) -> tuple[bytes, str]:
    """`{"items": […], "next_cursor": …, "more": …}`, in one statement, which admits the caller too; and a tag for it
    where nothing is new. Waits up to `wait` seconds while there is nothing, unless too many wait already: then it
    answers at once. No transaction is open meanwhile."""
    runtime, scopes = call.runtime, sorted(call.caller.scopes)
    position = MOST_POSITION if after == LATEST else _position(after)
    wanted = wanted_types(types)
    if after == LATEST:
        call.settle_admission()
        return _written(b"%d" % queries.head(runtime.engine), b"f", b"[]")
    until = clock.monotonic() + wait
    held = wait > 0 and waiters(runtime).acquire(blocking=False)
    try:
        while True:
            admission = call.take_admission()
            if admission is None:
                said = queries.changes(runtime.engine, member_id, position, wanted, scopes, limit)
            else:
                said = queries.admitted_changes(
                    runtime.engine, admission, member_id, position, wanted, scopes, limit
                )  # fmt: skip
            following, more, items = _read(said)
            left = until - clock.monotonic()
            if items != b"[]" or not held or left <= 0:
                return _written(following, more, items)
            position = int(following)
            threading.Event().wait(min(LOOK_SECONDS, left))
    finally:
        if held:
            waiters(runtime).release()


def waiters(runtime: Runtime) -> threading.BoundedSemaphore:
    """What bounds how many of this process's threads wait or stream."""
    found: threading.BoundedSemaphore = runtime.caches.setdefault(
        "delivery_waiters", threading.BoundedSemaphore(WAITERS)
    )
    return found


def cursor(position: int) -> str:
    """Opaque outside: where a reader stands."""
    return b64u(b"1|%d" % position)


def _position(given: str | None) -> int:
    if given is None:
        return 0
    try:
        version, _, number = unb64u(given).partition(b"|")
        found = int(number) if number.isdigit() and len(number) <= 16 else -1
    except ValueError:
        version, found = b"", -1
    if version != b"1" or not 0 <= found < MOST_POSITION:
        raise Invalid(
            "bad_cursor",
            zh="分页游标无效",
            en="The cursor is not one of ours",
            fix_zh="请原样使用上一页返回的 next_cursor。",
            fix_en="Use next_cursor of the page before, unchanged.",
            pointer="/after",
        )
    return found


def wanted_types(given: str | None) -> list[str]:
    """All that there are, or those named; erasures come in any case. Raises Invalid at /types."""
    if given is None:
        return sorted(TYPES)
    names = given.split(",")
    if not TYPES.keys() >= set(names):
        raise Invalid(
            "unknown_type",
            zh="没有这种事件",
            en="There is no such type of event",
            fix_zh="GET /v1/changes/types 列出全部事件类型；擦除事件总会送达。",
            fix_en="GET /v1/changes/types lists every type; erasures always come.",
            pointer="/types",
        )
    return sorted(set(names))


def _read(said: bytes) -> tuple[bytes, bytes, bytes]:
    if said == b"gone":
        raise Conflict(
            "cursor_gone",
            zh="游标过旧，其后的事件已不再保存",
            en="The cursor is too old: events after it are no longer kept",
            fix_zh="取快照 /v1/snapshots/{type}，再从其游标继续。",
            fix_en="Take the snapshots /v1/snapshots/{type}, then go on from their cursor.",
        )
    if said == b"unknown":
        raise Conflict(
            "cursor_unknown",
            zh="游标超前于本登记处的事件",
            en="The cursor is ahead of this registry's events",
            fix_zh="登记处可能自备份恢复：取快照后从其游标继续。",
            fix_en="The registry may have been restored from a backup: take snapshots, go on from their cursor.",
        )
    following, more, items = said.split(b" ", 2)
    return following, more, items


def _written(following: bytes, more: bytes, items: bytes) -> tuple[bytes, str]:
    """The answer, and its tag where it holds no event: then the cursor is all that it says."""
    stands = b64u(b"1|" + following)
    raw = b'{"items":%s,"next_cursor":"%s","more":%s}' % (
        items,
        stands.encode(),
        b"true" if more == b"t" else b"false",
    )
    return raw, f'"{stands}"' if items == b"[]" else ""


def as_json(rows: Iterable[dict[str, Any]]) -> bytes:
    """A line of NDJSON for each."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_UTC_Z) + b"\n" for row in rows)
