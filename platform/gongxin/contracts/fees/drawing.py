"""A fee model as a table and as a curve, as data: whoever draws it needs no arithmetic."""

from typing import Any

from gongxin.money import BASIS_POINTS

from .model import AGES, MAX_FEN, FeeModel
from .pricing import Recovered, price

_SPREAD = (1, 2, 5)
_LARGEST = 10**9


def table(model: FeeModel) -> list[dict[str, Any]]:
    """One row a tier, in the order of the model."""
    return [
        {
            "tier": tier.at, "age_from": AGES[tier.age_from - 1], "age_to": AGES[tier.age_to - 1],
            "round_from": tier.round_from, "round_to": tier.round_to, "from_fen": tier.from_fen,
            "to_fen": tier.to_fen, "rate_bp": tier.rate_bp, "min_fee_fen": tier.min_fee_fen,
            "max_fee_fen": tier.max_fee_fen,
        }
        for tier in model.tiers
    ]  # fmt: skip


def curve(model: FeeModel, age: int, round_: int = 1, cap_bp: int | None = None) -> list[dict[str, Any]]:
    """Rate over amount for one age and round, with its cap: a point at each bend and 1-2-5 between 1 and 10,000,000
    yuan. `effective_bp` is rounded down, as the cap is."""
    if model.base == "stage_fee":
        return []
    part = "principal"
    bends = {tier.from_fen + step for tier in model.slices(age, round_) for step in (-1, 0, 1)}
    amounts = {times * 10**power for power in range(2, 10) for times in _SPREAD} | bends
    points = []
    for amount in sorted(fen for fen in amounts if 0 < fen <= max(_LARGEST, *bends) and fen <= MAX_FEN):
        found = price(model, Recovered(age, round_, {part: amount}), cap_bp)
        points.append(
            {
                "amount_fen": amount, "fee_fen": found.fee_fen, "commission_fen": found.commission_fen,
                "effective_bp": found.commission_fen * BASIS_POINTS // amount, "cap_bp": cap_bp,
            }
        )  # fmt: skip
    return points
