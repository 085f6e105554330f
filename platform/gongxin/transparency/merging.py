"""How long leaves wait for their place, and the alarm where one waits longer than published."""

from typing import Any

from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.logs import log
from gongxin.web.health import Distribution

from . import queries, rules


def measures(session: Session, _config: Config) -> dict[str, tuple[str, float | Distribution]]:
    """For /metrics."""
    found = queries.merge_delays(session)
    counts = [*(found.counts or [0] * len(rules.MERGE_BOUNDS)), found.leaves]
    bounds = [*map(str, map(float, rules.MERGE_BOUNDS)), "+Inf"]
    return {
        "gongxin_log_merge_delay_seconds": (
            "Seconds from a leaf's promise to its place in the log",
            Distribution(tuple(zip(bounds, counts, strict=True)), found.seconds),
        ),
        "gongxin_log_merge_delay_longest_seconds": ("The longest of this hour and the last", found.longest),
        "gongxin_log_waiting_oldest_seconds": ("Age of the oldest leaf that waits for its place", found.oldest),
        "gongxin_log_merge_delay_late": (
            f"1 where that or the longest is over the published {rules.MAX_MERGE_DELAY_SECONDS} s",
            1.0 if is_late(found) else 0.0,
        ),
    }


def warn_of_delay(session: Session, _config: Config) -> int:
    """A job: one log line where a leaf waits, or waited this hour or the last, longer than published."""
    found = queries.merge_delays(session)
    if not is_late(found):
        return 0
    log.error(
        "log_merge_delay_late",
        longest_seconds=f"{found.longest:.3f}",
        oldest_waiting_seconds=f"{found.oldest:.3f}",
        published_seconds=rules.MAX_MERGE_DELAY_SECONDS,
    )
    return 1


def is_late(found: Any) -> bool:
    """Whether a leaf of `queries.merge_delays` waits, or waited this hour or the last, longer than published."""
    return bool(max(found.longest, found.oldest) > rules.MAX_MERGE_DELAY_SECONDS)
