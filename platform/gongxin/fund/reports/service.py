"""The quarterly report: figures, their leaf of the log, and the same figures as JSON, CSV and PDF."""

import csv
import hashlib
import io
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gongxin import typesetting
from gongxin.errors import Conflict
from gongxin.transparency import service as transparency
from gongxin_wire.canonical import canonical

from ..ledger.rules import FUNDS
from . import queries, rules

_TEMPLATE = Path(__file__).with_name("templates") / "quarter.typ"


def figures(session: Session, *, year: int, quarter: int, today: Any) -> dict[str, Any]:
    """What is told of a quarter that has ended. Raises Conflict before."""
    first, last = rules.quarter(year, quarter)
    if last >= today:
        raise Conflict(
            "quarter_not_over",
            zh="该季度尚未结束",
            en="The quarter is not over",
            fix_zh="季度结束后再披露。",
            fix_en="Disclose it once it has ended.",
            pointer="/quarter",
        )
    rows = queries.moved(session, first, last)
    income = {fund: sum(-row.amount_fen for row in rows if row.type == "income" and row.fund == fund) for fund in FUNDS}
    spent = {fund: sum(row.amount_fen for row in rows if row.type == "expense" and row.fund == fund) for fund in FUNDS}
    reserves = dict.fromkeys(FUNDS, 0) | {row.fund: row.amount_fen for row in queries.reserves(session, last)}
    whole = sum(income.values())
    return {
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "income_fen": income,
        "spent_fen": spent,
        "accounts": [
            {"code": row.code, "name_zh": row.name_zh, "name_en": row.name_en, "type": row.type, "fund": row.fund,
             "amount_fen": -row.amount_fen if row.type == "income" else row.amount_fen}
            for row in rows
        ],
        "reserves_fen": reserves,
        "admin_share_bp": rules.share_bp(spent["ADMIN"], whole),
        "relief_share_bp": rules.share_bp(spent["RELIEF"] + spent["STAFF"], whole),
        "relief": _relief(queries.relief(session, first, last)),
        "quarter": f"{year}Q{quarter}",
        "v": 1,
    }  # fmt: skip


def _relief(rows: Any) -> dict[str, Any]:
    cells = {(f"{row.fund}:{row.cause}", row.region): rules.Cell(row.count, row.amount_fen) for row in rows}
    hidden = rules.suppressed(cells)
    count, amount = sum(cell.count for cell in cells.values()), sum(cell.amount_fen for cell in cells.values())
    few = 0 < count < rules.LEAST
    return {
        "cells": [
            {"cause": cause, "region": region} | _told(None if (cause, region) in hidden else cell)
            for (cause, region), cell in sorted(cells.items())
        ],
        "by_cause": [{"cause": name} | _told(cell) for name, cell in rules.told_margins(cells, hidden, 0).items()],
        "by_region": [{"region": name} | _told(cell) for name, cell in rules.told_margins(cells, hidden, 1).items()],
        "total": _told(None if few else rules.Cell(count, amount)),
        "least": rules.LEAST,
    }


def _told(cell: rules.Cell | None) -> dict[str, int | None]:
    """null: not told. A count of nothing is told as nothing."""
    return {"count": cell.count if cell else None, "amount_fen": cell.amount_fen if cell else None}


def sealed(told: dict[str, Any]) -> dict[str, Any]:
    """The digest of the figures, and the leaf that holds it once they are published: always the same."""
    content = hashlib.sha256(canonical(told)).digest()
    leaf_id = uuid.UUID(bytes=content[:16], version=4)
    return {"content": content.hex(), "leaf_id": str(leaf_id), "proof": f"/v1/log/proofs/{leaf_id}"}


def is_published(session: Session, leaf_id: str) -> bool:
    return transparency.is_appended(session, uuid.UUID(leaf_id))


def publish(session: Session, *, year: int, quarter: int, today: Any, member_id: uuid.UUID) -> dict[str, Any]:
    """The figures with their digest and the leaf that holds it; the same figures have the same leaf, once."""
    told = figures(session, year=year, quarter=quarter, today=today)
    seal = sealed(told)
    if not is_published(session, seal["leaf_id"]):
        transparency.append(
            session,
            kind="fund_report",
            record={"content": seal["content"], "quarter": told["quarter"], "v": 1},
            leaf_id=uuid.UUID(seal["leaf_id"]),
            owner=member_id,
        )
    return {"figures": told, **seal}


def as_csv(report: dict[str, Any]) -> str:
    """One row a figure: part, name, region, count, fen. What is not told is empty."""
    told, out = report["figures"], io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["part", "name", "region", "count", "amount_fen"])
    for part in ("income_fen", "spent_fen", "reserves_fen"):
        for fund, fen in told[part].items():
            writer.writerow([part.removesuffix("_fen"), fund, "", "", fen])
    for part in ("cells", "by_cause", "by_region"):
        for row in told["relief"][part]:
            writer.writerow([part, row.get("cause", ""), row.get("region", ""), row["count"], row["amount_fen"]])
    writer.writerow(["content", report["content"], "", "", ""])
    return out.getvalue()


def as_pdf(report: dict[str, Any], *, language: str, made_at: datetime) -> bytes:
    """zh or en."""
    return typesetting.pdf(_TEMPLATE, data=report | {"language": language}, made_at=made_at)
