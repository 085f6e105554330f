"""Whether fees are within their caps. Pure: the caps of a day come in as one snapshot of 25 buckets."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Protocol

from gongxin.errors import Conflict, Invalid, bad_field

from ..fees.model import AGES, OLDEST, FeeModel

MEMBER_KINDS = ("agency", "mediator")
SOURCES = ("verified", "unverified", "informational")
JURISDICTION_PATTERN = "^[a-z]{2}(-[a-z0-9]{1,8})?$"
_FREE = 1 << 30


class Row(Protocol):
    """What a snapshot needs of a cap."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def bucket(self) -> int: ...
    @property
    def rate_bp_max(self) -> int | None: ...
    @property
    def source_status(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Binding caps by bucket, and those that only inform; `_FREE` where there is none. `ids` by bucket."""

    binding: tuple[int, ...]
    informing: tuple[int, ...]
    ids: tuple[uuid.UUID | None, ...]

    def cap_of(self, age: int) -> int | None:
        """The binding cap of an age, in basis points."""
        found = self.binding[age - 1]
        return None if found == _FREE else found


@dataclass(frozen=True, slots=True)
class Excess:
    """A bucket whose rate is over a cap, and by how much. `tier`: the place in the model of the tier that is."""

    age: int
    rate_bp: int
    cap_bp: int
    cap_id: uuid.UUID | None
    tier: int | None = None

    @property
    def by_bp(self) -> int:
        return self.rate_bp - self.cap_bp


@dataclass(frozen=True, slots=True)
class Verdict:
    """`within`, `above` or `unknown`; `informed`: what lies over a figure that binds nobody."""

    state: str
    above: tuple[Excess, ...] = ()
    informed: tuple[Excess, ...] = ()


WITHIN, UNKNOWN = Verdict("within"), Verdict("unknown")


def snapshot(rows: Iterable[Row]) -> Snapshot:
    """Of the caps in force on a day, one a bucket."""
    binding, informing = [_FREE] * OLDEST, [_FREE] * OLDEST
    ids: list[uuid.UUID | None] = [None] * OLDEST
    for row in rows:
        if row.rate_bp_max is not None:
            (binding if row.source_status == "verified" else informing)[row.bucket - 1] = row.rate_bp_max
            ids[row.bucket - 1] = row.id
    return Snapshot(tuple(binding), tuple(informing), tuple(ids))


def judge(rates: Sequence[int], caps: Snapshot) -> Verdict:
    """By the highest rate of each bucket, -1 where nothing is charged."""
    unknown = False
    for rate_bp, cap, told in zip(rates, caps.binding, caps.informing, strict=True):
        if rate_bp > cap or rate_bp > told:
            return _excesses(rates, caps)
        if cap == _FREE and rate_bp >= 0:
            unknown = True
    return UNKNOWN if unknown else WITHIN


def verdict(model: FeeModel, caps: Snapshot) -> Verdict:
    """The same of a fee model, naming the tier. A stage fee has no rate: its commissions are capped one by one."""
    found = judge(model.top_rates(), caps)
    return Verdict(found.state, tuple(_named(model, each) for each in found.above),
                   tuple(_named(model, each) for each in found.informed))  # fmt: skip


def _excesses(rates: Sequence[int], caps: Snapshot) -> Verdict:
    above, informed, unknown = [], [], False
    for at, rate_bp in enumerate(rates):
        if rate_bp > caps.binding[at]:
            above.append(Excess(at + 1, rate_bp, caps.binding[at], caps.ids[at]))
        if rate_bp > caps.informing[at]:
            informed.append(Excess(at + 1, rate_bp, caps.informing[at], caps.ids[at]))
        unknown = unknown or (rate_bp >= 0 and caps.binding[at] == _FREE)
    return Verdict("above" if above else "unknown" if unknown else "within", tuple(above), tuple(informed))


def _named(model: FeeModel, found: Excess) -> Excess:
    tiers = [tier for tier in model.tiers if tier.age_from <= found.age <= tier.age_to]
    tier = max(tiers, key=lambda each: each.rate_bp)
    return Excess(found.age, found.rate_bp, found.cap_bp, found.cap_id, tier.at)


def refuse_above(found: Verdict, pointer: str) -> None:
    """Raises Conflict where a binding cap is exceeded: which tier, by how much."""
    if found.state == "above":
        first = found.above[0]
        raise Conflict(
            "fee_above_cap",
            zh="费率高于佣金上限",
            en="The fee is above its cap",
            fix_zh="将 above 所列各档降至上限以内。",
            fix_en="Bring the tiers listed in above down to their caps.",
            pointer=f"{pointer}/tiers/{first.tier}/rate_bp",
            extra={"above": [told(each) for each in found.above]},
        )


def told(found: Excess) -> dict[str, Any]:
    return {
        "age": AGES[found.age - 1], "tier": found.tier, "rate_bp": found.rate_bp, "cap_bp": found.cap_bp,
        "by_bp": found.by_bp, "cap_id": None if found.cap_id is None else str(found.cap_id),
    }  # fmt: skip


# --- recording ------------------------------------------------------------------------------------------------------


def check_days(first: date, last: date | None, pointer: str = "") -> None:
    if last is not None and last < first:
        raise bad_field(f"{pointer}/effective_until", "终止日早于生效日", "It ends before it takes effect")


def check_apart(spans: Sequence[tuple[Any, date, date | None]], pointer: str = "") -> None:
    """(key, first day, last day) each: no two of one key overlap. Raises Invalid at the later of the two."""
    ordered = sorted(range(len(spans)), key=lambda at: (spans[at][0], spans[at][1]))
    for before, after in pairwise(ordered):
        key, _, last = spans[before]
        if spans[after][0] == key and (last is None or spans[after][1] <= last):
            raise Invalid(
                "caps_overlap",
                zh="同一账龄的两个上限在日期上重叠",
                en="Two caps of one bucket overlap in their days",
                fix_zh="前一上限的 effective_until 应早于后一上限的 effective_from；更正旧上限请用 supersedes。",
                fix_en="End the earlier before the later begins; to correct a recorded cap name it in supersedes.",
                pointer=f"{pointer}/{after}/effective_from",
            )
