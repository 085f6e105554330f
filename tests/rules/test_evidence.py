"""Decisions on evidence: retention, what may follow, the chain of custody and the tree of a batch."""

import contextlib
import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.errors import Conflict, Invalid
from gongxin.evidence import reading, rules
from gongxin.evidence.rules import Retention, Standing
from gongxin_wire import merkle
from gongxin_wire.evidence import (
    CUSTODY_FIELDS,
    KINDS,
    BrokenChain,
    batch_leaf,
    batch_proof,
    batch_root,
    check_chain,
    custody_digest,
    moment,
)

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
TODAY = date(2026, 11, 24)
RULES = [Retention(record, 24 if record == "recording" else 36, 60) for record in rules.RECORDS]


# --- retention --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 11, 24), 24, date(2028, 11, 24)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
    ],
)
def test_months_end_where_the_calendar_does(day: date, months: int, then: date) -> None:
    assert rules.add_months(day, months) == then


@given(st.dates(date(1980, 1, 1), date(2100, 1, 1)), st.integers(1, 1200))
def test_a_month_later_is_never_earlier(day: date, months: int) -> None:
    then = rules.add_months(day, months)
    assert (then.year - day.year) * 12 + then.month - day.month == months
    assert then.day == day.day or (then + timedelta(days=1)).day == 1


def test_the_longer_of_two_rules_holds() -> None:
    assert rules.keep_until("recording", False, RULES, TODAY) == (date(2028, 11, 24), date(2031, 11, 24))
    assert rules.keep_until("recording", True, RULES, TODAY) == (date(2029, 11, 24), date(2031, 11, 24))
    with pytest.raises(LookupError):
        rules.keep_until("recording", True, RULES[:1], TODAY)


# --- what may follow --------------------------------------------------------------------------------------------------

PAST, AHEAD = TODAY, TODAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("standing", "may"),
    [
        (Standing(False, False, AHEAD), ["moved", "disclosed", "held"]),
        (Standing(False, False, PAST), ["moved", "disclosed", "held", "destroyed"]),
        (Standing(True, False, PAST), ["moved", "disclosed", "released"]),
        (Standing(False, True, PAST), []),
    ],
)
def test_what_may_follow_is_said_where_another_event_is_refused(standing: Standing, may: list[str]) -> None:
    assert rules.legal(standing, TODAY) == may
    for event in ("moved", "disclosed", "held", "released", "destroyed"):
        if event in may:
            rules.check_event(event, standing, TODAY)
        else:
            with pytest.raises(Conflict) as refused:
                rules.check_event(event, standing, TODAY)
            assert refused.value.extra["legal"] == may


def test_nothing_is_created_twice() -> None:
    with pytest.raises(Invalid):
        rules.check_event("created", Standing(False, False, PAST), TODAY)


def test_an_event_names_to_whom_where_there_is_somebody() -> None:
    for event in ("moved", "disclosed"):
        rules.check_recipient(event, "法院")
        with pytest.raises(Invalid):
            rules.check_recipient(event, None)
    for event in ("held", "released", "destroyed"):
        rules.check_recipient(event, None)
        with pytest.raises(Invalid):
            rules.check_recipient(event, "法院")


def test_times_claimed_lie_in_the_past() -> None:
    rules.check_made_at(None, NOW)
    for check in (rules.check_made_at, rules.check_event_at):
        check(NOW + rules.SKEW, NOW)
        for wrong in (NOW + rules.SKEW + timedelta(seconds=1), datetime(1979, 12, 31, tzinfo=UTC)):
            with pytest.raises(Invalid):
                check(wrong, NOW)


# --- reading ----------------------------------------------------------------------------------------------------------


@given(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(KINDS),
            "sha256": st.binary(min_size=32, max_size=32).map(bytes.hex),
            "size": st.integers(0, 2**53 - 1),
            "media_type": st.sampled_from(["audio/mpeg", "application/pdf", "image/svg+xml"]),
            "complaint": st.sampled_from(["TS-1", "投诉（2026）3号", "a b"]),
        },
        optional={
            "sm3": st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
            "made_at": st.none() | st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456+08:00"]),
            "device": st.none() | st.just("PBX-03"),
        },
    )
)
def test_what_is_well_formed_is_read_as_given(value: dict[str, Any]) -> None:
    found = reading.evidence(value)
    assert (found.kind, found.sha256.hex(), found.size, found.media_type) == tuple(
        value[name] for name in ("kind", "sha256", "size", "media_type")
    )
    assert found.concerns.complaint == value["complaint"]
    assert (found.made_at is None) == (value.get("made_at") is None)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists) | st.dictionaries(
    st.sampled_from(["kind", "sha256", "size", "media_type", "case_id", "x"]), st.none() | st.integers() | st.text()
))  # fmt: skip
def test_what_is_not_is_refused_and_never_breaks(value: Any) -> None:
    with pytest.raises(Invalid):
        reading.evidence(value)


@given(st.binary(max_size=300))
def test_any_bytes_as_a_batch_are_read_or_refused(body: bytes) -> None:
    for raw in (body, b'{"kind":"recording"}\n' + body, b'{"kind":"recording"}\n"' + b"a" * 64 + b'"\n' + body):
        with contextlib.suppress(Invalid):
            assert reading.batch(raw).fingerprints


# --- the chain --------------------------------------------------------------------------------------------------------

SHA256 = hashlib.sha256(b"x").hexdigest()
ID, MEMBER = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f", "0193a3bf-1c2d-7e3f-8a4b-5c6d7e8f9a0b"


def chain(*events: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for position, event in enumerate(["created", *events], 1):
        record = {
            "at": moment(NOW), "basis": None, "event": event, "evidence_id": ID, "member_id": MEMBER,
            "position": position, "previous": found[-1]["digest"] if found else SHA256, "recorded_at": moment(NOW),
            "to": "法院" if event in rules.NAMES_TO else None, "v": 1,
        }  # fmt: skip
        found.append(record | {"digest": custody_digest(record).hex()})
    return found


def test_the_digest_of_an_event_is_what_was_published() -> None:
    """A vector: whoever computes it otherwise breaks every chain there is."""
    assert chain()[0]["digest"] == hashlib.sha256(
        b'gongxin custody 1\n{"at":"2026-11-24T02:00:00.000000Z","basis":null,"event":"created","evidence_id":"'
        + ID.encode() + b'","member_id":"' + MEMBER.encode() + b'","position":1,"previous":"' + SHA256.encode()
        + b'","recorded_at":"2026-11-24T02:00:00.000000Z","to":null,"v":1}'
    ).hexdigest()  # fmt: skip


def test_a_whole_chain_holds() -> None:
    check_chain(chain("moved", "disclosed", "held", "released", "destroyed"), ID, MEMBER, SHA256)
    check_chain([], ID, MEMBER, SHA256)


@pytest.mark.parametrize("name", [*CUSTODY_FIELDS, "digest"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_no_field_of_any_event_can_be_altered(name: str, at: int) -> None:
    events = chain("moved", "disclosed")
    events[at][name] = "f" * 64 if events[at][name] != "f" * 64 else None
    with pytest.raises(BrokenChain) as broken:
        check_chain(events, ID, MEMBER, SHA256)
    assert broken.value.position in {at + 1, at + 2}


@pytest.mark.parametrize(
    ("change", "position", "fault"),
    [
        (lambda events: events.pop(1), 2, "position"),
        (lambda events: events.reverse(), 1, "position"),
        (lambda events: events.append(events[-1]), 4, "position"),
        (lambda events: events.__setitem__(slice(None), chain("destroyed", "moved")), 3, "order"),
        (lambda events: events.__setitem__(slice(None), chain("created")), 2, "order"),
        (lambda events: events.__setitem__(slice(None), chain("sold")), 2, "order"),
    ],
)
def test_what_is_missing_or_out_of_order_is_named(change: Any, position: int, fault: str) -> None:
    events = chain("moved", "disclosed")
    change(events)
    with pytest.raises(BrokenChain) as broken:
        check_chain(events, ID, MEMBER, SHA256)
    assert (broken.value.position, broken.value.fault) == (position, fault)


# --- the tree of a batch ----------------------------------------------------------------------------------------------


@given(st.integers(1, 70), st.data())
def test_every_file_of_a_batch_is_proven_and_no_other(count: int, data: st.DataObject) -> None:
    files = [hashlib.sha256(b"%d" % at).digest() for at in range(count)]
    at = data.draw(st.integers(0, count - 1))
    proof = batch_proof(files, at)
    merkle.verify_inclusion(batch_leaf(files[at]), at, count, proof, batch_root(files))
    with pytest.raises(merkle.ProofError):
        merkle.verify_inclusion(batch_leaf(b"\0" * 32), at, count, proof, batch_root(files))
