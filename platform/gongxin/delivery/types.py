"""The table of event types: what can be told, to whom, and no more. Each part of the registry adds its rows here.

`scope` is what a token must carry to read such an event, and a client to have it called out to an endpoint; `fields`
are all that its data may hold, so that a payload never says more than a reader with this scope could ask for.
"""

from dataclasses import dataclass

ERASED = "object.erased"
VERIFY = "endpoint.verify"


@dataclass(frozen=True, slots=True)
class EventType:
    """One row. `acknowledged`: whoever is told must say what it did. `scope` empty: that of the events before it."""

    name: str
    scope: str
    zh: str
    en: str
    fields: frozenset[str]
    acknowledged: bool = False


def _row(name: str, scope: str, zh: str, en: str, *fields: str, acknowledged: bool = False) -> EventType:
    return EventType(name, scope, zh, en, frozenset(fields), acknowledged)


TYPES: dict[str, EventType] = {
    row.name: row
    for row in (
        # delivery itself
        _row(ERASED, "", "对象已擦除，请一并删除", "the object was erased; erase your copy too", "object_type",
             acknowledged=True),
        # agents
        _row("agent.changed", "agents.check", "所关注催收员的状态有变", "a watched agent's state changed",
             "agent_id", "licence", "state", "what", "effective_on", "watch_id"),
        # blacklist: what is told is that there is something to read under /v1/blacklist/corrections
        _row("blacklist.listed", "blacklist.read", "新列入，请处理并反馈", "a new entry: act on it and report back",
             "correction_id", "number", "due_on", acknowledged=True),
        _row("blacklist.corrected", "blacklist.read", "已告知的列入有更正", "an entry you were told of was corrected",
             "correction_id", "number", "cause", "due_on", acknowledged=True),
    )
}  # fmt: skip


def readable(scopes: frozenset[str]) -> list[str]:
    """The types that a bearer of these scopes may read, by name."""
    return sorted(row.name for row in TYPES.values() if row.scope in scopes)
