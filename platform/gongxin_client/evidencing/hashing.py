"""Fingerprints of files of any size, one block in memory at a time."""

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput

BLOCK = 1 << 20


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
    first, second = hashlib.sha256(), _sm3() if sm3 else None
    block = bytearray(BLOCK)
    view = memoryview(block)
    size = 0
    try:
        with open(path, "rb", buffering=0) as source:
            before = os.fstat(source.fileno())
            # No further than it was long: a file that is still written would never end.
            while size <= before.st_size and (count := source.readinto(block)):
                if stop is not None and stop.is_set():
                    break
                first.update(view[:count])
                if second is not None:
                    second.update(view[:count])
                size += count
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


def _sm3() -> "hashlib._Hash":
    try:
        return hashlib.new("sm3")
    except ValueError as fault:
        raise BadInput(
            "no_sm3", "本机 OpenSSL 不支持 SM3", "This machine's OpenSSL has no SM3",
            "不加 --sm3，或使用支持 SM3 的 OpenSSL。", "Leave --sm3 out, or use an OpenSSL that has it.",
        ) from fault  # fmt: skip
