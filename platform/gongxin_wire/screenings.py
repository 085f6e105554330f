"""A screening's tree: one root for up to ten thousand answers, so that one signature covers all and each line can be
shown alone. Both ends compute it; RFC 6962 hashes; a salt a line, so that a line shown tells nothing of the others."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import merkle
from .canonical import b64u, canonical, unb64u

DOMAIN = b"gongxin screening 1\n"
SEED_BYTES = 32
NOT_LISTED = canonical({"state": "not_listed"})


def salt(seed: bytes, index: int) -> bytes:
    return hmac.digest(seed, index.to_bytes(8), "sha256")


def entry(salt_: bytes, line: bytes, answer: bytes) -> bytes:
    """The bytes of one leaf: `line` as it was sent, without its line feed; `answer` in canonical JSON."""
    return DOMAIN + salt_ + hashlib.sha256(line).digest() + answer


def hashes(seed: bytes, lines: Sequence[bytes], answers: Sequence[bytes]) -> list[bytes]:
    """The leaf hashes in order."""
    digest, sha256, begin = hmac.digest, hashlib.sha256, b"\x00" + DOMAIN
    return [
        sha256(begin + digest(seed, at.to_bytes(8), "sha256") + sha256(line).digest() + answer).digest()
        for at, (line, answer) in enumerate(zip(lines, answers, strict=True))
    ]


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 over leaf hashes, level by level."""
    sha256, row = hashlib.sha256, list(leaves)
    if not row:
        return merkle.EMPTY_ROOT
    while len(row) > 1:
        above = [sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row) - 1, 2)]
        if len(row) % 2:
            above.append(row[-1])
        row = above
    return row[0]


@dataclass(frozen=True, slots=True)
class LineProof:
    """One line of a screening with its way to the root that was signed."""

    index: int
    size: int
    line: str
    answer: Mapping[str, Any]
    salt: str
    path: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "answer": dict(self.answer), "index": self.index, "line": self.line, "path": list(self.path),
            "salt": self.salt, "size": self.size,
        }  # fmt: skip


def prove(index: int, seed: bytes, lines: Sequence[bytes], answers: Sequence[Mapping[str, Any]]) -> LineProof:
    leaves = hashes(seed, lines, [canonical(dict(each)) for each in answers])

    def read(level: int, at: int) -> bytes:
        return root(leaves[at << level : (at + 1) << level])

    path = merkle.inclusion_proof(index, len(leaves), read)
    return LineProof(
        index, len(leaves), lines[index].decode(), answers[index], b64u(salt(seed, index)), tuple(map(b64u, path))
    )  # fmt: skip


def check(proof: LineProof, root_: bytes) -> None:
    """Raises merkle.ProofError where the line and its answer do not lead to this root."""
    try:
        salt_, path = unb64u(proof.salt), [unb64u(each) for each in proof.path]
        leaf = merkle.leaf_hash(entry(salt_, proof.line.encode(), canonical(dict(proof.answer))))
    except ValueError as fault:
        raise merkle.ProofError("the proof cannot be read") from fault
    merkle.verify_inclusion(leaf, proof.index, proof.size, path, root_)
