"""Working days in China (法定工作日): pure arithmetic on a calendar kept as data with its source.

A year the data does not hold is counted by weekends alone, and `covers` says so: no legal clock is to be called exact
there.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

_DAY = timedelta(days=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """`holidays`: days off that are no weekend or are one; `working`: weekend days made working days (调休)."""

    years: frozenset[int]
    holidays: frozenset[date]
    working: frozenset[date]
    verified: bool

    def is_working(self, day: date) -> bool:
        if day in self.working:
            return True
        return day.weekday() < SATURDAY and day not in self.holidays

    def covers(self, first: date, last: date) -> bool:
        """Whether the data holds every year from one day to the other."""
        return set(range(first.year, last.year + 1)) <= self.years

    def add(self, start: date, days: int) -> date:
        """The last day of a term of so many working days; the day it begins is not counted (民法典 201)."""
        if days < 0:
            raise ValueError("a term runs forward")
        day = start
        while days:
            day += _DAY
            days -= self.is_working(day)
        return day

    def between(self, start: date, end: date) -> int:
        """Working days after `start` up to and with `end`; 0 where it does not come after."""
        return sum(self.is_working(start + n * _DAY) for n in range(1, (end - start).days + 1))


def read(table: dict[str, Any]) -> Calendar:
    """From the data file's form. Raises ValueError where a day does not belong to its year or stands in both lists."""
    holidays, working = set[date](), set[date]()
    for year, entry in table["years"].items():
        for named in entry["holidays"]:
            first, last = date.fromisoformat(named["from"]), date.fromisoformat(named["to"])
            if not first <= last or {first.year, last.year} != {int(year)}:
                raise ValueError(f"{year}: a holiday outside its year")
            holidays |= _days(first, last)
        added = {date.fromisoformat(day) for day in entry["working"]}
        if any(day.year != int(year) or day.weekday() < SATURDAY for day in added):
            raise ValueError(f"{year}: only a weekend day of the year is made a working day")
        working |= added
    if holidays & working:
        raise ValueError("a day is off or worked, not both")
    verified = all(entry["source_status"] == "verified" for entry in table["years"].values())
    return Calendar(frozenset(map(int, table["years"])), frozenset(holidays), frozenset(working), verified)


def _days(first: date, last: date) -> set[date]:
    return {first + n * _DAY for n in range((last - first).days + 1)}


@cache
def china() -> Calendar:
    """Mainland China, as `data/calendar_cn.json` holds it."""
    file = resources.files("gongxin") / "data" / "calendar_cn.json"
    return read(json.loads(file.read_text(encoding="utf-8")))
