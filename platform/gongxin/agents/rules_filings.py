"""Decisions on agencies' filings and on watches, pure: which move follows which, who answers for what, until when."""

from collections.abc import Sequence
from datetime import date, timedelta

from gongxin.errors import Conflict, Forbidden, Invalid, bad_field

from . import rules
from .rules import Move

STATES = ("draft", "submitted", "accepted", "returned", "suspended", "withdrawn", "revoked", "superseded")
# What an agency may file for.
SCOPE = ("remind", "negotiate", "formal_notice", "mediation", "on_site", "court_support")
# Who answers for it: the first two in every filing.
ROLES = ("conduct", "data_protection", "complaints", "training")
NEEDED_ROLES = ROLES[:2]
MAX_OFFICERS = 10

_OFFICE = ("association", "registry")
# Migration 0023 holds the same table.
MOVES: dict[str, Move] = {
    "file": Move(("draft",), "submitted", ("agency",)),
    "return": Move(("submitted",), "returned", _OFFICE),
    "accept": Move(("submitted",), "accepted", _OFFICE),
    "suspend": Move(("accepted",), "suspended", _OFFICE),
    "reinstate": Move(("suspended",), "accepted", _OFFICE),
    "revoke": Move(("accepted", "suspended"), "revoked", _OFFICE),
    "withdraw": Move(("submitted", "accepted", "suspended"), "withdrawn", ("agency",)),
    "supersede": Move(("accepted", "suspended"), "superseded", _OFFICE),
}
# What `POST /v1/agencies/filings/{id}/moves` takes: filing has a route of its own, accepting supersedes.
ACTIONS = tuple(name for name in MOVES if name not in {"file", "supersede"})

WATCH_DAYS = 366
WATCH_GROUND_DAYS = 30


def check_move(action: str, state: str, kind: str) -> str:
    """The state the move leads to. Raises Forbidden where it is another's, Conflict where it does not follow."""
    move = MOVES[action]
    if kind not in move.kinds:
        raise Forbidden(
            "not_yours_to_do",
            zh="该操作不由此类机构进行",
            en="This move is not for members of this kind",
            fix_zh="备案与撤回由机构办理，受理、退回与处分由协会作出。",
            fix_en="The agency files and withdraws; the association accepts, returns and suspends.",
        )
    if state not in move.starts:
        raise Conflict(
            "filing_state",
            zh="当前状态下不能进行该操作",
            en="The move does not follow the filing's state",
            fix_zh="可行的操作列于 legal。",
            fix_en="What can be done is listed in legal.",
            extra={"state": state, "legal": [n for n, m in MOVES.items() if state in m.starts and kind in m.kinds]},
        )
    return move.end


def check_filing(scope: Sequence[str], officers: Sequence[tuple[str, str]]) -> None:
    """`officers`: (role, name). Each thing once, and somebody for conduct and for data protection. Raises Invalid."""
    if len(set(scope)) != len(scope):
        raise bad_field("/scope", "业务范围不得重复", "Each scope once")
    missing = [role for role in NEEDED_ROLES if role not in {role for role, _ in officers}]
    if missing:
        raise Invalid(
            "officer_missing",
            zh="缺少责任人",
            en="A responsible officer is missing",
            fix_zh=f"须有：{'、'.join(missing)}。",
            fix_en=f"Name somebody for {', '.join(missing)}.",
            pointer="/officers",
            extra={"missing": missing},
        )
    if len(set(officers)) != len(officers):
        raise bad_field("/officers", "责任人不得重复", "Each officer once a role")
    for at, (_, name) in enumerate(officers):
        rules.check_text(name, rules.MAX_NAME, f"/officers/{at}/name")


def needs_filing() -> Conflict:
    return Conflict(
        "agency_not_filed",
        zh="机构备案未生效",
        en="The agency has no filing in force",
        fix_zh="由机构先提交备案，协会受理后再许可其人员。",
        fix_en="Have the agency file first; once the association accepts it its people can be licensed.",
    )


def check_watch(ends_on: date, today: date) -> None:
    """To an end, within a year. Raises Invalid."""
    last = today + timedelta(days=WATCH_DAYS - 1)
    if not today <= ends_on <= last:
        raise bad_field("/ends_on", f"应在今日至 {last.isoformat()} 之间", f"Between today and {last.isoformat()}")
