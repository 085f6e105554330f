"""An uploaded text against the words on record: every difference, by clause. Pure.

White space says nothing here, for a PDF does not keep it. Lines that stand once in both, long enough to be no
coincidence, anchor the comparison (patience diff); what lies between two anchors is compared by itself."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from .paper import Line

MAX_DIFFERENCES = 500
_ANCHOR = 6
_TOGETHER = 4_000  # characters that are compared one by one; longer stretches are told whole
_SHOWN = 400
_NEAR = 8
_SPACE = re.compile(r"\s+")
_TOKENS = re.compile(r"[A-Za-z]+|[0-9]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Difference:
    """`what`: missing, added or changed. `expected` and `found` are told with a little of what stands around them."""

    part: str
    language: str
    what: str
    expected: str
    found: str


def compare(lines: Sequence[Line], text: str, *, folded: bool = False) -> list[Difference]:
    """What differs, in the order of the record. `folded`: compatibility forms are the same (a PDF tells glyphs)."""
    wanted, found = [_plain(line.text, folded) for line in lines], _plain(text, folded)
    differences: list[Difference] = []
    at_line = at = 0
    for index, place in [*_anchors(wanted, found), (len(lines), len(found))]:
        stretch = list(zip(lines[at_line:index], wanted[at_line:index], strict=True))
        differences += _between(stretch, found[at:place], lines[max(0, min(at_line, len(lines)) - 1)])
        if index < len(lines):
            at_line, at = index + 1, place + len(wanted[index])
    return differences


def _plain(text: str, folded: bool) -> str:
    return _SPACE.sub("", unicodedata.normalize("NFKC", text) if folded else text)


def _anchors(wanted: Sequence[str], found: str) -> list[tuple[int, int]]:
    """(line, its place in the text), rising in both: the longest chain of lines that stand there once."""
    counts: dict[str, int] = {}
    for line in wanted:
        counts[line] = counts.get(line, 0) + 1
    places = []
    for index, line in enumerate(wanted):
        if len(line) < _ANCHOR or counts[line] > 1:
            continue
        place = found.find(line)
        if place >= 0 and found.find(line, place + 1) < 0:
            places.append((index, place, place + len(line)))
    return _longest(places)


def _longest(places: Sequence[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """The longest run whose places rise and do not overlap (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, start, end) in enumerate(places):
        pile = bisect_left(ends, start + 1)
        before.append(tails[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(number)
            ends.append(end)
        elif end < ends[pile]:
            tails[pile], ends[pile] = number, end
    chain, at = [], tails[-1] if tails else -1
    while at >= 0:
        chain.append(places[at][:2])
        at = before[at]
    return chain[::-1]


def _between(stretch: Sequence[tuple[Line, str]], found: str, near: Line) -> Iterator[Difference]:
    """Differences between two anchors. What was put in before the first line counts to the line before."""
    wanted = "".join(text for _, text in stretch)
    if wanted == found:
        return
    if not wanted:
        yield _told(near, "", found, "", "")
        return
    if not found or len(wanted) > _TOGETHER or len(found) > _TOGETHER:
        yield from (_told(line, text, "", "", "") for line, text in stretch if text)
        if found:
            yield _told(stretch[0][0], "", found, "", "")
        return
    starts, owners = [], []
    at = 0
    for line, text in stretch:
        starts.append(at)
        owners.append(line)
        at += len(text)
    for i, j, k, m in _changes(wanted, found):
        owner = owners[max(0, _owner(starts, i))]
        yield _told(owner, wanted[i:j], found[k:m], wanted[max(0, i - _NEAR) : i], wanted[j : j + _NEAR])


def _changes(wanted: str, found: str) -> Iterator[tuple[int, int, int, int]]:
    """Places of the runs that differ; one that a single shared sign splits is one."""
    old, new = _TOKENS.findall(wanted), _TOKENS.findall(found)
    old_at, new_at = _starts(old), _starts(new)
    pending: tuple[int, int, int, int] | None = None
    for op, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            continue
        here = (old_at[i], old_at[j], new_at[k], new_at[m])
        if pending is not None and here[0] - pending[1] <= 1:
            pending = (pending[0], here[1], pending[2], here[3])
            continue
        if pending is not None:
            yield pending
        pending = here
    if pending is not None:
        yield pending


def _starts(tokens: Sequence[str]) -> list[int]:
    found = [0]
    for token in tokens:
        found.append(found[-1] + len(token))
    return found


def _owner(starts: Sequence[int], at: int) -> int:
    return bisect_left(starts, at + 1) - 1


def _told(line: Line, expected: str, found: str, before: str, after: str) -> Difference:
    what = "missing" if not found else "added" if not expected else "changed"
    return Difference(line.part, line.language, what, _short(before + expected + after), _short(before + found + after))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def as_json(found: Sequence[Difference], clauses: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """With the number of the clause, and whether it is locked."""
    known = {clause["id"]: clause for clause in clauses}
    return [
        {
            "clause_id": each.part, "number": known[each.part]["number"] if each.part in known else None,
            "locked": bool(known[each.part]["locked"]) if each.part in known else each.part != "signatures",
            "language": each.language or None,
            "what": each.what, "expected": each.expected, "found": each.found,
        }
        for each in found[:MAX_DIFFERENCES]
    ]  # fmt: skip
