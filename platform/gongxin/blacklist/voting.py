"""The verbs beside the table: votes, recusals, objections and their answers. Each has its leaf."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, Forbidden
from gongxin.members.officers import officer_key
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller

from . import pack, queries, rules
from .models import Objection, Recusal, Vote
from .service import OFFICE_KINDS, snapshot


def vote(session: Session, matter_id: uuid.UUID, *, officer: str, vote: bool, said: str | None = None) -> Vote:
    """A seated member's vote on the present draft."""
    matter = queries.get_matter(session, matter_id)
    by = officer_key(officer)
    if said is not None:
        refuse_pii(said, "/said")
    rules.check_vote(snapshot(session, matter), by, vote, said or "")
    assert matter.draft_id is not None
    now = clock.now()
    made = Vote(draft_id=matter.draft_id, officer=by, matter_id=matter.id, vote=vote, said=said, at=now)
    session.add(made)
    session.flush()
    _leaf(session, {"at": transparency.moment(now), "draft_id": str(matter.draft_id), "matter_id": str(matter.id),
                    "officer": by, "said": _digest(said), "vote": vote})  # fmt: skip
    return made


def recuse(session: Session, matter_id: uuid.UUID, *, officer: str, said: str) -> Recusal:
    """A declared conflict of interest: the officer's vote, cast or not, counts no more in this matter."""
    matter = queries.get_matter(session, matter_id)
    refuse_pii(said, "/said")
    by, now = officer_key(officer), clock.now()
    if any(each.officer == by for each in queries.recusals(session, matter_id)):
        raise Conflict("recused_already", zh="该人员已回避", en="This officer is recused already",
                       fix_zh="无需再次申报。",
                       fix_en="There is nothing left to declare.")  # fmt: skip
    made = Recusal(matter_id=matter.id, officer=by, said=said, at=now)
    session.add(made)
    session.flush()
    _leaf(session, {"at": transparency.moment(now), "matter_id": str(matter.id), "officer": by, "recused": True,
                    "said": _digest(said)})  # fmt: skip
    return made


def object_to(session: Session, matter_id: uuid.UUID, *, caller: Caller, kind: str, said: str) -> Objection:
    """The listed party at any time: the entry reads contested until it is answered."""
    matter = queries.get_matter(session, matter_id)
    assert caller.member_id is not None
    refuse_pii(said, "/said")
    if matter.state not in rules.IN_FORCE:
        raise Conflict("nothing_listed", zh="没有在效的列入", en="There is no entry in force", fix_zh="无需异议。",
                       fix_en="There is nothing to object to.")  # fmt: skip
    if caller.kind not in OFFICE_KINDS and caller.member_id != (matter.agency_id or matter.member_id):
        raise Forbidden("not_yours_to_do")
    now = clock.now()
    made = Objection(id=ids.new_id(), matter_id=matter.id, kind=kind, said=said, said_by=caller.member_id, said_at=now,
                     due_on=pack.due(kind, clock.today_in_china()))  # fmt: skip
    session.add(made)
    session.flush()
    _leaf(session, {"at": transparency.moment(now), "due_on": made.due_on.isoformat(), "kind": kind,
                    "matter_id": str(matter.id), "said": _digest(said)}, made.id)  # fmt: skip
    return made


def answer_objection(
    session: Session, matter_id: uuid.UUID, objection_id: uuid.UUID, *, officer: str, outcome: str, answer: str
) -> Objection:
    """The association's answer. What is accepted is then varied or withdrawn, by the committee's vote."""
    matter = queries.get_matter(session, matter_id)
    found = queries.get_objection(session, matter_id, objection_id)
    by = officer_key(officer)
    refuse_pii(answer, "/answer")
    if found.answered_at is not None:
        raise Conflict("answered_already", zh="该异议已答复", en="It was answered before", fix_zh="另行提出异议。",
                       fix_en="Object anew.")  # fmt: skip
    found.outcome, found.answer, found.officer, found.answered_at = outcome, answer, by, clock.now()
    session.flush()
    _leaf(session, {"answers": str(found.id), "at": transparency.moment(found.answered_at), "matter_id": str(matter.id),
                    "officer": by, "outcome": outcome})  # fmt: skip
    return found


def _leaf(session: Session, record: Mapping[str, Any], leaf_id: uuid.UUID | None = None) -> None:
    transparency.append(session, kind="blacklist_vote", record=record, leaf_id=leaf_id)


def _digest(said: str | None) -> str:
    return hashlib.sha256((said or "").encode()).hexdigest()
