"""Credit records: parse, call, return."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from .. import examples, grading, records
from ..schemas import records as schemas

blp = Blueprint("agent_records", url_prefix="/v1/agents", description="信用档案 Credit records of agents")
BLUEPRINTS = (blp,)

# What a race can reach past the rules.
CONSTRAINTS.update(
    {
        "uq_agent_records_supersedes": (
            "record_superseded",
            "该记录已被更正或撤回",
            "The entry was corrected or withdrawn before",
        ),
        "uq_agent_responses_answers": ("decided_before", "该异议已有决定", "It was decided before"),
    }
)


@blp.operation("agents.grading_rules", "GET", "/grading-rules", answer={"type": "object"}, example=grading.pack())
def grading_rules(call: Call) -> Answer:
    """评级规则 The rule pack of points, decay, grades and clocks, with its source."""
    return Answer(grading.pack(), headers={"Cache-Control": "public, max-age=60"})


@blp.operation(
    "agents.record",
    "GET",
    "/<uuid:agent_id>/record",
    query=schemas.RecordIn,
    answer=schemas.RecordOut,
    example=examples.RECORD,
)
def record(call: Call, agent_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """信用档案 The record as it stood on a day, its grade, and the arithmetic line by line."""
    return records.as_of(call.session, agent_id, query.get("as_of") or clock.today_in_china())


@blp.operation(
    "agents.record_entry",
    "POST",
    "/<uuid:agent_id>/record",
    body=schemas.EntryIn,
    answer=schemas.EntryMadeOut,
    status=201,
    body_example=examples.ENTRY,
    example={"record_id": examples.ID},
)
def record_entry(call: Call, agent_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """登记违规或表彰 Enter a violation or a commendation with its basis. What is alleged never changes a grade."""
    return {"record_id": records.enter(call.session, agent_id, caller=call.caller, **body).id}


@blp.operation(
    "agents.correct_entry",
    "POST",
    "/<uuid:agent_id>/record/<uuid:record_id>/corrections",
    body=schemas.CorrectionIn,
    answer=schemas.EntryMadeOut,
    status=201,
    body_example=examples.ENTRY | {"withdrawn": True},
    example={"record_id": examples.ID},
)
def correct_entry(call: Call, agent_id: uuid.UUID, record_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """更正或撤回 Supersede an entry; the one before stays on record and counts no more."""
    made = records.enter(call.session, agent_id, caller=call.caller, supersedes=record_id, **body)
    return {"record_id": made.id}


@blp.operation(
    "agents.respond",
    "POST",
    "/<uuid:agent_id>/record/<uuid:record_id>/responses",
    body=schemas.ResponseIn,
    answer=schemas.ResponseOut,
    status=201,
    body_example={"kind": "objection", "said": "当日未值班"},
    example=examples.RESPONSE,
)
def respond(call: Call, agent_id: uuid.UUID, record_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """本人意见 The person's reply, objection (answered in 20 working days) or request to correct (in 3)."""
    return records.response_out(records.respond(call.session, agent_id, record_id, caller=call.caller, **body))


@blp.operation(
    "agents.decide",
    "POST",
    "/<uuid:agent_id>/record/<uuid:record_id>/decisions",
    body=schemas.DecisionIn,
    answer=schemas.ResponseOut,
    status=201,
    body_example={"answers": examples.ID, "outcome": "rejected", "said": "排班表显示当日在岗"},
    example=examples.RESPONSE
    | {"kind": "decision", "answers": examples.ID, "outcome": "rejected", "due_on": None, "said": "当日在岗"},
)
def decide(call: Call, agent_id: uuid.UUID, record_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """对异议的决定 The association's decision on an objection or request; what is upheld is then corrected."""
    return records.response_out(records.decide(call.session, agent_id, record_id, caller=call.caller, **body))


@blp.operation(
    "agents.waiting",
    "GET",
    "/objections",
    query=schemas.WaitingIn,
    answer=schemas.WaitingOut,
    example={
        "items": [examples.RESPONSE | {"agent_id": examples.ID, "record_id": examples.ID, "working_days_left": 20}]
    },
)
def waiting(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """待决异议 Objections and requests to correct that nobody decided, the soonest due first."""
    return {"items": records.waiting(call.session, clock.today_in_china(), query["limit"])}


@blp.operation(
    "agents.access",
    "POST",
    "/<uuid:agent_id>/access",
    body=schemas.AccessIn,
    answer=schemas.AccessOut,
    body_example={"request_reference": "查阅2026-0001"},
    example=examples.ACCESS,
)
def access(call: Call, agent_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """本人查阅 Everything on record of a person and who checked them, for the association on the person's request."""
    return records.access(call.session, agent_id, caller=call.caller, **body)
