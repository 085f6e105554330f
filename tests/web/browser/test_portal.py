"""The portal's journeys in a real browser: asking before contact, registering from a spreadsheet, one's cases. Whatever
the page does, no ID number is in anything it sends."""

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gongxin_client import receipts
from tests.services.portal_world import Portal, somebody

from .conftest import Watched, Windows

LOOKS = [("zh", 1280, False), ("en", 1280, False), ("zh", 375, False), ("en", 375, False), ("zh", 1280, True)]


class Wire:
    """Everything the page sends: addresses, headers (with those the browser adds), bodies."""

    def __init__(self, window: Watched) -> None:
        self.sent: list[bytes] = []
        self.requests: list[Any] = []
        window.page.context.on("request", self._sent)

    def _sent(self, request: Any) -> None:
        self.requests.append(request)
        headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        self.sent.append(f"{request.method} {request.url}\n{headers}\n\n".encode() + (request.post_data_buffer or b""))

    def everything(self) -> bytes:
        headers = [json.dumps(request.all_headers(), ensure_ascii=False).encode() for request in self.requests]
        assert any("/evaluations" in request.url for request in self.requests), "nothing was sent that could hold one"
        return b"\n".join(self.sent + headers)


def spellings(number: str) -> list[bytes]:
    """A number as it might hide: plain, lower, cut by hyphens, in hexadecimal, base64 at each offset, full width."""
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number)
    raw = number.encode()
    found = [raw, number.lower().encode(), f"{number[:6]}-{number[6:14]}-{number[14:]}".encode(), raw.hex().encode()]
    found += [base64.b64encode(b"x" * shift + raw)[4 * (shift > 0) + 1 : -4] for shift in range(3)]
    return [*found, wide.encode(), json.dumps(wide)[1:-1].encode()]


def refuse(everything: bytes, number: str) -> None:
    digits = re.sub(rb"[^0-9Xx]", b"", everything)
    assert number[:17].encode() not in digits.replace(b"x", b"X"), "the digits are there in order"
    for spelling in spellings(number):
        assert spelling not in everything, spelling


@pytest.fixture
def portal(windows: Windows) -> Portal:
    return Portal(windows.town.engine, windows.town.config)


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_portals_pages_hold(windows: Windows, portal: Portal, language: str, width: int, dark: bool) -> None:
    bank, agency = portal.house("bank"), portal.house("agency")
    case_id = portal.case(bank, somebody(), agency)
    stopped = portal.case(bank, somebody(), agency)
    portal.say(bank, stopped, "person", "deceased")
    portal.say(agency, stopped, "dispute", "not_my_debt")
    look = f"{language}-{width}{'-dark' if dark else ''}"
    clerk = windows.window(portal.person(bank), "portal", language=language, width=width, dark=dark)
    for name, path in (
        ("ask", "/portal/ask"), ("asked", "/portal/asked"), ("cases", "/portal/cases"), ("import", "/portal/imports"),
        ("case", f"/portal/cases/{case_id}"), ("case-stopped", f"/portal/cases/{stopped}"),
    ):  # fmt: skip
        clerk.go(path)
        clerk.check(f"portal-{name}-{look}")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_who_may_not_be_contacted_is_told_in_words_and_the_receipt_holds(
    windows: Windows, portal: Portal, language: str, tmp_path: Path
) -> None:
    bank, agency, number = portal.house("bank"), portal.house("agency"), somebody()
    case_id = portal.case(bank, number, agency)
    other = portal.case(portal.house("bank"), number)
    portal.say(bank, case_id, "person", "do_not_contact")
    clerk = windows.window(portal.person(agency), "portal", language=language)
    wire = Wire(clerk)
    page = clerk.go(f"/portal/cases/{case_id}")
    page.get_by_role("link", name="联系前查询" if language == "zh" else "Ask before contact").last.click()
    page.locator("#f-number").fill(f"{number[:6]} {number[6:14]} {number[14:]}")
    page.get_by_role("button", name="查询" if language == "zh" else "Ask", exact=True).click()
    page.get_by_role("heading", name="停止：不得联系" if language == "zh" else "Stop: do not contact").wait_for()
    page.get_by_text("禁止联系" if language == "zh" else "Stop all contact").first.wait_for()
    clerk.check(f"portal-answer-{language}")
    with page.expect_download() as download:
        page.get_by_role("link", name="下载回执" if language == "zh" else "Download the receipt").click()
    file = tmp_path / "receipt.json"
    download.value.save_as(file)
    kept = json.loads(file.read_text("utf-8"))
    held = receipts.verify_offline(
        file, keys=receipts.read_jwks(kept["keys"]), issuer=kept["registry"], member_id=str(agency.id)
    )
    assert held.receipt.purpose == "contact"
    refuse(wire.everything() + file.read_bytes(), number)
    refuse(json.dumps(page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie]")).encode(), number)
    assert str(other) not in wire.everything().decode("utf-8", "replace")


def test_no_answer_is_not_taken_for_a_clear_one(windows: Windows, portal: Portal) -> None:
    bank = portal.house("bank")
    case_id = portal.case(bank, somebody())
    clerk = windows.window(portal.person(bank), "portal")
    page = clerk.go(f"/portal/ask?case={case_id}")
    page.get_by_label("联系前").check()
    page.locator("#f-number").fill(somebody())  # another person than the case's
    page.get_by_role("button", name="查询", exact=True).click()
    page.get_by_role("heading", name="未作答复：没有依据").wait_for()
    assert "没有停止事项" not in page.locator("main").inner_text()
    clerk.check("portal-answer-no-ground")


def test_a_wrong_number_is_told_at_the_field_and_nothing_is_asked(windows: Windows, portal: Portal) -> None:
    bank, number = portal.house("bank"), somebody()
    clerk = windows.window(portal.person(bank), "portal")
    page = clerk.go(f"/portal/ask?case={portal.case(bank, number)}")
    wire = Wire(clerk)
    wrong = number[:17] + ("0" if number[17] != "0" else "1")
    page.locator("#f-number").fill(wrong)
    page.get_by_role("button", name="查询", exact=True).click()
    page.get_by_text("校验码不符").wait_for()
    assert page.evaluate("document.activeElement.id") == "f-number"
    assert [request.url for request in wire.requests if "evaluations" in request.url] == []
    clerk.check("portal-ask-wrong")


def test_without_script_the_page_says_so_and_sends_no_number(windows: Windows, portal: Portal) -> None:
    clerk = windows.window(portal.person(portal.house("bank")), "portal", script=False)
    page = clerk.go("/portal/ask")
    page.get_by_text("gongxin-member lookup").wait_for()
    assert page.locator("#f-number").is_disabled()
    assert page.locator("#f-number").get_attribute("name") is None
    page = clerk.go("/portal/imports")
    page.get_by_text("gongxin-member import").wait_for()
    assert page.locator("#file").is_hidden()


def sheet(rows: list[list[str]], encoding: str = "gb18030") -> dict[str, Any]:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return {"name": "案件.csv", "mimeType": "text/csv", "buffer": out.getvalue().encode(encoding)}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_spreadsheet_is_tried_then_registered_and_no_number_leaves(
    windows: Windows, portal: Portal, encoding: str
) -> None:
    bank, agency = portal.house("bank"), portal.house("agency")
    numbers = [somebody() for _ in range(5)]
    there = somebody()
    bad = numbers[4][:17] + ("0" if numbers[4][17] != "0" else "1")
    head = ["借据号", "客户姓名", "证件号码", "放款日期", "受托机构"]
    rows = [
        head,
        ["L-1", "甲", numbers[0], "2025/3/4", agency.uscc],
        ["L-2", "乙", f"'{numbers[1]}", "20250304", agency.uscc],
        ["L-3", "=cmd|' /C calc'!A0", bad, "2025-03-04", ""],
        ["L-4", "丁", numbers[2], "2025年3月4日", "没有这家"],
        ["L-5", "戊", numbers[3], "昨天", ""],
        [there, "己", there, "2025-03-04", ""],
        ["L-1", "庚", numbers[0], "2025-03-04", ""],
    ]
    clerk = windows.window(portal.person(bank), "portal")
    wire = Wire(clerk)
    page = clerk.go("/portal/imports")
    page.locator("#file").set_input_files(sheet(rows, encoding))
    page.get_by_text("读到 7 行").wait_for()
    assert page.locator("#m-id_number option:checked").inner_text() == "证件号码"
    assert page.locator("#m-opened_on option:checked").inner_text() == "放款日期"
    page.get_by_role("button", name="试算（不登记）").click()
    page.get_by_role("heading", name="三、核对后确认").wait_for()
    page.get_by_text("可登记 3 件，其中同时委托 2 件；先前已有 0 件；有误 4 行。尚未登记。").wait_for()
    clerk.check(f"portal-import-tried-{encoding}")
    assert portal.count(bank) == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="下载有误的行").click()
    refused = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert refused[0] == [*head, "原行号", "原因"]
    assert [row[5] for row in refused[1:]] == ["4", "5", "6", "7", "8"]
    assert refused[1][1].startswith("'=cmd")
    page.get_by_role("button", name="确认登记").click()
    page.get_by_text("登记 3 件，委托 2 件").wait_for()
    assert portal.count(bank) == 3
    page.get_by_role("button", name="试算（不登记）").click()
    page.get_by_text("可登记 0 件，其中同时委托 0 件；先前已有 3 件").wait_for()
    everything = wire.everything()
    for number in [*numbers, there, bad]:
        refuse(everything, number)
    assert "甲".encode() not in everything.replace("经办甲".encode(), b"").replace("测试甲".encode(), b"")
    page.get_by_role("link", name="查看案件").count()
    clerk.check()


def test_a_file_that_is_none_is_told_before_anything_is_done(windows: Windows, portal: Portal) -> None:
    clerk = windows.window(portal.person(portal.house("bank")), "portal")
    page = clerk.go("/portal/imports")
    for buffer, said in (
        (b"PK\x03\x04 an .xlsx", "这不是 CSV 文件"),
        ("借据号".encode("utf-16"), "UTF-16"),
        (b"a,b\n\xff\xff\xff\xff", "既不是完整的 UTF-8 也不是 GB18030"),
        (b'a,b\n"never closed', "引号不配对"),
        (b"", "文件没有内容"),
    ):
        page.locator("#file").set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": buffer})
        page.locator("#fault").filter(has_text=said).wait_for()
        assert page.locator("#mapping").is_hidden()
    clerk.check("portal-import-refused")


def test_a_case_is_placed_accepted_and_its_stop_is_seen_by_both(windows: Windows, portal: Portal) -> None:
    bank, agency = portal.house("bank"), portal.house("agency")
    case_id = portal.case(bank, somebody())
    clerk = windows.window(portal.person(bank), "portal")
    page = clerk.go(f"/portal/cases/{case_id}")
    page.get_by_label("受托机构").select_option(str(agency.id))
    page.get_by_role("button", name="委托", exact=True).click()
    page.get_by_text("待接受").first.wait_for()
    page.get_by_text("登记状态").click()
    page.locator("#f-said").select_option("person:deceased")
    page.get_by_role("button", name="登记", exact=True).click()
    page.get_by_role("heading", name="停止：不得联系").wait_for()
    clerk.check("portal-case-placed")
    other = windows.window(portal.person(agency), "portal")
    page = other.go("/portal/cases?placement=assigned&stopped=yes")
    page.get_by_text("停 债务人已去世").wait_for()
    page.get_by_role("link", name=portal.read(bank, case_id)["creditor_ref"]).click()
    page.get_by_role("button", name="拒绝委托").click()
    page.get_by_text("还没有案件").wait_for()
    other.check()
