"""Checks of agents: parse, call, return."""

from flask import request

from gongxin.web.blueprint import Answer, Blueprint, Call

from .. import checks, examples, questions
from ..schemas import checks as schemas

blp = Blueprint("agent_checks", url_prefix="/v1/agents", description="核验 Checks of agents")
BLUEPRINTS = (blp,)


@blp.operation(
    "agents.check",
    "POST",
    "/checks",
    raw_body="application/json",
    raw_schema=schemas.ChecksIn,
    answer=schemas.ChecksOut,
    body_example=examples.CHECKS,
    example=examples.CHECKED,
)
def check(call: Call) -> Answer:
    """核验 Check up to 1,000 people by licence number or blind token, in one signed answer that is recorded.

    Banks ask before placing, agencies before hiring and with the applicant's consent on file, the association and
    regulators in supervision. `blacklist` is `not_available` until there is one, and never reads as clear."""
    question = questions.read(call.runtime, request, call.caller.kind)
    return Answer(raw=checks.check(call.runtime, call.caller, question, call.take_admission()))
