"""Paging by opaque cursor: the last sort key of the page before, base64url, never an offset."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from gongxin.errors import Invalid
from gongxin_wire.canonical import b64u, unb64u

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


def decode_cursor(cursor: str | None, length: int) -> list[Any] | None:
    """The sort key inside, `length` values; None for the first page. Raises Invalid at /cursor."""
    if cursor is None:
        return None
    try:
        values = orjson.loads(unb64u(cursor))
    except ValueError as fault:
        raise _bad_cursor() from fault
    if not isinstance(values, list) or len(values) != length or not all(isinstance(v, str) for v in values):
        raise _bad_cursor()
    return values


def decode_id(cursor: str | None) -> uuid.UUID | None:
    """The identifier a page begins after, for lists in the order of their ids. Raises Invalid at /cursor."""
    values = decode_cursor(cursor, 1)
    try:
        return uuid.UUID(values[0]) if values else None
    except ValueError as fault:
        raise _bad_cursor() from fault


def decode_number(cursor: str | None) -> int | None:
    """The position a page begins after, for lists in the order of a number. Raises Invalid at /cursor."""
    values = decode_cursor(cursor, 1)
    if not values:
        return None
    if not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 18:
        raise _bad_cursor()
    return int(values[0])


def typed(values: list[Any] | None, *read: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """The sort key as what its parts are: `typed(after, date.fromisoformat, UUID)`. Raises Invalid at /cursor."""
    try:
        return None if values is None else tuple(each(value) for each, value in zip(read, values, strict=True))
    except ValueError as fault:
        raise _bad_cursor() from fault


def id_after(values: list[Any] | None) -> uuid.UUID | None:
    """The same where it is one identifier."""
    found = typed(values, uuid.UUID)
    return found[0] if found else None


def page(rows: Sequence[Any], limit: int, key: Callable[[Any], list[str]]) -> tuple[list[Any], str | None]:
    """`rows` holds up to limit + 1; returns the page and the next cursor, None at the end."""
    if len(rows) <= limit:
        return list(rows), None
    kept = list(rows[:limit])
    return kept, b64u(orjson.dumps(key(kept[-1])))


def _bad_cursor() -> Invalid:
    return Invalid(
        "bad_cursor",
        zh="分页游标无效",
        en="The cursor is not one of ours",
        fix_zh="请原样使用上一页返回的 next_cursor。",
        fix_en="Use next_cursor of the page before, unchanged.",
        pointer="/cursor",
    )
