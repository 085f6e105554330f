"""Recoveries, commissions, statements: priced once, stated once, agreed line by line, told to the fund."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.contracts.commissions import queries, rules, service
from gongxin.contracts.commissions.models import Recovery
from gongxin.contracts.fees import model as fees
from gongxin.contracts.fees import pricing
from gongxin.contracts.models import Contract
from gongxin.errors import GongxinError
from gongxin.transparency import service as transparency
from tests.services.contracts_world import TODAY, Desk, desks, fee_model, terms
from tests.services.members_world import refused_by

MONTH = f"{TODAY:%Y-%m}"


@pytest.fixture
def desk(session: Session, owner_engine: Engine, config: Config) -> Iterator[Desk]:
    yield from desks(session, owner_engine, config)


@pytest.fixture
def contract(desk: Desk) -> Contract:
    tiers = [
        {"age_from": "M1", "age_to": "M24+", "to_fen": 100_000, "rate_bp": 2_000},
        {"age_from": "M1", "age_to": "M24+", "from_fen": 100_000, "rate_bp": 1_000},
    ]
    return desk.signed(terms(desk, fee_model=fee_model(tiers=tiers)))


def report(desk: Desk, contract: Contract, principal: int = 50_000, **change: Any) -> Recovery:
    desk.become(desk.agency)
    values: dict[str, Any] = {
        "reference": f"R-{uuid.uuid4().hex[:12]}", "received_on": TODAY, "age": 3, "parts": {"principal": principal},
    }  # fmt: skip
    return service.report(desk.session, caller=desk.agency, contract_id=contract.id, **(values | change))[0]


def confirm(desk: Desk, found: Recovery, **more: Any) -> Recovery:
    desk.become(desk.bank)
    return service.confirm(desk.session, found.id, caller=desk.bank, **more)[0]


def refusal(call: Any) -> str:
    with pytest.raises(GongxinError) as caught:
        call()
    return caught.value.code


def test_a_recovery_is_reported_confirmed_and_priced_step_by_step(desk: Desk, contract: Contract) -> None:
    found = confirm(desk, report(desk, contract, 150_000), bank_line="B-1")
    assert (found.state, found.commission_fen, found.cap_bp, found.bank_line) == ("confirmed", 25_000, 2_500, "B-1")
    told = service.explain(desk.session, found)
    assert told is not None
    assert [(step.code, step.amount_fen) for step in told.steps] == [
        ("base", 150_000), ("tier", 20_000), ("tier", 5_000), ("cap", 37_500), ("commission", 25_000),
    ]  # fmt: skip
    assert transparency.is_appended(desk.session, found.id)


def test_partial_recoveries_of_a_case_go_on_across_tiers(desk: Desk, contract: Contract) -> None:
    case_id = desk.world.case(desk.bank, "A" * 43, agency_id=desk.agency.member_id, placement="accepted")
    due = [confirm(desk, report(desk, contract, 60_000, case_id=case_id)).commission_fen for _ in range(3)]
    assert due == [12_000, 10_000, 6_000]


def test_a_recovery_is_confirmed_once(desk: Desk, contract: Contract) -> None:
    found = confirm(desk, report(desk, contract))
    assert refusal(lambda: confirm(desk, found)) == "recovery_confirmed"
    change = "update recoveries set commission_fen = 1 where id = :id"
    assert refused_by(desk.session, change, id=found.id) == "recoveries_kept"


def test_the_same_report_again_is_the_same_recovery_and_another_is_refused(desk: Desk, contract: Contract) -> None:
    first = report(desk, contract, reference="R-1")
    assert report(desk, contract, reference="R-1").id == first.id
    assert refusal(lambda: report(desk, contract, 1, reference="R-1")) == "reference_taken"


@pytest.mark.parametrize(
    "change",
    [
        {"received_on": TODAY + timedelta(days=1)}, {"received_on": TODAY - timedelta(days=1)},
        {"parts": {"principal": 0}}, {"parts": {"wages": 5}}, {"parts": {"principal": 10**13 + 1}},
        {"modifiers": ["visit"]},
    ],
)  # fmt: skip
def test_what_cannot_have_come_in_is_refused(desk: Desk, contract: Contract, change: dict[str, Any]) -> None:
    assert refusal(lambda: report(desk, contract, **change)) == "invalid_field"


def test_each_side_does_its_own_part(desk: Desk, contract: Contract) -> None:
    found = report(desk, contract)
    assert refusal(lambda: service.confirm(desk.session, found.id, caller=desk.agency)) == "only_the_creditor"
    desk.become(desk.bank)
    assert refusal(
        lambda: service.report(
            desk.session, caller=desk.bank, contract_id=contract.id, reference="x", received_on=TODAY, age=1,
            parts={"principal": 1},
        )
    ) == "only_the_agency"  # fmt: skip
    disputed = service.dispute(desk.session, found.id, caller=desk.bank, reason="未到账")
    assert disputed.state == "disputed"
    assert confirm(desk, found).state == "confirmed"


def test_a_reversal_takes_back_its_share_and_never_more_than_was_paid(desk: Desk, contract: Contract) -> None:
    found = confirm(desk, report(desk, contract))
    said: dict[str, Any] = {"caller": desk.bank, "reversed_on": TODAY, "reason": "退票"}
    first = service.reverse(desk.session, found.id, amount_fen=20_000, **said)
    assert (found.commission_fen, first.clawback_fen) == (10_000, 4_000)
    assert refusal(lambda: service.reverse(desk.session, found.id, amount_fen=30_001, **said)) == "reversal_too_large"
    rest = service.reverse(desk.session, found.id, amount_fen=30_000, **said)
    assert first.clawback_fen + rest.clawback_fen == found.commission_fen
    insert = "insert into recovery_reversals values (gen_random_uuid(), :id, :amount, current_date, 'x', :claw, now())"
    assert refused_by(desk.session, insert, id=found.id, amount=1, claw=0) == "recovery_reversals_amount"
    other = confirm(desk, report(desk, contract))
    assert refused_by(desk.session, insert, id=other.id, amount=1, claw=10_001) == "recovery_reversals_clawback"
    fresh = report(desk, contract)
    desk.become(desk.bank)
    assert refusal(lambda: service.reverse(desk.session, fresh.id, amount_fen=1, **said)) == "recovery_not_confirmed"


def test_a_late_reversal_takes_nothing_back(desk: Desk) -> None:
    contract = desk.signed(terms(desk, fee_model=fee_model(clawback={"within_days": 0, "share_bp": 5_000})))
    found = confirm(desk, report(desk, contract))
    said: dict[str, Any] = {"caller": desk.bank, "amount_fen": 50_000, "reason": "退票"}
    assert service.reverse(desk.session, found.id, reversed_on=TODAY, **said).clawback_fen == 5_000


def test_a_cap_recorded_late_binds_the_commission(desk: Desk) -> None:
    contract = desk.signed()
    from gongxin.contracts.caps import queries as caps

    asked: dict[str, Any] = {"jurisdiction": desk.place, "member_kind": "agency", "day": TODAY}
    (old,) = [c for c in caps.caps_as_of(desk.session, known_at=clock.now(), **asked) if c.bucket == 3]
    desk.cap(1_234, [3], supersedes=old.id)
    found = confirm(desk, report(desk, contract, 99_999))
    assert (found.fee_fen, found.commission_fen) == (20_000, 99_999 * 1_234 // 10_000)


# --- statements -----------------------------------------------------------------------------------------------------


def test_a_month_is_stated_agreed_and_told_to_the_fund(desk: Desk, contract: Contract) -> None:
    one, two = (confirm(desk, report(desk, contract, fen)) for fen in (50_000, 30_000))
    desk.become(desk.bank)
    service.reverse(desk.session, two.id, caller=desk.bank, amount_fen=30_000, reversed_on=TODAY, reason="退票")
    desk.become(desk.agency)
    made = service.make_statement(desk.session, caller=desk.agency, contract_id=contract.id, month=MONTH)
    lines = queries.lines(desk.session, made.id)
    assert [line.amount_fen for line, _ in lines] == [10_000, 6_000, -6_000]
    assert made.total_fen == sum(line.amount_fen for line, _ in lines) == 10_000
    desk.become(desk.bank)
    decided = service.decide(
        desk.session, made.id, caller=desk.bank, lines=[(line.position, "agreed", None) for line, _ in lines]
    )
    assert (decided.state, decided.agreed_fen) == ("agreed", 10_000)
    told = service.chain(desk.session, made.id)
    assert len(told["signature_leaves"]) == 2
    assert told["recovery_leaves"] == sorted([str(one.id), str(two.id)])
    for leaf in (*told["signature_leaves"], *told["recovery_leaves"], told["statement_leaf"], told["levy_leaf"]):
        assert transparency.is_appended(desk.session, uuid.UUID(leaf))
    desk.become(None)
    base = desk.session.execute(
        text("select member_id, month, base_fen, source from fund_bases where source_id = :id"), {"id": made.id}
    ).one()
    assert tuple(base) == (desk.agency.member_id, MONTH, 10_000, "contracts")


def test_a_disputed_line_holds_up_no_other_and_is_settled_later(desk: Desk, contract: Contract) -> None:
    for fen in (50_000, 30_000):
        confirm(desk, report(desk, contract, fen))
    desk.become(desk.agency)
    made = service.make_statement(desk.session, caller=desk.agency, contract_id=contract.id, month=MONTH)
    desk.become(desk.bank)
    lines = [(1, "agreed", None), (2, "disputed", "账龄有误")]
    assert refusal(
        lambda: service.decide(desk.session, made.id, caller=desk.bank, lines=[(2, "disputed", None)])
    ) == "invalid_field"  # fmt: skip
    found = service.decide(desk.session, made.id, caller=desk.bank, lines=lines)
    assert (found.state, found.agreed_fen) == ("disputed", 10_000)
    first = found.levy_base_id
    assert refusal(
        lambda: service.decide(desk.session, made.id, caller=desk.bank, lines=[(1, "disputed", "反悔")])
    ) == "line_decided"  # fmt: skip
    assert refusal(
        lambda: service.decide(desk.session, made.id, caller=desk.agency, lines=[(2, "agreed", None)])
    ) == "not_this_side"  # fmt: skip
    found = service.decide(desk.session, made.id, caller=desk.bank, lines=[(2, "agreed", None)])
    assert (found.state, found.agreed_fen) == ("agreed", 16_000)
    assert found.levy_base_id != first
    wrong = "update commission_statements set agreed_fen = 1 where id = :id"
    assert refused_by(desk.session, wrong, id=made.id) == "commission_statements_sum"
    line = "update commission_statement_lines set state = 'open' where statement_id = :id"
    assert refused_by(desk.session, line, id=made.id) == "commission_statement_lines_kept"


def test_nothing_is_stated_twice_and_what_comes_later_goes_on_the_next(desk: Desk, contract: Contract) -> None:
    confirm(desk, report(desk, contract))
    desk.become(desk.agency)
    make = lambda month=MONTH: service.make_statement(  # noqa: E731
        desk.session, caller=desk.agency, contract_id=contract.id, month=month
    )
    make()
    assert refusal(make) == "statement_made"
    assert refusal(lambda: make("2099-01")) == "invalid_field"
    assert refusal(lambda: make(f"{TODAY - timedelta(days=60):%Y-%m}")) == "nothing_to_state"


def test_strangers_see_neither_recoveries_nor_statements(desk: Desk, contract: Contract) -> None:
    recovery_id = confirm(desk, report(desk, contract)).id
    for stranger in (desk.world.member("bank"), desk.association):
        desk.become(stranger)
        desk.session.expire_all()
        assert refusal(lambda: queries.get_recovery(desk.session, recovery_id)) == "recovery_not_found"


def test_a_statement_as_csv_carries_no_formula() -> None:
    row = {
        "position": 1, "reference": "R", "received_on": TODAY, "age": "M3", "kind": "commission", "base_fen": 1,
        "amount_fen": -6_000, "state": "disputed", "reason": "=HYPERLINK(1)",
    }  # fmt: skip
    header, line = rules.to_csv([row]).splitlines()
    assert header.startswith("position,reference")
    assert line.endswith(",-6000,disputed,'=HYPERLINK(1)")


# --- many at once ---------------------------------------------------------------------------------------------------

_rates = st.integers(0, 10_000)


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    ends = sorted(draw(st.sets(st.integers(1, 200_000), max_size=3)))
    tiers = [
        {"age_from": "M1", "age_to": "M24+", "from_fen": start, "rate_bp": draw(st.integers(0, 9_000))}
        | ({"to_fen": ends[at]} if at < len(ends) else {})
        | draw(st.sampled_from([{}, {"min_fee_fen": 500}, {"max_fee_fen": 700}]))
        for at, start in enumerate([0, *ends])
    ]
    return fee_model(
        tiers=tiers, method=draw(st.sampled_from(["marginal", "whole"])), base=draw(st.sampled_from(fees.BASES[:2])),
        modifiers=draw(st.sampled_from([{}, {"court": 500}])),
        deductions=draw(st.sampled_from([[], [{"code": "a", "rate_bp": 123}, {"code": "b", "amount_fen": 7}]])),
        carve_outs=draw(st.sampled_from([[], ["interest"]])),
        **draw(st.sampled_from([{}, {"minimum_fen": 900}, {"maximum_fen": 800}])),
    )  # fmt: skip


def test_one_statement_of_the_database_prices_as_the_rules_do(desk: Desk) -> None:
    contract = desk.signed(terms(desk, fee_model=fee_model(modifiers={"court": 300})))
    case_id = desk.world.case(desk.bank, "A" * 43, agency_id=desk.agency.member_id, placement="accepted")
    kept = [
        confirm(
            desk,
            report(
                desk, contract, fen, case_id=case_id, age=1 + at, parts={"principal": fen, "interest": 77 * at},
                modifiers=["court"] if at % 2 else [],
            ),
        )
        for at, fen in enumerate((1, 49_999, 60_000, 123_456, 7))
    ]  # fmt: skip

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(models(), st.none() | _rates)
    def same(value: dict[str, Any], cap: int | None) -> None:
        model = fees.read(value)
        told = {row[0]: row[1:] for row in queries.price_many(desk.session, model, [cap] * 25, contract.id)}
        for found in kept:
            modifiers = tuple(code for code in found.modifiers if code in model.modifiers)
            asked = pricing.Recovered(found.age, found.round, found.parts, found.already_fen or 0, modifiers)
            priced = pricing.price(model, asked, 10_000 if cap is None else cap)
            assert told[found.id] == (priced.base_fen, priced.fee_fen, priced.commission_fen)
        assert queries.totals(desk.session, model, [cap] * 25)[2] == sum(row[2] for row in told.values())

    same()


def test_the_simulator_prices_ones_own_recoveries_in_sums(desk: Desk, contract: Contract) -> None:
    for fen in (50_000, 250_000):
        confirm(desk, report(desk, contract, fen))
    desk.become(desk.bank)
    told = service.simulate(
        desk.session, models={"own": fees.read(fee_model(3_000)), "flat": fees.read(fee_model(1_000))},
        jurisdiction=desk.place, first=TODAY - timedelta(days=365), last=TODAY,
    )  # fmt: skip
    assert told["paid"] == {"recoveries": 2, "commission_fen": 10_000 + 35_000}
    assert told["models"]["own"] == {
        "recoveries": 2, "base_fen": 300_000, "commission_fen": 90_000, "capped_fen": 75_000,
    }  # fmt: skip
    assert told["models"]["flat"]["commission_fen"] == 30_000
    desk.become(desk.world.member("bank"))
    stranger = service.simulate(
        desk.session, models={"own": fees.read(fee_model())}, jurisdiction=desk.place, first=TODAY, last=TODAY
    )
    assert stranger["paid"]["recoveries"] == 0
