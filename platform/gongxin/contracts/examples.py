"""What the documentation shows."""

from typing import Any

ID = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
OTHER = "0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b"
HASH = "ab" * 32
NOW, TODAY = "2026-11-24T02:00:00Z", "2026-11-24"
FEE_MODEL: dict[str, Any] = {
    "base": "recovered_principal", "method": "marginal",
    "tiers": [
        {"age_from": "M1", "age_to": "M6", "rate_bp": 1000}, {"age_from": "M7", "age_to": "M12", "rate_bp": 2000},
        {"age_from": "M13", "age_to": "M24+", "rate_bp": 3000},
    ],
    "monotone": ["age_rising"], "clawback": {"within_days": 90, "share_bp": 10000},
}  # fmt: skip
ABOVE = {"age": "M13", "tier": 2, "rate_bp": 3200, "cap_bp": 3000, "by_bp": 200, "cap_id": ID}
FEES = {"fee_model": FEE_MODEL, "jurisdiction": "cn", "age": "M13", "round": 1}
FEES_OUT: dict[str, Any] = {
    "table": [
        {"tier": 0, "age_from": "M1", "age_to": "M6", "round_from": 1, "round_to": None, "from_fen": 0, "to_fen": None,
         "rate_bp": 1000, "min_fee_fen": None, "max_fee_fen": None}
    ],
    "curve": [
        {"amount_fen": 100, "fee_fen": 30, "commission_fen": 30, "effective_bp": 3000, "cap_bp": 3000},
    ],
    "verdict": "within", "above": [], "informational": [],
}  # fmt: skip
CAP_IN = {
    "jurisdiction": "cn", "member_kind": "agency", "age": "M13", "rate_bp_max": 3000, "authority": "示范协会",
    "citation": "2026-03 号决定", "source_status": "informational", "effective_from": TODAY,
}  # fmt: skip
CAP = CAP_IN | {
    "cap_id": ID, "effective_until": None, "recorded_at": NOW, "superseded_at": None, "supersedes": None,
}  # fmt: skip
CONTENT: dict[str, Any] = {
    "title": {"zh": "委托服务合同", "en": "Service agreement"},
    "cover": ["parties", "scope", "fee_model", "term", "bank", "contacts"],
    "clauses": [
        {"id": "conduct", "number": "1", "title": {"zh": "行为规范", "en": "Conduct"}, "locked": True,
         "text": [{"zh": "每日不超过3次。", "en": "At most 3 times a day."}]}
    ],
    "source": {"status": "unverified", "note": {"zh": "示例", "en": "Example"}},
}  # fmt: skip
TEMPLATE: dict[str, Any] = {
    "template_id": ID, "code": "service", "version": 1, "state": "adopted", "content_hash": HASH,
    "effective_on": TODAY, "superseded_on": None, "changed_at": NOW, "content": CONTENT,
}  # fmt: skip
LISTED = {name: value for name, value in TEMPLATE.items() if name != "content"} | {"title": CONTENT["title"]}
CLAUSE: dict[str, Any] = CONTENT["clauses"][0]
CHANGE = {"clause_id": "conduct", "what": "same", "before": CLAUSE, "after": CLAUSE}
COMMENT = {"comment_id": ID, "member_id": OTHER, "clause_id": "conduct", "said": "建议明确次数", "said_at": NOW}
TERMS: dict[str, Any] = {
    "representatives": {"creditor": "林测", "agency": "王试"},
    "scope": {"zh": "个人消费贷款", "en": "Consumer loans"}, "fee_model": FEE_MODEL, "jurisdiction": "cn",
    "begins_on": TODAY, "ends_on": "2027-11-23",
    "bank": {"holder": "示范催收有限公司", "bank": "示范银行", "account_tail": "0017"},
    "contacts": {"creditor": "ops@bank.example", "agency": "ops@agency.example"},
    "deviations": [
        {"clause_id": "statements", "text": [{"zh": "按月结算。", "en": "Settled monthly."}], "reason": "结算习惯"}
    ],
}  # fmt: skip
CONTRACT_IN = {"template": "service", "other_id": OTHER, "terms": TERMS}
CONTRACT: dict[str, Any] = {
    "contract_id": ID, "number": "HT7K4M2P9QWAC", "version": 1, "kind": "new", "follows": None, "creditor_id": OTHER,
    "agency_id": ID, "drafted_by": ID, "template_id": ID, "state": "live", "content_hash": HASH, "begins_on": TODAY,
    "ends_on": "2027-11-23", "ended_on": None, "verdict": "within", "signed_at": NOW, "changed_at": NOW,
}  # fmt: skip
SIGNATURE = {"content_hash": HASH, "jws": "eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl"}
DETAIL: dict[str, Any] = {
    "contract": CONTRACT,
    "signatures": [
        {"member_id": ID, "kid": "k" * 43, "public_jwk": {}, "jws": SIGNATURE["jws"], "content_hash": HASH,
         "signed_at": NOW, "leaf_id": ID}
    ],
    "scans": [{"evidence_id": ID, "member_id": ID, "sha256": HASH}], "openings": [], "consents": ["statements"],
}  # fmt: skip
CONTRACT_CONTENT: dict[str, Any] = {
    "content_hash": HASH, "canonical": '{"v":1}',
    "content": {
        "v": 1, "number": CONTRACT["number"], "version": 1, "title": CONTENT["title"],
        "template": {"template_id": ID, "code": "service", "version": 1, "content_hash": HASH},
        "cover": {
            "parties": {
                "creditor": {"member_id": OTHER, "name_zh": "示范银行", "uscc": "91310000MA1FL0000X"},
                "agency": {"member_id": ID, "name_zh": "示范催收有限公司", "uscc": "91310000MA1FL0001X"},
            },
            "term": {"begins_on": TODAY, "ends_on": "2027-11-23"},
            **{name: TERMS[name] for name in (
                "representatives", "scope", "fee_model", "jurisdiction", "bank", "contacts"
            )},
        },
        "clauses": [CLAUSE], "deviations": [],
    },
}  # fmt: skip
REDLINE: dict[str, Any] = {
    "title": "HT7K4M2P9QWAC v1 → v2",
    "parts": [
        {"clause_id": "conduct", "number": "1", "title": "行为规范 Conduct", "what": "changed",
         "paragraphs": [[{"op": "same", "text": "每日不超过"}, {"op": "del", "text": "5"}, {"op": "ins", "text": "3"}]]}
    ],
}  # fmt: skip
COMPARED: dict[str, Any] = {
    "content_hash": HASH, "format": "docx", "same": False, "locked_changed": True, "count": 1,
    "differences": [
        {"clause_id": "conduct", "number": "1", "locked": True, "language": "zh", "what": "changed",
         "expected": "每日不超过3次。", "found": "每日不超过5次。"}
    ],
}  # fmt: skip
CHECKED: dict[str, Any] = {
    "content_hash": HASH, "members": 2, "signed_on": TODAY,
    "leaves": [{"leaf_id": ID, "leaf_index": 5}, {"leaf_id": OTHER, "leaf_index": 6}],
}  # fmt: skip
RECOVERY_IN = {
    "contract_id": ID, "reference": "R-2026-1", "received_on": TODAY, "age": "M3", "parts": {"principal": 150000},
}  # fmt: skip
LINE_PROBLEM: dict[str, Any] = {
    "code": "reference_taken", "title": "该编号已用于另一笔回款",
    "title_en": "The reference was used for another recovery", "pointer": "/reference",
}  # fmt: skip
PARTS = {"principal": 150000, "interest": 0, "penalty": 0, "fees": 0, "legal_costs": 0}
RECOVERY: dict[str, Any] = RECOVERY_IN | {
    "parts": PARTS,
    "recovery_id": ID, "case_id": None, "round": 1, "amount_fen": 150000, "state": "confirmed", "bank_line": None,
    "dispute_reason": None, "base_fen": 150000, "fee_fen": 15000, "cap_bp": 3000, "commission_fen": 15000,
    "confirmed_at": NOW,
    "steps": [
        {"code": "base", "amount_fen": 150000, "facts": {}}, {"code": "tier", "amount_fen": 15000, "facts": {}},
        {"code": "commission", "amount_fen": 15000, "facts": {}},
    ],
}  # fmt: skip
REVERSAL = {"reversal_id": ID, "recovery_id": ID, "amount_fen": 50000, "reversed_on": TODAY, "clawback_fen": 5000}
STATEMENT: dict[str, Any] = {
    "statement_id": ID, "contract_id": ID, "month": "2026-11", "state": "agreed", "total_fen": 15000,
    "agreed_fen": 15000, "carried_fen": 0, "leaf_id": ID, "levy_base_id": ID, "made_at": NOW,
    "lines": [
        {"position": 1, "reference": "R-2026-1", "recovery_id": ID, "received_on": TODAY, "age": "M3",
         "kind": "commission", "base_fen": 150000, "amount_fen": 15000, "state": "agreed", "reason": None}
    ],
}  # fmt: skip
CHAIN = {
    "contract_id": ID, "content_hash": HASH, "signature_leaves": [ID, OTHER], "recovery_leaves": [ID],
    "statement_leaf": ID, "levy_leaf": ID, "agreed_fen": 15000,
}  # fmt: skip
SIMULATED = {
    "paid": {"recoveries": 2, "commission_fen": 45000},
    "models": {"own": {"recoveries": 2, "base_fen": 300000, "commission_fen": 90000, "capped_fen": 75000}},
}  # fmt: skip
