"""What of a table may be told. Pure: no database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from gongxin.errors import bad_field

LEAST = 5  # payments in a cell that is told
TENTHS = 10_000


@dataclass(frozen=True, slots=True)
class Cell:
    count: int
    amount_fen: int


Key = tuple[str, str]


def quarter(year: int, number: int) -> tuple[date, date]:
    """First and last day."""
    if not 1 <= number <= 4 or not 2000 <= year <= 2999:
        raise bad_field("/quarter", "应为 1 至 4", "It is 1 to 4")
    first = date(year, 3 * number - 2, 1)
    after = date(year + number // 4, 3 * number % 12 + 1, 1)
    return first, after - timedelta(days=1)


def suppressed(cells: Mapping[Key, Cell]) -> set[Key]:
    """Cells of cause and region that are not told, where the sum of each row, of each column and of all are told.

    First what is small; then, in each row and column that hides anything, more of its smallest cells until what is
    hidden there is at least two cells and at least `LEAST` payments: so that no subtraction gives one back."""
    hidden = {key for key, cell in cells.items() if 0 < cell.count < LEAST}
    while True:
        more = _next(cells, hidden)
        if more is None:
            return hidden
        hidden.add(more)


def _next(cells: Mapping[Key, Cell], hidden: set[Key]) -> Key | None:
    for axis in (0, 1):
        for name in sorted({key[axis] for key in hidden}):
            here = [key for key in hidden if key[axis] == name]
            if len(here) >= 2 and sum(cells[key].count for key in here) >= LEAST:
                continue
            left = [key for key, cell in cells.items() if key[axis] == name and key not in hidden and cell.count]
            if left:
                return min(left, key=lambda key: (cells[key].count, key))
    return None


def told_margins(cells: Mapping[Key, Cell], hidden: set[Key], axis: int) -> dict[str, Cell | None]:
    """Sums by cause (axis 0) or region (axis 1). A row that hides a single cell, or too few payments, has no sum: it
    would say what the cell does not; and where one sum is kept back, a second is, for the sum of all is told."""
    names = sorted({key[axis] for key in cells})
    sums = {
        name: Cell(
            sum(cell.count for key, cell in cells.items() if key[axis] == name),
            sum(cell.amount_fen for key, cell in cells.items() if key[axis] == name),
        )
        for name in names
    }
    kept = set()
    for name in names:
        here = [key for key in hidden if key[axis] == name]
        if here and (len(here) < 2 or sum(cells[key].count for key in here) < LEAST):
            kept.add(name)
    while kept and len(kept) < len(names) and (len(kept) < 2 or sum(sums[name].count for name in kept) < LEAST):
        kept.add(min((name for name in names if name not in kept), key=lambda name: (sums[name].count, name)))
    return {name: None if name in kept else cell for name, cell in sums.items()}


def share_bp(part_fen: int, whole_fen: int) -> int | None:
    """In basis points, rounded down; None of nothing."""
    return None if whole_fen <= 0 else part_fen * TENTHS // whole_fen
