"""The verbs as transactions of their own, each one round trip: the database's function drafts, approves or posts, and
commits. What it refuses, the ordinary verb is asked again, which says why in words for people.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from sqlalchemy import Engine

from gongxin import clock, ids
from gongxin.db import NOBODY, one_value, transaction
from gongxin.pii import refuse_pii

from . import rules, service, writes
from .rules import Actor, Draft

_AS = b" from (select set_config('gongxin.member', $1, true), set_config('gongxin.kind', $2, true) offset 0) as named"
_DRAFT = b"select fund_draft($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)" + _AS
_APPROVE = b"select fund_approve($3, $4, $5, $6, $7, $8)" + _AS
_POST = b"select fund_post($3, $4, $5, $6)" + _AS
_BOOK = b"select fund_book($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)" + _AS


def submit(engine: Engine, *, actor: Actor, new: Draft) -> tuple[uuid.UUID, bytes]:
    """Drafted and submitted: its id, and the hash of its content that is approved. The same key with the same content
    gives the same entry."""
    rules.check_draft(new)
    refuse_pii({"description": new.description, "reference": new.reference})
    answer = _said(engine, _DRAFT, writes.draft_values(ids.new_id(), actor, new, clock.now()))
    if answer is None:
        with transaction(engine) as session:
            entry, _ = service.draft(session, actor=actor, new=new, submit=True)
            return entry.id, entry.content_hash or b""
    return writes.drafted(answer)


def approve(engine: Engine, entry_id: uuid.UUID, *, actor: Actor, content_hash: bytes) -> str:
    """The state the entry is in then."""
    now = clock.now()
    values = (entry_id, content_hash, actor.member_id, actor.officer, actor.client_id, now)
    return _said(engine, _APPROVE, values) or _again(
        engine, lambda session: service.approve(session, entry_id, actor=actor, content_hash=content_hash).state
    )


def post(engine: Engine, entry_id: uuid.UUID, *, actor: Actor) -> str:
    """Posts an approved entry."""
    return _said(engine, _POST, (entry_id, actor.member_id, actor.officer, clock.now())) or _again(
        engine, lambda session: service.post(session, entry_id, actor=actor).state
    )


def book(engine: Engine, *, maker: Actor, approvers: Sequence[Actor], new: Draft) -> uuid.UUID:
    """Drafted, approved by those named, and posted."""
    rules.check_draft(new)
    refuse_pii({"description": new.description, "reference": new.reference})
    answer = _said(engine, _BOOK, writes.book_values(ids.new_id(), maker, approvers, new, clock.now()))
    if answer is None:
        with transaction(engine) as session:
            return service.book(session, maker=maker, approvers=approvers, new=new).id
    return writes.drafted(answer)[0]


def _said(engine: Engine, statement: bytes, values: Sequence[Any]) -> str | None:
    """What the function answered; None where the database refused."""
    try:
        return one_value(engine, statement, (NOBODY, "registry", *values)).decode()
    except (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.InsufficientPrivilege):
        return None


def _again(engine: Engine, verb: Callable[[Any], str]) -> str:
    with transaction(engine) as session:
        return verb(session)
