"""The register of agents: parse, call, return."""

import uuid
from datetime import timedelta
from typing import Any

from flask import request

from gongxin import clock
from gongxin.web import etags, ndjson, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from .. import examples, identities, queries, queries_filings, service
from ..models import Agent
from ..schemas import register as schemas
from .lines import each_line

blp = Blueprint("agents", url_prefix="/v1/agents", description="催收员 Agents: the register of licences")
BLUEPRINTS = (blp,)

# What a race can reach past the rules.
_MEANWHILE = ("agent_changed_meanwhile", "此人的状态刚被他人变更", "Another change of the agent came first")
CONSTRAINTS.update(
    {
        "agent_changes_previous": _MEANWHILE,
        "uq_agent_changes_agent_id_version": _MEANWHILE,
        "agent_changes_claim": ("agent_not_released", "所属机构尚未放行", "The agent is not released to this agency"),
        "agent_changes_barred": ("agent_barred", "暂不受理期未满", "The bar after a refusal has not ended"),
        "agents_certificate": (
            "no_basic_certificate",
            "没有覆盖该期限的上岗证书",
            "No basic certificate covers the term",
        ),
        "agent_changes_active_agency": (
            "agency_not_active",
            "机构不在有效状态",
            "The agency is not in good standing",
        ),
        "uq_agent_keys_epoch_subject_key": (
            "agent_on_record",
            "此人已在申请中或持有执照",
            "The person is applied for or licensed already",
        ),
    }
)


# Closed forms but for the name, which `rules` guards.
@blp.operation(
    "agents.apply",
    "POST",
    "",
    body=schemas.ApplicationIn,
    answer=schemas.AgentOut,
    status=201,
    walk=False,
    body_example=examples.APPLICATION,
    example=examples.AGENT | {"state": "applied", "may_work": False, "valid_from": None, "valid_until": None},
)
def apply(call: Call, body: dict[str, Any]) -> Answer:
    """申请执照 Apply for a person's licence: by blind token of the data set `agent`, never by ID number.

    The name is sealed; of the birth date the registry keeps only that the agency verified the person to be of age."""
    body["photo_sha256"] = bytes.fromhex(body["photo_sha256"])
    agent = service.apply(call.session, config=call.runtime.config, caller=call.caller, **body)
    return _answer(call, agent, {"Location": f"/v1/agents/{agent.id}"})


@blp.operation(
    "agents.list",
    "GET",
    "",
    query=schemas.RollIn,
    answer=schemas.RollOut,
    example={"items": [examples.AGENT], "next_cursor": None},
)
def roll(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """名册 The roll: an agency's own people; association and regulators see all. `expiring_days`: licences ending."""
    today, days = clock.today_in_china(), query.get("expiring_days")
    found = queries.roll(
        call.session,
        agency_id=query.get("agency_id"),
        state=query.get("state"),
        until=None if days is None else today + timedelta(days=days),
        after=paging.decode_id(query.get("cursor")),
        limit=query["limit"],
    )
    kept, following = paging.page(found, query["limit"], lambda agent: [str(agent.id)])
    states = queries_filings.agency_states(call.session, {agent.agency_id for agent in kept})
    items = [schemas.agent_out(agent, agency_state=states[agent.agency_id], today=today) for agent in kept]
    return {"items": items, "next_cursor": following}


@blp.operation("agents.get", "GET", "/<uuid:agent_id>", answer=schemas.AgentOut, example=examples.AGENT)
def get(call: Call, agent_id: uuid.UUID) -> Answer:
    """一位催收员 One agent, with the version that a move names."""
    return _answer(call, queries.get_agent(call.session, agent_id))


@blp.operation(
    "agents.identity",
    "GET",
    "/<uuid:agent_id>/identity",
    answer=schemas.IdentityOut,
    example={"agent_id": examples.ID, "name": "测试员甲"},
)
def identity(call: Call, agent_id: uuid.UUID) -> dict[str, Any]:
    """姓名 The name, unsealed for the employing agency and the association."""
    queries.get_agent(call.session, agent_id)
    return {"agent_id": agent_id} | identities.read(call.session, call.runtime.config, agent_id)


@blp.operation(
    "agents.move",
    "POST",
    "/<uuid:agent_id>/moves",
    body=schemas.MoveIn,
    answer=schemas.AgentOut,
    statuses=(412, 428),
    body_example={"action": "grant", "reason": "审核通过"},
    example=examples.AGENT,
)
def move(call: Call, agent_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """办理 A decision of the association, or an act of the employing agency. Needs `If-Match`.

    The association checks, grants, renews, refuses, suspends, reinstates and revokes; the agency surrenders, releases
    and takes a release back (`retain`). A licence never outlives the basic certificate; a refusal or revocation bars
    for three years."""
    version = queries.get_agent(call.session, agent_id).version
    etags.check(request.headers.get("If-Match"), version)
    return _answer(call, service.move(call.session, agent_id, caller=call.caller, version=version, **body))


@blp.operation(
    "agents.claim",
    "POST",
    "/claims",
    body=schemas.ClaimIn,
    answer=schemas.AgentOut,
    body_example={"licence": examples.LICENCE},
    example=examples.AGENT,
)
def claim(call: Call, body: dict[str, Any]) -> Answer:
    """认领 Take on an agent whom another agency has released; of two that claim at one moment, one is told no."""
    return _answer(call, service.claim(call.session, caller=call.caller, **body))


@blp.operation(
    "agents.rekey_bulk",
    "POST",
    "/keys",
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema({"agent_id": examples.ID, "subject": examples.APPLICATION["subject"]}),
    answer=ndjson.answered({"status": "done"}, examples.LINE_PROBLEM),
    media=ndjson.NDJSON,
)
def rekey_bulk(call: Call) -> Answer:
    """补登新密钥期 Add the tokens of a new epoch to one's own people, so that the old one can retire."""

    def rekey(values: dict[str, Any]) -> dict[str, Any]:
        service.rekey(call.session, config=call.runtime.config, caller=call.caller, **values)
        return {"status": "done"}

    return each_line(call, schemas.RekeyIn(), rekey)


@blp.operation(
    "agents.history",
    "GET",
    "/<uuid:agent_id>/history",
    answer=schemas.HistoryOut,
    example=examples.HISTORY,
)
def history(call: Call, agent_id: uuid.UUID) -> dict[str, Any]:
    """经历 Every move with its leaf of the log, and the spells at agencies."""
    queries.get_agent(call.session, agent_id)
    return {
        "changes": [schemas.change_out(each) for each in queries.changes(call.session, agent_id)],
        "engagements": [schemas.engagement_out(each) for each in queries.engagements(call.session, agent_id)],
    }


def _answer(call: Call, agent: Agent, headers: dict[str, str] | None = None) -> Answer:
    states = queries_filings.agency_states(call.session, [agent.agency_id])
    out = schemas.agent_out(agent, agency_state=states[agent.agency_id], today=clock.today_in_china())
    return Answer(out, headers={"ETag": etags.tag(agent.version)} | (headers or {}))
