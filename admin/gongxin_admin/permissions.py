"""The pages' permissions: one row a page or action. What is not here cannot be opened.

`roles` None: anybody, signed in or not. `decides`: the person must have proven who they are within ten minutes. A test
opens every row as every role.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gongxin.accounts.rules import ROLES

EVERY_ROLE = frozenset(ROLES)
READERS = frozenset({"officer", "committee", "treasurer", "approver", "auditor", "support", "administrator"})
OFFICERS = frozenset({"officer"})
ADMINISTRATORS = frozenset({"administrator"})
COMMITTEE = frozenset({"committee"})
FUND_READERS = frozenset({"treasurer", "approver", "auditor"})
TREASURERS, APPROVERS = frozenset({"treasurer"}), frozenset({"approver"})
MATTER_READERS = frozenset({"officer", "committee", "auditor"})
# At the portal: who acts for the house, and who reads besides.
WORKERS = frozenset({"clerk", "compliance"})
HOUSE = WORKERS | ADMINISTRATORS
COMPLIANCE = frozenset({"compliance"})
MANAGERS = COMPLIANCE | ADMINISTRATORS
CREDITORS = frozenset({"bank"})
AGENCIES = frozenset({"agency"})
PARTIES = frozenset({"bank", "agency"})
CASE_SIDES = frozenset({"bank", "agency", "mediator"})
CLAIMANTS = frozenset({"mediator", "agency", "court"})
ASKERS = frozenset({"bank", "agency", "court", "mediator"})


@dataclass(frozen=True)
class Page:
    """One row. `name` is `<face>.<view>`, also Flask's endpoint; `zh` and `en` the page's name in menus and titles.
    `kinds`: of which kinds of member, None for all."""

    name: str
    zh: str
    en: str
    roles: frozenset[str] | None
    decides: bool = False
    kinds: frozenset[str] | None = None

    def opens_for(self, roles: Collection[str], kind: str) -> bool:
        """Whether somebody with these roles, of a member of this kind, may open it."""
        return self.roles is None or (not self.roles.isdisjoint(roles) and (self.kinds is None or kind in self.kinds))

    @property
    def face(self) -> str:
        return self.name.partition(".")[0]


def _both(view: str, zh: str, en: str, roles: frozenset[str] | None, decides: bool = False) -> tuple[Page, ...]:
    return tuple(Page(f"{face}.{view}", zh, en, roles, decides) for face in ("admin", "portal"))


PAGES: dict[str, Page] = {
    page.name: page
    for page in (
        *_both("sign_in", "登录", "Sign in", None),
        *_both("passkey_options", "通行密钥", "Passkey", None),
        *_both("sign_in_passkey", "用通行密钥登录", "Sign in with a passkey", None),
        *_both("set_up", "设置账号", "Set up the account", None),
        *_both("set_up_passkey", "添加通行密钥", "Add a passkey", None),
        *_both("link", "一次性登录", "Sign in once", None),
        *_both("single", "单点登录", "Single sign-on", None),
        *_both("single_back", "单点登录", "Single sign-on", None),
        *_both("language", "语言", "Language", None),
        *_both("sign_out", "退出", "Sign out", EVERY_ROLE),
        *_both("prove", "再次确认身份", "Confirm it is you", EVERY_ROLE),
        *_both("prove_passkey", "用通行密钥确认", "Confirm with a passkey", EVERY_ROLE),
        *_both("own_account", "我的账号", "My account", EVERY_ROLE),
        *_both("end_session", "结束会话", "End a session", EVERY_ROLE),
        *_both("home", "待办", "To do", EVERY_ROLE),
        *_both("people", "人员", "People", ADMINISTRATORS),
        *_both("invite", "邀请人员", "Invite a person", ADMINISTRATORS, decides=True),
        *_both("change_account", "变更账号", "Change an account", ADMINISTRATORS, decides=True),
        Page("admin.members", "会员机构", "Members", READERS),
        Page("admin.member", "会员机构", "Member", READERS),
        Page("admin.member_state", "变更会员状态", "Change a member's state", OFFICERS, decides=True),
        Page("admin.client", "接口凭证", "Credential", READERS),
        Page("admin.client_revoke", "吊销接口凭证", "Revoke a credential", OFFICERS, decides=True),
        Page("admin.key_retire", "停用密钥", "Retire a key", OFFICERS, decides=True),
        Page("admin.expiring_keys", "即将到期的密钥", "Keys that expire", READERS),
        Page("admin.agreements", "协议版本", "Versions of the agreement", READERS),
        Page("admin.rights", "权利请求", "Rights requests", OFFICERS),
        Page("admin.who_asked", "谁问过", "Who asked", OFFICERS, decides=True),
        Page("admin.who_checked", "谁核验过", "Who checked", OFFICERS, decides=True),
        Page("admin.erase", "擦除", "Erase", OFFICERS, decides=True),
        Page("admin.agents", "催收员", "Agents", READERS),
        Page("admin.agent_applications", "执照申请", "Applications", READERS),
        Page("admin.agent_transfers", "转会", "Transfers", READERS),
        Page("admin.agent_lapses", "即将到期", "Lapses ahead", READERS),
        Page("admin.agent_objections", "异议与更正请求", "Objections", READERS),
        Page("admin.agent_statistics", "各机构统计", "Statistics by agency", READERS),
        Page("admin.agent", "催收员", "Agent", READERS),
        Page("admin.agent_move", "办理执照", "Decide on a licence", OFFICERS, decides=True),
        Page("admin.agent_objection", "异议", "Objection", READERS),
        Page("admin.agent_decide", "决定异议", "Decide an objection", OFFICERS, decides=True),
        Page("admin.agent_entry", "登记信用记录", "Enter into the credit record", OFFICERS),
        Page("admin.agent_enter", "登记信用记录", "Enter into the credit record", OFFICERS, decides=True),
        Page("admin.filings", "机构备案", "Filings", READERS),
        Page("admin.filing", "机构备案", "Filing", READERS),
        Page("admin.filing_move", "办理备案", "Decide on a filing", OFFICERS, decides=True),
        Page("admin.blacklist", "黑名单审议", "Violations list", MATTER_READERS),
        Page("admin.matter", "违规事项", "Matter", MATTER_READERS),
        Page("admin.matter_act", "办理", "Take a step", OFFICERS, decides=True),
        Page("admin.matter_decide", "委员会决定", "Decide in committee", COMMITTEE, decides=True),
        Page("admin.matter_vote", "表决", "Vote", COMMITTEE, decides=True),
        Page("admin.matter_recuse", "申报回避", "Declare a conflict", COMMITTEE, decides=True),
        Page("admin.matter_object", "代录异议", "Record an objection", OFFICERS, decides=True),
        Page("admin.matter_answer", "答复异议", "Answer an objection", OFFICERS, decides=True),
        Page("admin.corrections", "更正确认", "Corrections", MATTER_READERS),
        Page("admin.committees", "委员会", "Committees", MATTER_READERS),
        Page("admin.seat", "登记委员", "Seat a member", OFFICERS, decides=True),
        Page("portal.subject_keys", "盲化密钥", "Blinding keys", WORKERS),
        Page("portal.evaluate", "盲化求值", "Blind evaluation", WORKERS),
        Page("portal.ask", "联系前查询", "Ask before contact", WORKERS, kinds=ASKERS),
        Page("portal.asked", "查询记录", "Our questions", HOUSE, kinds=ASKERS),
        Page("portal.cases", "案件", "Cases", HOUSE, kinds=CASE_SIDES),
        Page("portal.case", "案件", "Case", HOUSE, kinds=CASE_SIDES),
        Page("portal.case_move", "委托操作", "Place a case", WORKERS, kinds=PARTIES),
        Page("portal.case_event", "登记状态", "Assert a status", WORKERS, kinds=CASE_SIDES),
        Page("portal.imports", "批量登记", "Register from a file", WORKERS, kinds=CREDITORS),
        Page("portal.screen", "核验催收员", "Check an agent", WORKERS, kinds=PARTIES),
        Page("portal.agents", "我的催收员", "Our agents", HOUSE, kinds=AGENCIES),
        Page("portal.agent", "我的催收员", "Agent", HOUSE, kinds=AGENCIES),
        Page("portal.badge_issue", "签发工牌", "Issue a badge", WORKERS, kinds=AGENCIES),
        Page("portal.badge_withdraw", "收回工牌", "Withdraw a badge", WORKERS, kinds=AGENCIES),
        Page("portal.badge_card", "打印工牌", "Print a badge", WORKERS, kinds=AGENCIES),
        Page("portal.matters", "举报与答复", "Reports and notices", HOUSE),
        Page("portal.matter", "举报与答复", "Report or notice", HOUSE),
        Page("portal.matter_file", "卷宗", "The file", HOUSE),
        Page("portal.matter_state", "申辩与申请", "Reply or appeal", COMPLIANCE, decides=True),
        Page("portal.report", "举报", "File a report", WORKERS),
        Page("portal.contracts", "合同", "Contracts", HOUSE, kinds=CASE_SIDES),
        Page("portal.contract", "合同", "Contract", HOUSE, kinds=CASE_SIDES),
        Page("portal.statements", "对账单", "Statements", HOUSE, kinds=CASE_SIDES),
        Page("portal.statement", "对账单", "Statement", HOUSE, kinds=CASE_SIDES),
        Page("portal.statement_decide", "确认对账单", "Decide a statement", WORKERS, decides=True, kinds=CASE_SIDES),
        Page("portal.charges", "互助金账单", "The fund's charges", HOUSE),
        Page("portal.charge_object", "账单与异议", "Charge and objection", HOUSE),
        Page("portal.claims", "互助金申请", "Claims on the fund", HOUSE),
        Page("portal.claim", "互助金申请", "Claim on the fund", HOUSE),
        Page("portal.claim_file", "提交申请", "File a claim", WORKERS, kinds=CLAIMANTS),
        Page("portal.claim_act", "申诉或撤回", "Appeal or withdraw", WORKERS, decides=True, kinds=CLAIMANTS),
        Page("portal.credentials", "凭证与经办记录", "Credentials and who did what", MANAGERS),
        Page("portal.import_lines", "登记各行", "Register the lines", WORKERS, kinds=CREDITORS),
        Page("admin.log", "透明日志", "Transparency log", READERS),
        Page("admin.log_checkpoints", "检查点", "Checkpoints", READERS),
        Page("admin.log_checkpoint", "检查点", "Checkpoint", READERS),
        Page("admin.log_stamps", "时间戳", "Time stamps", READERS),
        Page("admin.log_reports", "分叉报告", "Split-view reports", READERS),
        Page("admin.log_report", "分叉报告", "Split-view report", READERS),
        Page("admin.log_find", "查一叶", "Find a leaf", READERS),
        Page("admin.log_leaf", "一叶及其证明", "A leaf and its proof", READERS),
        Page("admin.delivery", "投递", "Delivery", READERS),
        Page("admin.delivery_dead", "死信", "Dead letters", READERS),
        Page("admin.endpoint", "端点", "Endpoint", READERS),
        Page("admin.endpoint_replay", "重发死信", "Send dead letters again", OFFICERS, decides=True),
        Page("admin.fund", "互助金", "Mutual-aid fund", FUND_READERS),
        Page("admin.claims", "理赔", "Claims", FUND_READERS),
        Page("admin.claim", "理赔", "Claim", FUND_READERS),
        Page("admin.claim_assess", "评估理赔", "Assess a claim", TREASURERS, decides=True),
        Page("admin.claim_approve", "批准理赔", "Approve a claim", APPROVERS, decides=True),
        Page("admin.claim_pay", "付款", "Pay a claim", TREASURERS, decides=True),
        Page("admin.claim_return", "退回理赔", "Return a claim", TREASURERS, decides=True),
        Page("admin.entries", "分录复核", "Entries", FUND_READERS),
        Page("admin.entry", "分录", "Entry", FUND_READERS),
        Page("admin.entry_check", "复核分录", "Check an entry", APPROVERS, decides=True),
        Page("admin.entry_make", "办理分录", "Move one's entry", TREASURERS, decides=True),
        Page("admin.runs", "征收", "Levy runs", FUND_READERS),
        Page("admin.run", "征收批次", "Run", FUND_READERS),
        Page("admin.run_preview", "试算会费", "Show a levy run", TREASURERS, decides=True),
        Page("admin.run_approve", "批准批次", "Approve a run", APPROVERS, decides=True),
        Page("admin.run_make", "开票或撤回", "Invoice or withdraw", TREASURERS, decides=True),
        Page("admin.bank", "每日对账", "Reconciliation", FUND_READERS),
        Page("admin.bank_day", "每日对账", "Day at the bank", FUND_READERS),
        Page("admin.bank_settle", "核销流水", "Settle lines", TREASURERS, decides=True),
        Page("admin.bank_reconcile", "确认对平", "Reconcile the day", TREASURERS, decides=True),
        Page("admin.periods", "结账", "Periods", FUND_READERS),
        Page("admin.period", "会计期间", "Period", FUND_READERS),
        Page("admin.period_open", "开设期间", "Open a period", TREASURERS, decides=True),
        Page("admin.period_state", "结账", "Close a period", TREASURERS, decides=True),
        Page("admin.disclosure", "季度披露", "Disclosure", FUND_READERS),
        Page("admin.disclose", "披露", "Disclose", TREASURERS, decides=True),
        Page("admin.disclosure_file", "披露文件", "Disclosure file", FUND_READERS),
        Page("admin.contracts", "合同范本与上限", "Contracts and caps", READERS),
        Page("admin.template", "合同范本", "Template", READERS),
        Page("admin.template_approve", "批准范本", "Approve a template", APPROVERS, decides=True),
        Page("admin.template_move", "办理范本", "Move a template", OFFICERS, decides=True),
        Page("admin.caps", "佣金上限", "Fee caps", READERS),
        Page("admin.over_caps", "超限合同", "Contracts over a cap", READERS),
        Page("check.form", "查验", "Check", None),
        Page("check.find", "查验", "Check", None),
        Page("check.result", "查验结果", "Result", None),
    )
}
