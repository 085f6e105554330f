"""Figures of delivery: a feed with nothing new, catching up a million changes, what history costs, webhooks on time."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import orjson

from gongxin import clock
from gongxin.db import transaction
from gongxin.delivery import changes, endpoints, queries, service
from gongxin.web.caller import Caller

from . import load
from .world import ROOT, Party, Registry, World, public_jwk

TYPE, SCOPES = "agent.changed", ["agents.check", "changes.read", "webhooks.write"]
MANY, FEW = 1_000_000, 100_000
PAGE = 1000
_FILL = """
    with made as (
        insert into delivery_events (position, id, type, scope, object_id, body, placed_at)
        select n, gen_random_uuid(), 'agent.changed', 'agents.check', gen_random_uuid(),
            '{"position":' || n || ',"id":"' || gen_random_uuid() || '","type":"agent.changed","timestamp":'
            || '"2026-11-24T01:00:00.000Z","object_id":"' || gen_random_uuid()
            || '","data":{"agent_id":"' || gen_random_uuid() || '","state":"suspended","what":"state"}}', now()
        from generate_series(%s::bigint + 1, %s::bigint) n returning position
    )
    insert into delivery_audience (member_id, position, type, scope)
    select %s, position, 'agent.changed', 'agents.check' from made
"""


@cache
def _filled(host: str, size: int) -> tuple[Registry, Party]:
    """A registry with a feed of so many events, all of them one member's."""
    registry = Registry(host, f"bench_feed_{size}", 0)
    party = registry._member("bank", 3, SCOPES)
    with registry.connect(owner=True) as connection:
        for at in range(0, size, 100_000):
            connection.execute(_FILL, (at, min(size, at + 100_000), party.member_id))
        for table in ("delivery_events", "delivery_audience"):
            connection.execute(f"vacuum analyze {table}")
    return registry, party


def _proof(party: Party, method: str, url: str, token: str | None = None) -> str:
    claims: dict[str, Any] = {"jti": os.urandom(12).hex(), "htm": method, "htu": url, "iat": clock.epoch_seconds()}
    if token is not None:
        claims["ath"] = urlsafe_b64encode(sha256(token.encode()).digest()).decode().rstrip("=")
    header = {"typ": "dpop+jwt", "jwk": public_jwk(party.key)}
    return jwt.encode(claims, party.key, algorithm="ES256", headers=header)


def _requests(registry: Registry, party: Party, token: str, queries_: list[str]) -> list[bytes]:
    url = f"{registry.config.issuer}/v1/changes"
    return [
        load.http(
            "GET", f"/v1/changes?{query}", Authorization=f"DPoP {token}", DPoP=_proof(party, "GET", url, token)
        )
        for query in queries_
    ]  # fmt: skip


def _token(registry: Registry, party: Party, port: int) -> str:
    from .figures import _token_request

    with load.Connection(port) as connection:
        status = connection.ask(_token_request(registry, party, " ".join(SCOPES[:2]), None))
        if status != 200:
            raise RuntimeError(f"no token: {connection.body.decode()}")
        return str(json.loads(connection.body)["access_token"])


def feed_idle(world: World) -> float:
    """Asked from the head of a feed of 100,000, over a bare answer to the same requests."""
    registry, party = _filled(world.host, FEW)
    with world.serving(registry) as port:
        token, head = _token(registry, party, port), changes.cursor(FEW)
        requests = _requests(registry, party, token, [f"after={head}"] * 12_000)
        before = load.saturate(world.bare_port, requests[:400], seconds=3, again=True).rate
        load.saturate(port, requests[:1000], seconds=1)
        found = load.saturate(port, requests[1000:], seconds=5)
        if found.refused:
            raise RuntimeError(f"{found.refused} requests were refused")
        after = load.saturate(world.bare_port, requests[:400], seconds=3, again=True).rate
    print(f"… {found.rate:,.0f} idle answers/s; bare {before:,.0f} and {after:,.0f}/s")
    return found.rate / statistics.mean((before, after))


def feed_catch_up(world: World) -> float:
    """A million changes over HTTP, a thousand a page on one connection, over reading and writing them by hand."""
    registry, party = _filled(world.host, MANY)
    with world.serving(registry) as port:
        token = _token(registry, party, port)
        places = [changes.cursor(at) for at in range(0, MANY, PAGE)]
        wanted = _requests(registry, party, token, [f"after={place}&limit={PAGE}" for place in places])
        with load.Connection(port) as connection:
            began, got = time.perf_counter(), 0
            for request in wanted:
                if connection.ask(request) != 200:
                    raise RuntimeError(connection.body.decode())
                got += connection.body.count(b'"position":')
            taken = time.perf_counter() - began
    if got != MANY:
        raise RuntimeError(f"{got} changes of {MANY}")
    raw = _read_by_hand(registry, party)
    print(f"… {MANY / taken:,.0f} changes/s; by hand {MANY / raw:,.0f}/s")
    return raw / taken


def _read_by_hand(registry: Registry, party: Party) -> float:
    """Seconds of one statement over all of it, read through a cursor a thousand at a time, each thousand one JSON text.
    A page a statement made the database plan, and at this size choose badly, a thousand times."""
    statement = (
        "select e.position, e.id, e.type, e.object_id, e.placed_at, e.body from delivery_audience a"
        " join delivery_events e on e.position = a.position where a.member_id = %s order by a.position"
    )
    with registry.connect(owner=True) as connection, connection.transaction(), connection.cursor("all") as cursor:
        began, got = time.perf_counter(), 0
        cursor.execute(statement, (party.member_id,))
        while rows := cursor.fetchmany(PAGE):
            got += len(rows)
            orjson.dumps(
                [
                    {"position": row[0], "id": row[1], "type": row[2], "object_id": row[3], "at": row[4],
                     "event": orjson.Fragment(row[5])}
                    for row in rows
                ]
            )  # fmt: skip
        taken = time.perf_counter() - began
    if got != MANY:
        raise RuntimeError(f"{got} changes of {MANY} by hand")
    return taken


def feed_growth(world: World) -> float:
    """A delta of a hundred at the end of a million, over one at the end of 100,000; turn by turn."""
    pairs = [_filled(world.host, size) for size in (FEW, MANY)]
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(600):
        for (registry, party), size, times in zip(pairs, (FEW, MANY), taken, strict=True):
            began = time.perf_counter()
            queries.changes(registry.engine, party.member_id, size - 100, [TYPE], ["agents.check"], 500)
            if turn >= 100:
                times.append(time.perf_counter() - began)
    return statistics.median(taken[1]) / statistics.median(taken[0])


# --- webhooks ---------------------------------------------------------------------------------------------------------

ENDPOINTS, RATE, SECONDS = 50, 200, 15


def webhook_p50(world: World) -> float:
    """Seconds from the emit's commit until an endpoint has the event: the median over 200 a second to 50 endpoints of
    which one hangs."""
    registry = Registry(world.host, "bench_hooks", 0)
    parties = [registry._member("bank", 10 + n, SCOPES) for n in range(ENDPOINTS)]
    with _receiver() as (port, late):
        for n, party in enumerate(parties):
            caller = Caller(party.member_id, "bank", party.client_id, frozenset(SCOPES))
            with transaction(registry.engine, party.member_id, "bank") as session:
                config = _opened(registry)
                url = f"http://127.0.0.1:{port}/{'hang' if n == 0 else n}"
                endpoints.register(session, config, caller=caller, url=url, types=[TYPE])
        with _worker(registry):
            _all_active(registry)
            start = time.time() + 0.5  # both processes read the same clock
            for n in range(RATE * SECONDS):
                time.sleep(max(0.0, start + n / RATE - time.time()))
                with transaction(registry.engine) as session:
                    service.emit(
                        session, type=TYPE, object_id=uuid.UUID(int=n % 1000), data={"what": f"{time.time():.6f}"},
                        to=[parties[n % ENDPOINTS].member_id],
                    )  # fmt: skip
            time.sleep(5)
        taken = sorted(late())
    wanted = RATE * SECONDS * (ENDPOINTS - 1) // ENDPOINTS
    if len(taken) < wanted:
        raise RuntimeError(f"{len(taken)} calls of {wanted}")
    print(f"… p50 {statistics.median(taken):.3f} s, p99 {taken[int(len(taken) * 0.99)]:.3f} s, {len(taken)} calls")
    return statistics.median(taken)


def _opened(registry: Registry) -> Any:
    from dataclasses import replace

    return replace(registry.config, delivery_networks=("127.0.0.0/8",))


def _all_active(registry: Registry) -> None:
    for _ in range(600):
        with transaction(registry.engine) as session:
            if queries.figures(session, clock.now()).endpoints == ENDPOINTS:
                return
        time.sleep(0.1)
    raise RuntimeError("the endpoints were not verified")


@contextlib.contextmanager
def _worker(registry: Registry) -> Iterator[None]:
    with open(ROOT / "var" / "bench.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gongxin.cli", "worker"],
            cwd=ROOT,
            env=os.environ
            | {
                "PYTHONPATH": "platform:admin:.",
                "GONGXIN_DATABASE_URL": registry.web_url.replace("+psycopg", ""),
                "GONGXIN_MIGRATION_DATABASE_URL": registry.owner_url.replace("+psycopg", ""),
                "GONGXIN_DELIVERY_NETWORKS": "127.0.0.0/8",
            },
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait(30)


@contextlib.contextmanager
def _receiver() -> Iterator[tuple[int, Any]]:
    """Fifty endpoints in this process; how late each event was."""
    late: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = b"{}"
            if body["type"] == "endpoint.verify":
                said = json.dumps(body["data"]).encode()
            elif self.path == "/hang":
                time.sleep(60)
            else:
                late.append(time.time() - float(body["data"]["what"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], lambda: list(late)
    finally:
        server.shutdown()
        server.server_close()
