"""`Registry`: everything a member asks of a registry, over one connection."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from . import profile as profiles
from . import receipts
from .agents import Agents
from .auth import Connection
from .badges import Badges
from .blacklist import Blacklist
from .cases import Cases
from .changes import Changes
from .contracts import Contracts
from .evidence import EvidenceCalls
from .fund import Fund
from .log import Log
from .lookups import Lookups
from .members import Members
from .profile import Profile
from .receipts import ReceiptKeys
from .subjects import Subjects


class Registry(Agents, Badges, Blacklist, Cases, Changes, Contracts, EvidenceCalls, Fund, Log, Lookups, Members):
    """Agents (`agents.py`), badges (`badges.py`), the violations list (`blacklist.py`), cases, changes and webhooks
    (`changes.py`), evidence, the fund (`fund.py`), look-ups (`lookups.py`), members and keys (`members.py`), the
    transparency log (`log.py`); safe for many threads.

    `transport` replaces the network (tests); `token_cache` keeps that many blind tokens in memory, none by default."""

    def __init__(self, profile: Profile, *, transport: httpx.BaseTransport | None = None, token_cache: int = 0) -> None:
        self.connection = Connection(profile, transport=transport)
        self.subjects = Subjects(self.connection, cache_size=token_cache)
        self.receipt_keys = ReceiptKeys(self.connection)

    @classmethod
    def from_profile(
        cls, path: str | Path | None = None, *, environ: Mapping[str, str] | None = None, token_cache: int = 0
    ) -> "Registry":
        """From a profile file and GONGXIN_MEMBER_* variables. Raises BadInput."""
        return cls(profiles.read(path, environ), token_cache=token_cache)

    @property
    def profile(self) -> Profile:
        """Who we are here, with the registry's keys as pinned."""
        return self.connection.profile

    def trust_published_keys(self) -> Profile:
        """Pins what the registry publishes now, also where `strict_pins` is set; what is pinned already never changes
        (VerificationFailed). For a person who has compared the keys."""
        strict, self.profile.strict_pins = self.profile.strict_pins, False
        try:
            receipts.trust(self.profile, self.receipt_keys.fetch())
            self.subjects.epochs(refresh=True)
            self.trust_log_keys()
        finally:
            self.profile.strict_pins = strict
        return self.profile

    def close(self) -> None:
        """Closes the connections."""
        self.connection.close()

    def __enter__(self) -> "Registry":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def member_id(self) -> str:
        return Members.member_id(self)

    def _pages(self, path: str, scope: str | None, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        return Cases._pages(self, path, scope, query)
