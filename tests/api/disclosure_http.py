"""An application whose callers are given by a header, so that tests of subjects and disclosure need no token;
that a token is what makes a caller is the access package's to test."""

from collections.abc import Iterator
from typing import Any

from flask import Flask, Request
from sqlalchemy import Engine

from gongxin.access import service as access
from gongxin.app import create_app
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Unauthenticated
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller
from gongxin.web.permissions import Permission
from gongxin.web.runtime import Runtime
from tests.services.disclosure_world import World, build


class House:
    """The application, its world, and requests made for a caller."""

    def __init__(self, app: Flask, world: World) -> None:
        self.app, self.world = app, world
        self.runtime: Runtime = app.extensions["gongxin"]
        self.callers: dict[str, Caller] = {}
        self.runtime.authenticate = self.authenticate

    def authenticate(self, _runtime: Runtime, request: Request, _permission: Permission) -> Caller:
        try:
            return self.callers[request.headers["X-Test-Caller"]]
        except KeyError:
            raise Unauthenticated from None

    def call(self, method: str, path: str, caller: Caller | None = None, **extra: Any) -> Any:
        headers = dict(extra.pop("headers", {}))
        if caller is not None:
            self.callers[str(caller.client_id)] = caller
            headers["X-Test-Caller"] = str(caller.client_id)
        return self.app.test_client().open(path, method=method, headers=headers, **extra)


def build_house(config: Config, engine: Engine, owner_engine: Engine) -> Iterator[House]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
        access.ensure_registry_keys(session, config)
    for world in build(owner_engine, config):
        yield House(create_app(config, engine), world)
