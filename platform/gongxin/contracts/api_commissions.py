"""Recoveries, statements and the simulator over HTTP: parse, call, return."""

import uuid
from typing import Any

from gongxin.web import lines, ndjson, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import api, examples
from .commissions import queries, rules, service
from .documents import statements as statement_documents
from .fees import model as fees
from .schemas import commissions as schemas
from .schemas.shared import PageIn

blp = Blueprint("commissions", url_prefix="/v1", description="回款与佣金 Recoveries, commissions, statements")

CONSTRAINTS.update(
    {
        "uq_recoveries_contract_id_reference": ("reference_taken", "该编号已使用", "The reference is taken"),
        "recoveries_kept": ("recovery_confirmed", "该笔回款已确认过", "The recovery is confirmed already"),
        "recovery_reversals_amount": ("reversal_too_large", "撤销金额超过余额", "More is reversed than is left"),
        "recovery_reversals_clawback": ("clawback_too_large", "回拨超过已付佣金", "More goes back than was paid"),
        "uq_commission_statements_contract_id_month": ("statement_made", "该月对账单已出具", "It is made already"),
        "ix_commission_statement_lines_recovery_id": ("statement_made", "回款已列入对账单", "It is stated already"),
        "uq_commission_statement_lines_reversal_id": ("statement_made", "回拨已列入对账单", "It is stated already"),
        "commission_statement_lines_kept": ("line_decided", "该行已确认", "The line is decided"),
    }
)


@blp.operation("recoveries.list", "GET", "/recoveries", query=schemas.RecoveriesIn, answer=schemas.RecoveriesOut,
               example={"items": [examples.RECOVERY], "next_cursor": None})  # fmt: skip
def list_recoveries(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """回款 One's own recoveries, in the order of reporting."""
    after = paging.decode_id(query.pop("cursor", None))
    found = queries.recoveries(call.session, after=after, limit=query["limit"], state=query.get("state"))
    return api.listed(found, query["limit"], "id", lambda each: schemas.recovery_out(each, None))


@blp.operation(
    "recoveries.report",
    "POST",
    "/recoveries",
    body=schemas.RecoveryIn,
    answer=schemas.RecoveryOut,
    status=201,
    statuses=(200,),
    walk=False,
    body_example=examples.RECOVERY_IN,
    example=examples.RECOVERY | {"state": "reported", "steps": []},
)
def report(call: Call, body: dict[str, Any]) -> Answer:
    """报告回款 Report what came in; the same reference again answers 200 and the same recovery."""
    body["age"] = fees.age(body["age"], "/age")
    found, created = service.report(call.session, caller=call.caller, **body)
    headers = {"Location": f"/v1/recoveries/{found.id}"}
    return Answer(schemas.recovery_out(found, None), 201 if created else 200, headers)


@blp.operation("recoveries.report_bulk", "POST", "/recoveries/bulk", raw_body=ndjson.NDJSON,
               raw_schema=ndjson.schema(examples.RECOVERY_IN),
               answer=ndjson.answered({"status": "created", "reference": "R-2026-1", "recovery_id": examples.ID},
                                      examples.LINE_PROBLEM),
               media=ndjson.NDJSON)  # fmt: skip
def report_bulk(call: Call) -> Answer:
    """批量报告回款 Report up to 10,000 recoveries; each line answers `created`, `exists` or `refused`."""
    known: dict[uuid.UUID, service.Ground] = {}

    def take(values: dict[str, Any]) -> dict[str, Any]:
        values["age"] = fees.age(values["age"], "/age")
        found, created = service.report(call.session, caller=call.caller, known=known, **values)
        status = "created" if created else "exists"
        return {"status": status, "reference": found.reference, "recovery_id": str(found.id)}

    return lines.each_line(call, schemas.RecoveryIn(), take)


@blp.operation(
    "recoveries.get", "GET", "/recoveries/<uuid:recovery_id>", answer=schemas.RecoveryOut, example=examples.RECOVERY
)
def get_recovery(call: Call, recovery_id: uuid.UUID) -> dict[str, Any]:
    """一笔回款 One recovery with the steps of its commission."""
    found = queries.get_recovery(call.session, recovery_id)
    return schemas.recovery_out(found, service.explain(call.session, found))


@blp.operation(
    "recoveries.confirm",
    "POST",
    "/recoveries/<uuid:recovery_id>/confirmation",
    body=schemas.ConfirmIn,
    answer=schemas.RecoveryOut,
    body_example={"bank_line": "B-2026-1"},
    example=examples.RECOVERY,
)
def confirm(call: Call, recovery_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """确认到账 Confirm that it arrived, once; then it is priced: min(half-up(rate), floor(cap)), each step shown."""
    found, priced = service.confirm(call.session, recovery_id, caller=call.caller, **body)
    return schemas.recovery_out(found, priced)


@blp.operation("recoveries.dispute", "POST", "/recoveries/<uuid:recovery_id>/dispute", body=schemas.ReasonIn,
               answer=schemas.RecoveryOut, body_example={"reason": "未到账"},
               example=examples.RECOVERY | {"state": "disputed", "steps": []})  # fmt: skip
def dispute(call: Call, recovery_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """对回款提出异议 Say that it did not arrive, or not so."""
    return schemas.recovery_out(service.dispute(call.session, recovery_id, caller=call.caller, **body), None)


@blp.operation("recoveries.reverse", "POST", "/recoveries/<uuid:recovery_id>/reversals",
               body=schemas.RecoveryReversalIn, answer=schemas.RecoveryReversalOut, status=201,
               body_example={"amount_fen": 50000, "reversed_on": examples.TODAY, "reason": "退票"},
               example=examples.REVERSAL)  # fmt: skip
def reverse(call: Call, recovery_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """登记撤销 The debtor's payment was taken back: its share of the commission goes back."""
    return schemas.reversal_out(service.reverse(call.session, recovery_id, caller=call.caller, **body))


# --- statements -----------------------------------------------------------------------------------------------------


@blp.operation("statements.list", "GET", "/statements", query=PageIn, answer=schemas.StatementsOut,
               example={"items": [examples.STATEMENT | {"lines": []}], "next_cursor": None})  # fmt: skip
def list_statements(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """对账单 One's own statements, without their lines."""
    found = queries.statements(call.session, after=paging.decode_id(query.get("cursor")), limit=query["limit"])
    return api.listed(found, query["limit"], "id", schemas.statement_out)


@blp.operation(
    "statements.make",
    "POST",
    "/statements",
    body=schemas.CommissionStatementIn,
    answer=schemas.CommissionStatementOut,
    status=201,
    body_example={"contract_id": examples.ID, "month": "2026-11"},
    example=examples.STATEMENT | {"state": "open"},
)
def make(call: Call, body: dict[str, Any]) -> Answer:
    """出具对账单 State a month: what was confirmed or reversed by its end and stands on no statement yet."""
    made = service.make_statement(call.session, caller=call.caller, **body)
    return Answer(_statement(call, made), headers={"Location": f"/v1/statements/{made.id}"})


@blp.operation(
    "statements.get",
    "GET",
    "/statements/<uuid:statement_id>",
    answer=schemas.CommissionStatementOut,
    example=examples.STATEMENT,
)
def get_statement(call: Call, statement_id: uuid.UUID) -> dict[str, Any]:
    """一份对账单 One statement, line by line."""
    return _statement(call, queries.get_statement(call.session, statement_id))


@blp.operation("statements.csv", "GET", "/statements/<uuid:statement_id>/csv", answer={"type": "string"},
               media="text/csv", example="position,reference\r\n1,R-2026-1\r\n")  # fmt: skip
def as_csv(call: Call, statement_id: uuid.UUID) -> Answer:
    """对账单 CSV The same as CSV (RFC 4180)."""
    queries.get_statement(call.session, statement_id)
    rows = [schemas.line_out(line, recovery) for line, recovery in queries.lines(call.session, statement_id)]
    return Answer(raw=rules.to_csv(rows).encode(), mimetype="text/csv")


@blp.operation("statements.pdf", "GET", "/statements/<uuid:statement_id>/document.pdf",
               answer={"type": "string", "format": "binary"}, media="application/pdf")  # fmt: skip
def as_pdf(call: Call, statement_id: uuid.UUID) -> Answer:
    """对账单 PDF The same as PDF/A-2b: each line with its steps, the sums, the leaf that proves it and its QR.

    Up to 2,000 lines; a longer one is refused and has its CSV."""
    made = statement_documents.pdf(call.session, statement_id, issuer=call.runtime.config.issuer)
    return Answer(raw=made, mimetype="application/pdf")


@blp.operation("statements.decide", "POST", "/statements/<uuid:statement_id>/lines", body=schemas.LinesIn,
               answer=schemas.CommissionStatementOut, body_example={"lines": [{"position": 1, "state": "agreed"}]},
               example=examples.STATEMENT)  # fmt: skip
def decide(call: Call, statement_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """逐行确认或提出异议 Agree or dispute line by line; the agency drops a disputed one.

    Once every line is decided, what is agreed goes to the fund as the levy's base."""
    lines = [(each["position"], each["state"], each["reason"]) for each in body["lines"]]
    return _statement(call, service.decide(call.session, statement_id, caller=call.caller, lines=lines))


@blp.operation("statements.chain", "GET", "/statements/<uuid:statement_id>/chain", answer=schemas.StatementChainOut,
               example=examples.CHAIN)  # fmt: skip
def chain(call: Call, statement_id: uuid.UUID) -> dict[str, Any]:
    """证明链 Contract, recoveries, statement, levy: the leaves that prove them, at /v1/log/proofs/{leaf}."""
    return service.chain(call.session, statement_id)


@blp.operation(
    "fees.simulate",
    "POST",
    "/fee-simulations",
    body=schemas.SimulationIn,
    answer=schemas.SimulationOut,
    walk=False,
    body_example={"models": {"own": examples.FEE_MODEL}, "first": "2025-11-24", "last": examples.TODAY},
    example=examples.SIMULATED,
)
def simulate(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """费率模拟 What fee models would have cost on one's own confirmed recoveries of some days.

    Sums only, each plain and under the caps in force on the last day."""
    models = {name: fees.read(value, f"/models/{name}") for name, value in body.pop("models").items()}
    return service.simulate(call.session, models=models, **body)


def _statement(call: Call, found: Any) -> dict[str, Any]:
    return schemas.statement_out(found, queries.lines(call.session, found.id))
