"""The verbs on templates. Verbs flush, never commit; adoption has its leaf."""

import uuid
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, bad_field
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency

from . import queries, rules
from .models import ContractTemplate, TemplateApproval, TemplateComment

_FIRST = Path(__file__).with_name("data") / "service_agreement.json"


def first_content() -> dict[str, Any]:
    """The association's first standard service agreement, as it is shipped."""
    content: dict[str, Any] = orjson.loads(_FIRST.read_bytes())
    return content


def draft(
    session: Session, *, member_id: uuid.UUID, officer: str, code: str, content: dict[str, Any]
) -> ContractTemplate:
    """The next version of a template. Raises Invalid where its languages differ in a number or a clause is missing."""
    rules.check_content(content)
    refuse_pii(content, "/content")
    now = clock.now()
    template = ContractTemplate(
        id=ids.new_id(),
        code=code,
        version=queries.newest_version(session, code) + 1,
        state="draft",
        content=content,
        content_hash=rules.content_hash(content),
        member_id=member_id,
        maker=rules.officer_key(officer),
        created_at=now,
        changed_at=now,
    )
    session.add(template)
    session.flush()
    return template


def revise(session: Session, template_id: uuid.UUID, *, content: dict[str, Any]) -> ContractTemplate:
    """Another content for a draft."""
    template = queries.get_template(session, template_id, lock=True)
    if template.state != "draft":
        raise Conflict(
            "template_not_draft",
            zh="仅草稿可以修改",
            en="Only a draft is revised",
            fix_zh="征求意见稿先退回草稿；已通过的文本另立新版本。",
            fix_en="Take a consulted one back to a draft; adopted text is followed by a new version.",
        )
    rules.check_content(content)
    refuse_pii(content, "/content")
    template.content, template.content_hash = content, rules.content_hash(content)
    template.changed_at = clock.now()
    session.flush()
    return template


def move(session: Session, template_id: uuid.UUID, *, state: str, effective_on: date | None = None) -> ContractTemplate:
    """Opens the consultation, takes it back, withdraws; adopts what two officers approved, from a day on."""
    template = queries.get_template(session, template_id, lock=True)
    rules.check_step(template.state, state)
    if state == "adopted":
        _adopt(session, template, effective_on)
    elif effective_on is not None:
        raise bad_field("/effective_on", "仅通过时填写生效日", "A day of effect goes with adoption only")
    template.state, template.changed_at = state, clock.now()
    session.flush()
    if state == "adopted":
        _prove(session, template)
    return template


def _adopt(session: Session, template: ContractTemplate, effective_on: date | None) -> None:
    given = [each for each in queries.approvals(session, template.id) if each.content_hash == template.content_hash]
    if len(given) < rules.APPROVALS:
        raise Conflict(
            "approvals_missing",
            zh="须有两人批准现有内容",
            en="Two officers must have approved the content as it stands",
            fix_zh="由两名非起草人以 content_hash 批准。",
            fix_en="Have two officers other than the maker approve its content_hash.",
        )
    before = queries.adopted_before(session, template)
    template.effective_on = rules.check_effective(
        effective_on, before.effective_on if before else None, clock.today_in_china()
    )
    if before is not None:
        before.superseded_on = template.effective_on


def _prove(session: Session, template: ContractTemplate) -> None:
    assert template.effective_on is not None
    transparency.append(
        session,
        kind="contract_template",
        record={
            "code": template.code,
            "content_hash": template.content_hash.hex(),
            "effective_on": template.effective_on.isoformat(),
            "template_id": str(template.id),
            "version": template.version,
        },
        leaf_id=template.id,
    )


def approve(
    session: Session, template_id: uuid.UUID, *, member_id: uuid.UUID, officer: str, content_hash: bytes
) -> ContractTemplate:
    """One officer's yes to the content of this hash."""
    template = queries.get_template(session, template_id, lock=True)
    who = rules.officer_key(officer)
    if template.state != "consulted":
        rules.check_step(template.state, "adopted")
    already = [each.officer for each in queries.approvals(session, template_id) if each.content_hash == content_hash]
    rules.check_approval(template.maker, who, template.content_hash, content_hash, already)
    session.add(
        TemplateApproval(
            template_id=template_id,
            officer=who,
            content_hash=content_hash,
            member_id=member_id,
            approved_at=clock.now(),
        )
    )
    session.flush()
    return template


def comment(
    session: Session, template_id: uuid.UUID, *, member_id: uuid.UUID, said: str, clause_id: str | None = None
) -> TemplateComment:
    """What a member says while the template is out for consultation."""
    template = queries.get_template(session, template_id)
    if template.state != "consulted":
        raise Conflict(
            "not_in_consultation",
            zh="该范本不在征求意见中",
            en="The template is not out for consultation",
            fix_zh="仅在征求意见期间可以提出意见。",
            fix_en="Comments are taken during the consultation only.",
        )
    if clause_id is not None and clause_id not in {clause["id"] for clause in template.content["clauses"]}:
        raise bad_field("/clause_id", "范本没有这一条款", "The template has no such clause")
    refuse_pii(said, "/said")
    made = TemplateComment(
        id=ids.new_id(),
        template_id=template_id,
        member_id=member_id,
        clause_id=clause_id,
        said=said,
        said_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return made


def compare(session: Session, before_id: uuid.UUID, after_id: uuid.UUID) -> list[rules.Change]:
    """Two versions, clause by clause."""
    return rules.compare(
        queries.get_template(session, before_id).content, queries.get_template(session, after_id).content
    )
