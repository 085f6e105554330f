"""Fee models, caps, templates over HTTP: parse, call, return."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from gongxin import clock
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import examples
from .caps import queries as cap_queries
from .caps import rules as cap_rules
from .caps import service as caps
from .caps.service import NewCap
from .fees import drawing
from .fees import model as fees
from .schemas import fees as fee_schemas
from .schemas import standard as schemas
from .schemas.shared import PageIn
from .standard import queries, service
from .standard import rules as standard_rules

blp = Blueprint("contract_standards", url_prefix="/v1", description="范本与佣金上限 Templates, fee models, caps")

_MOVED = ("template_state", "范本状态刚被他人变更", "Another change of the template came first")
CONSTRAINTS.update(
    {
        "fee_caps_apart": ("caps_overlap", "与在册上限的日期重叠", "It overlaps a cap on record"),
        "fee_caps_superseded": ("cap_not_to_supersede", "该上限已被更正", "The cap is superseded already"),
        "fee_caps_recorded": ("cap_meanwhile", "另一条上限刚刚登记", "Another cap was recorded meanwhile"),
        "contract_templates_text": ("template_not_draft", "已公布的文本不得更改", "Text that is out does not change"),
        "contract_templates_transition": _MOVED,
        "contract_templates_approved": ("approvals_missing", "须有两人批准", "Two officers must approve"),
        "contract_templates_consulted": ("not_in_consultation", "不在征求意见中", "Not out for consultation"),
        "contract_template_approvals_guard": ("content_changed", "内容已变更", "The content has changed"),
        "pk_contract_template_approvals": ("already_approved", "该人员已批准", "This person has approved it"),
        "uq_contract_templates_code_version": (
            "template_meanwhile",
            "该范本另一版本刚刚起草",
            "Another version of the template came first",
        ),
    }
)


def listed(found: Sequence[Any], limit: int, key: str, show: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """A page of them, in the order of `key`."""
    kept, following = paging.page(found, limit, lambda each: [str(getattr(each, key))])
    return {"items": [show(each) for each in kept], "next_cursor": following}


# --- fee models and caps --------------------------------------------------------------------------------------------


@blp.operation("fees.check", "POST", "/fee-models", body=fee_schemas.FeesIn, answer=fee_schemas.FeesOut, walk=False,
               body_example=examples.FEES, example=examples.FEES_OUT)  # fmt: skip
def check_fees(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """核对费率模型 Check a fee model and draw it: table, curve with its cap, verdict as of today. Nothing is kept."""
    model = fees.read(body["fee_model"])
    age, today = fees.age(body["age"], "/age"), clock.today_in_china()
    found = caps.snapshot(call.session, jurisdiction=body["jurisdiction"], day=today, known_at=clock.now())
    inside = model.age_from <= age <= model.age_to
    return {
        "table": drawing.table(model),
        "curve": drawing.curve(model, age, body["round"], found.cap_of(age)) if inside else [],
    } | fee_schemas.verdict_out(cap_rules.verdict(model, found))


@blp.operation("caps.list", "GET", "/fee-caps", query=fee_schemas.CapsAskIn, answer=fee_schemas.CapsOut,
               example={"items": [examples.CAP]})  # fmt: skip
def list_caps(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """佣金上限 Caps in force on a day, by what was on record at `known_at`; both now by default."""
    found = cap_queries.caps_as_of(
        call.session, jurisdiction=query["jurisdiction"], member_kind=query["member_kind"],
        day=query.get("on") or clock.today_in_china(), known_at=query.get("known_at") or clock.now(),
    )  # fmt: skip
    return {"items": [fee_schemas.cap_out(each) for each in found]}


@blp.operation("caps.record", "POST", "/fee-caps", body=fee_schemas.CapsIn, answer=fee_schemas.CapsOut, status=201,
               body_example={"caps": [examples.CAP_IN]}, example={"items": [examples.CAP]})  # fmt: skip
def record_caps(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """登记上限 Record caps with their authority; one for an earlier day too. Only a verified source binds."""
    new = []
    for at, each in enumerate(body["caps"]):
        bucket = fees.age(each.pop("age"), f"/caps/{at}/age")
        if each["rate_bp_max"] is not None:
            fees.rate(each["rate_bp_max"], f"/caps/{at}/rate_bp_max")
        new.append(NewCap(bucket=bucket, **each))
    return {"items": [fee_schemas.cap_out(each) for each in caps.record(call.session, new)]}


# --- templates ------------------------------------------------------------------------------------------------------


@blp.operation("templates.list", "GET", "/contract-templates", query=PageIn, answer=schemas.TemplatesOut,
               example={"items": [examples.LISTED], "next_cursor": None})  # fmt: skip
def list_templates(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """合同范本 Templates, every version that is out."""
    found = queries.templates(call.session, after=paging.decode_id(query.get("cursor")), limit=query["limit"])
    today = clock.today_in_china()
    return listed(found, query["limit"], "id", lambda each: schemas.template_out(each, today, whole=False))


@blp.operation(
    "templates.draft",
    "POST",
    "/contract-templates",
    body=schemas.TemplateIn,
    answer=schemas.ContractTemplateOut,
    status=201,
    body_example={"code": "service", "officer": "LIN01", "content": examples.CONTENT},
    example=examples.TEMPLATE,
)
def draft(call: Call, body: dict[str, Any]) -> Answer:
    """起草范本 Draft the next version; both languages must state the same numbers."""
    made = service.draft(call.session, member_id=call.member_id, **body)
    return Answer(_template(made), headers={"Location": f"/v1/contract-templates/{made.id}"})


@blp.operation("templates.get", "GET", "/contract-templates/<uuid:template_id>", answer=schemas.ContractTemplateOut,
               example=examples.TEMPLATE)  # fmt: skip
def get_template(call: Call, template_id: uuid.UUID) -> dict[str, Any]:
    """一份范本 One version, whole."""
    return _template(queries.get_template(call.session, template_id))


@blp.operation(
    "templates.revise",
    "POST",
    "/contract-templates/<uuid:template_id>/revision",
    body=schemas.RevisionIn,
    answer=schemas.ContractTemplateOut,
    body_example={"content": examples.CONTENT},
    example=examples.TEMPLATE,
)
def revise(call: Call, template_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """修改草稿 Another content for a draft."""
    return _template(service.revise(call.session, template_id, **body))


@blp.operation("templates.move", "POST", "/contract-templates/<uuid:template_id>/state", body=schemas.TemplateStateIn,
               answer=schemas.ContractTemplateOut, body_example={"state": "adopted", "effective_on": examples.TODAY},
               example=examples.TEMPLATE)  # fmt: skip
def move(call: Call, template_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """征求意见、通过、撤回 Open the consultation, take it back, withdraw, or adopt from a day on."""
    return _template(service.move(call.session, template_id, **body))


@blp.operation("templates.approve", "POST", "/contract-templates/<uuid:template_id>/approvals",
               body=schemas.TemplateApprovalIn, answer=schemas.ContractTemplateOut,
               body_example={"officer": "WANG02", "content_hash": examples.HASH},
               example=examples.TEMPLATE)  # fmt: skip
def approve(call: Call, template_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """批准范本 An officer's yes to the content of this hash; two are needed, none the maker's."""
    digest = bytes.fromhex(body["content_hash"])
    return _template(
        service.approve(
            call.session, template_id, member_id=call.member_id, officer=body["officer"], content_hash=digest
        )
    )


@blp.operation(
    "templates.comments",
    "GET",
    "/contract-templates/<uuid:template_id>/comments",
    answer=schemas.CommentsOut,
    example={"items": [examples.COMMENT]},
)
def comments(call: Call, template_id: uuid.UUID) -> dict[str, Any]:
    """意见 Comments: one's own; the association reads all."""
    queries.get_template(call.session, template_id)
    return {"items": [schemas.comment_out(each) for each in queries.comments(call.session, template_id)]}


@blp.operation("templates.comment", "POST", "/contract-templates/<uuid:template_id>/comments",
               body=schemas.CommentIn, answer=schemas.TemplateCommentOut, status=201,
               body_example={"said": "建议明确次数", "clause_id": "conduct"}, example=examples.COMMENT)  # fmt: skip
def comment(call: Call, template_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """提出意见 Say something in the consultation, on a clause or on the whole."""
    return schemas.comment_out(service.comment(call.session, template_id, member_id=call.member_id, **body))


@blp.operation("templates.compare", "GET", "/contract-templates/<uuid:template_id>/changes", query=schemas.CompareIn,
               answer=schemas.ChangesOut,
               example={"items": [examples.CHANGE]})  # fmt: skip
def compare(call: Call, template_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """版本比较 What changed since another version, clause by clause."""
    found: list[standard_rules.Change] = service.compare(call.session, query["before"], template_id)
    return {"items": [schemas.change_out(each) for each in found]}


def _template(template: Any) -> dict[str, Any]:
    return schemas.template_out(template, clock.today_in_china())


def known_at(query: dict[str, Any]) -> datetime | None:
    found: datetime | None = query.get("known_at")
    return found
