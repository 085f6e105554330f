"""A fee model read from JSON: refused with a pointer wherever it leaves a hole, overlaps, or speaks in wrong units."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gongxin.errors import Invalid, bad_field

AGES = (*(f"M{month}" for month in range(1, 25)), "M24+")
OLDEST = len(AGES)
BASES = ("recovered_principal", "all_recovered", "stage_fee")
METHODS = ("marginal", "whole")
MONOTONE = ("age_rising", "age_falling", "round_rising", "round_falling", "amount_rising", "amount_falling")
PARTS = ("principal", "interest", "penalty", "fees", "legal_costs")
MAX_FEN = 2**53 - 1
MAX_BP = 10_000
MAX_TIERS, MAX_ROUND, MAX_NAMED, MAX_DAYS = 200, 99, 20, 3660
CODE_PATTERN = "^[a-z][a-z0-9_]{0,31}$"
_CODE = re.compile(CODE_PATTERN[1:-1])


@dataclass(frozen=True, slots=True)
class Tier:
    """`round_to`, `to_fen` None: without end. Ages and rounds to are included, `to_fen` is not. `at`: its place."""

    at: int
    age_from: int
    age_to: int
    round_from: int
    round_to: int | None
    from_fen: int
    to_fen: int | None
    rate_bp: int
    min_fee_fen: int | None
    max_fee_fen: int | None

    def holds(self, age: int, round_: int) -> bool:
        return self.age_from <= age <= self.age_to and self.round_from <= round_ <= (self.round_to or MAX_ROUND)


@dataclass(frozen=True, slots=True)
class Deduction:
    """A share of the commission, or an amount; one of the two."""

    code: str
    rate_bp: int | None
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class Clawback:
    """A payment reversed within so many days takes back this share of its commission."""

    within_days: int
    share_bp: int


@dataclass(frozen=True, slots=True)
class FeeModel:
    """`modifiers`: basis points added to the rate, by code; `stages`: a fixed fee each, where the base is stage_fee."""

    base: str
    method: str
    age_from: int
    age_to: int
    tiers: tuple[Tier, ...]
    monotone: tuple[str, ...]
    minimum_fen: int | None
    maximum_fen: int | None
    modifiers: Mapping[str, int]
    stages: Mapping[str, int]
    carve_outs: tuple[str, ...]
    deductions: tuple[Deduction, ...]
    clawback: Clawback

    def slices(self, age: int, round_: int) -> list[Tier]:
        """The tiers of this age and round, by amount."""
        return sorted((tier for tier in self.tiers if tier.holds(age, round_)), key=lambda tier: tier.from_fen)

    def top_rates(self) -> tuple[int, ...]:
        """The highest rate it can reach in each age, all raising modifiers taken together; -1 where it charges none."""
        more = sum(bp for bp in self.modifiers.values() if bp > 0)
        top = [-1] * OLDEST
        for tier in self.tiers:
            for age in range(tier.age_from, tier.age_to + 1):
                top[age - 1] = max(top[age - 1], tier.rate_bp + more)
        return tuple(top)


def read(value: Any, pointer: str = "/fee_model") -> FeeModel:
    """The model of a JSON object. Raises Invalid at the first field that is not as it must be."""
    known = {
        "base", "method", "ages", "tiers", "monotone", "minimum_fen", "maximum_fen", "modifiers", "stages",
        "carve_outs", "deductions", "clawback", "rounding",
    }  # fmt: skip
    found = _object(value, known, pointer)
    base = _word(found.get("base"), BASES, f"{pointer}/base")
    method = _word(found.get("method", "marginal"), METHODS, f"{pointer}/method")
    _word(found.get("rounding", "half_up"), ("half_up",), f"{pointer}/rounding")
    ages = _object(found.get("ages", {"from": AGES[0], "to": AGES[-1]}), {"from", "to"}, f"{pointer}/ages")
    first, last = age(ages.get("from"), f"{pointer}/ages/from"), age(ages.get("to"), f"{pointer}/ages/to")
    if last < first:
        raise bad_field(f"{pointer}/ages/to", "账龄止不得早于账龄起", "The ages end before they begin")
    minimum = _fen(found.get("minimum_fen"), f"{pointer}/minimum_fen")
    maximum = _fen(found.get("maximum_fen"), f"{pointer}/maximum_fen")
    _check_order(minimum, maximum, f"{pointer}/maximum_fen")
    model = FeeModel(
        base, method, first, last,
        tuple(_tier(at, each, f"{pointer}/tiers/{at}") for at, each in enumerate(_list(
            found.get("tiers", []), MAX_TIERS, f"{pointer}/tiers"))),
        _words(found.get("monotone", []), MONOTONE, f"{pointer}/monotone"),
        minimum, maximum,
        _modifiers(found.get("modifiers", {}), f"{pointer}/modifiers"),
        {code: _must_fen(fen, f"{pointer}/stages/{code}")
         for code, fen in _named(found.get("stages", {}), f"{pointer}/stages").items()},
        _words(found.get("carve_outs", []), PARTS, f"{pointer}/carve_outs"),
        tuple(_deduction(each, f"{pointer}/deductions/{at}") for at, each in enumerate(_list(
            found.get("deductions", []), MAX_NAMED, f"{pointer}/deductions"))),
        _clawback(found.get("clawback"), f"{pointer}/clawback"),
    )  # fmt: skip
    if (base == "stage_fee") != bool(model.stages) or (base == "stage_fee") == bool(model.tiers):
        raise bad_field(
            pointer,
            "按阶段收费须列 stages 且无 tiers，其余须列 tiers",
            "A stage fee has stages and no tiers, others tiers",
        )
    _check_rates(model, pointer)
    check_coverage(model, pointer)
    _check_monotone(model, pointer)
    return model


def age(value: Any, pointer: str) -> int:
    """M1 → 1 … M24 → 24, M24+ → 25."""
    if not isinstance(value, str) or value not in AGES:
        raise bad_field(pointer, "账龄应为 M1 至 M24 或 M24+", "An age is one of M1 to M24, or M24+")
    return AGES.index(value) + 1


def rate(value: Any, pointer: str, *, least: int = 0) -> int:
    """Whole basis points, from `least` to 10,000. A text, a fraction of a basis point and 3,000 % are refused."""
    if type(value) is not int or not least <= value <= MAX_BP:
        raise Invalid(
            "bad_rate",
            zh="费率应为基点整数，不超过 10000（100%）",
            en="A rate is a whole number of basis points, at most 10,000 (100 %)",
            fix_zh="30% 写作 3000；不用文本、小数或百分号，最细 0.01%。",
            fix_en="Write 30 % as 3000; no text, fraction or percent sign; the finest step is 0.01 %.",
            pointer=pointer,
        )
    return value


# --- what makes a whole ---------------------------------------------------------------------------------------------


def check_coverage(model: FeeModel, pointer: str) -> None:
    """Every age in scope, every round, every fen has one tier and no two."""
    if model.base == "stage_fee":
        return
    for tier in model.tiers:
        if tier.age_from < model.age_from or tier.age_to > model.age_to:
            raise bad_field(f"{pointer}/tiers/{tier.at}/age_to", "该档超出账龄范围", "The tier lies outside the ages")
    for age_, round_ in _cells(model):
        expected = 0
        end: int | None = 0
        for tier in model.slices(age_, round_):
            if end is None or tier.from_fen < expected:
                raise _at(tier, "fee_tiers_overlap", "两档重叠", "Two tiers overlap", age_, round_, pointer)
            if tier.from_fen > expected:
                raise _at(
                    tier, "fee_tiers_gap", "两档之间有空缺", "There is a hole before the tier", age_, round_, pointer
                )
            end = tier.to_fen
            expected = 0 if end is None else end
        if end is not None:
            raise Invalid(
                "fee_tiers_gap",
                zh="费率档未覆盖全部金额",
                en="The tiers do not cover every amount",
                fix_zh="最后一档的 to_fen 留空；每个账龄、每一手都须覆盖。",
                fix_en="Leave out to_fen of the last tier; cover every age and every round.",
                pointer=f"{pointer}/tiers",
                extra={"age": AGES[age_ - 1], "round": round_, "from_fen": expected},
            )


def _cells(model: FeeModel) -> Iterator[tuple[int, int]]:
    """Every age in scope with the first round of each stretch of rounds that no tier divides."""
    starts = {1, *(tier.round_from for tier in model.tiers)}
    starts |= {tier.round_to + 1 for tier in model.tiers if tier.round_to is not None and tier.round_to < MAX_ROUND}
    return ((age_, start) for age_ in range(model.age_from, model.age_to + 1) for start in sorted(starts))


def _at(tier: Tier, code: str, zh: str, en: str, age_: int, round_: int, pointer: str) -> Invalid:
    return Invalid(
        code,
        zh=zh,
        en=en,
        fix_zh="上一档的 to_fen 等于下一档的 from_fen；to_fen 不含在内。",
        fix_en="to_fen of one tier is from_fen of the next; to_fen itself is not included.",
        pointer=f"{pointer}/tiers/{tier.at}/from_fen",
        extra={"age": AGES[age_ - 1], "round": round_},
    )


def _check_rates(model: FeeModel, pointer: str) -> None:
    """No modifiers, taken together, lead below 0 or above 100 %."""
    down = sum(bp for bp in model.modifiers.values() if bp < 0)
    up = sum(bp for bp in model.modifiers.values() if bp > 0)
    for tier in model.tiers:
        if tier.rate_bp + down < 0 or tier.rate_bp + up > MAX_BP:
            raise bad_field(
                f"{pointer}/modifiers", "调整后的费率低于 0 或高于 100%", "Modifiers take a rate below 0 or above 100 %"
            )


def _check_monotone(model: FeeModel, pointer: str) -> None:
    for said in model.monotone:
        axis, way = said.split("_")
        for lower, upper in _neighbours(model, axis):
            if (upper.rate_bp < lower.rate_bp) if way == "rising" else (upper.rate_bp > lower.rate_bp):
                raise Invalid(
                    "fee_not_monotone",
                    zh="费率与所声明的升降不符",
                    en="The rates do not rise or fall as the model says",
                    fix_zh="更正费率，或删去 monotone 中的声明。",
                    fix_en="Correct the rate, or take the word out of monotone.",
                    pointer=f"{pointer}/tiers/{upper.at}/rate_bp",
                    extra={"said": said},
                )


def _neighbours(model: FeeModel, axis: str) -> Iterator[tuple[Tier, Tier]]:
    cells = list(_cells(model))
    if axis == "amount":
        for age_, round_ in cells:
            yield from pairwise(model.slices(age_, round_))
        return
    rounds = sorted({round_ for _, round_ in cells})
    for age_, round_ in cells:
        later = (age_ + 1, round_) if axis == "age" else (age_, _next(rounds, round_))
        if later[0] is None or later[1] is None or later[0] > model.age_to:
            continue
        for lower in model.slices(age_, round_):
            for upper in model.slices(later[0], later[1]):
                if _meet(lower, upper):
                    yield lower, upper


def _next(numbers: Sequence[int], number: int) -> int | None:
    return next((each for each in numbers if each > number), None)


def _meet(one: Tier, other: Tier) -> bool:
    return one.from_fen < (MAX_FEN if other.to_fen is None else other.to_fen) and other.from_fen < (
        MAX_FEN if one.to_fen is None else one.to_fen
    )


# --- reading --------------------------------------------------------------------------------------------------------


def _tier(at: int, value: Any, pointer: str) -> Tier:
    known = {
        "age_from",
        "age_to",
        "round_from",
        "round_to",
        "from_fen",
        "to_fen",
        "rate_bp",
        "min_fee_fen",
        "max_fee_fen",
    }
    found = _object(value, known, pointer)
    age_from = age(found.get("age_from"), f"{pointer}/age_from")
    age_to = age(found.get("age_to", AGES[age_from - 1]), f"{pointer}/age_to")
    round_from = _whole(found.get("round_from", 1), 1, MAX_ROUND, f"{pointer}/round_from")
    round_to = found.get("round_to")
    if round_to is not None:
        _whole(round_to, round_from, MAX_ROUND, f"{pointer}/round_to")
    from_fen = _must_fen(found.get("from_fen", 0), f"{pointer}/from_fen")
    to_fen = _fen(found.get("to_fen"), f"{pointer}/to_fen")
    if age_to < age_from or (to_fen is not None and to_fen <= from_fen):
        raise bad_field(
            f"{pointer}/{'age_to' if age_to < age_from else 'to_fen'}", "止不得早于起", "It ends before it begins"
        )
    least = _fen(found.get("min_fee_fen"), f"{pointer}/min_fee_fen")
    most = _fen(found.get("max_fee_fen"), f"{pointer}/max_fee_fen")
    _check_order(least, most, f"{pointer}/max_fee_fen")
    rate_bp = rate(found.get("rate_bp"), f"{pointer}/rate_bp")
    return Tier(at, age_from, age_to, round_from, round_to, from_fen, to_fen, rate_bp, least, most)


def _modifiers(value: Any, pointer: str) -> dict[str, int]:
    return {
        code: rate(bp, f"{pointer}/{code}", least=-MAX_BP) for code, bp in _named(value, pointer).items()
    }  # fmt: skip


def _deduction(value: Any, pointer: str) -> Deduction:
    found = _object(value, {"code", "rate_bp", "amount_fen"}, pointer)
    code = found.get("code")
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise bad_field(f"{pointer}/code", "代码应为小写字母与下划线", "A code is lower-case letters and underscores")
    bp, fen = found.get("rate_bp"), found.get("amount_fen")
    if (bp is None) == (fen is None):
        raise bad_field(pointer, "rate_bp 与 amount_fen 须且仅须其一", "Give one of rate_bp and amount_fen")
    return Deduction(code, None if bp is None else rate(bp, f"{pointer}/rate_bp"), _fen(fen, f"{pointer}/amount_fen"))


def _clawback(value: Any, pointer: str) -> Clawback:
    found = _object(value, {"within_days", "share_bp"}, pointer)
    days = _whole(found.get("within_days"), 0, MAX_DAYS, f"{pointer}/within_days")
    return Clawback(days, rate(found.get("share_bp"), f"{pointer}/share_bp"))


def _object(value: Any, known: set[str], pointer: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise bad_field(pointer, "应为 JSON 对象", "It must be a JSON object")
    if not known.issuperset(value):
        raise bad_field(pointer, f"只接受字段：{'、'.join(sorted(known))}", f"Fields: {', '.join(sorted(known))}")
    return value


def _named(value: Any, pointer: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_NAMED or not all(_CODE.fullmatch(code) for code in value):
        raise bad_field(pointer, "应为以小写代码为名的 JSON 对象", "It must be a JSON object named by lower-case codes")
    return value


def _list(value: Any, most: int, pointer: str) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise bad_field(pointer, f"应为不超过 {most} 项的列表", f"It must be a list of at most {most}")
    return value


def _word(value: Any, words: Sequence[str], pointer: str) -> str:
    if not isinstance(value, str) or value not in words:
        raise bad_field(pointer, f"可用：{'、'.join(words)}", f"Usable: {', '.join(words)}")
    return value


def _words(value: Any, words: Sequence[str], pointer: str) -> tuple[str, ...]:
    listed = _list(value, len(words), pointer)
    return tuple(_word(each, words, f"{pointer}/{at}") for at, each in enumerate(listed))


def _whole(value: Any, least: int, most: int, pointer: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise bad_field(pointer, f"应为 {least} 至 {most} 的整数", f"It must be a whole number from {least} to {most}")
    return value


def _must_fen(value: Any, pointer: str) -> int:
    return _whole(value, 0, MAX_FEN, pointer)


def _fen(value: Any, pointer: str) -> int | None:
    return None if value is None else _must_fen(value, pointer)


def _check_order(least: int | None, most: int | None, pointer: str) -> None:
    if least is not None and most is not None and most < least:
        raise bad_field(pointer, "最高费用不得低于最低费用", "The maximum is below the minimum")
