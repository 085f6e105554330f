"""What tests of claims share: an association with money, a mediator that files, a court that reviews, a bank and an
agency on a case of the person."""

import itertools
import uuid
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.fund import chart
from gongxin.fund.bank import accounts
from gongxin.fund.bank import queries as instructions
from gongxin.fund.claims import paying, service
from gongxin.fund.claims.models import Claim
from gongxin.fund.income import receiving
from gongxin.fund.ledger import periods
from gongxin.fund.ledger import queries as books
from gongxin.fund.ledger.rules import Actor
from gongxin.web.caller import Caller
from tests.conftest import act_for
from tests.services.agents_world import Office as Register
from tests.services.bank_world import Bank, number
from tests.services.disclosure_world import World, subject, token
from tests.services.income_world import Office

_ACCOUNTS = itertools.count(uuid.uuid4().int % 10**9 * 1000)
MEANS, EVIDENCE = b"\x01" * 32, b"\x02" * 32


def payee(account: int | None = None) -> dict[str, str]:
    """Somebody's account; of nobody else unless named."""
    found = next(_ACCOUNTS) if account is None else account
    return {
        "holder": "测试医院", "account": f"99{found:014d}", "bank_code": "102100099996", "bank_name": "测试银行",
    }  # fmt: skip


class Claims:
    """The office behind one session; everybody acts through it."""

    def __init__(self, session: Session, config: Config, world: World) -> None:
        self.session, self.config, self.world = session, config, world
        self.association, self.mediator = world.member("association"), world.member("mediator")
        self.court, self.bank, self.agency = world.member("court"), world.member("bank"), world.member("agency")
        self.token = token()
        self.case_id = world.case(self.bank, self.token, placement="accepted", agency_id=self.agency.member_id)
        self.today = clock.today_in_china()
        last = books.find_last_period(session)
        if last is None:
            periods.open_period(session, first_day=self.today.replace(day=1), last_day=self.today)
        elif last.last_day < self.today:
            periods.open_period(session, last_day=self.today)
        chart.open_chart(session)
        member = self.association.member_id
        assert member is not None
        self.office = Office(session, member, uuid.uuid4(), uuid.uuid4())
        self.banks: dict[tuple[str, str | None], Bank] = {}
        self.become(self.association)

    def become(self, caller: Caller | None) -> None:
        act_for(self.session, caller.member_id if caller else None, caller.kind if caller else "registry")

    def actor(self, caller: Caller, officer: str) -> Actor:
        assert caller.member_id is not None
        return Actor(caller.member_id, officer, caller.client_id)

    def give(self, amount_fen: int, **more: Any) -> None:
        """Money for the fund, over its reserve floor."""
        self.become(self.association)
        charge = self.office.gift(amount_fen, **more)
        receiving.receive(self.session, charge.id, booked_on=self.today, amount_fen=amount_fen)

    def agent(self) -> uuid.UUID:
        """A person of the agency's, on the register."""
        found = Register(self.session, self.config, self.world).apply(self.agency)
        return found.id

    def file(self, caller: Caller | None = None, **change: Any) -> Claim:
        by = caller or self.mediator
        self.become(by)
        values: dict[str, Any] = {
            "officer": "TIAO01", "fund": "RELIEF", "cause": "medical", "region": "990102", "asked_fen": 800_000,
            "payee": payee(), "payee_kind": "hospital", "unrelated": True, "means_sha256": MEANS,
            "evidence_sha256": EVIDENCE, "subject": subject(self.token),
        } | change  # fmt: skip
        if values["fund"] == "STAFF":
            values.pop("subject", None)
        return service.file(self.session, self.config, caller=by, **values)

    def assess(self, claim: Claim, proposed_fen: int = 800_000, officer: str = "LIN01", **change: Any) -> Claim:
        self.become(self.association)
        reviewer = change.pop("reviewer_id", self.court.member_id)
        return service.assess(
            self.session, claim.id, actor=self.actor(self.association, officer), proposed_fen=proposed_fen,
            reviewer_id=reviewer,
        )  # fmt: skip

    def approve(self, claim: Claim, caller: Caller, officer: str, content: bytes | None = None) -> Claim:
        self.become(caller)
        held = content or claim.content_hash
        assert held is not None
        return service.approve(
            self.session, claim.id, actor=self.actor(caller, officer), content_hash=held, unrelated=True
        )

    def approved(self, claim: Claim) -> Claim:
        self.approve(claim, self.association, "WANG02")
        return self.approve(claim, self.court, "FAGUAN01")

    def pay(self, claim: Claim, officer: str = "WANG02") -> Claim:
        self.become(self.association)
        return paying.pay(self.session, claim.id, actor=self.actor(self.association, officer))

    def at_the_bank(self, fund: str, restriction: str | None) -> Bank:
        """The fund's account at a bank that keeps its own count."""
        if (fund, restriction) not in self.banks:
            bank = Bank.__new__(Bank)
            bank.config, bank.session, bank.fund = self.config, self.session, self.office  # type: ignore[assignment]
            bank.account_no, bank.code = number(), f"B-{uuid.uuid4().hex[:10]}"
            bank.balance = self.office.balance("bank", fund, restriction)
            bank.account = accounts.open_account(
                self.session, self.config, actor=self.office.lin, code=bank.code,
                ledger_accounts=[chart.code("bank", fund, restriction)], holder="示范协会互助基金",
                account=bank.account_no, bank_code="103100000018", bank_name="示范银行",
                opened_on=self.today.replace(day=1), opening_fen=bank.balance,
            )  # fmt: skip
            self.banks[fund, restriction] = bank
        return self.banks[fund, restriction]

    def bank_says(self, claim: Claim, *outcomes: str) -> None:
        """A file goes out if it has not, a statement comes in, its line is matched: the whole way."""
        self.become(self.association)
        assert claim.granted_fen is not None
        bank = self.at_the_bank(claim.fund, claim.restriction)
        paid = instructions.find_live_instruction(self.session, claim.fund.lower(), claim.id)
        assert paid is not None
        if paid.state == "instructed":
            bank.sent(paid)
        signs = {"confirmed": -claim.granted_fen, "returned": claim.granted_fen}
        bank.take(bank.csv(*((signs[outcome], paid.reference) for outcome in outcomes)))
        lines = {line.amount_fen: line for line in bank.lines()}
        for outcome in outcomes:
            bank.match(lines[signs[outcome]], "instruction", paid.id, claim.granted_fen)

    def under_way(self, **change: Any) -> Claim:
        self.give(5_000_000)
        return self.pay(self.approved(self.assess(self.file(**change))))
