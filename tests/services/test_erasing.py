"""What is erased is nowhere: not the row, not what was made of it, not an answer that told it; what stays says so."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import service as access
from gongxin.cases import service as cases
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.delivery import service as delivery
from gongxin.disclosure import service as disclosure
from gongxin.errors import Conflict, Forbidden, Invalid, NotFound
from gongxin.evidence import erasing as _of_evidence  # noqa: F401  registers itself
from gongxin.subjects import service as subjects
from gongxin.transparency import erasing, queries
from gongxin.transparency import service as log
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime
from tests.conftest import act_for
from tests.services import evidence_world
from tests.services.cases_world import Acts
from tests.services.delivery_world import NOTE
from tests.services.disclosure_world import World, build, key_of, subject, token
from tests.services.test_disclosure import send

GROUND = "（2026）沪0115行审1号"


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def runtime(config: Config, engine: Engine) -> Runtime:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
        access.ensure_registry_keys(session, config)
    return Runtime(config, engine, RateLimiter(config), lambda *_: None)  # type: ignore[arg-type, return-value]


@pytest.fixture
def acts(engine: Engine, config: Config, world: World, runtime: Runtime) -> Acts:
    return Acts(engine, config, world)


def erase(acts: Acts, leaf_id: Any, because: str = "ordered") -> log.Promise:
    with acts.acting() as session:
        return erasing.erase(session, uuid.UUID(str(leaf_id)), ground=GROUND, because=because)


def refused(acts: Acts, leaf_id: Any, because: str = "ordered") -> str:
    with pytest.raises(Conflict) as caught:
        erase(acts, leaf_id, because)
    return caught.value.code


def tables_that_hold(world: World, *needles: str) -> set[str]:
    """Every table of the database with a row in which one of these stands, as text or as bytes."""
    found = set()
    names = world.connection.scalars(text("select relname from pg_class where relkind = 'r' and relnamespace = 2200"))
    for name in list(names):
        for needle in needles:
            hexadecimal = needle.encode().hex()
            if world.connection.scalar(
                text(f"select exists (select from {name} t where t::text like :a or t::text like :b)"),
                {"a": f"%{needle}%", "b": f"%{hexadecimal}%"},
            ):
                found.add(name)
    return found


def remembered(world: World, member_id: Any, key: str, answer: str) -> None:
    """An answer kept for a repeated request."""
    world.connection.execute(
        text(
            "insert into idempotency_keys (member_id, key, operation, body_digest, status, headers, answer)"
            " values (:m, :k, 'events.assert', sha256('body'), 201, '[]', convert_to(:a, 'UTF8'))"
        ),
        {"m": member_id, "k": key, "a": answer},
    )
    world.connection.commit()


# --- events of a case -----------------------------------------------------------------------------------------------


def test_an_erased_event_is_in_no_table_and_the_state_of_its_case_is_made_anew(acts: Acts, world: World) -> None:
    bank = acts.member("bank")
    case_id = acts.case(bank)
    said = acts.say(bank, case_id, "person", "deceased", basis=f"死亡证明 {uuid.uuid4().hex}")
    event_id, basis = said["event_id"], said["basis"]
    remembered(world, bank.member_id, "k1", json.dumps(said, ensure_ascii=False))
    assert acts.read(bank, case_id)["stop_flags"] == ["deceased"]
    assert tables_that_hold(world, event_id, basis) >= {"case_events", "log_openings", "idempotency_keys"}
    promise = erase(acts, event_id, "unlawful")
    assert acts.read(bank, case_id)["stop_flags"] == []
    assert [each["event_id"] for each in acts.history(bank, case_id)] == []
    assert tables_that_hold(world, basis) == set()
    # Its identifier alone is left: of the leaf, the tombstone and the leaf that says so.
    assert tables_that_hold(world, event_id) <= {"log_waiting", "log_leaves", "erasures", "log_openings"}
    with acts.acting(bank) as session:
        tomb = queries.find_erasure(session, uuid.UUID(event_id))
        assert tomb is not None
        assert (tomb.kind, tomb.because, tomb.ground, tomb.erasure_id) == (
            "case_event", "unlawful", GROUND, promise.leaf_id,
        )  # fmt: skip
        with pytest.raises(NotFound) as caught:
            log.opening(session, uuid.UUID(event_id))
    assert caught.value.extra["erased"]["ground"] == GROUND
    digest = world.connection.scalar(text("select body_digest from idempotency_keys where key = 'k1'"
                                          " and member_id = :m"), {"m": bank.member_id})  # fmt: skip
    world.connection.rollback()
    assert digest is not None
    assert bytes(digest) != hashlib.sha256(b"body").digest()


def test_every_version_of_an_event_goes_so_that_none_comes_back(acts: Acts) -> None:
    bank = acts.member("bank")
    case_id = acts.case(bank)
    first = acts.say(bank, case_id, "person", "deceased")
    with acts.acting(bank) as session:
        second = cases.withdraw_event(session, caller=bank, event_id=uuid.UUID(first["event_id"]), reason="误登")
    assert acts.read(bank, case_id)["stop_flags"] == []
    erase(acts, second["event_id"], "unlawful")
    assert acts.read(bank, case_id)["stop_flags"] == []
    assert acts.history(bank, case_id) == []
    with acts.acting() as session:
        for event in (first, second):
            assert queries.find_erasure(session, uuid.UUID(event["event_id"])) is not None


def test_what_members_were_told_of_an_erased_record_is_blanked_waiting_or_told(acts: Acts, world: World) -> None:
    bank = acts.member("bank")
    for placed in (False, True):
        said = acts.say(bank, acts.case(bank), "person", "deceased", basis=f"死亡证明 {uuid.uuid4().hex}")
        leaf, told = uuid.UUID(said["event_id"]), uuid.uuid4().hex
        with acts.acting() as session:
            delivery.emit(session, type=NOTE.name, object_id=leaf, data={"n": told}, to=[bank.member_id])
        while placed and delivery_waits(acts):
            pass
        table = "delivery_events" if placed else "delivery_waiting"
        assert tables_that_hold(world, told) == {table}
        erase(acts, leaf, "unlawful")
        assert tables_that_hold(world, told) == set()
        with acts.acting() as session:
            kinds = session.scalars(
                text(
                    "select type from delivery_waiting where object_id = :leaf union all"
                    " select type from delivery_events where object_id = :leaf"
                ),
                {"leaf": leaf},
            ).all()
        assert sorted(kinds) == ["object.erased", NOTE.name]


def delivery_waits(acts: Acts) -> int:
    with acts.acting() as session:
        return delivery.sequence(session, acts.config)


def test_a_court_s_event_is_erased_from_every_case_that_it_reached(acts: Acts) -> None:
    bank, (court, number) = acts.member("bank"), acts.court()
    reached = [acts.case(bank, number) for _ in range(2)]
    told = acts.rule(court, number, "judged")
    assert {acts.read(bank, case_id)["legal_class"] for case_id in reached} == {"judged"}
    erase(acts, told["court_event_id"])
    assert {acts.read(bank, case_id)["legal_class"] for case_id in reached} == {"none"}


def test_while_a_case_is_open_the_purpose_of_its_events_has_not_ended(acts: Acts) -> None:
    bank = acts.member("bank")
    case_id = acts.case(bank)
    event = acts.say(bank, case_id, "person", "hardship")
    assert refused(acts, event["event_id"], "purpose_ended") == "erasure_case_open"
    acts.say(bank, case_id, "collection", "paid_off")
    erase(acts, event["event_id"], "purpose_ended")


def test_placements_and_what_holds_no_person_stay(acts: Acts) -> None:
    bank, agency = acts.member("bank"), acts.member("agency")
    case_id = acts.placed(bank, agency)
    placed = acts.history(bank, case_id)[0]["event_id"]
    assert refused(acts, placed) == "not_erasable"
    with acts.acting() as session:
        policy = log.append(session, kind="policy", record={"n": 1})
    assert refused(acts, policy.leaf_id) == "not_erasable"


# --- look-ups -------------------------------------------------------------------------------------------------------


def asked(acts: Acts, runtime: Runtime, world: World, tok: str) -> str:
    bank = world.member("bank")
    case = world.case(bank, tok)
    body = {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(case)}}
    found: str = send(runtime, bank, body)["lookup_id"]
    return found


@pytest.mark.parametrize("filed", [False, True])
def test_an_erased_look_up_is_in_no_table_and_the_subject_is_not_told_of_it(
    acts: Acts, runtime: Runtime, world: World, filed: bool
) -> None:
    """Waiting to be filed by subject, or filed."""
    tok = token()
    lookup_id = asked(acts, runtime, world, tok)
    if filed:
        with acts.acting() as session:
            while disclosure.unpack_lookups(session):
                pass
    erase(acts, lookup_id)
    assert tables_that_hold(world, lookup_id) <= {"log_waiting", "log_leaves", "erasures", "log_openings"}
    key = key_of(runtime.config, tok)
    assert world.connection.scalar(
        text("select count(*) from lookup_subjects where subject_key = :k"), {"k": key}
    ) == 0  # fmt: skip
    world.connection.rollback()


def test_the_record_of_a_question_is_kept_five_years_but_for_an_order(
    acts: Acts, runtime: Runtime, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (asked(acts, runtime, world, token()) for _ in range(2))
    for because in ("purpose_ended", "consent_withdrawn", "unlawful"):
        assert refused(acts, first, because) == "erasure_clock"
    erase(acts, first, "ordered")
    later = clock.now() + timedelta(days=366 * 5)
    monkeypatch.setattr(clock, "now", lambda: later)
    erase(acts, second, "purpose_ended")


def test_a_refused_question_is_erased_like_an_answered_one(acts: Acts, runtime: Runtime, world: World) -> None:
    bank, tok = world.member("bank", budgets={"contact": 5}), token()
    body = {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(world.case(bank, tok))}}
    with pytest.raises(Forbidden):
        send(runtime, bank, body)
    query = text("select id from lookups where member_id = :m")
    lookup_id = world.connection.scalar(query, {"m": bank.member_id})
    world.connection.rollback()
    erase(acts, lookup_id)
    assert world.connection.scalar(query, {"m": bank.member_id}) is None
    world.connection.rollback()


# --- evidence -------------------------------------------------------------------------------------------------------


def test_evidence_is_erased_with_all_its_custody_once_its_retention_is_over(
    session: Session, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = world.member("bank")
    found = evidence_world.register(session, bank)
    found = evidence_world.record(session, bank, found, "disclosed", to="示范区人民法院")
    evidence_id = found[0].id
    session.execute(text("set constraints all immediate"))  # as its own transaction's end would
    events = session.execute(text("select id from evidence_custody where evidence_id = :e and position = 2"),
                             {"e": evidence_id}).scalars().all()  # fmt: skip
    act_for(session, None, "registry")
    with pytest.raises(Conflict) as caught:
        erasing.erase(session, evidence_id, ground=GROUND)
    assert caught.value.code == "erasure_clock"
    with pytest.raises(Conflict) as caught:
        erasing.erase(session, events[0], ground=GROUND, because="ordered")
    assert caught.value.code == "erasure_of_custody"
    session.execute(text("set constraints all deferred"))
    later = clock.now() + timedelta(days=366 * 5)
    monkeypatch.setattr(clock, "now", lambda: later)
    erasing.erase(session, evidence_id, ground=GROUND)
    session.execute(text("set constraints all immediate"))
    for table in ("evidence", "evidence_custody", "evidence_states"):
        column = "id" if table == "evidence" else "evidence_id"
        assert (
            session.execute(text(f"select count(*) from {table} where {column} = :e"), {"e": evidence_id}).scalar() == 0
        )
    for leaf_id in (evidence_id, *events):
        assert queries.find_opening(session, leaf_id) is None
        assert queries.find_erasure(session, leaf_id) is not None


def test_a_legal_hold_refuses_erasure_even_by_order_of_evidence_and_of_what_concerns_its_case(
    acts: Acts, runtime: Runtime, world: World, engine: Engine
) -> None:
    bank, tok = acts.member("bank"), token()
    case_id = world.case(bank, tok)
    event = acts.say(bank, case_id, "person", "hardship")
    body = {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(case_id)}}
    lookup_id = send(runtime, bank, body)["lookup_id"]
    with acts.acting(bank) as session:
        found = evidence_world.register(session, bank, case_id=str(case_id), agent_licence=None)
        found = evidence_world.record(session, bank, found, "held", basis="证据保全")
    for leaf_id in (found[0].id, event["event_id"], lookup_id):
        assert refused(acts, leaf_id) == "erasure_held"
    with acts.acting(bank) as session:
        evidence_world.record(session, bank, found, "released", basis="保全解除")
    for leaf_id in (found[0].id, event["event_id"], lookup_id):
        erase(acts, leaf_id)


# --- nobody else ----------------------------------------------------------------------------------------------------


def test_no_row_goes_without_its_tombstone_not_even_by_the_owner(acts: Acts, world: World) -> None:
    bank = acts.member("bank")
    event = acts.say(bank, acts.case(bank), "person", "hardship")
    for statement in ("delete from case_events where id = :id", "update case_events set basis = 'x' where id = :id"):
        with pytest.raises(DBAPIError) as caught:
            world.connection.execute(text(statement), {"id": event["event_id"]})
        world.connection.rollback()
        assert caught.value.orig.diag.constraint_name == "append_only_case_events"  # type: ignore[union-attr]


@pytest.mark.parametrize("statement", ["delete from erasures", "update erasures set ground = 'x'"])
def test_a_tombstone_stays_as_it_is(acts: Acts, world: World, statement: str) -> None:
    bank = acts.member("bank")
    erase(acts, acts.say(bank, acts.case(bank), "person", "hardship")["event_id"])
    with pytest.raises(DBAPIError) as caught:
        world.connection.execute(text(statement))
    world.connection.rollback()
    assert caught.value.orig.diag.constraint_name == "append_only_erasures"  # type: ignore[union-attr]


def test_members_see_tombstones_of_their_own_records_alone(acts: Acts) -> None:
    bank, other = acts.member("bank"), acts.member("bank")
    event_id = uuid.UUID(acts.say(bank, acts.case(bank), "person", "hardship")["event_id"])
    erase(acts, event_id)
    for caller, sees in ((bank, True), (other, False), (acts.member("association"), True)):
        with acts.acting(caller) as session:
            assert (queries.find_erasure(session, event_id) is not None) == sees


def test_a_reason_that_is_none_is_refused(acts: Acts) -> None:
    with pytest.raises(Invalid) as caught:
        erase(acts, uuid.UUID(bytes=os.urandom(16)), "because")
    assert caught.value.pointer == "/because"


def test_who_keeps_copies_is_told(acts: Acts, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[uuid.UUID] = []
    monkeypatch.setattr(erasing, "FOLLOWERS", [lambda _session, leaf_id: told.append(leaf_id)])
    bank = acts.member("bank")
    event_id = uuid.UUID(acts.say(bank, acts.case(bank), "person", "hardship")["event_id"])
    erase(acts, event_id)
    assert told == [event_id]
