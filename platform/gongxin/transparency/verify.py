"""Rebuilds the tree from the leaves and holds it against everything that was stored and signed. Stops at the first
difference and says what and where. Can be laid aside after any portion and taken up again."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin.db import transaction
from gongxin_wire import commitments, merkle, notes, tiles
from gongxin_wire.notes import VerifierKey

from . import queries

PORTION = 20_480


@dataclass
class State:
    """What has been rebuilt so far: the tree's edge, and the rows of the tiles that are not full yet."""

    edge: merkle.Edge = field(default_factory=merkle.Edge)
    rows: list[list[bytes]] = field(default_factory=lambda: [[]])
    checkpoints: int = 0
    opened: int = 0
    erased: int = 0

    def dump(self) -> str:
        return json.dumps(
            {
                "size": self.edge.size,
                "edge": [each.hex() for each in self.edge.hashes],
                "rows": [[each.hex() for each in row] for row in self.rows],
                "checkpoints": self.checkpoints,
                "opened": self.opened,
                "erased": self.erased,
            }
        )

    @classmethod
    def load(cls, text: str) -> "State":
        """Raises ValueError for what `dump` did not write."""
        try:
            kept: dict[str, Any] = json.loads(text)
            edge = merkle.Edge(kept["size"], [bytes.fromhex(each) for each in kept["edge"]])
            rows = [[bytes.fromhex(each) for each in row] for row in kept["rows"]]
            return cls(edge, rows, kept["checkpoints"], kept["opened"], kept["erased"])
        except (KeyError, TypeError, AttributeError) as fault:
            raise ValueError("not a state of log verify") from fault


class Difference(Exception):
    """Where what is stored departs from what was signed."""


def verify(engine: Engine, state: State, keep: Callable[[State], None] = lambda _: None) -> None:
    """Goes on from `state` up to the newest checkpoint; `keep` is called after each portion. Raises Difference."""
    with transaction(engine) as session:
        newest = queries.newest_checkpoint(session)
        signers = {key.id: VerifierKey(key.origin, key.public_key) for key in queries.keys(session)}
        erased = queries.erased_ids(session)
        _check_checkpoint_zero(session, state, signers)
    end = newest.size if newest else 0
    if state.edge.size > end:
        raise Difference(
            f"the log has {end} leaves under its newest checkpoint; {state.edge.size} were verified before"
        )
    while state.edge.size < end:
        with transaction(engine) as session:
            _portion(session, state, min(state.edge.size + PORTION, end), signers, erased)
        keep(state)
    with transaction(engine) as session:
        if queries.leaf_rows(session, end, end + 1) and queries.size_of(session) == end:
            raise Difference(f"leaf {end} stands after the newest checkpoint")


def _portion(session: Session, state: State, end: int, signers: dict[Any, VerifierKey], erased: set[str]) -> None:
    start = state.edge.size
    signed = {each.size: each for each in queries.checkpoints_between(session, start, end)}
    for row in queries.leaf_rows(session, start, end):
        at = state.edge.size
        if row.leaf_index != at:
            raise Difference(f"leaf {at} is missing; {row.leaf_index} follows")
        hash_ = merkle.leaf_hash(commitments.entry(row.leaf_id, row.kind, row.commitment))
        if hash_ != row.leaf_hash:
            raise Difference(f"leaf {at} ({row.leaf_id}): its hash is not that of its entry")
        _check_opening(session, state, row, erased)
        state.edge.add(hash_)
        _check_tiles(session, state, hash_)
        checkpoint = signed.get(state.edge.size)
        if checkpoint is not None:
            _check_checkpoint(state, checkpoint, signers)
    if state.edge.size != end:
        raise Difference(f"leaf {state.edge.size} is missing; the checkpoint covers {end}")


def _check_opening(session: Session, state: State, row: Any, erased: set[str]) -> None:
    if row.salt is not None:
        if commitments.commit_bytes(row.salt, row.record.encode()) != row.commitment:
            raise Difference(f"leaf {row.leaf_index} ({row.leaf_id}): salt and record are not what it commits to")
        state.opened += 1
        return
    if str(row.leaf_id) not in erased:
        erased |= queries.erased_ids(session)  # it may have been erased since
    if str(row.leaf_id) not in erased:
        raise Difference(f"leaf {row.leaf_index} ({row.leaf_id}): its opening is gone and no erasure says so")
    state.erased += 1


def _check_tiles(session: Session, state: State, hash_: bytes) -> None:
    """Holds each tile that this leaf fills against the stored one, level by level."""
    for level in range(tiles.MAX_LEVEL):
        if level == len(state.rows):
            state.rows.append([])
        row = state.rows[level]
        row.append(hash_)
        if len(row) < tiles.WIDTH:
            return
        hashes = b"".join(row)
        row.clear()
        index = (state.edge.size >> (tiles.HEIGHT * (level + 1))) - 1
        stored = queries.find_tile(session, level, index)
        path = tiles.Tile(level, index).path
        if stored is None:
            raise Difference(f"{path} is missing")
        if stored.hashes != hashes:
            first = next(n for n in range(0, len(hashes), 32) if stored.hashes[n : n + 32] != hashes[n : n + 32])
            raise Difference(f"{path} differs from the tree, first in its hash {first // 32}")
        rows = tiles.inner(hashes)
        if stored.nodes != b"".join(rows[1:]):
            raise Difference(f"{path} has other nodes inside than its hashes give")
        (hash_,) = rows[-1:]
        if stored.root != hash_:
            raise Difference(f"{path} stands for another hash in the level above")


def _check_checkpoint_zero(session: Session, state: State, signers: dict[Any, VerifierKey]) -> None:
    first = queries.checkpoint_of(session, 0)
    if state.edge.size == 0 and first is not None:
        _check_checkpoint(state, first, signers)


def _check_checkpoint(state: State, checkpoint: Any, signers: dict[Any, VerifierKey]) -> None:
    size = state.edge.size
    if checkpoint.root != state.edge.root():
        raise Difference(f"the checkpoint of {size} has another root than the leaves give")
    try:
        found, _ = notes.open_checkpoint(checkpoint.note, signers[checkpoint.key_id])
    except notes.NoteError as fault:
        raise Difference(f"the checkpoint of {size}: {fault}") from fault
    if (found.size, found.root) != (size, checkpoint.root):
        raise Difference(f"the checkpoint of {size} says something else in its note")
    state.checkpoints += 1
