"""`gongxin agents` on a database."""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from gongxin.agents import identities
from gongxin.cli import main
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.subjects import service as subjects
from tests.services.agents_world import committed
from tests.services.disclosure_world import build


@pytest.fixture
def agent(engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Any]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    for world in build(owner_engine, config):
        with committed(engine, config, world) as office:
            made = office.licensed()
        yield made


def run(monkeypatch: pytest.MonkeyPatch, config: Config, *arguments: str, key: bytes | None = None) -> Any:
    for name in [name for name in os.environ if name.startswith("GONGXIN_") and "TEST" not in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GONGXIN_DATABASE_URL", config.database_url.replace("+psycopg", ""))
    if key is not None:
        monkeypatch.setenv("GONGXIN_MASTER_KEY", urlsafe_b64encode(key).decode())
    return CliRunner().invoke(main, ["agents", *arguments])


def test_the_operator_sees_of_a_licence_what_anyone_sees(
    monkeypatch: pytest.MonkeyPatch, config: Config, agent: Any
) -> None:
    done = run(monkeypatch, config, "check", "--json", agent.licence_no)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["may_work"] is True
    unknown = run(monkeypatch, config, "check", "GX7K4M2P9QWAC")
    assert unknown.exit_code == 2
    assert "licence_not_found" in unknown.output


def test_names_are_sealed_anew_under_a_new_master_key(
    monkeypatch: pytest.MonkeyPatch, config: Config, engine: Engine, agent: Any, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", bytes(range(32))
    old.write_text(urlsafe_b64encode(config.master_key).decode())
    done = run(monkeypatch, config, "reseal", "--json", "--old-key-file", str(old), key=new)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["resealed"] >= 1
    with transaction(engine) as session:
        held = identities.queries.find_identity(session, agent.id)
        assert held is not None
        assert held.key_id == identities.key_id(new)
    back = tmp_path / "new"
    back.write_text(urlsafe_b64encode(new).decode())
    assert run(monkeypatch, config, "reseal", "--old-key-file", str(back), key=config.master_key).exit_code == 0
    with transaction(engine) as session:
        assert identities.read(session, config, agent.id) == {"name": "测试员甲"}
