"""案号: published vectors, the tables they are checked against, and texts made to be slow."""

import json
import time
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin_wire import case_numbers
from gongxin_wire.case_numbers import PROBLEMS, CaseNumber, CaseNumberError, parse

DATA = resources.files("gongxin_wire") / "data"
VECTORS: list[dict[str, Any]] = [
    v
    for v in json.loads((DATA / "normalisation_vectors.json").read_text("utf-8"))["vectors"]
    if v["kind"] == "case_number"
]
COURTS = json.loads((DATA / "court_codes.json").read_text("utf-8"))
TYPES = json.loads((DATA / "case_types.json").read_text("utf-8"))
TYPE_CODES = [row["code"] for row in TYPES["types"]]


def refused(text: str) -> str:
    with pytest.raises(CaseNumberError) as caught:
        parse(text)
    assert not text or text not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("vector", VECTORS, ids=[v["note"] for v in VECTORS])
def test_a_published_vector_holds(vector: dict[str, Any]) -> None:
    if "error" in vector:
        assert refused(vector["input"]) == vector["error"]
        return
    found = parse(vector["input"])
    assert (str(found), found.document) == (vector["normal"], vector["document"])
    for name in ("year", "court_code", "type_code", "sequence", "synthetic"):
        assert getattr(found, name) == vector[name]


def test_every_problem_has_a_vector_and_words_in_both_languages() -> None:
    assert {v["error"] for v in VECTORS if "error" in v} == PROBLEMS.keys()
    for words in PROBLEMS.values():
        assert all(words)


def test_the_tables_name_their_source_and_that_it_was_not_verified() -> None:
    for table in (COURTS, TYPES):
        assert table["source"]
        assert table["source_status"] == "unverified"
        assert table["effective_from"] == "2016-01-01"
    assert len(COURTS["high"]) == 33
    assert len(set(TYPE_CODES)) == len(TYPE_CODES)


@pytest.mark.parametrize("code", [*COURTS["supreme"], *COURTS["high"], *COURTS["known"]])
def test_every_named_court_may_carry_its_code(code: str) -> None:
    assert case_numbers.is_court_code(code)
    assert case_numbers.court_name(code)
    assert not case_numbers.is_synthetic_court(code)


@pytest.mark.parametrize(
    "code",
    ["", "火", "最高", "沪1", "沪00", "沪99", "沪0100", "沪0001", "沪01151", "沪٠١", "沪０１", "最高法01", "0115"],
)
def test_a_code_that_the_rule_does_not_make_is_refused(code: str) -> None:
    assert not case_numbers.is_court_code(code)


def test_synthetic_courts_belong_to_no_place_and_are_accepted() -> None:
    assert case_numbers.is_court_code("沪9901")
    assert case_numbers.is_synthetic_court("沪9901")
    assert case_numbers.court_name("沪9901") is None
    assert not any(code.startswith(COURTS["synthetic"]["prefix"]) for code in COURTS["known"])


@pytest.mark.parametrize("code", TYPE_CODES)
def test_every_type_in_the_table_is_read(code: str) -> None:
    assert parse(f"（2025）沪0115{code}8号").type_code == code


@pytest.mark.parametrize("code", ["知", "知知民初", "知破", "破初", "民", "初", "民初知", "执知"])
def test_a_type_that_is_not_in_the_table_is_refused(code: str) -> None:
    assert not case_numbers.is_case_type(code)


@given(
    st.integers(2016, 2100),
    st.sampled_from([*COURTS["known"], "沪9901", "最高法", "兵"]),
    st.sampled_from([*TYPE_CODES, "知民初"]),
    st.integers(1, 99_999_999),
    st.sampled_from(["（）", "()", "[]", "〔〕", "【】", "［］", "〈〉", "﹙﹚", "「」"]),
    st.text(" \u3000\u00a0\t\u200b", max_size=2),
)
def test_a_number_reads_back_from_its_normal_form_whatever_the_brackets(
    year: int, court: str, kind: str, sequence: int, brackets: str, space: str
) -> None:
    found = parse(f"{brackets[0]}{year}{brackets[1]}{space}{court}{space}{kind}{sequence}号")
    assert found == CaseNumber(year, court, kind, sequence)
    assert parse(str(found)) == found


@given(st.integers(1, 99))
def test_a_ruling_within_a_case_names_that_case(part: int) -> None:
    found = parse(f"（2025）沪0115执123号之{part}")
    assert str(found) == "（2025）沪0115执123号"
    assert parse(found.document) == found
    assert found.document != str(found)


@given(st.text(max_size=120) | st.text("（）()2025沪0115民初号之一执 ", max_size=60))
def test_any_text_is_a_case_number_or_a_refusal(text: str) -> None:
    try:
        found = parse(text)
    except CaseNumberError:
        return
    assert parse(str(found)) == CaseNumber(found.year, found.court_code, found.type_code, found.sequence)


@pytest.mark.parametrize("unit", ["(2025)沪0115民初", "(", "1", "民", "号之一", "字第1号"])
def test_no_text_is_slow_to_refuse(unit: str) -> None:
    started = time.perf_counter()
    refused(unit * 200_000)
    refused((unit * 100)[:100])
    assert time.perf_counter() - started < 0.5
