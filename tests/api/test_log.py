"""The log over HTTP, read as a stranger would: with nothing but its key and C2SP's own forms."""

import json
import uuid
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gongxin.app import create_app
from gongxin.config import Config
from gongxin.transparency.service import Promise
from gongxin_wire import commitments, merkle, notes, tiles
from gongxin_wire.tiles import Tile
from tests.services.log_world import OwnLog, own_log

SIZES = (3, 300, 1, 220)
SIZE = sum(SIZES)


@pytest.fixture(scope="module")
def log(server: str, config: Config) -> Iterator[OwnLog]:
    with own_log(server, config) as made:
        yield made


@pytest.fixture(scope="module")
def promised(log: OwnLog) -> list[Promise]:
    return log.fill(*SIZES)


@pytest.fixture(scope="module")
def own_app(log: OwnLog, promised: list[Promise]) -> Flask:
    return create_app(log.config, log.engine)


@pytest.fixture
def http(own_app: Flask) -> FlaskClient:
    return own_app.test_client()


@pytest.fixture
def key(http: FlaskClient) -> notes.VerifierKey:
    return notes.parse_vkey(http.get("/v1/log").get_json()["keys"][-1]["vkey"])


def head(http: FlaskClient, key: notes.VerifierKey) -> notes.Checkpoint:
    return notes.open_checkpoint(http.get("/log/checkpoint").data, key)[0]


def leaf_hash(promise: Promise, kind: str = "court_event") -> bytes:
    return merkle.leaf_hash(commitments.entry(promise.leaf_id, kind, promise.commitment))


def refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.get_json()["code"]) == (status, code)


# --- about, checkpoint ----------------------------------------------------------------------------------------------


def test_the_log_says_its_name_its_keys_and_how_soon_a_promise_is_kept(http: FlaskClient) -> None:
    answer = http.get("/v1/log")
    body = answer.get_json()
    assert (body["origin"], body["prefix"]) == ("localhost/log", "http://localhost/log")
    assert (body["maximum_merge_delay_seconds"], body["size"]) == (1, SIZE)
    assert [each["signs"] for each in body["keys"]] == [True]
    assert notes.parse_vkey(body["keys"][0]["vkey"]).name == body["origin"]


def test_the_checkpoint_is_signed_and_kept_but_a_moment(http: FlaskClient, key: notes.VerifierKey) -> None:
    answer = http.get("/log/checkpoint")
    assert answer.mimetype == "text/plain"
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    assert head(http, key).size == SIZE


def test_before_the_first_checkpoint_nothing_can_be_said(server: str, config: Config) -> None:
    with own_log(server, config, started=False) as made:
        client = create_app(made.config, made.engine).test_client()
        for path in ("/v1/log", "/log/checkpoint", f"/v1/log/proofs/{uuid.uuid4()}", "/v1/log/consistency?from=0"):
            refused(client.get(path), 404, "log_not_started")
        refused(client.get("/log/tile/0/000.p/1"), 404, "no_tile")


# --- tiles ----------------------------------------------------------------------------------------------------------


def test_a_stranger_rebuilds_the_root_from_entries_and_from_tiles(http: FlaskClient, key: notes.VerifierKey) -> None:
    found = head(http, key)
    entries: list[bytes] = []
    for index in range((found.size + 255) // 256):
        width = tiles.width_of(0, index, found.size)
        answer = http.get(f"/log/{Tile(None, index, width).path}")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.mimetype == "application/octet-stream"
        entries += tiles.parse_bundle(answer.data)
    assert merkle.root(merkle.leaf_hash(entry) for entry in entries) == found.root
    assert all(json.loads(entry).keys() == {"commitment", "id", "kind", "v"} for entry in entries)
    read = tiles.reader(found.size, lambda tile: http.get(f"/log/{tile.path}").data)
    assert merkle.subtree(0, found.size, read) == found.root


def test_the_tile_above_holds_the_hash_of_each_full_tile(http: FlaskClient) -> None:
    full = [http.get(f"/log/tile/0/{index:03d}").data for index in range(2)]
    assert [len(each) for each in full] == [8192, 8192]
    assert http.get("/log/tile/1/000.p/2").data == b"".join(tiles.tile_root(each) for each in full)
    assert http.get("/log/tile/1/000.p/1").data == tiles.tile_root(full[0])


def test_a_partial_tile_stays_what_it_was_when_the_tile_has_filled(http: FlaskClient) -> None:
    assert http.get("/log/tile/0/000.p/47").data == http.get("/log/tile/0/000").data[: 47 * 32]
    bundle = tiles.parse_bundle(http.get("/log/tile/entries/000").data)
    assert tiles.parse_bundle(http.get("/log/tile/entries/000.p/47").data) == bundle[:47]


@pytest.mark.parametrize(
    "path",
    [
        "0/002", "0/002.p/13", "0/003.p/1", "1/000", "1/000.p/3", "2/000.p/1", "9/000.p/1", "63/000.p/1", "64/000",
        "00/000", "0/0", "0/x000/000", "0/000.p/0", "0/000.p/256", "0/000.p/01", "0/000/", "0/000.p", "0/abc",
         "entries/002", "entries/002.p/13", "entries/0", "entries/x001", "99999999999999999999999/000",
        f"0/{'x999/' * 20}999", "0/x999/x999/x999/x999/x999/999",
    ],
)  # fmt: skip
def test_a_tile_that_no_checkpoint_needs_is_not_there(http: FlaskClient, path: str) -> None:
    answer = http.get(f"/log/tile/{path}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


# --- leaves and proofs ----------------------------------------------------------------------------------------------


def test_every_promise_is_kept_and_proven_offline(
    http: FlaskClient, key: notes.VerifierKey, promised: list[Promise]
) -> None:
    for index in (0, 1, 2, 3, 254, 255, 256, 302, 303, 511, 512, SIZE - 1):
        answer = http.get(f"/v1/log/proofs/{promised[index].leaf_id}")
        assert answer.mimetype == "text/plain"
        proof = notes.parse_proof(answer.data)
        assert proof.index == index
        found, _ = notes.verify_proof(proof, leaf_hash(promised[index]), key)
        assert found.size == SIZE
        with pytest.raises(merkle.ProofError):
            notes.verify_proof(proof, leaf_hash(promised[index - 1]), key)


def test_a_proof_can_be_had_under_an_earlier_checkpoint(
    http: FlaskClient, key: notes.VerifierKey, promised: list[Promise]
) -> None:
    answer = http.get(f"/v1/log/proofs/{promised[5].leaf_id}?size=303")
    found, _ = notes.verify_proof(notes.parse_proof(answer.data), leaf_hash(promised[5]), key)
    assert found.size == 303
    for size, leaf in ((302, 5), (3, 5), (0, 0), (SIZE + 1, 5)):
        refused(http.get(f"/v1/log/proofs/{promised[leaf].leaf_id}?size={size}"), 404, "leaf_not_integrated")
    for size in ("-1", "x", "9007199254740992"):
        refused(http.get(f"/v1/log/proofs/{promised[5].leaf_id}?size={size}"), 422, "invalid_field")


def test_a_leaf_says_what_it_is_and_nothing_of_its_record(http: FlaskClient, promised: list[Promise]) -> None:
    body = http.get(f"/v1/log/leaves/{promised[5].leaf_id}").get_json()
    assert body == {
        "leaf_id": str(promised[5].leaf_id),
        "kind": "court_event",
        "commitment": promised[5].as_json()["commitment"],
        "state": "integrated",
        "leaf_index": 5,
    }


def test_a_leaf_that_waits_says_so_and_has_no_proof_yet(server: str, config: Config) -> None:
    with own_log(server, config) as made:
        (promise,) = made.append(1)
        client = create_app(made.config, made.engine).test_client()
        body = client.get(f"/v1/log/leaves/{promise.leaf_id}").get_json()
        assert (body["state"], body["leaf_index"]) == ("waiting", None)
        refused(client.get(f"/v1/log/proofs/{promise.leaf_id}"), 404, "leaf_not_integrated")
        made.sequence()
        assert client.get(f"/v1/log/proofs/{promise.leaf_id}").status_code == 200


def test_what_is_not_in_the_log_is_not_found(http: FlaskClient) -> None:
    refused(http.get(f"/v1/log/leaves/{uuid.uuid4()}"), 404, "not_found")
    refused(http.get(f"/v1/log/proofs/{uuid.uuid4()}"), 404, "leaf_not_integrated")
    assert http.get("/v1/log/proofs/none").status_code == 404


# --- consistency ----------------------------------------------------------------------------------------------------


def roots(http: FlaskClient, sizes: tuple[int, ...]) -> dict[int, bytes]:
    entries: list[bytes] = []
    for index in range((SIZE + 255) // 256):
        path = Tile(None, index, tiles.width_of(0, index, SIZE)).path
        entries += tiles.parse_bundle(http.get(f"/log/{path}").data)
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    return {size: merkle.root(hashes[:size]) for size in sizes}


def test_any_earlier_log_is_proven_to_begin_any_later_one(http: FlaskClient) -> None:
    sizes = (0, 1, 3, 255, 256, 257, 303, 304, 512, SIZE)
    known = roots(http, sizes)
    for old in sizes:
        for new in sizes:
            answer = http.get(f"/v1/log/consistency?from={old}&to={new}")
            if old > new:
                refused(answer, 422, "not_a_size_of_the_log")
                assert answer.get_json()["pointer"] == "/from"
                continue
            body = answer.get_json()
            assert (body["from"], body["to"]) == (old, new)
            hashes = [b64decode(each) for each in body["hashes"]]
            merkle.verify_consistency(old, known[old], new, known[new], hashes)
            if 0 < old < new:
                with pytest.raises(merkle.ProofError):
                    merkle.verify_consistency(old, known[1] if old != 1 else known[3], new, known[new], hashes)


def test_consistency_leads_to_the_newest_checkpoint_unless_told_otherwise(http: FlaskClient) -> None:
    assert http.get("/v1/log/consistency?from=3").get_json()["to"] == SIZE


@pytest.mark.parametrize("query", ["", "?from=-1", "?from=x", "?from=1&to=1.5", "?to=3", "?from=1&unknown=1"])
def test_sizes_that_are_none_are_refused(http: FlaskClient, query: str) -> None:
    refused(http.get(f"/v1/log/consistency{query}"), 422, "invalid_field")


def test_a_size_the_log_has_not_reached_is_refused(http: FlaskClient) -> None:
    answer = http.get(f"/v1/log/consistency?from=1&to={SIZE + 1}")
    refused(answer, 422, "not_a_size_of_the_log")
    assert answer.get_json()["pointer"] == "/to"


# --- a log that lies ------------------------------------------------------------------------------------------------


def test_a_proof_from_a_changed_tile_does_not_verify(server: str, config: Config) -> None:
    with own_log(server, config) as made:
        promises = made.fill(300)
        client = create_app(made.config, made.engine).test_client()
        key = notes.parse_vkey(client.get("/v1/log").get_json()["keys"][0]["vkey"])
        made.tamper("update log_tiles set hashes = overlay(hashes placing sha256('x') from 1 for 32) where level = 0")
        proof = notes.parse_proof(client.get(f"/v1/log/proofs/{promises[1].leaf_id}").data)
        with pytest.raises(merkle.ProofError, match="leaf 1 is not in the tree"):
            notes.verify_proof(proof, leaf_hash(promises[1]), key)
