"""How fast `evidence add` hashes, SHA-256 and SM3 together, beside sha256sum on the same files."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from gongxin_client.evidencing.adding import Claims, _hashed, _Run
from gongxin_client.evidencing.journal import EvidenceJournal

FILES, SIZE = 8, 48 << 20
ROUNDS = 3


def ratio(folder: Path) -> float:
    """sha256sum's time over ours, the best of some rounds each, files in the page cache."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number}.mp3" for number in range(FILES)]
    for file in files:
        file.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))

    def theirs() -> None:
        subprocess.run(["sha256sum", *map(str, files)], check=True, stdout=subprocess.DEVNULL)

    def ours() -> None:
        run = _Run(None, Claims("recording"), EvidenceJournal({}), FILES, lambda *_told: None)  # type: ignore[arg-type]
        if sum(1 for _ in _hashed(run, files, True, None)) != FILES:
            raise RuntimeError("a file was not hashed")

    try:
        return _best(theirs) / _best(ours)
    finally:
        for file in files:
            file.unlink()


def _best(run: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begun)
    return min(taken)
