"""Charts drawn on the server: plain SVG in our colours, wide and narrow; the figures stand in a table below.

No script, no inline style: classes of `gongxin.css` give the colours of both themes. Pure: no database, no request.
"""

from collections.abc import Sequence

from markupsafe import Markup

from . import languages

# Beside the bar on a wide page, above it on a narrow one. In pixels of the drawing.
WIDE, NARROW = 960, 340
_LABEL, _ROW, _TALL_ROW, _BAR, _AXIS, _END = 220, 32, 50, 18, 24, 120
COLOURS = 8
_CJK, _LATIN = 13.0, 7.3


def stacked(rows: Sequence[tuple[str, Sequence[int | None]]], series: Sequence[str], *, title: str) -> Markup:
    """One bar a row, its parts in the order of `series`. A part that is None is not drawn, and the row says so. The
    order of the rows is the caller's."""
    if not rows:
        return Markup("")
    return Markup('<figure class="chart"><figcaption>{}</figcaption>{}{}</figure>').format(
        _legend(series, rows), _draw(rows, series, title, WIDE), _draw(rows, series, title, NARROW)
    )


def ticks(most: int, wanted: int) -> list[int]:
    """Whole numbers from 0 up to or past `most`, in steps of 1, 2 or 5 times a power of ten."""
    step, power = 1, 1
    while most > step * wanted:
        step = next((n * power for n in (2, 5) if n * power > step), 10 * power)
        power = power * 10 if step == 10 * power else power
    return list(range(0, max(1, -(-most // step)) * step + 1, step))


def shortened(text: str, room: float) -> str:
    """As much of a name as fits into so many pixels."""
    taken, kept = 0.0, ""
    for char in text:
        taken += _CJK if ord(char) > 0x2E7F else _LATIN
        if taken > room - _CJK:
            return kept + "…"
        kept += char
    return kept


def _legend(series: Sequence[str], rows: Sequence[tuple[str, Sequence[int | None]]]) -> Markup:
    """Only of what is drawn somewhere."""
    drawn = [at for at in range(len(series)) if any(counts[at] for _name, counts in rows)]
    items = Markup("").join(
        Markup(
            '<li><svg class="swatch" viewBox="0 0 12 12" aria-hidden="true"><rect class="s{}" width="12" height="12"/>'
            "</svg> {}</li>"
        ).format(at % COLOURS, series[at])
        for at in drawn
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def _draw(rows: Sequence[tuple[str, Sequence[int | None]]], series: Sequence[str], title: str, width: int) -> Markup:
    narrow = width == NARROW
    left, row_height = (0, _TALL_ROW) if narrow else (_LABEL, _ROW)
    marks = ticks(max(sum(c or 0 for c in counts) for _name, counts in rows), 4 if narrow else 8)
    scale = (width - left - _END) / marks[-1]
    height = row_height * len(rows) + _AXIS
    drawn = [_axis(marks, left, scale, height)]
    for at, (name, counts) in enumerate(rows):
        top = at * row_height + (24 if narrow else (_ROW - _BAR) // 2)
        room = width if narrow else _LABEL - 12
        where = (0, top - 7) if narrow else (0, top + 14)
        drawn.append(
            Markup('<text x="{}" y="{}"><title>{}</title>{}</text>').format(*where, name, shortened(name, room))
        )
        drawn.append(_bar(counts, series, left, top, scale))
    name = languages.both(f"{title}：图，数据见下表", f"{title}: chart, figures in the table below")
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format("slim" if narrow else "wide", width, height, width, height, name, Markup("").join(drawn))


def _axis(marks: Sequence[int], left: int, scale: float, height: int) -> Markup:
    return Markup("").join(
        Markup(
            '<line class="tick" x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}"/>'
            '<text class="tick{4}" x="{0:.1f}" y="{2}">{3}</text>'
        ).format(left + mark * scale + 0.5, height - _AXIS + 4, height - 4, f"{mark:,}", "" if mark else " first")
        for mark in marks
    )


def _bar(counts: Sequence[int | None], series: Sequence[str], left: int, top: int, scale: float) -> Markup:
    """The parts, and at its end the sum; where something is kept back that it is more."""
    at, drawn = float(left), []
    for place, count in enumerate(counts):
        if count:
            drawn.append(
                Markup(
                    '<rect class="s{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{} {}</title></rect>'
                ).format(place % COLOURS, at, top, count * scale, _BAR, series[place], f"{count:,}")
            )
            at += count * scale
    kept_back, known = languages.both("另有不公开", "some withheld"), sum(c or 0 for c in counts)
    told = f"{known:,}" if None not in counts else f"{known:,} + {kept_back}" if known else kept_back
    return Markup("").join(
        [*drawn, Markup('<text class="sum" x="{:.1f}" y="{}">{}</text>').format(at + 6, top + 14, told)]
    )
