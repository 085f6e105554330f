"""Licence numbers and their check character."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin_wire.identifiers import USCC_ALPHABET, IdentifierError
from gongxin_wire.licences import check_character, check_licence, draw
from gongxin_wire.pii import find_pii

NUMBERS = st.integers(0, 2**64).map(lambda seed: draw(random.Random(seed).randrange))


def test_the_check_character_is_that_of_the_standard() -> None:
    # ISBT 128 donation numbers use ISO 7064 MOD 37-2; this pair is the standard's own published example.
    assert check_character("G123498654321") == "H"
    assert check_character("A999914123456") == "N"


@given(NUMBERS)
def test_a_number_checks_and_reads_as_nothing_personal(number: str) -> None:
    assert check_licence(number) == number
    assert check_licence(f" {number[:4].lower()}-{number[4:8]} {number[8:]} ") == number
    assert find_pii(number) is None
    assert len(number) == 13


@given(NUMBERS, st.integers(2, 12), st.sampled_from("0123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"))
def test_one_wrong_character_is_always_found(number: str, at: int, other: str) -> None:
    wrong = number[:at] + other + number[at + 1 :]
    if wrong != number:
        with pytest.raises(IdentifierError) as caught:
            check_licence(wrong)
        assert caught.value.code in {"licence_form", "licence_check"}
        assert wrong not in str(caught.value)


@given(NUMBERS, st.integers(2, 11))
def test_two_neighbours_exchanged_are_always_found(number: str, at: int) -> None:
    wrong = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if wrong != number:
        with pytest.raises(IdentifierError):
            check_licence(wrong)


@pytest.mark.parametrize(
    "text", ["", "GX", "GX7K4M2P9QWA", "GY7K4M2P9QWAC", "GX7K4M2P9QWACC", "GX7K4M2P9QWA*", "x" * 65]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        check_licence(text)
    assert caught.value.code == "licence_form"


def test_no_number_has_a_star_for_its_check_character() -> None:
    drawn = [draw(random.Random(seed).randrange) for seed in range(300)]
    assert all(number[-1] in USCC_ALPHABET + "IOSVZ" for number in drawn)
    assert len(set(drawn)) == 300
