"""What tests of the fund share: an association, a chart of accounts, entries made by the verbs."""

import itertools
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.fund.ledger import periods, queries, service
from gongxin.fund.ledger.models import Entry, Period
from gongxin.fund.ledger.rules import Actor, Draft, NewLeg
from tests.services.members_world import apply, move

_NUMBERS = itertools.count(1)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@dataclass
class Fund:
    """Three officers of the association: `lin` makes, `wang` and `zhao` check."""

    session: Session
    member_id: uuid.UUID
    period: Period
    codes: dict[str, str]

    @property
    def lin(self) -> Actor:
        return Actor(self.member_id, "LIN01")

    @property
    def wang(self) -> Actor:
        return Actor(self.member_id, "WANG02")

    @property
    def zhao(self) -> Actor:
        return Actor(self.member_id, "ZHAO03")

    @property
    def today(self) -> date:
        return clock.today_in_china()

    def leg(self, name: str, side: str, amount_fen: int) -> NewLeg:
        fund = "STAFF" if name.startswith("staff") else "RELIEF"
        return NewLeg(self.codes[name], fund, side, amount_fen)

    def new(self, amount_fen: int = 10_000, debit: str = "cash", credit: str = "levies", **change: Any) -> Draft:
        terms: dict[str, Any] = {
            "key": unique("e"),
            "booked_on": self.today,
            "description": "收到会费",
            "legs": (self.leg(debit, "debit", amount_fen), self.leg(credit, "credit", amount_fen)),
        }
        return Draft(**(terms | change))

    def submitted(self, *args: Any, **change: Any) -> Entry:
        return service.draft(self.session, actor=self.lin, new=self.new(*args, **change), submit=True)[0]

    def approved(self, *args: Any, **change: Any) -> Entry:
        entry = self.submitted(*args, **change)
        assert entry.content_hash is not None
        for actor in (self.wang, self.zhao):
            entry = service.approve(self.session, entry.id, actor=actor, content_hash=entry.content_hash)
        return entry

    def posted(self, *args: Any, **change: Any) -> Entry:
        return service.post(self.session, self.approved(*args, **change).id, actor=self.wang)

    def balance(self, name: str, at: Any = None) -> int:
        return queries.balance(self.session, queries.get_account(self.session, self.codes[name]).id, at)


def open_fund(session: Session) -> Fund:
    """A period that holds today, and accounts nobody else uses."""
    member = move(session, apply(session, "association"), "active")
    today = clock.today_in_china()
    last = queries.find_last_period(session)
    if last is None:
        last = periods.open_period(session, first_day=today.replace(day=1), last_day=today)
    codes = {}
    for name, kind, fund, more in (
        ("cash", "asset", "RELIEF", {"minimum_fen": 0}),
        ("reserve", "asset", "RELIEF", {"minimum_fen": 5_000}),
        ("medical_cash", "asset", "RELIEF", {"restriction": "medical", "minimum_fen": 0}),
        ("medical_gifts", "income", "RELIEF", {"restriction": "medical"}),
        ("medical_relief", "expense", "RELIEF", {"restriction": "medical"}),
        ("levies", "income", "RELIEF", {}),
        ("owed", "liability", "RELIEF", {}),
        ("staff_owed", "liability", "STAFF", {}),
        ("relief", "expense", "RELIEF", {}),
        ("staff_cash", "asset", "STAFF", {"minimum_fen": 0}),
        ("staff_levies", "income", "STAFF", {}),
    ):
        number = next(_NUMBERS)
        codes[name] = f"T{number}-{uuid.uuid4().hex[:8]}"
        service.open_account(
            session, code=codes[name], name_zh="测试科目", name_en="Test", type=kind, fund=fund, **more
        )
    return Fund(session, member.id, last, codes)
