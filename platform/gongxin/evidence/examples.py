"""What a body and an answer look like, for the API's documentation. All of one file, which holds `gongxin\\n`."""

from typing import Any

import orjson

ID = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f"
CASE_ID = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
MEMBER = "0193a3bf-1c2d-7e3f-8a4b-5c6d7e8f9a0b"
BATCH_ID = "0193a3c5-1f2e-7c3d-8b4a-9c8d7e6f5a4b"
SHA256 = "d43bc27a3c3a6c5ed3c9ff0a6dd7a1b6b4b0c3c8f5e25f0a6b0b9b3f7a1e2d3c"
HEAD = "5f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8"
_COMMITMENT = "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI"
_AT = "2026-11-24T02:00:00.000000Z"
NEW: dict[str, Any] = {
    "kind": "recording",
    "sha256": SHA256,
    "size": 1_048_576,
    "media_type": "audio/mpeg",
    "case_id": CASE_ID,
    "agent_licence": "HN-2026-000123",
    "made_by": "HN-2026-000123",
    "device": "PBX-03",
    "made_at": "2026-11-24T09:58:00+08:00",
}
OUT: dict[str, Any] = {
    **NEW,
    "evidence_id": ID,
    "sm3": None,
    "complaint": None,
    "made_at": "2026-11-24T01:58:00.000000Z",
    "registered_at": _AT,
    "keep_at_least_until": "2028-11-24",
    "keep_until": "2031-11-24",
    "held": False,
    "destroyed_at": None,
    "custody_head": HEAD,
    "leaf": {"id": ID, "commitment": _COMMITMENT},
    "version": 1,
}
LINE_PROBLEM = {
    "code": "case_not_found",
    "title": "没有这个案件",
    "title_en": "There is no such case",
    "fix": "请核对编号；不属于本机构的记录同样显示未找到。",
    "fix_en": "Check the identifier; another's record reads the same.",
    "pointer": "/case_id",
}
CREATED = {
    "at": "2026-11-24T01:58:00.000000Z",
    "basis": None,
    "event": "created",
    "evidence_id": ID,
    "member_id": MEMBER,
    "position": 1,
    "previous": SHA256,
    "recorded_at": _AT,
    "to": None,
    "v": 1,
    "digest": HEAD,
    "leaf": OUT["leaf"],
}
OF_CASE = {
    "items": [{"evidence_id": ID, "own": True, "kind": "recording", "sha256": SHA256, "registered_at": _AT}],
    "next_cursor": None,
}
_RECORD = {name: OUT[name] for name in (*NEW, "evidence_id", "sm3", "complaint", "registered_at")}
OPENINGS = {
    "items": [
        {
            "leaf": OUT["leaf"],
            "kind": "evidence",
            "salt": "u4r0Z1x2c3v4b5n6m7QWERTYUIOPasdfghjklzxcvbQ",
            "record": _RECORD | {"member_id": MEMBER, "custody": HEAD, "v": 1},
        }
    ]
}
BATCH_OUT: dict[str, Any] = {
    "batch_id": BATCH_ID,
    "kind": "recording",
    "root": HEAD,
    "count": 86_412,
    "label": "华宁呼叫中心 2026-11-23",
    "made_from": "2026-11-23",
    "made_to": "2026-11-23",
    "case_id": None,
    "agent_licence": None,
    "complaint": None,
    "registered_at": _AT,
    "keep_at_least_until": "2028-11-24",
    "keep_until": "2031-11-24",
    "leaf": {"id": BATCH_ID, "commitment": _COMMITMENT},
}
_BATCH_RECORD = ("batch_id", "kind", "root", "count", "label", "made_from", "made_to", "case_id", "agent_licence",
                 "complaint", "registered_at")  # fmt: skip
BATCH_OPENINGS = {
    "items": [
        OPENINGS["items"][0]
        | {
            "leaf": BATCH_OUT["leaf"],
            "kind": "evidence_batch",
            "record": {name: BATCH_OUT[name] for name in _BATCH_RECORD} | {"member_id": MEMBER, "v": 1},
        }
    ]
}
BATCH_STATE: dict[str, Any] = {
    "batch_id": BATCH_ID,
    "item": SHA256,
    "version": 1,
    "held": False,
    "destroyed_at": None,
    "custody_head": HEAD,
    "items_held": 0,
}
BATCH_EVENT: dict[str, Any] = {
    "at": _AT,
    "basis": "（2025）沪0115民初12345号 调取",
    "batch_id": BATCH_ID,
    "event": "disclosed",
    "item": SHA256,
    "member_id": MEMBER,
    "position": 1,
    "previous": SHA256,
    "recorded_at": _AT,
    "to": "示范区人民法院",
    "v": 1,
    "digest": HEAD,
    "leaf": {"id": ID, "commitment": _COMMITMENT},
}
BATCH_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "description": "第一行为对象：kind，可有 label、made_from、made_to、case_id、agent_licence、complaint；"
    "其后每行一个引号内的 SHA-256。 The first line an object: kind and perhaps label, made_from, made_to, case_id, "
    "agent_licence, complaint; then a line for each file: its SHA-256 in quotation marks.",
    "example": orjson.dumps({"kind": "recording", "made_from": "2026-11-23"}).decode() + f'\n"{SHA256}"\n"{HEAD}"\n',
}
RETENTION = {
    "items": [
        {
            "pack": "cn",
            "record": "recording",
            "version": 1,
            "min_months": 24,
            "default_months": 60,
            "authority": "中国互联网金融协会",
            "article": "催收录音至少保存两年；条文待核",
            "source_status": "unverified",
            "effective_from": "2026-01-01",
        }
    ]
}
