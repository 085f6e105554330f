"""What tests of the portal share: houses that may ask, people of theirs, cases on a synthetic person, and the tokens of
that person as the SDK would make them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine

from gongxin.access import service as access
from gongxin.cases import lines, queries
from gongxin.cases import service as cases
from gongxin.cases.service.asserting import Assertion
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.members.models import Member
from gongxin.subjects import rules, service
from gongxin.web.caller import Caller
from gongxin_wire.identifiers import normalise, synthetic_cn_id
from gongxin_wire.voprf import oprf
from tests.services.accounts_world import Person, house, person
from tests.services.cases_world import days_ago
from tests.services.members_world import agree

PURPOSES = {"bank": ["placement", "contact"], "agency": ["contact"], "mediator": ["mediation"], "court": ["judicial"]}


@dataclass
class Portal:
    """Houses with agreements; each act commits."""

    engine: Engine
    config: Config

    def __post_init__(self) -> None:
        with transaction(self.engine) as session:
            access.ensure_registry_keys(session, self.config)
            service.ensure_epochs(session, self.config)

    def house(self, kind: str, budget: int = 1000) -> Member:
        with transaction(self.engine) as session:
            found = house(session, kind)
            wanted = PURPOSES[kind]
            agree(session, found, purposes=wanted, budgets={**dict.fromkeys(wanted, budget), "evaluation": budget})
            return found

    def person(self, member: Member, *roles: str) -> Person:
        with transaction(self.engine) as session:
            return person(session, self.config, member, *(roles or ("clerk",)))

    def caller(self, member: Member) -> Caller:
        return Caller(member.id, member.kind, court_code=member.court_code)

    def tokens(self, number: str) -> list[tuple[int, bytes]]:
        """(epoch, token) of every epoch that a record needs."""
        octets = normalise("cn_id", number).octets
        with transaction(self.engine) as session:
            epochs = service.open_epochs(session, "debtor")
            needed = sorted(rules.required(epochs))
            return [(epoch, self._token(session, epoch, octets)) for epoch in needed]

    def _token(self, session: Any, epoch: int, octets: bytes) -> bytes:
        sealed = service.queries.find_secret(session, "debtor", epoch)
        assert sealed is not None
        secret = service.unseal(self.config.master_key, service._seal_label("debtor", epoch), sealed[0])
        return oprf.token(oprf.evaluate_direct(secret, octets))

    def case(self, bank: Member, number: str, agency: Member | None = None, accepted: bool = True) -> UUID:
        """A case of the bank's on this person, placed where an agency is named."""
        new = lines.NewCase(f"L{uuid4().hex[:12]}", self.tokens(number), days_ago(200), ())
        with transaction(self.engine, bank.id, bank.kind) as session:
            found, _out, _new = cases.register(session, config=self.config, caller=self.caller(bank), new=new)
        if agency is not None:
            self.move(bank, found.id, "assign", agency.id)
            if accepted:
                self.move(agency, found.id, "accept")
        return found.id

    def move(self, member: Member, case_id: UUID, action: str, agency_id: UUID | None = None) -> None:
        asked = lines.NewMove(case_id, action, agency_id, None, None, None)
        with transaction(self.engine, member.id, member.kind) as session:
            cases.place(session, caller=self.caller(member), asked=asked, if_match=None)

    def say(self, member: Member, case_id: UUID, axis: str, status: str) -> None:
        said = Assertion(axis, status, days_ago(3))
        with transaction(self.engine, member.id, member.kind) as session:
            cases.assert_event(session, caller=self.caller(member), case_id=case_id, said=said)

    def count(self, bank: Member) -> int:
        with transaction(self.engine, bank.id, bank.kind) as session:
            return sum(queries.placements(session, bank.id, bank.kind).values())

    def read(self, member: Member, case_id: UUID) -> dict[str, Any]:
        with transaction(self.engine, member.id, member.kind) as session:
            return cases.get_case(session, case_id)[1]


def somebody() -> str:
    """A synthetic person's ID number, another each time."""
    return synthetic_cn_id(uuid4().int % 90_000_000)
