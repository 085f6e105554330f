"""The process on its pure rules: ten thousand histories on a clock of their own, and what can never come of any."""

import random
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from gongxin.blacklist import pack, rules
from gongxin.blacklist.rules import Act, Draft, Matter
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid

PANEL, OTHERS = frozenset({"A1", "A2", "A3", "A4"}), frozenset({"B1", "B2", "B3", "B4"})
OFFICERS = ("A1", "A2", "A3", "A4", "B1", "B2", "B3", "C1", "D1")
MEMBERS = ("bank-1", "bank-2")


@dataclass
class History:
    """One matter as its people play it, right and wrong; `trail`: what was accepted."""

    today: date = date(2026, 3, 2)
    matter: Matter = field(default_factory=Matter)
    trail: list[tuple[str, date]] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    owed: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    deadline: date | None = None

    def act(self, action: str, **more: Any) -> None:
        by = more.pop("by")
        before = self.matter
        try:
            after = rules.step(before, Act(action, by, **more), self.today)
        except GongxinError:
            self.refused += 1
            return
        self.check(before, after, action, more)
        self.matter = after
        self.trail.append((action, self.today))
        cause = rules.correction_of(action, before.level if before.begins_on else "none")
        if cause is not None:
            self.owed |= dict.fromkeys(self.told, cause)

    def check(self, before: Matter, after: Matter, action: str, more: dict[str, Any]) -> None:
        """What must hold of every act that was let through."""
        done = [name for name, _ in self.trail]
        move = rules.MOVES[action]
        if move.timely and before.due_on is not None:
            assert before.due_on >= self.today, "after the association's clock"
        if action in rules.REASONED:
            assert more.get("said"), "without reasons"
        if move.voted:
            draft = before.draft
            assert draft is not None
            counted = [v for o, v in before.votes.items() if o in draft.panel - before.recused - {draft.by}]
            assert len(counted) >= 3
            assert sum(counted) * 2 > len(counted)
            assert more["officer"] not in {draft.by} | before.recused
            if before.state == "appealed":
                assert not set(before.votes) & before.first_panel
        if after.state == "standing" and before.state != "standing":
            assert "notice" in done, "listed without notice"
            assert {"reply", "close_reply", "ask_hearing"} & set(done), "listed without a reply or its clock"
            assert "decide" in done
            assert after.ends_on is not None
            assert after.ends_on <= pack.term_end(self.today, pack.pack()["terms_months"][after.level])
        if action == "close_reply":
            assert before.due_on is not None
            assert before.due_on < self.today
        if action == "vary":
            assert after.ends_on is not None
            assert before.ends_on is not None
            assert after.ends_on <= before.ends_on

    def ask(self, member: str) -> None:
        if rules.is_listed(self.matter.state, self.matter.ends_on, self.today):
            assert self.matter.ends_on is not None
            assert self.matter.ends_on >= self.today, "told past the term"
            self.told.add(member)
            self.owed.pop(member, None)

    def vote(self, officer: str, vote: bool) -> None:
        try:
            rules.check_vote(self.matter, officer, vote, "x")
        except GongxinError:
            self.refused += 1
            return
        self.matter = replace(self.matter, votes={**self.matter.votes, officer: vote})


def play(chance: random.Random, length: int = 40) -> History:
    """Acts drawn with a leaning towards those that follow, so that many histories reach the end of the process."""
    found = History()
    found.act("report", by=rules.MEMBER, said="x")
    for _ in range(length):
        roll, draft = chance.random(), found.matter.draft
        if found.matter.state in rules.IN_FORCE and roll > 0.95:
            found.today += timedelta(days=200)
        elif roll < 0.06:
            found.today += timedelta(days=chance.choice((1, 1, 2, 5, 16, 40, 120)))
        elif roll < 0.16:
            found.ask(chance.choice(MEMBERS))
        elif roll < 0.17:
            found.matter = replace(found.matter, recused=found.matter.recused | {chance.choice(OFFICERS)})
        elif draft is not None and len(found.matter.votes) < 3 and roll < 0.85:
            found.vote(chance.choice(sorted(draft.panel)), chance.random() < 0.9)
        else:
            _draw(found, chance)
    return found


def _draw(found: History, chance: random.Random) -> None:
    likely = [name for name, move in rules.MOVES.items() if found.matter.state in move.starts]
    action = chance.choice(likely if likely and chance.random() < 0.9 else list(rules.MOVES))
    if found.matter.draft is not None and chance.random() < 0.7 and found.matter.draft.act in likely:
        action = found.matter.draft.act
    move = rules.MOVES[action]
    draft = None
    officer = chance.choice(OFFICERS)
    if action == "draft":
        panel = OTHERS if found.matter.state == "appealed" else PANEL
        fitting = ("decide",) if found.matter.state == "deliberation" else ("uphold", "vary", "withdraw")
        act = chance.choice(fitting if chance.random() < 0.9 else rules.DRAFTABLE)
        level, months = chance.choice((("L3", 6), ("L3", 3), ("none", None), ("L2", 24)))
        draft = Draft(act, officer, level, months, "S2", panel)
    found.act(
        action,
        by=chance.choice(move.by) if chance.random() < 0.95 else rules.REPORTED,
        officer=officer,
        said="x" if chance.random() < 0.95 else "",
        draft=draft,
        served_on=found.today if chance.random() < 0.95 else None,
        until=found.today + timedelta(days=5),
    )


def test_in_ten_thousand_histories_nobody_is_listed_without_the_process_or_past_the_term() -> None:
    """`History.check` and `History.ask` hold at every step; and the histories do go everywhere."""
    chance, reached, corrected = random.Random(7), set[str](), 0
    for _ in range(10_000):
        found = play(chance)
        reached.add(found.matter.state)
        reached |= {action for action, _ in found.trail}
        gone = found.matter.state in {"withdrawn", "lapsed"} and found.matter.begins_on is not None
        if gone:
            # Every member told is owed the correction that says so.
            assert set(found.owed) == found.told
            assert set(found.owed.values()) <= {"withdrawn"}
            corrected += bool(found.told)
    assert {"decide", "serve", "appeal", "vary", "withdraw", "lapse", "expire", "dismiss", "close_reply"} <= reached
    assert corrected > 0


@seed(5)
@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_any_history_that_hypothesis_draws_holds_too(chance: random.Random) -> None:
    play(chance, 60)


def test_the_table_leads_from_a_report_to_every_state_and_out_of_none_that_ended() -> None:
    reached, grown = {"draft"}, True
    while grown:
        more = {m.end or s for m in rules.MOVES.values() for s in m.starts if s in reached} | reached
        grown, reached = more != reached, more
    assert reached == set(rules.STATES)
    assert not [name for name, move in rules.MOVES.items() if set(move.starts) & set(rules.ENDED)]


@pytest.mark.parametrize("article", sorted(pack.pack()["articles"]))
def test_every_article_has_a_severity_and_its_levels(article: str) -> None:
    severity = pack.severity_of(article)
    assert pack.pack()["levels"][severity][-1] == "none"
    assert "debtor" not in pack.SUBJECT_KINDS


def test_what_the_system_proposes_nobody_reports() -> None:
    assert "E01" not in {code for kind in pack.SUBJECT_KINDS for code in pack.articles(kind)}
    with pytest.raises(Invalid):
        pack.check_article("E01", "agent")


def test_clocks_count_working_days_of_china() -> None:
    """The National Day holiday of 2026 lies between."""
    assert pack.due("reply", date(2026, 9, 28)) > date(2026, 10, 15)
    assert pack.due("service", date(2026, 9, 28)) == date(2026, 10, 5)


def test_a_term_ends_the_day_before_and_in_a_short_month_on_its_last() -> None:
    assert pack.term_end(date(2026, 1, 15), 6) == date(2026, 7, 14)
    assert pack.term_end(date(2026, 8, 31), 6) == date(2027, 2, 27)
    assert pack.months_before(date(2026, 3, 31), 1) == date(2026, 2, 28)


@pytest.mark.parametrize(
    ("severity", "level", "harm", "months"),
    [("S1", "L2", True, 6), ("S2", "L1", True, 6), ("S2", "L2", False, 6), ("S3", "L3", False, 6),
     ("S1", "L1", False, 61), ("S2", "L2", True, None), ("S2", "none", False, 6)],
)  # fmt: skip
def test_a_finding_beyond_the_pack_is_refused(severity: str, level: str, harm: bool, months: int | None) -> None:
    with pytest.raises(Invalid):
        pack.check_finding(severity, level, harm, months)
    pack.check_finding("S2", "L2", True, 36)
    pack.check_finding("S3", "watch", False, 12)


def test_a_late_decision_is_refused_and_an_early_lapse_too() -> None:
    matter = Matter(state="deliberation", due_on=date(2026, 3, 2), draft=Draft("decide", "C1", "L3", 3, "S2", PANEL),
                    votes=dict.fromkeys(("A1", "A2", "A3"), True))  # fmt: skip
    act = Act("decide", rules.OFFICE, "A1", "x")
    assert rules.step(matter, act, date(2026, 3, 2)).state == "decided"
    with pytest.raises(Conflict):
        rules.step(matter, act, date(2026, 3, 3))
    with pytest.raises(Conflict):
        rules.step(matter, Act("lapse", rules.CLOCK), date(2026, 3, 2))
    with pytest.raises(Forbidden):
        rules.step(matter, Act("decide", rules.REPORTED, "A1", "x"), date(2026, 3, 2))
