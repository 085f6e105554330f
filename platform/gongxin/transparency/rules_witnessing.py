"""Witnesses and stamps: pure decisions. Times are passed in; none decides the order of anything."""

import re
from datetime import datetime, timedelta

NAME = re.compile(r"[a-z0-9.:/_-]{1,150}")
QUORUM_WITHIN = timedelta(hours=24)
STAMP_EVERY = timedelta(hours=24)
STAMP_LATE = timedelta(hours=36)
FUTURE = 3600
FIRST_RETRY, LAST_RETRY = 60.0, 3600.0


def name_is_of(name: str, member_id: str) -> bool:
    """Whether a witness of this name can only be this member's."""
    return NAME.fullmatch(name) is not None and name.endswith(f"/{member_id}") and len(name) > len(member_id) + 1


def round_began(epoch_seconds: int, round_seconds: int) -> int:
    """When the present round of witnessing began: all witnesses within it are given the same head to sign."""
    return epoch_seconds - epoch_seconds % round_seconds


def time_is_plausible(signed_at: int, now: int) -> bool:
    """A cosignature may be older than we know, but not of a time to come; clocks differ by up to an hour."""
    return 0 < signed_at <= now + FUTURE


def quorum_is_late(oldest_unwitnessed: datetime | None, now: datetime) -> bool:
    """`oldest_unwitnessed`: when the first checkpoint beyond the newest witnessed by a quorum was signed, None where
    there is none: a log at rest asks nothing of its witnesses."""
    return oldest_unwitnessed is not None and now - oldest_unwitnessed > QUORUM_WITHIN


def stamp_is_due(last_received: datetime | None, now: datetime) -> bool:
    """Once a day; and at once where the clock stands before the last stamp: after a jump back we would else wait for
    as long as it jumped."""
    return last_received is None or now < last_received or now - last_received >= STAMP_EVERY


def stamp_is_late(last_received: datetime | None, since: datetime | None, now: datetime) -> bool:
    """No good stamp for 36 hours; without any, since the log's first checkpoint (`since`, None where there is none)."""
    begun = last_received or since
    return begun is not None and now - begun > STAMP_LATE


def retry_after(failures: int) -> float:
    """Seconds until an authority that failed so often is asked again: doubling, an hour at most."""
    return min(LAST_RETRY, FIRST_RETRY * (1 << min(failures - 1, 16)))
