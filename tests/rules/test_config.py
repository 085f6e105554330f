"""Configuration: every fault by the name of its variable, all at once; nothing unsafe starts in production."""

import base64
import os
from types import SimpleNamespace
from typing import Any

import pytest

from gongxin.config import DEVELOPMENT_SECRET, Config, load
from gongxin.errors import ConfigError
from gongxin_wire.voprf import sodium


def secret() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


@pytest.fixture(autouse=True)
def good_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sodium, "provider", lambda: SimpleNamespace(name="system", production_ok=True))


def production(**changes: str | None) -> dict[str, str]:
    good: dict[str, str | None] = {
        "MODE": "production",
        "ISSUER": "https://registry.example",
        "DATABASE_URL": "postgresql://gongxin_web:pw@db/gongxin",
        "MIGRATION_DATABASE_URL": "postgresql://gongxin_owner:pw@db/gongxin",
        "MASTER_KEY": secret(),
        "PEPPER": secret(),
    }
    return {f"GONGXIN_{name}": value for name, value in (good | changes).items() if value is not None}


def faults(env: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(env)
    return str(raised.value).splitlines()[1:]


def test_a_complete_production_configuration_starts() -> None:
    config = load(production())
    assert config.production
    assert not config.embedded
    assert not config.synthetic
    assert config.database_url == "postgresql+psycopg://gongxin_web:pw@db/gongxin"
    assert len(config.master_key) == 32


def test_the_web_process_need_not_know_how_to_migrate() -> None:
    assert load(production(MIGRATION_DATABASE_URL=None)).migration_database_url == ""


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"MASTER_KEY": None}, "MASTER_KEY"),
        ({"MASTER_KEY": DEVELOPMENT_SECRET}, "MASTER_KEY"),
        ({"MASTER_KEY": base64.urlsafe_b64encode(b"\1" * 32).decode()}, "MASTER_KEY"),
        ({"MASTER_KEY": base64.urlsafe_b64encode(b"short").decode()}, "MASTER_KEY"),
        ({"MASTER_KEY": "!" * 43}, "MASTER_KEY"),
        ({"MASTER_KEY": "é" * 43}, "MASTER_KEY"),
        ({"MASTER_KEY": ""}, "MASTER_KEY"),
        ({"PEPPER": None}, "PEPPER"),
        ({"PEPPER": DEVELOPMENT_SECRET}, "PEPPER"),
        ({"SYNTHETIC": "1"}, "SYNTHETIC"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"ISSUER": "http://registry.example"}, "ISSUER"),
        ({"ISSUER": None}, "ISSUER"),
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://gongxin_owner@db/gongxin"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://db/gongxin?user=gongxin_owner"}, "DATABASE_URL"),
    ],
)
def test_production_refuses_each_fault_by_its_name(changes: dict[str, str | None], variable: str) -> None:
    found = faults(production(**changes))
    assert [fault.split(":")[0].strip() for fault in found] == [f"GONGXIN_{variable}"]


def test_one_secret_for_two_purposes_is_refused() -> None:
    one = secret()
    assert "GONGXIN_PEPPER: must differ" in faults(production(MASTER_KEY=one, PEPPER=one))[0]


def test_a_fallback_library_is_refused_in_production_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sodium, "provider", lambda: SimpleNamespace(name="pure", production_ok=False))
    found = faults(production())
    assert len(found) == 1
    assert "libsodium" in found[0]
    assert "'pure'" in found[0]
    assert load({}).mode == "development"


def test_all_faults_are_told_at_once() -> None:
    found = faults({"GONGXIN_MODE": "production", "GONGXIN_DEBUG": "1", "GONGXIN_SYNTHETIC": "1", "GONGXIN_POOL": "3"})
    named = {fault.split(":")[0].strip() for fault in found}
    assert named == {
        f"GONGXIN_{name}" for name in ("POOL", "DATABASE_URL", "ISSUER", "MASTER_KEY", "PEPPER", "SYNTHETIC", "DEBUG")
    }


def test_an_unknown_variable_is_refused_and_the_known_ones_are_listed() -> None:
    found = faults({"GONGXIN_ISUER": "https://x"})
    assert found[0].strip().startswith("GONGXIN_ISUER: unknown variable")
    assert "GONGXIN_ISSUER" in found[0]
    assert load({"GONGXIN_TEST_PG": "system", "PATH": "/bin"}) == load({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODE", "prod"),
        ("SYNTHETIC", "yes"),
        ("POOL_SIZE", "0"),
        ("POOL_SIZE", "-1"),
        ("POOL_SIZE", "８"),
        ("TOKEN_SECONDS", "five"),
        ("ISSUER", "registry.example"),
        ("ISSUER", "https://registry.example/"),
        ("ISSUER", "https://registry.example?x=1"),
        ("ISSUER", "https://user@registry.example"),
        ("ISSUER", "https://"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "postgres://db/x"),
        ("RATE_LIMIT", "many"),
        ("RATE_STORAGE", "memcached://x"),
        ("RATE_STORAGE", "async+redis://x"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.1, ::/0"),
        ("TSA_URL", "tsa.example"),
        ("TSA_URL", "ftp://tsa.example"),
        ("TSA_URL", "https://user@tsa.example"),
        ("TSA_POLICY", "policy"),
        ("TSA_POLICY", "1.02.3"),
        ("WITNESS_QUORUM", "0"),
        ("WITNESS_ROUND_SECONDS", "-60"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_any_mode(variable: str, value: str) -> None:
    assert [fault.split(":")[0].strip() for fault in faults({f"GONGXIN_{variable}": value})] == [f"GONGXIN_{variable}"]


@pytest.mark.parametrize(
    "env", [{"GONGXIN_TSA_URL": "https://tsa.example"}, {"GONGXIN_TSA_CERTIFICATE": "root.pem"}], ids=["url", "root"]
)
def test_an_authority_without_the_root_it_is_checked_with_is_refused(env: dict[str, str]) -> None:
    assert any("GONGXIN_TSA_URL" in fault for fault in faults(env))
    assert load({"GONGXIN_TSA_URL": "https://tsa.example", "GONGXIN_TSA_CERTIFICATE": "root.pem"}).tsa_policy == ""


def test_development_needs_nothing() -> None:
    config = load({})
    assert (config.mode, config.embedded, config.synthetic, config.debug) == ("development", True, True, False)
    assert config.issuer == "http://127.0.0.1:8080"
    assert config.master_key
    assert Config().master_key == b""


def test_what_is_secret_is_not_printed() -> None:
    env = production(RATE_STORAGE="redis://:hidden@cache/0")
    shown = repr(load(env))
    for hidden in ("pw@db", "hidden", env["GONGXIN_MASTER_KEY"][:8], str(load(env).pepper)):
        assert hidden not in shown
    told = "\n".join(faults(env | {"GONGXIN_PEPPER": "tooshort-but-secret", "GONGXIN_DATABASE_URL": "mysql://u:pw@db"}))
    assert "tooshort" not in told
    assert "pw@db" not in told


def test_proxies_are_read_as_a_list() -> None:
    found: Any = load({"GONGXIN_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1 ,unix,"}).trusted_proxies
    assert found == ("10.0.0.0/8", "2001:db8::1", "unix")
