"""Registering evidence, its custody, batches: through the verbs, as the web role."""

import hashlib
import uuid
from datetime import date, timedelta

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import Conflict, GongxinError, Invalid, NotFound, PreconditionRequired, Stale
from gongxin.evidence import queries, reading, rules, schemas, service
from gongxin.transparency import service as log
from gongxin_wire import commitments, merkle
from gongxin_wire.evidence import batch_proof, batch_root, check_chain, custody_digest
from tests.conftest import act_for
from tests.services.disclosure_world import World
from tests.services.evidence_world import (
    a_file,
    case_of,
    line,
    placed_with,
    record,
    register,
    world,
)

__all__ = ["world"]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """Moves the clock by the sum of the list."""
    moved: list[timedelta] = []
    real, today = clock.now, clock.today_in_china
    monkeypatch.setattr(clock, "now", lambda: real() + sum(moved, timedelta()))
    monkeypatch.setattr(clock, "today_in_china", lambda: today() + sum(moved, timedelta()))
    return moved


def code_of(refused: pytest.ExceptionInfo[GongxinError]) -> str:
    return refused.value.code


# --- registering ----------------------------------------------------------------------------------------------------


def test_what_is_registered_reads_as_it_was_given(session: Session, world: World) -> None:
    bank = world.member("bank")
    case, sm3 = case_of(world, bank), a_file()
    given = line(case_id=str(case), sm3=sm3.hex(), made_by="坐席 17", device="PBX-03",
                 made_at="2026-03-04T09:05:06.789+08:00", complaint="TS-2026-9")  # fmt: skip
    found = register(session, bank, **given)
    told = schemas.evidence_out(found)
    assert {name: told[name] for name in given if name != "made_at"} == {
        name: value for name, value in given.items() if name != "made_at"
    }
    assert told["made_at"] == "2026-03-04T01:05:06.789000Z"
    assert (told["version"], told["held"], told["destroyed_at"]) == (1, False, None)


def test_the_leaf_commits_to_the_registration_and_opens_for_its_owner_alone(session: Session, world: World) -> None:
    bank, other = world.member("bank"), world.member("bank")
    item, state = register(session, bank)
    opening = log.opening(session, item.id)
    kept = orjson.loads(opening.record)
    assert commitments.opens(item.commitment, opening.salt, kept)
    assert (kept["sha256"], kept["evidence_id"], kept["custody"]) == (item.sha256.hex(), str(item.id), state.head.hex())
    act_for(session, other.member_id, "bank")
    with pytest.raises(NotFound):
        log.opening(session, item.id)


def test_the_same_file_for_the_same_matter_is_one_registration(session: Session, world: World) -> None:
    bank = world.member("bank")
    given = line()
    first, created = register(session, bank, **given), None
    again, created = service.register(session, caller=bank, new=reading.evidence(given))
    assert (again[0].id, created) == (first[0].id, False)
    for name, value in (("size", 7), ("kind", "letter"), ("device", "PBX-9"), ("media_type", "audio/ogg")):
        with pytest.raises(Conflict) as refused:
            register(session, bank, **given | {name: value})
        assert (code_of(refused), refused.value.pointer) == ("evidence_differs", "/sha256")
    with_sm3 = register(session, bank, **given, sm3=a_file().hex())
    assert with_sm3[0].id == first[0].id


def test_one_file_concerns_two_matters_as_two_registrations(session: Session, world: World) -> None:
    bank = world.member("bank")
    given = line(case_id=str(case_of(world, bank)))
    first = register(session, bank, **given)
    second = register(session, bank, **given | {"case_id": str(case_of(world, bank))})
    assert first[0].id != second[0].id


def test_a_fingerprint_registered_by_two_members_is_two_registrations_in_order(session: Session, world: World) -> None:
    bank, agency = world.member("bank"), world.member("agency")
    case = placed_with(world, bank, agency)
    given = line(case_id=str(case))
    first, second = register(session, bank, **given), register(session, agency, **given)
    assert first[0].id < second[0].id
    assert first[0].registered_at < second[0].registered_at
    assert first[0].commitment != second[0].commitment
    waiting = session.scalars(
        text("select leaf_id from log_waiting where leaf_id = any(:ids) order by leaf_id"),
        {"ids": [first[0].id, second[0].id]},
    ).all()
    assert waiting == [first[0].id, second[0].id]


def test_evidence_is_its_owner_s_to_read(session: Session, world: World) -> None:
    bank, agency = world.member("bank"), world.member("agency")
    item, _ = register(session, bank, case_id=str(placed_with(world, bank, agency)))
    act_for(session, agency.member_id, "agency")
    with pytest.raises(NotFound):
        queries.get_evidence(session, item.id)
    assert queries.evidence_page(session, limit=50) == []
    assert queries.custody(session, item.id) == []


def test_a_case_that_is_not_ours_cannot_be_named(session: Session, world: World) -> None:
    bank, other = world.member("bank"), world.member("bank")
    for case in (case_of(world, other), uuid.uuid4()):
        with pytest.raises(NotFound) as refused:
            register(session, bank, case_id=str(case))
        assert (code_of(refused), refused.value.pointer) == ("case_not_found", "/case_id")


def test_the_parties_of_a_case_learn_that_evidence_exists_and_nobody_else(session: Session, world: World) -> None:
    bank, agency, stranger = world.member("bank"), world.member("agency"), world.member("agency")
    mediator = world.member("mediator")
    case = placed_with(world, bank, agency)
    world.reference(case, "mediation_file", "TJ-2026-1", mediator)
    by_bank = register(session, bank, case_id=str(case), device="PBX-03")
    by_agency = register(session, agency, case_id=str(case), kind="letter")
    for party, own in ((bank, by_bank), (agency, by_agency), (mediator, None)):
        act_for(session, party.member_id, party.kind)
        rows = queries.of_case(session, case, None, 10)
        assert [row.id for row in rows] == [by_bank[0].id, by_agency[0].id]
        assert [row.id for row in rows if row.own] == ([own[0].id] if own else [])
        assert set(schemas.of_case_out(rows[0])) == {"evidence_id", "own", "kind", "sha256", "registered_at"}
    assert [row.id for row in queries.of_case(session, case, by_bank[0].id, 10)] == [by_agency[0].id]
    act_for(session, stranger.member_id, "agency")
    with pytest.raises(NotFound):
        queries.of_case(session, case, None, 10)
    assert session.execute(text("select * from evidence_of_case(:c, null, 10)"), {"c": case}).all() == []


def test_an_agency_whose_mandate_ended_learns_no_more(session: Session, world: World) -> None:
    bank, agency = world.member("bank"), world.member("agency")
    case = placed_with(world, bank, agency)
    register(session, bank, case_id=str(case))
    world.connection.execute(text("update cases set placement = 'returned' where id = :c"), {"c": case})
    act_for(session, agency.member_id, "agency")
    assert session.execute(text("select * from evidence_of_case(:c, null, 10)"), {"c": case}).all() == []


def test_what_was_made_in_the_future_was_not_made(session: Session, world: World) -> None:
    bank = world.member("bank")
    ahead = (clock.now() + timedelta(hours=1)).isoformat(timespec="seconds")
    for made_at in (ahead, "1979-12-31T23:59:59Z"):
        with pytest.raises(Invalid) as refused:
            register(session, bank, made_at=made_at)
        assert code_of(refused) == "made_at_out_of_range"


# --- many lines -----------------------------------------------------------------------------------------------------


def test_each_line_has_its_own_outcome(session: Session, world: World) -> None:
    bank, other = world.member("bank"), world.member("bank")
    good = line()
    known = register(session, bank)
    lines = [
        good, good, line(case_id=str(case_of(world, other))), line(agent_licence=None),
        line(sha256=known[0].sha256.hex()), line(sha256="AB" * 32), line(complaint="13912345678"), line(),
    ]  # fmt: skip
    bodies = [orjson.dumps(each) for each in lines] + [b"{", b""]
    outcomes = service.register_bulk(session, caller=bank, bodies=bodies, max_depth=16)
    codes = [None if done.refusal is None else done.refusal.code for done in outcomes]
    assert codes == [
        None, "evidence_repeated", "case_not_found", "concerns_nothing", None, "invalid_field",
        "personal_data_in_text", None, "bad_json", "empty_line",
    ]  # fmt: skip
    assert [done.created for done in outcomes if done.refusal is None] == [True, False, True]
    assert outcomes[4].evidence_id == known[0].id
    again = service.register_bulk(session, caller=bank, bodies=bodies[:1], max_depth=16)
    assert [(done.evidence_id, done.created) for done in again] == [(outcomes[0].evidence_id, False)]


def test_a_thousand_lines_are_a_thousand_leaves(session: Session, world: World) -> None:
    bank = world.member("bank")
    act_for(session, bank.member_id, "bank")
    bodies = [orjson.dumps(line()) for _ in range(1000)]
    outcomes = service.register_bulk(session, caller=bank, bodies=bodies, max_depth=16)
    assert all(done.created for done in outcomes)
    wanted = [done.evidence_id for done in outcomes]
    assert wanted == sorted(wanted, key=lambda each: each.int if each else 0)
    kinds = session.execute(
        text("select kind, count(*) from log_waiting where leaf_id = any(:ids) group by kind"), {"ids": wanted}
    ).all()
    assert [tuple(row) for row in kinds] == [("evidence", 1000)]


# --- custody --------------------------------------------------------------------------------------------------------


def test_custody_is_a_chain_that_the_owner_can_follow(session: Session, world: World) -> None:
    bank = world.member("bank")
    found = register(session, bank)
    found = record(session, bank, found, "moved", to="二号机房", basis='换库 "B" \\ 冷备')
    found = record(session, bank, found, "disclosed", to="示范区人民法院")
    found = record(session, bank, found, "held", basis="证据保全")
    found = record(session, bank, found, "released", basis="保全解除")
    item, state = found
    events = [schemas.custody_out(event) for event in queries.custody(session, item.id)]
    check_chain(events, str(item.id), str(item.member_id), item.sha256.hex())
    assert [event["event"] for event in events] == ["created", "moved", "disclosed", "held", "released"]
    assert events[-1]["digest"] == state.head.hex()
    assert state.version == 5
    assert events[1]["leaf"]["id"] != events[0]["leaf"]["id"] == str(item.id)
    openings = [schemas.opening_out(*each) for each in service.openings(session, item.id)]
    assert [each["kind"] for each in openings] == ["evidence", *["custody"] * 4]
    for opening, event in zip(openings[1:], events[1:], strict=True):
        assert custody_digest(opening["record"]).hex() == event["digest"]


def test_custody_needs_the_version_it_follows(session: Session, world: World) -> None:
    bank = world.member("bank")
    found = register(session, bank)
    record(session, bank, found, "moved", to="冷库")
    for tag, error in (('"1"', Stale), ('W/"2"', Stale), ('"99"', Stale), (None, PreconditionRequired)):
        with pytest.raises(error):
            service.record_custody(
                session, caller=bank, evidence_id=found[0].id, event="moved", to="热库", if_match=tag
            )
    _, state = service.record_custody(
        session, caller=bank, evidence_id=found[0].id, event="moved", to="热库", if_match="*"
    )
    assert state.version == 3


def test_another_s_evidence_is_not_found(session: Session, world: World) -> None:
    bank, other = world.member("bank"), world.member("bank")
    found = register(session, bank)
    with pytest.raises(NotFound):
        record(session, other, found, "moved", to="别处")


def test_nothing_is_destroyed_before_its_time_nor_under_a_hold_nor_twice(
    session: Session, world: World, later: list[timedelta]
) -> None:
    bank = world.member("bank")
    found = register(session, bank)
    with pytest.raises(Conflict) as refused:
        record(session, bank, found, "destroyed")
    assert code_of(refused) == "retention_not_over"
    assert refused.value.extra["legal"] == ["moved", "disclosed", "held"]
    found = record(session, bank, found, "held", basis="证据保全")
    later.append(timedelta(days=740))
    with pytest.raises(Conflict) as refused:
        record(session, bank, found, "destroyed")
    assert code_of(refused) == "evidence_held"
    found = record(session, bank, found, "released", basis="保全解除")
    with pytest.raises(Conflict) as refused:
        record(session, bank, found, "released", basis="保全解除")
    assert code_of(refused) == "hold_stands_so"
    found = record(session, bank, found, "destroyed", basis="期满")
    assert found[1].destroyed_at is not None
    for event, more in (("destroyed", {}), ("moved", {"to": "别处"}), ("held", {"basis": "保全"})):
        with pytest.raises(Conflict) as refused:
            record(session, bank, found, event, **more)
        assert (code_of(refused), refused.value.extra["legal"]) == ("evidence_destroyed", [])


def test_a_complaint_is_kept_longer_than_a_recording_alone(session: Session, world: World) -> None:
    bank = world.member("bank")
    today = clock.today_in_china()
    alone, complained = register(session, bank), register(session, bank, complaint="TS-1")
    assert alone[0].keep_at_least_until == rules.add_months(today, 24)
    assert complained[0].keep_at_least_until == rules.add_months(today, 36)
    assert alone[0].keep_until == rules.add_months(today, 60)


def test_the_rules_of_retention_tell_their_source(session: Session) -> None:
    told = schemas.retention_out(queries.retention_rules(session, date(2026, 12, 1)))["items"]
    assert {rule["record"] for rule in told} == set(rules.RECORDS)
    assert all(rule["authority"] and rule["article"] for rule in told)
    assert {rule["source_status"] for rule in told} == {"unverified"}
    assert queries.retention_rules(session, date(2025, 12, 31)) == []


def test_a_batch_is_one_leaf_and_its_owner_proves_each_file(session: Session, world: World) -> None:
    agency = world.member("agency")
    act_for(session, agency.member_id, "agency")
    files = [a_file() for _ in range(1001)]
    body = b'{"kind":"recording","label":"day"}\n' + b"".join(b'"%s"\n' % each.hex().encode() for each in files)
    batch, created = service.register_batch(session, caller=agency, new=reading.batch(body))
    assert (created, batch.count, batch.root) == (True, 1001, batch_root(files))
    for at in (0, 1, 499, 1000):
        merkle.verify_inclusion(merkle.leaf_hash(files[at]), at, 1001, batch_proof(files, at), batch.root)
    again, created = service.register_batch(session, caller=agency, new=reading.batch(body))
    assert (again.id, created) == (batch.id, False)
    kept = log.opening(session, batch.id)
    assert commitments.opens(batch.commitment, kept.salt, orjson.loads(kept.record))
    assert orjson.loads(kept.record)["root"] == batch.root.hex()


def test_a_hundred_thousand_recordings_are_one_batch(session: Session, world: World) -> None:
    agency = world.member("agency")
    act_for(session, agency.member_id, "agency")
    files = [hashlib.sha256(b"%d" % at).digest() for at in range(100_000)]
    body = b'{"kind":"recording"}\n' + b"\n".join(b'"%s"' % each.hex().encode() for each in files)
    batch, _ = service.register_batch(session, caller=agency, new=reading.batch(body))
    assert (batch.count, batch.root) == (100_000, batch_root(files))


def test_a_batch_of_tomorrow_is_refused_and_another_s_is_not_found(session: Session, world: World) -> None:
    agency, other = world.member("agency"), world.member("agency")
    act_for(session, agency.member_id, "agency")
    tomorrow = (clock.today_in_china() + timedelta(days=1)).isoformat()
    body = b'{"kind":"recording","made_from":"%s"}\n"%s"\n' % (tomorrow.encode(), a_file().hex().encode())
    with pytest.raises(Invalid) as refused:
        service.register_batch(session, caller=agency, new=reading.batch(body))
    assert (code_of(refused), refused.value.pointer) == ("batch_of_the_future", "/0/made_from")
    body = b'{"kind":"recording"}\n"%s"\n' % a_file().hex().encode()
    batch, _ = service.register_batch(session, caller=agency, new=reading.batch(body))
    act_for(session, other.member_id, "agency")
    with pytest.raises(NotFound):
        queries.get_batch(session, batch.id)
