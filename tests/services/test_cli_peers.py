"""`gongxin peers` between two registries that serve each other over HTTP on this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from gongxin.access import service as access
from gongxin.app import create_app
from gongxin.cli import main
from gongxin.config import Config
from gongxin.db import transaction
from tests.services.log_world import own_log


@dataclass
class Operator:
    address: str
    environment: dict[str, str]

    def types(self, *words: str, exit_code: int = 0) -> Any:
        result = CliRunner().invoke(main, ["peers", *words, "--json"], env=self.environment)
        assert result.exit_code == exit_code, (result.output, result.stderr, result.exception)
        return json.loads(result.stdout if exit_code == 0 else result.stderr)

    def pins(self, other: "Operator") -> None:
        spoken = other.types("describe")["fingerprint"]
        assert self.types("add", other.address, "--officer", "zhang")["fingerprint"] == spoken
        for officer in ("zhang", "liwei"):
            self.types("approve", other.address, "--officer", officer, "--fingerprint", spoken)


@pytest.fixture
def two(server: str, config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Operator, Operator]]:
    monkeypatch.delenv("GONGXIN_SYNTHETIC", raising=False)
    with ExitStack() as stack:
        found = []
        for _ in range(2):
            http = make_server("127.0.0.1", 0, None, threaded=True)
            address = f"http://127.0.0.1:{http.port}"
            made = stack.enter_context(own_log(server, replace(config, issuer=address)))
            with transaction(made.engine) as session:
                access.ensure_registry_keys(session, made.config)
            http.app = create_app(made.config, made.engine)
            threading.Thread(target=http.serve_forever, daemon=True).start()
            stack.callback(http.shutdown)
            urls = {
                "DATABASE_URL": made.config.database_url,
                "MIGRATION_DATABASE_URL": made.config.migration_database_url,
            }
            plain = {f"GONGXIN_{name}": url.replace("+psycopg", "") for name, url in urls.items()}
            found.append(Operator(address, {**plain, "GONGXIN_ISSUER": address}))
        yield found[0], found[1]


def test_two_operators_pin_each_other_and_ask_how_the_other_stands(two: tuple[Operator, Operator]) -> None:
    east, west = two
    east.pins(west)
    assert [row["outcome"] for row in east.types("status")] == ["message_not_signed"]  # west does not know us yet
    west.pins(east)
    answered = east.types("status")
    assert [(row["address"], row["outcome"]) for row in answered] == [(west.address, "answered")]
    assert east.types("refresh", west.address)["state"] == "active"
    agreed = east.types(
        "agree", west.address, "--officer", "zhang", "--purpose", "contact=100", "--data-type", "case_status"
    )
    assert agreed == {"version": 1, "purposes": {"contact": 100}, "data_types": ["case_status"]}
    reason = ("--officer", "zhang", "--reason", "查证")
    assert east.types("pause", west.address, *reason)["state"] == "paused"
    assert east.types("status") == []
    assert east.types("resume", west.address, *reason)["state"] == "active"
    assert east.types("remove", west.address, *reason)["state"] == "removed"
    assert [row["state"] for row in east.types("list")] == ["removed"]


def test_what_is_wrong_is_refused_with_its_name(two: tuple[Operator, Operator]) -> None:
    east, west = two
    officer = ("--officer", "zhang")
    for words, code in (
        (("add", "ftp://x", *officer), "bad_peer_address"),
        (("add", f"{west.address}/", *officer), "bad_peer_address"),
        (("add", east.address, *officer), "peer_exists"),
        (("add", f"{west.address}/docs", *officer), "description_not_signed"),
        (("add", west.address, "--officer", "张三"), "bad_officer"),
        (("approve", west.address, *officer, "--fingerprint", "ab"), "peer_not_found"),
        (("refresh", west.address), "peer_not_found"),
    ):
        assert east.types(*words, exit_code=2)["code"] == code, words
    assert east.types("add", "http://127.0.0.1:9", *officer, exit_code=1)["code"] == "peer_unreachable"
    east.types("add", west.address, *officer)
    wrong = ("--purpose", "contact=many", "--data-type", "case_status")
    assert east.types("agree", west.address, *officer, *wrong, exit_code=2)["code"] == "bad_terms"
    assert east.types("resume", west.address, *officer, "--reason", "x", exit_code=2)["code"] == "illegal_peer_state"
