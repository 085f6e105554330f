"""What may be said of a recovery and of a statement. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from gongxin.errors import Conflict, Forbidden, Invalid, bad_field

from ..fees.model import PARTS

MAX_FEN = 10**13
REFERENCE_PATTERN = "^[0-9A-Za-z_.:-]{1,64}$"
MONTH_PATTERN = "^20[0-9]{2}-(0[1-9]|1[0-2])$"
# line state → what the creditor and what the agency may make of it
LINE_STEPS: dict[str, dict[str, tuple[str, ...]]] = {
    "open": {"creditor": ("agreed", "disputed"), "agency": ()},
    "disputed": {"creditor": ("agreed",), "agency": ("dropped",)},
    "agreed": {"creditor": (), "agency": ()},
    "dropped": {"creditor": (), "agency": ()},
}
_COLUMNS = ("position", "reference", "received_on", "age", "kind", "base_fen", "amount_fen", "state", "reason")


def check_recovery(parts: Mapping[str, int], received_on: date, begins_on: date, last: date, today: date) -> None:
    """Within the contract, not in the future, of known parts."""
    if not parts.keys() <= set(PARTS) or not 1 <= sum(parts.values()) <= MAX_FEN:
        raise bad_field("/parts", "金额合计应为 1 分至 1000 亿元", "The parts add up to 1 fen to 100 billion yuan")
    if not begins_on <= received_on <= min(last, today):
        raise bad_field(
            "/received_on",
            "到账日应在合同期内且不晚于今天",
            "It came in within the contract's term, and not after today",
        )


def check_confirm(state: str) -> None:
    """Raises Conflict for a second confirmation: a commission is due once."""
    if state == "confirmed":
        raise Conflict(
            "recovery_confirmed",
            zh="该笔回款已确认过",
            en="The recovery is confirmed already",
            fix_zh="每笔回款只确认一次；付款被撤销请登记撤销。",
            fix_en="A recovery is confirmed once; record a reversal where its payment was taken back.",
        )


def check_reversal(
    state: str, amount_fen: int, reversed_fen: int, before_fen: int, on: date, received_on: date, today: date
) -> None:
    """Of a confirmed recovery, within what it brought."""
    if state != "confirmed":
        raise Conflict(
            "recovery_not_confirmed",
            zh="该笔回款尚未确认",
            en="The recovery is not confirmed",
            fix_zh="未确认的回款无佣金可回拨。",
            fix_en="What is not confirmed bore no commission.",
        )
    if reversed_fen < 1 or before_fen + reversed_fen > amount_fen:
        raise Invalid(
            "reversal_too_large",
            zh="撤销金额超过该笔回款的余额",
            en="More is reversed than the recovery has left",
            fix_zh="多次撤销合计不得超过回款金额。",
            fix_en="All reversals together stay within what came in.",
            pointer="/amount_fen",
        )
    if not received_on <= on <= today:
        raise bad_field("/reversed_on", "撤销日应在到账日与今天之间", "It was reversed between its receipt and today")


def days_between(received_on: date, reversed_on: date) -> int:
    return (reversed_on - received_on).days


def month_ends(month: str) -> date:
    """The first day of the month after."""
    return (date(int(month[:4]), int(month[5:]), 1) + timedelta(days=32)).replace(day=1)


def check_month(month: str, today: date) -> None:
    if month > f"{today:%Y-%m}":
        raise bad_field("/month", "不得为未来月份出具对账单", "No statement is made for a month to come")


def check_line(state: str, to: str, side: str) -> None:
    """Raises Forbidden or Conflict with what this side may make of the line."""
    legal = LINE_STEPS[state][side]
    if to not in legal:
        extra = {"state": state, "legal": list(legal)}
        if any(to in steps for steps in LINE_STEPS[state].values()):
            raise Forbidden("not_this_side", zh="该步骤由对方办理", en="That step is the other side's", extra=extra)
        raise Conflict(
            "line_decided", zh="该行当前状态不允许此操作", en="The line's state does not allow this", extra=extra
        )


def settled(lines: Iterable[tuple[str, int]]) -> tuple[str, int | None]:
    """(state of the statement, what is agreed) by its lines' states and amounts; None while a line is open."""
    found = list(lines)
    states = {state for state, _ in found}
    if "open" in states:
        return "open", None
    return "disputed" if "disputed" in states else "agreed", sum(fen for state, fen in found if state == "agreed")


def carried(agreed: Iterable[int]) -> list[tuple[int, int]]:
    """(what comes over from before, the levy's base) of each month in turn: a month below zero bears no levy and leaves
    what it lacks to the next."""
    found, before = [], 0
    for fen in agreed:
        found.append((before, max(fen + before, 0)))
        before = min(fen + before, 0)
    return found


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """RFC 4180, a header first. Values are numbers, codes and days; a text that a spreadsheet could take for a
    formula is quoted."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _safe(row[name]) for name in _COLUMNS})
    return out.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
