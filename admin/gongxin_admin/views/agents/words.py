"""The words of agents on a page, each (中文, English), and what the section's pages share."""

from collections.abc import Mapping
from datetime import date, timedelta

from flask import url_for

from gongxin import calendar, clock
from gongxin.agents import rules

from ... import languages
from ...face import Door
from ...menu import Line
from ..common import day_of, is_officer, names

__all__ = ["day_of", "is_officer", "names"]

Pair = tuple[str, str]
Words = Mapping[str, tuple[str, ...]]
STATES: dict[str, tuple[str, str, str]] = {
    "applied": ("已申请", "applied", "wait"),
    "checking": ("审核中", "under review", "wait"),
    "granted": ("在用", "in force", "good"),
    "suspended": ("已中止", "suspended", "bad"),
    "refused": ("未获许可", "refused", "bad"),
    "revoked": ("已吊销", "revoked", "bad"),
    "expired": ("已到期", "expired", "over"),
    "surrendered": ("已注销", "surrendered", "over"),
}
MOVES: dict[str, Pair] = {
    "apply": ("申请", "applied for"),
    "check": ("受理", "Take up"),
    "refuse": ("不予许可", "Refuse"),
    "grant": ("许可", "Grant"),
    "renew": ("续期", "Renew"),
    "suspend": ("中止", "Suspend"),
    "reinstate": ("恢复", "Reinstate"),
    "revoke": ("吊销", "Revoke"),
    "expire": ("到期", "expired"),
    "surrender": ("注销", "Surrender"),
    "release": ("放行", "released"),
    "retain": ("收回放行", "release taken back"),
    "claim": ("认领", "claimed"),
}
# Said before acting.
CONSEQUENCES: dict[str, Pair] = {
    "check": ("开始审核，申请机构可见。", "The review begins; the agency sees it."),
    "grant": (
        "执照即时生效，期限不超过上岗证书；须已有机构备案。",
        "The licence is in force at once, no longer than the basic certificate; the agency must have a filing.",
    ),
    "refuse": (
        "三年内不再受理此人的申请；机构可见理由。",
        "No application for the person for three years; the agency sees the reason.",
    ),
    "renew": ("按今日起算新期限，不超过上岗证书。", "A new term from today, no longer than the basic certificate."),
    "suspend": (
        "公开查验立即显示已中止，此人不得再联系债务人；可恢复。",
        "The public check says suspended at once, the person may contact no debtor; can be undone.",
    ),
    "reinstate": ("执照恢复，期限不超过上岗证书。", "The licence is in force again, no longer than the certificate."),
    "revoke": (
        "执照终止，三年内不再受理；不可撤销。",
        "The licence ends, no application for three years; cannot be undone.",
    ),
    "surrender": ("执照终止，可随时重新申请。", "The licence ends; the person may apply again at any time."),
}
ADVERSE = frozenset({"refuse", "suspend", "revoke", "surrender"})
EDUCATION: dict[str, Pair] = {
    "secondary": ("高中或中专", "secondary"),
    "college": ("大专", "college"),
    "bachelor": ("本科", "bachelor"),
    "postgraduate": ("研究生", "postgraduate"),
}
LEVELS: dict[str, Pair] = {
    "basic": ("上岗", "basic"),
    "senior": ("高级", "senior"),
    "debt_counsellor": ("债务顾问", "debt counsellor"),
}
SEVERITIES: dict[str, Pair] = {
    "S1": ("S1 暴力或犯罪", "S1 violence or crime"),
    "S2": ("S2 严重", "S2 grave"),
    "S3": ("S3 轻微", "S3 minor"),
}
CERTAINTIES: dict[str, Pair] = {
    "proven": ("已证实", "proven"),
    "established": ("经委员会认定", "established"),
    "alleged": ("仅为指称", "alleged"),
}
KINDS: dict[str, Pair] = {"violation": ("违规", "violation"), "commendation": ("表彰", "commendation")}
RESPONSES: dict[str, Pair] = {
    "reply": ("答复", "reply"),
    "objection": ("异议", "objection"),
    "correction_request": ("更正请求", "request to correct"),
    "decision": ("决定", "decision"),
}
OUTCOMES: dict[str, tuple[str, str, str]] = {
    "upheld": ("成立", "upheld", "good"),
    "rejected": ("不成立", "rejected", "over"),
}
WHY: dict[str, Pair] = {
    "alleged_never_counts": ("指称不计分", "an allegation never counts"),
    "past_its_term": ("期满不再计分", "past its term"),
    "whole_inside_its_term": ("期内全额计分", "whole inside its term"),
    "less_with_each_month": ("逐月递减", "less with each month"),
    "commendations_capped": ("表彰抵扣以上限为止", "commendations take away no more"),
    "never_under_zero": ("合计不低于零", "the sum is never under zero"),
}
PURPOSES: dict[str, Pair] = {
    "placement": ("委案前核验", "before placing"),
    "hiring": ("招用核验", "before hiring"),
    "supervision": ("监管核验", "supervision"),
}
SCOPE: dict[str, Pair] = {
    "remind": ("提醒", "remind"),
    "negotiate": ("协商", "negotiate"),
    "formal_notice": ("正式函告", "formal notice"),
    "mediation": ("调解", "mediation"),
    "on_site": ("上门", "on-site"),
    "court_support": ("协助诉讼", "court support"),
}
ROLES: dict[str, Pair] = {
    "conduct": ("行为合规负责人", "conduct"),
    "data_protection": ("个人信息保护负责人", "data protection"),
    "complaints": ("投诉负责人", "complaints"),
    "training": ("培训负责人", "training"),
}
FILING_STATES: dict[str, tuple[str, str, str]] = {
    "submitted": ("待受理", "waiting", "wait"),
    "accepted": ("生效", "in force", "good"),
    "returned": ("已退回", "returned", "bad"),
    "suspended": ("已中止", "suspended", "bad"),
    "withdrawn": ("已撤回", "withdrawn", "over"),
    "revoked": ("已撤销", "revoked", "bad"),
    "superseded": ("已被取代", "superseded", "over"),
}
FILING_MOVES: dict[str, Pair] = {
    "file": ("提交", "filed"),
    "accept": ("受理", "Accept"),
    "return": ("退回", "Return"),
    "suspend": ("中止", "Suspend"),
    "reinstate": ("恢复", "Reinstate"),
    "revoke": ("撤销", "Revoke"),
    "withdraw": ("撤回", "withdrawn"),
    "supersede": ("取代", "superseded"),
}
FILING_CONSEQUENCES: dict[str, Pair] = {
    "accept": (
        "备案生效，取代原备案；其人员可申请执照。",
        "The filing is in force in place of the one before; its people can be licensed.",
    ),
    "return": ("机构须补正后重新提交；原备案不变。", "The agency files anew; the filing in force stays."),
    "suspend": ("不再许可其新人员；已有执照不变。", "No more of its people are licensed; licences held stay."),
    "reinstate": ("备案恢复生效。", "The filing is in force again."),
    "revoke": ("备案终止，须重新提交。", "The filing ends; the agency must file anew."),
}


def shown(table: Words, word: str | None) -> str:
    """The word in the page's language; a word that is not in the table as it is."""
    if word is None:
        return "—"
    pair = table.get(word)
    return languages.both(pair[0], pair[1]) if pair is not None else word


def options(table: Words) -> list[tuple[str, str]]:
    return [(word, shown(table, word)) for word in table]


def due(since: date, what: str) -> date:
    """The day by which an application or a filing is to be decided."""
    return calendar.china().add(since, rules.pack()["clocks"][what]["working_days"])


def left(due_on: date) -> int:
    """Working days left; under 0 where it is overdue."""
    today, china = clock.today_in_china(), calendar.china()
    return china.between(today, due_on) if due_on >= today else -max(1, china.between(due_on, today))


def horizon(days: int) -> date:
    return clock.today_in_china() + timedelta(days=days)


def parts(door: Door, here: str) -> list[Line]:
    """The lists of the section, shown above each."""
    rows = (
        ("agents", "名册", "Roll"),
        ("agent_applications", "申请", "Applications"),
        ("agent_objections", "异议与更正", "Objections"),
        ("agent_transfers", "转会", "Transfers"),
        ("agent_lapses", "即将到期", "Lapses ahead"),
        ("agent_statistics", "统计", "Statistics"),
    )
    return [Line(languages.both(zh, en), url_for(f"admin.{name}"), name == here) for name, zh, en in rows]
