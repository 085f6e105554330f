"""The feed, snapshots, endpoints and acknowledgements over HTTP: anonymous, wrong scope, wrong member, then right."""

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.delivery import acknowledging, changes, queries, service, snapshots
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House, build_house
from tests.services.delivery_world import NOTE

SCOPES = frozenset({"changes.read", "webhooks.write", "members.read"})
ENDPOINT = {"url": "https://hooks.member.example/x", "types": [NOTE.name]}


@pytest.fixture(scope="module")
def house(config: Config, engine: Engine, owner_engine: Engine) -> Iterator[House]:
    yield from build_house(config, engine, owner_engine)


@pytest.fixture
def bank(house: House) -> Caller:
    """Of a member with a client in the database: endpoints are of a client's."""
    made = replace(house.world.member("bank"), scopes=SCOPES)
    house.world.connection.execute(
        text(
            "insert into clients (id, member_id, name, auth_method, scopes)"
            " values (:id, :member, 'main', 'private_key_jwt', '[\"members.read\"]')"
        ),
        {"id": made.client_id, "member": made.member_id},
    )
    return made


def tell(house: House, n: int, *to: uuid.UUID | None) -> str:
    with transaction(house.runtime.engine) as session:
        event_id = service.emit(
            session, type=NOTE.name, object_id=uuid.uuid4(), data={"n": n}, to=[each for each in to if each]
        )
    with transaction(house.runtime.engine) as session:
        while queries.sequence(session, 1000, clock.now()):
            pass
    return str(event_id)


def get(house: House, who: Caller | None, path: str, **query: Any) -> Any:
    return house.call("GET", path, who, query_string=query)


def latest(house: House, who: Caller) -> str:
    cursor: str = get(house, who, "/v1/changes", after="latest").get_json()["next_cursor"]
    return cursor


def code_of(answer: Any) -> tuple[int, str, str | None]:
    body = answer.get_json()
    return answer.status_code, body["code"], body.get("pointer")


def test_a_feed_with_nothing_new_has_a_tag_and_is_not_sent_again(house: House, bank: Caller) -> None:
    tell(house, 1, bank.member_id)
    cursor = latest(house, bank)
    empty = get(house, bank, "/v1/changes", after=cursor)
    tag = empty.headers["ETag"]
    again = house.call("GET", "/v1/changes", bank, query_string={"after": cursor}, headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    tell(house, 2, bank.member_id)
    told = house.call("GET", "/v1/changes", bank, query_string={"after": cursor}, headers={"If-None-Match": tag})
    assert told.status_code == 200
    assert "ETag" not in told.headers
    assert [each["data"]["n"] for each in told.get_json()["items"]] == [2]


def test_nobody_without_token_or_scope_gets_in(house: House, bank: Caller) -> None:
    assert get(house, None, "/v1/changes").status_code == 401
    assert code_of(get(house, replace(bank, scopes=frozenset()), "/v1/changes"))[:2] == (403, "insufficient_scope")
    assert get(house, None, "/v1/snapshots/members").status_code == 401
    assert house.call("POST", "/v1/webhook-endpoints", None, json=ENDPOINT).status_code == 401
    assert get(house, None, "/v1/changes/types").status_code == 200
    assert get(house, None, "/v1/snapshots").status_code == 200


def test_a_member_follows_its_changes_from_cursor_to_cursor(house: House, bank: Caller) -> None:
    other = house.world.member("agency")
    cursor = latest(house, bank)
    tell(house, 1, bank.member_id)
    tell(house, 2, other.member_id)
    tell(house, 3, bank.member_id, other.member_id)
    first = get(house, bank, "/v1/changes", after=cursor, limit=1).get_json()
    assert [item["data"]["n"] for item in first["items"]] == [1]
    assert first["more"]
    rest = get(house, bank, "/v1/changes", after=first["next_cursor"]).get_json()
    assert [item["data"]["n"] for item in rest["items"]] == [3]
    assert not rest["more"]
    assert get(house, bank, "/v1/changes", after=rest["next_cursor"]).get_json()["items"] == []
    without = replace(bank, client_id=uuid.uuid4(), scopes=frozenset({"changes.read"}))
    assert get(house, without, "/v1/changes", after=cursor).get_json()["items"] == []


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ({"after": "MnwxMA"}, 422, "bad_cursor", "/after"),
        ({"after": "MXwtMQ"}, 422, "bad_cursor", "/after"),
        ({"after": "MXw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"}, 422, "bad_cursor", "/after"),
        ({"after": "!"}, 422, "invalid_field", "/after"),
        ({"types": "no.such"}, 422, "unknown_type", "/types"),
        ({"wait": "60"}, 422, "invalid_field", "/wait"),
        ({"limit": "0"}, 422, "invalid_field", "/limit"),
    ],
)
def test_what_cannot_be_asked_is_told_at_its_field(
    house: House, bank: Caller, query: dict[str, str], status: int, code: str, pointer: str
) -> None:
    assert code_of(get(house, bank, "/v1/changes", **query)) == (status, code, pointer)


def test_a_cursor_ahead_of_the_registry_is_a_conflict_that_names_the_way_on(house: House, bank: Caller) -> None:
    ahead = changes.cursor(10**12)
    assert code_of(get(house, bank, "/v1/changes", after=ahead))[:2] == (409, "cursor_unknown")


def test_who_waits_hears_of_a_change_as_it_comes(house: House, bank: Caller) -> None:
    cursor = latest(house, bank)
    threading.Timer(0.4, tell, (house, 9, bank.member_id)).start()
    began = time.monotonic()
    found = get(house, bank, "/v1/changes", after=cursor, wait=10).get_json()
    assert [item["data"]["n"] for item in found["items"]] == [9]
    assert time.monotonic() - began < 8


def test_more_waiters_than_a_process_can_spare_are_answered_at_once(house: House, bank: Caller) -> None:
    cursor = latest(house, bank)
    places = changes.waiters(house.runtime)
    held = [places.acquire(blocking=False) for _ in range(changes.WAITERS)]
    try:
        assert all(held)
        began = time.monotonic()
        assert get(house, bank, "/v1/changes", after=cursor, wait=10).get_json()["items"] == []
        assert time.monotonic() - began < 5
        assert code_of(get(house, bank, "/v1/snapshots/members"))[:2] == (429, "snapshots_busy")
    finally:
        for _ in held:
            places.release()


def test_whoever_waited_gives_the_place_back_even_when_refused(house: House, bank: Caller) -> None:
    for _ in range(changes.WAITERS * 2):
        assert get(house, bank, "/v1/changes", after=changes.cursor(10**12), wait=1).status_code == 409
        get(house, bank, "/v1/snapshots/members").close()
    places = changes.waiters(house.runtime)
    assert [places.acquire(blocking=False) for _ in range(changes.WAITERS)] == [True] * changes.WAITERS
    for _ in range(changes.WAITERS):
        places.release()


def lines(answer: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in answer.get_data().splitlines()]


def test_a_snapshot_says_where_the_feed_goes_on_and_that_it_is_whole(house: House, bank: Caller) -> None:
    answer = get(house, bank, "/v1/snapshots/members")
    head, *rows, end = lines(answer)
    assert answer.mimetype == "application/x-ndjson"
    assert end == {"end": True, "count": len(rows)}
    assert str(bank.member_id) in {row["object_id"] for row in rows}
    tell(house, 4, bank.member_id)
    following = get(house, bank, "/v1/changes", after=head["cursor"]).get_json()
    assert [item["data"]["n"] for item in following["items"]] == [4]


def test_a_snapshot_of_many_portions_has_every_row_once(
    house: House, bank: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = sorted(uuid.uuid4() for _ in range(2500))
    asked: list[int] = []

    def provider(_session: Any, caller: Caller, after: uuid.UUID | None, limit: int) -> snapshots.Portion:
        assert caller.member_id == bank.member_id
        asked.append(limit)
        return [(key, {"n": 1}) for key in keys if after is None or key > after][:limit]

    made = snapshots.Snapshot("test_many", "members.read", "测试", "test", provider)
    monkeypatch.setitem(snapshots.SNAPSHOTS, "test_many", made)
    _, *rows, end = lines(get(house, bank, "/v1/snapshots/test_many"))
    assert [row["object_id"] for row in rows] == [str(key) for key in keys]
    assert (end["count"], len(asked)) == (2500, 3)


def test_a_snapshot_needs_the_scope_of_what_it_holds(house: House, bank: Caller) -> None:
    without = replace(bank, client_id=uuid.uuid4(), scopes=frozenset({"changes.read"}))
    assert code_of(get(house, without, "/v1/snapshots/members"))[:2] == (403, "snapshot_needs_scope")
    assert code_of(get(house, bank, "/v1/snapshots/nothing"))[:2] == (404, "snapshot_not_found")


def test_an_endpoint_is_registered_changed_rotated_paused_and_removed(house: House, bank: Caller) -> None:
    made = house.call("POST", "/v1/webhook-endpoints", bank, json=ENDPOINT)
    body = made.get_json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/v1/webhook-endpoints/{body['endpoint_id']}"
    assert body["secret"].startswith("whsec_")
    assert code_of(house.call("POST", "/v1/webhook-endpoints", bank, json=ENDPOINT))[:2] == (409, "endpoint_exists")
    path = made.headers["Location"]
    assert "secret" not in get(house, bank, path).get_json()
    assert get(house, replace(house.world.member("bank"), scopes=SCOPES), path).status_code == 404
    rotated = house.call("POST", f"{path}/secret", bank).get_json()
    assert rotated["secret"] != body["secret"]
    assert rotated["previous_until"]
    assert house.call("POST", f"{path}/verify", bank).status_code == 202
    assert house.call("PATCH", path, bank, json={"types": [NOTE.name]}).get_json()["types"] == [NOTE.name]
    assert code_of(house.call("POST", f"{path}/state", bank, json={"state": "active"}))[:2] == (409, "endpoint_state")
    assert get(house, bank, f"{path}/sends").get_json() == {"items": [], "next_cursor": None}
    assert get(house, bank, "/v1/webhook-endpoints").get_json()["items"][0]["endpoint_id"] == body["endpoint_id"]
    assert house.call("POST", f"{path}/state", bank, json={"state": "removed"}).status_code == 200
    assert get(house, bank, path).status_code == 404
    assert house.call("POST", "/v1/webhook-endpoints", bank, json=ENDPOINT).status_code == 201


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"url": "https://10.0.0.1/", "types": [NOTE.name]}, "endpoint_private", "/url"),
        ({"url": "http://hooks.example/", "types": [NOTE.name]}, "endpoint_url", "/url"),
        ({"url": "https://hooks.example/", "types": ["no.such"]}, "unknown_type", "/types/0"),
        ({"url": "https://hooks.example/", "types": []}, "invalid_field", "/types"),
    ],
)
def test_an_endpoint_that_may_not_be_is_refused_at_its_field(
    house: House, bank: Caller, body: dict[str, Any], code: str, pointer: str
) -> None:
    assert code_of(house.call("POST", "/v1/webhook-endpoints", bank, json=body)) == (422, code, pointer)


def test_what_a_member_was_told_it_acknowledges_once(house: House, bank: Caller) -> None:
    event = tell(house, 5, bank.member_id)
    path, said = "/v1/changes/acknowledgements", {"event_id": event, "did": "removed"}
    assert house.call("POST", path, bank, json=said).status_code == 201
    assert house.call("POST", path, bank, json=said).status_code == 200
    assert code_of(house.call("POST", path, bank, json=said | {"did": "acted"}))[:2] == (409, "acknowledged_otherwise")
    other = replace(house.world.member("agency"), scopes=SCOPES)
    assert code_of(house.call("POST", path, other, json=said))[:2] == (404, "event_not_found")
    assert get(house, other, path, event_id=event).get_json() == {"items": []}
    (mine,) = get(house, bank, path, event_id=event).get_json()["items"]
    assert (mine["member_id"], mine["did"]) == (str(bank.member_id), "removed")
    association = replace(house.world.member("association"), scopes=SCOPES)
    assert len(get(house, association, path, event_id=event).get_json()["items"]) == 1
    with transaction(house.runtime.engine) as session:
        assert other.member_id
        assert bank.member_id
        assert acknowledging.missing(session, [uuid.UUID(event)], [bank.member_id, other.member_id]) == [
            other.member_id
        ]


def test_a_note_with_a_persons_number_is_refused(house: House, bank: Caller) -> None:
    event = tell(house, 6, bank.member_id)
    body = {"event_id": event, "did": "acted", "note": "已联系 13800138000"}
    answer = house.call("POST", "/v1/changes/acknowledgements", bank, json=body)
    assert (answer.status_code, answer.get_json()["pointer"]) == (422, "/note")


def test_what_is_measured_of_delivery_is_shown(house: House) -> None:
    house.runtime.caches.pop("measures", None)
    assert b"gongxin_delivery_owed_calls" in house.call("GET", "/metrics").get_data()
