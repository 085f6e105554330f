"""The curve of a fee model as SVG: effective rate over amount, one line for each stretch of ages. Pure."""

from math import log10
from typing import Any

from ..fees import drawing
from ..fees import model as fees
from .paper import percent

WIDTH, HEIGHT = 480, 150
_MOST_LINES = 6
_LEAST_FEN, _MOST_FEN = 100, 10**9
_INKS = ("#1f2933", "#1b5e9b", "#b3541e", "#2e7d4f", "#7b3fa0", "#8a6d00")


def svg(model: fees.FeeModel) -> bytes:
    """Without a text: its caption and table stand beside it. A grid line for each power of ten and each tenth."""
    lines = _lines(model)
    top = _top(lines)
    grid = [f'<path d="M{_x(10**power)} 0V{HEIGHT}" stroke="#c9d0d6" stroke-width=".5"/>' for power in range(2, 10)] + [
        f'<path d="M0 {HEIGHT * step // 10}H{WIDTH}" stroke="#e4e8eb" stroke-width=".5"/>' for step in range(11)
    ]
    drawn = [
        f'<path fill="none" stroke="{ink}" stroke-width="1.2" d="{_path(line, top)}"/>'
        for line, ink in zip(lines, _INKS, strict=False) if line
    ]  # fmt: skip
    view = f"-2 -2 {WIDTH + 4} {HEIGHT + 4}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}">{"".join(grid + drawn)}</svg>'.encode()


LEGEND_PATTERN = r"(?:0–[0-9.]+%(?:M[0-9]+\+?)+。)?"


def legend(model: fees.FeeModel) -> dict[str, Any]:
    """The scale, and the ink of each age; as `LEGEND_PATTERN` reads it without its spaces."""
    ages = [{"age": fees.AGES[age - 1], "ink": ink} for age, ink in zip(_ages(model), _INKS, strict=False)]
    return {"scale": f"0–{percent(_top(_lines(model)))}", "ages": ages}


def _lines(model: fees.FeeModel) -> list[list[tuple[int, int]]]:
    return [_points(drawing.curve(model, age)) for age in _ages(model)]


def _top(lines: list[list[tuple[int, int]]]) -> int:
    return max((rate for line in lines for _, rate in line), default=0) or 1


def _ages(model: fees.FeeModel) -> list[int]:
    return sorted({tier.age_from for tier in model.tiers})[:_MOST_LINES]


def _points(curve: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [
        (point["amount_fen"], point["effective_bp"]) for point in curve
        if _LEAST_FEN <= point["amount_fen"] <= _MOST_FEN
    ]  # fmt: skip


def _path(line: list[tuple[int, int]], top: int) -> str:
    return "M" + " L".join(_spot(fen, rate, top) for fen, rate in line)


def _x(fen: int) -> str:
    return f"{WIDTH * (log10(fen) - 2) / 7:.2f}"


def _spot(fen: int, rate: int, top: int) -> str:
    return f"{_x(fen)} {HEIGHT - HEIGHT * rate / top:.2f}"
