"""Who is told what the bank did. Each part of the fund registers for its purposes (payments) and kinds (receipts) as
the application is put together; it is told in the transaction that settles the bank's line."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Protocol

from sqlalchemy.orm import Session

OUTCOMES = ("confirmed", "returned")


class Handler(Protocol):
    """`amount_fen`: what the line moved of it, always positive. `reason`: the bank's, where it returned a payment."""

    def __call__(
        self,
        session: Session,
        *,
        source_id: uuid.UUID,
        outcome: str,
        booked_on: date,
        amount_fen: int,
        reason: str | None,
    ) -> None: ...


_HANDLERS: dict[str, Handler] = {}


def register(kind: str, handler: Handler) -> Callable[[], None]:
    """From now on `handler` is told; what is given back puts things as they were before."""
    before = _HANDLERS.get(kind)
    _HANDLERS[kind] = handler

    def undo() -> None:
        if before is None:
            _HANDLERS.pop(kind, None)
        else:
            _HANDLERS[kind] = before

    return undo


def tell(
    session: Session,
    kind: str,
    *,
    source_id: uuid.UUID,
    outcome: str,
    booked_on: date,
    amount_fen: int,
    reason: str | None = None,
) -> bool:
    """Whether anybody was told."""
    handler = _HANDLERS.get(kind)
    if handler is None:
        return False
    handler(session, source_id=source_id, outcome=outcome, booked_on=booked_on, amount_fen=amount_fen, reason=reason)
    return True
