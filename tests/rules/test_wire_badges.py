"""The badge's code: round trips, what fits a QR, what is refused; other libraries read it."""

import hashlib
from dataclasses import replace
from typing import Any

import base45
import cbor2
import pytest
import segno
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pycose.keys import OKPKey
from pycose.messages import Sign1Message

from gongxin_wire import badges, base45s, cose, status_lists
from gongxin_wire.badges import Badge, BadgeError
from gongxin_wire.canonical import b64u
from gongxin_wire.licences import check_character
from gongxin_wire.status_lists import StatusList

ISSUER = "https://registry.example"
URI = f"{ISSUER}/badges/lists/1"
NOW = 1_795_489_200


def jwk_of(private: Ed25519PrivateKey) -> dict[str, Any]:
    x = private.public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "x": b64u(x), "kid": b64u(hashlib.sha256(x).digest())}


OURS, THEIRS = (Ed25519PrivateKey.from_private_bytes(bytes((n,)) * 32) for n in (1, 2))
KEYS = cose.Keys([jwk_of(OURS)], ISSUER)
SIGNER = cose.signing_key(OURS, jwk_of(OURS)["kid"])
BADGE = Badge("GX7K4M2P9QWAC", "示范催收有限公司", "senior", NOW, NOW + 86_400 * 700, URI, 421_337)
CODE = badges.encode(BADGE, SIGNER)
LONGEST_ISSUER = "https://registry." + "a" * 28 + ".example.org"


def a_list(statuses: dict[int, int] | None = None, issued_at: int = NOW, **more: Any) -> StatusList:
    values = {"expires_at": issued_at + 86_400, "ttl": 300, "bits": 2, "uri": URI} | more
    return StatusList(issued_at=issued_at, octets=status_lists.pack(1 << 20, statuses or {}), **values)


bodies = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=10, max_size=10).map(lambda text: "GX" + text)
licences = bodies.filter(lambda body: check_character(body) != "*").map(lambda body: body + check_character(body))
any_badge = st.builds(
    Badge,
    licence=licences,
    agency=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=120),
    level=st.sampled_from(badges.LEVELS),
    issued_at=st.integers(0, 2**32),
    expires_at=st.integers(2**32 + 1, 2**33),
    uri=st.integers(1, 9999).map(lambda number: f"{ISSUER}/badges/lists/{number}"),
    index=st.integers(0, (1 << 20) - 1),
)


@given(any_badge)
@settings(max_examples=60)
def test_what_was_signed_is_what_is_read_and_the_name_alone_may_be_cut(badge: Badge) -> None:
    code = badges.encode(badge, SIGNER)
    read = badges.decode(code, KEYS)
    assert replace(read, agency="") == replace(badge, agency="")
    assert read.agency == badge.agency or (read.agency[-1] == "…" and badge.agency.startswith(read.agency[:-1]))
    assert len(code) <= badges.MAX_CHARACTERS
    assert not code.endswith(" ")


@pytest.mark.parametrize("issuer", [ISSUER, LONGEST_ISSUER])
@pytest.mark.parametrize("name", ["测" * 120, "𠮷" * 120, "A" * 120, "示"])
@pytest.mark.parametrize("level", badges.LEVELS)
def test_the_longest_names_fit_a_qr_of_version_12_at_level_m(issuer: str, name: str, level: str) -> None:
    badge = Badge("GX7K4M2P9QWAC", name, level, 2**33, 2**33 + 1, f"{issuer}/badges/lists/9999", (1 << 20) - 1)
    code = badges.encode(badge, SIGNER)
    assert segno.make(code, error="m", micro=False, boost_error=False).version <= 12
    kept = badges.decode(code, cose.Keys([jwk_of(OURS)])).agency
    assert len(kept.encode()) >= badges.LEAST_NAME_OCTETS or kept == name
    if issuer == ISSUER:  # as much of it as there is room for
        assert kept == name or len(kept.encode()) > 60


def test_an_address_that_leaves_no_room_for_a_name_is_refused() -> None:
    with pytest.raises(BadgeError) as refused:
        badges.encode(replace(BADGE, agency="测" * 120, uri=f"https://{'a' * 90}.example/badges/lists/1"), SIGNER)
    assert refused.value.code == "badge_too_large"


def test_another_library_verifies_the_signature_and_reads_the_claims() -> None:
    message = Sign1Message.decode(base45.b45decode(CODE.removeprefix("GXB1:")))
    message.key = OKPKey.from_dict({1: 1, -1: 6, -2: OURS.public_key().public_bytes_raw()})
    assert message.verify_signature()
    assert cbor2.loads(message.payload) == {
        2: BADGE.licence,
        4: BADGE.expires_at,
        6: BADGE.issued_at,
        65535: {"status_list": {"idx": BADGE.index, "uri": URI}},
        -65537: {1: BADGE.agency, 2: 2},
    }
    message.key = OKPKey.from_dict({1: 1, -1: 6, -2: THEIRS.public_key().public_bytes_raw()})
    assert not message.verify_signature()


def test_another_library_reads_the_qr() -> None:
    code = badges.encode(replace(BADGE, agency="测" * 120), SIGNER)
    qr = segno.make(code, error="m", micro=False, boost_error=False)
    rows = [bytes(0 if dark else 255 for dark in row) for row in qr.matrix_iter(scale=4, border=4)]
    picture = memoryview(b"".join(rows)).cast("B", shape=[len(rows), len(rows[0])])
    read = zxingcpp.read_barcode(picture)
    assert read is not None
    assert badges.decode(read.text, KEYS).licence == BADGE.licence
    assert read.text == code


@given(st.binary(max_size=300))
def test_base45_is_that_of_the_reference_library(data: bytes) -> None:
    text = base45s.encode(data)
    assert base45s.decode(text) == base45.b45decode(text) == data


@given(st.text(base45s.ALPHABET.decode(), max_size=60))
def test_base45_takes_no_text_that_no_encoder_makes(text: str) -> None:
    try:
        data = base45s.decode(text)
    except (ValueError, EOFError):
        return
    assert base45s.encode(data) == text


@pytest.mark.parametrize(("text", "octets"), [("BB8", b"AB"), ("%69 VD92EX0", b"Hello!!"), ("QED8WEX0", b"ietf!")])
def test_base45_of_the_rfc(text: str, octets: bytes) -> None:
    assert base45s.decode(text) == octets
    assert base45s.encode(octets) == text


@pytest.mark.parametrize("text", ["GGW", ":::", "FGX", "A", "BB8a", "BB８"])
def test_base45_refuses_what_the_rfc_says_to_refuse(text: str) -> None:
    with pytest.raises((ValueError, EOFError)):
        base45s.decode(text)


def refused(code: str, keys: cose.Keys = KEYS) -> str:
    with pytest.raises(BadgeError) as fault:
        badges.decode(code, keys)
    assert all((fault.value.zh, fault.value.en, fault.value.fix_zh, fault.value.fix_en))
    return fault.value.code


def test_a_code_cut_anywhere_is_said_to_be_cut() -> None:
    assert {refused(CODE[:length]) for length in range(len("GXB1:"), len(CODE))} == {"badge_cut"}
    assert {refused(CODE[:length]) for length in range(len("GXB1:"))} == {"badge_prefix"}


def test_a_code_that_is_there_twice_is_said_to_be_doubled() -> None:
    other = badges.encode(replace(BADGE, index=7), SIGNER)
    assert {refused(CODE + CODE), refused(CODE + "\n" + CODE), refused(CODE + other)} == {"badge_doubled"}


def test_one_character_changed_anywhere_is_refused() -> None:
    for at in range(len(CODE)):
        changed = CODE[:at] + ("7" if CODE[at] != "7" else "8") + CODE[at + 1 :]
        assert refused(changed).startswith("badge_")


@given(st.text(max_size=500) | st.text(base45s.ALPHABET.decode(), max_size=414).map(lambda text: "GXB1:" + text))
def test_whatever_was_scanned_is_a_badge_or_refused_by_name(text: str) -> None:
    assert refused(text).startswith("badge_")


@given(st.binary(max_size=276))
def test_whatever_the_octets_are_is_refused_by_name(octets: bytes) -> None:
    assert refused("GXB1:" + base45s.encode(octets)).startswith("badge_")


def test_signed_anew_by_another_key_is_refused_whatever_kid_it_claims() -> None:
    assert refused(badges.encode(BADGE, cose.signing_key(THEIRS, jwk_of(OURS)["kid"]))) == "badge_signature"
    assert refused(badges.encode(BADGE, cose.signing_key(THEIRS, jwk_of(THEIRS)["kid"]))) == "badge_key_unknown"


def test_another_registrys_badge_is_not_taken_for_one_of_ours() -> None:
    foreign = replace(BADGE, uri="https://elsewhere.example/badges/lists/1")
    assert refused(badges.encode(foreign, SIGNER)) == "badge_issuer"


def _signed(claims: Any) -> str:
    return "GXB1:" + base45s.encode(cose.sign(cbor2.dumps(claims), SIGNER))


CLAIMS = badges._claims(BADGE, BADGE.agency)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        [],
        7,
        CLAIMS | {2: "GX7K4M2P9QWAD"},
        CLAIMS | {2: "gx7k4m2p9qwac"},
        CLAIMS | {2: 7},
        CLAIMS | {4: NOW},
        CLAIMS | {4: 1.5},
        CLAIMS | {6: True},
        CLAIMS | {6: -1},
        CLAIMS | {65535: {"status_list": {"idx": -1, "uri": URI}}},
        CLAIMS | {65535: {"status_list": {"idx": 1, "uri": 2}}},
        CLAIMS | {65535: {}},
        CLAIMS | {-65537: {1: 7, 2: 1}},
        CLAIMS | {-65537: {1: "名", 2: 0}},
        CLAIMS | {-65537: {1: "名", 2: 4}},
        CLAIMS | {-65537: {1: "名", 2: 1, 3: 1}},
        CLAIMS | {1: "iss"},
        dict(reversed(CLAIMS.items())),
    ],
)
def test_claims_of_another_form_are_refused_even_where_the_signature_holds(claims: Any) -> None:
    assert refused(_signed(claims)) == "badge_form"


def test_other_headers_and_what_follows_are_refused() -> None:
    payload = cbor2.dumps(CLAIMS)
    data = cose.sign(payload, SIGNER)
    tagged = cbor2.loads(data)
    for changed in (
        data + b"\x00",
        cbor2.dumps(tagged.value),
        cbor2.dumps(cbor2.CBORTag(17, tagged.value)),
        cbor2.dumps(cbor2.CBORTag(18, [tagged.value[0], {5: b"1"}, *tagged.value[2:]])),
        cose.sign(payload, SIGNER, "application/other"),
    ):
        assert refused("GXB1:" + base45s.encode(changed)) == "badge_form"


# --- whether it holds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "now", "state", "why"),
    [
        (a_list(), NOW, "valid", "listed_valid"),
        (a_list({BADGE.index: 1}), NOW, "invalid", "listed_invalid"),
        (a_list({BADGE.index: 2}), NOW, "suspended", "listed_suspended"),
        (a_list({BADGE.index: 3}), NOW, "unknown", "status"),
        (a_list({BADGE.index - 1: 1, BADGE.index + 1: 1}), NOW, "valid", "listed_valid"),
        (None, NOW, "unknown", "no_list"),
        (a_list(uri=f"{ISSUER}/badges/lists/2"), NOW, "unknown", "no_list"),
        (a_list(), NOW + 86_399, "valid", "listed_valid"),
        (a_list(), NOW + 86_400, "unknown", "list_too_old"),
        (a_list(issued_at=NOW + 301), NOW, "unknown", "clock"),
        (a_list(issued_at=NOW - 301), NOW, "unknown", "list_before_badge"),
        (a_list(), NOW - 301, "unknown", "clock"),
        (a_list(), BADGE.expires_at, "expired", "past_expiry"),
        (a_list({BADGE.index: 1}, BADGE.expires_at), BADGE.expires_at, "expired", "past_expiry"),
    ],
)
def test_only_a_list_of_acceptable_age_makes_a_badge_valid(
    known: StatusList | None, now: int, state: str, why: str
) -> None:
    verdict = badges.judge(BADGE, known, now)
    assert (verdict.state, verdict.why) == (state, why)


def test_a_stricter_verifier_sets_its_own_age() -> None:
    assert badges.judge(BADGE, a_list(), NOW + 601, max_age=600).state == "unknown"
    assert badges.judge(BADGE, a_list(), NOW + 600, max_age=600).state == "valid"


def test_published_keys_are_read_strictly() -> None:
    document = {"issuer": ISSUER, "keys": [jwk_of(OURS), jwk_of(THEIRS)]}
    assert len(cose.read_keys(document)) == 2
    for bad in ({}, [], None, {"keys": []}, {"keys": [{"kty": "EC"}]}, {"keys": [jwk_of(OURS) | {"x": "AA"}]},
                {"keys": [jwk_of(OURS) | {"crv": "X25519"}]}):  # fmt: skip
        with pytest.raises(cose.SignedError):
            cose.read_keys(bad)


def test_the_cose_key_set_names_each_key_by_8_octets() -> None:
    [key] = cbor2.loads(cose.key_set([jwk_of(OURS)]))
    x = OURS.public_key().public_bytes_raw()
    assert key == {1: 1, 2: hashlib.sha256(x).digest()[:8], 3: -8, -1: 6, -2: x}
