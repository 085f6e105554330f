"""The synthetic province: the same each time, nobody in it exists, and only the lines meant to be faulty are."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from gongxin_demo import province, scan
from gongxin_wire import case_numbers
from gongxin_wire.identifiers import IdentifierError, check_uscc, normalise
from gongxin_wire.pii import find_pii


@pytest.fixture(scope="module")
def exports() -> list[province.Export]:
    return province.exports()


def test_the_province_is_the_same_from_the_same_seed_and_another_from_another(exports: list[province.Export]) -> None:
    assert province.exports() == exports
    assert province.exports(seed=7)[0].rows != exports[0].rows


def test_three_banks_two_courts_and_four_agencies_share_five_thousand_cases(exports: list[province.Export]) -> None:
    kinds = Counter(institution.kind for institution in province.INSTITUTIONS)
    assert kinds == {"bank": 3, "court": 2, "agency": 4, "association": 1, "mediator": 1, "regulator": 1}
    assert [export.layout.bank for export in exports] == [i.slug for i in province.INSTITUTIONS if i.kind == "bank"]
    assert sum(len(export.rows) for export in exports) == 5000


def test_institutions_and_courts_carry_codes_that_belong_to_nobody() -> None:
    codes = [check_uscc(institution.uscc) for institution in province.INSTITUTIONS]
    assert len(set(codes)) == len(codes)
    assert {code[2:4] for code in codes} == {"99"}
    courts = [institution.court_code for institution in province.INSTITUTIONS if institution.kind == "court"]
    assert courts == ["沪9901", "沪9902"]


def test_every_number_that_is_one_belongs_to_nobody(exports: list[province.Export]) -> None:
    for export in exports:
        for row in export.rows:
            if row.fault not in {"bad_check_digit", "missing_number"}:
                assert normalise("cn_id", row.id_number).synthetic


def test_each_bank_has_one_line_of_each_fault_and_the_others_are_sound(exports: list[province.Export]) -> None:
    for export in exports:
        assert sorted(fault for _, fault in export.faulty) == sorted(province.FAULTS)
        seen: set[str] = set()
        for row in export.rows:
            assert _fault_of(row, seen) == row.fault
            seen.add(row.creditor_ref)


def _fault_of(row: province.Row, seen: set[str]) -> str | None:
    """The fault as an importer could find it."""
    if not row.id_number:
        return "missing_number"
    try:
        normalise("cn_id", row.id_number)
    except IdentifierError as fault:
        return {"id_check": "bad_check_digit"}[fault.code]
    if row.creditor_ref in seen:
        return "duplicate_reference"
    if find_pii(row.creditor_ref):
        return "bank_card_reference"
    year, month, day = re.fullmatch(r"(\d{4})[-/年]?(\d{2})[-/月]?(\d{2})日?", row.opened_on).groups()
    return None if int(month) <= 12 and int(day) <= _last_day(int(year), int(month)) else "impossible_date"


def _last_day(year: int, month: int) -> int:
    import calendar

    return calendar.monthrange(year, month)[1]


def test_case_numbers_are_of_the_two_courts_and_some_lines_have_one(exports: list[province.Export]) -> None:
    for export in exports:
        numbers = [row.court_case for row in export.rows if row.court_case]
        assert len(export.rows) // 50 < len(numbers) < len(export.rows) // 8
        assert {case_numbers.parse(number).court_code for number in numbers} == {"沪9901"}


def test_the_numbers_are_typed_as_clerks_type_and_the_dates_in_three_styles(exports: list[province.Export]) -> None:
    for export in exports:
        shapes = {re.sub(r"[0-9]", "0", row.opened_on) for row in export.rows}
        assert len(shapes) == 3
        typed = [row.id_number for row in export.rows]
        assert any("９" in text for text in typed)
        assert any(" " in text for text in typed)
        assert any(text.endswith("x") for text in typed)


def test_some_people_owe_two_banks_and_the_day_s_debtor_owes_all_three(exports: list[province.Export]) -> None:
    first, second, third = (province.id_numbers([export]) for export in exports)
    assert len(first & second) > 100
    assert len(second & third) > 100
    assert province.cast(1).debtor in first & second & third
    assert province.cast(1).bystander in third - first - second


def test_another_day_has_another_cast_over_the_same_people(exports: list[province.Export]) -> None:
    tomorrow = province.exports(day=2)
    for today_s, tomorrow_s in zip(exports, tomorrow, strict=True):
        own = 2 if today_s.layout.bank == "shiqiao" else 1
        assert today_s.rows[:-own] == tomorrow_s.rows[:-own]
        assert not {row.creditor_ref for row in today_s.rows[-own:]} & {row.creditor_ref for row in tomorrow_s.rows}
    assert province.cast(1).debtor != province.cast(2).debtor


def test_the_files_are_in_gb18030_under_each_bank_s_own_headers(exports: list[province.Export], tmp_path: Path) -> None:
    headers = set()
    for export in exports:
        text = export.write(tmp_path).read_bytes().decode("gb18030")
        assert text.count("\r\n") == len(export.rows) + 1
        records = list(csv.reader(text.splitlines()))
        headers.add(tuple(records[0]))
        assert dict(zip(records[0], records[-1], strict=True))[export.layout.columns["creditor_ref"]] == (
            export.rows[-1].creditor_ref
        )
    assert len(headers) == 3


def test_a_row_shows_no_id_number() -> None:
    row = province.exports(60)[0].rows[0]
    assert row.id_number not in repr(row)
    assert province.cast(3).debtor not in repr(province.cast(3))


@pytest.mark.parametrize(
    "shape",
    [
        lambda number: f"(1,{number},x)",
        lambda number: f"1{number}2",
        lambda number: number.lower(),
        lambda number: number.translate(str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")),
        lambda number: f"(1,\\x{f'...{number}'.encode().hex()})",
        lambda number: f'(1,"\\\\x{number.encode().hex()}")',
    ],
)
def test_the_scan_sees_an_id_number_in_every_shape_a_row_may_give_it(shape: object) -> None:
    number = province.person(42)
    assert scan.numbers_in(shape(number), {number}) == {number}
    assert scan.numbers_in(shape(province.person(43)), {number}) == set()
