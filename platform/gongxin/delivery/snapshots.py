"""Snapshots: the state a newcomer starts from, and the cursor that joins on without a gap.

The cursor is read before the first row: what changed before it is in the rows, what changes after it is in the feed,
and what falls between is in both. Rows are read a portion at a time, each in a transaction of its own, so that memory
is bounded and no transaction lasts as long as a slow reader. The last line says how many there were: without it the
snapshot broke off.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from gongxin.db import transaction
from gongxin.errors import Forbidden, NotFound, TooMany
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime

from . import changes, queries

PORTION = 1000
Portion = Sequence[tuple[uuid.UUID, dict[str, Any]]]
# (session, caller, after, limit) → up to `limit` objects of this caller's in the order of their ids, after `after`.
Provider = Callable[[Session, Caller, uuid.UUID | None, int], Portion]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A type of object that can be had whole. `scope`: what a token must carry besides changes.read."""

    name: str
    scope: str
    zh: str
    en: str
    provider: Provider


SNAPSHOTS: dict[str, Snapshot] = {}


def register(name: str, *, scope: str, zh: str, en: str, provider: Provider) -> None:
    """A part tells how its objects are had whole; called as it is imported. The session that the provider gets acts
    for the caller: row-level security holds."""
    SNAPSHOTS[name] = Snapshot(name, scope, zh, en, provider)


def get_snapshot(name: str, caller: Caller) -> Snapshot:
    """Raises NotFound, and Forbidden without its scope."""
    found = SNAPSHOTS.get(name)
    if found is None:
        raise NotFound(
            "snapshot_not_found",
            zh="没有这种快照",
            en="There is no such snapshot",
            fix_zh="GET /v1/snapshots 列出全部快照。",
            fix_en="GET /v1/snapshots lists every snapshot.",
        )
    if found.scope not in caller.scopes:
        raise Forbidden(
            "snapshot_needs_scope",
            zh="令牌缺少读取该快照的范围",
            en="The token lacks the scope that reads this snapshot",
            fix_zh=f"申请带有 {found.scope} 的令牌。",
            fix_en=f"Ask for a token with {found.scope}.",
            extra={"scope": found.scope},
        )
    return found


def stream(runtime: Runtime, caller: Caller, snapshot: Snapshot) -> tuple[Iterator[bytes], Callable[[], None]]:
    """NDJSON in portions, and what gives the place back when it is read or given up. Raises TooMany where others wait
    or stream already."""
    places = changes.waiters(runtime)
    if not places.acquire(blocking=False):
        raise TooMany(
            "snapshots_busy",
            zh="其他快照正在传送",
            en="Other snapshots are being sent",
            retry_after=5,
        )
    close = _once(places.release)
    return _closing(_lines(runtime, caller, snapshot), close), close


def _once(act: Callable[[], object]) -> Callable[[], None]:
    """Read to its end, given up, or never begun: the place is given back once."""
    left = [act]

    def close() -> None:
        if left:
            left.pop()()

    return close


def _closing(lines: Iterator[bytes], close: Callable[[], None]) -> Iterator[bytes]:
    try:
        yield from lines
    finally:
        close()


def _lines(runtime: Runtime, caller: Caller, snapshot: Snapshot) -> Iterator[bytes]:
    head = queries.head(runtime.engine)
    yield changes.as_json([{"snapshot": snapshot.name, "cursor": changes.cursor(head), "position": head}])
    after, count = None, 0
    while True:
        with transaction(runtime.engine, caller.member_id, caller.kind) as session:
            portion = snapshot.provider(session, caller, after, PORTION)
        if portion:
            yield changes.as_json([{"object_id": str(key), "data": row} for key, row in portion])
            after, count = portion[-1][0], count + len(portion)
        if len(portion) < PORTION:
            break
    yield changes.as_json([{"end": True, "count": count}])
