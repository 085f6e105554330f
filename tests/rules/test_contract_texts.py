"""Standard text: its numbers are the same in both languages, its mandatory clauses stand, its versions compare."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.contracts.standard import numerals, rules, service
from gongxin.errors import Invalid


@pytest.fixture
def content() -> dict[str, Any]:
    return copy.deepcopy(service.first_content())


def test_the_associations_first_template_holds(content: dict[str, Any]) -> None:
    rules.check_content(content)
    assert content["source"]["status"] == "unverified"
    assert len(content["clauses"]) >= len(rules.MANDATORY)


@pytest.mark.parametrize(
    ("zh", "en"),
    [
        ("提前三十日通知", "on notice of thirty days"),
        ("提前30日通知", "on notice of thirty days"),
        ("百分之十五点五", "15.5 per cent"),
        ("不超过30%", "at most 30 %"),
        ("百分之三十", "thirty per cent"),
        ("2026年11月5日", "5 November 2026"),
        ("1万元", "10,000 yuan"),
        ("２２：00", "22:00"),
        ("两名催收员、第三人与任何一方", "two officers, a third party and either party"),
        ("第二手委托", "the second placement"),
        ("一百零五天", "one hundred and five days".replace(" and", "")),
        ("叁拾日", "30 days"),
        ("统一、双方、唯一", "uniform, both, sole"),
    ],
)
def test_the_same_numbers_are_found_in_both_languages(zh: str, en: str) -> None:
    assert numerals.differ(zh, en) == ([], [])


@pytest.mark.parametrize(
    ("zh", "en", "found"),
    [
        ("提前三十日", "thirteen days", (["30"], ["13"])),
        ("百分之三十", "30 days", (["30%"], ["30"])),
        ("2026年11月5日", "11 May 2026", (["2026-11-05"], ["2026-05-11"])),
        ("3次、3次", "3 times", (["3"], [])),
    ],
)
def test_another_number_is_found(zh: str, en: str, found: tuple[list[str], list[str]]) -> None:
    assert numerals.differ(zh, en) == found


def _han(number: int) -> str:
    digits, units = "零一二三四五六七八九", ("", "十", "百", "千")
    text, zero = "", False
    for power, digit in ((3 - at, int(c)) for at, c in enumerate(f"{number:04d}")):
        if digit:
            text += ("零" if zero and text else "") + digits[digit] + units[power]
        zero = not digit
    return text


@given(st.integers(1, 9999))
def test_numerals_read_back_as_written(number: int) -> None:
    assert numerals.han(_han(number)) == number


def test_a_number_changed_in_one_language_is_refused_where_it_is(content: dict[str, Any]) -> None:
    at = next(n for n, clause in enumerate(content["clauses"]) if clause["id"] == "conduct")
    content["clauses"][at]["text"][1]["en"] = content["clauses"][at]["text"][1]["en"].replace("3", "5")
    with pytest.raises(Invalid) as caught:
        rules.check_content(content)
    assert (caught.value.code, caught.value.pointer) == ("numbers_differ", f"/content/clauses/{at}/text/1")
    assert (caught.value.extra["only_zh"], caught.value.extra["only_en"]) == (["3"], ["5"])


@pytest.mark.parametrize("clause_id", rules.MANDATORY)
def test_a_mandatory_clause_is_there_and_locked(content: dict[str, Any], clause_id: str) -> None:
    clause = next(each for each in content["clauses"] if each["id"] == clause_id)
    clause["locked"] = False
    with pytest.raises(Invalid) as caught:
        rules.check_content(content)
    assert caught.value.extra["missing"] == [clause_id]


def test_two_versions_are_compared_clause_by_clause(content: dict[str, Any]) -> None:
    after = copy.deepcopy(content)
    gone = after["clauses"].pop(1)
    after["clauses"][2]["text"][0]["zh"] += "并签收。"
    after["clauses"].append(gone | {"id": "extra"})
    for number, clause in enumerate(after["clauses"], 1):
        clause["number"] = str(number)
    told = {change.clause_id: change.what for change in rules.compare(content, after)}
    assert (told[gone["id"]], told["extra"], told[after["clauses"][2]["id"]]) == ("removed", "added", "changed")
    assert (told["definitions"], told["law"]) == ("same", "moved")
