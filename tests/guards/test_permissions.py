"""Every route stands in the permissions table, every row has its route, and nobody gets past either."""

import re
import uuid
from typing import Any

import pytest
from flask import Flask, Request
from sqlalchemy import Engine
from werkzeug.routing import Rule

from gongxin.app import create_app
from gongxin.config import Config
from gongxin.errors import Unauthenticated
from gongxin.web.caller import MEMBER_KINDS, Caller
from gongxin.web.permissions import LOW_RISK_SCOPES, PERMISSIONS, SCOPES, Permission

# Routes outside the table, each with its reason.
OUTSIDE = {"static": "Flask's own: style sheets and images of the documentation pages"}
_VALUE = {"uuid": "01890000-0000-7000-8000-000000000000", "int": "1", "default": "x", "string": "x", "path": "x"}


def routes(app: Flask) -> list[tuple[Rule, str, Permission]]:
    found = []
    for rule in app.url_map.iter_rules():
        permission = getattr(app.view_functions[rule.endpoint], "permission", None)
        if rule.endpoint not in OUTSIDE:
            assert permission is not None, f"{rule.rule}: not made by Blueprint.operation"
            methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            assert len(methods) == 1, rule.rule
            found.append((rule, methods[0], permission))
    return found


def path_of(rule: Rule) -> str:
    """The rule with a value of the right form in each place."""
    return re.sub(r"<(?:(\w+)(?:\((?:length=)?(\d*)[^)]*\))?:)?\w+>", _value, rule.rule)


def _value(place: re.Match[str]) -> str:
    return _VALUE.get(place[1] or "default", "x") * int(place[2] or 1)


class Doors:
    """The application with callers given by hand, so that only what follows authentication decides."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.caller: Caller | None = None
        app.extensions["gongxin"].authenticate = self.authenticate

    def authenticate(self, _runtime: Any, _request: Request, _permission: Permission) -> Caller:
        if self.caller is None:
            raise Unauthenticated
        return self.caller

    def knock(self, rule: Rule, method: str, caller: Caller | None = None, **extra: Any) -> Any:
        self.caller = caller
        return self.app.test_client().open(path_of(rule), method=method, **extra)


@pytest.fixture(scope="module")
def doors(config: Config, engine: Engine) -> Doors:
    return Doors(create_app(config, engine))


def caller_for(permission: Permission, **changes: Any) -> Caller:
    values: dict[str, Any] = {
        "member_id": uuid.uuid4(), "kind": sorted(permission.kinds)[0], "client_id": uuid.uuid4(),
        "scopes": frozenset({permission.scope or ""}), "sender_constrained": True,
    }  # fmt: skip
    return Caller(**(values | changes))


def test_every_route_has_a_row_and_its_endpoint_is_the_rows_name(doors: Doors) -> None:
    for rule, _, permission in routes(doors.app):
        assert PERMISSIONS[permission.operation] is permission
        assert rule.endpoint.split(".")[-1] == permission.operation.replace(".", "_"), rule.rule
    assert {rule.endpoint for rule in doors.app.url_map.iter_rules()} >= OUTSIDE.keys()


def test_every_row_has_exactly_one_route(doors: Doors) -> None:
    served = [permission.operation for _, _, permission in routes(doors.app)]
    assert len(served) == len(set(served))
    assert set(served) == PERMISSIONS.keys()


def test_rows_are_whole(doors: Doors) -> None:
    for row in PERMISSIONS.values():
        assert row.kinds <= set(MEMBER_KINDS)
        assert row.kinds
        assert row.scope is None or row.scope in SCOPES, row.operation
        if row.personal or row.grant:
            assert row.scope, f"{row.operation}: personal data without a scope"
            assert row.sender_constrained, f"{row.operation}: personal data for a bearer of any token"
            assert row.scope not in LOW_RISK_SCOPES, row.operation
    assert {row.scope for row in PERMISSIONS.values()} - {None} >= SCOPES.keys() - {"keys.read"}
    for zh, en in SCOPES.values():
        assert zh
        assert en


def test_a_get_changes_nothing_and_what_creates_is_a_post(doors: Doors) -> None:
    for rule, method, permission in routes(doors.app):
        if permission.creates:
            assert method == "POST", rule.rule
        assert method in {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_anyone_without_a_token_gets_401_at_every_protected_route(doors: Doors) -> None:
    protected = [entry for entry in routes(doors.app) if entry[2].scope]
    assert len(protected) >= 30
    for rule, method, permission in protected:
        answer = doors.knock(rule, method)
        assert answer.status_code == 401, f"{permission.operation}: {answer.status_code}"
        assert answer.mimetype == "application/problem+json"
        assert answer.headers["WWW-Authenticate"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_401_comes_before_the_body_is_read(doors: Doors) -> None:
    for rule, method, permission in routes(doors.app):
        if permission.scope and method != "GET":
            answer = doors.knock(rule, method, data=b"\xff not json", content_type="text/plain")
            assert answer.status_code == 401, permission.operation


def test_a_member_of_the_wrong_kind_gets_403_at_every_route(doors: Doors) -> None:
    tried = 0
    for rule, method, permission in routes(doors.app):
        for kind in sorted(set(MEMBER_KINDS) - permission.kinds) if permission.scope else ():
            answer = doors.knock(rule, method, caller_for(permission, kind=kind))
            assert answer.status_code == 403, f"{permission.operation} for {kind}: {answer.status_code}"
            tried += 1
    assert tried >= 60


def test_a_token_without_the_scope_gets_403_at_every_route(doors: Doors) -> None:
    for rule, method, permission in routes(doors.app):
        if permission.scope:
            others = frozenset(SCOPES) - {permission.scope}
            answer = doors.knock(rule, method, caller_for(permission, scopes=others))
            assert answer.status_code == 403, f"{permission.operation}: {answer.status_code}"


def test_a_token_not_bound_to_its_sender_is_refused_where_binding_is_asked(doors: Doors) -> None:
    tried = 0
    for rule, method, permission in routes(doors.app):
        if permission.sender_constrained:
            answer = doors.knock(rule, method, caller_for(permission, sender_constrained=False))
            assert answer.status_code in {401, 403}, f"{permission.operation}: {answer.status_code}"
            tried += 1
    assert tried >= 25


def test_no_route_takes_a_method_that_was_not_declared(doors: Doors) -> None:
    declared: dict[str, set[str]] = {}
    for rule, method, _ in routes(doors.app):
        declared.setdefault(path_of(rule), set()).add(method)
    for path, methods in declared.items():
        for method in {"PUT", "PATCH", "DELETE"} - methods:
            answer = doors.app.test_client().open(path, method=method)
            assert answer.status_code in {405, 404}, f"{method} {path}: {answer.status_code}"
