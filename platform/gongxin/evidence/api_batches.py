"""Custody of batches: parse, call, return."""

import uuid
from typing import Any

from flask import request

from gongxin.web import etags
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import batching, examples, queries, schemas

blp = Blueprint("evidence_batches", url_prefix="/v1/evidence/batches", description="批次的保管链 Custody of batches")
BLUEPRINTS = (blp,)

_MEANWHILE = ("custody_meanwhile", "另一保管事件刚刚登记", "Another event of custody came first")
CONSTRAINTS.update(
    {
        "uq_evidence_batch_custody_batch_id_item_position": _MEANWHILE,
        "batch_custody_position": _MEANWHILE,
        "batch_custody_previous": _MEANWHILE,
        "batch_custody_held": (
            "evidence_held",
            "证据处于法律保全中，不得销毁",
            "The evidence is under a legal hold and must not be destroyed",
        ),
    }
)


@blp.operation(
    "evidence.batch_state",
    "GET",
    "/<uuid:batch_id>/state",
    query=schemas.ItemQuery,
    answer=schemas.BatchStateOut,
    example=examples.BATCH_STATE,
)
def state(call: Call, batch_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """批次的状态 How a batch stands, or with `item` a file of it, with the ETag that its next event needs.

    The registry keeps no list: a file of which nothing was recorded, in the batch or not, stands at version 0."""
    batch = queries.get_batch(call.session, batch_id)
    return _answer(batching.state_of(call.session, batch, _sha256(query.get("item"))), 200)


@blp.operation(
    "evidence.batch_custody",
    "GET",
    "/<uuid:batch_id>/custody",
    query=schemas.ItemQuery,
    answer=schemas.BatchCustodyListOut,
    example={"items": [examples.BATCH_EVENT]},
)
def custody(call: Call, batch_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """批次的保管链 The chain of custody of a batch, or with `item` of one file, oldest first."""
    queries.get_batch(call.session, batch_id)
    events = queries.batch_custody(call.session, batch_id, _sha256(query.get("item")))
    return {"items": [schemas.batch_custody_out(event) for event in events]}


@blp.operation(
    "evidence.record_batch_custody",
    "POST",
    "/<uuid:batch_id>/custody",
    body=schemas.BatchCustodyIn,
    answer=schemas.BatchStateOut,
    status=201,
    body_example={
        "event": "disclosed",
        "to": "示范区人民法院",
        "basis": "（2025）沪0115民初12345号 调取",
        "item": {"sha256": examples.SHA256, "index": 71, "path": [examples.HEAD]},
    },
    example=examples.BATCH_STATE,
    statuses=(412, 428),
)
def record_custody(call: Call, batch_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """登记批次的保管事件 Record that a batch, or with `item` one file of it, was moved, disclosed or destroyed.

    Needs `If-Match`. A hold on the whole keeps every file; a hold on any file keeps the whole from being destroyed."""
    item = _item(body.pop("item"))
    return _recorded(call, batch_id, item, **body)


@blp.operation(
    "evidence.hold_batch",
    "POST",
    "/<uuid:batch_id>/hold",
    body=schemas.BatchHoldIn,
    answer=schemas.BatchStateOut,
    status=201,
    body_example={"action": "place", "basis": "（2025）沪0115民初12345号 证据保全", "item": None},
    example=examples.BATCH_STATE | {"held": True},
    statuses=(412, 428),
)
def hold(call: Call, batch_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """批次的法律保全 Place or release a legal hold on a batch, or with `item` on one file of it. Needs `If-Match`."""
    event = "held" if body["action"] == "place" else "released"
    return _recorded(call, batch_id, _item(body["item"]), event=event, basis=body["basis"])


def _recorded(call: Call, batch_id: uuid.UUID, item: batching.Item | None, **event: Any) -> Answer:
    found = batching.record(
        call.session,
        caller=call.caller,
        batch_id=batch_id,
        item=item,
        if_match=request.headers.get("If-Match"),
        **event,
    )
    return _answer(found, 201)


def _answer(found: batching.State, status: int) -> Answer:
    return Answer(schemas.batch_state_out(found), status, {"ETag": etags.tag(found.version)})


def _item(told: dict[str, Any] | None) -> batching.Item | None:
    if told is None:
        return None
    path = tuple(bytes.fromhex(each) for each in told["path"])
    return batching.Item(bytes.fromhex(told["sha256"]), told["index"], path)


def _sha256(told: str | None) -> bytes | None:
    return None if told is None else bytes.fromhex(told)
