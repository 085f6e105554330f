"""One account at a bank, several accounts of the books: a levy received, a refund, days that stay."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.errors import Conflict, Invalid
from gongxin.fund import chart
from gongxin.fund.bank import accounts, days, files, matching, outcomes, payees, queries, service, statements
from gongxin.fund.bank import queries_statements as found
from gongxin.fund.income import queries as income
from gongxin.fund.income import receiving, refunding
from gongxin.fund.income import service as runs
from gongxin.fund.ledger import queries as books
from gongxin.fund.ledger import service as ledger
from tests.services.bank_world import Bank, camt, number
from tests.services.income_world import Office, open_office
from tests.services.members_world import named


class Pool(Bank):
    """The fund's whole money on one account at a bank."""

    def __init__(self, session: Session, config: Config, office: Office) -> None:
        self.config, self.session, self.office = config, session, office
        self.fund = office  # type: ignore[assignment]
        self.account_no, self.code = number(), f"B-{uuid.uuid4().hex[:10]}"
        self.codes = [each.code for each in books.accounts(session) if each.code.startswith("1002-")]
        self.balance = sum(books.balance(session, books.get_account(session, code).id) for code in self.codes)
        self.account = accounts.open_account(
            session, config, actor=office.lin, code=self.code, ledger_accounts=self.codes, holder="示范协会互助基金",
            account=self.account_no, bank_code="103100000018", bank_name="示范银行", opened_on=office.today,
            opening_fen=self.balance,
        )  # fmt: skip

    def certain(self) -> Any:
        return matching.match_certain(self.session, actor=self.office.wang, bank_account=self.code)

    def reconciled(self) -> Any:
        return days.reconcile(self.session, actor=self.office.wang, bank_account=self.code, day=self.office.today)

    def book(self, *legs: tuple[str, str, str, int]) -> Any:
        """Posted by three officers: role, fund, side, fen."""
        made, _ = ledger.draft(
            self.session, actor=self.office.lin, submit=True,
            new=ledger_draft(self.office, tuple(
                refunding.NewLeg(chart.code(role, fund), fund, side, fen) for role, fund, side, fen in legs
            )),
        )  # fmt: skip
        return self.posted(made)

    def posted(self, made: Any) -> Any:
        for officer in (self.office.wang, self.office.zhao):
            ledger.approve(self.session, made.id, actor=officer, content_hash=made.content_hash)
        return ledger.post(self.session, made.id, actor=self.office.wang)


def ledger_draft(office: Office, legs: Any) -> Any:
    return refunding.Draft(f"t-{uuid.uuid4().hex}", office.today, "测试", legs)


@pytest.fixture
def pool(session: Session, config: Config) -> Any:
    undo = [
        outcomes.register(runs.EXPECTED, receiving.settled),
        outcomes.register("refund", refunding.settled),
    ]
    yield Pool(session, config, open_office(session))
    for each in reversed(undo):
        each()


def refused(pool: Pool, statement: str, **values: Any) -> str:
    with pytest.raises(DBAPIError) as caught, pool.session.begin_nested():
        pool.session.execute(text(statement), values)
    return "42501" if getattr(caught.value.orig, "sqlstate", "") == "42501" else named(caught.value)


def test_a_levy_received_reconciles_though_it_is_split_over_three_funds(pool: Pool) -> None:
    charge = pool.office.levied()
    before = {fund: pool.office.balance("bank", fund) for fund in ("RELIEF", "STAFF", "ADMIN")}
    pool.take(pool.csv((charge.amount_fen, f"会费 {charge.reference}")))
    assert len(pool.certain()) == 1
    moved = {fund: pool.office.balance("bank", fund) - fen for fund, fen in before.items()}
    assert all(moved.values())
    assert sum(moved.values()) == charge.amount_fen
    how = days.standing(pool.session, pool.account, pool.office.today)
    assert (how.difference_fen, how.agrees) == (0, True)
    assert pool.reconciled().closing_fen == pool.balance


def test_nothing_is_posted_into_a_day_that_is_reconciled(pool: Pool) -> None:
    charge = pool.office.levied()
    pool.take(pool.csv((charge.amount_fen, charge.reference or "")))
    pool.certain()
    pool.reconciled()
    with pytest.raises(DBAPIError) as caught, pool.session.begin_nested():
        pool.book(("bank", "RELIEF", "debit", 5), ("donation", "RELIEF", "credit", 5))
    assert named(caught.value) == "fund_entries_reconciled"
    pool.book(("levy", "RELIEF", "debit", 5), ("owed", "RELIEF", "credit", 5))  # no money of the bank moves


def test_a_line_of_a_reconciled_day_that_comes_later_is_booked_on_its_statements_day(pool: Pool) -> None:
    today = pool.office.today
    pool.take(camt(pool.account_no, today, pool.balance, []))
    pool.reconciled()
    late = {"amount": 5, "ref": uuid.uuid4().hex, "day": today}
    pool.take(camt(pool.account_no, today + timedelta(days=1), pool.balance, [late]))
    (line,) = pool.lines()
    assert line.booked_on == today
    assert found.day_to_book(pool.session, line) == today + timedelta(days=1)


def test_an_account_of_the_books_is_of_one_bank_account_and_an_asset(pool: Pool) -> None:
    given = {
        "actor": pool.office.lin, "code": "B-X", "holder": "示范", "account": number(), "bank_code": "103100000018",
        "bank_name": "示范银行", "opened_on": pool.office.today,
    }  # fmt: skip
    for codes in ([], ["4001-RELIEF"], [pool.codes[0], pool.codes[0]]):
        with pytest.raises(Invalid, match="invalid_field"):
            accounts.open_account(pool.session, pool.config, ledger_accounts=codes, **given)
    with pytest.raises(DBAPIError) as caught, pool.session.begin_nested():
        accounts.open_account(pool.session, pool.config, ledger_accounts=pool.codes[:1], **given)
    assert named(caught.value) in ("uq_fund_bank_accounts_ledger_account_id", "pk_fund_bank_books")
    insert = "insert into fund_bank_books select id, :b from fund_accounts where code = :c"
    assert refused(pool, insert, b=pool.account.id, c=pool.codes[0]) == "pk_fund_bank_books"
    assert refused(pool, insert, b=pool.account.id, c="4001-RELIEF") == "fund_bank_books_asset"
    for change in ("update fund_bank_books set bank_account_id = bank_account_id", "delete from fund_bank_books"):
        assert refused(pool, change) == "42501"


def test_books_that_held_money_on_a_reconciled_day_are_not_added_later(pool: Pool) -> None:
    code = f"T-{uuid.uuid4().hex[:8]}"
    fund = "RELIEF"
    ledger.open_account(pool.session, code=code, name_zh="测试", name_en="Test", type="asset", fund=fund)
    empty = f"T-{uuid.uuid4().hex[:8]}"
    ledger.open_account(pool.session, code=empty, name_zh="测试", name_en="Test", type="asset", fund=fund)
    legs = (refunding.NewLeg(code, fund, "debit", 5), refunding.NewLeg("4002-RELIEF", fund, "credit", 5))
    made, _ = ledger.draft(pool.session, actor=pool.office.lin, new=ledger_draft(pool.office, legs), submit=True)
    pool.posted(made)
    pool.take(camt(pool.account_no, pool.office.today, pool.balance, []))
    pool.reconciled()
    with pytest.raises(DBAPIError) as caught, pool.session.begin_nested():
        accounts.add_books(pool.session, bank_account=pool.code, ledger_account=code)
    assert named(caught.value) == "fund_bank_books_late"
    accounts.add_books(pool.session, bank_account=pool.code, ledger_account=empty)
    assert empty in {row[1] for row in found.books(pool.session, [pool.account.id])}


# --- refunds ----------------------------------------------------------------------------------------------------------


def overpaid(pool: Pool, credit: int = 1_000) -> Any:
    """A levy that was paid, then credited in part; the fund has money above its reserve floor."""
    charge, gifts = pool.office.levied(), [pool.office.gift(9_000_000, fund=fund) for fund in ("RELIEF", "STAFF")]
    pool.take(pool.csv(*((each.amount_fen, each.reference or "") for each in (charge, *gifts))))
    pool.certain()
    run = runs.credit(pool.session, actor=pool.office.lin, charge_id=charge.id, amount_fen=credit, reason="多计")
    pool.office.issued(run)
    return income.get_charge(pool.session, charge.id)


def test_an_overpaid_charge_goes_back_under_the_two_approvals_of_what_is_owed(pool: Pool) -> None:
    charge = overpaid(pool)
    entry, amount = refunding.owe(pool.session, charge.id, actor=pool.office.lin)
    assert (entry.state, amount) == ("submitted", 1_000)
    assert refunding.owe(pool.session, charge.id, actor=pool.office.zhao)[0].id == entry.id
    payee = pool.payee()
    instruct = {
        "purpose": "refund", "source_id": entry.id, "fund": "RELIEF", "amount_fen": 1_000, "payee_id": payee.id,
        "hold_id": None, "maker": pool.office.lin,
    }  # fmt: skip
    with pytest.raises(DBAPIError) as caught, pool.session.begin_nested():
        service.instruct(pool.session, **instruct)
    assert named(caught.value) == "fund_instructions_refund"  # nobody has approved it
    pool.posted(entry)
    paid = service.instruct(pool.session, **instruct)
    before = sum(pool.office.balance("bank", fund) for fund in ("RELIEF", "STAFF", "ADMIN"))
    made = files.generate(
        pool.session, pool.config, actor=pool.office.lin, bank_account=pool.code, format="csv",
        execute_on=pool.office.today, instruction_ids=[paid.id],
    )  # fmt: skip
    files.release(pool.session, made.id, actor=pool.office.wang, sha256=made.sha256)
    files.content(pool.session, pool.config, made.id)
    pool.take(camt(
        pool.account_no, pool.office.today + timedelta(days=1), pool.balance,
        [{"amount": -1_000, "ref": uuid.uuid4().hex, "words": paid.reference, "day": pool.office.today}],
    ))  # fmt: skip
    assert len(pool.certain()) == 1
    assert before - sum(pool.office.balance("bank", fund) for fund in ("RELIEF", "STAFF", "ADMIN")) == 1_000
    assert [pool.office.balance("owed", fund) for fund in ("RELIEF", "STAFF", "ADMIN")] == [0, 0, 0]
    booked = books.entries_with_keys(pool.session, [f"refund-confirmed:{entry.id}:1"])[0]
    assert {each.officer for each in books.approvals(pool.session, [booked.id])} == {"WANG02", "ZHAO03"}
    assert found.booked_fen(pool.session, pool.account, pool.office.today) == pool.balance


def test_what_was_not_overpaid_is_not_owed(pool: Pool) -> None:
    charge = pool.office.levied()
    with pytest.raises(Conflict, match="not_overpaid"):
        refunding.owe(pool.session, charge.id, actor=pool.office.lin)


def test_a_refund_is_exactly_what_a_posted_entry_owes(pool: Pool) -> None:
    gift = pool.book(("bank", "RELIEF", "debit", 500), ("donation", "RELIEF", "credit", 500))
    owed = pool.book(("bank", "RELIEF", "debit", 500), ("owed", "RELIEF", "credit", 500))
    payee = pool.payee()
    insert = (
        "insert into fund_instructions (id, reference, purpose, source_id, fund, amount_fen, payee_id, maker_member,"
        " maker_officer, instructed_at, changed_at) values (gen_random_uuid(), :r, 'refund', :s, :f, :n, :p, :m,"
        " 'LIN01', now(), now())"
    )
    values: dict[str, Any] = {"r": service.new_reference(), "p": payee.id, "m": pool.office.member_id}
    for source, fund, fen in ((gift.id, "RELIEF", 500), (owed.id, "RELIEF", 499), (owed.id, "RELIEF", 501),
                              (owed.id, "STAFF", 500), (uuid.uuid4(), "RELIEF", 500)):  # fmt: skip
        assert refused(pool, insert, s=source, f=fund, n=fen, **values) == "fund_instructions_refund"
    pool.session.execute(text(insert), values | {"s": owed.id, "f": "RELIEF", "n": 500})


# --- seals and forms --------------------------------------------------------------------------------------------------


def test_a_new_master_key_seals_payees_accounts_and_lines_anew(pool: Pool) -> None:
    payee = pool.payee()
    pool.take(pool.csv((5, "附言")))
    (line,) = pool.lines()
    old, new = pool.config.master_key, bytes(range(32))
    pool.office.become(None, "registry")
    keys = {"old_key": old, "new_key": new}
    while payees.reseal(pool.session, **keys) + accounts.reseal(pool.session, **keys):  # type: ignore[arg-type]
        pass
    pool.session.expire_all()
    after = pool.config.__class__(**{**vars_of(pool.config), "master_key": new})
    assert payees.read(pool.session, after, payee.id)["holder"] == "测试第九医院"
    assert accounts.details(after, pool.account)["account"] == pool.account_no
    assert statements.words(after, pool.lines()[0])["words"] == "附言"
    assert line.amount_fen == 5
    assert queries.get_payee(pool.session, payee.id).account_key == payee.account_key


def vars_of(config: Config) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_what_a_bank_reads_and_writes_may_change_and_nothing_else_of_the_account(pool: Pool) -> None:
    accounts.set_forms(pool.session, bank_account=pool.code, statements={"words": "摘要"}, payments={"amount": "fen"})
    assert (pool.account.statements["words"], pool.account.payments["amount"]) == ("摘要", "fen")
    assert refused(pool, "update fund_bank_accounts set code = 'X'") == "42501"
    owed = pool.book(("bank", "RELIEF", "debit", 50), ("owed", "RELIEF", "credit", 50))
    paid = service.instruct(
        pool.session, purpose="refund", source_id=owed.id, fund="RELIEF", amount_fen=50, payee_id=pool.payee().id,
        hold_id=None, maker=pool.office.lin,
    )  # fmt: skip
    files.generate(
        pool.session, pool.config, actor=pool.office.lin, bank_account=pool.code, format="csv",
        execute_on=pool.office.today, instruction_ids=[paid.id],
    )  # fmt: skip
    with pytest.raises(DBAPIError) as caught, pool.session.begin_nested():
        accounts.set_forms(pool.session, bank_account=pool.code, payments={"amount": "yuan"})
    assert named(caught.value) == "fund_bank_accounts_layout"
