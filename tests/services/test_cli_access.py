"""`gongxin clients` and `gongxin keys`: what an operator types, sees, and gets back as an exit code."""

import base64
import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gongxin import clock
from gongxin.cli import main
from gongxin_wire.identifiers import synthetic_uscc
from tests.api.oauth_helpers import SigningKey
from tests.api.test_oauth import certificate

_NUMBERS = itertools.count(400_000_000)


class Operator:
    """Types commands against the test database; each commits, so each test makes clients of its own."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.runner, self.environment, self.folder = CliRunner(), environment, folder

    def types(self, *words: str, exit_code: int = 0, **kw: Any) -> Result:
        result = self.runner.invoke(main, words, env=self.environment, **kw)
        assert result.exit_code == exit_code, (result.output, result.stderr, result.exception)
        return result

    def reads(self, *words: str) -> Any:
        return json.loads(self.types(*words, "--json").stdout)

    def refused(self, *words: str) -> str:
        return str(json.loads(self.types(*words, "--json", exit_code=2).stderr)["code"])

    def member(self) -> str:
        code = synthetic_uscc(next(_NUMBERS))
        self.types("members", "apply", "--kind", "bank", "--name-zh", "示范银行", "--uscc", code)
        self.types("members", "activate", code, "--reason", "按决定")
        return code

    def jwk(self, key: SigningKey | None = None, *, private: bool = False) -> str:
        key = key or SigningKey()
        whole = jwt.get_algorithm_by_name(key.alg).to_jwk(key.private, as_dict=True) if private else key.jwk
        path = self.folder / f"{key.kid}.json"
        path.write_text(json.dumps(whole))
        return str(path)

    def client(self, *more: str) -> Any:
        return self.reads("clients", "create", self.member(), "--name", "核心系统", "--scope", "lookups", *more)


@pytest.fixture
def operator(web_url: str, owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.delenv("GONGXIN_SYNTHETIC", raising=False)
    urls = {"GONGXIN_DATABASE_URL": web_url, "GONGXIN_MIGRATION_DATABASE_URL": owner_url}
    plain = {name: url.replace("postgresql+psycopg://", "postgresql://") for name, url in urls.items()}
    return Operator(plain, tmp_path)


def test_a_client_is_made_with_its_key_listed_and_revoked(operator: Operator) -> None:
    key = SigningKey()
    made = operator.client("--jwk", operator.jwk(key))
    assert made["keys"][0]["kid"] == key.kid
    assert "client_secret" not in made
    listed = operator.types("clients", "list", "--member", made["member_id"]).stdout
    assert made["client_id"] in listed
    assert "有效 active" in listed
    assert operator.reads("clients", "revoke", made["client_id"])["state"] == "revoked"
    assert "已撤销 revoked" in operator.types("clients", "list").stdout
    assert operator.refused("keys", "add", made["client_id"], "--jwk", operator.jwk()) == "client_revoked"


def test_a_secret_is_shown_once(operator: Operator) -> None:
    made = operator.reads(
        "clients", "create", operator.member(), "--name", "目录", "--auth-method", "client_secret_basic",
        "--scope", "members.read",
    )  # fmt: skip
    secret = made["client_secret"]
    assert len(secret) >= 43
    assert secret not in operator.types("clients", "list").stdout


def test_keys_are_added_listed_retired_and_their_end_foreseen(operator: Operator) -> None:
    client = operator.client("--jwk", operator.jwk())["client_id"]
    ends = (clock.today_in_china() + timedelta(days=20)).isoformat()
    soon = operator.reads("keys", "add", client, "--jwk", operator.jwk(), "--expires", ends)
    expiring = operator.reads("keys", "expiring", "--days", "3650")
    assert soon["kid"] in [key["kid"] for key in expiring]
    assert operator.refused("keys", "add", client, "--jwk", operator.jwk()) == "too_many_live_keys"
    assert operator.reads("keys", "retire", client, soon["kid"])["state"] == "retired"
    assert [key["state"] for key in operator.reads("keys", "list", "--client", client)] == ["live", "retired"]
    assert operator.refused("keys", "retire", client, "A" * 43) == "client_key_not_found"


def test_a_private_key_or_another_file_is_refused(operator: Operator) -> None:
    client = operator.client()["client_id"]
    private = operator.jwk(private=True)
    result = operator.types("keys", "add", client, "--jwk", private, exit_code=2)
    assert "private_key_sent" in result.stderr
    assert json.loads(Path(private).read_text())["d"] not in result.output
    broken = operator.folder / "broken"
    broken.write_text("{")
    assert operator.refused("keys", "add", client, "--jwk", str(broken)) == "bad_credential_file"
    assert operator.refused("keys", "add", client, "--certificate", str(broken)) == "bad_credential_file"
    assert operator.refused("keys", "add", client) == "wrong_credential"


def test_a_known_key_is_refused(operator: Operator) -> None:
    key = operator.jwk()
    operator.client("--jwk", key)
    assert operator.refused("keys", "add", operator.client()["client_id"], "--jwk", key) == "key_already_known"


def test_a_certificate_is_added_by_its_file(operator: Operator) -> None:
    header, thumbprint = certificate()
    pem = x509.load_der_x509_certificate(base64.b64decode(header.strip(":"))).public_bytes(Encoding.PEM)
    path = operator.folder / "client.pem"
    path.write_bytes(pem)
    made = operator.client("--auth-method", "tls_client_auth", "--certificate", str(path))
    assert made["keys"][0]["certificate_sha256"] == thumbprint


def test_the_registry_s_keys_rotate(operator: Operator) -> None:
    operator.types("keys", "rotate", "--use", "token")
    made = operator.reads("keys", "rotate", "--use", "token")
    held = {key["kid"]: key for key in operator.reads("keys", "list") if key["use"] == "token"}
    assert held[made["kid"]]["state"] == "live"
    assert [key["state"] for key in held.values()].count("live") == 1
    assert all(key["published_until"] for key in held.values() if key["state"] == "retired")


def test_a_secret_for_the_configuration_is_one_it_accepts(operator: Operator) -> None:
    from gongxin.config import load

    made = [operator.types("keys", "secret").stdout.strip() for _ in range(2)]
    config = load({"GONGXIN_MASTER_KEY": made[0], "GONGXIN_PEPPER": made[1]})
    assert len({config.master_key, config.pepper}) == 2


def test_help_tells_every_command_in_both_languages(operator: Operator) -> None:
    for group in ("clients", "keys"):
        assert operator.types(group, "--help").stdout.isascii() is False
