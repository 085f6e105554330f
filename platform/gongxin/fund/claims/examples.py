"""What bodies and answers look like, for the API's documentation."""

from typing import Any

from gongxin_wire.canonical import b64u

ID = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f"
_MEMBER = "0193a3bf-1c2d-7e3f-8a4b-5c6d7e8f9a0b"
_COURT = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
_HASH = "d43bc27a3c3a6c5ed3c9ff0a6dd7a1b6b4b0c3c8f5e25f0a6b0b9b3f7a1e2d3c"
_AT = "2026-11-24T02:00:00.000Z"
PAYEE = {
    "holder": "示例医院",
    "account": "9900001234567890",
    "bank_code": "102100099996",
    "bank_name": "示例银行",
}
CLAIM_IN: dict[str, Any] = {
    "officer": "TIAO01",
    "fund": "RELIEF",
    "cause": "medical",
    "region": "990102",
    "subject": [{"epoch": 1, "token": b64u(bytes(range(32)))}],
    "asked_fen": 800_000,
    "term_days": 90,
    "payee": PAYEE,
    "payee_kind": "hospital",
    "unrelated": True,
    "means_sha256": _HASH,
    "evidence_sha256": _HASH,
}
CLAIM: dict[str, Any] = {
    "claim_id": ID,
    "number": "GH7K3M9P2QXW4",
    "fund": "RELIEF",
    "cause": "medical",
    "region": "990102",
    "state": "filed",
    "version": 1,
    "filed_by": _MEMBER,
    "filed_at": _AT,
    "asked_fen": 800_000,
    "granted_fen": None,
    "restriction": None,
    "term_days": 90,
    "payee_id": ID,
    "payee_kind": "hospital",
    "reviewer_id": None,
    "content_hash": None,
    "held_on": None,
    "entry_id": None,
    "appeal_by": None,
    "reason": None,
    "assessment": None,
    "approvals": [],
    "steps": [{"version": 1, "state": "filed", "member_id": _MEMBER, "officer": "TIAO01", "reason": None, "at": _AT}],
}
ASSESSED = CLAIM | {
    "state": "assessed",
    "version": 2,
    "granted_fen": 600_000,
    "reviewer_id": _COURT,
    "content_hash": _HASH,
    "assessment": {
        "granted_fen": 600_000,
        "lines": [
            {"why": "proposed", "fen": 800_000, "limit_fen": None},
            {"why": "cap_per_claim", "fen": -200_000, "limit_fen": 600_000},
        ],
        "pack_version": 1,
    },
}
ASSESSMENT_IN = {"officer": "LIN01", "proposed_fen": 800_000, "reviewer_id": _COURT}
APPROVAL_IN = {"officer": "FAGUAN01", "content_hash": _HASH, "unrelated": True}
ACT_IN = {"officer": "LIN01", "reason": "缺少工伤认定"}
PAYEE_IN = {"officer": "TIAO01", "payee": PAYEE, "payee_kind": "hospital"}
LISTED = {name: value for name, value in CLAIM.items() if name not in ("assessment", "approvals", "steps")}
