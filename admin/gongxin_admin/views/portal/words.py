"""The registry's words on a case as an officer says them: 中文, English."""

from typing import Any

from markupsafe import Markup

from ... import languages

# Stop flag -> (中文, English, what it means for contact in both).
STOPS: dict[str, tuple[str, str, str, str]] = {
    "bankruptcy_stay": (
        "破产保护", "Bankruptcy stay",
        "停止催收与联系；债权向管理人申报。", "Do not collect or contact; file the claim with the administrator.",
    ),
    "deceased": (
        "债务人已去世", "Deceased",
        "停止联系；不得向家属催收。", "Do not contact; never collect from the family.",
    ),
    "represented": (
        "已有代理人", "Represented",
        "只可联系代理人或监护人，不得联系本人。", "Contact the representative or guardian only, not the person.",
    ),
    "do_not_contact": (
        "禁止联系", "Do not contact",
        "停止一切联系。", "Stop all contact.",
    ),
    "identity_fraud": (
        "冒名争议", "Identity fraud claimed",
        "停止催收，先核实债务人身份。", "Stop collecting until the identity is established.",
    ),
    "dispute_open": (
        "债务有争议", "Debt disputed",
        "争议处理完毕前不得催收。", "Do not collect while the dispute is open.",
    ),
    "complaint_open": (
        "投诉处理中", "Complaint open",
        "投诉处理完毕前不得催收。", "Do not collect while the complaint is open.",
    ),
    "hardship_plan": (
        "困难纾缓中", "Hardship plan",
        "按纾缓安排，停止催收。", "Follow the plan; do not collect.",
    ),
    "enforcement_settled": (
        "已执行和解", "Enforcement settled",
        "和解协议履行期间不得催收。", "Do not collect while the settlement is kept.",
    ),
}  # fmt: skip

LEGAL_CLASSES = {
    "none": ("无司法程序", "no proceedings"), "pre_court": ("诉前", "before court"), "in_court": ("审理中", "in court"),
    "judged": ("已裁判", "judged"), "enforcing": ("执行中", "enforcement"), "closed": ("程序已结束", "ended"),
    "bankruptcy": ("破产程序", "bankruptcy"),
}  # fmt: skip

# Placement -> (中文, English, mood).
PLACEMENTS = {
    "draft": ("未委托", "not placed", "over"),
    "assigned": ("待接受", "awaiting acceptance", "wait"),
    "accepted": ("已接受", "accepted", "good"),
    "declined": ("已拒绝", "declined", "bad"),
    "returned": ("已退回", "returned", "over"),
    "held_over": ("已留案", "held over", "good"),
    "recalled": ("已撤回", "recalled", "over"),
    "mandate_expired": ("委托到期", "mandate expired", "over"),
    "claim_assigned": ("债权已转让", "claim assigned", "over"),
}
ACTIONS = {
    "assign": ("委托", "Place"), "accept": ("接受委托", "Accept"), "decline": ("拒绝委托", "Decline"),
    "return": ("退回", "Return"), "hold_over": ("留案", "Hold over"), "recall": ("撤回委托", "Recall"),
    "claim_assign": ("登记债权转让", "Record assignment of the claim"),
}  # fmt: skip
AXES = {
    "placement": ("委托", "placement"), "collection": ("催收", "collection"), "dispute": ("争议", "dispute"),
    "legal": ("司法", "legal"), "person": ("本人", "person"),
}  # fmt: skip
STATUSES = {
    "in_progress": ("催收中", "in progress"), "promise_to_pay": ("承诺还款", "promise to pay"),
    "instalment": ("分期", "instalments"), "partial_paid": ("部分还款", "partly paid"),
    "settled": ("协商结清", "settled"), "paid_off": ("已还清", "paid off"), "written_off": ("已核销", "written off"),
    "closed": ("已关闭", "closed"), "suspended": ("已中止", "suspended"),
    "objected": ("提出异议", "objected"), "not_my_debt": ("否认债务", "not my debt"),
    "identity_fraud": ("称被冒名", "identity fraud"), "complaint_open": ("投诉受理", "complaint open"),
    "complaint_upheld": ("投诉成立", "complaint upheld"), "complaint_rejected": ("投诉不成立", "complaint rejected"),
    "pre_mediation": ("诉前调解", "pre-trial mediation"), "mediated": ("调解成功", "mediated"),
    "judicially_confirmed": ("司法确认", "judicially confirmed"), "payment_order": ("支付令", "payment order"),
    "filed": ("立案", "filed"), "judged": ("判决", "judged"), "appealed": ("上诉", "appealed"),
    "effective": ("裁判生效", "effective"), "enforcing": ("执行", "enforcing"),
    "enforcement_settled": ("执行和解", "enforcement settled"),
    "enforcement_terminated_round": ("终结本次执行程序", "round of enforcement terminated"),
    "enforcement_resumed": ("恢复执行", "enforcement resumed"),
    "enforcement_completed": ("执行完毕", "enforcement completed"),
    "dishonest_listed": ("列入失信被执行人", "on the list of dishonest debtors"),
    "bankruptcy_filed": ("申请破产", "bankruptcy filed"), "bankruptcy_stay": ("临时保护", "interim stay"),
    "bankruptcy_accepted": ("破产受理", "bankruptcy accepted"), "bankruptcy_reorganisation": ("重整", "reorganisation"),
    "bankruptcy_composition": ("破产和解", "composition"), "bankruptcy_declared": ("宣告破产", "declared bankrupt"),
    "bankruptcy_discharge_period": ("免责考察期", "discharge period"),
    "bankruptcy_discharged": ("免除未清偿债务", "discharged"), "bankruptcy_dismissed": ("不予受理或驳回", "dismissed"),
    "bankruptcy_lifted": ("解除保护", "stay lifted"), "bankruptcy_terminated": ("破产程序终结", "terminated"),
    "deceased": ("已去世", "deceased"), "incapacitated": ("无行为能力", "incapacitated"),
    "lost_contact": ("失联", "contact lost"), "hardship": ("生活困难", "hardship"),
    "vulnerable": ("需特别保护", "vulnerable"), "represented": ("已委托代理人", "represented"),
    "do_not_contact": ("要求不联系", "asked not to be contacted"),
    **{word: pair[:2] for word, pair in PLACEMENTS.items()},
}  # fmt: skip
SOURCES = {
    "court": ("法院", "court"), "bankruptcy_office": ("破产事务机构", "bankruptcy office"),
    "regulator": ("监管机构", "regulator"), "creditor": ("债权人", "creditor"), "mediator": ("调解机构", "mediator"),
    "registrar": ("协会", "the association"), "agency": ("受托机构", "agency"), "debtor": ("债务人陈述", "the debtor"),
    "registry": ("登记处时钟", "the registry's clock"),
}  # fmt: skip
PURPOSES = {
    "placement": ("委托前", "before placing"), "contact": ("联系前", "before contact"),
    "judicial": ("办理案件", "judicial"), "mediation": ("调解", "mediation"),
    "supervision": ("监管", "supervision"), "subject_access": ("本人查阅", "subject access"),
}  # fmt: skip
RESULTS = {
    "match": ("另有其他机构的登记", "others have records too"), "none": ("没有其他机构的登记", "no records of others"),
    "no_ground": ("没有依据，未作答复", "no ground, not answered"),
}  # fmt: skip


def said(table: dict[str, Any], word: str) -> str:
    """A word of the registry in the page's language; one we do not know is shown as it is."""
    pair = table.get(word)
    return languages.both(pair[0], pair[1]) if pair else word


def stops(flags: list[str] | None) -> Markup:
    """Stop flags as tags: a word each, never a colour alone."""
    if not flags:
        return Markup('<span class="quiet">{}</span>').format(languages.both("无", "none"))
    return Markup(" ").join(
        Markup('<span class="tag bad">{}</span>').format(languages.both("停 ", "STOP ") + said(STOPS, flag))
        for flag in flags
    )
