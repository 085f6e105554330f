"""Candidates, agents, badges and reports at the portal, in a real browser; a candidate's number stays in it."""

import pytest

from gongxin.access import service as access
from gongxin.db import transaction
from gongxin.members import queries as members
from gongxin.web.caller import Caller
from tests.services.accounts_world import Person
from tests.services.portal_world import somebody
from tests.web.agents_town import Opened, office, world

from .conftest import Windows
from .test_portal import LOOKS, Wire, refuse

__all__ = ["office", "world"]


def of(windows: Windows, caller: Caller, *roles: str) -> Person:
    assert caller.member_id is not None
    with transaction(windows.town.engine) as session:
        access.ensure_registry_keys(session, windows.town.config)
        member = members.get_member(session, caller.member_id)
    return windows.town.person(member, *(roles or ("clerk", "compliance")))


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_people_hold(windows: Windows, office: Opened, language: str, width: int, dark: bool) -> None:
    with office() as at:
        agent_id, agency = at.licensed().id, at.agency
    look = f"{language}-{width}{'-dark' if dark else ''}"
    clerk = windows.window(of(windows, agency), "portal", language=language, width=width, dark=dark)
    page = clerk.go(f"/portal/agents/{agent_id}")
    page.get_by_role("button", name="签发工牌" if language == "zh" else "Issue a badge").click()
    page.get_by_role("link", name="打印工牌" if language == "zh" else "Print the badge").wait_for()
    clerk.check(f"portal-agent-{look}")
    for name, path in (
        ("screen", "/portal/screen"), ("agents", "/portal/agents"), ("matters", "/portal/matters"),
        ("report", "/portal/matters/report"),
    ):  # fmt: skip
        clerk.go(path)
        clerk.check(f"portal-{name}-{look}")


def test_a_candidate_is_checked_by_a_number_that_stays_here(windows: Windows, office: Opened) -> None:
    with office() as at:
        agency = at.agency
    number = somebody()
    clerk = windows.window(of(windows, agency), "portal")
    wire = Wire(clerk)
    page = clerk.go("/portal/screen")
    page.get_by_label("本人同意书编号").fill("TY-2026-001")
    page.locator("#f-number").fill(number)
    page.get_by_role("button", name="核验", exact=True).click()
    page.get_by_role("heading", name="没有找到执照").wait_for()
    clerk.check("portal-screened")
    refuse(wire.everything(), number)


def test_evidence_is_fingerprinted_in_the_browser_and_not_sent(windows: Windows, office: Opened) -> None:
    with office() as at:
        agency, licence = at.world.member("agency"), at.licensed().licence_no
    clerk = windows.window(of(windows, agency), "portal")
    page = clerk.go("/portal/matters/report")
    wire: list[bytes] = []
    clerk.page.context.on("request", lambda request: wire.append(request.post_data_buffer or b""))
    page.get_by_label("执照编号").fill(licence)
    page.locator("#f-article").select_option("B01")
    page.get_by_label("地点或渠道").fill("电话")
    page.get_by_label("发生日期自").fill("2026-11-20")
    page.get_by_label("发生日期至").fill("2026-11-20")
    page.get_by_label("行为").fill("向债务人同事披露欠款")
    page.locator("#evidence-files").set_input_files(
        {"name": "录音.mp3", "mimeType": "audio/mpeg", "buffer": b"the very recording"}
    )
    page.wait_for_function("document.getElementById('f-evidence').value.trim().length === 64")
    page.get_by_role("button", name="提交举报").click()
    page.get_by_text("举报已收到").wait_for()
    assert wire, "the form was sent"
    assert b"the very recording" not in b"".join(wire)
    clerk.check("portal-reported")
