"""Working days in China."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.calendar import china, read

DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))


def test_a_holiday_is_off_and_the_weekend_worked_for_it_is_not() -> None:
    cn = china()
    for day in ("2026-02-17", "2026-10-01", "2026-01-02", "2026-09-25", "2026-06-19"):
        assert not cn.is_working(date.fromisoformat(day)), day
    for day in ("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10", "2026-11-25"):
        assert cn.is_working(date.fromisoformat(day)), day
    assert not cn.is_working(date(2026, 11, 28))


def test_a_term_across_the_spring_festival_of_2026() -> None:
    # 13 Friday, 14 worked Saturday, 15 to 23 off, 24 Tuesday.
    assert china().add(date(2026, 2, 13), 1) == date(2026, 2, 14)
    assert china().add(date(2026, 2, 13), 2) == date(2026, 2, 24)
    assert china().add(date(2026, 2, 13), 6) == date(2026, 2, 28)
    assert china().between(date(2026, 2, 13), date(2026, 2, 24)) == 2


def test_a_year_that_is_not_held_is_said_not_to_be() -> None:
    assert china().covers(date(2026, 1, 1), date(2026, 12, 31))
    assert not china().covers(date(2026, 12, 1), date(2027, 1, 4))
    assert not china().verified, "2025 is still to be compared with its notice"


@given(DAYS, st.integers(0, 60))
def test_a_term_ends_on_a_working_day_and_is_as_long_as_it_says(start: date, days: int) -> None:
    end = china().add(start, days)
    assert china().between(start, end) == days
    assert end == start or china().is_working(end)


@given(DAYS, st.integers(1, 60))
def test_terms_follow_one_another(start: date, days: int) -> None:
    assert china().add(start, days) == china().add(china().add(start, days - 1), 1)


def test_a_term_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="forward"):
        china().add(date(2026, 1, 1), -1)
    assert china().between(date(2026, 3, 5), date(2026, 3, 4)) == 0


@pytest.mark.parametrize(
    "year",
    [
        {"holidays": [{"from": "2026-01-01", "to": "2025-12-31"}], "working": []},
        {"holidays": [{"from": "2025-12-31", "to": "2026-01-01"}], "working": []},
        {"holidays": [], "working": ["2026-01-05"]},
        {"holidays": [], "working": ["2025-01-04"]},
        {"holidays": [{"from": "2026-01-03", "to": "2026-01-04"}], "working": ["2026-01-04"]},
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(year: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"outside|weekend|not both"):
        read({"years": {"2026": year | {"source_status": "verified"}}})


def test_without_data_weekends_alone_are_off() -> None:
    plain = read({"years": {}})
    monday = date(2026, 10, 5)
    assert [plain.is_working(monday + timedelta(days=n)) for n in range(7)] == [True] * 5 + [False] * 2
