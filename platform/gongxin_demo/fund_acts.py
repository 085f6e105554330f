"""The mutual-aid fund's day: a levy run, relief from hardship to the bank's instruction, a staff claim returned and
appealed. What the bank does of it stands in `bank_acts`."""

import hashlib
from datetime import timedelta
from typing import Any

from gongxin import clock
from gongxin.db import transaction
from gongxin.fund import chart
from gongxin.fund.claims import queries as relief

from . import bank_acts as bank
from .bank_acts import office
from .day import Day
from .screen import expect

_REGION = "990102"  # of no place
_GIFT_FEN = 5_000_000
_PAPER = hashlib.sha256("示例证明 a demonstration's paper".encode()).hexdigest()


def the_fund_opens(day: Day) -> None:
    """Chart, period and one account at a bank by the operator; a gift booked by three officers, where the fund has no
    money yet."""
    day.screen.chapter("互助基金", "the mutual-aid fund")
    with day.screen.step("登记处 Registry", "开设科目、期间与银行账户", "opens chart, period, bank account") as says:
        made = day.town.registry.operate("fund", "chart")["opened"]
        bank.open_books(day)
        with transaction(day.town.engine) as session:
            available = relief.available(session, chart.code("bank", "RELIEF"))
        says(f"新开 {len(made)} 个科目；三项基金同存一户", f"{len(made)} accounts; three funds on one bank account")
    with day.screen.step(day.name("association"), "三人经办一笔捐赠", "three officers book a gift") as says:
        if available < _GIFT_FEN // 5:
            _a_gift(day)
            says(f"{_GIFT_FEN // 100:,} 元", f"{_GIFT_FEN:,} fen")
        else:
            says(f"今日无须：基金有 {available:,} 分可用", f"not today: {available:,} fen are at hand")


def _a_gift(day: Day) -> None:
    legs = [
        {"account": chart.code(role, "RELIEF"), "fund": "RELIEF", "side": side, "amount_fen": _GIFT_FEN}
        for role, side in (("bank", "debit"), ("donation", "credit"))
    ]
    entry = {
        "key": f"demo-gift-{day.town.cast.day}", "officer": "LIN01", "booked_on": clock.today_in_china().isoformat(),
        "description": "演示捐赠 demonstration gift", "legs": legs, "submit": True,
    }  # fmt: skip
    found = office(day, "POST", "/entries", "fund.write", entry)
    for officer in ("WANG02", "ZHAO03"):
        body = {"officer": officer, "content_hash": found["content_hash"]}
        office(day, "POST", f"/entries/{found['entry_id']}/approvals", "fund.approve", body)
    posted = office(day, "POST", f"/entries/{found['entry_id']}/posting", "fund.approve", {"officer": "WANG02"})
    expect(posted["state"] == "posted", "未过账", "it was not posted")
    day.fund["gift_id"], day.fund["gift_fen"] = found["entry_id"], str(_GIFT_FEN)


def a_levy_run(day: Day) -> None:
    """The agency states its commission; the association shows, approves and invoices; the agency reads why."""
    month = (clock.today_in_china().replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    agency, base = day.software["chenyu"], 10_000_000 + day.town.cast.day * 100_000
    with day.screen.step(day.name("chenyu"), "申报上月佣金", "states last month's commission") as says:
        stated = agency.state_base(month, base, evidence_sha256=_PAPER)
        says(f"{stated['month']}：{base // 100:,} 元，附凭据摘要", f"{base:,} fen, with a fingerprint of its evidence")
    with day.screen.step(day.name("association"), "试算、两人批准、开票", "shows, approves twice, invoices") as says:
        body = {"officer": "LIN01", "rhythm": "monthly", "last_month": month}
        run = office(day, "POST", "/income/runs", "fund.write", body)
        for officer in ("WANG02", "ZHAO03"):
            yes = {"officer": officer, "content_hash": run["content_hash"]}
            run = office(day, "POST", f"/income/runs/{run['run_id']}/approvals", "fund.approve", yes)
        issued = office(day, "POST", f"/income/runs/{run['run_id']}/issue", "fund.approve")
        expect(issued["state"] == "issued", "未开票", "it was not issued")
        says(f"{issued['charges']} 张账单，共 {issued['total_fen']:,} 分", f"{issued['charges']} charges")
    with day.screen.step(day.name("chenyu"), "逐行查看账单", "reads its charge line by line") as says:
        charge = next(each for each in agency.charges() if each["run_id"] == run["run_id"])
        day.fund["charge_id"] = charge["charge_id"]
        found = agency.charge(charge["charge_id"])["calculation"]
        expect(sum(line["bp"] for line in found["coefficient"]["lines"]) == found["coefficient"]["bp"], "系数不符", "")
        says(
            f"{charge['reference']}：{found['base_fen']:,} × {found['rate_bp']}‱ × {found['coefficient']['bp']}‱",
            ", ".join(line["why"] for line in found["coefficient"]["lines"]),
        )


def relief_reaches_somebody(day: Day) -> None:
    """Through a mediator, under the yes of the association and a court; the stop flag is on the case meanwhile."""
    with day.screen.step(day.name("mediator"), "为困难债务人申请救助", "claims relief for a debtor") as says:
        claim = day.software["mediator"].claim_relief(
            day.bystander, cause="unemployment", region=_REGION, asked_fen=30_000, officer="TIAO01", payee=_payee(day),
            payee_kind="landlord", means_sha256=_PAPER, evidence_sha256=_PAPER, unrelated=True,
        )  # fmt: skip
        says(f"{claim['number']}：身份证号不离开调解机构", "the ID number never leaves the mediator")
    path = f"/claims/{claim['claim_id']}"
    with day.screen.step(
        day.name("association"), "评估、与法院两人批准、付款", "assesses; two institutions; pays"
    ) as says:
        body = {"officer": "LIN01", "proposed_fen": 30_000, "reviewer_id": day.member_id("court-1")}
        found = office(day, "POST", f"{path}/assessment", "fund.write", body)
        yes: dict[str, Any] = {"content_hash": found["content_hash"], "unrelated": True}
        office(day, "POST", f"{path}/approvals", "claims", yes | {"officer": "WANG02"})
        approved = day.software["court-1"].approve_claim(claim["claim_id"], officer="FAGUAN01", **yes)
        expect(approved["state"] == "approved", "未批准", "it was not approved")
        paid = office(day, "POST", f"{path}/payment", "fund.approve", {"officer": "WANG02"})
        expect(paid["state"] == "instructed", "未付款", "it was not instructed")
        says(f"批准 {paid['granted_fen']:,} 分，已冻结并指令付款", "held, and the bank is instructed")
    day.fund["claim_id"] = claim["claim_id"]


def a_staff_claim_is_returned_and_appealed(day: Day) -> None:
    """For an agent hurt at work: returned for want of a paper, appealed with it, and decided by another officer."""
    agency = day.software["chenyu"]
    with day.screen.step(day.name("chenyu"), "为受伤人员申请保障", "claims for somebody hurt at work") as says:
        roll = next(iter(agency.agents()), None)
        if roll is None:
            today = clock.today_in_china()
            roll = agency.apply_for_agent(
                day.bystander, name="演示人员", education="college", photo_sha256=_PAPER,
                adult_as_of=today - timedelta(days=1), declared_on=today - timedelta(days=1),
            )  # fmt: skip
        claim = agency.claim_for_staff(
            roll["agent_id"], cause="counselling", region=_REGION, asked_fen=10_000, officer="CHEN01",
            payee=_payee(day), payee_kind="counsellor", means_sha256=_PAPER, evidence_sha256=_PAPER, unrelated=True,
        )  # fmt: skip
        says(f"{claim['number']}", "for counselling")
    path = f"/claims/{claim['claim_id']}"
    with day.screen.step(day.name("association"), "退回：缺少诊断", "returns it: a paper is missing") as says:
        body = {"officer": "LIN01", "reason": "缺少诊断证明"}
        returned = office(day, "POST", f"{path}/return", "fund.write", body)
        says(f"可于 {returned['appeal_by']} 前申诉", f"it may be appealed until {returned['appeal_by']}")
    with day.screen.step(day.name("chenyu"), "申诉", "appeals") as says:
        found = agency.appeal_claim(claim["claim_id"], officer="CHEN01", reason="补交诊断证明")
        expect(found["state"] == "appealed", "未受理申诉", "the appeal was not taken")
        says("另一名人员决定", "another officer decides")
    with day.screen.step(day.name("association"), "另一人驳回", "another officer decides") as says:
        ended = office(day, "POST", f"{path}/rejection", "fund.approve", {"officer": "ZHAO03", "reason": "证明不足"})
        expect(ended["state"] == "rejected", "未决定", "it was not decided")
        says("每一步都有一叶", "every step has its leaf")


def _payee(day: Day) -> dict[str, str]:
    return {"holder": "示例收款方", "account": f"99000001{day.town.cast.day:08d}", "bank_code": "103100000026",
            "bank_name": "示例银行"}  # fmt: skip


ACTS = (the_fund_opens, a_levy_run, relief_reaches_somebody, a_staff_claim_is_returned_and_appealed)
