"""The grade of a credit record and its arithmetic."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.agents import grading, rules
from gongxin.agents.grading import Entry, grade, months_between
from gongxin.errors import Conflict, Forbidden, Invalid

DAY = date(2026, 11, 25)
SEVERE = st.sampled_from([None, *grading.SEVERITIES])


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        severity = draw(SEVERE)
        certainty = None if severity is None else draw(st.sampled_from(grading.CERTAINTIES))
        found.append(Entry(str(number), severity, certainty, DAY - timedelta(days=draw(st.integers(0, 2500)))))
    return found


def one(severity: str | None, days: int, certainty: str | None = "proven") -> grading.Grade:
    return grade([Entry("1", severity, None if severity is None else certainty, DAY - timedelta(days=days))], DAY)


@pytest.mark.parametrize(
    ("severity", "occurred_on", "points", "letter"),
    [
        ("S3", "2026-11-25", 200, "B"),
        ("S3", "2026-10-25", 183, "B"),
        ("S3", "2026-05-25", 100, "A"),
        ("S3", "2025-11-26", 16, "A"),
        ("S3", "2025-11-25", 0, "A"),
        ("S2", "2026-11-25", 600, "C"),
        ("S2", "2025-05-25", 300, "B"),
        ("S2", "2023-11-25", 0, "A"),
        ("S1", "2026-11-25", 1200, "D"),
        ("S1", "2021-11-26", 1200, "D"),
        ("S1", "2021-11-25", 0, "A"),
    ],
)
def test_points_decay_as_the_pack_says(severity: str, occurred_on: str, points: int, letter: str) -> None:
    found = grade([Entry("1", severity, "proven", date.fromisoformat(occurred_on))], DAY)
    assert (found.points, found.grade) == (points, letter)


def test_a_clean_record_is_an_a_with_nothing_to_add_up() -> None:
    assert grade([], DAY) == grading.Grade("A", 0, 1, [])


def test_praise_lowers_points_within_bounds_and_never_below_zero() -> None:
    praise = [Entry(str(n), None, None, DAY) for n in range(5)]
    found = grade([*praise, Entry("9", "S2", "established", DAY)], DAY)
    assert found.points == 400
    assert [line["why"] for line in found.lines][-1] == "commendations_capped"
    assert grade(praise, DAY).points == 0


@given(entries(), st.integers(0, 1000))
def test_nothing_alleged_changes_a_grade(found: list[Entry], later: int) -> None:
    day = DAY + timedelta(days=later)
    told, without = grade(found, day), grade([e for e in found if e.certainty != "alleged"], day)
    assert (told.grade, told.points) == (without.grade, without.points)


@given(entries(), st.integers(0, 1000))
def test_no_grade_without_its_arithmetic(found: list[Entry], later: int) -> None:
    told = grade(found, DAY + timedelta(days=later))
    assert sum(line["left"] for line in told.lines) == told.points
    assert {line["record_id"] for line in told.lines} - {None} == {entry.record_id for entry in found}
    assert grade(list(reversed(found)), DAY + timedelta(days=later)) == told


@given(entries(), st.integers(0, 1000), st.integers(0, 1000))
def test_violations_weigh_less_with_time(found: list[Entry], first: int, more: int) -> None:
    blame = [entry for entry in found if entry.severity]
    early = grade(blame, DAY + timedelta(days=first))
    assert grade(blame, DAY + timedelta(days=first + more)).points <= early.points


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(0, 200))
def test_months_after_and_between_agree(day: date, months: int) -> None:
    later = rules.months_after(day, months)
    assert months_between(day, later) in {months, months - 1}
    assert months_between(day, later + timedelta(days=3)) == months
    assert months_between(day, day - timedelta(days=40)) == 0


def test_a_month_ends_where_the_next_is_shorter() -> None:
    assert rules.months_after(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert rules.months_after(date(2027, 12, 31), 2) == date(2028, 2, 29)
    assert rules.months_after(date(2026, 11, 25), 24) == date(2028, 11, 25)


@pytest.mark.parametrize(
    ("kind", "severity", "certainty"),
    [
        ("violation", None, "proven"), ("violation", "S1", None), ("commendation", "S1", None),
        ("commendation", None, "proven"),
    ],
)  # fmt: skip
def test_an_entry_is_whole(kind: str, severity: str | None, certainty: str | None) -> None:
    with pytest.raises(Invalid):
        rules.check_entry(kind, severity, certainty, "依据", DAY, DAY)


def test_every_move_is_made_from_its_states_by_its_kinds_and_no_other() -> None:
    for action, move in rules.MOVES.items():
        for state in rules.STATES:
            for kind in ("agency", "association", "registry", "bank"):
                if kind not in move.kinds:
                    with pytest.raises(Forbidden):
                        rules.check_move(action, state, kind)
                elif state not in move.starts:
                    with pytest.raises(Conflict):
                        rules.check_move(action, state, kind)
                else:
                    assert rules.check_move(action, state, kind) == move.end


def test_expiries_ahead_are_told_in_three_steps() -> None:
    told = [rules.expires_within("granted", DAY + timedelta(days=n), DAY) for n in (0, 7, 8, 30, 31, 60, 61, -1)]
    assert told == [7, 7, 30, 30, 60, 60, None, None]
    assert rules.expires_within("suspended", DAY, DAY) is None


def test_a_blacklist_that_is_not_there_is_never_clear() -> None:
    assert rules.BLACKLIST_UNKNOWN == "not_available"
