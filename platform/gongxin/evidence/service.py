"""The verbs on evidence. Verbs flush, never commit; each writes its leaf of the log in the same transaction."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, Forbidden, GongxinError, NotFound
from gongxin.transparency import queries as log_queries
from gongxin.transparency import service as log
from gongxin.transparency.models import LogOpening
from gongxin.web import etags, ndjson
from gongxin.web.caller import Caller
from gongxin_wire import evidence as wire

from . import queries, reading, rules, writes
from .models import Evidence, EvidenceBatch
from .queries import Found
from .reading import Concerns, NewBatch, NewEvidence


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one registration: new, there already with the same content, or refused."""

    evidence_id: uuid.UUID | None = None
    created: bool = False
    refusal: GongxinError | None = None


# --- registering ----------------------------------------------------------------------------------------------------


def register(session: Session, *, caller: Caller, new: NewEvidence) -> tuple[Found, bool]:
    """(the evidence, whether it is new). Raises Conflict where the file is registered for this matter otherwise."""
    (outcome,) = _register(session, _member(caller), [new])
    if outcome.refusal is not None:
        raise outcome.refusal
    assert outcome.evidence_id is not None
    return queries.get_evidence(session, outcome.evidence_id), outcome.created


def register_bulk(session: Session, *, caller: Caller, bodies: Sequence[bytes], max_depth: int) -> list[Outcome]:
    """The outcome of each line, in their order; a refused line hinders no other."""
    found: list[Outcome] = []
    wanted: list[tuple[int, NewEvidence]] = []
    seen: set[Any] = set()
    for at, body in enumerate(bodies):
        try:
            new = reading.evidence(ndjson.parse(body, max_depth))
            if new.key in seen:
                raise _repeated()
        except GongxinError as refusal:
            found.append(Outcome(refusal=refusal))
        else:
            seen.add(new.key)
            found.append(Outcome())
            wanted.append((at, new))
    outcomes = _register(session, _member(caller), [new for _, new in wanted])
    for (at, _), outcome in zip(wanted, outcomes, strict=True):
        found[at] = outcome
    return found


def _register(session: Session, member_id: uuid.UUID, wanted: Sequence[NewEvidence]) -> list[Outcome]:
    if not wanted:
        return []
    now = clock.now()
    retention = queries.retention(session, clock.today_in_china())
    seen = queries.seen_cases(session, {new.concerns.case_id for new in wanted if new.concerns.case_id is not None})
    known = {
        (item.sha256, Concerns(item.case_id, item.agent_licence, item.complaint)): item
        for item, _ in queries.registered(session, member_id, [new.sha256 for new in wanted])
    }
    outcomes: list[Outcome] = []
    rows: list[dict[str, Any]] = []
    for new in wanted:
        there = known.get(new.key)
        try:
            rules.check_made_at(new.made_at, now)
            _check_case(new.concerns, seen)
            if there is not None:
                _check_same(there, new)
        except GongxinError as refusal:
            outcomes.append(Outcome(refusal=refusal))
            continue
        if there is not None:
            outcomes.append(Outcome(there.id))
            continue
        row = _row(new, member_id, now, retention)
        rows.append(row)
        outcomes.append(Outcome(row["id"], True))
    _insert(session, member_id, rows)
    return outcomes


def _row(new: NewEvidence, member_id: uuid.UUID, now: datetime, retention: Sequence[rules.Retention]) -> dict[str, Any]:
    least, until = rules.keep_until(new.kind, new.concerns.complaint is not None, retention, clock.today_in_china())
    return {
        "id": ids.new_id(),
        "member_id": member_id,
        "kind": new.kind,
        "sha256": new.sha256,
        "sm3": new.sm3,
        "size": new.size,
        "media_type": new.media_type,
        "case_id": new.concerns.case_id,
        "agent_licence": new.concerns.agent_licence,
        "complaint": new.concerns.complaint,
        "made_by": new.made_by,
        "device": new.device,
        "made_at": new.made_at,
        "registered_at": now,
        "keep_at_least_until": least,
        "keep_until": until,
    }


def _insert(session: Session, member_id: uuid.UUID, rows: Sequence[dict[str, Any]]) -> None:
    """Evidence, the event that begins its custody, and one leaf for both."""
    if not rows:
        return
    begun = [_event(row, 1, "created", row["made_at"] or row["registered_at"], row["sha256"], row) for row in rows]
    records = [evidence_record(row, event["digest"]) for row, event in zip(rows, begun, strict=True)]
    promises = log.append_many(
        session, kind="evidence", records=records, leaf_ids=[row["id"] for row in rows], owner=member_id
    )
    for row, event, promise in zip(rows, begun, promises, strict=True):
        row["commitment"] = event["commitment"] = promise.commitment
    writes.insert_evidence(session, rows)
    writes.insert_custody(session, begun)


def evidence_record(row: dict[str, Any], custody: bytes) -> dict[str, Any]:
    """What the leaf of evidence commits to. `custody`: the digest of the event that begins its chain."""
    return {
        "agent_licence": row["agent_licence"],
        "case_id": str(row["case_id"]) if row["case_id"] else None,
        "complaint": row["complaint"],
        "custody": custody.hex(),
        "device": row["device"],
        "evidence_id": str(row["id"]),
        "kind": row["kind"],
        "made_at": wire.moment(row["made_at"]) if row["made_at"] else None,
        "made_by": row["made_by"],
        "media_type": row["media_type"],
        "member_id": str(row["member_id"]),
        "registered_at": wire.moment(row["registered_at"]),
        "sha256": row["sha256"].hex(),
        "size": row["size"],
        "sm3": row["sm3"].hex() if row["sm3"] else None,
        "v": 1,
    }


def _check_case(concerns: Concerns, seen: set[uuid.UUID]) -> None:
    if concerns.case_id is not None and concerns.case_id not in seen:
        raise NotFound("case_not_found", zh="没有这个案件", en="There is no such case", pointer="/case_id")


def _check_same(there: Evidence, new: NewEvidence) -> None:
    same = ("kind", "size", "media_type", "made_by", "device", "made_at")
    if any(getattr(there, name) != getattr(new, name) for name in same) or (
        new.sm3 is not None and there.sm3 is not None and there.sm3 != new.sm3
    ):
        raise Conflict(
            "evidence_differs",
            zh="该文件已就同一事项登记，内容不同",
            en="This file is registered for this matter with other content",
            fix_zh="读取已有登记并核对；登记不可更改，可就另一事项再登记。",
            fix_en="Read the registration and compare; it does not change, but may be made for another matter.",
            pointer="/sha256",
        )


def _repeated() -> Conflict:
    return Conflict(
        "evidence_repeated",
        zh="同一文件就同一事项在一批中出现两次",
        en="The same file stands twice in this batch for the same matter",
        fix_zh="每个文件、每一事项只写一行。",
        fix_en="Write one line a file and matter.",
        pointer="/sha256",
    )


# --- custody --------------------------------------------------------------------------------------------------------


def record_custody(
    session: Session,
    *,
    caller: Caller,
    evidence_id: uuid.UUID,
    event: str,
    at: datetime | None = None,
    to: str | None = None,
    basis: str | None = None,
    if_match: str | None,
) -> Found:
    """The next event of the chain. Raises Stale where the chain has gone on, Conflict where the event cannot follow."""
    member_id = _member(caller)
    now = clock.now()
    item, state = queries.get_evidence(session, evidence_id, lock=True)
    etags.check(if_match, state.version)
    rules.check_event(
        event,
        rules.Standing(state.held, state.destroyed_at is not None, item.keep_at_least_until),
        clock.today_in_china(),
    )
    rules.check_event_at(at or now, now)
    rules.check_recipient(event, to)
    row = _event(
        {"id": item.id, "member_id": member_id, "registered_at": now},
        state.version + 1, event, at or now, state.head, {"to": to, "basis": basis},
    )  # fmt: skip
    promise = log.append(session, kind="custody", record=custody_record(row), leaf_id=row["id"], owner=member_id)
    writes.insert_custody(session, [row | {"commitment": promise.commitment}])
    return queries.get_evidence(session, evidence_id)


def _event(
    item: dict[str, Any], position: int, event: str, at: datetime, previous: bytes, more: dict[str, Any]
) -> dict[str, Any]:
    """A row of custody with its digest; `item` tells whose evidence, and in `registered_at` when it is recorded."""
    row = {
        "id": ids.new_id(),
        "evidence_id": item["id"],
        "member_id": item["member_id"],
        "position": position,
        "event": event,
        "at": at,
        "recipient": more.get("to"),
        "basis": more.get("basis"),
        "previous": previous,
        "recorded_at": item["registered_at"],
    }
    return row | {"digest": wire.custody_digest(custody_record(row))}


def custody_record(row: dict[str, Any]) -> dict[str, Any]:
    """What the digest of an event covers, and its leaf commits to."""
    return {
        "at": wire.moment(row["at"]),
        "basis": row["basis"],
        "event": row["event"],
        "evidence_id": str(row["evidence_id"]),
        "member_id": str(row["member_id"]),
        "position": row["position"],
        "previous": row["previous"].hex(),
        "recorded_at": wire.moment(row["recorded_at"]),
        "to": row["recipient"],
        "v": 1,
    }


def openings(session: Session, evidence_id: uuid.UUID) -> list[tuple[LogOpening, str, bytes]]:
    """(opening, kind, commitment) of each leaf: of the registration, then of what followed. Raises NotFound where the
    first was erased; an event whose opening is gone is left out."""
    item, _ = queries.get_evidence(session, evidence_id)
    found = [(log.opening(session, item.id), "evidence", item.commitment)]
    for event in queries.custody(session, evidence_id)[1:]:
        kept = log_queries.find_opening(session, event.id)
        if kept is not None:
            found.append((kept, "custody", event.commitment))
    return found


# --- batches --------------------------------------------------------------------------------------------------------


def register_batch(session: Session, *, caller: Caller, new: NewBatch) -> tuple[EvidenceBatch, bool]:
    """(the batch, whether it is new). The root is computed here over what was sent; of the files only it is kept."""
    member_id = _member(caller)
    now = clock.now()
    _check_case(new.concerns, queries.seen_cases(session, [new.concerns.case_id] if new.concerns.case_id else []))
    root = wire.batch_root(new.fingerprints)
    there = queries.find_batch(session, member_id, root)
    if there is not None:
        return there, False
    today = clock.today_in_china()
    rules.check_days(new.made_from, new.made_to, today)
    complaint = new.concerns.complaint is not None
    least, until = rules.keep_until(new.kind, complaint, queries.retention(session, today), today)
    batch = EvidenceBatch(
        id=ids.new_id(),
        member_id=member_id,
        kind=new.kind,
        root=root,
        count=len(new.fingerprints),
        label=new.label,
        made_from=new.made_from,
        made_to=new.made_to,
        case_id=new.concerns.case_id,
        agent_licence=new.concerns.agent_licence,
        complaint=new.concerns.complaint,
        registered_at=now,
        keep_at_least_until=least,
        keep_until=until,
    )
    promise = log.append(session, kind="evidence_batch", record=batch_record(batch), leaf_id=batch.id, owner=member_id)
    batch.commitment = promise.commitment
    session.add(batch)
    session.flush()
    return batch, True


def batch_record(batch: EvidenceBatch) -> dict[str, Any]:
    """What the leaf of a batch commits to."""
    return {
        "agent_licence": batch.agent_licence,
        "batch_id": str(batch.id),
        "case_id": str(batch.case_id) if batch.case_id else None,
        "complaint": batch.complaint,
        "count": batch.count,
        "kind": batch.kind,
        "label": batch.label,
        "made_from": batch.made_from.isoformat() if batch.made_from else None,
        "made_to": batch.made_to.isoformat() if batch.made_to else None,
        "member_id": str(batch.member_id),
        "registered_at": wire.moment(batch.registered_at),
        "root": batch.root.hex(),
        "v": 1,
    }


def _member(caller: Caller) -> uuid.UUID:
    if caller.member_id is None:
        raise Forbidden
    return caller.member_id
