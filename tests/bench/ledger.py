"""Figures of the fund's ledger: entries against pgbench and against django-hordak on the same server, a levy run in
bulk, what a look-up costs as the books grow, and the audit.

`entry_full` and `entry_post` run with as many clients on both sides, each one connection, and no look-ahead."""

import itertools
import resource
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from gongxin import clock, embedded, migrate
from gongxin.db import OWNER_ROLE, make_engine, transaction
from gongxin.fund.ledger import audit, periods, queries, service, singly
from gongxin.fund.ledger.rules import Actor, Draft, NewLeg
from gongxin.members import service as members
from gongxin_wire.identifiers import synthetic_uscc

from .world import ROOT, World

CLIENTS = 4
SECONDS = 8.0
TURNS, TURN = 5, 2  # of each side, and how many seconds
MEMBERS = 10_000
POSTINGS = 1_000_000
LEGS = 6  # a levy is divided among the three funds: cash and income of each
OFFICERS = ("LIN01", "WANG02", "ZHAO03")
AUDIT_MB = 300


class Books:
    """A ledger in a database of its own; each client has accounts of its own, as each branch of pgbench has tellers."""

    def __init__(self, host: str, name: str) -> None:
        self.host, self.name = host, name
        self.web_url, self.owner_url = embedded.prepare(host, name)
        migrate.upgrade(self.owner_url)
        self.engine: Engine = make_engine(self.web_url, pool_size=CLIENTS + 1)
        with transaction(self.engine) as session:
            member = members.apply(
                session, kind="association", name_zh="测试协会", name_en="x", uscc=synthetic_uscc(9), synthetic=True
            )
            members.change_state(session, member.id, state="active", reason="bench", changed_by="bench")
            self.member_id = member.id
            self.today: date = clock.today_in_china()
            periods.open_period(session, first_day=self.today.replace(day=1), last_day=self.today)
            for at in range(CLIENTS):
                for fund in ("RELIEF", "STAFF", "ADMIN"):
                    for kind, letter in (("asset", "C"), ("income", "L")):
                        service.open_account(
                            session, code=f"{letter}{fund[0]}-{at}", name_zh="测试", name_en="x", type=kind, fund=fund,
                            minimum_fen=0 if kind == "asset" else None,
                        )  # fmt: skip
        self.actors = [Actor(self.member_id, officer) for officer in OFFICERS]

    def new(self, client: int, *, funds: Sequence[str] = ("RELIEF",)) -> Draft:
        legs = tuple(
            NewLeg(f"{letter}{fund[0]}-{client}", fund, side, 1_250)
            for fund in funds
            for letter, side in (("C", "debit"), ("L", "credit"))
        )
        return Draft(uuid.uuid4().hex, self.today, "收到会费", legs)

    def session(self) -> Any:
        return transaction(self.engine)

    def admin(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(f"host={self.host} port=5432 dbname={self.name} user=postgres", autocommit=True)


def _books(world: World, name: str) -> Books:
    return Books(world.host, f"bench_ledger_{name}")


def _rate(work: Callable[[int], None], seconds: float = SECONDS) -> float:
    """Calls a second of `CLIENTS` threads together."""
    counts, until = [0] * CLIENTS, time.perf_counter() + seconds
    faults: list[BaseException] = []

    def run(client: int) -> None:
        try:
            while time.perf_counter() < until:
                work(client)
                counts[client] += 1
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(client,)) for client in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return sum(counts) / (time.perf_counter() - started)


def _tool(name: str, host: str) -> list[str]:
    return [str(embedded._programs() / name), "-h", host, "-p", "5432", "-U", "postgres"]


def pgbench(host: str, seconds: float) -> float:
    """Transactions a second of pgbench's own TPC-B-like script at scale 10."""
    with psycopg.connect(f"host={host} port=5432 dbname=postgres user=postgres", autocommit=True) as admin:
        if not admin.execute("select 1 from pg_database where datname = 'pgbench'").fetchone():
            admin.execute("create database pgbench")
            subprocess.run(
                [*_tool("pgbench", host), "-i", "-q", "-s", "10", "pgbench"], check=True, capture_output=True
            )
            admin.execute("checkpoint")
    ran = subprocess.run(
        [*_tool("pgbench", host), "-n", "-c", str(CLIENTS), "-j", str(CLIENTS), "-T", str(int(seconds)), "pgbench"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("tps")]
    return float(line.split()[2])


def _against_pgbench(world: World, work: Callable[[int], None]) -> float:
    """Calls a second to TPC-B-like transactions a second: in turns of two seconds, each against the two beside it, so
    that what else the machine does falls on both. The median."""
    _rate(work, 1)
    pgbench(world.host, 1)
    theirs, ours = [pgbench(world.host, TURN)], []
    for _ in range(TURNS):
        ours.append(_rate(work, TURN))
        theirs.append(pgbench(world.host, TURN))
    rates = ", ".join(f"{rate:.0f}" for rate in ours), ", ".join(f"{rate:.0f}" for rate in theirs)
    print(f"… a second: {rates[0]}; pgbench {rates[1]}", file=sys.stderr, flush=True)
    return statistics.median(
        rate / statistics.mean(beside) for rate, beside in zip(ours, itertools.pairwise(theirs), strict=True)
    )


# --- entries ----------------------------------------------------------------------------------------------------------


def entry_full(world: World) -> float:
    """Draft and submit; one approval; another; post: four commits."""
    books = _books(world, "full")
    lin, wang, zhao = books.actors

    def entry(client: int) -> None:
        entry_id, content = singly.submit(books.engine, actor=lin, new=books.new(client))
        for actor in (wang, zhao):
            singly.approve(books.engine, entry_id, actor=actor, content_hash=content)
        singly.post(books.engine, entry_id, actor=wang)

    return _against_pgbench(world, entry)


def entry_post(world: World) -> float:
    """Posting what is approved, one commit each."""
    books = _books(world, "post")
    waiting = [_approved(books, client, 8_000) for client in range(CLIENTS)]
    wang = books.actors[1]

    def post(client: int) -> None:
        singly.post(books.engine, waiting[client].pop(), actor=wang)

    return _against_pgbench(world, post)


def _approved(books: Books, client: int, count: int) -> list[uuid.UUID]:
    lin, wang, zhao = books.actors
    with books.session() as session:
        made, _ = service.draft_many(session, actor=lin, drafts=[books.new(client) for _ in range(count)], submit=True)
        hashes = {entry.id: entry.content_hash for entry in queries.entries_of(session, made)}
        for actor in (wang, zhao):
            service.approve_many(session, actor=actor, hashes=hashes)
    return made


def entry_bulk(world: World) -> float:
    """A levy run of 10,000 members, divided among the funds, from draft to posting; against the very statements it
    sent, sent again by hand for other entries."""
    books = _books(world, "bulk")
    _levy(books)
    sent: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        sent.append((statement, parameters))

    event.listen(books.engine, "before_cursor_execute", keep)
    _levy(books)
    event.remove(books.engine, "before_cursor_execute", keep)
    ours, raw = [], []
    for _ in range(3):
        raw.append(_raw(books, sent))
        started = time.perf_counter()
        _levy(books)
        ours.append(time.perf_counter() - started)
    return statistics.median(raw) / statistics.median(ours)


def _levy(books: Books) -> None:
    lin, wang, zhao = books.actors
    drafts = [books.new(n % CLIENTS, funds=("RELIEF", "STAFF", "ADMIN")) for n in range(MEMBERS)]
    with books.session() as session:
        made, _ = service.draft_many(session, actor=lin, drafts=drafts, submit=True)
        hashes = {entry.id: entry.content_hash for entry in queries.entries_of(session, made)}
        for actor in (wang, zhao):
            service.approve_many(session, actor=actor, hashes=hashes)
        service.post_many(session, actor=wang, entry_ids=made)


def _raw(books: Books, sent: Sequence[tuple[str, Any]]) -> float:
    """Seconds of the same statements, one after another, in one transaction; with other keys and identifiers, which are
    put in before the clock runs."""
    fresh: dict[str, str] = {}

    def other(text: str) -> str:
        import re

        def change(found: "re.Match[str]") -> str:
            if found[0] == str(books.member_id):
                return found[0]
            return fresh.setdefault(found[0], str(uuid.uuid4()) if "-" in found[0] else uuid.uuid4().hex)

        return re.sub(
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])",
            change, text,
        )  # fmt: skip

    with psycopg.connect(books.web_url.replace("+psycopg", "")) as connection:
        accounts = connection.execute(
            "select set_config('gongxin.member', '', true), set_config('gongxin.kind', 'registry', true)"
        )
        accounts.fetchone()
        for row in connection.execute("select id::text from fund_accounts").fetchall():
            fresh[row[0]] = row[0]
        connection.rollback()
        work: list[tuple[Any, Any]] = []
        for statement, parameters in sent:
            work.append((statement, _changed(parameters, other)))
        taken = 0.0
        content: dict[str, str] = {}
        for statement, parameters in work:
            if "insert into fund_approvals" in statement:  # the digests are the database's answer, not ours to know
                rows = connection.execute(
                    "select id::text, encode(content_hash, 'hex') from fund_entries where id = any(%s::uuid[])",
                    [[row["entry_id"] for row in _loads(parameters)]],
                ).fetchall()
                content = dict(rows)
                parameters = _with_hashes(parameters, content)
            started = time.perf_counter()
            found = connection.execute(statement, parameters)
            if found.description:
                found.fetchall()
            taken += time.perf_counter() - started
        started = time.perf_counter()
        connection.commit()
        return taken + time.perf_counter() - started


def _changed(parameters: Any, other: Callable[[str], str]) -> Any:
    if isinstance(parameters, dict):
        return {name: _changed(value, other) for name, value in parameters.items()}
    if isinstance(parameters, list | tuple):
        return [_changed(value, other) for value in parameters]
    if isinstance(parameters, str):
        return other(parameters)
    if isinstance(parameters, uuid.UUID):
        return uuid.UUID(other(str(parameters)))
    return parameters


def _loads(parameters: Any) -> Any:
    import orjson

    return orjson.loads(parameters["rows"])


def _with_hashes(parameters: Any, content: dict[str, str]) -> Any:
    import orjson

    rows = [{"entry_id": row["entry_id"], "content_hash": content[row["entry_id"]]} for row in _loads(parameters)]
    return parameters | {"rows": orjson.dumps(rows).decode()}


def entry_vs_hordak(world: World) -> float:
    """One whole entry of ours (drafted, approved by two, posted) a commit, and one transaction of theirs; in turns."""
    books = _books(world, "hordak")
    with psycopg.connect(f"host={world.host} port=5432 dbname=postgres user=postgres", autocommit=True) as admin:
        admin.execute("drop database if exists bench_hordak")
        admin.execute(f"create database bench_hordak owner {OWNER_ROLE}")

    def theirs() -> float:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.bench.hordak_peer", world.host, "bench_hordak", "4"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return float(ran.stdout)

    def ours() -> float:
        lin, wang, zhao = books.actors
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < 4:
            singly.book(books.engine, maker=lin, approvers=(wang, zhao), new=books.new(0))
            count += 1
        return count / (time.perf_counter() - started)

    ours()
    return statistics.median(ours() / theirs() for _ in range(3))


# --- as the books grow ------------------------------------------------------------------------------------------------


def balance_growth(world: World) -> float:
    """The dearer of balance now and balance as of an instant, at 1,000,000 entries / at 10,000."""
    small, large = _books(world, "small"), _books(world, "large")
    fill(small, 10_000)
    fill(large, 1_000_000)
    ratios = []
    for as_of in (False, True):
        ratios.append(_look_ups(large, as_of) / _look_ups(small, as_of))
    return max(ratios)


def _look_ups(books: Books, as_of: bool) -> float:
    """Seconds of a look-up: the median."""
    taken = []
    with books.session() as session:
        account_id = queries.get_account(session, "CR-0").id
        count = queries.balance(session, account_id) // 1_250
        times = queries.posting_times(session, account_id, [1 + n * 7919 % count for n in range(1_200)])
        for n, at in enumerate(times):
            started = time.perf_counter()
            found = queries.balance(session, account_id, at if as_of else None)
            if n >= 200:
                taken.append(time.perf_counter() - started)
            if found <= 0:
                raise RuntimeError("a balance was not found")
    return statistics.median(taken)


def fill(books: Books, entries: int, funds: int = 1) -> None:
    """Posted entries with legs, approvals, postings and leaves, written past the triggers as they would have written
    them: by the owner of the server."""
    with books.admin() as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute(f"set gongxin.member = '{books.member_id}'")
        admin.execute("set gongxin.kind = 'registry'")
        for at in range(0, entries, 100_000):
            for statement in _FILL:
                admin.execute(
                    statement.format(member=books.member_id, first=at, last=min(at + 100_000, entries) - 1, funds=funds)
                )
        admin.execute(
            "update fund_totals t set balance_fen = p.sum, postings = p.count, last_at = p.last from (select"
            " account_id, sum(amount_fen) as sum, count(*) as count, max(at) as last from fund_postings group by 1) p"
            " where p.account_id = t.account_id"
        )
        admin.execute(
            "insert into fund_balances (account_id, period, debit_fen, credit_fen) select account_id, period,"
            " coalesce(sum(amount_fen) filter (where amount_fen > 0), 0),"
            " coalesce(-sum(amount_fen) filter (where amount_fen < 0), 0) from fund_postings group by 1, 2"
        )
        for table in ("fund_entries", "fund_legs", "fund_postings", "fund_approvals", "log_openings", "log_waiting"):
            admin.execute(f"vacuum analyze {table}")


_AT = "date_trunc('day', now()) + n * interval '1 millisecond'"
_ID = "uuid(lpad(to_hex(n), 32, '0'))"
_FILL = (
    f"insert into fund_entries (id, key, key_hash, period, booked_on, description, maker_member, maker_officer,"
    f" state, version, acted_member, acted_officer, acted_at, created_at, posted_at, content_hash)"
    f" select {_ID}, 'fill-' || n, sha256('x'), 1, (now() at time zone 'Asia/Shanghai')::date, '收到会费',"
    f" '{{member}}', 'LIN01', 'posted', 4, '{{member}}', 'WANG02', {_AT}, {_AT}, {_AT}, sha256('x')"
    f" from generate_series({{first}}, {{last}}) n",
    f"insert into fund_legs (entry_id, position, account_id, fund, side, amount_fen)"
    f" select {_ID}, a.position, a.id, a.fund, a.side, 1250 from generate_series({{first}}, {{last}}) n,"
    f" (select row_number() over (order by f.at, s.letter) as position, x.id, f.fund, s.side from"
    f" (values (1, 'RELIEF'), (2, 'STAFF'), (3, 'ADMIN')) f(at, fund),"
    f" (values ('C', 'debit'), ('L', 'credit')) s(letter, side), fund_accounts x"
    f" where x.code = s.letter || left(f.fund, 1) || '-0' and f.at <= {{funds}}) a",
    f"insert into fund_postings (account_id, number, entry_id, position, period, amount_fen, balance_fen, at)"
    f" select l.account_id, n + 1, l.entry_id, l.position, 1, case l.side when 'debit' then 1250 else -1250 end,"
    f" (n + 1) * case l.side when 'debit' then 1250 else -1250 end, {_AT}"
    f" from generate_series({{first}}, {{last}}) n join fund_legs l on l.entry_id = {_ID}",
    f"update fund_entries set content_hash = fund_content_hash(id) from generate_series({{first}}, {{last}}) n"
    f" where id = {_ID}",
    f"insert into fund_approvals (entry_id, officer, content_hash, member_id, approved_at)"
    f" select e.id, o.officer, e.content_hash, '{{member}}', {_AT} from generate_series({{first}}, {{last}}) n"
    f" join fund_entries e on e.id = {_ID}, (values ('WANG02'), ('ZHAO03')) o(officer)",
    f"""with made as (
        select e.id, sha256(e.id::text::bytea) as salt,
            '{{{{"approvals":["' || e.maker_member || '/WANG02","' || e.maker_member || '/ZHAO03"],"content":"'
            || encode(e.content_hash, 'hex') || '","entry_id":"' || e.id || '","period":1,"posted_at":"'
            || to_char(e.posted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","poster":"'
            || e.acted_member || '/WANG02","v":1}}}}' as record
        from generate_series({{first}}, {{last}}) n join fund_entries e on e.id = {_ID}
    ), opened as (
        insert into log_openings (leaf_id, owner_id, salt, record) select id, '{{member}}', salt, record from made
    )
    insert into log_waiting (leaf_id, kind, commitment) select id, 'fund_entry',
        sha256('gongxin commitment 1\\012'::bytea || salt || convert_to(record, 'UTF8')) from made""",
)


# --- the audit --------------------------------------------------------------------------------------------------------


def fund_audit(world: World) -> float:
    """1,000,000 postings, each levy divided among the three funds. The audit runs in a process of its own, whose memory
    is measured too; reading is every row of the postings by a cursor of the server."""
    books = _books(world, "audit")
    fill(books, -(-POSTINGS // LEGS), funds=3)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.ledger", books.web_url],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, megabytes = (float(found) for found in ran.stdout.split())
    print(f"… the audit: {seconds:.1f} s, {megabytes:.0f} MB", file=sys.stderr, flush=True)
    if megabytes >= AUDIT_MB:
        raise RuntimeError(f"the audit took {megabytes:.0f} MB")
    return _read(books) / seconds


def _read(books: Books) -> float:
    taken = []
    with psycopg.connect(books.web_url.replace("+psycopg", "")) as connection:
        for _ in range(3):
            connection.execute(
                "select set_config('gongxin.member', '', true), set_config('gongxin.kind', 'registry', true)"
            )
            started = time.perf_counter()
            with connection.cursor("reading") as cursor:
                cursor.itersize = 5_000
                cursor.execute(
                    "select account_id, number, period, amount_fen, balance_fen, at from fund_postings"
                    " order by account_id, number"
                )
                count = sum(1 for _ in cursor)
            taken.append(time.perf_counter() - started)
            connection.rollback()
            if count < POSTINGS:
                raise RuntimeError("postings are missing")
    return min(taken)


def _audited(url: str) -> None:
    engine = make_engine(url, pool_size=1)
    started = time.perf_counter()
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as session:
        report = audit.audit(session)
    taken = time.perf_counter() - started
    if report.differences or report.postings < POSTINGS:
        raise SystemExit(f"the audit found {report.differences[:3]}, {report.postings} postings")
    print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    _audited(sys.argv[1])
