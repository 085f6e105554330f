"""Rules that hold everywhere (design section 3), read from the source: each exception is named with its reason."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = ROOT / "platform" / "gongxin"
TREES = (ROOT / "platform", ROOT / "admin", ROOT / "alembic")

CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.datetime.utcnow",
    "date.today", "datetime.date.today", "time.time", "time.time_ns", "time.localtime", "time.gmtime",
}  # fmt: skip
READS_THE_CLOCK = {
    "platform/gongxin/clock.py": "the clock",
    "platform/gongxin_client/clock.py": "the member's side, which installs without the registry",
}
ROUNDS = {
    "platform/gongxin/money.py": "the one place that rounds",
    "platform/gongxin/app.py": "milliseconds of a log line",
}
COMMITS = {
    "platform/gongxin/web/blueprint.py": "the request's transaction",
    "platform/gongxin/jobs.py": "the worker's lease, held on its own connection",
}
SELECTS = {
    "platform/gongxin/db.py": "names the caller by set_config",
    "platform/gongxin/jobs.py": "the lease: advisory lock and liveness of its connection",
    "platform/gongxin/embedded.py": "makes roles and the database, before there is a schema",
    "platform/gongxin/web/health.py": "asks the database for the migration it stands at",
    "platform/gongxin/web/idempotency.py": "remembered answers: a table of the web layer, which has no queries.py",
}
PRINTS = {"platform/gongxin_demo": "a demonstration shows itself on the terminal"}


@cache
def trees() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for root in TREES
        for path in sorted(root.rglob("*.py"))
    )


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield path, node, dotted(node.func)


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def at(path: str, node: ast.AST) -> str:
    return f"{path}:{getattr(node, 'lineno', 0)}"


def test_the_walk_sees_the_whole_source() -> None:
    paths = [path for path, _ in trees()]
    assert {"platform/gongxin/app.py", "platform/gongxin_wire/pii.py", "alembic/env.py"} <= set(paths)
    assert len(paths) > 90


def test_only_the_clock_reads_the_clock() -> None:
    assert [at(p, n) for p, n, name in calls() if name in CLOCKS and p not in READS_THE_CLOCK] == []


def test_nobody_takes_the_clock_by_another_name() -> None:
    taken = [
        at(path, node)
        for path, tree in trees()
        if path not in READS_THE_CLOCK
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        if {name.name for name in node.names} & {"time", "time_ns"}
    ]
    assert taken == []


def test_only_money_rounds() -> None:
    found = [
        at(path, node)
        for path, node, name in calls()
        if (name in {"round", "math.ceil", "math.floor", "Decimal"} or name.endswith((".quantize", "decimal.Decimal")))
        and path not in ROUNDS
        and not path.startswith("platform/gongxin_demo/")
    ]
    assert found == []


def test_only_the_request_commits() -> None:
    found = [
        at(path, node)
        for path, node, name in calls()
        if name.endswith((".commit", ".rollback")) and path.startswith("platform/gongxin/") and path not in COMMITS
    ]
    assert found == []


def reads(node: ast.AST) -> bool:
    """A SELECT: built, written as text, or hidden in the session's own getters."""
    if not isinstance(node, ast.Call):
        return False
    name = dotted(node.func)
    if name in {
        "select",
        "sa.select",
        "sqlalchemy.select",
        "exists",
        "session.get",
        "call.session.get",
        "session.query",
    }:
        return True
    if name.split(".")[-1] != "text" or not node.args:
        return False
    return ast.unparse(node.args[0]).lower().lstrip("'\"fr \\n").startswith(("select", "with"))


def test_selects_stand_in_queries() -> None:
    where = {
        at(path, node): path
        for path, tree in trees()
        if path.startswith("platform/gongxin/")
        for node in ast.walk(tree)
        if reads(node)
    }
    assert sum("/queries" in path for path in where.values()) >= 20
    assert [place for place, path in where.items() if "/queries" not in path and path not in SELECTS] == []


def test_nobody_prints() -> None:
    found = [at(p, n) for p, n, name in calls() if name == "print" and not p.startswith(tuple(PRINTS))]
    assert found == []


def test_no_comment_asks_for_work_left_undone() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X:")
    found = [
        f"{path}:{number}"
        for path, _ in trees()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if any(mark in line for mark in marks)
    ]
    assert found == []


@pytest.mark.parametrize("exceptions", [READS_THE_CLOCK, ROUNDS, COMMITS, SELECTS, PRINTS], ids=lambda e: next(iter(e)))
def test_every_exception_still_exists_and_gives_its_reason(exceptions: dict[str, str]) -> None:
    for path, reason in exceptions.items():
        assert (ROOT / path).exists(), f"{path}: gone; strike its exception"
        assert reason


def test_a_rules_module_asks_neither_clock_nor_chance() -> None:
    found = []
    for path, tree in trees():
        if Path(path).name != "rules.py":
            continue
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{a.name}" for a in node.names)]
            found += [
                at(path, node) for name in names if name in {"random", "secrets", "time", "gongxin.clock", "uuid.uuid4"}
            ]
    assert found == []
