"""Rates by the `limits` library; `RateLimit` and `RateLimit-Policy` headers (draft-ietf-httpapi-ratelimit-headers).

Memory counts in each process; Redis or Valkey (`GONGXIN_RATE_STORAGE=redis://…`) counts for all processes and nodes.
Windows begin at whole multiples of their length, so that one increment tells count and end.
"""

import threading
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string

from gongxin import clock
from gongxin.config import Config
from gongxin.logs import log


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of one window: for the headers. `allowed` is whether this request was within it."""

    policy: str
    allowed: bool
    remaining: int
    reset_seconds: int

    def headers(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return ("RateLimit-Policy", self.policy), ("RateLimit", f'"default";r={self.remaining};t={self.reset_seconds}')


class Memory:
    """Counts of the current windows. The library's own memory store starts a thread at every few hits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._ends: dict[int, list[str]] = {}

    def incr(self, key: str, ends: int, now: int) -> int:
        with self._lock:
            count = self._counts.get(key, 0) + 1
            self._counts[key] = count
            if count == 1:
                self._forget(now)
                self._ends.setdefault(ends, []).append(key)
            return count

    def _forget(self, now: int) -> None:
        for ends in [ends for ends in self._ends if ends <= now]:
            for key in self._ends.pop(ends):
                self._counts.pop(key, None)


class RateLimiter:
    """Fixed windows keyed by client, or by address where nobody is authenticated."""

    def __init__(self, config: Config) -> None:
        self._memory = Memory()
        self._shared: Storage | None = None
        if not config.rate_storage.startswith("memory:"):
            shared = storage_from_string(config.rate_storage, wrap_exceptions=True)
            assert isinstance(shared, Storage)
            self._shared = shared
        known, anonymous = parse(config.rate_limit), parse(config.anonymous_rate_limit)
        self._windows = {False: _window(known), True: _window(anonymous)}

    def take(self, key: str, *, anonymous: bool) -> Quota:
        """Counts one request. The caller refuses it where the quota is not `allowed`."""
        amount, seconds, policy = self._windows[anonymous]
        now = clock.epoch_seconds()
        ends = now - now % seconds + seconds
        count = self._count(f"{key}/{ends}", ends, now, seconds)
        return Quota(policy, count <= amount, max(0, amount - count), ends - now)

    def _count(self, key: str, ends: int, now: int, seconds: int) -> int:
        if self._shared is not None:
            try:
                return self._shared.incr(f"gongxin/{key}", seconds)
            except StorageError as fault:
                # A limiter that is away must not take the registry down with it: each process counts for itself.
                log.warning("rate_storage_unreachable", error=type(fault.storage_error).__name__)
        return self._memory.incr(key, ends, now)


def _window(item: RateLimitItem) -> tuple[int, int, str]:
    seconds = item.get_expiry()
    return item.amount, seconds, f'"default";q={item.amount};w={seconds}'
