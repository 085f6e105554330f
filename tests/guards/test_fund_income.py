"""What must never happen to the fund's income, tried as the web role in plain SQL: the database refuses each."""

import uuid
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.fund import chart
from gongxin.fund.income import queries, receiving, service
from gongxin.fund.ledger import queries as books
from gongxin.fund.ledger import service as ledger
from gongxin.fund.ledger.rules import Draft, NewLeg
from tests.services.income_world import Office, open_office
from tests.services.members_world import named

APPROVE = (
    "insert into fund_run_approvals (run_id, officer, content_hash, member_id, approved_at)"
    " values (:r, :o, :h, :m, now())"
)


@pytest.fixture
def office(session: Session) -> Office:
    return open_office(session)


def refused(office: Office, statement: str, **values: Any) -> str:
    """The constraint, or the state of SQL where a right is missing."""
    with pytest.raises(DBAPIError) as caught, office.session.begin_nested():
        office.session.execute(text(statement), values)
    return "42501" if getattr(caught.value.orig, "sqlstate", "") == "42501" else named(caught.value)


def test_a_run_is_approved_by_two_people_who_did_not_make_it_on_its_very_hash(office: Office) -> None:
    office.state(5_000_000)
    run = office.preview()
    given = {"r": run.id, "m": office.member_id, "h": run.content_hash}
    assert refused(office, APPROVE, o="LIN01", **given) == "fund_run_approvals_maker"
    assert refused(office, APPROVE, o="WANG02", **(given | {"h": bytes(32)})) == "fund_run_approvals_content"
    assert refused(office, APPROVE, o="wang02", **given) == "ck_fund_run_approvals_officer"
    assert refused(office, APPROVE, o="WANG02", **(given | {"m": uuid.uuid4()})) == "42501"
    office.session.execute(text(APPROVE), given | {"o": "WANG02"})
    assert refused(office, APPROVE, o="WANG02", **given) == "pk_fund_run_approvals"
    by_hand = "update fund_runs set state = 'approved' where id = :r"
    assert refused(office, by_hand, r=run.id) == "fund_runs_approved"
    issue = "update fund_runs set state = 'issued', issued_at = now() where id = :r"
    assert refused(office, issue, r=run.id) == "fund_runs_transition"
    office.session.execute(text(APPROVE), given | {"o": "ZHAO03"})
    office.session.execute(text(issue), {"r": run.id})
    assert refused(office, issue, r=run.id) == "fund_runs_transition"


def test_what_a_run_charges_is_frozen_as_it_is_shown(office: Office) -> None:
    office.state(5_000_000)
    run = office.preview()
    (charge,) = queries.run_charges(office.session, run.id)
    add = (
        "insert into fund_charges (id, run_id, member_id, amount_fen, lines)"
        " values (gen_random_uuid(), :r, :m, 5, '{}')"
    )
    assert refused(office, add, r=run.id, m=office.agency) == "fund_charges_begin"
    for column in ("amount_fen = 1", "lines = '{}'", "member_id = null", "received_fen = 9", "credited_fen = 9"):
        assert refused(office, f"update fund_charges set {column} where id = :c", c=charge.id) == "42501"
    assert refused(office, "update fund_runs set content_hash = null where id = :r", r=run.id) == "42501"
    early = "update fund_charges set state = 'issued', reference = 'GF0', due_on = now() where id = :c"
    assert refused(office, early, c=charge.id) == "fund_charges_issued"
    assert refused(office, "delete from fund_charges") == "42501"
    assert refused(office, "delete from fund_runs") == "42501"


def test_an_issued_charge_moves_by_receipts_and_credit_notes_alone(office: Office) -> None:
    charge = office.levied()
    for state in ("received", "cancelled", "preview", "issued"):
        move = "update fund_charges set state = :s where id = :c"
        assert refused(office, move, s=state, c=charge.id) == "fund_charges_issued"


def test_a_receipt_is_what_a_posted_entry_books_for_its_charge(office: Office) -> None:
    charge, other = office.levied(), office.gift(500)
    receiving.receive(office.session, other.id, booked_on=office.today, amount_fen=500)
    (receipt,) = queries.receipts(office.session, other.id)
    insert = (
        "insert into fund_receipts (id, charge_id, entry_id, booked_on, amount_fen, at)"
        " values (gen_random_uuid(), :c, :e, :d, :n, now())"
    )
    given = {"c": charge.id, "e": receipt.entry_id, "d": office.today, "n": 500}
    assert refused(office, insert, **given) == "42501", "only what the registry books"
    office.become(None, "registry")
    assert refused(office, insert, **given) == "uq_fund_receipts_entry_id"
    receiving.receive(office.session, other.id, booked_on=office.today, amount_fen=500)
    again = queries.receipts(office.session, other.id)[-1].entry_id
    assert refused(office, insert, **(given | {"e": again})) == "uq_fund_receipts_entry_id"
    legs = (NewLeg(chart.code("bank", "RELIEF"), "RELIEF", "debit", 700),
            NewLeg(chart.code("levy", "RELIEF"), "RELIEF", "credit", 700))  # fmt: skip
    entry, _ = ledger.draft(
        office.session, actor=office.lin, new=Draft("r-1", office.today, "收款", legs, reference=charge.reference)
    )
    assert refused(office, insert, **(given | {"e": entry.id, "n": 700})) == "fund_receipts_entry", "not posted"
    for change in ("amount_fen = 1", "charge_id = entry_id"):
        assert refused(office, f"update fund_receipts set {change}") == "42501"


def test_a_credit_note_is_no_more_than_its_charge(office: Office) -> None:
    charge = office.levied()
    run = service.credit(office.session, actor=office.lin, charge_id=charge.id, amount_fen=60_000, reason="更正")
    again = service.credit(office.session, actor=office.lin, charge_id=charge.id, amount_fen=60_000, reason="更正")
    office.issued(run)
    office.approved(again)
    office.session.execute(
        text("update fund_runs set state = 'issued', issued_at = now() where id = :r"), {"r": again.id}
    )
    move = "update fund_charges set state = 'issued', reference = 'GFX' where run_id = :r"
    assert refused(office, move, r=again.id) == "fund_charges_credit"


def test_administration_spends_at_most_a_tenth_of_the_years_income(office: Office) -> None:
    session = office.session
    year = "select coalesce(-sum(p.amount_fen), 0) from fund_postings p join fund_accounts a on a.id = p.account_id"
    charge = office.levied(100_000_000)
    receiving.receive(session, charge.id, booked_on=office.today, amount_fen=charge.amount_fen)
    income = int(session.scalar(text(f"{year} where a.type = 'income'")) or 0)
    spent = -int(session.scalar(text(f"{year} where a.type = 'expense' and a.fund = 'ADMIN'")) or 0)
    left = income // 10 - spent

    def ready(amount: int) -> uuid.UUID:
        legs = (NewLeg(chart.code("costs", "ADMIN"), "ADMIN", "debit", amount),
                NewLeg(chart.code("bank", "ADMIN"), "ADMIN", "credit", amount))  # fmt: skip
        new = Draft(uuid.uuid4().hex, office.today, "管理费", legs)
        entry, _ = ledger.draft(session, actor=office.lin, new=new, submit=True)
        assert entry.content_hash is not None
        for actor in (office.wang, office.zhao):
            ledger.approve(session, entry.id, actor=actor, content_hash=entry.content_hash)
        return entry.id

    # Money enough is there, so that nothing else than the share refuses it.
    legs = (NewLeg(chart.code("bank", "ADMIN"), "ADMIN", "debit", left + 10),
            NewLeg(office_loan(office), "ADMIN", "credit", left + 10))  # fmt: skip
    new = Draft(uuid.uuid4().hex, office.today, "借款", legs)
    entry, _ = ledger.draft(session, actor=office.lin, new=new, submit=True)
    assert entry.content_hash is not None
    for actor in (office.wang, office.zhao):
        ledger.approve(session, entry.id, actor=actor, content_hash=entry.content_hash)
    ledger.post(session, entry.id, actor=office.wang)
    post = "update fund_entries set state = 'posted', posted_at = now(), acted_officer = 'WANG02' where id = :e"
    assert refused(office, post, e=ready(left + 1)) == "fund_admin_share"
    session.execute(text(post), {"e": ready(left)})
    assert refused(office, post, e=ready(1)) == "fund_admin_share"


def office_loan(office: Office) -> str:
    code = f"L-{uuid.uuid4().hex[:8]}"
    ledger.open_account(office.session, code=code, name_zh="借款", name_en="Loan", type="liability", fund="ADMIN")
    assert books.get_account(office.session, code)
    return code


def test_nobody_is_dunned_before_the_day_twice_or_by_hand(office: Office) -> None:
    charge = office.levied()
    insert = "insert into fund_dunnings values (:c, :s, :n, now() + make_interval(days => :d))"
    given = {"c": charge.id, "s": 1, "n": charge.amount_fen, "d": 40}
    assert refused(office, insert, **given) == "42501"
    office.become(None, "registry")
    assert refused(office, insert, **(given | {"d": 29})) == "fund_dunnings_due"
    assert refused(office, insert, **(given | {"s": 2})) == "fund_dunnings_due"
    assert refused(office, insert, **(given | {"n": 1})) == "fund_dunnings_due"
    office.session.execute(text(insert), given)
    assert refused(office, insert, **given) in {"fund_dunnings_due", "pk_fund_dunnings"}


def test_members_report_for_themselves_and_change_nothing(office: Office) -> None:
    charge = office.levied()
    office.become(office.other, "agency")
    base = (
        "insert into fund_bases (id, member_id, month, base_fen, source, source_id, evidence_sha256, reported_by,"
        " reported_at) values (gen_random_uuid(), :m, :month, :n, :s, :m, :e, :by, now())"
    )
    given = {"m": office.other, "month": "2026-01", "n": 5, "s": "statement", "e": bytes(32), "by": office.other}
    assert refused(office, base, **(given | {"m": office.agency})) == "42501"
    assert refused(office, base, **(given | {"s": "contracts", "e": None})) == "42501"
    assert refused(office, base, **(given | {"month": "2026-13"})) == "ck_fund_bases_month"
    assert refused(office, base, **(given | {"n": -1})) == "ck_fund_bases_base"
    assert refused(office, base, **(given | {"n": 2**53})) == "ck_fund_bases_base"
    assert refused(office, base, **(given | {"e": None})) == "ck_fund_bases_evidence"
    objection = (
        "insert into fund_objections (id, charge_id, said, due_on, said_by, said_at)"
        " values (gen_random_uuid(), :c, 'x', now(), :m, now())"
    )
    assert refused(office, objection, c=charge.id, m=office.other) == "42501"
    run = (
        "insert into fund_runs (id, kind, pack_version, reason, maker_member, maker_officer, created_at)"
        " values (gen_random_uuid(), 'penalty', 1, 'x', :m, 'LIN01', now())"
    )
    assert refused(office, run, m=office.other) == "42501"
    for table in ("fund_bases", "fund_receipts", "fund_dunnings", "fund_objections", "fund_run_approvals"):
        assert refused(office, f"delete from {table}") == "42501"
