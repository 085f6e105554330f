"""The words of a monthly statement as they are printed, in both languages, each line with its steps. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..commissions.models import RecoveryReversal, Statement, StatementLine
from ..fees.pricing import Priced, Step
from .paper import percent, yuan

_STATES = {
    "open": "待确认 Open", "agreed": "已确认 Agreed", "disputed": "有异议 Disputed", "dropped": "已撤下 Dropped",
}  # fmt: skip
HEADINGS = {
    "title": {"zh": "佣金对账单", "en": "Statement of commissions"},
    "lines": "逐行明细 Line by line", "sums": "合计 Sums", "proof": "核验 Verify",
    "digest": "明细哈希 Hash of the lines", "leaf": "日志叶 Leaf of the log",
    "unsettled": "尚有未决之行，日志中无此对账单；本文件不作结算依据。 "
                 "Lines are still open and no leaf of the log bears this statement: nothing is settled by this paper.",
    "head": ["行 No.", "回款 Recovery", "到账 Received", "账龄 Age", "基数（元）Base", "佣金（元）Commission",
             "状态 State"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One line as it is told: what it was priced by, or what was taken back of what."""

    line: StatementLine
    row: Mapping[str, Any]
    priced: Priced | None
    reversal: RecoveryReversal | None
    commission_fen: int


def paper(
    statement: Statement, cover: Mapping[str, Any], number: str, told: Sequence[Told], digest: str, check: str | None
) -> dict[str, Any]:
    """What the template prints. `check`: the address of the leaf's proof, where there is a leaf."""
    parties = cover["parties"]
    return {
        "headings": HEADINGS, "number": number,
        "facts": [
            ["合同 Contract", number], ["月份 Month", statement.month],
            ["委托方 Creditor", f"{parties['creditor']['name_zh']}（{parties['creditor']['uscc']}）"],
            ["受托机构 Agency", f"{parties['agency']['name_zh']}（{parties['agency']['uscc']}）"],
            ["状态 State", _STATES[statement.state]],
        ],
        "lines": [_line(each) for each in told],
        "sums": [
            ["各行合计 Sum of the lines", yuan(statement.total_fen)],
            ["双方确认 Agreed", "—" if statement.agreed_fen is None else yuan(statement.agreed_fen)],
        ],
        "digest": digest, "leaf": str(statement.leaf_id) if statement.leaf_id else "", "check": check or "",
    }  # fmt: skip


def _line(told: Told) -> dict[str, Any]:
    row, line = told.row, told.line
    if told.reversal is not None:
        steps = [_reversed(told.reversal, told.commission_fen, row["received_on"].isoformat())]
    else:
        steps = [_step(step) for step in (told.priced.steps if told.priced else ())]
    if line.reason:
        steps.append(f"说明 Said：{line.reason}")
    base = "—" if told.reversal is not None or row["base_fen"] is None else yuan(row["base_fen"])
    return {
        "cells": [str(line.position), row["reference"], row["received_on"].isoformat(), row["age"], base,
                  yuan(line.amount_fen), _STATES[line.state]],
        "steps": steps,
    }  # fmt: skip


def _reversed(found: RecoveryReversal, commission_fen: int, received_on: str) -> str:
    return (
        f"{received_on} 到账，{found.reversed_on.isoformat()} 撤销 {yuan(found.amount_fen)} 元；原佣金 "
        f"{yuan(commission_fen)}，回拨 {yuan(found.clawback_fen)}。 "
        f"Reversed: {yuan(found.amount_fen)}; of a commission of "
        f"{yuan(commission_fen)} goes back {yuan(found.clawback_fen)}."
    )


def _step(step: Step) -> str:
    """One step of the arithmetic, as it would be written by hand."""
    facts, fen = step.facts, yuan(step.amount_fen)
    if step.code == "tier":
        bounded = "（受每档限额 bounded）" if facts["bounded"] else ""
        portion, rate = yuan(facts["portion_fen"]), percent(facts["rate_bp"])
        return f"第 {facts['tier'] + 1} 档 tier {facts['tier'] + 1}：{portion} × {rate} = {fen}{bounded}"
    if step.code == "cap":
        holds = "以上限为准 the cap holds" if facts["binds"] else "未超上限 under the cap"
        return f"上限 cap {percent(facts['cap_bp'])}：{fen}，{holds}"
    if step.code == "deduction":
        return f"扣减 deduction {facts['code']}：{fen}"
    if step.code == "stage":
        return f"阶段 stage {facts['stage']}：{fen}"
    words = {"base": "计佣基数 base", "minimum": "最低 least", "maximum": "最高 most", "commission": "佣金 commission"}
    return f"{words[step.code]}：{fen}"
