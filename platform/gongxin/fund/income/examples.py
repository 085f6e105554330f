"""What bodies and answers look like, for the API's documentation."""

from typing import Any

ID = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f"
_MEMBER = "0193a3bf-1c2d-7e3f-8a4b-5c6d7e8f9a0b"
_HASH = "d43bc27a3c3a6c5ed3c9ff0a6dd7a1b6b4b0c3c8f5e25f0a6b0b9b3f7a1e2d3c"
_AT = "2026-11-24T02:00:00.000Z"
BASE_IN = {"month": "2026-10", "base_fen": 12_500_000, "evidence_sha256": _HASH}
BASE = BASE_IN | {"base_id": ID, "member_id": _MEMBER, "source": "statement", "supersedes": None, "reported_at": _AT}
LEVY_RUN_IN = {"officer": "LIN01", "rhythm": "monthly", "last_month": "2026-10"}
PENALTY_IN = {"officer": "LIN01", "member_id": _MEMBER, "amount_fen": 500_000, "reason": "逾期申报"}
DONATION_IN = {"officer": "LIN01", "restriction": "medical", "amount_fen": 10_000_000, "reason": "定向医疗救助"}
CREDIT_IN = {"officer": "LIN01", "amount_fen": 25_000, "reason": "基数更正"}
RUN: dict[str, Any] = {
    "run_id": ID,
    "kind": "levy",
    "state": "preview",
    "first_month": "2026-10",
    "last_month": "2026-10",
    "reason": "会费 2026-10 – 2026-10",
    "pack_version": 1,
    "charges": 1,
    "total_fen": 112_500,
    "content_hash": _HASH,
    "maker_officer": "LIN01",
    "approvals": [],
    "created_at": _AT,
    "issued_at": None,
}
APPROVAL_IN = {"officer": "WANG02", "content_hash": _HASH}
CHARGE: dict[str, Any] = {
    "charge_id": ID,
    "run_id": ID,
    "member_id": _MEMBER,
    "credits": None,
    "fund": None,
    "restriction": None,
    "amount_fen": 112_500,
    "received_fen": 0,
    "credited_fen": 0,
    "state": "issued",
    "reference": "GXP7K3M9P2QXW4",
    "due_on": "2026-12-24",
}
OBJECTION = {
    "objection_id": ID,
    "answers": None,
    "upheld": None,
    "said": "10 月基数含已退佣金",
    "due_on": "2026-12-22",
    "said_by": _MEMBER,
    "said_at": _AT,
}
DECISION_IN = {"officer": "LIN01", "upheld": True, "said": "核实无误，冲减", "credit_fen": 25_000}
CALCULATION = {
    "pack_version": 1,
    "months": [
        {
            "month": "2026-10",
            "agreed_fen": 0,
            "stated_fen": 12_500_000,
            "charged_fen": 0,
            "base_fen": 12_500_000,
        }
    ],
    "base_fen": 12_500_000,
    "rate_bp": 100,
    "before_fen": 125_000,
    "coefficient": {
        "bp": 9000,
        "lines": [
            {"why": "start", "record_id": None, "severity": None, "bp": 10_000},
            {"why": "clean_year", "record_id": None, "severity": None, "bp": -1000},
        ],
    },
    "amount_fen": 112_500,
}
DETAIL = CHARGE | {"calculation": CALCULATION, "receipts": [], "dunnings": [], "objections": [OBJECTION]}
ACCOUNT = {
    "member_id": _MEMBER,
    "charged_fen": 112_500,
    "credited_fen": 0,
    "received_fen": 0,
    "owed_fen": 112_500,
    "overdue_fen": 0,
}
