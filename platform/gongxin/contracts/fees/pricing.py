"""What a recovery costs under a model, step by step: commission = min(half-up(rate), floor(cap)), less deductions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gongxin.errors import bad_field
from gongxin.money import part_half_up, share_floor, share_half_up

from .model import AGES, MAX_FEN, FeeModel, Tier


@dataclass(frozen=True, slots=True)
class Recovered:
    """Money that came in. `already_fen`: what the case had brought before, so that slices go on where they stopped."""

    age: int
    round: int
    parts: Mapping[str, int]
    already_fen: int = 0
    modifiers: tuple[str, ...] = ()
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the arithmetic: `code`, its amount, and what it was made of."""

    code: str
    amount_fen: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Priced:
    """`fee_fen` before the cap, `cap_fen` None where no cap holds, `commission_fen` what is due."""

    base_fen: int
    fee_fen: int
    cap_fen: int | None
    commission_fen: int
    steps: tuple[Step, ...]


def base_of(model: FeeModel, parts: Mapping[str, int]) -> int:
    """What of it bears commission."""
    if model.base == "recovered_principal":
        return 0 if "principal" in model.carve_outs else parts.get("principal", 0)
    return sum(fen for part, fen in parts.items() if part not in model.carve_outs)


def price(model: FeeModel, found: Recovered, cap_bp: int | None = None) -> Priced:
    """The commission on one recovery. Raises Invalid for an age, modifier or stage that the model does not know."""
    base = base_of(model, found.parts)
    steps = [Step("base", base, {"base": model.base, "carve_outs": list(model.carve_outs)})]
    staged = model.base == "stage_fee"
    fee = _stage(model, found, steps) if staged else _tiers(model, found, base, steps)
    for code, limit, better in (("minimum", model.minimum_fen, max), ("maximum", model.maximum_fen, min)):
        if limit is not None and base and better(fee, limit) != fee:
            fee = limit
            steps.append(Step(code, fee, {}))
    cap = None if cap_bp is None else share_floor(base, cap_bp)
    due = fee if cap is None else min(fee, cap)
    if cap is not None:
        steps.append(Step("cap", cap, {"cap_bp": cap_bp, "binds": fee > cap}))
    for each in model.deductions:
        gross = share_half_up(due, each.rate_bp) if each.rate_bp is not None else each.amount_fen or 0
        off = min(due, gross)
        due -= off
        steps.append(Step("deduction", -off, {"code": each.code, "rate_bp": each.rate_bp}))
    steps.append(Step("commission", due, {}))
    return Priced(base, fee, cap, due, tuple(steps))


def claw_back(
    model: FeeModel, *, commission_fen: int, amount_fen: int, reversed_fen: int, days: int, taken_fen: int
) -> int:
    """What goes back where `reversed_fen` of a payment of `amount_fen` is reversed after `days`: its share of what was
    paid, and with what was `taken_fen` before never more than was paid."""
    if days > model.clawback.within_days:
        return 0
    share = part_half_up(share_half_up(commission_fen, model.clawback.share_bp), reversed_fen, amount_fen)
    return min(share, commission_fen - taken_fen)


def _stage(model: FeeModel, found: Recovered, steps: list[Step]) -> int:
    if found.stage is None or found.stage not in model.stages:
        raise bad_field("/stage", "费率模型没有这个阶段", "The fee model has no such stage")
    fee = model.stages[found.stage]
    steps.append(Step("stage", fee, {"stage": found.stage}))
    return fee


def _tiers(model: FeeModel, found: Recovered, base: int, steps: list[Step]) -> int:
    if not model.age_from <= found.age <= model.age_to:
        raise bad_field("/age", "账龄不在费率模型范围内", "The age is outside the fee model")
    more = 0
    for code in found.modifiers:
        if code not in model.modifiers:
            raise bad_field("/modifiers", "费率模型没有这项调整", "The fee model has no such modifier")
        more += model.modifiers[code]
    tiers = model.slices(found.age, found.round)
    if model.method == "whole":
        total = found.already_fen + base
        tier = next(each for each in tiers if each.from_fen <= total < _end(each))
        return _line(tier, base, more, found, steps)
    low, high = found.already_fen, found.already_fen + base
    return sum(
        _line(tier, min(high, _end(tier)) - max(low, tier.from_fen), more, found, steps)
        for tier in tiers
        if tier.from_fen < high and _end(tier) > low
    )


def _line(tier: Tier, portion: int, more: int, found: Recovered, steps: list[Step]) -> int:
    bp = tier.rate_bp + more
    fee = plain = share_half_up(portion, bp)
    if portion and tier.min_fee_fen is not None:
        fee = max(fee, tier.min_fee_fen)
    if tier.max_fee_fen is not None:
        fee = min(fee, tier.max_fee_fen)
    facts = {
        "tier": tier.at, "portion_fen": portion, "rate_bp": bp, "age": AGES[found.age - 1], "round": found.round,
        "bounded": fee != plain,
    }  # fmt: skip
    steps.append(Step("tier", fee, facts))
    return fee


def _end(tier: Tier) -> int:
    return MAX_FEN * 2 if tier.to_fen is None else tier.to_fen
