"""What answers look like, for the API's documentation."""

from typing import Any

ID = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f"
_HASH = "d43bc27a3c3a6c5ed3c9ff0a6dd7a1b6b4b0c3c8f5e25f0a6b0b9b3f7a1e2d3c"
_FUNDS = {"RELIEF": 5_400_000, "STAFF": 1_800_000, "ADMIN": 800_000}
FIGURES: dict[str, Any] = {
    "first_day": "2026-07-01",
    "last_day": "2026-09-30",
    "income_fen": _FUNDS,
    "spent_fen": {"RELIEF": 1_200_000, "STAFF": 0, "ADMIN": 300_000},
    "accounts": [
        {"code": "4001-RELIEF", "name_zh": "会费收入（RELIEF）", "name_en": "Levies (RELIEF)", "type": "income",
         "fund": "RELIEF", "amount_fen": 5_400_000},
    ],
    "reserves_fen": _FUNDS,
    "admin_share_bp": 375,
    "relief_share_bp": 1_500,
    "relief": {
        "cells": [{"cause": "RELIEF:medical", "region": "9901", "count": 6, "amount_fen": 1_200_000}],
        "by_cause": [{"cause": "RELIEF:medical", "count": 6, "amount_fen": 1_200_000}],
        "by_region": [{"region": "9901", "count": 6, "amount_fen": 1_200_000}],
        "total": {"count": 6, "amount_fen": 1_200_000},
        "least": 5,
    },
    "quarter": "2026Q3",
    "v": 1,
}  # fmt: skip
LISTED: dict[str, Any] = {
    "report_id": ID, "quarter": "2026Q3", "version": 1, "published_at": "2026-10-09T02:00:00.000Z", "content": _HASH,
}  # fmt: skip
REPORT = LISTED | {
    "figures": FIGURES,
    "leaf": {
        "leaf_id": ID,
        "record": f'{{"content":"{_HASH}","quarter":"2026Q3","v":1,"version":1}}',
        "salt": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
    },
    "proof": f"/v1/log/proofs/{ID}",
}
CSV = "part,name,region,count,amount_fen\r\nincome,RELIEF,,,5400000\r\n"
