"""A proof made without a registry: own log, own witnesses, own authority; for tests of what is verified."""

import hashlib
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gongxin_client.evidencing.hashing import Fingerprint
from gongxin_client.evidencing.verifying import Trust
from gongxin_demo.authority import Authority
from gongxin_wire import commitments, merkle, notes, stamps
from gongxin_wire.canonical import b64u, unb64u
from gongxin_wire.evidence import batch_proof, batch_root, custody_digest, moment

CONTENT = b"a recording"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MEMBER = "0193a3bf-1c2d-7e3f-8a4b-5c6d7e8f9a0b"
ID = "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e0f"
EVENT_IDS = ("0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e10", "0193a3c4-8d2e-7b10-9c3f-5a6b7c8d9e11")
ORIGIN = "registry.example/log"
AT = datetime(2026, 11, 24, 2, tzinfo=UTC)
STAMPED = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)
COSIGNED = 1_795_487_000
INDEX = 5


@dataclass
class Court:
    """Everything that a proof is made of, and what a court that compared every key would trust."""

    log: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    witness: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    authority: Authority = field(default_factory=lambda: Authority(now=lambda: STAMPED))

    @property
    def log_key(self) -> notes.VerifierKey:
        return notes.VerifierKey(ORIGIN, self.log.public_key().public_bytes_raw())

    @property
    def witness_key(self) -> notes.VerifierKey:
        name = f"registry.example/witness/{MEMBER}"
        return notes.VerifierKey(name, self.witness.public_key().public_bytes_raw(), notes.COSIGNATURE)

    @property
    def trust(self) -> Trust:
        return Trust((self.log_key,), (self.witness_key,), (self.authority.root,))

    @property
    def file(self) -> Fingerprint:
        return Fingerprint(SHA256, len(CONTENT), "33" * 32)

    def proof(self, *, batch: bool = False) -> dict[str, Any]:
        """A whole proof: of a registration with two further events of custody, or of a batch."""
        files = [hashlib.sha256(b"%d" % n).digest() for n in range(6)]
        files[3] = bytes.fromhex(SHA256)
        record = self._batch_record(files) if batch else self._record()
        events = [] if batch else _custody()
        record |= {} if batch else {"custody": events[0]["digest"]}
        kinds = ["evidence_batch" if batch else "evidence", *["custody"] * (len(events) - 1)]
        records = [record, *({n: e[n] for n in e if n not in {"digest", "leaf"}} for e in events[1:])]
        leaves = []
        for leaf_id, kind, each in zip((ID, *EVENT_IDS), kinds, records, strict=False):
            salt = os.urandom(32)
            leaves.append({"id": leaf_id, "kind": kind, "salt": b64u(salt), "record": each,
                           "commitment": b64u(commitments.commit(salt, each))})  # fmt: skip
        hashes = self._tree(leaves)
        for at, leaf in enumerate(leaves):
            leaf["proof"] = self._tlog(hashes, INDEX + at, len(hashes))
        stamped = notes.parse_proof(self._tlog(hashes, INDEX, 7))
        note = notes.parse_note(stamped.checkpoint)
        checkpoint = str(notes.Note(note.text, note.signatures[:1]))
        reply = self.authority.reply(stamps.query(checkpoint.encode()).raw)
        return {
            "format": "gongxin-evidence-proof-1", "registry": "https://registry.example", "made_at": moment(AT),
            "member": {"member_id": MEMBER, "kind": "bank", "name_zh": "华宁银行 <北>", "name_en": "Huaning Bank",
                       "uscc": "11990000000000042P"},
            "file": {"name": "通话 <3>.mp3", "sha256": SHA256, "size": len(CONTENT), "sm3": "33" * 32},
            "batch": {"index": 3, "count": 6, "path": [e.hex() for e in batch_proof(files, 3)]} if batch else None,
            "leaves": leaves, "custody": events,
            "keys": {
                "log": [str(self.log_key)],
                "witnesses": [{"name": self.witness_key.name, "vkey": str(self.witness_key), "member_id": MEMBER}],
            },
            "stamps": [{"size": 7, "checkpoint": checkpoint, "reply": b64u(reply), "time": moment(STAMPED),
                        "authority": "Demonstration TSA", "proof": str(stamped)}],
        }  # fmt: skip

    def _record(self) -> dict[str, Any]:
        return {
            "agent_licence": "HN-2026-1", "case_id": None, "complaint": None, "device": "PBX-03", "evidence_id": ID,
            "kind": "recording", "made_at": moment(AT), "made_by": "HN-2026-1", "media_type": "audio/mpeg",
            "member_id": MEMBER, "registered_at": moment(AT), "sha256": SHA256, "size": len(CONTENT), "sm3": "33" * 32,
            "v": 1,
        }  # fmt: skip

    def _batch_record(self, files: list[bytes]) -> dict[str, Any]:
        return {
            "agent_licence": None, "batch_id": ID, "case_id": None, "complaint": None, "count": len(files),
            "kind": "recording", "label": "某日", "made_from": None, "made_to": None, "member_id": MEMBER,
            "registered_at": moment(AT), "root": batch_root(files).hex(), "v": 1,
        }  # fmt: skip

    def _tree(self, leaves: list[dict[str, Any]]) -> list[bytes]:
        """Eleven leaves, ours from INDEX on."""
        hashes = [merkle.leaf_hash(b"other %d" % n) for n in range(11)]
        for at, leaf in enumerate(leaves):
            entry = commitments.entry(leaf["id"], leaf["kind"], unb64u(leaf["commitment"]))
            hashes[INDEX + at] = merkle.leaf_hash(entry)
        return hashes

    def _tlog(self, hashes: list[bytes], index: int, size: int) -> str:
        text = notes.Checkpoint(ORIGIN, size, merkle.root(hashes[:size])).text
        note = notes.Note(text, (notes.sign(text, ORIGIN, self.log),
                                 notes.cosign(text, self.witness_key.name, self.witness, COSIGNED)))  # fmt: skip

        def read(level: int, at: int) -> bytes:
            return merkle.root(hashes[at << level : (at + 1) << level])

        return str(notes.Proof(index, tuple(merkle.inclusion_proof(index, size, read)), str(note)))


def _custody() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    told = (
        ("created", None, None),
        ("disclosed", "示范区人民法院", "（2025）沪0115民初12345号"),
        ("held", None, "保全"),
    )
    for position, (event, to, basis) in enumerate(told, 1):
        record = {
            "at": moment(AT), "basis": basis, "event": event, "evidence_id": ID, "member_id": MEMBER,
            "position": position, "previous": events[-1]["digest"] if events else SHA256, "recorded_at": moment(AT),
            "to": to, "v": 1,
        }  # fmt: skip
        leaf_id = ID if position == 1 else EVENT_IDS[position - 2]
        events.append(record | {"digest": custody_digest(record).hex(), "leaf": {"id": leaf_id, "commitment": "x"}})
    return events
