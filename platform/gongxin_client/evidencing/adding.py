"""Folders become evidence: files are hashed in parallel, registered in bulk, each with its outcome in the journal."""

import json
import mimetypes
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gongxin_wire.evidence import MAX_BATCH, MEDIA_TYPE, batch_root

from .. import files
from ..errors import BadInput, ClientError, Refused, VerificationFailed
from ..evidence import MAX_LINES, EvidenceLine, NewEvidence
from ..importing import journal as journals
from ..registry import Registry
from .hashing import Fingerprint, fingerprint
from .journal import EvidenceJournal

CHUNK = 2_000
LIST_FORMAT = "gongxin-evidence-batch-1"
_MEDIA = re.compile(MEDIA_TYPE)
OWN_SUFFIXES = (
    ".journal",
    ".journal.lock",
    ".journal.old",
    ".batch.json",
    ".proof.json",
    ".report.json",
    ".report.html",
)

Progress = Callable[[int, int, int], None]
"""(files done, files in all, bytes hashed)."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What is said of every file of one run."""

    kind: str
    case_id: str | None = None
    agent_licence: str | None = None
    complaint: str | None = None
    made_by: str | None = None
    device: str | None = None
    made_at_mtime: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Totals in files; `problems`: (path, code, zh, en) of those refused or unreadable."""

    files: int
    created: int
    exists: int
    refused: int
    bytes_hashed: int
    resumed: bool
    journal: Path
    problems: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A batch as registered; `list_file` makes the proofs and must be kept."""

    batch_id: str
    root: str
    count: int
    files: int
    list_file: Path


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files given, and all regular ones below the folders given, in order; hidden ones, links and our own journals
    and reports left out. Raises BadInput where there is none."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                each = Path(folder, name)
                if (
                    not name.startswith(".")
                    and not name.endswith(OWN_SUFFIXES)
                    and each.is_file()
                    and not each.is_symlink()
                ):
                    found[each] = None
    if not found:
        raise BadInput("no_files", "没有可登记的文件", "There is no file to register")
    return list(found)


def add(
    registry: Registry,
    paths: Sequence[Path],
    claims: Claims,
    *,
    sm3: bool = True,
    journal: Path | None = None,
    fresh: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Registers the files. After a kill the same call goes on where it was; files that came or changed since are taken
    too. Raises BadInput for what cannot be read at all, and what `register_evidence_lines` raises."""
    found = find_files(paths)
    where = journal or default_journal(paths)
    start = {
        "what": "evidence", "registry": registry.profile.registry, "client": registry.profile.client_id, "sm3": sm3,
        "claims": [claims.kind, claims.case_id, claims.agent_licence, claims.complaint, claims.made_by, claims.device],
    }  # fmt: skip
    with journals.opened(where, start, fresh=fresh, make=EvidenceJournal) as book:
        resumed = bool(book.told or book.hashed)
        run = _Run(registry, claims, book, len(found), progress)
        waiting: list[tuple[Path, Fingerprint]] = []
        for path, sum_ in _hashed(run, found, sm3, workers):
            waiting.append((path, sum_))
            if len(waiting) == min(CHUNK, MAX_LINES):
                run.send(waiting)
                waiting = []
        run.send(waiting)
        book.flush()
        counts = run.counts
        book.end(counts)
    return Report(len(found), **counts, bytes_hashed=run.bytes, resumed=resumed, journal=where,
                  problems=tuple(run.problems))  # fmt: skip


class _Run:
    """One run: what it has counted, and how it asks."""

    def __init__(
        self, registry: Registry, claims: Claims, book: EvidenceJournal, total: int, progress: Progress | None
    ) -> None:
        self.registry, self.claims, self.book, self.total, self.progress = registry, claims, book, total, progress
        self.counts = {"created": 0, "exists": 0, "refused": 0}
        self.problems: list[tuple[str, str, str, str]] = []
        self.bytes = 0
        self._lock = threading.Lock()

    def read(self, count: int) -> None:
        with self._lock:
            self.bytes += count
            if self.progress is not None:
                self.progress(sum(self.counts.values()), self.total, self.bytes)

    def count(self, path: str, status: str, more: Any) -> None:
        self.counts[status] += 1
        if status == "refused":
            self.problems.append((path, more["code"], more["zh"], more["en"]))
        self.read(0)

    def _ask(self, new: Sequence[NewEvidence]) -> list[EvidenceLine]:
        """Once more where another process of ours registered one of these files at that very moment: now it exists."""
        try:
            return self.registry.register_evidence_lines(new)
        except Refused as refused:
            if refused.code != "registered_meanwhile":
                raise
        return self.registry.register_evidence_lines(new)

    def send(self, batch: Sequence[tuple[Path, Fingerprint]]) -> None:
        if not batch:
            return
        self.book.flush()
        lines = self._ask([_new(path, sum_, self.claims) for path, sum_ in batch])
        rows: list[tuple[str, str, Any]] = []
        for (path, _), line in zip(batch, lines, strict=True):
            if line.problem is None:
                rows.append((str(path), line.status, line.evidence_id))
            elif line.problem.code == "evidence_repeated":  # two files of the same content in one request
                rows.append((str(path), "exists", None))
            else:
                rows.append((str(path), "refused", _problem(line.problem)))
        self.book.answered(rows)
        for row in rows:
            self.count(*row)


def _new(path: Path, sum_: Fingerprint, claims: Claims) -> NewEvidence:
    made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC) if claims.made_at_mtime else None
    return NewEvidence(
        claims.kind, sum_, media_type(path), claims.case_id, claims.agent_licence, claims.complaint, claims.made_by,
        claims.device, made_at,
    )  # fmt: skip


def media_type(path: Path) -> str:
    """By the name's ending; application/octet-stream where it tells nothing."""
    guessed = (mimetypes.guess_type(path.name)[0] or "").lower()
    return guessed if _MEDIA.fullmatch(guessed) else "application/octet-stream"


def _hashed(run: _Run, found: Sequence[Path], sm3: bool, workers: int | None) -> Iterator[tuple[Path, Fingerprint]]:
    """Each file not answered before with its fingerprint, in order; some files ahead in parallel, for hashing releases
    the interpreter's lock."""
    many = workers or min(4, os.cpu_count() or 1)
    ahead: deque[tuple[Path, int, Future[Fingerprint]]] = deque()
    stop = threading.Event()
    with ThreadPoolExecutor(many) as pool:
        try:
            for path in found:
                name = str(path)
                try:
                    stat = path.stat()
                except OSError:
                    run.count(name, "refused", _problem(BadInput("file_not_read", "文件无法读取", "It cannot be read")))
                    continue
                known = run.book.hashed.get(name)
                if known is not None and (known[0], known[1].size) == (stat.st_mtime_ns, stat.st_size):
                    told = run.book.told.get(name)
                    if told is not None and told[0] != "refused":
                        run.count(name, "exists", told[1])
                        continue
                    future: Future[Fingerprint] = Future()
                    future.set_result(known[1])
                else:
                    future = pool.submit(fingerprint, path, sm3=sm3, progress=run.read, stop=stop)
                ahead.append((path, stat.st_mtime_ns, future))
                while len(ahead) > many * 4:
                    yield from _take(run, ahead)
            while ahead:
                yield from _take(run, ahead)
        finally:
            stop.set()


def _take(run: _Run, ahead: "deque[tuple[Path, int, Future[Fingerprint]]]") -> Iterator[tuple[Path, Fingerprint]]:
    path, mtime_ns, future = ahead.popleft()
    try:
        found = future.result()
    except BadInput as fault:
        run.count(str(path), "refused", _problem(fault))
        return
    if str(path) not in run.book.hashed or run.book.hashed[str(path)] != (mtime_ns, found):
        run.book.hashes(str(path), mtime_ns, found)
    yield path, found


def _problem(fault: ClientError) -> dict[str, str]:
    pointer = getattr(fault, "pointer", None) or ""
    return {"code": fault.code, "zh": fault.zh, "en": fault.en, "field": pointer.strip("/")}


def default_journal(paths: Sequence[Path]) -> Path:
    """Beside the first folder or file."""
    first = paths[0].resolve()
    return first.with_name(first.name + ".journal")


# --- a batch ----------------------------------------------------------------------------------------------------------


def add_batch(
    registry: Registry,
    paths: Sequence[Path],
    kind: str,
    *,
    label: str | None = None,
    made_from: date | None = None,
    made_to: date | None = None,
    case_id: str | None = None,
    list_file: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> BatchReport:
    """Registers the files as one batch: one leaf of the log for all. Writes the list that makes the proofs before it
    asks. Raises BadInput: a file that cannot be read (nothing is registered then), too many files."""
    found = find_files(paths)
    first = paths[0].resolve()
    where = list_file or first.with_name(first.name + ".batch.json")
    run = _Run(registry, Claims(kind), EvidenceJournal({}), len(found), progress)
    entries: list[dict[str, Any]] = []
    for path, sum_ in _hashed(run, found, False, workers):
        entries.append({"path": str(path), "sha256": sum_.sha256, "size": sum_.size})
        run.counts["created"] += 1
    if run.problems:
        path_, code, zh, en = run.problems[0]
        raise BadInput(code, f"{path_}：{zh}", f"{path_}: {en}")
    order = list(dict.fromkeys(entry["sha256"] for entry in entries))
    if len(order) > MAX_BATCH:
        raise BadInput(
            "batch_too_large", f"每批至多 {MAX_BATCH} 个文件", f"A batch has at most {MAX_BATCH} files",
            "按目录分批登记。", "Register it folder by folder.",
        )  # fmt: skip
    root = batch_root(map(bytes.fromhex, order)).hex()
    body: dict[str, Any] = {"format": LIST_FORMAT, "root": root, "count": len(order), "files": entries}
    files.replace(where, _json(body))
    batch = registry.register_batch(
        kind, order, label=label, made_from=made_from, made_to=made_to, case_id=case_id
    )  # fmt: skip
    if (batch.root, batch.count) != (root, len(order)):
        raise VerificationFailed(
            "batch_root_differs", "登记处登记的根与本机计算的不同",
            "The registry registered another root than we computed",
            "保留清单并联系登记处。", "Keep the list, and call the registry.",
        )  # fmt: skip
    files.replace(where, _json(body | {"batch_id": batch.batch_id}))
    return BatchReport(batch.batch_id, root, len(order), len(entries), where)


def read_list(path: Path) -> tuple[str, list[str], dict[str, str]]:
    """(batch id, SHA-256 in order, SHA-256 by path) of a batch's list. Raises BadInput."""
    try:
        body = json.loads(path.read_text("utf-8"))
        order = list(dict.fromkeys(str(entry["sha256"]) for entry in body["files"]))
        sound = body["format"] == LIST_FORMAT and batch_root(map(bytes.fromhex, order)).hex() == body["root"]
        batch_id = str(body["batch_id"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise _no_list() from fault
    if not sound or len(order) != body["count"]:
        raise _no_list()
    return batch_id, order, {str(entry["path"]): str(entry["sha256"]) for entry in body["files"]}


def _no_list() -> BadInput:
    return BadInput(
        "not_a_batch_list", "这不是完整的批次清单", "This is no whole list of a batch",
        "使用 evidence add --batch 写出的清单；未登记完成的请重新登记。",
        "Use the list that evidence add --batch wrote; where it never finished, run it again.",
    )  # fmt: skip


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n"
