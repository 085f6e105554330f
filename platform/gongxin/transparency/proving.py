"""Proofs from tiles. Tiles never change, so a process keeps what it has unfolded; checkpoints it reads anew."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import Invalid, NotFound
from gongxin.web.runtime import Runtime
from gongxin_wire import merkle, notes, tiles
from gongxin_wire.tiles import Tile

from . import keys, queries

HEAD_SECONDS = 0.2
_KEPT = 1024  # unfolded tiles a process, 16 KiB each


class Unfolded:
    """The rows of the tiles used last."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.lock = engine, threading.Lock()
        self.kept: OrderedDict[tuple[int, int, int], list[bytes]] = OrderedDict()

    def rows(self, tile: Tile) -> list[bytes]:
        """Raises ProofError where the database holds another tile than the tree needs."""
        key = (tile.level or 0, tile.index, tile.width)
        with self.lock:
            found = self.kept.get(key)
            if found is not None:
                self.kept.move_to_end(key)
                return found
        data = queries.tile(self.engine, *key)
        if len(data) != tile.width * merkle.HASH_BYTES:
            raise merkle.ProofError(f"{tile.path} is not whole")
        found = tiles.inner(data)
        with self.lock:
            self.kept[key] = found
            if len(self.kept) > _KEPT:
                self.kept.popitem(last=False)
        return found


def reader(runtime: Runtime, size: int) -> merkle.Reader:
    """Reads the tree of this size, which must be integrated."""
    kept = runtime.caches.get("log_tiles")
    if kept is None:
        kept = runtime.caches.setdefault("log_tiles", Unfolded(runtime.engine))
    return tiles.row_reader(size, kept.rows)


def inclusion(runtime: Runtime, leaf_id: uuid.UUID) -> str:
    """The tlog-proof of a leaf under the newest checkpoint (up to HEAD_SECONDS old where that has the leaf). Raises
    NotFound for a leaf that has no place (yet)."""
    found = queries.path(runtime.engine, leaf_id)
    size, note = _head(runtime, 0)
    if found is None:
        raise no_leaf()
    index, siblings = found
    if index >= size:
        size, note = _head(runtime, HEAD_SECONDS)
        if index >= size:
            raise no_leaf()
    return proof_text(runtime, index, size, note, siblings)


def _head(runtime: Runtime, younger: float) -> tuple[int, str]:
    """The newest checkpoint, read anew where what is held is older than HEAD_SECONDS less `younger`."""
    held = runtime.caches.get("log_head")
    if held is None or held[0] - younger <= clock.monotonic():
        found = queries.head(runtime.engine)
        if found is None:
            raise keys.not_started()
        held = runtime.caches["log_head"] = (clock.monotonic() + HEAD_SECONDS, found)
    kept: tuple[int, str] = held[1]
    return kept


def proof_text(runtime: Runtime, index: int, size: int, note: str, siblings: Sequence[bytes] = ()) -> str:
    """A C2SP tlog-proof. `note`: the checkpoint of this size, with whatever signatures it has; `siblings`: those of the
    leaf inside its tile, where they are at hand and the tile is full in the tree of this size."""
    read = reader(runtime, size)
    if siblings and (index | 255) < size:
        known = {(level, (index >> level) ^ 1): hash_ for level, hash_ in enumerate(siblings)}
        above = read

        def read(level: int, at: int) -> bytes:
            return known.get((level, at)) or above(level, at)

    return str(notes.Proof(index, tuple(merkle.inclusion_proof(index, size, read)), note))


def consistency(runtime: Runtime, session: Session, old: int, new: int | None) -> tuple[int, list[bytes]]:
    """That the first `old` leaves begin the first `new` ones (default: the newest checkpoint's): (new, hashes). Raises
    Invalid for sizes the log does not have."""
    newest = queries.newest_checkpoint(session)
    if newest is None:
        raise keys.not_started()
    to = newest.size if new is None else new
    if to > newest.size or old > to:
        raise Invalid(
            "not_a_size_of_the_log",
            zh="日志没有这样的大小",
            en="The log has no such sizes",
            fix_zh="from 不大于 to，to 不大于最新检查点的大小。",
            fix_en="from is at most to, and to at most the size of the newest checkpoint.",
            pointer="/from" if old > to else "/to",
        )
    return to, merkle.consistency_proof(old, to, reader(runtime, to))


def no_leaf() -> NotFound:
    """No leaf of this identifier has a place under this checkpoint."""
    return NotFound(
        "leaf_not_integrated",
        zh="日志中还没有这一叶",
        en="The log holds no such leaf yet",
        fix_zh="核对编号；刚登记的叶在一秒内并入日志，请稍后再取证明。",
        fix_en="Check the identifier; a leaf just promised has its place within a second, ask again then.",
    )
