"""Logs: JSON lines on standard error. What is logged is named here: no body, no query string, no personal data."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import orjson
import structlog

from . import clock

_ALLOWED = frozenset(
    [
        "event",
        "level",
        "timestamp",
        "request_id",
        "operation",
        "method",
        "status",
        "duration_ms",
        "client",
        "member",
        "code",
        "error",
        "where",
        "constraint",
        "path",
        "job",
        "count",
        "provider",
        "address",
        "mode",
        "kind",
    ]
)
_PACKAGES = ("gongxin", "gongxin_wire", "gongxin_admin")


def _only_allowed(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drops every key not on the list, so that a careless log line cannot carry a person."""
    kept = {key: value for key, value in event.items() if key in _ALLOWED}
    kept["timestamp"] = clock.now()
    return kept


def _render(_logger: Any, _name: str, event: structlog.typing.EventDict) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z)


def configure(level: int = logging.INFO) -> None:
    """Once per process."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, _only_allowed, _render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def where(error: BaseException) -> list[str]:
    """The frames of a fault that are ours, innermost last: file, line and function, never a value."""
    return [
        f"{inside}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if (inside := _inside(Path(frame.filename))) is not None
    ][-8:]


def _inside(path: Path) -> str | None:
    """The path from our package on; None for a library's."""
    parts = path.parts
    if "site-packages" in parts:
        parts = parts[parts.index("site-packages") + 1 :]
    at = max((at for at, part in enumerate(parts) if part in _PACKAGES), default=None)
    return None if at is None else "/".join(parts[at:])


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
