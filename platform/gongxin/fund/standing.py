"""Entries that two officers approved before the bank spoke: booked by the registry once it has.

A run or a claim is approved with its amount and accounts; what the bank then confirms is booked under those two
approvals, in the transaction of the bank's word."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.orm import Session

from gongxin.db import name_caller

from . import queries
from .ledger import service
from .ledger.models import Entry
from .ledger.rules import Actor, Draft


@contextmanager
def acting(session: Session, member_id: object = None, kind: str = "registry") -> Iterator[None]:
    """The transaction acts as the registry (or as this member) inside, and as whoever it was again after. A refusal
    inside ends the request, so nothing is put back then."""
    session.flush()
    before = queries.caller(session)
    name_caller(session, member_id, kind)  # type: ignore[arg-type]
    yield
    session.flush()
    name_caller(session, *before)


def book(session: Session, *, maker: Actor, approvers: Sequence[Actor], new: Draft) -> Entry:
    """Drafted, approved by those who approved it before, and posted, in one statement that checks all of it."""
    with acting(session):
        return service.book(session, maker=maker, approvers=approvers, new=new)
