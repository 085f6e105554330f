"""The directory of members as a snapshot: what every member may read of the others."""

import uuid

from sqlalchemy.orm import Session

from gongxin.members import queries as members
from gongxin.web.caller import Caller

from .snapshots import Portion, register


def _members(session: Session, _caller: Caller, after: uuid.UUID | None, limit: int) -> Portion:
    return [
        (found.id, {"kind": found.kind, "name_zh": found.name_zh, "name_en": found.name_en, "state": found.state})
        for found in members.directory(session, after=after, limit=limit)[:limit]
    ]


register("members", scope="members.read", zh="机构名录", en="the directory of members", provider=_members)
