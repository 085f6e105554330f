"""The transparency log as a member reads it: checkpoints, tiles, leaves, witnesses, stamps.

Nothing here is believed for being told: heads are checked against the pinned log key, trees against their heads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from gongxin_wire import merkle, notes, splits, tiles
from gongxin_wire.canonical import b64u, unb64u

from .auth import Connection
from .errors import Refused, VerificationFailed
from .heads import Head, open_head
from .http import Repeat, unreadable
from .shapes import items, moment, optional, text, whole

SCOPE = "log.witness"


@dataclass(frozen=True, slots=True)
class WitnessEntry:
    """A witness as the registry lists it. `last_note`: its newest checkpoint with its cosignature, to be checked."""

    witness_id: str
    member_id: str
    name: str
    vkey: str
    active: bool
    last_size: int | None
    last_note: str | None


@dataclass(frozen=True, slots=True)
class StampEntry:
    """A time stamp as the registry lists it: the checkpoint's bytes and the authority's answer over them."""

    size: int
    checkpoint: str
    reply: bytes
    time: datetime
    authority: str


class Log:
    """Base of `Registry`. Methods raise Refused, Unavailable or NotConnected, and VerificationFailed where what the
    log says does not hold."""

    connection: Connection

    def log_keys(self, *, refresh: bool = False) -> list[notes.VerifierKey]:
        """The log's keys, oldest first: the pinned ones; what is published is pinned at first use, and with `refresh`
        where a key is new. Raises VerificationFailed."""
        profile = self.connection.profile
        if refresh or not profile.pins.log:
            if profile.strict_pins:
                raise VerificationFailed(
                    "log_key_not_pinned", "日志的签名密钥尚未固定", "The key that the log signs with is not pinned",
                    "核对后执行 gongxin-member profile trust。", "Compare it, then run gongxin-member profile trust.",
                )  # fmt: skip
            self.trust_log_keys()
        return [parse_vkey(vkey) for vkey in profile.pins.log.values()]

    def trust_log_keys(self) -> None:
        """Pins the published keys. Raises VerificationFailed where a pinned one is gone (retired ones stay)."""
        profile = self.connection.profile
        entries = items(self.connection.read("GET", "/v1/log", scope=None), "keys")
        published = {parse_vkey(vkey).key_id.hex(): vkey for vkey in (text(entry, "vkey") for entry in entries)}
        if any(published.get(name) != vkey for name, vkey in profile.pins.log.items()):
            raise VerificationFailed(
                "log_key_differs", "登记处公布的日志公钥与首次所见不同",
                "The published log keys differ from those first seen",
                "停止使用并联系登记处。", "Stop, and call the registry.",
            )  # fmt: skip
        profile.remember(log=published)

    def open_head(self, note: str) -> Head:
        """A head that the log signed; a key that is new is asked for once."""
        try:
            return open_head(note, self.log_keys())
        except VerificationFailed as fault:
            if fault.code != "not_signed_by_log" or self.connection.profile.strict_pins:
                raise
        return open_head(note, self.log_keys(refresh=True))

    def head(self, path: str = "/log/checkpoint") -> Head:
        """The newest head, its signature checked; with `/log/round` the one that witnesses sign now."""
        return self.open_head(self._text(path))

    def reader(self, size: int) -> merkle.Reader:
        """Every hash of the tree of this size, from tiles."""
        return tiles.reader(size, partial(_tile, self.connection))

    def leaf_index(self, leaf_id: str) -> int | None:
        """Where the leaf stands, None while it waits."""
        found = self.connection.read("GET", f"/v1/log/leaves/{quote(leaf_id, safe='')}", scope=None)
        return None if found.get("leaf_index") is None else whole(found, "leaf_index")

    def proof(self, leaf_id: str, *, size: int | None = None) -> notes.Proof:
        """The proof that the leaf stands in the log, under the newest checkpoint or that of `size`; not checked yet."""
        path = f"/v1/log/proofs/{quote(leaf_id, safe='')}"
        try:
            return notes.parse_proof(self._text(path, {"size": size}))
        except notes.NoteError as fault:
            raise unreadable() from fault

    def opening(self, leaf_id: str) -> tuple[bytes, dict[str, Any]]:
        """(salt, record) of a leaf of our own."""
        path = f"/v1/log/leaves/{quote(leaf_id, safe='')}/opening"
        found = self.connection.read("GET", path, scope="log.openings")
        record = found.get("record")
        if not isinstance(record, dict):
            raise unreadable()
        return _unb64u(text(found, "salt")), record

    def witnesses(self) -> list[WitnessEntry]:
        """Who cosigns this log."""
        found = items(self.connection.read("GET", "/v1/log/witnesses", scope=None), "items")
        return [
            WitnessEntry(
                text(entry, "witness_id"), text(entry, "member_id"), text(entry, "name"), text(entry, "vkey"),
                entry.get("active") is True, None if entry.get("last_size") is None else whole(entry, "last_size"),
                optional(entry, "last_note"),
            )
            for entry in found
        ]  # fmt: skip

    def quorum_size(self) -> int | None:
        """The size of the newest checkpoint that a quorum of witnesses cosigned."""
        found = self.connection.read("GET", "/v1/log/witnesses", scope=None)
        return None if found.get("quorum_size") is None else whole(found, "quorum_size")

    def register_witness(self, vkey: str, proof: bytes) -> dict[str, Any]:
        """Makes this key our witness's; an older one of ours is retired thereby."""
        body = {"vkey": vkey, "proof": b64u(proof)}
        return self.connection.read(
            "POST", "/v1/log/witnesses", scope=SCOPE, json_body=body, repeat=Repeat.ALWAYS
        )  # fmt: skip

    def post_cosignature(self, note: str) -> dict[str, Any]:
        """Hands in a checkpoint with our cosignature; the same one again is the same answer."""
        return self.connection.read(
            "POST", "/v1/log/cosignatures", scope=SCOPE, json_body={"note": note}, repeat=Repeat.ALWAYS
        )  # fmt: skip

    def report_split(self, split: splits.Split) -> dict[str, Any]:
        """Records a split view with the registry; the same evidence again is the same report."""
        return self.connection.read(
            "POST", "/v1/log/reports", scope=SCOPE, json_body=split_body(split), repeat=Repeat.ALWAYS
        )  # fmt: skip

    def stamps(self, *, from_size: int = 0) -> list[StampEntry]:
        """Stamps of checkpoints of at least this size, the smallest first."""
        found = self.connection.read("GET", "/v1/log/stamps", scope=None, query={"from_size": from_size})
        return [
            StampEntry(
                whole(entry, "size"), text(entry, "checkpoint"), _unb64u(text(entry, "reply")),
                moment(text(entry, "time")), text(entry, "authority"),
            )
            for entry in items(found, "items")
        ]  # fmt: skip

    def _text(self, path: str, query: Mapping[str, Any] | None = None) -> str:
        try:
            return self.connection.call("GET", path, scope=None, query=query).content.decode()
        except UnicodeDecodeError as fault:
            raise unreadable() from fault


def parse_vkey(vkey: str) -> notes.VerifierKey:
    """Raises VerificationFailed for what is none."""
    try:
        return notes.parse_vkey(vkey)
    except notes.NoteError as fault:
        raise VerificationFailed(
            "bad_vkey", "这不是日志或见证方的公钥", "This is no key of a log or a witness"
        ) from fault


def split_body(split: splits.Split) -> Mapping[str, Any]:
    """A split view as JSON."""
    return {
        "kind": split.kind, "earlier": split.earlier, "later": split.later, "claimed": b64u(split.claimed),
        "path": [b64u(each) for each in split.path],
    }  # fmt: skip


def _tile(connection: Connection, tile: tiles.Tile) -> bytes:
    """Raises ProofError where the log does not serve what its own head needs."""
    try:
        return connection.call("GET", f"/log/{tile.path}", scope=None).content
    except Refused as refused:
        if refused.status != 404:
            raise
        raise merkle.ProofError(f"the log does not serve {tile.path}") from refused


def _unb64u(value: str) -> bytes:
    try:
        return unb64u(value)
    except ValueError as fault:
        raise unreadable() from fault
