"""Watches and statistics: parse, call, return."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.web import paging
from gongxin.web.blueprint import Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from .. import examples, figures, grading, queries_filings, records, watches
from ..schemas import watches as schemas

blp = Blueprint("agent_watches", url_prefix="/v1/agents", description="关注与统计 Standing watches, statistics")
BLUEPRINTS = (blp,)

# What a race can reach past the rules.
CONSTRAINTS.update(
    {
        "ix_agent_watches_one": ("watched_already", "本机构已在关注此人", "You watch this person already"),
        "agent_watches_ended": ("watch_ended", "该关注已结束", "The watch has ended"),
    }
)


@blp.operation(
    "agents.watch",
    "POST",
    "/watches",
    body=schemas.WatchIn,
    answer=schemas.WatchOut,
    status=201,
    body_example={"check_id": examples.ID, "licence": examples.LICENCE, "ends_on": "2027-05-24"},
    example=examples.WATCH,
)
def watch(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """关注 Be told when somebody you checked changes: on that check's purpose and consent, to a day within a year."""
    return schemas.watch_out(watches.begin(call.session, caller=call.caller, **body))


@blp.operation(
    "agents.watches",
    "GET",
    "/watches",
    query=schemas.PageIn,
    answer=schemas.WatchesOut,
    example={"items": [examples.WATCH], "next_cursor": None},
)
def watched(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """本机构的关注 One's own watches, ended ones too."""
    found = queries_filings.watches(call.session, paging.decode_id(query.get("cursor")), query["limit"])
    kept, following = paging.page(found, query["limit"], lambda each: [str(each.id)])
    return {"items": [schemas.watch_out(each) for each in kept], "next_cursor": following}


@blp.operation(
    "agents.unwatch",
    "POST",
    "/watches/<uuid:watch_id>/end",
    answer=schemas.WatchOut,
    example=examples.WATCH | {"ended_at": "2026-12-01T03:00:00Z"},
)
def unwatch(call: Call, watch_id: uuid.UUID) -> dict[str, Any]:
    """结束关注 End a watch before its day."""
    return schemas.watch_out(watches.end(call.session, watch_id))


@blp.operation(
    "agents.statistics",
    "GET",
    "/statistics",
    query=schemas.StatisticsIn,
    answer=schemas.StatisticsOut,
    example=examples.STATISTICS,
)
def statistics(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """各机构统计 Figures of each agency side by side, by name: no ranking, no sum of them; small cells are null.

    Grades and entries are as of the day, licences and certificates as they stand now. An entry counts for the agency
    where the person worked when it happened."""
    day = query.get("as_of") or clock.today_in_china()
    return {
        "as_of": day,
        "rules_version": grading.pack(day)["version"],
        "least_cell": figures.LEAST_CELL,
        "agencies": records.statistics(call.session, day),
    }
