"""A registry served over HTTP on this machine, with a database of its own, and members that speak to it by the SDK.

    from tests import live as living
    live = living.live

    def test_x(live):
        with live.registry(live.member("bank")) as bank: ...

Members, clients and keys are made through the verbs; what a profile holds is what a member would hold.
"""

import itertools
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from gongxin import clock, embedded
from gongxin.access import grants
from gongxin.access import service as access
from gongxin.app import create_app
from gongxin.config import Config, load
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.members import rules as member_rules
from gongxin.members import service as members
from gongxin.subjects import service as subjects
from gongxin.transparency import service as transparency
from gongxin_client import Profile, Registry, keys
from gongxin_wire.identifiers import synthetic_uscc

from .conftest import drop_database, make_database

_NUMBERS = itertools.count(1)
_LIVE = itertools.count(1)


class _Quiet(WSGIRequestHandler):
    """HTTP/1.1, so that connections are kept, and no line on stderr for each request."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@dataclass
class Live:
    """A running registry. `url` is its issuer; `engine` is the web role's, for looking behind it."""

    app: Flask
    config: Config
    engine: Engine
    profiles: list[Profile] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.config.issuer

    def member(
        self,
        kind: str,
        *,
        name: str | None = None,
        court_code: str | None = None,
        purposes: Sequence[str] | None = None,
        budgets: dict[str, int] | None = None,
        scopes: Sequence[str] | None = None,
        alg: str = "ES256",
    ) -> Profile:
        """An active member with an agreement over all its kind may ask, a client with every scope of its kind, a key;
        as the profile that its engineer would hold. `court_code` is needed for a court."""
        number = next(_NUMBERS)
        key = keys.generate(alg)
        agreed = list(purposes if purposes is not None else member_rules.PURPOSES_OF[kind])
        with transaction(self.engine) as session:
            member = members.apply(
                session, kind=kind, name_zh=name or f"测试{number}", uscc=synthetic_uscc(700_000_000 + number),
                court_code=court_code, synthetic=True,
            )  # fmt: skip
            members.change_state(session, member.id, state="active", reason="测试", changed_by="operator:test")
            allowed = dict.fromkeys([*agreed, "evaluation"], 1_000_000) | (budgets or {})
            members.agree(
                session, member.id, purposes=agreed, data_types=["case_status"], budgets=allowed,
                contacts={"operations": "ops@member.example"}, effective_from=clock.now(),
            )  # fmt: skip
            client = access.create_client(
                session, member_id=member.id, name="测试系统", auth_method="private_key_jwt",
                scopes=sorted(scopes if scopes is not None else grants.scopes_for(kind)),
            )  # fmt: skip
            access.add_key(
                session, client.id, {name: key.jwk[name] for name in ("kty", "crv", "x", "y") if name in key.jwk}
            )
            found = Profile(self.url, str(client.id), key, member_id=str(member.id))
        self.profiles.append(found)
        return found

    def registry(self, profile: Profile, **more: Any) -> Registry:
        """The SDK for this member; close it, or use it as a context manager."""
        return Registry(profile, **more)

    def change_state(self, profile: Profile, state: str) -> None:
        """Suspends a member, or makes it active again."""
        assert profile.member_id is not None
        with transaction(self.engine) as session:
            members.change_state(
                session, uuid.UUID(profile.member_id), state=state, reason="测试", changed_by="operator:test"
            )

    def rotate_subject_keys(self, data_set: str = "debtor") -> None:
        """next → live, live → retiring; seen by this process at once."""
        with transaction(self.engine) as session:
            subjects.rotate(session, self.config, data_set)
        self.forget()

    def retire_subject_keys(self, epoch: int, data_set: str = "debtor") -> None:
        """retiring → retired."""
        with transaction(self.engine) as session:
            subjects.retire(session, self.config, data_set, epoch)
        self.forget()

    def rotate_receipt_key(self) -> str:
        """A new receipt key signs from now on; its kid."""
        with transaction(self.engine) as session:
            kid = access.rotate_registry_key(session, self.config, "receipt")
        self.forget()
        return kid

    def forget(self) -> None:
        """What the process remembers for some seconds is read anew."""
        caches = self.app.extensions["gongxin"].caches
        for name in ("subject_epochs", "registry_keys", "policy"):
            caches.pop(name, None)


@contextmanager
def serving(server: str, worker_id: str, **settings: Any) -> Iterator[Live]:
    """A registry on 127.0.0.1 and a free port until the block ends; `settings` over the test configuration."""
    name = f"gongxin_live_{worker_id}_{next(_LIVE)}"
    make_database(server, name)
    engine = make_engine(embedded.dsn(server, WEB_ROLE, name), pool_size=6)
    http: BaseWSGIServer | None = None
    try:
        holder = Flask("placeholder")
        http = make_server("127.0.0.1", 0, holder, threaded=True, request_handler=_Quiet)
        config = replace(
            load({}), issuer=f"http://127.0.0.1:{http.server_port}", database_url=embedded.dsn(server, WEB_ROLE, name),
            migration_database_url=embedded.dsn(server, OWNER_ROLE, name), rate_limit="1000000/minute",
            anonymous_rate_limit="1000000/minute", **settings,
        )  # fmt: skip
        with transaction(engine) as session:
            transparency.start(session, config)
            access.ensure_registry_keys(session, config)
            subjects.ensure_epochs(session, config)
        app = create_app(config, engine)
        http.app = app
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield Live(app, config, engine)
        http.shutdown()
        thread.join()
    finally:
        if http is not None:
            http.server_close()
        engine.dispose()
        drop_database(server, name)


@pytest.fixture(scope="module")
def live(server: str, worker_id: str) -> Iterator[Live]:
    """One running registry for the tests of a module."""
    with serving(server, worker_id) as found:
        yield found
