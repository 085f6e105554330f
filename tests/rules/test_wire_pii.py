"""Personal numbers in free text: what is caught, what is not and why, and that no text makes the search slow."""

import time
import uuid
from base64 import urlsafe_b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gongxin_wire.identifiers import synthetic_cn_id
from gongxin_wire.pii import find_pii, is_id_card

ID = synthetic_cn_id(11)
ID_X = next(text for text in map(synthetic_cn_id, range(200)) if text.endswith("X"))
PHONE = "13800000000"
CARD = "6222020000000000000"


def luhn(body: str) -> str:
    return next(body + str(n) for n in range(10) if is_card(body + str(n)))


def is_card(digits: str) -> bool:
    odd = [int(d) for d in digits[-1::-2]]
    even = [sum(divmod(2 * int(d), 10)) for d in digits[-2::-2]]
    return (sum(odd) + sum(even)) % 10 == 0


CARD = luhn("622202000000000000")
CARD16 = luhn("622202000000000")
AMOUNTS = " ".join(luhn("40030050060010")[i : i + 3] for i in range(0, 15, 3))


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) for c in text)


CAUGHT = [
    ("id_card", ID),
    ("id_card", ID_X),
    ("id_card", ID_X.lower()),
    ("id_card", wide(ID_X)),
    ("id_card", f"身份证{ID}，已核"),
    ("id_card", f"{ID[:6]} {ID[6:14]} {ID[14:]}"),
    ("id_card", f"{ID[:6]}-{ID[6:14]}-{ID[14:]}"),
    ("id_card", "".join(chr(0x660 + int(c)) for c in ID[:17]) + ID[17]),
    ("id_card", "310115900101123"),
    ("id_card", f"{ID} {PHONE}"),
    ("id_card", f"{PHONE[:10]} {ID}"),
    ("id_card", f"2025-01-15 {ID}"),
    ("phone", PHONE),
    ("phone", f"+86{PHONE}"),
    ("phone", f"+86 {PHONE[:3]} {PHONE[3:7]} {PHONE[7:]}"),
    ("phone", f"0086{PHONE}"),
    ("phone", f"{PHONE[:3]}-{PHONE[3:7]}-{PHONE[7:]}"),
    ("phone", "联系人13900000001。"),
    ("phone", "13900000001 13900000002"),
    ("phone", wide(PHONE)),
    ("phone", "1 3 8 0 0 0 0 0 0 0 0"),
    ("phone", f"tel={PHONE}"),
    ("phone", f"tel:{PHONE}"),
    ("phone", f"电话/{PHONE}/李"),
    ("phone", f"No.{PHONE}."),
    ("phone", "138\u00a00000\u00a00000"),
    ("phone", "138\u200b0000\u200b0000"),
    ("bank_card", CARD),
    ("bank_card", CARD16),
    ("bank_card", " ".join(CARD[i : i + 4] for i in range(0, 19, 4))),
    ("bank_card", f"尾号 {CARD16}"),
    ("bank_card", "2025 " + "-".join(CARD16[i : i + 4] for i in range(0, 16, 4))),
    ("licence_plate", "沪A12345"),
    ("licence_plate", "京A·12345"),
    ("licence_plate", "粤B12345D"),
    ("licence_plate", "车牌鲁Q1234学"),
    ("licence_plate", "沪AD12345"),
]

# Not caught, each for its reason.
PASSED = [
    ("", "nothing"),
    ("无", "no digit"),
    ("（2025）沪0115民初12345号", "a court case number"),
    ("（2025）京0105执异1234号之一", "a ruling's number"),
    ("2025-01-15T09:30:00.123456Z", "a time"),
    ("20250115093000", "a time without separators"),
    ("1735689600000", "milliseconds since 1970"),
    ("1735689600", "seconds since 1970"),
    ("HT-2025-000123", "a contract's reference"),
    ("HT20250101123456789", "a reference whose letters stand before its digits"),
    ("GX2025X13800000000A", "digits inside a word"),
    ("loan_13800000000", "digits inside an identifier"),
    ("100 200 300 400 500 600", "a list of amounts"),
    (AMOUNTS, "a list of amounts that would pass as a card"),
    (f"7 {AMOUNTS} 8", "the same within a longer list"),
    ("4000 1234", "a service number"),
    ("021-12345678", "a landline number: public offices have them too"),
    ("12345678901234567890123456789", "more digits than any personal number has"),
    (ID[:17] + ("0" if ID[17] != "0" else "1"), "a number whose check character does not match"),
    ("91990000000000007T", "an organisation's code"),
    ("一三八零零零零零零零零", "Chinese numerals are not read"),
    ("138.0000.0000", "points between groups are not read"),
    ("138  0000  0000", "double spaces are not read"),
    ("沪B2-20250001", "a filing number"),
    ("沪AXXXXX", "a plate without a digit"),
    ("12345678901", "eleven digits that begin no mobile number"),
]


@pytest.mark.parametrize(("kind", "text"), CAUGHT)
def test_a_personal_number_is_caught(kind: str, text: str) -> None:
    found = find_pii(text)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(("text", "why"), PASSED, ids=[why for _, why in PASSED])
def test_what_is_no_personal_number_passes(text: str, why: str) -> None:
    assert find_pii(text) is None


@pytest.mark.parametrize(("kind", "text"), CAUGHT)
def test_it_is_caught_within_a_sentence_and_at_its_place(kind: str, text: str) -> None:
    before, after = "备注：", "，请核。"
    found = find_pii(before + text + after)
    assert found is not None
    assert found.kind == kind
    assert len(before) <= found.start < found.end <= len(before + text)


@given(st.uuids())
@example(uuid.UUID("13800000-0000-4000-8000-138000000000"))
@example(uuid.UUID("01380000-0000-7000-8138-000000000000"))
def test_a_uuid_is_never_taken_for_a_person(value: uuid.UUID) -> None:
    assert find_pii(f"案件 {value}。") is None
    assert find_pii(f"/v1/cases/{value}/events") is None


@given(st.binary(min_size=32, max_size=32))
def test_a_token_is_never_taken_for_a_person(data: bytes) -> None:
    assert find_pii(urlsafe_b64encode(data).decode().rstrip("=")) is None


@given(st.datetimes())
def test_a_time_is_never_taken_for_a_person(value: object) -> None:
    assert find_pii(f"{value:%Y-%m-%d %H:%M:%S}") is None
    assert find_pii(f"{value:%Y-%m-%dT%H:%M:%S.%fZ}") is None


@given(st.integers(0, 10**8), st.text("，。：、 的张李ab", max_size=5), st.text("，。：、 的张李ab", max_size=5))
def test_every_synthetic_id_is_caught_between_words(number: int, before: str, after: str) -> None:
    text = synthetic_cn_id(number)
    found = find_pii(f"{before}、{text}。{after}")
    assert found is not None
    assert found.kind == "id_card"


@given(st.text(max_size=200) | st.text("0123456789 -+Xx沪A", max_size=200))
def test_any_text_is_searched_without_a_fault_and_positions_are_inside(text: str) -> None:
    found = find_pii(text)
    assert found is None or 0 <= found.start < found.end <= len(text)


def test_only_ascii_digits_make_an_id() -> None:
    assert is_id_card(ID)
    assert not is_id_card("".join(chr(0x660 + int(c)) for c in ID[:17]) + ID[17])
    assert not is_id_card("")


HOSTILE = [
    "1 ",
    "1-",
    "12 ",
    "1234 ",
    "1" * 30 + " ",
    "1" * 30,
    "1" * 22 + "a ",
    "+",
    "+1",
    "6222 0200 ",
    "x1",
    "1x",
    "京A",
    "京AAAAAAAA",
    "京A1",
    "0-",
    "13800000000a",
    "990000 19500101 ",
    "deadbeef-",
    "00000000-0000-0000-0000-",
    "汉",
    "１",
    "１ ",
    "\u0661\u200b",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_length_and_not_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[: size - 1] + "a"
        started = time.process_time()
        find_pii(text)
        return time.process_time() - started

    assert seconds(1_000_000) < 6 * max(seconds(250_000), 0.02) + 0.3
