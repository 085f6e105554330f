"""What can go wrong, one exception a kind; the command line turns each kind into an exit code.

Each carries a stable `code`, a title and a fix in Chinese and English. None holds an identifier. None can be taken for
an answer: a look-up returns an `Answer` whose receipt holds, or raises.
"""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Base. `exit_code` is what `gongxin-member` exits with."""

    exit_code = 3

    def __init__(self, code: str, zh: str, en: str, fix_zh: str = "", fix_en: str = "") -> None:
        super().__init__(f"{code}: {zh} {en}")
        self.code, self.zh, self.en, self.fix_zh, self.fix_en = code, zh, en, fix_zh, fix_en

    def as_dict(self) -> dict[str, Any]:
        """For `--json`: {"code", "title", "title_en", "fix", "fix_en"}."""
        return {"code": self.code, "title": self.zh, "title_en": self.en, "fix": self.fix_zh, "fix_en": self.fix_en}


class BadInput(ClientError):
    """Something of the caller's own is unusable: an identifier, a date, a file, the profile. Nothing was sent."""

    exit_code = 2


class Refused(ClientError):
    """The registry said no (4xx). `status` is the HTTP status, `pointer` the RFC 6901 pointer of the field, `extra`
    what else the problem told (`legal`, `open_epochs`, …), `retry_after` seconds where it named them."""

    def __init__(
        self,
        code: str,
        zh: str,
        en: str,
        fix_zh: str = "",
        fix_en: str = "",
        *,
        status: int,
        pointer: str | None = None,
        extra: Mapping[str, Any] | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, zh, en, fix_zh, fix_en)
        self.status, self.pointer, self.request_id, self.retry_after = status, pointer, request_id, retry_after
        self.extra = dict(extra or {})

    def as_dict(self) -> dict[str, Any]:
        found = super().as_dict() | {"status": self.status, "request_id": self.request_id}
        return found | ({"pointer": self.pointer} if self.pointer is not None else {}) | self.extra


class Unavailable(ClientError):
    """The registry answered, but could say nothing (5xx, or an answer that does not read). Ask again later."""

    exit_code = 4


class NotConnected(ClientError):
    """The registry was not reached, or went silent. What was sent may or may not have arrived."""

    exit_code = 4


class VerificationFailed(ClientError):
    """A receipt, a proof or a key does not hold. Nothing that came with it may be relied on."""

    exit_code = 5


class NoGround(ClientError):
    """The answer says nothing about the person: the ground was not accepted. Not clear, and not listed."""


class Withheld(ClientError):
    """The policy does not tell this asker the field."""


class StaleAnswer(ClientError):
    """The answer is past `fresh_until`: ask again before relying on it."""
