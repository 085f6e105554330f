"""Fee models: what is refused, and that every fen is priced as a naive count of fens would."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.contracts.fees import drawing, model, pricing
from gongxin.contracts.fees.pricing import Recovered
from gongxin.errors import Invalid
from gongxin.money import share_floor, share_half_up

CLAWBACK = {"within_days": 90, "share_bp": 10_000}


def tier(rate_bp: Any = 2_000, **change: Any) -> dict[str, Any]:
    return {"age_from": "M1", "age_to": "M24+", "rate_bp": rate_bp} | change


def fees(*tiers: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {"base": "recovered_principal", "tiers": list(tiers) or [tier()], "clawback": CLAWBACK} | change


def refused(value: Any) -> tuple[str, str | None]:
    with pytest.raises(Invalid) as caught:
        model.read(value)
    assert caught.value.fix_zh
    assert caught.value.fix_en
    return caught.value.code, caught.value.pointer


@pytest.mark.parametrize("bad", [300_000, 3000.0001, "3000", -1, True, None, 10_001])
def test_a_rate_is_whole_basis_points_up_to_all_of_it(bad: Any) -> None:
    assert refused(fees(tier(bad))) == ("bad_rate", "/fee_model/tiers/0/rate_bp")


def test_a_hole_of_one_fen_is_refused_where_it_is() -> None:
    assert model.read(fees(tier(to_fen=100), tier(from_fen=100)))
    assert refused(fees(tier(to_fen=100), tier(from_fen=101))) == ("fee_tiers_gap", "/fee_model/tiers/1/from_fen")
    assert refused(fees(tier(to_fen=100))) == ("fee_tiers_gap", "/fee_model/tiers")
    assert refused(fees(tier(age_to="M23"))) == ("fee_tiers_gap", "/fee_model/tiers")
    assert refused(fees(tier(round_to=1), tier(round_from=3))) == ("fee_tiers_gap", "/fee_model/tiers")


def test_an_overlap_of_one_fen_is_refused_where_it_is() -> None:
    assert refused(fees(tier(to_fen=101), tier(from_fen=100))) == ("fee_tiers_overlap", "/fee_model/tiers/1/from_fen")
    assert refused(fees(tier(), tier(age_from="M3", age_to="M3")))[0] == "fee_tiers_overlap"
    assert refused(fees(tier(round_to=2), tier(round_from=2)))[0] == "fee_tiers_overlap"


def test_rates_rise_and_fall_as_the_model_says() -> None:
    young, old = tier(1_000, age_to="M12"), tier(3_000, age_from="M13")
    assert model.read(fees(young, old, monotone=["age_rising"])).top_rates() == (1_000,) * 12 + (3_000,) * 13
    assert refused(fees(young, old, monotone=["age_falling"])) == ("fee_not_monotone", "/fee_model/tiers/1/rate_bp")
    slices = tier(2_000, to_fen=100), tier(1_000, from_fen=100)
    assert model.read(fees(*slices, monotone=["amount_falling"]))
    assert refused(fees(*slices, monotone=["amount_rising"]))[0] == "fee_not_monotone"
    rounds = tier(1_000, round_to=1), tier(2_000, round_from=2)
    assert refused(fees(*rounds, monotone=["round_falling"]))[0] == "fee_not_monotone"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"base": "turnover"}, "/fee_model/base"),
        ({"rounding": "up"}, "/fee_model/rounding"),
        ({"nonsense": 1}, "/fee_model"),
        ({"base": "stage_fee"}, "/fee_model"),
        ({"tiers": []}, "/fee_model"),
        ({"clawback": None}, "/fee_model/clawback"),
        ({"clawback": {"within_days": 9999, "share_bp": 1}}, "/fee_model/clawback/within_days"),
        ({"modifiers": {"old_debt": 9_000}}, "/fee_model/modifiers"),
        ({"modifiers": {"Old": 1}}, "/fee_model/modifiers"),
        ({"minimum_fen": 2, "maximum_fen": 1}, "/fee_model/maximum_fen"),
        ({"deductions": [{"code": "x"}]}, "/fee_model/deductions/0"),
        ({"carve_outs": ["wages"]}, "/fee_model/carve_outs/0"),
        ({"ages": {"from": "M2", "to": "M1"}}, "/fee_model/ages/to"),
        ({"ages": {"from": "M2", "to": "M3"}}, "/fee_model/tiers/0/age_to"),
        ({"minimum_fen": 1.5}, "/fee_model/minimum_fen"),
        ({"tiers": "all"}, "/fee_model/tiers"),
        ({"tiers": [tier(age_from=1)]}, "/fee_model/tiers/0/age_from"),
        ({"tiers": [tier(from_fen=5, to_fen=5)]}, "/fee_model/tiers/0/to_fen"),
    ],
)
def test_what_is_not_a_fee_model_is_refused_at_its_field(change: dict[str, Any], pointer: str) -> None:
    assert refused(fees(**change))[1] == pointer


# --- pricing --------------------------------------------------------------------------------------------------------


def test_the_arithmetic_is_shown_step_by_step() -> None:
    found = model.read(
        fees(
            tier(1_000, to_fen=10_000), tier(2_000, from_fen=10_000),
            modifiers={"litigation": 500}, deductions=[{"code": "platform", "rate_bp": 100}],
        )
    )  # fmt: skip
    told = pricing.price(
        found, Recovered(3, 1, {"principal": 15_000, "interest": 900}, modifiers=("litigation",)), 1_500
    )
    assert [(step.code, step.amount_fen) for step in told.steps] == [
        ("base", 15_000), ("tier", 1_500), ("tier", 1_250), ("cap", 2_250), ("deduction", -23), ("commission", 2_227),
    ]  # fmt: skip
    assert (told.fee_fen, told.cap_fen, told.commission_fen) == (2_750, 2_250, 2_227)


def test_a_partial_recovery_goes_on_in_the_slice_where_the_last_one_stopped() -> None:
    found = model.read(fees(tier(1_000, to_fen=10_000), tier(2_000, from_fen=10_000)))
    whole = pricing.price(found, Recovered(1, 1, {"principal": 15_000})).commission_fen
    parts = [
        pricing.price(found, Recovered(1, 1, {"principal": fen}, already_fen=before)).commission_fen
        for before, fen in ((0, 8_000), (8_000, 4_000), (12_000, 3_000))
    ]
    assert sum(parts) == whole == 2_000
    assert parts == [800, 600, 600]


def test_the_rate_of_the_whole_is_that_of_where_the_total_lies() -> None:
    found = model.read(fees(tier(2_000, to_fen=10_000), tier(1_000, from_fen=10_000), method="whole"))
    assert pricing.price(found, Recovered(1, 1, {"principal": 9_999})).commission_fen == 2_000
    assert pricing.price(found, Recovered(1, 1, {"principal": 10_000})).commission_fen == 1_000


def test_minimum_maximum_stage_and_carve_outs() -> None:
    bounded = model.read(fees(minimum_fen=500, maximum_fen=600))
    assert [pricing.price(bounded, Recovered(1, 1, {"principal": fen})).commission_fen for fen in (0, 1, 9_000)] == [
        0, 500, 600,
    ]  # fmt: skip
    assert pricing.price(bounded, Recovered(1, 1, {"principal": 1}), 3_000).commission_fen == 0
    staged = model.read({"base": "stage_fee", "stages": {"filing": 800}, "clawback": CLAWBACK})
    assert pricing.price(staged, Recovered(1, 1, {"principal": 10_000}, stage="filing")).commission_fen == 800
    with pytest.raises(Invalid):
        pricing.price(staged, Recovered(1, 1, {"principal": 10_000}, stage="visit"))
    carved = model.read(fees(base="all_recovered", carve_outs=["legal_costs"]))
    assert pricing.price(carved, Recovered(1, 1, {"principal": 100, "interest": 50, "legal_costs": 70})).base_fen == 150


@pytest.mark.parametrize("bad", [{"age": 25}, {"modifiers": ("visit",)}])
def test_what_the_model_does_not_know_is_refused(bad: dict[str, Any]) -> None:
    found = model.read(fees(tier(age_to="M12"), ages={"from": "M1", "to": "M12"}))
    with pytest.raises(Invalid):
        pricing.price(found, Recovered(**{"age": 1, "round": 1, "parts": {"principal": 1}} | bad))


def test_a_claw_back_is_never_more_than_was_paid() -> None:
    found = model.read(fees(clawback={"within_days": 90, "share_bp": 10_000}))
    paid = {"commission_fen": 100, "amount_fen": 1_000}
    assert pricing.claw_back(found, **paid, reversed_fen=500, days=90, taken_fen=0) == 50
    assert pricing.claw_back(found, **paid, reversed_fen=500, days=91, taken_fen=0) == 0
    assert pricing.claw_back(found, **paid, reversed_fen=1_000, days=1, taken_fen=70) == 30


@st.composite
def slices(draw: st.DrawFn) -> list[dict[str, Any]]:
    ends = sorted(draw(st.sets(st.integers(1, 400), max_size=5)))
    bounds = [0, *ends]
    rates = draw(st.lists(st.integers(0, 10_000), min_size=len(bounds), max_size=len(bounds)))
    made = [
        tier(bp, from_fen=start) | ({} if at == len(ends) else {"to_fen": ends[at]})
        for at, (start, bp) in enumerate(zip(bounds, rates, strict=True))
    ]
    return draw(st.permutations(made))


@given(slices(), st.integers(0, 300), st.integers(0, 300), st.none() | st.integers(0, 10_000))
def test_marginal_pricing_equals_counting_every_fen(
    tiers: list[dict[str, Any]], already: int, amount: int, cap: int | None
) -> None:
    found = model.read(fees(*tiers))
    counted: Counter[int] = Counter()
    for fen in range(already, already + amount):
        (at,) = [
            at for at, each in enumerate(tiers) if each["from_fen"] <= fen and fen < each.get("to_fen", 10**6)
        ]  # fmt: skip
        counted[at] += 1
    naive = sum(share_half_up(fens, tiers[at]["rate_bp"]) for at, fens in counted.items())
    told = pricing.price(found, Recovered(7, 1, {"principal": amount}, already_fen=already), cap)
    assert told.fee_fen == naive
    assert told.commission_fen == (naive if cap is None else min(naive, share_floor(amount, cap)))
    assert sum(step.amount_fen for step in told.steps if step.code == "tier") == naive


@given(slices(), st.integers(0, 10**12), st.integers(0, 10_000))
def test_no_commission_is_above_its_cap(tiers: list[dict[str, Any]], amount: int, cap: int) -> None:
    told = pricing.price(model.read(fees(*tiers)), Recovered(25, 2, {"principal": amount}), cap)
    assert told.commission_fen * 10_000 <= amount * cap


def test_the_curve_bends_where_the_tiers_do_and_stays_under_its_cap() -> None:
    found = model.read(fees(tier(3_000, to_fen=100_000), tier(1_000, from_fen=100_000)))
    points = drawing.curve(found, 3, 1, 2_500)
    assert [point["amount_fen"] for point in points] == sorted({point["amount_fen"] for point in points})
    assert {99_999, 100_000, 100_001} <= {point["amount_fen"] for point in points}
    assert max(point["effective_bp"] for point in points) <= 2_500
    assert [row["rate_bp"] for row in drawing.table(found)] == [3_000, 1_000]
