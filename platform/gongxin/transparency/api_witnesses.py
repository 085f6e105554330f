"""Witnesses and stamps: parse, call, return. The heads and stamps are public; what a member hands in is its own."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.errors import Invalid
from gongxin.web import health, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS
from gongxin_wire.canonical import b64u, unb64u
from gongxin_wire.splits import Split

from . import keys, merging, queries, rules_witnessing, schemas_witnessing, service, stamps, witnesses
from . import queries_witnessing as witnessing

round_blp = Blueprint("log_round", url_prefix="/log", description="见证 What witnesses are to sign")
blp = Blueprint("witnesses", url_prefix="/v1/log", description="见证与时间戳 Witnesses and time stamps")
BLUEPRINTS: tuple[Blueprint, ...] = (round_blp, blp)

CONSTRAINTS.update(
    {
        "uq_log_witnesses_public_key": ("witness_key_used", "该密钥已登记过", "This key was registered before"),
        "ix_log_witnesses_one_active": (
            "witness_meanwhile",
            "本机构刚刚登记了另一把见证密钥",
            "Another witness key of this member was registered just now",
        ),
        "uq_log_split_reports_member_id_digest": (
            "reported_meanwhile",
            "同一证据刚刚提交过",
            "The same evidence was reported just now",
        ),
    }
)
health.MEASURES.extend((merging.measures, witnesses.measures, stamps.measures))

_ROOT = "V8K9aklZ4EPB+RMOk1/8VsJUdFZR77GDtZUQq84vSbo="
_NOTE = f"registry.example/log\n8\n{_ROOT}\n\n— registry.example/log 202ffoUE…\n"
_NAME = "registry.example/witness/0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
_VKEY = f"{_NAME}+5be4cbd6+BOqZ4dJgDHLBaJwEVJ8KPvWjBYPBhHJ4kqQ3wW7cCEm3"
_WITNESS: dict[str, Any] = {
    "witness_id": "0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b",
    "member_id": "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f",
    "name": _NAME,
    "vkey": _VKEY,
    "active": True,
    "registered_at": "2026-11-24T02:00:00Z",
    "last_size": 8,
    "last_received_at": "2026-11-24T03:00:00Z",
    "last_note": _NOTE,
}
_SPLIT: dict[str, Any] = {
    "kind": "fork",
    "earlier": _NOTE,
    "later": _NOTE,
    "claimed": "V8K9aklZ4EPB-RMOk1_8VsJUdFZR77GDtZUQq84vSbo",
    "path": [],
}
_REPORT = {
    "report_id": _WITNESS["witness_id"],
    "member_id": _WITNESS["member_id"],
    "reported_at": "2026-11-24T03:00:00Z",
}
_STAMP: dict[str, Any] = {
    "number": 1,
    "size": 8,
    "checkpoint": _NOTE,
    "reply": "MIID…",
    "time": "2026-11-24T03:00:00Z",
    "serial": "42",
    "policy": "1.2.3.4.1",
    "authority": "CN=Time Stamping Authority",
    "received_at": "2026-11-24T03:00:01Z",
}


@round_blp.operation(
    "log.round", "GET", "/round", answer={"type": "string"}, media="text/plain", example=_NOTE, statuses=(404,)
)
def round_(call: Call) -> Answer:
    """本轮见证的检查点 The checkpoint that witnesses sign now: the same one for all within a round."""
    note = witnesses.round_note(call.session, call.runtime.config)
    if note is None:
        raise keys.not_started()
    return Answer(raw=note.encode(), mimetype="text/plain", headers={"Cache-Control": "no-cache"})


@blp.operation(
    "log.witnesses",
    "GET",
    "/witnesses",
    answer=schemas_witnessing.WitnessesOut,
    example={"quorum": 2, "quorum_size": 8, "quorum_note": _NOTE, "late": False, "items": [_WITNESS]},
)
def list_witnesses(call: Call) -> dict[str, Any]:
    """见证方 Who cosigns this log, what each signed last, and the newest checkpoint with a quorum."""
    quorum = call.runtime.config.witness_quorum
    size = witnessing.newest_witnessed(call.session, quorum)
    since = witnesses.unwitnessed_since(call.session, quorum)
    return {
        "quorum": quorum,
        "quorum_size": size,
        "quorum_note": None if size is None else queries.shown_note(call.session, size),
        "late": rules_witnessing.quorum_is_late(since, clock.now()),
        "items": [schemas_witnessing.witness_out(*row) for row in witnessing.witnesses(call.session)],
    }


# Every field is of a closed form; the name inside the vkey is looked at by the verb.
@blp.operation(
    "log.register_witness",
    "POST",
    "/witnesses",
    body=schemas_witnessing.WitnessIn,
    answer=schemas_witnessing.WitnessOut,
    status=201,
    walk=False,
    body_example={"vkey": _VKEY, "proof": "A" * 86},
    example=_WITNESS | {"last_size": None, "last_received_at": None, "last_note": None},
)
def register(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """登记见证公钥 Register the key the member cosigns with; the one before is retired."""
    proof = _bytes(body["proof"], "/proof")
    made = witnesses.register(call.session, call.runtime.config, call.member_id, vkey=body["vkey"], proof=proof)
    return schemas_witnessing.witness_out(made)


@blp.operation(
    "log.retire_witness",
    "POST",
    "/witnesses/<uuid:witness_id>/retirement",
    answer=schemas_witnessing.WitnessOut,
    example=_WITNESS | {"active": False, "last_size": None, "last_received_at": None, "last_note": None},
)
def retire(call: Call, witness_id: uuid.UUID) -> dict[str, Any]:
    """停用见证公钥 Retire one's own witness key; what it signed stays."""
    return schemas_witnessing.witness_out(witnesses.retire(call.session, call.member_id, witness_id))


# A note is base64 and numbers: what is taken must equal a checkpoint of ours, so that nothing free gets in.
@blp.operation(
    "log.cosign",
    "POST",
    "/cosignatures",
    body=schemas_witnessing.CosignatureIn,
    answer=schemas_witnessing.CosignatureOut,
    walk=False,
    body_example={"note": _NOTE},
    example={"size": 8, "cosigned_by": [_NAME], "quorum": 2},
)
def cosign(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """提交见证签名 Hand in a cosignature of one of our checkpoints; the same again changes nothing."""
    size = witnesses.cosign(call.session, call.member_id, body["note"])
    return {
        "size": size,
        "cosigned_by": witnessing.names(call.session, size),
        "quorum": call.runtime.config.witness_quorum,
    }


# Both notes must bear the log's signature: nothing free gets in.
@blp.operation(
    "log.report_split",
    "POST",
    "/reports",
    body=schemas_witnessing.SplitIn,
    answer=schemas_witnessing.SplitOut,
    status=201,
    walk=False,
    body_example=_SPLIT,
    example=_SPLIT | _REPORT,
)
def report(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """报告分叉 Report a split view: two heads that this log signed and that do not go together."""
    split = Split(
        body["kind"],
        body["earlier"],
        body["later"],
        _bytes(body["claimed"], "/claimed"),
        tuple(_bytes(each, f"/path/{at}") for at, each in enumerate(body["path"])),
    )
    return schemas_witnessing.split_out(witnesses.report(call.session, call.member_id, split))


@blp.operation(
    "log.split_reports",
    "GET",
    "/reports",
    query=schemas_witnessing.PageIn,
    answer=schemas_witnessing.SplitsOut,
    example={"items": [_SPLIT | _REPORT], "next_cursor": None},
)
def reports(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """分叉报告 Reports of a split view: one's own; for the association and regulators, all."""
    after = paging.decode_id(query.get("cursor"))
    found = witnessing.reports(call.session, after=after, limit=query["limit"])
    kept, following = paging.page(found, query["limit"], lambda report: [str(report.id)])
    return {"items": [schemas_witnessing.split_out(each) for each in kept], "next_cursor": following}


@blp.operation(
    "log.stamps",
    "GET",
    "/stamps",
    query=schemas_witnessing.StampsIn,
    answer=schemas_witnessing.StampsOut,
    example={"items": [_STAMP], "next_after": None},
)
def list_stamps(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """时间戳 RFC 3161 stamps of checkpoints, in the order they came."""
    found = witnessing.stamps(call.session, **query)
    kept = found[: query["limit"]]
    return {
        "items": [schemas_witnessing.stamp_out(stamp, note) for stamp, note in kept],
        "next_after": kept[-1][0].number if len(found) > len(kept) else None,
    }


@blp.operation(
    "log.opening",
    "GET",
    "/leaves/<uuid:leaf_id>/opening",
    answer=schemas_witnessing.LeafOpeningOut,
    example={"leaf_id": _WITNESS["witness_id"], "salt": _SPLIT["claimed"], "record": {"kind": "lookup"}},
)
def opening(call: Call, leaf_id: uuid.UUID) -> dict[str, Any]:
    """揭示本机构的一叶 Salt and record of a leaf of one's own: they prove what the leaf is about."""
    found = service.opening(call.session, leaf_id)
    return {"leaf_id": found.leaf_id, "salt": b64u(found.salt), "record": service.opened_record(found)}


def _bytes(value: str, pointer: str) -> bytes:
    try:
        return unb64u(value)
    except ValueError as fault:
        raise Invalid(
            "not_base64url",
            zh="不是规范的 base64url",
            en="Not canonical base64url",
            fix_zh="不填充，多余位为零。",
            fix_en="Without padding, spare bits zero.",
            pointer=pointer,
        ) from fault
