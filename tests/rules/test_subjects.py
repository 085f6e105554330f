"""Decisions on epochs, tokens and elements."""

import string
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.errors import Conflict, Invalid
from gongxin.subjects import rules
from gongxin.subjects.rules import Epoch

TOKEN = urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
ALPHABET = string.ascii_letters + string.digits + "-_"


def epochs(**states: str) -> list[Epoch]:
    return [Epoch("debtor", int(name[1:]), state, b"") for name, state in states.items()]


def refused(subject: object, accepted: frozenset[int] = frozenset({1, 2})) -> Invalid:
    with pytest.raises(Invalid) as caught:
        rules.check_subject(subject, accepted)
    return caught.value


def test_a_record_needs_the_live_and_the_retiring_epoch_and_may_carry_the_next() -> None:
    before, during = epochs(e1="live", e2="next"), epochs(e1="retiring", e2="live")
    assert (rules.required(before), rules.accepted(before)) == ({1}, {1, 2})
    assert (rules.required(during), rules.accepted(during)) == ({1, 2}, {1, 2})
    assert rules.accepted(epochs(e1="retired", e2="live")) == {2}


def test_a_subject_is_read_into_epoch_and_token_bytes() -> None:
    entry = {"epoch": 1, "token": TOKEN}
    assert rules.check_subject([entry, {"epoch": 2, "token": TOKEN}], frozenset({1, 2})) == [
        (1, bytes(range(32))),
        (2, bytes(range(32))),
    ]


@pytest.mark.parametrize(
    ("subject", "code", "pointer"),
    [
        (None, "bad_subject", "/subject"),
        ([], "bad_subject", "/subject"),
        ([{"epoch": 1, "token": TOKEN}] * 3, "bad_subject", "/subject"),
        ([{"epoch": 1}], "bad_subject", "/subject/0"),
        ([{"epoch": 1, "token": TOKEN, "name": "x"}], "bad_subject", "/subject/0"),
        ([{"epoch": 9, "token": TOKEN}], "epoch_not_open", "/subject/0/epoch"),
        ([{"epoch": True, "token": TOKEN}], "epoch_not_open", "/subject/0/epoch"),
        ([{"epoch": 1, "token": TOKEN + "="}], "bad_token", "/subject/0/token"),
        ([{"epoch": 1, "token": 7}], "bad_token", "/subject/0/token"),
        ([{"epoch": 1, "token": TOKEN}] * 2, "epoch_repeated", "/subject/1/epoch"),
    ],
)
def test_a_subject_out_of_form_is_refused_at_its_place(subject: object, code: str, pointer: str) -> None:
    fault = refused(subject)
    assert (fault.code, fault.pointer) == (code, pointer)


@given(st.binary(min_size=32, max_size=32))
def test_every_32_bytes_have_one_token_and_come_back(raw: bytes) -> None:
    text = urlsafe_b64encode(raw).decode().rstrip("=")
    assert rules.TOKEN.fullmatch(text)
    assert rules.decode_token(text) == raw


@given(st.binary(min_size=32, max_size=32), st.sampled_from(ALPHABET))
def test_no_second_spelling_of_a_token_is_accepted(raw: bytes, last: str) -> None:
    text = urlsafe_b64encode(raw).decode().rstrip("=")
    other = text[:-1] + last
    if rules.TOKEN.fullmatch(other):
        assert (rules.decode_token(other) == raw) == (other == text)


def test_a_stored_record_without_the_token_of_an_open_epoch_is_refused() -> None:
    rules.check_complete([1, 2], frozenset({1, 2}))
    with pytest.raises(Invalid) as caught:
        rules.check_complete([2], frozenset({1, 2}))
    assert caught.value.extra == {"missing_epochs": [1]}


def test_an_epoch_retires_only_after_rotation_and_when_no_case_is_known_by_it_alone() -> None:
    rules.check_retire("retiring", 0)
    for state, unmoved, code in (("live", 0, "epoch_not_retiring"), ("retiring", 3, "epoch_in_use")):
        with pytest.raises(Conflict) as caught:
            rules.check_retire(state, unmoved)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({"data_set": "debtor", "epoch": 1}, ""),
        ({"data_set": "people", "epoch": 1, "elements": [TOKEN]}, "/data_set"),
        ({"data_set": ["debtor"], "epoch": 1, "elements": [TOKEN]}, "/data_set"),
        ({"data_set": "debtor", "epoch": True, "elements": [TOKEN]}, "/epoch"),
        ({"data_set": "debtor", "epoch": 0, "elements": [TOKEN]}, "/epoch"),
        ({"data_set": "debtor", "epoch": 1, "elements": []}, "/elements"),
        ({"data_set": "debtor", "epoch": 1, "elements": [TOKEN] * 1001}, "/elements"),
        ({"data_set": "debtor", "epoch": 1, "elements": [TOKEN, "x"]}, "/elements/1"),
        ({"data_set": "debtor", "epoch": 1, "elements": [None]}, "/elements/0"),
    ],
)
def test_an_evaluation_out_of_form_is_refused_at_its_place(body: object, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_evaluation(body)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("element", [bytes(32), b"\xff" * 32, b"\x00" * 31 + b"\x80", b"\x01" + bytes(31)])
def test_the_identity_and_points_out_of_canonical_form_are_refused(element: bytes) -> None:
    base = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")  # RFC 9496 A.1
    rules.check_elements([base])
    with pytest.raises(Invalid) as caught:
        rules.check_elements([base, element])
    assert caught.value.pointer == "/elements/1"
