"""Custody and legal hold of batches, and of each file of a batch: the same rules as for evidence registered by itself.

The registry keeps no list of a batch's files. Whoever records an event of one brings its SHA-256, its place and its
Merkle path; the path is followed to the root here and again by the database."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Forbidden, Invalid
from gongxin.transparency import service as log
from gongxin.web import etags
from gongxin.web.caller import Caller
from gongxin_wire import evidence as wire
from gongxin_wire import merkle

from . import queries, rules
from .models import BatchCustodyEvent, BatchState, EvidenceBatch

WHOLE = b""


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a batch, and what shows that it is one."""

    sha256: bytes
    place: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class State:
    """How the batch stands, or a file of it: where nothing was recorded, as it was registered."""

    batch_id: uuid.UUID
    item: bytes | None
    version: int
    head: bytes
    held: bool
    destroyed_at: datetime | None
    items_held: int


def state_of(session: Session, batch: EvidenceBatch, item: bytes | None) -> State:
    """`held` and `destroyed_at` of a file are also the whole's."""
    states = queries.batch_states(session, batch.id)
    whole, own = states.get(WHOLE), states.get(item or WHOLE)
    return State(
        batch.id,
        item,
        own.version if own else 0,
        own.head if own else item or batch.root,
        _held(whole) or _held(own),
        (own and own.destroyed_at) or (whole and whole.destroyed_at) or None,
        sum(each.held for key, each in states.items() if key != WHOLE),
    )


def record(
    session: Session,
    *,
    caller: Caller,
    batch_id: uuid.UUID,
    event: str,
    item: Item | None,
    at: datetime | None = None,
    to: str | None = None,
    basis: str | None = None,
    if_match: str | None,
) -> State:
    """The next event of the batch, or of one file of it. Raises Stale where the chain has gone on, Invalid for a file
    that is not in the batch, Conflict where the event cannot follow."""
    if caller.member_id is None:
        raise Forbidden
    now = clock.now()
    batch = queries.lock_batch(session, batch_id)
    if item is not None:
        _check_item(batch, item)
    file = item.sha256 if item else None
    standing = state_of(session, batch, file)
    etags.check(if_match, standing.version)
    _check_event(session, batch, file, standing, event)
    rules.check_event_at(at or now, now)
    rules.check_recipient(event, to)
    row = BatchCustodyEvent(
        id=ids.new_id(),
        batch_id=batch.id,
        member_id=caller.member_id,
        item=file,
        place=item.place if item else None,
        path=b"".join(item.path) if item else None,
        position=standing.version + 1,
        event=event,
        at=at or now,
        recipient=to,
        basis=basis,
        previous=standing.head,
        recorded_at=now,
    )
    told = custody_record(row)
    row.digest = wire.batch_custody_digest(told)
    row.commitment = log.append(session, kind="custody", record=told, leaf_id=row.id, owner=caller.member_id).commitment
    session.add(row)
    session.flush()
    return state_of(session, batch, file)


def custody_record(event: BatchCustodyEvent) -> dict[str, Any]:
    """What the digest of an event covers, and its leaf commits to."""
    return {
        "at": wire.moment(event.at),
        "basis": event.basis,
        "batch_id": str(event.batch_id),
        "event": event.event,
        "item": event.item.hex() if event.item else None,
        "member_id": str(event.member_id),
        "position": event.position,
        "previous": event.previous.hex(),
        "recorded_at": wire.moment(event.recorded_at),
        "to": event.recipient,
        "v": 1,
    }


def _check_event(session: Session, batch: EvidenceBatch, file: bytes | None, standing: State, event: str) -> None:
    """A hold of its own decides on placing and releasing; any hold that covers it, on destroying."""
    own = queries.batch_states(session, batch.id).get(file or WHOLE)
    covered = standing.held or (file is None and standing.items_held > 0)
    held = covered if event == "destroyed" else _held(own)
    rules.check_event(
        event,
        rules.Standing(held, standing.destroyed_at is not None, batch.keep_at_least_until),
        clock.today_in_china(),
    )


def _check_item(batch: EvidenceBatch, item: Item) -> None:
    try:
        merkle.verify_inclusion(wire.batch_leaf(item.sha256), item.place, batch.count, list(item.path), batch.root)
    except merkle.ProofError as fault:
        raise Invalid(
            "not_of_the_batch",
            zh="该文件不在这批之中",
            en="The file is not in this batch",
            fix_zh="核对 SHA-256、在清单中的序号（从 0 起）与到根的路径。",
            fix_en="Check its SHA-256, its place in the list (from 0) and the path to the root.",
            pointer="/item",
        ) from fault


def _held(state: BatchState | None) -> bool:
    return state is not None and state.held
