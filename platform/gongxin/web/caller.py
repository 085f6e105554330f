"""Who asks: a frozen value made by `access` from a verified token, and read by everyone else."""

import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

MEMBER_KINDS = ("bank", "court", "agency", "mediator", "regulator", "association")


class Admission(Protocol):
    """What the database has still to say of a request: not replayed, nothing revoked, the member active."""

    @property
    def parameters(self) -> tuple[Any, ...]:
        """Those of the SQL function `admit`, for a statement that asks it on the way."""

    def judge(self, verdict: int) -> None:
        """Raises Unauthenticated unless `admit` said 0."""

    def settle(self) -> None:
        """Asks and judges."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A member's client with the scopes and grants of its token; `kind` is one of MEMBER_KINDS, or `anonymous`."""

    member_id: uuid.UUID | None
    kind: str
    client_id: uuid.UUID | None = None
    scopes: frozenset[str] = frozenset()
    grants: tuple[dict[str, Any], ...] = ()
    token_id: str = ""
    sender_constrained: bool = False
    court_code: str | None = None
    extra: dict[str, Any] = field(default_factory=dict, compare=False)
    admission: Admission | None = field(default=None, compare=False)

    @property
    def by(self) -> str:
        """How a history names who acts: the officer at a page, else the client, else the operator."""
        if "officer" in self.extra:
            return f"officer:{self.extra['officer']}"
        return f"client:{self.client_id}" if self.client_id else "operator"


ANONYMOUS = Caller(None, "anonymous")


def operator() -> Caller:
    """The person at the registry's own command line."""
    return Caller(None, "registry")
