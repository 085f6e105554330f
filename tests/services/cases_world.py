"""Cases through the service, each act in a transaction of its own, as requests are."""

import os
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.cases import lines, service
from gongxin.cases.service.asserting import Assertion
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.web.caller import Caller
from gongxin_wire.case_numbers import is_court_code
from tests.services.disclosure_world import World

SCOPES = frozenset({"cases.read", "cases.write", "events.write", "court_events.write", "lookups"})
TODAY = clock.today_in_china()


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@dataclass
class Acts:
    """Verbs of members on cases; each commits."""

    engine: Engine
    config: Config
    world: World

    def member(self, kind: str, court_code: str | None = None) -> Caller:
        return replace(self.world.member(kind, court_code=court_code), scopes=SCOPES)

    def court(self) -> tuple[Caller, str]:
        """A court with a code of its own and a number of its own, so that tests do not meet."""
        taken = set(self.world.connection.scalars(text("select court_code from members where kind = 'court'")))
        while True:
            code = f"沪{random.randint(101, 9999):04d}"
            if is_court_code(code) and code not in taken:
                return self.member("court", code), f"（2025）{code}民初1号"

    @contextmanager
    def acting(self, caller: Caller | None = None) -> Iterator[Session]:
        member, kind = (caller.member_id, caller.kind) if caller else (None, "registry")
        with transaction(self.engine, member, kind) as session:
            yield session

    def case(self, bank: Caller, *numbers: str, token: bytes | None = None) -> uuid.UUID:
        """A fresh case that carries these 案号."""
        new = lines.NewCase(
            f"L{uuid.uuid4().hex}",
            [(1, token or os.urandom(32))],
            days_ago(200),
            tuple(lines.Reference("court_case", number) for number in numbers),
        )
        with self.acting(bank) as session:
            case, _, _ = service.register(session, config=self.config, caller=bank, new=new)
            return case.id

    def placed(self, bank: Caller, agency: Caller, *numbers: str) -> uuid.UUID:
        """A case that the agency has accepted."""
        case_id = self.case(bank, *numbers)
        self.move(bank, case_id, "assign", agency_id=agency.member_id)
        self.move(agency, case_id, "accept")
        return case_id

    def move(self, caller: Caller, case_id: uuid.UUID, action: str, **fields: Any) -> dict[str, Any]:
        asked = lines.NewMove(
            case_id, action, fields.get("agency_id"), fields.get("mandate_until"), fields.get("reason"), None
        )
        with self.acting(caller) as session:
            return service.place(session, caller=caller, asked=asked, if_match=fields.get("if_match"))[1]

    def say(
        self, caller: Caller, case_id: uuid.UUID, axis: str, status: str, ago: int = 10, **more: Any
    ) -> dict[str, Any]:
        with self.acting(caller) as session:
            said = Assertion(axis, status, days_ago(ago), **more)
            return service.assert_event(session, caller=caller, case_id=case_id, said=said)

    def rule(self, court: Caller, number: str, status: str, ago: int = 10, axis: str = "legal") -> dict[str, Any]:
        """A court asserts under its number."""
        with self.acting(court) as session:
            said = Assertion(axis, status, days_ago(ago), court_case_number=number)
            return service.assert_court_event(session, caller=court, said=said)

    def read(self, caller: Caller, case_id: uuid.UUID) -> dict[str, Any]:
        with self.acting(caller) as session:
            return service.get_case(session, case_id)[1]

    def history(self, caller: Caller, case_id: uuid.UUID) -> list[dict[str, Any]]:
        with self.acting(caller) as session:
            return list(service.history(session, case_id=case_id, after=None, limit=200))
