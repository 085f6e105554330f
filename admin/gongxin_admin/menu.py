"""The menus, and what waits for whom: each section adds its line and its source of work."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from flask import g, get_flashed_messages, request, url_for
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from gongxin import clock

from . import languages
from .permissions import PAGES

if TYPE_CHECKING:
    from .face import Door

# In the order shown; a page stands here if it may be entered from anywhere.
MENU: dict[str, tuple[str, ...]] = {
    "admin": (
        "admin.home",
        "admin.members",
        "admin.agents",
        "admin.filings",
        "admin.blacklist",
        "admin.fund",
        "admin.contracts",
        "admin.log",
        "admin.delivery",
        "admin.rights",
        "admin.people",
    ),
    "portal": (
        "portal.home",
        "portal.ask",
        "portal.cases",
        "portal.imports",
        "portal.screen",
        "portal.agents",
        "portal.matters",
        "portal.contracts",
        "portal.statements",
        "portal.charges",
        "portal.asked",
        "portal.credentials",
        "portal.people",
    ),
    "check": (),
}


@dataclass(frozen=True)
class Line:
    name: str
    address: str
    here: bool
    count: int | None = None


@dataclass(frozen=True)
class Work:
    """One thing that waits for the person who looks: what, where to do it, by when, by which rule."""

    title: str
    address: str
    rule: str = ""
    due: date | None = None

    @property
    def overdue(self) -> bool:
        return self.due is not None and self.due < clock.today_in_china()


Source = Callable[["Door"], Iterable[Work]]
WORK: dict[str, list[Source]] = {"admin": [], "portal": []}


def waiting(door: "Door") -> list[Work]:
    """Overdue first, then by the clock, then what has none."""
    found = [item for source in WORK[door.face.name] for item in source(door)]
    return sorted(found, key=lambda item: (item.due is None, item.due or date.max, item.title))


def menu() -> list[Line]:
    """What this person may open."""
    door = g.get("door")
    if door is None or door.account is None or door.member is None:
        return []
    lines = []
    for name in MENU[door.face.name]:
        page = PAGES[name]
        if page.opens_for(door.account.roles, door.member.kind):
            address = url_for(name)
            inside = request.path == address or (
                name.endswith(".home") is False and request.path.startswith(address + "/")
            )
            lines.append(Line(languages.both(page.zh, page.en), address, inside))
    return lines


def named_member() -> str:
    """The name of the person's house, in the page's language where it has one."""
    door = g.get("door")
    if door is None or door.member is None:
        return ""
    return languages.both(door.member.name_zh, door.member.name_en or door.member.name_zh)


def csrf() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def helpers() -> dict[str, Any]:
    return {
        "menu": menu,
        "named_member": named_member,
        "csrf": csrf,
        "messages": lambda: get_flashed_messages(with_categories=True) if _has_form_cookie() else [],
    }


def _has_form_cookie() -> bool:
    """Without it there is no message, and looking would mark the answer as varying by a cookie."""
    from flask import current_app

    return current_app.config["SESSION_COOKIE_NAME"] in request.cookies
