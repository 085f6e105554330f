"""The quarterly report: figures, their leaf of the log, and the same figures as JSON, CSV and PDF."""

import csv
import hashlib
import io
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids, typesetting
from gongxin.errors import Conflict
from gongxin.transparency import service as transparency
from gongxin_wire.canonical import b64u, canonical

from .. import standing
from ..ledger.rules import FUNDS, Actor
from . import queries, rules
from .models import Report

_PRINTED = ("quarter", "version", "content", "figures", "proof")
_TEMPLATE = Path(__file__).with_name("templates") / "quarter.typ"


def figures(session: Session, *, year: int, quarter: int, today: date) -> dict[str, Any]:
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


def sealed(session: Session, told: dict[str, Any]) -> dict[str, Any]:
    """The digest of these figures; where they are what was disclosed last of their quarter, its version and proof."""
    content = hashlib.sha256(canonical(told)).digest()
    last = queries.find_last_report(session, int(told["quarter"][:4]), int(told["quarter"][5]))
    if last is None or last.content != content:
        return {"content": content.hex(), "published": False, "version": 1 if last is None else last.version + 1,
                "leaf_id": None, "proof": "—"}  # fmt: skip
    proof = f"/v1/log/proofs/{last.id}"
    return {"content": content.hex(), "published": True, "version": last.version, "leaf_id": last.id, "proof": proof}


def publish(session: Session, *, year: int, quarter: int, today: date, actor: Actor) -> Report:
    """Discloses the quarter. The same figures as were disclosed last are not disclosed again; others are a version of
    their own, and the one before stays. Its leaf holds the digest."""
    told = canonical(figures(session, year=year, quarter=quarter, today=today))
    content = hashlib.sha256(told).digest()
    last = queries.find_last_report(session, year, quarter)
    if last is not None and last.content == content:
        return last
    made = Report(
        id=ids.new_id(),
        year=year,
        quarter=quarter,
        version=1 if last is None else last.version + 1,
        content=content,
        figures=told.decode(),
        member_id=actor.member_id,
        officer=actor.officer,
        published_at=clock.now(),
    )
    session.add(made)
    session.flush()
    record = {"content": content.hex(), "quarter": f"{year}Q{quarter}", "v": 1, "version": made.version}
    transparency.append(session, kind="fund_report", record=record, leaf_id=made.id, owner=actor.member_id)
    return made


def shown(session: Session, report: Report) -> dict[str, Any]:
    """A report with what proves it: the leaf's record and salt open its commitment, the proof tells its place."""
    with standing.acting(session):
        opened = transparency.opening(session, report.id)
    return {
        "report_id": str(report.id),
        "quarter": f"{report.year}Q{report.quarter}",
        "version": report.version,
        "published_at": transparency.moment(report.published_at),
        "content": report.content.hex(),
        "figures": orjson.loads(report.figures),
        "leaf": {"leaf_id": str(report.id), "record": opened.record, "salt": b64u(opened.salt)},
        "proof": f"/v1/log/proofs/{report.id}",
    }


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
    """zh or en. The same report is the same octets."""
    return _printed(
        canonical({name: report[name] for name in _PRINTED} | {"language": language}), made_at.replace(microsecond=0)
    )


@lru_cache(maxsize=16)
def _printed(data: bytes, made_at: datetime) -> bytes:
    return typesetting.pdf(_TEMPLATE, data=orjson.loads(data), made_at=made_at)
