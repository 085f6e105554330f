"""The arithmetic of a levy, line by line."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.errors import Invalid
from gongxin.fund.income import rules
from gongxin.fund.income.rules import Month, Violation

DAY = date(2026, 10, 31)


def test_a_clean_record_costs_less_and_says_so() -> None:
    found = rules.coefficient([], DAY)
    assert found["bp"] == 9_000
    assert [line["why"] for line in found["lines"]] == ["start", "clean_year"]


def test_a_violation_raises_the_coefficient_until_its_term_ends() -> None:
    of = lambda day, certainty="proven": rules.coefficient([Violation("r", "S3", certainty, day)], DAY)["bp"]  # noqa: E731
    assert of(date(2026, 5, 1)) == 10_200
    assert of(date(2025, 11, 1)) == 10_200
    assert of(date(2025, 10, 31)) == 9_000
    assert of(date(2026, 5, 1), "alleged") == 9_000
    assert of(date(2026, 11, 1)) == 9_000, "what had not happened yet does not count"


def test_the_coefficient_has_its_bounds_and_the_line_that_says_so() -> None:
    found = rules.coefficient([Violation(str(n), "S1", "proven", date(2026, 9, 1)) for n in range(9)], DAY)
    assert found["bp"] == 20_000
    assert found["lines"][-1]["why"] == "bounded"


@given(st.lists(st.tuples(st.sampled_from(["S1", "S2", "S3"]), st.sampled_from(["proven", "established", "alleged"]),
                          st.dates(date(2022, 1, 1), date(2026, 12, 31))), max_size=12))  # fmt: skip
def test_the_lines_add_up_to_the_coefficient_in_any_order(found: list[tuple[str, str, date]]) -> None:
    given_ = [Violation(str(n), *each) for n, each in enumerate(found)]
    made = rules.coefficient(given_, DAY)
    assert sum(line["bp"] for line in made["lines"]) == made["bp"]
    assert rules.coefficient(reversed(given_), DAY) == made


def test_a_month_is_charged_by_the_greater_figure_and_only_once() -> None:
    months = [Month("2026-09", 700, 1_000, 0), Month("2026-10", 900_000, 500_000, 400_000), Month("2026-08", 5, 5, 5)]
    found = rules.levy(months, {"bp": 10_000, "lines": []})
    assert [(line["month"], line["base_fen"]) for line in found["months"]] == [("2026-09", 1_000), ("2026-10", 500_000)]
    assert found["base_fen"] == 501_000
    assert found["before_fen"] == 5_010
    assert found["amount_fen"] == 5_010


@given(st.integers(1, 2**53 - 1))
def test_a_levy_is_split_to_the_fen_and_administration_never_gets_more_than_its_tenth(amount: int) -> None:
    parts = rules.split(amount)
    assert sum(parts.values()) == amount
    assert parts.get("ADMIN", 0) * 10 <= amount
    assert all(part > 0 for part in parts.values())


def test_the_year_ends_in_china_and_only_then_is_december_charged() -> None:
    with pytest.raises(Invalid) as caught:
        rules.months_of("monthly", "2026-12", date(2026, 12, 31))
    assert caught.value.code == "month_not_over"
    assert rules.months_of("monthly", "2026-12", date(2027, 1, 1)) == ("2026-12", "2026-12")
    assert rules.months_of("quarterly", "2026-12", date(2027, 1, 1)) == ("2026-10", "2026-12")
    assert rules.last_day("2026-12") == date(2026, 12, 31)
    assert rules.last_day("2028-02") == date(2028, 2, 29)


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026-2", "2026-02-31", "1999-01", "", "2026-02\n"])
def test_a_month_that_is_none_is_refused(month: str) -> None:
    with pytest.raises(Invalid):
        rules.check_month(month)


def test_a_quarterly_run_ends_with_a_quarter() -> None:
    with pytest.raises(Invalid):
        rules.months_of("quarterly", "2026-08", date(2026, 10, 1))


def test_reminders_come_one_by_one_on_their_days() -> None:
    due = date(2026, 11, 1)
    assert rules.dunning_step(due, date(2026, 11, 7), 0) is None
    assert rules.dunning_step(due, date(2026, 11, 8), 0) == 1
    assert rules.dunning_step(due, date(2026, 11, 8), 1) is None
    assert rules.dunning_step(due, date(2027, 6, 1), 2) == 3
    assert rules.dunning_step(due, date(2027, 6, 1), 3) is None
