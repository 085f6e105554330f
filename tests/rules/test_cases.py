"""What events make of a case, who may assert what, what follows what: tables walked, projections drawn at random."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.cases import lines, rules
from gongxin.cases import vocabulary as words
from gongxin.disclosure.rules import LEGAL_CLASSES, STOP_FLAGS, flags_of
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid, Malformed, TooLarge
from gongxin.web import ndjson
from gongxin_wire.identifiers import synthetic_cn_id

TODAY = date(2026, 11, 24)
START = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = [uuid.UUID(int=n) for n in range(1, 4)]
MEMBER_SOURCES = [source for source in words.SOURCES if source in words.ASSERTABLE]

DAYS = st.integers(0, 40).map(lambda n: date(2026, 10, 20) + timedelta(days=n))


@st.composite
def events(draw: st.DrawFn, axis: str | None = None) -> rules.Event:
    """Any event that somebody may assert, or claim."""
    source = draw(st.sampled_from(MEMBER_SOURCES))
    axes = {"legal": words.STATUSES["legal"]} | words.ASSERTABLE[source]
    name = axis if axis in axes else draw(st.sampled_from(sorted(axes)))
    return rules.Event(
        uuid.UUID(int=draw(st.integers(1, 2**64))),
        name,
        draw(st.sampled_from(axes[name])),
        draw(DAYS),
        source,
        START + timedelta(hours=draw(st.integers(0, 400))),
        draw(st.sampled_from(PEOPLE)),
    )


SETS = st.lists(events(), max_size=12, unique_by=lambda event: event.id)


def said(status: str, on: int, source: str = "court", axis: str = "legal", by: int = 0, **more: Any) -> rules.Event:
    """An event effective on a day of October 2026, known on the same day."""
    return rules.Event(
        uuid.uuid4(), axis, status, date(2026, 10, on), source, START + timedelta(days=300 + on), PEOPLE[by], **more
    )


def flags(*standing: rules.Event, today: date = TODAY) -> list[str]:
    return flags_of(rules.project(standing, today).stop_mask)


# --- the tables -----------------------------------------------------------------------------------------------------


def test_every_word_of_the_tables_is_of_its_axis() -> None:
    for axis, follows in words.FOLLOWS.items():
        assert follows.keys() <= set(words.STATUSES[axis])
        assert {s for after in follows.values() for s in after} <= set(words.STATUSES[axis])
    for source, axes in words.ASSERTABLE.items():
        assert source in words.SOURCES
        assert all(set(statuses) <= set(words.STATUSES[axis]) for axis, statuses in axes.items())
    for (axis, status), (flag, released_by) in words.FLAGS.items():
        assert flag in STOP_FLAGS
        assert {status, *released_by} <= set(words.STATUSES[axis])
    assert words.LEGAL_CLASS.keys() == set(words.STATUSES["legal"])
    assert set(words.LEGAL_CLASS.values()) == set(LEGAL_CLASSES) - {"none"}


def test_every_stop_flag_can_be_set_and_every_status_be_asserted_by_somebody() -> None:
    assert {flag for flag, _ in words.FLAGS.values()} == set(STOP_FLAGS)
    for axis in words.EVENT_AXES:
        known = {s for axes in words.ASSERTABLE.values() for s in axes.get(axis, ())}
        assert known == set(words.STATUSES[axis])


@pytest.mark.parametrize(
    ("axis", "only_first", "ends"),
    [
        ("collection", set(), {"closed"}),
        ("dispute", set(), set()),
        ("legal", set(), {"enforcement_completed", "bankruptcy_discharged"}),
        ("person", None, {"deceased"}),
    ],
)
def test_an_axis_ends_where_it_says_and_every_other_status_can_be_reached(
    axis: str, only_first: set[str] | None, ends: set[str]
) -> None:
    follows = words.FOLLOWS[axis]
    assert {status for status, after in follows.items() if not after} == ends
    if only_first is not None:
        assert follows.keys() == set(words.STATUSES[axis])
        assert set(words.STATUSES[axis]) - {s for after in follows.values() for s in after} == only_first


@pytest.mark.parametrize("placement", words.PLACEMENTS)
@pytest.mark.parametrize("who", ["creditor", "agency", "registry"])
@pytest.mark.parametrize("closed", [False, True])
def test_a_placement_moves_along_its_table_and_no_other_way(placement: str, who: str, closed: bool) -> None:
    legal = rules.legal_actions(who, placement, closed)
    for action, (by, origins, target) in words.ACTIONS.items():
        held: dict[str, Any] = {
            "placement": placement,
            "closed": closed,
            "agency_id": PEOPLE[0],
            "mandate_until": TODAY,
        }
        may = by == who and placement in origins and (not closed or action in words.AFTER_CLOSING)
        assert (action in legal) == may
        if may:
            moved = rules.move(who, action, **held, to_agency=PEOPLE[1] if action == "assign" else None)
            assert moved.placement == target
            assert (moved.agency_id is not None) == (target in words.HELD)
        else:
            with pytest.raises(Conflict) as caught:
                rules.move(who, action, **held)
            assert caught.value.code == "illegal_transition"
            assert caught.value.extra["legal"] == legal


def test_a_closed_case_is_not_placed_again_and_an_assigned_claim_is_final() -> None:
    assert "assign" not in rules.legal_actions("creditor", "returned", True)
    assert all(rules.legal_actions(who, "claim_assigned", False) == [] for who in ("creditor", "agency", "registry"))


@pytest.mark.parametrize(
    ("action", "agency", "until", "pointer"),
    [
        ("assign", None, None, "/agency_id"),
        ("accept", PEOPLE[0], None, "/agency_id"),
        ("hold_over", None, None, "/mandate_until"),
        ("recall", None, TODAY, "/mandate_until"),
        ("assign", PEOPLE[0], TODAY - timedelta(days=1), "/mandate_until"),
        ("assign", PEOPLE[0], date(2099, 1, 1), "/mandate_until"),
    ],
)
def test_an_action_has_the_fields_it_needs_and_no_others(action: str, agency: Any, until: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_move_fields(action, agency, until, TODAY)
    assert caught.value.pointer == pointer


def test_a_mandate_may_end_today() -> None:
    rules.check_move_fields("assign", PEOPLE[0], TODAY, TODAY)
    rules.check_move_fields("hold_over", None, TODAY, TODAY)


# --- who may assert what --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(words.CAPACITIES))
@pytest.mark.parametrize("axis", words.EVENT_AXES)
def test_each_kind_asserts_what_it_knows_and_claims_what_the_court_knows(kind: str, axis: str) -> None:
    for status in words.STATUSES[axis]:
        knows = [s for s in words.CAPACITIES[kind] if status in words.ASSERTABLE[s].get(axis, ())]
        if knows:
            assert rules.capacity(kind, axis, status) == (knows[0], False)
        elif axis == "legal":
            assert rules.capacity(kind, axis, status) == (words.CAPACITIES[kind][0], True)
        else:
            with pytest.raises(Forbidden) as caught:
                rules.capacity(kind, axis, status)
            assert status not in caught.value.extra["legal"]
            assert all(rules.capacity(kind, axis, legal) for legal in caught.value.extra["legal"])


@pytest.mark.parametrize(
    ("kind", "axis", "status", "capacity"),
    [
        ("bank", "collection", "paid_off", ("creditor", False)),
        ("agency", "collection", "promise_to_pay", ("agency", False)),
        ("association", "dispute", "objected", ("debtor", False)),
        ("association", "dispute", "complaint_open", ("registrar", False)),
        ("mediator", "legal", "mediated", ("mediator", False)),
        ("mediator", "legal", "judged", ("mediator", True)),
        ("bank", "legal", "filed", ("creditor", True)),
    ],
)
def test_some_capacities_by_name(kind: str, axis: str, status: str, capacity: tuple[str, bool]) -> None:
    assert rules.capacity(kind, axis, status) == capacity


def test_an_agency_does_not_say_that_a_debt_is_paid() -> None:
    with pytest.raises(Forbidden) as caught:
        rules.capacity("agency", "collection", "paid_off")
    assert caught.value.extra["legal"] == ["in_progress", "promise_to_pay"]


def test_a_court_asserts_on_its_three_axes_only() -> None:
    rules.check_court_status("person", "deceased")
    for axis, status in (("dispute", "objected"), ("collection", "paid_off"), ("legal", "deceased")):
        with pytest.raises(Invalid) as caught:
            rules.check_court_status(axis, status)
        assert caught.value.extra["legal"]


# --- what follows what ----------------------------------------------------------------------------------------------


def test_what_follows_is_checked_against_the_asserter_s_own_last_word() -> None:
    number = "（2025）沪0115民初1号"
    filed = said("filed", 1, court_case_number=number)
    rules.check_follows([filed], said("judged", 5, court_case_number=number), words.STATUSES["legal"])
    rules.check_follows([filed], said("enforcing", 5, court_case_number="another"), words.STATUSES["legal"])
    rules.check_follows([filed], said("enforcing", 5, by=1, court_case_number=number), words.STATUSES["legal"])
    with pytest.raises(Conflict) as caught:
        rules.check_follows([filed], said("enforcing", 5, court_case_number=number), ("judged", "mediated"))
    assert caught.value.extra["legal"] == ["mediated", "judged"]


def test_a_word_before_the_first_is_history_and_may_be_anything() -> None:
    rules.check_follows([said("judged", 9)], said("filed", 3), words.STATUSES["legal"])


def test_nothing_follows_death() -> None:
    with pytest.raises(Conflict) as caught:
        rules.check_follows([said("deceased", 1, axis="person")], said("hardship", 2, axis="person"), words.PERSON)
    assert caught.value.extra["legal"] == []


@pytest.mark.parametrize(
    ("day", "opened", "year"),
    [
        (date(1979, 12, 31), None, None),
        (date(2015, 12, 31), date(2026, 1, 5), None),
        (date(2024, 12, 31), None, 2025),
        (TODAY + timedelta(days=367), None, None),
    ],
)
def test_absurd_effective_dates_are_refused(day: date, opened: date | None, year: int | None) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_effective(day, TODAY, opened_on=opened, year=year)
    assert caught.value.pointer == "/effective_on"


def test_sensible_effective_dates_are_taken() -> None:
    rules.check_effective(date(2016, 1, 1), TODAY, opened_on=date(2026, 1, 5))
    rules.check_effective(TODAY + timedelta(days=366), TODAY, year=2025)


# --- the projection -------------------------------------------------------------------------------------------------


@given(SETS, st.randoms(use_true_random=False))
def test_the_state_does_not_depend_on_the_order_in_which_events_are_read(found: list[rules.Event], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    one, other = rules.project(found, TODAY), rules.project(shuffled, TODAY)
    assert (one, one.axes) == (other, other.axes)


@given(SETS, events())
def test_a_lower_source_never_overrides_a_higher_one(found: list[rules.Event], new: rules.Event) -> None:
    before = rules.project(found, TODAY).axes.get(new.axis)
    after = rules.project([*found, new], TODAY).axes.get(new.axis)
    if before is not None and after is not None and words.RANK[new.source] < words.RANK[before.event.source]:
        assert after.event == before.event


@given(SETS)
def test_the_prevailing_event_is_of_the_highest_source_and_what_it_has_against_it_is_lower(
    found: list[rules.Event],
) -> None:
    for name, axis in rules.project(found, TODAY).axes.items():
        there = [e for e in found if e.axis == name and e.effective_on <= TODAY]
        assert words.RANK[axis.event.source] == max(words.RANK[e.source] for e in there)
        assert all(words.RANK[e.source] < words.RANK[axis.event.source] for e in axis.against)
        assert axis.event not in axis.others


@given(SETS, events())
def test_superseding_takes_away_exactly_one_event_s_effect(found: list[rules.Event], wrong: rules.Event) -> None:
    if any(event.id == wrong.id for event in found):
        return
    gone = replace(wrong, id=uuid.UUID(int=0), supersedes=wrong.id, withdrawn=True)
    withdrawn = rules.project(rules.live([*found, wrong, gone]), TODAY)
    assert (withdrawn, withdrawn.axes) == (rules.project(found, TODAY), rules.project(found, TODAY).axes)
    right = replace(gone, withdrawn=False, effective_on=date(2026, 10, 20))
    corrected = rules.project(rules.live([*found, wrong, right]), TODAY)
    assert corrected.axes == rules.project([*found, right], TODAY).axes


@given(SETS, DAYS)
def test_a_later_day_sees_no_less_than_what_was_due(found: list[rules.Event], day: date) -> None:
    state = rules.project(found, day)
    ahead = sorted(event.effective_on for event in found if event.effective_on > day)
    assert state.due_on == (ahead[0] if ahead else None)
    if not ahead:
        assert state == rules.project(found, day + timedelta(days=100))


@given(SETS)
def test_a_flag_of_a_higher_source_survives_whatever_a_lower_one_says(found: list[rules.Event]) -> None:
    court = said("bankruptcy_accepted", 20)
    lower = [event for event in found if event.source != "court"]
    assert "bankruptcy_stay" in flags(court, *lower)
    assert LEGAL_CLASSES[rules.project([court, *lower], TODAY).legal_class] == "bankruptcy"


def test_a_stay_ends_by_the_court_that_set_it_or_not_at_all() -> None:
    stay = said("bankruptcy_accepted", 1)
    assert flags(stay, said("bankruptcy_terminated", 2)) == []
    assert flags(stay, said("bankruptcy_terminated", 2, by=1)) == ["bankruptcy_stay"]
    assert flags(stay, said("bankruptcy_terminated", 2, "creditor")) == ["bankruptcy_stay"]
    assert flags(stay, said("enforcing", 3, by=1)) == ["bankruptcy_stay"]
    assert flags(said("bankruptcy_terminated", 1), said("bankruptcy_accepted", 2)) == ["bankruptcy_stay"]
    assert flags(said("bankruptcy_accepted", 1, "creditor"), said("bankruptcy_dismissed", 2)) == []
    assert flags(said("bankruptcy_filed", 1)) == []


def test_a_discharged_debt_stays_stopped() -> None:
    ended = [said("bankruptcy_discharged", 1), said("bankruptcy_terminated", 2)]
    assert flags(*ended) == ["bankruptcy_stay"]


@pytest.mark.parametrize(
    ("axis", "status", "source", "flag"),
    [
        ("person", "deceased", "agency", "deceased"),
        ("person", "represented", "agency", "represented"),
        ("person", "incapacitated", "court", "represented"),
        ("person", "do_not_contact", "registrar", "do_not_contact"),
        ("person", "hardship", "creditor", "hardship_plan"),
        ("dispute", "identity_fraud", "creditor", "identity_fraud"),
        ("dispute", "objected", "debtor", "dispute_open"),
        ("dispute", "complaint_open", "registrar", "complaint_open"),
        ("collection", "suspended", "registrar", "do_not_contact"),
        ("legal", "enforcement_settled", "court", "enforcement_settled"),
    ],
)
def test_what_sets_a_flag(axis: str, status: str, source: str, flag: str) -> None:
    assert flags(said(status, 1, source, axis)) == [flag]


def test_what_releases_a_flag() -> None:
    objected = said("objected", 1, "debtor", "dispute")
    assert flags(objected, said("complaint_rejected", 2, "registrar", "dispute")) == []
    assert flags(objected, said("complaint_upheld", 2, "registrar", "dispute")) == ["dispute_open"]
    opened = said("complaint_open", 1, "registrar", "dispute")
    assert flags(opened, said("complaint_upheld", 2, "regulator", "dispute")) == []
    assert flags(said("suspended", 1, "registrar", "collection"), said("instalment", 2, "creditor", "collection")) == []
    assert flags(said("enforcement_settled", 1), said("enforcement_resumed", 2)) == []


def test_several_things_are_true_of_a_person_at_once_and_none_contests_another() -> None:
    state = rules.project(
        [said("hardship", 1, "creditor", "person"), said("represented", 2, "agency", "person")], TODAY
    )
    assert flags_of(state.stop_mask) == ["represented", "hardship_plan"]
    assert not state.contested
    assert [event.status for event in state.axes["person"].others] == ["represented"]


def test_what_a_lower_source_says_after_the_prevailing_word_contests_it_and_what_it_said_before_is_history() -> None:
    early, court, late = said("filed", 1, "creditor"), said("judged", 2), said("effective", 3, "creditor")
    assert not rules.project([early, court], TODAY).contested
    state = rules.project([court, late], TODAY)
    assert state.contested
    assert state.axes["legal"].event == court
    assert state.axes["legal"].others == (late,)
    assert rules.standing_of(court, state) == (True, True)
    assert rules.standing_of(late, state) == (False, True)
    assert rules.standing_of(early, rules.project([early, court], TODAY)) == (False, False)


def test_a_case_is_closed_by_its_creditor_and_not_by_its_agency() -> None:
    assert rules.project([said("paid_off", 2, "creditor", "collection")], TODAY).closed
    assert not rules.project([said("written_off", 2, "creditor", "collection")], TODAY).closed
    reopened = [said("closed", 2, "creditor", "collection"), said("in_progress", 3, "agency", "collection")]
    assert rules.project(reopened, TODAY).closed
    assert rules.project(reopened, TODAY).contested


def test_what_was_known_then_is_told_by_when_it_was_recorded() -> None:
    first = said("filed", 1)
    right = replace(said("judged", 1), supersedes=first.id, known_at=first.known_at + timedelta(days=2))
    assert rules.live([first, right], first.known_at) == [first]
    assert rules.live([first, right], first.known_at - timedelta(microseconds=1)) == []
    assert rules.live([first, right]) == [right]


# --- lines ----------------------------------------------------------------------------------------------------------

TOKEN = "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI"
READER = lines.Reader(frozenset({1, 2}), frozenset({1}), TODAY)
GOOD = b'{"creditor_ref":"L1","subject":[{"epoch":1,"token":"%s"}],"opened_on":"2026-03-01"}' % TOKEN.encode()


def test_a_plain_line_is_read() -> None:
    new = READER.case(ndjson.parse(GOOD + b"\r", 16))
    assert (new.creditor_ref, new.opened_on, new.references) == ("L1", date(2026, 3, 1), ())
    assert [epoch for epoch, _ in new.tokens] == [1]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"", Malformed),
        (b"   ", Malformed),
        (b"[]", Malformed),
        (b'"x"', Malformed),
        (b"null", Malformed),
        (GOOD + b" " * ndjson.MAX_LINE_BYTES, TooLarge),
        (GOOD.replace(b"L1", b"\xff"), Malformed),
        (GOOD[:-1] + b',"creditor_ref":"L2"}', Malformed),
        (GOOD.replace(b'"epoch":1', b'"epoch":2,"epoch":1'), Malformed),
        (GOOD.replace(b'"epoch":1', b'"epoch":NaN'), Malformed),
        (b'{"a":' * 500 + b"1" + b"}" * 500, Malformed),
        (GOOD.replace(b"L1", rb"\u0000"), Invalid),
        (GOOD.replace(b"L1", rb"\ud800"), Invalid),
        (b"\xef\xbb\xbf" + GOOD, Malformed),
    ],
)
def test_a_line_is_read_as_strictly_as_a_body(line: bytes, kind: type[GongxinError]) -> None:
    with pytest.raises(kind):
        ndjson.parse(line, 16)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)


@given(
    st.dictionaries(
        TEXTS,
        st.one_of(st.none(), st.booleans(), st.integers(-3, 3), TEXTS, st.lists(st.dictionaries(TEXTS, TEXTS))),
        max_size=4,
    )
)
def test_whatever_json_a_line_holds_is_read_as_json_reads_it(value: dict[str, Any]) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert ndjson.parse(text.encode(), 16) == value


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(['"', "x", "\\"])), min_size=2, max_size=3))
def test_a_repeated_name_is_never_overlooked(pairs: list[tuple[str, str]]) -> None:
    line = ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()
    if len(dict(pairs)) < len(pairs):
        with pytest.raises(Malformed):
            ndjson.parse(line, 16)
    else:
        assert ndjson.parse(line, 16) == dict(pairs)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"creditor_ref": ""}, "/creditor_ref"),
        ({"creditor_ref": "x" * 65}, "/creditor_ref"),
        ({"creditor_ref": " L1"}, "/creditor_ref"),
        ({"creditor_ref": "L1\n"}, "/creditor_ref"),
        ({"creditor_ref": "L\u200b1"}, "/creditor_ref"),
        ({"creditor_ref": 1}, "/creditor_ref"),
        ({"opened_on": "20260301"}, "/opened_on"),
        ({"opened_on": "2026-02-30"}, "/opened_on"),
        ({"opened_on": "2026-11-25"}, "/opened_on"),
        ({"opened_on": "1979-12-31"}, "/opened_on"),
        ({"opened_on": None}, "/opened_on"),
        ({"subject": []}, "/subject"),
        ({"subject": {}}, "/subject"),
        ({"subject": "x"}, "/subject"),
        ({"subject": [{"epoch": 1, "token": TOKEN, "more": 1}]}, "/subject/0"),
        ({"subject": [{"epoch": 1, "token": None}]}, "/subject/0/token"),
        ({"subject": [{"epoch": 1, "token": TOKEN + "\n"}]}, "/subject/0/token"),
        ({"subject": [{"epoch": True, "token": TOKEN}]}, "/subject/0/epoch"),
        ({"subject": [{"epoch": 2, "token": TOKEN}]}, "/subject"),
        ({"references": None}, "/references"),
        ({"references": [{"kind": "court_case", "reference": "（2025）沪0115民初1号"}] * 2}, "/references"),
        ({"references": [{"kind": "court_case", "reference": "not one"}]}, "/references/0/reference"),
        ({"references": [{"kind": "file", "reference": "1"}]}, "/references/0/kind"),
        ({"references": [{"kind": "mediation_file", "reference": "调1"}]}, "/references/0/member_id"),
        (
            {"references": [{"kind": "court_case", "reference": "（2025）沪0115民初1号", "member_id": str(PEOPLE[0])}]},
            "/references/0/member_id",
        ),
        ({"references": [{"kind": "mediation_file", "reference": "调1", "member_id": "x"}]}, "/references/0/member_id"),
        (
            {"references": [{"kind": "mediation_file", "reference": "13912345678", "member_id": str(PEOPLE[0])}]},
            "/references/0/reference",
        ),
        ({"more": 1}, ""),
    ],
)
def test_a_case_out_of_form_is_refused_at_its_field(change: dict[str, Any], pointer: str) -> None:
    value = ndjson.parse(GOOD, 16) | change
    with pytest.raises(Invalid) as caught:
        READER.case(value)
    assert (caught.value.pointer or "") == pointer
    assert synthetic_cn_id(1) not in str(caught.value.extra)


def test_a_card_number_is_no_case_number_and_the_fix_says_what_to_do() -> None:
    card = "6222021234567890128"
    with pytest.raises(Invalid) as caught:
        lines.refuse_personal_ref(card)
    assert caught.value.code == "creditor_ref_looks_personal"
    assert card not in str(vars(caught.value))
    lines.refuse_personal_ref("L" + card)
    assert lines.with_personal_refs(["A1", card, "B2"])
    assert not lines.with_personal_refs(["A1", "62220", "21234567890128"])
