"""contracts, recoveries, statements."""

import hashlib
import json
from pathlib import Path
from typing import Any

import click

from ..errors import BadInput
from .base import Output, command

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except ValueError as fault:
        raise BadInput("bad_json", "文件不是 JSON", "The file is not JSON") from fault
    if not isinstance(value, dict):
        raise BadInput("bad_json", "文件应为 JSON 对象", "The file must hold a JSON object")
    return value


@click.group("contracts")
def contracts() -> None:
    """合同：名录、内容、起草、签署、文件、对照、比对 Contracts: draft, sign, documents, redlines, comparison."""


@command("list")
@click.option("--expiring-days", type=click.IntRange(0, 3660), help="若干天内到期 Those that end soon.")
def list_contracts(out: Output, expiring_days: int | None) -> None:
    """本机构合同 Our contracts."""
    with out.registry() as registry:
        found = list(registry.contracts(expiring_days=expiring_days))
    out.show({"items": found}, [f"{each['number']} v{each['version']}  {each['state']}  {each['begins_on']} – "
                                f"{each['ends_on']}  {each['contract_id']}" for each in found])  # fmt: skip


@command("content")
@click.argument("contract_id")
def content(out: Output, contract_id: str) -> None:
    """合同全文，哈希已核对 The content, its hash checked."""
    with out.registry() as registry:
        found = registry.contract_content(contract_id)
    lines = [f"{clause['number']} {clause['title']['zh']} {clause['title']['en']}"
             for clause in found["content"]["clauses"]]  # fmt: skip
    out.show(found, [*lines, f"content_hash {found['content_hash']}"])


@command("draft")
@FILE
def draft(out: Output, file: Path) -> None:
    """以 JSON 文件起草 Draft from a JSON file."""
    body = _read(file)
    with out.registry() as registry:
        found = registry.draft_contract(body)
    out.show(found, [f"{found['number']}  {found['state']}  {found['contract_id']}  {found['content_hash']}"])


@command("sign")
@click.argument("contract_id")
@click.option("--content", "content_hash", required=True, help="所核对内容的哈希 The hash of what you checked.")
def sign(out: Output, contract_id: str, content_hash: str) -> None:
    """签署 Sign with the profile's key what you have checked."""
    with out.registry() as registry:
        found = registry.sign_contract(contract_id, content_hash=content_hash)
    out.show(found, [f"{found['number']}  {found['state']}  {found['content_hash']}"])


def _document(out: Output, contract_id: str, form: str, to: Path | None) -> None:
    with out.registry() as registry:
        made = registry.contract_document(contract_id, form)
    _write(out, to or Path(f"{contract_id}.{form}"), made)


def _write(out: Output, to: Path, made: bytes) -> None:
    to.write_bytes(made)
    digest = hashlib.sha256(made).hexdigest()
    out.show({"file": str(to), "size": len(made), "sha256": digest}, [f"{to}  {len(made):,}  sha256 {digest}"])


TO = click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="写到何处 Where to.")


@command("pdf")
@click.argument("contract_id")
@TO
def pdf(out: Output, contract_id: str, to: Path | None) -> None:
    """合同 PDF The contract as PDF/A."""
    _document(out, contract_id, "pdf", to)


@command("docx")
@click.argument("contract_id")
@TO
def docx(out: Output, contract_id: str, to: Path | None) -> None:
    """合同 DOCX The contract as DOCX."""
    _document(out, contract_id, "docx", to)


@command("redline")
@click.argument("contract_id")
@click.option("--before", help="另一版本的编号 Another version than the one it follows.")
@click.option("--pdf", "as_pdf", is_flag=True, help="PDF 而非网页 PDF and no page.")
@TO
def redline(out: Output, contract_id: str, before: str | None, as_pdf: bool, to: Path | None) -> None:
    """与前一版本的修订对照 What it changes in the version before."""
    form = "pdf" if as_pdf else "html"
    with out.registry() as registry:
        made = registry.contract_redline(contract_id, form, before=before)
    _write(out, to or Path(f"{contract_id}-redline.{form}"), made)


@command("compare")
@click.argument("contract_id")
@FILE
def compare(out: Output, contract_id: str, file: Path) -> int:
    """与锁定文本比对 Compare a DOCX or PDF with the words on record; 1 where they differ."""
    with out.registry() as registry:
        found = registry.compare_contract(contract_id, file.read_bytes())
    lines = [
        f"{each['number'] or ''} {each['clause_id']} {each['what']}{' !' if each['locked'] else ''}\n"
        f"  - {each['expected']}\n  + {each['found']}"
        for each in found["differences"]
    ]
    out.show(found, [*lines, "相同 The same" if found["same"] else f"差异 Differences: {found['count']}"])
    return 0 if found["same"] else 1


@click.group("recoveries")
def recoveries() -> None:
    """回款：名录、报告、确认 Recoveries: list, report, confirm."""


@command("list")
@click.option("--state", type=click.Choice(["reported", "confirmed", "disputed"]), help="状态 State.")
def list_recoveries(out: Output, state: str | None) -> None:
    """本机构回款 Our recoveries."""
    with out.registry() as registry:
        found = list(registry.recoveries(state=state))
    out.show({"items": found}, [f"{each['reference']}  {each['state']}  {each['amount_fen']}  "
                                f"{each['commission_fen']}  {each['recovery_id']}" for each in found])  # fmt: skip


@command("report")
@FILE
def report(out: Output, file: Path) -> None:
    """以 JSON 文件报告 Report from a JSON file."""
    body = _read(file)
    with out.registry() as registry:
        found = registry.report_recovery(body)
    out.show(found, [f"{found['reference']}  {found['state']}  {found['recovery_id']}"])


@command("report-many")
@FILE
def report_many(out: Output, file: Path) -> int:
    """以 NDJSON 文件批量报告 Report from a file of one JSON object a line; 1 where a line was refused."""
    bodies = []
    for line in file.read_bytes().splitlines():
        try:
            value = json.loads(line)
        except ValueError as fault:
            raise BadInput("bad_json", "每行应为 JSON 对象", "Each line must be a JSON object") from fault
        if not isinstance(value, dict):
            raise BadInput("bad_json", "每行应为 JSON 对象", "Each line must be a JSON object")
        bodies.append(value)
    with out.registry() as registry:
        found = registry.report_recoveries(bodies)
    lines = [f"{each['line']:>6}  {each['status']}  {each.get('reference', '')}"
             f"{each['problem']['title'] if 'problem' in each else ''}" for each in found]  # fmt: skip
    out.show({"lines": found}, lines)
    return 1 if any(each["status"] == "refused" for each in found) else 0


@command("confirm")
@click.argument("recovery_id")
@click.option("--bank-line", help="银行流水号 The line of our bank.")
def confirm(out: Output, recovery_id: str, bank_line: str | None) -> None:
    """确认到账并计佣 Confirm, and see each step of the commission."""
    with out.registry() as registry:
        found = registry.confirm_recovery(recovery_id, bank_line=bank_line)
    out.show(found, [f"{step['code']:<12}{step['amount_fen']:>16,}" for step in found["steps"]])


@click.group("statements")
def statements() -> None:
    """对账单：名录、出具、逐行确认 Statements: list, make, decide."""


@command("list")
def list_statements(out: Output) -> None:
    """本机构对账单 Our statements."""
    with out.registry() as registry:
        found = list(registry.statements())
    out.show({"items": found}, [f"{each['month']}  {each['state']}  {each['total_fen']}  {each['agreed_fen']}  "
                                f"{each['statement_id']}" for each in found])  # fmt: skip


@command("make")
@click.argument("contract_id")
@click.argument("month", metavar="YYYY-MM")
def make(out: Output, contract_id: str, month: str) -> None:
    """出具某月对账单 State a month."""
    with out.registry() as registry:
        found = registry.make_statement(contract_id, month)
    _show(out, found)


@command("show")
@click.argument("statement_id")
def show(out: Output, statement_id: str) -> None:
    """逐行显示 Line by line."""
    with out.registry() as registry:
        found = registry.statement(statement_id)
    _show(out, found)


@command("pdf")
@click.argument("statement_id")
@TO
def statement_pdf(out: Output, statement_id: str, to: Path | None) -> None:
    """对账单 PDF The statement as PDF/A, each line with its steps."""
    with out.registry() as registry:
        made = registry.statement_document(statement_id)
    _write(out, to or Path(f"{statement_id}.pdf"), made)


@command("agree")
@click.argument("statement_id")
@click.option(
    "--line", "lines", multiple=True, type=click.IntRange(1), help="行号，可重复；省略则全部 Lines; else all."
)
def agree(out: Output, statement_id: str, lines: tuple[int, ...]) -> None:
    """确认 Agree to lines."""
    with out.registry() as registry:
        wanted = lines or tuple(line["position"] for line in registry.statement(statement_id)["lines"]
                                if line["state"] in ("open", "disputed"))  # fmt: skip
        found = registry.decide_lines(statement_id, [{"position": at, "state": "agreed"} for at in wanted])
    _show(out, found)


@command("dispute")
@click.argument("statement_id")
@click.argument("line", type=click.IntRange(1))
@click.argument("reason")
def dispute(out: Output, statement_id: str, line: int, reason: str) -> None:
    """对一行提出异议 Dispute one line."""
    with out.registry() as registry:
        found = registry.decide_lines(statement_id, [{"position": line, "state": "disputed", "reason": reason}])
    _show(out, found)


def _show(out: Output, found: dict[str, Any]) -> None:
    lines = [f"{line['position']:>4}  {line['reference']}  {line['kind']}  {line['amount_fen']:,}  {line['state']}"
             for line in found["lines"]]  # fmt: skip
    out.show(found, [*lines, f"{found['month']}  {found['state']}  {found['total_fen']:,}  {found['statement_id']}"])


for _group, _commands in (
    (contracts, (list_contracts, content, draft, sign, pdf, docx, redline, compare)),
    (recoveries, (list_recoveries, report, report_many, confirm)),
    (statements, (list_statements, make, show, statement_pdf, agree, dispute)),
):
    for _each in _commands:
        _group.add_command(_each)

COMMANDS = (contracts, recoveries, statements)
