"""Agents at the desk in a real browser: every page in both languages, wide and narrow; a decision without script."""

import re
from datetime import timedelta

import pytest

from gongxin.agents import records
from tests.services.agents_world import TODAY, YESTERDAY
from tests.web.agents_town import Opened, office, world

from .conftest import Windows

__all__ = ["office", "world"]
LOOKS = [("zh", 1280, False), ("en", 1280, False), ("zh", 375, False), ("en", 375, False), ("zh", 1280, True)]


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_agents_hold(windows: Windows, office: Opened, language: str, width: int, dark: bool) -> None:
    with office() as at:
        held, asked = at.licensed(), at.apply()
        at.move(held, "renew", valid_until=TODAY + timedelta(days=20))
        for severity, certainty in (("S2", "proven"), ("S3", "alleged")):
            at.become(at.association)
            entry = records.enter(
                at.session, held.id, caller=at.association, kind="violation", severity=severity, certainty=certainty,
                occurred_on=YESTERDAY, basis="协会 2026-31 号决定",
            )  # fmt: skip
        at.become(at.agency)
        said = records.respond(
            at.session, held.id, entry.id, caller=at.agency, kind="objection", said="当日未值班，排班表为证"
        )
        filing = at.filed(at.agency)
    town = windows.town
    desk = windows.window(town.person(town.house(), "officer"), language=language, width=width, dark=dark)
    for name, path in (
        ("roll", ""), ("applications", "/applications"), ("objections", "/objections"), ("transfers", "/transfers"),
        ("lapses", "/lapses"), ("statistics", "/statistics"), ("one", f"/{held.id}"), ("entry", f"/{held.id}/entry"),
        ("application", f"/{asked.id}?queue=applications"), ("objection", f"/{held.id}/objections/{said.id}"),
    ):  # fmt: skip
        desk.go(f"/admin/agents{path}")
        desk.check(f"agents-{name}-{language}-{width}{'-dark' if dark else ''}")
    for name, path in (("filings", "/admin/filings"), ("filing", f"/admin/filings/{filing.id}")):
        desk.go(path)
        desk.check(f"{name}-{language}-{width}{'-dark' if dark else ''}")


@pytest.mark.parametrize("script", [True, False])
def test_an_application_is_decided_and_the_next_one_opens(windows: Windows, office: Opened, script: bool) -> None:
    with office() as at:
        first = at.apply()
        at.apply()
    town = windows.town
    desk = windows.window(town.person(town.house(), "officer"), script=script)
    desk.allowed = {422}
    page = desk.go(f"/admin/agents/{first.id}?queue=applications")
    page.get_by_role("button", name="受理", exact=True).click()
    if not script:
        page.get_by_role("alert").wait_for()
    page.get_by_label("理由").fill("材料不实")
    page.get_by_role("button", name="不予许可").click()
    page.wait_for_url(re.compile(rf"/agents/(?!{first.id})[0-9a-f-]+\?queue=applications"))
    page.get_by_text("已记录并写入透明日志").wait_for()
