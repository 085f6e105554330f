"""Token status lists against the draft's vectors; what is altered, cut, too large or rolled back is refused."""

import json
import re
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin_wire import cose, status_lists
from gongxin_wire.canonical import b64u, unb64u
from gongxin_wire.status_lists import StatusList, StatusListError
from tests.rules.test_wire_badges import ISSUER, NOW, OURS, SIGNER, THEIRS, a_list, jwk_of

KEYS = cose.Keys([jwk_of(OURS)], ISSUER)
KID = jwk_of(OURS)["kid"]
TOKEN = status_lists.to_jwt(a_list({5: 1, 9: 2}), KID, OURS.sign).encode()
CWT = status_lists.to_cwt(a_list({5: 1, 9: 2}), SIGNER)

# draft-ietf-oauth-status-list-21: sections 4.1, 4.2 and appendix C.
_INDEXES = (0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345)
ONE_BIT = """
    78daeddc010dc0200c0041a88249400ad2903e0f4bba00bd93f002beb7a2a2010000a91e09000000000000000000000000000000807296
    04000000000000000000000000000000000000000000000000000000000000000000000000000000005c6f4800000000000000fc2c2400
    00000000000000000000be1b12000000000000000000ecaa4b000000000000000000000000000000009b0b0900000000000000000038de
    9400000000000000002a30cc010000000080642f0bd8011b"""
TWO_BITS = """
    78daeddb310d00211000412ea1a04004fe5520ed357c28c81d3312b6df68bc65480000000000406e2101000000000000000000000000
    0000000000000000000000000000000000000040795b020000000000000000000000
    00000000000000000000000000000000000000000000000000000000000000000000
    00000000000000000000000000000000000000000000000000000000000000000000
    0080f4ba0400000000000000000000000000406d764a000000000000000000000000
    000000000000000000e0922101000000000000000000000000000000000000fc1312
    00000000000000000000000000000000000000000000000000000000000000c0912e
    01000000000000000000000000000000000000c07d4b020000000000000000000000
    00000000a8614a0000000000000000000000406a1fcd60010c"""


def test_the_drafts_small_lists() -> None:
    one = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    two = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]
    assert status_lists.pack(16, dict(enumerate(one)), 1) == bytes.fromhex("b9a3")
    assert status_lists.pack(12, dict(enumerate(two)), 2) == bytes.fromhex("c944f9")
    assert b64u(status_lists.compress(bytes.fromhex("b9a3"))) == "eNrbuRgAAhcBXQ"
    assert b64u(status_lists.compress(bytes.fromhex("c944f9"))) == "eNo76fITAAPfAgc"
    assert [a_small("c944f9").status(index) for index in range(12)] == two


def a_small(octets: str) -> StatusList:
    return replace(a_list(), octets=bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("bits", "text", "values"), [(1, ONE_BIT, (1,) * 11), (2, TWO_BITS, (1, 2, 1, 3, 1, 1, 2, 1, 1, 2, 3))]
)
def test_the_drafts_lists_of_a_million_places(bits: int, text: str, values: tuple[int, ...]) -> None:
    octets = status_lists.expand(bytes.fromhex(re.sub(r"\s", "", text)))
    expected = dict(zip(_INDEXES, values, strict=True))
    assert octets == status_lists.pack(1 << 20, expected, bits)
    read = replace(a_list(), bits=bits, octets=octets)
    assert {index: read.status(index) for index in _INDEXES} == expected
    assert read.status(1) == 0


def test_the_claims_are_those_of_the_drafts_example() -> None:
    header, claims = (json.loads(unb64u(part)) for part in TOKEN.decode().split(".")[:2])
    assert header == {"alg": "EdDSA", "kid": KID, "typ": "statuslist+jwt"}
    assert set(claims) == {"sub", "iat", "exp", "ttl", "status_list"}
    assert set(claims["status_list"]) == {"bits", "lst"}
    protected, _, payload, _ = cose.decode(CWT).value
    assert cose.decode(protected)[16] == "application/statuslist+cwt"
    assert set(cose.decode(payload)) == {2, 4, 6, 65533, 65534}


@pytest.mark.parametrize("token", [TOKEN, CWT], ids=["jwt", "cwt"])
def test_a_list_is_read_as_it_was_signed_and_not_by_another_key(token: bytes) -> None:
    read = status_lists.read(token, KEYS)
    assert read == a_list({5: 1, 9: 2})
    with pytest.raises(StatusListError) as unknown:
        status_lists.read(token, cose.Keys([jwk_of(THEIRS)]))
    assert unknown.value.code == "status_list_key"


@given(st.dictionaries(st.integers(0, 1023), st.integers(0, 3)))
def test_places_come_back_as_they_were_put(statuses: dict[int, int]) -> None:
    read = replace(a_list(), octets=status_lists.pack(1024, statuses))
    assert [read.status(index) for index in range(1024)] == [statuses.get(index, 0) for index in range(1024)]
    assert status_lists.expand(status_lists.compress(read.octets)) == read.octets


@pytest.mark.parametrize("index", [-1, 1 << 20, 1 << 40])
def test_a_place_beyond_the_list_tells_nothing(index: int) -> None:
    with pytest.raises(StatusListError) as beyond:
        a_list().status(index)
    assert beyond.value.code == "status_index"


@pytest.mark.parametrize("token", [TOKEN, CWT], ids=["jwt", "cwt"])
def test_an_altered_or_cut_list_is_refused(token: bytes) -> None:
    for at in range(0, len(token), 7):
        for changed in (token[:at], token[:at] + bytes((token[at] ^ 1,)) + token[at + 1 :]):
            with pytest.raises(StatusListError):
                status_lists.read(changed, KEYS)


def test_signed_anew_under_our_kid_is_refused() -> None:
    with pytest.raises(StatusListError) as jwt:
        status_lists.read(status_lists.to_jwt(a_list(), KID, THEIRS.sign).encode(), KEYS)
    with pytest.raises(StatusListError) as cwt:
        status_lists.read(status_lists.to_cwt(a_list(), cose.signing_key(THEIRS, KID)), KEYS)
    assert (jwt.value.code, cwt.value.code) == ("status_list_signature", "status_list_signature")


@given(st.binary(max_size=200))
def test_whatever_the_octets_are_is_refused_by_name(octets: bytes) -> None:
    for token in (octets, b"\xd2" + octets):
        with pytest.raises(StatusListError):
            status_lists.read(token, KEYS)


@pytest.mark.parametrize(
    "compressed",
    [b"", b"no", zlib.compress(b"\0" * 10)[:-1], zlib.compress(b"\0" * 10) + b"x", zlib.compress(b"\0" * (9 << 20))],
    ids=["empty", "not ZLIB", "cut", "more after it", "a bomb"],
)
def test_what_expands_to_something_else_is_refused(compressed: bytes) -> None:
    with pytest.raises(ValueError, match=r"ZLIB|cut"):
        status_lists.expand(compressed)


def test_a_list_never_goes_back() -> None:
    status_lists.check_forward(None, a_list())
    status_lists.check_forward(NOW, a_list())
    with pytest.raises(StatusListError) as back:
        status_lists.check_forward(NOW + 1, a_list())
    assert back.value.code == "status_list_rolled_back"
