"""Figures of contracts: a verdict, a recheck of 1,000,000, commissions on 100,000."""

import resource
import time
import uuid
from datetime import date

from gongxin.contracts import queries
from gongxin.contracts.caps import rules
from gongxin.contracts.caps.models import FeeCap
from gongxin.contracts.commissions import queries as commissions
from gongxin.contracts.fees import model as fees
from gongxin.db import transaction

from .world import Registry, World

CONTRACTS, RECOVERIES = 1_000_000, 100_000
_LIMIT_KB = 300 * 1024
_MODEL = {
    "base": "recovered_principal", "clawback": {"within_days": 0, "share_bp": 0},
    "tiers": [
        {"age_from": "M1", "age_to": "M24+", "to_fen": 100_000, "rate_bp": 2_000},
        {"age_from": "M1", "age_to": "M24+", "from_fen": 100_000, "rate_bp": 1_000},
    ],
}  # fmt: skip


class _Row:
    def __init__(self, bucket: int) -> None:
        self.id, self.bucket, self.rate_bp_max, self.source_status = uuid.uuid4(), bucket, 3_000, "verified"


def cap_verdict(_world: World) -> float:
    """Verdicts a second over a bare look-up and comparison in each of the 25 buckets."""
    rows = [_Row(bucket) for bucket in range(1, 26)]
    snapshot, rates = rules.snapshot(rows), (2_000,) * 25
    bare = {("cn", "agency", row.bucket): row.rate_bp_max for row in rows}

    def theirs() -> None:
        for bucket, rate in enumerate(rates, 1):
            if rate > bare["cn", "agency", bucket]:
                raise RuntimeError

    def ours() -> None:
        if rules.judge(rates, snapshot).state != "within":
            raise RuntimeError

    return _best(theirs, 20_000) / _best(ours, 20_000)


def cap_recheck(world: World) -> float:
    """The same set-based SQL over ours, rows fetched; the process stays under 300 MB more than before."""
    registry = Registry(world.host, "bench_contracts", 0)
    with registry.connect(owner=True) as connection:
        _fill(connection)
    cap = FeeCap(id=uuid.uuid4(), bucket=7, rate_bp_max=2_000, jurisdiction="cn", effective_from=date(2026, 1, 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def ours() -> None:
        with transaction(registry.engine) as session:
            if sum(1 for _ in queries.touched_by(session, cap)) != CONTRACTS // 10:
                raise RuntimeError

    def theirs() -> None:
        with registry.connect(owner=True) as connection:
            found = connection.execute(
                "select c.id, k.rates[7] from contract_contents k join contracts c on c.id = k.contract_id where"
                " k.rates[7] > 2000 and c.state = 'signed' and c.jurisdiction = 'cn' and c.ends_on >= '2026-01-01'"
            ).fetchall()
            if len(found) != CONTRACTS // 10:
                raise RuntimeError

    bare, mine = _best(theirs, 1), _best(ours, 1)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    registry.engine.dispose()
    if grown > _LIMIT_KB:
        raise RuntimeError(f"{grown} kB")
    return bare / mine


def commission_bulk(world: World) -> float:
    """100,000 commissions by `price_many` over the same arithmetic typed by hand as one statement."""
    registry = Registry(world.host, "bench_commissions", 0)
    with registry.connect(owner=True) as connection:
        for constraint in ("fk_recoveries_contract_id",):
            connection.execute(f"alter table recoveries drop constraint {constraint}")
        connection.execute(
            "insert into recoveries select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
            " null, 'R' || n, '2026-11-01', n % 25 + 1, 1, n * 7 + 1, 0, 0, 0, 0, '[]', null, 'confirmed', now(),"
            " now(), null, null, n % 3 * 50000, 3000, n * 7 + 1, 0, 0 from generate_series(1, 100000) n"
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze recoveries")
    model = fees.read(_MODEL)

    def ours() -> None:
        with transaction(registry.engine) as session:
            if len(commissions.price_many(session, model, [3_000] * 25)) != RECOVERIES:
                raise RuntimeError

    def theirs() -> None:
        with registry.connect(owner=True) as connection:
            found = connection.execute(
                "select id, b, fee, least(fee, b * 3000 / 10000) from (select id, principal_fen as b,"
                " (greatest(least(already_fen + principal_fen, 100000) - already_fen, 0) * 2000 * 2 + 10000) / 20000"
                " + ((already_fen + principal_fen - greatest(already_fen, least(already_fen + principal_fen, 100000)))"
                " * 1000 * 2 + 10000) / 20000 as fee from recoveries where state = 'confirmed') x"
            ).fetchall()
            if len(found) != RECOVERIES:
                raise RuntimeError

    bare, mine = _best(theirs, 1), _best(ours, 1)
    registry.engine.dispose()
    return bare / mine


def _fill(connection: object) -> None:
    execute = connection.execute  # type: ignore[attr-defined]
    for table, constraint in (
        ("contracts", "fk_contracts_creditor_id"), ("contracts", "fk_contracts_agency_id"),
        ("contracts", "fk_contracts_drafted_by"), ("contracts", "fk_contracts_template_id"),
    ):  # fmt: skip
        execute(f"alter table {table} drop constraint {constraint}")
    execute(
        "insert into contracts select md5('c' || n)::uuid, 'HT' || lpad(n::text, 10, '0') || 'A',"
        " 1, 'new', null, md5('b' || n)::uuid, md5('a' || n)::uuid, md5('b' || n)::uuid, md5('t')::uuid, 'cn',"
        " 'signed', sha256('x'), '2026-01-01', '2027-01-01', null, null, 'within', now(), now(), now()"
        f" from generate_series(1, {CONTRACTS}) n"
    )
    execute(
        "insert into contract_contents select md5('c' || n)::uuid, 'x', sha256('x'),"
        " array_fill(case when n % 10 = 0 then 2500 else 1500 end, array[25])"
        f" from generate_series(1, {CONTRACTS}) n"
    )
    connection.commit()  # type: ignore[attr-defined]
    connection.autocommit = True  # type: ignore[attr-defined]
    execute("vacuum analyze contracts")
    execute("vacuum analyze contract_contents")


def _best(run: object, times: int) -> float:
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(times):
            run()  # type: ignore[operator]
        taken.append(time.perf_counter() - begun)
    return min(taken)
