"""What bodies and answers look like, for the API's documentation."""

from typing import Any

ID = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f"
_AT = "2026-11-24T02:00:00.000Z"
_HASH = "d43bc27a3c3a6c5ed3c9ff0a6dd7a1b6b4b0c3c8f5e25f0a6b0b9b3f7a1e2d3c"
DETAILS: dict[str, Any] = {
    "holder": "示范第九医院",
    "account": "9900112233445566778",
    "bank_code": "103100000018",
    "bank_name": "示范银行营业部",
}
PAYEE_IN = DETAILS | {"officer": "LIN01"}
PAYEE = {"payee_id": ID, "account_key": _HASH, "registered_at": _AT}
ACCOUNT: dict[str, Any] = {
    "code": "ABC-RELIEF",
    "ledger_accounts": ["1002-ADMIN", "1002-RELIEF", "1002-STAFF"],
    "funds": ["ADMIN", "RELIEF", "STAFF"],
    "opened_on": "2026-11-01",
    "opening_fen": 0,
    "payments": {
        "encoding": "gb18030", "delimiter": ",", "amount": "yuan",
        "columns": [
            {"heading": "收款人户名", "field": "holder"}, {"heading": "收款人账号", "field": "account"},
            {"heading": "金额", "field": "amount"}, {"heading": "附言", "field": "reference"},
        ],
    },
    "statements": {
        "account": "账号", "date": "交易日期", "income": "收入金额", "outgo": "支出金额", "balance": "余额",
        "bank_ref": "流水号", "words": "附言", "other": "对方户名", "returned": "退汇",
    },
}  # fmt: skip
ACCOUNT_IN = {name: value for name, value in ACCOUNT.items() if name != "funds"} | PAYEE_IN
REFUND_IN: dict[str, Any] = {
    "officer": "LIN01", "source_id": ID, "fund": "RELIEF", "amount_fen": 5_000, "payee_id": ID,
}  # fmt: skip
INSTRUCTION: dict[str, Any] = {
    "instruction_id": ID, "reference": "GXP0Q1W2E3R4T", "purpose": "refund", "source_id": ID, "fund": "RELIEF",
    "amount_fen": 5_000, "payee_id": ID, "hold_id": None, "state": "instructed", "reason": None,
    "maker_officer": "LIN01", "instructed_at": _AT,
}  # fmt: skip
FILE_IN = {"officer": "LIN01", "bank_account": "ABC-RELIEF", "format": "pain001", "execute_on": "2026-11-25"}
FILE: dict[str, Any] = {
    "file_id": ID, "format": "pain001", "sha256": _HASH, "payments": 2, "total_fen": 12_000,
    "execute_on": "2026-11-25", "state": "generated", "maker_officer": "LIN01", "releaser_officer": None,
    "generated_at": _AT, "released_at": None, "sent_at": None,
}  # fmt: skip
RELEASED = FILE | {"state": "released", "releaser_officer": "WANG02", "released_at": _AT}
CONTENT = {
    "file": RELEASED | {"state": "sent", "sent_at": _AT},
    "name": "GX0193A3C48D2E7B109C3F5A6B7C8D9E0F-d43bc27a3c3a.xml",
    "content": "PERvY3VtZW50Lz4=",
}
STATEMENT_IN = {"officer": "LIN01", "content": "6LSm5Y+3LOS6pOaYk+aXpeacnw=="}
STATEMENT: dict[str, Any] = {
    "statement_id": ID, "day": "2026-11-24", "format": "csv", "lines": 12, "opening_fen": 100_000,
    "closing_fen": 112_500, "sha256": _HASH,
}  # fmt: skip
LINE: dict[str, Any] = {
    "line_id": ID, "booked_on": "2026-11-24", "amount_fen": 12_500, "open_fen": 12_500, "bank_ref": "R20261124001",
    "reference": "GXP0Q1W2E3R4T", "returned": False,
}  # fmt: skip
PART: dict[str, Any] = {"target": "expected", "target_id": ID, "amount_fen": 12_500}
SUGGESTION = PART | {"line_id": ID, "confidence": "certain", "why": ["reference", "amount", "date"]}
MATCHES = {"items": [PART | {"match_id": ID, "line_id": ID, "outcome": "confirmed", "officer": "WANG02"}]}
STANDING: dict[str, Any] = {
    "day": "2026-11-24", "closing_fen": 112_500, "booked_fen": 112_500, "difference_fen": 0, "agrees": True,
    "reconciled_at": _AT, "leaf_id": ID, "lines": [], "entries": [], "under_way": [], "earlier": [],
}  # fmt: skip
