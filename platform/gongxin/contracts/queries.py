"""Every SELECT on contracts."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .caps.models import FeeCap
from .models import (
    Contract,
    ContractCase,
    ContractConsent,
    ContractContent,
    ContractOpening,
    ContractScan,
    ContractSignature,
    PlacementPolicy,
)

PORTION = 5000
_TOUCHED = text("select contract_id, rate from contracts_touched(:bucket, :cap, :jurisdiction, :first, :last)")


def get_contract(session: Session, contract_id: uuid.UUID, *, lock: bool = False) -> Contract:
    """One that the caller may see. Raises NotFound."""
    found = session.get(Contract, contract_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise NotFound("contract_not_found", zh="没有这份合同", en="There is no such contract")
    return found


def get_content(session: Session, contract_id: uuid.UUID) -> ContractContent:
    """With its prices: for the parties, and for the association under a complaint. Raises NotFound."""
    found = session.get(ContractContent, contract_id, populate_existing=True)
    if found is None:
        raise NotFound(
            "content_not_open",
            zh="合同内容未对本机构开放",
            en="The content is not open to this caller",
            fix_zh="协会凭登记的投诉编号开启后方可查阅价格。",
            fix_en="The association reads prices only under a recorded complaint.",
        )
    return found


def contracts(
    session: Session,
    *,
    today: date,
    expiring_days: int | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[Contract]:
    """`expiring_days`: signed ones whose term ends within so many days."""
    found = select(Contract).order_by(Contract.id).limit(limit + 1)
    if after is not None:
        found = found.where(Contract.id > after)
    if expiring_days is not None:
        found = found.where(
            Contract.state == "signed", Contract.ends_on.between(today, today + timedelta(days=expiring_days))
        )
    return session.scalars(found).all()


def live_between(session: Session, creditor_id: uuid.UUID, agency_id: uuid.UUID, day: date) -> Contract | None:
    """The newest contract in force between the two on a day."""
    return session.scalars(
        select(Contract)
        .where(
            Contract.creditor_id == creditor_id,
            Contract.agency_id == agency_id,
            Contract.state.in_(("signed", "superseded", "terminated")),
            Contract.begins_on <= day,
            func.least(Contract.ends_on, Contract.ended_on) >= day,
        )
        .order_by(Contract.signed_at.desc())
        .limit(1)
    ).first()


def last_version(session: Session, number: str) -> int:
    return session.scalar(select(func.max(Contract.version)).where(Contract.number == number)) or 0


def consents(session: Session, contract: Contract) -> set[str]:
    """The clauses whose deviation, as it stands, the other side has consented to."""
    return set(
        session.scalars(
            select(ContractConsent.clause_id).where(
                ContractConsent.contract_id == contract.id, ContractConsent.content_hash == contract.content_hash
            )
        )
    )


def signatures(session: Session, contract_id: uuid.UUID) -> Sequence[ContractSignature]:
    return session.scalars(
        select(ContractSignature)
        .where(ContractSignature.contract_id == contract_id)
        .order_by(ContractSignature.signed_at, ContractSignature.id)
    ).all()


def scans(session: Session, contract_id: uuid.UUID) -> Sequence[ContractScan]:
    return session.scalars(
        select(ContractScan).where(ContractScan.contract_id == contract_id).order_by(ContractScan.linked_at)
    ).all()


def openings(session: Session, contract_id: uuid.UUID) -> Sequence[ContractOpening]:
    return session.scalars(
        select(ContractOpening).where(ContractOpening.contract_id == contract_id).order_by(ContractOpening.opened_at)
    ).all()


def find_case_contract(session: Session, case_id: uuid.UUID) -> ContractCase | None:
    """The contract the case named last."""
    return session.scalars(
        select(ContractCase).where(ContractCase.case_id == case_id).order_by(ContractCase.named_at.desc()).limit(1)
    ).first()


def named_cases(session: Session, contract_id: uuid.UUID, case_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    return set(
        session.scalars(
            select(ContractCase.case_id).where(
                ContractCase.contract_id == contract_id, ContractCase.case_id.in_(case_ids)
            )
        )
    )


def policy(session: Session, day: date) -> str:
    """What a placement without a live contract meets on a day."""
    found = session.scalars(
        select(PlacementPolicy.policy)
        .where(or_(PlacementPolicy.effective_from <= day))
        .order_by(PlacementPolicy.effective_from.desc(), PlacementPolicy.recorded_at.desc())
        .limit(1)
    ).first()
    return found or "off"


def touched_by(session: Session, cap: FeeCap) -> Iterator[tuple[uuid.UUID, int]]:
    """(contract, its rate) of every live contract whose rate is above a cap, for the registry alone: one pass of the
    database beside row-level security, whose conditions the planner misjudges a hundredfold; rows become objects a
    portion at a time."""
    rows = session.execute(
        _TOUCHED,
        {
            "bucket": cap.bucket, "cap": cap.rate_bp_max, "jurisdiction": cap.jurisdiction,
            "first": cap.effective_from, "last": cap.effective_until or date.max,
        },
    )  # fmt: skip
    for portion in rows.partitions(PORTION):
        yield from ((row[0], row[1]) for row in portion)
