"""An endpoint in the shared database with calls owed and dead letters, as its owner would leave them."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from gongxin.config import Config
from tests.services.delivery_world import OwnFeed, a_member


@dataclass
class Called:
    """`positions`: of its dead letters."""

    endpoint_id: uuid.UUID
    member_id: uuid.UUID
    positions: list[int]


Endpoints = Callable[..., Called]


@pytest.fixture
def endpoints(engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Endpoints]:
    feed, made = OwnFeed(engine, owner_engine, config), []

    def make(dead: int = 2, waiting: int = 1, *, state: str = "active", failures: int = 0) -> Called:
        caller = a_member(feed)
        assert caller.member_id is not None
        found = uuid.uuid4()
        made.append(found)
        with owner_engine.begin() as connection:
            connection.execute(
                text(
                    "insert into delivery_endpoints (id, member_id, client_id, url, types, state, sealed_secret,"
                    " made_at, verified_at, failures) values (:id, :member, :client,"
                    " 'https://hooks.member.example/in/s3cret?key=s3cretkey', '[\"test.note\"]', 'active', '\\x00',"
                    " now(), now(), 0)"
                ),
                {"id": found, "member": caller.member_id, "client": caller.client_id},
            )
        for n in range(dead + waiting):
            feed.emit(uuid.uuid4(), n, to=[caller.member_id])
        while feed.sequence():
            pass
        with owner_engine.begin() as connection:
            positions = list(
                connection.scalars(
                    text("select position from delivery_sends where endpoint_id = :id order by position limit :n"),
                    {"id": found, "n": dead},
                )
            )
            connection.execute(
                text(
                    "update delivery_sends set state = 'dead', attempts = 9, first_at = now() - interval '3 days',"
                    " last_at = now(), outcome = 'refused' where endpoint_id = :id and position = any(:positions)"
                ),
                {"id": found, "positions": positions},
            )
            connection.execute(
                text(
                    "update delivery_endpoints set state = :state, failures = :failures, due_at = null where id = :id"
                ),
                {"id": found, "state": state, "failures": failures},
            )
        return Called(found, caller.member_id, positions)

    yield make
    with owner_engine.begin() as connection:
        connection.execute(
            text("update delivery_endpoints set state = 'removed', due_at = null where id = any(:ids)"), {"ids": made}
        )
