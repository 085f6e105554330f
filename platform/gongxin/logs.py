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
_SOURCES = (Path(__file__).resolve().parents[1], Path(__file__).resolve().parents[2] / "admin")


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
        f"{Path(frame.filename).relative_to(_SOURCE)}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if any(Path(frame.filename).is_relative_to(source) for source in _SOURCES)
    ][-8:]


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
