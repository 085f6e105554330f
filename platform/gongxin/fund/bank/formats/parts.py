"""What the formats share: a payment as it is written, a statement as it is read, amounts, the line of a fault."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gongxin.errors import Invalid

from ...ledger.rules import MAX_FEN

_AMOUNT = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d{1,14})(?:\.(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment, with its payee's details in the clear: nowhere but on the way into a file."""

    reference: str
    amount_fen: int
    holder: str
    account: str
    bank_code: str
    bank_name: str


@dataclass(frozen=True, slots=True)
class Order:
    """A file of payments."""

    message_id: str
    made_at: datetime
    execute_on: date
    payer: dict[str, str]
    payments: tuple[Payment, ...]

    @property
    def total_fen(self) -> int:
        return sum(payment.amount_fen for payment in self.payments)


@dataclass(frozen=True, slots=True)
class Line:
    """A movement as the bank tells it; in is positive. `at`: its line of the file, or its number among the entries."""

    at: int
    booked_on: date
    value_on: date
    amount_fen: int
    bank_ref: str
    words: str
    other: str
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A statement as it is read. `account` in its one spelling."""

    format: str
    account: str
    day: date
    opening_fen: int
    closing_fen: int
    lines: tuple[Line, ...]


def fault(at: int, zh: str, en: str, *, code: str = "statement_unreadable", **more: Any) -> Invalid:
    """A statement that cannot be taken, and where: nothing of its content is said back."""
    return Invalid(
        code,
        zh=f"对账单第 {at} 行：{zh}" if at else f"对账单：{zh}",
        en=f"Statement, line {at}: {en}" if at else f"Statement: {en}",
        fix_zh="请从银行重新下载完整的对账单，不作改动。",
        fix_en="Download the whole statement from the bank again, and change nothing in it.",
        pointer="/statement",
        extra={"line": at} | more,
    )


def fen(text: str, at: int) -> int:
    """Yuan with at most two decimals, as whole fen: no float on the way."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise fault(at, "金额无法识别", "the amount cannot be read")
    value = int(found[2].replace(",", "")) * 100 + int((found[3] or "0").ljust(2, "0"))
    if value > MAX_FEN:
        raise fault(at, "金额超出范围", "the amount is out of range")
    return -value if found[1] == "-" else value


def yuan(amount_fen: int) -> str:
    """123.45, without grouping."""
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def day(text: str, at: int) -> date:
    """2026-11-24, 20261124, 2026/11/24; with a time behind it or not. A day that the calendar lacks is refused."""
    digits = re.match(r"\s*(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[ T].*)?\s*\Z", text, re.ASCII)
    if digits is not None:
        try:
            return date(int(digits[1]), int(digits[2]), int(digits[3]))
        except ValueError:
            pass
    raise fault(at, "日期无法识别", "the day cannot be read")


def bank_ref(text: str, at: int) -> str:
    found = text.strip()
    if re.fullmatch(r"[A-Za-z0-9/_.:-]{1,64}", found) is None:
        raise fault(at, "流水号无法识别", "the bank's reference cannot be read")
    return found


def check_once(lines: tuple[Line, ...]) -> None:
    """Each of the bank's references once in a statement."""
    seen: set[str] = set()
    for line in lines:
        if line.bank_ref in seen:
            raise fault(line.at, "同一流水号出现两次", "this reference is there twice", code="bank_line_twice")
        seen.add(line.bank_ref)
