"""Contracts at the desk in a real browser, in both languages."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from tests.services.contracts_world import Desk
from tests.services.disclosure_world import World, build
from tests.web.test_contracts_desk import changed

from .conftest import Windows

LOOKS = [("zh", 1280, False), ("en", 1280, False), ("zh", 375, False), ("en", 375, False), ("zh", 1280, True)]


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_contracts_hold(
    windows: Windows, engine: Engine, world: World, language: str, width: int, dark: bool
) -> None:
    with transaction(engine) as session:
        desk = Desk(session, world)
        desk.adopted()
        second, place = desk.draft(changed(desk)).id, desk.place
        desk.signed()
        desk.cap(1_500, range(1, 4), first=clock.today_in_china())
    look = f"{language}-{width}{'-dark' if dark else ''}"
    person = windows.town.person(windows.town.house(), "officer", "approver")
    window = windows.window(person, language=language, width=width, dark=dark)
    for name, path in (
        ("templates", ""), ("template", f"/templates/{second}"), ("caps", f"/caps?place={place}"), ("over", "/over"),
    ):  # fmt: skip
        window.go(f"/admin/contracts{path}")
        window.check(f"contracts-{name}-{look}")
