"""What a member owes, and why, line by line. Pure: the pack and the day are given."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

from gongxin.errors import Conflict, Invalid, bad_field
from gongxin.money import share_floor, share_half_up

MONTH_PATTERN = "^20[0-9]{2}-(0[1-9]|1[0-2])$"
RUN_KINDS = ("levy", "penalty", "donation", "credit")
RUN_STATES = ("draft", "preview", "approved", "issued", "withdrawn")
CHARGE_STATES = ("preview", "issued", "received", "cancelled")
RHYTHMS = ("monthly", "quarterly")
GIFT_FUNDS = ("RELIEF", "STAFF")
# state → what may follow; approved follows by the second approval.
STEPS: dict[str, tuple[str, ...]] = {
    "draft": ("preview", "withdrawn"),
    "preview": ("approved", "withdrawn"),
    "approved": ("issued", "withdrawn"),
    "issued": (),
    "withdrawn": (),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One entry of the credit record of somebody who worked for the member that day."""

    record_id: str
    severity: str
    certainty: str
    occurred_on: date


@dataclass(frozen=True, slots=True)
class Month:
    """A month's base as known now; `charged_fen`: what earlier runs charged of it."""

    month: str
    agreed_fen: int
    stated_fen: int
    charged_fen: int


@cache
def pack() -> dict[str, Any]:
    """Rate, coefficient, split and clocks, with their source."""
    file = resources.files("gongxin.fund.income") / "data" / "levy.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def check_month(month: str, pointer: str = "/month") -> str:
    if re.fullmatch(MONTH_PATTERN.removesuffix("$"), month) is None:
        raise bad_field(pointer, "月份应为 YYYY-MM", "A month is YYYY-MM")
    return month


def months_of(rhythm: str, last_month: str, today: date) -> tuple[str, str]:
    """First and last month of a run. The last is over, and a quarter ends with it where runs are quarterly."""
    check_month(last_month, "/last_month")
    year, month = int(last_month[:4]), int(last_month[5:])
    if last_month >= today.strftime("%Y-%m"):
        raise Invalid(
            "month_not_over",
            zh="该月尚未结束",
            en="The month is not over",
            fix_zh="按中国时间，月份结束后方可试算。",
            fix_en="A run is made once the month is over in China.",
            pointer="/last_month",
        )
    count = pack()["months_in_run"][rhythm]
    if month % count:
        raise bad_field("/last_month", "季度批次应以季末月结束", "A quarterly run ends with a quarter")
    return f"{year}-{month - count + 1:02d}", last_month


def last_day(month: str) -> date:
    following = date(int(month[:4]) + month.endswith("-12"), int(month[5:]) % 12 + 1, 1)
    return following - timedelta(days=1)


def coefficient(violations: Iterable[Violation], day: date, by: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The risk coefficient on that day, in basis points, and the lines that add up to it."""
    rule = (by or pack())["coefficient"]
    lines: list[dict[str, Any]] = [{"why": "start", "record_id": None, "severity": None, "bp": rule["start_bp"]}]
    recent = 0
    for each in sorted(violations, key=lambda v: (v.occurred_on, v.record_id)):
        if each.occurred_on > day:
            continue
        gone = (day.year - each.occurred_on.year) * 12 + day.month - each.occurred_on.month
        gone -= day.day < each.occurred_on.day
        if each.certainty not in rule["counted"]:
            bp, why = 0, "alleged_never_counts"
        elif gone >= rule["violation_months"][each.severity]:
            bp, why = 0, "past_its_term"
        else:
            bp, why = rule["violations_bp"][each.severity], "violation"
        recent += int(each.certainty in rule["counted"] and gone < rule["clean_months"])
        lines.append({"why": why, "record_id": each.record_id, "severity": each.severity, "bp": bp})
    if recent == 0:
        lines.append({"why": "clean_year", "record_id": None, "severity": None, "bp": rule["clean_bp"]})
    total: int = sum(line["bp"] for line in lines)
    bounded = min(max(total, rule["least_bp"]), rule["most_bp"])
    if bounded != total:
        lines.append({"why": "bounded", "record_id": None, "severity": None, "bp": bounded - total})
    return {"bp": bounded, "lines": lines}


def levy(months: Sequence[Month], found: Mapping[str, Any], by: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The calculation of one member: of each month the greater of what contracts agreed and what was stated, less what
    was charged before; times the rate, times the coefficient, each rounded half up once."""
    rule = by or pack()
    lines: list[dict[str, Any]] = []
    for each in sorted(months, key=lambda m: m.month):
        due = max(each.agreed_fen, each.stated_fen)
        lines.append(
            {
                "month": each.month,
                "agreed_fen": each.agreed_fen,
                "stated_fen": each.stated_fen,
                "charged_fen": each.charged_fen,
                "base_fen": max(0, due - each.charged_fen),
            }
        )
    base = sum(line["base_fen"] for line in lines)
    before = share_half_up(base, rule["rate_bp"])
    return {
        "pack_version": rule["version"],
        "months": [line for line in lines if line["base_fen"]],
        "base_fen": base,
        "rate_bp": rule["rate_bp"],
        "before_fen": before,
        "coefficient": dict(found),
        "amount_fen": share_half_up(before, found["bp"]),
    }


def split(amount_fen: int, by: Mapping[str, Any] | None = None) -> dict[str, int]:
    """A levy's shares; administration and staff are rounded down, relief gets what is left."""
    shares = (by or pack())["split_bp"]
    parts = {fund: share_floor(amount_fen, bp) for fund, bp in shares.items() if fund != "RELIEF"}
    return {"RELIEF": amount_fen - sum(parts.values())} | {fund: part for fund, part in parts.items() if part}


def dunning_step(due_on: date, today: date, sent: int, by: Mapping[str, Any] | None = None) -> int | None:
    """The next reminder where its day has come."""
    days = (by or pack())["clocks"]["dunning_days"]
    if sent < len(days) and today >= due_on + timedelta(days=days[sent]):
        return sent + 1
    return None


def check_step(state: str, to: str) -> None:
    """Raises Conflict with what may follow instead."""
    if to not in STEPS[state]:
        raise Conflict(
            "run_state",
            zh="批次当前状态不允许此操作",
            en="The run's state does not allow this",
            fix_zh="legal 列出可转入的状态。",
            fix_en="legal lists the states that may follow.",
            extra={"state": state, "legal": list(STEPS[state])},
        )
