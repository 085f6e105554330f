"""The feed: one order without gaps, nothing skipped that commits late, nobody reads what is another's."""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.delivery import queries, service
from tests.services.delivery_world import NOTE, OwnFeed, own_feed
from tests.services.members_world import named

ME, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture(scope="module")
def feed(server: str, config: Config) -> Iterator[OwnFeed]:
    with own_feed(server, config) as made:
        yield made


@pytest.fixture
def head(feed: OwnFeed) -> int:
    """Where the feed stands before the test."""
    while feed.sequence():
        pass
    with feed.owner.connect() as connection:
        return connection.scalar(text("select coalesce(max(position), 0) from delivery_events")) or 0


def test_events_are_read_in_order_once_and_the_cursor_ends_at_the_head(feed: OwnFeed, head: int) -> None:
    things = [uuid.uuid4() for _ in range(3)]
    told = [feed.emit(things[n % 3], n, to=[ME]) for n in range(10)]
    assert feed.read(ME, head) == (head, False, [])
    feed.sequence()
    first, more, some = feed.read(ME, head, limit=4)
    rest, no_more, others = feed.read(ME, first)
    assert (more, no_more) == (True, False)
    assert [item["id"] for item in some + others] == [str(each) for each in told]
    assert [item["position"] for item in some + others] == list(range(head + 1, head + 11))
    assert feed.read(ME, rest) == (rest, False, [])


def test_an_event_whose_transaction_ends_late_is_not_passed_over(feed: OwnFeed, head: int) -> None:
    with transaction(feed.engine) as late:
        waiting = service.emit(late, type=NOTE.name, object_id=uuid.uuid4(), data={"n": 1}, to=[ME])
        feed.emit(uuid.uuid4(), 2, to=[ME])
        feed.sequence()
        cursor, _, seen = feed.read(ME, head)
        assert [item["data"]["n"] for item in seen] == [2]
    feed.sequence()
    assert [item["id"] for item in feed.read(ME, cursor)[2]] == [str(waiting)]


def test_an_event_of_a_transaction_that_is_rolled_back_is_never_told(feed: OwnFeed, head: int) -> None:
    def killed() -> None:
        with transaction(feed.engine) as session:
            service.emit(session, type=NOTE.name, object_id=uuid.uuid4(), data={}, to=[ME])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    feed.emit(uuid.uuid4(), 3, to=[ME])
    feed.sequence()
    assert [(item["position"], item["data"]) for item in feed.read(ME, head)[2]] == [(head + 1, {"n": 3})]


def test_a_member_reads_its_own_and_what_is_for_all_and_moves_past_what_is_anothers(feed: OwnFeed, head: int) -> None:
    feed.emit(uuid.uuid4(), 1, to=[OTHER])
    feed.emit(uuid.uuid4(), 2)
    feed.emit(uuid.uuid4(), 3, to=[ME, OTHER, ME])
    feed.emit(uuid.uuid4(), 4, to=[OTHER])
    feed.sequence()
    cursor, _, mine = feed.read(ME, head)
    assert [item["data"]["n"] for item in mine] == [2, 3]
    assert cursor == head + 4
    assert [item["data"]["n"] for item in feed.read(OTHER, head)[2]] == [1, 2, 3, 4]


def test_an_event_is_read_only_with_its_types_scope(feed: OwnFeed, head: int) -> None:
    feed.emit(uuid.uuid4(), 1, to=[ME])
    feed.emit(uuid.uuid4(), 2, to=[ME], type="test.secret")
    feed.sequence()
    assert [item["data"]["n"] for item in feed.read(ME, head)[2]] == [1]
    assert [item["data"]["n"] for item in feed.read(ME, head, scopes=["evidence.read"])[2]] == [2]
    assert feed.read(ME, head, scopes=[])[2] == []
    assert [item["data"]["n"] for item in feed.read(ME, head, types=["test.secret"], scopes=["evidence.read"])[2]] == [
        2
    ]


def test_what_the_table_of_types_does_not_list_is_not_emitted(feed: OwnFeed) -> None:
    with transaction(feed.engine) as session:
        for type, data in (("no.such", {}), (NOTE.name, {"name": "x"}), ("object.erased", {})):
            with pytest.raises(ValueError, match=type):
                service.emit(session, type=type, object_id=uuid.uuid4(), data=data, to=[])
        with pytest.raises(ValueError, match="bytes"):
            service.emit(session, type=NOTE.name, object_id=uuid.uuid4(), data={"words": "字" * 3000}, to=[])


def test_an_erased_object_is_blank_wherever_it_was_told_and_those_who_were_told_hear_of_it(
    feed: OwnFeed, head: int
) -> None:
    gone, kept, late = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    feed.emit(gone, 1, to=[ME])
    feed.emit(kept, 2, to=[ME])
    feed.sequence()
    feed.emit(gone, 3, to=[late])
    with transaction(feed.engine) as session:
        erased = service.erase(session, object_id=gone, object_type="note")
        assert service.erase(session, object_id=uuid.uuid4(), object_type="note") is None
    feed.sequence()
    mine = feed.read(ME, head)[2]
    assert [item["data"] for item in mine] == [{"erased": True}, {"n": 2}, {"object_type": "note"}]
    assert mine[-1]["id"] == str(erased)
    assert [item["data"] for item in feed.read(late, head)[2]] == [{"erased": True}, {"object_type": "note"}]
    assert feed.read(OTHER, head)[2] == []


def test_a_cursor_that_was_never_given_and_one_that_is_too_old_are_told_apart(server: str, config: Config) -> None:
    with own_feed(server, config) as small:
        for n in range(4):
            small.emit(uuid.uuid4(), n, to=[ME])
        small.sequence()
        assert queries.changes(small.engine, ME, 5, [], [], 10) == b"unknown"
        with transaction(small.engine) as session:
            assert queries.forget(session, clock.now(), 2) == 2
        assert queries.changes(small.engine, ME, 1, [], [], 10) == b"gone"
        assert [item["data"]["n"] for item in small.read(ME, 2)[2]] == [2, 3]
        with transaction(small.engine) as session:
            assert queries.forget(session, clock.now(), 100) == 1
        small.emit(uuid.uuid4(), 9, to=[ME])
        small.sequence()
        assert [item["position"] for item in small.read(ME, 3)[2]] == [4, 5]


def test_a_sequencer_that_finds_another_at_work_leaves_at_once(feed: OwnFeed, head: int) -> None:
    feed.emit(uuid.uuid4(), 1, to=[ME])
    with transaction(feed.engine) as first:
        assert service.sequence(first, feed.config) == 1
        assert feed.sequence() == 0


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("select delivery_sequence(1, now())", "delivery_sequence_registry"),
        ("select delivery_erase(gen_random_uuid())", "delivery_erase_registry"),
        ("select delivery_forget(now(), 1)", "delivery_forget_registry"),
    ],
)
def test_what_is_the_registrys_no_member_does(feed: OwnFeed, statement: str, constraint: str) -> None:
    with pytest.raises(DBAPIError) as refused, transaction(feed.engine, ME, "bank") as session:
        session.execute(text(statement))
    assert named(refused.value) == constraint


def test_a_member_that_goes_around_the_feed_finds_no_event(feed: OwnFeed) -> None:
    feed.emit(uuid.uuid4(), 1, to=[OTHER])
    feed.sequence()
    feed.emit(uuid.uuid4(), 1, to=[OTHER])
    with transaction(feed.engine, ME, "bank") as session:
        for table in ("delivery_events", "delivery_audience", "delivery_waiting"):
            assert session.scalar(text(f"select count(*) from {table}")) == 0
