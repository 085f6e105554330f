"""How the client speaks: retries, idempotency keys, tokens, proofs, nonces; and what never counts as an answer."""

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import jwt
import pytest

from gongxin_client import Identifier, NotConnected, Refused, Unavailable, clock, http, keys
from gongxin_client.auth import Connection, Prover, assertion
from gongxin_client.http import Repeat
from gongxin_wire.identifiers import synthetic_cn_id

from .client_fake import CLIENT, ISSUER, FakeRegistry, make_profile, problem

WHO = Identifier("cn_id", synthetic_cn_id(7))
CASE = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test waits; what would have been waited."""
    waits: list[float] = []
    monkeypatch.setattr(clock, "sleep", waits.append)
    return waits


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry()


def failing(path: str, *answers: httpx.Response | Exception) -> Any:
    """A hook that answers requests to a path with these, one after the other, then lets them through."""
    left = list(answers)

    def hook(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != path or not left:
            return None
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return hook


# --- retries ----------------------------------------------------------------------------------------------------------


def test_a_post_that_creates_is_repeated_under_one_idempotency_key(fake: FakeRegistry, slept: list[float]) -> None:
    fake.hooks.append(failing("/v1/cases", httpx.ReadTimeout("x"), problem(502, "http"), httpx.ConnectError("x")))
    case = fake.registry().register_case("JJ1", WHO, opened_on=date(2026, 3, 4))
    sent = [r for r in fake.requests if r.url.path == "/v1/cases"]
    assert len(sent) == 4
    assert len({r.headers["Idempotency-Key"] for r in sent}) == 1
    assert len({r.headers["DPoP"] for r in sent}) == 4, "a proof is good once"
    assert len({r.content for r in sent}) == 1
    assert case.creditor_ref == "JJ1"
    assert len(slept) == 3


def test_two_logical_calls_have_two_keys(fake: FakeRegistry) -> None:
    registry = fake.registry()
    for _ in range(2):
        registry.register_case("JJ1", WHO, opened_on=date(2026, 3, 4))
    assert len({r.headers["Idempotency-Key"] for r in fake.requests if r.url.path == "/v1/cases"}) == 2


def test_a_case_that_was_registered_before_the_line_broke_is_not_doubled(fake: FakeRegistry) -> None:
    lost: list[int] = []

    def after(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == "/v1/cases" and not lost:
            lost.append(1)
            fake.register(request)
            raise httpx.ReadError("cut")
        return None

    fake.hooks.append(after)
    case = fake.registry().register_case("JJ1", WHO, opened_on=date(2026, 3, 4))
    assert case.case_id == fake.cases["JJ1"][0]


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), problem(502, "http")])
def test_a_look_up_whose_fate_is_unknown_is_not_repeated(fake: FakeRegistry, answer: Any) -> None:
    fake.hooks.append(failing("/v1/lookups", answer))
    with pytest.raises((NotConnected, Unavailable)):
        fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    assert fake.count("/v1/lookups") == 1


@pytest.mark.parametrize("answer", [httpx.ConnectError("x"), problem(503, "busy"), problem(429, "rate_limited")])
def test_a_look_up_that_was_surely_not_answered_is_repeated(fake: FakeRegistry, answer: Any) -> None:
    fake.hooks.append(failing("/v1/lookups", answer))
    assert fake.registry().lookup(WHO, purpose="contact", case_id=CASE).result == "match"
    assert fake.count("/v1/lookups") == 2


def test_retry_after_is_honoured_as_seconds_and_as_a_date(fake: FakeRegistry, slept: list[float]) -> None:
    busy = problem(503, "busy")
    busy.headers["Retry-After"] = "7"
    dated = problem(429, "rate_limited")
    dated.headers["Retry-After"] = "Mon, 01 Jan 2001 00:00:00 GMT"
    fake.hooks.append(failing("/v1/members/me", busy, dated))
    fake.registry().me()
    assert 7 <= slept[0] < 8
    assert 0 <= slept[1] < 1


def test_a_long_retry_after_is_told_and_not_waited_for(fake: FakeRegistry, slept: list[float]) -> None:
    spent = problem(429, "budget_exceeded")
    spent.headers["Retry-After"] = "40000"
    fake.hooks.append(failing("/v1/lookups", spent))
    with pytest.raises(Refused) as caught:
        fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    assert (caught.value.code, caught.value.retry_after, slept) == ("budget_exceeded", 40000.0, [])


def test_waiting_doubles_with_jitter_and_ends(fake: FakeRegistry, slept: list[float]) -> None:
    fake.hooks.append(failing("/v1/members/me", *[httpx.ConnectError("x")] * 20))
    with pytest.raises(NotConnected) as caught:
        fake.registry().me()
    assert caught.value.exit_code == 4
    assert fake.count("/v1/members/me") == http.ATTEMPTS
    for attempt, wait in enumerate(slept, 1):
        assert 0 < wait <= min(http.MAX_BACKOFF_SECONDS, http.BASE_SECONDS * 2**attempt)


def test_a_request_still_in_progress_is_asked_for_again(fake: FakeRegistry) -> None:
    fake.hooks.append(failing("/v1/cases", problem(409, "request_in_progress")))
    assert fake.registry().register_case("JJ1", WHO, opened_on=date(2026, 3, 4)).version == 1
    assert fake.count("/v1/cases") == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 422])
def test_a_refusal_is_not_repeated_and_keeps_what_the_registry_said(fake: FakeRegistry, status: int) -> None:
    told = problem(status, "illegal", pointer="/action", legal=["recall"], request_id="r1")
    fake.hooks.append(failing("/v1/cases", told))
    with pytest.raises(Refused) as caught:
        fake.registry().register_case("JJ1", WHO, opened_on=date(2026, 3, 4))
    error = caught.value
    assert (error.status, error.code, error.pointer, error.extra, error.request_id) == (
        status, "illegal", "/action", {"legal": ["recall"]}, "r1",
    )  # fmt: skip
    assert (error.zh, error.en, error.fix_zh, error.fix_en) == ("被拒", "refused", "改", "fix")
    assert fake.count("/v1/cases") == 1


# --- what is never an answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"<html>ok</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"answers": []}),
        httpx.Response(204),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(500, content=b"oops"),
        httpx.Response(500, json={"answers": [{"result": "none"}]}),
        httpx.Response(418, content=b"\xff\xfe"),
    ],
)
def test_what_is_not_the_contract_s_answer_raises(fake: FakeRegistry, answer: httpx.Response) -> None:
    fake.hooks.append(failing("/v1/lookups", answer))
    with pytest.raises((Unavailable, Refused)):
        fake.registry().lookup(WHO, purpose="contact", case_id=CASE)


def test_redirects_are_not_followed(fake: FakeRegistry) -> None:
    fake.hooks.append(failing("/v1/members/me", httpx.Response(307, headers={"Location": f"{ISSUER}/elsewhere"})))
    with pytest.raises(Unavailable, match="unexpected_redirect"):
        fake.registry().me()
    assert fake.count("/elsewhere") == 0


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_is_kept_per_scope_and_grant(fake: FakeRegistry) -> None:
    registry = fake.registry()
    for _ in range(3):
        registry.me()
    assert fake.count("/oauth/token") == 1
    registry.lookup(WHO, purpose="contact", case_id=CASE)
    registry.lookup(WHO, purpose="placement", case_id=CASE)
    registry.lookup(WHO, purpose="placement", case_id=CASE)
    assert fake.count("/oauth/token") == 4, "members.read, subjects.evaluate, two purposes"


@pytest.mark.parametrize(("expires_in", "asked"), [(300, 1), (40, 2), (31, 2)])
def test_a_token_is_renewed_before_it_ends(
    fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch, expires_in: int, asked: int
) -> None:
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    fake.expires_in = expires_in
    registry = fake.registry()
    registry.me()
    now[0] += 25
    registry.me()
    assert fake.count("/oauth/token") == asked


def test_many_threads_ask_for_a_token_once(fake: FakeRegistry) -> None:
    registry = fake.registry()
    threads = [threading.Thread(target=registry.me) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake.count("/v1/members/me") == 8
    assert fake.count("/oauth/token") == 1


def test_a_token_the_registry_no_longer_takes_is_replaced_once(fake: FakeRegistry) -> None:
    registry = fake.registry()
    registry.me()
    fake.hooks.append(failing("/v1/members/me", problem(401, "unauthenticated")))
    registry.me()
    assert fake.count("/oauth/token") == 2
    fake.hooks.append(failing("/v1/members/me", *[problem(401, "member_suspended")] * 9))
    before = fake.count("/v1/members/me")
    with pytest.raises(Refused, match="member_suspended"):
        registry.me()
    assert fake.count("/v1/members/me") == before + 2


@pytest.mark.parametrize(
    "answer",
    [{}, {"access_token": "x", "token_type": "Bearer", "expires_in": 300}, {"access_token": 1, "token_type": "DPoP"}],
)
def test_a_token_that_is_not_bound_to_us_is_not_used(fake: FakeRegistry, answer: dict[str, Any]) -> None:
    fake.hooks.append(failing("/oauth/token", httpx.Response(200, json=answer)))
    with pytest.raises(Unavailable, match="bad_token_answer"):
        fake.registry().me()
    assert fake.count("/v1/members/me") == 0


def test_an_oauth_error_is_told_in_both_languages(fake: FakeRegistry) -> None:
    fake.hooks.append(failing("/oauth/token", httpx.Response(401, json={"error": "invalid_client"})))
    with pytest.raises(Refused) as caught:
        fake.registry().me()
    assert (caught.value.code, caught.value.status) == ("invalid_client", 401)
    assert caught.value.zh
    assert caught.value.fix_zh
    assert caught.value.fix_en


@pytest.mark.parametrize("alg", keys.ALGORITHMS)
def test_the_assertion_is_for_the_issuer_once_and_for_a_minute(alg: str) -> None:
    profile = make_profile()
    profile.key = keys.generate(alg)
    texts = [assertion(profile, ISSUER) for _ in range(2)]
    claims = [jwt.decode(text, profile.key.private.public_key(), algorithms=[alg], audience=ISSUER) for text in texts]
    assert claims[0]["iss"] == claims[0]["sub"] == CLIENT
    assert claims[0]["aud"] == ISSUER, "one string"
    assert claims[0]["jti"] != claims[1]["jti"]
    assert 0 < claims[0]["exp"] - claims[0]["iat"] <= 60
    assert jwt.get_unverified_header(texts[0])["kid"] == profile.key.kid


def test_the_registry_s_own_words_about_a_refused_token_are_kept(fake: FakeRegistry) -> None:
    told = {
        "error": "invalid_client", "error_description": "EN", "error_description_zh": "中", "code": "member_suspended",
        "fix": "改", "fix_en": "fix", "request_id": "r9",
    }  # fmt: skip
    fake.hooks.append(failing("/oauth/token", httpx.Response(401, json=told)))
    with pytest.raises(Refused) as caught:
        fake.registry().me()
    error = caught.value
    assert (error.code, error.zh, error.en, error.fix_zh, error.request_id) == (
        "member_suspended",
        "中",
        "EN",
        "改",
        "r9",
    )
    assert error.extra == {"error": "invalid_client"}


def test_a_token_that_ended_while_the_nonce_changed_is_replaced_all_the_same(fake: FakeRegistry) -> None:
    registry = fake.registry()
    registry.me()
    moved = problem(401, "token_expired")
    moved.headers["DPoP-Nonce"] = "n2"
    fake.hooks.append(failing("/v1/members/me", moved, problem(401, "token_expired")))
    registry.me()
    assert fake.count("/oauth/token") == 2


# --- proofs -----------------------------------------------------------------------------------------------------------


def test_a_proof_has_the_form_of_rfc_9449() -> None:
    prover = Prover()
    text = prover.proof("POST", f"{ISSUER}/v1/cases?cursor=x#y", server="resource", token="abc")
    header = jwt.get_unverified_header(text)
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}, "the public part alone"
    assert keys.thumbprint(header["jwk"]) == prover.thumbprint
    claims = jwt.decode(text, jwt.PyJWK(header["jwk"]), algorithms=["ES256"])
    assert claims["htu"] == f"{ISSUER}/v1/cases", "without query and fragment"
    assert claims["htm"] == "POST"
    assert claims["ath"] == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0", "SHA-256 of abc"
    assert "nonce" not in claims
    assert abs(claims["iat"] - clock.epoch_seconds()) <= 1


def test_the_key_of_proofs_is_not_the_member_s_own(fake: FakeRegistry) -> None:
    profile = make_profile()
    fake.registry(profile).me()
    header = jwt.get_unverified_header(fake.requests[-1].headers["DPoP"])
    assert header["jwk"]["x"] != profile.key.jwk["x"]


def test_a_nonce_asked_for_is_given_at_once_and_kept(fake: FakeRegistry) -> None:
    fake.token_nonce, fake.resource_nonce = "n-token", "n-resource"
    registry = fake.registry()
    registry.me()
    assert fake.count("/oauth/token") == 2
    assert fake.count("/v1/members/me") == 2
    registry.me()
    assert fake.count("/v1/members/me") == 3, "the nonce is remembered"
    fake.resource_nonce = "n-2"
    registry.me()
    assert fake.count("/v1/members/me") == 5
    assert fake.count("/oauth/token") == 2, "the token was never in doubt"


def test_a_nonce_with_each_answer_is_taken_up(fake: FakeRegistry) -> None:
    connection = Connection(make_profile(), transport=fake.transport())
    assert connection.tokens.prover.hear(httpx.Response(200, headers={"DPoP-Nonce": "a"}), "resource")
    assert not connection.tokens.prover.hear(httpx.Response(200, headers={"DPoP-Nonce": "a"}), "resource")
    text = connection.tokens.prover.proof("GET", ISSUER, server="resource")
    assert jwt.decode(text, options={"verify_signature": False})["nonce"] == "a"
    other = connection.tokens.prover.proof("GET", ISSUER, server="token")
    assert "nonce" not in jwt.decode(other, options={"verify_signature": False})


# --- what never leaves ------------------------------------------------------------------------------------------------


def test_no_request_carries_an_identifier_or_the_private_key(fake: FakeRegistry) -> None:
    profile = make_profile()
    registry = fake.registry(profile)
    registry.register_case("JJ1", WHO, opened_on=date(2026, 3, 4))
    registry.lookup(WHO, purpose="contact", case_id=CASE)
    secret = profile.key.private.private_numbers().private_value  # type: ignore[union-attr]
    for request in fake.requests:
        everything = request.content + str(request.url).encode() + repr(request.headers.raw).encode()
        assert WHO.text.encode() not in everything
        assert str(secret).encode() not in everything
    assert WHO.text not in repr(WHO)


def pages(count: int) -> Iterator[httpx.Response]:
    for number in range(count):
        following = f"c{number + 1}" if number + 1 < count else None
        yield httpx.Response(200, json={"items": [{"kid": str(number)}], "next_cursor": following})


def test_pages_are_followed_to_the_end(fake: FakeRegistry) -> None:
    fake.hooks.append(failing(f"/v1/clients/{CLIENT}/keys", *pages(3)))
    assert [key["kid"] for key in fake.registry().client_keys()] == ["0", "1", "2"]
    cursors = [r.url.params.get("cursor") for r in fake.requests if r.url.path.endswith("/keys")]
    assert cursors == [None, "c1", "c2"]


def test_a_cursor_that_does_not_move_ends_in_an_error(fake: FakeRegistry) -> None:
    page = {"items": [], "next_cursor": "c"}
    fake.hooks.append(failing(f"/v1/clients/{CLIENT}/keys", *[httpx.Response(200, json=page) for _ in range(5)]))
    with pytest.raises(Unavailable):
        fake.registry().client_keys()


def test_repeat_is_safe_by_default_only_for_reads_and_keyed_posts(fake: FakeRegistry) -> None:
    connection = Connection(make_profile(), transport=fake.transport())
    fake.hooks.append(failing("/v1/cases", httpx.ReadTimeout("x")))
    with pytest.raises(NotConnected, match="no_answer"):
        connection.call("POST", "/v1/cases", scope="cases.write", json_body={})
    assert fake.count("/v1/cases") == 1
    assert Repeat.UNHEARD is not Repeat.ALWAYS
