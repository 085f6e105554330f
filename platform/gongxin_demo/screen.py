"""What the terminal shows: who did what and what came back, Chinese first; colours and a spinner only on a terminal."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_EXTRA_LINES = 6


class StepFailed(Exception):
    """What came back is not what had to come back."""


def expect(holds: bool, zh: str, en: str) -> None:
    """Raises StepFailed where it does not hold; every step checks what it shows."""
    if not holds:
        raise StepFailed(f"{zh} {en}")


@dataclass
class Said:
    """What one step tells: pairs of lines, and short lines in one language (a refused line, a receipt)."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, zh: str, en: str = "") -> None:
        self.lines.append((zh, en))

    def some(self, lines: list[str]) -> None:
        """The first few of many."""
        for line in lines[:_EXTRA_LINES]:
            self(f"· {line}")
        if len(lines) > _EXTRA_LINES:
            self(f"· …… {len(lines) - _EXTRA_LINES}")


class Screen:
    """Prints the day. `failed` names the step that did not end, `done` counts those that did."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, width=None if _columns() else 110)
        self.done = 0
        self.failed: str | None = None

    def title(self, zh: str, en: str) -> None:
        self._print()
        self._pair((zh, "bold"), en)

    def chapter(self, zh: str, en: str) -> None:
        self._print()
        self._pair((f"── {zh}", "bold cyan"), en)

    def note(self, zh: str, en: str) -> None:
        self._pair((f"  {zh}", ""), en, indent=2)

    def line(self, text: str) -> None:
        """Something to copy, as it is."""
        self._print(Text(text))

    @contextlib.contextmanager
    def step(self, who: str, zh: str, en: str) -> Iterator[Said]:
        """One step: shown when it is done, or as failed, and then the fault goes on upwards."""
        said = Said()
        waiting = self.console.status(f"{who} {zh} {en}") if self.console.is_terminal else contextlib.nullcontext()
        try:
            with waiting:
                yield said
        except BaseException:
            self.failed = f"{who} {zh} {en}"
            self._step("✗", "bold red", who, zh, en, said)
            raise
        self.done += 1
        self._step("✓", "green", who, zh, en, said)

    def _step(self, mark: str, style: str, who: str, zh: str, en: str, said: Said) -> None:
        self._print(Text.assemble((f"{mark} ", style), (who, "bold"), f"  {zh} ", (en, "dim")))
        for line_zh, line_en in said.lines:
            self._pair((f"    {line_zh}", ""), line_en, indent=4)

    def table(self, zh: str, en: str, columns: list[str], rows: list[list[str]]) -> None:
        self.chapter(zh, en)
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._print(table)

    def failure(self, zh: str, en: str, detail: str = "") -> None:
        self._pair((f"✗ {zh}", "red"), en, indent=2)
        if detail:
            self._print(Text(detail))

    def _pair(self, zh: tuple[str, str], en: str, *, indent: int = 0) -> None:
        """Both on one line where they fit, else the English below the Chinese."""
        fits = cell_len(zh[0]) + 2 + cell_len(en) <= self.console.width
        between = "  " if fits else "\n" + " " * indent
        self._print(Text.assemble(zh, between if en else "", (en, "dim")))

    def _print(self, what: object = "") -> None:
        # Text is left to the terminal to wrap: a wide character more or less never cuts a line.
        self.console.print(what, soft_wrap=not isinstance(what, Table))


def _columns() -> bool:
    return os.isatty(1) or bool(os.environ.get("COLUMNS"))
