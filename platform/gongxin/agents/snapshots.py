"""Agents as a snapshot: an agency's own people; the association and regulators have all."""

import uuid

from sqlalchemy.orm import Session

from gongxin.delivery.snapshots import Portion, register
from gongxin.web.caller import Caller

from . import queries


def _agents(session: Session, _caller: Caller, after: uuid.UUID | None, limit: int) -> Portion:
    return [
        (
            found.id,
            {
                "licence": found.licence_no,
                "state": found.state,
                "agency_id": str(found.agency_id),
                "valid_until": None if found.valid_until is None else found.valid_until.isoformat(),
            },
        )
        for found in queries.roll(session, after=after, limit=limit)[:limit]
    ]


register("agents", scope="agents.read", zh="本机构催收员", en="one's own agents", provider=_agents)
