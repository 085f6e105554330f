"""Evidence as both ends know it: the words, the chain of custody, the tree of a batch.

digest(event) = SHA-256("gongxin custody 1\\n" || canonical event)
an event holds in `previous` the digest of the one before it; the first holds the SHA-256 of the file itself
the tree of a batch is RFC 6962's over the 32 bytes of each file's SHA-256, in the order given
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from . import merkle
from .canonical import canonical

KINDS = ("recording", "letter", "photograph", "contract", "other")
CUSTODY = ("created", "moved", "disclosed", "destroyed", "held", "released")
CUSTODY_DOMAIN = b"gongxin custody 1\n"
CUSTODY_FIELDS = ("at", "basis", "event", "evidence_id", "member_id", "position", "previous", "recorded_at", "to", "v")
BATCH_CUSTODY_FIELDS = ("at", "basis", "batch_id", "event", "item", "member_id", "position", "previous", "recorded_at",
                        "to", "v")  # fmt: skip
MAX_BATCH = 100_000
MAX_SIZE = 2**53 - 1
MEDIA_TYPE = "[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}"
HEX = re.compile("[0-9a-f]{64}")


def moment(at: datetime) -> str:
    """RFC 3339, UTC, microseconds: the one text of an instant inside a record."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def custody_digest(event: Mapping[str, Any]) -> bytes:
    """The link to this event: over exactly CUSTODY_FIELDS, whatever else the mapping tells. Raises ValueError."""
    try:
        record = {name: event[name] for name in CUSTODY_FIELDS}
    except KeyError as fault:
        raise ValueError("not an event of custody") from fault
    return hashlib.sha256(CUSTODY_DOMAIN + canonical(record)).digest()


def batch_custody_digest(event: Mapping[str, Any]) -> bytes:
    """The same for an event of a batch, or of one file of it (`item`, its SHA-256). Raises ValueError."""
    try:
        record = {name: event[name] for name in BATCH_CUSTODY_FIELDS}
    except KeyError as fault:
        raise ValueError("not an event of a batch's custody") from fault
    return hashlib.sha256(CUSTODY_DOMAIN + canonical(record)).digest()


class BrokenChain(ValueError):
    """Where custody does not follow: `position` of the event, `fault` position, previous, digest, identity or order."""

    def __init__(self, position: int, fault: str) -> None:
        super().__init__(f"custody event {position}: {fault}")
        self.position, self.fault = position, fault


def check_chain(events: Sequence[Mapping[str, Any]], evidence_id: str, member_id: str, sha256: str) -> None:
    """That the events follow one another from the fingerprint on. Raises BrokenChain at the first that does not."""
    previous, gone = sha256, False
    for at, event in enumerate(events, 1):
        if event.get("position") != at:
            raise BrokenChain(at, "position")
        if (event.get("evidence_id"), event.get("member_id")) != (evidence_id, member_id):
            raise BrokenChain(at, "identity")
        if event.get("previous") != previous:
            raise BrokenChain(at, "previous")
        if gone or (event.get("event") == "created") != (at == 1) or event.get("event") not in CUSTODY:
            raise BrokenChain(at, "order")
        try:
            found = custody_digest(event).hex()
        except ValueError as fault:
            raise BrokenChain(at, "digest") from fault
        if event.get("digest") != found:
            raise BrokenChain(at, "digest")
        previous, gone = found, event["event"] == "destroyed"


def check_batch_chain(
    events: Sequence[Mapping[str, Any]], batch_id: str, member_id: str, root: str, item: str | None = None
) -> None:
    """That the events of a batch as a whole follow one another from its root on, or those of one file of it from the
    file's SHA-256. Raises BrokenChain at the first that does not."""
    previous, gone = item or root, False
    for at, event in enumerate(events, 1):
        if event.get("position") != at:
            raise BrokenChain(at, "position")
        if (event.get("batch_id"), event.get("member_id"), event.get("item")) != (batch_id, member_id, item):
            raise BrokenChain(at, "identity")
        if event.get("previous") != previous:
            raise BrokenChain(at, "previous")
        if gone or event.get("event") not in CUSTODY[1:]:
            raise BrokenChain(at, "order")
        try:
            found = batch_custody_digest(event).hex()
        except ValueError as fault:
            raise BrokenChain(at, "digest") from fault
        if event.get("digest") != found:
            raise BrokenChain(at, "digest")
        previous, gone = found, event["event"] == "destroyed"


def batch_leaf(sha256: bytes) -> bytes:
    """The leaf hash of one file in a batch."""
    return merkle.leaf_hash(sha256)


def batch_root(fingerprints: Iterable[bytes]) -> bytes:
    """The root over the files' SHA-256, in their order."""
    return merkle.root(map(batch_leaf, fingerprints))


def batch_proof(fingerprints: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion proof of the file at `index`, made by whoever holds the list."""
    levels = [[batch_leaf(each) for each in fingerprints]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([merkle.node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return merkle.inclusion_proof(index, len(fingerprints), lambda level, at: levels[level][at])
