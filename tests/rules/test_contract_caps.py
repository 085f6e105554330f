"""Verdicts: within, above or unknown; which tier, by how much; what only informs refuses nothing."""

import uuid
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.contracts.caps import rules
from gongxin.contracts.fees import model
from gongxin.errors import Conflict
from tests.rules.test_contract_fees import fees, tier


@dataclass
class Row:
    bucket: int
    rate_bp_max: int | None
    source_status: str = "verified"
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def caps(rate_bp: int = 2_000, status: str = "verified") -> rules.Snapshot:
    return rules.snapshot(Row(bucket, rate_bp, status) for bucket in range(1, 26))


def test_a_fee_at_its_cap_is_within_and_one_basis_point_more_is_above() -> None:
    assert rules.verdict(model.read(fees(tier(2_000))), caps()).state == "within"
    found = rules.verdict(model.read(fees(tier(1_000, age_to="M12"), tier(2_001, age_from="M13"))), caps())
    assert found.state == "above"
    assert {(each.tier, each.by_bp) for each in found.above} == {(1, 1)}
    assert [each.age for each in found.above] == list(range(13, 26))
    with pytest.raises(Conflict) as caught:
        rules.refuse_above(found, "/fee_model")
    assert (caught.value.code, caught.value.pointer) == ("fee_above_cap", "/fee_model/tiers/1/rate_bp")
    assert caught.value.extra["above"][0]["by_bp"] == 1


def test_a_modifier_counts_towards_the_cap() -> None:
    assert rules.verdict(model.read(fees(tier(1_900), modifiers={"court": 200})), caps()).state == "above"


@pytest.mark.parametrize("status", ["unverified", "informational"])
def test_what_only_informs_is_told_and_refuses_nothing(status: str) -> None:
    found = rules.verdict(model.read(fees(tier(9_000))), caps(status=status))
    assert (found.state, found.above, len(found.informed)) == ("unknown", (), 25)
    rules.refuse_above(found, "")


def test_no_rule_for_one_bucket_is_unknown_not_within() -> None:
    some = rules.snapshot(Row(bucket, 2_000) for bucket in range(1, 25))
    assert rules.verdict(model.read(fees(tier(2_000))), some).state == "unknown"
    young = model.read(fees(tier(2_000, age_to="M12"), ages={"from": "M1", "to": "M12"}))
    assert rules.verdict(young, some).state == "within"


@given(
    st.lists(st.integers(-1, 10_000), min_size=25, max_size=25),
    st.lists(st.tuples(st.none() | st.integers(0, 10_000), st.sampled_from(rules.SOURCES)), min_size=25, max_size=25),
)
def test_a_verdict_is_what_a_look_at_every_bucket_says(rates: list[int], rows: list[tuple[int | None, str]]) -> None:
    snapshot = rules.snapshot(Row(at, cap, status) for at, (cap, status) in enumerate(rows, 1))
    binding = [cap if status == "verified" else None for cap, status in rows]
    above = [at for at, cap in enumerate(binding) if cap is not None and rates[at] > cap]
    unknown = any(cap is None and rates[at] >= 0 for at, cap in enumerate(binding))
    found = rules.judge(rates, snapshot)
    assert found.state == ("above" if above else "unknown" if unknown else "within")
    assert [each.age - 1 for each in found.above] == above
