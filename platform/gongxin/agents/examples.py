"""What the documentation shows."""

from typing import Any

ID = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
AGENCY = "0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b"
LICENCE = "GX7K4M2P9QWAC"
_TOKEN = {"epoch": 1, "token": "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI"}

APPLICATION: dict[str, Any] = {
    "subject": [_TOKEN],
    "name": "测试员甲",
    "education": "college",
    "photo_sha256": "ab" * 32,
    "adult_as_of": "2026-11-20",
    "declared_on": "2026-11-20",
}
AGENT: dict[str, Any] = {
    "agent_id": ID,
    "licence": LICENCE,
    "state": "granted",
    "may_work": True,
    "agency_id": AGENCY,
    "released": False,
    "released_to": None,
    "photo_sha256": "ab" * 32,
    "adult_as_of": "2026-11-20",
    "declared_on": "2026-11-20",
    "education": "college",
    "valid_from": "2026-11-24",
    "valid_until": "2028-11-23",
    "expires_within_days": None,
    "barred_until": None,
    "version": 3,
    "created_at": "2026-11-24T02:00:00Z",
    "changed_at": "2026-11-24T03:00:00Z",
}
HISTORY: dict[str, Any] = {
    "changes": [
        {
            "version": 3,
            "action": "grant",
            "previous": "checking",
            "state": "granted",
            "agency_id": AGENCY,
            "released_to": None,
            "valid_until": "2028-11-23",
            "barred_until": None,
            "reason": "审核通过",
            "changed_at": "2026-11-24T03:00:00Z",
            "leaf_id": ID,
        }
    ],
    "engagements": [{"agency_id": AGENCY, "began_at": "2026-11-24T03:00:00Z", "ended_at": None}],
}
CERTIFICATE: dict[str, Any] = {
    "certificate_id": ID,
    "level": "basic",
    "issued_on": "2026-11-24",
    "valid_until": "2028-11-23",
    "rules_version": 1,
    "withdrawn_at": None,
}
HOURS = {"agent_id": ID, "course": "law", "hours": 16, "completed_on": "2026-11-20"}
EXAMINATION = {
    "agent_id": ID,
    "level": "basic",
    "sat_on": "2026-11-24",
    "score": 85,
    "examiner_id": AGENCY,
    "examiner_ref": "K-07",
}
CHECKS: dict[str, Any] = {"purpose": "placement", "items": [{"licence": LICENCE}, {"subject": [_TOKEN]}]}
CHECKED: dict[str, Any] = {
    "check_id": ID,
    "purpose": "placement",
    "rules_version": 1,
    "as_of": "2026-11-24T03:00:00.000Z",
    "fresh_until": "2026-11-25T03:00:00.000Z",
    "answers": [
        {
            "found": True,
            "may_work": True,
            "licence": {
                "number": LICENCE,
                "state": "granted",
                "valid_from": "2026-11-24",
                "valid_until": "2028-11-23",
            },
            "agency": {"member_id": AGENCY, "name_zh": "示范催收有限公司", "name_en": None, "state": "active"},
            "certificates": [
                {"level": "basic", "issued_on": "2026-11-24", "valid_until": "2028-11-23", "in_force": True}
            ],
            "record": {"grade": "A", "points": 0, "rules_version": 1, "contested": 0, "objections": []},
            "blacklist": {"state": "not_listed"},
        },
        {"found": False, "may_work": False},
    ],
    "receipt": "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl",
}
PUBLIC: dict[str, Any] = {
    "licence": LICENCE,
    "state": "granted",
    "may_work": True,
    "agency_zh": "示范催收有限公司",
    "agency_en": None,
    "valid_from": "2026-11-24",
    "valid_until": "2028-11-23",
    "certificate": "basic",
    "as_of": "2026-11-24T03:00:00.000Z",
}
ENTRY = {
    "kind": "violation", "severity": "S3", "certainty": "established", "occurred_on": "2026-10-24",
    "basis": "协会 2026-17 号决定",
}  # fmt: skip
RESPONSE: dict[str, Any] = {
    "response_id": ID, "kind": "objection", "answers": None, "outcome": None, "said": "当日未值班",
    "due_on": "2026-12-22", "overdue": False, "said_by": AGENCY, "said_at": "2026-11-24T03:00:00Z",
}  # fmt: skip
RECORD: dict[str, Any] = {
    "agent_id": ID, "as_of": "2026-11-24", "grade": "B", "points": 183, "rules_version": 1,
    "lines": [{"record_id": ID, "why": "less_with_each_month", "start": 200, "months": 1, "left": 183}],
    "entries": [
        ENTRY | {
            "record_id": ID, "withdrawn": False, "supersedes": None, "superseded": False, "contested": True,
            "recorded_by": AGENCY, "recorded_at": "2026-11-01T03:00:00Z", "responses": [RESPONSE],
        }
    ],
}  # fmt: skip
LINE_PROBLEM = {
    "code": "training_missing",
    "title": "学时或课程尚未修满",
    "title_en": "Hours or courses are missing",
    "fix": "补足 missing 所列后再考。",
    "fix_en": "Complete what is listed in missing first.",
    "pointer": "",
}
ACCESS: dict[str, Any] = {
    "access_id": ID, "as_of": "2026-11-24T03:00:00.000Z", "record": RECORD,
    "checked": [
        {
            "asked_at": "2026-11-20T02:00:00Z", "member_name_zh": "示范银行", "member_name_en": None,
            "member_kind": "bank", "purpose": "placement", "consent": None, "fields": ["licence", "agency"],
        }
    ],
}  # fmt: skip
FILING_IN: dict[str, Any] = {
    "scope": ["remind", "negotiate"],
    "officers": [{"role": "conduct", "name": "测试员丙"}, {"role": "data_protection", "name": "测试员丁"}],
}
FILING: dict[str, Any] = {
    "filing_id": ID, "number": "GA7K4M2P9QWAF", "agency_id": AGENCY, "state": "accepted",
    "scope": ["remind", "negotiate"], "officers": 2, "version": 2, "filed_at": "2026-11-20T02:00:00Z",
    "changed_at": "2026-11-21T02:00:00Z",
}  # fmt: skip
FILING_CHANGE: dict[str, Any] = {
    "version": 2, "action": "accept", "previous": "submitted", "state": "accepted", "reason": "材料齐全",
    "changed_at": "2026-11-21T02:00:00Z", "leaf_id": ID,
}  # fmt: skip
WATCH: dict[str, Any] = {
    "watch_id": ID, "licence": LICENCE, "check_id": ID, "purpose": "placement", "consent": None,
    "began_at": "2026-11-24T03:00:00Z", "ends_on": "2027-05-24", "ended_at": None,
}  # fmt: skip
STATISTICS: dict[str, Any] = {
    "as_of": "2026-11-24", "rules_version": 1, "least_cell": 5,
    "agencies": [
        {
            "agency_id": AGENCY, "name_zh": "示范催收有限公司", "name_en": None,
            "licences": {
                "applied": 0, "checking": 0, "granted": 41, "suspended": 6, "refused": 0, "revoked": 0, "expired": 0,
                "surrendered": 12,
            },
            "certificates": {"basic": 47, "senior": 9, "debt_counsellor": 0},
            "grades": {"A": 30, "B": None, "C": None, "D": 0},
            "entries": {"S1": 0, "S2": None, "S3": None, "commendation": 7},
            "objections": {"open": 0, "overdue": 0},
        }
    ],
}  # fmt: skip
_CODE = (
    "GXB1:RRQT 9P60GO022V:.U2ZR.G38CK:0H D0*09P:6OR6AG63B7H1BBL8GF3+5P600DF3HS0 BMFGWDIK QEIEC7%E%2C+EDNX"
    "EOPCPVC-C3P 0VLR6%E0FD8:4MWEW9E0G7-:5* C+EDKWEHEFB$CBECP9ESZCUJC8VC6$CZ:5+EDLWEL/5/E7V50R30G80U635$K"
    ".HTFUGHNGX6TM5NNZJ-NTDEIK+G.0T BNT70D684HCTJ3..QFOH*MJAW5WJIIEQJ7EY:1.9B0VPA8W1T1L P3P98CR$S4E G4AN5"
    "Z6LG2/U4X 9MXA/0RR*TK0VA6DX-GLHDF0"
)
BADGE: dict[str, Any] = {
    "badge_id": ID,
    "agent_id": ID,
    "agency_id": AGENCY,
    "level": "basic",
    "code": _CODE,
    "list_no": 1,
    "index": 421337,
    "state": "in_force",
    "issued_at": "2026-11-24T03:00:00Z",
    "expires_at": "2028-11-23T16:00:00Z",
    "ended_at": None,
    "ended_as": None,
}
BADGE_KEYS: dict[str, Any] = {
    "issuer": "https://registry.example",
    "keys": [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik",
            "kid": "9ZP03Nu8GrXPAUkbKNxHOKBzxPX83SShgFkRNK-f2lw",
            "use": "sig",
            "alg": "EdDSA",
        }
    ],
}
BADGE_CHECKED: dict[str, Any] = {
    "state": "valid",
    "licence": LICENCE,
    "agency_zh": "示范催收有限公司",
    "certificate": "basic",
    "issued_at": "2026-11-24T03:00:00.000Z",
    "expires_at": "2028-11-23T16:00:00.000Z",
    "as_of": "2026-11-25T03:00:00.000Z",
}
