"""What sections of the desk share: names of houses, days in China, who may decide."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from gongxin import clock
from gongxin.errors import Forbidden
from gongxin.members import queries as members

from .. import languages
from ..face import Door


def names(door: Door, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Names of members in the page's language."""
    return {member: languages.both(*pair) for member, pair in members.names(door.session, ids).items()}


def day_of(at: datetime) -> date:
    """The legal day in China of a moment."""
    return at.astimezone(clock.SHANGHAI).date()


def is_officer(door: Door) -> bool:
    """Whether this person may decide: officers of the association, not a regulator's."""
    return "officer" in door.me.roles and door.house.kind == "association"


def association_only(door: Door) -> None:
    """For what the association sees as it runs the registry. Raises Forbidden for a regulator's people."""
    if door.house.kind != "association":
        raise Forbidden(
            "association_only",
            zh="此页只供协会人员使用",
            en="This page is for the association's people alone",
            fix_zh="需要时请协会提供。",
            fix_en="Ask the association for what you need.",
        )
