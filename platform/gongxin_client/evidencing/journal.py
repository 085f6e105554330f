"""The journal of `evidence add`, in the form of the import's (`importing/journal.py`): a restart hashes no file twice
and asks anew only for what has no answer yet.

    {"is": "hash", "path": …, "size": …, "mtime_ns": …, "sha256": …, "sm3": …}
    {"is": "done", "rows": [[path, created | exists | refused, evidence id or {"code", "zh", "en", "field"}], …]}
    {"is": "end", "created": …, "exists": …, "refused": …}
"""

from dataclasses import dataclass, field
from typing import Any

from ..importing.journal import Journal
from .hashing import Fingerprint

GROUP = 256


@dataclass
class EvidenceJournal(Journal):
    """`hashed`: path → (mtime_ns, fingerprint); `told`: path → (status, evidence id or problem)."""

    hashed: dict[str, tuple[int, Fingerprint]] = field(default_factory=dict)
    told: dict[str, tuple[str, Any]] = field(default_factory=dict)
    waiting: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def hashes(self, path: str, mtime_ns: int, found: Fingerprint) -> None:
        """On the disk in groups: a kill loses the work of a few files, never what was answered."""
        self.hashed[path] = mtime_ns, found
        self.waiting.append(
            {"is": "hash", "path": path, "size": found.size, "mtime_ns": mtime_ns, "sha256": found.sha256,
             "sm3": found.sm3}
        )  # fmt: skip
        if len(self.waiting) >= GROUP:
            self.flush()

    def answered(self, rows: list[tuple[str, str, Any]]) -> None:
        """After an answer: these files are not asked for again."""
        self.told.update({path: (status, more) for path, status, more in rows})
        self.waiting.append({"is": "done", "rows": rows})
        self.flush()

    def flush(self) -> None:
        """Writes what waits, at once on the disk."""
        if self.waiting:
            self._write_all(self.waiting)
            self.waiting = []

    def take(self, record: dict[str, Any]) -> None:
        kind = record["is"]
        if kind == "hash":
            sm3 = record["sm3"]
            found = Fingerprint(str(record["sha256"]), int(record["size"]), None if sm3 is None else str(sm3))
            self.hashed[str(record["path"])] = int(record["mtime_ns"]), found
        elif kind == "done":
            self.told.update({str(path): (str(status), more) for path, status, more in record["rows"]})
        else:
            super().take(record)
