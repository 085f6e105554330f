"""What the log shows: its newest checkpoint, tiles, entries, proofs. Nothing is shown that no checkpoint covers."""

import uuid

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin.errors import NotFound
from gongxin.web.blueprint import Call
from gongxin_wire import commitments, tiles
from gongxin_wire.tiles import Tile

from . import keys, proving, queries
from .models import LogCheckpoint


def newest(session: Session) -> LogCheckpoint:
    """Raises NotFound before the first."""
    found = queries.newest_checkpoint(session)
    if found is None:
        raise keys.not_started()
    return found


def newest_note(session: Session) -> str:
    """The newest checkpoint as it is shown. Raises NotFound before the first."""
    return queries.shown_note(session, newest(session).size) or ""


def check_tile(engine: Engine, tile: Tile) -> None:
    """Raises NotFound for a tile that the newest checkpoint does not need."""
    size = queries.size(engine)
    if (tile.level or 0) > tiles.MAX_LEVEL or tile.width > tiles.width_of(tile.level or 0, tile.index, size):
        raise no_tile()


def tile_bytes(call: Call, tile: Tile) -> bytes:
    """The hashes of a tile that `check_tile` has let through."""
    return queries.tile(call.runtime.engine, tile.level or 0, tile.index, tile.width)


def bundle(session: Session, tile: Tile) -> bytes:
    """The entries under a level-0 tile that `check_tile` has let through."""
    start = tile.index * tiles.WIDTH
    found = queries.leaves(session, start, start + tile.width)
    return tiles.format_bundle([commitments.entry(leaf.leaf_id, leaf.kind, leaf.commitment) for leaf in found])


def proof(call: Call, leaf_id: uuid.UUID, size: int | None) -> str:
    """The tlog-proof of a leaf, under the newest checkpoint or under that of `size` with its cosignatures."""
    if size is None:
        return proving.inclusion(call.runtime, leaf_id)
    leaf, note = queries.find_leaf(call.session, leaf_id), queries.shown_note(call.session, size)
    if leaf is None or note is None or leaf.leaf_index >= size:
        raise proving.no_leaf()
    return proving.proof_text(call.runtime, leaf.leaf_index, size, note)


def no_tile() -> NotFound:
    """No such tile, or none that a checkpoint covers yet."""
    return NotFound(
        "no_tile",
        zh="没有这块瓦片",
        en="There is no such tile",
        fix_zh="按最新检查点的大小计算瓦片路径（C2SP tlog-tiles）。",
        fix_en="Compute the paths of tiles from the newest checkpoint's size (C2SP tlog-tiles).",
    )
