"""A split view, and how anyone can tell that it is one: two heads that one log signed, of which the later does not
continue the earlier.

Evidence needs no word of whoever found it: `check` takes both signed heads, what the later tree has at the earlier size
(`claimed`) and the path that ties it to the later root.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import merkle, notes

FORK, UNEXPLAINED = "fork", "unexplained"


@dataclass(frozen=True, slots=True)
class Split:
    """Two signed heads, the smaller first. `kind` FORK: proven by `claimed` and `path`; UNEXPLAINED: the log has not
    shown how the two go together."""

    kind: str
    earlier: str
    later: str
    claimed: bytes
    path: tuple[bytes, ...]


def compare(
    earlier: notes.Checkpoint, later: notes.Checkpoint, read: merkle.Reader | None
) -> tuple[str, bytes, tuple[bytes, ...]] | None:
    """None where the later head continues the earlier; else what the split is, the root the later tree has at the
    earlier size, and the path that proves it. `read` reads the later tree; it is not asked for equal sizes. What it
    raises is passed on."""
    if earlier.size == later.size or read is None:
        return None if earlier.root == later.root else (FORK, later.root, ())
    claimed: bytes = later.root
    path: tuple[bytes, ...] = ()
    try:
        claimed = merkle.subtree(0, earlier.size, read)
        path = tuple(merkle.consistency_proof(earlier.size, later.size, read))
        merkle.verify_consistency(earlier.size, claimed, later.size, later.root, path)
    except merkle.ProofError:
        return UNEXPLAINED, claimed, path
    return None if claimed == earlier.root else (FORK, claimed, path)


def open_head(note: str, log: Sequence[notes.VerifierKey]) -> notes.Checkpoint:
    """The checkpoint of a note that one of the log's keys signed. Raises NoteError."""
    last = notes.NoteError("there is no key of the log to check with")
    for key in log:
        try:
            return notes.open_checkpoint(note, key)[0]
        except notes.NoteError as fault:
            last = fault
    raise last


def check(split: Split, log: Sequence[notes.VerifierKey]) -> tuple[notes.Checkpoint, notes.Checkpoint]:
    """The two heads, where the log signed both; and for a FORK, where they prove one. Raises NoteError, ProofError."""
    earlier, later = open_head(split.earlier, log), open_head(split.later, log)
    if earlier.origin != later.origin:
        raise notes.NoteError("the two heads are of two logs")
    if earlier.size > later.size or (earlier.size, earlier.root) == (later.size, later.root):
        raise merkle.ProofError("these two heads do not disagree")
    if split.kind == FORK:
        if split.claimed == earlier.root:
            raise merkle.ProofError("the later tree has the earlier root: there is no fork")
        merkle.verify_consistency(earlier.size, split.claimed, later.size, later.root, split.path)
    elif split.kind != UNEXPLAINED:
        raise merkle.ProofError("not a kind of split")
    return earlier, later
