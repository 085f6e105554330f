"""互助金申请 Claims on the fund: filed for a person by blind token, or for an agent of our own; appealed, withdrawn.
The payee's account is sealed as it comes in and never shown again."""

from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin import clock
from gongxin.agents import queries as agents
from gongxin.errors import GongxinError
from gongxin.fund.claims import queries, rules, service
from gongxin.pii import refuse_pii

from ... import languages, reading
from ...face import Door, page
from ...formats import day, plain, yuan
from ...permissions import WORKERS
from ..fund import claim_object, wording
from .asking import KINDS
from .common import act, blinded, name_of

VERBS = {"appeal": service.appeal, "withdraw": service.withdraw}
PAYEE = ("holder", "account", "bank_code", "bank_name")
WITHDRAWN_FROM = tuple(state for state, following in rules.STEPS.items() if "withdrawn" in following)


def register(app: Flask) -> None:
    @act(app, "portal.claim_file", "/claims/new", ("GET", "POST"))
    def file(door: Door) -> Response:
        fund = _fund(door)
        if request.method != "POST":
            return _form(door, fund)
        with door.attempting() as tried:
            made = service.file(door.session, door.config, caller=door.caller, **_asked(door, fund))
        if tried.error is not None:
            return _form(door, fund, tried.error)
        flash(_("申请已提交；由协会评估，两家机构各一人批准。"), "good")
        return door.go("claim", claim_id=made.id)

    @page(app, "portal.claim", "/claims/<uuid:claim_id>")
    def claim(door: Door, claim_id: UUID) -> Response:
        return _claim(door, claim_id)

    @act(app, "portal.claim_act", "/claims/<uuid:claim_id>/acts")
    def move(door: Door, claim_id: UUID) -> Response:
        with door.attempting() as tried:
            verb, reason = reading.chosen("verb", VERBS), reading.text("reason")
            if verb is None or reason is None:
                raise wording.missing("verb" if verb is None else "reason")
            VERBS[verb](door.session, claim_id, actor=wording.actor(door), reason=reason)
        if tried.error is not None:
            return _claim(door, claim_id, tried.error)
        flash(_("已记录；每一步写入透明日志。"), "good")
        return door.go("claim", claim_id=claim_id)


def _fund(door: Door) -> str:
    """Which fund the form is of; STAFF is for agencies' own people."""
    wanted = request.values.get("fund", "")
    return "STAFF" if wanted == "STAFF" and door.house.kind == "agency" else "RELIEF"


def _asked(door: Door, fund: str) -> dict[str, Any]:
    """What the service takes, read from the form. Raises Invalid at the field."""
    needed, text = wording.needed, reading.text
    found: dict[str, Any] = {
        "officer": door.me.officer, "fund": fund, "cause": needed("cause", text), "region": needed("region", text),
        "asked_fen": needed("asked_fen", reading.fen), "term_days": needed("term_days", reading.whole),
        "payee": {name: needed(name, text) for name in PAYEE}, "payee_kind": needed("payee_kind", text),
        "unrelated": request.form.get("unrelated") == "yes",
    }  # fmt: skip
    refuse_pii(found["payee"]["bank_name"], "/bank_name")
    for name in ("means_sha256", "evidence_sha256"):
        found[name] = bytes.fromhex(needed(name, reading.fingerprint))
    if fund == "RELIEF":
        return found | {"subject": blinded()}
    return found | {"agent_id": needed("agent_id", reading.identifier)}


def _form(door: Door, fund: str, error: GongxinError | None = None) -> Response:
    if error is not None and error.pointer and error.pointer.startswith("/subject"):
        error.pointer = "/number"
    caps = rules.pack()["caps"]
    causes = [
        (name, f"{wording.of(wording.CAUSES, name)} · " + _("单笔至多 %(cap)s", cap=yuan(cap["per_claim_fen"])))
        for name, cap in caps.items()
        if cap["fund"] == fund
    ]
    return door.render(
        "portal/claim_file.html", error=error, fund=fund, typed=request.form, causes=causes,
        staff=door.house.kind == "agency", payees=wording.options(wording.PAYEES),
        agents=_agents(door) if fund == "STAFF" else [], most=rules.MAX_TERM, synthetic=door.config.synthetic,
        kinds=[(kind, languages.both(zh, en)) for kind, zh, en in KINDS],
        unverified=rules.pack()["source_status"] == "unverified",
    )  # fmt: skip


def _agents(door: Door) -> list[tuple[str, str]]:
    found = agents.roll(door.session, agency_id=door.house.id, limit=500)
    return [(str(a.id), a.licence_no or str(a.id)) for a in found]


def _claim(door: Door, claim_id: UUID, error: GongxinError | None = None) -> Response:
    found = queries.get_claim(door.session, claim_id)
    ours = found.filed_by == door.house.id
    may = ours and door.house.state == "active" and not WORKERS.isdisjoint(door.me.roles)
    in_time = found.appeal_by is not None and clock.today_in_china() <= found.appeal_by
    verb = ""
    if may:
        verb = "appeal" if found.state == "returned" and in_time else ""
        verb = "withdraw" if found.state in WITHDRAWN_FROM else verb
    shown = claim_object.of(
        door, found, facts=_facts(door, found), back=url_for("portal.claims"), back_name=_("互助金申请")
    )
    return door.render(
        "portal/claim.html", error=error, object=shown, claim_id=claim_id, verb=verb,
        typed=request.form if error is not None else {}, lines=claim_object.lines(found),
        missed=ours and found.state == "returned" and not in_time,
    )  # fmt: skip


def _facts(door: Door, found: Any) -> list[tuple[str, Any]]:
    code = Markup("<code>{}</code>")
    return [
        (_("基金"), wording.of(wording.FUNDS, found.fund)),
        (_("申请方"), name_of(door, found.filed_by)),
        (_("经办"), found.filed_officer),
        (_("申请额"), yuan(found.asked_fen)),
        (_("核定额"), None if found.granted_fen is None else yuan(found.granted_fen)),
        (_("救助期"), _("%(days)s 天", days=found.term_days)),
        (_("收款人类别"), wording.of(wording.PAYEES, found.payee_kind)),
        (_("复核机构"), name_of(door, found.reviewer_id) if found.reviewer_id else None),
        (_("经济状况材料"), code.format(found.means_sha256.hex())),
        (_("事由证据"), code.format(found.evidence_sha256.hex())),
        (_("申诉截止"), day(found.appeal_by) if found.appeal_by else None),
        (_("理由"), plain(found.reason) if found.reason else None),
    ]
