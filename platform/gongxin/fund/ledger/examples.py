"""What bodies and answers look like, for the API's documentation."""

from typing import Any

ID = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f"
_MEMBER = "0193a3bf-1c2d-7e3f-8a4b-5c6d7e8f9a0b"
_HASH = "d43bc27a3c3a6c5ed3c9ff0a6dd7a1b6b4b0c3c8f5e25f0a6b0b9b3f7a1e2d3c"
_AT = "2026-11-24T02:00:00.000Z"
ACCOUNT_IN: dict[str, Any] = {
    "code": "1002-RELIEF",
    "name_zh": "银行存款（救助金）",
    "name_en": "Bank, relief",
    "type": "asset",
    "fund": "RELIEF",
    "restriction": None,
    "minimum_fen": 0,
}
ACCOUNT = ACCOUNT_IN | {"currency": "CNY", "normal_side": "debit", "created_at": _AT, "closed_at": None}
PERIOD = {
    "period": 11,
    "first_day": "2026-11-01",
    "last_day": "2026-11-30",
    "state": "open",
    "closed_at": None,
    "leaf_id": None,
}
LEGS = [
    {"account": "1002-RELIEF", "fund": "RELIEF", "side": "debit", "amount_fen": 1_250_000},
    {"account": "4001-RELIEF", "fund": "RELIEF", "side": "credit", "amount_fen": 1_250_000},
]
ENTRY_IN: dict[str, Any] = {
    "key": "levy-2026-11-0001",
    "officer": "LIN01",
    "booked_on": "2026-11-24",
    "description": "收到 2026 年 10 月会费",
    "reference": "银行回单 20261124-17",
    "hold_id": None,
    "legs": LEGS,
    "submit": True,
}
ENTRY: dict[str, Any] = {
    "entry_id": ID,
    "key": ENTRY_IN["key"],
    "state": "submitted",
    "version": 2,
    "period": 11,
    "booked_on": "2026-11-24",
    "description": ENTRY_IN["description"],
    "reference": ENTRY_IN["reference"],
    "reverses": None,
    "hold_id": None,
    "maker_member": _MEMBER,
    "maker_officer": "LIN01",
    "approvals_needed": 2,
    "content_hash": _HASH,
    "legs": [{"account_id": "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"} | leg for leg in LEGS],
    "approvals": [{"officer": "WANG02", "member_id": _MEMBER, "content_hash": _HASH, "approved_at": _AT}],
    "created_at": _AT,
    "posted_at": None,
}
STEP = {"version": 1, "state": "draft", "officer": "LIN01", "member_id": _MEMBER, "reason": None, "at": _AT}
APPROVAL_IN = {"officer": "WANG02", "content_hash": _HASH}
REVERSAL_IN = {"key": "reverse-0001", "officer": "LIN01", "booked_on": "2026-11-25", "description": "冲销重复入账"}
HOLD_IN = {"officer": "LIN01", "account": "1002-RELIEF", "amount_fen": 500_000, "reason": "救助申请已批"}
HOLD = HOLD_IN | {"hold_id": ID, "state": "held", "placed_at": _AT, "ended_at": None}
BALANCES = {
    "as_of": _AT,
    "items": [
        {
            "account": "1002-RELIEF",
            "fund": "RELIEF",
            "type": "asset",
            "restriction": None,
            "normal_side": "debit",
            "balance_fen": 1_250_000,
            "held_fen": 500_000,
        }
    ],
}
_SIDES = {"opening_fen": 0, "debit_fen": 1_250_000, "credit_fen": 0, "closing_fen": 1_250_000}
TRIAL = {
    "period": 11,
    "first_day": "2026-11-01",
    "last_day": "2026-11-30",
    "accounts": [
        {name: ACCOUNT[name] for name in ("code", "name_zh", "name_en", "type", "fund", "restriction")} | _SIDES
    ],
    "totals": {"RELIEF": _SIDES | {"credit_fen": 1_250_000, "closing_fen": 0}},
    "v": 1,
    "signed": None,
}
