"""What waits for whom: the officer's triage, service and answers by their clocks; a committee member's votes."""

from collections.abc import Iterator
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.blacklist import queries_desk, rules, service
from gongxin.errors import GongxinError

from ...face import Door
from ...menu import Work
from . import wording

ENOUGH = 50
# What an officer does in each state; a matter in deliberation waits for its draft, an appeal for its committee.
DOES = {"reported": "accept", "accepted": "notice", "hearing": "hold_hearing", "decided": "serve"}


def waiting(door: Door) -> Iterator[Work]:
    if "officer" in door.me.roles:
        yield from _office(door)
    if "committee" in door.me.roles:
        yield from _votes(door)


def _office(door: Door) -> Iterator[Work]:
    today = clock.today_in_china()
    for row in queries_desk.by_clock(door.session, states=(*DOES, "deliberation", "appealed", "noticed"), limit=ENOUGH):
        matter, does = row.Matter, DOES.get(row.Matter.state)
        if matter.state == "decided" and matter.level == "none":
            does = "dismiss"
        elif matter.state == "noticed" and matter.due_on is not None and matter.due_on < today:
            does = "close_reply"
        elif matter.state == "appealed" and matter.appeal_committee_id is None:
            does = "assign"
        elif matter.state in {"deliberation", "appealed"} and matter.draft_id is None:
            does = "draft"
        if does is not None:
            yield _work(row.Matter, wording.step(does))
    for objection, matter in queries_desk.open_objections(door.session, limit=ENOUGH):
        yield Work(f"{matter.number} {_('答复异议')}", url_for("admin.matter", matter_id=matter.id) + "#objections",
                   wording.of(wording.OBJECTIONS, objection.kind), objection.due_on)  # fmt: skip


def _votes(door: Door) -> Iterator[Work]:
    for row in queries_desk.rooms_of(door.session, door.me.officer, limit=ENOUGH):
        seen = service.snapshot(door.session, row.Matter)
        if seen.draft is None:
            continue
        try:
            rules.check_vote(seen, door.me.officer, True, "")
        except GongxinError:
            try:
                rules.check_votes(seen, rules.Act(seen.draft.act, rules.OFFICE, door.me.officer, "—"))
            except GongxinError:
                continue
            yield _work(row.Matter, wording.step(seen.draft.act))
        else:
            yield _work(row.Matter, _("表决"))


def _work(matter: Any, does: str) -> Work:
    return Work(
        f"{matter.number} {does}",
        url_for("admin.matter", matter_id=matter.id),
        wording.article(matter.article),
        matter.due_on,
    )
