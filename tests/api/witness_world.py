"""A running registry with a log that grows, witnesses of it, and a network between that can show another log."""

import uuid
from pathlib import Path

import httpx
from sqlalchemy import text

from gongxin.db import transaction
from gongxin.transparency import keys as log_keys
from gongxin.transparency import service
from gongxin_client import Registry, keys
from gongxin_client.heads import Store
from gongxin_client.witness import Witness
from gongxin_wire import merkle, notes, tiles
from tests.live import Live

# One round for ever, begun before the log: what witnesses are to sign is always its newest checkpoint.
ALWAYS_NEWEST = {"witness_round_seconds": 10**10}


def grow(live: Live, count: int = 1, owner: str | None = None) -> list[service.Promise]:
    """Leaves in their places, and a checkpoint over them."""
    with transaction(live.engine) as session:
        made = service.append_many(
            session, kind="epoch", records=[{"n": n} for n in range(count)],
            owner=None if owner is None else uuid.UUID(owner),
        )  # fmt: skip
    with transaction(live.engine) as session:
        service.sequence(session, live.config)
    return made


def size_of(live: Live) -> int:
    with transaction(live.engine) as session:
        return int(session.scalar(text("select max(size) from log_checkpoints")) or 0)


def witness(registry: Registry, folder: Path, name: str = "witness") -> Witness:
    """A witness with a fresh key and memory in this folder, not registered yet."""
    return Witness(registry, keys.generate("EdDSA"), Store(folder / f"{name}.json"))


class Forked(httpx.BaseTransport):
    """The network of a victim: from `leaves` on, the log's own key signs another tree for it."""

    def __init__(self, live: Live) -> None:
        self.live, self.real = live, httpx.HTTPTransport()
        self.leaves: list[bytes] = []
        self.reports: list[httpx.Request] = []
        self.hide_tiles = False

    def fork(self, after: int, count: int) -> None:
        """Another tree: the first `after` leaves as they are, then `count` others."""
        with transaction(self.live.engine) as session:
            rows = session.execute(
                text("select leaf_hash from log_leaves where leaf_index < :n order by leaf_index"), {"n": after}
            )
            kept = [bytes(row[0]) for row in rows]
        self.leaves = kept + [merkle.leaf_hash(f"forged {n}".encode()) for n in range(count)]

    def note(self) -> str:
        with transaction(self.live.engine) as session:
            key = log_keys.ensure(session, self.live.config)
            private = log_keys.private_key(self.live.config, key)
        found = notes.Checkpoint(key.origin, len(self.leaves), merkle.root(self.leaves)).text
        return str(notes.Note(found, (notes.sign(found, key.origin, private),)))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/log/reports":
            self.reports.append(request)
        if self.leaves and path in {"/log/checkpoint", "/log/round"}:
            return httpx.Response(200, text=self.note())
        if self.leaves and path.startswith("/log/tile/0/") and not self.hide_tiles:
            index, width = tiles.parse_index_path(path.removeprefix("/log/tile/0/"))
            start = index * tiles.WIDTH
            return httpx.Response(200, content=b"".join(self.leaves[start : start + width]))
        return self.real.handle_request(request)
