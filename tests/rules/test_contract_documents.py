"""Documents of a contract: printed alike from the same content, read back without a difference, hostile ones refused
with their reason."""

import shutil
import subprocess
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from gongxin import typesetting
from gongxin.contracts.documents import comparing, curve, paper, pdf_in, redline, refusals, service, word_in, word_out
from gongxin.contracts.fees import model as fees
from gongxin.contracts.standard import numerals
from gongxin.contracts.standard import service as standard
from gongxin.errors import GongxinError, Invalid

from .contract_papers import AGENCY, BANK, DEVIATION, added, content, page, replaced

MADE = datetime(2026, 11, 25, tzinfo=UTC)
_RELS = "word/_rels/document.xml.rels"


def pdf(found: dict[str, Any]) -> bytes:
    page_ = page(found)
    pictures = {"code": typesetting.qr_svg(page_["check"]), "curve": curve.svg(fees.read(found["cover"]["fee_model"]))}
    legend = curve.legend(fees.read(found["cover"]["fee_model"]))
    data = page_ | {"headings": paper.HEADINGS, "curve_note": paper.CURVE_NOTE, "legend": legend}
    return typesetting.pdf(service.TEMPLATE, data=data, made_at=MADE, assets=pictures)


@pytest.fixture(scope="module")
def docx() -> bytes:
    return word_out.docx(page())


@pytest.fixture(scope="module")
def printed() -> bytes:
    return pdf(content(DEVIATION))


def differences(text: str, found: dict[str, Any] | None = None, *, folded: bool = False) -> list[comparing.Difference]:
    page_ = page(found)
    bare = service._without_frame(text, page_["number"])
    return comparing.compare(list(paper.lines(page_)), bare, folded=folded)


def refusal(upload: bytes, read: Any = word_in.text) -> str:
    with pytest.raises(Invalid) as caught:
        read(upload)
    assert caught.value.fix_zh
    assert caught.value.fix_en
    return caught.value.code


# --- made -----------------------------------------------------------------------------------------------------------


def test_the_same_content_gives_the_same_octets_and_another_does_not(docx: bytes, printed: bytes) -> None:
    assert word_out.docx(page()) == docx
    assert pdf(content(DEVIATION)) == printed
    other = content()
    assert word_out.docx(page(other)) != docx
    assert pdf(other) != printed


def test_a_docx_bears_one_time_one_order_and_nothing_active(docx: bytes) -> None:
    with zipfile.ZipFile(BytesIO(docx)) as archive:
        entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert entries[0].filename == "[Content_Types].xml"
        names = [entry.filename for entry in entries[1:]]
        assert names == sorted(names)
        assert not any("{{" in archive.read(name).decode("utf-8", "replace") for name in names)


def test_both_papers_read_back_without_a_difference(docx: bytes, printed: bytes) -> None:
    assert differences(word_in.text(docx)) == []
    assert differences(pdf_in.text(printed), folded=True) == []


def test_names_in_traditional_and_ext_b_characters_are_exact(docx: bytes, printed: bytes) -> None:
    for text in (word_in.text(docx), pdf_in.text(printed)):
        assert "林𠮷" in text
        assert "王試" in text


def test_a_character_without_a_glyph_is_refused_with_its_field() -> None:
    found = content(representatives={"creditor": "林ก", "agency": "王试"})
    with pytest.raises(typesetting.GlyphMissing) as caught:
        service.refuse_missing_glyphs(found)
    assert caught.value.pointer == "/cover/representatives/creditor"
    assert caught.value.extra["characters"] == ["U+0E01"]
    service.refuse_missing_glyphs(content())
    assert "林ก" in word_in.text(word_out.docx(page(found)))


def test_an_expression_in_a_party_s_own_text_is_printed_and_never_run() -> None:
    found = content(representatives={"creditor": "{{ 7 * 191 }}", "agency": "王{% raw %}"})
    made = word_out.docx(page(found))
    with zipfile.ZipFile(BytesIO(made)) as archive:
        body = archive.read("word/document.xml").decode()
    assert "{{ 7 * 191 }}" in body
    assert "1337" not in body


def test_markup_in_a_text_stays_a_text() -> None:
    found = content(scope={"zh": "贷款<w:br/>&", "en": "Loans <b>&amp;"})
    text = word_in.text(word_out.docx(page(found)))
    assert "贷款<w:br/>&" in text
    assert differences(text, found) == []


def test_numbers_of_both_languages_are_equal_in_what_is_added_around_the_clauses() -> None:
    for note in page()["fees"]["notes"]:
        assert numerals.differ(note["zh"], note["en"]) == ([], [])


def test_the_fee_table_and_its_notes_say_what_the_model_says() -> None:
    told = page()["fees"]
    assert [row[4] for row in told["rows"]] == ["15.00 %", "30.00 %", "25.00 %"]
    assert [row[2:4] for row in told["rows"]] == [["0.00", "—"], ["0.00", "10,000.00"], ["10,000.00", "—"]]
    assert any("50,000.00" in note["en"] for note in told["notes"])


def test_a_stage_fee_has_its_stages_and_no_curve() -> None:
    model = {
        "base": "stage_fee", "stages": {"visit": 5_000}, "tiers": [], "clawback": {"within_days": 0, "share_bp": 0},
    }  # fmt: skip
    assert [row[4] for row in page(content(fee_model=model))["fees"]["rows"]] == ["visit"]


def test_signatures_stand_on_the_paper_with_day_key_and_leaf() -> None:
    signed = paper.Signed(AGENCY, "kid-1", MADE.date(), BANK)
    told = page(content(), signed)["signatures"]
    assert "未签署" in told[0]["told"]
    assert all(word in told[1]["told"] for word in ("2026-11-25", "kid-1", BANK))


def test_the_pdf_has_its_fonts_pages_and_no_link(printed: bytes) -> None:
    read = pypdf.PdfReader(BytesIO(printed))
    assert "第 1 页，共" in read.pages[0].extract_text()
    assert "pdfaid:part" in read.xmp_metadata.stream.get_data().decode()  # type: ignore[union-attr]
    assert not any("/Annots" in each for each in read.pages)


@pytest.mark.parametrize("program", [("pdfinfo",), ("qpdf", "--check"), ("mutool", "info")], ids=lambda words: words[0])
def test_readers_that_are_not_ours_find_no_fault(printed: bytes, tmp_path: Path, program: tuple[str, ...]) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not on this machine")
    (tmp_path / "c.pdf").write_bytes(printed)
    done = subprocess.run([*program, str(tmp_path / "c.pdf")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if program[0] == "pdfinfo":
        assert "JavaScript:      no" in done.stdout


def test_the_qr_on_the_printed_page_carries_the_address_of_the_check(printed: bytes, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm is not on this machine")
    (tmp_path / "c.pdf").write_bytes(printed)
    last = str(len(pypdf.PdfReader(BytesIO(printed)).pages))
    command = ["pdftoppm", "-gray", "-r", "150", "-singlefile", "-f", last, "-l", last, str(tmp_path / "c.pdf")]
    subprocess.run([*command, str(tmp_path / "page")], check=True, capture_output=True)
    kind, width, height, _, pixels = (tmp_path / "page.pgm").read_bytes().split(maxsplit=4)
    assert kind == b"P5"
    size = int(width) * int(height)
    read = zxingcpp.read_barcode(memoryview(pixels[-size:]).cast("B", shape=[int(height), int(width)]))
    assert read is not None
    assert read.text == page()["check"]


def test_libreoffice_opens_the_docx_and_loses_no_word_of_it(docx: bytes, tmp_path: Path) -> None:
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not on this machine")
    (tmp_path / "c.docx").write_bytes(docx)
    home = f"-env:UserInstallation=file://{tmp_path}/home"
    subprocess.run(
        [office, home, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path), str(tmp_path / "c.docx")],
        capture_output=True, check=True, timeout=180,
    )  # fmt: skip
    assert differences(pdf_in.text((tmp_path / "c.pdf").read_bytes()), folded=True) == []


# --- compared -------------------------------------------------------------------------------------------------------


def test_a_changed_word_of_a_locked_clause_is_found_with_its_clause(docx: bytes) -> None:
    text = word_in.text(docx)
    conduct = next(clause for clause in standard.first_content()["clauses"] if clause["id"] == "conduct")
    first = conduct["text"][0]["zh"]
    (found,) = differences(text.replace(first, first[:-3] + "任意" + first[-1]))
    told = comparing.as_json([found], content(DEVIATION)["clauses"])[0]
    assert (told["clause_id"], told["number"], told["locked"], told["language"], told["what"]) == (
        "conduct", conduct["number"], True, "zh", "changed",
    )  # fmt: skip
    assert "任意" in told["found"]
    assert "任意" not in told["expected"]


def test_what_is_left_out_put_in_or_moved_is_each_a_difference(docx: bytes) -> None:
    text, lines = word_in.text(docx), list(paper.lines(page()))
    levy = [line.text for line in lines if line.part == "levy" and line.language == "zh"]
    assert [(each.part, each.what) for each in differences(text.replace(levy[0], ""))] == [("levy", "missing")]
    put_in = differences(text.replace(levy[0], levy[0] + "另收手续费五百元。"))
    assert [(each.part, each.what, each.found[-9:]) for each in put_in] == [("levy", "added", "另收手续费五百元。")]
    moved = differences(text.replace(levy[0], "") + levy[0])
    assert {each.what for each in moved} == {"missing", "added"}


def test_a_footnote_a_comment_and_a_header_are_read_too(docx: bytes) -> None:
    note = (
        '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:footnote><w:p><w:r>'
        "<w:t>佣金另议</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    told = differences(word_in.text(added(docx, "word/footnotes.xml", note.encode())))
    assert [(each.what, each.found) for each in told] == [("added", "佣金另议")]
    told = differences(word_in.text(replaced(docx, "共信 Gongxin", "共信 Gongxin 作废", "word/header1.xml")))
    assert any("作废" in each.found for each in told)


def test_deleted_text_counts_as_gone_and_inserted_as_there(docx: bytes) -> None:
    run = '<w:r><w:t xml:space="preserve">'
    changed = replaced(
        docx, f"{run}锁定 locked</w:t></w:r>",
        f"<w:del>{run}锁定 locked</w:t></w:r></w:del><w:ins>{run}可议 open</w:t></w:r></w:ins>",
    )  # fmt: skip
    assert [each.what for each in differences(word_in.text(changed))] == ["changed"]


def test_another_contract_s_paper_differs_in_cover_and_hash(docx: bytes) -> None:
    other = content(DEVIATION, scope={"zh": "信用卡", "en": "Credit cards"})
    parts = {each.part for each in differences(word_in.text(docx), other)}
    assert parts == {"cover", "signatures"}


def test_a_text_that_has_nothing_of_the_contract_is_told_in_bounds() -> None:
    found = differences("无关文字。" * 100_000)
    told = comparing.as_json(found, content(DEVIATION)["clauses"])
    assert 0 < len(told) <= comparing.MAX_DIFFERENCES
    assert all(len(each["found"]) <= 400 for each in told)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_one_character_changed_in_any_clause_is_found_in_it(data: st.DataObject) -> None:
    lines = list(paper.lines(page()))
    at = data.draw(st.sampled_from([n for n, line in enumerate(lines) if line.language]))
    place = data.draw(st.sampled_from([n for n, each in enumerate(lines[at].text) if not each.isspace()]))
    text = lines[at].text[:place] + "囧" + lines[at].text[place + 1 :]
    whole = "".join(text if n == at else line.text for n, line in enumerate(lines))
    found = comparing.compare(lines, whole)
    assert [each.part for each in found] == [lines[at].part]
    assert "囧" in found[0].found


# --- hostile --------------------------------------------------------------------------------------------------------


def test_a_zip_bomb_is_refused_before_it_is_unpacked(docx: bytes) -> None:
    bomb = added(docx, "word/footnotes.xml", b" " * (word_in.MAX_PART_BYTES - 1))
    assert len(bomb) < 100_000
    assert refusal(bomb) == "document_too_large"
    many = word_out.pack({f"word/p{n}.xml": b"<a/>" for n in range(refusals.MAX_PARTS + 1)})
    assert refusal(many) == "document_too_large"


def test_a_directory_that_lies_of_a_size_is_refused(docx: bytes) -> None:
    at = docx.index(b"PK\x01\x02")
    lying = bytearray(docx)
    lying[at + 24 : at + 28] = (10).to_bytes(4, "little")
    assert refusal(bytes(lying)) == "not_a_document"


@pytest.mark.parametrize("part", ["word/vbaProject.bin", "word/embeddings/oleObject1.bin", "word/activeX/activeX1.xml"])
def test_macros_and_embedded_objects_are_refused(docx: bytes, part: str) -> None:
    assert refusal(added(docx, part, b"x")) == "document_active"


def test_a_document_that_says_it_has_macros_is_refused(docx: bytes) -> None:
    types = "[Content_Types].xml"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    assert refusal(replaced(docx, main, "application/vnd.ms-word.document.macroEnabled.main+xml", types)) == (
        "document_active"
    )


@pytest.mark.parametrize("kind", ["attachedTemplate", "hyperlink", "image", "frame"])
def test_links_to_something_outside_are_refused(docx: bytes, kind: str) -> None:
    link = (
        f'<Relationship Id="rId9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"'
        ' Target="https://evil.example/x" TargetMode="External"/></Relationships>'
    )
    assert refusal(replaced(docx, "</Relationships>", link, _RELS)) == "document_links"


@pytest.mark.parametrize("code", ['DDEAUTO c:\\\\x "calc"', "INCLUDETEXT x", 'INCLUDEPICTURE "http://x"'])
def test_fields_that_fetch_are_refused(docx: bytes, code: str) -> None:
    field = f'<w:p><w:r><w:instrText xml:space="preserve"> {code} </w:instrText></w:r></w:p><w:sectPr>'
    assert refusal(replaced(docx, "<w:sectPr>", field)) == "document_links"
    simple = f"<w:p><w:fldSimple w:instr='{code}'/></w:p><w:sectPr>"
    assert refusal(replaced(docx, "<w:sectPr>", simple)) == "document_links"


@pytest.mark.parametrize("said", ["{{ config }}", "{% for x in y %}", "{# x #}"])
def test_a_template_expression_is_refused_split_runs_too(docx: bytes, said: str) -> None:
    whole = f"<w:p><w:r><w:t>{said}</w:t></w:r></w:p><w:sectPr>"
    split = f"<w:p><w:r><w:t>{said[:1]}</w:t></w:r><w:r><w:t>{said[1:]}</w:t></w:r></w:p><w:sectPr>"
    for change in (whole, split):
        assert refusal(replaced(docx, "<w:sectPr>", change)) == "document_template"


def test_entities_are_refused(docx: bytes) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    assert refusal(added(docx, "word/footnotes.xml", bomb)) == "document_entities"


@pytest.mark.parametrize(
    "upload",
    [b"", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100, b"%PDF-1.7", b"<html>", word_out.pack({"a.xml": b"<a/>"})],
)
def test_what_is_no_document_is_refused(upload: bytes) -> None:
    assert refusal(upload) == "not_a_document"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 12_000), st.integers(0, 255))
def test_any_octet_changed_gives_a_text_or_a_refusal_and_no_fault(at: int, value: int) -> None:
    spoiled = bytearray(word_out.docx(page(content())))
    spoiled[at % len(spoiled)] = value
    with suppress(GongxinError):
        assert word_in.text(bytes(spoiled))


def runs_a_script(writer: pypdf.PdfWriter) -> None:
    name, script = pypdf.generic.NameObject, pypdf.generic.TextStringObject("app.alert(1)")
    action = pypdf.generic.DictionaryObject({name("/S"): name("/JavaScript"), name("/JS"): script})
    writer.root_object[name("/OpenAction")] = action


def test_a_pdf_that_runs_or_loads_something_is_refused(printed: bytes) -> None:
    for change, code in (
        (runs_a_script, "document_active"),
        (lambda writer: writer.add_attachment("x.txt", b"x"), "document_active"),
        (lambda writer: writer.add_uri(0, "https://evil.example", pypdf.generic.RectangleObject((0, 0, 9, 9))),
         "document_links"),
        (lambda writer: writer.encrypt("secret"), "not_a_document"),
    ):  # fmt: skip
        writer = pypdf.PdfWriter(clone_from=BytesIO(printed))
        change(writer)
        made = BytesIO()
        writer.write(made)
        assert refusal(made.getvalue(), pdf_in.text) == code


def test_a_picture_of_a_paper_and_a_broken_pdf_are_refused() -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    blank = BytesIO()
    writer.write(blank)
    assert refusal(blank.getvalue(), pdf_in.text) == "document_without_text"
    assert refusal(b"%PDF-1.7\n1 0 obj\n<<", pdf_in.text) == "not_a_document"


# --- redlines -------------------------------------------------------------------------------------------------------


def test_a_redline_spells_both_versions(printed: bytes) -> None:
    before, after = content(), content(DEVIATION)
    parts = redline.between(before, after)
    assert [part["clause_id"] for part in parts] == ["cover", "statements"]
    for part in parts:
        for paragraph in part["paragraphs"]:
            assert {each["op"] for each in paragraph} <= {"same", "del", "ins"}
    new = "".join(
        each["text"] for paragraph in parts[1]["paragraphs"] for each in paragraph if each["op"] != "del"
    )  # fmt: skip
    assert DEVIATION.text[0]["zh"] in new
    assert DEVIATION.text[0]["en"] in new


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_give_back_the_one_text_and_the_other(before: str, after: str) -> None:
    found = redline.words(before, after)
    assert "".join(each["text"] for each in found if each["op"] != "ins") == before
    assert "".join(each["text"] for each in found if each["op"] != "del") == after


def test_a_redline_of_templates_tells_added_removed_and_renumbered_clauses() -> None:
    before = standard.first_content()
    after = standard.first_content()
    del after["clauses"][1]
    for at, clause in enumerate(after["clauses"], 1):
        clause["number"] = str(at)
    told = {part["clause_id"]: part["what"] for part in redline.between(before, after)}
    assert told["scope"] == "removed"
    assert told["definitions" if "definitions" in told else "conduct"] == "moved"
    assert redline.between(before, before) == []


def test_the_page_of_a_redline_runs_nothing() -> None:
    parts = redline.between(content(), content(scope={"zh": "<script>1</script>", "en": "<img onerror=1>"}))
    page_ = redline.as_html(parts, "<b>")
    assert "<script" not in page_
    assert "<img" not in page_
    assert "&lt;script&gt;" in page_


def test_a_redline_as_pdf_is_the_same_each_time() -> None:
    found = {"title": "HT v1 → v2", "parts": redline.between(content(), content(DEVIATION))}
    assert service.redline_pdf(found) == service.redline_pdf(found)
