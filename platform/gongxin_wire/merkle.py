"""The Merkle tree of RFC 6962 section 2.1 (the same as RFC 9162 section 2.1): hashes, proofs and their verification.

A verifier raises ProofError and returns nothing, so that a forgotten result cannot pass for a proof.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_BYTES = 32
MAX_SIZE = 2**63 - 1

# The hash of the complete subtree of 2**level leaves that begins with leaf index << level.
Reader = Callable[[int, int], bytes]


class ProofError(ValueError):
    """What was to be proven is not proven; the message says where."""


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Iterable[bytes]) -> bytes:
    """MTH over leaf hashes; that of the empty tree is the SHA-256 of nothing."""
    edge = Edge()
    for each in hashes:
        edge.add(each)
    return edge.root()


class Edge:
    """The roots of the complete subtrees that make up a tree, largest first: all that growing it needs."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} has {size.bit_count()} complete subtrees, not {len(hashes)}")
        self.size, self.hashes = size, list(hashes)

    def add(self, hash_: bytes) -> None:
        """Appends the hash of one leaf."""
        size = self.size
        while size & 1:
            hash_ = hashlib.sha256(b"\x01" + self.hashes.pop() + hash_).digest()
            size >>= 1
        self.hashes.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return EMPTY_ROOT
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = node_hash(left, found)
        return found


def subtree(start: int, end: int, read: Reader) -> bytes:
    """MTH(D[start:end]), where `start` is a multiple of the largest power of two below the width."""
    if start == end:
        return EMPTY_ROOT
    found = b""
    for level, index in reversed(_complete(start, end)):
        found = node_hash(read(level, index), found) if found else read(level, index)
    return found


def _complete(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees that make up D[start:end], largest first."""
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append((level, start >> level))
        start += 1 << level
    return parts


def _split(width: int) -> int:
    """The largest power of two smaller than the width (k of RFC 6962)."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, read: Reader) -> list[bytes]:
    """PATH(index, D[0:size]): from the leaf's sibling up to the child of the root."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree(middle, end, read))
            end = middle
        else:
            path.append(subtree(start, middle, read))
            start = middle
    return path[::-1]


def consistency_proof(size1: int, size2: int, read: Reader) -> list[bytes]:
    """PROOF(size1, D[0:size2]): that the tree of size1 is the beginning of the tree of size2."""
    if not 0 <= size1 <= size2:
        raise ValueError(f"a tree of {size1} is no beginning of one of {size2}")
    if size1 in (0, size2):
        return []
    start, end, whole, path = 0, size2, True, []
    while size1 != end:
        middle = start + _split(end - start)
        if size1 <= middle:
            path.append(subtree(middle, end, read))
            end = middle
        else:
            path.append(subtree(start, middle, read))
            start, whole = middle, False
    if not whole:
        path.append(subtree(start, end, read))
    return path[::-1]


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2. Raises ProofError where the leaf is not proven to stand at `index`."""
    _check_hashes(leaf_hash, root, *proof)
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError(f"no leaf {index} in a tree of {size}")
    place, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if found != root:
        raise ProofError(f"leaf {index} is not in the tree of {size} with this root")


def verify_consistency(size1: int, root1: bytes, size2: int, root2: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 section 2.1.4.2. Raises ProofError where the first tree is not proven to begin the second."""
    _check_hashes(root1, root2, *proof)
    if not 0 <= size1 <= size2 <= MAX_SIZE:
        raise ProofError(f"a tree of {size1} is no beginning of one of {size2}")
    if size1 in (0, size2):
        if proof:
            raise ProofError("the consistency proof is too long")
        if size1 == size2 and root1 != root2:
            raise ProofError(f"two trees of {size1} with different roots: the log shows a split view")
        if size1 == 0 and root1 != EMPTY_ROOT:
            raise ProofError("the root of an empty tree is another")
        return
    path = list(proof)
    if size1 & (size1 - 1) == 0:
        path.insert(0, root1)
    if not path:
        raise ProofError("the consistency proof is too short")
    place, last = size1 - 1, size2 - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for each in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if place & 1 or place == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, each)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof is too short")
    if old != root1:
        raise ProofError(f"the proof does not lead to the root of the tree of {size1}")
    if new != root2:
        raise ProofError(f"the tree of {size2} does not continue the tree of {size1}: the log shows a split view")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError("a hash is not of 32 bytes")
