"""The import: examine, check, send chunk by chunk with the journal one step ahead, report."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from .. import clock
from ..auth import new_key
from ..errors import BadInput
from ..models import LineResult, NewCase
from ..registry import Registry
from . import journal as journals
from .columns import Mapping, find_columns
from .journal import Journal, Outcome
from .listing import Listing
from .sheet import Sheet, examine, rows
from .values import RowFault, read_case

CHUNK_ROWS = 5_000
MAX_CHUNK_ROWS = 10_000
HEADER_REFUSED = ("行号 row", "编码 code", "字段 field", "原因", "reason")
HEADER_CASES = ("creditor_ref", "case_id", "status")
Fault = tuple[int, str, str, str, str]
"""(row, code, field, zh, en)."""
Chunk = tuple[int, list[tuple[int, NewCase]], list[Fault]]
"""(number, cases by row, faults)."""


@dataclass(frozen=True, slots=True)
class Report:
    """Totals in cases; `rows` counts rows with content; where refused rows and registered cases were written."""

    rows: int
    created: int
    exists: int
    refused: int
    encoding: str
    dry_run: bool
    resumed: bool
    refused_file: Path | None
    cases_file: Path | None


def import_cases(
    registry: Registry | None,
    path: str | Path,
    *,
    mapping: Mapping | None = None,
    encoding: str | None = None,
    refused_file: str | Path | None = None,
    cases_file: str | Path | None = None,
    chunk_rows: int = CHUNK_ROWS,
    fresh: bool = False,
    rekey: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Imports the file; without a `registry` checks it only and sends nothing. After a kill the same call goes on
    where it was: finished chunks are skipped, an unfinished one is sent again under its own Idempotency-Key.

    `refused_file` (default: `<file>.refused.csv`) lists refused rows, `cases_file` (default: `<file>.registered.csv`)
    the case id of each reference. `rekey`: cases that are there already also get tokens of the open key epochs.
    `progress(rows done, rows in all)` is called after each chunk. Raises BadInput for a file that cannot be imported,
    and what `Registry.register_chunk` raises; nothing acknowledged is lost then."""
    if not 1 <= chunk_rows <= MAX_CHUNK_ROWS:
        raise BadInput("bad_chunk", "每批应为 1 至 10000 行", "A chunk has 1 to 10000 rows")
    source, mapping = Path(path), mapping or Mapping()
    sheet = examine(source, mapping.delimiter, encoding)
    columns = find_columns(sheet.header, mapping)
    refused_path = Path(refused_file) if refused_file else source.with_name(source.name + ".refused.csv")
    if registry is None:
        return _dry_run(sheet, columns, mapping, refused_path, progress)
    cases_path = Path(cases_file) if cases_file else source.with_name(source.name + ".registered.csv")
    start: dict[str, Any] = {
        "file": sheet.digest, "encoding": sheet.encoding, "mapping": mapping.digest, "chunk_rows": chunk_rows,
        "registry": registry.profile.registry, "client": registry.profile.client_id, "today": clock.today().isoformat(),
    }  # fmt: skip
    name = f"{source.name}{'.rekey' if rekey else ''}.journal"
    with journals.opened(source.with_name(name), start, fresh=fresh, make=Journal) as journal:
        resumed = bool(journal.keys or journal.done)
        today = date.fromisoformat(journal.start["today"])
        with Listing(refused_path, HEADER_REFUSED) as refused, Listing(cases_path, HEADER_CASES) as registered:
            counts = {"created": 0, "exists": 0, "refused": 0}
            total = 0
            ahead = _encoded(registry, journal, _chunks(sheet, columns, mapping, today, chunk_rows))
            for chunk, cases, faults, body in ahead:
                outcomes = _send(registry, journal, chunk, cases, body, rekey)
                total += len(cases) + len(faults)
                counts["refused"] += len(faults)
                by_row = dict(cases)
                for row, status, more in outcomes:
                    counts[status] += 1
                    if status == "refused":
                        faults.append((row, more["code"], more["field"], more["zh"], more["en"]))
                    else:
                        registered.row(by_row[row].creditor_ref, more, status)
                for fault in sorted(faults):
                    refused.row(*fault)
                if progress is not None:
                    progress(min(sheet.rows, 1 + (chunk + 1) * chunk_rows), sheet.rows)
        if journal.ended is None:
            journal.end(counts)
    return Report(
        total, **counts, encoding=sheet.encoding, dry_run=False, resumed=resumed, refused_file=refused_path,
        cases_file=cases_path,
    )  # fmt: skip


def _dry_run(
    sheet: Sheet,
    columns: dict[str, int],
    mapping: Mapping,
    refused_path: Path,
    progress: Callable[[int, int], None] | None,
) -> Report:
    total = refused = 0
    with Listing(refused_path, HEADER_REFUSED) as out:
        for chunk, cases, faults in _chunks(sheet, columns, mapping, clock.today(), CHUNK_ROWS):
            total, refused = total + len(cases) + len(faults), refused + len(faults)
            for fault in faults:
                out.row(*fault)
            if progress is not None:
                progress(min(sheet.rows, 1 + (chunk + 1) * CHUNK_ROWS), sheet.rows)
    return Report(total, 0, 0, refused, sheet.encoding, True, False, refused_path, None)


def _chunks(sheet: Sheet, columns: dict[str, int], mapping: Mapping, today: date, size: int) -> Iterator[Chunk]:
    """A chunk is a span of rows, so that it is the same after a restart."""
    seen: dict[bytes, int] = {}
    for chunk, group in groupby(rows(sheet), lambda numbered: (numbered[0] - 2) // size):
        cases: list[tuple[int, NewCase]] = []
        faults: list[Fault] = []
        for row, cells in group:
            try:
                case = read_case(cells, columns, mapping, today)
                digest = hashlib.blake2b(case.creditor_ref.encode(), digest_size=8).digest()
                if digest in seen:
                    raise RowFault(
                        "duplicate_reference",
                        f"编号与第 {seen[digest]} 行重复",
                        f"The same reference as row {seen[digest]}",
                        "creditor_ref",
                    )  # fmt: skip
                seen[digest] = row
                cases.append((row, case))
            except RowFault as fault:
                faults.append((row, fault.code, fault.field, fault.zh, fault.en))
        yield chunk, cases, faults


def _encoded(
    registry: Registry, journal: Journal, chunks: Iterator[Chunk]
) -> Iterator[tuple[int, list[tuple[int, NewCase]], list[Fault], "Future[bytes] | None"]]:
    """Each chunk with its body in the making: the next one's tokens are made while one is being registered."""
    with ThreadPoolExecutor(1) as pool:
        held = None
        for chunk, cases, faults in chunks:
            send = bool(cases) and chunk not in journal.done
            body = pool.submit(registry.encode_cases, [case for _, case in cases]) if send else None
            if held is not None:
                yield held
            held = chunk, cases, faults, body
        if held is not None:
            yield held


def _send(
    registry: Registry,
    journal: Journal,
    chunk: int,
    cases: list[tuple[int, NewCase]],
    encoded: "Future[bytes] | None",
    rekey: bool,
) -> list[Outcome]:
    """The chunk's outcomes: from the journal, else from the registry."""
    if encoded is None:
        return journal.done.pop(chunk, [])
    batch, body = [case for _, case in cases], encoded.result()
    digest = hashlib.sha256(body).hexdigest()
    key, sent = journal.keys.get(chunk, ("", ""))
    if sent != digest:  # never sent, or the key epochs moved on: the registry knows each case by its reference
        key = new_key()
        journal.sending(chunk, key, digest)
    results = registry.register_chunk(batch, key=key, body=body)
    if rekey:
        results = _rekey(registry, batch, results)
    outcomes = [_outcome(row, result) for (row, _), result in zip(cases, results, strict=True)]
    journal.finished(chunk, outcomes)
    journal.done.pop(chunk)
    return outcomes


def _rekey(registry: Registry, batch: list[NewCase], results: list[LineResult]) -> list[LineResult]:
    """Adds tokens of the open epochs to the cases that were there; a refusal of that takes the place of `exists`."""
    there = [at for at, result in enumerate(results) if result.status == "exists"]
    pairs = [(results[at].case_id or "", batch[at].subject) for at in there]
    for at, moved in zip(there, registry.add_case_keys(pairs), strict=True):
        if moved.problem is not None:
            results[at] = moved
    return results


def _outcome(row: int, result: LineResult) -> Outcome:
    if result.problem is None:
        return row, result.status, result.case_id
    problem = result.problem
    return row, "refused", {
        "code": problem.code, "zh": problem.zh, "en": problem.en, "field": (problem.pointer or "").strip("/"),
    }  # fmt: skip
