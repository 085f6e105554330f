"""The ledger through its verbs, as the web role."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import service as access
from gongxin.app import create_app
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, GongxinError, Invalid
from gongxin.fund.ledger import periods, queries, rules, service
from gongxin.fund.ledger.models import Entry, Period, Posting, Step
from gongxin.fund.ledger.rules import Actor
from gongxin.transparency import service as log
from gongxin.transparency.queries import find_waiting
from gongxin.web.runtime import Runtime
from gongxin_wire import commitments
from tests.services.fund_world import Fund, open_fund, unique
from tests.services.log_world import OwnLog, own_log
from tests.services.members_world import named


@pytest.fixture
def fund(session: Session) -> Fund:
    return open_fund(session)


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(GongxinError) as caught:
        call()
    return caught.value.code


def constraint_of(fund: Fund, call: Callable[[], Any]) -> str:
    with pytest.raises(DBAPIError) as caught, fund.session.begin_nested():
        call()
    return named(caught.value)


# --- an entry's way -------------------------------------------------------------------------------------------------


def test_a_posted_entry_moves_both_balances(fund: Fund) -> None:
    fund.posted(12_345)
    assert (fund.balance("cash"), fund.balance("levies")) == (12_345, -12_345)


def test_an_entry_goes_from_draft_to_posted_and_every_step_is_kept(fund: Fund) -> None:
    entry = fund.posted()
    assert entry.state == "posted"
    kept = queries.steps(fund.session, entry.id)
    assert [(step.state, step.officer) for step in kept] == [
        ("draft", "LIN01"), ("submitted", "LIN01"), ("approved", "ZHAO03"), ("posted", "WANG02"),
    ]  # fmt: skip


def test_python_and_the_database_write_the_same_content(fund: Fund) -> None:
    words = '退款 "A" \\ / é\u2028 😀 \x7f'
    entry = fund.submitted(description="x", reference="r")
    for description in (words, "中文", "a"):
        new = replace(fund.new(), description=description, reference=None)
        # The guard of the verbs is stricter than the database.
        fund.session.execute(text("select 1"))
        entry, _ = service.draft(fund.session, actor=fund.lin, new=replace(new, description="x"))
        fund.session.execute(
            text("update fund_entries set description = :d where id = :id"), {"d": description, "id": entry.id}
        )
        entry = service.move(fund.session, entry.id, actor=fund.lin, state="submitted")
        legs = [leg for leg, _ in queries.legs(fund.session, [entry.id])]
        written = fund.session.scalar(text("select fund_content(:id)"), {"id": entry.id})
        assert written.encode() == rules.content(entry, legs)
        assert entry.content_hash == rules.content_hash(entry, legs)


def test_a_posted_entry_is_a_leaf_with_its_approvals_inside(fund: Fund) -> None:
    entry = fund.posted()
    leaf, opening = find_waiting(fund.session, entry.id), log.opening(fund.session, entry.id)
    approvals = [(found.member_id, found.officer) for found in queries.approvals(fund.session, [entry.id])]
    record = rules.leaf_record(entry, approvals)
    assert record["approvals"] == [f"{fund.member_id}/WANG02", f"{fund.member_id}/ZHAO03"]
    assert log.opened_record(opening) == record
    assert leaf is not None
    assert leaf.kind == "fund_entry"
    assert leaf.commitment == commitments.commit(opening.salt, record)


def test_the_same_key_with_the_same_content_gives_the_same_entry(fund: Fund) -> None:
    new = fund.new()
    first, created = service.draft(fund.session, actor=fund.lin, new=new)
    again, repeated = service.draft(fund.session, actor=fund.lin, new=new)
    assert (created, repeated, first.id) == (True, False, again.id)


def test_the_same_key_with_another_content_is_refused(fund: Fund) -> None:
    new = fund.new(500)
    service.draft(fund.session, actor=fund.lin, new=new)
    other = replace(new, legs=fund.new(501).legs)
    assert code_of(lambda: service.draft(fund.session, actor=fund.lin, new=other)) == "entry_key_taken"


def test_legs_of_a_draft_are_replaced_and_of_a_submitted_entry_not(fund: Fund) -> None:
    entry, _ = service.draft(fund.session, actor=fund.lin, new=fund.new(100))
    service.revise(fund.session, entry.id, actor=fund.lin, legs=fund.new(300).legs)
    assert [leg.amount_fen for leg, _ in queries.legs(fund.session, [entry.id])] == [300, 300]
    service.move(fund.session, entry.id, actor=fund.lin, state="submitted")
    revise = lambda: service.revise(fund.session, entry.id, actor=fund.lin, legs=fund.new(1).legs)  # noqa: E731
    assert code_of(revise) == "entry_not_draft"


@pytest.mark.parametrize("state", ["submitted", "draft", "withdrawn"])
def test_only_the_maker_submits_takes_back_and_withdraws(fund: Fund, state: str) -> None:
    entry = fund.submitted() if state != "submitted" else service.draft(fund.session, actor=fund.lin, new=fund.new())[0]
    reason = "改正" if state == "withdrawn" else None
    assert code_of(lambda: service.move(fund.session, entry.id, actor=fund.wang, state=state, reason=reason)) == (
        "not_the_maker"
    )


def test_a_rejection_needs_a_reason_and_another_person(fund: Fund) -> None:
    entry = fund.submitted()
    assert code_of(lambda: service.move(fund.session, entry.id, actor=fund.wang, state="rejected")) == "invalid_field"
    by_maker = lambda: service.move(fund.session, entry.id, actor=fund.lin, state="rejected", reason="不符")  # noqa: E731
    assert code_of(by_maker) == "maker_is_not_checker"
    found = service.move(fund.session, entry.id, actor=fund.wang, state="rejected", reason="凭证不符")
    assert found.state == "rejected"
    assert code_of(lambda: service.post(fund.session, entry.id, actor=fund.wang)) == "illegal_transition"


# --- approvals ------------------------------------------------------------------------------------------------------


def test_one_approval_does_not_do(fund: Fund) -> None:
    entry = fund.submitted()
    assert entry.content_hash is not None
    found = service.approve(fund.session, entry.id, actor=fund.wang, content_hash=entry.content_hash)
    assert found.state == "submitted"
    assert code_of(lambda: service.post(fund.session, entry.id, actor=fund.wang)) == "illegal_transition"


def test_the_maker_does_not_approve(fund: Fund) -> None:
    entry = fund.submitted()
    approve = lambda: service.approve(fund.session, entry.id, actor=fund.lin, content_hash=entry.content_hash or b"")  # noqa: E731
    assert code_of(approve) == "maker_is_not_checker"


@pytest.mark.parametrize("spelling", ["wang02", "ＷＡＮＧ０２", "Wang-02", " wang 02 ", "W.A.N.G_02"])
def test_two_approvals_by_one_person_under_two_accounts_are_refused(fund: Fund, spelling: str) -> None:
    entry = fund.submitted()
    assert entry.content_hash is not None
    service.approve(fund.session, entry.id, actor=fund.wang, content_hash=entry.content_hash)
    again = Actor(fund.member_id, rules.officer_key(spelling), client_id=fund.member_id)
    approve = lambda: service.approve(fund.session, entry.id, actor=again, content_hash=entry.content_hash or b"")  # noqa: E731
    assert code_of(approve) == "already_approved"


def test_an_approval_of_content_changed_since_is_refused_and_old_approvals_no_longer_count(fund: Fund) -> None:
    entry = fund.submitted(700)
    before = entry.content_hash
    assert before is not None
    service.approve(fund.session, entry.id, actor=fund.wang, content_hash=before)
    service.move(fund.session, entry.id, actor=fund.lin, state="draft")
    service.revise(fund.session, entry.id, actor=fund.lin, legs=fund.new(7_000).legs)
    entry = service.move(fund.session, entry.id, actor=fund.lin, state="submitted")
    after = entry.content_hash
    assert after is not None
    assert after != before
    approve = lambda: service.approve(fund.session, entry.id, actor=fund.zhao, content_hash=before)  # noqa: E731
    assert code_of(approve) == "content_changed"
    assert service.approve(fund.session, entry.id, actor=fund.zhao, content_hash=after).state == "submitted"
    assert service.approve(fund.session, entry.id, actor=fund.wang, content_hash=after).state == "approved"


# --- what an entry must be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [1.0, 0.5, -1, 0, 2**53, True, "100", None])
def test_fen_as_a_fraction_negative_or_beyond_2_to_the_53_is_refused(fund: Fund, amount: Any) -> None:
    assert code_of(lambda: fund.submitted(amount)) == "invalid_field"


def test_an_entry_that_does_not_balance_is_not_submitted(fund: Fund) -> None:
    legs = (fund.leg("cash", "debit", 100), fund.leg("levies", "credit", 99))
    assert code_of(lambda: fund.submitted(legs=legs)) == "entry_unbalanced"


def test_funds_are_not_mixed_even_where_the_sum_is_zero(fund: Fund) -> None:
    legs = (fund.leg("cash", "debit", 100), fund.leg("staff_levies", "credit", 100))
    assert code_of(lambda: fund.submitted(legs=legs)) == "entry_unbalanced"


def test_an_account_is_of_the_fund_the_leg_says(fund: Fund) -> None:
    legs = (replace(fund.leg("cash", "debit", 1), fund="STAFF"), fund.leg("staff_levies", "credit", 1))
    assert code_of(lambda: fund.submitted(legs=legs)) == "invalid_field"


def test_money_given_for_the_sick_does_not_pay_for_anything_else(fund: Fund) -> None:
    fund.posted(900, "medical_cash", "medical_gifts")
    assert code_of(lambda: fund.submitted(900, "relief", "medical_cash")) == "restricted_money"
    fund.posted(900, "medical_relief", "medical_cash")
    assert fund.balance("medical_cash") == 0


def test_no_account_falls_below_its_minimum(fund: Fund) -> None:
    fund.posted(1_000)
    entry = fund.approved(1_001, "relief", "cash")
    assert constraint_of(fund, lambda: service.post(fund.session, entry.id, actor=fund.wang)) == "fund_entries_minimum"
    fund.posted(1_000, "relief", "cash")


def test_the_reserve_stays_above_its_floor(fund: Fund) -> None:
    fund.posted(8_000, "reserve", "levies")
    fund.posted(3_000, "relief", "reserve")
    entry = fund.approved(1, "relief", "reserve")
    assert constraint_of(fund, lambda: service.post(fund.session, entry.id, actor=fund.wang)) == "fund_entries_minimum"


def test_an_entry_of_a_day_without_a_period_is_refused(fund: Fund) -> None:
    assert code_of(lambda: fund.submitted(booked_on=date(1999, 1, 1))) == "no_period"


def test_text_with_a_persons_number_is_refused(fund: Fund) -> None:
    assert code_of(lambda: fund.submitted(description="退 13800000017")) == "personal_data_in_text"


def test_a_closed_account_takes_nothing_and_one_with_money_is_not_closed(fund: Fund) -> None:
    fund.posted(10)
    close = lambda: service.close_account(fund.session, fund.codes["cash"])  # noqa: E731
    assert constraint_of(fund, close) == "fund_accounts_empty"
    entry = fund.approved(1, "staff_cash", "staff_levies")
    service.close_account(fund.session, fund.codes["staff_cash"])
    assert code_of(lambda: fund.submitted(1, "staff_cash", "staff_levies")) == "invalid_field"
    post = lambda: service.post(fund.session, entry.id, actor=fund.wang)  # noqa: E731
    assert constraint_of(fund, post) == "fund_entries_accounts_open"


# --- reversals and holds --------------------------------------------------------------------------------------------


def reversed_(fund: Fund, entry: Entry) -> Entry:
    found, _ = service.reverse(
        fund.session, entry.id, actor=fund.lin, key=unique("r"), booked_on=fund.today, description="冲销"
    )
    return found


def pass_(fund: Fund, entry: Entry) -> Entry:
    assert entry.content_hash is not None
    for actor in (fund.wang, fund.zhao):
        service.approve(fund.session, entry.id, actor=actor, content_hash=entry.content_hash)
    return service.post(fund.session, entry.id, actor=fund.zhao)


def test_a_reversal_takes_back_what_was_posted(fund: Fund) -> None:
    entry = fund.posted(400)
    pass_(fund, reversed_(fund, entry))
    assert (fund.balance("cash"), fund.balance("levies")) == (0, 0)


def test_a_reversal_is_not_reversed_and_nothing_is_reversed_twice(fund: Fund) -> None:
    entry = fund.posted(400)
    reversal = pass_(fund, reversed_(fund, entry))
    assert code_of(lambda: reversed_(fund, reversal)) == "not_reversible"
    assert constraint_of(fund, lambda: reversed_(fund, entry)) == "ix_fund_entries_one_reversal"


def test_what_is_held_is_spent_by_its_entry_alone(fund: Fund) -> None:
    fund.posted(1_000)
    held = service.hold(fund.session, actor=fund.lin, account=fund.codes["cash"], amount_fen=800, reason="救助已批")
    other = fund.approved(201, "relief", "cash")
    assert constraint_of(fund, lambda: service.post(fund.session, other.id, actor=fund.wang)) == "fund_entries_minimum"
    wrong = fund.approved(799, "relief", "cash", hold_id=held.id)
    assert constraint_of(fund, lambda: service.post(fund.session, wrong.id, actor=fund.wang)) == "fund_entries_hold"
    service.move(fund.session, wrong.id, actor=fund.lin, state="withdrawn", reason="金额不符")
    fund.posted(800, "relief", "cash", hold_id=held.id)
    assert queries.get_hold(fund.session, held.id).state == "used"
    assert fund.balance("cash") == 200
    assert code_of(lambda: service.release(fund.session, held.id)) == "hold_ended"


def test_no_more_is_held_than_there_is(fund: Fund) -> None:
    fund.posted(1_000)
    hold = lambda: service.hold(  # noqa: E731
        fund.session, actor=fund.lin, account=fund.codes["cash"], amount_fen=1_001, reason="救助已批"
    )
    assert constraint_of(fund, hold) == "fund_holds_covered"


def test_a_hold_that_an_entry_stands_on_is_not_released(fund: Fund) -> None:
    fund.posted(100)
    held = service.hold(fund.session, actor=fund.lin, account=fund.codes["cash"], amount_fen=100, reason="救助已批")
    entry = fund.submitted(100, "relief", "cash", hold_id=held.id)
    assert constraint_of(fund, lambda: service.release(fund.session, held.id)) == "fund_holds_claimed"
    fund.session.refresh(held)
    service.move(fund.session, entry.id, actor=fund.lin, state="withdrawn", reason="不再需要")
    assert service.release(fund.session, held.id).state == "released"
    fund.posted(100, "relief", "cash")


# --- balances as of an instant --------------------------------------------------------------------------------------


def test_a_balance_can_be_read_as_of_any_instant(fund: Fund) -> None:
    before = clock.now()
    seen = [(before, 0)]
    for amount in (100, 250, 7):
        fund.posted(amount)
        seen.append((clock.now(), seen[-1][1] + amount))
    for at, wanted in seen:
        assert fund.balance("cash", at) == wanted
    rows = {row.code: row.balance_fen for row in queries.balances(fund.session, seen[2][0])}
    assert rows[fund.codes["cash"]] == 350


def test_each_posting_carries_the_balance_after_it(fund: Fund) -> None:
    for amount in (5, 10, 15):
        fund.posted(amount)
    account = queries.get_account(fund.session, fund.codes["cash"]).id
    rows = fund.session.query(Posting).filter_by(account_id=account).order_by(Posting.number).all()
    assert [(row.number, row.amount_fen, row.balance_fen) for row in rows] == [(1, 5, 5), (2, 10, 15), (3, 15, 30)]


def test_many_entries_are_posted_by_one_update(fund: Fund) -> None:
    made, created = service.draft_many(
        fund.session, actor=fund.lin, drafts=[fund.new(n) for n in range(1, 41)], submit=True
    )
    assert created == 40
    found = {entry_id: queries.get_entry(fund.session, entry_id).content_hash or b"" for entry_id in made}
    for actor in (fund.wang, fund.zhao):
        service.approve_many(fund.session, actor=actor, hashes=found)
    service.post_many(fund.session, actor=fund.zhao, entry_ids=made)
    assert fund.balance("cash") == sum(range(1, 41))
    assert fund.session.query(Step).filter(Step.entry_id.in_(made), Step.state == "posted").count() == 40


# --- periods --------------------------------------------------------------------------------------------------------


def test_days_of_periods_follow_one_another(fund: Fund) -> None:
    with pytest.raises(Invalid, match="period_must_follow"):
        periods.open_period(
            fund.session,
            first_day=fund.period.last_day + timedelta(days=2),
            last_day=fund.period.last_day + timedelta(days=9),
        )
    found = periods.open_period(fund.session, last_day=fund.period.last_day + timedelta(days=9))
    assert found.first_day == fund.period.last_day + timedelta(days=1)
    with pytest.raises(Invalid, match="period_too_long"):
        periods.open_period(fund.session, last_day=found.first_day - timedelta(days=1))


def test_while_a_period_is_closing_nothing_new_is_drafted_and_what_is_submitted_is_decided(fund: Fund) -> None:
    entry = fund.approved(60)
    periods.set_state(fund.session, fund.period.number, "closing")
    assert constraint_of(fund, fund.submitted) == "fund_entries_period_open"
    service.post(fund.session, entry.id, actor=fund.wang)
    periods.set_state(fund.session, fund.period.number, "open")
    fund.posted(1)


def test_nothing_is_posted_before_its_day_at_the_end_of_a_year_either(fund: Fund) -> None:
    """23:59 on 31 December in Shanghai is still that year's day in UTC; a minute later it is not."""
    following = periods.open_period(fund.session, last_day=fund.period.last_day + timedelta(days=30))
    entry = fund.approved(10, booked_on=following.first_day)
    post = lambda: service.post(fund.session, entry.id, actor=fund.wang)  # noqa: E731
    assert constraint_of(fund, post) == "fund_entries_future"
    at = f"{following.first_day.isoformat()}T00:00:00+08:00"
    move = text(
        "update fund_entries set state = 'posted', posted_at = cast(:at as timestamptz) + cast(:s as interval),"
        " acted_officer = 'WANG02' where id = :id"
    )
    early = lambda: fund.session.execute(move, {"at": at, "s": "-1 second", "id": entry.id})  # noqa: E731
    assert constraint_of(fund, early) == "fund_entries_future"
    fund.session.execute(move, {"at": at, "s": "0 second", "id": entry.id})
    assert queries.get_entry(fund.session, entry.id).state == "posted"


# --- closing --------------------------------------------------------------------------------------------------------


@pytest.fixture
def books(server: str, config: Config) -> Iterator[OwnLog]:
    """A database of their own, since a period closes only when nobody's entry in it is undecided."""
    with own_log(server, config) as made:
        with transaction(made.engine) as session:
            access.ensure_registry_keys(session, made.config)
        yield made


@pytest.fixture
def runtime(books: OwnLog) -> Runtime:
    found: Runtime = create_app(books.config, books.engine).extensions["gongxin"]
    return found


@pytest.fixture
def alone(books: OwnLog) -> Iterator[Fund]:
    with transaction(books.engine) as session:
        yield open_fund(session)


def close(fund: Fund, runtime: Runtime) -> Period:
    return periods.close(fund.session, runtime, fund.period.number, actor=fund.wang)


def test_a_closed_period_is_frozen_carried_forward_and_signed(alone: Fund, runtime: Runtime) -> None:
    fund = alone
    fund.posted(500)
    fund.posted(120, "relief", "cash")
    draft, _ = service.draft(fund.session, actor=fund.lin, new=fund.new())
    following = periods.open_period(fund.session, last_day=fund.period.last_day + timedelta(days=30))
    period = close(fund, runtime)
    assert period.state == "closed"
    assert queries.get_entry(fund.session, draft.id).state == "expired"
    assert constraint_of(fund, fund.submitted) == "fund_entries_period_open"
    opening = {row.code: row.opening_fen for row in queries.trial_balance(fund.session, following.number)}
    assert opening[fund.codes["cash"]] == 380
    kept = fund.session.scalar(
        text("select opening_fen from fund_balances where account_id = :a and period = :p"),
        {"a": queries.get_account(fund.session, fund.codes["cash"]).id, "p": following.number},
    )
    assert kept == 380
    assert period.trial_balance is not None
    kid = jwt.get_unverified_header(period.trial_balance)["kid"]
    key = next(key for key in access.public_jwks(fund.session, "receipt")["keys"] if key["kid"] == kid)
    claims = jwt.decode(period.trial_balance, jwt.PyJWK(key), algorithms=["EdDSA"])
    assert claims["period"] == period.number
    assert {total["closing_fen"] for total in claims["totals"].values()} == {0}
    found = {account["code"]: account for account in claims["accounts"]}[fund.codes["cash"]]
    assert (found["debit_fen"], found["credit_fen"], found["closing_fen"]) == (500, 120, 380)
    assert jwt.get_unverified_header(period.trial_balance)["typ"] == periods.TYPE
    assert period.leaf_id is not None
    record = log.opened_record(log.opening(fund.session, period.leaf_id))
    assert period.content_hash is not None
    assert (record["period"], record["content"]) == (period.number, period.content_hash.hex())


def test_a_period_with_undecided_entries_is_not_closed(alone: Fund, runtime: Runtime) -> None:
    fund = alone
    entry = fund.submitted()
    periods.open_period(fund.session, last_day=fund.period.last_day + timedelta(days=30))
    with pytest.raises(Conflict, match="entries_undecided") as caught:
        close(fund, runtime)
    assert str(entry.id) in caught.value.extra["entries"]


def test_a_period_closes_after_the_one_before_and_before_the_next_is_needed(alone: Fund, runtime: Runtime) -> None:
    fund = alone
    assert constraint_of(fund, lambda: close(fund, runtime)) == "fund_periods_next"
    following = periods.open_period(fund.session, last_day=fund.period.last_day + timedelta(days=30))
    periods.open_period(fund.session, last_day=following.last_day + timedelta(days=30))
    late = lambda: periods.close(fund.session, runtime, following.number, actor=fund.wang)  # noqa: E731
    assert constraint_of(fund, late) == "fund_periods_order"
    close(fund, runtime)
    assert code_of(lambda: close(fund, runtime)) == "period_closed"
    assert code_of(lambda: periods.set_state(fund.session, fund.period.number, "open")) == "period_closed"
