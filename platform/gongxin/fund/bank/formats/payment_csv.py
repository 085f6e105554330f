"""Payments as CSV, by a layout: which columns under which headings, encoding, delimiter, amounts in yuan or fen."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from gongxin.errors import Invalid, bad_field

from .parts import Order, yuan

FIELDS = ("position", "reference", "amount", "holder", "account", "bank_code", "bank_name", "execute_on", "purpose")
LAYOUT: dict[str, Any] = {
    "encoding": "gb18030",
    "delimiter": ",",
    "amount": "yuan",
    "columns": [
        ["序号", "position"], ["收款人户名", "holder"], ["收款人账号", "account"], ["开户行", "bank_name"],
        ["联行号", "bank_code"], ["金额", "amount"], ["附言", "reference"],
    ],
}  # fmt: skip
_NEEDED = {"account", "amount", "holder", "reference"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_layout(layout: Mapping[str, Any]) -> dict[str, Any]:
    """The layout with its defaults. Raises Invalid by field."""
    found = LAYOUT | dict(layout)
    if set(found) != set(LAYOUT):
        raise bad_field("/payments", f"应为 {'、'.join(LAYOUT)}", f"Its fields are {', '.join(LAYOUT)}")
    if found["encoding"] not in ("gb18030", "utf-8", "utf-8-sig"):
        raise bad_field("/payments/encoding", "应为 gb18030、utf-8 或 utf-8-sig", "gb18030, utf-8 or utf-8-sig")
    if found["delimiter"] not in (",", ";", "\t", "|"):
        raise bad_field("/payments/delimiter", "应为逗号、分号、制表符或竖线", "A comma, semicolon, tab or bar")
    if found["amount"] not in ("yuan", "fen"):
        raise bad_field("/payments/amount", "应为 yuan 或 fen", "yuan or fen")
    columns = found["columns"]
    if not (
        isinstance(columns, list)
        and 1 <= len(columns) <= 20
        and all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, str) for x in pair) for pair in columns)
        and {pair[1] for pair in columns} <= set(FIELDS)
        and {pair[1] for pair in columns} >= _NEEDED
        and all(1 <= len(pair[0]) <= 40 for pair in columns)
    ):
        raise bad_field(
            "/payments/columns",
            f"为 [表头, 字段] 的列表，至少含 {'、'.join(sorted(_NEEDED))}",
            f"A list of [heading, field] with at least {', '.join(sorted(_NEEDED))}",
        )
    return found


def write(order: Order, layout: Mapping[str, Any]) -> bytes:
    """The file, of the same octets whenever it is written."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=layout["delimiter"], lineterminator="\r\n")
    writer.writerow([heading for heading, _ in layout["columns"]])
    for position, payment in enumerate(order.payments, 1):
        values = {
            "position": str(position),
            "reference": payment.reference,
            "amount": yuan(payment.amount_fen) if layout["amount"] == "yuan" else str(payment.amount_fen),
            "holder": payment.holder,
            "account": payment.account,
            "bank_code": payment.bank_code,
            "bank_name": payment.bank_name,
            "execute_on": order.execute_on.isoformat(),
            "purpose": payment.reference,
        }
        row = [values[name] for _, name in layout["columns"]]
        if any(cell.startswith(_FORMULA) for cell in row):
            raise _unwritable("字段不得以 = + - @ 起始", "No field begins with = + - @")
        writer.writerow(row)
    try:
        return out.getvalue().encode(layout["encoding"])
    except UnicodeEncodeError as error:
        raise _unwritable("有字符不在该编码内", "A character is not in the encoding") from error


def _unwritable(zh: str, en: str) -> Invalid:
    return Invalid(
        "payment_file_structure",
        zh=f"付款文件无法写出：{zh}",
        en=f"The payment file cannot be written: {en}",
        fix_zh="更正收款人资料，或改用 pain.001。",
        fix_en="Correct the payee's details, or use pain.001.",
    )
