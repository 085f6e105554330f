"""Federation: parse, call, return. A peer is known by its message signature (RFC 9421), not by a token."""

from typing import Any

from flask import Response, request

from gongxin import clock
from gongxin.db import transaction
from gongxin.transparency import queries as log
from gongxin.transparency.service import moment
from gongxin.web import guards
from gongxin.web.blueprint import Answer, Blueprint, Call

from . import descriptions, exchange, schemas
from .models import Peer

well_known = Blueprint(
    "registry", url_prefix="/.well-known", description="登记处自述 The registry's description of itself"
)
blp = Blueprint("federation", url_prefix="/federation/v1", description="联邦往来 Exchanges between registries")
BLUEPRINTS = (well_known, blp)
MAX_QUESTION_BYTES = 64 * 1024


@well_known.operation(
    "federation.describe",
    "GET",
    "/gongxin-registry",
    answer=schemas.DescriptionOut,
    statuses=(404,),
    example={
        "payload": "eyJpc3N1ZXIiOiJodHRwczovL3IuZXhhbXBsZSJ9",
        "signatures": [{"protected": "e30", "signature": "c2ln"}],
    },
)
def describe(call: Call) -> Answer:
    """登记处自述 Who this registry is: name, keys, epochs, log, endpoints, policy; signed by each live key."""
    with transaction(call.runtime.engine) as session:
        found = descriptions.own(session, call.runtime.config)
    return Answer(found, headers={"Cache-Control": "public, max-age=60"})


@blp.operation(
    "federation.status",
    "POST",
    "/status",
    raw_body="application/json",
    raw_schema=schemas.PeerQuestionIn,
    answer=schemas.PeerStatusOut,
    statuses=(401,),
    body_example={},
    example={"as_of": "2026-11-25T03:00:00.000Z", "checkpoint": None, "issuer": "https://r.example", "serial": 1},
)
def status(call: Call) -> Response:
    """对等状态 How the registry stands, for a peer: its newest checkpoint and the serial of its description.

    The question is signed by RFC 9421 under the peer's pinned key; so is the answer, which covers the question's
    signature."""

    def tell(_peer: Peer) -> dict[str, Any]:
        head = log.head(call.runtime.engine)
        now = clock.now()
        return {
            "as_of": moment(now),
            "checkpoint": head[1] if head is not None else None,
            "issuer": call.runtime.config.issuer,
            "serial": int(now.timestamp() * 1000),
        }

    return _heard(call, "status", tell)


def _heard(call: Call, operation: str, tell: Any) -> Response:
    """The verified question, answered and kept in a transaction of its own, since the caller is no member."""
    raw = guards.read_body(request, MAX_QUESTION_BYTES)
    config = call.runtime.config
    address = f"{config.issuer}{request.path}"
    with transaction(call.runtime.engine) as session:
        body, headers = exchange.hear(
            session, config, operation=operation, address=address, headers=dict(request.headers), raw=raw, answer=tell
        )
    return Response(body, 200, headers=headers, mimetype="application/json")
