"""Workers killed with -9 at any instruction: every event delivered at least once, none lost, in order by object."""

import multiprocessing
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gongxin.config import Config
from gongxin.db import make_engine, transaction
from gongxin.delivery import endpoints, sending, service
from tests.services.delivery_receivers import LOOPBACK, Receiver, receiving
from tests.services.delivery_world import NOTE, OwnFeed, a_member, own_feed

KILLS = 200
FORK = multiprocessing.get_context("fork")
LEASE = timedelta(seconds=0.2)


@pytest.fixture(scope="module")
def feed(server: str, config: Config) -> Iterator[OwnFeed]:
    with own_feed(server, replace(config, delivery_networks=LOOPBACK)) as made:
        yield made


def worker(config: Config, connected: int) -> None:
    """What `gongxin worker` does of delivery, for ever: it sequences, and it sends."""
    engine = make_engine(config.database_url, pool_size=1)
    sender = sending.Sender(engine, config, lease=LEASE)
    with engine.connect():
        os.write(connected, b".")
    while True:
        with transaction(engine) as session:
            service.sequence(session, config, 7)
        sender.turn()


def deduplicated(receiver: Receiver) -> dict[str, list[int]]:
    """The numbers of each object in the order in which they first arrived."""
    seen: set[str] = set()
    found: dict[str, list[int]] = {}
    for body in receiver.got:
        if body["id"] not in seen:
            seen.add(body["id"])
            found.setdefault(body["object_id"], []).append(body["data"]["n"])
    return found


def test_workers_killed_two_hundred_times_lose_nothing_and_keep_the_order_by_object(feed: OwnFeed) -> None:
    chance, things = random.Random(20261125), [uuid.uuid4() for _ in range(5)]
    with receiving() as one, receiving() as two:
        for receiver in (one, two):
            member = a_member(feed)
            with transaction(feed.engine, member.member_id, member.kind) as session:
                endpoints.register(session, feed.config, caller=member, url=receiver.url, types=[NOTE.name])
        while sending.Sender(feed.engine, feed.config).turn():
            pass
        told: dict[str, list[int]] = {str(thing): [] for thing in things}
        began, number = time.monotonic(), 0
        ready, connected = os.pipe()
        for _ in range(KILLS // 2):
            rivals = [FORK.Process(target=worker, args=(feed.config, connected), daemon=True) for _ in range(2)]
            for rival in rivals:
                rival.start()
            for _ in range(chance.randrange(1, 8)):
                thing = chance.choice(things)
                feed.emit(thing, number)
                told[str(thing)].append(number)
                number += 1
            for _ in rivals:
                os.read(ready, 1)
            time.sleep(chance.random() * 0.12)
            for rival in rivals:
                os.kill(rival.pid or 0, signal.SIGKILL)
            for rival in rivals:
                rival.join(10)
        os.close(ready)
        os.close(connected)
        print(f"{KILLS} kills in {time.monotonic() - began:.0f} s")
        died_at_work = len(one.got) + len(two.got)
        sender, until = sending.Sender(feed.engine, feed.config, lease=LEASE), time.monotonic() + 30
        while time.monotonic() < until and (deduplicated(one) != told or deduplicated(two) != told):
            feed.sequence()
            if not sender.turn():
                time.sleep(0.05)
        assert deduplicated(one) == told
        assert deduplicated(two) == told
        assert died_at_work > KILLS / 2
        again = len(one.got) + len(two.got) - 2 * number
        print(f"{number} events, {again} calls repeated")
        assert again > 0
