"""Claims: assessed by one, approved by two of two institutions, paid, returned; never the person, never the account."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin.errors import GongxinError
from gongxin.fund.claims import paying, queries, rules, service
from gongxin.members import queries as members

from ... import languages, reading
from ...face import Door, page
from ...formats import day, moment, plain, yuan
from ...listing import Column, Filter, Listing, show
from . import claim_object, wording

VERBS = {"assess": "treasurer", "pay": "treasurer", "return": "treasurer", "approve": "approver", "reject": "approver"}
BEFORE_PAYING = ("filed", "assessed", "approved")


def register(app: Flask) -> None:
    @page(app, "admin.claims", "/fund/claims")
    def claims(door: Door) -> Response:
        return show(door, _listing(door), "fund/list.html", here="claims")

    @page(app, "admin.claim", "/fund/claims/<uuid:claim_id>")
    def claim(door: Door, claim_id: UUID) -> Response:
        return _claim(door, claim_id)

    @page(app, "admin.claim_assess", "/fund/claims/<uuid:claim_id>/assessments", ("POST",))
    def assess(door: Door, claim_id: UUID) -> Response:
        with door.attempting() as tried:
            proposed, reviewer = reading.fen("proposed"), reading.identifier("reviewer_id")
            if proposed is None or reviewer is None:
                raise wording.missing("proposed" if proposed is None else "reviewer_id")
            service.assess(
                door.session, claim_id, actor=wording.actor(door), proposed_fen=proposed, reviewer_id=reviewer
            )
        return _after(door, claim_id, tried.error, "assess", _("已评估；等待两家机构各一人批准。"))

    @page(app, "admin.claim_approve", "/fund/claims/<uuid:claim_id>/approvals", ("POST",))
    def approve(door: Door, claim_id: UUID) -> Response:
        with door.attempting() as tried:
            seen = bytes.fromhex(reading.fingerprint("content") or "")
            service.approve(
                door.session, claim_id, actor=wording.actor(door), content_hash=seen,
                unrelated=reading.text("unrelated") == "yes",
            )  # fmt: skip
        return _after(door, claim_id, tried.error, "approve", _("已批准。"))

    @page(app, "admin.claim_pay", "/fund/claims/<uuid:claim_id>/payments", ("POST",))
    def pay(door: Door, claim_id: UUID) -> Response:
        with door.attempting() as tried:
            paying.pay(door.session, claim_id, actor=wording.actor(door))
        return _after(door, claim_id, tried.error, "pay", _("已冻结并指令银行；到账以银行流水为准。"))

    @page(app, "admin.claim_return", "/fund/claims/<uuid:claim_id>/returns", ("POST",))
    def give_back(door: Door, claim_id: UUID) -> Response:
        with door.attempting() as tried:
            reason = reading.text("reason")
            if reason is None:
                raise wording.missing("reason")
            verb = paying.give_back if request.form.get("verb") != "reject" else service.reject
            verb(door.session, claim_id, actor=wording.actor(door), reason=reason)
        return _after(door, claim_id, tried.error, "return", _("已记录；理由随结果告知申请方。"))


def _after(door: Door, claim_id: UUID, error: GongxinError | None, tried: str, words: str) -> Response:
    if error is not None:
        queries.get_claim(door.session, claim_id)
        return _claim(door, claim_id, error, tried)
    flash(words, "good")
    following = _next(door, claim_id, tried) if request.form.get("next") else None
    return door.go("claim", claim_id=following or claim_id)


def _next(door: Door, claim_id: UUID, tried: str) -> UUID | None:
    """The next claim that waits for the same thing, and not by this person's own hand."""
    state, me = {"assess": "filed", "approve": "assessed", "pay": "approved"}.get(tried), door.me.officer
    found = queries.claims(door.session, state=state, fund=None, after=None, limit=20)
    return next((c.id for c in found if c.id != claim_id and me not in (c.filed_officer, c.assessor_officer)), None)


def _listing(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries.claims(
            door.session, state=values["state"] or None, fund=values["fund"] or None, after=wording.key(after),
            limit=limit,
        )  # fmt: skip

    return Listing(
        name="claims",
        title=_("理赔"),
        rule=_("一人评估，两家机构各一人批准；收款账号加密保存，只有付款人可见。"),
        columns=[
            Column(_("编号"), lambda c: c.number),
            Column(_("基金"), lambda c: wording.of(wording.FUNDS, c.fund)),
            Column(_("事由"), lambda c: wording.of(wording.CAUSES, c.cause)),
            Column(_("申请额"), lambda c: yuan(c.asked_fen), end=True),
            Column(_("核定额"), lambda c: "—" if c.granted_fen is None else yuan(c.granted_fen), end=True),
            Column(_("状态"), lambda c: wording.tagged(wording.CLAIMS, c.state),
                   lambda c: wording.of(wording.CLAIMS, c.state)),
            Column(_("变更于"), lambda c: moment(c.acted_at)),
        ],
        fetch=fetch,
        key=lambda c: [str(c.id)],
        address=lambda c: url_for("admin.claim", claim_id=c.id),
        filters=[
            Filter("state", _("状态"), wording.options(wording.CLAIMS), True, queries.count_by_state(door.session)),
            Filter("fund", _("基金"), wording.options(wording.FUNDS)),
        ],
        empty=_("还没有申请。法院、调解机构与会员经接口或门户为当事人申请。"),
    )  # fmt: skip


def _claim(door: Door, claim_id: UUID, error: GongxinError | None = None, tried: str = "") -> Response:
    found = queries.get_claim(door.session, claim_id)
    given = queries.approvals(door.session, claim_id)
    valid = [each for each in given if each.content_hash == found.content_hash]
    can = _can(door, found, valid)
    shown = claim_object.of(door, found, facts=_facts(door, found), back=url_for("admin.claims"), back_name=_("理赔"))
    return door.render(
        "fund/claim.html",
        error=error, tried=tried, typed=request.form, claim=found, object=shown, can=can,
        bar=_bar(door, found, valid), lines=claim_object.lines(found),
        approvals=[[each.officer, wording.house(door, each.member_id), moment(each.approved_at),
                    wording.bound(each, found)] for each in given],
        missing=_missing(door, found, valid), reviewers=_reviewers(door, found) if "assess" in can else [],
        caps=rules.pack()["caps"][found.cause], unverified=rules.pack()["source_status"] == "unverified",
    )  # fmt: skip


def _can(door: Door, found: Any, valid: Sequence[Any]) -> list[str]:
    roles, me, can = door.me.roles, door.me.officer, []
    if "approver" in roles and found.state == "assessed" and not _own(found, me) and not _approved(me, valid):
        can.append("approve")
    if "treasurer" in roles:
        if found.state == "approved":
            can.append("pay")
        if found.state in {"filed", "assessed", "appealed"} and me not in _barred_from_assessing(found):
            can.append("assess")
        if found.state in BEFORE_PAYING:
            can.append("return")
    if found.state == "appealed" and me not in (found.filed_officer, found.returned_officer) and "treasurer" in roles:
        can.append("reject")
    return can


def _barred_from_assessing(found: Any) -> tuple[str | None, ...]:
    return found.filed_officer, found.returned_officer if found.state == "appealed" else None


def _own(found: Any, me: str) -> bool:
    return me in (found.filed_officer, found.assessor_officer)


def _approved(me: str, valid: Sequence[Any]) -> bool:
    return any(each.officer == me for each in valid)


def _bar(door: Door, found: Any, valid: Sequence[Any]) -> str:
    """Why this person does not decide it, said before they try."""
    me, roles = door.me.officer, door.me.roles
    if found.state == "assessed" and "approver" in roles:
        if _own(found, me):
            return wording.own_bar()
        if _approved(me, valid):
            return _("您已批准：还须另一机构的另一人批准。")
    if "treasurer" in roles and found.state in {"filed", "appealed"} and me in _barred_from_assessing(found):
        return wording.own_bar()
    return ""


def _missing(door: Door, found: Any, valid: Sequence[Any]) -> list[str]:
    """Whose approval is still to come."""
    if found.state != "assessed":
        return []
    said = {each.member_id for each in valid}
    wanted = [(found.assessor_member, _("协会一名复核人")), (found.reviewer_id, _("复核机构一人"))]
    return [words for member, words in wanted if member not in said]


def _reviewers(door: Door, found: Any) -> list[tuple[str, str]]:
    """Active institutions that could review it; courts and mediators first."""
    order = {"court": 0, "mediator": 1}
    held = members.directory(door.session, state="active", limit=300)
    fit = [
        m for m in held if m.id not in (found.filed_by, door.house.id) and m.kind not in {"association", "regulator"}
    ]
    fit.sort(key=lambda m: (order.get(m.kind, 2), m.name_zh))
    return [(str(m.id), languages.both(m.name_zh, m.name_en or m.name_zh)) for m in fit]


def _facts(door: Door, found: Any) -> list[tuple[str, Any]]:
    code = Markup("<code>{}</code>")
    return [
        (_("基金"), wording.of(wording.FUNDS, found.fund)),
        (_("申请方"), wording.house(door, found.filed_by)),
        (_("经办"), found.filed_officer),
        (_("申请额"), yuan(found.asked_fen)),
        (_("核定额"), None if found.granted_fen is None else yuan(found.granted_fen)),
        (_("专款"), found.restriction),
        (_("救助期"), _("%(days)s 天", days=found.term_days)),
        (_("收款人类别"), wording.of(wording.PAYEES, found.payee_kind)),
        (_("收款机构"), wording.house(door, found.payee_member) if found.payee_member else None),
        (_("无关联声明"), _("已声明") if found.unrelated else None),
        (_("经济状况材料"), code.format(found.means_sha256.hex())),
        (_("事由证据"), code.format(found.evidence_sha256.hex())),
        (_("评估人"), found.assessor_officer),
        (_("复核机构"), wording.house(door, found.reviewer_id) if found.reviewer_id else None),
        (_("申诉截止"), day(found.appeal_by) if found.appeal_by else None),
        (_("理由"), plain(found.reason) if found.reason else None),
    ]
