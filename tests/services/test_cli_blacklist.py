"""`gongxin blacklist` on a database."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from gongxin import clock
from gongxin.blacklist.models import Matter
from gongxin.cli import main
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.subjects import service as subjects
from tests.services.blacklist_world import committed_bench
from tests.services.disclosure_world import build


@pytest.fixture
def matters(engine: Engine, owner_engine: Engine, config: Config) -> Iterator[tuple[Matter, Matter]]:
    """One that waits to be acknowledged, one listed; committed."""
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    for world in build(owner_engine, config):
        with committed_bench(engine, config, world) as bench:
            listed = bench.listed()
            waiting = bench.report(article="B02")
        yield waiting, listed


def run(monkeypatch: pytest.MonkeyPatch, config: Config, *arguments: str) -> Any:
    for name in [name for name in os.environ if name.startswith("GONGXIN_") and "TEST" not in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GONGXIN_DATABASE_URL", config.database_url.replace("+psycopg", ""))
    done = CliRunner().invoke(main, ["blacklist", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_the_queue_stands_by_the_clock_that_runs(
    monkeypatch: pytest.MonkeyPatch, config: Config, matters: tuple[Matter, Matter]
) -> None:
    waiting, listed = matters
    rows = run(monkeypatch, config, "queue", "--limit", "10000")
    assert [row["due_on"] for row in rows] == sorted(row["due_on"] for row in rows)
    mine = {row["number"]: row for row in rows}
    assert mine[waiting.number]["state"] == "reported"
    assert listed.number not in mine


def test_a_member_that_lets_its_day_pass_is_among_the_defaulters(
    monkeypatch: pytest.MonkeyPatch, config: Config, matters: tuple[Matter, Matter]
) -> None:
    _, listed = matters
    assert listed.number not in {row["number"] for row in run(monkeypatch, config, "defaulters", "--limit", "10000")}
    later = clock.today_in_china() + timedelta(days=30)
    monkeypatch.setattr(clock, "today_in_china", lambda: later)
    rows = run(monkeypatch, config, "defaulters", "--limit", "10000")
    assert [row["cause"] for row in rows if row["number"] == listed.number] == ["listed"]


def test_statistics_and_rules_are_told_with_their_source(
    monkeypatch: pytest.MonkeyPatch, config: Config, matters: tuple[Matter, Matter]
) -> None:
    assert run(monkeypatch, config, "statistics")["by_state"]["standing"] >= 1
    assert run(monkeypatch, config, "rules")["source_status"] == "unverified"
