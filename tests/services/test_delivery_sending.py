"""Sending: in order by object, at least once, one endpoint never in another's way, dead letters, rotation."""

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.delivery import endpoints, queries, sending, wire
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid, NotFound
from gongxin.web.caller import Caller
from tests.services.delivery_receivers import LOOPBACK, Receiver, receiving
from tests.services.delivery_world import NOTE, OwnFeed, a_member, own_feed, refused_by

SCOPES = frozenset({"members.read"})


@pytest.fixture
def feed(server: str, config: Config) -> Iterator[OwnFeed]:
    with own_feed(server, replace(config, delivery_networks=LOOPBACK)) as made:
        yield made


@pytest.fixture
def member(feed: OwnFeed) -> Caller:
    return a_member(feed)


class At:
    """A clock that the test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(UTC)
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    return At(monkeypatch)


def register(feed: OwnFeed, member: Caller, receiver: Receiver, types: Any = (NOTE.name,)) -> uuid.UUID:
    with transaction(feed.engine, member.member_id, member.kind) as session:
        made, receiver.secret = endpoints.register(
            session, feed.config, caller=member, url=receiver.url, types=list(types)
        )
        return made.id


def act(feed: OwnFeed, member: Caller, verb: Any, *args: Any, **kw: Any) -> Any:
    with transaction(feed.engine, member.member_id, member.kind) as session:
        return verb(session, *args, **kw)


def state(feed: OwnFeed, endpoint_id: uuid.UUID) -> str:
    with transaction(feed.engine) as session:
        return queries.get_endpoint(session, endpoint_id).state


def work(feed: OwnFeed, sender: sending.Sender | None = None) -> None:
    """Sequences and sends until nothing is due."""
    while feed.sequence():
        pass
    each = sender or sending.Sender(feed.engine, feed.config)
    while each.turn():
        pass


def owed(feed: OwnFeed, state: str = "waiting") -> int:
    with feed.owner.connect() as connection:
        return connection.scalar(text("select count(*) from delivery_sends where state = :s"), {"s": state}) or 0


def test_an_endpoint_is_called_once_it_has_said_the_challenge_back(feed: OwnFeed, member: Caller) -> None:
    with receiving() as receiver:
        endpoint = register(feed, member, receiver)
        feed.emit(uuid.uuid4(), 1, to=[member.member_id])  # before it is active: not owed
        while feed.sequence():
            pass
        work(feed)
        assert (state(feed, endpoint), receiver.challenges, receiver.got) == ("active", 1, [])
        feed.emit(uuid.uuid4(), 2, to=[member.member_id])
        feed.emit(uuid.uuid4(), 3)
        feed.emit(uuid.uuid4(), 4, to=[uuid.uuid4()])
        feed.emit(uuid.uuid4(), 5, to=[member.member_id], type="test.secret")
        work(feed)
        assert receiver.numbers() == [2, 3]
        assert owed(feed) == 0


def test_an_endpoint_that_does_not_know_the_challenge_stays_unverified(feed: OwnFeed, member: Caller, at: At) -> None:
    with receiving(says_challenge=False) as receiver:
        endpoint = register(feed, member, receiver)
        receiver.secret = None
        work(feed)
        assert state(feed, endpoint) == "unverified"
        for _ in range(20):
            at.pass_(hours=11)
            work(feed)
        assert receiver.challenges == 12
        act(feed, member, endpoints.verify, endpoint)
        receiver.says_challenge = True
        work(feed)
        assert state(feed, endpoint) == "active"
        with pytest.raises(Conflict):
            act(feed, member, endpoints.verify, endpoint)


def test_a_public_verifier_accepts_our_calls_and_refuses_another_body(feed: OwnFeed, member: Caller) -> None:
    with receiving() as receiver:
        register(feed, member, receiver)
        work(feed)
        thing = uuid.uuid4()
        told = feed.emit(thing, 7, to=[member.member_id])
        work(feed)
        headers, raw = receiver.raw[0]
        body = Webhook(receiver.secret or "").verify(raw, headers)
        assert (body["id"], headers["webhook-id"], body["object_id"]) == (str(told), str(told), str(thing))
        with pytest.raises(WebhookVerificationError):
            Webhook(receiver.secret or "").verify(raw.replace(b"7", b"8"), headers)
        assert json.loads(raw) == feed.read(member.member_id)[2][0] if member.member_id else False


def test_while_a_secret_is_rotated_both_sign_and_a_day_later_the_new_one_alone(
    feed: OwnFeed, member: Caller, at: At
) -> None:
    with receiving() as receiver:
        endpoint = register(feed, member, receiver)
        work(feed)
        old, receiver.secret = receiver.secret or "", None
        _, new = act(feed, member, endpoints.rotate, feed.config, endpoint)
        for hours in (0, 25):
            at.pass_(hours=hours)
            feed.emit(uuid.uuid4(), 1)
            work(feed)
        signatures = [headers["webhook-signature"].split() for headers, _ in receiver.raw]
        assert [len(each) for each in signatures] == [2, 1]
        headers, raw = receiver.raw[0]
        sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        for secret, signature in zip((new, old), signatures[0], strict=True):
            assert Webhook(secret).sign(headers["webhook-id"], sent, raw.decode()) == signature
        assert base64.b64decode(new.removeprefix("whsec_")) != base64.b64decode(old.removeprefix("whsec_"))
        with feed.owner.connect() as connection:
            sealed = connection.scalar(text("select sealed_secret from delivery_endpoints"))
        assert base64.b64decode(new.removeprefix("whsec_")) not in bytes(sealed)


def test_what_is_refused_holds_up_its_object_alone_and_keeps_the_order(feed: OwnFeed, member: Caller, at: At) -> None:
    bad, good = uuid.uuid4(), uuid.uuid4()
    refuse = {1}
    with receiving(answers=lambda body: 400 if body["data"].get("n") in refuse else 200) as receiver:
        register(feed, member, receiver)
        work(feed)
        receiver.secret = None
        for n in range(1, 7):
            feed.emit(bad if n % 2 else good, n)
        work(feed)
        assert receiver.numbers() == [1, 2, 4, 6]
        feed.emit(bad, 7)
        work(feed)
        assert receiver.numbers() == [1, 2, 4, 6]
        refuse.clear()
        at.pass_(minutes=1)
        work(feed)
        assert receiver.numbers() == [1, 2, 4, 6, 1, 3, 5, 7]


def test_a_failing_endpoint_is_left_alone_with_growing_pauses_and_given_up_after_three_days(
    feed: OwnFeed, member: Caller, at: At
) -> None:
    with receiving(answers=lambda _: 503) as receiver:
        endpoint = register(feed, member, receiver)
        work(feed)
        receiver.secret = None
        feed.emit(uuid.uuid4(), 1)
        feed.emit(uuid.uuid4(), 2)
        began, calls = at.now, []
        while owed(feed) or not calls:
            before = len(receiver.got)
            work(feed)
            calls += [at.now - began] * (len(receiver.got) - before)
            at.pass_(seconds=3 if at.now - began < timedelta(minutes=2) else 1800)
            assert at.now - began < timedelta(days=9)
        assert set(receiver.numbers()) == {1, 2}
        assert owed(feed, "dead") == 2
        assert 15 <= len(calls) <= 60
        receiver.answers = lambda _: 200
        with pytest.raises(NotFound):
            act(feed, a_member(feed), endpoints.replay, endpoint, [])
        with transaction(feed.engine) as session:
            assert endpoints.replay(session, endpoint, [1]) == 1
            assert endpoints.replay(session, endpoint, []) == 1
            with pytest.raises(NotFound):
                endpoints.replay(session, endpoint, [1])
        at.pass_(hours=11)
        work(feed)
        assert receiver.numbers()[-2:] == [1, 2]
        assert owed(feed, "delivered") == 2


def test_retry_after_is_kept_to(feed: OwnFeed, member: Caller, at: At) -> None:
    with receiving(answers=lambda _: 429, headers={"Retry-After": "3600"}) as receiver:
        register(feed, member, receiver)
        work(feed)
        receiver.secret = None
        feed.emit(uuid.uuid4(), 1)
        work(feed)
        at.pass_(minutes=59)
        work(feed)
        assert len(receiver.got) == 1
        at.pass_(minutes=2)
        work(feed)
        assert len(receiver.got) == 2


def test_an_endpoint_that_is_gone_is_paused_and_what_it_is_owed_waits(feed: OwnFeed, member: Caller, at: At) -> None:
    with receiving(answers=lambda _: 410) as receiver:
        endpoint = register(feed, member, receiver)
        work(feed)
        receiver.secret = None
        feed.emit(uuid.uuid4(), 1)
        work(feed)
        assert state(feed, endpoint) == "paused"
        feed.emit(uuid.uuid4(), 2)
        at.pass_(hours=1)
        work(feed)
        assert receiver.numbers() == [1]
        receiver.answers = lambda _: 200
        act(feed, member, endpoints.move, endpoint, state="active")
        work(feed)
        assert sorted(receiver.numbers()) == [1, 1, 2]
        act(feed, member, endpoints.move, endpoint, state="removed")
        with pytest.raises(NotFound):
            state(feed, endpoint)


@pytest.mark.parametrize(
    "statement",
    [
        "update clients set revoked_at = now() where id = :c",
        """update clients set scopes = '["evidence.read"]' where id = :c""",
        "update members set state = 'suspended' where id = :m",
    ],
)
def test_nothing_is_sent_once_the_client_is_revoked_or_lost_the_scope_or_the_member_is_suspended(
    feed: OwnFeed, member: Caller, statement: str
) -> None:
    with receiving() as receiver:
        register(feed, member, receiver)
        work(feed)
        with feed.owner.begin() as connection:
            for table in ("clients", "members"):
                connection.execute(text(f"alter table {table} disable trigger user"))
            connection.execute(text(statement), {"c": member.client_id, "m": member.member_id})
        feed.emit(uuid.uuid4(), 1)
        work(feed)
        assert receiver.got == []


def test_a_slow_endpoint_never_keeps_another_waiting(feed: OwnFeed, member: Caller) -> None:
    """More endpoints hang than half of the threads; the healthy one hears at once."""
    with receiving(seconds=0) as quick:
        register(feed, member, quick)
        slow = [a_member(feed) for _ in range(6)]
        hanging = threading.Event()

        def post(url: str, **more: Any) -> wire.Heard:
            if url == quick.url:
                return wire.post(url, **more)
            if b"endpoint.verify" in more["body"]:
                said = json.loads(more["body"])["data"]["challenge"]
                return wire.Heard("delivered", 200, json.dumps({"challenge": said}).encode())
            hanging.wait(30)
            return wire.Heard("timeout")

        sender = sending.Sender(feed.engine, feed.config, post=post)
        for n, each in enumerate(slow):
            register(feed, each, Receiver(url=f"http://127.0.0.1:9/{n}"))
        work(feed, sender)
        with feed.owner.begin() as connection:  # they hung before
            connection.execute(text("update delivery_endpoints set failures = 1 where url <> :u"), {"u": quick.url})
        stop = threading.Event()
        threads = sending.run(feed.engine, feed.config, stop, count=4, sender=sender)
        try:
            for n in range(20):
                feed.emit(uuid.uuid4(), n)
            feed.sequence()
            until = time.monotonic() + 10
            while len(quick.got) < 20 and time.monotonic() < until:
                time.sleep(0.05)
            assert quick.numbers() == list(range(20))
            assert owed(feed) == 120
        finally:
            stop.set()
            hanging.set()
            for thread in threads:
                thread.join(10)


def test_a_sender_whose_lease_ran_out_writes_nothing_down(feed: OwnFeed, member: Caller, at: At) -> None:
    with receiving() as receiver:
        register(feed, member, receiver)
        work(feed)
        feed.emit(uuid.uuid4(), 1)
        feed.emit(uuid.uuid4(), 2)
        feed.sequence()
        receiver.secret = None
        other = sending.Sender(feed.engine, feed.config)
        taken = []

        def late(url: str, **more: Any) -> wire.Heard:
            if not taken:
                at.pass_(minutes=2)
                taken.append(other.turn())
            return wire.post(url, **more)

        assert sending.Sender(feed.engine, feed.config, post=late).turn()
        assert taken == [True]
        assert receiver.numbers() == [1, 2, 1]
        assert owed(feed, "delivered") == 2
        assert not other.turn()


def test_what_is_emitted_as_an_endpoint_is_given_back_is_not_forgotten(feed: OwnFeed, member: Caller) -> None:
    """The sequencer commits just after the sender looked whether more is owed."""
    with receiving() as receiver:
        register(feed, member, receiver)
        work(feed)
        feed.emit(uuid.uuid4(), 1)
        feed.sequence()
        sender = sending.Sender(feed.engine, feed.config)
        found = sender.take(healthy=False)
        assert found is not None
        feed.emit(uuid.uuid4(), 2)
        with transaction(feed.engine) as sequencer:
            assert queries.sequence(sequencer, 10, clock.now()) == 1
            giving_back = threading.Thread(target=sender.work, args=found)
            giving_back.start()
            giving_back.join(1)
        giving_back.join(10)
        work(feed)
        assert receiver.numbers() == [1, 2]


@pytest.mark.parametrize(
    ("change", "refusal", "code"),
    [
        ({"types": ["no.such"]}, Invalid, "unknown_type"),
        ({"types": ["object.erased"]}, Invalid, "unknown_type"),
        ({"types": ["test.secret"]}, Forbidden, "type_needs_scope"),
        ({"url": "https://10.0.0.1/"}, Invalid, "endpoint_private"),
        ({"url": "gopher://127.0.0.1/"}, Invalid, "endpoint_url"),
    ],
)
def test_an_endpoint_that_may_not_be_is_not_registered(
    feed: OwnFeed, member: Caller, change: dict[str, Any], refusal: type[GongxinError], code: str
) -> None:
    given = {"url": "https://hooks.example/x", "types": [NOTE.name]} | change
    with pytest.raises(refusal) as refused:
        act(feed, member, endpoints.register, feed.config, caller=member, **given)
    assert refused.value.code == code


def test_a_member_has_twenty_endpoints_at_most_and_sees_no_others(feed: OwnFeed, member: Caller) -> None:
    for n in range(endpoints.MOST):
        register(feed, member, Receiver(url=f"https://hooks.example/{n}"))
    with pytest.raises(Conflict):
        register(feed, member, Receiver(url="https://hooks.example/more"))
    other = a_member(feed)
    assert act(feed, other, queries.endpoints, None, 100) == []
    mine = act(feed, member, queries.endpoints, None, 100)
    with pytest.raises(NotFound):
        act(feed, other, endpoints.move, mine[0].id, state="removed")


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("update delivery_endpoints set state = 'active'", "ck_delivery_endpoints_verified"),
        ("update delivery_endpoints set state = 'odd'", "ck_delivery_endpoints_state"),
        ("update delivery_endpoints set reason = 'odd'", "ck_delivery_endpoints_reason"),
        ("update delivery_endpoints set types = '[]'", "ck_delivery_endpoints_types"),
        ("update delivery_endpoints set sealed_previous = 'x'", "ck_delivery_endpoints_previous"),
        ("update delivery_endpoints set lease = gen_random_uuid()", "ck_delivery_endpoints_lease"),
        ("update delivery_sends set state = 'odd'", "ck_delivery_sends_state"),
        ("update delivery_sends set outcome = 'Odd one'", "ck_delivery_sends_outcome"),
        ("update delivery_sends set attempts = 3", "ck_delivery_sends_attempts"),
    ],
)
def test_what_must_never_be_the_database_refuses(
    feed: OwnFeed, member: Caller, statement: str, constraint: str
) -> None:
    with receiving() as receiver:
        register(feed, member, receiver)
        work(feed)
        register(feed, member, Receiver(url="https://hooks.example/unverified"))
        feed.emit(uuid.uuid4(), 1)
        feed.sequence()
        assert refused_by(feed, statement) == constraint
