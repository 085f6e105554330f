"""The client's only reader of the clock, so that tests can set it."""

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The current instant, UTC."""
    return datetime.now(UTC)


def epoch_seconds() -> int:
    """Seconds since 1970 (RFC 7519 section 2)."""
    return int(time.time())


def monotonic() -> float:
    """Seconds on a clock that never jumps."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Waits; tests replace it."""
    time.sleep(seconds)


def today() -> date:
    """The day in China, by which dates in the future are refused."""
    try:
        return datetime.now(ZoneInfo("Asia/Shanghai")).date()
    except KeyError:  # a machine without time-zone data
        return datetime.now(UTC).date()
