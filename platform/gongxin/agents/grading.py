"""The grade of a credit record, pure: every line of its arithmetic, as of any day. What is alleged never counts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

SEVERITIES = ("S1", "S2", "S3")
CERTAINTIES = ("proven", "established", "alleged")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stood on the day asked about. `severity` None: a commendation."""

    record_id: str
    severity: str | None
    certainty: str | None
    occurred_on: date


@dataclass(frozen=True, slots=True)
class Grade:
    """`points` in hundredths; `lines` add up to it."""

    grade: str
    points: int
    rules_version: int
    lines: list[dict[str, Any]]


@cache
def packs() -> tuple[dict[str, Any], ...]:
    """Every version of the rule pack, oldest first; none is ever changed, so that any day can be computed again."""
    folder = resources.files("gongxin.agents") / "data" / "grading"
    found = [json.loads(each.read_text(encoding="utf-8")) for each in folder.iterdir() if each.name.endswith(".json")]
    return tuple(sorted(found, key=lambda each: each["version"]))


def pack(day: date | None = None) -> dict[str, Any]:
    """The version in force on that day, or the newest: points, decay, grades and clocks, with their source. A day
    before the first version is counted by the first."""
    return in_force(packs(), day)


def in_force(versions: Sequence[dict[str, Any]], day: date | None) -> dict[str, Any]:
    """The newest of these that has begun by the day."""
    begun = [each for each in versions if day is None or each["effective_from"] <= day.isoformat()]
    return begun[-1] if begun else versions[0]


def months_between(start: date, end: date) -> int:
    """Whole months gone by; 0 before the first is full."""
    gone = (end.year - start.year) * 12 + end.month - start.month
    return max(0, gone - (end.day < start.day))


def grade(entries: Iterable[Entry], day: date, rules: Mapping[str, Any] | None = None) -> Grade:
    """The grade on that day. Commendations take no more away than the pack allows; the sum is never under 0."""
    by = rules or pack(day)
    lines = [_line(entry, day, by) for entry in sorted(entries, key=lambda e: (e.occurred_on, e.record_id))]
    praise = sum(line["left"] for line in lines if line["left"] < 0)
    least = by["commendation"]["least_sum"]
    if praise < least:
        lines.append(
            {"record_id": None, "why": "commendations_capped", "start": 0, "months": 0, "left": least - praise}
        )
    total = sum(line["left"] for line in lines)
    if total < 0:
        lines.append({"record_id": None, "why": "never_under_zero", "start": 0, "months": 0, "left": -total})
    points = max(0, total)
    letter = next(row["grade"] for row in by["grades"] if row["up_to"] is None or points <= row["up_to"])
    return Grade(letter, points, by["version"], lines)


def _line(entry: Entry, day: date, by: Mapping[str, Any]) -> dict[str, Any]:
    rule = by["commendation"] if entry.severity is None else by["violations"][entry.severity]
    gone = months_between(entry.occurred_on, day)
    start, term = rule["points"], rule["months"]
    if entry.severity is not None and entry.certainty not in by["counted"]:
        left, why = 0, "alleged_never_counts"
    elif gone >= term:
        left, why = 0, "past_its_term"
    elif rule["decay"] == "none":
        left, why = start, "whole_inside_its_term"
    else:
        # Toward zero, for praise as for blame.
        left, why = (abs(start) * (term - gone) // term) * (1 if start > 0 else -1), "less_with_each_month"
    return {"record_id": entry.record_id, "why": why, "start": start, "months": gone, "left": left}
