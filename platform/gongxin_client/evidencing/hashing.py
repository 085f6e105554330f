"""Fingerprints of files of any size, a few blocks in memory at a time."""

import hashlib
import os
import queue
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput

BLOCK = 1 << 20
_BLOCKS = 4  # one being read, two waiting, one under SM3


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """SHA-256 and, where asked for, SM3 in hexadecimal; the size in bytes."""

    sha256: str
    size: int
    sm3: str | None = None


def fingerprint(
    path: str | Path,
    *,
    sm3: bool = False,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Fingerprint:
    """Reads the file once. `progress` is told the bytes of each block. Raises BadInput: not readable, no regular file,
    changed while it was read; `stop` ends it early the same way."""
    first, second = hashlib.sha256(), _Beside() if sm3 else None
    blocks = [memoryview(bytearray(BLOCK)) for _ in range(_BLOCKS if sm3 else 1)]
    size = turn = 0
    try:
        with open(path, "rb", buffering=0) as source, second or nullcontext():
            before = os.fstat(source.fileno())
            # No further than it was long: a file that is still written would never end.
            while size <= before.st_size:
                block = blocks[turn % len(blocks)]
                if not (count := source.readinto(block)) or (stop is not None and stop.is_set()):
                    break
                if second is not None:
                    second.take(block[:count])
                first.update(block[:count])
                size, turn = size + count, turn + 1
                if progress is not None:
                    progress(count)
            after = os.fstat(source.fileno())
    except OSError as fault:
        raise BadInput(
            "file_not_read", "文件无法读取", "The file cannot be read", "核对路径与权限。", "Check path and rights."
        ) from fault
    if (before.st_size, before.st_mtime_ns, size) != (after.st_size, after.st_mtime_ns, before.st_size):
        raise BadInput(
            "file_changed", "读取期间文件被改动", "The file changed while it was read",
            "待文件写完之后再登记。", "Register it once it is complete.",
        )  # fmt: skip
    return Fingerprint(first.hexdigest(), size, second.hexdigest() if second is not None else None)


class _Beside:
    """SM3 on a thread of its own, beside the reading and SHA-256 (hashing lets other threads run): no hardware helps
    SM3, so that it alone sets the pace. At most two blocks wait, so that a block is free again when its turn comes."""

    def __init__(self) -> None:
        self._hash = _sm3()
        self._waiting: queue.Queue[memoryview | None] = queue.Queue(_BLOCKS - 2)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while (block := self._waiting.get()) is not None:
            self._hash.update(block)

    def take(self, block: memoryview) -> None:
        self._waiting.put(block)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_fault: object) -> None:
        self._waiting.put(None)
        self._thread.join()


def _sm3() -> "hashlib._Hash":
    try:
        return hashlib.new("sm3")
    except ValueError as fault:
        raise BadInput(
            "no_sm3", "本机 OpenSSL 不支持 SM3", "This machine's OpenSSL has no SM3",
            "使用支持 SM3 的 OpenSSL，或加 --no-sm3。", "Use an OpenSSL that has it, or give --no-sm3.",
        ) from fault  # fmt: skip
