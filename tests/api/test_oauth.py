"""Tokens got and used as they should be: authentication, binding, grants, introspection, revocation, documents."""

import base64
import hashlib
import json
import secrets
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask import Flask
from sqlalchemy import Engine, text

from gongxin.access import service as access
from gongxin.app import create_app
from gongxin.config import Config
from gongxin.db import transaction
from gongxin_wire import licences
from tests.api.oauth_helpers import GRANT, SigningKey, b64u, ed25519_key, proof, register
from tests.services.disclosure_world import World, build


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


# --- getting and using a token --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [SigningKey, ed25519_key])
def test_a_client_gets_a_bound_token_by_its_key_and_uses_it(
    app: Flask, engine: Engine, world: World, make: Any
) -> None:
    agency = world.member("agency")
    party = register(app, engine, agency, key=make())
    party.dpop = make()
    answer = party.ask(party.form("lookups members.read"))
    assert answer.status_code == 200, answer.text
    body = answer.json
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("DPoP", 300, "lookups members.read")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["DPoP-Nonce"]
    claims = claims_of(body["access_token"])
    assert (
        claims
        | {
            "iss": "http://localhost",
            "aud": "http://localhost",
            "sub": party.client_id,
            "client_id": party.client_id,
            "member_id": str(agency.member_id),
            "member_kind": "agency",
            "cnf": {"jkt": party.dpop.kid},
        }
        == claims
    )
    assert claims["exp"] - claims["iat"] == 300
    assert jwt.get_unverified_header(body["access_token"])["typ"] == "at+jwt"
    assert party.call(body["access_token"], "GET", "/v1/members").status_code == 200
    assert party.call(body["access_token"], "GET", "/v1/lookups").status_code == 200


def test_the_published_keys_verify_a_token(app: Flask, engine: Engine, world: World) -> None:
    token = register(app, engine, world.member("bank")).token()
    answer = app.test_client().get("/oauth/jwks")
    assert "max-age" in answer.headers["Cache-Control"]
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(jwt.PyJWK(jwk) for jwk in answer.json["keys"] if jwk["kid"] == kid)
    assert jwt.decode(token, key, algorithms=["ES256"], audience="http://localhost", issuer="http://localhost")
    assert all("d" not in jwk for jwk in answer.json["keys"])


def test_a_court_s_token_carries_its_code(app: Flask, engine: Engine, world: World) -> None:
    court = world.member("court", court_code="沪9901")
    claims = claims_of(register(app, engine, court).token())
    assert (claims["member_kind"], claims["court_code"]) == ("court", "沪9901")


def test_a_shared_secret_gets_a_bearer_token_for_low_risk_scopes(app: Flask, engine: Engine, world: World) -> None:
    secret, digest = access.new_secret()
    party = register(
        app, engine, world.member("bank"), "members.read", auth_method="client_secret_basic", secret_digest=digest
    )
    credentials = base64.b64encode(f"{party.client_id}:{secret}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": "members.read"}
    answer = party.ask(form, bound=False, headers={"Authorization": f"Basic {credentials}"})
    assert (answer.status_code, answer.json["token_type"]) == (200, "Bearer"), answer.text
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert app.test_client().get("/v1/members", headers=bearer).status_code == 200
    wrong = base64.b64encode(f"{party.client_id}:{secret[:-1]}".encode()).decode()
    refused = party.ask(form, bound=False, headers={"Authorization": f"Basic {wrong}"})
    assert (refused.status_code, refused.json["error"]) == (401, "invalid_client")
    assert refused.headers["WWW-Authenticate"].startswith("Basic")


def test_scopes_that_reach_persons_need_a_bound_token(app: Flask, engine: Engine, world: World) -> None:
    party = register(app, engine, world.member("bank"))
    answer = party.ask(bound=False)
    assert (answer.status_code, answer.json["code"]) == (400, "sender_constraint_required")
    assert party.ask(party.form("members.read"), bound=False).json["token_type"] == "Bearer"


# --- purpose-bound grants -------------------------------------------------------------------------------------------


def test_a_grant_is_checked_against_the_agreement_and_echoed(app: Flask, engine: Engine, world: World) -> None:
    party = register(app, engine, world.member("agency", budgets={"contact": 10}))
    granted = GRANT | {"case_references": ["0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"]}
    answer = party.ask(party.form(authorization_details=json.dumps([granted])))
    assert answer.status_code == 200, answer.text
    assert answer.json["authorization_details"] == [granted]
    assert claims_of(answer.json["access_token"])["authorization_details"] == [granted]


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ([GRANT | {"purpose": "judicial"}], "purpose_not_for_kind"),
        ([GRANT | {"data_types": ["amounts"]}], "data_type_not_agreed"),
        ([GRANT | {"creditor": "x"}], "details_members"),
        ([GRANT | {"type": "account_information"}], "details_type"),
        ([GRANT | {"data_types": []}], "details_values"),
        ([GRANT | {"data_types": "case_status"}], "details_values"),
        ([GRANT | {"case_references": ["a", "a"]}], "details_references"),
        ([{"type": "gongxin_lookup", "purpose": "contact"}], "details_members"),
        ([GRANT | {"case_references": ["x" * 60 + str(n) for n in range(80)]}], "too_large"),
        ([], "details_form"),
        (GRANT, "details_form"),
        ([7], "details_type"),
        (None, "details_form"),
    ],
)
def test_a_grant_out_of_form_or_agreement_is_refused(
    app: Flask, engine: Engine, world: World, details: Any, code: str
) -> None:
    party = register(app, engine, world.member("agency"))
    answer = party.ask(party.form(authorization_details=json.dumps(details)))
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_authorization_details")
    assert answer.json["code"] == code


def test_a_purpose_outside_the_agreement_is_refused(app: Flask, engine: Engine, world: World) -> None:
    party = register(app, engine, world.member("bank", budgets={"placement": 1}))
    answer = party.ask(party.form(authorization_details=json.dumps([GRANT])))
    assert (answer.json["error"], answer.json["code"]) == ("invalid_authorization_details", "purpose_not_agreed")


def test_an_id_number_in_a_grant_is_refused_and_not_repeated(app: Flask, engine: Engine, world: World) -> None:
    from gongxin_wire.identifiers import synthetic_cn_id

    party, number = register(app, engine, world.member("agency")), synthetic_cn_id(7)
    answer = party.ask(party.form(authorization_details=json.dumps([GRANT | {"case_references": [number]}])))
    assert answer.json["code"] == "personal_data_in_text"
    assert number not in answer.text


# --- certificates ---------------------------------------------------------------------------------------------------


def certificate() -> tuple[str, str]:
    """(Client-Cert header, x5t#S256) of a self-signed certificate."""
    key = SigningKey().private
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agency.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    der = made.public_bytes(Encoding.DER)
    return f":{base64.b64encode(der).decode()}:", b64u(hashlib.sha256(der).digest())


@pytest.fixture
def proxied(config: Config, engine: Engine) -> Flask:
    """The application behind a trusted proxy at 10.0.0.1."""
    return create_app(replace(config, trusted_proxies=("10.0.0.1",)), engine)


TRUSTED = {"REMOTE_ADDR": "10.0.0.1"}


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_a_certificate_from_a_trusted_proxy_authenticates_and_binds(
    proxied: Flask, engine: Engine, world: World, method: str
) -> None:
    header, thumbprint = certificate()
    party = register(proxied, engine, world.member("bank"), auth_method=method, certificate=thumbprint)
    form = {"grant_type": "client_credentials", "client_id": party.client_id, "scope": "lookups"}
    answer = party.ask(form, bound=False, headers={"Client-Cert": header}, environ_base=TRUSTED)
    assert (answer.status_code, answer.json["token_type"]) == (200, "Bearer"), answer.text
    token = answer.json["access_token"]
    assert claims_of(token)["cnf"] == {"x5t#S256": thumbprint}
    bearer = {"Authorization": f"Bearer {token}", "Client-Cert": header}
    http = proxied.test_client()
    assert http.get("/v1/lookups", headers=bearer, environ_base=TRUSTED).status_code == 200
    for headers, base in (
        (bearer | {"Client-Cert": certificate()[0]}, TRUSTED),
        ({"Authorization": f"Bearer {token}"}, TRUSTED),
        (bearer, {"REMOTE_ADDR": "203.0.113.9"}),
        (bearer | {"Client-Cert": ":????:"}, TRUSTED),
    ):
        refused = http.get("/v1/lookups", headers=headers, environ_base=base)
        assert (refused.status_code, refused.json["code"]) == (401, "certificate_mismatch")


def test_a_certificate_header_from_anyone_else_is_as_if_it_were_not_there(
    proxied: Flask, engine: Engine, world: World
) -> None:
    header, thumbprint = certificate()
    party = register(
        proxied, engine, world.member("bank"), auth_method="self_signed_tls_client_auth", certificate=thumbprint
    )
    form = {"grant_type": "client_credentials", "client_id": party.client_id, "scope": "lookups"}
    for base in ({"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": "10.0.0.2"}):
        answer = party.ask(form, bound=False, headers={"Client-Cert": header}, environ_base=base)
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    another = party.ask(form, bound=False, headers={"Client-Cert": certificate()[0]}, environ_base=TRUSTED)
    assert another.status_code == 401


def test_a_certificate_binds_a_token_got_by_assertion_too(proxied: Flask, engine: Engine, world: World) -> None:
    header, thumbprint = certificate()
    party = register(proxied, engine, world.member("bank"))
    answer = party.ask(bound=False, headers={"Client-Cert": header}, environ_base=TRUSTED)
    assert claims_of(answer.json["access_token"])["cnf"] == {"x5t#S256": thumbprint}


# --- nonces ---------------------------------------------------------------------------------------------------------


def test_where_nonces_are_demanded_the_answer_offers_one_that_then_passes(
    config: Config, engine: Engine, world: World
) -> None:
    app = create_app(replace(config, dpop_nonce=True), engine)
    party = register(app, engine, world.member("bank"))
    first = party.ask()
    assert (first.status_code, first.json["error"]) == (400, "use_dpop_nonce")
    nonce = first.headers["DPoP-Nonce"]
    made = proof(party.dpop, "POST", "http://localhost/oauth/token", nonce=nonce)
    answer = party.ask(headers={"DPoP": made})
    assert answer.status_code == 200, answer.text
    token = answer.json["access_token"]
    refused = party.call(token, "GET", "/v1/lookups")
    assert refused.status_code == 401
    assert 'error="use_dpop_nonce"' in refused.headers["WWW-Authenticate"]
    again = party.headers(token, "GET", "/v1/lookups", nonce=refused.headers["DPoP-Nonce"])
    assert app.test_client().get("/v1/lookups", headers=again).status_code == 200


def test_a_nonce_that_is_not_ours_is_refused_even_where_none_is_demanded(
    app: Flask, engine: Engine, world: World
) -> None:
    party = register(app, engine, world.member("bank"))
    made = proof(party.dpop, "POST", "http://localhost/oauth/token", nonce="eyJ7S_zG.eyJH0-Z.HX4w-7v")
    assert party.ask(headers={"DPoP": made}).json["error"] == "use_dpop_nonce"


# --- introspection, revocation, suspension --------------------------------------------------------------------------


def told(party: Any, path: str, token: str, **extra: Any) -> Any:
    form = {"client_assertion": party.assertion(), "client_assertion_type": party.form()["client_assertion_type"]}
    return party.app.test_client().post(path, data=form | {"token": token} | extra)


def test_a_member_introspects_its_own_tokens_only(app: Flask, engine: Engine, world: World) -> None:
    bank = world.member("bank")
    one, two = register(app, engine, bank), register(app, engine, bank)
    others = [register(app, engine, world.member(kind)) for kind in ("agency", "association", "regulator")]
    token = one.token()
    answer = told(two, "/oauth/introspect", token, token_type_hint="access_token")
    assert answer.status_code == 200, answer.text
    assert answer.json["active"] is True
    assert answer.json | {"scope": "lookups", "client_id": one.client_id, "token_type": "DPoP"} == answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    for other in others:
        assert told(other, "/oauth/introspect", token).json == {"active": False}
    assert told(one, "/oauth/introspect", "not.a.token").json == {"active": False}
    form = {"token": token}
    assert app.test_client().post("/oauth/introspect", data=form).json["error"] == "invalid_client"


def test_a_revoked_token_is_refused_at_once(app: Flask, engine: Engine, world: World) -> None:
    bank = world.member("bank")
    party, sibling = register(app, engine, bank), register(app, engine, bank)
    token = party.token()
    assert party.call(token, "GET", "/v1/lookups").status_code == 200
    refused = told(sibling, "/oauth/revoke", token)
    assert (refused.status_code, refused.json["code"]) == (400, "token_of_another")
    assert party.call(token, "GET", "/v1/lookups").status_code == 200
    answer = told(party, "/oauth/revoke", token)
    assert (answer.status_code, answer.json) == (200, {})
    after = party.call(token, "GET", "/v1/lookups")
    assert (after.status_code, after.json["code"]) == (401, "token_revoked")
    assert told(party, "/oauth/introspect", token).json == {"active": False}
    assert told(party, "/oauth/revoke", "garbage").status_code == 200
    assert told(party, "/oauth/revoke", token).status_code == 200


def test_a_revoked_client_is_refused_at_once(app: Flask, engine: Engine, world: World) -> None:
    party = register(app, engine, world.member("bank"))
    token = party.token()
    assert party.call(token, "GET", "/v1/lookups").status_code == 200
    with transaction(engine) as session:
        access.revoke_client(session, uuid.UUID(party.client_id))
    refused = party.call(token, "GET", "/v1/lookups")
    assert (refused.status_code, refused.json["code"]) == (401, "client_revoked")
    answer = party.ask()
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_a_suspended_member_s_tokens_are_refused_until_it_is_active_again(
    app: Flask, engine: Engine, world: World
) -> None:
    bank = world.member("bank")
    party = register(app, engine, bank)
    token = party.token()

    def become(state: str) -> None:
        world.connection.execute(
            text("update members set state = :state where id = :id"), {"state": state, "id": bank.member_id}
        )

    become("suspended")
    refused = party.call(token, "GET", "/v1/lookups")
    assert (refused.status_code, refused.json["code"]) == (401, "member_not_active")
    answer = party.ask()
    assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")
    become("active")
    assert party.call(token, "GET", "/v1/lookups").status_code == 200


def test_a_feed_admits_its_caller_in_the_statement_that_reads_it(app: Flask, engine: Engine, world: World) -> None:
    bank = world.member("bank")
    party = register(app, engine, bank, "changes.read")
    token, http = party.token("changes.read"), app.test_client()
    headers = party.headers(token, "GET", "/v1/changes")
    assert http.get("/v1/changes", headers=headers).status_code == 200
    for query in ({}, {"after": "latest"}, {"after": "!"}, {"limit": "0"}, {"unknown": "1"}):
        again = http.get("/v1/changes", headers=headers, query_string=query)
        assert (again.status_code, again.json["code"]) == (401, "proof_replayed"), query
    world.connection.execute(text("update members set state = 'suspended' where id = :id"), {"id": bank.member_id})
    for query in ({}, {"after": "latest"}, {"after": "!"}, {"wait": "1"}):
        headers = party.headers(token, "GET", "/v1/changes")
        refused = http.get("/v1/changes", headers=headers, query_string=query)
        assert (refused.status_code, refused.json["code"]) == (401, "member_not_active"), query


def test_a_check_of_agents_admits_its_caller_in_the_statement_that_finds(
    app: Flask, engine: Engine, world: World
) -> None:
    bank = world.member("bank")
    party = register(app, engine, bank, "agents.check")
    token, http, path = party.token("agents.check"), app.test_client(), "/v1/agents/checks"
    asked = {"purpose": "placement", "items": [{"licence": licences.draw(secrets.randbelow)}]}
    recorded = text("select count(*) from agent_checks where member_id = :id")
    headers = party.headers(token, "POST", path)
    assert http.post(path, headers=headers, json=asked).status_code == 200
    bodies: tuple[Any, ...] = (asked, {}, [], 0, asked | {"purpose": "hiring"}, asked | {"items": [{"licence": "GX"}]})
    for body in bodies:
        again = http.post(path, headers=headers, json=body)
        assert (again.status_code, again.json["code"]) == (401, "proof_replayed"), body
    for body in bodies[1:]:
        refused = http.post(path, headers=party.headers(token, "POST", path), json=body)
        assert refused.status_code in {403, 422}, (body, refused.json)
    world.connection.execute(text("update members set state = 'suspended' where id = :id"), {"id": bank.member_id})
    for body in bodies:
        refused = http.post(path, headers=party.headers(token, "POST", path), json=body)
        assert (refused.status_code, refused.json["code"]) == (401, "member_not_active"), body
    assert world.connection.execute(recorded, {"id": bank.member_id}).scalar_one() == 1


def test_of_two_concurrent_requests_with_one_proof_exactly_one_passes(app: Flask, engine: Engine, world: World) -> None:
    party = register(app, engine, world.member("bank"))
    token = party.token()
    for _ in range(5):
        headers, statuses = party.headers(token, "GET", "/v1/lookups"), []
        gate = threading.Barrier(2)

        def ask(headers: dict[str, str] = headers, statuses: list[int] = statuses, gate: Any = gate) -> None:
            gate.wait()
            statuses.append(app.test_client().get("/v1/lookups", headers=headers).status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 401]


# --- documents ------------------------------------------------------------------------------------------------------


def test_the_server_s_metadata_holds_and_names_what_is_there(config: Config, engine: Engine) -> None:
    app = create_app(replace(config, issuer="https://registry.example"), engine)
    answer = app.test_client().get("/.well-known/oauth-authorization-server")
    AuthorizationServerMetadata(answer.json).validate()
    assert answer.json["issuer"] == "https://registry.example"
    assert answer.json["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA"]
    assert "public" in answer.headers["Cache-Control"]
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    for name, address in answer.json.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert address.removeprefix("https://registry.example") in rules


def test_the_resource_s_metadata_points_to_the_server(app: Flask) -> None:
    answer = app.test_client().get("/.well-known/oauth-protected-resource")
    assert answer.json["resource"] == "http://localhost"
    assert answer.json["authorization_servers"] == ["http://localhost"]
    assert "lookups" in answer.json["scopes_supported"]


def test_a_request_without_a_token_is_told_where_to_get_one(app: Flask) -> None:
    answer = app.test_client().get("/v1/members")
    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert 'resource_metadata="http://localhost/.well-known/oauth-protected-resource"' in challenge
    assert "error=" not in challenge
