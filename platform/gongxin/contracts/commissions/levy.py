"""Where a settled statement's sum goes: the fund, which stands beside this package, adds itself as the application is
put together. With nobody there nothing is reported, and the statement says so (`levy_base_id` is null)."""

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

SOURCE = "contracts"
_reporters: list[Callable[..., Any]] = []


def report_to(reporter: Callable[..., Any]) -> None:
    """`reporter(session, member_id=, month=, base_fen=, source=, source_id=)` gives what has the base's id."""
    _reporters[:] = [reporter]


def report(
    session: Session, *, member_id: uuid.UUID, month: str, base_fen: int, source_id: uuid.UUID
) -> uuid.UUID | None:
    """Tells the fund; the same source again supersedes."""
    if not _reporters:
        return None
    told = _reporters[0](
        session, member_id=member_id, month=month, base_fen=base_fen, source=SOURCE, source_id=source_id
    )
    found: uuid.UUID = told.id
    return found
