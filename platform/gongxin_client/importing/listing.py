"""Lists for spreadsheets: UTF-8 with BOM, no cell a formula, there whole or not at all."""

import csv
import os
from pathlib import Path
from typing import IO, Any

_FORMULA = "=+-@\t\r|"


class Listing:
    """A CSV in UTF-8 with BOM, cells safe from formulas, that takes its name when it is whole; mode 0600."""

    def __init__(self, path: Path, header: tuple[str, ...]) -> None:
        self._path, self._partial = path, path.with_name(path.name + ".partial")
        self._header = header
        self._file: IO[str] | None = None

    def __enter__(self) -> "Listing":
        handle = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = open(handle, "w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(self._header)
        return self

    def row(self, *cells: Any) -> None:
        self._writer.writerow([safe_cell(str(cell)) for cell in cells])

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._file is not None
        self._file.close()
        if kind is None:
            os.replace(self._partial, self._path)


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in _FORMULA and text else text
