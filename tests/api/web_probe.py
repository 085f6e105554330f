"""Operations that exist in tests only, so that the web base is tested apart from any package: a table of its own,
callers by header, and views that do what a test asks of them."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from io import BytesIO
from typing import Any

import pytest
import structlog
from flask import Flask, Request, Response, request
from marshmallow import Schema, fields, validate
from sqlalchemy import Engine, text

from gongxin import logs
from gongxin.app import create_app
from gongxin.config import Config
from gongxin.errors import Conflict, Unauthenticated
from gongxin.web import limits, permissions, problems
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.caller import Caller
from gongxin.web.permissions import Permission
from gongxin.web.runtime import Runtime

ROWS = (
    Permission("probe.make", "cases.write", frozenset({"bank"}), creates=True),
    Permission("probe.read", "cases.read", frozenset({"bank"}), sender_constrained=True, personal=True),
    Permission("probe.raw", "cases.write", frozenset({"bank"})),
    Permission("probe.open", None),
    Permission("probe.old", None, deprecated=(date(2027, 1, 1), date(2027, 7, 1))),
)
TABLE = """
create schema if not exists probe;
create table if not exists probe.rows (
    id uuid primary key default gen_random_uuid(), name text not null,
    constraint uq_probe_rows_name unique (name) deferrable initially deferred);
truncate probe.rows;
grant usage on schema probe to gongxin_web;
grant select, insert on probe.rows to gongxin_web;
"""


class MakeIn(Schema):
    name = fields.String(required=True, validate=validate.Length(1, 64))
    times = fields.Integer(load_default=1)
    fail = fields.String()
    end_session = fields.Boolean()


class ReadIn(Schema):
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


@dataclass
class Probe:
    """The application with the probe's operations, and requests made for a caller."""

    app: Flask
    engine: Engine
    owner_engine: Engine
    bank: Caller
    callers: dict[str, Caller] = field(default_factory=dict)
    views: list[Any] = field(default_factory=list)

    def caller(self, **changes: Any) -> Caller:
        return replace(self.bank, member_id=uuid.uuid4(), client_id=uuid.uuid4(), **changes)

    def authenticate(self, _runtime: Runtime, asked: Request, _permission: Permission) -> Caller:
        try:
            return self.callers[asked.headers["X-Test-Caller"]]
        except KeyError:
            raise Unauthenticated from None

    def call(self, method: str, path: str, caller: Caller | None = None, **extra: Any) -> Any:
        headers = dict(extra.pop("headers", {}))
        if caller is not None:
            self.callers[str(caller.client_id)] = caller
            headers["X-Test-Caller"] = str(caller.client_id)
        return self.app.test_client().open(path, method=method, headers=headers, **extra)

    def make(self, name: str, key: str | None = None, caller: Caller | None = None, **body: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.call("POST", "/v1/probe", caller or self.bank, json={"name": name, **body}, headers=headers)

    def kept(self, name: str) -> int:
        with self.owner_engine.connect() as connection:
            found = connection.execute(text("select count(*) from probe.rows where name = :name"), {"name": name})
            return int(found.scalar_one())


def _blueprint(probe: Probe) -> Blueprint:
    blp = Blueprint("probe", url_prefix="/v1/probe")

    @blp.operation("probe.make", "POST", "", body=MakeIn, status=201)
    def make(call: Call, body: dict[str, Any]) -> Any:
        for _ in range(body["times"]):
            call.session.execute(text("insert into probe.rows (name) values (:name)"), {"name": body["name"]})
        for view in probe.views:
            view(call)
        if body.get("end_session"):
            call.session.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        if body.get("fail") == "raise":
            raise Conflict
        if body.get("fail") == "answer":
            return Answer({"error": "invalid_grant"}, status=400)
        if body.get("fail") == "fault":
            raise ZeroDivisionError(body["name"])
        return Answer(
            {"name": body["name"], "id": str(uuid.uuid4())}, headers={"ETag": '"1"', "Location": "/v1/probe/1"}
        )

    @blp.operation("probe.read", "GET", "/<name>", query=ReadIn)
    def read(_call: Call, query: dict[str, Any], name: str) -> Answer:
        return Answer({"limit": query["limit"]}, headers={"Cache-Control": "public, max-age=60"})

    @blp.operation("probe.raw", "POST", "/raw", raw_body="application/x-ndjson")
    def raw(_call: Call) -> dict[str, int]:
        from gongxin.web import guards

        return {"bytes": len(guards.read_body(request, 1000))}

    @blp.operation("probe.open", "GET", "/open")
    def opened(call: Call) -> Answer:
        return Answer({"caller": call.caller.kind}, headers={"Cache-Control": "public, max-age=60"})

    @blp.operation("probe.old", "GET", "/old")
    def old(_call: Call) -> Response:
        return Response(json.dumps({}), mimetype="application/json")

    return blp


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> BytesIO:
    """What the registry logs from here on, as it would stand on standard error."""
    found = BytesIO()
    logs.configure()
    settings = structlog.get_config()
    logger = structlog.wrap_logger(
        structlog.BytesLogger(found), processors=settings["processors"], wrapper_class=settings["wrapper_class"]
    )
    for module in (logs, problems, limits):
        monkeypatch.setattr(module, "log", logger)
    return found


@pytest.fixture
def probe_config(config: Config) -> Config:
    """Overridden where a test wants other limits."""
    return config


@pytest.fixture
def probe(
    probe_config: Config, engine: Engine, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Probe]:
    for row in ROWS:
        monkeypatch.setitem(permissions.PERMISSIONS, row.operation, row)
    with owner_engine.begin() as connection:
        connection.execute(text(TABLE))
    scopes = frozenset({"cases.read", "cases.write"})
    bank = Caller(uuid.uuid4(), "bank", uuid.uuid4(), scopes, sender_constrained=True)
    app = create_app(probe_config, engine)
    found = Probe(app, engine, owner_engine, bank)
    app.register_blueprint(_blueprint(found))
    app.extensions["gongxin"].authenticate = found.authenticate
    yield found
    with owner_engine.begin() as connection:
        connection.execute(text("drop schema probe cascade"))
