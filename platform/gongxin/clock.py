"""The only module that reads the clock. Times are aware and in UTC; durations of code under test use `monotonic`."""

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """The current instant, UTC, microseconds."""
    return datetime.now(UTC)


def epoch_seconds() -> int:
    """Seconds since 1970, as JWT's NumericDate wants them (RFC 7519 section 2)."""
    return int(time.time())


def from_epoch(seconds: int) -> datetime:
    """The instant of a NumericDate, UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def today_in_china() -> date:
    """The legal day in Asia/Shanghai."""
    return datetime.now(SHANGHAI).date()


def monotonic() -> float:
    """Seconds on a clock that never jumps, for time-outs and latencies."""
    return time.monotonic()
