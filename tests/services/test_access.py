"""What the database itself refuses of clients, keys and uses; who sees what; what jobs forget and operators hear."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import clients, queries, registry_keys, service
from gongxin.access.models import Client, ClientKey
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, Invalid, Unavailable
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime
from tests.api.oauth_helpers import SigningKey
from tests.conftest import act_for
from tests.services.disclosure_world import World, build

DIGEST = b"\1" * 32


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def client(session: Session, world: World) -> Client:
    """A client of a bank, with one key."""
    return a_client(session, world)


def a_client(session: Session, world: World, **changes: Any) -> Client:
    made = service.create_client(
        session,
        **{
            "member_id": world.member("bank").member_id,
            "name": "核心系统",
            "auth_method": "private_key_jwt",
            "scopes": ["lookups"],
        }
        | changes,
    )
    if made.auth_method == "private_key_jwt":
        service.add_key(session, made.id, SigningKey().jwk)
    return made


def refused_by(caught: pytest.ExceptionInfo[DBAPIError]) -> str:
    """The constraint's name, or what the database said."""
    fault: Any = caught.value.orig
    return str(fault.diag.constraint_name or fault)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"name": ""}, "ck_clients_name"),
        ({"auth_method": "none"}, "ck_clients_auth_method"),
        ({"scopes": "[]"}, "ck_clients_scopes"),
        ({"scopes": '{"a": 1}'}, "ck_clients_scopes"),
        ({"secret_digest": DIGEST}, "ck_clients_secret"),
        ({"auth_method": "client_secret_basic", "scopes": '["members.read"]'}, "ck_clients_secret"),
        (
            {"auth_method": "client_secret_basic", "scopes": '["members.read"]', "secret_digest": b"short"},
            "ck_clients_secret",
        ),
        ({"auth_method": "client_secret_basic", "secret_digest": DIGEST}, "ck_clients_low_risk"),
        ({"member_id": uuid.uuid4()}, "fk_clients_member_id"),
    ],
)
def test_a_client_that_must_not_be_is_refused_by_the_database(
    session: Session, world: World, changes: dict[str, Any], constraint: str
) -> None:
    row = {
        "id": uuid.uuid4(),
        "member_id": world.member("bank").member_id,
        "name": "x",
        "auth_method": "private_key_jwt",
        "scopes": '["lookups"]',
        "secret_digest": None,
    } | changes
    with pytest.raises(DBAPIError) as caught:
        session.execute(
            text(
                "insert into clients (id, member_id, name, auth_method, scopes, secret_digest) values"
                " (:id, :member_id, :name, :auth_method, cast(:scopes as jsonb), :secret_digest)"
            ),
            row,
        )
    assert refused_by(caught) == constraint


KEY = (
    "insert into client_keys (kid, client_id, public_jwk, slot, expires_at) values"
    " ('{kid}', :id, '{jwk}', {slot}, now() + interval '{days} days')"
)


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        (KEY.format(kid="A" * 42, jwk="{}", slot=2, days=1), "ck_client_keys_kid"),
        (KEY.format(kid="A" * 43, jwk="{}", slot=3, days=1), "ck_client_keys_slot"),
        (KEY.format(kid="A" * 43, jwk="{}", slot=1, days=1), "ix_client_keys_slot"),
        (KEY.format(kid="A" * 43, jwk='{"d"\\: "x"}', slot=2, days=1), "ck_client_keys_public"),
        (KEY.format(kid="A" * 43, jwk='{"k"\\: "x"}', slot=2, days=1), "ck_client_keys_public"),
        (KEY.format(kid="A" * 43, jwk="{}", slot=2, days=-1), "ck_client_keys_expires_at"),
        (
            "insert into client_keys select kid, client_id, public_jwk, 2, created_at, expires_at, null"
            " from client_keys where client_id = :id",
            "pk_client_keys",
        ),
        (
            KEY.replace(":id", "'00000000-0000-0000-0000-000000000007'").format(kid="A" * 43, jwk="{}", slot=2, days=1),
            "client_keys",
        ),
    ],
)
def test_a_key_that_must_not_be_is_refused_by_the_database(
    session: Session, client: Client, sql: str, constraint: str
) -> None:
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(sql), {"id": client.id} if ":id" in sql else {})
    assert constraint in refused_by(caught)


@pytest.mark.parametrize(
    "sql",
    [
        "update clients set name = 'x' where id = :id",
        "update clients set scopes = '[\"cases.write\"]' where id = :id",
        "update clients set secret_digest = null where id = :id",
        "delete from clients where id = :id",
        "update client_keys set public_jwk = '{}' where client_id = :id",
        "update client_keys set client_id = gen_random_uuid() where client_id = :id",
        "update client_keys set expires_at = now() + interval '9 years' where client_id = :id",
        "delete from client_keys where client_id = :id",
        "select secret_digest from clients where id = :id",
        "select * from proof_uses where :id is not null",
        "select * from assertion_uses where :id is not null",
        "delete from revoked_tokens where client_id = :id",
        "insert into revoked_tokens (token_id, client_id, expires_at) values (:id, :id, now())",
        "update registry_keys set sealed_private = '\\x00' where :id is not null",
        "delete from registry_keys where :id is not null",
    ],
)
def test_the_web_role_cannot_change_or_read_what_it_need_not(session: Session, client: Client, sql: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(sql), {"id": client.id})
    assert "permission denied" in str(caught.value.orig)


@pytest.mark.parametrize(
    ("table", "sql", "constraint"),
    [
        ("clients", "update clients set revoked_at = null where id = :id", "clients_change"),
        ("clients", "update clients set revoked_at = now() + interval '1 day' where id = :id", "clients_change"),
        ("client_keys", "update client_keys set retired_at = null where client_id = :id", "client_keys_change"),
    ],
)
def test_what_was_ended_stays_ended(session: Session, client: Client, table: str, sql: str, constraint: str) -> None:
    (key,) = queries.keys_of(session, client.id)
    service.retire_key(session, client.id, key.kid)
    service.revoke_client(session, client.id)
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(sql), {"id": client.id})
    assert refused_by(caught) == constraint


def test_even_the_owner_changes_no_client_or_key(owner_engine: Engine, engine: Engine, world: World) -> None:
    with transaction(engine) as session:
        made = a_client(session, world)
        service.ensure_registry_keys(session, world.config)
    for sql, constraint in (
        ("update clients set scopes = '[\"cases.write\"]' where id = :id", "clients_change"),
        ("delete from client_keys where client_id = :id", "client_keys_change"),
        ("update client_keys set slot = 2 where client_id = :id", "client_keys_change"),
        ("delete from registry_keys where :id is not null", "registry_keys_change"),
        ("update registry_keys set sealed_private = '\\x00' where :id is not null", "registry_keys_change"),
    ):
        with owner_engine.connect() as connection, pytest.raises(DBAPIError) as caught:
            connection.execute(text(sql), {"id": made.id})
        assert refused_by(caught) == constraint


def test_a_revoked_client_takes_no_keys(session: Session, client: Client) -> None:
    service.revoke_client(session, client.id)
    with pytest.raises(Conflict):
        service.add_key(session, client.id, SigningKey().jwk)
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(KEY.format(kid="A" * 43, jwk="{}", slot=2, days=1)), {"id": client.id})
    assert refused_by(caught) == "client_keys_revoked"


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("update registry_keys set retired_at = null where retired_at is not null", "registry_keys_change"),
        (
            "update registry_keys set published_until = published_until + interval '1 day'"
            " where published_until is not null",
            "registry_keys_change",
        ),
        (
            "update registry_keys set published_until = null where published_until is not null",
            "registry_keys_change",
        ),
        (
            "update registry_keys set published_until = now() where use = 'receipt'",
            "ck_registry_keys_published_until",
        ),
        (
            "insert into registry_keys (kid, use, alg, public_jwk, sealed_private)"
            " select repeat('A', 43), use, alg, '{}', '' from registry_keys where use = 'token' limit 1",
            "ix_registry_keys_one_live",
        ),
        (
            "insert into registry_keys (kid, use, alg, public_jwk, sealed_private) values"
            " (repeat('A', 43), 'token', 'EdDSA', '{}', '')",
            "ck_registry_keys_use",
        ),
        (
            "insert into registry_keys (kid, use, alg, public_jwk, sealed_private) values"
            " (repeat('A', 43), 'token', 'ES256', '{\"d\"\\: 1}', '')",
            "ck_registry_keys_public",
        ),
        (
            "insert into registry_keys (kid, use, alg, public_jwk, sealed_private) values"
            " ('A', 'token', 'ES256', '{}', '')",
            "ck_registry_keys_kid",
        ),
    ],
)
def test_the_registry_s_keys_only_move_forward(session: Session, config: Config, sql: str, constraint: str) -> None:
    service.ensure_registry_keys(session, config)
    service.rotate_registry_key(session, config, "token")
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(sql))
    assert refused_by(caught) == constraint


def test_making_the_registry_s_keys_twice_makes_them_once(session: Session, config: Config) -> None:
    service.ensure_registry_keys(session, config)
    before = service.public_jwks(session)
    service.ensure_registry_keys(session, config)
    assert service.public_jwks(session) == before
    assert {key["use"] for key in before["keys"]} == {"sig"}
    token, receipt = service.public_jwks(session, "token"), service.public_jwks(session, "receipt")
    assert {key["alg"] for key in token["keys"]} == {"ES256"}
    assert {key["alg"] for key in receipt["keys"]} == {"EdDSA"}
    assert not any("d" in key for key in before["keys"])


def test_a_key_of_the_registry_opens_under_its_own_master_key_only(
    engine: Engine, config: Config, session: Session
) -> None:
    from dataclasses import replace

    from cryptography.exceptions import InvalidTag

    with transaction(engine) as committed:
        service.ensure_registry_keys(committed, config)
    other = Runtime(replace(config, master_key=b"\7" * 32), engine, RateLimiter(config), lambda *_: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidTag):
        service.signing_key(other, "token")


def test_without_keys_nothing_is_signed(config: Config, engine: Engine) -> None:
    runtime = Runtime(config, engine, RateLimiter(config), lambda *_: None)  # type: ignore[arg-type, return-value]
    runtime.caches["registry_keys"] = registry_keys.Ring(clock.monotonic() + 100, clock.monotonic(), {}, {})
    with pytest.raises(Unavailable):
        service.signing_key(runtime, "receipt")


# --- who sees what --------------------------------------------------------------------------------------------------


def test_a_member_sees_its_own_clients_and_keys_only(session: Session, world: World) -> None:
    one, two = a_client(session, world), a_client(session, world)
    act_for(session, one.member_id, "bank")
    assert [client.id for client in queries.clients(session)] == [one.id]
    assert {key.client_id for key in session.query(ClientKey)} == {one.id}
    with pytest.raises(DBAPIError):
        session.execute(text(KEY.format(kid="A" * 43, jwk="{}", slot=2, days=1)), {"id": two.id})


@pytest.mark.parametrize("kind", ["bank", "regulator", "anonymous"])
def test_only_the_association_and_the_registry_make_and_revoke_clients(
    session: Session, world: World, kind: str
) -> None:
    made = a_client(session, world)
    act_for(session, made.member_id, kind)
    assert session.execute(text("update clients set revoked_at = now()")).rowcount == 0  # type: ignore[attr-defined]
    with pytest.raises(DBAPIError) as caught:
        session.execute(
            text(
                "insert into clients (id, member_id, name, auth_method, scopes) values"
                " (gen_random_uuid(), :m, 'x', 'private_key_jwt', '[\"lookups\"]')"
            ),
            {"m": made.member_id},
        )
    assert "row-level security" in str(caught.value.orig)


def test_the_association_sees_every_client(session: Session, world: World) -> None:
    one, two = a_client(session, world), a_client(session, world)
    act_for(session, world.member("association").member_id, "association")
    for client in (one, two):
        assert [found.id for found in queries.clients(session, member_id=client.member_id)] == [client.id]


# --- verbs ----------------------------------------------------------------------------------------------------------


def test_two_live_keys_and_no_third(session: Session, client: Client) -> None:
    service.add_key(session, client.id, SigningKey().jwk)
    with pytest.raises(Conflict) as caught:
        service.add_key(session, client.id, SigningKey().jwk)
    assert caught.value.code == "too_many_live_keys"


def test_a_known_key_is_known_to_every_client(session: Session, world: World, client: Client) -> None:
    key = SigningKey()
    service.add_key(session, client.id, key.jwk)
    other = service.create_client(
        session, member_id=world.member("bank").member_id, name="x", auth_method="private_key_jwt", scopes=["lookups"]
    )
    with pytest.raises(IntegrityError) as caught:
        service.add_key(session, other.id, key.jwk)
    assert refused_by(caught) == "pk_client_keys"


def test_certificates_go_with_mutual_tls_and_keys_with_assertions(session: Session, world: World) -> None:
    tls = a_client(session, world, auth_method="tls_client_auth")
    assert service.add_key(session, tls.id, certificate="A" * 43).public_jwk is None
    with pytest.raises(Invalid):
        service.add_key(session, tls.id, SigningKey().jwk)
    basic = a_client(session, world, auth_method="client_secret_basic", scopes=["members.read"], secret_digest=DIGEST)
    with pytest.raises(Invalid):
        service.add_key(session, basic.id, SigningKey().jwk)


def test_a_member_that_left_gets_no_client(session: Session, world: World) -> None:
    bank = world.member("bank")
    world.connection.execute(text("update members set state = 'left' where id = :id"), {"id": bank.member_id})
    with pytest.raises(Conflict) as caught:
        a_client(session, world, member_id=bank.member_id)
    assert caught.value.code == "member_left"


def test_an_expired_key_authenticates_nobody_and_makes_room(
    session: Session, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_key(session, client.id, SigningKey().jwk)
    later = clock.now() + timedelta(days=400)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert len(service.expiring_keys(session, 0)) >= 2
    added = service.add_key(session, client.id, SigningKey().jwk)
    states = [key.retired_at is None for key in queries.keys_of(session, client.id)]
    assert (states, added.slot) == ([False, False, True], 1)


def test_keys_that_expire_soon_are_listed_and_logged(
    session: Session, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    soon = service.add_key(session, client.id, SigningKey().jwk, expires_at=clock.now() + timedelta(days=10))
    listed = [key.kid for key, _ in service.expiring_keys(session, 30)]
    assert soon.kid in listed
    assert soon.kid not in [key.kid for key, _ in service.expiring_keys(session, 5)]
    assert clients.warn_of_expiring_keys(session) == len(listed)
    service.retire_key(session, client.id, soon.kid)
    assert soon.kid not in [key.kid for key, _ in service.expiring_keys(session, 30)]


# --- uses and admission ---------------------------------------------------------------------------------------------


def test_what_was_used_is_refused_until_it_is_forgotten(engine: Engine) -> None:
    digest, ends = uuid.uuid4().bytes * 2, clock.now() + timedelta(seconds=60)
    assert queries.spend(engine, digest, ends, None, None) == 0
    assert queries.spend(engine, digest, ends, None, None) == 1
    assert queries.spend(engine, None, None, digest, ends) == 0
    assert queries.spend(engine, None, None, digest, ends) == 2
    with transaction(engine) as early:  # its own: the locks of a rolled-back session would keep `late` waiting
        service.cleanup(early)
    assert queries.spend(engine, None, None, digest, ends) == 2
    with transaction(engine) as late:
        assert queries.forget_expired(late, ends + timedelta(seconds=1)) >= 2
    assert queries.spend(engine, digest, ends, digest, ends) == 0


@pytest.mark.parametrize("table", ["proof_uses", "assertion_uses"])
def test_a_use_is_a_sha256(owner_engine: Engine, table: str) -> None:
    with owner_engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text(f"insert into {table} values ('\\x00', now())"))
    assert refused_by(caught) == f"ck_{table}_digest"


def test_proofs_are_kept_unlogged_and_assertions_are_not(session: Session) -> None:
    kinds = dict(
        session.execute(
            text("select relname, relpersistence from pg_class where relname in ('proof_uses', 'assertion_uses')")
        ).all()  # type: ignore[arg-type]
    )
    assert kinds == {"proof_uses": "u", "assertion_uses": "p"}


def test_admission_tells_what_ended_and_records_nothing_then(engine: Engine, world: World) -> None:
    with transaction(engine) as session:
        made = a_client(session, world)
    token, ends = uuid.uuid4(), clock.now() + timedelta(seconds=60)

    def admit(token_id: uuid.UUID = token, client_id: uuid.UUID = made.id) -> int:
        return queries.admit(engine, client_id, token_id, uuid.uuid4().bytes * 2, ends)

    assert admit() == 0
    assert admit(client_id=uuid.uuid4()) == 3
    queries.revoke_token(engine, token, made.id, ends)
    assert admit() == 2
    assert admit(uuid.uuid4()) == 0
    proof = uuid.uuid4().bytes * 2
    world.connection.execute(text("update members set state = 'suspended' where id = :id"), {"id": made.member_id})
    assert queries.admit(engine, made.id, uuid.uuid4(), proof, ends) == 4
    world.connection.execute(text("update members set state = 'active' where id = :id"), {"id": made.member_id})
    assert queries.admit(engine, made.id, uuid.uuid4(), proof, ends) == 0
    assert queries.admit(engine, made.id, uuid.uuid4(), proof, ends) == 1
    with transaction(engine) as session:
        service.revoke_client(session, made.id)
    assert admit(uuid.uuid4()) == 3
