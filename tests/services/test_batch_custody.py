"""Custody, legal hold and retention of a batch and of each file of it, through the verbs and past them."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.errors import Conflict, Invalid, NotFound, Stale
from gongxin.evidence import batching, queries, reading, schemas, service
from gongxin.evidence.batching import Item
from gongxin.evidence.models import EvidenceBatch
from gongxin.transparency import erasing
from gongxin.transparency import queries as log
from gongxin.web.caller import Caller
from gongxin_wire import merkle
from gongxin_wire.evidence import batch_leaf, batch_proof, batch_root, check_batch_chain
from tests.conftest import act_for
from tests.services.disclosure_world import World, build

COUNT = 11


@pytest.fixture(scope="module")
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


class Batched:
    """A batch of an agency, its list at hand as its owner keeps it."""

    def __init__(self, session: Session, world: World, count: int = COUNT) -> None:
        self.session, self.agency = session, world.member("agency")
        seed = uuid.uuid4().bytes
        self.files = [hashlib.sha256(seed + bytes([n])).digest() for n in range(count)]
        body = b'{"kind":"recording"}\n' + b"".join(b'"%s"\n' % each.hex().encode() for each in self.files)
        act_for(session, self.agency.member_id, "agency")
        self.batch, _ = service.register_batch(session, caller=self.agency, new=reading.batch(body))

    def item(self, at: int) -> Item:
        return Item(self.files[at], at, tuple(batch_proof(self.files, at)))

    def state(self, at: int | None = None) -> batching.State:
        return batching.state_of(self.session, self.batch, None if at is None else self.files[at])

    def record(self, event: str, at: int | None = None, *, by: Caller | None = None, **more: Any) -> batching.State:
        caller = by or self.agency
        act_for(self.session, caller.member_id, caller.kind)
        given = {"if_match": f'"{self.state(at).version}"', "item": None if at is None else self.item(at)} | more
        return batching.record(self.session, caller=caller, batch_id=self.batch.id, event=event, **given)


@pytest.fixture
def batched(session: Session, world: World) -> Batched:
    return Batched(session, world)


def refused(batched: Batched, event: str, at: int | None = None, **more: Any) -> str:
    with pytest.raises(Conflict) as caught:
        batched.record(event, at, **more)
    return caught.value.code


def test_a_file_of_a_batch_has_a_chain_of_its_own_each_event_with_its_leaf(batched: Batched) -> None:
    batched.record("disclosed", 7, to="示范区人民法院", basis="调取")
    batched.record("held", 7, basis="证据保全")
    batched.record("moved", to="异地库房")
    for at, events in ((7, ["disclosed", "held"]), (None, ["moved"]), (3, [])):
        file = None if at is None else batched.files[at]
        chain = [schemas.batch_custody_out(each) for each in
                 queries.batch_custody(batched.session, batched.batch.id, file)]  # fmt: skip
        assert [each["event"] for each in chain] == events
        check_batch_chain(
            chain, str(batched.batch.id), str(batched.agency.member_id), batched.batch.root.hex(),
            file.hex() if file else None,
        )  # fmt: skip
        for each in chain:
            opening = log.find_opening(batched.session, uuid.UUID(each["leaf"]["id"]))
            assert opening is not None
            assert orjson.loads(opening.record) == {k: v for k, v in each.items() if k not in ("digest", "leaf")}


def test_what_is_not_in_the_batch_has_no_custody_in_it(batched: Batched) -> None:
    item = batched.item(4)
    stranger = hashlib.sha256(uuid.uuid4().bytes).digest()
    for wrong in (
        Item(stranger, 4, item.path),
        Item(item.sha256, 5, item.path),
        Item(item.sha256, COUNT, item.path),
        Item(item.sha256, 4, item.path[:-1]),
        Item(item.sha256, 4, (*item.path, item.path[0])),
    ):
        with pytest.raises(Invalid) as caught:
            batched.record("held", basis="保全", item=wrong, if_match='"0"')
        assert (caught.value.code, caught.value.pointer) == ("not_of_the_batch", "/item")


def test_a_hold_on_the_whole_keeps_every_file_and_a_hold_on_a_file_keeps_the_whole(
    batched: Batched, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock.now() + timedelta(days=366 * 3)
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(clock, "today_in_china", later.date)
    batched.record("held", basis="整批保全")
    assert batched.state(2).held
    assert refused(batched, "destroyed", 2) == "evidence_held"
    batched.record("released", basis="解除")
    batched.record("held", 2, basis="保全")
    assert batched.state().items_held == 1
    assert refused(batched, "destroyed") == "evidence_held"
    assert refused(batched, "destroyed", 2) == "evidence_held"
    batched.record("destroyed", 3, basis="期满")
    assert refused(batched, "moved", 3, to="别处") == "evidence_destroyed"
    batched.record("released", 2, basis="解除")
    batched.record("destroyed", basis="期满")
    assert batched.state(5).destroyed_at is not None
    assert refused(batched, "moved", 5, to="别处") == "evidence_destroyed"


def test_neither_the_whole_nor_a_file_is_destroyed_before_its_retention_is_over(batched: Batched) -> None:
    assert refused(batched, "destroyed") == "retention_not_over"
    assert refused(batched, "destroyed", 1) == "retention_not_over"


def test_an_event_needs_the_version_as_it_stands_and_another_s_batch_is_not_found(
    batched: Batched, world: World
) -> None:
    batched.record("held", 1, basis="保全")
    with pytest.raises(Stale):
        batched.record("released", 1, basis="解除", if_match='"0"')
    assert refused(batched, "held", 1, basis="再保全") == "hold_stands_so"
    with pytest.raises(NotFound):
        batched.record("held", by=world.member("agency"), basis="保全", if_match='"0"')


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_the_database_follows_a_path_as_the_wire_does(owner_engine: Engine, size: int) -> None:
    files = [hashlib.sha256(bytes([n])).digest() for n in range(size)]
    root = batch_root(files)
    query = text("select merkle_path_root(:leaf, :at, :size, :path)")
    with owner_engine.connect() as connection:
        for at in range(size):
            path = batch_proof(files, at)
            for place, hashes in ((at, path), (at + 1, path), (at, path[:-1]), (at, [*path, root])):
                given = {"leaf": batch_leaf(files[at]), "at": place, "size": size, "path": b"".join(hashes)}
                found = connection.scalar(query, given)
                try:
                    merkle.verify_inclusion(batch_leaf(files[at]), place, size, hashes, root)
                except merkle.ProofError:
                    assert found is None or bytes(found) != root
                else:
                    assert found is not None
                    assert bytes(found) == root


def broken(session: Session, batch: EvidenceBatch, item: Item | None, **change: Any) -> str:
    """The constraint that refuses this event, written past the verbs."""
    now = clock.now()
    row = {
        "id": uuid.uuid4(), "batch": batch.id, "member": batch.member_id, "item": item and item.sha256,
        "place": item.place if item else None, "path": b"".join(item.path) if item else None, "position": 1,
        "event": "held", "at": now, "recipient": None, "basis": "x", "previous": item.sha256 if item else batch.root,
        "recorded": now,
    } | change  # fmt: skip
    statement = text(
        "insert into evidence_batch_custody values (:id, :batch, :member, :item, :place, :path, :position, :event, :at,"
        " :recipient, :basis, :previous, coalesce(:digest, decode(repeat('00', 32), 'hex')), :recorded, sha256('c'))"
    )
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(statement, {"digest": None} | row)
    return caught.value.orig.diag.constraint_name or ""  # type: ignore[union-attr]


def test_the_database_refuses_what_breaks_a_chain(batched: Batched) -> None:
    session, batch, item = batched.session, batched.batch, batched.item(4)
    act_for(session, batched.agency.member_id, "agency")
    assert broken(session, batch, item) == "batch_custody_digest"
    assert broken(session, batch, item, position=2) == "batch_custody_position"
    assert broken(session, batch, item, previous=bytes(32)) == "batch_custody_previous"
    assert broken(session, batch, Item(item.sha256, 5, item.path)) == "batch_custody_item"
    assert broken(session, batch, item, path=None) == "ck_evidence_batch_custody_item"
    assert broken(session, batch, item, event="created") == "ck_evidence_batch_custody_event"
    assert broken(session, batch, None, event="moved") == "ck_evidence_batch_custody_recipient"


def test_nobody_changes_or_deletes_an_event(batched: Batched) -> None:
    batched.record("held", 1, basis="保全")
    for statement in ("delete from evidence_batch_custody", "update evidence_batch_states set held = false"):
        with pytest.raises(DBAPIError) as caught, batched.session.begin_nested():
            batched.session.execute(text(statement))
        assert getattr(caught.value.orig, "sqlstate", "") == "42501"


def test_a_batch_is_erased_with_all_its_custody_and_not_under_a_hold(batched: Batched) -> None:
    session = batched.session
    batched.record("disclosed", 1, to="示范区人民法院")
    batched.record("held", 2, basis="保全")
    act_for(session, None, "registry")
    with pytest.raises(Conflict) as caught:
        erasing.erase(session, batched.batch.id, ground="（2026）沪0115行审1号", because="ordered")
    assert caught.value.code == "erasure_held"
    batched.record("released", 2, basis="解除")
    act_for(session, None, "registry")
    batch_id = batched.batch.id
    leaves = list(queries.batch_custody_ids(session, batch_id))
    erasing.erase(session, batch_id, ground="（2026）沪0115行审1号", because="ordered")
    session.execute(text("set constraints all immediate"))
    for table in ("evidence_batch_custody", "evidence_batch_states"):
        assert session.scalar(text(f"select count(*) from {table} where batch_id = :b"), {"b": batch_id}) == 0
    assert len(leaves) == 3
    for leaf_id in (*leaves, batch_id):
        assert log.find_opening(session, leaf_id) is None
        assert log.find_erasure(session, leaf_id) is not None
