"""The statements that write many registrations at once, each one round trip: ten thousand rows as one JSON value."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

# Column → its type inside the JSON; `hex` is bytea.
_EVIDENCE = {
    "id": "uuid", "member_id": "uuid", "kind": "text", "sha256": "hex", "sm3": "hex", "size": "bigint",
    "media_type": "text", "case_id": "uuid", "agent_licence": "text", "complaint": "text", "made_by": "text",
    "device": "text", "made_at": "timestamptz", "registered_at": "timestamptz", "keep_at_least_until": "date",
    "keep_until": "date", "commitment": "hex",
}  # fmt: skip
_CUSTODY = {
    "id": "uuid", "evidence_id": "uuid", "member_id": "uuid", "position": "integer", "event": "text",
    "at": "timestamptz", "recipient": "text", "basis": "text", "previous": "hex", "digest": "hex",
    "recorded_at": "timestamptz", "commitment": "hex",
}  # fmt: skip


def _statement(table: str, columns: Mapping[str, str]) -> Any:
    taken = ", ".join(f"decode(r.{name}, 'hex')" if kind == "hex" else f"r.{name}" for name, kind in columns.items())
    shape = ", ".join(f"{name} {'text' if kind == 'hex' else kind}" for name, kind in columns.items())
    return text(
        f"insert into {table} ({', '.join(columns)})"
        f" select {taken} from jsonb_to_recordset(cast(:rows as jsonb)) as r ({shape})"
    )


_INSERT_EVIDENCE = _statement("evidence", _EVIDENCE)
_INSERT_CUSTODY = _statement("evidence_custody", _CUSTODY)


def insert_evidence(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Registrations; each needs the first event of its custody before the transaction ends."""
    session.execute(_INSERT_EVIDENCE, {"rows": _json(rows)})


def insert_custody(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Events of custody, at most one for each piece of evidence."""
    session.execute(_INSERT_CUSTODY, {"rows": _json(rows)})


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=bytes.hex).decode()
