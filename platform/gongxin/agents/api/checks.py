"""Checks of agents: parse, call, return."""

from typing import Any

from flask import request

from gongxin.errors import NotFound
from gongxin.web import guards
from gongxin.web.blueprint import Answer, Blueprint, Call

from .. import checks, examples
from ..schemas import checks as schemas

blp = Blueprint("agent_checks", url_prefix="/v1/agents", description="核验 Checks of agents")
public_blp = Blueprint("public_check", url_prefix="/check", description="公开核验 The public check of a licence")
BLUEPRINTS = (blp, public_blp)


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


@public_blp.operation("agents.public_check", "GET", "/<licence>", answer=schemas.PublicOut, example=examples.PUBLIC)
def public_check(call: Call, licence: str) -> Answer:
    """公开核验 What anyone may know of a licence: its state, agency, validity, certificate. Nothing else, and no list.

    A number that is ill written, unknown or not granted answers alike."""
    if len(licence) > 64:
        raise NotFound("licence_not_found")
    return Answer(checks.public(call.session, licence), headers={"Cache-Control": "no-store"})
