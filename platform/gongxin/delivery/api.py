"""Delivery: parse, call, return. The feed answers octets that the database wrote; a snapshot is streamed."""

import uuid
from typing import Any

from flask import Response, request

from gongxin.web import health, ndjson, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import acknowledging, changes, directory, endpoints, examples, measures, queries, schemas, snapshots
from .types import TYPES

blp = Blueprint("changes", url_prefix="/v1/changes", description="变更流 The change feed")
snapshots_blp = Blueprint("snapshots", url_prefix="/v1/snapshots", description="快照 Snapshots")
endpoints_blp = Blueprint("endpoints", url_prefix="/v1/webhook-endpoints", description="回调端点 Webhook endpoints")
BLUEPRINTS = (blp, snapshots_blp, endpoints_blp)
assert directory  # registers its snapshot

health.MEASURES.append(measures.measure)
CONSTRAINTS.update(
    {
        "ix_delivery_endpoints_one_url": (
            "endpoint_exists",
            "本机构已登记该回调地址",
            "This address is registered already",
        ),
        "pk_delivery_acks": (
            "acknowledged_meanwhile",
            "另一请求刚刚作出回执",
            "Another request has just acknowledged it",
        ),
    }
)


# --- the feed -------------------------------------------------------------------------------------------------------


@blp.operation(
    "changes.list",
    "GET",
    "",
    query=schemas.ChangesIn,
    answer=schemas.ChangesOut,
    example=examples.PAGE,
    statuses=(304, 409),
)
def list_changes(call: Call, query: dict[str, Any]) -> Answer:
    """变更流 What changed after a cursor, oldest first; of each type that the token's scopes read.

    Without `after` from the oldest event kept; `after=latest` gives the present cursor and no events. `wait` holds the
    answer for up to so many seconds while there is nothing. `next_cursor` always moves on: keep it in the transaction
    that applies the events. An answer without events has an ETag; 304 where If-None-Match names it."""
    raw, tag = changes.page(
        call, call.member_id, after=query.get("after"), types=query.get("types"), limit=query["limit"],
        wait=query["wait"],
    )  # fmt: skip
    if not tag:
        return Answer(raw=raw)
    if tag in request.environ.get("HTTP_IF_NONE_MATCH", ""):
        return Answer(raw=b"", status=304, headers={"ETag": tag})
    return Answer(raw=raw, headers={"ETag": tag})


@blp.operation("changes.types", "GET", "/types", answer=schemas.TypesOut, example=examples.TYPES)
def list_types(_call: Call) -> dict[str, Any]:
    """事件类型 Every type of event: the scope that reads it, and all that its data may hold."""
    return {"items": [schemas.type_out(TYPES[name]) for name in sorted(TYPES)]}


@blp.operation(
    "changes.acknowledge",
    "POST",
    "/acknowledgements",
    body=schemas.AckIn,
    answer=schemas.AckOut,
    status=201,
    body_example=examples.ACK_IN,
    example=examples.ACK,
    statuses=(200,),
)
def acknowledge(call: Call, body: dict[str, Any]) -> Answer:
    """回执 Say what was done with an event; the same again answers 200, anything else 409."""
    found, new = acknowledging.acknowledge(
        call.session,
        caller=call.caller,
        event_id=uuid.UUID(body["event_id"]),
        did=body["did"],
        note=body["note"],
    )
    return Answer(schemas.ack_out(found), 201 if new else 200)


@blp.operation(
    "changes.acknowledgements",
    "GET",
    "/acknowledgements",
    query=schemas.AcksIn,
    answer=schemas.AcksOut,
    example=examples.ACKS,
)
def acknowledgements(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """查回执 What was said of an event: one's own, for the association everybody's."""
    found = queries.acks(call.session, [uuid.UUID(query["event_id"])])
    return {"items": [schemas.ack_out(ack) | {"member_id": ack.member_id} for ack in found]}


# --- snapshots ------------------------------------------------------------------------------------------------------


@snapshots_blp.operation("snapshots.list", "GET", "", answer=schemas.SnapshotsOut, example=examples.SNAPSHOTS)
def list_snapshots(_call: Call) -> dict[str, Any]:
    """快照种类 What can be had whole, and the scope that reads it."""
    found = snapshots.SNAPSHOTS
    return {"items": [schemas.snapshot_out(found[name]) for name in sorted(found)]}


@snapshots_blp.operation(
    "snapshots.get",
    "GET",
    "/<type>",
    answer=ndjson.answered({"object_id": examples.ID, "data": {}}, examples.EVENT),
    media=ndjson.NDJSON,
)
def get_snapshot(call: Call, type: str) -> Response:
    """取快照 Everything of one type that the caller may see, a line each.

    The first line holds the cursor to go on from in the feed, the last `"end": true` with the count: where it is
    missing the snapshot broke off, and is taken again."""
    snapshot = snapshots.get_snapshot(type, call.caller)
    lines, close = snapshots.stream(call.runtime, call.caller, snapshot)
    response = Response(lines, mimetype=ndjson.NDJSON)
    response.call_on_close(close)
    return response


# --- endpoints ------------------------------------------------------------------------------------------------------


@endpoints_blp.operation(
    "endpoints.list",
    "GET",
    "",
    query=schemas.PageIn,
    answer=schemas.EndpointsOut,
    example={"items": [examples.ENDPOINT], "next_cursor": None},
)
def list_endpoints(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """本机构端点 One's own endpoints, oldest first."""
    rows = queries.endpoints(call.session, paging.decode_id(query.get("cursor")), query["limit"])
    kept, following = paging.page(rows, query["limit"], lambda row: [str(row.id)])
    return {"items": [schemas.endpoint_out(row) for row in kept], "next_cursor": following}


@endpoints_blp.operation(
    "endpoints.register",
    "POST",
    "",
    body=schemas.EndpointIn,
    answer=schemas.EndpointSecretOut,
    status=201,
    body_example=examples.ENDPOINT_IN,
    example=examples.ENDPOINT | {"secret": examples.SECRET},
    statuses=(409,),
)
def register(call: Call, body: dict[str, Any]) -> Answer:
    """登记端点 Register an endpoint; its secret is said this once.

    It is called at once with `endpoint.verify` and becomes active as its 2xx answer holds
    `{"challenge": …}` of the data. A lost answer: rotate the secret."""
    made, secret = endpoints.register(
        call.session, call.runtime.config, caller=call.caller, url=body["url"], types=body["types"]
    )
    headers = {"Location": f"/v1/webhook-endpoints/{made.id}"}
    return Answer(schemas.endpoint_out(made) | {"secret": secret}, headers=headers)


@endpoints_blp.operation(
    "endpoints.get", "GET", "/<uuid:endpoint_id>", answer=schemas.EndpointOut, example=examples.ENDPOINT
)
def get_endpoint(call: Call, endpoint_id: uuid.UUID) -> dict[str, Any]:
    """一个端点 One endpoint of one's own: its state, and how its calls go."""
    return schemas.endpoint_out(queries.get_endpoint(call.session, endpoint_id))


@endpoints_blp.operation(
    "endpoints.change",
    "PATCH",
    "/<uuid:endpoint_id>",
    body=schemas.EndpointChangeIn,
    answer=schemas.EndpointOut,
    body_example={"types": ["agent.changed"]},
    example=examples.ENDPOINT,
)
def change(call: Call, endpoint_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """更改订阅 Other types from now on; what is owed already still comes."""
    return schemas.endpoint_out(endpoints.change(call.session, endpoint_id, caller=call.caller, types=body["types"]))


@endpoints_blp.operation(
    "endpoints.verify",
    "POST",
    "/<uuid:endpoint_id>/verify",
    answer=schemas.EndpointOut,
    status=202,
    example=examples.ENDPOINT,
    statuses=(409,),
)
def verify(call: Call, endpoint_id: uuid.UUID) -> dict[str, Any]:
    """重新验证 Call an unverified endpoint again with a new challenge."""
    return schemas.endpoint_out(endpoints.verify(call.session, endpoint_id))


@endpoints_blp.operation(
    "endpoints.rotate",
    "POST",
    "/<uuid:endpoint_id>/secret",
    answer=schemas.EndpointSecretOut,
    example=examples.ENDPOINT | {"secret": examples.SECRET},
)
def rotate(call: Call, endpoint_id: uuid.UUID) -> dict[str, Any]:
    """更换密钥 A new secret, said this once; for 24 hours the one before signs beside it."""
    found, secret = endpoints.rotate(call.session, call.runtime.config, endpoint_id)
    return schemas.endpoint_out(found) | {"secret": secret}


@endpoints_blp.operation(
    "endpoints.move",
    "POST",
    "/<uuid:endpoint_id>/state",
    body=schemas.EndpointMoveIn,
    answer=schemas.EndpointOut,
    body_example={"state": "paused"},
    example=examples.ENDPOINT | {"state": "paused", "reason": "by_member"},
    statuses=(409,),
)
def move(call: Call, endpoint_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """暂停、恢复或移除 Pause, resume or remove. What a paused endpoint is owed waits for it."""
    return schemas.endpoint_out(endpoints.move(call.session, endpoint_id, state=body["state"]))


@endpoints_blp.operation(
    "endpoints.sends",
    "GET",
    "/<uuid:endpoint_id>/sends",
    query=schemas.SendsIn,
    answer=schemas.SendsOut,
    example=examples.SENDS,
)
def sends(call: Call, endpoint_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """投递记录 What an endpoint was or is owed, newest first, and how each attempt ended."""
    queries.get_endpoint(call.session, endpoint_id)
    before = paging.decode_number(query.get("cursor"))
    rows = queries.sends(call.session, endpoint_id, query.get("state"), before, query["limit"])
    kept, following = paging.page(rows, query["limit"], lambda row: [str(row.position)])
    return {"items": [schemas.send_out(row) for row in kept], "next_cursor": following}
