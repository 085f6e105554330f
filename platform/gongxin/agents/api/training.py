"""Training: parse, call, return. Hours and results come in lines, each with its own outcome."""

import uuid
from typing import Any

from gongxin.web import ndjson
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from .. import examples, queries, rules, training
from ..schemas import training as schemas
from .lines import each_line

blp = Blueprint("agent_training", url_prefix="/v1/agents", description="培训与证书 Training and certificates")
BLUEPRINTS = (blp,)

# What a race can reach past the rules.
CONSTRAINTS.update(
    {
        "uq_training_hours_agent_id_course_completed_on": (
            "hours_recorded",
            "当日该课程学时已登记",
            "Hours of this course are recorded for that day",
        ),
        "uq_examinations_agent_id_level_sat_on": (
            "examination_recorded",
            "当日该级考试已登记",
            "An examination of this level is recorded for that day",
        ),
        "pk_certificate_withdrawals": ("certificate_withdrawn", "该证书已撤销", "The certificate was withdrawn before"),
        "certificate_withdrawals_licence": (
            "agent_changed_meanwhile",
            "此人的状态刚被他人变更",
            "Another change of the agent came first",
        ),
        "examinations_own_agency": (
            "examiner_of_own_agency",
            "考官不得考核本机构人员",
            "Nobody examines the people of their own agency",
        ),
    }
)


@blp.operation("agents.training_rules", "GET", "/training-rules", answer={"type": "object"}, example=rules.pack())
def training_rules(call: Call) -> Answer:
    """培训与证书规则 The rule pack of courses, hours, marks, terms and bars, with its source."""
    return Answer(rules.pack(), headers={"Cache-Control": "public, max-age=60"})


@blp.operation(
    "agents.training",
    "GET",
    "/<uuid:agent_id>/training",
    answer=schemas.TrainingOut,
    example={"certificates": [examples.CERTIFICATE], "hours": {"law": 16, "privacy": 8, "talk": 16}},
)
def trained(call: Call, agent_id: uuid.UUID) -> dict[str, Any]:
    """学时与证书 Hours by course and certificates."""
    queries.get_agent(call.session, agent_id)
    withdrawn = queries.withdrawals(call.session, agent_id)
    return {
        "certificates": [
            schemas.certificate_out(each, withdrawn.get(each.id))
            for each in queries.certificates(call.session, agent_id)
        ],
        "hours": queries.hours(call.session, agent_id),
    }


@blp.operation(
    "agents.withdraw_certificate",
    "POST",
    "/certificates/<uuid:certificate_id>/withdrawal",
    body=schemas.WithdrawIn,
    answer=schemas.CertificateOut,
    body_example={"reason": "考试作弊，协会 2026-31 号决定"},
    example=examples.CERTIFICATE | {"withdrawn_at": "2026-12-01T03:00:00Z"},
)
def withdraw(call: Call, certificate_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """撤销证书 Withdraw a certificate; it stays on record. A licence that rests on it is suspended at once."""
    made = training.withdraw(call.session, certificate_id, caller=call.caller, **body)
    return schemas.certificate_out(queries.get_certificate(call.session, certificate_id), made)


@blp.operation(
    "agents.record_hours",
    "POST",
    "/training",
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema(examples.HOURS),
    answer=ndjson.answered({"status": "recorded"}, examples.LINE_PROBLEM),
    media=ndjson.NDJSON,
)
def record_hours(call: Call) -> Answer:
    """登记学时 Record hours attended, up to 10,000 lines; each answers `recorded` or `refused`."""

    def record(values: dict[str, Any]) -> dict[str, Any]:
        training.record_hours(call.session, **values)
        return {"status": "recorded"}

    return each_line(call, schemas.HoursIn(), record)


@blp.operation(
    "agents.record_examinations",
    "POST",
    "/examinations",
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema(examples.EXAMINATION),
    answer=ndjson.answered(
        {"status": "passed", "certificate_id": examples.ID, "valid_until": "2028-11-23"}, examples.LINE_PROBLEM
    ),
    media=ndjson.NDJSON,
)
def record_examinations(call: Call) -> Answer:
    """登记考试成绩 Record results, up to 10,000 lines; `passed` gives the certificate, `failed` none."""

    def record(values: dict[str, Any]) -> dict[str, Any]:
        made = training.record_examination(call.session, **values)
        if made is None:
            return {"status": "failed"}
        return {"status": "passed", "certificate_id": str(made.id), "valid_until": made.valid_until.isoformat()}

    return each_line(call, schemas.ExaminationIn(), record)
