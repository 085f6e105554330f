"""What the documentation shows."""

from typing import Any

ID = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
LICENCE = "GX7K4M2P9QWAC"
PROOF = "ab" * 32

REPORT: dict[str, Any] = {
    "subject_kind": "agent",
    "licence": LICENCE,
    "article": "B01",
    "place": "电话",
    "occurred_from": "2026-11-20",
    "occurred_until": "2026-11-20",
    "conduct": "向债务人同事披露欠款",
    "evidence": [{"sha256": PROOF, "kind": "recording"}],
}
MATTER: dict[str, Any] = {
    "matter_id": ID,
    "number": "GL7K4M2P9QWAC",
    "subject_kind": "agent",
    "agent_id": ID,
    "member_id": None,
    "article": "B01",
    "severity": "S2",
    "state": "reported",
    "level": None,
    "due_on": "2026-12-01",
    "begins_on": None,
    "ends_on": None,
    "appeal_until": None,
    "stop_until": None,
    "version": 1,
    "legal": ["join", "refuse", "accept"],
}
COMMITTEE: dict[str, Any] = {
    "committee_id": ID,
    "name_zh": "惩戒委员会",
    "name_en": None,
    "officers": ["A1", "A2", "A3"],
}
CORRECTION: dict[str, Any] = {
    "correction_id": ID,
    "number": "GL7K4M2P9QWAC",
    "cause": "varied",
    "agent_id": ID,
    "member_id": None,
    "told_member_id": ID,
    "state": "in_force",
    "level": "L3",
    "ends_on": "2027-02-24",
    "made_at": "2026-11-24T02:00:00.000Z",
    "due_on": "2026-12-08",
    "overdue": False,
    "acknowledged_at": None,
    "did": None,
}
PUBLIC: dict[str, Any] = {
    "as_of": "2026-11-24T02:00:00.000Z",
    "items": [
        {
            "number": "GL7K4M2P9QWAC",
            "member_id": ID,
            "name_zh": "示例机构",
            "name_en": None,
            "uscc": "91990000100000001X",
            "state": "in_force",
            "level": "L3",
            "article": "B04",
            "ground": "S2",
            "begins_on": "2026-11-24",
            "ends_on": "2027-05-23",
            "contested": False,
            "statements": [{"kind": "reply", "said": "已整改"}],
            "changed_at": "2026-11-24T02:00:00.000Z",
        }
    ],
}
SCREENED: dict[str, Any] = {
    "screening_id": ID,
    "purpose": "screening_hire",
    "as_of": "2026-11-24T02:00:00.000Z",
    "fresh_until": "2026-11-24T02:05:00.000Z",
    "rules_version": 1,
    "question": {
        "consent": "TY-2026-001",
        "lines": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        "purpose": "screening_hire",
    },
    "summary": [{"count": 1, "root": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}],
    "seed": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
    "states": [{"state": "not_listed"}],
    "receipt": "eyJhbGciOiJFZERTQSJ9…",
}
