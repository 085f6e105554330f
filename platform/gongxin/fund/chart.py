"""The fund's own chart of accounts, as data: which account income comes to and payments go from."""

import json
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy.orm import Session

from .ledger import queries, service
from .ledger.models import Account


@cache
def pack() -> dict[str, Any]:
    """The chart, the reserve floor of each fund and the purposes donors may choose, with their source."""
    file = resources.files("gongxin.fund") / "data" / "chart.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def restrictions() -> tuple[str, ...]:
    return tuple(pack()["restrictions"])


def code(role: str, fund: str, restriction: str | None = None) -> str:
    """The account of this role, such as 1002-RELIEF or 4002-RELIEF-medical."""
    number = next(row["code"] for row in pack()["accounts"] if row["role"] == role)
    return f"{number}-{fund}" + ("" if restriction is None else f"-{restriction}")


def open_chart(session: Session) -> list[Account]:
    """Opens what of the chart is not open yet. Can run twice."""
    known = {account.code for account in queries.accounts(session)}
    made = []
    for row in pack()["accounts"]:
        for fund in row["funds"]:
            purposes = (None, *restrictions()) if fund in row["restricted"] else (None,)
            for purpose in purposes:
                name = code(row["role"], fund, purpose)
                if name not in known:
                    made.append(_open(session, row, name, fund, purpose))
    return made


def _open(session: Session, row: dict[str, Any], name: str, fund: str, purpose: str | None) -> Account:
    floor = None
    if row["role"] == "bank":
        floor = 0 if purpose is not None else pack()["reserve_floor_fen"][fund]
    elif row["role"] == "owed":
        floor = 0  # nobody is paid back what is not owed
    suffix = f"{fund}" if purpose is None else f"{fund}, {purpose}"
    return service.open_account(
        session,
        code=name,
        name_zh=f"{row['zh']}（{suffix}）",
        name_en=f"{row['en']} ({suffix})",
        type=row["type"],
        fund=fund,
        restriction=purpose,
        minimum_fen=floor,
    )
