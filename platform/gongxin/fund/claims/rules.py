"""What is granted of a claim and what each cap cut, and what may follow what. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gongxin.errors import Conflict, Forbidden, Invalid, bad_field

FUNDS = ("RELIEF", "STAFF")
CAUSES = ("medical", "unemployment", "disaster", "minors", "injury", "assault", "legal_aid", "counselling")
PAYEE_KINDS = ("hospital", "school", "landlord", "person", "lawyer", "counsellor")
STATES = ("filed", "assessed", "approved", "held", "instructed", "paid", "returned", "appealed", "rejected",
          "withdrawn")  # fmt: skip
REGION_PATTERN = "^[0-9]{6}$"
MAX_TERM = 180
MAX_REASON = 500
# state → what may follow; approved follows by the second institution's approval, paid by the bank's line.
STEPS: dict[str, tuple[str, ...]] = {
    "filed": ("filed", "assessed", "returned", "withdrawn"),
    "assessed": ("assessed", "approved", "returned", "withdrawn"),
    "approved": ("assessed", "held", "returned", "withdrawn"),
    "held": ("instructed", "returned"),
    "instructed": ("paid", "returned"),
    "paid": ("returned",),
    "returned": ("appealed",),
    "appealed": ("assessed", "rejected"),
    "rejected": (),
    "withdrawn": (),
}
PAYEE_CHANGES = ("filed", "assessed", "approved")


@dataclass(frozen=True, slots=True)
class Room:
    """What caps and the reserve leave on a day: of the person's year, of the kind's year, of the account."""

    person_fen: int
    year_fen: int
    available_fen: int


@cache
def pack() -> dict[str, Any]:
    """Caps, terms and clocks, with their source."""
    file = resources.files("gongxin.fund.claims") / "data" / "claims.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def check_cause(fund: str, cause: str) -> None:
    if cause not in CAUSES or pack()["caps"][cause]["fund"] != fund:
        raise bad_field("/cause", "该基金不受理此类申请", "The fund takes no claims of this kind")


def check_region(region: str, *, synthetic: bool) -> None:
    """A division code of six digits (GB/T 2260). Where people are synthetic it begins with 99, and nowhere else."""
    if re.fullmatch(REGION_PATTERN.removesuffix("$"), region) is None or region.startswith("99") != synthetic:
        raise bad_field(
            "/region",
            "应为六位行政区划代码" + ("，演示数据以 99 起始" if synthetic else ""),
            "It is a division code of six digits" + (", beginning 99 for synthetic people" if synthetic else ""),
        )


def check_unrelated(declared: bool) -> None:
    """Whoever files or approves declares to be unrelated to whoever gets the money."""
    if declared is not True:
        raise Invalid(
            "related_beneficiary",
            zh="须声明与受益人无关联；有关联的不得经办",
            en="Whoever acts is unrelated to the beneficiary, and says so",
            fix_zh="由无关联的人员或机构办理。",
            fix_en="Somebody unrelated does it.",
            pointer="/unrelated",
        )


def assess(cause: str, asked_fen: int, proposed_fen: int, room: Room, by: Mapping[str, Any] | None = None) -> Any:
    """(granted, lines): what is proposed and what each limit cuts of it. Raises Invalid where nothing is left."""
    rule = by or pack()
    limits = (
        ("over_what_was_asked", asked_fen),
        ("cap_per_claim", rule["caps"][cause]["per_claim_fen"]),
        ("cap_per_person_and_year", room.person_fen),
        ("cap_per_year", room.year_fen),
        ("reserve_floor", room.available_fen),
    )
    lines, left = [{"why": "proposed", "fen": proposed_fen, "limit_fen": None}], proposed_fen
    for why, limit in limits:
        kept = min(left, max(0, limit))
        if kept != left:
            lines.append({"why": why, "fen": kept - left, "limit_fen": max(0, limit)})
        left = kept
    if left == 0:
        raise Conflict(
            "nothing_left_to_grant",
            zh="限额或储备下限之内已无可批金额",
            en="Caps or the reserve floor leave nothing to grant",
            fix_zh="lines 列出各项限额；退回申请并说明理由。",
            fix_en="lines tells what each limit cut; return the claim with that reason.",
            extra={"lines": lines},
        )
    return left, {"granted_fen": left, "lines": lines, "pack_version": rule["version"]}


def check_step(state: str, to: str) -> None:
    """Raises Conflict with what may follow instead."""
    if to not in STEPS[state]:
        raise Conflict(
            "claim_state",
            zh="申请当前状态不允许此操作",
            en="The claim's state does not allow this",
            fix_zh="legal 列出可转入的状态。",
            fix_en="legal lists the states that may follow.",
            extra={"state": state, "legal": list(STEPS[state])},
        )


def party() -> Forbidden:
    return Forbidden(
        "party_to_the_case",
        zh="该案债权人或经办机构不得申请、复核或收款",
        en="No creditor or agency on the case files, reviews or is paid",
        fix_zh="由调解机构、法院、协会或无关机构办理。",
        fix_en="A mediator, a court, the association or an uninvolved agency does it.",
    )
