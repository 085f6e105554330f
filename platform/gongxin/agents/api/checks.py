"""Checks of agents: parse, call, return."""

from typing import Any

from flask import request

from gongxin.web import guards
from gongxin.web.blueprint import Blueprint, Call

from .. import checks, examples
from ..schemas import checks as schemas

blp = Blueprint("agent_checks", url_prefix="/v1/agents", description="核验 Checks of agents")
BLUEPRINTS = (blp,)


@blp.operation(
    "agents.check",
    "POST",
    "/checks",
    body=schemas.ChecksIn,
    answer=schemas.ChecksOut,
    walk=False,
    body_example=examples.CHECKS,
    example=examples.CHECKED,
)
def check(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """核验 Check up to 1,000 people by licence number or blind token, in one signed answer that is recorded.

    Banks ask before placing, agencies before hiring and with the applicant's consent on file, the association and
    regulators in supervision. `blacklist` is `not_available` until there is one, and never reads as clear."""
    config = call.runtime.config
    as_sent = guards.read_json(request, config.max_body_bytes, config.max_json_depth, walk=False)
    return checks.check(
        call.runtime, call.session, call.caller, purpose=body["purpose"], items=body["items"], body=as_sent
    )
