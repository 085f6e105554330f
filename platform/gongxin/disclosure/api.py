"""Disclosure: parse, call, return."""

from typing import Any

import orjson
from flask import request

from gongxin import clock
from gongxin.access import service as access
from gongxin.subjects import service as subjects
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call

from . import queries, questions, receipts, rules, schemas, service

lookups_blp = Blueprint("lookups", url_prefix="/v1/lookups", description="查询 Look-ups")
disclosure_blp = Blueprint(
    "disclosure", url_prefix="/v1/disclosure", description="披露规则与回执密钥 Policy, receipt keys"
)
access_blp = Blueprint("subject_access", url_prefix="/v1/subject-access", description="个人查阅 Subject access")
BLUEPRINTS = (lookups_blp, disclosure_blp, access_blp)

_TOKEN = {"epoch": 1, "token": "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI"}
_CASE = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
_OUT: dict[str, Any] = {
    "lookup_id": "0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b",
    "purpose": "contact",
    "policy_version": 1,
    "as_of": "2026-11-24T02:00:00.000Z",
    "fresh_until": "2026-11-25T02:00:00.000Z",
    "answers": [orjson.loads(rules.answer_of_code(rules.pack(rules.Outcome("match", 1, 6)), frozenset(rules.FIELDS)))],
    "receipt": "eyJhbGciOiJFZERTQSJ9.eyJwdXJwb3NlIjoiY29udGFjdCJ9.c2ln",
}


def _question(call: Call, *, batch: bool) -> questions.Question:
    config = call.runtime.config
    body = questions.body_of(request, config)
    return questions.read(config, subjects.open_epochs(call.runtime), body, call.caller.court_code, batch=batch)


@lookups_blp.operation(
    "lookups.one",
    "POST",
    "",
    raw_body="application/json",
    raw_schema=schemas.LookupIn,
    answer=schemas.LookupOut,
    body_example={"purpose": "contact", "subject": [_TOKEN], "ground": {"case_id": _CASE}},
    example=_OUT,
)
def one(call: Call) -> Answer:
    """查询一个主体 Ask about one subject.

    `no_ground` says nothing about the subject: an unknown subject, an unknown case and another's read alike."""
    return Answer(raw=service.lookup(call.runtime, call.caller, _question(call, batch=False)))


@lookups_blp.operation(
    "lookups.batch",
    "POST",
    "/batch",
    raw_body="application/json",
    raw_schema=schemas.BatchIn,
    answer=schemas.LookupOut,
    body_example={"purpose": "contact", "items": [{"subject": [_TOKEN], "ground": {"case_id": _CASE}}]},
    example=_OUT,
)
def batch(call: Call) -> Answer:
    """批量查询 Ask about up to 1,000 subjects; answers in the order of the items, one receipt over all."""
    return Answer(raw=service.lookup(call.runtime, call.caller, _question(call, batch=True)))


@lookups_blp.operation("lookups.own", "GET", "", query=schemas.PageIn, answer=schemas.OwnLookupsOut)
def own(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """本机构的查询记录 One's own questions, newest first, refused ones too."""
    cursor = paging.decode_cursor(query.get("cursor"), 1)
    before = questions.before(cursor)
    rows = service.own_lookups(call.session, call.member_id, before, query["limit"])
    items, following = paging.page(rows, query["limit"], lambda row: [row["lookup_id"]])
    return {"items": items, "next_cursor": following}


@disclosure_blp.operation("disclosure.policy", "GET", "/policy", answer=schemas.PolicyOut)
def policy(call: Call) -> Answer:
    """现行披露规则 The disclosure policy in force: (asker's kind, relation, purpose) → fields."""
    found = queries.policy_in_force(call.session, clock.now())
    body = {"version": found.version, "effective_from": receipts.moment(found.effective_from), "rows": found.rows}
    return Answer(body, headers={"Cache-Control": "public, max-age=60"})


@disclosure_blp.operation(
    "disclosure.receipt_keys",
    "GET",
    "/receipt-keys",
    answer={
        "type": "object",
        "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
    },
)
def receipt_keys(call: Call) -> Answer:
    """回执验证密钥 Keys that receipts verify against (JWKS, RFC 7517), retired ones included."""
    keys = access.public_jwks(call.session, use="receipt")
    return Answer(keys, headers={"Cache-Control": "public, max-age=300"})


@access_blp.operation(
    "subject_access.answer",
    "POST",
    "",
    body=schemas.SubjectAccessIn,
    answer=schemas.SubjectAccessOut,
    body_example={"subject": [_TOKEN], "request_reference": "查阅2026-0001"},
)
def subject_access(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """谁问过 Who asked about the subject and why, for the association on the subject's own request."""
    keys = subjects.parse_subject(call.runtime.config, call.session, body["subject"])
    reference = rules.file_number(body["request_reference"], "/request_reference")
    question = questions.about_oneself(reference, [key for _, key in keys], receipts.canonical(body))
    return service.subject_access(call.runtime, call.session, call.caller, question)
