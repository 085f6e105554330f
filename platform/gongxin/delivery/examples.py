"""Examples of what goes over the wire, for the documentation."""

ID = "01890000-0000-7000-8000-0000000000e1"
EVENT = {
    "position": 1042,
    "id": ID,
    "type": "agent.changed",
    "timestamp": "2026-11-24T01:00:00.000Z",
    "object_id": "01890000-0000-7000-8000-0000000000a1",
    "data": {"agent_id": "01890000-0000-7000-8000-0000000000a1", "state": "suspended"},
}
CURSOR = "MXwxMDQy"
PAGE = {"items": [EVENT], "next_cursor": CURSOR, "more": False}
TYPES = {
    "items": [
        {
            "type": "agent.changed",
            "scope": "agents.check",
            "zh": "所关注催收员的状态有变",
            "en": "a watched agent's state changed",
            "data_fields": ["agent_id", "state"],
            "acknowledged": False,
        }
    ]
}
SNAPSHOTS = {"items": [{"type": "members", "scope": "members.read", "zh": "机构名录", "en": "the directory"}]}
ENDPOINT_IN = {"url": "https://hooks.member.example/gongxin", "types": ["agent.changed"]}
ENDPOINT = {
    "endpoint_id": ID,
    "url": "https://hooks.member.example/gongxin",
    "types": ["agent.changed"],
    "state": "unverified",
    "reason": None,
    "failures": 0,
    "hold_until": None,
    "made_at": "2026-11-24T01:00:00Z",
    "verified_at": None,
    "previous_until": None,
}
SECRET = "whsec_" + "A" * 43 + "="
SENDS = {
    "items": [
        {
            "position": 1042,
            "event_id": ID,
            "object_id": EVENT["object_id"],
            "state": "waiting",
            "attempts": 2,
            "outcome": "http_503",
            "first_at": "2026-11-24T01:00:00Z",
            "last_at": "2026-11-24T01:00:05Z",
            "next_at": "2026-11-24T01:01:05Z",
        }
    ],
    "next_cursor": None,
}
ACK_IN = {"event_id": ID, "did": "removed"}
ACK = {"event_id": ID, "did": "removed", "note": None, "at": "2026-11-24T01:00:00Z"}
ACKS = {"items": [ACK | {"member_id": "01890000-0000-7000-8000-0000000000b1"}]}
