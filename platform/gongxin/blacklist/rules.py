"""The process, pure: a table of moves, and `step`, which makes one or refuses. No database, no clock, no chance; the
migration holds the same table and the same guards, so that no path around the code skips one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from gongxin.errors import Conflict, Forbidden, bad_field

from .pack import LEVELS, due, pack, term_end

# Who acts: the association's officers, the registry's clock, the reported party (or the association for it), a member.
OFFICE, CLOCK, REPORTED, MEMBER = "office", "clock", "reported", "member"


@dataclass(frozen=True, slots=True)
class Move:
    """From which states to which (None: where it is), by whom, the clock it begins, and the association's clock it must
    keep. `voted`: only what the committee's votes carry."""

    starts: tuple[str, ...]
    end: str | None
    by: tuple[str, ...]
    clock: str | None = None
    timely: bool = False
    voted: bool = False


_LISTED = ("standing", "upheld", "varied")
_UNDER_WAY = ("accepted", "noticed", "hearing", "deliberation")
MOVES: dict[str, Move] = {
    "report": Move(("draft",), "reported", (MEMBER, CLOCK), "acknowledge"),
    "join": Move(("reported",), "joined", (OFFICE,), timely=True),
    "refuse": Move(("reported", "accepted"), "refused", (OFFICE,), timely=True),
    "accept": Move(("reported",), "accepted", (OFFICE,), "notice", timely=True),
    "notice": Move(("accepted",), "noticed", (OFFICE,), "reply", timely=True),
    "reply": Move(("noticed",), "deliberation", (REPORTED,), "decision"),
    "close_reply": Move(("noticed",), "deliberation", (OFFICE, CLOCK), "decision"),
    "ask_hearing": Move(("noticed", "deliberation"), "hearing", (REPORTED,), "decision"),
    "hold_hearing": Move(("hearing",), "deliberation", (OFFICE,), timely=True),
    "extend": Move(("hearing", "deliberation"), None, (OFFICE,), "decision_extended", timely=True),
    "draft": Move(("deliberation", "appealed", *_LISTED), None, (OFFICE,), timely=True),
    "decide": Move(("deliberation",), "decided", (OFFICE,), "service", timely=True, voted=True),
    "serve": Move(("decided",), "standing", (OFFICE,), timely=True),
    "dismiss": Move(("decided",), "dismissed", (OFFICE,), timely=True),
    "appeal": Move(("standing",), "appealed", (REPORTED,), "appeal_decision"),
    "assign": Move(("appealed",), None, (OFFICE,), timely=True),
    "uphold": Move(("appealed",), "upheld", (OFFICE,), timely=True, voted=True),
    "vary": Move(("appealed", *_LISTED), "varied", (OFFICE,), timely=True, voted=True),
    "withdraw": Move(("appealed", *_LISTED), "withdrawn", (OFFICE,), timely=True, voted=True),
    "order_stop": Move(_UNDER_WAY, None, (OFFICE,), timely=True),
    "end_stop": Move(_UNDER_WAY, None, (OFFICE,)),
    "lapse": Move(("reported", "accepted", "hearing", "deliberation", "decided", "appealed"), "lapsed", (CLOCK,)),
    "expire": Move(("appealed", *_LISTED), "expired", (CLOCK,)),
}
STATES = ("draft", *dict.fromkeys(move.end for move in MOVES.values() if move.end))
IN_FORCE = ("appealed", *_LISTED)
ENDED = ("joined", "refused", "dismissed", "withdrawn", "lapsed", "expired")
# What is said for each of these: without reasons there is no such act.
REASONED = ("report", "join", "refuse", "reply", "ask_hearing", "hold_hearing", "extend", "draft", "decide", "appeal",
            "uphold", "vary", "withdraw", "order_stop", "end_stop")  # fmt: skip
MAX_SAID = 2000
CHANNELS = ("in_person", "agency", "registered_post", "platform", "announcement")
DRAFTABLE = ("decide", "uphold", "vary", "withdraw")


@dataclass(frozen=True, slots=True)
class Draft:
    """What the committee votes on. `act`: which of the voted moves it proposes."""

    act: str
    by: str
    level: str
    months: int | None
    severity: str = "S2"
    panel: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Matter:
    """One matter as the rules see it. `votes`: on the present draft; `first_panel`: whoever kept the matter or voted in
    the first instance, who take no part in the appeal."""

    state: str = "draft"
    severity: str = "S2"
    due_on: date | None = None
    began_on: date | None = None
    extended: bool = False
    noticed: bool = False
    heard: bool = False
    keeper: str = ""
    draft: Draft | None = None
    votes: Mapping[str, bool] = field(default_factory=dict)
    recused: frozenset[str] = frozenset()
    first_panel: frozenset[str] = frozenset()
    appeal_until: date | None = None
    level: str = "none"
    months: int | None = None
    begins_on: date | None = None
    ends_on: date | None = None
    stop_until: date | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does to a matter on a day."""

    action: str
    by: str
    officer: str = ""
    said: str = ""
    draft: Draft | None = None
    served_on: date | None = None
    until: date | None = None


def step(matter: Matter, act: Act, today: date) -> Matter:
    """The matter after the act. Raises Forbidden where it is another's to do, Conflict where it does not follow, is too
    late or too early, or the votes do not carry it, Invalid where a part of it is missing."""
    move = MOVES[act.action]
    _check_place(matter, act, move)
    _check_said(act)
    _check_clock(matter, act, move, today)
    if move.voted:
        check_votes(matter, act)
    end, following = move.end or matter.state, _due(matter, act, move, today)
    changed = replace(matter, state=end, due_on=following)
    return _EFFECTS.get(act.action, _same)(changed, matter, act, today)


def legal(matter: Matter, by: str) -> list[str]:
    return [name for name, move in MOVES.items() if matter.state in move.starts and by in move.by]


def _check_place(matter: Matter, act: Act, move: Move) -> None:
    if act.by not in move.by:
        raise Forbidden(
            "not_yours_to_do",
            zh="该步骤不由此方进行",
            en="This step is not for this party",
            fix_zh="举报由会员提出；申辩、听证与复核由被举报方提出；其余由协会进行。",
            fix_en="Members report; the reported party replies, asks to be heard, appeals; the association the rest.",
        )
    wrong_outcome = act.action in {"serve", "dismiss"} and (matter.level == "none") != (act.action == "dismiss")
    if matter.state not in move.starts or wrong_outcome:
        raise Conflict(
            "matter_state",
            zh="当前状态下不能进行该步骤",
            en="The step does not follow the matter's state",
            fix_zh="可行的步骤列于 legal。",
            fix_en="What can be done is listed in legal.",
            extra={"state": matter.state, "legal": legal(matter, act.by)},
        )
    if OFFICE in move.by and act.by == OFFICE and not act.officer:
        raise bad_field("/officer", "须写明经办人", "The officer is named")


def _check_said(act: Act) -> None:
    if act.action in REASONED and not act.said:
        raise bad_field("/said", "须说明理由", "Reasons are given")


def _check_clock(matter: Matter, act: Act, move: Move, today: date) -> None:
    late = matter.due_on is not None and matter.due_on < today
    if move.timely and late and act.by == OFFICE:
        raise _too_late()
    if act.action == "appeal" and (matter.appeal_until is None or matter.appeal_until < today):
        raise Conflict(
            "appeal_period_ended",
            zh="复核申请期已过",
            en="The period for an appeal has ended",
            fix_zh="仍可随时提出异议。",
            fix_en="An objection can be made at any time.",
        )
    ends = matter.ends_on if act.action == "expire" else matter.due_on
    if act.action in {"lapse", "close_reply", "expire"} and (ends is None or ends >= today):
        raise Conflict(
            "clock_runs",
            zh="期限未满",
            en="The clock still runs",
            fix_zh="期满后再进行。",
            fix_en="Wait until it has ended.",
            extra={"due_on": ends.isoformat() if ends else None},
        )
    if act.action == "extend" and matter.extended:
        raise Conflict("extended_once", zh="只能延长一次", en="It is extended once", fix_zh="在期限内决定。",
                       fix_en="Decide within the clock.")  # fmt: skip


def _too_late() -> Conflict:
    return Conflict(
        "clock_missed",
        zh="协会的期限已过，该事项依规失效",
        en="The association missed its clock; the proposal lapses",
        fix_zh="如有新的证据，由举报方重新提出。",
        fix_en="Where there is new evidence, it is reported anew.",
    )


def check_votes(matter: Matter, act: Act) -> None:
    """A draft of this very act, a quorum of the panel, more for than against; who drafted neither votes nor decides,
    and whoever declared a conflict does not count. Raises Conflict or Forbidden."""
    draft = matter.draft
    if draft is None or draft.act != act.action:
        raise Conflict("no_draft", zh="没有待表决的决定稿", en="There is no draft to decide on",
                       fix_zh="先拟稿并表决。", fix_en="Draft it and have it voted first.")  # fmt: skip
    if act.officer == draft.by:
        raise Forbidden("maker_is_not_checker", zh="拟稿人不得作出决定", en="Who drafted it does not decide it",
                        fix_zh="由委员会另一委员签发。", fix_en="Another member of the committee does.",
                        pointer="/officer")  # fmt: skip
    if act.officer not in draft.panel or act.officer in matter.recused:
        raise _not_seated()
    counted = {
        officer: vote
        for officer, vote in matter.votes.items()
        if officer in draft.panel and officer not in matter.recused and officer != draft.by
    }
    if len(counted) < pack()["quorum"]:
        raise Conflict("no_quorum", zh="表决人数不足法定人数", en="There is no quorum",
                       fix_zh=f"至少 {pack()['quorum']} 名无利害关系的委员表决。",
                       fix_en=f"At least {pack()['quorum']} members without a conflict vote.")  # fmt: skip
    if 2 * sum(counted.values()) <= len(counted):
        raise Conflict("not_carried", zh="未获多数同意", en="The draft is not carried",
                       fix_zh="另拟决定稿。", fix_en="Make another draft.")  # fmt: skip


def check_vote(matter: Matter, officer: str, vote: bool, said: str) -> None:
    """Raises where this officer does not vote on the present draft. A vote against gives reasons: dissent is kept."""
    if matter.draft is None:
        raise Conflict("no_draft", zh="没有待表决的决定稿", en="There is no draft to vote on", fix_zh="先拟稿。",
                       fix_en="Have it drafted first.")  # fmt: skip
    if officer == matter.draft.by:
        raise Forbidden("maker_is_not_checker", zh="拟稿人不得表决", en="Who drafted it does not vote",
                        fix_zh="由其他委员表决。", fix_en="Others vote.", pointer="/officer")  # fmt: skip
    if officer not in matter.draft.panel or officer in matter.recused:
        raise _not_seated()
    if matter.state == "appealed" and officer in matter.first_panel:
        raise _same_committee()
    if officer in matter.votes:
        raise Conflict("voted_already", zh="该委员已表决", en="This member has voted", fix_zh="表决不得更改。",
                       fix_en="A vote is not changed.")  # fmt: skip
    if not vote and not said:
        raise bad_field("/said", "反对意见须说明理由", "A vote against gives its reasons")


def _same_committee() -> Forbidden:
    return Forbidden("same_committee", zh="复核由另一委员会进行", en="An appeal is heard by others",
                     fix_zh="原承办人与委员不得参与。", fix_en="Who kept or decided the matter first takes no part.",
                     pointer="/officer")  # fmt: skip


def _worse(draft: Draft, before: Matter) -> bool:
    return (
        draft.level not in LEVELS
        or LEVELS.index(draft.level) < LEVELS.index(before.level)
        or (draft.months or 0) > (before.months or 0)
    )


def _not_seated() -> Forbidden:
    return Forbidden("not_seated", zh="该人员不在委员会或已回避", en="Not of the committee, or recused",
                     fix_zh="由委员会现任且无利害关系的委员进行。",
                     fix_en="A seated member without a conflict of interest does it.", pointer="/officer")  # fmt: skip


# --- effects ----------------------------------------------------------------------------------------------------------


def _due(matter: Matter, act: Act, move: Move, today: date) -> date | None:
    """The next clock. A hearing asked while the decision's clock runs does not begin it anew; a draft ends none."""
    if act.action == "extend":
        return due("decision_extended", matter.began_on or today)
    if act.action == "ask_hearing" and matter.state == "deliberation":
        return matter.due_on
    if act.action == "notice":
        return due("reply", act.served_on or today)
    if move.clock is not None:
        return due(move.clock, today)
    return matter.due_on if move.end is None or act.action == "hold_hearing" else None


def _same(changed: Matter, _before: Matter, _act: Act, _today: date) -> Matter:
    return replace(changed, stop_until=None) if changed.state in ENDED else changed


def _accepted(changed: Matter, _before: Matter, act: Act, _today: date) -> Matter:
    return replace(changed, keeper=act.officer)


def _noticed(changed: Matter, _before: Matter, act: Act, today: date) -> Matter:
    if act.served_on is None or act.served_on > today:
        raise bad_field("/served_on", "须填送达日，且不晚于今日", "The day of service, not after today")
    return replace(changed, noticed=True)


def _heard(changed: Matter, before: Matter, _act: Act, today: date) -> Matter:
    return replace(changed, heard=True, began_on=before.began_on or today)


def _extended(changed: Matter, _before: Matter, _act: Act, _today: date) -> Matter:
    return replace(changed, extended=True)


def _drafted(changed: Matter, before: Matter, act: Act, _today: date) -> Matter:
    draft = act.draft
    allowed = {"deliberation": ("decide",), "appealed": ("uphold", "vary", "withdraw")}
    if draft is None or draft.act not in allowed.get(before.state, ("vary", "withdraw")):
        raise bad_field("/act", "决定稿与当前阶段不符", "Not what can be decided at this stage")
    if before.state == "appealed" and act.officer in before.first_panel:
        raise _same_committee()
    if draft.act == "vary" and _worse(draft, before):
        raise bad_field("/level", "复核与变更不得加重", "A variation never makes it worse for the listed party")
    return replace(changed, draft=draft, votes={})


def _decided(changed: Matter, before: Matter, _act: Act, _today: date) -> Matter:
    assert before.draft is not None
    panel = frozenset({before.keeper, before.draft.by, *before.votes})
    return replace(changed, level=before.draft.level, months=before.draft.months, severity=before.draft.severity,
                   draft=None, votes={}, first_panel=panel)  # fmt: skip


def _served(changed: Matter, before: Matter, act: Act, today: date) -> Matter:
    assert before.months is not None
    if act.served_on is None or act.served_on > today:
        raise bad_field("/served_on", "须填送达日，且不晚于今日", "The day of service, not after today")
    ends = term_end(today, before.months)
    return replace(changed, begins_on=today, ends_on=ends, appeal_until=due("appeal", act.served_on), stop_until=None)


def _appealed(changed: Matter, _before: Matter, _act: Act, _today: date) -> Matter:
    """What the first committee had drafted meanwhile, and the votes on it, are not the appeal's."""
    return replace(changed, draft=None, votes={})


def _settled(changed: Matter, before: Matter, act: Act, _today: date) -> Matter:
    changed = replace(changed, draft=None, votes={}, stop_until=None)
    if act.action != "vary":
        return changed
    draft = before.draft
    assert draft is not None
    assert draft.months is not None
    assert before.begins_on is not None
    ends = term_end(before.begins_on, draft.months)
    return replace(changed, level=draft.level, months=draft.months, severity=draft.severity, ends_on=ends)


def _stopped(changed: Matter, before: Matter, act: Act, today: date) -> Matter:
    """An interim stop: by another officer than the keeper of the matter, reasoned, and for a time."""
    if act.officer == before.keeper:
        raise Forbidden("maker_is_not_checker", zh="承办人不得自行决定临时措施", en="The keeper does not order it",
                        fix_zh="由委员会委员决定。", fix_en="A member of the committee does.",
                        pointer="/officer")  # fmt: skip
    longest = today + timedelta(days=pack()["interim_days"])
    if act.until is None or not today <= act.until <= longest:
        raise bad_field("/until", f"今日起不超过 {pack()['interim_days']} 日", "From today, within the pack's days")
    return replace(changed, stop_until=act.until)


def _unstopped(changed: Matter, _before: Matter, _act: Act, _today: date) -> Matter:
    return replace(changed, stop_until=None)


_EFFECTS = {
    "accept": _accepted,
    "notice": _noticed,
    "reply": _heard,
    "close_reply": _heard,
    "ask_hearing": _heard,
    "extend": _extended,
    "draft": _drafted,
    "decide": _decided,
    "serve": _served,
    "appeal": _appealed,
    "uphold": _settled,
    "vary": _settled,
    "withdraw": _settled,
    "order_stop": _stopped,
    "end_stop": _unstopped,
}


# --- what is told -----------------------------------------------------------------------------------------------------


def is_listed(state: str, ends_on: date | None, today: date) -> bool:
    """Whatever the job has done yet, nobody is listed past the term."""
    return state in IN_FORCE and ends_on is not None and ends_on >= today


def correction_of(action: str, level: str) -> str | None:
    """What whoever was told of the entry is owed after this act; a term that ended was told with it."""
    return {"vary": "varied", "withdraw": "withdrawn", "lapse": "withdrawn"}.get(action) if level != "none" else None


def answer(row: Mapping[str, Any] | None, *, insider: bool) -> dict[str, Any]:
    """One subject's entry to a member. `insider`: the association, a regulator, or the employing agency; a watch reads
    to all others as nothing listed. Proposals under way are in no row."""
    if row is None or (row["level"] == "watch" and not insider):
        return {"state": "not_listed"}
    told = {
        "begins_on": row["begins_on"].isoformat(),
        "contested": bool(row["contested"]),
        "ends_on": row["ends_on"].isoformat(),
        "ground": row["severity"],
        "number": row["number"],
        "statements": row["statements"],
    }
    if row["level"] == "watch":
        return {"state": "watch", **told}
    return {"state": "listed", "level": row["level"], **told}
