"""A contract's content for tests of its documents, and a hostile hand at a DOCX."""

import zipfile
from datetime import date
from io import BytesIO
from typing import Any

from gongxin.contracts import rules
from gongxin.contracts.documents import paper, word_out
from gongxin.contracts.standard import service as standard

BANK, AGENCY = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f", "0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b"
FEES: dict[str, Any] = {
    "base": "recovered_principal", "clawback": {"within_days": 90, "share_bp": 10_000}, "maximum_fen": 5_000_000,
    "tiers": [
        {"age_from": "M1", "age_to": "M12", "rate_bp": 1_500},
        {"age_from": "M13", "age_to": "M24+", "to_fen": 1_000_000, "rate_bp": 3_000},
        {"age_from": "M13", "age_to": "M24+", "from_fen": 1_000_000, "rate_bp": 2_500},
    ],
}  # fmt: skip
DEVIATION = rules.Deviation("statements", [{"zh": "每月5日前对账。", "en": "Stated by day 5 each month."}], "结算习惯")


def content(*deviations: rules.Deviation, **change: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "creditor": {"member_id": BANK, "name_zh": "示范银行", "uscc": "91310000MA1FL0000X"},
        "agency": {"member_id": AGENCY, "name_zh": "晨雨催收", "uscc": "91310000MA1FL0001Y"},
        "representatives": {"creditor": "林𠮷", "agency": "王試"},
        "scope": {"zh": "消费贷款", "en": "Consumer loans"}, "fee_model": FEES, "jurisdiction": "cn",
        "begins_on": date(2026, 11, 25), "ends_on": date(2027, 11, 24),
        "bank": {"holder": "晨雨", "bank": "示例银行", "account_tail": "0017"},
        "contacts": {"creditor": "ops@yunshan.example", "agency": "ops@chenyu.example"},
    }  # fmt: skip
    reference = {"template_id": BANK, "code": "service", "version": 1, "content_hash": "ab" * 32}
    cover = rules.Cover(**(values | change))
    return rules.content(standard.first_content(), reference, "HT7K4M2P9QWAC", 1, cover, deviations)


def page(found: dict[str, Any] | None = None, *signatures: paper.Signed) -> dict[str, Any]:
    value = content(DEVIATION) if found is None else found
    digest = rules.canonical_text(value)[1].hex()
    return paper.paper(value, digest, signatures, f"https://registry.example/v1/contract-checks/{digest}")


def replaced(docx: bytes, old: str, new: str, part: str = "word/document.xml") -> bytes:
    with zipfile.ZipFile(BytesIO(docx)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in found[part]
    found[part] = found[part].replace(old.encode(), new.encode(), 1)
    return word_out.pack(found)


def added(docx: bytes, part: str, value: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(docx)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    return word_out.pack(found | {part: value})
