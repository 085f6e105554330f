"""What tests of the fund's income share: an association with its chart, agencies, runs made by the verbs."""

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.fund import chart
from gongxin.fund.income import queries, service
from gongxin.fund.income.models import Charge, Run
from gongxin.fund.ledger import periods
from gongxin.fund.ledger import queries as books
from gongxin.fund.ledger.rules import Actor
from tests.conftest import act_for
from tests.services.members_world import apply, move

EVIDENCE = b"\x05" * 32


def month_before(day: date, back: int = 1) -> str:
    at = day.year * 12 + day.month - 1 - back
    return f"{at // 12}-{at % 12 + 1:02d}"


@dataclass
class Office:
    """`lin` makes, `wang` and `zhao` approve; an agency and another."""

    session: Session
    member_id: uuid.UUID
    agency: uuid.UUID
    other: uuid.UUID

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

    @property
    def month(self) -> str:
        return month_before(self.today)

    def become(self, member_id: uuid.UUID | None, kind: str) -> None:
        act_for(self.session, member_id, kind)

    def as_office(self) -> None:
        self.become(self.member_id, "association")

    def state(self, base_fen: int, month: str | None = None, agency: uuid.UUID | None = None) -> Any:
        member = agency or self.agency
        self.become(member, "agency")
        found = service.state_base(
            self.session, member_id=member, month=month or self.month, base_fen=base_fen, evidence_sha256=EVIDENCE
        )
        self.as_office()
        return found

    def preview(self) -> Run:
        return service.preview_levies(self.session, actor=self.lin, rhythm="monthly", last_month=self.month)

    def approved(self, run: Run) -> Run:
        assert run.content_hash is not None
        for actor in (self.wang, self.zhao):
            run = service.approve(self.session, run.id, actor=actor, content_hash=run.content_hash)
        return run

    def issued(self, run: Run) -> list[Charge]:
        service.issue(self.session, self.approved(run).id)
        return list(queries.run_charges(self.session, run.id))

    def levied(self, base_fen: int = 12_500_000) -> Charge:
        self.state(base_fen)
        return self.issued(self.preview())[0]

    def gift(self, amount_fen: int, **more: Any) -> Charge:
        run = service.donation(self.session, actor=self.lin, amount_fen=amount_fen, reason="捐赠", **more)
        return self.issued(run)[0]

    def balance(self, role: str, fund: str, restriction: str | None = None) -> int:
        code = chart.code(role, fund, restriction)
        return books.balance(self.session, books.get_account(self.session, code).id)


def open_office(session: Session) -> Office:
    """Everything is this transaction's own; whatever others left uncharged or open is put aside in it."""
    association = move(session, apply(session, "association"), "active")
    agencies = [move(session, apply(session, "agency"), "active") for _ in range(2)]
    today = clock.today_in_china()
    last = books.find_last_period(session)
    if last is None:
        periods.open_period(session, first_day=today.replace(day=1), last_day=today)
    elif last.last_day < today:
        periods.open_period(session, last_day=today)
    chart.open_chart(session)
    office = Office(session, association.id, agencies[0].id, agencies[1].id)
    office.as_office()
    return office


def count_leaves(session: Session, leaf_id: uuid.UUID) -> int:
    return int(session.scalar(text("select count(*) from log_waiting where leaf_id = :id"), {"id": leaf_id}) or 0)
