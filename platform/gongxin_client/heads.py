"""What a witness remembers: the newest head it saw and the newest it signed, in one file that a power cut cannot lose
or turn back.

`look` and `Memory` are pure; `Store` keeps a memory on the disk: written whole beside the old one, flushed, renamed,
the folder flushed, under a lock that only one process holds. A file that does not read is an error, never a fresh
start.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gongxin_wire import merkle, notes, splits

from . import files
from .errors import BadInput, VerificationFailed

VERSION = 1


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that the log signed, with its note as it came."""

    size: int
    root: bytes
    note: str

    @property
    def checkpoint(self) -> notes.Checkpoint:
        return notes.parse_checkpoint(notes.parse_note(self.note).text)


@dataclass(frozen=True, slots=True)
class Memory:
    """`log`: its name. `seen` ≥ `signed`; `posted`: the size up to which our cosignatures have arrived. `halted`: the
    file with the evidence of a proven split view; nothing is signed until a person has looked."""

    log: str
    name: str
    seen: Head | None = None
    signed: Head | None = None
    posted: int = -1
    halted: str | None = None


class SplitView(VerificationFailed):
    """Two heads of one log that do not go together; `split` proves it, or says what was not explained. `evidence`: the
    file it was kept in; `reported`: whether the registry took it."""

    evidence: Path | None = None
    reported: bool = False

    def __init__(self, split: splits.Split) -> None:
        proven = split.kind == splits.FORK
        super().__init__(
            "split_view" if proven else "heads_unexplained",
            "日志对不同的人显示不同内容，证据已保存" if proven else "日志未能说明两份已签检查点如何相连",
            "The log shows a split view: it signed two heads that contradict each other"
            if proven
            else "The log has not shown how two heads that it signed go together",
            "停止见证，将证据文件交给协会核查；核实之前不要恢复。"
            if proven
            else "稍后重试；若仍如此，将证据文件交给协会。",
            "Stop witnessing and hand the evidence file to the association; do not resume before it is settled."
            if proven
            else "Try again; if it stays so, hand the evidence file to the association.",
        )
        self.split = split


def open_head(note: str, log: Sequence[notes.VerifierKey]) -> Head:
    """A head that this log signed. Raises VerificationFailed."""
    try:
        found = splits.open_head(note, log)
    except notes.NoteError as fault:
        raise VerificationFailed(
            "not_signed_by_log", "检查点没有该日志的有效签名", f"The checkpoint is not signed by the log ({fault})",
            "核对固定的日志公钥；不要依赖这份检查点。", "Check the pinned log key; do not rely on this checkpoint.",
        ) from fault  # fmt: skip
    return Head(found.size, found.root, note)


def look(memory: Memory, shown: Head, read: Callable[[int], merkle.Reader]) -> Memory:
    """The memory after seeing this head: the larger of the two is kept. `read` gives a reader of the tree of a size.
    Raises SplitView where the two do not go together; then nothing is remembered."""
    if memory.seen is None:
        return replace(memory, seen=shown)
    earlier, later = sorted((memory.seen, shown), key=lambda head: head.size)
    reader = read(later.size) if earlier.size != later.size else None
    found = splits.compare(earlier.checkpoint, later.checkpoint, reader)
    if found is not None:
        raise SplitView(splits.Split(found[0], earlier.note, later.note, found[1], found[2]))
    return replace(memory, seen=later)


def may_sign(memory: Memory, head: Head) -> bool:
    """Whether this head, which was looked at, is beyond what was signed (C2SP: a witness never signs a smaller tree),
    or is that very one and has not arrived."""
    if memory.signed is None or head.size > memory.signed.size:
        return True
    return (head.size, head.root) == (memory.signed.size, memory.signed.root) and memory.posted < head.size


# --- on the disk ------------------------------------------------------------------------------------------------------


@dataclass
class Store:
    """The file of one witness. `opened` holds its lock for the whole round: two processes never sign side by side."""

    path: Path
    _held: bool = field(default=False, repr=False)

    @contextlib.contextmanager
    def opened(self) -> Iterator["Store"]:
        """Raises BadInput where another process is at work."""
        with files.locked(self.path.with_name(self.path.name + ".lock"), wait=False):
            self._held = True
            try:
                yield self
            finally:
                self._held = False

    def read(self) -> Memory:
        """What is remembered. Raises BadInput where the file is missing or damaged: no head is forgotten silently."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError as fault:
            raise BadInput(
                "witness_unknown", f"没有见证记录 {self.path}", f"There is no witness's memory at {self.path}",
                "首次使用：gongxin-member witness key；若文件遗失：加 --adopt。",
                "First use: gongxin-member witness key; if the file was lost: add --adopt.",
            ) from fault  # fmt: skip
        except OSError as fault:
            raise _damaged(self.path) from fault
        try:
            return decode(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise _damaged(self.path) from fault

    def write(self, memory: Memory) -> Memory:
        """On the disk when this returns. Heads never become smaller."""
        if not self._held:
            raise RuntimeError("the store is written under its lock alone")
        if self.path.exists():
            old = self.read()
            for mine, before in ((memory.seen, old.seen), (memory.signed, old.signed)):
                if before is not None and (mine is None or mine.size < before.size):
                    raise RuntimeError("a witness's head never goes back")
        files.replace(self.path, encode(memory))
        return memory


def encode(memory: Memory) -> bytes:
    """One JSON line and its SHA-256, so that a damaged file is told from a whole one."""
    body = {
        "version": VERSION, "log": memory.log, "name": memory.name,
        "seen": memory.seen.note if memory.seen else None, "signed": memory.signed.note if memory.signed else None,
        "posted": memory.posted, "halted": memory.halted,
    }  # fmt: skip
    text = json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
    return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"


def decode(data: bytes) -> Memory:
    """The reverse. Raises ValueError, KeyError or TypeError for anything else."""
    text, _, check = data.partition(b"\n")
    if check != hashlib.sha256(text).hexdigest().encode() + b"\n":
        raise ValueError("damaged")
    body: dict[str, Any] = json.loads(text)
    if body["version"] != VERSION:
        raise ValueError("another version")
    return Memory(
        str(body["log"]), str(body["name"]), _head(body["seen"]), _head(body["signed"]), int(body["posted"]),
        None if body["halted"] is None else str(body["halted"]),
    )  # fmt: skip


def _head(note: str | None) -> Head | None:
    if note is None:
        return None
    found = notes.parse_checkpoint(notes.parse_note(note).text)
    return Head(found.size, found.root, note)


def _damaged(path: Path) -> BadInput:
    return BadInput(
        "witness_damaged", f"见证记录损坏 {path}", f"The witness's memory is damaged: {path}",
        "从备份恢复不安全：用 gongxin-member witness key --adopt 从登记处取回本机构最后签过的检查点。",
        "A backup may be older than what was signed: take back the last head we signed with witness key --adopt.",
    )  # fmt: skip
