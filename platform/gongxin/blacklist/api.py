"""The blacklist over HTTP: parse, call, return."""

import uuid
from typing import Any

from flask import request

from gongxin import clock
from gongxin.errors import Forbidden
from gongxin.transparency.service import moment
from gongxin.web import guards, ndjson, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import answers, examples, pack, queries, records, rules, schemas, service, snapshots, voting
from .models import Matter

blp = Blueprint("blacklist", url_prefix="/v1/blacklist", description="行业风险名单 The violations list")
BLUEPRINTS = (blp,)
answers.register()
assert snapshots  # registers its own

# What a race can reach past the rules.
_MEANWHILE = ("matter_changed_meanwhile", "该事项刚被他人推进", "Another act on the matter came first")
_LATE = ("clock_missed", "协会的期限已过", "The association missed its clock")
_QUORUM = ("no_quorum", "表决人数不足法定人数", "There is no quorum")
CONSTRAINTS.update(
    {
        "blacklist_acts_previous": _MEANWHILE,
        "uq_blacklist_acts_matter_id_version": _MEANWHILE,
        "blacklist_votes_draft": _MEANWHILE,
        "blacklist_acts_clock": _LATE,
        "blacklist_votes_clock": _LATE,
        "blacklist_acts_quorum": _QUORUM,
        "blacklist_acts_carried": ("not_carried", "未获多数同意", "The draft is not carried"),
        "blacklist_acts_party": ("not_yours_to_do", "该步骤不由此方进行", "This step is not for this party"),
        "pk_blacklist_votes": ("voted_already", "该委员已表决", "This member has voted"),
        "pk_blacklist_recusals": ("recused_already", "该人员已回避", "This officer is recused already"),
        "blacklist_matters_limit": ("too_many_reports_today", "今日举报数已达上限", "The day's limit is reached"),
        "blacklist_objections_answered": ("answered_already", "该异议已答复", "It was answered before"),
        "blacklist_corrections_kept": ("acknowledged_already", "已确认过", "It was acknowledged before"),
        "agent_changes_listed": ("agent_listed", "此人在 L1 名单上，不予许可", "The person is on L1: no licence"),
    }
)


@blp.operation("blacklist.rules", "GET", "/rules", answer={"type": "object"}, example=pack.pack())
def rules_pack(call: Call) -> Answer:
    """规则 The rule pack of articles, levels, terms, clocks and limits, with its source."""
    return Answer(pack.pack(), headers={"Cache-Control": "public, max-age=60"})


# --- the process ----------------------------------------------------------------------------------------------------


@blp.operation(
    "blacklist.report",
    "POST",
    "/matters",
    body=schemas.ReportIn,
    answer=schemas.MatterOut,
    status=201,
    body_example=examples.REPORT,
    example=examples.MATTER,
)
def report(call: Call, body: dict[str, Any]) -> Answer:
    """举报 Report an agent, an agency or a member: conduct, place, days, article, fingerprints of evidence.

    A debtor can be no subject. The text is refused where it carries an ID, phone or card number."""
    matter = service.report(call.session, caller=call.caller, **body)
    return Answer(_out(call, matter), headers={"Location": f"/v1/blacklist/matters/{matter.id}"})


@blp.operation(
    "blacklist.matters",
    "GET",
    "/matters",
    query=schemas.MattersIn,
    answer=schemas.MattersOut,
    example={"items": [examples.MATTER], "next_cursor": None},
)
def matters(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """事项 Matters one may see: what one reported, and what was noticed to one; the association sees all."""
    found = queries.matters(
        call.session, state=query.get("state"), after=paging.decode_id(query.get("cursor")), limit=query["limit"]
    )
    kept, following = paging.page(found, query["limit"], lambda matter: [str(matter.id)])
    return {"items": [_out(call, each) for each in kept], "next_cursor": following}


@blp.operation(
    "blacklist.matter", "GET", "/matters/<uuid:matter_id>", answer=schemas.MatterOut, example=examples.MATTER
)
def matter(call: Call, matter_id: uuid.UUID) -> dict[str, Any]:
    """一个事项 One matter, its clock and what can be done; to the association also a warning of reports in bulk."""
    return _out(call, queries.get_matter(call.session, matter_id))


@blp.operation(
    "blacklist.act",
    "POST",
    "/matters/<uuid:matter_id>/acts",
    body=schemas.ActIn,
    answer=schemas.MatterOut,
    body_example={"action": "refuse", "officer": "A1", "said": "不属于名单所列行为"},
    example=examples.MATTER | {"state": "refused", "due_on": None, "legal": []},
)
def act(call: Call, matter_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """办理 An officer's act: accept, join, refuse, notice, draft, decide, serve, uphold, vary, withdraw and so on.

    Who drafts neither votes nor decides. What comes after the clock is refused: the proposal has lapsed."""
    return _out(call, service.act(call.session, matter_id, caller=call.caller, **body))


@blp.operation(
    "blacklist.state",
    "POST",
    "/matters/<uuid:matter_id>/statements",
    body=schemas.ReportedStatementIn,
    answer=schemas.MatterOut,
    body_example={"action": "reply", "said": "当日未联系该债务人"},
    example=examples.MATTER | {"state": "deliberation"},
)
def state(call: Call, matter_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """申辩 The reported party's word: reply, ask for a hearing, appeal; by the agency, or the association for it."""
    return _out(call, service.act(call.session, matter_id, caller=call.caller, **body))


@blp.operation(
    "blacklist.vote",
    "POST",
    "/matters/<uuid:matter_id>/votes",
    body=schemas.VoteIn,
    answer=schemas.DoneOut,
    status=201,
    body_example={"officer": "A1", "vote": True},
    example={"done": True},
)
def vote(call: Call, matter_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """表决 A seated member's vote on the present draft; a vote against gives its reasons, which stay in the file."""
    voting.vote(call.session, matter_id, **body)
    return {"done": True}


@blp.operation(
    "blacklist.recuse",
    "POST",
    "/matters/<uuid:matter_id>/recusals",
    body=schemas.RecusalIn,
    answer=schemas.DoneOut,
    status=201,
    body_example={"officer": "A1", "said": "曾为同事"},
    example={"done": True},
)
def recuse(call: Call, matter_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """回避 Declare a conflict of interest: the officer's vote counts no more in this matter."""
    voting.recuse(call.session, matter_id, **body)
    return {"done": True}


@blp.operation(
    "blacklist.object",
    "POST",
    "/matters/<uuid:matter_id>/objections",
    body=schemas.ListingObjectionIn,
    answer=schemas.ListingObjectionOut,
    status=201,
    body_example={"kind": "objection", "said": "事实认定有误"},
    example={"objection_id": examples.ID, "kind": "objection", "due_on": "2026-12-22", "outcome": None},
)
def object_to(call: Call, matter_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """异议 The listed party objects, at any time; the entry reads contested until it is answered."""
    return _objection(voting.object_to(call.session, matter_id, caller=call.caller, **body))


@blp.operation(
    "blacklist.answer_objection",
    "POST",
    "/matters/<uuid:matter_id>/objections/<uuid:objection_id>/answers",
    body=schemas.ObjectionAnswerIn,
    answer=schemas.ListingObjectionOut,
    body_example={"officer": "A1", "outcome": "rejected", "answer": "证据充分"},
    example={"objection_id": examples.ID, "kind": "objection", "due_on": "2026-12-22", "outcome": "rejected"},
)
def answer_objection(call: Call, matter_id: uuid.UUID, objection_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """答复异议 The association's answer; what is accepted is then varied or withdrawn by vote."""
    return _objection(voting.answer_objection(call.session, matter_id, objection_id, **body))


@blp.operation(
    "blacklist.file", "GET", "/matters/<uuid:matter_id>/file", answer={"type": "object"}, example={"number": "GL…"}
)
def file(call: Call, matter_id: uuid.UUID) -> dict[str, Any]:
    """卷宗 The listed party's own access: the whole file but for other people's data."""
    return records.file_of(call.session, _own(call, matter_id))


@blp.operation(
    "blacklist.file_pdf",
    "GET",
    "/matters/<uuid:matter_id>/file.pdf",
    answer={"type": "string", "format": "binary"},
    media="application/pdf",
)
def file_pdf(call: Call, matter_id: uuid.UUID) -> Answer:
    """卷宗（可打印） The same on paper, PDF/A."""
    told = records.file_of(call.session, _own(call, matter_id))
    return Answer(raw=records.print_file(told), mimetype="application/pdf")


@blp.operation(
    "blacklist.found_committee",
    "POST",
    "/committees",
    body=schemas.CommitteeIn,
    answer=schemas.CommitteeOut,
    status=201,
    body_example={"name_zh": "惩戒委员会", "officers": ["A1", "A2", "A3"]},
    example=examples.COMMITTEE,
)
def found_committee(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """设立委员会 A committee and the officers seated in it; an appeal is heard by another."""
    made = service.found_committee(call.session, **body)
    return _committee(made, sorted(queries.seated(call.session, made.id)))


@blp.operation(
    "blacklist.committees",
    "GET",
    "/committees",
    answer=schemas.CommitteesOut,
    example={"items": [examples.COMMITTEE]},
)
def committees(call: Call) -> dict[str, Any]:
    """委员会 Committees and their seats."""
    return {"items": [_committee(each, officers) for each, officers in queries.committees(call.session)]}


# --- answers --------------------------------------------------------------------------------------------------------


@blp.operation(
    "blacklist.screen",
    "POST",
    "/screenings",
    query=schemas.ScreenIn,
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema({"licence": examples.LICENCE}),
    answer={"type": "object"},
    example=examples.SCREENED,
)
def screen(call: Call, query: dict[str, Any]) -> Answer:
    """批量筛查 Screen up to 10,000 candidates or staff, a line each of licence number or blind token.

    One signed receipt over a Merkle root; `gongxin_wire.screenings` proves each line of it, nothing listed included."""
    config = call.runtime.config
    lines = ndjson.split(request, config)
    body = guards.read_body(request, config.max_body_bytes)
    return Answer(answers.screen(call.runtime, call.session, call.caller, lines=lines, body=body, **query))


@blp.operation(
    "blacklist.public",
    "GET",
    "/public",
    query=schemas.PublicListIn,
    answer=schemas.PublicListOut,
    example=examples.PUBLIC,
)
def public(call: Call, query: dict[str, Any]) -> Answer:
    """公开名单 Listed organisations; natural persons are never published. `history=all`: also what has ended."""
    return Answer({"as_of": moment(clock.now()), "items": _public(call, query)}, headers=_CACHED)


@blp.operation(
    "blacklist.public_csv",
    "GET",
    "/public.csv",
    query=schemas.PublicListIn,
    answer={"type": "string"},
    media="text/csv",
    example="number,name_zh\r\n",
)
def public_csv(call: Call, query: dict[str, Any]) -> Answer:
    """公开名单（CSV） The same as a table."""
    return Answer(raw=records.as_csv(_public(call, query)), mimetype="text/csv", headers=_CACHED)


@blp.operation(
    "blacklist.public_atom",
    "GET",
    "/public.atom",
    query=schemas.PublicListIn,
    answer={"type": "string"},
    media="application/atom+xml",
    example="<feed/>",
)
def public_atom(call: Call, query: dict[str, Any]) -> Answer:
    """公开名单（Atom） The same as a feed."""
    made = records.as_atom(_public(call, query), call.runtime.config.issuer, moment(clock.now()))
    return Answer(raw=made, mimetype="application/atom+xml", headers=_CACHED)


_CACHED = {"Cache-Control": "public, max-age=60"}


# --- corrections and statistics -------------------------------------------------------------------------------------


@blp.operation(
    "blacklist.corrections",
    "GET",
    "/corrections",
    query=schemas.CorrectionsIn,
    answer=schemas.CorrectionsOut,
    example={"items": [examples.CORRECTION], "next_cursor": None},
)
def corrections(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """更正与新列入 What one is to hear and act on; to the association all of it, `show=overdue`: the defaulters."""
    today, everybody = clock.today_in_china(), call.caller.kind in {"association", "regulator"}
    found = queries.corrections(
        call.session,
        member_id=None if everybody else call.member_id,
        open_only=query["show"] == "open",
        overdue_by=today if query["show"] == "overdue" else None,
        after=paging.decode_id(query.get("cursor")),
        limit=query["limit"],
    )
    kept, following = paging.page(found, query["limit"], lambda row: [str(row[0].id)])
    return {"items": [records.correction_out(told, entry, today) for told, entry in kept], "next_cursor": following}


@blp.operation(
    "blacklist.acknowledge",
    "POST",
    "/corrections/<uuid:correction_id>/acknowledgement",
    body=schemas.AcknowledgementIn,
    answer=schemas.AcknowledgedOut,
    body_example={"did": "updated"},
    example={"correction_id": examples.ID, "did": "updated", "acknowledged_at": "2026-11-24T02:00:00.000Z"},
)
def acknowledge(call: Call, correction_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """确认 Say what was done about a correction or a new entry; within ten working days."""
    made = records.acknowledge(call.session, correction_id, caller=call.caller, **body)
    assert made.acknowledged_at is not None
    return {"correction_id": str(made.id), "did": made.did, "acknowledged_at": moment(made.acknowledged_at)}


@blp.operation("blacklist.statistics", "GET", "/statistics", answer={"type": "object"}, example={"by_state": {}})
def statistics(call: Call) -> dict[str, Any]:
    """统计 Outcomes, time in each state, how appeals end, acknowledgements, how each member files."""
    return records.statistics(call.session)


def _public(call: Call, query: dict[str, Any]) -> list[dict[str, Any]]:
    return records.public_list(call.session, clock.today_in_china(), history=query["history"] == "all")


def _own(call: Call, matter_id: uuid.UUID) -> Matter:
    """The file is for the reported side, the association and regulators; the reporter is no party to it."""
    found = queries.get_matter(call.session, matter_id)
    if call.caller.kind not in {"association", "regulator"} and call.member_id not in (
        found.agency_id,
        found.member_id,
    ):
        raise Forbidden("not_your_file", zh="卷宗仅供被举报方查阅", en="The file is for the reported party",
                        fix_zh="举报方可查询事项状态。", fix_en="A reporter sees the matter's state.")  # fmt: skip
    return found


def _out(call: Call, found: Matter) -> dict[str, Any]:
    office, warned = call.caller.kind == "association", None
    against = found.agency_id or found.member_id
    if office and found.reporter_id is not None and against is not None:
        warned = service.warn_of_bulk(call.session, reporter_id=found.reporter_id, against=against)
    reported = call.caller.member_id is not None and call.caller.member_id == against
    by = rules.OFFICE if office else rules.REPORTED if reported else ""
    return records.matter_out(found, warned=warned, by=by)


def _objection(found: Any) -> dict[str, Any]:
    return {
        "objection_id": str(found.id),
        "kind": found.kind,
        "due_on": found.due_on.isoformat(),
        "outcome": found.outcome,
    }


def _committee(found: Any, officers: list[str]) -> dict[str, Any]:
    return {"committee_id": str(found.id), "name_zh": found.name_zh, "name_en": found.name_en, "officers": officers}
