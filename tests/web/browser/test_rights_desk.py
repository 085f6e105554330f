"""Credentials and rights at the desk in a real browser: every page in both languages, wide and narrow, one dark."""

import pytest

from gongxin.db import transaction
from tests.services.disclosure_world import World
from tests.services.members_world import agree
from tests.services.test_access import a_client
from tests.web.agents_town import Opened, office, world

from .conftest import Windows

__all__ = ["office", "world"]
LOOKS = [("zh", 1280, False), ("en", 1280, False), ("zh", 375, False), ("en", 375, False), ("zh", 1280, True)]


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_credentials_and_rights_hold(
    windows: Windows, world: World, office: Opened, language: str, width: int, dark: bool
) -> None:
    town = windows.town
    member = town.house("bank")
    with transaction(town.engine) as session:
        client = a_client(session, world, member_id=member.id)
        agree(session, member)
        agree(session, member, budgets={"contact": 250})
    with office() as at:
        licence = at.licensed().licence_no
    desk = windows.window(town.person(town.house(), "officer"), language=language, width=width, dark=dark)
    for name, path in (
        ("client", f"/members/{member.id}/clients/{client.id}"), ("agreements", f"/members/{member.id}/agreements"),
        ("keys", "/members/keys"), ("rights", "/rights"),
    ):  # fmt: skip
        desk.go(f"/admin{path}")
        desk.check(f"{name}-{language}-{width}{'-dark' if dark else ''}")
    form = desk.page.locator("form[action$='/checked']")
    form.locator("[name=licence]").fill(licence)
    form.locator("[name=request_reference]").fill("查阅2026-7")
    form.get_by_role("button").click()
    desk.page.locator("section.card").wait_for()
    desk.check(f"rights-checked-{language}-{width}{'-dark' if dark else ''}")
