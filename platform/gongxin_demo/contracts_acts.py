"""The standard contract on the day: from the template to the levy's base."""

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pypdf

from gongxin import clock
from gongxin.contracts.fees.model import AGES
from gongxin.contracts.standard import service as standard
from gongxin_client import Refused

from .day import Day
from .screen import expect

CODE = "service"


def _fees(rate_bp: int) -> dict[str, Any]:
    return {
        "base": "recovered_principal", "monotone": ["age_rising"], "clawback": {"within_days": 90, "share_bp": 10_000},
        "tiers": [
            {"age_from": "M1", "age_to": "M12", "rate_bp": 1_500},
            {"age_from": "M13", "age_to": "M24+", "rate_bp": rate_bp},
        ],
    }  # fmt: skip


def a_contract_is_made(day: Day) -> None:
    """The association adopts its template and records caps; a fee above one is refused; bank and agency sign."""
    today = clock.today_in_china()
    office, bank, agency = (day.software[slug] for slug in (_association(day), "yunshan", "chenyu"))
    day.screen.chapter("标准合同与佣金", "standard contract and commission")
    with day.screen.step(
        day.name(_association(day)), "通过合同范本并登记佣金上限", "adopts its template, records caps"
    ) as says:
        draft = {"code": CODE, "officer": "LIN01", "content": standard.first_content()}
        made = office.standards("contract-templates", draft, creates=True)
        path = f"contract-templates/{made['template_id']}"
        office.standards(f"{path}/state", {"state": "consulted"})
        for officer in ("WANG02", "ZHAO03"):
            office.standards(f"{path}/approvals", {"officer": officer, "content_hash": made["content_hash"]})
        on = today.isoformat()
        earlier = any(each["cap_bp"] for each in agency.check_fees(_fees(3_200), age="M13")["curve"])
        told = office.standards(f"{path}/state", {"state": "adopted", "effective_on": on}) if not earlier else made
        says(f"范本第 {told['version']} 版：{told['state']}，两人批准", f"version {told['version']}, two approvals")
        if not earlier:
            caps = [{"jurisdiction": "cn", "age": age, "rate_bp_max": 3_000, "authority": "示范协会（虚构）",
                     "citation": "示范决定，仅供演示", "source_status": "verified", "effective_from": on}
                    for age in AGES]  # fmt: skip
            office.standards("fee-caps", {"caps": caps}, creates=True)
        says("各账龄上限 30%（演示用的虚构决定）", "a cap of 30 % in every age, by a decision made up for the show")
    body: dict[str, Any] = {
        "template": CODE, "other_id": day.member_id("yunshan"),
        "terms": {
            "representatives": {"creditor": "林𠮷", "agency": "王試"},
            "scope": {"zh": "消费贷款", "en": "Consumer loans"},
            "fee_model": _fees(3_200), "begins_on": on, "ends_on": (today + timedelta(days=364)).isoformat(),
            "bank": {"holder": "晨雨示例机构", "bank": "示例银行", "account_tail": "0017"},
            "contacts": {"creditor": "ops@yunshan.example", "agency": "ops@chenyu.example"},
        },
    }  # fmt: skip
    with day.screen.step(day.name("chenyu"), "起草合同，费率过高被拒", "drafts; a fee too high is refused") as says:
        try:
            agency.draft_contract(body)
            code = ""
        except Refused as refused:
            code = refused.code
        expect(code == "fee_above_cap", "应被拒绝", "it was to be refused")
        says("32% 高于上限 30%：拒绝", "32 % is above the cap of 30 %: refused")
        body["terms"]["fee_model"] = _fees(3_000)
        contract = agency.draft_contract(body)
        says(f"改为 30%：{contract['number']}", "30 % stands")
    with day.screen.step(day.name("yunshan"), "双方签署同一哈希", "both sign one hash") as says:
        agency.sign_contract(contract["contract_id"], content_hash=contract["content_hash"])
        signed = bank.sign_contract(contract["contract_id"], content_hash=contract["content_hash"])
        expect(signed["state"] == "live" and signed["verdict"] == "within", "合同未生效", "the contract is not live")
        says(f"{contract['content_hash'][:16]}…，生效，在上限之内", "live, within its caps")
    _its_paper_is_verified(day, contract["contract_id"])
    _a_commission_is_agreed(day, contract["contract_id"])
    _an_amendment_is_redlined(day, contract["contract_id"], body)


def _its_paper_is_verified(day: Day, contract_id: str) -> None:
    bank, agency = day.software["yunshan"], day.software["chenyu"]
    with day.screen.step(day.name("yunshan"), "打印合同并凭二维码核验", "prints it; its QR is verified") as says:
        paper = bank.contract_document(contract_id)
        expect(agency.contract_document(contract_id) == paper, "双方所得文件不同", "the parties got different files")
        pages = pypdf.PdfReader(BytesIO(paper)).pages
        address = re.search(
            r"/v1/contract-checks/([0-9a-f]{64})", "".join("".join(page.extract_text().split()) for page in pages)
        )
        expect(address is not None, "文件未载核验地址", "the paper bears no address")
        told = bank.check_contract(address[1] if address else "")
        expect(told["members"] == 2 and len(told["leaves"]) == 2, "核验不成立", "the check does not hold")
        says(
            f"PDF/A {len(paper):,} 字节，{len(pages)} 页；公开核验：两家机构 {told['signed_on']} 签署，日志两叶",
            "signed by two members on that day, at two leaves of the log; nothing else is told",
        )
        word = bank.contract_document(contract_id, "docx")
        expect(bank.compare_contract(contract_id, word)["same"], "原件应无差异", "the original was to be the same")
        says("DOCX 与锁定文本逐条比对：无差异", "the DOCX is compared with the locked text: no difference")


def _an_amendment_is_redlined(day: Day, contract_id: str, body: dict[str, Any]) -> None:
    bank, agency = day.software["yunshan"], day.software["chenyu"]
    begins = (clock.today_in_china() + timedelta(days=1)).isoformat()
    terms = body["terms"] | {"begins_on": begins, "fee_model": _fees(2_800)}
    with day.screen.step(day.name("chenyu"), "变更合同，双方看修订对照", "amends it; both read the redline") as says:
        made = agency.draft_contract(body | {"terms": terms, "follows": contract_id, "kind": "amendment"})
        page = bank.contract_redline(made["contract_id"]).decode()
        expect("<del>30.00</del>" in page and "<ins>28.00</ins>" in page, "对照未显示费率", "the redline shows no rate")
        says("费率 30% → 28%，删改逐字标出；HTML 与 PDF", "30 % struck out, 28 % put in, word by word")
        for side in (agency, bank):
            signed = side.sign_contract(made["contract_id"], content_hash=made["content_hash"])
        expect(signed["state"] == "pending", "变更应于明日生效", "the amendment was to begin tomorrow")
        says(f"双方签署，{begins} 生效", "signed by both, in force from that day")


def _a_commission_is_agreed(day: Day, contract_id: str) -> None:
    bank, agency, today = day.software["yunshan"], day.software["chenyu"], clock.today_in_china()
    with day.screen.step(day.name("yunshan"), "确认回款并计佣", "confirms a recovery, priced step by step") as says:
        body = {"contract_id": contract_id, "reference": "R-1", "received_on": today.isoformat(), "age": "M13",
                "parts": {"principal": 1_234_567}}  # fmt: skip
        reported = agency.report_recovery(body)
        found = bank.confirm_recovery(reported["recovery_id"], bank_line="B-1")
        expect(found["commission_fen"] == 370_370, "佣金不符", "the commission is another")
        says(f"12,345.67 元 × 30% → {found['commission_fen'] / 100:,.2f} 元（上限向下取整）", "half up, under its cap")
    with day.screen.step(day.name("chenyu"), "对账并形成会费基数", "states the month; the levy's base follows") as says:
        statement = agency.make_statement(contract_id, f"{today:%Y-%m}")
        lines = [{"position": line["position"], "state": "agreed"} for line in statement["lines"]]
        agreed = bank.decide_lines(statement["statement_id"], lines)
        chain = agency.statement_chain(statement["statement_id"])
        expect(agreed["state"] == "agreed" and chain["levy_leaf"] is not None, "未形成基数", "no base was told")
        day.last_leaf = chain["statement_leaf"]
        says(f"逐行确认 {agreed['agreed_fen'] / 100:,.2f} 元，报送互助基金", "agreed line by line, told to the fund")


def _association(day: Day) -> str:
    return next(slug for slug, member in day.town.members.items() if member.institution.kind == "association")
