"""Members: parse, call, return."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.errors import NotFound
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import queries, rules, schemas, service

blp = Blueprint("members", url_prefix="/v1/members", description="会员机构 Members and their agreements")
BLUEPRINTS: tuple[Blueprint, ...] = (blp,)

# What a race can reach past the rules.
CONSTRAINTS.update(
    {
        "uq_members_uscc": ("member_exists", "该信用代码的机构已在册", "A member with this code is on record"),
        "ix_members_court_code": ("court_code_taken", "该法院代字已有法院使用", "Another court holds this court code"),
        "members_one_world": (
            "worlds_apart",
            "测试机构与真实机构不得共处一库",
            "Test institutions and real ones never share a registry",
        ),
        "member_changes_previous": (
            "member_changed_meanwhile",
            "机构状态刚被他人变更",
            "Another change of the member's state came first",
        ),
        "uq_agreements_member_id_version": (
            "agreement_meanwhile",
            "另一版协议刚刚订立",
            "Another version of the agreement came first",
        ),
        "agreements_version": (
            "agreement_meanwhile",
            "另一版协议刚刚订立",
            "Another version of the agreement came first",
        ),
        "agreements_order": (
            "agreement_out_of_order",
            "新版协议不得早于上一版生效",
            "A version does not take effect before the one it supersedes",
        ),
        "agreements_member_left": ("member_left", "机构已退出，不能再订协议", "The member has left"),
    }
)

_MEMBER: dict[str, Any] = {
    "member_id": "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f",
    "kind": "court",
    "name_zh": "示范区人民法院",
    "name_en": "People's Court of the Demonstration District",
    "uscc": "11990000000000042P",
    "state": "active",
    "court_code": "沪0115",
    "created_at": "2026-11-24T02:00:00Z",
    "changed_at": "2026-11-24T03:00:00Z",
}
_TERMS: dict[str, Any] = {
    "purposes": ["placement", "contact"],
    "data_types": ["case_status"],
    "budgets": {"placement": 20_000, "contact": 5_000, "evaluation": 200_000},
    "contacts": {"security": "security@bank.example"},
    "effective_from": "2026-12-01T00:00:00+08:00",
}
_AGREEMENT = {
    "agreement_id": "0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b",
    "member_id": _MEMBER["member_id"],
    "version": 2,
    **_TERMS,
    "created_at": "2026-11-24T02:00:00Z",
    "in_force": False,
}


@blp.operation(
    "members.list",
    "GET",
    "",
    query=schemas.DirectoryIn,
    answer=schemas.DirectoryOut,
    example={"items": [_MEMBER], "next_cursor": None},
)
def directory(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """机构名录 The directory of members, in the order they applied."""
    after = paging.decode_id(query.pop("cursor", None))
    found = queries.directory(call.session, after=after, **query)
    kept, following = paging.page(found, query["limit"], lambda member: [str(member.id)])
    return {"items": [schemas.member_out(member) for member in kept], "next_cursor": following}


@blp.operation("members.me", "GET", "/me", answer=schemas.MemberOut, example=_MEMBER)
def me(call: Call) -> dict[str, Any]:
    """本机构 The caller's own member."""
    return schemas.member_out(queries.get_member(call.session, call.member_id))


@blp.operation("members.get", "GET", "/<uuid:member_id>", answer=schemas.MemberOut, example=_MEMBER)
def get(call: Call, member_id: uuid.UUID) -> dict[str, Any]:
    """一家机构 One member."""
    return schemas.member_out(queries.get_member(call.session, member_id))


# The code's own form is closed, and may look like a bank card to the PII guard; `rules` guards the names.
@blp.operation(
    "members.apply",
    "POST",
    "",
    body=schemas.MemberIn,
    answer=schemas.MemberOut,
    status=201,
    walk=False,
    body_example={name: _MEMBER[name] for name in ("kind", "name_zh", "name_en", "uscc", "court_code")},
    example=_MEMBER | {"state": "applied"},
)
def apply(call: Call, body: dict[str, Any]) -> Answer:
    """登记入会申请 Record an institution's application; it begins in state `applied`."""
    member = service.apply(call.session, synthetic=call.runtime.config.synthetic, **body)
    return Answer(schemas.member_out(member), headers={"Location": f"/v1/members/{member.id}"})


@blp.operation(
    "members.change_state",
    "POST",
    "/<uuid:member_id>/state",
    body=schemas.StateIn,
    answer=schemas.MemberOut,
    body_example={"state": "suspended", "reason": "年检未通过"},
    example=_MEMBER | {"state": "suspended"},
)
def change_state(call: Call, member_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """变更机构状态 Change a member's state.

    A suspension holds at once, for tokens already issued too. `left` is final."""
    by = f"client:{call.caller.client_id}"
    return schemas.member_out(service.change_state(call.session, member_id, changed_by=by, **body))


@blp.operation(
    "agreements.list",
    "GET",
    "/<uuid:member_id>/agreements",
    answer=schemas.AgreementsOut,
    example={"items": [_AGREEMENT]},
)
def agreements(call: Call, member_id: uuid.UUID) -> dict[str, Any]:
    """会员协议各版本 Every version of a member's agreement, newest first: for the member itself and the association."""
    if not rules.may_read_agreements(call.caller.kind, call.member_id == member_id):
        raise NotFound
    queries.get_member(call.session, member_id)
    force = queries.agreement_in_force(call.session, member_id, clock.now())
    found = queries.agreements(call.session, member_id)
    return {"items": [schemas.agreement_out(agreement, in_force=agreement is force) for agreement in found]}


@blp.operation(
    "agreements.create",
    "POST",
    "/<uuid:member_id>/agreements",
    body=schemas.AgreementIn,
    answer=schemas.AgreementOut,
    status=201,
    body_example=_TERMS,
    example=_AGREEMENT,
)
def agree(call: Call, member_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """订立新版协议 Add the next version of a member's agreement.

    It supersedes the one before from `effective_from` on; what a token was granted before is checked against it too."""
    agreement = service.agree(call.session, member_id, **body)
    answer = schemas.agreement_out(agreement, in_force=agreement.effective_from <= clock.now())
    return Answer(answer, headers={"Location": f"/v1/members/{member_id}/agreements"})
