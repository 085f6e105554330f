"""Clients and keys over HTTP: the association administers them, a member keeps its own keys, nobody sees another's."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import Engine

from gongxin.access import registry_keys
from gongxin.access import service as access
from gongxin.config import Config
from gongxin.db import transaction
from tests.api.oauth_helpers import Party, SigningKey, b64u, ed25519_key, register
from tests.services.disclosure_world import World, build


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def office(app: Flask, engine: Engine, world: World) -> Party:
    """The association's own client."""
    return register(app, engine, world.member("association"), "members.write", "keys.write", "members.read")


@pytest.fixture
def bank(app: Flask, engine: Engine, world: World) -> Party:
    return register(app, engine, world.member("bank"), "keys.write", "lookups", "members.read")


def send(party: Party, method: str, path: str, body: Any = None, scope: str = "keys.write", **extra: Any) -> Any:
    kw = extra | ({"json": body} if body is not None else {})
    return party.call(party.token(scope), method, path, **kw)


def member_of(party: Party) -> str:
    return str(jwt.decode(party.token("keys.write"), options={"verify_signature": False})["member_id"])


# --- clients --------------------------------------------------------------------------------------------------------


def test_the_association_registers_a_client_that_then_gets_tokens(app: Flask, office: Party, bank: Party) -> None:
    body = {
        "member_id": member_of(bank),
        "name": "信贷系统",
        "auth_method": "private_key_jwt",
        "scopes": ["lookups", "cases.write"],
    }
    answer = send(office, "POST", "/v1/clients", body, "members.write")
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert answer.headers["Location"] == f"/v1/clients/{made['client_id']}"
    assert (made["state"], made["scopes"], made["revoked_at"]) == ("active", ["cases.write", "lookups"], None)
    party = Party(app, made["client_id"])
    assert party.ask().status_code == 401
    keys = f"/v1/clients/{made['client_id']}/keys"
    assert send(bank, "POST", keys, {"jwk": party.key.jwk}).status_code == 201
    assert party.ask().status_code == 200


def test_the_same_idempotency_key_registers_one_client(office: Party, bank: Party) -> None:
    body = {"member_id": member_of(bank), "name": "x", "auth_method": "private_key_jwt", "scopes": ["lookups"]}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    one = send(office, "POST", "/v1/clients", body, "members.write", headers=key)
    two = send(office, "POST", "/v1/clients", body, "members.write", headers=key)
    assert one.json == two.json
    assert two.headers["Idempotency-Replayed"] == "true"


def test_a_client_with_a_secret_is_registered_by_the_digest_alone(office: Party, bank: Party) -> None:
    body = {
        "member_id": member_of(bank),
        "name": "目录阅读",
        "auth_method": "client_secret_basic",
        "scopes": ["members.read"],
        "secret_sha256": b64u(hashlib.sha256(b"a long random secret").digest()),
    }
    answer = send(office, "POST", "/v1/clients", body, "members.write")
    assert answer.status_code == 201, answer.text
    assert "secret" not in answer.json
    assert body["secret_sha256"] not in answer.text


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"scopes": ["court_events.write"]}, 422, "bad_client_scopes"),
        ({"scopes": ["lookups", "lookups"]}, 422, "bad_client_scopes"),
        ({"scopes": ["everything"]}, 422, "invalid_field"),
        ({"scopes": []}, 422, "invalid_field"),
        ({"auth_method": "none"}, 422, "invalid_field"),
        ({"auth_method": "client_secret_basic"}, 422, "scopes_need_a_key"),
        ({"auth_method": "client_secret_basic", "scopes": ["members.read"]}, 422, "secret_digest_expected"),
        ({"secret_sha256": "A" * 43}, 422, "secret_digest_unexpected"),
        ({"secret_sha256": "A" * 42 + "B"}, 422, "bad_digest"),
        ({"secret_sha256": "short"}, 422, "invalid_field"),
        ({"name": ""}, 422, "invalid_field"),
        ({"name": "13800138000"}, 422, "personal_data_in_text"),
        ({"member_id": str(uuid.uuid4())}, 404, "member_not_found"),
        ({"extra": 1}, 422, "invalid_field"),
    ],
)
def test_a_client_that_cannot_be_is_refused(
    office: Party, bank: Party, changes: dict[str, Any], status: int, code: str
) -> None:
    body = {"member_id": member_of(bank), "name": "x", "auth_method": "private_key_jwt", "scopes": ["lookups"]}
    answer = send(office, "POST", "/v1/clients", body | changes, "members.write")
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text


def test_only_the_association_administers_clients(app: Flask, bank: Party) -> None:
    body = {"member_id": str(uuid.uuid4()), "name": "x", "auth_method": "private_key_jwt", "scopes": ["lookups"]}
    path = f"/v1/clients/{bank.client_id}/revocation"
    http = app.test_client()
    assert http.post("/v1/clients", json=body).status_code == 401
    assert http.post(path).status_code == 401
    for target, sent in (("/v1/clients", body), (path, None)):
        answer = send(bank, "POST", target, sent)
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")
    assert bank.ask(bank.form("members.write")).json["error"] == "invalid_scope"


def test_a_member_lists_its_own_clients_and_the_association_all(office: Party, bank: Party) -> None:
    own = send(bank, "GET", "/v1/clients").json["items"]
    assert [client["client_id"] for client in own] == [bank.client_id]
    assert send(bank, "GET", f"/v1/clients?member_id={member_of(office)}").json["items"] == []
    of_bank = send(office, "GET", f"/v1/clients?member_id={member_of(bank)}").json["items"]
    assert [client["client_id"] for client in of_bank] == [bank.client_id]
    assert "secret_digest" not in json.dumps(of_bank)


def test_the_list_is_paged(office: Party, bank: Party, app: Flask, engine: Engine) -> None:
    member = uuid.UUID(member_of(bank))
    for _ in range(2):
        register(app, engine, member)
    seen, cursor = [], ""
    for _ in range(3):
        page = send(office, "GET", f"/v1/clients?member_id={member}&limit=1{cursor}").json
        seen += [client["client_id"] for client in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert len(set(seen)) == 3
    assert page["next_cursor"] is None
    for bad in ("x", b64u(b'["x"]'), b64u(b"[1]")):
        answer = send(office, "GET", f"/v1/clients?cursor={bad}")
        assert (answer.status_code, answer.json["code"]) == (422, "bad_cursor")


def test_a_revoked_client_is_revoked_for_good(office: Party, bank: Party) -> None:
    path = f"/v1/clients/{bank.client_id}"
    token = bank.token("keys.write")
    answer = send(office, "POST", f"{path}/revocation", scope="members.write")
    assert (answer.status_code, answer.json["state"]) == (200, "revoked")
    again = send(office, "POST", f"{path}/revocation", scope="members.write")
    assert again.json["revoked_at"] == answer.json["revoked_at"]
    assert bank.call(token, "GET", f"{path}/keys").json["code"] == "client_revoked"
    added = send(office, "POST", f"{path}/keys", {"jwk": SigningKey().jwk})
    assert (added.status_code, added.json["code"]) == (409, "client_revoked")


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_client_s_keys_rotate_without_a_gap(bank: Party) -> None:
    path, old, new = f"/v1/clients/{bank.client_id}/keys", bank.key, ed25519_key()
    added = send(bank, "POST", path, {"jwk": new.jwk})
    assert (added.status_code, added.json["kid"], added.json["state"]) == (201, new.kid, "live")
    for key in (old, new):
        bank.key = key
        assert bank.ask().status_code == 200
    third = send(bank, "POST", path, {"jwk": SigningKey().jwk})
    assert (third.status_code, third.json["code"]) == (409, "too_many_live_keys")
    retired = send(bank, "POST", f"{path}/{old.kid}/retirement")
    assert (retired.status_code, retired.json["state"]) == (200, "retired")
    bank.key = old
    assert bank.ask().json["error"] == "invalid_client"
    bank.key = new
    assert bank.ask().status_code == 200
    assert send(bank, "POST", path, {"jwk": SigningKey().jwk}).status_code == 201
    listed = send(bank, "GET", path).json["items"]
    assert [key["state"] for key in listed] == ["retired", "live", "live"]
    back = send(bank, "POST", f"{path}/{listed[2]['kid']}/retirement")
    assert back.status_code == 200
    again = send(bank, "POST", path, {"jwk": old.jwk})
    assert (again.status_code, again.json["code"]) == (409, "key_already_known")


def test_a_key_of_one_client_is_refused_for_another(app: Flask, engine: Engine, world: World, bank: Party) -> None:
    other = register(app, engine, world.member("agency"), "keys.write")
    answer = send(other, "POST", f"/v1/clients/{other.client_id}/keys", {"jwk": bank.key.jwk})
    assert (answer.status_code, answer.json["code"]) == (409, "key_already_known")


def test_a_member_reaches_no_other_s_clients(app: Flask, engine: Engine, world: World, bank: Party) -> None:
    other = register(app, engine, world.member("bank"), "keys.write")
    path = f"/v1/clients/{other.client_id}/keys"
    for answer in (
        send(bank, "GET", path),
        send(bank, "POST", path, {"jwk": SigningKey().jwk}),
        send(bank, "POST", f"{path}/{other.key.kid}/retirement"),
        send(bank, "GET", f"/v1/clients/{uuid.uuid4()}/keys"),
    ):
        assert (answer.status_code, answer.json["code"]) == (404, "client_not_found")
    assert other.ask(other.form("keys.write")).status_code == 200


def test_the_association_may_retire_a_member_s_key(office: Party, bank: Party) -> None:
    path = f"/v1/clients/{bank.client_id}/keys/{bank.key.kid}/retirement"
    assert send(office, "POST", path).status_code == 200
    assert bank.ask().status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "d": "A" * 43}}, "private_key_sent"),
        ({"jwk": {"kty": "oct", "k": "A" * 43}}, "private_key_sent"),
        ({"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "key_type_not_allowed"),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}}, "bad_jwk"),
        ({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "short"}}, "bad_jwk"),
        ({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "x5u": "https://a.example"}}, "bad_jwk"),
        ({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "use": "enc"}}, "bad_jwk"),
        ({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "alg": "ES256"}}, "bad_jwk"),
        ({"jwk": "x"}, "bad_jwk"),
        ({"jwk": []}, "bad_jwk"),
        ({"certificate_sha256": "A" * 43}, "wrong_credential"),
        ({}, "wrong_credential"),
        ({"jwk": {"kty": "EC"}, "certificate_sha256": "A" * 43}, "wrong_credential"),
        ({"jwk": None}, "invalid_field"),
    ],
)
def test_what_is_no_public_key_is_refused(bank: Party, body: dict[str, Any], code: str) -> None:
    answer = send(bank, "POST", f"/v1/clients/{bank.client_id}/keys", body)
    assert (answer.status_code, answer.json["code"]) == (422, code), answer.text


def test_a_key_has_an_end_and_one_that_passed_it_makes_room(bank: Party, world: World) -> None:
    path = f"/v1/clients/{bank.client_id}/keys"
    for days, status in ((-1, 422), (0, 422), (800, 422), (30, 201)):
        ends = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        answer = send(bank, "POST", path, {"jwk": SigningKey().jwk, "expires_at": ends})
        assert answer.status_code == status, answer.text
    assert send(bank, "POST", path, {"jwk": SigningKey().jwk, "expires_at": "2030-01-01T00:00:00"}).status_code == 422


def test_a_kid_that_is_not_there_is_not_found(bank: Party) -> None:
    answer = send(bank, "POST", f"/v1/clients/{bank.client_id}/keys/{'A' * 43}/retirement")
    assert (answer.status_code, answer.json["code"]) == (404, "client_key_not_found")


# --- keys of the registry -------------------------------------------------------------------------------------------


def test_the_registry_s_token_key_rotates_and_no_token_is_lost(
    app: Flask, engine: Engine, config: Config, bank: Party
) -> None:
    runtime = app.extensions["gongxin"]
    before, receipt = bank.token(), access.signing_key(runtime, "receipt").kid
    old = jwt.get_unverified_header(before)["kid"]
    with transaction(engine) as session:
        new = access.rotate_registry_key(session, config, "token")
    registry_keys.forget(runtime)
    published = [key["kid"] for key in app.test_client().get("/oauth/jwks").json["keys"]]
    assert {old, new} <= set(published)
    after = bank.token()
    assert jwt.get_unverified_header(after)["kid"] == new
    for token in (before, after):
        assert bank.call(token, "GET", "/v1/lookups").status_code == 200
    assert access.signing_key(runtime, "receipt").kid == receipt


def test_a_withdrawn_token_key_ends_its_tokens_at_once(app: Flask, engine: Engine, config: Config, bank: Party) -> None:
    runtime = app.extensions["gongxin"]
    seen, unseen = bank.token(), bank.token()
    assert bank.call(seen, "GET", "/v1/lookups").status_code == 200
    with transaction(engine) as session:
        access.rotate_registry_key(session, config, "token", withdraw=True)
    registry_keys.forget(runtime)
    for token in (seen, unseen):
        answer = bank.call(token, "GET", "/v1/lookups")
        assert (answer.status_code, answer.json["code"]) == (401, "token_signature")
    assert bank.call(bank.token(), "GET", "/v1/lookups").status_code == 200


def test_receipt_keys_stay_published_for_ever(app: Flask, engine: Engine, config: Config) -> None:
    runtime = app.extensions["gongxin"]
    with transaction(engine) as session:
        access.ensure_registry_keys(session, config)
    old = access.signing_key(runtime, "receipt").kid
    with transaction(engine) as session:
        new = access.rotate_registry_key(session, config, "receipt", withdraw=True)
    registry_keys.forget(runtime)
    published = {key["kid"] for key in app.test_client().get("/v1/disclosure/receipt-keys").json["keys"]}
    assert {old, new} <= published
    assert access.signing_key(runtime, "receipt").kid == new
