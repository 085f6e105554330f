"""What a form holds, read as what a service takes: identifiers, days, whole numbers, amounts in yuan. Each raises
Invalid at its field; an empty field is None."""

import re
from datetime import date
from typing import Any
from uuid import UUID

from flask import request

from gongxin.errors import Invalid

_WHOLE = re.compile(r"[0-9]{1,6}", re.ASCII)
_YUAN = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?", re.ASCII)


def text(name: str) -> str | None:
    """What was written, without the blanks around it and with one kind of line end."""
    return request.form.get(name, "").replace("\r\n", "\n").strip() or None


def identifier(name: str) -> UUID | None:
    given = text(name)
    try:
        return UUID(given) if given else None
    except ValueError as fault:
        raise _wrong(name, "请从所列各项中选择", "Choose one of those listed") from fault


def day(name: str) -> date | None:
    given = text(name)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as fault:
        raise _wrong(name, "日期应为 2026-11-25 的形式", "A day reads 2026-11-25") from fault


def whole(name: str) -> int | None:
    given = text(name)
    if given is None:
        return None
    if not _WHOLE.fullmatch(given):
        raise _wrong(name, "应为不超过六位的整数", "A whole number of at most six digits")
    return int(given)


def fen(name: str) -> int | None:
    """Yuan with up to two decimals, thousands marks and the sign of the yuan allowed: in fen."""
    given = text(name)
    if given is None:
        return None
    found = _YUAN.fullmatch(given.replace(",", "").replace("，", "").lstrip("¥￥"))
    if found is None:
        raise _wrong(name, "金额以元为单位，至多两位小数", "An amount in yuan, at most two decimals")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def fingerprint(name: str) -> str | None:
    """64 hexadecimal digits."""
    given = text(name)
    if given is None:
        return None
    if not re.fullmatch(r"[0-9a-f]{64}", given.lower(), re.ASCII):
        raise _wrong(name, "指纹为 64 位十六进制数字（SHA-256）", "A fingerprint has 64 hexadecimal digits (SHA-256)")
    return given.lower()


def chosen(name: str, allowed: Any) -> str | None:
    """One of what the page offered."""
    given = text(name)
    if given is not None and given not in allowed:
        raise _wrong(name, "请从所列各项中选择", "Choose one of those listed")
    return given


def _wrong(name: str, zh: str, en: str) -> Invalid:
    return Invalid(
        "invalid_field", zh=zh, en=en, pointer=f"/{name}", fix_zh="请在该栏更正后再提交。",
        fix_en="Correct that field and send the form again.",
    )  # fmt: skip
