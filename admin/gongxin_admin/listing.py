"""Lists: filters kept in the address, status tabs with counts, cursor paging, an empty state, CSV that a spreadsheet
opens safely. A list works as a plain GET form; htmx only swaps its block.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from markupsafe import Markup

from gongxin import clock
from gongxin.web.paging import decode_cursor, page

from . import languages
from .face import Door

LIMIT = 50
CSV_ROWS = 10_000
_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Column:
    """`cell` gives what the page shows, `plain` what a CSV holds where it differs. `end`: figures, end-aligned."""

    head: str
    cell: Callable[[Any], Any]
    plain: Callable[[Any], Any] | None = None
    end: bool = False


@dataclass(frozen=True)
class Filter:
    """A field of the address. With options a choice, else a search. `tab`: shown as tabs, with `counts` where known."""

    name: str
    label: str
    options: Sequence[tuple[str, str]] = ()
    tab: bool = False
    counts: dict[str, int] = field(default_factory=dict)


Fetch = Callable[[dict[str, str], list[str] | None, int], Sequence[Any]]


@dataclass(frozen=True)
class Listing:
    """`fetch(values, after, limit)` gives up to limit + 1 rows after that key; `key(row)` is a row's place in the
    order; `address(row)` leads to the object."""

    name: str
    title: str
    rule: str
    columns: Sequence[Column]
    fetch: Fetch
    key: Callable[[Any], list[str]]
    address: Callable[[Any], str] | None = None
    filters: Sequence[Filter] = ()
    empty: str = ""
    keys: int = 1
    total: Callable[[dict[str, str]], int] | None = None

    def values(self) -> dict[str, str]:
        """What the address asks for; an option that does not exist counts as none."""
        found = {}
        for each in self.filters:
            given = request.args.get(each.name, "").strip()[:100]
            found[each.name] = given if not each.options or given in dict(each.options) else ""
        return found


def show(door: Door, listing: Listing, template: str = "list.html", **words: Any) -> Response:
    """The page, its block alone for htmx, or the CSV where the address says `csv=1`."""
    values = listing.values()
    if request.args.get("csv") == "1":
        return _csv(listing, values)
    after = decode_cursor(request.args.get("cursor") or None, listing.keys)
    rows, cursor = page(listing.fetch(values, after, LIMIT), LIMIT, listing.key)
    cells = [
        [
            _linked(listing, row, column.cell(row)) if at == 0 else column.cell(row)
            for at, column in enumerate(listing.columns)
        ]
        for row in rows
    ]
    return door.render(
        template, block="found", listing=listing, values=values, cells=cells, tabs=_tabs(listing, values),
        heads=[column.head for column in listing.columns],
        ends=[at for at, column in enumerate(listing.columns) if column.end],
        total=listing.total(values) if listing.total is not None else None,
        more=here(cursor=cursor) if cursor else "", csv=here(csv="1", cursor=None), filtered=any(values.values()),
        **words,
    )  # fmt: skip


def here(**changes: str | None) -> str:
    """This address with some of its fields changed, or left out where None."""
    fields = {**request.args.to_dict(), **changes}
    kept = urlencode({name: value for name, value in fields.items() if value})
    return f"{request.path}?{kept}" if kept else request.path


def safe_cell(value: Any) -> str:
    """Text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_ACTIVE) and not text.lstrip("-").replace(".", "", 1).isdigit() else text


def csv_response(name: str, heads: Sequence[str], rows: Iterator[Sequence[Any]]) -> Response:
    """UTF-8 with BOM; the first line says when and in which zone."""

    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\r\n")
        now = clock.now().astimezone(clock.SHANGHAI)
        writer.writerow(
            [languages.both(f"导出于 {now:%Y-%m-%d %H:%M} 北京时间", f"exported {now:%Y-%m-%d %H:%M} Beijing time")]
        )
        writer.writerow([safe_cell(head) for head in heads])
        for row in rows:
            writer.writerow([safe_cell(cell) for cell in row])
        yield "\ufeff" + buffer.getvalue()

    stamp = clock.now().astimezone(clock.SHANGHAI).strftime("%Y%m%d-%H%M")
    return Response(
        "".join(lines()), mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}-{stamp}.csv"'},
    )  # fmt: skip


def _csv(listing: Listing, values: dict[str, str]) -> Response:
    def rows() -> Iterator[list[Any]]:
        after, sent = None, 0
        while sent < CSV_ROWS:
            found, cursor = page(listing.fetch(values, after, 500), 500, listing.key)
            for row in found:
                yield [_text((column.plain or column.cell)(row)) for column in listing.columns]
            sent += len(found)
            if cursor is None:
                return
            after = decode_cursor(cursor, listing.keys)

    return csv_response(listing.name, [column.head for column in listing.columns], rows())


def _text(value: Any) -> str:
    return value.striptags() if isinstance(value, Markup) else ("" if value is None else str(value))


def _linked(listing: Listing, row: Any, shown: Any) -> Any:
    return shown if listing.address is None else Markup('<a href="{}">{}</a>').format(listing.address(row), shown)


def _tabs(listing: Listing, values: dict[str, str]) -> list[dict[str, Any]]:
    for each in listing.filters:
        if each.tab:
            options = [("", languages.both("全部", "All")), *each.options]
            return [
                {
                    "name": shown, "address": here(**{each.name: value, "cursor": None}),
                    "here": values[each.name] == value,
                    "count": sum(each.counts.values()) if not value and each.counts else each.counts.get(value),
                }
                for value, shown in options
            ]  # fmt: skip
    return []
