"""What a body and an answer look like, for the API's documentation."""

from typing import Any

CASE_ID = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
MEMBER = "0193a3bf-1c2d-7e3f-8a4b-5c6d7e8f9a0b"
NUMBER = "（2025）沪0115民初12345号"
NEW: dict[str, Any] = {
    "creditor_ref": "L2026-000123",
    "subject": [{"epoch": 1, "token": "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI"}],
    "opened_on": "2026-03-01",
    "references": [{"kind": "court_case", "reference": NUMBER}],
}
OUT: dict[str, Any] = {
    "case_id": CASE_ID,
    "creditor_id": MEMBER,
    "creditor_ref": "L2026-000123",
    "agency_id": None,
    "placement": "draft",
    "opened_on": "2026-03-01",
    "closed": False,
    "mandate_until": None,
    "stop_flags": [],
    "legal_class": "none",
    "contested": False,
    "references": [{"kind": "court_case", "reference": NUMBER}],
    "version": 1,
    "created_at": "2026-03-02T01:00:00.000000Z",
    "updated_at": "2026-03-02T01:00:00.000000Z",
}
EVENT: dict[str, Any] = {"axis": "legal", "status": "judged", "effective_on": "2026-05-20", "basis": "一审判决"}
EVENT_OUT: dict[str, Any] = {
    **EVENT,
    "event_id": "0193a3c2-5d4e-7f60-9a1b-2c3d4e5f6071",
    "case_id": CASE_ID,
    "source": "creditor",
    "asserted_by": MEMBER,
    "claimed": True,
    "contested": False,
    "prevails": True,
    "court_case_number": NUMBER,
    "supersedes": None,
    "withdrawn": False,
    "recorded_at": "2026-05-21T02:00:00.000000Z",
}
COURT_OUT: dict[str, Any] = {
    **EVENT,
    "court_event_id": "0193a3c2-5d4e-7f60-9a1b-2c3d4e5f6072",
    "court_case_number": NUMBER,
    "supersedes": None,
    "withdrawn": False,
    "recorded_at": "2026-05-21T02:00:00.000000Z",
}
LINE_PROBLEM = {
    "code": "bad_token",
    "title": "令牌应为 43 个 base64url 字符",
    "title_en": "The token must be 43 base64url characters",
    "fix": "使用 SDK 生成的盲化令牌；不要提交证件号码。",
    "fix_en": "Send the blind token the SDK makes; never an ID number.",
    "pointer": "/subject/0/token",
}
