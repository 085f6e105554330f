"""C2SP tlog-tiles: where a tile is, what it holds, and every hash of a tree read from tiles of height 8."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import merkle

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 63
ENTRIES = "entries"

_PATH = re.compile(r"((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """`level` None: the bundle of entries under the level-0 tile of this index. Partial where narrower than 256."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Below the log's prefix: `tile/0/x001/234.p/5`."""
        return f"tile/{ENTRIES if self.level is None else self.level}/{index_path(self.index, self.width)}"

    @property
    def start(self) -> int:
        """The first leaf under it."""
        return self.index << (HEIGHT * ((self.level or 0) + 1))


def index_path(index: int, width: int = WIDTH) -> str:
    """Three digits an element, all but the last with an `x`; `.p/<width>` where partial."""
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03d}")
    return "/".join(parts) + (f".p/{width}" if width < WIDTH else "")


def parse_index_path(path: str) -> tuple[int, int]:
    """Index and width. Raises ValueError for anything but the one form `index_path` writes."""
    found = _PATH.fullmatch(path) if path.isascii() and len(path) <= 64 else None
    if found is None:
        raise ValueError("not the path of a tile")
    index = int(found[1].replace("x", "").replace("/", "") + found[2])
    width = int(found[3] or WIDTH)
    if index_path(index, width) != path or index >= 1 << 63:
        raise ValueError("not the path of a tile")
    return index, width


def width_of(level: int, index: int, size: int) -> int:
    """How many hashes the tile has in a tree of this size; 0 where there is none."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH))


def tiles_of(size: int) -> list[Tile]:
    """Every tile of the right edge, and so all that the root needs, level by level."""
    edge, level = [], 0
    while size >> (HEIGHT * level):
        last = ((size >> (HEIGHT * level)) - 1) // WIDTH
        edge.append(Tile(level, last, width_of(level, last, size)))
        level += 1
    return edge


def tile_root(hashes: bytes) -> bytes:
    """The hash of a full tile: what stands for it one level up."""
    if len(hashes) != WIDTH * merkle.HASH_BYTES:
        raise ValueError("only a full tile has a hash in the level above")
    return inner(hashes)[-1]


def inner(hashes: bytes) -> list[bytes]:
    """Every complete subtree inside a tile: its own hashes, then row by row upwards, each row as it would be sent."""
    rows = [hashes]
    while len(hashes) >= 64:
        hashes = b"".join(
            [hashlib.sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes) // 64 * 64, 64)]
        )
        rows.append(hashes)
    return rows


def reader(size: int, fetch: Callable[[Tile], bytes]) -> merkle.Reader:
    """A reader of the tree of this size over tiles; `fetch` returns a tile's bytes and is asked once for each. Raises
    ProofError for a tile of another length."""

    def rows_of(tile: Tile) -> list[bytes]:
        data = fetch(tile)
        if tile.width == 0 or len(data) != tile.width * merkle.HASH_BYTES:
            raise merkle.ProofError(f"{tile.path} has another length than a tree of {size} needs")
        return inner(data)

    return row_reader(size, rows_of)


def row_reader(size: int, rows_of: Callable[[Tile], list[bytes]]) -> merkle.Reader:
    """The same over tiles whose `inner` rows the caller holds."""
    held: dict[tuple[int, int], list[bytes]] = {}

    def read(level: int, index: int) -> bytes:
        tile_level, above = divmod(level, HEIGHT)
        tile_index, place = divmod(index << above, WIDTH)
        rows = held.get((tile_level, tile_index))
        if rows is None:
            tile = Tile(tile_level, tile_index, width_of(tile_level, tile_index, size))
            rows = held[tile_level, tile_index] = rows_of(tile)
        at = (place >> above) * merkle.HASH_BYTES
        return rows[above][at : at + merkle.HASH_BYTES]

    return read


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each after its length as big-endian uint16."""
    return b"".join([len(entry).to_bytes(2) + entry for entry in entries])


def parse_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises ValueError where it ends inside one or has more than 256."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2])
        if at + 2 > len(data) or end > len(data) or len(entries) == WIDTH:
            raise ValueError("not a bundle of entries")
        entries.append(data[at + 2 : end])
        at = end
    return entries
