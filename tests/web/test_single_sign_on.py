"""Single sign-on at a member's own provider: a small OpenID provider here, honest or not as each test says."""

import json
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import Engine

from gongxin import clock
from gongxin.accounts import queries, service
from gongxin.accounts.single_sign_on import providers
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import ConfigError
from gongxin.members.models import Member
from gongxin_admin.app import create
from gongxin_wire.canonical import b64u
from tests.services.accounts_world import new_login

from .conftest import Browser, Town


@dataclass
class Provider:
    """Signs in whoever it is told to; `change` spoils the claims, `key` signs them."""

    address: str = ""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256"}))
    signer: ECKey | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], Any] = lambda claims: claims
    asked: dict[str, str] = field(default_factory=dict)

    def answer(self, path: str, form: dict[str, str], authorization: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.address, "authorization_endpoint": f"{self.address}/authorize",
                    "token_endpoint": f"{self.address}/token", "jwks_uri": f"{self.address}/keys"}  # fmt: skip
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        assert b64decode(authorization.removeprefix("Basic ")) == b"gongxin:a secret of theirs"
        assert b64u(sha256(form["code_verifier"].encode()).digest()) == self.asked["code_challenge"]
        assert form["redirect_uri"] == self.asked["redirect_uri"]
        now = clock.epoch_seconds()
        claims = {
            "iss": self.address, "aud": "gongxin", "sub": "person-1", "iat": now, "exp": now + 60, "auth_time": now,
            "nonce": self.asked["nonce"], **self.claims,
        }  # fmt: skip
        claims = self.change(claims) or claims
        signer = self.signer or self.key
        return {"id_token": jwt.encode({"alg": "ES256", "kid": "one"}, claims, signer), "token_type": "Bearer"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            fields = {name: values[0] for name, values in parse_qs(form).items()}
            body = json.dumps(found.answer(self.path, fields, self.headers.get("Authorization", ""))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@dataclass
class Bank:
    """A bank with its provider, an invited clerk, and a browser at its portal."""

    town: Town
    provider: Provider
    member: Member
    login: str
    browser: Browser

    def sign_in(self) -> Any:
        sent = self.browser.get("/portal/single/bank?next=/portal/account")
        address = urlsplit(sent.location)
        assert sent.location.startswith(self.provider.address + "/authorize?")
        self.provider.asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        return self.come_back(self.provider.asked["state"])

    def come_back(self, state: str, code: str = "c0de") -> Any:
        return self.browser.get(f"/portal/single/bank/back?state={state}&code={code}")


@pytest.fixture
def bank(provider: Provider, page_config: Config, engine: Engine, tmp_path: Path) -> Bank:
    plain = Town({}, engine, page_config)
    member = plain.house("bank")
    path = tmp_path / "providers.json"
    path.write_text(json.dumps([_entry(member.uscc, provider.address)]), encoding="utf-8")
    config = replace(page_config, single_sign_on=path)
    app = create("portal", config, engine)
    app.config["TESTING"] = True
    town = Town({"portal": app}, engine, config)
    login = new_login()
    with transaction(engine) as session:
        service.invite(session, member_id=member.id, login=login, display_name="甲", roles=["clerk"], actor="registry")
    provider.claims = {"preferred_username": login}
    return Bank(town, provider, member, login, town.stranger("portal"))


def _entry(uscc: str, issuer: str) -> dict[str, str]:
    return {
        "name": "bank", "uscc": uscc, "title_zh": "示例银行单点登录", "title_en": "Demo bank single sign-on",
        "issuer": issuer, "client_id": "gongxin", "client_secret": "a secret of theirs",
    }  # fmt: skip


def test_an_invited_person_signs_in_and_is_known_by_the_subject_from_then_on(bank: Bank) -> None:
    assert "示例银行单点登录" in bank.browser.get("/portal/sign-in").text
    entered = bank.sign_in()
    assert (entered.status_code, entered.location) == (303, "/portal/account")
    assert "单点登录" in bank.browser.get("/portal/account").text
    bank.provider.claims = {"preferred_username": "somebodyelse"}
    bank.browser = bank.town.stranger("portal")
    assert bank.sign_in().status_code == 303
    with transaction(bank.town.engine) as session:
        assert queries.get_account_by_login(session, bank.login).state == "active"


def test_a_name_given_to_somebody_else_opens_nothing(bank: Bank) -> None:
    assert bank.sign_in().status_code == 303
    bank.browser = bank.town.stranger("portal")
    bank.provider.claims = {"preferred_username": bank.login, "sub": "person-2"}
    assert bank.sign_in().status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"}, {"aud": "other"}, {"aud": ["gongxin", "other"]}, {"nonce": "other"},
        {"exp": 1}, {"sub": 7}, {"sub": "x" * 300}, {"preferred_username": "nobodyofthebank"},
        {"preferred_username": ["a"]},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_us_now_is_refused(bank: Bank, change: dict[str, Any]) -> None:
    bank.provider.change = lambda claims: claims | change
    refused = bank.sign_in()
    assert refused.status_code == 401
    assert "单点登录未成功" in refused.text
    assert bank.browser.get("/portal").status_code == 303


def test_a_token_of_another_key_is_refused(bank: Bank) -> None:
    bank.provider.signer = ECKey.generate_key("P-256", {"kid": "one"})
    assert bank.sign_in().status_code == 401


def test_an_answer_to_another_browser_or_a_second_time_is_refused(bank: Bank) -> None:
    assert bank.come_back("a" * 43).status_code == 401
    assert bank.sign_in().status_code == 303
    other = Bank(bank.town, bank.provider, bank.member, bank.login, bank.town.stranger("portal"))
    assert other.come_back(bank.provider.asked["state"]).status_code == 401


def test_a_person_of_another_member_is_not_let_in_by_this_ones_provider(bank: Bank) -> None:
    other = bank.town.house("bank")
    login = new_login()
    with transaction(bank.town.engine) as session:
        service.invite(session, member_id=other.id, login=login, display_name="乙", roles=["clerk"], actor="registry")
    bank.provider.claims = {"preferred_username": login}
    assert bank.sign_in().status_code == 401


def test_before_a_decision_the_provider_is_asked_anew_and_must_say_when(bank: Bank) -> None:
    assert bank.sign_in().status_code == 303
    assert bank.sign_in().status_code == 303
    assert (bank.provider.asked["prompt"], bank.provider.asked["max_age"]) == ("login", "0")
    bank.provider.change = lambda claims: claims | {"auth_time": clock.epoch_seconds() - 3600}
    assert bank.sign_in().status_code == 401


def test_a_provider_that_is_away_is_said_to_be_so(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "away.json").write_text(json.dumps([_entry(bank.member.uscc, "http://127.0.0.1:9")]), encoding="utf-8")
    app = create("portal", replace(bank.town.config, single_sign_on=tmp_path / "away.json"), bank.town.engine)
    answer = Browser(app, "portal").get("/portal/single/bank")
    assert answer.status_code == 503
    assert "单点登录服务没有应答" in answer.text


_PLAIN, _TWICE = [_entry("x", "http://id.example")], [_entry("x", "https://a"), _entry("y", "https://b")]


@pytest.mark.parametrize("content", ["{", "[1]", '[{"name": "x"}]', json.dumps(_PLAIN), json.dumps(_TWICE)])
def test_a_file_of_providers_that_is_wrong_is_refused_at_once(tmp_path: Path, content: str) -> None:
    path = tmp_path / "providers.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="GONGXIN_SINGLE_SIGN_ON"):
        providers(path)
