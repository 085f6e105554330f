"""What a quarter tells, and that no subtraction gives back what it does not."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gongxin.fund.reports import rules
from gongxin.fund.reports.rules import Cell

_TABLES = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["31", "32", "33"])),
    st.integers(1, 12).map(lambda count: Cell(count, count * 100)),
    max_size=12,
)


@given(_TABLES)
def test_no_small_cell_is_told(cells: dict[tuple[str, str], Cell]) -> None:
    hidden = rules.suppressed(cells)
    assert all(cell.count >= rules.LEAST for key, cell in cells.items() if key not in hidden)


@given(_TABLES)
def test_a_told_sum_hides_two_cells_and_five_payments_or_none(cells: dict[tuple[str, str], Cell]) -> None:
    hidden = rules.suppressed(cells)
    for axis in (0, 1):
        margins = rules.told_margins(cells, hidden, axis)
        for name, told in margins.items():
            here = [cells[key].count for key in hidden if key[axis] == name]
            if told is not None and here:
                assert len(here) >= 2
                assert sum(here) >= rules.LEAST
        kept = [name for name, told in margins.items() if told is None]
        if kept and len(kept) < len(margins):
            assert len(kept) >= 2


def test_a_single_small_cell_takes_its_neighbours_along() -> None:
    cells = {key: Cell(9, 900) for key in itertools.product("ab", ("31", "32"))} | {("a", "31"): Cell(1, 100)}
    assert rules.suppressed(cells) == set(cells)


def test_a_quarter_begins_and_ends_where_the_calendar_says() -> None:
    first, last = rules.quarter(2026, 4)
    assert (first.isoformat(), last.isoformat()) == ("2026-10-01", "2026-12-31")
    assert rules.quarter(2024, 1)[1].isoformat() == "2024-03-31"
    assert rules.share_bp(1, 0) is None
    assert rules.share_bp(1, 3) == 3333
