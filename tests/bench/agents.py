"""Figures of agents: everybody's grade in one pass of the database's."""

import resource
import statistics
import time
from datetime import date
from typing import Any

import orjson

from gongxin import clock
from gongxin.agents import grading, records
from gongxin.db import transaction

from .world import Registry, World

AGENTS = 100_000
ENTRIES = 200_000
RESIDENT_MB = 300
_SEVERITIES = "(array['S1','S2','S3'])[1 + n % 3]"


def fill(registry: Registry) -> None:
    """Agents of the agency, two entries each; straight into the tables, as their owner."""
    with registry.connect(owner=True) as connection:
        if connection.execute("select count(*) from agents").fetchone() != (0,):
            return
        connection.execute(
            "insert into agents (id, licence_no, state, agency_id, released, photo_sha256, adult_as_of, declared_on,"
            " education, valid_from, valid_until, version, created_at, changed_at)"
            " select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,"
            " 'GX' || lpad(n::text, 10, '0') || '0',"
            " 'granted', %s, false, sha256(n::text::bytea), '2026-01-01', '2026-01-01', 'college', '2026-01-01',"
            " '2027-12-31', 3, now(), now() from generate_series(1, %s) n",
            (registry.agency.member_id, AGENTS),
        )
        connection.execute(
            "insert into agent_records (id, agent_id, kind, severity, certainty, occurred_on, basis, withdrawn,"
            " recorded_by, recorded_at) select gen_random_uuid(),"
            " ('00000000-0000-7000-8000-' || lpad((1 + n % %s)::text, 12, '0'))::uuid, 'violation', "
            f"{_SEVERITIES}, 'proven', '2026-11-01'::date - n %% 900, 'bench', false, %s, '2026-11-02'"
            " from generate_series(1, %s) n".replace("1 + n % %s", "1 + n %% %s").replace("n % 3", "n %% 3"),
            (AGENTS, registry.agency.member_id, ENTRIES),
        )
        connection.execute("vacuum analyze agents")
        connection.execute("vacuum analyze agent_records")


def grade_recompute(world: World) -> float:
    """Rates: the same SQL read by hand over the product's, streamed; above 300 MB of memory it is naught."""
    registry = world.small
    fill(registry)
    day = clock.today_in_china()
    ours = [_streamed(registry, day) for _ in range(3)]
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 > RESIDENT_MB:
        return 0.0
    return statistics.median([_by_hand(registry, day) for _ in range(3)]) / statistics.median(ours)


def _streamed(registry: Registry, day: date) -> float:
    started = time.perf_counter()
    with transaction(registry.engine) as session:
        if sum(1 for _ in records.grades(session, day)) != AGENTS:
            raise RuntimeError("not everybody was graded")
    return time.perf_counter() - started


def _by_hand(registry: Registry, day: date) -> float:
    pack: dict[str, Any] = grading.pack(day)
    with registry.connect() as connection, connection.transaction():
        connection.execute("select set_config('gongxin.kind', 'registry', true)")
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("select * from agent_grades(%s, %s::jsonb)", (day, orjson.dumps(pack).decode()))
            cursor.fetchall()
        return time.perf_counter() - started
