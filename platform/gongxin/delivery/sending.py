"""Sending: threads of `gongxin worker` that each take one endpoint at a time, under a lease, and call it in order.

One endpoint has one sender, so that the order by object holds; a sender that dies leaves a lease that runs out, and
what it sent without recording it is sent again (at least once). Half of the threads take only endpoints that took their
last call, so that however many hang, the others are not kept waiting. No transaction is open while an endpoint is
called.
"""

import hmac
import random
import secrets as random_secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from standardwebhooks import Webhook

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.logs import log

from . import endpoints, queries, rules, wire
from .models import DeliveryEndpoint
from .service import moment
from .types import VERIFY

LEASE = timedelta(seconds=60)
PORTION = 50
TURN_SECONDS = 10.0
IDLE_SECONDS = 0.1
_CHALLENGES = 12

Post = Callable[..., wire.Heard]


@dataclass
class Sender:
    """What one thread does. `post` and `lease` are other ones in tests."""

    engine: Engine
    config: Config
    post: Post = wire.post
    lease: timedelta = LEASE

    def turn(self, *, healthy: bool = False) -> bool:
        """Takes one endpoint with something due and works on it; False where there is none."""
        found = self.take(healthy=healthy)
        if found is None:
            return False
        self.work(*found)
        return True

    def take(self, *, healthy: bool) -> tuple[DeliveryEndpoint, uuid.UUID] | None:
        """An endpoint with something due, and the lease under which it is this sender's."""
        mine, now = uuid.uuid4(), clock.now()
        with transaction(self.engine) as session:
            found = queries.claim(session, lease=mine, until=now + self.lease, now=now, healthy=healthy)
        return None if found is None else (DeliveryEndpoint(**found._mapping), mine)

    def work(self, endpoint: DeliveryEndpoint, mine: uuid.UUID) -> None:
        """Calls the endpoint with what it is owed, or with a challenge where it is not verified yet."""
        if endpoint.state == "unverified":
            self._challenge(endpoint, mine)
        else:
            self._send(endpoint, mine)

    def _send(self, endpoint: DeliveryEndpoint, mine: uuid.UUID) -> None:
        until = clock.monotonic() + TURN_SECONDS
        keys = endpoints.secrets(self.config, endpoint)
        going = True
        while going and clock.monotonic() < until:
            with transaction(self.engine) as session:
                portion = queries.owed(session, endpoint.id, clock.now(), PORTION)
            behind: set[uuid.UUID] = set()
            for event in portion:
                if event.object_id in behind:
                    continue
                heard = self._call(endpoint, keys, str(event.event_id), event.body.encode())
                if heard.outcome != "delivered":
                    behind.add(event.object_id)
                going = self._record(endpoint, mine, event, heard)
                if not going or clock.monotonic() >= until:
                    break
            going = going and len(portion) > 0
        self._release(endpoint.id, mine)

    def _call(self, endpoint: DeliveryEndpoint, keys: list[bytes], message_id: str, body: bytes) -> wire.Heard:
        return self.post(
            endpoint.url,
            headers=signed(keys, message_id, clock.now(), body),
            body=body,
            networks=self.config.delivery_networks,
        )

    def _record(self, endpoint: DeliveryEndpoint, mine: uuid.UUID, event: Any, heard: wire.Heard) -> bool:
        """Writes down how an attempt went; whether to go on with this endpoint."""
        now, attempts = clock.now(), event.attempts + 1
        delivered, unable = heard.outcome == "delivered", heard.outcome not in ("delivered", "refused")
        failures = endpoint.failures + 1 if unable else 0
        wait = rules.pause(attempts, _chance())
        hold = now + max(rules.pause(failures, _chance()), timedelta(seconds=heard.retry_after)) if unable else None
        state = "delivered" if delivered else "dead" if rules.is_over(event.first_at or now, now) else "waiting"
        with transaction(self.engine) as session:
            kept = queries.record(
                session,
                endpoint=endpoint.id,
                lease=mine,
                until=now + self.lease,
                failures=failures,
                hold=hold,
                state=state,
                next=now if delivered else max(now + wait, hold or now),
                now=now,
                outcome=heard.outcome if heard.status is None else f"http_{heard.status}",
                position=event.position,
            )
            if kept and heard.outcome == "gone":
                _stop(session, endpoint.id, mine)
        endpoint.failures, endpoint.hold_until = failures, hold
        if not delivered:
            log.info("webhook_not_taken", endpoint=str(endpoint.id), outcome=heard.outcome, attempts=attempts)
        return kept and not unable

    def _release(self, endpoint_id: uuid.UUID, mine: uuid.UUID) -> None:
        """Gives the endpoint back. It is locked before anything is read, so that what a sequencer just added counts."""
        with transaction(self.engine) as session:
            found = queries.lock_leased(session, endpoint_id, mine)
            if found is not None:
                due = queries.next_due(session, endpoint_id, clock.now())
                found.lease = found.leased_until = None
                found.due_at = due if due is None or found.hold_until is None else max(due, found.hold_until)

    def _challenge(self, endpoint: DeliveryEndpoint, mine: uuid.UUID) -> None:
        """Whether who answers at this address has the secret's owner behind it: it says the challenge back."""
        challenge, message_id, now = random_secrets.token_urlsafe(24), str(ids.new_id()), clock.now()
        body = orjson.dumps(
            {"id": message_id, "type": VERIFY, "timestamp": moment(now), "data": {"challenge": challenge}}
        )
        heard = self._call(endpoint, endpoints.secrets(self.config, endpoint), message_id, body)
        right = heard.outcome == "delivered" and _answers(heard.body, challenge)
        with transaction(self.engine) as session:
            found = queries.lock_leased(session, endpoint.id, mine)
            if found is None:
                return
            found.lease = found.leased_until = None
            if found.state != "unverified":
                return
            if right:
                found.state, found.verified_at, found.failures = "active", clock.now(), 0
                found.reason = found.due_at = found.hold_until = None
            else:
                found.failures, found.reason = found.failures + 1, "not_verified"
                again = clock.now() + rules.pause(found.failures, _chance())
                found.due_at = again if found.failures < _CHALLENGES else None
        log.info("webhook_challenge", endpoint=str(endpoint.id), verified=right, outcome=heard.outcome)


def _stop(session: Any, endpoint_id: uuid.UUID, mine: uuid.UUID) -> None:
    """410 Gone: the endpoint is paused until its member says otherwise."""
    found = queries.lock_leased(session, endpoint_id, mine)
    if found is not None:
        found.state, found.reason = "paused", "gone"


def _chance() -> float:
    return random.random()  # noqa: S311 (spreads load; nothing secret)


def _answers(body: bytes, challenge: str) -> bool:
    try:
        said = orjson.loads(body)
    except ValueError:
        return False
    given = said.get("challenge") if isinstance(said, dict) else None
    return isinstance(given, str) and hmac.compare_digest(given.encode(), challenge.encode())


def signed(keys: list[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of the Standard Webhooks specification; while a secret is rotated, a signature of each."""
    text = body.decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "gongxin-webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, text) for key in keys),
    }


def run(
    engine: Engine,
    config: Config,
    stop: threading.Event,
    *,
    count: int | None = None,
    sender: Sender | None = None,
) -> list[threading.Thread]:
    """The senders of this process, until `stop` is set. Many processes may have theirs."""
    sender, many = sender or Sender(engine, config), count or config.delivery_senders
    turnstiles = {True: threading.Lock(), False: threading.Lock()}
    threads = []
    for n in range(many):
        healthy = n >= (many + 1) // 2
        threads.append(threading.Thread(target=_until, args=(sender, stop, healthy, turnstiles[healthy]), daemon=True))
        threads[-1].start()
    return threads


def _until(sender: Sender, stop: threading.Event, healthy: bool, turnstile: threading.Lock) -> None:
    """Of the idle threads of one kind one looks for work, the others wait behind it."""
    while not stop.is_set():
        found = None
        with turnstile:
            while found is None and not stop.is_set():
                found = _guarded(lambda: sender.take(healthy=healthy))
                if found is None:
                    stop.wait(IDLE_SECONDS)
        if found is not None:
            _guarded(partial(sender.work, *found))


def _guarded(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except (DBAPIError, PoolTimeout) as fault:
        log.warning("sender_without_database", error=type(fault).__name__)
    except Exception as fault:
        log.error("sender_failed", error=type(fault).__name__)
    return None
