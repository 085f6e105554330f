"""The verbs as transactions of their own, each one round trip: the database's function drafts, approves or posts, and
commits. What it refuses, the ordinary verb is asked again, which says why in words for people.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from sqlalchemy import Engine

from gongxin import clock, ids
from gongxin.db import transaction
from gongxin.pii import refuse_pii

from . import queries_verbs as verbs
from . import rules, service
from .rules import Actor, Draft


def submit(engine: Engine, *, actor: Actor, new: Draft) -> tuple[uuid.UUID, bytes]:
    """Drafted and submitted: its id, and the hash of its content that is approved. The same key with the same content
    gives the same entry."""
    rules.check_draft(new)
    refuse_pii({"description": new.description, "reference": new.reference})
    answer = _said(engine, verbs.DRAFT, verbs.draft_values(ids.new_id(), actor, new, clock.now()))
    if answer is None:
        with transaction(engine) as session:
            entry, _ = service.draft(session, actor=actor, new=new, submit=True)
            return entry.id, entry.content_hash or b""
    return verbs.drafted(answer)


def approve(engine: Engine, entry_id: uuid.UUID, *, actor: Actor, content_hash: bytes) -> str:
    """The state the entry is in then."""
    now = clock.now()
    values = (entry_id, content_hash, actor.member_id, actor.officer, actor.client_id, now)
    return _said(engine, verbs.APPROVE, values) or _again(
        engine, lambda session: service.approve(session, entry_id, actor=actor, content_hash=content_hash).state
    )


def post(engine: Engine, entry_id: uuid.UUID, *, actor: Actor) -> str:
    """Posts an approved entry."""
    return _said(engine, verbs.POST, (entry_id, actor.member_id, actor.officer, clock.now())) or _again(
        engine, lambda session: service.post(session, entry_id, actor=actor).state
    )


def book(engine: Engine, *, maker: Actor, approvers: Sequence[Actor], new: Draft) -> uuid.UUID:
    """Drafted, approved by those named, and posted."""
    rules.check_draft(new)
    refuse_pii({"description": new.description, "reference": new.reference})
    answer = _said(engine, verbs.BOOK, verbs.book_values(ids.new_id(), maker, approvers, new, clock.now()))
    if answer is None:
        with transaction(engine) as session:
            return service.book(session, maker=maker, approvers=approvers, new=new).id
    return verbs.drafted(answer)[0]


def _said(engine: Engine, statement: bytes, values: Sequence[Any]) -> str | None:
    """What the function answered; None where the database refused."""
    try:
        return verbs.said(engine, statement, values)
    except (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.InsufficientPrivilege):
        return None


def _again(engine: Engine, verb: Callable[[Any], str]) -> str:
    with transaction(engine) as session:
        return verb(session)
