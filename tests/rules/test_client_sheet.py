"""Core-banking exports: encodings found strictly, headers, dates in four styles, full width, and faults that keep the
number to themselves."""

import contextlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin_client import BadInput
from gongxin_client.importing import Mapping, read_mapping
from gongxin_client.importing.columns import HEADERS, find_columns
from gongxin_client.importing.sheet import examine, rows
from gongxin_client.importing.values import RowFault, clean, read_case, read_date
from gongxin_wire.identifiers import synthetic_cn_id, synthetic_uscc

TODAY = date(2026, 11, 24)
HEADER = ["借据号", "证件类型", "证件号码", "放款日期", "客户姓名", "案号"]
COLUMNS = find_columns(HEADER, Mapping())
ID = synthetic_cn_id(12)
WIDE = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})


def row(**change: str) -> list[str]:
    cells = {
        "借据号": "JJ-1",
        "证件类型": "身份证",
        "证件号码": ID,
        "放款日期": "2025-03-04",
        "客户姓名": "张三",
        "案号": "",
    }
    return list((cells | change).values())


def fault_of(**change: str) -> RowFault:
    with pytest.raises(RowFault) as caught:
        read_case(row(**change), COLUMNS, Mapping(), TODAY)
    fault = caught.value
    assert fault.zh
    assert fault.en
    assert not any(cell and cell in fault.zh + fault.en for cell in (change.get("证件号码"), change.get("借据号")))
    return fault


# --- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030"), ("gbk", "gb18030")]
)
def test_the_encoding_is_found(tmp_path: Path, codec: str, found: str) -> None:
    file = tmp_path / "c.csv"
    file.write_bytes(f"{','.join(HEADER)}\r\n{','.join(row())}\r\n".encode(codec))
    sheet = examine(file)
    assert (sheet.encoding, sheet.rows) == (found, 2)
    assert sheet.header[0] in {"借据号", "\ufeff借据号"}
    assert find_columns(sheet.header, Mapping()) == COLUMNS
    assert list(rows(sheet)) == [(2, row())]


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters='"\r\n,\0'), min_size=1, max_size=30))
def test_whatever_gb18030_can_write_is_read_back(tmp_path_factory: Any, text: str) -> None:
    file = tmp_path_factory.mktemp("sheet") / "c.csv"
    file.write_bytes(f"借据号,证件号码,放款日期,客户姓名\n1,2,3,{text}\n".encode("gb18030"))
    sheet = examine(file)
    assert sheet.encoding == "gb18030"
    assert next(rows(sheet))[1][3] == text


@pytest.mark.parametrize(
    "raw",
    [
        "借据号\n".encode() + b"\xff\xff\n",
        "借据号,x\n".encode("utf-16"),
        "借据号\n".encode("utf-8-sig") + "张三".encode("gb18030"),
        "借据号\n".encode("gb18030") + b"\x81",
        b"",
        b"\n\n",
        '借据号,"x\n1,2\n'.encode(),
        '借据号,x\n"a"b,2\n'.encode(),
    ],
)
def test_a_file_that_does_not_read_from_end_to_end_is_refused_whole(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "c.csv").write_bytes(raw)
    with pytest.raises(BadInput) as caught:
        examine(tmp_path / "c.csv")
    assert caught.value.fix_zh


def test_an_encoding_fault_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes("借据号\n1\n2\n".encode() + b"\xff\n")
    with pytest.raises(BadInput, match="utf-8 at line 4"):
        examine(tmp_path / "c.csv")


def test_a_character_cut_by_a_block_is_whole_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongxin_client.importing.sheet._BLOCK", 3)
    for codec in ("utf-8", "gb18030"):
        (tmp_path / "c.csv").write_bytes("借据号,证件号码\n一二三四五,六七八九十\n".encode(codec))
        assert examine(tmp_path / "c.csv").encoding == codec


def test_an_encoding_given_is_held_to(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes("借据号\n张三\n".encode("gb18030"))
    assert examine(tmp_path / "c.csv", encoding="gb18030").encoding == "gb18030"
    with pytest.raises(BadInput, match="bad_encoding"):
        examine(tmp_path / "c.csv", encoding="utf-8")


def test_rows_are_numbered_as_a_spreadsheet_does(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text('a,b\n1,"x\ny"\n\n , \n2,z\n', "utf-8")
    assert [number for number, _ in rows(examine(tmp_path / "c.csv"))] == [2, 5]


# --- headers and mapping ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (["合同号", "借据号", "身份证号", "立案日期", "放款日期"], {"creditor_ref": 1, "id_number": 2, "opened_on": 3}),
        (["\ufeff合同编号", "证件号码 ", "委 案 日 期"], {"creditor_ref": 0, "id_number": 1, "opened_on": 2}),
        (["creditor_ref", "id_number", "opened_on"], {"creditor_ref": 0, "id_number": 1, "opened_on": 2}),
    ],
)
def test_usual_headers_are_known(header: list[str], wanted: dict[str, int]) -> None:
    assert find_columns(header, Mapping()) == wanted


def test_a_missing_column_is_named_with_what_it_could_be_called() -> None:
    with pytest.raises(BadInput, match="column_missing") as caught:
        find_columns(["借据号", "证件号码"], Mapping())
    assert "立案日期" in caught.value.zh
    with pytest.raises(BadInput, match="header_repeated"):
        find_columns([*HEADER, "借据号"], Mapping())


def test_a_mapping_file_names_columns_kinds_and_the_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        '[columns]\ncreditor_ref = "编号"\nid_number="号"\nopened_on="日"\nid_kind="类"\n'
        '[id_kinds]\n"01" = "cn_id"\n"Q" = "uscc"\n[file]\ndelimiter = "|"\ndefault_kind = "uscc"\n',
        "utf-8",
    )
    mapping = read_mapping(path)
    columns = find_columns(["编号", "号", "日", "类"], mapping)
    case = read_case(["A", ID, "20250304", "０１"], columns, mapping, TODAY)
    assert (case.subject.kind, mapping.delimiter) == ("cn_id", "|")
    assert read_case(["A", synthetic_uscc(1), "20250304", ""], columns, mapping, TODAY).subject.kind == "uscc"
    assert mapping.digest != Mapping().digest


@pytest.mark.parametrize(
    "text",
    [
        "[columns]\nnonsense = 'x'", "[other]\n", "[columns]\ncreditor_ref = 3", "[id_kinds]\n'1' = 'phone'", "x",
        "[file]\ndelimiter = ',,'",
        "[file]\ndelimiter = '\"'",
        "[file]\ndefault_kind = 'x'",
        "[file]\nfoo = 'x'",
        "[file]\nreference_prefix = 'a b'",
        "columns = 3", "\x00",
    ],
)  # fmt: skip
def test_a_mapping_file_with_what_is_not_known_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.toml").write_text(text, "utf-8")
    with pytest.raises(BadInput):
        read_mapping(tmp_path / "m.toml")


def test_no_header_serves_two_fields() -> None:
    every = [header for headers in HEADERS.values() for header in headers]
    assert len(every) == len(set(every))


# --- values -----------------------------------------------------------------------------------------------------------


STYLES = (
    "{y:04d}-{m:02d}-{d:02d}", "{y:04d}/{m}/{d}", "{y:04d}{m:02d}{d:02d}", "{y:04d}年{m}月{d}日", "{y:04d}.{m}.{d}",
    "{y:04d}年{m:02d}月{d:02d}日", " {y:04d}-{m}-{d} ", "{y:04d}/{m}/{d} 0:00", "{y:04d}-{m:02d}-{d:02d} 00:00:00",
)  # fmt: skip


@given(st.dates(date(1980, 1, 1), TODAY), st.sampled_from(STYLES), st.booleans())
def test_a_date_reads_the_same_in_every_style_and_width(day: date, style: str, wide: bool) -> None:
    text = style.format(y=day.year, m=day.month, d=day.day)
    assert read_date(text.translate(WIDE) if wide else text, TODAY) == day


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_date"), ("2025-13-01", "no_such_day"), ("2025-02-29", "no_such_day"), ("2025-3/4", "bad_date"),
        ("04/03/2025", "bad_date"), ("25-3-4", "bad_date"), ("2025-3", "bad_date"), ("202534", "bad_date"),
        ("45000", "bad_date"), ("2025-03-04 12:30", "bad_date"), ("2027-01-01", "date_out_of_range"),
        ("1979-12-31", "date_out_of_range"), ("0000-01-01", "no_such_day"), ("٢٠٢٥-٠٣-٠٤", "bad_date"),
    ],
)  # fmt: skip
def test_a_date_that_is_none_is_refused(text: str, code: str) -> None:
    with pytest.raises(RowFault) as caught:
        read_date(text, TODAY)
    assert (caught.value.code, caught.value.field) == (code, "opened_on")


@given(st.text(max_size=40))
def test_a_date_is_read_or_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(RowFault):
        assert isinstance(read_date(text, TODAY), date)


def test_a_row_becomes_a_case_whatever_its_width() -> None:
    plain = read_case(row(), COLUMNS, Mapping(), TODAY)
    wide = read_case([cell.translate(WIDE) for cell in row()], COLUMNS, Mapping(), TODAY)
    assert plain == wide
    assert (plain.creditor_ref, plain.subject.text, plain.opened_on) == ("JJ-1", ID, date(2025, 3, 4))


def test_what_keeps_a_spreadsheet_from_reading_a_number_is_taken_off() -> None:
    assert [clean(cell) for cell in ("'123", "`123", '="123"', "\t123 ", "\ufeff123", "\u202a123\u202c")] == ["123"] * 6


def test_a_court_case_number_is_normalised_into_a_reference() -> None:
    case = read_case(row(案号="(2025)沪0115民初12345号"), COLUMNS, Mapping(), TODAY)
    assert [(r.kind, r.reference) for r in case.references] == [("court_case", "（2025）沪0115民初12345号")]


def test_a_mediation_file_names_its_mediator() -> None:
    columns = find_columns(["借据号", "证件号码", "放款日期", "调解案卷号", "调解机构编号"], Mapping())
    mediator = "0193A3B0-0000-7000-8000-000000000001"
    [found] = read_case(["A", ID, "20250304", "调解 2026-7", mediator], columns, Mapping(), TODAY).references
    assert (found.kind, found.reference, found.member_id) == ("mediation_file", "调解2026-7", mediator.lower())
    with pytest.raises(RowFault) as caught:
        read_case(["A", ID, "20250304", "调解 2026-7", ""], columns, Mapping(), TODAY)
    assert caught.value.code == "no_mediator"


def test_digits_that_read_as_a_card_are_taken_with_a_prefix() -> None:
    assert fault_of(借据号="6222021234567890128").code == "personal_data_in_reference"
    case = read_case(row(借据号="6222021234567890128"), COLUMNS, Mapping(reference_prefix="L"), TODAY)
    assert case.creditor_ref == "L6222021234567890128"


def test_a_passport_takes_its_country_from_the_column() -> None:
    columns = find_columns(["借据号", "证件类型", "证件号码", "国籍", "放款日期"], Mapping())
    case = read_case(["A", "护照", "E12345678", "UTO", "20250304"], columns, Mapping(), TODAY)
    assert case.subject.text == "UTOE12345678"


BAD_CHECK = ID[:-1] + ("0" if ID[-1] != "0" else "1")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"证件号码": BAD_CHECK}, "id_check", "id_number"),
        ({"证件号码": ""}, "empty", "id_number"),
        ({"证件号码": "110101900101123"}, "old_id_number", "id_number"),
        ({"证件号码": "1.10101E+17"}, "id_form", "id_number"),
        ({"证件号码": ID[:6] + "²" + ID[7:]}, "id_form", "id_number"),
        ({"证件类型": "户口簿"}, "unknown_id_kind", "id_kind"),
        ({"借据号": ""}, "no_reference", "creditor_ref"),
        ({"借据号": "x" * 65}, "bad_reference", "creditor_ref"),
        ({"借据号": "a\x07b"}, "bad_reference", "creditor_ref"),
        ({"借据号": "a\u200bb"}, "bad_reference", "creditor_ref"),
        ({"借据号": "a&b"}, "bad_reference", "creditor_ref"),
        ({"借据号": "6222021234567890128"}, "personal_data_in_reference", "creditor_ref"),
        ({"借据号": ID}, "personal_data_in_reference", "creditor_ref"),
        ({"借据号": "13912345678"}, "personal_data_in_reference", "creditor_ref"),
        ({"放款日期": "昨天"}, "bad_date", "opened_on"),
        ({"案号": "沪0115"}, "bad_case_number", "court_case"),
    ],
)
def test_a_faulty_row_is_refused_by_name_and_keeps_the_number_to_itself(
    change: dict[str, str], code: str, field: str
) -> None:
    fault = fault_of(**change)
    assert (fault.code, fault.field) == (code, field)


def test_a_row_cut_short_is_refused() -> None:
    with pytest.raises(RowFault, match="row_too_short"):
        read_case(row()[:3], COLUMNS, Mapping(), TODAY)


@given(st.lists(st.text(max_size=30), min_size=6, max_size=6))
def test_any_row_is_read_or_refused_and_nothing_else(cells: list[str]) -> None:
    with contextlib.suppress(RowFault):
        read_case(cells, COLUMNS, Mapping(), TODAY)
