"""Reading what came over the wire: each value of the form the contract names, or Unavailable; never a guess."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from .http import unreadable


def text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise unreadable()
    return value


def optional(body: Mapping[str, Any], name: str) -> str | None:
    return None if body.get(name) is None else text(body, name)


def whole(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise unreadable()
    return value


def flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise unreadable()
    return value


def texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise unreadable()
    return tuple(value)


def items(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise unreadable()
    return value


def day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError) as fault:
        raise unreadable() from fault


def moment(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError as fault:
        raise unreadable() from fault
    if found.tzinfo is None:
        raise unreadable()
    return found
