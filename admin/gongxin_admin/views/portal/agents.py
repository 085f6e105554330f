"""催收员 Our agents, their terms and badges; the check of a candidate, by licence number or
by a blind token made in the browser."""

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from flask import Flask, Response, flash, make_response, request, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.access import service as access
from gongxin.agents import badges, checks, identities, queries, queries_badges, questions, rules
from gongxin.errors import GongxinError, Invalid, bad_field
from gongxin.web.paging import id_after

from ... import languages
from ...face import Door, page
from ...formats import day, moment
from ...listing import Column, Filter, Listing, show
from ...permissions import WORKERS
from ..agents import words as agent_words
from ..blacklist import wording
from .asking import KINDS, RECEIPT_FORMAT
from .common import act, runtime

PURPOSES = {"bank": "placement", "agency": "hiring"}
SOON_DAYS = 60
REASONS = {
    "lost": ("遗失", "lost"), "stolen": ("被盗", "stolen"), "damaged": ("损坏", "damaged"),
    "wrong": ("信息有误", "wrong"), "left": ("人员离职", "left"),
}  # fmt: skip
BADGE_STATES = {
    "in_force": ("有效", "in force", "good"), "suspended": ("已中止", "suspended", "bad"),
    "ended": ("已失效", "ended", "over"),
}  # fmt: skip


def register(app: Flask) -> None:
    @act(app, "portal.screen", "/screen", ("GET", "POST"))
    def screen(door: Door) -> Response:
        return _screen(door) if request.method == "POST" else _form(door, {})

    @page(app, "portal.agents", "/agents")
    def agents(door: Door) -> Response:
        return show(door, _listing(door))

    @page(app, "portal.agent", "/agents/<uuid:agent_id>")
    def agent(door: Door, agent_id: UUID) -> Response:
        return _agent(door, agent_id)

    @act(app, "portal.badge_issue", "/agents/<uuid:agent_id>/badges")
    def issue(door: Door, agent_id: UUID) -> Response:
        with door.attempting() as tried:
            badges.issue(door.session, runtime=runtime(door), caller=door.caller, agent_id=agent_id)
        if tried.error is not None:
            return _agent(door, agent_id, tried.error)
        flash(_("工牌已签发，原工牌随即失效。"), "good")
        return door.go("agent", agent_id=agent_id)

    @act(app, "portal.badge_withdraw", "/agents/<uuid:agent_id>/badges/<uuid:badge_id>/withdrawal")
    def withdraw(door: Door, agent_id: UUID, badge_id: UUID) -> Response:
        with door.attempting() as tried:
            reason = request.form.get("reason", "")
            if reason not in REASONS:
                raise bad_field("/reason", "请选择原因", "Choose why")
            badges.withdraw(door.session, caller=door.caller, agent_id=agent_id, badge_id=badge_id, reason=reason)
        if tried.error is not None:
            return _agent(door, agent_id, tried.error)
        flash(_("工牌已收回，查验即时显示失效。"), "good")
        return door.go("agent", agent_id=agent_id)

    @page(app, "portal.badge_card", "/agents/<uuid:agent_id>/badges/<uuid:badge_id>/card")
    def card(door: Door, agent_id: UUID, badge_id: UUID) -> Response:
        language = "en" if request.args.get("language") == "en" else "zh"
        made = badges.card(door.session, runtime=runtime(door), agent_id=agent_id, badge_id=badge_id, language=language)
        answer = make_response(made)
        answer.mimetype = "application/pdf"
        answer.headers["Content-Disposition"] = f'attachment; filename="badge-{badge_id}.pdf"'
        return answer


# --- the check ------------------------------------------------------------------------------------------------------


def _screen(door: Door) -> Response:
    typed = {name: request.form.get(name, "").strip()[:64] for name in ("licence", "consent")}
    purpose = PURPOSES[door.house.kind]
    body: dict[str, Any] = {}
    reply: dict[str, Any] = {}
    with door.attempting() as tried:
        item: dict[str, Any] = {"licence": typed["licence"]} if typed["licence"] else {"subject": _subject()}
        if purpose == "hiring":
            if not typed["consent"]:
                raise bad_field("/consent", "招用核验须写明本人同意书编号", "Name the applicant's consent")
            item["consent"] = typed["consent"]
        body = {"purpose": purpose, "items": [item]}
        question = questions.of(runtime(door), body, door.house.kind)
        reply = orjson.loads(checks.check(runtime(door), door.caller, question))
    if tried.error is not None:
        return _form(door, typed, tried.error)
    (answer,) = reply["answers"]
    kept = {
        "format": RECEIPT_FORMAT, "registry": door.config.issuer, "question": body, "reply": reply,
        "keys": access.public_jwks(door.session, use="receipt"),
    }  # fmt: skip
    file = json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
    return door.render(
        "portal/screened.html", verdict=verdict(answer), reply=reply, facts_=_told(answer), typed=typed,
        entry=answer.get("blacklist"), file="data:application/json;base64," + base64.b64encode(file).decode(),
    )  # fmt: skip


def _subject() -> Any:
    try:
        return json.loads(request.form.get("subject", ""))
    except ValueError:
        raise Invalid(
            "nobody_named",
            zh="请填写执照编号或证件号码",
            en="Give a licence number or a document number",
            fix_zh="证件号码须由启用脚本的浏览器转成令牌。",
            fix_en="A document number becomes a token in a browser with script.",
            pointer="/licence",
        ) from None


def _form(door: Door, typed: dict[str, str], error: GongxinError | None = None) -> Response:
    if error is not None and error.pointer:
        last = error.pointer.rsplit("/", 1)[-1]
        error.pointer = f"/{last}" if last in {"licence", "consent"} else "/number"
    kinds = [(kind, languages.both(zh, en)) for kind, zh, en in KINDS if kind != "uscc"]
    return door.render("portal/screen.html", error=error, typed=typed, kinds=kinds, hiring=door.house.kind == "agency")


def verdict(answer: dict[str, Any]) -> tuple[str, str, str]:
    """(mood, what is so, what it means): a person not found is never a person cleared."""
    entry = answer.get("blacklist") or {}
    listed = entry.get("state") == "listed" or "stop_until" in entry
    if not answer["found"]:
        if listed:
            return "bad", _("没有执照，且在风险名单上"), _("不得招用或委派。")
        return "wait", _("没有找到执照"), _("登记处没有此人的执照。这不是“无不良记录”的证明：不得从事催收。")
    if not answer["may_work"]:
        return "bad", _("不得从事催收"), _("执照不在有效状态，或在风险名单上。")
    if listed:
        return "wait", _("可以从事催收，但有名单记录"), _("请看名单记录的等级与本人陈述后再决定。")
    if entry.get("state") == "not_available":
        return "wait", _("执照有效；名单未答复"), _("名单没有答复，不能当作无记录。")
    return "good", _("可以从事催收"), _("执照有效，风险名单上没有记录。")


def _told(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    if not answer["found"]:
        return [(_("风险名单"), _entry(answer["blacklist"]))] if "blacklist" in answer else []
    licence, agency = answer.get("licence") or {}, answer.get("agency") or {}
    record, entry = answer.get("record") or {}, answer.get("blacklist") or {}
    found: list[tuple[str, Any]] = [
        (_("执照编号"), licence.get("number")),
        (_("执照状态"), languages.both(*agent_words.STATES[licence["state"]][:2]) if licence else None),
        (_("有效期"), f"{licence['valid_from']} – {licence['valid_until']}" if licence.get("valid_until") else None),
        (_("所在机构"), languages.both(agency["name_zh"], agency["name_en"] or agency["name_zh"]) if agency else None),
        (_("信用等级"), record.get("grade")),
        (_("风险名单"), _entry(entry)),
    ]
    if "transfer" in answer:
        found.append((_("原机构已放行"), _("是") if answer["transfer"]["released"] else _("否")))
    return found


def _entry(entry: dict[str, Any]) -> str:
    if entry.get("state") == "listed":
        level = wording.of(wording.LEVELS, entry.get("level"))
        return level + (_("（有争议）") if entry.get("contested") else "")
    if "stop_until" in entry:
        return _("临时停止作业至 ") + str(entry["stop_until"])
    return _("未答复") if entry.get("state") in {None, "not_available"} else _("没有记录")


# --- our people -----------------------------------------------------------------------------------------------------


def _listing(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        until = clock.today_in_china() + timedelta(days=SOON_DAYS) if values["ends"] else None
        return queries.roll(
            door.session, agency_id=door.house.id, state=values["state"] or None, until=until,
            after=id_after(after), limit=limit,
        )  # fmt: skip

    today = clock.today_in_china()
    return Listing(
        name="agents",
        title=_("我的催收员"),
        rule=_("本机构申请执照的人员。执照到期即不得联系债务人；续期请提前办理。"),
        columns=[
            Column(_("执照编号"), lambda a: a.licence_no),
            Column(
                _("状态"),
                lambda a: languages.both(*agent_words.STATES[rules.shown_state(a.state, a.valid_until, today)][:2]),
            ),
            Column(_("有效期至"), lambda a: day(a.valid_until)),
            Column(_("申请于"), lambda a: moment(a.created_at)),
        ],
        fetch=fetch,
        key=lambda a: [str(a.id)],
        address=lambda a: url_for("portal.agent", agent_id=a.id),
        filters=[
            Filter("state", _("状态"), [(s, languages.both(*w[:2])) for s, w in agent_words.STATES.items()], tab=True),
            Filter("ends", _("到期"), [("soon", _("60 日内到期"))]),
        ],
        empty=_("还没有人员。用 gongxin-member 或接口提交执照申请。"),
    )


def _agent(door: Door, agent_id: UUID, error: GongxinError | None = None) -> Response:
    found, today = queries.get_agent(door.session, agent_id), clock.today_in_china()
    state = rules.shown_state(found.state, found.valid_until, today)
    word = agent_words.STATES[state]
    acts = door.house.state == "active" and not WORKERS.isdisjoint(door.me.roles)
    object_ = {
        "title": identities.read(door.session, door.config, agent_id)["name"],
        "rule": _("姓名只对本机构与协会显示；公开查验只显示执照编号、机构与状态。"),
        "number": found.licence_no,
        "back": url_for("portal.agents"),
        "back_name": _("我的催收员"),
        "state": (languages.both(*word[:2]), word[2]),
        "facts": [(_("有效期自"), day(found.valid_from)), (_("有效期至"), day(found.valid_until))],
        "steps": [
            {
                "what": languages.both(*agent_words.MOVES[c.action]) if c.action in agent_words.MOVES else c.action,
                "who": "", "why": c.reason, "at": c.changed_at, "leaf": c.id,
            }
            for c in reversed(queries.changes(door.session, agent_id))
        ],
    }  # fmt: skip
    held = [
        {
            "id": b.id, "in_force": b.ended_at is None, "level": languages.both(*agent_words.LEVELS[b.level]),
            "issued_at": b.issued_at, "expires_at": b.expires_at,
            "state": BADGE_STATES[badges.status(b, found.state)],
        }
        for b in queries_badges.badges(door.session, agent_id)
    ]  # fmt: skip
    certificates = [
        [languages.both(*agent_words.LEVELS[c.level]), day(c.issued_on), day(c.valid_until)]
        for c in queries.certificates(door.session, agent_id)
    ]
    return door.render(
        "portal/agent.html", error=error, object=object_, agent_id=agent_id, badges=held, acts=acts,
        certificates=certificates, may_issue=acts and state == "granted",
        reasons=[(name, languages.both(*pair)) for name, pair in REASONS.items()],
    )  # fmt: skip
