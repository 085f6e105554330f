"""A rate over amounts as a line, drawn on the server: plain SVG in our colours, wide and narrow, amounts by powers of
ten. The figures stand in a table below. Pure: no database, no request."""

from collections.abc import Sequence
from math import log10
from typing import Any

from markupsafe import Markup

from . import languages

_HEIGHT, _LEFT, _RIGHT, _BELOW, _ABOVE = 240, 56, 40, 26, 12
FROM_FEN = 100  # under a yuan a commission is rounding, and no rate


def rates(points: Sequence[dict[str, Any]], title: str) -> Markup:
    """`points` with `amount_fen` and `effective_bp`, in the order of amounts."""
    if len(points) < 2:
        return Markup("")
    return Markup('<figure class="chart">{}{}</figure>').format(
        _draw(points, title, 720, "wide"), _draw(points, title, 330, "slim")
    )


def _draw(points: Sequence[dict[str, Any]], title: str, width: int, name: str) -> Markup:
    most = max(max(p["effective_bp"] for p in points), 100)
    first, last = log10(points[0]["amount_fen"]), log10(points[-1]["amount_fen"])
    across, down = width - _LEFT - _RIGHT, _HEIGHT - _BELOW - _ABOVE

    def x(fen: int) -> float:
        return _LEFT + (log10(fen) - first) / (last - first) * across

    def y(bp: int) -> float:
        return float(_ABOVE + down - bp / most * down)

    marks = [Markup("")]
    for part in range(5):
        bp = most * part // 4
        marks.append(
            Markup(
                '<line class="tick" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text x="0" y="{:.1f}">{}</text>'
            ).format(_LEFT, width - _RIGHT, y(bp), y(bp), y(bp) + 4, f"{bp / 100:.1f} %")
        )
    step = 1 if width > 500 else 2
    for power in range(int(first + 0.999), int(last) + 1, step):
        shown = f"{10 ** (power - 2):,}" if power >= 2 else f"0.{10**power:02d}"
        marks.append(Markup('<text class="tick" x="{:.1f}" y="{}">{}</text>').format(x(10**power), _HEIGHT - 6, shown))
    line = " ".join(f"{x(p['amount_fen']):.1f},{y(p['effective_bp']):.1f}" for p in points)
    told = languages.both(f"{title}：图，数据见下表", f"{title}: chart, figures in the table below")
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}'
        '<polyline class="curve" points="{}"/></svg>'
    ).format(name, width, _HEIGHT, width, _HEIGHT, told, Markup("").join(marks), line)
