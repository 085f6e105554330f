"""Templates over the wire."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields

from ..standard import rules as standard
from ..standard.models import ContractTemplate, TemplateComment
from .shared import (
    SHA256,
    Both,
    Day,
    Identifier,
    a_day,
    a_hash,
    a_moment,
    a_number,
    a_text,
    an_id,
    free,
    items_of,
    listed,
    nested,
    page_of,
    pattern,
    text,
    word,
)

SHOWN_STATES = (*standard.STATES, "superseded")
CHANGES = ("added", "removed", "changed", "moved", "same")


class TemplateIn(Schema):
    code = pattern(standard.CODE_PATTERN, required=True)
    officer = text(64, required=True)
    content = free(required=True)


class RevisionIn(Schema):
    content = free(required=True)


class TemplateStateIn(Schema):
    state = word(standard.STATES, required=True)
    effective_on = Day(load_default=None, allow_none=True)


class TemplateApprovalIn(Schema):
    officer = text(64, required=True)
    content_hash = pattern(SHA256, required=True)


class CommentIn(Schema):
    said = text(standard.MAX_COMMENT, required=True)
    clause_id = pattern(standard.CODE_PATTERN, load_default=None, allow_none=True)


class CompareIn(Schema):
    before = Identifier(required=True)


class ClauseOut(Schema):
    id = pattern(standard.CODE_PATTERN, required=True)
    number = a_text()
    title = nested(Both)
    locked = fields.Boolean(required=True)
    text = listed(fields.Nested(Both))


class SourceOut(Schema):
    status = word(standard.SOURCES, required=True)
    note = nested(Both)


class TemplateContentOut(Schema):
    title = nested(Both)
    cover = listed(a_text())
    clauses = listed(fields.Nested(ClauseOut))
    source = nested(SourceOut)


class _TemplateRow(Schema):
    template_id = an_id()
    code = a_text()
    version = a_number()
    state = word(SHOWN_STATES, required=True)
    content_hash = a_hash()
    effective_on = a_day(allow_none=True)
    superseded_on = a_day(allow_none=True)
    changed_at = a_moment()


class TemplateListedOut(_TemplateRow):
    title = nested(Both)


class ContractTemplateOut(_TemplateRow):
    content = nested(TemplateContentOut)


TemplatesOut = page_of("ContractTemplatesOut", TemplateListedOut)


class TemplateCommentOut(Schema):
    comment_id = an_id()
    member_id = an_id()
    clause_id = a_text(allow_none=True)
    said = a_text()
    said_at = a_moment()


CommentsOut = items_of("TemplateCommentsOut", TemplateCommentOut)


class ClauseChangeOut(Schema):
    clause_id = a_text()
    what = word(CHANGES, required=True)
    before = nested(ClauseOut, allow_none=True)
    after = nested(ClauseOut, allow_none=True)


ChangesOut = items_of("ClauseChangesOut", ClauseChangeOut)


def template_out(template: ContractTemplate, today: date, *, whole: bool = True) -> dict[str, Any]:
    return {
        "template_id": template.id, "code": template.code, "version": template.version,
        "state": standard.shown_state(template.state, template.superseded_on, today),
        "content_hash": template.content_hash.hex(), "effective_on": template.effective_on,
        "superseded_on": template.superseded_on, "changed_at": template.changed_at,
    } | ({"content": template.content} if whole else {"title": template.content["title"]})  # fmt: skip


def comment_out(said: TemplateComment) -> dict[str, Any]:
    return {"comment_id": said.id, "member_id": said.member_id, "clause_id": said.clause_id, "said": said.said,
            "said_at": said.said_at}  # fmt: skip


def change_out(change: standard.Change) -> dict[str, Any]:
    return {"clause_id": change.clause_id, "what": change.what, "before": change.before, "after": change.after}
