"""Files that must survive a kill: replaced whole, or appended and flushed to the disk; locks between processes."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import BadInput

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def replace(path: Path, data: bytes) -> None:
    """The file is the old one or the new one, never half of either; mode 0600."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes a created or renamed name durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Holds an exclusive lock on the file. Without `wait` raises BadInput where another process has it."""
    with open(path, "a") as held:
        if fcntl is not None:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as fault:
                raise BadInput(
                    "in_use", "另一进程正在处理同一文件", "Another process works on the same file",
                    "等它结束，或终止它之后重来。", "Wait until it ends, or end it and try again.",
                ) from fault  # fmt: skip
        yield
