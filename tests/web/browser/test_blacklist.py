"""The violations list at the desk in a real browser: every page in both languages, and a committee's journey."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gongxin.config import Config
from tests.web.blacklist_room import Room, room

from .conftest import Windows

LOOKS = [("zh", 1280, False), ("en", 1280, False), ("zh", 375, False), ("en", 375, False), ("zh", 1280, True)]


@pytest.fixture
def desk(windows: Windows, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Room]:
    with room(windows.town, engine, owner_engine, config) as found:
        yield found


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_the_list_hold(windows: Windows, desk: Room, language: str, width: int, dark: bool) -> None:
    with desk.bench() as bench:
        member = desk.panel(bench, 3)[0]
        report, room_of = bench.report(), bench.deliberating()
        bench.act(room_of, "draft", act="decide", level="L2", months=12, major_harm=True, said="录音与通话记录可证")
        bench.vote(room_of, bench.officers[0], against=(bench.officers[1],))
        listed = bench.appealed()
    look = f"{language}-{width}{'-dark' if dark else ''}"
    officer = windows.window(desk.officer(), language=language, width=width, dark=dark)
    for name, path in (
        ("blacklist", "/admin/blacklist"), ("matter-triage", f"/admin/blacklist/{report.id}"),
        ("matter-appeal", f"/admin/blacklist/{listed.id}"), ("corrections", "/admin/blacklist/corrections?show=open"),
        ("committees", "/admin/blacklist/committees"),
    ):  # fmt: skip
        officer.go(path)
        officer.check(f"{name}-{look}")
    voter = windows.window(member, language=language, width=width, dark=dark)
    voter.go(f"/admin/blacklist/{room_of.id}")
    voter.check(f"matter-room-{look}")


@pytest.mark.parametrize("script", [True, False])
def test_a_member_votes_against_with_reasons_and_is_told_why_not_twice(
    windows: Windows, desk: Room, script: bool
) -> None:
    with desk.bench() as bench:
        member = desk.panel(bench, 1)[0]
        matter = bench.deliberating()
        bench.act(matter, "draft", act="decide", level="L3", months=6)
    window = windows.window(member, script=script)
    window.allowed = {422}
    page = window.go("/admin")
    page.get_by_role("link", name=f"{matter.number} 表决").click()
    page.get_by_role("button", name="反对").click()
    page.get_by_role("alert").filter(has_text="未能提交").wait_for()
    page.get_by_role("link", name="反对意见须说明理由").click()
    page.locator("#f-said").fill("证据不足")
    page.get_by_role("button", name="反对").click()
    page.get_by_text("您的一票已入卷").wait_for()
    page.get_by_text("您不表决").wait_for()
    if script:
        window.check()
