"""Every SELECT on evidence. Row-level security is in force: a query sees the caller's own, and the cases it is party
to."""

import uuid
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, LargeBinary, Row, any_, cast, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import BatchCustodyEvent, BatchState, CustodyEvent, Evidence, EvidenceBatch, EvidenceState, RetentionRule
from .rules import Retention

Found = Row[Evidence, EvidenceState]


def get_evidence(session: Session, evidence_id: uuid.UUID, *, lock: bool = False) -> Found:
    """Evidence of the caller's own, with how it stands. `lock`: nobody else records custody until the transaction
    ends. Raises NotFound; another's reads the same."""
    if lock:
        session.execute(
            text("select pg_advisory_xact_lock(hashtextextended(:id, 7204))"), {"id": f"custody:{evidence_id}"}
        )
    found = session.execute(
        select(Evidence, EvidenceState)
        .join(EvidenceState, EvidenceState.evidence_id == Evidence.id)
        .where(Evidence.id == evidence_id)
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound("evidence_not_found", zh="没有这份证据", en="There is no such evidence")
    return found


def evidence_page(
    session: Session,
    *,
    case_id: uuid.UUID | None = None,
    sha256: bytes | None = None,
    kind: str | None = None,
    held: bool | None = None,
    after: uuid.UUID | None = None,
    limit: int,
) -> Sequence[Found]:
    """The caller's own evidence in the order of registration, one more than `limit`."""
    wanted = select(Evidence, EvidenceState).join(EvidenceState, EvidenceState.evidence_id == Evidence.id)
    for column, value in ((Evidence.case_id, case_id), (Evidence.sha256, sha256), (Evidence.kind, kind)):
        if value is not None:
            wanted = wanted.where(column == value)
    if held is not None:
        wanted = wanted.where(EvidenceState.held == held)
    if after is not None:
        wanted = wanted.where(Evidence.id > after)
    return session.execute(wanted.order_by(Evidence.id).limit(limit + 1)).all()


def registered(session: Session, member_id: uuid.UUID, fingerprints: Collection[bytes]) -> Sequence[Found]:
    """What the member registered of these files before."""
    return session.execute(
        select(Evidence, EvidenceState)
        .join(EvidenceState, EvidenceState.evidence_id == Evidence.id)
        .where(
            Evidence.member_id == member_id,
            Evidence.sha256 == any_(cast(sorted(set(fingerprints)), ARRAY(LargeBinary))),
        )
    ).all()


def custody(session: Session, evidence_id: uuid.UUID) -> Sequence[CustodyEvent]:
    """The whole chain, oldest first."""
    return session.scalars(
        select(CustodyEvent).where(CustodyEvent.evidence_id == evidence_id).order_by(CustodyEvent.position)
    ).all()


def seen_cases(session: Session, case_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these cases the caller is party to now: the policy of `cases` decides."""
    if not case_ids:
        return set()
    found = session.scalars(text("select id from cases where id = any(cast(:ids as uuid[]))"), {"ids": list(case_ids)})
    return set(found)


def of_case(session: Session, case_id: uuid.UUID, after: uuid.UUID | None, limit: int) -> Sequence[Row[Any]]:
    """That evidence is registered for a case of the caller's, whoever registered it; one more than `limit`. Raises
    NotFound where the case is not the caller's to see."""
    if case_id not in seen_cases(session, [case_id]):
        raise NotFound("case_not_found", zh="没有这个案件", en="There is no such case")
    return session.execute(
        text("select * from evidence_of_case(:case, cast(:after as uuid), :limit)"),
        {"case": case_id, "after": after, "limit": limit + 1},
    ).all()


def find_batch(session: Session, member_id: uuid.UUID, root: bytes) -> EvidenceBatch | None:
    """The member's batch with this root."""
    return session.scalars(
        select(EvidenceBatch).where(EvidenceBatch.member_id == member_id, EvidenceBatch.root == root)
    ).first()


def get_batch(session: Session, batch_id: uuid.UUID) -> EvidenceBatch:
    """A batch of the caller's own. Raises NotFound."""
    found = session.scalars(select(EvidenceBatch).where(EvidenceBatch.id == batch_id)).first()
    if found is None:
        raise NotFound("batch_not_found", zh="没有这批指纹", en="There is no such batch")
    return found


def batches(session: Session, after: uuid.UUID | None, limit: int) -> Sequence[EvidenceBatch]:
    """The caller's own batches in the order of registration, one more than `limit`."""
    wanted = select(EvidenceBatch)
    if after is not None:
        wanted = wanted.where(EvidenceBatch.id > after)
    return session.scalars(wanted.order_by(EvidenceBatch.id).limit(limit + 1)).all()


def retention_rules(session: Session, on: date, pack: str = "cn") -> Sequence[RetentionRule]:
    """The rules in force on a day, each with its source: of those that have begun, the newest of each record."""
    return session.scalars(
        select(RetentionRule)
        .ext(distinct_on(RetentionRule.record))
        .where(RetentionRule.pack == pack, RetentionRule.effective_from <= on)
        .order_by(RetentionRule.record, RetentionRule.version.desc())
    ).all()


def retention(session: Session, on: date) -> list[Retention]:
    """The same, as rules decide by them."""
    return [Retention(rule.record, rule.min_months, rule.default_months) for rule in retention_rules(session, on)]


def batch_states(session: Session, batch_id: uuid.UUID) -> dict[bytes, BatchState]:
    """How the batch stands, under b"", and each file of it that has custody of its own, under its SHA-256."""
    found = session.scalars(
        select(BatchState).where(BatchState.batch_id == batch_id).execution_options(populate_existing=True)
    )
    return {state.item: state for state in found}


def batch_custody(session: Session, batch_id: uuid.UUID, item: bytes | None) -> Sequence[BatchCustodyEvent]:
    """The chain of the whole, or of one file, oldest first."""
    return session.scalars(
        select(BatchCustodyEvent)
        .where(BatchCustodyEvent.batch_id == batch_id, BatchCustodyEvent.item.is_not_distinct_from(item))
        .order_by(BatchCustodyEvent.position)
    ).all()


def batch_custody_ids(session: Session, batch_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """Every event of every chain of the batch, so that none comes before one that follows it."""
    return session.scalars(
        select(BatchCustodyEvent.id)
        .where(BatchCustodyEvent.batch_id == batch_id)
        .order_by(BatchCustodyEvent.position.desc(), BatchCustodyEvent.id)
    ).all()


def lock_batch(session: Session, batch_id: uuid.UUID) -> EvidenceBatch:
    """A batch of the caller's own; nobody else records its custody until the transaction ends. Raises NotFound."""
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(:id, 7204))"), {"id": f"batch:{batch_id}"})
    return get_batch(session, batch_id)
