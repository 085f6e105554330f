"""Changes: the feed, snapshots, acknowledgements, webhook endpoints; verifying what an endpoint of ours is called with.

    consumer = Consumer(registry, sqlite3.connect("gongxin.db"))
    consumer.follow(apply)          # apply(cursor, event): its effect and our place in the feed in one transaction

Exactly once: see `consuming.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from standardwebhooks import Webhook, WebhookVerificationError

from .auth import Connection, new_key
from .errors import Refused, VerificationFailed
from .http import unreadable
from .shapes import flag, items, moment, optional, text, texts, whole

READ, HOOKS = "changes.read", "webhooks.write"
LATEST = "latest"
VERIFY = "endpoint.verify"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one object. Of two events of an object the one with the greater position is newer."""

    event_id: str
    type: str
    object_id: str
    position: int
    timestamp: str
    data: Mapping[str, Any]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Event":
        data = body.get("data")
        if not isinstance(data, dict):
            raise unreadable()
        moment(text(body, "timestamp"))
        return cls(
            text(body, "id"), text(body, "type"), text(body, "object_id"), whole(body, "position"),
            text(body, "timestamp"), data,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Events after a cursor, and the cursor to ask with next; `more`: there are further ones now."""

    events: tuple[Event, ...]
    next_cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where we are called. `secret` is known only as it is made or rotated."""

    endpoint_id: str
    url: str
    types: tuple[str, ...]
    state: str
    reason: str | None
    failures: int
    secret: str | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Endpoint":
        return cls(
            text(body, "endpoint_id"), text(body, "url"), texts(body, "types"), text(body, "state"),
            optional(body, "reason"), whole(body, "failures"),
            text(body, "secret") if "secret" in body else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cursor that the feed goes on from, the position where it stands, and (object id, data) as they come."""

    cursor: str
    position: int
    rows: Iterator[tuple[str, dict[str, Any]]]


class Changes:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection

    def changes(
        self,
        after: str | None = None,
        *,
        types: Sequence[str] | None = None,
        limit: int = 500,
        wait: int = 0,
        scope: str | None = None,
    ) -> ChangesPage:
        """Events after a cursor, oldest first. `after` None: from the oldest kept; `LATEST`: none, only the cursor.
        `wait`: the registry may hold the answer for so many seconds while there is nothing. `scope`: those whose types
        are wanted; by default all that our client has among the types' scopes."""
        query = {"after": after, "types": ",".join(types) if types else None, "limit": limit, "wait": wait or None}
        body = self.connection.read("GET", "/v1/changes", scope=scope or self.changes_scope(types), query=query)
        return ChangesPage(
            tuple(map(Event.read, items(body, "items"))), text(body, "next_cursor"), flag(body, "more")
        )  # fmt: skip

    def event_types(self) -> list[dict[str, Any]]:
        """Every type of event: `type`, `scope`, `zh`, `en`, `data_fields`, `acknowledged`."""
        return items(self.connection.read("GET", "/v1/changes/types", scope=None), "items")

    def changes_scope(self, types: Sequence[str] | None) -> str:
        """changes.read, and the scopes of the types wanted that this client may hold; asked for once."""
        wanted = {row["scope"] for row in self.event_types() if row["scope"] and (not types or row["type"] in types)}
        return " ".join(sorted({READ, *filter(self._may_have, wanted)}))

    def _may_have(self, scope: str) -> bool:
        try:
            self.connection.tokens.token(scope)
        except Refused as error:
            if error.extra.get("error") != "invalid_scope":
                raise
            return False
        return True

    @contextmanager
    def snapshot(self, name: str, *, scope: str) -> Iterator["Snapshot"]:
        """Everything of one type as it is now. Its rows are read as they come; raises Unavailable as they break off."""
        with self.connection.stream(f"/v1/snapshots/{quote(name, safe='')}", scope=f"{READ} {scope}") as lines:
            head = _object(next(lines, ""))
            yield Snapshot(text(head, "cursor"), whole(head, "position"), _rows(lines))

    def acknowledge(self, event_id: str, did: str, *, note: str | None = None) -> None:
        """What we did with an event: applied, removed, acted, not_held or disputed. The same again changes nothing."""
        body = {"event_id": event_id, "did": did} | ({"note": note} if note else {})
        self.connection.read("POST", "/v1/changes/acknowledgements", scope=READ, json_body=body, key=new_key())

    # --- endpoints ------------------------------------------------------------------------------------------------

    def webhook_endpoints(self) -> list[Endpoint]:
        """Our own."""
        body = self.connection.read("GET", "/v1/webhook-endpoints", scope=HOOKS, query={"limit": 200})
        return list(map(Endpoint.read, items(body, "items")))

    def register_webhook_endpoint(self, url: str, types: Sequence[str]) -> Endpoint:
        """A new one; keep its secret. It is called at once, and active when it has said the challenge back
        (`challenge_answer`)."""
        scopes = {row["scope"] for row in self.event_types() if row["type"] in types}
        return Endpoint.read(
            self.connection.read(
                "POST", "/v1/webhook-endpoints", scope=" ".join(sorted({HOOKS, *filter(None, scopes)})),
                json_body={"url": url, "types": list(types)},
            )
        )  # fmt: skip

    def verify_webhook_endpoint(self, endpoint_id: str) -> Endpoint:
        """Asks for another challenge."""
        return self._endpoint("POST", endpoint_id, "/verify")

    def rotate_webhook_secret(self, endpoint_id: str) -> Endpoint:
        """A new secret; for a day the one before signs beside it."""
        return self._endpoint("POST", endpoint_id, "/secret")

    def set_webhook_endpoint(self, endpoint_id: str, state: str) -> Endpoint:
        """active, paused or removed."""
        return self._endpoint("POST", endpoint_id, "/state", json_body={"state": state})

    def webhook_sends(self, endpoint_id: str, *, state: str | None = None) -> list[dict[str, Any]]:
        """The newest of what an endpoint was or is owed, and how it went."""
        path = f"/v1/webhook-endpoints/{quote(endpoint_id, safe='')}/sends"
        return items(self.connection.read("GET", path, scope=HOOKS, query={"state": state, "limit": 200}), "items")

    def _endpoint(self, method: str, endpoint_id: str, what: str, **given: Any) -> Endpoint:
        path = f"/v1/webhook-endpoints/{quote(endpoint_id, safe='')}{what}"
        return Endpoint.read(self.connection.read(method, path, scope=HOOKS, **given))


def verified(secrets: str | Sequence[str], headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    """The body of a call of our endpoint, checked against its secret (or, while it is rotated, any of several) and
    against a clock five minutes off. Raises VerificationFailed: then answer 401 and do nothing."""
    given = dict(headers.items())
    for secret in [secrets] if isinstance(secrets, str) else secrets:
        try:
            body = Webhook(secret).verify(raw, given)
        except (WebhookVerificationError, ValueError):
            continue
        if isinstance(body, dict):
            return body
    raise VerificationFailed(
        "webhook_not_signed", "回调签名不成立", "The call's signature does not hold",
        "勿处理；核对端点密钥与本机时钟。", "Do nothing with it; check the endpoint's secret and this machine's clock.",
    )  # fmt: skip


def challenge_answer(body: Mapping[str, Any]) -> dict[str, str] | None:
    """What to answer (200, JSON) where a verified call is a new endpoint's challenge; None where it is an event."""
    if body.get("type") != VERIFY:
        return None
    data = body.get("data")
    if not isinstance(data, dict):
        raise unreadable()
    return {"challenge": text(data, "challenge")}


def _rows(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for count, line in enumerate(lines):
        body = _object(line)
        if body.get("end") is True:
            if whole(body, "count") != count:
                raise unreadable()
            return
        data = body.get("data")
        if not isinstance(data, dict):
            raise unreadable()
        yield text(body, "object_id"), data
    raise unreadable()


def _object(line: str) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except ValueError as fault:
        raise unreadable() from fault
    if not isinstance(body, dict):
        raise unreadable()
    return body
