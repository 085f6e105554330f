"""levies and claims."""

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ..errors import BadInput
from .base import ID_FILE, KIND, Output, command, read_identifier

MOST = 200
OFFICER = click.option("--officer", required=True, help="经办人姓名或工号 Who acts.")


def fingerprint(path: Path) -> str:
    """Of the paper itself, which stays here."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as fault:
        raise BadInput("not_readable", f"无法读取 {path}", f"{path} cannot be read") from fault


@command("levies")
@click.option("--state", type=click.Choice(["issued", "received", "cancelled"]), help="状态 State.")
@click.option("--charge", help="一张账单及其逐行计算 One charge and its calculation.")
def levies(out: Output, state: str | None, charge: str | None) -> None:
    """会费账单与往来 One's charges and account."""
    with out.registry() as registry:
        if charge is not None:
            found = registry.charge(charge)
            lines = found["calculation"].get("coefficient", {}).get("lines", [])
            out.show(found, [_charge(found), *(f"    {line['why']}  {line['bp']}" for line in lines)])
            return
        account, listed = registry.levy_account(), list(islice(registry.charges(state=state), MOST))
    owed = f"应付 owed {account['owed_fen']}  逾期 overdue {account['overdue_fen']}（分 fen）"
    out.show({"account": account, "charges": listed}, [*(_charge(each) for each in listed), owed])


def _charge(found: dict[str, Any]) -> str:
    return f"{found['reference']}  {found['state']}  {found['amount_fen']}  {found['due_on'] or '—'}"


@command("levy-base")
@click.argument("month", metavar="YYYY-MM")
@click.argument("base_fen", type=click.IntRange(0, 2**53 - 1))
@click.option("--evidence", type=click.Path(path_type=Path), required=True, help="凭据文件，只登记其摘要 Its evidence.")
def levy_base(out: Output, month: str, base_fen: int, evidence: Path) -> None:
    """申报当月佣金（分） State a month's commission, in fen."""
    with out.registry() as registry:
        found = registry.state_base(month, base_fen, evidence_sha256=fingerprint(evidence))
    out.show(found, [f"{found['month']}  {found['base_fen']}  {found['base_id']}"])


@command("levy-object")
@click.argument("charge")
@click.argument("said")
def levy_object(out: Output, charge: str, said: str) -> None:
    """对账单提出异议 Object to a charge."""
    with out.registry() as registry:
        found = registry.object_to_charge(charge, said)
    out.show(found, [f"{found['objection_id']}  答复期限 answered by {found['due_on']}"])


@command("claims")
@click.option("--claim", help="一项申请的全部经过 One claim with its steps.")
@click.option("--state", help="状态 State.")
def claims(out: Output, claim: str | None, state: str | None) -> None:
    """互助申请 Claims one filed or reviews."""
    with out.registry() as registry:
        if claim is not None:
            found = registry.fund_claim(claim)
            steps = [f"    {step['state']}  {step['officer']}  {step['reason'] or ''}" for step in found["steps"]]
            out.show(found, [_claim(found), *steps])
            return
        listed = list(islice(registry.claims(state=state), MOST))
    out.show({"claims": listed}, [_claim(each) for each in listed])


def _claim(found: dict[str, Any]) -> str:
    granted = "—" if found["granted_fen"] is None else found["granted_fen"]
    return f"{found['number']}  {found['fund']} {found['cause']}  {found['state']}  {found['asked_fen']} → {granted}"


@command("claim-relief")
@click.argument("cause", type=click.Choice(["medical", "unemployment", "disaster", "minors"]))
@click.argument("asked_fen", type=click.IntRange(1, 2**53 - 1))
@OFFICER
@click.option("--region", required=True, help="本人所在六位行政区划代码 Division code of where the person is.")
@click.option("--holder", required=True, help="收款户名 Account holder.")
@click.option("--account", required=True, help="收款账号 Account number.")
@click.option("--bank-code", required=True, help="联行号或 BIC Bank code.")
@click.option("--bank-name", required=True, help="开户行 Bank.")
@click.option("--payee-kind", type=click.Choice(["hospital", "school", "landlord", "person"]), required=True)
@click.option("--means", type=click.Path(path_type=Path), required=True, help="收入证明，只登记摘要 Means.")
@click.option("--evidence", type=click.Path(path_type=Path), required=True, help="困难证明，只登记摘要 Evidence.")
@click.option("--unrelated", is_flag=True, help="声明与受益人无关联 Declares to be unrelated to the beneficiary.")
@click.option("--days", "term_days", type=click.IntRange(1, 180), default=90, show_default=True)
@KIND
@ID_FILE
def claim_relief(
    out: Output, cause: str, asked_fen: int, officer: str, region: str, holder: str, account: str, bank_code: str,
    bank_name: str, payee_kind: str, means: Path, evidence: Path, unrelated: bool, term_days: int, kind: str,
    id_file: Any,
) -> None:  # fmt: skip
    """为困难债务人申请救助 Claim relief for a person in hardship."""
    person = read_identifier(kind, id_file)
    payee = {"holder": holder, "account": account, "bank_code": bank_code, "bank_name": bank_name}
    with out.registry() as registry:
        found = registry.claim_relief(
            person, cause=cause, region=region, asked_fen=asked_fen, officer=officer, payee=payee,
            payee_kind=payee_kind, means_sha256=fingerprint(means), evidence_sha256=fingerprint(evidence),
            unrelated=unrelated, term_days=term_days,
        )  # fmt: skip
    out.show(found, [_claim(found)])


@command("claim-appeal")
@click.argument("claim")
@click.argument("reason")
@OFFICER
def claim_appeal(out: Output, claim: str, reason: str, officer: str) -> None:
    """对退回的申请申诉 Appeal against a return."""
    with out.registry() as registry:
        found = registry.appeal_claim(claim, officer=officer, reason=reason)
    out.show(found, [_claim(found)])


COMMANDS = (levies, levy_base, levy_object, claims, claim_relief, claim_appeal)
