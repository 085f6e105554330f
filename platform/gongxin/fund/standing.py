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
    """Drafted, approved by those who approved it before, and posted. The ledger's triggers check all of it."""
    with acting(session):
        entry, _ = service.draft(session, actor=maker, new=new, submit=True)
        if entry.state == "posted":
            return entry
        assert entry.content_hash is not None
        for approver in approvers:
            entry = service.approve(session, entry.id, actor=approver, content_hash=entry.content_hash)
        return service.post(session, entry.id, actor=approvers[0])
