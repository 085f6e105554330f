"""Two public OAuth clients that are not ours get a sender-constrained token and use it, over a real socket:
Authlib's with private_key_jwt and DPoP, requests-oauthlib's with a certificate behind a trusted proxy."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from flask import Flask
from joserfc.jwk import ECKey
from oauthlib.oauth2 import BackendApplicationClient
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth2Session as RequestsSession
from sqlalchemy import Engine
from werkzeug.serving import make_server

from gongxin.app import create_app
from gongxin.config import Config
from tests.api.oauth_helpers import SigningKey, proof, register
from tests.api.test_oauth import certificate
from tests.services.disclosure_world import World, build


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def live(config: Config, engine: Engine) -> Iterator[Flask]:
    """The registry on a port of this machine, which is also its trusted proxy."""
    made: list[Flask] = []
    server = make_server("127.0.0.1", 0, lambda environ, start: made[0](environ, start), threaded=True)
    issuer = f"http://127.0.0.1:{server.port}"
    made.append(create_app(replace(config, issuer=issuer, trusted_proxies=("127.0.0.1",)), engine))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made[0]
    server.shutdown()
    thread.join()


class WithProof(HTTPAdapter):
    """Adds a DPoP proof to whatever the client sends: all that Authlib lacks."""

    def __init__(self, key: SigningKey) -> None:
        super().__init__()
        self.key = key

    def add_headers(self, request: PreparedRequest, **_: Any) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bound = {"token": token} if scheme.lower() == "dpop" else {}
        assert request.method
        assert request.url
        request.headers["DPoP"] = proof(self.key, request.method, request.url.partition("?")[0], **bound)


def as_dpop(token: str, uri: str, headers: dict[str, str], body: Any, _placement: str) -> tuple[str, Any, Any]:
    """Authlib's place for a token type that it does not know."""
    headers["Authorization"] = f"DPoP {token}"
    return uri, headers, body


class ShortLived(PrivateKeyJWT):
    """Authlib's own assertions live an hour, which the registry refuses."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        return str(
            private_key_jwt_sign(
                auth.client_secret, auth.client_id, token_endpoint, alg="ES256", header={}, expires_in=60
            )
        )


def test_authlib_gets_a_dpop_bound_token_and_uses_it(live: Flask, engine: Engine, world: World) -> None:
    party = register(live, engine, world.member("bank"), "lookups", "members.read")
    issuer, endpoint = party.issuer, f"{party.issuer}/oauth/token"
    key = ECKey.import_key(jwt.get_algorithm_by_name("ES256").to_jwk(party.key.private, as_dict=True))
    client = AuthlibSession(
        party.client_id, key, token_endpoint_auth_method="private_key_jwt", scope="lookups members.read"
    )
    client.register_client_auth_method(ShortLived(endpoint))
    client.mount("http://", WithProof(party.dpop))
    client.token_auth.SIGN_METHODS = {"dpop": as_dpop}
    token = client.fetch_token(endpoint, grant_type="client_credentials", resource=issuer)
    assert token["token_type"] == "DPoP"
    for path in ("/v1/members", "/v1/lookups?limit=1"):
        answer = client.get(issuer + path)
        assert answer.status_code == 200, answer.text
    client.register_client_auth_method(PrivateKeyJWT(endpoint, alg="ES256"))
    with pytest.raises(Exception, match="five minutes"):
        client.fetch_token(endpoint, grant_type="client_credentials")


def test_requests_oauthlib_gets_a_certificate_bound_token_and_uses_it(
    live: Flask, engine: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    header, thumbprint = certificate()
    party = register(
        live, engine, world.member("agency"), auth_method="self_signed_tls_client_auth", certificate=thumbprint
    )
    client = RequestsSession(client=BackendApplicationClient(party.client_id, scope=["lookups", "members.read"]))
    client.headers["Client-Cert"] = header
    token = client.fetch_token(f"{party.issuer}/oauth/token", include_client_id=True, auth=lambda request: request)
    assert token["token_type"] == "Bearer"
    assert client.get(f"{party.issuer}/v1/lookups").status_code == 200
    client.headers["Client-Cert"] = certificate()[0]
    refused = client.get(f"{party.issuer}/v1/lookups")
    assert (refused.status_code, refused.json()["code"]) == (401, "certificate_mismatch")
