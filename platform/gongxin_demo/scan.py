"""Did an ID number reach the registry? Each row of each table is read, and what its processes wrote."""

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

# Overlapping, so that a number inside a longer run of digits is seen too.
_CANDIDATE = re.compile(r"(?=(99[0-9]{15}[0-9Xx]))")
_BYTEA = re.compile(r"\\\\?x((?:[0-9a-f]{2})+)")
_HALF_WIDTH = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789Xx")


@dataclass
class Scan:
    """What was read and what was found: `tables` with the number of their rows; `controls` are texts that the registry
    does hold and the scan has seen."""

    tables: dict[str, int] = field(default_factory=dict)
    files: int = 0
    found: int = 0
    controls: set[str] = field(default_factory=set)

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


def scan(owner_url: str, logs: Iterable[Path], numbers: Set[str], controls: Iterable[str]) -> Scan:
    """Counts the ID numbers in the registry's tables and logs. `owner_url` is SQLAlchemy's; the owner reads every row.
    A control that is seen shows that the scan can see."""
    result, wanted = Scan(), set(controls)
    with psycopg.connect(owner_url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        for table in _tables(connection):
            result.tables[table] = 0
            for row in _rows(connection, table):
                result.tables[table] += 1
                result.found += len(numbers_in(row, numbers))
                result.controls |= {control for control in wanted if control in row}
    for path in logs:
        if path.is_file():
            result.files += 1
            result.found += len(numbers_in(path.read_text(encoding="utf-8", errors="replace"), numbers))
    return result


def numbers_in(text: str, numbers: Set[str]) -> set[str]:
    """The ID numbers in a text, as they are, in full width, and in columns of bytes."""
    shapes = [text.translate(_HALF_WIDTH) if not text.isascii() else text]
    shapes += [bytes.fromhex(found).decode("latin-1") for found in _BYTEA.findall(text)]
    return {found for shape in shapes for found in map(str.upper, _CANDIDATE.findall(shape)) if found in numbers}


def _tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
        " and not relispartition order by relname"
    )
    return [row[0] for row in rows]


def _rows(connection: psycopg.Connection, table: str) -> Iterator[str]:
    with connection.cursor(name="scan") as cursor:
        cursor.itersize = 5000
        cursor.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(table)))
        for row in cursor:
            yield row[0]
