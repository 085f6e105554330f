"""What the database refuses by itself about evidence, each constraint violated once and named."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.evidence import rules, schemas, service
from gongxin.evidence.queries import custody as custody_of
from gongxin_wire.evidence import custody_digest
from tests.services.disclosure_world import World
from tests.services.evidence_world import a_file, case_of, record, register, world
from tests.services.members_world import named, refused_by

__all__ = ["world"]


@pytest.fixture
def owner(owner_engine: Engine) -> Iterator[Connection]:
    """Past grants and row-level security; constraints and triggers hold all the same."""
    with owner_engine.connect() as connection:
        outer = connection.begin()
        connection.execute(text("set constraints all deferred"))
        yield connection
        outer.rollback()


def insert(owner: Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    owner.execute(text(f"insert into {table} ({names}) values ({', '.join(':' + name for name in row)})"), row)


def refusal(owner: Connection, table: str, row: dict[str, Any]) -> str:
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        insert(owner, table, row)
    return named(caught.value)


def evidence_row(world: World, **change: Any) -> dict[str, Any]:
    now = clock.now()
    today = clock.today_in_china()
    return {
        "id": ids.new_id(), "member_id": world.member("bank").member_id, "kind": "recording", "sha256": a_file(),
        "sm3": None, "size": 1, "media_type": "audio/mpeg", "case_id": None, "agent_licence": "HN-1",
        "complaint": None, "made_by": None, "device": None, "made_at": None, "registered_at": now,
        "keep_at_least_until": rules.add_months(today, 24), "keep_until": rules.add_months(today, 60),
        "commitment": b"c" * 32,
    } | change  # fmt: skip


def event_row(evidence: dict[str, Any], **change: Any) -> dict[str, Any]:
    now = clock.now()
    row = {
        "id": ids.new_id(), "evidence_id": evidence["id"], "member_id": evidence["member_id"], "position": 1,
        "event": "created", "at": now, "recipient": None, "basis": None, "previous": evidence["sha256"],
        "recorded_at": now, "commitment": b"c" * 32,
    } | change  # fmt: skip
    return {"digest": custody_digest(service.custody_record(row))} | row | change


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"kind": "rumour"}, "ck_evidence_kind"),
        ({"sha256": b"short"}, "ck_evidence_fingerprint"),
        ({"sm3": b"short"}, "ck_evidence_fingerprint"),
        ({"size": -1}, "ck_evidence_fingerprint"),
        ({"media_type": "Audio"}, "ck_evidence_media_type"),
        ({"agent_licence": None}, "ck_evidence_concerns"),
        ({"agent_licence": ""}, "ck_evidence_words"),
        ({"complaint": "x" * 65}, "ck_evidence_words"),
        ({"made_by": " x"}, "ck_evidence_words"),
        ({"device": "x" * 65}, "ck_evidence_words"),
        ({"made_at": datetime(1979, 12, 31, tzinfo=UTC)}, "ck_evidence_made_at"),
        ({"made_at": datetime(2099, 1, 1, tzinfo=UTC)}, "ck_evidence_made_at"),
        ({"keep_until": datetime(2020, 1, 1, tzinfo=UTC).date()}, "ck_evidence_keep_until"),
        ({"keep_at_least_until": datetime(2020, 1, 1, tzinfo=UTC).date()}, "evidence_retention"),
        ({"complaint": "TS-1"}, "evidence_retention"),
        ({"registered_at": datetime(2025, 12, 31, tzinfo=UTC)}, "evidence_retention"),
        ({"commitment": b"short"}, "ck_evidence_commitment"),
        ({"member_id": uuid.UUID(int=1)}, "fk_evidence_member_id"),
        ({"case_id": uuid.UUID(int=1)}, "fk_evidence_case_id"),
    ],
)  # fmt: skip
def test_the_database_refuses_evidence_that_is_none(
    owner: Connection, world: World, change: dict[str, Any], constraint: str
) -> None:
    insert(owner, "evidence", evidence_row(world))
    assert refusal(owner, "evidence", evidence_row(world, **change)) == constraint


def test_the_database_takes_a_file_once_for_a_matter(owner: Connection, world: World) -> None:
    row = evidence_row(world)
    insert(owner, "evidence", row)
    again = row | {"id": ids.new_id()}
    assert refusal(owner, "evidence", again) == "uq_evidence_member_id_sha256_case_id_agent_licence_complaint"
    insert(owner, "evidence", again | {"agent_licence": "HN-2"})
    assert refusal(owner, "evidence", row | {"sha256": a_file()}) == "pk_evidence"


def test_evidence_without_the_event_that_begins_it_is_not_committed(owner: Connection, world: World) -> None:
    insert(owner, "evidence", evidence_row(world))
    with pytest.raises(DBAPIError) as caught, owner.begin_nested():
        owner.execute(text("set constraints all immediate"))
    assert named(caught.value) == "evidence_created"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"event": "sold", "position": 2}, "ck_evidence_custody_event"),
        ({"event": "moved", "recipient": "别处"}, "ck_evidence_custody_created"),
        ({"position": 2}, "ck_evidence_custody_created"),
        ({"recipient": "别处"}, "ck_evidence_custody_recipient"),
        ({"basis": ""}, "ck_evidence_custody_basis"),
        ({"at": datetime(2099, 1, 1, tzinfo=UTC)}, "ck_evidence_custody_at"),
        ({"commitment": b"short"}, "ck_evidence_custody_digest"),
        ({"previous": b"p" * 32}, "custody_previous"),
        ({"digest": b"d" * 32}, "custody_digest"),
        ({"evidence_id": uuid.UUID(int=1)}, "fk_evidence_custody_evidence_id_member_id"),
        ({"member_id": uuid.UUID(int=1)}, "fk_evidence_custody_evidence_id_member_id"),
    ],
)  # fmt: skip
def test_the_database_refuses_custody_that_is_none(
    owner: Connection, world: World, change: dict[str, Any], constraint: str
) -> None:
    evidence = evidence_row(world)
    insert(owner, "evidence", evidence)
    given = event_row(evidence)
    assert refusal(owner, "evidence_custody", given | change) == constraint
    insert(owner, "evidence_custody", given)


def test_the_database_keeps_the_chain(owner: Connection, world: World) -> None:
    evidence = evidence_row(world)
    insert(owner, "evidence", evidence)
    first = event_row(evidence)
    insert(owner, "evidence_custody", first)

    def follow(event: str, position: int, previous: bytes, **more: Any) -> dict[str, Any]:
        return event_row(evidence, event=event, position=position, previous=previous, **more)

    later = rules.add_months(clock.today_in_china(), 24)
    end = {"recorded_at": datetime(later.year, later.month, later.day, 12, tzinfo=UTC)}
    assert refusal(owner, "evidence_custody", follow("held", 3, first["digest"])) == "custody_position"
    assert refusal(owner, "evidence_custody", follow("released", 2, first["digest"])) == "custody_hold"
    assert refusal(owner, "evidence_custody", follow("destroyed", 2, first["digest"])) == "custody_retention"
    held = follow("held", 2, first["digest"], basis="证据保全")
    insert(owner, "evidence_custody", held)
    again = follow("held", 2, first["digest"])
    assert refusal(owner, "evidence_custody", again) == "uq_evidence_custody_evidence_id_position"
    assert refusal(owner, "evidence_custody", follow("held", 3, held["digest"])) == "custody_hold"
    assert refusal(owner, "evidence_custody", follow("destroyed", 3, held["digest"], **end)) == "custody_held"
    released = follow("released", 3, held["digest"])
    insert(owner, "evidence_custody", released)
    gone = follow("destroyed", 4, released["digest"], **end)
    insert(owner, "evidence_custody", gone)
    moved = follow("moved", 5, gone["digest"], recipient="别处")
    assert refusal(owner, "evidence_custody", moved) == "custody_destroyed"
    assert refusal(owner, "evidence_custody", gone | {"id": first["id"]}) == "pk_evidence_custody"


@pytest.mark.parametrize("table", ["evidence", "evidence_custody", "evidence_batches", "retention_rules"])
def test_what_was_registered_is_never_changed_nor_deleted(owner: Connection, world: World, table: str) -> None:
    evidence = evidence_row(world)
    insert(owner, "evidence", evidence)
    insert(owner, "evidence_custody", event_row(evidence))
    insert(owner, "evidence_batches", batch_row(evidence))
    column = "article" if table == "retention_rules" else "commitment"
    for statement in (f"update {table} set {column} = {column}", f"delete from {table}"):
        with pytest.raises(DBAPIError) as caught, owner.begin_nested():
            owner.execute(text(statement))
        assert named(caught.value) == f"append_only_{table}"


def batch_row(evidence: dict[str, Any], **change: Any) -> dict[str, Any]:
    names = ("member_id", "kind", "case_id", "agent_licence", "complaint", "registered_at", "keep_at_least_until",
             "keep_until", "commitment")  # fmt: skip
    return {name: evidence[name] for name in names} | {
        "id": ids.new_id(), "root": a_file(), "count": 1, "label": None, "made_from": None, "made_to": None,
    } | change  # fmt: skip


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"kind": "rumour"}, "ck_evidence_batches_kind"),
        ({"root": b"short"}, "ck_evidence_batches_root"),
        ({"count": 0}, "ck_evidence_batches_count"),
        ({"count": 100_001}, "ck_evidence_batches_count"),
        ({"label": " "}, "ck_evidence_batches_words"),
        ({"made_from": datetime(2099, 1, 1, tzinfo=UTC).date()}, "ck_evidence_batches_made"),
        ({"made_from": datetime(2026, 1, 2, tzinfo=UTC).date(), "made_to": datetime(2026, 1, 1, tzinfo=UTC).date()},
         "ck_evidence_batches_made"),
        ({"keep_until": datetime(2020, 1, 1, tzinfo=UTC).date()}, "ck_evidence_batches_keep_until"),
        ({"keep_at_least_until": datetime(2020, 1, 1, tzinfo=UTC).date()}, "evidence_retention"),
        ({"member_id": uuid.UUID(int=1)}, "fk_evidence_batches_member_id"),
        ({"case_id": uuid.UUID(int=1)}, "fk_evidence_batches_case_id"),
    ],
)  # fmt: skip
def test_the_database_refuses_a_batch_that_is_none(
    owner: Connection, world: World, change: dict[str, Any], constraint: str
) -> None:
    evidence = evidence_row(world)
    row = batch_row(evidence)
    insert(owner, "evidence_batches", row)
    assert refusal(owner, "evidence_batches", batch_row(evidence, **change)) == constraint
    assert refusal(owner, "evidence_batches", batch_row(evidence, root=row["root"])) == (
        "uq_evidence_batches_member_id_root"
    )
    assert refusal(owner, "evidence_batches", batch_row(evidence, id=row["id"])) == "pk_evidence_batches"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"pack": "CN"}, "ck_retention_rules_pack"),
        ({"record": "rumour"}, "ck_retention_rules_record"),
        ({"version": 0}, "ck_retention_rules_version"),
        ({"min_months": 0}, "ck_retention_rules_months"),
        ({"default_months": 1}, "ck_retention_rules_months"),
        ({"source_status": "heard"}, "ck_retention_rules_source"),
        ({"authority": ""}, "ck_retention_rules_source"),
        ({}, "pk_retention_rules"),
    ],
)
def test_the_database_refuses_a_rule_of_retention_that_is_none(
    owner: Connection, change: dict[str, Any], constraint: str
) -> None:
    rule = {
        "pack": "cn", "record": "recording", "version": 1 if not change else 2, "min_months": 24,
        "default_months": 60, "authority": "某机关", "article": "某条", "source_status": "unverified",
        "effective_from": datetime(2026, 1, 1, tzinfo=UTC).date(),
    }  # fmt: skip
    assert refusal(owner, "retention_rules", rule | change) == constraint


# --- as a member, under row-level security ----------------------------------------------------------------------------


def test_a_member_writes_no_one_else_s_evidence_and_names_no_one_else_s_case(session: Session, world: World) -> None:
    bank, other = world.member("bank"), world.member("bank")
    found = register(session, bank)
    columns = ("kind, sha256, size, media_type, agent_licence, registered_at, keep_at_least_until, keep_until,"
               " commitment")  # fmt: skip
    copied = f"insert into evidence (id, member_id, case_id, {columns}) select :id, :member, :case, {columns.replace('agent_licence', ':word')} from evidence where id = :from"  # noqa: E501
    given = {"id": ids.new_id(), "member": other.member_id, "case": None, "word": "HN-7", "from": found[0].id}
    assert "row-level security" in refused_by(session, copied, **given)
    foreign = given | {"member": bank.member_id, "case": case_of(world, other)}
    assert "row-level security" in refused_by(session, copied, **foreign)


def test_the_state_of_evidence_is_the_database_s_to_write(session: Session, world: World) -> None:
    bank = world.member("bank")
    found = register(session, bank)
    for statement in (
        "update evidence_states set held = false where evidence_id = :id",
        "delete from evidence_states where evidence_id = :id",
        "insert into evidence_states (evidence_id, member_id, version, head) values (:id, :id, 1, '')",
        "update evidence set kind = 'other' where id = :id",
        "delete from evidence_custody where evidence_id = :id",
    ):
        assert "permission denied" in refused_by(session, statement, id=found[0].id)


def test_database_and_wire_agree_on_the_digest_to_the_byte(session: Session, world: World) -> None:
    bank = world.member("bank")
    found = register(session, bank)
    for n, basis in enumerate(['"引号"', "back\\slash", "a/b", "é\u00a0x", "𠮷野家", "tab-less", "\x80\u200b"]):
        to = f"第{n}库房 <&>"
        found = record(session, bank, found, "moved", to=to, basis=basis, at=clock.now() - timedelta(microseconds=n))
    events = [schemas.custody_out(event) for event in custody_of(session, found[0].id)]
    assert [event["digest"] for event in events] == [custody_digest(event).hex() for event in events]
    assert len(events) == 8
