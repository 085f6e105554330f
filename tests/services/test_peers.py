"""Two registries, each with a database and keys of its own: pinned by two people, asking under signatures."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import registry_keys
from gongxin.access import service as access
from gongxin.app import create_app
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, GongxinError, Invalid, NotFound, Unauthenticated, Unavailable
from gongxin.federation import descriptions, exchange, messages, queries, rules, service
from gongxin.federation.messages import Question
from gongxin.federation.models import Peer
from gongxin_wire.canonical import b64u, canonical
from tests.services.log_world import OwnLog, own_log
from tests.services.members_world import refused_by


@dataclass
class Registry:
    """One of the two, reachable by the other without a network."""

    made: OwnLog
    config: Config
    http: FlaskClient

    @property
    def address(self) -> str:
        return self.config.issuer

    def document(self) -> Any:
        return self.http.get("/.well-known/gongxin-registry").get_json()

    def fingerprint(self) -> str:
        return descriptions.fingerprint(json.loads(descriptions.payload(self.document()))["keys"][0]["kid"])

    def take(self, question: Question, raw: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """As the network would hand it over."""
        path = question.url.removeprefix(self.address)
        answer = self.http.post(path, data=raw, headers=question.headers)
        return answer.status_code, answer.headers, answer.data

    def add(self, other: "Registry", *officers: str) -> None:
        with transaction(self.made.engine) as session:
            service.propose(session, self.config, address=other.address, document=other.document(), officer="zhang")
            for officer in officers:
                service.approve(session, address=other.address, officer=officer, fingerprint=other.fingerprint())

    def peer(self, session: Session, other: "Registry") -> Peer:
        return queries.get_peer(session, other.address)

    def ask(self, other: "Registry", take: Any = None) -> Any:
        with transaction(self.made.engine) as session:
            peer = self.peer(session, other)
            return exchange.call(session, self.config, peer, "status", {}, transport=take or other.take)


@pytest.fixture(scope="module")
def pair(server: str, config: Config) -> Iterator[tuple[Registry, Registry]]:
    with ExitStack() as stack:
        found = []
        for name in ("east", "west"):
            made = stack.enter_context(own_log(server, replace(config, issuer=f"http://{name}.example")))
            with transaction(made.engine) as session:
                access.ensure_registry_keys(session, made.config)
            app = create_app(made.config, made.engine)
            found.append(Registry(made, made.config, app.test_client()))
        yield found[0], found[1]


@pytest.fixture
def east(pair: tuple[Registry, Registry]) -> Iterator[Registry]:
    yield pair[0]
    _forget(pair)


@pytest.fixture
def west(pair: tuple[Registry, Registry]) -> Registry:
    return pair[1]


def _forget(pair: tuple[Registry, Registry]) -> None:
    """Each test begins with strangers."""
    for registry in pair:
        with transaction(registry.made.engine) as session:
            for peer in queries.peers(session):
                if peer.state != "removed":
                    service.change_state(session, address=peer.address, state="removed", officer="zhang", reason="试毕")


@pytest.fixture
def friends(east: Registry, west: Registry) -> None:
    east.add(west, "zhang", "liwei")
    west.add(east, "wang", "zhao")


# --- pinning --------------------------------------------------------------------------------------------------------


def test_a_peer_is_active_once_two_people_have_compared_the_fingerprint(east: Registry, west: Registry) -> None:
    east.add(west, "zhang")
    with transaction(east.made.engine) as session:
        assert east.peer(session, west).state == "proposed"
        with pytest.raises(Conflict):
            service.approve(session, address=west.address, officer="zhang", fingerprint=west.fingerprint())
        with pytest.raises(Invalid, match="fingerprint_differs"):
            service.approve(session, address=west.address, officer="liwei", fingerprint=east.fingerprint())
        spoken = west.fingerprint().upper().replace(" ", "-")
        assert service.approve(session, address=west.address, officer="liwei", fingerprint=spoken).state == "active"


def test_the_database_makes_no_peer_active_without_two_people(east: Registry, west: Registry) -> None:
    east.add(west, "zhang")
    with transaction(east.made.engine) as session:
        assert refused_by(session, "update peers set state = 'active' where state = 'proposed'") == "peers_two_people"
        again = (
            "insert into peer_steps select gen_random_uuid(), peer_id, what, officer, '', kid, now()"
            " from peer_steps where what = 'approved' order by at desc limit 1"
        )
        assert refused_by(session, again) == "ix_peer_steps_one_approval"
        assert refused_by(session, "update peers set serial = serial - 1") == "peers_change"


def test_a_removed_peer_stays_removed_and_is_added_anew(east: Registry, west: Registry) -> None:
    east.add(west, "zhang", "liwei")
    with transaction(east.made.engine) as session:
        service.change_state(session, address=west.address, state="removed", officer="zhang", reason="密钥泄露")
        with pytest.raises(NotFound):
            queries.get_peer(session, west.address)
        assert refused_by(session, "update peers set state = 'active' where state = 'removed'") == "peers_change"
    east.add(west)
    with transaction(east.made.engine) as session:
        assert east.peer(session, west).state == "proposed"


def test_nobody_is_their_own_peer_nor_twice_another(east: Registry, west: Registry) -> None:
    east.add(west)
    for other in (west, east):
        with pytest.raises(Conflict), transaction(east.made.engine) as session:
            service.propose(session, east.config, address=other.address, document=other.document(), officer="zhang")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"issuer": "http://third.example"}, "/issuer"),
        ({"serial": "7"}, "/serial"),
        ({"serial": True}, "/serial"),
        ({"issued_at": 99_999_999_999}, "/issued_at"),
        ({"issued_at": 10**30}, "/issued_at"),
        ({"expires_at": 1}, "/expires_at"),
        ({"keys": []}, "/keys"),
        ({"keys": [{"kty": "OKP"}]}, "/keys"),
        ({"endpoints": {"exchange": "http://elsewhere.example/federation"}}, "/endpoints"),
        ({"endpoints": {}}, "/endpoints"),
        ({"name": ""}, "/name"),
        ({"log": None}, "/log"),
    ],
)
def test_a_description_that_is_not_whole_is_refused_at_its_member(
    west: Registry, change: dict[str, Any], pointer: str
) -> None:
    body = json.loads(descriptions.payload(west.document())) | change
    with pytest.raises(Invalid) as caught:
        rules.check_description(body, address=west.address, now=clock.now())
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: {**d, "payload": b64u(canonical({**json.loads(descriptions.payload(d)), "name": "别人"}))},
        lambda d: {**d, "signatures": []},
        lambda d: {**d, "signatures": [{**d["signatures"][0], "signature": "A" * 86}]},
        lambda d: {"payload": d["payload"]},
        lambda d: [d],
        lambda _d: None,
    ],
)
def test_a_description_changed_after_signing_is_refused(east: Registry, west: Registry, spoil: Any) -> None:
    with pytest.raises(Invalid), transaction(east.made.engine) as session:
        service.propose(session, east.config, address=west.address, document=spoil(west.document()), officer="zhang")


def test_a_new_key_counts_when_the_old_one_announces_it(east: Registry, west: Registry, friends: None) -> None:
    before = west.fingerprint()
    with transaction(west.made.engine) as session:
        registry_keys.rotate(session, west.config, "federation")
    assert west.fingerprint() != before
    with pytest.raises(Unauthenticated):
        east.ask(west)
    with transaction(east.made.engine) as session:
        peer = service.refresh(session, address=west.address, document=west.document())
        assert descriptions.fingerprint(peer.kid) == west.fingerprint()
        assert [step.what for step in queries.steps(session, peer.id)][-1] == "rekeyed"
    assert east.ask(west)["issuer"] == west.address


def test_a_key_that_the_old_one_does_not_announce_is_refused(east: Registry, west: Registry, friends: None) -> None:
    with transaction(west.made.engine) as session:
        registry_keys.rotate(session, west.config, "federation", withdraw=True)
    with pytest.raises(Invalid, match="description_not_signed"), transaction(east.made.engine) as session:
        service.refresh(session, address=west.address, document=west.document())


def test_an_older_description_is_refused(east: Registry, west: Registry, friends: None) -> None:
    old = west.document()
    with transaction(east.made.engine) as session:
        service.refresh(session, address=west.address, document=west.document())
    with pytest.raises(Invalid) as caught, transaction(east.made.engine) as session:
        service.refresh(session, address=west.address, document=old)
    assert caught.value.pointer == "/serial"


# --- exchanges ------------------------------------------------------------------------------------------------------


def test_both_sides_keep_the_question_and_the_answer_with_both_signatures(
    east: Registry, west: Registry, friends: None
) -> None:
    east.ask(west)
    kept = []
    for registry, other in ((east, west), (west, east)):
        with transaction(registry.made.engine) as session:
            kept.append(queries.exchanges(session, registry.peer(session, other).id)[0])
    asked, answered = kept
    assert (asked.direction, answered.direction) == ("asked", "answered")
    assert (asked.question, asked.answer, asked.nonce) == (answered.question, answered.answer, answered.nonce)
    assert asked.question_signature["Signature"] == answered.question_signature["Signature"]
    assert asked.answer_signature == answered.answer_signature


def test_a_third_party_verifies_a_kept_exchange_from_the_record_alone(
    east: Registry, west: Registry, friends: None
) -> None:
    east.ask(west)
    with transaction(east.made.engine) as session:
        peer = east.peer(session, west)
        kept = queries.exchanges(session, peer.id)[0]
        public = descriptions.jose.import_jwk({k: v for k, v in peer.public_jwk.items() if k != "kid"})[0].public
    question = Question("POST", f"{west.address}/federation/v1/status", kept.question_signature)
    reply = messages.Reply(kept.status, question, kept.answer_signature)
    messages.verify_reply(reply, kept.answer, kid=peer.kid, public_key=public)
    with pytest.raises(Unauthenticated):
        messages.verify_reply(reply, kept.answer + b" ", kid=peer.kid, public_key=public)


def test_a_question_asked_again_is_refused(east: Registry, west: Registry, friends: None) -> None:
    seen: list[tuple[Question, bytes]] = []

    def overheard(question: Question, raw: bytes) -> Any:
        seen.append((question, raw))
        return west.take(question, raw)

    east.ask(west, overheard)
    assert west.take(*seen[0])[0] == 409


@pytest.mark.parametrize(
    "spoil",
    [
        lambda status, headers, body: (status, headers, body + b" "),
        lambda status, headers, body: (status, {**headers, "Signature": "gongxin=:AAAA:"}, body),
        lambda status, headers, body: (status, {}, body),
        lambda status, headers, body: (503, headers, body),
        lambda _status, headers, _body: (200, headers, b"{}"),
    ],
)
def test_an_answer_changed_on_its_way_is_refused(east: Registry, west: Registry, friends: None, spoil: Any) -> None:
    def changed(question: Question, raw: bytes) -> Any:
        status, headers, body = west.take(question, raw)
        return spoil(status, dict(headers), body)

    with pytest.raises(Unauthenticated):
        east.ask(west, changed)


def test_the_answer_to_one_question_is_none_to_another(east: Registry, west: Registry, friends: None) -> None:
    first: list[Any] = []

    def keep(question: Question, raw: bytes) -> Any:
        first.append(west.take(question, raw))
        return first[0]

    east.ask(west, keep)
    with pytest.raises(Unauthenticated):
        east.ask(west, lambda _question, _raw: first[0])


def test_another_registry_does_not_answer_in_a_peers_name(east: Registry, west: Registry, friends: None) -> None:
    def impostor(question: Question, raw: bytes) -> Any:
        with transaction(east.made.engine) as session:
            key = registry_keys.published(session, east.config, "federation")[0]
        reply = messages.Reply(200, question)
        messages.sign_reply(reply, b"{}", kid=key.kid, private_key=key.private_key, now=clock.now())
        return 200, reply.headers, b"{}"

    with pytest.raises(Unauthenticated):
        east.ask(west, impostor)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_ten_minutes_apart_are_refused_with_a_word_about_clocks(
    east: Registry, west: Registry, friends: None, minutes: int
) -> None:
    with transaction(east.made.engine) as session:
        key = registry_keys.published(session, east.config, "federation")[0]
    question = Question("POST", f"{west.address}/federation/v1/status", {"Content-Type": "application/json"})
    messages.sign_question(
        question, b"{}", kid=key.kid, private_key=key.private_key, nonce="n" * 32,
        now=clock.now() + timedelta(minutes=minutes),
    )  # fmt: skip
    status, _, body = west.take(question, b"{}")
    assert status == 401
    assert "时钟" in json.loads(body)["fix"]


def test_a_stranger_a_paused_peer_and_nobody_at_all_read_the_same(
    east: Registry, west: Registry, friends: None
) -> None:
    with transaction(west.made.engine) as session:
        service.change_state(session, address=east.address, state="paused", officer="wang", reason="查证中")
    unsigned: tuple[dict[str, str], ...] = (
        {},
        {"Signature-Input": "x", "Signature": "y"},
        {"Signature-Input": 'gongxin=();keyid="abc"', "Signature": "gongxin=:AA==:"},
    )
    answers = [west.http.post("/federation/v1/status", data=b"{}", headers=each).get_json() for each in unsigned]
    with pytest.raises(Unauthenticated):
        east.ask(west)
    assert {answer["code"] for answer in answers} == {"message_not_signed"}


def test_a_peer_that_does_not_answer_is_no_answer(east: Registry, west: Registry, friends: None) -> None:
    def silence(question: Question, raw: bytes) -> Any:
        return exchange.send(replace(question, url="http://127.0.0.1:9/federation/v1/status"), raw)

    with pytest.raises(Unavailable, match="peer_unreachable"):
        east.ask(west, silence)


@pytest.mark.parametrize("table", ["peer_steps", "peer_agreements", "peer_exchanges"])
def test_what_was_done_and_said_is_never_changed(east: Registry, west: Registry, friends: None, table: str) -> None:
    east.ask(west)
    with transaction(east.made.engine) as session:
        service.agree(
            session, address=west.address, purposes={"contact": 1}, data_types=["case_status"], officer="zhang"
        )
        assert "permission denied" in refused_by(session, f"delete from {table}")
    with pytest.raises(DBAPIError, match=r"append_only|never changed"), east.made.owner.begin() as owner:
        owner.execute(text(f"delete from {table}"))


def test_an_agreement_with_a_peer_is_superseded_never_changed(east: Registry, west: Registry) -> None:
    east.add(west)
    with transaction(east.made.engine) as session:
        for budget in (10, 20):
            service.agree(
                session, address=west.address, purposes={"contact": budget}, data_types=["case_status"], officer="zhang"
            )
        found = queries.agreement_in_force(session, east.peer(session, west).id)
        assert found is not None
        assert (found.version, found.purposes) == (2, {"contact": 20})
        for bad in ({"contact": -1}, {"Contact!": 1}, {"contact": 2**60}):
            with pytest.raises(GongxinError):
                service.agree(session, address=west.address, purposes=bad, data_types=["case_status"], officer="zhang")


def test_members_see_nothing_of_peers(east: Registry, west: Registry) -> None:
    east.add(west)
    with transaction(east.made.engine, kind="bank") as session:
        for table in ("peers", "peer_steps", "peer_agreements", "peer_exchanges"):
            assert session.scalar(text(f"select count(*) from {table}")) == 0
