"""RFC 8785 on its published data, and base64url with one text for one value."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin_wire.canonical import b64u, canonical, digest, unb64u

VECTORS: dict[str, Any] = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "rfc8785.json").read_text())


@pytest.mark.parametrize("name", VECTORS["objects"])
def test_a_published_object_has_its_published_form(name: str) -> None:
    vector = VECTORS["objects"][name]
    assert canonical(json.loads(vector["input"])) == vector["output"].encode()
    assert canonical(json.loads(vector["output"])) == vector["output"].encode()


@pytest.mark.parametrize("vector", VECTORS["numbers"], ids=lambda vector: vector["ieee754"])
def test_a_published_number_has_its_published_form(vector: dict[str, str]) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(vector["ieee754"]))
    assert canonical(number).decode() == vector["json"]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), 2**53, -(2**53), 10**30, "\ud800", {"\udfff": 1}, {1: 2}, b"x", {1, 2}],
    ids=repr,
)
def test_what_json_cannot_carry_exactly_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical(value)
    with pytest.raises(ValueError):
        canonical([{"deep": value}])


def test_nesting_without_end_is_refused_and_is_no_fault() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError):
        canonical(value)


@pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 0, True, None, "", [], {}])
def test_the_edges_of_what_json_carries_are_kept(value: Any) -> None:
    assert json.loads(canonical(value)) == value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_the_form_means_the_same_and_is_its_own_form(value: Any) -> None:
    form = canonical(value)
    # As ECMAScript reads it: a whole number beyond 2^53 is a double.
    again = json.loads(form, parse_int=lambda text: int(text) if abs(int(text)) < 2**53 else float(text))
    assert canonical(again) == form
    assert digest(again) == digest(value)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(0, 9), max_size=8), st.randoms())
def test_the_order_of_names_does_not_matter(value: dict[str, int], random: Any) -> None:
    names = list(value)
    random.shuffle(names)
    assert canonical({name: value[name] for name in names}) == canonical(value)


@given(st.binary(max_size=80))
def test_bytes_have_one_text_and_come_back(data: bytes) -> None:
    assert unb64u(b64u(data)) == data


@given(st.text("ABCDwxyz0189-_", max_size=12))
def test_no_two_texts_read_as_the_same_bytes(text: str) -> None:
    try:
        data = unb64u(text)
    except ValueError:
        return
    assert b64u(data) == text


@pytest.mark.parametrize("text", ["A", "AB=", "AA==", "A+/A", "AAA\n", " AAA", "AB", "AAF", "ＡＡＡＡ", "AAAAA"])
def test_padding_foreign_characters_and_spare_bits_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        unb64u(text)
