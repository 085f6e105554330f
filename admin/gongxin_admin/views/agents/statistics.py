"""各机构统计 Figures of agencies side by side, in the order of their names; each chart with its table."""

from datetime import date
from typing import Any

from flask import Flask, Response, request
from flask_babel import gettext as _

from gongxin import clock
from gongxin.agents import figures, grading, records

from ... import charts, languages
from ...face import Door, page
from ...listing import csv_response
from . import words

SHOWN = 20
DIMENSIONS: dict[str, tuple[str, str]] = {
    "licences": ("执照", "Licences"),
    "certificates": ("证书", "Certificates"),
    "grades": ("信用等级", "Grades"),
    "entries": ("信用记录", "Entries of the credit record"),
    "objections": ("异议", "Objections"),
}
WORDS: dict[str, words.Words] = {
    "licences": words.STATES,
    "certificates": words.LEVELS,
    "grades": {letter: (letter, letter) for letter in "ABCD"},
    "entries": {**words.SEVERITIES, "commendation": words.KINDS["commendation"]},
    "objections": {"open": ("待决定", "open"), "overdue": ("逾期", "overdue")},
}


def register(app: Flask) -> None:
    @page(app, "admin.agent_statistics", "/agents/statistics")
    def statistics(door: Door) -> Response:
        today = clock.today_in_china()
        as_of = _day(today)
        agencies = records.statistics(door.session, as_of)
        dimension = request.args.get("of", "")
        dimension = dimension if dimension in DIMENSIONS else "licences"
        if request.args.get("csv") == "1":
            return _csv(agencies)
        at = _number(request.args.get("page", "1"), len(agencies))
        kept = agencies[(at - 1) * SHOWN : at * SHOWN]
        series = [words.shown(WORDS[dimension], word) for word in figures.DIMENSIONS[dimension]]
        rows = [(_name(each), list(each[dimension].values())) for each in kept]
        title = languages.both(*DIMENSIONS[dimension])
        return door.render(
            "agents/statistics.html", parts=words.parts(door, "agent_statistics"), as_of=as_of, dimension=dimension,
            dimensions=[(name, languages.both(*pair)) for name, pair in DIMENSIONS.items()], title=title,
            chart=charts.stacked(rows, series, title=title), heads=[_("机构"), *series],
            rows=[[name, *(_told(count) for count in counts)] for name, counts in rows],
            pages=-(-len(agencies) // SHOWN), at=at, least=figures.LEAST_CELL, rules=grading.pack(as_of),
        )  # fmt: skip


def _name(each: dict[str, Any]) -> str:
    return languages.both(each["name_zh"], each["name_en"] or each["name_zh"])


def _told(count: int | None) -> str:
    return languages.both("不公开", "withheld") if count is None else f"{count:,}"


def _day(today: date) -> date:
    try:
        return min(date.fromisoformat(request.args.get("as_of", "")), today)
    except ValueError:
        return today


def _number(text: str, many: int) -> int:
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    return max(1, min(wanted, -(-many // SHOWN)))


def _csv(agencies: list[dict[str, Any]]) -> Response:
    columns = [(name, word) for name, found in figures.DIMENSIONS.items() for word in found]
    heads = [_("机构"), *(f"{languages.both(*DIMENSIONS[n])} {words.shown(WORDS[n], w)}" for n, w in columns)]
    rows = ([_name(each), *(_told(each[n][w]) for n, w in columns)] for each in agencies)
    return csv_response("agencies", heads, rows)
