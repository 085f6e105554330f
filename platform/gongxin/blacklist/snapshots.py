"""The violations list as a snapshot: organisations alone, which anyone may read; people are told of one by one."""

import uuid

from sqlalchemy.orm import Session

from gongxin.delivery.snapshots import Portion, register
from gongxin.web.caller import Caller

from . import queries


def _organisations(session: Session, _caller: Caller, after: uuid.UUID | None, limit: int) -> Portion:
    return [
        (
            found.matter_id,
            {
                "number": found.number,
                "member_id": str(found.member_id),
                "state": found.state,
                "level": found.level,
                "article": found.article,
                "begins_on": found.begins_on.isoformat(),
                "ends_on": found.ends_on.isoformat(),
                "contested": found.contested,
            },
        )
        for found in queries.organisations_after(session, after, limit)
    ]


register(
    "blacklist_organisations",
    scope="blacklist.read",
    zh="列入名单的机构",
    en="organisations on the violations list",
    provider=_organisations,
)
