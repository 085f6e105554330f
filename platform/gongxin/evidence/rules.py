"""Decisions on evidence, pure: how long it is kept, which event of custody may follow."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gongxin.errors import Conflict, Invalid
from gongxin_wire.evidence import CUSTODY, KINDS

# The claimed time may be ahead of the registry's clock by this much.
SKEW = timedelta(minutes=5)
EARLIEST = datetime.fromisoformat("1980-01-01T00:00:00+00:00")
COMPLAINT = "complaint"
RECORDS = (*KINDS, COMPLAINT, "lookup")
# Events that name to whom, or whither.
NAMES_TO = ("moved", "disclosed")
REQUESTABLE = ("moved", "disclosed", "destroyed")


@dataclass(frozen=True, slots=True)
class Retention:
    """One rule: what of `record` is kept, in months; whence it comes."""

    record: str
    min_months: int
    default_months: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How evidence stands: what decides on the next event of its custody."""

    held: bool
    destroyed: bool
    keep_at_least_until: date


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def keep_until(kind: str, complaint: bool, rules: Iterable[Retention], registered_on: date) -> tuple[date, date]:
    """(at least until, by default until). The clock runs from registration, since the time claimed proves nothing; of
    two rules that fit, the longer holds."""
    wanted = {kind, COMPLAINT} if complaint else {kind}
    fitting = [rule for rule in rules if rule.record in wanted]
    if {rule.record for rule in fitting} != wanted:
        raise LookupError("no rule of retention")
    least = max(rule.min_months for rule in fitting)
    return add_months(registered_on, least), add_months(registered_on, max(rule.default_months for rule in fitting))


def check_made_at(made_at: datetime | None, now: datetime) -> None:
    """What was made later than now was not made."""
    if made_at is not None and not EARLIEST <= made_at <= now + SKEW:
        raise Invalid(
            "made_at_out_of_range",
            zh="声称的制作时间在将来，或早于 1980 年",
            en="The time claimed lies in the future, or before 1980",
            fix_zh="填写制作时间；请核对设备时钟。",
            fix_en="Give when it was made; check the device's clock.",
            pointer="/made_at",
        )


def legal(standing: Standing, today: date) -> list[str]:
    """Which events of custody may follow."""
    if standing.destroyed:
        return []
    found = ["moved", "disclosed", "released" if standing.held else "held"]
    if not standing.held and today >= standing.keep_at_least_until:
        found.append("destroyed")
    return found


def check_event(event: str, standing: Standing, today: date) -> None:
    """Whether the event may follow. Raises Conflict with what may, in `legal`."""
    may = legal(standing, today)
    if event in may:
        return
    more = {"legal": may}
    if standing.destroyed:
        raise Conflict(
            "evidence_destroyed",
            zh="证据已登记销毁，保管链已结束",
            en="The evidence is destroyed; its custody has ended",
            fix_zh="销毁登记不可撤销；若登记有误，请重新登记该文件。",
            fix_en="Destruction is final; where it was recorded wrongly, register the file anew.",
            extra=more,
        )
    if event == "destroyed" and standing.held:
        raise Conflict(
            "evidence_held",
            zh="证据处于法律保全中，不得销毁",
            en="The evidence is under a legal hold and must not be destroyed",
            fix_zh="保全解除并登记之后方可销毁。",
            fix_en="It may be destroyed once the hold has been released.",
            extra=more,
        )
    if event == "destroyed":
        raise Conflict(
            "retention_not_over",
            zh="未满最短保存期限，不得销毁",
            en="The least period of retention is not over",
            fix_zh="期满（keep_at_least_until）之后方可销毁。",
            fix_en="It may be destroyed from keep_at_least_until on.",
            extra=more | {"keep_at_least_until": standing.keep_at_least_until.isoformat()},
        )
    if event not in CUSTODY or event == "created":
        raise Invalid(
            "unknown_custody_event",
            zh="没有这种保管事件",
            en="There is no such event of custody",
            fix_zh="可登记的事件列于 legal。",
            fix_en="What may be recorded is listed in legal.",
            pointer="/event",
            extra=more,
        )
    raise Conflict(
        "hold_stands_so",
        zh="保全状态已是如此",
        en="The hold stands so already",
        fix_zh="保全中的证据只能解除保全，未保全的只能设置。",
        fix_en="A hold is placed where there is none and released where there is one.",
        extra=more,
    )


def check_event_at(at: datetime, now: datetime) -> None:
    """Custody is recorded when it has happened."""
    if not EARLIEST <= at <= now + SKEW:
        raise Invalid(
            "custody_out_of_range",
            zh="保管事件的时间在将来，或早于 1980 年",
            en="The event lies in the future, or before 1980",
            fix_zh="事件发生之后再登记。",
            fix_en="Record it once it has happened.",
            pointer="/at",
        )


def check_recipient(event: str, to: str | None) -> None:
    """To whom or whither: where there is one, and nowhere else."""
    if (event in NAMES_TO) != (to is not None):
        raise Invalid(
            "custody_recipient",
            zh="移交与披露须写明去向，其他事件不写",
            en="Moved and disclosed name to whom or whither; other events do not",
            fix_zh="在 to 中写明机构或地点，不写个人姓名与号码。",
            fix_en="Name the institution or place in `to`, never a person.",
            pointer="/to",
        )


def check_days(made_from: date | None, made_to: date | None, today: date) -> None:
    """A batch is of days that have come."""
    for name, day in (("made_from", made_from), ("made_to", made_to)):
        if day is not None and day > today:
            raise Invalid(
                "batch_of_the_future",
                zh="批次日期在将来",
                en="The batch is of a day to come",
                fix_zh="当日结束后登记当日的批次。",
                fix_en="Register a day's batch once the day has come.",
                pointer=f"/0/{name}",
            )
