"""How amounts, times and numbers are written on a page."""

from datetime import date, datetime

from markupsafe import Markup, escape

from gongxin.clock import SHANGHAI

from . import languages


def yuan(fen: int) -> str:
    """1234567 -> ¥12,345.67; thousands and two decimals in both languages."""
    sign = "−" if fen < 0 else ""
    whole, rest = divmod(abs(fen), 100)
    return f"{sign}¥{whole:,}.{rest:02d}"


def percent(basis_points: int) -> str:
    """1385 -> 13.85 %"""
    sign = "−" if basis_points < 0 else ""
    whole, rest = divmod(abs(basis_points), 100)
    return f"{sign}{whole}.{rest:02d} %"


def moment(at: datetime | None) -> Markup:
    """Beijing time to the minute, the instant itself in `datetime`."""
    if at is None:
        return Markup("—")
    local = at.astimezone(SHANGHAI)
    return Markup('<time datetime="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M}"
    )


def instant(text: str) -> Markup:
    """A moment as services write it (RFC 3339)."""
    return moment(datetime.fromisoformat(text))


def day(at: date | None) -> Markup:
    return Markup("—") if at is None else Markup('<time datetime="{0}">{0}</time>').format(at.isoformat())


def named(pair: tuple[str, str]) -> str:
    """A pair (中文, English) in the page's language."""
    return languages.both(*pair)


def plain(text: str) -> Markup:
    """Text by others: bidirectional controls shown as what they are, in an isolated run."""
    shown = "".join(f"[U+{ord(c):04X}]" if c in _CONTROLS else c for c in text)
    return Markup("<bdi>{}</bdi>").format(escape(shown))


_CONTROLS = frozenset("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
FILTERS = {
    "yuan": yuan, "percent": percent, "moment": moment, "instant": instant, "day": day, "named": named, "plain": plain,
}  # fmt: skip
