"""Alive, ready, measured; and limits that several processes share."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from gongxin import clock, migrate
from gongxin.app import create_app
from gongxin.config import Config
from gongxin.db import make_engine
from gongxin.web import limits
from gongxin.web.limits import Memory, RateLimiter
from gongxin.web.permissions import PERMISSIONS
from gongxin_admin.permissions import PAGES
from tests.api.web_probe import logged

__all__ = ["logged"]

ROOT = Path(__file__).resolve().parents[2]


def test_a_process_is_alive_without_its_database_and_not_ready(config: Config) -> None:
    app = create_app(config, make_engine("postgresql+psycopg://nobody@/nothing?host=/nonexistent"))
    http = app.test_client()
    assert (http.get("/healthz").status_code, http.get("/healthz").json) == (200, {"status": "alive"})
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "database_unreachable")
    assert answer.headers["Retry-After"] == "2"
    assert "nonexistent" not in answer.text


def test_a_migrated_database_is_ready(http: FlaskClient) -> None:
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_database_of_another_version_is_not_ready(http: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "head", lambda: "9999")
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "not_migrated")


def test_a_database_without_tables_is_not_ready(config: Config, server: str) -> None:
    from gongxin.embedded import dsn

    app = create_app(config, make_engine(dsn(server, "postgres", "postgres")))
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "not_migrated")


def labels(exposition: str) -> set[tuple[str, str]]:
    """(name, value) of every label in the exposition."""
    return set(re.findall(r'([a-z_]+)="([^"]*)"', exposition))


def test_metrics_count_by_operation_and_status_and_name_nobody(http: FlaskClient) -> None:
    http.get("/v1/members/0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f", headers={"X-Request-Id": "request0123456789"})
    http.get("/no/such/0193a3c0")
    text = http.get("/metrics").text
    assert 'gongxin_requests_total{operation="members.get",status="401"}' in text
    assert 'gongxin_requests_total{operation="none",status="404"}' in text
    assert 'gongxin_request_seconds_bucket{le="0.001",operation="members.get"}' in text
    assert "0193a3c0" not in text
    assert "request0123456789" not in text
    for name, value in labels(text):
        if name == "operation":
            assert value in PERMISSIONS or value in PAGES or value in ("none", "static") or value.startswith("probe.")
        elif name not in {"le", "status", "implementation", "major", "minor", "patchlevel", "version", "generation"}:
            pytest.fail(f"label {name}={value}")


def test_metrics_are_told_while_the_database_cannot_be_asked(config: Config, server: str) -> None:
    away = create_app(config, make_engine("postgresql+psycopg://gongxin_web@127.0.0.1:9/none", pool_size=1))
    answer = away.test_client().get("/metrics")
    assert answer.status_code == 200
    assert "gongxin_requests_total" in answer.text
    assert "gongxin_log_witness_quorum" not in answer.text


def test_metrics_of_all_processes_come_together(tmp_path: Path) -> None:
    """Two processes answer one after the other; the second reports for both."""
    script = (
        "import sys\n"
        "from gongxin.app import create_app\nfrom gongxin.config import load\nfrom gongxin.db import make_engine\n"
        "http = create_app(load(), make_engine('postgresql+psycopg://')).test_client()\n"
        "for _ in range(int(sys.argv[1])): http.get('/healthz')\n"
        "print(http.get('/metrics').text)\n"
    )
    env = os.environ | {
        "GONGXIN_METRICS_DIR": str(tmp_path),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "PYTHONPATH": f"{ROOT}/platform",
    }
    for count in ("2", "3"):
        command = [sys.executable, "-c", script, count]
        told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert 'gongxin_requests_total{operation="health.live",status="200"} 5.0' in told


def test_the_log_of_a_request_holds_its_operation_and_no_more(http: FlaskClient, logged: BytesIO) -> None:
    http.get("/v1/members?kind=bank&cursor=secretcursor", headers={"Authorization": "Bearer secrettoken"})
    line = json.loads(logged.getvalue().splitlines()[-1])
    assert set(line) <= {
        "event", "level", "timestamp", "request_id", "operation", "method", "status", "duration_ms", "client", "code",
    }  # fmt: skip
    assert (line["event"], line["operation"], line["status"]) == ("request", "members.list", 401)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", line["timestamp"])


# Limits


def test_a_window_that_ended_is_forgotten() -> None:
    memory = Memory()
    for key in range(1000):
        memory.incr(f"{key}/60", 60, 10)
    assert memory.incr("1/60", 60, 10) == 2
    assert memory.incr("1/120", 120, 61) == 1
    assert len(memory._counts) == 1


def test_a_quota_is_back_in_the_next_window(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter(replace(config, rate_limit="1/minute"))
    now = 1_800_000_030
    monkeypatch.setattr(clock, "epoch_seconds", lambda: now)
    first, second = limiter.take("client:a", anonymous=False), limiter.take("client:a", anonymous=False)
    assert (first.allowed, first.remaining, second.allowed) == (True, 0, False)
    assert second.reset_seconds == 60 - now % 60
    now += second.reset_seconds
    assert limiter.take("client:a", anonymous=False).allowed


def test_the_limiter_reads_no_clock_of_its_own() -> None:
    source = Path(limits.__file__).read_text()
    assert "import time" not in source
    assert "datetime" not in source


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [found, "--port", str(port), "--save", "", "--dir", str(tmp_path), "--bind", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def test_processes_that_share_a_store_share_the_count(config: Config, engine: Engine, redis_url: str) -> None:
    shared = replace(config, rate_storage=redis_url, anonymous_rate_limit="3/hour")
    first, second = (create_app(shared, engine).test_client() for _ in range(2))
    statuses = [http.get("/healthz").status_code for http in (first, second, first, second)]
    assert statuses == [200, 200, 200, 429]


def test_a_store_that_is_away_does_not_take_the_registry_down(config: Config, engine: Engine) -> None:
    away = replace(config, rate_storage="redis://127.0.0.1:1/0", anonymous_rate_limit="2/hour")
    http = create_app(away, engine).test_client()
    assert [http.get("/healthz").status_code for _ in range(3)] == [200, 200, 429]


def test_the_version_of_the_code_is_that_of_the_scripts(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar_one() == migrate.head()


def test_a_flask_of_ours_runs_no_coroutines(app: Flask) -> None:
    assert app.ensure_sync(labels) is labels
