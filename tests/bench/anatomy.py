"""How the time of one look-up divides: `python -m tests.bench.anatomy`. docs/performance.md has its table from here.

Look-ups run through the WSGI application in this process, one after another, so that each part can be told from the
others; waiting for the disk is inside the part `SQL`.
"""

import cProfile
import io
import os
import pstats
import sys
import time
from typing import Any

from gongxin.app import create_app

from .figures import lookups
from .world import ROOT, World

COUNT = 1500
# Cumulative time of these functions; what they call of another part is taken off below.
PARTS = {
    "proof (DPoP, ES256)": ("tokens.py", "_proof"),
    "SQL: admission (replay, revocation, suspension)": ("access/queries.py", "admit"),
    "SQL: answer and record, durable": ("disclosure/queries.py", "ask"),
    "signature (receipt, EdDSA)": ("receipts.py", "sign"),
    "question (JSON, form, subject keys)": ("disclosure/api.py", "_question"),
    "token and caller": ("tokens.py", "authenticate"),
    "policy, grant, budget, answer": ("disclosure/service.py", "lookup"),
}
WITHIN = {
    "token and caller": ("proof (DPoP, ES256)", "SQL: admission (replay, revocation, suspension)"),
    "policy, grant, budget, answer": ("SQL: answer and record, durable", "signature (receipt, EdDSA)"),
}


def main() -> None:
    world = World(ROOT / "var" / "anatomy")
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  the log of requests
    try:
        registry = world.large
        application = create_app(registry.config, registry.engine)
        environments = [_environment(raw) for raw in lookups(world, 2 * COUNT + 300)]
        _run(application, environments[:300])
        wall, cpu = time.perf_counter(), time.process_time()
        _run(application, environments[300 : 300 + COUNT])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        profile = cProfile.Profile()
        profile.runcall(_run, application, environments[300 + COUNT :])
    finally:
        sys.stderr = sys.__stderr__
        world.close()
    print(f"one look-up: {wall / COUNT * 1e6:.0f} µs, of which {cpu / COUNT * 1e6:.0f} µs this process's CPU\n")
    _tell(pstats.Stats(profile))


def _run(application: Any, environments: list[dict[str, Any]]) -> None:
    statuses: list[str] = []
    for environment in environments:
        b"".join(application.wsgi_app(environment, lambda status, _headers: statuses.append(status)))
    if set(statuses) != {"200 OK"}:
        raise RuntimeError(f"refused: {set(statuses)}")


def _environment(raw: bytes) -> dict[str, Any]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    found: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "RAW_URI": path, "QUERY_STRING": "", "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.version": (1, 0),
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    for line in lines:
        name, _, value = line.partition(": ")
        name = name.upper().replace("-", "_")
        found[name if name in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{name}"] = value
    return found


def _tell(stats: pstats.Stats) -> None:
    rows: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]
    total = max(row[3] for row in rows.values())
    spent = {}
    for part, (file, function) in PARTS.items():
        found = [row[3] for (path, _, name), row in rows.items() if path.endswith(file) and name == function]
        if len(found) != 1:
            raise RuntimeError(f"{file}:{function} is in the profile {len(found)} times")
        spent[part] = found[0]
    for part, inner in WITHIN.items():
        spent[part] -= sum(spent[name] for name in inner)
    spent["framework (Flask, limits, headers, log, metrics)"] = total - sum(spent.values())
    print("| part | share |\n|---|---|")
    for part, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"| {part} | {seconds / total:.0%} |")
    print("\n| the profile's top ten, by own time | µs a look-up |\n|---|---|")
    top = sorted(rows.items(), key=lambda item: -item[1][2])[:10]
    for (path, _, name), row in top:
        where = path.rpartition("site-packages/")[2].rpartition("platform/")[2]
        print(f"| `{name.strip('<>')}`{f' ({where})' if where != '~' else ''} | {row[2] / COUNT * 1e6:.0f} |")


main()
