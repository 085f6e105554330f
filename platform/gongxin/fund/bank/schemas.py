"""What goes over the wire. Details of payees go in, and out to payers alone."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from gongxin.errors import bad_field
from gongxin.transparency.service import moment

from .. import fields as own
from ..ledger import rules as ledger
from . import files, matching, rules
from .days import Standing
from .formats import payment_csv
from .matching import Suggestion
from .models import Instruction, Payee
from .models_statements import BankAccount, BankLine, Day, Match, PaymentFile, Statement

_BASE64 = "^[A-Za-z0-9+/]+={0,2}$"
_SIGNED = validate.Range(-ledger.MAX_FEN, ledger.MAX_FEN)


class BankDetailsIn(Schema):
    holder = own.words(rules.MAX_HOLDER, required=True)
    account = own.words(64, required=True, metadata={"description": "账号 6 至 34 位数字 6 to 34 digits"})
    bank_code = own.words(32, required=True, metadata={"description": "12 位联行号或 BIC a bank code or BIC"})
    bank_name = own.words(rules.MAX_BANK_NAME, required=True)


class PayeeIn(BankDetailsIn):
    officer = fields.String(**own.OFFICER)


class PayeeOut(Schema):
    payee_id = fields.UUID(required=True)
    account_key = own.pattern("^[0-9a-f]{64}$", 64, required=True)
    registered_at = fields.String(required=True, metadata=own.RFC3339)


class PayeeDetailsOut(PayeeOut):
    details = fields.Nested(BankDetailsIn, required=True)


class ColumnIn(Schema):
    heading = own.words(40, required=True)
    field = own.choice(payment_csv.FIELDS, required=True)


class PaymentLayoutIn(Schema):
    """How the bank reads a CSV file of payments; what is not given is as the registry has it."""

    encoding = own.choice(("gb18030", "utf-8", "utf-8-sig"))
    delimiter = own.choice((",", ";", "\t", "|"))
    amount = own.choice(("yuan", "fen"))
    columns = fields.List(fields.Nested(ColumnIn), validate=validate.Length(1, 20))


class StatementMappingIn(Schema):
    """Under which heading the bank's CSV statement has what; what is not given is as the registry has it."""

    account = own.words(40)
    date = own.words(40)
    income = own.words(40)
    outgo = own.words(40)
    balance = own.words(40)
    bank_ref = own.words(40)
    words = own.words(40)
    other = own.words(40)
    returned = own.words(40)


class BankFormsIn(Schema):
    payments = fields.Nested(PaymentLayoutIn)
    statements = fields.Nested(StatementMappingIn)


class BankAccountIn(BankDetailsIn, BankFormsIn):
    officer = fields.String(**own.OFFICER)
    code = own.account_code(required=True)
    ledger_accounts = fields.List(own.account_code(), required=True, validate=validate.Length(1, 50))
    opened_on = own.Day(required=True)
    opening_fen = own.fen(0, load_default=0)


class BankBookIn(Schema):
    ledger_account = own.account_code(required=True)


class BankAccountOut(Schema):
    code = own.account_code(required=True)
    ledger_accounts = fields.List(own.account_code(), required=True)
    funds = fields.List(own.choice(ledger.FUNDS), required=True)
    opened_on = fields.Date(required=True)
    opening_fen = own.fen(0, required=True)
    payments = fields.Nested(PaymentLayoutIn, required=True)
    statements = fields.Nested(StatementMappingIn, required=True)


class BankAccountsOut(Schema):
    items = fields.List(fields.Nested(BankAccountOut), required=True)


class PageIn(Schema):
    cursor = fields.String(validate=own.CURSOR)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class InstructionsIn(PageIn):
    state = own.choice(rules.STATES)


class InstructionOut(Schema):
    instruction_id = fields.UUID(required=True)
    reference = own.pattern(rules.REFERENCE_PATTERN, 35, required=True)
    purpose = own.choice(rules.PURPOSES, required=True)
    source_id = fields.UUID(required=True)
    fund = own.choice(ledger.FUNDS, required=True)
    amount_fen = own.fen(required=True)
    payee_id = fields.UUID(required=True)
    hold_id = fields.UUID(required=True, allow_none=True)
    state = own.choice(rules.STATES, required=True)
    reason = own.words(200, required=True, allow_none=True)
    maker_officer = fields.String(required=True)
    instructed_at = fields.String(required=True, metadata=own.RFC3339)


class InstructionsOut(Schema):
    items = fields.List(fields.Nested(InstructionOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RefundIn(Schema):
    officer = fields.String(**own.OFFICER)
    source_id = fields.UUID(required=True)
    fund = own.choice(ledger.FUNDS, required=True)
    amount_fen = own.fen(required=True)
    payee_id = fields.UUID(required=True)


class CancellationIn(Schema):
    reason = own.words(200, required=True)


class FileIn(Schema):
    officer = fields.String(**own.OFFICER)
    bank_account = own.account_code(required=True)
    format = own.choice(files.FORMATS, required=True)
    execute_on = own.Day(required=True)


class ReleaseIn(Schema):
    officer = fields.String(**own.OFFICER)
    sha256 = own.pattern("^[0-9a-f]{64}$", 64, required=True)


class FileOut(Schema):
    file_id = fields.UUID(required=True)
    format = own.choice(files.FORMATS, required=True)
    sha256 = own.pattern("^[0-9a-f]{64}$", 64, required=True)
    payments = fields.Integer(required=True)
    total_fen = own.fen(required=True)
    execute_on = fields.Date(required=True)
    state = own.choice(("generated", "released", "sent", "withdrawn"), required=True)
    maker_officer = fields.String(required=True)
    releaser_officer = fields.String(required=True, allow_none=True)
    generated_at = fields.String(required=True, metadata=own.RFC3339)
    released_at = fields.String(required=True, allow_none=True, metadata=own.RFC3339)
    sent_at = fields.String(required=True, allow_none=True, metadata=own.RFC3339)


class FilesIn(PageIn):
    state = own.choice(("generated", "released", "sent", "withdrawn"))


class FilesOut(Schema):
    items = fields.List(fields.Nested(FileOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class FileContentOut(Schema):
    file = fields.Nested(FileOut, required=True)
    name = fields.String(required=True)
    content = fields.String(required=True, metadata={"description": "Base64", "pattern": _BASE64})


class BankStatementIn(Schema):
    officer = fields.String(**own.OFFICER)
    content = own.pattern(_BASE64, 8 * 1024 * 1024, required=True)


class StatementOut(Schema):
    statement_id = fields.UUID(required=True)
    day = fields.Date(required=True)
    format = own.choice(("camt053", "csv"), required=True)
    lines = fields.Integer(required=True)
    opening_fen = fields.Integer(required=True, validate=_SIGNED)
    closing_fen = fields.Integer(required=True, validate=_SIGNED)
    sha256 = own.pattern("^[0-9a-f]{64}$", 64, required=True)


class LinesIn(PageIn):
    unmatched = own.choice(("true", "false"), load_default="false")


class LineOut(Schema):
    line_id = fields.UUID(required=True)
    booked_on = fields.Date(required=True)
    amount_fen = fields.Integer(required=True, validate=_SIGNED)
    open_fen = own.fen(0, required=True)
    bank_ref = fields.String(required=True)
    reference = fields.String(required=True, allow_none=True)
    returned = fields.Boolean(required=True)


class LinesOut(Schema):
    items = fields.List(fields.Nested(LineOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class SuggestionOut(Schema):
    line_id = fields.UUID(required=True)
    target = own.choice(matching.TARGETS, required=True)
    target_id = fields.UUID(required=True)
    amount_fen = own.fen(required=True)
    confidence = own.choice((matching.CERTAIN, matching.LIKELY, matching.POSSIBLE), required=True)
    why = fields.List(own.choice(("reference", "amount", "date")), required=True)


class SuggestionsOut(Schema):
    items = fields.List(fields.Nested(SuggestionOut), required=True)


class PartIn(Schema):
    target = own.choice(matching.TARGETS, required=True)
    target_id = fields.UUID(required=True)
    amount_fen = own.fen(required=True)


class MatchesIn(Schema):
    officer = fields.String(**own.OFFICER)
    parts = fields.List(fields.Nested(PartIn), required=True, validate=validate.Length(1, 200))


class MatchOut(PartIn):
    match_id = fields.UUID(required=True)
    line_id = fields.UUID(required=True)
    outcome = own.choice(("confirmed", "returned"), required=True)
    officer = fields.String(required=True)


class MatchesOut(Schema):
    items = fields.List(fields.Nested(MatchOut), required=True)


class OfficerIn(Schema):
    officer = fields.String(**own.OFFICER)


class DayIn(Schema):
    officer = fields.String(**own.OFFICER)
    day = own.Day(required=True)


class DayQuery(Schema):
    day = own.Day(required=True)


class EntryShown(Schema):
    entry_id = fields.UUID(required=True)
    booked_on = fields.Date(required=True)
    amount_fen = fields.Integer(required=True, validate=_SIGNED)


class StandingOut(Schema):
    day = fields.Date(required=True)
    closing_fen = fields.Integer(required=True, validate=_SIGNED)
    booked_fen = fields.Integer(required=True, validate=_SIGNED)
    difference_fen = fields.Integer(required=True)
    agrees = fields.Boolean(required=True)
    reconciled_at = fields.String(required=True, allow_none=True, metadata=own.RFC3339)
    leaf_id = fields.UUID(required=True, allow_none=True)
    lines = fields.List(fields.Nested(LineOut), required=True)
    entries = fields.List(fields.Nested(EntryShown), required=True)
    under_way = fields.List(fields.Nested(InstructionOut), required=True)
    earlier = fields.List(fields.Date(), required=True)


def decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise bad_field("/content", "应为 Base64", "It is Base64") from error


def payee_out(payee: Payee) -> dict[str, Any]:
    return {
        "payee_id": str(payee.id),
        "account_key": payee.account_key.hex(),
        "registered_at": moment(payee.registered_at),
    }


def layout_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as they are kept: pairs of heading and field."""
    found = dict(given)
    if "columns" in found:
        found["columns"] = [[column["heading"], column["field"]] for column in found["columns"]]
    return found


def accounts_out(accounts: Sequence[BankAccount], books: Sequence[Any]) -> dict[str, Any]:
    """`books`: (bank account, code, fund) of each account of the books."""
    return {"items": [account_out(account, books) for account in accounts]}


def account_out(account: BankAccount, books: Sequence[Any]) -> dict[str, Any]:
    own_books = [row for row in books if row[0] == account.id]
    columns = [{"heading": heading, "field": name} for heading, name in account.payments["columns"]]
    return {
        "code": account.code,
        "ledger_accounts": [code for _, code, _ in own_books],
        "funds": sorted({fund for _, _, fund in own_books}),
        "opened_on": account.opened_on.isoformat(),
        "opening_fen": account.opening_fen,
        "payments": account.payments | {"columns": columns},
        "statements": account.statements,
    }


def instruction_out(found: Instruction) -> dict[str, Any]:
    return {
        "instruction_id": str(found.id),
        "reference": found.reference,
        "purpose": found.purpose,
        "source_id": str(found.source_id),
        "fund": found.fund,
        "amount_fen": found.amount_fen,
        "payee_id": str(found.payee_id),
        "hold_id": str(found.hold_id) if found.hold_id else None,
        "state": found.state,
        "reason": found.reason,
        "maker_officer": found.maker_officer,
        "instructed_at": moment(found.instructed_at),
    }


def file_out(made: PaymentFile) -> dict[str, Any]:
    return {
        "file_id": str(made.id),
        "format": made.format,
        "sha256": made.sha256.hex(),
        "payments": made.payments,
        "total_fen": made.total_fen,
        "execute_on": made.execute_on.isoformat(),
        "state": made.state,
        "maker_officer": made.maker_officer,
        "releaser_officer": made.releaser_officer,
        "generated_at": moment(made.generated_at),
        "released_at": moment(made.released_at) if made.released_at else None,
        "sent_at": moment(made.sent_at) if made.sent_at else None,
    }


def content_out(made: PaymentFile, content: bytes) -> dict[str, Any]:
    return {"file": file_out(made), "name": files.name(made), "content": base64.b64encode(content).decode()}


def statement_out(made: Statement) -> dict[str, Any]:
    return {
        "statement_id": str(made.id),
        "day": made.day.isoformat(),
        "format": made.format,
        "lines": made.lines,
        "opening_fen": made.opening_fen,
        "closing_fen": made.closing_fen,
        "sha256": made.sha256.hex(),
    }


def line_out(line: BankLine) -> dict[str, Any]:
    return {
        "line_id": str(line.id),
        "booked_on": line.booked_on.isoformat(),
        "amount_fen": line.amount_fen,
        "open_fen": abs(line.amount_fen) - line.matched_fen,
        "bank_ref": line.bank_ref,
        "reference": line.reference,
        "returned": line.returned,
    }


def suggestion_out(found: Suggestion) -> dict[str, Any]:
    return {
        "line_id": str(found.line_id),
        "target": found.target,
        "target_id": str(found.target_id),
        "amount_fen": found.amount_fen,
        "confidence": found.confidence,
        "why": list(found.why),
    }


def matches_out(made: Sequence[Match]) -> dict[str, Any]:
    return {
        "items": [
            {
                "match_id": str(one.id),
                "line_id": str(one.line_id),
                "target": one.target,
                "target_id": str(one.target_id),
                "amount_fen": one.amount_fen,
                "outcome": one.outcome,
                "officer": one.officer,
            }
            for one in made
        ]
    }


def standing_out(how: Standing) -> dict[str, Any]:
    done: Day | None = how.reconciled
    return {
        "day": how.day.isoformat(),
        "closing_fen": how.closing_fen,
        "booked_fen": how.booked_fen,
        "difference_fen": how.difference_fen,
        "agrees": how.agrees,
        "reconciled_at": moment(done.reconciled_at) if done else None,
        "leaf_id": str(done.leaf_id) if done else None,
        "lines": [line_out(line) for line in how.lines],
        "entries": [
            {"entry_id": str(row.id), "booked_on": row.booked_on.isoformat(), "amount_fen": row.amount_fen}
            for row in how.entries
        ],
        "under_way": [instruction_out(one) for one in how.under_way],
        "earlier": [day.isoformat() for day in how.earlier],
    }
