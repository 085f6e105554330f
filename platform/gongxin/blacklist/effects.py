"""What follows from an act outside the matter: licences, messages to whoever must hear."""

import uuid
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gongxin.agents import service as agents
from gongxin.agents import watches
from gongxin.delivery import service as delivery
from gongxin.errors import GongxinError
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller

from . import pack, queries
from .models import Act, Matter


def details_of(session: Session, matter: Matter, action: str, today: date) -> dict[str, Any]:
    """What the database needs to know to make corrections: by when, and who is told of a new entry."""
    if action == "serve":
        return {"correct_by": pack.due("correction", today).isoformat(), "tell": _to_tell(session, matter)}
    if action in {"vary", "withdraw", "lapse"}:
        return {"correct_by": pack.due("correction", today).isoformat()}
    return {}


def _to_tell(session: Session, matter: Matter) -> list[str]:
    """Of an agent: the employer and who watches; of an agency: the banks, who place with it. A watch: the employer."""
    if matter.agent_id is None:
        found = queries.members_of(session, "bank") if matter.level != "watch" else []
    else:
        found = [queries.present_agency(session, matter.agent_id)["agency_id"]]
        if matter.level != "watch":
            found += [each.member_id for each in watches.watchers(session, matter.agent_id)]
    return sorted({str(each) for each in found})


def follow(session: Session, matter: Matter, act: Act, caller: Caller) -> None:
    """After the act stands: an L1 entry suspends the licence and, once it is final, revokes it; an entry that is gone
    gives it back where it still can be."""
    if act.action in {"serve", "vary", "withdraw", "lapse"}:
        _corrections(session, matter, act)
    if matter.agent_id is None:
        return
    if act.action == "serve" and matter.level == "L1":
        _licence(session, matter.agent_id, "suspend", caller, matter)
    elif act.action == "uphold" and matter.level == "L1":
        _licence(session, matter.agent_id, "revoke", caller, matter)
    elif act.action in {"vary", "withdraw", "lapse"} and matter.begins_on is not None and _was_l1(session, matter):
        if matter.state == "varied" and matter.level == "L1":
            return
        _licence(session, matter.agent_id, "reinstate", caller, matter)


def revoke(session: Session, matter: Matter, caller: Caller) -> None:
    """The period of appeal has passed."""
    assert matter.agent_id is not None
    _licence(session, matter.agent_id, "revoke", caller, matter)


_STARTS = {"suspend": ("granted",), "revoke": ("granted", "suspended"), "reinstate": ("suspended",)}


def _licence(session: Session, agent_id: uuid.UUID, action: str, caller: Caller, matter: Matter) -> None:
    found = queries.present_agency(session, agent_id)
    if found["state"] in {"applied", "checking"} and action != "reinstate":
        action = "refuse"
    elif found["state"] not in _STARTS[action]:
        return
    try:
        with session.begin_nested():
            agents.move(session, agent_id, caller=caller, action=action, reason=f"名单 {matter.number}")
    except GongxinError:
        if action != "reinstate":  # a certificate that ended meanwhile: the agency renews it first
            raise


def _was_l1(session: Session, matter: Matter) -> bool:
    served = [each for each in queries.acts(session, matter.id) if each.action == "draft"]
    return any(each.details.get("act") == "decide" and each.details.get("level") == "L1" for each in served)


def _corrections(session: Session, matter: Matter, act: Act) -> None:
    """A leaf and an event for each member that must hear; the entry itself is read under its correction."""
    made = queries.made_by(session, act.id)
    transparency.append_many(
        session,
        kind="blacklist_correction",
        records=[
            {"act_id": str(act.id), "cause": each.cause, "due_on": each.due_on.isoformat(),
             "matter_id": str(each.matter_id), "member_id": str(each.member_id)} for each in made
        ],
        leaf_ids=[each.id for each in made],
    )  # fmt: skip
    for each in made:
        data = {"correction_id": str(each.id), "number": matter.number, "due_on": each.due_on.isoformat()}
        more = {} if each.cause == "listed" else {"cause": each.cause}
        kind = "blacklist.listed" if each.cause == "listed" else "blacklist.corrected"
        delivery.emit(session, type=kind, object_id=matter.id, data=data | more, to=[each.member_id])
