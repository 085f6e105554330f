"""排版 Typesetting: what is printed (a licence card, the fund's disclosure, a contract) as PDF.

A package keeps its templates (Typst) under its own `templates/`; each begins with
`#import "/typesetting/common.typ": *` and reads its figures and words from `data`. Made so that the same input gives
the same octets: our own fonts and none of the system's, no clock, no network, no packages from outside. The output is
PDF/A-2b (ISO 19005-2): fonts embedded, no script, no link that loads something.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import segno
import typst

from ..errors import Invalid

PACKAGE = Path(__file__).resolve().parents[1]
FONTS = Path(__file__).with_name("fonts")
STANDARD: Final = "a-2b"


class GlyphMissing(Invalid):
    """A character that our font lacks: it would be printed as an empty box, so the paper is not made."""

    code = "glyph_missing"
    zh, en = "文本中有字体无法显示的字符", "The text has a character that the font cannot show"
    fix_zh, fix_en = (
        "请改用通用字形，或将该字告知协会以补入字体。",
        "Use another form of it, or have the association add it.",
    )


def pdf(
    template: Path, *, data: Mapping[str, Any], made_at: datetime, assets: Mapping[str, bytes] | None = None
) -> bytes:
    """The paper as PDF/A-2b. `template` stands somewhere below the package `gongxin`; `data` is plain JSON and reaches
    the template as `data`; `assets` are SVG pictures, there by `picture("name")`; `made_at` is the time written into
    the file. Raises GlyphMissing with the pointer of the field, and the code points in `characters`."""
    for pointer, text in _texts(data):
        refuse_missing_glyphs(text, pointer)
    pictures = {name: content.decode() for name, content in (assets or {}).items()}
    made = typst.compile(
        str(template),
        root=str(PACKAGE),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps({**data, "assets": pictures}, ensure_ascii=False)},
        pdf_standards=[STANDARD],
        timestamp=made_at,
    )
    if not isinstance(made, bytes):
        raise TypeError("the compiler gave no single PDF")
    return made


def qr_svg(text: str, *, error: str = "m", border: int = 4) -> bytes:
    """`text` as a QR code (ISO/IEC 18004) in SVG, one unit a module; error correction level L, M, Q or H."""
    code = segno.make(text, error=error, micro=False, boost_error=False)
    picture = BytesIO()
    code.save(picture, kind="svg", border=border, omitsize=True, svgclass=None, lineclass=None, xmldecl=False, nl=False)
    return picture.getvalue()


def refuse_missing_glyphs(text: str, pointer: str) -> None:
    """Raises GlyphMissing where a character of `text` is not in the font."""
    missing = sorted({character for character in text if character not in "\n\t" and not has_glyph(character)})
    if missing:
        raise GlyphMissing(pointer=pointer, extra={"characters": [f"U+{ord(character):04X}" for character in missing]})


def has_glyph(character: str) -> bool:
    """Whether the regular face shows this character."""
    starts, ends = _coverage()
    at = bisect_right(starts, ord(character)) - 1
    return at >= 0 and ord(character) <= ends[at]


@cache
def _coverage() -> tuple[list[int], list[int]]:
    ranges = [line.split("-") for line in (FONTS / "coverage.txt").read_text(encoding="ascii").split()]
    return [int(each[0], 16) for each in ranges], [int(each[-1], 16) for each in ranges]


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])


def _texts(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")
