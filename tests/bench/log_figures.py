"""Figures of the transparency log: appending and sequencing, a proof over HTTP, what a proof costs as the log grows."""

import statistics
import time
import uuid

from sqlalchemy import Engine, text

from gongxin import ids
from gongxin.db import transaction
from gongxin.transparency import proving, service
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime

from . import load
from .world import Registry, World

LEAVES_LARGE, LEAVES_SMALL = 1_000_000, 10_000
PORTION = 5_000
FLOOR = 20_000  # leaves a second, or half of COPY where that is lower
_ROWS = (
    "copy log_openings_raw (leaf_id, owner_id, salt, record) from stdin",
    "copy log_waiting_raw (leaf_id, kind, commitment) from stdin",
)


def grow(registry: Registry, size: int) -> list[uuid.UUID]:
    """A log of at least `size` leaves; the identifiers of what it holds, in order."""
    with transaction(registry.engine) as session:
        service.start(session, registry.config)
    while (held := _size(registry.engine)) < size:
        with transaction(registry.engine) as session:
            service.append_many(session, kind="case_event", records=_records(min(50_000, size - held)))
        while _sequence(registry):
            pass
    with registry.connect(owner=True) as connection:
        connection.execute("vacuum analyze log_leaves")
        found = connection.execute("select leaf_id from log_leaves order by leaf_index").fetchall()
    return [row[0] for row in found]


def _sequence(registry: Registry) -> int:
    with transaction(registry.engine) as session:
        return service.sequence(session, registry.config)


def _size(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select coalesce(max(size), 0) from log_checkpoints")).scalar_one())


def _records(count: int) -> list[dict[str, object]]:
    """As long as a case event's."""
    member, moment = str(ids.new_id()), "2026-11-24T02:00:00.000Z"
    return [
        {
            "asserted_by": member, "axis": "legal", "basis": None, "case_id": str(uuid.UUID(int=n)), "claimed": False,
            "court_case_number": "（2025）沪0115民初12345号", "effective_on": "2026-11-01", "event_id": f"{n:036d}",
            "recorded_at": moment, "source": "court", "status": "filed", "supersedes": None, "withdrawn": False,
        }
        for n in range(count)
    ]  # fmt: skip


def log_append(world: World) -> float:
    """Leaves a second, appended in bulk and sequenced, over what is demanded: the floor, or half of COPY of the same
    rows into the same two tables without the tree."""
    registry = Registry(world.host, "bench_log_append", 0)
    with transaction(registry.engine) as session:
        service.start(session, registry.config)
    while _sequence(registry):
        pass
    records, rates = _records(PORTION), []
    for _ in range(8):
        started = time.perf_counter()
        for _ in range(4):
            with transaction(registry.engine) as session:
                service.append_many(session, kind="case_event", records=records)
            _sequence(registry)
        rates.append(4 * PORTION / (time.perf_counter() - started))
    copied = _copy_rate(registry)
    registry.engine.dispose()
    rate = statistics.median(rates)
    print(f"… {rate:,.0f} leaves/s; COPY of the same rows {copied:,.0f}/s")
    return rate / min(FLOOR, copied / 2)


def _copy_rate(registry: Registry) -> float:
    with registry.connect(owner=True) as connection, connection.cursor() as cursor:
        cursor.execute("create table log_openings_raw (like log_openings including all)")
        cursor.execute("create table log_waiting_raw (like log_waiting including all)")
        openings = cursor.execute(
            "select * from log_openings where owner_id is null limit %s", (PORTION * 4,)
        ).fetchall()
        rates = []
        for _ in range(4):
            rows = [(ids.new_id(), row[1], row[2], row[3]) for row in openings]
            started = time.perf_counter()
            with cursor.copy(_ROWS[0]) as copy:
                for row in rows:
                    copy.write_row(row)
            with cursor.copy(_ROWS[1]) as copy:
                for row in rows:
                    copy.write_row((row[0], "case_event", row[2]))
            rates.append(len(rows) / (time.perf_counter() - started))
    return statistics.median(rates)


def log_proof(world: World) -> float:
    """Bare before and after, so that a machine that slows down meanwhile slows both."""
    registry = world.large
    held = grow(registry, LEAVES_LARGE)
    step = len(held) // 4000
    requests = [load.http("GET", f"/v1/log/proofs/{leaf}") for leaf in held[::step]]
    before = load.saturate(world.bare_port, requests, seconds=4, again=True).rate
    load.saturate(world.port, requests[:200], seconds=1, again=True)
    found = load.saturate(world.port, requests, seconds=8, again=True)
    if found.refused:
        raise RuntimeError(f"{found.refused} proofs were refused")
    after = load.saturate(world.bare_port, requests, seconds=4, again=True).rate
    print(f"… {found.rate:,.0f} proofs/s; bare {before:,.0f} and {after:,.0f}")
    return found.rate / statistics.mean((before, after))


def log_growth(world: World) -> float:
    """Seconds of a proof of a leaf not asked for before, in a log of a million leaves over the same in one of ten
    thousand, the two turn by turn; in a process that has served others, as one that serves has."""
    large, small = grow(world.large, LEAVES_LARGE), grow(world.small, LEAVES_SMALL)
    logs = [
        (_runtime(world.large), large[:: len(large) // 1000]),
        (_runtime(world.small), small[:: len(small) // 1000]),
    ]
    taken: list[list[float]] = [[], []]
    for at in range(1000):
        for which, (runtime, leaves) in enumerate(logs):
            taken[which].append(_seconds(runtime, leaves[at % len(leaves)]))
    return statistics.median(taken[0][100:]) / statistics.median(taken[1][100:])


def _seconds(runtime: Runtime, leaf: uuid.UUID) -> float:
    started = time.perf_counter()
    proving.inclusion(runtime, leaf)
    return time.perf_counter() - started


def _runtime(registry: Registry) -> Runtime:
    return Runtime(registry.config, registry.engine, RateLimiter(registry.config), lambda *_: None)  # type: ignore[arg-type, return-value]
