"""The figure of screening: ten thousand people in one signed answer, against the same question as bare SQL."""

import json
import statistics
import time
import uuid
from functools import cache

from gongxin import ids
from gongxin.subjects import service as subjects
from gongxin.subjects.rules import decode_token

from . import load
from .world import Party, Registry, World

AGENTS, LISTED, LINES, ROUNDS = 1_000_000, 100_000, 10_000, 7
SCOPE, _PATH = "blacklist.screen", "/v1/blacklist/screenings"
_AGENT = "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid"
_MATTER = "('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid"
_FILL = (
    "insert into agents (id, licence_no, state, agency_id, released, photo_sha256, adult_as_of, declared_on,"
    " education, valid_from, valid_until, version, created_at, changed_at)"
    f" select {_AGENT}, 'GX' || lpad(n::text, 10, '0') || '0', 'granted', %(agency)s, false, sha256(n::text::bytea),"
    " '2026-01-01', '2026-01-01', 'college', '2026-01-01', '2027-12-31', 3, now(), now()"
    f" from generate_series(0, {AGENTS - 1}) n",
    "insert into blacklist_matters (id, number, subject_kind, agent_id, agency_id, article, severity, place,"
    " occurred_from, occurred_until, conduct, evidence, rules_version, state, version, created_at, changed_at)"
    f" select {_MATTER}, 'GL' || lpad(n::text, 11, '0'), 'agent', {_AGENT}, %(agency)s, 'B01', 'S2', 'bench',"
    " '2026-01-05', '2026-01-05', 'bench', '[]', 1, 'upheld', 9, now(), now()"
    f" from generate_series(0, {AGENTS - 1}, {AGENTS // LISTED}) n",
    "insert into blacklist_listings (matter_id, number, agent_id, level, severity, article, begins_on, ends_on,"
    " contested, statements, state, changed_at)"
    f" select {_MATTER}, 'GL' || lpad(n::text, 11, '0'), {_AGENT}, 'L2', 'S2', 'B01', current_date - 30,"
    " current_date + 300, false, '[]', 'in_force', now()"
    f" from generate_series(0, {AGENTS - 1}, {AGENTS // LISTED}) n",
)
# Of several forms tried the quickest: the keys as one JSON array of hexadecimal texts.
_BARE = (
    "select q.at, l.level, l.severity, l.number, l.begins_on, l.ends_on, l.contested, l.statements"
    " from jsonb_array_elements_text(%s::jsonb) with ordinality as q(key, at)"
    " join agent_keys k on k.epoch = 1 and k.subject_key = decode(q.key, 'hex')"
    " join blacklist_listings l on l.agent_id = k.agent_id and l.state = 'in_force' and l.ends_on >= current_date"
)


@cache
def _filled(host: str) -> tuple[Registry, Party]:
    """A million agents of one agency, every tenth listed; straight into the tables, as their owner."""
    registry = Registry(host, "bench_screening", 0)
    party = registry._member("bank", 3, [SCOPE])
    tables = ("agents", "agent_keys", "blacklist_matters", "blacklist_listings")
    with registry.connect(owner=True) as connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"alter table {table} disable trigger user")
        for statement in _FILL:
            cursor.execute(statement, {"agency": registry.agency.member_id})
        with cursor.copy("copy agent_keys (agent_id, epoch, subject_key) from stdin (format binary)") as copy:
            copy.set_types(["uuid", "int4", "bytea"])
            for n in range(AGENTS):
                copy.write_row((uuid.UUID(f"00000000-0000-7000-8000-{n:012d}"), 1, _key(registry, n)))
        for table in tables:
            cursor.execute(f"alter table {table} enable trigger user")
            cursor.execute(f"vacuum analyze {table}")
    return registry, party


def _key(registry: Registry, number: int) -> bytes:
    return subjects.subject_key(registry.config, "agent", 1, decode_token(registry.token_text(number)))


def _numbers(turn: int) -> range:
    """Others at each turn, spread over everybody, a tenth of them listed."""
    step = AGENTS // LINES - 1
    return range(turn, turn + LINES * step, step)


def screen_batch(world: World) -> float:
    """Seconds of the best bare join over those of a screening over HTTP; turn by turn, each time other people."""
    from .figures import _proof, _token_request

    registry, party = _filled(world.host)
    ours, bare = [], []
    with world.serving(registry) as port, load.Connection(port) as connection:
        if connection.ask(_token_request(registry, party, SCOPE, None)) != 200:
            raise RuntimeError(f"no token: {connection.body.decode()}")
        token = str(json.loads(connection.body)["access_token"])
        for turn in range(ROUNDS):
            lines = b"\n".join(
                b'{"subject":[{"epoch":1,"token":"%s"}]}' % registry.token_text(n).encode() for n in _numbers(turn)
            )
            request = load.http(
                "POST", f"{_PATH}?purpose=hire&consent=TY-1", lines, Content_Type="application/x-ndjson",
                Authorization=f"DPoP {token}", DPoP=_proof(party, f"{registry.config.issuer}{_PATH}", token),
                Idempotency_Key=str(ids.new_id()),
            )  # fmt: skip
            started = time.perf_counter()
            if connection.ask(request) != 200 or connection.body.count(b'"listed"') != LINES // 10:
                raise RuntimeError(connection.body[:500].decode())
            ours.append(time.perf_counter() - started)
            bare.append(_by_hand(registry, turn + ROUNDS))
    print(f"… {statistics.median(ours) * 1000:.0f} ms; by hand {statistics.median(bare) * 1000:.0f} ms")
    return statistics.median(bare) / statistics.median(ours)


def _by_hand(registry: Registry, turn: int) -> float:
    keys = json.dumps([_key(registry, n).hex() for n in _numbers(turn)])
    with registry.connect(owner=True) as connection:
        connection.prepare_threshold = 0
        started = time.perf_counter()
        found = connection.execute(_BARE, (keys,)).fetchall()
        taken = time.perf_counter() - started
    if len(found) != LINES // 10:
        raise RuntimeError("the bare join did not find whoever is listed")
    return taken
