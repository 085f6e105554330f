"""`gongxin epochs` and `gongxin policy`, as an operator types them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gongxin import embedded
from gongxin.cli import main
from gongxin.config import Config
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.subjects import service as subjects
from tests.conftest import drop_database, make_database

Run = Callable[..., Result]


@pytest.fixture
def run(server: str, worker_id: str, config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Commands against a registry of their own: what they do is committed."""
    name = f"gongxin_cli_{worker_id}"
    make_database(server, name)
    url = embedded.dsn(server, WEB_ROLE, name)
    monkeypatch.setenv("GONGXIN_DATABASE_URL", url.replace("+psycopg", ""))
    monkeypatch.setenv("GONGXIN_MIGRATION_DATABASE_URL", embedded.dsn(server, OWNER_ROLE, name).replace("+psycopg", ""))
    engine = make_engine(url, pool_size=1)
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    engine.dispose()
    yield lambda *arguments: CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    drop_database(server, name)


def states(result: Result) -> list[tuple[int, str]]:
    return [(row["epoch"], row["state"]) for row in json.loads(result.stdout) if row["data_set"] == "debtor"]


def test_an_epoch_is_rotated_and_retired_from_the_command_line(run: Run) -> None:
    assert states(run("epochs", "list", "--json")) == [(1, "live"), (2, "next")]
    assert states(run("epochs", "rotate", "--json", "debtor")) == [(1, "retiring"), (2, "live")]
    refused = run("epochs", "rotate", "debtor")
    assert refused.exit_code == 2
    assert "epoch_still_retiring" in refused.stderr
    assert states(run("epochs", "retire", "--json", "debtor", "1")) == [(2, "live"), (3, "next")]
    assert "现用 live" in run("epochs", "list").stdout


def test_a_policy_is_published_as_the_next_version(run: Run, tmp_path: Path) -> None:
    shown = json.loads(run("policy", "show", "--json").stdout)
    assert shown["version"] == 1
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(shown["rows"][:2]), "utf-8")
    published = run("policy", "publish", "--json", str(file), "--from", "2099-01-01")
    assert (published.exit_code, json.loads(published.stdout)["version"]) == (0, 2)
    assert json.loads(run("policy", "show", "--json").stdout)["version"] == 1
    assert "第 1 版" in run("policy", "show").stdout


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"asker": "bank"}]', "not json"])
def test_a_policy_file_that_is_no_policy_changes_nothing(run: Run, tmp_path: Path, content: str) -> None:
    file = tmp_path / "rows.json"
    file.write_text(content, "utf-8")
    refused = run("policy", "publish", str(file), "--from", "2099-01-01")
    assert refused.exit_code == 2
    assert "bad_policy" in refused.stderr
    assert json.loads(run("policy", "show", "--json").stdout)["version"] == 1
