"""The normalisation gx-id-1: published vectors, the standards' own examples, and what must never become one text."""

import json
import unicodedata
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin_wire import identifiers
from gongxin_wire.folding import fold
from gongxin_wire.identifiers import IdentifierError, NormalisedId, normalise, synthetic_cn_id, synthetic_uscc

PUBLISHED = json.loads((resources.files("gongxin_wire") / "data" / "normalisation_vectors.json").read_text("utf-8"))
VECTORS: list[dict[str, Any]] = [v for v in PUBLISHED["vectors"] if v["kind"] != "case_number"]
NUMBERS = st.integers(0, 10**8)


def code(kind: str, text: Any) -> str:
    with pytest.raises(IdentifierError) as caught:
        normalise(kind, text)
    assert not isinstance(text, str) or len(text) < 4 or text not in str(caught.value)
    for words in (caught.value.zh, caught.value.en, caught.value.fix_zh, caught.value.fix_en):
        assert words
    return caught.value.code


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{v['kind']}: {v['note']}" for v in VECTORS])
def test_a_published_vector_holds(vector: dict[str, Any]) -> None:
    if "error" in vector:
        assert code(vector["kind"], vector["input"]) == vector["error"]
    else:
        found = normalise(vector["kind"], vector["input"])
        assert (found.text, found.octets.hex(), found.synthetic) == (
            vector["normal"],
            vector["octets"],
            vector["synthetic"],
        )


def test_the_vectors_name_the_version_and_every_error_code() -> None:
    assert PUBLISHED["normalisation"] == identifiers.NORMALISATION == "gx-id-1"
    assert {v["error"] for v in VECTORS if "error" in v} == {
        "empty", "id_birth_date", "id_check", "id_form", "old_id_number", "passport_country", "passport_form",
        "too_long", "unknown_kind", "uscc_check", "uscc_division", "uscc_form",
    }  # fmt: skip


def test_the_octets_are_version_kind_and_text() -> None:
    assert NormalisedId("cn_id", "1").octets == b"gx-id-1|cn_id|1"


@pytest.mark.parametrize("text", ["11010519491231002X", "440524188001010014"])
def test_the_examples_in_gb_11643_are_accepted(text: str) -> None:
    assert normalise("cn_id", text).text == text


def test_a_code_with_the_check_character_of_gb_32100_is_accepted() -> None:
    assert normalise("uscc", "91350100M000100Y43").text == "91350100M000100Y43"


def test_an_old_number_of_15_digits_is_named_as_such() -> None:
    assert code("cn_id", "110105491231002") == "old_id_number"


@given(NUMBERS, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_wrong_character_never_passes(number: int, position: int, character: str) -> None:
    text = synthetic_cn_id(number)
    wrong = text[:position] + character + text[position + 1 :]
    if wrong != text:
        assert code("cn_id", wrong) in {"id_check", "id_form", "id_birth_date"}


@given(NUMBERS, st.integers(0, 16))
def test_two_neighbouring_characters_exchanged_never_pass(number: int, position: int) -> None:
    text = synthetic_cn_id(number)
    wrong = text[:position] + text[position + 1] + text[position] + text[position + 2 :]
    if wrong != text:
        assert code("cn_id", wrong) in {"id_check", "id_form", "id_birth_date"}


@given(NUMBERS, st.integers(0, 17), st.sampled_from(identifiers.USCC_ALPHABET))
def test_one_wrong_character_of_a_code_never_passes(number: int, position: int, character: str) -> None:
    text = synthetic_uscc(number)
    wrong = text[:position] + character + text[position + 1 :]
    if wrong != text:
        assert code("uscc", wrong) in {"uscc_check", "uscc_division"}


FILLERS = st.text(" \t\r\n\u00a0\u3000\u2003\u200b\u202d\ufeff-\u2013\u2212\u00b7\uff0d", max_size=2)


@given(NUMBERS, st.data())
def test_however_it_is_typed_a_number_has_one_normal_form(number: int, data: st.DataObject) -> None:
    for kind, text in (("cn_id", synthetic_cn_id(number)), ("uscc", synthetic_uscc(number))):
        typed = "".join(
            data.draw(FILLERS) + data.draw(st.sampled_from((c, c.lower(), chr(ord(c) + 0xFEE0)))) for c in text
        )
        found = normalise(kind, typed)
        assert found.text == text
        assert found.synthetic
        assert normalise(kind, found.text) == found


@given(
    st.sampled_from(identifiers.KINDS),
    st.text(max_size=40) | st.text("0123456789Xx-ABC\u00df\u0131\u2460\u0661", max_size=30),
)
def test_any_text_is_a_normal_form_or_a_refusal(kind: str, text: str) -> None:
    try:
        found = normalise(kind, text)
    except IdentifierError:
        return
    assert found.text.isascii()
    assert normalise(kind, found.text) == found


@given(st.characters(codec="utf-8"))
def test_folding_changes_only_full_width_ascii_and_the_listed_marks(character: str) -> None:
    folded = fold(character)
    if "\uff01" <= character <= "\uff5e":
        assert folded == unicodedata.normalize("NFKC", character)
    elif folded != character:
        assert folded == ""
        assert unicodedata.category(character) in {"Zs", "Cf", "Cc"}


@pytest.mark.parametrize("value", [None, 7, b"990000", ["x"], float("nan")])
def test_what_is_no_text_is_refused_and_is_no_fault(value: Any) -> None:
    assert code("cn_id", value) == "not_text"
    assert code(value, "x") == "unknown_kind"


def test_length_is_bounded_before_anything_is_computed() -> None:
    assert code("cn_id", "1" * 10_000_000) == "too_long"


def test_an_identifier_does_not_show_itself() -> None:
    found = normalise("cn_id", synthetic_cn_id(5))
    assert found.text not in repr(found)


def test_what_belongs_to_a_person_or_a_place_is_not_synthetic() -> None:
    assert not NormalisedId("cn_id", "11010519491231002X").synthetic
    assert not NormalisedId("cn_id", "911840198001010012").synthetic  # a foreigner's permanent residence number
    assert not NormalisedId("uscc", "91350100M000100Y43").synthetic
    assert not NormalisedId("passport", "XXA1234567").synthetic  # stateless persons travel with XXA


@given(st.lists(NUMBERS, min_size=2, max_size=2, unique=True))
def test_two_synthetic_people_are_two(numbers: list[int]) -> None:
    one, two = numbers
    assert synthetic_cn_id(one) != synthetic_cn_id(two)
    assert synthetic_uscc(one) != synthetic_uscc(two)
