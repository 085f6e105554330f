"""Rates by the `limits` library; `RateLimit` and `RateLimit-Policy` headers (draft-ietf-httpapi-ratelimit-headers).

Memory serves one node; Redis or Valkey (`GONGXIN_RATE_STORAGE=redis://…`) serves many.
"""

import time
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from gongxin.config import Config
from gongxin.errors import TooMany


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of one window: for the headers."""

    policy: str
    remaining: int
    reset_seconds: int

    def headers(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return ("RateLimit-Policy", self.policy), ("RateLimit", f'"default";r={self.remaining};t={self.reset_seconds}')


class RateLimiter:
    """Fixed windows keyed by client, or by address where nobody is authenticated."""

    def __init__(self, config: Config) -> None:
        self._limiter = FixedWindowRateLimiter(storage_from_string(config.rate_storage))
        self._known: RateLimitItem = parse(config.rate_limit)
        self._anonymous: RateLimitItem = parse(config.anonymous_rate_limit)
        self._policies = {
            item: f'"default";q={item.amount};w={item.get_expiry()}' for item in (self._known, self._anonymous)
        }

    def take(self, key: str, *, anonymous: bool) -> Quota:
        """Counts one request; raises TooMany with the seconds to wait."""
        item = self._anonymous if anonymous else self._known
        allowed = self._limiter.hit(item, key)
        stats = self._limiter.get_window_stats(item, key)
        wait = max(1, int(stats.reset_time - time.time()) + 1)
        if not allowed:
            raise TooMany("rate_limited", retry_after=wait)
        return Quota(self._policies[item], stats.remaining, wait)
