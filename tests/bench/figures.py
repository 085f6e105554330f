"""The figures. Each returns a ratio; its bound is the least (or, where marked, the most) it may be."""

import hashlib
import json
import os
import statistics
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from gongxin import clock, ids
from gongxin.disclosure import queries as disclosure
from gongxin_wire.voprf import oprf
from gongxin_wire.voprf.group import random_scalar
from gongxin_wire.voprf.sodium import provider

from . import (
    agent_checks,
    agents,
    badging,
    contracts,
    delivery,
    documents,
    hashing,
    importing,
    ledger,
    load,
    log_figures,
    screening,
)
from .world import LARGE, Party, Registry, World, public_jwk

SECONDS = 8.0
BATCH = 1000
BULK = 10_000


@dataclass(frozen=True)
class Figure:
    """`bound` is a lower one unless `at_most`."""

    name: str
    what: str
    bound: float
    run: Callable[[World], float]
    at_most: bool = False

    def holds(self, ratio: float) -> bool:
        return ratio <= self.bound if self.at_most else ratio >= self.bound


# --- tokens and proofs ----------------------------------------------------------------------------------------------


def _proof(party: Party, url: str, token: str | None = None) -> str:
    claims: dict[str, Any] = {"jti": os.urandom(12).hex(), "htm": "POST", "htu": url, "iat": clock.epoch_seconds()}
    if token is not None:
        claims["ath"] = urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
    header = {"typ": "dpop+jwt", "jwk": public_jwk(party.key)}
    return jwt.encode(claims, party.key, algorithm="ES256", headers=header)


def _token_request(registry: Registry, party: Party, scope: str, purpose: str | None) -> bytes:
    now, issuer = clock.epoch_seconds(), registry.config.issuer
    assertion = jwt.encode(
        {
            "iss": str(party.client_id),
            "sub": str(party.client_id),
            "aud": issuer,
            "iat": now,
            "exp": now + 120,
            "jti": os.urandom(12).hex(),
        },
        party.key,
        algorithm="ES256",
        headers={"kid": party.kid},
    )
    form = (
        f"grant_type=client_credentials&scope={scope.replace(' ', '+')}&client_id={party.client_id}"
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        f"&client_assertion={assertion}"
    )
    if purpose is not None:
        detail = f'[{{"type":"gongxin_lookup","purpose":"{purpose}","data_types":["case_status"]}}]'
        form += "&authorization_details=" + "".join(f"%{octet:02X}" for octet in detail.encode())
    return load.http(
        "POST",
        "/oauth/token",
        form.encode(),
        Content_Type="application/x-www-form-urlencoded",
        DPoP=_proof(party, f"{issuer}/oauth/token"),
    )


def _token(world: World, registry: Registry, party: Party, scope: str, purpose: str | None = None) -> str:
    with load.Connection(world.port) as connection:
        status = connection.ask(_token_request(registry, party, scope, purpose))
        if status != 200:
            raise RuntimeError(f"no token: {connection.body.decode()}")
        return str(json.loads(connection.body)["access_token"])


def _authorised(
    registry: Registry, party: Party, token: str, path: str, body: bytes, kind: str = "application/json", **more: str
) -> bytes:
    proof = _proof(party, f"{registry.config.issuer}{path}", token)
    return load.http("POST", path, body, Content_Type=kind, Authorization=f"DPoP {token}", DPoP=proof, **more)


def _bare(world: World, requests: Sequence[bytes]) -> float:
    return load.saturate(world.bare_port, requests, seconds=SECONDS / 2, again=True).rate


def _all_answered(found: load.Load) -> float:
    if found.refused:
        raise RuntimeError(f"{found.refused} requests were refused")
    return found.rate


# --- over HTTP ------------------------------------------------------------------------------------------------------


def lookups(world: World, count: int) -> list[bytes]:
    registry = world.large
    token = _token(world, registry, registry.agency, "lookups", "contact")
    step = LARGE // count
    return [
        _authorised(
            registry,
            registry.agency,
            token,
            "/v1/lookups",
            json.dumps(
                {
                    "purpose": "contact",
                    "subject": [{"epoch": 1, "token": registry.token_text(n * step)}],
                    "ground": {"case_id": str(registry.case_id(n * step))},
                }
            ).encode(),
        )
        for n in range(count)
    ]


def lookup_one(world: World) -> float:
    """Bare before and after, so that a machine that slows down meanwhile slows both."""
    before = _bare(world, lookups(world, 400))
    load.saturate(world.port, lookups(world, 400), seconds=2)
    requests = lookups(world, int(before * SECONDS / 3))
    rate = _all_answered(load.saturate(world.port, requests, seconds=SECONDS))
    return rate / statistics.mean((before, _bare(world, requests[:400])))


def lookup_tail(world: World) -> float:
    rate = _all_answered(load.saturate(world.port, lookups(world, 6000), seconds=4)) / 2
    taken = sorted(load.paced(world.port, lookups(world, int(rate * SECONDS)), rate=rate))
    return taken[int(len(taken) * 0.99)] / statistics.median(taken)


def lookup_even(world: World) -> float:
    """Questions without a ground, in turns: about a debtor with another member's case, and about nobody. The slower
    median over the quicker."""
    registry, count = world.large, 1200
    token = _token(world, registry, registry.agency, "lookups", "contact")
    taken: tuple[list[float], list[float]] = ([], [])
    with load.Connection(world.port) as connection:
        for n in range(2 * count):
            somebody = n % 2 == 0
            body = {
                "purpose": "contact",
                "subject": [{"epoch": 1, "token": registry.token_text(n if somebody else 10 * LARGE + n)}],
                "ground": {"case_id": str(registry.case_id(n + 1 if somebody else 10 * LARGE + n))},
            }
            request = _authorised(registry, registry.agency, token, "/v1/lookups", json.dumps(body).encode())
            started = time.perf_counter()
            if connection.ask(request) != 200 or b'"no_ground"' not in connection.body:
                raise RuntimeError(connection.body.decode())
            taken[n % 2].append(time.perf_counter() - started)
    medians = [statistics.median(some[100:]) for some in taken]
    return max(medians) / min(medians)


def lookup_batch(world: World) -> float:
    registry, rounds = world.large, 12
    token = _token(world, registry, registry.agency, "lookups", "contact")
    requests = []
    for start in range(rounds):
        numbers = range(start * BATCH * 7, (start + 1) * BATCH * 7, 7)
        items = [
            {
                "subject": [{"epoch": 1, "token": registry.token_text(n)}],
                "ground": {"case_id": str(registry.case_id(n))},
            }
            for n in numbers
        ]
        body = json.dumps({"purpose": "contact", "items": items}).encode()
        requests.append(_authorised(registry, registry.agency, token, "/v1/lookups/batch", body))
    asked = []
    with load.Connection(world.port) as connection:
        for request in requests:
            started = time.perf_counter()
            if connection.ask(request) != 200:
                raise RuntimeError(connection.body.decode())
            asked.append(time.perf_counter() - started)
    return _raw_batch(registry, rounds) / statistics.median(asked)


def _raw_batch(registry: Registry, rounds: int) -> float:
    """Seconds of the fastest raw form: the keys as one JSON array of hexadecimal texts, joined."""
    statement = (
        "select c.stop_mask, c.legal_class from jsonb_array_elements_text(%s::jsonb) as t(key)"
        " join case_keys k on k.subject_key = decode(t.key, 'hex') join cases c on c.id = k.case_id"
    )
    taken = []
    with registry.connect(owner=True) as connection:
        connection.prepare_threshold = 0
        for start in range(rounds):
            keys = [registry.subject_key(n).hex() for n in range(start * BATCH * 7 + 3, (start + 1) * BATCH * 7 + 3, 7)]
            text = json.dumps(keys)
            started = time.perf_counter()
            if len(connection.execute(statement, [text]).fetchall()) != BATCH:
                raise RuntimeError("the raw form did not find every subject")
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def token(world: World) -> float:
    def requests(count: int) -> list[bytes]:
        return [_token_request(world.large, world.large.agency, "lookups", "contact") for _ in range(count)]

    bare = _bare(world, requests(100))
    return _all_answered(load.saturate(world.port, requests(int(bare * SECONDS / 6)), seconds=SECONDS)) / bare


def register_bulk(world: World) -> float:
    registry, rounds = world.large, 3
    bearer = _token(world, registry, registry.bank, "cases.write")
    rates = []
    with load.Connection(world.port) as connection:
        for start in range(rounds):
            lines = b"\n".join(
                json.dumps(
                    {
                        "creditor_ref": f"B{start}-{n}",
                        "subject": [{"epoch": 1, "token": registry.token_text(LARGE + start * BULK + n)}],
                        "opened_on": "2026-03-01",
                    }
                ).encode()
                for n in range(BULK)
            )
            request = _authorised(
                registry, registry.bank, bearer, "/v1/cases/bulk", lines, "application/x-ndjson",
                Idempotency_Key=str(ids.new_id()),
            )  # fmt: skip
            started = time.perf_counter()
            if connection.ask(request) != 200 or connection.body.count(b'"created"') != BULK:
                raise RuntimeError(connection.body[:500].decode())
            rates.append(BULK / (time.perf_counter() - started))
    return statistics.median(rates) / _copy_rate(registry, rounds)


def _copy_rate(registry: Registry, rounds: int) -> float:
    """Rows a second of COPY of the same rows, into the same two tables, committed."""
    rates = []
    with registry.connect(owner=True) as connection, connection.cursor() as cursor:
        for start in range(rounds):
            first = LARGE + (rounds + start) * BULK
            keys = [(registry.case_id(first + n), 1, registry.subject_key(first + n)) for n in range(BULK)]
            started = time.perf_counter()
            with connection.transaction():
                columns = "id, creditor_id, creditor_ref, placement, opened_on"
                with cursor.copy(f"copy cases ({columns}) from stdin") as copy:
                    for n in range(BULK):
                        copy.write_row((keys[n][0], registry.bank.member_id, f"C{start}-{n}", "draft", "2026-03-01"))
                with cursor.copy("copy case_keys (case_id, epoch, subject_key) from stdin (format binary)") as copy:
                    copy.set_types(["uuid", "int4", "bytea"])
                    for row in keys:
                        copy.write_row(row)
            rates.append(BULK / (time.perf_counter() - started))
    return statistics.median(rates)


# --- in the process -------------------------------------------------------------------------------------------------


def lookup_growth(world: World) -> float:
    return _ask_seconds(world.large) / _ask_seconds(world.small)


def _ask_seconds(registry: Registry) -> float:
    """Seconds of finding and recording one answer, the part that could grow: the median over subjects far apart."""
    taken = []
    count, warm = 2000, 300
    step = max(1, registry.count // count)
    for n in range(count):
        number = n * step % registry.count
        now = clock.now()
        parameters = (
            ids.new_id(), now, now, registry.agency.member_id, registry.agency.client_id, "contact",
            json.dumps([str(registry.case_id(number))]), registry.subject_key(number), 1, [], None, '["result"]', 1,
            os.urandom(32), bytes(32),
        )  # fmt: skip
        started = time.perf_counter()
        if disclosure.ask(registry.engine, parameters) == [0]:
            raise RuntimeError("a ground was not found")
        if n >= warm:
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def oprf_evaluate(_world: World) -> float:
    secret, _ = oprf.generate_key_pair()
    group = provider().group
    elements = [blinded.element for blinded in oprf.blind([str(n).encode() for n in range(BATCH)])]
    scalar = random_scalar()
    bare, ours = [], []
    for _ in range(7):
        started = time.perf_counter()
        group.multiply_each(scalar, elements)
        bare.append(time.perf_counter() - started)
        started = time.perf_counter()
        oprf.evaluate(secret, elements)
        ours.append(time.perf_counter() - started)
    return min(bare) / min(ours)


# --- memory ---------------------------------------------------------------------------------------------------------

RESIDENT_MB = 300


def import_rss(world: World) -> float:
    """The larger of both sides' peak resident memory, as a share of 300 MB."""
    return max(importing.peaks(world, 100_000)) / RESIDENT_MB


def evidence_hash(world: World) -> float:
    """`evidence add` hashes and counts; without SM3, which is computed on demand."""
    return hashing.ratio(world.data_dir / "hashing")


FIGURES = (
    Figure("lookup_one", "one look-up over HTTP / a bare WSGI answer, requests a second", 0.10, lookup_one),
    Figure("lookup_tail", "p99 / p50 of a look-up at half load", 8, lookup_tail, at_most=True),
    Figure(
        "lookup_even",
        "a question without ground about a debtor / about nobody, the slower over the quicker",
        1.1,
        lookup_even,
        at_most=True,
    ),
    Figure(
        "lookup_batch", "a 1,000-token look-up over HTTP / the fastest raw SQL, tokens a second", 0.35, lookup_batch
    ),
    Figure("register_bulk", "cases registered in bulk over HTTP / COPY, rows a second", 0.15, register_bulk),
    Figure(
        "import_rss", "peak memory of an import of 100,000 cases, either side / 300 MB", 1, import_rss, at_most=True
    ),
    Figure("lookup_growth", "cost of a look-up at 1,000,000 subjects / at 10,000", 1.3, lookup_growth, at_most=True),
    Figure("oprf_evaluate", "blind evaluation / bare scalar multiplication by the same library", 0.8, oprf_evaluate),
    Figure(
        "log_append",
        "leaves a second, in bulk and sequenced / 20,000, or half of COPY of the same rows where that is lower",
        1,
        log_figures.log_append,
    ),
    Figure(
        "log_proof",
        "an inclusion proof over HTTP in a log of 1,000,000 / a bare WSGI answer",
        0.25,
        log_figures.log_proof,
    ),
    Figure("log_growth", "cost of a proof at 1,000,000 leaves / at 10,000", 1.5, log_figures.log_growth, at_most=True),
    Figure(
        "screen_batch",
        "10,000 people screened against 100,000 entries of 1,000,000 agents / the best raw SQL join",
        0.3,
        screening.screen_batch,
    ),
    Figure("feed_idle", "a feed with nothing new over HTTP / a bare WSGI answer", 0.2, delivery.feed_idle),
    Figure(
        "feed_catch_up",
        "1,000,000 changes over HTTP / raw SQL read and JSON, changes a second",
        0.3,
        delivery.feed_catch_up,
    ),
    Figure("feed_growth", "cost of a delta at 1,000,000 changes / at 100,000", 1.2, delivery.feed_growth, at_most=True),
    Figure(
        "webhook_p50",
        "seconds from commit to endpoint, median, 200 events/s to 50 endpoints, one hanging",
        1,
        delivery.webhook_p50,
        at_most=True,
    ),
    Figure("evidence_hash", "files hashed by `evidence add` / by sha256sum, bytes a second", 0.8, evidence_hash),
    Figure("entry_full", "an entry in four commits / pgbench's TPC-B-like, a second", 0.25, ledger.entry_full),
    Figure("entry_post", "entries posted, a commit each / pgbench's TPC-B-like, a second", 0.5, ledger.entry_post),
    Figure("entry_bulk", "a levy run of 10,000 members / raw SQL of the same statements", 0.5, ledger.entry_bulk),
    Figure("entry_vs_hordak", "entries a second / django-hordak's transactions", 1.0, ledger.entry_vs_hordak),
    Figure(
        "balance_growth",
        "a balance, now and as of, at 1,000,000 entries / at 10,000",
        1.2,
        ledger.balance_growth,
        at_most=True,
    ),
    Figure("fund_audit", "1,000,000 postings audited / read by raw SQL", 0.3, ledger.fund_audit),
    Figure("cap_verdict", "a cap verdict / 25 bare look-ups and comparisons", 0.3, contracts.cap_verdict),
    Figure("cap_recheck", "1,000,000 contracts rechecked / the same set-based SQL", 0.3, contracts.cap_recheck),
    Figure("pdf", "one contract as PDF / `typst compile` of a blank page", 8, documents.pdf, at_most=True),
    Figure("commission_bulk", "100,000 commissions / the same arithmetic in SQL", 0.3, contracts.commission_bulk),
    Figure("token", "token requests with private_key_jwt and DPoP / a bare WSGI answer", 0.06, token),
    Figure(
        "agent_check",
        "one check of an agent over HTTP, among 1,000,000 / a bare WSGI answer, requests a second",
        0.10,
        agent_checks.agent_check,
    ),
    Figure(
        "agent_check_batch",
        "1,000 agents checked in one call over HTTP / the best raw SQL",
        0.3,
        agent_checks.agent_check_batch,
    ),
    Figure("badge_verify", "badges verified over bare EdDSA verifications", 0.7, lambda _world: badging.ratio()),
    Figure(
        "grade_recompute",
        "100,000 agents graded in one pass, streamed / the same SQL by hand; under 300 MB",
        0.5,
        agents.grade_recompute,
    ),
)
