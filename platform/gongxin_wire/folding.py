"""The folding that both identifiers and case numbers begin with: explicit, so that every language can do the same.

Full-width ASCII (U+FF01–U+FF5E) becomes ASCII; spaces, line breaks and invisible marks go. Nothing else changes: no
Unicode normalisation, whose tables differ between versions and which turns ², ① or ﬀ into other text.
"""

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_GONE = (
    *(0x09, 0x0A, 0x0D, 0x20, 0xA0, 0x3000),  # tab, line feed, carriage return, spaces
    *range(0x2000, 0x2010),  # spaces of all widths, zero-width space and joiners, direction marks
    *(0x202F, 0x205F, 0x2060, 0xFEFF),
    *range(0x202A, 0x202F),  # direction embedding, which spreadsheets leave behind
    *range(0x2066, 0x206A),
)
_HYPHENS = (0x2D, 0xB7, 0xFF0D, *range(0x2010, 0x2016), 0x2212)
_FOLD: dict[int, int | None] = {**_WIDE, **dict.fromkeys(_GONE)}
_FOLD_ALL: dict[int, int | None] = {**_FOLD, **dict.fromkeys(_HYPHENS)}


def fold(text: str, *, hyphens: bool = False) -> str:
    """The folded text; with `hyphens` also without hyphens, dashes, minus signs and middle dots."""
    return text.translate(_FOLD_ALL if hyphens else _FOLD)
