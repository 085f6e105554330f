"""合同、对账单、互助金 Contracts with their fee curve, recoveries and statements to agree line by line; what we owe the
fund and what we claimed of it."""

from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.contracts import queries, rules, service
from gongxin.contracts.commissions import queries as commissions
from gongxin.contracts.commissions import service as commission_service
from gongxin.contracts.fees import drawing
from gongxin.contracts.fees.model import AGES, FeeModel
from gongxin.errors import GongxinError, NotFound, bad_field
from gongxin.fund.claims import queries as claims
from gongxin.fund.income import answering
from gongxin.fund.income import queries as income
from gongxin.pii import refuse_pii
from gongxin.web.paging import id_after

from ... import curves, languages
from ...face import Door, page
from ...formats import day, moment, percent, yuan
from ...listing import Column, Filter, Listing, show
from ...permissions import PAGES, WORKERS
from . import calculation
from .common import act, name_of

STATES = {
    "draft": ("草稿", "draft", "wait"), "signed": ("已签署", "signed", "good"), "live": ("生效中", "in force", "good"),
    "pending": ("已签未生效", "signed, ahead", "wait"), "expired": ("已到期", "expired", "over"),
    "terminated": ("已解除", "terminated", "over"), "withdrawn": ("已撤回", "withdrawn", "over"),
    "superseded": ("已被取代", "superseded", "over"),
}  # fmt: skip
VERDICTS = {
    "within": ("未超上限", "within the cap", "good"), "above": ("超过上限", "above the cap", "bad"),
    "unknown": ("无可用上限", "no cap known", "wait"),
}  # fmt: skip
LINES = {
    "open": ("待确认", "to decide", "wait"), "agreed": ("已确认", "agreed", "good"),
    "disputed": ("有异议", "disputed", "bad"), "dropped": ("已撤回", "dropped", "over"),
}  # fmt: skip
STATEMENTS = {
    "open": ("待确认", "to decide", "wait"), "agreed": ("已确认", "agreed", "good"),
    "disputed": ("有异议", "disputed", "bad"),
}  # fmt: skip
CHARGES = {
    "preview": ("预览", "preview", "over"), "issued": ("待缴", "to pay", "wait"),
    "received": ("已缴清", "paid", "good"), "cancelled": ("已冲销", "cancelled", "over"),
}  # fmt: skip
CLAIMS = {
    "filed": ("已提交", "filed", "wait"), "assessed": ("已审核", "assessed", "wait"),
    "approved": ("已批准", "approved", "good"), "held": ("已预留", "held", "good"),
    "instructed": ("付款中", "being paid", "wait"), "paid": ("已付款", "paid", "good"),
    "returned": ("已退回", "returned", "bad"), "appealed": ("复核中", "under appeal", "wait"),
    "rejected": ("未批准", "rejected", "bad"), "withdrawn": ("已撤回", "withdrawn", "over"),
}  # fmt: skip
FUNDS = {"RELIEF": ("纾困", "relief"), "STAFF": ("人员保障", "staff"), "ADMIN": ("管理", "administration")}


def register(app: Flask) -> None:
    @page(app, "portal.contracts", "/contracts")
    def contracts(door: Door) -> Response:
        return show(door, _contracts(door))

    @page(app, "portal.contract", "/contracts/<uuid:contract_id>")
    def contract(door: Door, contract_id: UUID) -> Response:
        return _contract(door, contract_id)

    @page(app, "portal.statements", "/statements")
    def statements(door: Door) -> Response:
        return show(door, _statements(door))

    @page(app, "portal.statement", "/statements/<uuid:statement_id>")
    def statement(door: Door, statement_id: UUID) -> Response:
        return _statement(door, statement_id)

    @act(app, "portal.statement_decide", "/statements/<uuid:statement_id>/lines")
    def decide(door: Door, statement_id: UUID) -> Response:
        with door.attempting() as tried:
            lines = _decided()
            commission_service.decide(door.session, statement_id, caller=door.caller, lines=lines)
        if tried.error is not None:
            return _statement(door, statement_id, tried.error)
        flash(_("已记录；全部确认后，确认金额即为征收基数。"), "good")
        return door.go("statement", statement_id=statement_id)

    @page(app, "portal.charges", "/fund")
    def charges(door: Door) -> Response:
        row = income.account(door.session, door.house.id, clock.today_in_china())
        owed = row.charged_fen - row.credited_fen - row.received_fen
        figures = [
            (_("应缴未缴"), yuan(owed)),
            (_("其中逾期"), yuan(row.overdue_fen)),
            (_("已缴"), yuan(row.received_fen)),
        ]
        return show(door, _charges(door), "portal/charges.html", figures=figures)

    @act(app, "portal.charge_object", "/fund/charges/<uuid:charge_id>/objections", ("GET", "POST"))
    def object_to(door: Door, charge_id: UUID) -> Response:
        found = _own_charge(door, charge_id)
        if request.method != "POST":
            return _charge(door, found)
        said = request.form.get("said", "").replace("\r\n", "\n").strip()
        with door.attempting() as tried:
            if not 1 <= len(said) <= answering.MAX_SAID:
                raise bad_field("/said", "请写明理由，至多 500 字", "Give the reason, at most 500 characters")
            answering.object_to(door.session, charge_id, member_id=door.house.id, said=said)
        if tried.error is not None:
            return _charge(door, found, tried.error, said)
        flash(_("异议已提交；答复之前不催缴。"), "good")
        return door.go("charges")

    @page(app, "portal.claims", "/claims")
    def own_claims(door: Door) -> Response:
        may = PAGES["portal.claim_file"].opens_for(door.me.roles, door.house.kind)
        return show(door, _claims(door), "portal/claims.html", may=may)


# --- contracts ------------------------------------------------------------------------------------------------------


def _contracts(door: Door) -> Listing:
    today = clock.today_in_china()

    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return queries.contracts(
            door.session, today=today, expiring_days=60 if values["ends"] else None,
            after=id_after(after), limit=limit,
        )  # fmt: skip

    return Listing(
        name="contracts",
        title=_("合同"),
        rule=_("本机构的委托服务合同。起草与签署以机构自己的密钥进行：用 gongxin-member 或接口。"),
        columns=[
            Column(_("编号"), lambda c: f"{c.number} v{c.version}"),
            Column(
                _("对方"), lambda c: name_of(door, c.agency_id if c.creditor_id == door.house.id else c.creditor_id)
            ),
            Column(_("状态"), lambda c: languages.both(*_state(c)[:2])),
            Column(_("起"), lambda c: day(c.begins_on)),
            Column(_("止"), lambda c: day(c.ended_on or c.ends_on)),
            Column(_("上限"), lambda c: languages.both(*VERDICTS[c.verdict][:2]) if c.verdict in VERDICTS else "—"),
        ],
        fetch=fetch,
        key=lambda c: [str(c.id)],
        address=lambda c: url_for("portal.contract", contract_id=c.id),
        filters=[Filter("ends", _("到期"), [("soon", _("60 日内到期"))])],
        empty=_("还没有合同。用 gongxin-member contract 起草。"),
    )


def _state(contract: Any) -> tuple[str, str, str]:
    name = rules.shown_state(
        contract.state, contract.begins_on, contract.ends_on, contract.ended_on, clock.today_in_china()
    )
    return STATES.get(name, (name, name, "over"))


def _contract(door: Door, contract_id: UUID) -> Response:
    found = queries.get_contract(door.session, contract_id)
    model = _model(door, contract_id)
    age, round_ = _pick("age", len(AGES)), _pick("round", 5)
    points = drawing.curve(model, age, round_) if model is not None else []
    points = [point for point in points if point["amount_fen"] >= curves.FROM_FEN]
    word = _state(found)
    object_ = {
        "title": f"{found.number} v{found.version}",
        "rule": _("费率以签署的内容为准；佣金 = 费率所得（四舍五入）与上限（向下取整）中较小者。"),
        "number": found.content_hash.hex(),
        "back": url_for("portal.contracts"),
        "back_name": _("合同"),
        "state": (languages.both(*word[:2]), word[2]),
        "facts": [
            (_("债权人"), name_of(door, found.creditor_id)),
            (_("受托机构"), name_of(door, found.agency_id)),
            (_("起"), day(found.begins_on)),
            (_("止"), day(found.ended_on or found.ends_on)),
            (_("上限结论"), languages.both(*VERDICTS[found.verdict][:2]) if found.verdict in VERDICTS else None),
            (_("签署于"), moment(found.signed_at) if found.signed_at else None),
        ],
        "steps": [
            {"what": _("签署"), "who": name_of(door, s.member_id), "why": "", "at": s.signed_at, "leaf": s.id}
            for s in queries.signatures(door.session, contract_id)
        ],
    }
    return door.render(
        "portal/contract.html", object=object_, contract_id=contract_id, ages=list(enumerate(AGES, 1)), age=age,
        round_=round_, tiers=_tiers(model), chart=curves.rates(points, _("佣金率")) if points else "",
        points=[[yuan(p["amount_fen"]), yuan(p["commission_fen"]), percent(p["effective_bp"])] for p in points[::3]],
    )  # fmt: skip


def _model(door: Door, contract_id: UUID) -> FeeModel | None:
    try:
        return service.model_of(queries.get_content(door.session, contract_id))
    except NotFound:
        return None


def _pick(name: str, most: int) -> int:
    given = request.args.get(name, "1")
    return int(given) if given.isascii() and given.isdigit() and 1 <= int(given[:3]) <= most else 1


def _tiers(model: FeeModel | None) -> list[list[Any]]:
    return [
        [
            f"{row['age_from']} – {row['age_to']}",
            yuan(row["from_fen"]) + (f" – {yuan(row['to_fen'])}" if row["to_fen"] is not None else " +"),
            percent(row["rate_bp"]) if row["rate_bp"] is not None else "—",
        ]
        for row in (drawing.table(model) if model is not None else [])
    ]


# --- statements -----------------------------------------------------------------------------------------------------


def _statements(door: Door) -> Listing:
    def fetch(_values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return commissions.statements(door.session, after=id_after(after), limit=limit)

    return Listing(
        name="statements",
        title=_("对账单"),
        rule=_("受托机构按月出具，债权人逐行确认或提出异议；全部有结论后，确认金额成为征收基数。"),
        columns=[
            Column(_("对账月份"), lambda s: s.month),
            Column(
                _("对方"), lambda s: name_of(door, s.agency_id if s.creditor_id == door.house.id else s.creditor_id)
            ),
            Column(_("状态"), lambda s: languages.both(*_word(STATEMENTS, s.state)[:2])),
            Column(_("合计"), lambda s: yuan(s.total_fen), end=True),
            Column(_("确认金额"), lambda s: yuan(s.agreed_fen) if s.agreed_fen is not None else "—", end=True),
        ],
        fetch=fetch,
        key=lambda s: [str(s.id)],
        address=lambda s: url_for("portal.statement", statement_id=s.id),
        empty=_("还没有对账单。受托机构出具后，双方在此看到。"),
    )


def _statement(door: Door, statement_id: UUID, error: GongxinError | None = None) -> Response:
    found = commissions.get_statement(door.session, statement_id)
    word = _word(STATEMENTS, found.state)
    creditor = found.creditor_id == door.house.id
    acts = door.house.state == "active" and not WORKERS.isdisjoint(door.me.roles)
    lines = [
        {
            "position": line.position, "reference": recovery.reference, "received_on": recovery.received_on,
            "base": recovery.base_fen, "amount": line.amount_fen, "reason": line.reason,
            "state": _word(LINES, line.state),
            "open": acts and (line.state in {"open", "disputed"} if creditor else line.state == "disputed"),
        }
        for line, recovery in commissions.lines(door.session, statement_id)
    ]  # fmt: skip
    object_ = {
        "title": _("对账单 ") + found.month,
        "rule": _("确认后不能改口；有异议须写明理由，由受托机构撤回该行或协商后再确认。"),
        "number": str(found.id),
        "back": url_for("portal.statements"),
        "back_name": _("对账单"),
        "state": (languages.both(*word[:2]), word[2]),
        "facts": [
            (_("债权人"), name_of(door, found.creditor_id)),
            (_("受托机构"), name_of(door, found.agency_id)),
            (_("合计"), yuan(found.total_fen)),
            (_("确认金额"), yuan(found.agreed_fen) if found.agreed_fen is not None else None),
        ],
        "steps": [
            {"what": _("出具"), "who": name_of(door, found.agency_id), "why": "", "at": found.made_at, "leaf": ""}
        ]
        + (
            [{"what": _("有结论"), "who": "", "why": "", "at": found.decided_at, "leaf": found.leaf_id}]
            if found.decided_at
            else []
        ),
    }
    return door.render(
        "portal/statement.html", error=error, object=object_, statement_id=statement_id, lines=lines,
        creditor=creditor, any_open=any(line["open"] for line in lines), typed=request.form if error else {},
    )  # fmt: skip


def _decided() -> list[tuple[int, str, str | None]]:
    """The lines somebody chose something for."""
    found = []
    for name, value in request.form.items():
        place = name.removeprefix("line-")
        if not name.startswith("line-") or not value or not place.isdigit() or len(place) > 6:
            continue
        if value not in {"agreed", "disputed", "dropped"}:
            raise bad_field("/lines", "请选择确认或异议", "Agree or dispute")
        reason = request.form.get(f"reason-{place}", "").strip()[:200] or None
        refuse_pii(reason, "/lines")
        found.append((int(place), value, reason if value == "disputed" else None))
    if not found:
        raise bad_field("/lines", "请至少对一行作出选择", "Choose for one line at least")
    return found


# --- the fund -------------------------------------------------------------------------------------------------------


def _charges(door: Door) -> Listing:
    def fetch(_values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return income.charges(door.session, member_id=door.house.id, after=id_after(after), limit=limit)

    return Listing(
        name="charges",
        title=_("互助金账单"),
        rule=_("按确认的对账单征收。缴款时写明参考号，到账后自动销账；有异议可在到期前提出。"),
        columns=[
            Column(_("参考号"), lambda c: c.reference),
            Column(_("基金"), lambda c: languages.both(*FUNDS[c.fund]) if c.fund in FUNDS else c.fund),
            Column(_("状态"), lambda c: languages.both(*_word(CHARGES, c.state)[:2])),
            Column(_("金额"), lambda c: yuan(c.amount_fen), end=True),
            Column(_("已缴"), lambda c: yuan(c.received_fen), end=True),
            Column(_("到期"), lambda c: day(c.due_on)),
        ],
        fetch=fetch,
        key=lambda c: [str(c.id)],
        address=lambda c: url_for("portal.charge_object", charge_id=c.id),
        empty=_("没有账单。"),
    )


def _own_charge(door: Door, charge_id: UUID) -> Any:
    found = income.get_charge(door.session, charge_id)
    if found.member_id != door.house.id:
        raise NotFound("charge_not_found", zh="没有这张账单", en="There is no such charge")
    return found


def _charge(door: Door, found: Any, error: GongxinError | None = None, said: str = "") -> Response:
    word = _word(CHARGES, found.state)
    told = [(_("已缴"), r.at, yuan(r.amount_fen)) for r in income.receipts(door.session, found.id)]
    objections = income.objections(door.session, found.id)
    object_ = {
        "title": found.reference or "—",
        "rule": _("异议在期限内答复；答复之前不催缴。"),
        "number": str(found.id),
        "back": url_for("portal.charges"),
        "back_name": _("互助金账单"),
        "state": (languages.both(*word[:2]), word[2]),
        "facts": [
            (_("金额"), yuan(found.amount_fen)),
            (_("已缴"), yuan(found.received_fen)),
            (_("已冲减"), yuan(found.credited_fen)),
            (_("到期"), day(found.due_on)),
        ],
        "steps": [{"what": what, "who": "", "why": why, "at": at, "leaf": ""} for what, at, why in told]
        + [{"what": _("异议与答复"), "who": "", "why": o.said, "at": o.said_at, "leaf": o.id} for o in objections],
    }
    return door.render(
        "portal/charge.html", error=error, object=object_, charge_id=found.id, said=said, sum=calculation.of(found),
        may=not WORKERS.isdisjoint(door.me.roles),
    )  # fmt: skip


def _claims(door: Door) -> Listing:
    def fetch(_values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return claims.claims(door.session, state=None, fund=None, after=id_after(after), limit=limit)

    return Listing(
        name="claims",
        title=_("互助金申请"),
        rule=_("本机构提交或受邀复核的申请。退回的可在期限内申诉。"),
        columns=[
            Column(_("编号"), lambda c: c.number),
            Column(_("基金"), lambda c: languages.both(*FUNDS[c.fund]) if c.fund in FUNDS else c.fund),
            Column(_("状态"), lambda c: languages.both(*_word(CLAIMS, c.state)[:2])),
            Column(_("申请"), lambda c: yuan(c.asked_fen), end=True),
            Column(_("核准"), lambda c: yuan(c.granted_fen) if c.granted_fen is not None else "—", end=True),
            Column(_("提交于"), lambda c: moment(c.filed_at)),
        ],
        fetch=fetch,
        key=lambda c: [str(c.id)],
        address=lambda c: url_for("portal.claim", claim_id=c.id),
        empty=_("没有申请。"),
    )


def _word(table: dict[str, tuple[str, str, str]], name: str) -> tuple[str, str, str]:
    return table.get(name, (name, name, "over"))
