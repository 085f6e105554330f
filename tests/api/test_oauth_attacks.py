"""Attacks on the token endpoint and on tokens, each by its name: RFC 9700, RFC 8725, RFC 9449 section 11, and more.
Whatever is sent, the answer is a clear refusal in the right form, never a 500, never an echo of a secret."""

import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import Engine

from gongxin.access import service as access
from gongxin.config import Config
from gongxin.db import transaction
from tests.api.oauth_helpers import ASSERTION_TYPE, GRANT, Party, SigningKey, b64u, ed25519_key, proof, register
from tests.services.disclosure_world import World, build

TOKEN = "http://localhost/oauth/token"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def party(app: Flask, engine: Engine, world: World) -> Party:
    return register(app, engine, world.member("bank"), "lookups", "members.read", "keys.write")


class At(int):
    """Seconds from the moment the test runs, whenever it was collected."""


def now_in(changes: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {name: now + value if isinstance(value, At) else value for name, value in changes.items()}


def refused(answer: Any, error: str, status: int = 400, code: str | None = None) -> None:
    """RFC 6749 section 5.2: the form of a refusal, in two languages, never stored."""
    assert (answer.status_code, answer.json["error"]) == (status, error), answer.text
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    description = answer.json["error_description"]
    assert description.isascii()
    assert '"' not in description
    assert answer.json["error_description_zh"]
    if code is not None:
        assert answer.json["code"] == code


def raw(header: Any, claims: Any, signature: bytes = b"") -> str:
    """A JWS put together by hand."""
    parts = [json.dumps(part).encode() if not isinstance(part, bytes) else part for part in (header, claims)]
    return ".".join(b64u(part) for part in (*parts, signature))


def raw_es256(key: SigningKey, header: Any, claims: Any) -> str:
    """Any header and claims, signed truly."""
    signed = ".".join(b64u(json.dumps(part).encode()) for part in (header, claims))
    signature = jwt.get_algorithm_by_name("ES256").sign(signed.encode(), key.private)
    return f"{signed}.{b64u(signature)}"


def honest(party: Party, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": party.client_id,
        "sub": party.client_id,
        "aud": "http://localhost",
        "iat": now,
        "exp": now + 60,
        "jti": uuid.uuid4().hex,
    } | changes


def pem(key: SigningKey) -> bytes:
    made: bytes = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made


def hs256(secret: bytes, header: Any, claims: Any) -> str:
    signed = ".".join(b64u(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{b64u(hmac.digest(secret, signed.encode(), 'sha256'))}"


# --- client assertions ----------------------------------------------------------------------------------------------


def assertion_attack(party: Party, assertion: str, code: str | None = None) -> None:
    refused(party.ask(party.form(client_assertion=assertion)), "invalid_client", 401, code)


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", None, "", 7, ["ES256"], {}])
def test_alg_none(party: Party, alg: Any) -> None:
    assertion_attack(party, raw({"alg": alg, "typ": "JWT"}, honest(party)), "alg_not_allowed")


def test_the_public_key_as_hmac_secret(party: Party) -> None:
    header = {"alg": "HS256", "kid": party.key.kid, "typ": "JWT"}
    for secret in (pem(party.key), pem(party.key).strip(), json.dumps(party.key.jwk).encode()):
        assertion_attack(party, hs256(secret, header, honest(party)), "alg_not_allowed")


@pytest.mark.parametrize("alg", ["HS256", "RS256", "PS256", "ES384", "ES256K", "Ed448"])
def test_an_algorithm_outside_the_list(party: Party, alg: str) -> None:
    assertion_attack(party, raw({"alg": alg}, honest(party), b"x" * 64), "alg_not_allowed")


def test_an_rsa_signature(party: Party) -> None:
    private = rsa.generate_private_key(65537, 2048)
    assertion_attack(party, jwt.encode(honest(party), private, "RS256"), "alg_not_allowed")


def test_a_signature_of_the_right_key_under_the_other_algorithm_s_name(party: Party) -> None:
    claims = honest(party)
    assertion_attack(party, raw_es256(party.key, {"alg": "EdDSA"}, claims), "client_not_authenticated")


def test_an_embedded_jwk(party: Party) -> None:
    other = SigningKey()
    made = other.sign(honest(party), {"jwk": other.jwk, "kid": party.key.kid})
    assertion_attack(party, made, "header_not_allowed")


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/cert"},
        {"x5c": ["MIIB"]},
        {"x5t#S256": "x"},
        {"crit": ["b64"], "b64": False},
        {"crit": ["https://gongxin.example/unknown"]},
        {"crit": []},
        {"b64": True},
        {"zip": "DEF"},
    ],
)
def test_headers_that_steer_and_unknown_crit(party: Party, header: dict[str, Any]) -> None:
    made = raw_es256(party.key, {"alg": "ES256", "kid": party.key.kid} | header, honest(party))
    assertion_attack(party, made, "header_not_allowed")


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "gongxin-receipt+jwt", "JWE", 5, None, ["JWT"]])
def test_wrong_typ(party: Party, typ: Any) -> None:
    assertion_attack(party, raw_es256(party.key, {"alg": "ES256", "typ": typ}, honest(party)), "wrong_typ")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"])
def test_the_usual_typ_passes(party: Party, typ: str) -> None:
    made = raw_es256(party.key, {"alg": "ES256", "typ": typ}, honest(party))
    assert party.ask(party.form(client_assertion=made)).status_code == 200


@pytest.mark.parametrize(
    "audience",
    [
        ["http://localhost"],
        ["http://localhost", "https://other.example"],
        [],
        "https://other.example",
        "http://localhost/",
        "http://LOCALHOST",
        "http://localhost/oauth/revoke",
        None,
        7,
        {"http://localhost": 1},
    ],
)
def test_an_assertion_for_another_audience_or_an_array_of_them(party: Party, audience: Any) -> None:
    assertion_attack(party, party.assertion(aud=audience), "assertion_audience")


def test_both_audiences_of_the_registry_pass(party: Party) -> None:
    for audience in ("http://localhost", TOKEN):
        assert party.ask(party.form(client_assertion=party.assertion(aud=audience))).status_code == 200


def test_assertion_replay(party: Party) -> None:
    form = party.form()
    assert party.ask(form).status_code == 200
    refused(party.ask(form), "invalid_client", 401, "assertion_replayed")
    # Another signature over the same claims is the same assertion.
    claims = honest(party)
    one, two = (party.key.sign(claims, {"kid": party.key.kid}) for _ in range(2))
    assert one != two
    assert party.ask(party.form(client_assertion=one)).status_code == 200
    assertion_attack(party, two, "assertion_replayed")


def test_an_assertion_spent_at_one_endpoint_is_spent_at_all(party: Party) -> None:
    form = {"client_assertion": party.assertion(), "client_assertion_type": ASSERTION_TYPE, "token": "x"}
    http = party.app.test_client()
    assert http.post("/oauth/introspect", data=form).status_code == 200
    refused(http.post("/oauth/revoke", data=form), "invalid_client", 401, "assertion_replayed")
    refused(party.ask(party.form(client_assertion=form["client_assertion"])), "invalid_client", 401)


def test_of_two_concurrent_requests_with_one_assertion_exactly_one_passes(party: Party) -> None:
    for _ in range(5):
        form, answers, gate = party.form(), [], threading.Barrier(2)

        def ask(form: Any = form, answers: Any = answers, gate: Any = gate) -> None:
            gate.wait()
            answers.append(party.ask(form).status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 401]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": None}, "assertion_times"),
        ({"iat": None}, "assertion_times"),
        ({"exp": "2099-01-01"}, "assertion_times"),
        ({"exp": True}, "assertion_times"),
        ({"exp": 1e300}, "assertion_times"),
        ({"exp": -1}, "assertion_expired"),
        ({"exp": At(-1)}, "assertion_expired"),
        ({"exp": At(3600)}, "assertion_too_long"),
        ({"exp": At(100), "iat": At(-300)}, "assertion_too_long"),
        ({"iat": At(120), "exp": At(200)}, "assertion_not_yet"),
        ({"nbf": At(120)}, "assertion_not_yet"),
        ({"jti": None}, "assertion_jti"),
        ({"jti": ""}, "assertion_jti"),
        ({"jti": "x" * 200}, "assertion_jti"),
        ({"jti": 7}, "assertion_jti"),
    ],
)
def test_an_assertion_without_or_with_a_far_exp(party: Party, changes: dict[str, Any], code: str) -> None:
    claims = {name: value for name, value in honest(party, **now_in(changes)).items() if value is not None}
    assertion_attack(party, raw_es256(party.key, {"alg": "ES256"}, claims), code)


@pytest.mark.parametrize(
    "changes",
    [{"iss": "someone"}, {"sub": str(uuid.UUID(int=7))}, {"iss": None}, {"sub": None}, {"iss": 1, "sub": 1}],
)
def test_an_assertion_of_another_subject(party: Party, changes: dict[str, Any]) -> None:
    claims = {name: value for name, value in honest(party, **changes).items() if value is not None}
    assertion_attack(party, raw_es256(party.key, {"alg": "ES256"}, claims), "assertion_subject")


def test_client_id_of_another_client_beside_the_assertion(
    app: Flask, engine: Engine, world: World, party: Party
) -> None:
    other = register(app, engine, world.member("bank"))
    refused(party.ask(party.form(client_id=other.client_id)), "invalid_client", 401, "assertion_subject")


def test_another_client_s_key(app: Flask, engine: Engine, world: World, party: Party) -> None:
    other = register(app, engine, world.member("bank"))
    for headers in ({}, {"kid": party.key.kid}, {"kid": 7}):
        made = other.key.sign(honest(party), headers) if headers.get("kid") != 7 else None
        made = made or raw_es256(other.key, {"alg": "ES256", "kid": 7}, honest(party))
        assertion_attack(party, made, "client_not_authenticated")


def test_an_unknown_client_hears_what_a_wrong_key_hears(party: Party) -> None:
    stranger = Party(party.app, str(uuid.uuid4()))
    one = stranger.ask()
    two = party.ask(party.form(client_assertion=party.assertion(key=SigningKey())))
    same = ("error", "error_description", "error_description_zh", "code", "fix")
    assert [one.json[name] for name in same] == [two.json[name] for name in same]
    refused(one, "invalid_client", 401)


def test_a_retired_key(party: Party, engine: Engine) -> None:
    with transaction(engine) as session:
        access.retire_key(session, uuid.UUID(party.client_id), party.key.kid)
    assertion_attack(party, party.assertion(), "client_not_authenticated")


@pytest.mark.parametrize(
    "assertion",
    [
        "x",
        "..",
        "a.b.c",
        "eyJ9.e30.c2ln",
        "x" * 9000,
        "é.é.é",
        raw([], {}),
        raw({}, []),
        raw(b"\xff", {}),
        "e30.e30.==",
    ],
)
def test_garbage_for_an_assertion(party: Party, assertion: str) -> None:
    assertion_attack(party, assertion)


def test_oversized_jose(party: Party) -> None:
    big = party.assertion(headers={"note": "x" * 5000})
    assertion_attack(party, big, "jws_too_large")
    made = proof(party.dpop, "POST", TOKEN, headers={"note": "x" * 5000})
    refused(party.ask(headers={"DPoP": made}), "invalid_dpop_proof", 400, "jws_too_large")


def test_deep_json_in_jose(party: Party) -> None:
    for deep in (b"[" * 2000, b'{"a":' * 600 + b"1" + b"}" * 600, b'{"alg":' + b"[" * 1500 + b"]" * 1500 + b"}"):
        assertion_attack(party, raw(deep, honest(party)))
        assertion_attack(party, raw({"alg": "ES256"}, deep, b"x" * 64))


@pytest.mark.parametrize("kind", ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer"])
def test_another_assertion_type(party: Party, kind: str) -> None:
    refused(party.ask(party.form(client_assertion_type=kind)), "invalid_client", 401, "assertion_type")


def test_an_ecdsa_signature_of_zeros_or_in_der(party: Party) -> None:
    header, claims = {"alg": "ES256"}, honest(party)
    signed = ".".join(b64u(json.dumps(part).encode()) for part in (header, claims))
    der = party.key.private.sign(
        signed.encode(), ec.ECDSA(__import__("cryptography").hazmat.primitives.hashes.SHA256())
    )
    for signature in (bytes(64), b"", der):
        assertion_attack(party, f"{signed}.{b64u(signature)}", "client_not_authenticated")


# --- the form -------------------------------------------------------------------------------------------------------


def post(party: Party, data: Any, headers: dict[str, str] | None = None, url: str = "/oauth/token", **kw: Any) -> Any:
    made = {"DPoP": proof(party.dpop, "POST", TOKEN)} | (headers or {})
    return party.app.test_client().post(url, data=data, headers=made, **({"content_type": FORM} | kw))


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_assertion", "resource", "authorization_details", "x"])
def test_repeated_parameters(party: Party, name: str) -> None:
    form = party.form(resource="http://localhost", authorization_details=json.dumps([GRANT]), x="1")
    data = urlencode([*form.items(), (name, form[name])])
    refused(post(party, data), "invalid_request", 400, "repeated_parameter")


def test_a_parameter_repeated_once_empty(party: Party) -> None:
    refused(post(party, urlencode(party.form()) + "&scope="), "invalid_request", 400, "repeated_parameter")


@pytest.mark.parametrize("query", ["scope=lookups", "client_id=x", "access_token=x", "a=1&a=2", "x"])
def test_query_parameters(party: Party, query: str) -> None:
    refused(post(party, urlencode(party.form()), url=f"/oauth/token?{query}"), "invalid_request")


def test_credentials_in_the_query(party: Party) -> None:
    form = party.form()
    data = urlencode({"grant_type": "client_credentials", "scope": "lookups"})
    query = urlencode({name: form[name] for name in ("client_assertion", "client_assertion_type")})
    refused(post(party, data, url=f"/oauth/token?{query}"), "invalid_request", 400, "query_parameter")


def test_two_client_authentications(party: Party) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(f"{party.client_id}:x".encode()).decode()}
    refused(party.ask(party.form(), headers=basic), "invalid_request", 400, "two_client_authentications")
    both = party.form(client_id=party.client_id, client_secret="x")
    refused(party.ask(both), "invalid_request", 400, "two_client_authentications")


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"%ff:x").decode(),
        "Basic " + base64.b64encode(b"x:y" * 2000).decode(),
        "Basic " + base64.b64encode(b"0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f:secret").decode(),
        "Bearer x",
        "Digest username=x",
        "\xe4\xb8\xad",
    ],
)
def test_non_utf8_and_other_broken_basic(party: Party, value: str) -> None:
    form = {"grant_type": "client_credentials", "scope": "members.read"}
    answer = post(party, urlencode(form), {"Authorization": value})
    refused(answer, "invalid_client", 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_a_key_client_cannot_authenticate_by_secret(party: Party) -> None:
    for secret in ("", "x", party.key.kid):
        basic = base64.b64encode(f"{party.client_id}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials", "scope": "members.read"}
        refused(post(party, urlencode(form), {"Authorization": f"Basic {basic}"}), "invalid_client", 401)


def test_client_id_alone_is_no_authentication(party: Party) -> None:
    form = {"grant_type": "client_credentials", "scope": "members.read", "client_id": party.client_id}
    refused(post(party, urlencode(form)), "invalid_client", 401, "no_client_authentication")
    refused(post(party, urlencode(form | {"client_secret": "x"})), "invalid_client", 401)
    refused(post(party, urlencode(form), {"Client-Cert": ":MIIB:"}), "invalid_client", 401)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xfe", FORM),
        (b"scope=%ff", FORM),
        (b"scope", FORM),
        (b"&&&", FORM),
        (b"a=1&" * 100, FORM),
        (b'{"grant_type": "client_credentials"}', "application/json"),
        (b"grant_type=client_credentials", "text/plain"),
        (b"grant_type=client_credentials", "multipart/form-data; boundary=x"),
        (b"", FORM),
    ],
)
def test_a_body_that_is_no_form(party: Party, data: bytes, kind: str) -> None:
    refused(post(party, data, content_type=kind), "invalid_request")


def test_an_oversized_form(party: Party) -> None:
    data = urlencode(party.form(x="y" * 40_000))
    refused(post(party, data), "invalid_request", 413)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_not_taken(party: Party, method: str) -> None:
    assert party.app.test_client().open("/oauth/token", method=method).status_code == 405


@pytest.mark.parametrize("kind", ["authorization_code", "password", "implicit", "refresh_token", "CLIENT_CREDENTIALS"])
def test_another_grant_type(party: Party, kind: str) -> None:
    refused(party.ask(party.form(grant_type=kind)), "unsupported_grant_type")


@pytest.mark.parametrize(
    "scope",
    ["everything", "lookups everything", "lookups  members.read", " lookups", "lookups ", "", None, "x" * 600,
     "lookups\tmembers.read", "LOOKUPS", "subject_access", "court_events.write"],
)  # fmt: skip
def test_unknown_scope(party: Party, scope: str | None) -> None:
    form = party.form(scope="lookups")
    form = {name: value for name, value in (form | {"scope": scope}).items() if value is not None}
    refused(party.ask(form), "invalid_scope")


def test_a_scope_that_the_client_does_not_have(party: Party) -> None:
    refused(party.ask(party.form("cases.read")), "invalid_scope", 400, "scope_not_allowed")


@pytest.mark.parametrize("resource", ["https://other.example", "http://localhost/", "http://localhost/v1", "urn:x"])
def test_unknown_resource(party: Party, resource: str) -> None:
    refused(party.ask(party.form(resource=resource)), "invalid_target")
    assert party.ask(party.form(resource="http://localhost")).status_code == 200


@pytest.mark.parametrize(
    "details",
    [
        "[" * 200 + "]" * 200,
        "[" * 5000,
        "{",
        "NaN",
        '[{"type":"gongxin_lookup","type":"x"}]',
        '["\\ud800"]',
        "\0",
        "1e999",
    ],
)
def test_deep_or_broken_json_in_authorization_details(party: Party, details: str) -> None:
    refused(party.ask(party.form(authorization_details=details)), "invalid_authorization_details")


# --- DPoP at the token endpoint -------------------------------------------------------------------------------------


def proof_attack(party: Party, made: str, code: str | None = None) -> None:
    refused(party.ask(headers={"DPoP": made}), "invalid_dpop_proof", 400, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"htm": "GET"}, "proof_method"),
        ({"htm": "post"}, "proof_method"),
        ({"htm": None}, "proof_method"),
        ({"htu": "https://localhost/oauth/token"}, "proof_url"),
        ({"htu": "http://localhost/oauth/revoke"}, "proof_url"),
        ({"htu": "http://other.example/oauth/token"}, "proof_url"),
        ({"htu": "http://localhost@other.example/oauth/token"}, "proof_url"),
        ({"htu": "http://localhost:8080/oauth/token"}, "proof_url"),
        ({"htu": "http://localhost:x/oauth/token"}, "proof_url"),
        ({"htu": "http://[/oauth/token"}, "proof_url"),
        ({"htu": 5}, "proof_url"),
        ({"iat": At(-120)}, "proof_iat"),
        ({"iat": At(120)}, "proof_iat"),
        ({"iat": None}, "proof_iat"),
        ({"iat": "now"}, "proof_iat"),
        ({"jti": None}, "proof_jti"),
        ({"jti": "x" * 129}, "proof_jti"),
        ({"jti": 4}, "proof_jti"),
    ],
)
def test_dpop_with_another_method_or_url_or_an_old_iat(party: Party, changes: dict[str, Any], code: str) -> None:
    proof_attack(party, proof(party.dpop, "POST", TOKEN, **now_in(changes)), code)


@pytest.mark.parametrize(
    "url", ["HTTP://LOCALHOST/oauth/token", "http://localhost:80/oauth/token", TOKEN + "?a=b", TOKEN + "#x",
            "http://localhost/oauth/%74oken"],
)  # fmt: skip
def test_the_same_url_otherwise_written_passes(party: Party, url: str) -> None:
    assert party.ask(headers={"DPoP": proof(party.dpop, "POST", url)}).status_code == 200


def test_dpop_signed_by_another_key(party: Party) -> None:
    claims = {"jti": uuid.uuid4().hex, "htm": "POST", "htu": TOKEN, "iat": int(time.time())}
    made = SigningKey().sign(claims, {"typ": "dpop+jwt", "jwk": party.dpop.jwk})
    proof_attack(party, made, "proof_signature")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"typ": "JWT"}, "wrong_typ"),
        ({"typ": None}, "wrong_typ"),
        ({"jwk": None}, "bad_jwk"),
        ({"jwk": "x"}, "bad_jwk"),
        ({"jwk": {"kty": [], "crv": {}}}, "key_type_not_allowed"),
        ({"jwk": {"kty": "oct", "k": "c2VjcmV0"}}, "private_key_sent"),
        ({"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "key_type_not_allowed"),
        ({"jwk": {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}}, "key_type_not_allowed"),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": b64u(b"\1" * 32), "y": b64u(b"\1" * 32)}}, "bad_jwk"),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, "bad_jwk"),
        ({"crit": ["htu"]}, "header_not_allowed"),
        ({"jku": "https://attacker.example"}, "header_not_allowed"),
        ({"x5c": []}, "header_not_allowed"),
        ({"alg": "none"}, "alg_not_allowed"),
        ({"alg": "HS256"}, "alg_not_allowed"),
    ],
)
def test_a_dpop_header_that_is_not_as_rfc_9449_has_it(party: Party, headers: dict[str, Any], code: str) -> None:
    claims = {"jti": uuid.uuid4().hex, "htm": "POST", "htu": TOKEN, "iat": int(time.time())}
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": party.dpop.jwk} | headers
    proof_attack(party, raw_es256(party.dpop, header, claims), code)


def test_a_dpop_jwk_with_its_private_half(party: Party) -> None:
    whole = jwt.get_algorithm_by_name("ES256").to_jwk(party.dpop.private, as_dict=True)
    made = proof(party.dpop, "POST", TOKEN, headers={"jwk": whole})
    answer = party.ask(headers={"DPoP": made})
    refused(answer, "invalid_dpop_proof", 400, "private_key_sent")
    assert whole["d"] not in answer.text


def test_dpop_replay_at_the_token_endpoint(party: Party) -> None:
    made = proof(party.dpop, "POST", TOKEN)
    assert party.ask(headers={"DPoP": made}).status_code == 200
    proof_attack(party, made, "proof_replayed")


@pytest.mark.parametrize("made", ["", "x", "a.b.c", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln, eyJhbGciOiJFUzI1NiJ9.e30.c2ln"])
def test_garbage_or_two_proofs(party: Party, made: str) -> None:
    proof_attack(party, made)


# --- tokens at the resource -----------------------------------------------------------------------------------------


PATH = "/v1/lookups"


def turned_away(answer: Any, code: str, error: str = "invalid_token", scheme: str = "DPoP") -> None:
    assert (answer.status_code, answer.json["code"]) == (401, code), answer.text
    assert answer.mimetype == "application/problem+json"
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith(f"{scheme} ")
    assert f'error="{error}"' in challenge


def forged(party: Party, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token signed by the registry's own key, with claims that it would never issue."""
    key = access.signing_key(party.app.extensions["gongxin"], "token")
    now = int(time.time())
    claims = {
        "iss": "http://localhost", "aud": "http://localhost", "sub": party.client_id, "client_id": party.client_id,
        "iat": now, "exp": now + 100, "jti": str(uuid.uuid4()), "scope": "lookups", "member_id": str(uuid.uuid4()),
        "member_kind": "bank", "cnf": {"jkt": party.dpop.kid},
    } | changes  # fmt: skip
    head = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"} | (header or {})
    return raw_es256(SigningKey(key.private_key), head, claims)


def test_a_forged_token_is_the_control(party: Party) -> None:
    assert party.call(forged(party), "GET", PATH).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "https://other.example"}, "token_audience"),
        ({"aud": ["http://localhost"]}, "token_audience"),
        ({"aud": "http://localhost/"}, "token_audience"),
        ({"aud": None}, "token_audience"),
        ({"iss": "https://other.example"}, "token_audience"),
        ({"exp": At(-1)}, "token_expired"),
        ({"exp": None}, "token_expired"),
        ({"exp": "later"}, "token_expired"),
    ],
)
def test_a_token_of_another_audience_or_time(party: Party, changes: dict[str, Any], code: str) -> None:
    turned_away(party.call(forged(party, **now_in(changes)), "GET", PATH), code)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"typ": "JWT"}, "wrong_typ"),
        ({"typ": "dpop+jwt"}, "wrong_typ"),
        ({"alg": "none"}, "alg_not_allowed"),
        ({"alg": "EdDSA"}, "token_signature"),
        ({"kid": "unknown"}, "token_signature"),
        ({"kid": None}, "token_signature"),
        ({"crit": ["exp"]}, "header_not_allowed"),
        ({"jwk": {"kty": "EC"}}, "header_not_allowed"),
    ],
)
def test_a_token_with_another_header(party: Party, header: dict[str, Any], code: str) -> None:
    turned_away(party.call(forged(party, header), "GET", PATH), code)


def test_a_token_signed_by_the_member_itself(party: Party) -> None:
    claims = jwt.decode(forged(party), options={"verify_signature": False})
    kid = access.signing_key(party.app.extensions["gongxin"], "token").kid
    made = raw_es256(party.key, {"alg": "ES256", "kid": kid, "typ": "at+jwt"}, claims)
    turned_away(party.call(made, "GET", PATH), "token_signature")
    made = hs256(pem(party.key), {"alg": "HS256", "kid": kid, "typ": "at+jwt"}, claims)
    turned_away(party.call(made, "GET", PATH), "alg_not_allowed")


def test_a_client_assertion_or_a_proof_for_a_token(party: Party) -> None:
    turned_away(party.call(party.assertion(), "GET", PATH), "wrong_typ")
    turned_away(party.call(proof(party.dpop, "GET", TOKEN), "GET", PATH), "wrong_typ")


def test_a_token_altered_in_one_character(party: Party) -> None:
    head, claims, signature = party.token().split(".")
    other = "A" if signature[10] != "A" else "B"
    turned_away(party.call(f"{head}.{claims}.{signature[:10]}{other}{signature[11:]}", "GET", PATH), "token_signature")
    wider = json.loads(base64.urlsafe_b64decode(claims + "=="))
    wider["scope"] = "lookups subject_access"
    changed = b64u(json.dumps(wider).encode())
    turned_away(party.call(f"{head}.{changed}.{signature}", "GET", PATH), "token_signature")


def test_a_token_used_by_another_key(party: Party) -> None:
    token = party.token()
    stolen = party.headers(token, "GET", PATH, key=SigningKey())
    turned_away(party.app.test_client().get(PATH, headers=stolen), "proof_key")
    stolen = party.headers(token, "GET", PATH, key=ed25519_key())
    turned_away(party.app.test_client().get(PATH, headers=stolen), "proof_key")


def test_a_bound_token_used_as_a_bearer_token(party: Party) -> None:
    token = party.token()
    answer = party.app.test_client().get(PATH, headers={"Authorization": f"Bearer {token}"})
    turned_away(answer, "dpop_scheme_required")
    with_proof = party.headers(token, "GET", PATH) | {"Authorization": f"Bearer {token}"}
    turned_away(party.app.test_client().get(PATH, headers=with_proof), "dpop_scheme_required")
    answer = party.app.test_client().get(PATH, headers={"Authorization": f"DPoP {token}"})
    turned_away(answer, "proof_missing", "invalid_dpop_proof")


def test_a_bearer_token_where_a_bound_one_is_needed(party: Party) -> None:
    token = party.ask(party.form("members.read"), bound=False).json["access_token"]
    http = party.app.test_client()
    assert http.get("/v1/members", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    as_dpop = party.headers(token, "GET", "/v1/members")
    turned_away(http.get("/v1/members", headers=as_dpop), "token_not_dpop_bound", scheme="Bearer")
    answer = http.get(PATH, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")
    unbound = forged(party, cnf={})
    answer = http.get(PATH, headers={"Authorization": f"Bearer {unbound}"})
    assert (answer.status_code, answer.json["code"]) == (403, "sender_constraint_required")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"htm": "POST"}, "proof_method"),
        ({"htu": "http://localhost/v1/members"}, "proof_url"),
        ({"iat": At(-120)}, "proof_iat"),
        ({"ath": None}, "proof_ath"),
        ({"ath": b64u(hashlib.sha256(b"another token").digest())}, "proof_ath"),
        ({"ath": 5}, "proof_ath"),
    ],
)
def test_a_proof_made_for_something_else(party: Party, changes: dict[str, Any], code: str) -> None:
    headers = party.headers(party.token(), "GET", PATH, **now_in(changes))
    turned_away(party.app.test_client().get(PATH, headers=headers), code, "invalid_dpop_proof")


def test_dpop_replay_at_a_resource(party: Party) -> None:
    headers = party.headers(party.token(), "GET", PATH)
    http = party.app.test_client()
    assert http.get(PATH, headers=headers).status_code == 200
    turned_away(http.get(PATH, headers=headers), "proof_replayed", "invalid_dpop_proof")


def test_a_proof_from_the_token_endpoint_is_no_proof_at_a_resource(party: Party) -> None:
    token = party.token()
    made = proof(party.dpop, "POST", TOKEN)
    headers = {"Authorization": f"DPoP {token}", "DPoP": made}
    turned_away(party.app.test_client().get(PATH, headers=headers), "proof_method", "invalid_dpop_proof")


@pytest.mark.parametrize(
    "value",
    ["", "DPoP", "DPoP ", "Basic eDp5", "DPoP a b", "DPoP \xe4\xb8\xad", "DPoP x, DPoP y", "DPoP " + "x" * 9000],
)
def test_garbage_for_a_token(party: Party, value: str) -> None:
    answer = party.app.test_client().get(PATH, headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("DPoP ")


def test_a_token_in_the_query_or_the_body_is_not_looked_at(party: Party) -> None:
    token = party.ask(party.form("members.read"), bound=False).json["access_token"]
    http = party.app.test_client()
    assert http.get(f"/v1/members?access_token={token}").status_code == 401
    assert http.post("/v1/lookups", data={"access_token": token}).status_code == 401


def test_a_token_that_has_expired_is_refused_though_it_was_accepted_before(party: Party) -> None:
    token = forged(party, exp=int(time.time()) + 1)
    assert party.call(token, "GET", PATH).status_code == 200
    time.sleep(1.2)
    turned_away(party.call(token, "GET", PATH), "token_expired")


def test_nothing_secret_reaches_the_log(party: Party, capfd: pytest.CaptureFixture[str]) -> None:
    form = party.form()
    answer = party.ask(form)
    token = answer.json["access_token"]
    headers = party.headers(token, "GET", PATH)
    party.app.test_client().get(PATH, headers=headers)
    party.ask(form)
    logged = capfd.readouterr()
    for secret in (form["client_assertion"], token, headers["DPoP"]):
        assert secret not in logged.err + logged.out
        assert secret.rsplit(".", 1)[1] not in logged.err + logged.out
