"""The SDK's consumer: exactly once against its own database, whatever breaks; webhooks verified; the command line."""

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from gongxin import clock
from gongxin.db import transaction
from gongxin.delivery import queries, sending, service
from gongxin_client import BadInput, Refused, Registry, keys, profile
from gongxin_client import changes as feed
from gongxin_client.cli import main
from gongxin_client.consuming import Consumer, is_lost
from gongxin_client.errors import Unavailable, VerificationFailed
from tests import live as living
from tests.conftest import drop_database, make_database
from tests.services.delivery_receivers import LOOPBACK, receiving
from tests.services.delivery_world import NOTE

live = living.live
Live = living.Live


@pytest.fixture
def bank(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("bank")) as registry:
        yield registry


def tell(live: Live, *numbers: int, thing: uuid.UUID | None = None) -> None:
    for n in numbers:
        with transaction(live.engine) as session:
            service.emit(session, type=NOTE.name, object_id=thing or uuid.uuid4(), data={"n": n}, to=[])
    with transaction(live.engine) as session:
        while queries.sequence(session, 1000, clock.now()):
            pass


def opened(path: Any = ":memory:") -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("create table if not exists effects (n integer)")
    connection.commit()
    return connection


def note(cursor: Any, event: feed.Event) -> None:
    cursor.execute("insert into effects values (?)", (event.data["n"],))


def effects(connection: Any) -> list[int]:
    return [row[0] for row in connection.execute("select n from effects order by rowid")]


def consumer_at_head(bank: Registry, connection: Any, **settings: Any) -> Consumer:
    consumer = Consumer(bank, connection, types=[NOTE.name], **settings)
    while consumer.step(lambda *_: None):
        pass
    return consumer


def test_every_event_has_its_effect_exactly_once_in_order(live: Live, bank: Registry) -> None:
    connection = opened()
    consumer = consumer_at_head(bank, connection, limit=3)
    tell(live, *range(10))
    while consumer.step(note):
        pass
    assert effects(connection) == list(range(10))
    assert consumer.step(note) == 0


def test_an_effect_that_fails_moves_nothing_and_comes_again(live: Live, bank: Registry) -> None:
    connection = opened()
    consumer = consumer_at_head(bank, connection)
    tell(live, 1, 2, 3)
    place = consumer.cursor()

    def fails(cursor: Any, event: feed.Event) -> None:
        note(cursor, event)
        if event.data["n"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consumer.step(fails)
    assert (effects(connection), consumer.cursor()) == ([], place)
    assert consumer.step(note) == 3
    assert effects(connection) == [1, 2, 3]


def test_two_consumers_of_one_name_share_the_work_and_repeat_none(live: Live, bank: Registry, tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    consumer_at_head(bank, opened(path))
    tell(live, *range(60))
    faults: list[BaseException] = []

    def run() -> None:
        try:
            connection = sqlite3.connect(path, timeout=20)
            mine = Consumer(bank, connection, types=[NOTE.name], limit=2)
            before = ""
            while (place := mine.cursor() or "") != before:
                before = place
                mine.step(note)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert effects(opened(path)) == list(range(60))


def test_the_members_own_postgresql_does_as_well(live: Live, bank: Registry, server: str) -> None:
    name = f"gongxin_own_{uuid.uuid4().hex[:8]}"
    make_database(server, name, migrated=False)
    try:
        with psycopg.connect(f"postgresql://postgres@/{name}?host={server}") as connection:
            connection.execute("create table effects (n integer)")
            connection.commit()
            consumer = consumer_at_head(bank, connection)
            tell(live, 5, 6)
            assert consumer.step(lambda cursor, event: cursor.execute(
                "insert into effects values (%s)", (event.data["n"],)
            )) == 2  # fmt: skip
            assert consumer.step(note) == 0
            assert connection.execute("select n from effects order by n").fetchall() == [(5,), (6,)]
            connection.rollback()
            connection.autocommit = True
            with pytest.raises(BadInput):
                Consumer(bank, connection)
    finally:
        drop_database(server, name)


def test_a_connection_in_autocommit_is_refused(bank: Registry) -> None:
    with pytest.raises(BadInput):
        Consumer(bank, sqlite3.connect(":memory:", isolation_level=None))


def test_a_consumer_whose_cursor_is_lost_takes_a_snapshot_and_goes_on_without_a_gap(live: Live, bank: Registry) -> None:
    connection = opened()
    consumer = consumer_at_head(bank, connection)
    tell(live, 1)
    connection.execute("update gongxin_cursors set place = ?", (feed_cursor(10**9),))
    connection.commit()
    with pytest.raises(Refused) as lost:
        consumer.step(note)
    assert is_lost(lost.value)
    rows: list[str] = []

    def load(_cursor: Any, name: str, object_id: str, data: Any) -> None:
        assert (name, "kind" in data) == ("members", True)
        rows.append(object_id)

    assert consumer.snapshots({"members": "members.read"}, load) == len(rows)
    assert bank.member_id() in rows
    tell(live, 2)
    assert consumer.step(note) == 1
    assert effects(connection) == [2]


def feed_cursor(position: int) -> str:
    from gongxin.delivery.changes import cursor

    return cursor(position)


def test_a_snapshot_that_breaks_off_leaves_everything_as_it_was(
    bank: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = opened()
    consumer = consumer_at_head(bank, connection)
    place = consumer.cursor()
    whole = feed._rows

    def broken(lines: Iterator[str]) -> Iterator[Any]:
        return whole(iter(list(lines)[:-1]))

    monkeypatch.setattr(feed, "_rows", broken)
    with pytest.raises(Unavailable):
        consumer.snapshots(
            {"members": "members.read"}, lambda cursor, *_: cursor.execute("insert into effects values (1)")
        )
    assert (effects(connection), consumer.cursor()) == ([], place)


def test_what_comes_by_webhook_and_by_feed_has_one_effect(live: Live, bank: Registry) -> None:
    connection = opened()
    consumer = consumer_at_head(bank, connection)
    with receiving() as receiver:
        config = replace(live.config, delivery_networks=LOOPBACK)
        live.app.extensions["gongxin"].config = config
        made = bank.register_webhook_endpoint(receiver.url, [NOTE.name])
        sender = sending.Sender(live.engine, config)
        while sender.turn():
            pass
        assert [each.state for each in bank.webhook_endpoints()] == ["active"]
        tell(live, 1, 2)
        while sender.turn():
            pass
        calls = receiver.raw
    assert made.secret
    assert len(calls) == 2
    for headers, raw in [calls[0], calls[0]]:
        assert consumer.receive(made.secret, headers, raw, note) == {}
    assert effects(connection) == [1]
    while consumer.step(note):
        pass
    assert effects(connection) == [1, 2]
    for headers, raw in calls:
        consumer.receive(made.secret, headers, raw, note)
    assert effects(connection) == [1, 2]
    headers, raw = calls[1]
    for bad in (raw.replace(b"2", b"3"), b"", b"\xff"):
        with pytest.raises(VerificationFailed):
            consumer.receive([made.secret], headers, bad, note)
    assert bank.rotate_webhook_secret(made.endpoint_id).secret != made.secret
    assert len(bank.webhook_sends(made.endpoint_id, state="delivered")) == 2
    assert bank.set_webhook_endpoint(made.endpoint_id, "removed").state == "removed"


def test_a_challenge_is_answered_with_what_it_says() -> None:
    assert feed.challenge_answer({"type": "endpoint.verify", "data": {"challenge": "abc"}}) == {"challenge": "abc"}
    assert feed.challenge_answer({"type": NOTE.name, "data": {}}) is None


def test_the_command_line_follows_once_takes_a_snapshot_and_acknowledges(live: Live, tmp_path: Path) -> None:
    member, database = live.member("bank"), tmp_path / "own.db"
    path = tmp_path / "gongxin-member.toml"
    keys.save(member.key, tmp_path / "member.pem")
    member.key_path = tmp_path / "member.pem"
    profile.write(member, path)

    def run(*words: str) -> dict[str, Any]:
        result = CliRunner().invoke(main, ["changes", *words, "--profile", str(path), "--json"])
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.output)
        return found

    follow = ("follow", "--once", "--database", str(database))
    assert run("snapshot", "members", "--scope", "members.read", "--database", str(database))["objects"] >= 1
    tell(live, 41, 42)
    assert run(*follow)["events"] == 2
    assert run(*follow)["events"] == 0
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select event_id, data from events order by position").fetchall()
    assert [json.loads(row[1])["n"] for row in rows] == [41, 42]
    assert run("ack", rows[0][0], "applied")["did"] == "applied"
    assert run("endpoints", "list") == {"endpoints": []}
