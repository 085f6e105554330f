"""Figures of checks among a million agents: one over HTTP to a bare answer, a thousand in one call to raw SQL."""

import json
import statistics
import time
import uuid
from typing import Any

from gongxin.subjects import service as subjects
from gongxin.subjects.rules import decode_token
from gongxin_wire.licences import check_character

from . import load
from .world import Registry, World

AGENTS, BATCH, ROUNDS, SECONDS = 1_000_000, 1_000, 12, 8.0
_ID = "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid"


def number(n: int) -> str:
    """The licence number of the n-th agent; its last digit makes the check character one that is issued."""
    for last in "01":
        body = f"GX{n:09d}{last}"
        if (check := check_character(body)) != "*":
            return body + check
    raise AssertionError


def agent_id(n: int) -> uuid.UUID:
    return uuid.UUID(f"00000000-0000-7000-8000-{n:012d}")


def fill(registry: Registry) -> None:
    """Licensed people with a certificate and a key each, every tenth with an entry; straight into the tables."""
    with registry.connect(owner=True) as connection, connection.cursor() as cursor:
        if cursor.execute("select count(*) from agents").fetchone() != (0,):
            return
        tables = ("agents", "agent_keys", "examinations", "certificates", "agent_records")
        for table in tables:
            cursor.execute(f"alter table {table} disable trigger user")
        columns = "id, licence_no, state, agency_id, released, photo_sha256, adult_as_of, declared_on, education,"
        columns += " valid_from, valid_until, version, created_at, changed_at"
        rest = ("granted", registry.agency.member_id, False, bytes(32), "2026-01-01", "2026-01-01", "college",
                "2026-01-01", "2027-12-31", 3, "2026-01-01T00:00Z", "2026-01-01T00:00Z")  # fmt: skip
        with cursor.copy(f"copy agents ({columns}) from stdin") as copy:
            for n in range(AGENTS):
                copy.write_row((agent_id(n), number(n), *rest))
        with cursor.copy("copy agent_keys (agent_id, epoch, subject_key) from stdin (format binary)") as copy:
            copy.set_types(["uuid", "int4", "bytea"])
            for n in range(AGENTS):
                copy.write_row((agent_id(n), 1, _key(registry, n)))
        series = f"generate_series(0, {AGENTS - 1}) n"
        cursor.execute(
            "insert into examinations (id, agent_id, level, sat_on, score, pass_mark, examiner_id, examiner_ref,"
            f" recorded_at) select {_ID}, {_ID}, 'basic', '2026-01-01', 90, 60, %s, 'K-07', now() from {series}",
            (registry.bank.member_id,),
        )
        cursor.execute(
            "insert into certificates (id, agent_id, level, examination_id, issued_on, valid_until, rules_version,"
            f" issued_at) select {_ID}, {_ID}, 'basic', {_ID}, '2026-01-01', '2028-12-31', 1, now() from {series}"
        )
        cursor.execute(
            "insert into agent_records (id, agent_id, kind, severity, certainty, occurred_on, basis, withdrawn,"
            f" recorded_by, recorded_at) select {_ID}, {_ID}, 'violation', 'S3', 'proven', '2026-08-01', 'bench',"
            f" false, %s, '2026-08-02' from {series} where n %% 10 = 0",
            (registry.agency.member_id,),
        )
        for table in tables:
            cursor.execute(f"alter table {table} enable trigger user")
            cursor.execute(f"vacuum analyze {table}")


def _key(registry: Registry, n: int) -> bytes:
    return subjects.subject_key(registry.config, "agent", 1, decode_token(registry.token_text(n)))


def _item(registry: Registry, n: int) -> dict[str, Any]:
    """By licence number and by blind token in turns."""
    if n % 2:
        return {"subject": [{"epoch": 1, "token": registry.token_text(n)}]}
    return {"licence": number(n)}


def _requests(world: World, batches: list[list[int]]) -> list[bytes]:
    from .figures import _authorised, _token

    registry = world.large
    fill(registry)
    token = _token(world, registry, registry.bank, "agents.check")
    return [
        _authorised(
            registry, registry.bank, token, "/v1/agents/checks",
            json.dumps({"purpose": "placement", "items": [_item(registry, n) for n in batch]}).encode(),
        )
        for batch in batches
    ]  # fmt: skip


def _singles(world: World, count: int) -> list[bytes]:
    step = AGENTS // count | 1
    return _requests(world, [[n * step % AGENTS] for n in range(count)])


def agent_check(world: World) -> float:
    """Bare before and after, so that a machine that slows down meanwhile slows both."""
    from .figures import _all_answered, _bare

    before = _bare(world, _singles(world, 400))
    load.saturate(world.port, _singles(world, 400), seconds=2)
    requests = _singles(world, int(before * SECONDS / 3))
    rate = _all_answered(load.saturate(world.port, requests, seconds=SECONDS))
    return rate / statistics.mean((before, _bare(world, requests[:400])))


def agent_check_batch(world: World) -> float:
    batches = [list(range(r * BATCH * 7, (r + 1) * BATCH * 7, 7)) for r in range(ROUNDS)]
    taken = []
    with load.Connection(world.port) as connection:
        for request in _requests(world, batches):
            started = time.perf_counter()
            if connection.ask(request) != 200 or connection.body.count(b'"found":true') != BATCH:
                raise RuntimeError(connection.body[:500].decode())
            taken.append(time.perf_counter() - started)
    return _raw(world.large) / statistics.median(taken)


# What a check tells, by one statement that an engineer in a hurry for speed would write; nothing recorded or signed.
_RAW = """
    select a.licence_no, a.state, a.valid_from, a.valid_until, a.agency_id, m.name_zh, m.name_en, m.state,
        (select array_agg((c.level, c.issued_on, c.valid_until)::text) from certificates c where c.agent_id = a.id),
        (select array_agg((r.severity, r.certainty, r.occurred_on)::text) from agent_records r where r.agent_id = a.id),
        (select max(l.level) from blacklist_listings l where l.agent_id = a.id and l.state = 'in_force')
    from (
        select a.* from unnest(%s::text[]) as q(number) join agents a on a.licence_no = q.number
        union all
        select a.* from unnest(%s::bytea[]) as q(key)
        join agent_keys k on k.epoch = 1 and k.subject_key = q.key join agents a on a.id = k.agent_id
    ) a join members m on m.id = a.agency_id
"""


def _raw(registry: Registry) -> float:
    taken = []
    with registry.connect(owner=True) as connection:
        connection.prepare_threshold = 0
        for r in range(ROUNDS):
            people = range(r * BATCH * 7 + 3, (r + 1) * BATCH * 7 + 3, 7)
            numbers = [number(n) for n in people if n % 2 == 0]
            keys = [_key(registry, n) for n in people if n % 2]
            started = time.perf_counter()
            if len(connection.execute(_RAW, [numbers, keys]).fetchall()) != BATCH:
                raise RuntimeError("the raw form did not find everybody")
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)
