"""A verifier that is not ours, pymerkle, over what the log serves: it builds the same tree from the entries, accepts
our proofs of inclusion and rejects each tampered one. Its proofs of consistency are not of RFC 6962's form (they go
down to a leaf where the RFC stops at a node), so there it gives the roots alone."""

from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from gongxin.app import create_app
from gongxin.config import Config
from gongxin.transparency.service import Promise
from gongxin_wire import merkle, notes, tiles
from tests.services.log_world import OwnLog, own_log

pymerkle = pytest.importorskip("pymerkle", reason="make env-dev installs it")

SIZE, INDEX = 524, 71


class Served:
    """The log as a stranger has it: its entries from the tiles, its checkpoint, and pymerkle's tree of them."""

    def __init__(self, log: OwnLog, promised: list[Promise]) -> None:
        self.promised = promised
        self.http: FlaskClient = create_app(log.config, log.engine).test_client()
        entries: list[bytes] = []
        for index in range((SIZE + 255) // 256):
            path = tiles.Tile(None, index, tiles.width_of(0, index, SIZE)).path
            entries += tiles.parse_bundle(self.http.get(f"/log/{path}").data)
        self.entries = entries
        self.tree = pymerkle.InmemoryTree(algorithm="sha256")
        for entry in entries:
            self.tree.append_entry(entry)
        self.hash = self.tree.hash_buff

    @property
    def root(self) -> bytes:
        key = notes.parse_vkey(self.http.get("/v1/log").get_json()["keys"][0]["vkey"])
        return notes.open_checkpoint(self.http.get("/log/checkpoint").data, key)[0].root

    def inclusion(self, index: int) -> Any:
        """Our proof, in pymerkle's form: the leaf's hash stands before the path, and it says which side is which."""
        served = notes.parse_proof(self.http.get(f"/v1/log/proofs/{self.promised[index].leaf_id}").data)
        found = self.tree.prove_inclusion(index + 1, SIZE)
        found.path = [self.hash(self.entries[index]), *served.hashes]
        return found


@pytest.fixture(scope="module")
def served(server: str, config: Config) -> Iterator[Served]:
    with own_log(server, config) as log:
        yield Served(log, log.fill(3, 300, 1, 220))


def rejects(check: Callable[..., None], *arguments: Any, **expected: Any) -> bool:
    try:
        check(*arguments, **expected)
    except pymerkle.InvalidProof:
        return True
    return False


def test_it_builds_the_signed_root_from_the_entries_the_log_serves(served: Served) -> None:
    assert served.tree.get_root() == served.root
    assert served.hash(served.entries[0]) == merkle.leaf_hash(served.entries[0])


@pytest.mark.parametrize("index", [0, 1, 70, 255, 256, 302, 511, 512, 523])
def test_it_makes_the_very_proof_that_we_serve_and_accepts_it(served: Served, index: int) -> None:
    ours = served.inclusion(index)
    assert ours.path == served.tree.prove_inclusion(index + 1, SIZE).path
    pymerkle.verify_inclusion(served.hash(served.entries[index]), served.root, ours, index=index + 1, size=SIZE)


@pytest.mark.parametrize("old", [1, 2, 3, 255, 256, 257, 303, 304, 512, 523, 524])
def test_our_proof_leads_from_its_earlier_root_to_the_signed_one(served: Served, old: int) -> None:
    body = served.http.get(f"/v1/log/consistency?from={old}").get_json()
    hashes = [b64decode(each) for each in body["hashes"]]
    merkle.verify_consistency(old, served.tree.get_root(old), SIZE, served.root, hashes)
    with pytest.raises(merkle.ProofError):
        merkle.verify_consistency(old, served.tree.get_root(old - 1), SIZE, served.root, hashes)


def _flip(hashes: list[bytes], at: int) -> None:
    hashes[at] = bytes([hashes[at][0] ^ 1]) + hashes[at][1:]


INCLUSION: dict[str, Callable[[Any], object]] = {
    "another leaf": lambda proof: _flip(proof.path, 0),
    "a hash at the bottom": lambda proof: _flip(proof.path, 1),
    "a hash in the middle": lambda proof: _flip(proof.path, 5),
    "a hash at the top": lambda proof: _flip(proof.path, -1),
    "two hashes changed about": lambda proof: proof.path.insert(1, proof.path.pop(2)),
    "a hash too few": lambda proof: proof.path.pop(),
    "a hash too many": lambda proof: proof.path.append(proof.path[-1]),
    "another place": lambda proof: setattr(proof, "index", proof.index + 1),
    "another size": lambda proof: setattr(proof, "size", proof.size - 1),
    "a side changed": lambda proof: proof.rule.__setitem__(1, 1 - proof.rule[1]),
}


@pytest.mark.parametrize("name", INCLUSION)
def test_it_rejects_a_tampered_proof_of_inclusion(served: Served, name: str) -> None:
    leaf, proof = served.hash(served.entries[INDEX]), served.inclusion(INDEX)
    assert not rejects(pymerkle.verify_inclusion, leaf, served.root, proof, index=INDEX + 1, size=SIZE)
    INCLUSION[name](proof)
    assert rejects(pymerkle.verify_inclusion, leaf, served.root, proof, index=INDEX + 1, size=SIZE)


def test_it_rejects_our_proof_under_another_root_and_for_another_entry(served: Served) -> None:
    leaf, proof = served.hash(served.entries[INDEX]), served.inclusion(INDEX)
    assert rejects(pymerkle.verify_inclusion, leaf, served.tree.get_root(SIZE - 1), proof)
    assert rejects(pymerkle.verify_inclusion, served.hash(served.entries[INDEX + 1]), served.root, proof)
