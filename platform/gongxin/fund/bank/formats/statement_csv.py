"""Statements as CSV, by a mapping from the bank's headings. Encoding: UTF-8 where it reads as UTF-8, else GB18030.

Every line bears the balance after it, so that a line cut out, or standing in another place, is found where it is."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from gongxin.errors import bad_field

from .parts import Line, Read, bank_ref, check_once, day, fault, fen

MAPPING: dict[str, Any] = {
    "account": "账号",
    "date": "交易日期",
    "income": "收入金额",
    "outgo": "支出金额",
    "balance": "余额",
    "bank_ref": "流水号",
    "words": "附言",
    "other": "对方户名",
    "returned": "退汇",
}
_NEEDED = ("account", "date", "income", "outgo", "balance", "bank_ref", "words")
_MAX_LINES = 100_000


def check_mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with its defaults. Raises Invalid by field."""
    found = MAPPING | dict(mapping)
    for name, heading in found.items():
        if name not in MAPPING or not isinstance(heading, str) or not 1 <= len(heading) <= 40:
            raise bad_field("/statements", f"字段为 {'、'.join(MAPPING)}", f"Its fields are {', '.join(MAPPING)}")
    if len(set(found.values())) != len(found):
        raise bad_field("/statements", "同一表头不得用两次", "No heading is used twice")
    return found


def read(data: bytes, mapping: Mapping[str, Any]) -> Read:
    """Raises Invalid with the line."""
    rows = list(csv.reader(io.StringIO(_decode(data), newline=""), strict=False))
    top = next((at for at, row in enumerate(rows) if mapping["date"] in [cell.strip() for cell in row]), None)
    if top is None:
        raise fault(1, "找不到表头", "the headings are not found")
    columns = {cell.strip(): at for at, cell in enumerate(rows[top])}
    missing = [mapping[name] for name in _NEEDED if name != "account" and mapping[name] not in columns]
    if missing:
        raise fault(top + 1, "缺少列", "columns are missing", missing=missing)
    account = _preamble(rows[:top], mapping["account"])
    if account is None and mapping["account"] not in columns:
        raise fault(top + 1, "缺少账号", "the account is missing")
    body = [(at, row) for at, row in enumerate(rows[top + 1 :], top + 2) if any(cell.strip() for cell in row)]
    if len(body) > _MAX_LINES:
        raise fault(top + 1 + _MAX_LINES, "行数过多", "there are too many lines")
    lines: list[Line] = []
    balance: int | None = None
    opening = 0
    for at, row in body:
        if len(row) != len(rows[top]):
            raise fault(at, "列数与表头不符", "it has not as many columns as the headings", code="statement_cut")
        cells = {name: row[columns[heading]].strip() for name, heading in mapping.items() if heading in columns}
        account = _same_account(account, cells.get("account"), at)
        line, after = _line(cells, at)
        if lines and line.booked_on < lines[-1].booked_on:
            raise fault(at, "日期早于上一行", "its day is before the line above", code="statement_out_of_order")
        if balance is None:
            opening = after - line.amount_fen
        elif balance + line.amount_fen != after:
            raise fault(at, "余额与上一行不相接", "its balance does not follow the line above", code="statement_cut")
        balance = after
        lines.append(line)
    if balance is None or account is None:
        raise fault(top + 1, "没有交易行", "there are no lines", code="statement_cut")
    check_once(tuple(lines))
    return Read("csv", account, lines[-1].booked_on, opening, balance, tuple(lines))


def _decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            at = data.count(b"\n", 0, error.start) + 1
    raise fault(at, "编码应为 UTF-8 或 GB18030", "the encoding is neither UTF-8 nor GB18030")


def _preamble(rows: Sequence[Sequence[str]], label: str) -> str | None:
    for row in rows:
        for cell, after in zip(row, [*row[1:], ""], strict=True):
            name, _, value = cell.strip().replace("：", ":").partition(":")
            if name.strip() == label:
                return (value or after).strip().replace(" ", "").replace("-", "")
    return None


def _same_account(known: str | None, given: str | None, at: int) -> str | None:
    if not given:
        return known
    folded = given.replace(" ", "").replace("-", "").strip("'\t")
    if known is not None and folded != known:
        raise fault(at, "账号与前面不同", "it is of another account", code="statement_of_another_account")
    return folded


def _line(cells: Mapping[str, str], at: int) -> tuple[Line, int]:
    income, outgo = (fen(cells[name], at) if cells[name] else 0 for name in ("income", "outgo"))
    if (income == 0) == (outgo == 0) or income < 0 or outgo < 0:
        raise fault(at, "收入与支出应有且只有一项", "it is either an income or an outgo")
    booked = day(cells["date"], at)
    returned = "退汇" in cells["words"] or bool(cells.get("returned"))
    line = Line(
        at, booked, booked, income - outgo, bank_ref(cells["bank_ref"], at), cells["words"][:500],
        cells.get("other", "")[:140], returned,
    )  # fmt: skip
    return line, fen(cells["balance"], at)
