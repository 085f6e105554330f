"""The permissions table: one row for each operation. What is not here cannot be called.

A row says which scope a token must carry, which kinds of member may call, whether the token must be bound to its sender
(DPoP, RFC 9449, or a certificate, RFC 8705), and whether the answer holds personal data (then it is never stored).
Purposes and data types are checked against the token's authorization_details (RFC 9396) where `grant` is set.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from functools import cache

EVERYONE = frozenset({"bank", "court", "agency", "mediator", "regulator", "association"})
CREDITOR = frozenset({"bank"})
PARTIES = frozenset({"bank", "agency"})
CASE_SIDES = frozenset({"bank", "agency", "mediator"})
# The association and regulators assert on a case whose number stands in their file; courts by 案号 alone.
ASSERTERS = EVERYONE - {"court"}
COURT = frozenset({"court"})
EVIDENCE_SIDES = EVERYONE - {"regulator"}
ASSOCIATION = frozenset({"association"})
OVERSIGHT = frozenset({"association", "regulator"})
AGENCY = frozenset({"agency"})
CLAIMANTS = frozenset({"mediator", "agency", "court", "association"})
REVIEWERS = frozenset({"association", "court", "mediator", "regulator"})
CONTRACT_READERS = CASE_SIDES | ASSOCIATION
ROLL_KEEPERS = AGENCY | ASSOCIATION
ROLL_READERS = AGENCY | OVERSIGHT
AGENT_CHECKERS = PARTIES | OVERSIGHT


@dataclass(frozen=True)
class Permission:
    """One row. `scope` None: anyone may call; then nothing personal may be answered. `admits`: the view's own statement
    asks whether the caller is admitted (`Call.take_admission`), which saves the hottest reads a round trip."""

    operation: str
    scope: str | None
    kinds: frozenset[str] = EVERYONE
    sender_constrained: bool = False
    grant: bool = False
    creates: bool = False
    personal: bool = False
    admits: bool = False
    deprecated: tuple[date, date] | None = None

    @property
    def anchor(self) -> str:
        """Where `/docs` tells of it; also its operationId."""
        return self.operation.replace(".", "_")


@cache
def deprecation_headers(permission: Permission) -> tuple[tuple[str, str], ...]:
    """Since when an operation is deprecated (RFC 9745), from when it may be gone (RFC 8594); none where it is not."""
    if permission.deprecated is None:
        return ()
    since, gone = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in permission.deprecated)
    return (
        ("Deprecation", f"@{int(since.timestamp())}"),
        ("Sunset", format_datetime(gone, usegmt=True)),
        ("Link", f'</docs#{permission.anchor}>; rel="deprecation"; type="text/html"'),
    )


# Scopes a client that authenticates with a shared secret may hold: nothing that touches a person.
LOW_RISK_SCOPES = frozenset({"members.read", "keys.read"})

SCOPES: dict[str, tuple[str, str]] = {
    "members.read": ("读取机构名录与协议", "read the directory of members and agreements"),
    "members.write": ("管理机构、协议与凭证", "administer members, agreements and credentials"),
    "keys.read": ("读取公开密钥", "read published keys"),
    "keys.write": ("管理本机构的密钥", "administer one's own keys"),
    "subjects.evaluate": ("盲化求值", "blind evaluation"),
    "cases.read": ("读取本机构案件", "read one's own cases"),
    "cases.write": ("登记与委托案件", "register and place cases"),
    "events.write": ("登记案件状态", "assert case events"),
    "court_events.write": ("法院按案号登记状态", "assert court events by case number"),
    "evidence.read": ("读取本机构证据", "read one's own evidence"),
    "evidence.write": ("登记证据与保管事件", "register evidence and its custody"),
    "fund.read": ("读取互助基金账目", "read the mutual-aid fund's books"),
    "fund.write": ("起草基金分录、冻结与科目", "draft the fund's entries, holds and accounts"),
    "fund.pay": ("登记收款人、制作与放行付款文件", "register payees, make and release files of payments"),
    "fund.approve": ("批准与过账基金分录、关闭期间", "approve and post the fund's entries, close periods"),
    "levies": ("申报基数、读取账单与异议", "state bases, read one's charges, object"),
    "changes.read": ("读取变更流与快照、作出回执", "read the change feed and snapshots, acknowledge"),
    "webhooks.write": ("管理本机构的回调端点", "administer one's own webhook endpoints"),
    "claims": ("提交、复核与查看互助申请", "file, review and read claims on the fund"),
    "lookups": ("查询", "look-ups"),
    "subject_access": ("个人查阅", "subject access"),
    "agents.read": ("读取本机构人员", "read one's own agents"),
    "agents.write": ("申请与办理执照", "apply for and administer licences"),
    "agents.check": ("核验催收员", "check agents"),
    "contracts.read": ("读取本机构合同、回款与对账单", "read one's own contracts, recoveries and statements"),
    "contracts.write": ("起草、签署合同，报告与确认回款", "draft and sign contracts, report and confirm recoveries"),
    "contract_standards.write": ("管理合同范本与佣金上限", "administer contract templates and fee caps"),
    "blacklist.read": ("读取名单事项、更正与统计", "read matters of the blacklist, corrections, statistics"),
    "blacklist.report": ("举报、申辩、异议与确认", "report, reply, object, acknowledge"),
    "blacklist.decide": ("办理名单事项", "keep and decide matters of the blacklist"),
    "blacklist.screen": ("批量筛查", "screen people in batches"),
    "log.witness": ("见证日志", "witness the log"),
    "log.openings": ("揭示本机构的叶", "open one's own leaves"),
}


def _row(
    operation: str,
    scope: str | None,
    kinds: frozenset[str] = EVERYONE,
    flags: str = "",
    deprecated: tuple[date, date] | None = None,
) -> Permission:
    """`flags`: s sender-constrained, g grant, c creates (takes Idempotency-Key), p personal data,
    a the view admits. `deprecated`: the day since when, and the day from which it may be gone."""
    return Permission(
        operation, scope, kinds, "s" in flags, "g" in flags, "c" in flags, "p" in flags, "a" in flags, deprecated
    )


PERMISSIONS: dict[str, Permission] = {
    row.operation: row
    for row in (
        # operations of the registry itself
        _row("health.live", None),
        _row("health.ready", None),
        _row("health.metrics", None),
        _row("docs.page", None),
        _row("docs.openapi", None),
        _row("docs.problem", None),
        # the transparency log: nothing in it is personal
        _row("log.checkpoint", None),
        _row("log.tile", None),
        _row("log.entries", None),
        _row("log.about", None),
        _row("log.leaf", None),
        _row("log.proof", None),
        _row("log.consistency", None),
        # OAuth 2: the client authenticates inside the request
        _row("oauth.token", None),
        _row("oauth.introspect", None),
        _row("oauth.revoke", None),
        _row("oauth.server_metadata", None),
        _row("oauth.resource_metadata", None),
        _row("oauth.jwks", None),
        # members
        _row("members.list", "members.read"),
        _row("members.get", "members.read"),
        _row("members.me", "members.read"),
        _row("members.apply", "members.write", ASSOCIATION, "sc"),
        _row("members.change_state", "members.write", ASSOCIATION, "sc"),
        _row("agreements.list", "members.read"),
        _row("agreements.create", "members.write", ASSOCIATION, "sc"),
        _row("clients.list", "keys.write", EVERYONE, "s"),
        _row("clients.create", "members.write", ASSOCIATION, "sc"),
        _row("clients.revoke", "members.write", ASSOCIATION, "sc"),
        _row("client_keys.list", "keys.write", EVERYONE, "s"),
        _row("client_keys.add", "keys.write", EVERYONE, "sc"),
        _row("client_keys.retire", "keys.write", EVERYONE, "s"),
        # witnesses and stamps of the log
        _row("log.round", None),
        _row("log.witnesses", None),
        _row("log.stamps", None),
        _row("log.register_witness", "log.witness", EVERYONE, "s"),
        _row("log.retire_witness", "log.witness", EVERYONE, "s"),
        _row("log.cosign", "log.witness", EVERYONE, "s"),
        _row("log.report_split", "log.witness", EVERYONE, "s"),
        _row("log.split_reports", "log.witness", EVERYONE, "s"),
        _row("log.opening", "log.openings", EVERYONE, "sp"),
        # subjects
        _row("subjects.keys", None),
        _row("subjects.evaluate", "subjects.evaluate", EVERYONE, "s"),
        # cases
        _row("cases.register", "cases.write", CREDITOR, "scp"),
        _row("cases.register_bulk", "cases.write", CREDITOR, "sp"),
        _row("cases.list", "cases.read", CASE_SIDES, "sp"),
        _row("cases.get", "cases.read", CASE_SIDES, "sp"),
        _row("cases.place_bulk", "cases.write", PARTIES, "scp"),
        _row("cases.place", "cases.write", PARTIES, "scp"),
        _row("cases.link_reference", "cases.write", PARTIES, "scp"),
        _row("cases.unlink_reference", "cases.write", PARTIES, "scp"),
        _row("cases.rekey_bulk", "cases.write", CREDITOR, "scp"),
        _row("cases.history", "cases.read", CASE_SIDES, "sp"),
        _row("cases.status", "cases.read", CASE_SIDES, "sp"),
        _row("events.assert", "events.write", ASSERTERS, "scp"),
        _row("events.correct", "events.write", ASSERTERS, "scp"),
        _row("events.withdraw", "events.write", ASSERTERS, "scp"),
        _row("court_events.assert", "court_events.write", COURT, "scp"),
        _row("court_events.list", "court_events.write", COURT, "sp"),
        _row("court_events.correct", "court_events.write", COURT, "scp"),
        _row("court_events.withdraw", "court_events.write", COURT, "scp"),
        # evidence
        _row("evidence.register", "evidence.write", EVIDENCE_SIDES, "scp"),
        _row("evidence.register_bulk", "evidence.write", EVIDENCE_SIDES, "sp"),
        _row("evidence.register_batch", "evidence.write", EVIDENCE_SIDES, "scp"),
        _row("evidence.list", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.get", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.opening", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.of_case", "evidence.read", CASE_SIDES, "sp"),
        _row("evidence.batches", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.batch", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.batch_opening", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.batch_state", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.batch_custody", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.record_batch_custody", "evidence.write", EVIDENCE_SIDES, "scp"),
        _row("evidence.hold_batch", "evidence.write", EVIDENCE_SIDES, "scp"),
        _row("evidence.custody", "evidence.read", EVIDENCE_SIDES, "sp"),
        _row("evidence.record_custody", "evidence.write", EVIDENCE_SIDES, "scp"),
        _row("evidence.hold", "evidence.write", EVIDENCE_SIDES, "scp"),
        _row("evidence.retention", None),
        # delivery: each event besides needs the scope of its type
        _row("changes.list", "changes.read", EVERYONE, "spa"),
        _row("changes.types", None),
        _row("changes.acknowledge", "changes.read", EVERYONE, "scp"),
        _row("changes.acknowledgements", "changes.read", EVERYONE, "sp"),
        _row("snapshots.list", None),
        _row("snapshots.get", "changes.read", EVERYONE, "sp"),
        _row("endpoints.list", "webhooks.write", EVERYONE, "s"),
        _row("endpoints.register", "webhooks.write", EVERYONE, "s"),
        _row("endpoints.get", "webhooks.write", EVERYONE, "s"),
        _row("endpoints.change", "webhooks.write", EVERYONE, "s"),
        _row("endpoints.verify", "webhooks.write", EVERYONE, "s"),
        _row("endpoints.rotate", "webhooks.write", EVERYONE, "s"),
        _row("endpoints.move", "webhooks.write", EVERYONE, "s"),
        _row("endpoints.sends", "webhooks.write", EVERYONE, "s"),
        # agents
        _row("agents.apply", "agents.write", AGENCY, "scp"),
        _row("agents.list", "agents.read", ROLL_READERS, "sp"),
        _row("agents.get", "agents.read", ROLL_READERS, "sp"),
        _row("agents.identity", "agents.read", ROLL_KEEPERS, "sp"),
        _row("agents.move", "agents.write", ROLL_KEEPERS, "scp"),
        _row("agents.claim", "agents.write", AGENCY, "scp"),
        _row("agents.history", "agents.read", ROLL_READERS, "sp"),
        _row("agents.training", "agents.read", ROLL_READERS, "sp"),
        _row("agents.training_rules", None),
        _row("agents.record_hours", "agents.write", ASSOCIATION, "scp"),
        _row("agents.record_examinations", "agents.write", ASSOCIATION, "scp"),
        _row("agents.grading_rules", None),
        _row("agents.record", "agents.read", ROLL_READERS, "sp"),
        _row("agents.record_entry", "agents.write", OVERSIGHT, "scp"),
        _row("agents.correct_entry", "agents.write", OVERSIGHT, "scp"),
        _row("agents.respond", "agents.write", ROLL_KEEPERS, "scp"),
        _row("agents.decide", "agents.write", ASSOCIATION, "scp"),
        _row("agents.rekey_bulk", "agents.write", AGENCY, "scp"),
        _row("agents.withdraw_certificate", "agents.write", ASSOCIATION, "scp"),
        _row("agents.waiting", "agents.read", ASSOCIATION, "sp"),
        _row("agents.access", "agents.read", ASSOCIATION, "scp"),
        _row("agents.watch", "agents.check", AGENT_CHECKERS, "scp"),
        _row("agents.watches", "agents.check", AGENT_CHECKERS, "sp"),
        _row("agents.unwatch", "agents.check", AGENT_CHECKERS, "scp"),
        _row("agents.statistics", "agents.read", OVERSIGHT, "s"),
        _row("filings.file", "agents.write", AGENCY, "scp"),
        _row("filings.list", "agents.read", ROLL_READERS, "s"),
        _row("filings.get", "agents.read", ROLL_READERS, "sp"),
        _row("filings.move", "agents.write", ROLL_KEEPERS, "sc"),
        _row("agents.check", "agents.check", AGENT_CHECKERS, "spa"),
        _row("federation.describe", None),
        # Known by its message signature (RFC 9421) under a pinned key.
        _row("federation.status", None),
        _row("agents.public_check", None),
        _row("agents.check_badge", None),
        _row("agents.check_photo", None),
        # badges
        _row("badges.issue", "agents.write", ROLL_KEEPERS, "scp"),
        _row("badges.withdraw", "agents.write", ROLL_KEEPERS, "scp"),
        _row("badges.of_agent", "agents.read", ROLL_READERS, "sp"),
        _row("badges.card", "agents.read", ROLL_KEEPERS, "sp"),
        _row("badges.lists", None),
        _row("badges.list", None),
        _row("badges.jwks", None),
        _row("badges.cose_keys", None),
        # the blacklist
        _row("blacklist.rules", None),
        _row("blacklist.report", "blacklist.report", EVERYONE, "scp"),
        _row("blacklist.matters", "blacklist.read", EVERYONE, "sp"),
        _row("blacklist.matter", "blacklist.read", EVERYONE, "sp"),
        _row("blacklist.act", "blacklist.decide", ASSOCIATION, "scp"),
        _row("blacklist.state", "blacklist.report", EVERYONE, "scp"),
        _row("blacklist.vote", "blacklist.decide", ASSOCIATION, "scp"),
        _row("blacklist.recuse", "blacklist.decide", ASSOCIATION, "scp"),
        _row("blacklist.object", "blacklist.report", EVERYONE, "scp"),
        _row("blacklist.answer_objection", "blacklist.decide", ASSOCIATION, "scp"),
        _row("blacklist.file", "blacklist.read", EVERYONE, "sp"),
        _row("blacklist.file_pdf", "blacklist.read", EVERYONE, "sp"),
        _row("blacklist.found_committee", "blacklist.decide", ASSOCIATION, "sc"),
        _row("blacklist.committees", "blacklist.read", ASSOCIATION, "s"),
        _row("blacklist.screen", "blacklist.screen", AGENT_CHECKERS, "scp"),
        _row("blacklist.corrections", "blacklist.read", EVERYONE, "sp"),
        _row("blacklist.acknowledge", "blacklist.report", EVERYONE, "scp"),
        _row("blacklist.statistics", "blacklist.read", OVERSIGHT, "s"),
        _row("blacklist.public", None),
        _row("blacklist.public_csv", None),
        _row("blacklist.public_atom", None),
        # the mutual-aid fund
        _row("fund.accounts", "fund.read", OVERSIGHT, "s"),
        _row("fund.open_account", "fund.write", ASSOCIATION, "sc"),
        _row("fund.close_account", "fund.approve", ASSOCIATION, "s"),
        _row("fund.periods", "fund.read", OVERSIGHT, "s"),
        _row("fund.open_period", "fund.write", ASSOCIATION, "sc"),
        _row("fund.set_period_state", "fund.approve", ASSOCIATION, "s"),
        _row("fund.trial_balance", "fund.read", OVERSIGHT, "s"),
        _row("fund.balances", "fund.read", OVERSIGHT, "s"),
        _row("fund.entries", "fund.read", OVERSIGHT, "sp"),
        _row("fund.draft", "fund.write", ASSOCIATION, "scp"),
        _row("fund.entry", "fund.read", OVERSIGHT, "sp"),
        _row("fund.steps", "fund.read", OVERSIGHT, "sp"),
        _row("fund.revise", "fund.write", ASSOCIATION, "sp"),
        _row("fund.move", "fund.write", ASSOCIATION, "sp"),
        _row("fund.approve", "fund.approve", ASSOCIATION, "sp"),
        _row("fund.post", "fund.approve", ASSOCIATION, "sp"),
        _row("fund.reverse", "fund.write", ASSOCIATION, "scp"),
        _row("fund.holds", "fund.read", OVERSIGHT, "sp"),
        _row("fund.hold", "fund.write", ASSOCIATION, "scp"),
        _row("fund.release", "fund.write", ASSOCIATION, "sp"),
        # the fund's banks
        _row("bank.register_payee", "fund.pay", ASSOCIATION, "scp"),
        _row("bank.payee", "fund.pay", ASSOCIATION, "sp"),
        _row("bank.accounts", "fund.read", OVERSIGHT, "s"),
        _row("bank.open_account", "fund.pay", ASSOCIATION, "scp"),
        _row("bank.add_books", "fund.pay", ASSOCIATION, "sc"),
        _row("bank.set_forms", "fund.pay", ASSOCIATION, "s"),
        _row("bank.instructions", "fund.read", OVERSIGHT, "s"),
        _row("bank.refund", "fund.write", ASSOCIATION, "sc"),
        _row("bank.cancel", "fund.write", ASSOCIATION, "s"),
        _row("bank.files", "fund.read", OVERSIGHT, "s"),
        _row("bank.generate", "fund.pay", ASSOCIATION, "sc"),
        _row("bank.release", "fund.pay", ASSOCIATION, "s"),
        _row("bank.withdraw_file", "fund.pay", ASSOCIATION, "s"),
        _row("bank.send", "fund.pay", ASSOCIATION, "sp"),
        _row("bank.take_statement", "fund.write", ASSOCIATION, "scp"),
        _row("bank.lines", "fund.read", OVERSIGHT, "s"),
        _row("bank.suggestions", "fund.read", OVERSIGHT, "s"),
        _row("bank.match_certain", "fund.write", ASSOCIATION, "s"),
        _row("bank.match", "fund.write", ASSOCIATION, "sc"),
        _row("bank.day", "fund.read", OVERSIGHT, "s"),
        _row("bank.reconcile", "fund.approve", ASSOCIATION, "s"),
        # quarters disclosed: what is published anyone reads
        _row("reports.publish", "fund.approve", ASSOCIATION, "sc"),
        _row("reports.preview", "fund.read", OVERSIGHT, "s"),
        _row("reports.list", None),
        _row("reports.get", None),
        _row("reports.csv", None),
        _row("reports.pdf", None),
        # the fund's income
        _row("income.rules", None),
        _row("income.state_base", "levies", AGENCY, "sc"),
        _row("income.bases", "levies", EVERYONE, "s"),
        _row("income.account", "levies", EVERYONE, "s"),
        _row("income.charges", "levies", EVERYONE, "s"),
        _row("income.charge", "levies", EVERYONE, "s"),
        _row("income.object", "levies", EVERYONE, "sc"),
        _row("income.decide", "fund.approve", ASSOCIATION, "sc"),
        _row("income.owe", "fund.write", ASSOCIATION, "s"),
        _row("income.runs", "fund.read", OVERSIGHT, "s"),
        _row("income.run", "fund.read", OVERSIGHT, "s"),
        _row("income.preview", "fund.write", ASSOCIATION, "sc"),
        _row("income.penalty", "fund.write", ASSOCIATION, "sc"),
        _row("income.donation", "fund.write", ASSOCIATION, "sc"),
        _row("income.credit", "fund.write", ASSOCIATION, "sc"),
        _row("income.approve", "fund.approve", ASSOCIATION, "s"),
        _row("income.issue", "fund.approve", ASSOCIATION, "s"),
        _row("income.withdraw", "fund.write", ASSOCIATION, "s"),
        # claims on the fund
        _row("claims.rules", None),
        _row("claims.file", "claims", CLAIMANTS, "scp"),
        _row("claims.list", "claims", CLAIMANTS | OVERSIGHT, "sp"),
        _row("claims.get", "claims", CLAIMANTS | OVERSIGHT, "sp"),
        _row("claims.change_payee", "claims", CLAIMANTS, "sp"),
        _row("claims.assess", "fund.write", ASSOCIATION, "sp"),
        _row("claims.approve", "claims", REVIEWERS, "sp"),
        _row("claims.pay", "fund.approve", ASSOCIATION, "sp"),
        _row("claims.give_back", "fund.write", ASSOCIATION, "sp"),
        _row("claims.appeal", "claims", CLAIMANTS, "sp"),
        _row("claims.reject", "fund.approve", ASSOCIATION, "sp"),
        _row("claims.withdraw", "claims", CLAIMANTS, "sp"),
        # contracts: standard text and caps are every member's to read, contracts their parties'
        _row("fees.check", "contracts.read", PARTIES | ASSOCIATION, "s"),
        _row("fees.simulate", "contracts.read", PARTIES, "s"),
        _row("caps.list", "contracts.read", EVERYONE, "s"),
        _row("caps.record", "contract_standards.write", ASSOCIATION, "sc"),
        _row("templates.list", "contracts.read", EVERYONE, "s"),
        _row("templates.draft", "contract_standards.write", ASSOCIATION, "sc"),
        _row("templates.get", "contracts.read", EVERYONE, "s"),
        _row("templates.revise", "contract_standards.write", ASSOCIATION, "s"),
        _row("templates.move", "contract_standards.write", ASSOCIATION, "s"),
        _row("templates.approve", "contract_standards.write", ASSOCIATION, "s"),
        _row("templates.comments", "contracts.read", EVERYONE, "s"),
        _row("templates.comment", "contracts.read", EVERYONE, "sc"),
        _row("templates.compare", "contracts.read", EVERYONE, "s"),
        _row("templates.redline", "contracts.read", EVERYONE, "s"),
        _row("templates.redline_html", "contracts.read", EVERYONE, "s"),
        _row("templates.redline_pdf", "contracts.read", EVERYONE, "s"),
        _row("contracts.list", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.draft", "contracts.write", CASE_SIDES, "scp"),
        _row("contracts.get", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.content", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.pdf", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.docx", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.redline", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.redline_html", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.redline_pdf", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.compare", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.check", None),
        _row("contracts.verdict", "contracts.read", CONTRACT_READERS, "sp"),
        _row("contracts.revise", "contracts.write", CASE_SIDES, "sp"),
        _row("contracts.consent", "contracts.write", CASE_SIDES, "sp"),
        _row("contracts.sign", "contracts.write", CASE_SIDES, "sp"),
        _row("contracts.terminate", "contracts.write", CASE_SIDES, "sp"),
        _row("contracts.withdraw", "contracts.write", CASE_SIDES, "sp"),
        _row("contracts.scan", "contracts.write", CASE_SIDES, "scp"),
        _row("contracts.open", "contract_standards.write", ASSOCIATION, "sp"),
        _row("contracts.name_cases", "contracts.write", CREDITOR, "sp"),
        _row("contracts.set_policy", "contract_standards.write", ASSOCIATION, "sc"),
        _row("recoveries.list", "contracts.read", CASE_SIDES, "sp"),
        _row("recoveries.report", "contracts.write", CASE_SIDES - CREDITOR, "scp"),
        _row("recoveries.report_bulk", "contracts.write", CASE_SIDES - CREDITOR, "scp"),
        _row("recoveries.get", "contracts.read", CASE_SIDES, "sp"),
        _row("recoveries.confirm", "contracts.write", CREDITOR, "sp"),
        _row("recoveries.dispute", "contracts.write", CREDITOR, "sp"),
        _row("recoveries.reverse", "contracts.write", CREDITOR, "scp"),
        _row("statements.list", "contracts.read", CASE_SIDES, "sp"),
        _row("statements.make", "contracts.write", CASE_SIDES - CREDITOR, "scp"),
        _row("statements.get", "contracts.read", CASE_SIDES, "sp"),
        _row("statements.csv", "contracts.read", CASE_SIDES, "sp"),
        _row("statements.pdf", "contracts.read", CASE_SIDES, "sp"),
        _row("statements.decide", "contracts.write", CASE_SIDES, "sp"),
        _row("statements.chain", "contracts.read", CASE_SIDES, "sp"),
        # disclosure
        _row("disclosure.policy", None),
        _row("disclosure.receipt_keys", None),
        _row("lookups.one", "lookups", EVERYONE, "sgp"),
        _row("lookups.batch", "lookups", EVERYONE, "sgp"),
        _row("lookups.own", "lookups", EVERYONE, "sp"),
        _row("subject_access.answer", "subject_access", ASSOCIATION, "scp"),
    )
}
