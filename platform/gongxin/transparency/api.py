"""The log over HTTP: parse, call, return. Everything is public, for nothing in the log is personal."""

import uuid
from base64 import b64encode
from typing import Any

from flask import request

from gongxin.errors import NotFound
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS
from gongxin_wire import tiles
from gongxin_wire.canonical import b64u
from gongxin_wire.tiles import Tile

from . import keys, proving, publishing, queries, rules, schemas

tiles_blp = Blueprint("log_tiles", url_prefix="/log", description="透明日志 The log (C2SP tlog-tiles)")
log_blp = Blueprint("log", url_prefix="/v1/log", description="日志证明 Proofs from the log")
BLUEPRINTS: tuple[Blueprint, ...] = (tiles_blp, log_blp)

CONSTRAINTS.update(
    {
        "log_erase_present": ("no_opening", "没有可用的揭示", "There is no opening of this leaf"),
        "log_erase_of_erasure": (
            "erasure_stands",
            "擦除记录本身不得擦除",
            "The record of an erasure is not erased",
        ),
    }
)

_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_BRIEFLY = {"Cache-Control": "public, max-age=1"}
_TEXT: dict[str, Any] = {"type": "string"}
_ROOT = "V8K9aklZ4EPB+RMOk1/8VsJUdFZR77GDtZUQq84vSbo="
_CHECKPOINT = f"registry.example/log\n8\n{_ROOT}\n\n— registry.example/log 202ffoUE…\n"
_LEAF: dict[str, Any] = {
    "leaf_id": "0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b",
    "kind": "lookup",
    "commitment": "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI",
    "state": "integrated",
    "leaf_index": 5,
}


@tiles_blp.operation(
    "log.checkpoint", "GET", "/checkpoint", answer=_TEXT, media="text/plain", example=_CHECKPOINT, statuses=(404,)
)
def checkpoint(call: Call) -> Answer:
    """最新检查点 The newest checkpoint, a C2SP signed note, with the witnesses' cosignatures so far."""
    return Answer(raw=publishing.newest_note(call.session).encode(), mimetype="text/plain", headers=_BRIEFLY)


@tiles_blp.operation(
    "log.tile", "GET", "/tile/<int:level>/<path:place>", answer=_TEXT, media="application/octet-stream", example="…"
)
def tile(call: Call, level: int, place: str) -> Answer:
    """日志瓦片 A tile: up to 256 hashes of one level; `place` is `x001/234` or `x001/234.p/5` (C2SP tlog-tiles)."""
    wanted = _tile(call, level, place)
    return Answer(raw=publishing.tile_bytes(call, wanted), mimetype="application/octet-stream", headers=_FOREVER)


@tiles_blp.operation(
    "log.entries", "GET", "/tile/entries/<path:place>", answer=_TEXT, media="application/octet-stream", example="…"
)
def entries(call: Call, place: str) -> Answer:
    """日志条目 The entries under a level-0 tile, each after its length (C2SP tlog-tiles)."""
    wanted = _tile(call, None, place)
    return Answer(raw=publishing.bundle(call.session, wanted), mimetype="application/octet-stream", headers=_FOREVER)


def _tile(call: Call, level: int | None, place: str) -> Tile:
    """Raises NotFound for a path of another form and for a tile that the newest checkpoint does not need."""
    try:
        wanted = Tile(level, *tiles.parse_index_path(place))
    except ValueError as fault:
        raise publishing.no_tile() from fault
    if request.path != f"{tiles_blp.url_prefix}/{wanted.path}":
        raise publishing.no_tile()
    publishing.check_tile(call.runtime.engine, wanted)
    return wanted


@log_blp.operation("log.about", "GET", "", answer=schemas.LogOut, statuses=(404,))
def about(call: Call) -> Answer:
    """日志概况 The log's name, keys and size, and how soon what is promised stands in it."""
    newest = publishing.newest(call.session)
    found = {
        "origin": keys.verifiers(call.session)[-1].name,
        "prefix": f"{call.runtime.config.issuer}{tiles_blp.url_prefix}",
        "maximum_merge_delay_seconds": rules.MAX_MERGE_DELAY_SECONDS,
        "size": newest.size,
        "keys": [
            {"vkey": str(keys.verifier(key)), "signs": key.retired_at is None} for key in queries.keys(call.session)
        ],
    }
    return Answer(found, headers=_BRIEFLY)


@log_blp.operation("log.leaf", "GET", "/leaves/<uuid:leaf_id>", answer=schemas.LeafOut, example=_LEAF)
def leaf(call: Call, leaf_id: uuid.UUID) -> dict[str, Any]:
    """一叶 A leaf by its identifier (that of the record it is about, where it has one): waiting, or its place."""
    placed = queries.find_leaf(call.session, leaf_id)
    found = placed or queries.find_waiting(call.session, leaf_id)
    if found is None:
        raise NotFound
    return {
        "leaf_id": found.leaf_id,
        "kind": found.kind,
        "commitment": b64u(found.commitment),
        "state": "integrated" if placed else "waiting",
        "leaf_index": placed.leaf_index if placed else None,
    }


@log_blp.operation(
    "log.proof",
    "GET",
    "/proofs/<uuid:leaf_id>",
    query=schemas.ProofIn,
    answer=_TEXT,
    media="text/plain",
    example=f"c2sp.org/tlog-proof@v1\nindex 5\n{_ROOT}\n\n{_CHECKPOINT}",
)
def proof(call: Call, leaf_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """存在证明 The proof that a leaf stands in the log (C2SP tlog-proof), verifiable offline for ever.

    Keep it with the receipt: it needs nothing but the log's key and the witnesses'."""
    text = publishing.proof(call, leaf_id, query.get("size"))
    return Answer(raw=text.encode(), mimetype="text/plain", headers={"Cache-Control": "no-cache"})


@log_blp.operation(
    "log.consistency",
    "GET",
    "/consistency",
    query=schemas.ConsistencyIn,
    answer=schemas.ConsistencyOut,
    statuses=(404,),
)
def consistency(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """一致性证明 The proof that the log of one size is the beginning of the log of another (RFC 6962)."""
    new, hashes = proving.consistency(call.runtime, call.session, query["old"], query["new"])
    return {"from": query["old"], "to": new, "hashes": [b64encode(each).decode() for each in hashes]}
