"""A monthly statement as PDF: each line with its steps, the sums, the leaf that proves it. Nothing is kept."""

import uuid
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import typesetting
from gongxin.errors import Invalid

from .. import queries as contracts
from ..commissions import queries, service
from ..schemas.commissions import line_out
from ..service import model_of
from . import statement_paper

TEMPLATE = Path(__file__).with_name("templates") / "statement.typ"
PROOFS = "/v1/log/proofs"
MAX_LINES = 2_000


def pdf(session: Session, statement_id: uuid.UUID, *, issuer: str) -> bytes:
    """PDF/A-2b of a statement as it stands; the same state gives the same octets. Raises Invalid beyond `MAX_LINES`,
    GlyphMissing with the field whose character the font lacks."""
    statement = queries.get_statement(session, statement_id)
    found = queries.lines(session, statement_id)
    if len(found) > MAX_LINES:
        raise Invalid(
            "statement_too_long",
            zh="对账单行数过多，不能排成 PDF",
            en="The statement has too many lines for a PDF",
            fix_zh=f"超过 {MAX_LINES} 行的对账单请取 CSV。",
            fix_en=f"Take the CSV of a statement of more than {MAX_LINES} lines.",
        )
    contract = contracts.get_contract(session, statement.contract_id)
    kept = contracts.get_content(session, contract.id)
    content: dict[str, Any] = orjson.loads(kept.content)
    model, back = model_of(kept), queries.reversals_stated(session, statement_id)
    told = [
        statement_paper.Told(
            line=line,
            row=line_out(line, recovery),
            priced=None if line.reversal_id else service.explained(model, recovery),
            reversal=back[line.reversal_id] if line.reversal_id else None,
            commission_fen=recovery.commission_fen or 0,
        )
        for line, recovery in found
    ]
    digest = service.lines_digest(line for line, _ in found)
    check = f"{issuer}{PROOFS}/{statement.leaf_id}" if statement.leaf_id else None
    number = f"{contract.number} v{contract.version}"
    data = statement_paper.paper(statement, content["cover"], number, told, digest, check)
    made_at = (statement.decided_at or statement.made_at).astimezone(UTC).replace(microsecond=0)
    assets = {"code": typesetting.qr_svg(check)} if check else {}
    return typesetting.pdf(TEMPLATE, data=data, made_at=made_at, assets=assets)
