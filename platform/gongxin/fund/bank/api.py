"""The bank over HTTP, for the association: payees and files for payers, statements and matching for those who keep the
books; a regulator reads what holds no details."""

import uuid
from typing import Any

from gongxin.web import paging
from gongxin.web.blueprint import Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from ..ledger.rules import Actor, officer_key
from . import accounts, days, examples, files, matching, payees, queries, schemas, service, statements
from . import queries_statements as found

blp = Blueprint("fund_bank", url_prefix="/v1/fund/bank", description="互助基金收付 The mutual-aid fund and its banks")
BLUEPRINTS = (blp,)

_MOVED = ("payment_moved_meanwhile", "付款状态刚被他人变更", "Another change of the payment came first")
_PAID = ("payment_under_way", "该事项已有付款指令", "A payment for this is under way or done")
_EXPECTED = ("expected_already", "该事项或附言号已登记应收款", "This source or reference is expected already")
_MATCH = ("match_not_possible", "该流水与所选事项不符", "The line does not settle this")
_FILE = ("payment_file_meanwhile", "付款文件刚被他人变更", "Another change of the file came first")
_TAKEN = ("statement_meanwhile", "另一对账单刚刚导入", "Another statement was taken meanwhile")
_ACCOUNT = ("bank_account_exists", "该账户、代码或科目已登记", "Account, code or account of the books is on record")
CONSTRAINTS.update(
    {
        "ix_fund_instructions_one_payment": _PAID,
        "ix_fund_instructions_one_hold": _PAID,
        "fund_instructions_hold": ("hold_mismatch", "与冻结不符", "The payment is not what is held"),
        "fund_instructions_transition": _MOVED,
        "fund_instructions_filed": _MOVED,
        "fund_instructions_settled": _MOVED,
        "fund_holds_instructed": ("hold_claimed", "有付款依赖该冻结", "A payment stands on this hold"),
        "uq_fund_expected_reference": _EXPECTED,
        "uq_fund_expected_source_kind_source_id": _EXPECTED,
        "fund_expected_final": _MOVED,
        "uq_fund_bank_accounts_code": _ACCOUNT,
        "uq_fund_bank_accounts_account_key": _ACCOUNT,
        "uq_fund_bank_accounts_ledger_account_id": _ACCOUNT,
        "pk_fund_bank_books": _ACCOUNT,
        "fund_bank_books_late": (
            "books_too_late", "该科目在已对平日期已有余额", "Days that are reconciled would agree no more"),
        "fund_bank_accounts_layout": (
            "payment_file_waits", "尚有未送出的付款文件", "A file of payments in this layout is not sent yet"),
        "fund_instructions_claim": (
            "claim_not_held", "须有已冻结资金的申请", "It is paid on a claim whose money is held"),
        "fund_instructions_refund": (
            "nothing_owed", "没有已过账的等额应退款", "No posted entry owes exactly this"),
        "fund_entries_reconciled": (
            "day_reconciled", "该日已与银行对平", "The day is reconciled with the bank"),
        "ix_fund_payment_files_once": _FILE,
        "fund_payment_items_once": _FILE,
        "fund_payment_files_transition": _FILE,
        "fund_payment_files_fixed": _FILE,
        "fund_payment_files_sum": _FILE,
        "ck_fund_payment_files_releaser": ("maker_is_not_checker", "制盘人不得放行", "The maker does not release"),
        "uq_fund_statements_bank_account_id_day": _TAKEN,
        "uq_fund_statements_bank_account_id_sha256": _TAKEN,
        "fund_statements_order": _TAKEN,
        "fund_statements_opening": _TAKEN,
        "fund_statements_whole": ("statement_cut", "对账单不完整", "The statement is not whole"),
        "uq_fund_bank_lines_bank_account_id_bank_ref": (
            "bank_line_twice", "该流水号已导入", "The line is there already"),
        "ix_fund_matches_once": _MATCH,
        "fund_matches_line": ("line_settled", "超过该流水的未核销金额", "It is more than the line has left"),
        "fund_matches_payment": _MATCH,
        "fund_matches_expected": _MATCH,
        "fund_matches_entry": _MATCH,
        "pk_fund_days": ("day_meanwhile", "该日刚被对平", "The day was reconciled meanwhile"),
        "fund_days_lines": ("day_not_reconciled", "当日尚不能对平", "The day does not agree yet"),
        "fund_days_books": ("day_not_reconciled", "当日尚不能对平", "The day does not agree yet"),
        "fund_days_order": ("day_not_reconciled", "前一日尚未对平", "The day before is reconciled first"),
    }
)  # fmt: skip


def _actor(call: Call, body: dict[str, Any]) -> Actor:
    return Actor(call.member_id, officer_key(body.pop("officer")), call.caller.client_id)


# --- payees, accounts, instructions -----------------------------------------------------------------------------------


@blp.operation(
    "bank.register_payee",
    "POST",
    "/payees",
    body=schemas.PayeeIn,
    answer=schemas.PayeeOut,
    status=201,
    walk=False,
    body_example=examples.PAYEE_IN,
    example=examples.PAYEE,
)
def register_payee(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """登记收款人 Register a payee; the details are sealed. The same details answer with the same payee."""
    actor = _actor(call, body)
    return schemas.payee_out(service.register_payee(call.session, call.runtime.config, actor=actor, **body))


@blp.operation(
    "bank.payee",
    "GET",
    "/payees/<uuid:payee_id>",
    answer=schemas.PayeeDetailsOut,
    example=examples.PAYEE | {"details": examples.DETAILS},
)
def payee(call: Call, payee_id: uuid.UUID) -> dict[str, Any]:
    """收款人资料 A payee with its details, for payers."""
    shown = queries.get_payee(call.session, payee_id)
    return schemas.payee_out(shown) | {"details": payees.read(call.session, call.runtime.config, payee_id)}


@blp.operation(
    "bank.accounts", "GET", "/accounts", answer=schemas.BankAccountsOut, example={"items": [examples.ACCOUNT]}
)
def list_accounts(call: Call) -> dict[str, Any]:
    """银行账户 The fund's accounts at banks."""
    listed = found.bank_accounts(call.session)
    return schemas.accounts_out(listed, found.books(call.session, [each.id for each in listed]))


@blp.operation(
    "bank.open_account",
    "POST",
    "/accounts",
    body=schemas.BankAccountIn,
    answer=schemas.BankAccountOut,
    status=201,
    walk=False,
    body_example=examples.ACCOUNT_IN,
    example=examples.ACCOUNT,
)
def open_account(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """登记银行账户 Register an account of the fund; the first statement begins with its opening balance."""
    actor = _actor(call, body)
    if "payments" in body:
        body["payments"] = schemas.layout_in(body["payments"])
    return _account(call, accounts.open_account(call.session, call.runtime.config, actor=actor, **body))


@blp.operation(
    "bank.add_books",
    "POST",
    "/accounts/<string(maxlength=31):account>/books",
    body=schemas.BankBookIn,
    answer=schemas.BankAccountOut,
    status=201,
    body_example={"ledger_account": "1002-RELIEF-medical"},
    example=examples.ACCOUNT,
)
def add_books(call: Call, account: str, body: dict[str, Any]) -> dict[str, Any]:
    """增加对应科目 One more account of the books whose money lies on this account."""
    return _account(call, accounts.add_books(call.session, bank_account=account, **body))


@blp.operation(
    "bank.set_forms",
    "POST",
    "/accounts/<string(maxlength=31):account>/forms",
    body=schemas.BankFormsIn,
    answer=schemas.BankAccountOut,
    body_example={"statements": {"words": "摘要"}},
    example=examples.ACCOUNT,
)
def set_forms(call: Call, account: str, body: dict[str, Any]) -> dict[str, Any]:
    """设定文件格式 How the bank reads files of payments and writes statements as CSV; not while a CSV file waits."""
    if "payments" in body:
        body["payments"] = schemas.layout_in(body["payments"])
    return _account(call, accounts.set_forms(call.session, bank_account=account, **body))


def _account(call: Call, account: Any) -> dict[str, Any]:
    return schemas.account_out(account, found.books(call.session, [account.id]))


@blp.operation(
    "bank.instructions",
    "GET",
    "/instructions",
    query=schemas.InstructionsIn,
    answer=schemas.InstructionsOut,
    example={"items": [examples.INSTRUCTION], "next_cursor": None},
)
def list_instructions(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """付款指令 Instructions in the order they were made."""
    after = paging.decode_id(query.pop("cursor", None))
    rows = queries.instructions(call.session, after=after, **query)
    kept, following = paging.page(rows, query["limit"], lambda each: [str(each.id)])
    return {"items": [schemas.instruction_out(each) for each in kept], "next_cursor": following}


@blp.operation(
    "bank.refund",
    "POST",
    "/refunds",
    body=schemas.RefundIn,
    answer=schemas.InstructionOut,
    status=201,
    body_example=examples.REFUND_IN,
    example=examples.INSTRUCTION,
)
def refund(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """退款指令 Instruct what was received in error to go back."""
    actor = _actor(call, body)
    made = service.instruct(call.session, purpose="refund", hold_id=None, maker=actor, **body)
    return schemas.instruction_out(made)


@blp.operation(
    "bank.cancel",
    "POST",
    "/instructions/<uuid:instruction_id>/cancellation",
    body=schemas.CancellationIn,
    answer=schemas.InstructionOut,
    body_example={"reason": "收款人有误"},
    example=examples.INSTRUCTION | {"state": "cancelled", "reason": "收款人有误"},
)
def cancel(call: Call, instruction_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """撤销付款指令 Cancel an instruction that no file bears."""
    return schemas.instruction_out(service.cancel(call.session, instruction_id, **body))


# --- files ------------------------------------------------------------------------------------------------------------


@blp.operation(
    "bank.files",
    "GET",
    "/files",
    query=schemas.FilesIn,
    answer=schemas.FilesOut,
    example={"items": [examples.FILE], "next_cursor": None},
)
def list_files(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """付款文件 Files of payments in the order they were made."""
    after = paging.decode_id(query.pop("cursor", None))
    rows = found.files(call.session, after=after, **query)
    kept, following = paging.page(rows, query["limit"], lambda each: [str(each.id)])
    return {"items": [schemas.file_out(each) for each in kept], "next_cursor": following}


@blp.operation(
    "bank.generate",
    "POST",
    "/files",
    body=schemas.FileIn,
    answer=schemas.FileOut,
    status=201,
    body_example=examples.FILE_IN,
    example=examples.FILE,
)
def generate(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """生成付款文件 Make a file of everything that waits to be paid from the account."""
    actor = _actor(call, body)
    return schemas.file_out(files.generate(call.session, call.runtime.config, actor=actor, **body))


@blp.operation(
    "bank.release",
    "POST",
    "/files/<uuid:file_id>/release",
    body=schemas.ReleaseIn,
    answer=schemas.FileOut,
    body_example={"officer": "WANG02", "sha256": examples.FILE["sha256"]},
    example=examples.RELEASED,
)
def release(call: Call, file_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """放行付款文件 Release the file of this digest; another person than made it."""
    actor = _actor(call, body)
    return schemas.file_out(files.release(call.session, file_id, actor=actor, sha256=bytes.fromhex(body["sha256"])))


@blp.operation(
    "bank.withdraw_file",
    "POST",
    "/files/<uuid:file_id>/withdrawal",
    answer=schemas.FileOut,
    example=examples.FILE | {"state": "withdrawn"},
)
def withdraw(call: Call, file_id: uuid.UUID) -> dict[str, Any]:
    """撤回付款文件 Give up a file nobody released; its payments wait again."""
    return schemas.file_out(files.withdraw(call.session, file_id))


@blp.operation(
    "bank.send",
    "POST",
    "/files/<uuid:file_id>/sending",
    answer=schemas.FileContentOut,
    example=examples.CONTENT,
)
def send(call: Call, file_id: uuid.UUID) -> dict[str, Any]:
    """取得付款文件 The bytes of a released file for the bank, the same each time; it is sent from now on."""
    return schemas.content_out(*files.content(call.session, call.runtime.config, file_id))


# --- statements and matching ------------------------------------------------------------------------------------------


@blp.operation(
    "bank.take_statement",
    "POST",
    "/accounts/<string(maxlength=31):account>/statements",
    body=schemas.BankStatementIn,
    answer=schemas.StatementOut,
    status=201,
    walk=False,
    body_example=examples.STATEMENT_IN,
    example=examples.STATEMENT,
)
def take_statement(call: Call, account: str, body: dict[str, Any]) -> dict[str, Any]:
    """导入对账单 Take a statement, camt.053 or CSV: whole, once, where the one before ended; else `line` says where."""
    made = statements.take(
        call.session, call.runtime.config, actor=_actor(call, body), bank_account=account,
        data=schemas.decoded(body["content"]),
    )  # fmt: skip
    return schemas.statement_out(made)


@blp.operation(
    "bank.lines",
    "GET",
    "/accounts/<string(maxlength=31):account>/lines",
    query=schemas.LinesIn,
    answer=schemas.LinesOut,
    example={"items": [examples.LINE], "next_cursor": None},
)
def list_lines(call: Call, account: str, query: dict[str, Any]) -> dict[str, Any]:
    """银行流水 Lines of an account, all or those not settled."""
    held = found.get_bank_account(call.session, account)
    after = paging.decode_id(query.pop("cursor", None))
    rows = found.lines(call.session, held.id, unmatched=query["unmatched"] == "true", after=after, limit=query["limit"])
    kept, following = paging.page(rows, query["limit"], lambda each: [str(each.id)])
    return {"items": [schemas.line_out(each) for each in kept], "next_cursor": following}


@blp.operation(
    "bank.suggestions",
    "GET",
    "/accounts/<string(maxlength=31):account>/suggestions",
    answer=schemas.SuggestionsOut,
    example={"items": [examples.SUGGESTION]},
)
def suggestions(call: Call, account: str) -> dict[str, Any]:
    """核销建议 What each unsettled line may settle, and what agrees: reference, amount, date."""
    held = found.get_bank_account(call.session, account)
    return {"items": [schemas.suggestion_out(each) for each in matching.suggestions(call.session, held)]}


@blp.operation(
    "bank.match_certain",
    "POST",
    "/accounts/<string(maxlength=31):account>/matching",
    body=schemas.OfficerIn,
    answer=schemas.MatchesOut,
    body_example={"officer": "WANG02"},
    example=examples.MATCHES,
)
def match_certain(call: Call, account: str, body: dict[str, Any]) -> dict[str, Any]:
    """自动核销 Settle every line whose reference and amount name one thing."""
    made = matching.match_certain(call.session, actor=_actor(call, body), bank_account=account)
    return schemas.matches_out(made)


@blp.operation(
    "bank.match",
    "POST",
    "/lines/<uuid:line_id>/matches",
    body=schemas.MatchesIn,
    answer=schemas.MatchesOut,
    status=201,
    body_example={"officer": "WANG02", "parts": [examples.PART]},
    example=examples.MATCHES,
)
def match(call: Call, line_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """核销流水 Settle parts of a line; what differs is settled by a posted entry."""
    actor = _actor(call, body)
    parts = [matching.Part(**part) for part in body["parts"]]
    return schemas.matches_out(matching.match(call.session, line_id, actor=actor, parts=parts))


@blp.operation(
    "bank.day",
    "GET",
    "/accounts/<string(maxlength=31):account>/day",
    query=schemas.DayQuery,
    answer=schemas.StandingOut,
    example=examples.STANDING,
)
def day(call: Call, account: str, query: dict[str, Any]) -> dict[str, Any]:
    """日终对账 How bank and books stand at the end of a day, and what is missing."""
    held = found.get_bank_account(call.session, account)
    return schemas.standing_out(days.standing(call.session, held, query["day"]))


@blp.operation(
    "bank.reconcile",
    "POST",
    "/accounts/<string(maxlength=31):account>/days",
    body=schemas.DayIn,
    answer=schemas.StandingOut,
    body_example={"officer": "WANG02", "day": "2026-11-24"},
    example=examples.STANDING,
)
def reconcile(call: Call, account: str, body: dict[str, Any]) -> dict[str, Any]:
    """对平当日 Reconcile a day; where it does not agree, what is missing is said. Its leaf is in the log."""
    actor = _actor(call, body)
    days.reconcile(call.session, actor=actor, bank_account=account, day=body["day"])
    held = found.get_bank_account(call.session, account)
    return schemas.standing_out(days.standing(call.session, held, body["day"]))
