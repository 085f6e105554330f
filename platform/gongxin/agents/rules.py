"""Decisions on agents, pure: which move follows which, who may make it, what a certificate needs, who is told what."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

from gongxin.errors import Conflict, Forbidden, Invalid, bad_field
from gongxin.pii import refuse_pii
from gongxin_wire import identifiers, licences

from . import grading

STATES = ("draft", "applied", "checking", "granted", "refused", "suspended", "revoked", "expired", "surrendered")
PUBLIC_STATES = ("granted", "suspended", "revoked", "expired", "surrendered")
LEVELS = ("basic", "senior", "debt_counsellor")
EDUCATION = ("secondary", "college", "bachelor", "postgraduate")
BLACKLIST_UNKNOWN = "not_available"
MAX_REASON, MAX_NAME, MAX_SAID = 200, 60, 500
EXPIRIES_DAYS = (7, 30, 60)


@dataclass(frozen=True, slots=True)
class Move:
    """From which states to which, made by whom (the kind the database knows the caller by)."""

    starts: tuple[str, ...]
    end: str
    kinds: tuple[str, ...]


_OFFICE = ("association", "registry")
# Migration 0013 holds the same table.
MOVES: dict[str, Move] = {
    "apply": Move(("draft", "refused", "revoked", "expired", "surrendered"), "applied", ("agency",)),
    "check": Move(("applied",), "checking", _OFFICE),
    "refuse": Move(("applied", "checking"), "refused", _OFFICE),
    "grant": Move(("checking",), "granted", _OFFICE),
    "renew": Move(("granted",), "granted", _OFFICE),
    "suspend": Move(("granted",), "suspended", _OFFICE),
    "reinstate": Move(("suspended",), "granted", _OFFICE),
    "revoke": Move(("granted", "suspended"), "revoked", _OFFICE),
    "expire": Move(("granted", "suspended"), "expired", ("registry",)),
    "surrender": Move(("granted", "suspended"), "surrendered", ("agency", *_OFFICE)),
    "release": Move(("granted",), "granted", ("agency",)),
    "retain": Move(("granted",), "granted", ("agency",)),
    "claim": Move(("granted",), "granted", ("agency",)),
}
# What `POST /v1/agents/{id}/moves` takes; applying and claiming have routes of their own, expiry is the clock's.
ACTIONS = tuple(name for name in MOVES if name not in {"apply", "claim", "expire"})
LICENSING = ("grant", "renew", "reinstate")
BARRING = ("refuse", "revoke")


def check_move(action: str, state: str, kind: str) -> str:
    """The state the move leads to. Raises Forbidden where it is another's, Conflict where it does not follow."""
    move = MOVES[action]
    if kind not in move.kinds:
        raise Forbidden(
            "not_yours_to_do",
            zh="该操作不由此类机构进行",
            en="This move is not for members of this kind",
            fix_zh="受理、许可与处分由协会作出；申请、放行与交回由所属机构办理。",
            fix_en="The association decides; the employing agency applies, releases and surrenders.",
        )
    if state not in move.starts:
        raise Conflict(
            "agent_state",
            zh="当前状态下不能进行该操作",
            en="The move does not follow the agent's state",
            fix_zh="可行的操作列于 legal。",
            fix_en="What can be done is listed in legal.",
            extra={"state": state, "legal": legal(state, kind)},
        )
    return move.end


def legal(state: str, kind: str) -> list[str]:
    return [name for name, move in MOVES.items() if state in move.starts and kind in move.kinds]


# --- applications ---------------------------------------------------------------------------------------------------


def check_application(adult_as_of: date, declared_on: date, today: date) -> None:
    """Of age as the agency states, and nothing declared for a day to come. Raises Invalid."""
    if adult_as_of > today:
        raise Invalid(
            "agent_minor",
            zh="申请人未满十八周岁",
            en="The applicant is not yet of age",
            fix_zh="年满十八周岁后再申请；adult_as_of 填写已核实其成年的日期。",
            fix_en="Apply once the person is of age; adult_as_of is a day on which that was verified.",
            pointer="/adult_as_of",
        )
    if declared_on > today or declared_on < today - timedelta(days=90):
        raise Invalid(
            "declaration_stale",
            zh="无犯罪记录声明应在近 90 日内",
            en="The criminal-record declaration must be of the last 90 days",
            fix_zh="由申请人重新声明。",
            fix_en="Have the applicant declare anew.",
            pointer="/declared_on",
        )


def check_name(name: str) -> None:
    check_text(name, MAX_NAME, "/name")


def check_reason(reason: str) -> None:
    check_text(reason, MAX_REASON, "/reason")


def check_text(text: str, longest: int, pointer: str) -> None:
    if not 1 <= len(text) <= longest or text != text.strip() or not text.isprintable():
        raise Invalid(
            "bad_text",
            zh="文本为空、过长或含有不可见字符",
            en="The text is empty, too long or holds invisible characters",
            fix_zh=f"请用 1 至 {longest} 个可见字符，首尾不留空格。",
            fix_en=f"Use 1 to {longest} visible characters, no space at either end.",
            pointer=pointer,
        )
    refuse_pii(text, pointer)


def check_bar(barred_until: date | None, today: date) -> None:
    """Raises Conflict while a refusal or revocation bars the person."""
    if barred_until is not None and barred_until > today:
        raise Conflict(
            "agent_barred",
            zh="暂不受理期未满",
            en="The bar after a refusal has not ended",
            fix_zh="期满后再申请。",
            fix_en="Apply after it has ended.",
            extra={"barred_until": barred_until.isoformat()},
        )


def check_extras(action: str, valid_until: date | None, released_to: uuid.UUID | None) -> None:
    """A term is said with a licence alone, a receiving agency with a release alone. Raises Invalid."""
    for name, given, allowed in (
        ("valid_until", valid_until, LICENSING),
        ("released_to", released_to, ("release",)),
    ):
        if given is not None and action not in allowed:
            raise bad_field(f"/{name}", f"只在 {'、'.join(allowed)} 时填写", f"Only with {', '.join(allowed)}")


def check_licence(number: str, pointer: str) -> str:
    """The normal form. Raises Invalid: one wrong character is found before anything is looked up."""
    try:
        return licences.check_licence(number)
    except identifiers.IdentifierError as fault:
        raise Invalid(
            fault.code, zh=fault.zh, en=fault.en, fix_zh=fault.fix_zh, fix_en=fault.fix_en, pointer=pointer
        ) from fault


def check_said(said: str) -> None:
    check_text(said, MAX_SAID, "/said")


def check_entry(
    kind: str, severity: str | None, certainty: str | None, basis: str, occurred_on: date, today: date
) -> None:
    """A violation has severity and certainty, a commendation neither; neither is of a day to come. Raises Invalid."""
    for name, value in (("severity", severity), ("certainty", certainty)):
        if (value is None) == (kind == "violation"):
            raise bad_field(f"/{name}", "违规必填，表彰不填", "Required for a violation, absent for a commendation")
    check_text(basis, MAX_REASON, "/basis")
    if not date(2000, 1, 1) <= occurred_on <= today:
        raise bad_field("/occurred_on", "应在 2000 年之后，且不晚于今日", "Between 2000 and today")


# --- training, as the rule pack says --------------------------------------------------------------------------------


@cache
def pack() -> dict[str, Any]:
    """The rule pack of training and licences, with its source."""
    found: dict[str, Any] = json.loads(
        (resources.files("gongxin.agents") / "data" / "training.json").read_text(encoding="utf-8")
    )
    return found


def course_codes() -> tuple[str, ...]:
    return tuple(course["code"] for course in pack()["courses"])


def check_course(course: str, hours: int) -> None:
    """A course of the pack and no more hours than it has. Raises Invalid."""
    known = {each["code"]: each for each in pack()["courses"]}
    if course not in known:
        raise Invalid(
            "unknown_course",
            zh="没有这门课程",
            en="There is no such course",
            fix_zh=f"可用：{'、'.join(known)}。",
            fix_en=f"Use one of {', '.join(known)}.",
            pointer="/course",
        )
    if hours > known[course]["hours"]:
        raise Invalid(
            "too_many_hours",
            zh="学时超过该课程",
            en="More hours than the course has",
            fix_zh="填写实际学时。",
            fix_en="Give the hours attended.",
            pointer="/hours",
        )


def missing_training(level: str, hours: Mapping[str, int], renewing: bool) -> dict[str, Any] | None:
    """What a certificate still needs; `hours` by course, for a renewal those since the certificate before."""
    rule = pack()["certificates"][level]
    counted = {c["code"] for c in pack()["courses"] if level in c["levels"]}
    done = sum(count for course, count in hours.items() if course in counted)
    needed = rule["continuing_hours"] if renewing else rule["hours"]
    courses = [] if renewing else [course for course in rule["courses"] if not hours.get(course)]
    return {"hours": max(0, needed - done), "courses": courses} if done < needed or courses else None


def certificate_term(level: str, issued_on: date) -> date:
    """The last day of its validity."""
    return months_after(issued_on, pack()["certificates"][level]["valid_months"]) - timedelta(days=1)


def licence_term(today: date, asked: date | None, certificates: Iterable[tuple[str, date]]) -> date:
    """The last day of a licence: what was asked, within the pack's term and the basic certificate. Raises Conflict
    where there is no basic certificate in force, Invalid where it is too long."""
    basic = max((until for level, until in certificates if level == "basic"), default=None)
    if basic is None or basic < today:
        raise Conflict(
            "no_basic_certificate",
            zh="没有有效的上岗证书",
            en="There is no basic certificate in force",
            fix_zh="完成学时并通过上岗考试后再许可。",
            fix_en="Complete the hours and pass the basic examination first.",
        )
    longest = min(basic, months_after(today, pack()["licence"]["months"]) - timedelta(days=1))
    if asked is not None and not today <= asked <= longest:
        raise Invalid(
            "licence_term",
            zh="执照期限不能早于今日，也不能超过上岗证书与规则所定期限",
            en="A licence ends neither before today nor after the basic certificate and the pack's term",
            fix_zh=f"最晚 {longest.isoformat()}。",
            fix_en=f"At the latest {longest.isoformat()}.",
            pointer="/valid_until",
        )
    return asked or longest


def bar_until(today: date) -> date:
    return months_after(today, 12 * pack()["licence"]["refusal_bar_years"])


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the month's last (民法典 202)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))


# --- what is told ---------------------------------------------------------------------------------------------------

PURPOSES = {"placement": ("bank",), "hiring": ("agency",), "supervision": ("association", "regulator")}
FIELDS: dict[str, tuple[str, ...]] = {
    "placement": ("licence", "agency", "certificates", "record", "blacklist"),
    "hiring": ("licence", "agency", "certificates", "record", "blacklist", "transfer"),
    "supervision": ("licence", "agency", "certificates", "record", "blacklist", "transfer", "bar"),
}


NOBODY: dict[str, Any] = {"found": False, "may_work": False}


def parts_of(action: str) -> tuple[str, ...]:
    """What of an answer a move changes. An application or a decision on one is no licence: it changes the bar alone."""
    if action in {"release", "retain"}:
        return ("transfer",)
    if action == "claim":
        return ("agency", "transfer")
    return {"check": (), "refuse": ("bar",), "revoke": ("licence", "bar")}.get(action, ("licence",))


def check_purpose(purpose: str, kind: str) -> tuple[str, ...]:
    """The fields told. Raises Forbidden where the purpose is not of this kind of member."""
    if kind not in PURPOSES[purpose]:
        raise Forbidden(
            "purpose_not_yours",
            zh="该类机构不能以此用途核验",
            en="Members of this kind do not check for this purpose",
            fix_zh="银行用 placement，机构用 hiring，协会与监管用 supervision。",
            fix_en="Banks: placement; agencies: hiring; association and regulators: supervision.",
        )
    return FIELDS[purpose]


def shown_state(state: str, valid_until: date | None, today: date) -> str:
    """What a reader may rely on today: a licence past its last day is expired, whatever the job has done yet."""
    if state in {"granted", "suspended"} and (valid_until is None or valid_until < today):
        return "expired"
    return state


def may_work(state: str, valid_until: date | None, agency_state: str, today: date) -> bool:
    return shown_state(state, valid_until, today) == "granted" and agency_state == "active"


def answer(
    row: Mapping[str, Any] | None,
    fields: Iterable[str],
    today: date,
    entries: Iterable[Mapping[str, Any]] = (),
    blacklist: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One item of a check. An application or a refusal is no licence: to whoever is not told of bars it reads as
    nothing found, but for an entry of the blacklist, which stands without a licence."""
    wanted = set(fields)
    if row is None or (row["state"] not in PUBLIC_STATES and "bar" not in wanted):
        listed = {"blacklist": dict(blacklist)} if blacklist and blacklist["state"] in {"listed", "stale"} else {}
        return NOBODY | listed
    told: dict[str, Any] = {
        "found": True,
        "may_work": may_work(row["state"], row["valid_until"], row["agency_state"], today)
        and not (blacklist and ("stop_until" in blacklist or blacklist.get("level") == "L1")),
        "licence": {
            "number": row["licence_no"],
            "state": shown_state(row["state"], row["valid_until"], today),
            "valid_from": _day(row["valid_from"]),
            "valid_until": _day(row["valid_until"]),
        },
        "agency": {
            "member_id": str(row["agency_id"]),
            "name_zh": row["agency_zh"],
            "name_en": row["agency_en"],
            "state": row["agency_state"],
        },
        "certificates": [
            {**each, "in_force": each["issued_on"] <= today.isoformat() <= each["valid_until"]}
            for each in row["certificates"]
        ],
        "record": _credit(list(entries), today),
        "blacklist": dict(blacklist or {"state": BLACKLIST_UNKNOWN}),
        "transfer": {"released": row["released"]},
        "bar": {"barred_until": _day(row["barred_until"])},
    }
    return {name: value for name, value in told.items() if name in wanted or name in {"found", "may_work"}}


def _credit(entries: Sequence[Mapping[str, Any]], today: date) -> dict[str, Any]:
    """Grade and points, and of the entries that count those under objection with the person's own words: no
    allegation is told, for none counts."""
    found = grading.grade(
        [grading.Entry(str(e["id"]), e["severity"], e["certainty"], e["occurred_on"]) for e in entries], today
    )
    contested = [e for e in entries if e["certainty"] != "alleged" and e["contested"]]
    return {
        "grade": found.grade,
        "points": found.points,
        "rules_version": found.rules_version,
        "contested": len(contested),
        "objections": [
            {
                "severity": e["severity"],
                "certainty": e["certainty"],
                "occurred_on": e["occurred_on"].isoformat(),
                "objection": e["objection"],
                "reply": e["reply"],
            }
            for e in sorted(contested, key=lambda e: (e["occurred_on"], str(e["id"])))
        ],
    }


def public(row: Mapping[str, Any] | None, today: date) -> dict[str, Any] | None:
    """What anyone may know: state, agency, validity, highest certificate in force. None where there is no licence."""
    if row is None or row["state"] not in PUBLIC_STATES:
        return None
    held = [c["level"] for c in row["certificates"] if c["issued_on"] <= today.isoformat() <= c["valid_until"]]
    return {
        "licence": row["licence_no"],
        "state": shown_state(row["state"], row["valid_until"], today),
        "may_work": may_work(row["state"], row["valid_until"], row["agency_state"], today),
        "agency_zh": row["agency_zh"],
        "agency_en": row["agency_en"],
        "valid_from": _day(row["valid_from"]),
        "valid_until": _day(row["valid_until"]),
        "certificate": max(held, key=LEVELS.index, default=None),
    }


def expires_within(state: str, valid_until: date | None, today: date) -> int | None:
    """The smallest of 7, 30 and 60 days within which a licence ends; None where it has longer, or has ended."""
    if state != "granted" or valid_until is None or valid_until < today:
        return None
    return next((days for days in EXPIRIES_DAYS if valid_until <= today + timedelta(days=days)), None)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
