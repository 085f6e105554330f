"""The journal of one import: what was sent and what came back, on the disk before the next step.

Append-only lines `<JSON> TAB <first 16 hexadecimal digits of its SHA-256>`, each flushed to the disk. A kill leaves at
most one torn last line, which is cut off at the next start. Row numbers, keys and case ids; never an identifier.

    {"is": "start", "file": sha256, …}                           the file, the mapping, the registry, the day
    {"is": "send", "chunk": 3, "key": …, "body": sha256}         before the request
    {"is": "done", "chunk": 3, "rows": [[row, status, case_id or problem], …]}   after its answer
    {"is": "end", "created": …, "exists": …, "refused": …}
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from .. import files
from ..errors import BadInput

VERSION = 1
Outcome = tuple[int, str, Any]
"""(row, created | exists | refused, case id or {"code", "zh", "en", "field"})."""


@dataclass
class Journal:
    """What is known so far. `keys`: chunk → (Idempotency-Key, digest of the body) of the last send; `done`: chunk →
    outcomes; `ended`: the totals, once all is done."""

    start: dict[str, Any]
    keys: dict[int, tuple[str, str]] = field(default_factory=dict)
    done: dict[int, list[Outcome]] = field(default_factory=dict)
    ended: dict[str, int] | None = None
    _file: IO[bytes] | None = field(default=None, repr=False)

    def sending(self, chunk: int, key: str, body: str) -> None:
        """Before the request: a restart sends the same body under the same key."""
        self.keys[chunk] = key, body
        self._write({"is": "send", "chunk": chunk, "key": key, "body": body})

    def finished(self, chunk: int, outcomes: list[Outcome]) -> None:
        """After its answer: a restart does not send it again."""
        self.done[chunk] = outcomes
        self._write({"is": "done", "chunk": chunk, "rows": outcomes})

    def end(self, totals: dict[str, int]) -> None:
        """All is done."""
        self.ended = totals
        self._write({"is": "end", **totals})

    def _write(self, record: dict[str, Any]) -> None:
        self._write_all([record])

    def _write_all(self, records: Iterable[dict[str, Any]]) -> None:
        if self._file is None:
            return
        self._file.write(b"".join(map(encode, records)))
        self._file.flush()
        os.fsync(self._file.fileno())

    def take(self, record: dict[str, Any]) -> None:
        """Replays one record. Raises KeyError, TypeError or ValueError for what is none."""
        kind = record["is"]
        if kind == "send":
            self.keys[int(record["chunk"])] = str(record["key"]), str(record["body"])
        elif kind == "done":
            self.done[int(record["chunk"])] = [(int(row), str(status), more) for row, status, more in record["rows"]]
        elif kind == "end":
            self.ended = {name: int(record[name]) for name in ("created", "exists", "refused")}
        else:
            raise ValueError(kind)


J = TypeVar("J", bound=Journal)


def encode(record: dict[str, Any]) -> bytes:
    """One line."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    return text + b"\t" + hashlib.sha256(text).hexdigest()[:16].encode() + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line, None for a torn or altered one."""
    text, tab, check = line.rpartition(b"\t")
    if not tab or hashlib.sha256(text).hexdigest()[:16].encode() + b"\n" != check:
        return None
    with contextlib.suppress(ValueError):
        record = json.loads(text)
        return record if isinstance(record, dict) else None
    return None


@contextlib.contextmanager
def opened(
    path: Path,
    start: dict[str, Any],
    *,
    fresh: bool = False,
    make: type[J] = Journal,  # type: ignore[assignment]
) -> Iterator[J]:
    """The journal beside the file, continued where it was, under a lock. `start` says what it must be about. `fresh`
    puts an older one aside. Raises BadInput: another file's, damaged, in use."""
    with files.locked(path.with_name(path.name + ".lock"), wait=False):
        if fresh and path.exists():
            os.replace(path, path.with_name(path.name + ".old"))
        journal, good = _replay(path, start, make)
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            file.truncate(good)
            file.seek(good)
            journal._file = file
            if good == 0:
                journal._write({"is": "start", **journal.start})
                files.sync_folder(path.parent)
            yield journal


def _replay(path: Path, start: dict[str, Any], make: type[J]) -> tuple[J, int]:
    """The journal as far as it is whole, and that many bytes."""
    wanted = {"version": VERSION, **start}
    journal, good = make(wanted), 0
    if not path.exists():
        return journal, 0
    with open(path, "rb") as source:
        torn = False
        for number, line in enumerate(source):
            if torn:
                raise _damaged()
            record = decode(line)
            if record is None:
                torn = True  # the last line, or else the loop comes back here
                continue
            try:
                if number == 0:
                    _check_start(record, wanted)
                    journal.start = {name: value for name, value in record.items() if name != "is"}
                else:
                    journal.take(record)
            except (KeyError, TypeError, ValueError) as fault:
                raise _damaged() from fault
            good += len(line)
    return journal, good


def _check_start(record: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The same file, mapping, registry and chunks; the day of the first start stays, so that checks stay the same."""
    if record.get("is") != "start":
        raise ValueError("start")
    differs = sorted(name for name in wanted if name != "today" and record.get(name) != wanted[name])
    if differs:
        raise BadInput(
            "journal_of_another", f"导入日志属于另一次导入（{'、'.join(differs)} 不同）",
            f"The journal is another import's ({', '.join(differs)} differ)",
            "核对文件与参数；确要重新导入，用 --fresh（已登记的案件不会重复）。",
            "Check file and options; to import anew use --fresh (registered cases are not doubled).",
        )  # fmt: skip


def _damaged() -> BadInput:
    return BadInput(
        "journal_damaged", "导入日志已损坏", "The journal is damaged",
        "用 --fresh 重新导入（已登记的案件不会重复）。", "Import anew with --fresh (registered cases are not doubled).",
    )  # fmt: skip
