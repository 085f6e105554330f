"""The SDK and `gongxin-member badge` against a registry that runs, and offline."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gongxin.agents import badge_lists
from gongxin_client import Identifier, Registry, clock
from gongxin_client.badges import BadgeStore
from gongxin_client.cli import main
from gongxin_client.errors import BadInput, VerificationFailed
from gongxin_wire.identifiers import synthetic_cn_id
from tests import live as living
from tests.api.test_client_agents import licensed

live = living.live
Live = living.Live


@pytest.fixture
def agency(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("agency")) as registry:
        yield registry


@pytest.fixture
def association(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("association")) as registry:
        yield registry


@pytest.fixture(autouse=True)
def never_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list is signed anew for whoever asks."""
    monkeypatch.setattr(badge_lists, "FRESH_SECONDS", -(10**6))


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(main, ["badge", *arguments, "--json"])
    return done.exit_code, json.loads(done.stdout)


def fetched_anew(registry: Registry, store: BadgeStore, after: int) -> None:
    """Until the list that the registry serves was signed after this second."""
    while True:
        registry.fetch_badge_lists(store)
        seen = json.loads((store.folder / "seen.json").read_bytes())
        if min(seen.values()) > after:
            return
        time.sleep(0.3)


def test_a_badge_is_verified_offline_until_the_licence_is_suspended(
    agency: Registry, association: Registry, tmp_path: Path
) -> None:
    agent = licensed(agency, association, Identifier("cn_id", synthetic_cn_id(7_204_511)))
    made = agency.issue_badge(agent["agent_id"])
    assert agency.check_badge(made["code"])["state"] == "valid"
    assert agency.check_photo(agent["licence"], "ab" * 32) is True
    assert agency.check_photo(agent["licence"], "ac" * 32) is False
    assert agency.badge_card(agent["agent_id"], made["badge_id"], "en").startswith(b"%PDF-")
    store = BadgeStore(tmp_path / "badges")
    fetched_anew(agency, store, 0)
    found = store.verify(made["code"])
    assert (found.valid, found.badge.licence) == (True, agent["licence"])
    code = tmp_path / "scan.txt"
    code.write_text(made["code"] + "\n", encoding="utf-8")
    folder = ("--folder", str(store.folder))
    assert run("verify", str(code), *folder)[1]["state"] == "valid"
    assert run("verify", made["code"], *folder)[0] == 0

    suspended = association.move_agent(agent["agent_id"], "suspend", version=agent["version"], reason="调查期间")
    old = next(store.folder.glob("list-*.jwt")).read_bytes()
    fetched_anew(agency, store, clock.epoch_seconds())
    assert run("verify", made["code"], *folder) == (1, run("verify", made["code"], *folder)[1])
    assert store.verify(made["code"]).verdict.state == "suspended"

    # An old list put back is detected, by whoever saw the newer one.
    [path] = store.folder.glob("list-*.jwt")
    newest = path.read_bytes()
    path.write_bytes(old)
    with pytest.raises(VerificationFailed) as back:
        store.verify(made["code"])
    assert back.value.code == "status_list_rolled_back"
    assert run("verify", made["code"], *folder)[0] == 5
    path.write_bytes(newest)

    association.move_agent(agent["agent_id"], "reinstate", version=suspended["version"], reason="查无实据")
    fetched_anew(agency, store, clock.epoch_seconds())
    assert store.verify(made["code"]).valid
    ended = agency.withdraw_badge(agent["agent_id"], made["badge_id"], "lost")
    assert [each["state"] for each in agency.agent_badges(agent["agent_id"])] == [ended["state"]] == ["ended"]


def test_an_old_list_says_unknown_never_valid(
    agency: Registry, association: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = licensed(agency, association, Identifier("cn_id", synthetic_cn_id(7_204_512)))
    code = agency.issue_badge(agent["agent_id"])["code"]
    store = BadgeStore(tmp_path / "badges")
    fetched_anew(agency, store, 0)
    keys, [token] = store.folder / "keys.json", store.folder.glob("list-*.jwt")
    given = ("--keys", str(keys), "--list", str(token))
    assert run("verify", code, *given)[1]["state"] == "valid"
    later = clock.epoch_seconds() + 86_400 + 3600  # a list's time may run ahead: it rises with each signing
    monkeypatch.setattr(clock, "epoch_seconds", lambda: later)
    exit_code, told = run("verify", code, *given)
    assert (exit_code, told["state"], told["why"], told["valid"]) == (1, "unknown", "list_too_old", False)
    token.unlink()
    assert store.verify(code).verdict.why == "no_list"


def test_what_is_damaged_is_an_error_and_never_a_fresh_start(
    agency: Registry, association: Registry, tmp_path: Path
) -> None:
    agent = licensed(agency, association, Identifier("cn_id", synthetic_cn_id(7_204_513)))
    code = agency.issue_badge(agent["agent_id"])["code"]
    store = BadgeStore(tmp_path / "badges")
    with pytest.raises(BadInput, match="badge_file"):
        store.verify(code)
    fetched_anew(agency, store, 0)
    (store.folder / "seen.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="badge_memory_damaged"):
        store.verify(code)
    with pytest.raises(BadInput, match="badge_memory_damaged"):
        agency.fetch_badge_lists(store)
    (store.folder / "keys.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match="badge_keys"):
        store.verify(code)
    assert run("verify", code[:80], "--folder", str(store.folder))[0] == 2


def test_a_list_that_the_registry_serves_from_before_is_not_kept(
    agency: Registry, association: Registry, tmp_path: Path
) -> None:
    agency.issue_badge(licensed(agency, association, Identifier("cn_id", synthetic_cn_id(7_204_598)))["agent_id"])
    store = BadgeStore(tmp_path / "badges")
    fetched_anew(agency, store, 0)
    seen = json.loads((store.folder / "seen.json").read_bytes())
    (store.folder / "seen.json").write_text(json.dumps({uri: at + 10_000 for uri, at in seen.items()}))
    with pytest.raises(VerificationFailed) as back:
        agency.fetch_badge_lists(store)
    assert back.value.code == "status_list_rolled_back"


def test_keys_of_another_registry_are_not_taken(agency: Registry, tmp_path: Path) -> None:
    store = BadgeStore(tmp_path / "badges")
    with pytest.raises(VerificationFailed) as other:
        store.fetch("https://elsewhere.example", lambda path: agency.connection.call("GET", path, scope=None).content)
    assert other.value.code == "badge_issuer"
    assert not (store.folder / "keys.json").exists()
