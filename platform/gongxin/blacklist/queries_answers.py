"""What members are told, read and recorded in one statement: nobody is told without a row that says so."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked about, in columns: the line, and its licence number or a token's epoch and key."""

    places: list[int]
    numbers: list[str | None]
    epochs: list[int | None]
    keys: list[bytes | None]

    def columns(self) -> dict[str, str]:
        """In PostgreSQL's own writing: a driver that dumps thousands of values takes longer than the join."""
        return {
            "places": _array(map(str, self.places)),
            "numbers": _array(each or "NULL" for each in self.numbers),
            "epochs": _array("NULL" if each is None else str(each) for each in self.epochs),
            "keys": _array("NULL" if each is None else f'"\\\\x{each.hex()}"' for each in self.keys),
        }


def _array(values: Iterable[str]) -> str:
    return "{" + ",".join(values) + "}"


def screen(
    session: Session,
    asked: Asked,
    *,
    today: date,
    source_id: uuid.UUID,
    at: datetime,
    client_id: uuid.UUID | None,
    purpose: str,
    consent: str,
    lines: int,
) -> list[Mapping[str, Any]]:
    """The entries in force of whoever was asked about, by place; the record of the screening, and who was told."""
    rows = session.execute(
        text(
            "select * from blacklist_screen(cast(:places as integer[]), cast(:numbers as text[]),"
            " cast(:epochs as integer[]), cast(:keys as bytea[]), :today, :source, :at, :client, :purpose, :consent,"
            " :lines)"
        ),
        {**asked.columns(), "today": today, "source": source_id, "at": at, "client": client_id, "purpose": purpose,
         "consent": consent, "lines": lines},
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def screen_stops(session: Session, asked: Asked, today: date) -> dict[int, str]:
    """Interim stops among whoever was asked about, by place: the last day."""
    rows = session.execute(
        text(
            "select * from blacklist_screen_stops(cast(:places as integer[]), cast(:numbers as text[]),"
            " cast(:epochs as integer[]), cast(:keys as bytea[]), :today)"
        ),
        {**asked.columns(), "today": today},
    )
    return {row.place: row.until.isoformat() for row in rows}
