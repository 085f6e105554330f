"""Evidence: parse, call, return. Bulk registration takes and gives NDJSON, a line for a line."""

import uuid
from typing import Any

from flask import request

from gongxin import clock
from gongxin.errors import Invalid, UnsupportedMediaType
from gongxin.pii import refuse_pii
from gongxin.transparency import service as log
from gongxin.web import etags, guards, ndjson, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import erasing as erasing
from . import examples, queries, reading, schemas, service

blp = Blueprint("evidence", url_prefix="/v1/evidence", description="证据 Evidence")
BLUEPRINTS = (blp,)

# What a race can reach past the rules.
_MEANWHILE = ("custody_meanwhile", "另一保管事件刚刚登记", "Another event of custody came first")
CONSTRAINTS.update(
    {
        "uq_evidence_member_id_sha256_case_id_agent_licence_complaint": (
            "registered_meanwhile",
            "另一请求刚刚登记了同一文件",
            "Another request has just registered this file",
        ),
        "uq_evidence_batches_member_id_root": (
            "batch_meanwhile",
            "另一请求刚刚登记了同一批指纹",
            "Another request has just registered this batch",
        ),
        "uq_evidence_custody_evidence_id_position": _MEANWHILE,
        "custody_position": _MEANWHILE,
        "custody_previous": _MEANWHILE,
        "custody_held": (
            "evidence_held",
            "证据处于法律保全中，不得销毁",
            "The evidence is under a legal hold and must not be destroyed",
        ),
    }
)


# --- registration ---------------------------------------------------------------------------------------------------


@blp.operation(
    "evidence.register",
    "POST",
    "",
    raw_body="application/json",
    raw_schema=schemas.EvidenceIn,
    answer=schemas.EvidenceOut,
    status=201,
    body_example=examples.NEW,
    example=examples.OUT,
    statuses=(200,),
)
def register(call: Call) -> Answer:
    """登记证据指纹 Register the fingerprint of a file that stays with its owner.

    The same file for the same matter with the same content answers 200 and the same registration."""
    config = call.runtime.config
    body = guards.read_json(request, config.max_body_bytes, config.max_json_depth, walk=False)
    try:
        new = reading.evidence(body)
    except Invalid:
        refuse_pii(body)
        raise
    found, created = service.register(call.session, caller=call.caller, new=new)
    headers = {"ETag": etags.tag(found[1].version), "Location": f"/v1/evidence/{found[0].id}"}
    return Answer(schemas.evidence_out(found), 201 if created else 200, headers)


@blp.operation(
    "evidence.register_bulk",
    "POST",
    "/bulk",
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema(examples.NEW),
    answer=ndjson.answered({"status": "created", "evidence_id": examples.ID}, examples.LINE_PROBLEM),
    media=ndjson.NDJSON,
)
def register_bulk(call: Call) -> Answer:
    """批量登记证据指纹 Register up to 10,000 fingerprints; each line answers `created`, `exists` or `refused`."""
    config = call.runtime.config
    found = service.register_bulk(
        call.session, caller=call.caller, bodies=ndjson.split(request, config), max_depth=config.max_json_depth
    )
    return ndjson.answer(
        {"line": at, "status": "created" if done.created else "exists", "evidence_id": str(done.evidence_id)}
        if done.refusal is None
        else {"line": at, "status": "refused", "problem": ndjson.problem(done.refusal)}
        for at, done in enumerate(found, 1)
    )


@blp.operation(
    "evidence.register_batch",
    "POST",
    "/batches",
    raw_body=ndjson.NDJSON,
    raw_schema=examples.BATCH_SCHEMA,
    answer=schemas.BatchOut,
    status=201,
    example=examples.BATCH_OUT,
    statuses=(200,),
)
def register_batch(call: Call) -> Answer:
    """登记一批指纹 Register up to 100,000 fingerprints under one Merkle root: one leaf of the log for all.

    The root is RFC 6962's over the 32 bytes of each SHA-256, in the order sent; of the files the registry keeps only
    root and count, so keep the list: with it you prove any file of the batch by yourself. The same root answers 200."""
    if request.mimetype not in {ndjson.NDJSON, "application/ndjson", "application/jsonl"}:
        raise UnsupportedMediaType(
            "not_ndjson",
            zh="请求体必须是 application/x-ndjson",
            en="The body must be application/x-ndjson",
            fix_zh="设置 Content-Type: application/x-ndjson，每行一个 JSON 对象。",
            fix_en="Set Content-Type: application/x-ndjson, one JSON object a line.",
        )
    new = reading.batch(guards.read_body(request, call.runtime.config.max_body_bytes))
    batch, created = service.register_batch(call.session, caller=call.caller, new=new)
    headers = {"Location": f"/v1/evidence/batches/{batch.id}"}
    return Answer(schemas.batch_out(batch), 201 if created else 200, headers)


# --- reading --------------------------------------------------------------------------------------------------------


@blp.operation(
    "evidence.list",
    "GET",
    "",
    query=schemas.ListIn,
    answer=schemas.EvidenceListOut,
    example={"items": [examples.OUT], "next_cursor": None},
)
def list_evidence(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """本机构证据 One's own evidence in the order of registration."""
    after, limit = paging.decode_id(query.pop("cursor", None)), query["limit"]
    if "sha256" in query:
        query["sha256"] = bytes.fromhex(query["sha256"])
    if "case_id" in query:
        query["case_id"] = uuid.UUID(query["case_id"])
    rows = queries.evidence_page(call.session, after=after, **query)
    kept, following = paging.page(rows, limit, lambda row: [str(row[0].id)])
    return {"items": [schemas.evidence_out(row) for row in kept], "next_cursor": following}


@blp.operation("evidence.retention", "GET", "/retention", answer=schemas.RetentionListOut, example=examples.RETENTION)
def retention(call: Call) -> dict[str, Any]:
    """保存期限规则 How long evidence is kept, each rule with its authority and whether its source was verified."""
    return schemas.retention_out(queries.retention_rules(call.session, clock.today_in_china()))


@blp.operation(
    "evidence.of_case",
    "GET",
    "/cases/<uuid:case_id>",
    query=schemas.PageIn,
    answer=schemas.OfCaseOut,
    example=examples.OF_CASE,
)
def of_case(call: Call, case_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """案件的证据 That evidence is registered for a case, by any party to it: kind, fingerprint and time, no more."""
    rows = queries.of_case(call.session, case_id, paging.decode_id(query.get("cursor")), query["limit"])
    kept, following = paging.page(rows, query["limit"], lambda row: [str(row.id)])
    return {"items": [schemas.of_case_out(row) for row in kept], "next_cursor": following}


@blp.operation(
    "evidence.batches",
    "GET",
    "/batches",
    query=schemas.PageIn,
    answer=schemas.BatchesOut,
    example={"items": [examples.BATCH_OUT], "next_cursor": None},
)
def list_batches(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """本机构批次 One's own batches in the order of registration."""
    rows = queries.batches(call.session, paging.decode_id(query.get("cursor")), query["limit"])
    kept, following = paging.page(rows, query["limit"], lambda batch: [str(batch.id)])
    return {"items": [schemas.batch_out(batch) for batch in kept], "next_cursor": following}


@blp.operation("evidence.batch", "GET", "/batches/<uuid:batch_id>", answer=schemas.BatchOut, example=examples.BATCH_OUT)
def get_batch(call: Call, batch_id: uuid.UUID) -> dict[str, Any]:
    """一批指纹 One batch of one's own."""
    return schemas.batch_out(queries.get_batch(call.session, batch_id))


@blp.operation(
    "evidence.batch_opening",
    "GET",
    "/batches/<uuid:batch_id>/opening",
    answer=schemas.OpeningsOut,
    example=examples.BATCH_OPENINGS,
)
def batch_opening(call: Call, batch_id: uuid.UUID) -> dict[str, Any]:
    """批次的开启值 Record and salt of the batch's leaf: what shows that the leaf is of this root."""
    batch = queries.get_batch(call.session, batch_id)
    return {"items": [schemas.opening_out(log.opening(call.session, batch.id), "evidence_batch", batch.commitment)]}


@blp.operation(
    "evidence.get", "GET", "/<uuid:evidence_id>", answer=schemas.EvidenceOut, example=examples.OUT, statuses=(304,)
)
def get(call: Call, evidence_id: uuid.UUID) -> Answer:
    """一份证据 One's own evidence, with the ETag that its next event of custody needs."""
    found = queries.get_evidence(call.session, evidence_id)
    headers = {"ETag": etags.tag(found[1].version)}
    if etags.unchanged(request.headers.get("If-None-Match"), found[1].version):
        return Answer(raw=b"", status=304, headers=headers)
    return Answer(schemas.evidence_out(found), headers=headers)


@blp.operation(
    "evidence.opening",
    "GET",
    "/<uuid:evidence_id>/opening",
    answer=schemas.OpeningsOut,
    example=examples.OPENINGS,
)
def opening(call: Call, evidence_id: uuid.UUID) -> dict[str, Any]:
    """证据的开启值 Record and salt of each leaf of the evidence, its registration first, then its custody."""
    return {"items": [schemas.opening_out(*found) for found in service.openings(call.session, evidence_id)]}


# --- custody --------------------------------------------------------------------------------------------------------


@blp.operation(
    "evidence.custody",
    "GET",
    "/<uuid:evidence_id>/custody",
    answer=schemas.CustodyListOut,
    example={"items": [examples.CREATED]},
)
def custody(call: Call, evidence_id: uuid.UUID) -> dict[str, Any]:
    """保管链 The chain of custody, oldest first; each event holds the digest of the one before."""
    queries.get_evidence(call.session, evidence_id)
    return {"items": [schemas.custody_out(event) for event in queries.custody(call.session, evidence_id)]}


@blp.operation(
    "evidence.record_custody",
    "POST",
    "/<uuid:evidence_id>/custody",
    body=schemas.CustodyIn,
    answer=schemas.EvidenceOut,
    status=201,
    body_example={"event": "disclosed", "to": "示范区人民法院", "basis": "（2025）沪0115民初12345号 调取"},
    example=examples.OUT | {"version": 2},
    statuses=(412, 428),
)
def record_custody(call: Call, evidence_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """登记保管事件 Record that the evidence was moved, disclosed or destroyed; needs `If-Match`.

    What may follow is listed in `legal` where an event is refused: nothing is destroyed under a legal hold, or before
    the least retention is over."""
    return _recorded(call, evidence_id, **body)


@blp.operation(
    "evidence.hold",
    "POST",
    "/<uuid:evidence_id>/hold",
    body=schemas.HoldIn,
    answer=schemas.EvidenceOut,
    status=201,
    body_example={"action": "place", "basis": "（2025）沪0115民初12345号 证据保全"},
    example=examples.OUT | {"version": 2, "held": True},
    statuses=(412, 428),
)
def hold(call: Call, evidence_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """法律保全 Place or release a legal hold; an event of custody like others. Needs `If-Match`."""
    event = "held" if body["action"] == "place" else "released"
    return _recorded(call, evidence_id, event=event, basis=body["basis"])


def _recorded(call: Call, evidence_id: uuid.UUID, **event: Any) -> Answer:
    found = service.record_custody(
        call.session,
        caller=call.caller,
        evidence_id=evidence_id,
        if_match=request.headers.get("If-Match"),
        **event,
    )
    headers = {"ETag": etags.tag(found[1].version), "Location": f"/v1/evidence/{evidence_id}/custody"}
    return Answer(schemas.evidence_out(found), headers=headers)
