"""Logs: JSON lines on standard error. What is logged is named here: no body, no query string, no personal data."""

import logging
import sys
from typing import Any

import structlog

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


def _only_allowed(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drops every key not on the list, so that a careless log line cannot carry a person."""
    return {key: value for key, value in event.items() if key in _ALLOWED}


def configure(level: int = logging.INFO) -> None:
    """Once per process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
