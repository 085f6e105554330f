"""Identifiers: of their form, in order, and random whatever the clock does."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from gongxin import clock, ids

TAIL = (1 << 62) - 1


def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond() -> None:
    before = int(clock.now().timestamp() * 1000)
    found = ids.new_id()
    assert (found.version, found.variant) == (7, "specified in RFC 4122")
    assert before <= found.int >> 80


@pytest.mark.parametrize("step", [timedelta(0), timedelta(milliseconds=1), timedelta(days=-3)])
def test_each_is_greater_than_the_one_before_and_random(monkeypatch: pytest.MonkeyPatch, step: timedelta) -> None:
    monkeypatch.setattr(ids, "_at", ids._at)
    now = [datetime(2031, 1, 1, tzinfo=UTC)]

    def tick() -> datetime:
        now[0] += step
        return now[0]

    monkeypatch.setattr(clock, "now", tick)
    found = [ids.new_id() for _ in range(10_000)]
    assert found == sorted(found)
    assert len({each.int & TAIL for each in found}) == 10_000


def test_a_process_that_was_split_does_not_give_the_same_ids_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_at", (1 << 60) - 2_000_000)
    reader, writer = os.pipe()
    child = os.fork()
    found = {ids.new_id() for _ in range(500)}
    if child == 0:
        os.write(writer, b"".join(each.bytes for each in found))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 16 * 500)
    os.close(reader)
    os.close(writer)
    assert len(theirs) == 16 * 500
    assert not found & {ids.uuid.UUID(bytes=theirs[n : n + 16]) for n in range(0, len(theirs), 16)}
