"""The rule pack: articles, levels, terms, clocks and limits, with their source; and clocks made into days. Pure."""

import json
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

from gongxin import calendar
from gongxin.errors import Invalid, bad_field

LEVELS = ("L1", "L2", "L3", "watch")
OUTCOMES = (*LEVELS, "none")
SEVERITIES = ("S1", "S2", "S3")
SUBJECT_KINDS = ("agent", "agency", "member")


@cache
def pack() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (resources.files("gongxin.blacklist") / "data" / "process.json").read_text(encoding="utf-8")
    )
    return found


def articles(subject_kind: str) -> list[str]:
    """What one of this kind can be reported for; what the system proposes nobody reports."""
    return [
        code
        for code, rule in pack()["articles"].items()
        if not rule.get("system") and bool(rule.get("member")) == (subject_kind == "member")
    ]


def severity_of(article: str) -> str:
    found: str = pack()["articles"][article]["severity"]
    return found


def due(clock: str, start: date) -> date:
    """The last day of a clock that begins with this day, which is not counted (民法典 201)."""
    rule = pack()["clocks"][clock]
    if "days" in rule:
        return start + timedelta(days=rule["days"])
    return calendar.china().add(start, rule["working_days"])


def term_end(begins_on: date, months: int) -> date:
    """The last day of a listing of so many months."""
    year, month = divmod(begins_on.year * 12 + begins_on.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(begins_on.day, last)) - timedelta(days=1)


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


def check_article(article: str, subject_kind: str) -> None:
    if article not in articles(subject_kind):
        raise Invalid(
            "article_not_of_kind",
            zh="该类对象没有此项条款",
            en="There is no such article for a subject of this kind",
            fix_zh=f"可用：{'、'.join(articles(subject_kind))}。",
            fix_en=f"Use one of {', '.join(articles(subject_kind))}.",
            pointer="/article",
        )


def check_finding(severity: str, level: str, major_harm: bool, months: int | None) -> None:
    """The level follows the severity: S1 → L1; S2 → L2 where there was major harm, else L3; S3 → a watch. A term within
    the pack's, none without a listing. Raises Invalid."""
    if level not in pack()["levels"][severity] or (severity == "S2" and level in {"L2", "L3"} and
                                                   (level == "L2") != major_harm):  # fmt: skip
        raise Invalid(
            "level_not_of_severity",
            zh="列入级别与违规程度不符",
            en="The level does not follow from the severity",
            fix_zh="S1 列入 L1；S2 造成重大损害的列入 L2，否则 L3；S3 关注；均可为 none。",
            fix_en="S1: L1. S2: L2 where major harm was found, else L3. S3: watch. Any: none.",
            pointer="/level",
        )
    if (level == "none") != (months is None):
        raise bad_field("/months", "列入或关注须填期限，none 不填", "A term with a listing or watch, none without")
    if months is not None and not 1 <= months <= pack()["terms_months"][level]:
        longest = pack()["terms_months"][level]
        raise bad_field("/months", f"1 至 {longest} 个月", f"1 to {longest} months")
