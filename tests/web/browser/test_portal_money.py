"""Contracts, statements, the fund and credentials at the portal, in a real browser."""

import pytest

from gongxin.db import transaction
from gongxin.members import queries as members
from tests.services.disclosure_world import World
from tests.web.agents_town import world
from tests.web.test_portal_money import Papers

from .conftest import Windows
from .test_portal import LOOKS

__all__ = ["world"]


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_money_hold(windows: Windows, world: World, language: str, width: int, dark: bool) -> None:
    papers = Papers(windows.town, world)
    assert papers.bank.member_id is not None
    with transaction(windows.town.engine) as session:
        bank = members.get_member(session, papers.bank.member_id)
    who = windows.town.person(bank, "clerk", "compliance", "administrator")
    clerk = windows.window(who, "portal", language=language, width=width, dark=dark)
    look = f"{language}-{width}{'-dark' if dark else ''}"
    for name, path in (
        ("contracts", "/portal/contracts"), ("contract", f"/portal/contracts/{papers.contract_id}?age=3"),
        ("statements", "/portal/statements"), ("statement", f"/portal/statements/{papers.statement_id}"),
        ("fund", "/portal/fund"), ("claims", "/portal/claims"), ("credentials", "/portal/credentials"),
    ):  # fmt: skip
        clerk.go(path)
        clerk.check(f"portal-{name}-{look}")
