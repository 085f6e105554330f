"""RFC 6962 on the published eight-leaf tree, and on trees of any size: each proof verifies, each change of it fails."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gongxin_wire import merkle, tiles
from gongxin_wire.merkle import ProofError, verify_consistency, verify_inclusion

VECTORS: dict[str, Any] = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "tlog.json").read_text())
LEAVES = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]
MANY = [merkle.leaf_hash(number.to_bytes(4)) for number in range(1500)]


def reader(leaves: list[bytes]) -> merkle.Reader:
    """Straight from the definition in RFC 6962, with nothing of the code under test but the two hashes."""

    def mth(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        k = 1
        while k * 2 < len(hashes):
            k *= 2
        return merkle.node_hash(mth(hashes[:k]), mth(hashes[k:]))

    return lambda level, index: mth(leaves[index << level : (index + 1) << level])


def unhex(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in hashes]


def fails(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except ProofError:
        return True
    return False


# --- published ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(9))
def test_the_published_tree_has_its_published_roots(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == ROOTS[size]


def test_the_published_nodes() -> None:
    for level, row in enumerate(VECTORS["nodes"]):
        assert [merkle.root(LEAVES[at << level : (at + 1) << level]).hex() for at in range(len(row))] == row


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['index']} of {v['size']}")
def test_a_published_inclusion_proof(vector: dict[str, Any]) -> None:
    proof = unhex(vector["proof"])
    assert merkle.inclusion_proof(vector["index"], vector["size"], reader(LEAVES)) == proof
    verify_inclusion(LEAVES[vector["index"]], vector["index"], vector["size"], proof, ROOTS[vector["size"]])


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda v: f"{v['from']} to {v['to']}")
def test_a_published_consistency_proof(vector: dict[str, Any]) -> None:
    proof, old, new = unhex(vector["proof"]), vector["from"], vector["to"]
    assert merkle.consistency_proof(old, new, reader(LEAVES)) == proof
    verify_consistency(old, ROOTS[old], new, ROOTS[new], proof)


# --- any tree -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 1500), st.data())
def test_every_leaf_of_any_tree_is_proven_and_every_change_of_the_proof_fails(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = merkle.root(MANY[:size])
    proof = merkle.inclusion_proof(index, size, reader(MANY))
    verify_inclusion(MANY[index], index, size, proof, root)
    for other in {index - 1, index + 1, index ^ 1, size - 1 - index} - {index}:
        assert fails(verify_inclusion, MANY[index], other, size, proof, root)
    assert fails(verify_inclusion, MANY[(index + 1) % 1500], index, size, proof, root)
    assert fails(verify_inclusion, MANY[index], index, size, proof, merkle.leaf_hash(root))
    assert fails(verify_inclusion, MANY[index], index, size, [*proof, root], root)
    assert fails(verify_inclusion, MANY[index], index, size, [root, *proof], root)
    for at in range(len(proof)):
        bit = data.draw(st.integers(0, 255))
        changed = (int.from_bytes(proof[at]) ^ (1 << bit)).to_bytes(32)
        assert fails(verify_inclusion, MANY[index], index, size, [*proof[:at], changed, *proof[at + 1 :]], root)
        assert fails(verify_inclusion, MANY[index], index, size, [*proof[:at], *proof[at + 1 :]], root)


@given(st.integers(0, 1500), st.integers(0, 1500), st.data())
def test_any_tree_begins_any_larger_one_and_every_change_of_the_proof_fails(
    one: int, other: int, data: st.DataObject
) -> None:
    old, new = sorted((one, other))
    first, second = merkle.root(MANY[:old]), merkle.root(MANY[:new])
    proof = merkle.consistency_proof(old, new, reader(MANY))
    verify_consistency(old, first, new, second, proof)
    assert fails(verify_consistency, old, first, new, second, [*proof, first])
    if old < new:
        assert fails(verify_consistency, new, second, old, first, proof)
    assume(old > 0)
    wrong = merkle.leaf_hash(b"another")
    assert fails(verify_consistency, old, wrong, new, second, proof)
    assert fails(verify_consistency, old, first, new, wrong, proof)
    for at in range(len(proof)):
        bit = data.draw(st.integers(0, 255))
        changed = (int.from_bytes(proof[at]) ^ (1 << bit)).to_bytes(32)
        assert fails(verify_consistency, old, first, new, second, [*proof[:at], changed, *proof[at + 1 :]])
        assert fails(verify_consistency, old, first, new, second, [*proof[:at], *proof[at + 1 :]])


@given(st.integers(2, 300), st.integers(0, 299), st.data())
def test_a_log_that_changed_one_leaf_cannot_prove_that_it_only_grew(size: int, at: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(at % size + 1, size))
    forked = [*MANY[:size]]
    forked[at % size] = merkle.leaf_hash(b"changed afterwards")
    assume(old < size)
    proof = merkle.consistency_proof(old, size, reader(forked))
    assert fails(verify_consistency, old, merkle.root(MANY[:old]), size, merkle.root(forked), proof)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_two_roots_of_one_size_are_a_split_view(size: int) -> None:
    with pytest.raises(ProofError, match="split view"):
        verify_consistency(size, merkle.leaf_hash(b"a"), size, merkle.leaf_hash(b"b"), [])


def test_an_empty_tree_has_one_root_alone() -> None:
    verify_consistency(0, merkle.EMPTY_ROOT, 5, ROOTS[5], [])
    for later in (0, 5):
        with pytest.raises(ProofError, match="empty tree"):
            verify_consistency(0, ROOTS[1], later, ROOTS[1], [])


def test_a_hash_of_another_length_proves_nothing() -> None:
    proof = merkle.inclusion_proof(2, 5, reader(LEAVES))
    for bad in ([*proof[:-1], proof[-1] + b"\0"], [*proof[:-1], b""]):
        assert fails(verify_inclusion, LEAVES[2], 2, 5, bad, ROOTS[5])
    assert fails(verify_inclusion, LEAVES[2][:31], 2, 5, proof, ROOTS[5])
    assert fails(verify_consistency, 2, ROOTS[2][:8], 5, ROOTS[5], [])


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (0, 2**63), (2**64, 2**65)])
def test_what_is_not_in_a_tree_is_not_proven(index: int, size: int) -> None:
    assert fails(verify_inclusion, LEAVES[0], index, size, [], LEAVES[0])
    if size < 2**62:
        with pytest.raises(ValueError):
            merkle.inclusion_proof(index, size, reader(LEAVES))


@given(st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_the_edge_grows_as_the_tree_does_and_can_be_laid_aside(steps: list[int]) -> None:
    edge, size = merkle.Edge(), 0
    for step in steps:
        edge = merkle.Edge(edge.size, edge.hashes)
        for each in MANY[size : size + step]:
            edge.add(each)
        size = min(size + step, len(MANY))
        assert (edge.size, edge.root()) == (size, merkle.root(MANY[:size]))


def test_an_edge_of_another_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="complete subtrees"):
        merkle.Edge(3, [LEAVES[0]])


# --- tiles ----------------------------------------------------------------------------------------------------------


def tile_bytes(tile: tiles.Tile, leaves: list[bytes]) -> bytes:
    """From the definition of C2SP tlog-tiles: hash i is MTH of 256**level leaves."""
    level = tile.level or 0
    span = 256**level
    at = [(tile.index * 256 + i) * span for i in range(tile.width)]
    return b"".join(merkle.root(leaves[start : start + span]) for start in at)


@pytest.mark.parametrize("case", VECTORS["tile_paths"], ids=lambda case: case[2])
def test_the_published_paths_of_tiles(case: tuple[int, int, str]) -> None:
    index, width, path = case
    assert tiles.index_path(index, width) == path
    assert tiles.parse_index_path(path) == (index, width)


@given(st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_a_tile_has_one_path(index: int, width: int) -> None:
    assert tiles.parse_index_path(tiles.index_path(index, width)) == (index, width)


@pytest.mark.parametrize(
    "path",
    [
        "", "1", "0001", "x000/001", "x001", "001/002", "x001/2", "000.p/0", "000.p/256", "000.p/01", "000.p/", "-01",
        "000/", "/000", "000.p/1/2", "٠٠٠", "x01/000", "X001/000", "000\n", "x999/" * 30 + "999",
    ],
)  # fmt: skip
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        tiles.parse_index_path(path)


def test_the_published_tiles_of_a_tree_of_70000() -> None:
    assert [[each.level, each.index, each.width] for each in tiles.tiles_of(70_000)] == VECTORS["tiles_of_70000"]
    assert [each.path for each in tiles.tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert tiles.tiles_of(0) == []


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1000, 1500])
def test_every_proof_can_be_made_from_tiles_alone(size: int) -> None:
    read = tiles.reader(size, lambda tile: tile_bytes(tile, MANY))
    root = merkle.subtree(0, size, read)
    assert root == merkle.root(MANY[:size])
    for index in {0, size // 2, size - 1, min(255, size - 1), min(256, size - 1)}:
        verify_inclusion(MANY[index], index, size, merkle.inclusion_proof(index, size, read), root)
    for old in {1, size // 3, size // 2, size - 1, size} - {0}:
        proof = merkle.consistency_proof(old, size, read)
        verify_consistency(old, merkle.root(MANY[:old]), size, root, proof)


def test_a_tile_cut_short_is_found_and_named() -> None:
    read = tiles.reader(300, lambda tile: tile_bytes(tile, MANY)[:-32])
    with pytest.raises(ProofError, match=r"tile/0/001\.p/44 has"):
        merkle.inclusion_proof(3, 300, read)


def test_the_hash_of_a_full_tile_stands_one_level_up() -> None:
    full = b"".join(MANY[:256])
    assert tiles.tile_root(full) == merkle.root(MANY[:256])
    with pytest.raises(ValueError, match="full tile"):
        tiles.tile_root(full[:-32])


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    assert tiles.parse_bundle(tiles.format_bundle(entries)) == entries


@pytest.mark.parametrize("data", [b"\0", b"\0\5four", b"\0\0" * 257])
def test_a_bundle_that_ends_inside_an_entry_or_has_too_many_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="bundle"):
        tiles.parse_bundle(data)


def test_the_hash_is_sha256_with_the_prefixes_of_the_rfc() -> None:
    assert merkle.leaf_hash(b"") == hashlib.sha256(b"\0").digest()
    assert merkle.node_hash(b"a" * 32, b"b" * 32) == hashlib.sha256(b"\1" + b"a" * 32 + b"b" * 32).digest()
