"""Every SELECT on templates."""

import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import ContractTemplate, TemplateApproval, TemplateComment


def get_template(session: Session, template_id: uuid.UUID, *, lock: bool = False) -> ContractTemplate:
    """Raises NotFound."""
    found = session.get(ContractTemplate, template_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise _unknown()
    return found


def in_force(session: Session, code: str, day: date) -> ContractTemplate:
    """The version that contracts of the day are made from. Raises NotFound where none is."""
    found = session.scalars(
        select(ContractTemplate)
        .where(
            ContractTemplate.code == code,
            ContractTemplate.state == "adopted",
            ContractTemplate.effective_on <= day,
            or_(ContractTemplate.superseded_on.is_(None), ContractTemplate.superseded_on > day),
        )
        .order_by(ContractTemplate.version.desc())
        .limit(1)
    ).first()
    if found is None:
        raise _unknown()
    return found


def newest_version(session: Session, code: str) -> int:
    """0 where there is none."""
    return session.scalar(select(func.max(ContractTemplate.version)).where(ContractTemplate.code == code)) or 0


def adopted_before(session: Session, template: ContractTemplate) -> ContractTemplate | None:
    """The adopted version that this one is to supersede."""
    return session.scalars(
        select(ContractTemplate)
        .where(
            ContractTemplate.code == template.code,
            ContractTemplate.state == "adopted",
            ContractTemplate.superseded_on.is_(None),
            ContractTemplate.id != template.id,
        )
        .order_by(ContractTemplate.version.desc())
        .limit(1)
    ).first()


def templates(session: Session, *, after: uuid.UUID | None, limit: int) -> Sequence[ContractTemplate]:
    found = select(ContractTemplate).order_by(ContractTemplate.id).limit(limit + 1)
    return session.scalars(found if after is None else found.where(ContractTemplate.id > after)).all()


def versions(session: Session, code: str) -> Sequence[ContractTemplate]:
    """Every version of a template, the latest first."""
    return session.scalars(
        select(ContractTemplate).where(ContractTemplate.code == code).order_by(ContractTemplate.version.desc())
    ).all()


def comments(session: Session, template_id: uuid.UUID, limit: int = 1000) -> Sequence[TemplateComment]:
    return session.scalars(
        select(TemplateComment)
        .where(TemplateComment.template_id == template_id)
        .order_by(TemplateComment.id)
        .limit(limit)
    ).all()


def approvals(session: Session, template_id: uuid.UUID) -> Sequence[TemplateApproval]:
    return session.scalars(
        select(TemplateApproval)
        .where(TemplateApproval.template_id == template_id)
        .order_by(TemplateApproval.approved_at, TemplateApproval.officer)
    ).all()


def _unknown() -> NotFound:
    return NotFound("template_not_found", zh="没有这个合同范本", en="There is no such template")
