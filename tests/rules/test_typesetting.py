"""What is printed: the same input gives the same octets, our own fonts only, and no empty boxes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin import typesetting

MADE = datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)
SAMPLE = """#import "/typesetting/common.typ": *
#show: paper.with(title: data.title, language: data.language, number: data.number)
#data.words
#amount(data.fen) #amount(-5) #percentage(1385) *𠮷*
#picture("code", width: 30mm)
"""
DATA = {"title": "披露 Disclosure", "language": "zh", "number": "GX-7", "words": "龍龘𠮷 café", "fen": 1234567890}
ASSETS = {"code": typesetting.qr_svg("HTTPS://REGISTRY.TEST/CHECK/GX7")}


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    path = typesetting.PACKAGE / "typesetting" / f"sample-{id(SAMPLE)}.typ"
    path.write_text(SAMPLE, encoding="utf-8")
    yield path
    path.unlink()


def test_the_same_input_gives_the_same_octets(template: Path) -> None:
    first = typesetting.pdf(template, data=DATA, made_at=MADE, assets=ASSETS)
    assert first == typesetting.pdf(template, data=DATA, made_at=MADE, assets=ASSETS)
    assert first != typesetting.pdf(template, data={**DATA, "fen": 1234567891}, made_at=MADE, assets=ASSETS)


def test_amounts_rates_and_rare_characters_are_readable_in_the_paper(template: Path) -> None:
    paper = pypdf.PdfReader(BytesIO(typesetting.pdf(template, data=DATA, made_at=MADE, assets=ASSETS)))
    text = paper.pages[0].extract_text()
    for shown in ("12,345,678.90", "−0.05", "13.85 %", "龍龘𠮷 café", "GX-7", "第 1 页，共 1 页"):
        assert shown in text, shown
    assert paper.metadata is not None
    assert paper.metadata.title == DATA["title"]


def test_every_font_is_embedded_and_the_paper_says_it_is_pdf_a(template: Path) -> None:
    paper = pypdf.PdfReader(BytesIO(typesetting.pdf(template, data=DATA, made_at=MADE, assets=ASSETS)))
    fonts = [font.get_object() for font in paper.pages[0]["/Resources"]["/Font"].values()]  # type: ignore[index]
    assert fonts
    for font in fonts:
        assert "NotoSansCJKsc" in font["/BaseFont"]
        assert "/FontFile3" in font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
    xmp = paper.trailer["/Root"]["/Metadata"].get_data()  # type: ignore[index]
    assert b"<pdfaid:part>2</pdfaid:part>" in xmp
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in xmp


def test_a_character_without_a_glyph_is_refused_by_field_and_code_point(template: Path) -> None:
    with pytest.raises(typesetting.GlyphMissing) as caught:
        typesetting.pdf(template, data={**DATA, "a/b": [{"name": "ก王"}]}, made_at=MADE)
    assert caught.value.pointer == "/a~1b/0/name"
    assert caught.value.extra == {"characters": ["U+0E01"]}


@given(st.text(alphabet=st.sampled_from("合同𠮷龘ABC,.，。（）《》ก\U0002f800\x07"), max_size=8))
def test_coverage_and_the_font_agree(text: str) -> None:
    lacks = any(character in "ก\U0002f800\x07" for character in text)
    try:
        typesetting.refuse_missing_glyphs(text, "/x")
    except typesetting.GlyphMissing:
        assert lacks
    else:
        assert not lacks


def test_no_template_can_read_outside_the_package(template: Path) -> None:
    outside = template.with_name("outside.typ")
    outside.write_text('#read("/../../pyproject.toml")', encoding="utf-8")
    try:
        with pytest.raises(Exception, match=r"escape|outside|not found|access"):
            typesetting.pdf(outside, data={}, made_at=MADE)
    finally:
        outside.unlink()
