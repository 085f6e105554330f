"""The statements that write many charges at once: ten thousand rows as one JSON value."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

_CHARGES = text(
    "insert into fund_charges (id, run_id, member_id, credits, fund, restriction, amount_fen, lines)"
    " select r.id, :run, r.member_id, r.credits, r.fund, r.restriction, r.amount_fen, r.lines"
    " from jsonb_to_recordset(cast(:rows as jsonb)) as r (id uuid, member_id uuid, credits uuid, fund text,"
    " restriction text, amount_fen bigint, lines text)"
)
_ISSUE = text(
    "update fund_charges c set state = 'issued', reference = r.reference,"
    " due_on = case when c.credits is null then cast(:due as date) end"
    " from jsonb_to_recordset(cast(:rows as jsonb)) as r (id uuid, reference text) where c.id = r.id"
)


def insert_charges(session: Session, run_id: uuid.UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    session.execute(_CHARGES, {"run": run_id, "rows": orjson.dumps(rows).decode()})


def issue_charges(session: Session, references: Mapping[uuid.UUID, str], due_on: date) -> None:
    rows = [{"id": str(charge), "reference": reference} for charge, reference in references.items()]
    session.execute(_ISSUE, {"due": due_on, "rows": orjson.dumps(rows).decode()})
