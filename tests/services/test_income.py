"""Levies from a stated base to money in the books; penalties, gifts, credit notes, objections, reminders."""

import uuid
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy.orm import Session

from gongxin.errors import Conflict, Forbidden, Invalid, NotFound
from gongxin.fund import clocks
from gongxin.fund.income import answering, queries, receiving, service
from gongxin.fund.ledger import service as ledger
from gongxin.fund.ledger.rules import Actor
from tests.services.income_world import EVIDENCE, Office, count_leaves, open_office


@pytest.fixture
def office(session: Session) -> Office:
    return open_office(session)


def code(caught: Any) -> str:
    return str(caught.value.code)


def test_a_levy_from_a_stated_base_to_money_in_three_funds(office: Office) -> None:
    base = office.state(12_500_000)
    assert count_leaves(office.session, base.id) == 1
    run = office.preview()
    assert (run.state, run.kind) == ("preview", "levy")
    (charge,) = office.issued(run)
    assert charge.member_id == office.agency
    assert charge.amount_fen == 112_500
    assert charge.due_on == office.today + timedelta(days=30)
    assert orjson.loads(charge.lines)["coefficient"]["bp"] == 9_000
    assert count_leaves(office.session, charge.id) == 1
    assert count_leaves(office.session, run.id) == 1
    before = {fund: office.balance("bank", fund) for fund in ("RELIEF", "STAFF", "ADMIN")}
    receiving.receive(office.session, charge.id, booked_on=office.today, amount_fen=112_500)
    after = {fund: office.balance("bank", fund) - before[fund] for fund in before}
    assert after == {"RELIEF": 67_500, "STAFF": 33_750, "ADMIN": 11_250}
    assert queries.get_charge(office.session, charge.id).state == "received"


def test_what_came_in_part_is_owed_in_part(office: Office) -> None:
    charge = office.levied()
    receiving.receive(office.session, charge.id, booked_on=office.today, amount_fen=12_500)
    found = queries.get_charge(office.session, charge.id)
    assert (found.state, found.received_fen) == ("issued", 12_500)
    account = queries.account(office.session, office.agency, office.today)
    assert (account.charged_fen, account.received_fen, account.overdue_fen) == (112_500, 12_500, 0)


def test_a_month_is_charged_once_and_a_later_figure_by_its_difference(office: Office) -> None:
    office.levied(10_000_000)
    with pytest.raises(Conflict) as caught:
        office.preview()
    assert code(caught) == "nothing_to_charge"
    office.state(10_500_000)
    (more,) = office.issued(office.preview())
    assert orjson.loads(more.lines)["base_fen"] == 500_000


def test_stating_the_same_again_changes_nothing_and_another_figure_supersedes(office: Office) -> None:
    first = office.state(5_000)
    assert office.state(5_000).id == first.id
    assert office.state(6_000).supersedes == first.id


def test_a_contracts_agreed_statement_counts_where_it_is_the_greater(office: Office) -> None:
    office.state(1_000_000)
    for n in (1, 2):
        service.report_base(
            office.session, member_id=office.agency, month=office.month, base_fen=800_000, source="contracts",
            source_id=uuid.UUID(int=n),
        )  # fmt: skip
    (charge,) = office.issued(office.preview())
    (month,) = orjson.loads(charge.lines)["months"]
    assert (month["agreed_fen"], month["stated_fen"], month["base_fen"]) == (1_600_000, 1_000_000, 1_600_000)


def test_one_person_under_two_accounts_approves_a_run_once(office: Office) -> None:
    office.state(5_000_000)
    run = office.preview()
    assert run.content_hash is not None
    service.approve(office.session, run.id, actor=office.wang, content_hash=run.content_hash)
    twice = Actor(office.member_id, "WANG02", client_id=office.agency)
    with pytest.raises(Conflict) as caught:
        service.approve(office.session, run.id, actor=twice, content_hash=run.content_hash)
    assert code(caught) == "run_approved_before"
    with pytest.raises(Forbidden) as maker:
        service.approve(office.session, run.id, actor=office.lin, content_hash=run.content_hash)
    assert code(maker) == "run_maker"
    with pytest.raises(Conflict) as other:
        service.approve(office.session, run.id, actor=office.zhao, content_hash=bytes(32))
    assert code(other) == "run_content_changed"
    with pytest.raises(Conflict) as early:
        service.issue(office.session, run.id)
    assert code(early) == "run_state"


def test_what_changed_since_it_was_shown_is_not_invoiced(office: Office) -> None:
    office.state(5_000_000)
    run = office.approved(office.preview())
    office.state(6_000_000)
    with pytest.raises(Conflict) as caught:
        service.issue(office.session, run.id)
    assert code(caught) == "run_content_changed"
    service.withdraw(office.session, run.id)
    (charge,) = office.issued(office.preview())
    assert orjson.loads(charge.lines)["base_fen"] == 6_000_000


def test_two_levy_runs_are_never_open_together(office: Office) -> None:
    office.state(5_000_000)
    office.preview()
    with pytest.raises(Conflict) as caught:
        office.preview()
    assert code(caught) == "levy_run_open"


def test_a_month_that_is_not_over_is_not_stated(office: Office) -> None:
    office.become(office.agency, "agency")
    with pytest.raises(Invalid) as caught:
        service.state_base(
            office.session, member_id=office.agency, month=office.today.strftime("%Y-%m"), base_fen=1,
            evidence_sha256=EVIDENCE,
        )  # fmt: skip
    assert code(caught) == "month_not_over"


@pytest.mark.parametrize("amount", [1.5, -1, 0, 2**53, True, "5"])
def test_fen_that_is_no_positive_integer_is_refused(office: Office, amount: Any) -> None:
    with pytest.raises(Invalid):
        service.penalty(office.session, actor=office.lin, member_id=office.agency, amount_fen=amount, reason="逾期")


def test_a_gift_for_a_purpose_lies_on_accounts_of_that_purpose(office: Office) -> None:
    charge = office.gift(900_000, restriction="medical")
    receiving.receive(office.session, charge.id, booked_on=office.today, amount_fen=900_000)
    assert office.balance("bank", "RELIEF", "medical") == 900_000
    with pytest.raises(Invalid):
        office.gift(900_000, restriction="yachts")
    with pytest.raises(Invalid):
        office.gift(900_000, fund="STAFF", restriction="medical")


def test_a_penalty_is_invoiced_into_relief(office: Office) -> None:
    run = service.penalty(
        office.session, actor=office.lin, member_id=office.agency, amount_fen=7_000, reason="逾期申报"
    )
    (charge,) = office.issued(run)
    before = office.balance("penalty", "RELIEF")
    receiving.receive(office.session, charge.id, booked_on=office.today, amount_fen=7_000)
    assert before - office.balance("penalty", "RELIEF") == 7_000


def test_a_credit_note_takes_from_a_charge_and_never_more_than_it(office: Office) -> None:
    charge = office.levied()
    run = service.credit(office.session, actor=office.lin, charge_id=charge.id, amount_fen=12_500, reason="基数更正")
    assert queries.get_charge(office.session, charge.id).credited_fen == 0, "not before it is approved and issued"
    office.issued(run)
    assert queries.get_charge(office.session, charge.id).credited_fen == 12_500
    with pytest.raises(Conflict) as caught:
        service.credit(office.session, actor=office.lin, charge_id=charge.id, amount_fen=100_001, reason="更正")
    assert code(caught) == "not_creditable"
    rest = service.credit(office.session, actor=office.lin, charge_id=charge.id, amount_fen=100_000, reason="更正")
    office.issued(rest)
    assert queries.get_charge(office.session, charge.id).state == "cancelled"


def test_an_objection_stops_reminders_until_it_is_decided(office: Office) -> None:
    charge = office.levied()
    office.become(office.agency, "agency")
    said = answering.object_to(office.session, charge.id, member_id=office.agency, said="基数含已退佣金")
    assert said.due_on is not None
    assert said.due_on >= office.today + timedelta(days=28)
    with pytest.raises(Conflict) as again:
        answering.object_to(office.session, charge.id, member_id=office.agency, said="再次")
    assert code(again) == "objection_open"
    late = office.today + timedelta(days=45)
    office.become(None, "registry")
    assert charge.id not in {row.id for row in queries.to_dun(office.session, late, [7, 30, 60], 1000)}
    office.as_office()
    decision, run = answering.decide(
        office.session, charge.id, actor=office.lin, upheld=True, said="属实", credit_fen=2_500
    )
    assert decision.answers == said.id
    assert run is not None
    assert run.kind == "credit"
    office.become(None, "registry")
    assert charge.id in {row.id for row in queries.to_dun(office.session, late, [7, 30, 60], 1000)}
    office.as_office()
    with pytest.raises(Conflict) as none:
        answering.decide(office.session, charge.id, actor=office.lin, upheld=False, said="无")
    assert code(none) == "no_open_objection"


def test_a_members_charge_is_nobody_elses_to_see_or_object_to(office: Office) -> None:
    charge = office.levied()
    office.become(office.other, "agency")
    with pytest.raises(NotFound):
        queries.get_charge(office.session, charge.id)
    with pytest.raises(NotFound):
        answering.object_to(office.session, charge.id, member_id=office.other, said="无关")
    office.become(office.agency, "agency")
    assert queries.get_charge(office.session, charge.id).id == charge.id


def test_a_preview_is_not_seen_by_the_member(office: Office) -> None:
    office.state(5_000_000)
    run = office.preview()
    (charge,) = queries.run_charges(office.session, run.id)
    office.become(office.agency, "agency")
    with pytest.raises(NotFound):
        queries.get_charge(office.session, charge.id)


def test_reminders_come_by_the_clock_each_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    charge = office.levied()
    assert charge.due_on is not None
    office.become(None, "registry")
    real = clocks.dun.__globals__["clock"].now
    for day, steps in ((6, 0), (7, 1), (7, 1), (29, 1), (30, 2), (200, 3), (300, 3)):
        at = real() + timedelta(days=30 + day)
        monkeypatch.setattr(clocks.dun.__globals__["clock"], "now", lambda at=at: at)
        while clocks.dun(office.session, charge.due_on + timedelta(days=day)) == answering.PORTION:
            pass
        assert len(queries.dunnings(office.session, charge.id)) == steps, day


def test_entries_that_nobody_decides_expire(office: Office) -> None:
    from gongxin.fund import chart
    from gongxin.fund.ledger import queries as books
    from gongxin.fund.ledger.rules import Draft, NewLeg

    legs = (NewLeg(chart.code("bank", "RELIEF"), "RELIEF", "debit", 5),
            NewLeg(chart.code("donation", "RELIEF"), "RELIEF", "credit", 5))  # fmt: skip
    entry, _ = ledger.draft(office.session, actor=office.lin, new=Draft("stale-1", office.today, "旧", legs))
    office.become(None, "registry")
    now = entry.created_at
    clocks.expire_entries(office.session, now + timedelta(days=89))
    assert books.get_entry(office.session, entry.id).state == "draft"
    while clocks.expire_entries(office.session, now + timedelta(days=91)) == clocks.PORTION:
        pass
    assert books.get_entry(office.session, entry.id).state == "expired"
