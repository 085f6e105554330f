"""Signed texts, keys, proofs, scopes and grants against published vectors and against anything at all."""

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.access import jose, proofs, rules, tokens
from gongxin.access.refusals import OAuthRefusal
from gongxin.config import Config
from gongxin.errors import Conflict, GongxinError, Invalid
from gongxin.web.caller import ANONYMOUS
from gongxin_wire.canonical import b64u

CONFIG = Config(master_key=b"\1" * 32)

# RFC 7638 section 3.1; RFC 8037 appendix A.3; RFC 9449 figures 2, 9, 13.
RSA = {
    "e": "AQAB",
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3o"
    "knjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"
    "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
}
ED25519 = {"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
}
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
ATH = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
_HEAD = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQy"
    "VVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
TOKEN_PROOF = (
    f"{_HEAD}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwi"
    "aWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
RESOURCE_PROOF = (
    f"{_HEAD}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z"
    "WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9"
    ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
TOKEN_URL, RESOURCE_URL = "https://server.example.com/token", "https://resource.example.org/protectedresource"


def error_of(call: Callable[[], Any]) -> str | None:
    """The OAuth error that it is refused with, the code of a JOSE fault, or None where it passes."""
    try:
        call()
    except OAuthRefusal as refusal:
        return refusal.error
    except jose.JoseFault as fault:
        return fault.code
    return None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


# --- published vectors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "thumbprint"),
    [
        (RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ED25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        (P256, JKT),
    ],
)
def test_thumbprints_are_those_of_the_standards(members: dict[str, str], thumbprint: str) -> None:
    assert jose.thumbprint(members) == thumbprint


def test_a_key_s_kid_is_its_thumbprint_whatever_else_the_jwk_says() -> None:
    for jwk in (P256, P256 | {"kid": "mine", "alg": "ES256", "use": "sig", "key_ops": ["verify"]}):
        key, public = jose.import_jwk(jwk)
        assert (key.kid, key.alg, public) == (JKT, "ES256", P256)
        assert jose.export_jwk(key.public) == P256
    assert jose.import_jwk(ED25519)[0].alg == "EdDSA"


def test_the_proofs_of_rfc_9449_hold() -> None:
    found = proofs.check(CONFIG, TOKEN_PROOF, method="POST", url=TOKEN_URL, now=1562262616)
    assert found.thumbprint == JKT
    assert found.digest == sha256(f"{JKT}|-BwC3ESc6acc2lTc".encode()).digest()
    assert b64u(sha256(ACCESS_TOKEN.encode()).digest()) == ATH
    proofs.check(CONFIG, RESOURCE_PROOF, method="GET", url=RESOURCE_URL, now=1562262618, token_hash=ATH)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "POST"}, "proof_method"),
        ({"url": TOKEN_URL}, "proof_url"),
        ({"now": 1562262618 + 61}, "proof_iat"),
        ({"now": 1562262618 - 61}, "proof_iat"),
        ({"token_hash": b64u(bytes(32))}, "proof_ath"),
    ],
)
def test_the_proof_of_rfc_9449_is_for_its_own_request_only(changes: dict[str, Any], code: str) -> None:
    fitting: dict[str, Any] = {"method": "GET", "url": RESOURCE_URL, "now": 1562262618, "token_hash": ATH}
    with pytest.raises(OAuthRefusal) as caught:
        proofs.check(CONFIG, RESOURCE_PROOF, **(fitting | changes))
    assert caught.value.code == code


def test_an_expired_proof_is_kept_until_it_can_no_longer_be_replayed() -> None:
    found = proofs.check(CONFIG, TOKEN_PROOF, method="POST", url=TOKEN_URL, now=1562262616 + 60)
    assert found.expires > datetime.fromtimestamp(1562262616 + 60, UTC)


@given(st.integers(0, len(TOKEN_PROOF) - 1), st.characters(codec="ascii"))
def test_a_proof_altered_anywhere_does_not_hold(at: int, other: str) -> None:
    altered = TOKEN_PROOF[:at] + other + TOKEN_PROOF[at + 1 :]
    if altered != TOKEN_PROOF:
        with pytest.raises(OAuthRefusal):
            proofs.check(CONFIG, altered, method="POST", url=TOKEN_URL, now=1562262616)


# --- anything at all ------------------------------------------------------------------------------------------------


@given(st.text(max_size=200) | st.binary(max_size=100).map(b64u))
def test_any_text_for_a_jws_is_a_clear_refusal_or_parses(text: str) -> None:
    assert error_of(lambda: jose.parse(text)) in {None, "bad_jws", "bad_base64", "bad_jose_json"}


@given(JSON, JSON)
def test_any_json_for_header_and_claims_is_refused_as_a_proof(header: Any, claims: Any) -> None:
    parts = [b64u(json.dumps(part).encode()) for part in (header, claims)]
    with pytest.raises(OAuthRefusal):
        proofs.check(CONFIG, f"{parts[0]}.{parts[1]}.{b64u(bytes(64))}", method="POST", url=TOKEN_URL, now=1562262616)


@given(JSON)
def test_any_json_for_a_key_is_a_clear_refusal(jwk: Any) -> None:
    with pytest.raises(jose.JoseFault):
        jose.import_jwk(jwk)


@given(st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]), JSON))
def test_any_claims_for_an_assertion_are_a_clear_refusal(claims: dict[str, Any]) -> None:
    first = error_of(lambda: rules.assertion_subject(claims, None))
    second = error_of(lambda: rules.check_assertion(claims, ("https://a.example",), 1562262616))
    assert second == "invalid_client"
    assert first in {None, "invalid_client"}


@given(JSON)
def test_any_json_for_authorization_details_is_a_clear_refusal(details: Any) -> None:
    with pytest.raises(OAuthRefusal) as caught:
        rules.check_details(details)
    assert caught.value.error == "invalid_authorization_details"


@given(st.binary(max_size=60))
def test_any_bytes_for_a_form_parse_or_are_refused(raw: bytes) -> None:
    assert error_of(lambda: rules.parse_form(raw)) in {None, "invalid_request"}


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_any_text_for_basic_is_refused_or_parses(value: str) -> None:
    assert error_of(lambda: rules.parse_basic(value)) in {None, "invalid_client"}


@given(st.text(max_size=30))
def test_basic_carries_any_text_form_encoded(secret: str) -> None:
    joined = f"{quote_plus('client')}:{quote_plus(secret)}".encode()
    assert rules.parse_basic(f"Basic {base64.b64encode(joined).decode()}") == ("client", secret)


@given(st.text(max_size=60))
def test_any_text_for_a_url_is_normal_or_none(text: str) -> None:
    normal = rules.normal_url(text)
    assert normal is None or rules.normal_url(normal) == normal


# --- decisions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("HTTPS://Example.COM/a", "https://example.com/a", True),
        ("https://example.com:443/a", "https://example.com/a", True),
        ("http://example.com:80/a", "http://example.com/a", True),
        ("https://example.com:80/a", "https://example.com/a", False),
        ("https://example.com", "https://example.com/", True),
        ("https://example.com/a?b=c#d", "https://example.com/a", True),
        ("https://example.com/%61", "https://example.com/a", True),
        ("https://example.com/a/", "https://example.com/a", False),
        ("https://example.com/A", "https://example.com/a", False),
        ("https://user@example.com/a", "https://example.com/a", False),
        ("ftp://example.com/a", "https://example.com/a", False),
    ],
)
def test_urls_are_compared_in_normal_form(one: str, other: str, same: bool) -> None:
    assert (rules.normal_url(one) == rules.normal_url(other)) is same


@pytest.mark.parametrize(
    ("asked", "granted"),
    [("lookups", ("lookups",)), ("lookups cases.read", ("lookups", "cases.read")), ("lookups lookups", ("lookups",))],
)
def test_scopes_are_granted_as_asked(asked: str, granted: tuple[str, ...]) -> None:
    known = frozenset({"lookups", "cases.read"})
    assert rules.check_scope(asked, tuple(known), known) == granted


@pytest.mark.parametrize("asked", [None, "", " ", "lookups ", "lookups  cases.read", "members.read", "x" * 600])
def test_an_empty_unknown_or_foreign_scope_is_refused(asked: str | None) -> None:
    with pytest.raises(OAuthRefusal) as caught:
        rules.check_scope(asked, ("lookups", "members.read"), frozenset({"lookups", "cases.read"}))
    assert caught.value.error == "invalid_scope"


def test_a_scope_the_client_lacks_is_told_from_one_that_is_not_for_its_kind() -> None:
    with pytest.raises(OAuthRefusal) as caught:
        rules.check_scope("cases.read", ("lookups",), frozenset({"lookups", "cases.read"}))
    assert caught.value.code == "scope_not_allowed"
    with pytest.raises(OAuthRefusal) as caught:
        rules.check_scope("cases.read", ("cases.read",), frozenset({"lookups"}))
    assert caught.value.code == "scope_unknown"


def test_a_nonce_lives_for_two_windows_and_under_one_key() -> None:
    now = 1_800_000_000
    nonce = proofs.nonce(CONFIG, now)
    for moment, accepted in ((now, True), (now + 300, True), (now + 601, False), (now - 301, False)):
        error = error_of(lambda moment=moment: proofs.check_nonce(CONFIG, {"nonce": nonce}, moment))
        assert error == (None if accepted else "use_dpop_nonce")
    with pytest.raises(OAuthRefusal):
        proofs.check_nonce(replace(CONFIG, master_key=b"\2" * 32), {"nonce": nonce}, now)


def test_a_proof_without_a_nonce_passes_unless_one_is_demanded() -> None:
    proofs.check_nonce(CONFIG, {}, 1_800_000_000)
    with pytest.raises(OAuthRefusal):
        proofs.check_nonce(replace(CONFIG, dpop_nonce=True), {}, 1_800_000_000)


def test_a_secret_is_compared_by_its_digest() -> None:
    digest = sha256(b"secret").digest()
    assert rules.same_secret("secret", digest)
    assert not rules.same_secret("Secret", digest)
    assert not rules.same_secret("", None)


def test_of_two_places_for_live_keys_the_free_one_is_taken() -> None:
    assert [rules.free_slot(taken) for taken in ([], [1], [2])] == [1, 2, 1]
    with pytest.raises(Conflict):
        rules.free_slot([1, 2])


def test_a_key_lives_a_year_unless_asked_and_two_at_most() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert rules.key_expiry(None, now) == now + timedelta(days=365)
    assert rules.key_expiry(now + timedelta(days=700), now) == now + timedelta(days=700)
    for asked in (now, now - timedelta(days=1), now + timedelta(days=732)):
        with pytest.raises(Invalid):
            rules.key_expiry(asked, now)


def test_every_refusal_says_in_both_languages_what_to_do() -> None:
    waiting: list[type[GongxinError]] = [OAuthRefusal]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        assert kind.fix_zh != GongxinError.fix_zh
        assert kind.fix_en != GongxinError.fix_en


def test_the_memory_of_tokens_is_bounded_and_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_REMEMBERED", 16)
    remembered = tokens.Remembered()
    made = [held(expires) for expires in (5, 5, *range(100, 130))]
    for number, one in enumerate(made):
        remembered.keep(bytes([number]), one, now=10)
    kept = [number for number in range(len(made)) if remembered.find(bytes([number]))]
    assert len(kept) <= 16
    assert kept[-1] == len(made) - 1
    assert 0 not in kept


def held(expires: float) -> tokens.Held:
    nobody = uuid.UUID(int=0)
    return tokens.Held(ANONYMOUS, nobody, nobody, "", expires, "", None, None)
