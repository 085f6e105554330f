"""A person's number sent anywhere in a request comes back in no answer and stands in no log line."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from gongxin.web.permissions import PERMISSIONS
from gongxin_wire.identifiers import synthetic_cn_id
from tests.guards.test_permissions import caller_for, path_of, routes

ID = synthetic_cn_id(123_456)
PHONE = "13800000017"
NEEDLES = (ID, PHONE, base64.urlsafe_b64encode(ID.encode()).decode().rstrip("="), ID[6:14])
BASIC = "Basic " + base64.b64encode(f"{ID}:{PHONE}".encode()).decode()


class Lines(logging.Handler):
    def __init__(self, stream: io.StringIO) -> None:
        super().__init__(logging.DEBUG)
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        self.stream.write(self.format(record) + "\n")


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], app: Flask) -> Iterator[Any]:
    """What was logged since, by structlog and by the standard library at its most talkative, and on standard error."""
    stream, lines = io.BytesIO(), io.StringIO()
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.BytesLoggerFactory(stream), cache_logger_on_first_use=False)
    handler, root = Lines(lines), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    import gongxin.app
    import gongxin.logs
    import gongxin.web.problems

    fresh: Any = structlog.get_logger()
    kept = [(module, module.log) for module in (gongxin.logs, gongxin.web.problems) if hasattr(module, "log")]
    for module, _ in kept:
        module.log = fresh
    yield lambda: stream.getvalue().decode() + lines.getvalue() + "".join(capfd.readouterr())
    for module, log in kept:
        module.log = log
    root.removeHandler(handler)
    root.setLevel(level)
    structlog.configure(**before)


def held(text: str) -> list[str]:
    return [needle for needle in NEEDLES if needle in text]


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"/v1/cases/{ID}", {}),
    ("GET", f"/v1/members/{ID}", {}),
    ("GET", f"/problems/{ID}", {}),
    ("GET", f"/{ID}", {}),
    ("GET", f"/v1/{quote('身份证' + ID)}/x", {}),
    ("GET", f"/v1/cases?creditor_ref={ID}", {}),
    ("GET", f"/v1/members?{ID}=1", {}),
    ("GET", f"/v1/members?cursor={PHONE}&cursor={PHONE}", {}),
    ("GET", f"/v1/members?state={ID}&limit=x", {}),
    ("GET", "/healthz", {"headers": {"X-Request-Id": ID}}),
    ("GET", "/healthz", {"headers": {"X-Request-Id": f"req{ID}abcd"}}),
    ("GET", "/healthz", {"headers": {"X-Request-Id": f"bank-{PHONE}-0000a"}}),
    ("GET", "/healthz", {"headers": {"User-Agent": ID, "Referer": f"http://localhost/{ID}", "Cookie": f"id={ID}"}}),
    ("GET", "/v1/members", {"headers": {"Authorization": f"Bearer {ID}"}}),
    ("GET", "/v1/members", {"headers": {"Authorization": f"DPoP {ID}", "DPoP": ID}}),
    ("GET", "/v1/members", {"headers": {"X-Forwarded-For": PHONE}}),
    ("GET", "/v1/members", {"headers": {"Authorization": BASIC}}),
    ("POST", "/v1/lookups", {"json": {"purpose": "contact", "subject": [{"epoch": 1, "token": ID}], "ground": {}}}),
    ("POST", "/v1/lookups", {"json": {ID: PHONE}}),
    ("POST", "/v1/lookups", {"data": f'{{"x": "{ID}', "content_type": "application/json"}),
    ("POST", "/v1/lookups", {"data": ID, "content_type": "text/plain"}),
    ("POST", "/v1/lookups", {"data": ID, "content_type": f"application/{ID}"}),
    ("POST", "/v1/cases", {"json": {"creditor_ref": ID}, "headers": {"Idempotency-Key": ID}}),
    ("POST", "/v1/cases/bulk", {"data": f'{{"creditor_ref": "{ID}"}}\n{ID}', "content_type": "application/x-ndjson"}),
    ("POST", "/v1/subjects/evaluations", {"json": {"data_set": "debtor", "epoch": 1, "elements": [ID]}}),
    ("POST", "/oauth/token", {"data": {"grant_type": ID, "client_id": PHONE, "scope": ID}}),
    ("POST", "/oauth/token", {"data": {"grant_type": "client_credentials", "client_assertion": f"{ID}.{ID}.{ID}"}}),
    ("POST", "/oauth/introspect", {"data": {"token": ID}}),
    ("POST", "/oauth/revoke", {"data": {"token": ID, "token_type_hint": PHONE}}),
    ("BREW", f"/v1/{PHONE}", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "extra"), REQUESTS, ids=[f"{n}-{r[0]}" for n, r in enumerate(REQUESTS)])
def test_neither_answer_nor_log_holds_the_number(
    http: FlaskClient, logged: Any, method: str, path: str, extra: dict[str, Any]
) -> None:
    answer = http.open(path, method=method, **extra)
    assert answer.status_code < 500
    said = answer.get_data(as_text=True) + json.dumps(list(answer.headers))
    assert held(said) == []
    lines = logged()
    assert '"request"' in lines
    assert held(lines) == []


def test_what_is_asked_of_every_operation_stays_out_of_the_log(http: FlaskClient, app: Flask, logged: Any) -> None:
    body = {"id_number": ID, "note": f"电话 {PHONE}"}
    count = 0
    for rule, method, _ in routes(app):
        http.open(path_of(rule), method=method, query_string={"q": ID}, headers={"X-Note": PHONE})
        if method != "GET":
            answer = http.open(path_of(rule), method=method, json=body)
            assert held(answer.get_data(as_text=True)) == [], rule.rule
        count += 1
    assert count >= len(PERMISSIONS) // 2
    assert held(logged()) == []


def test_a_known_caller_is_not_told_the_number_back_either(
    app: Flask, logged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = app.extensions["gongxin"]
    monkeypatch.setattr(runtime, "authenticate", lambda _runtime, _request, permission: caller_for(permission))
    for rule, method, permission in routes(app):
        for query in ({ID: "1"}, {"limit": ID}, {"cursor": [PHONE, PHONE]}, {f"x{ID}": "1"}):
            answer = app.test_client().open(path_of(rule), method=method, query_string=query)
            assert answer.status_code < 500
            if f"x{ID}" not in query:
                assert held(answer.get_data(as_text=True)) == [], f"{permission.operation} {method}"
        if method != "GET":
            for body in ({ID: PHONE}, {"creditor_ref": ID}, [PHONE], {"note": {ID: [PHONE]}}, ID):
                answer = app.test_client().open(path_of(rule), method=method, json=body)
                assert answer.status_code < 500, f"{permission.operation} {body}: {logged()}"
                assert held(answer.get_data(as_text=True)) == [], f"{permission.operation} {body}"
    assert held(logged()) == []


def test_a_fault_of_ours_says_where_it_was_and_not_what_it_held(
    app: Flask, logged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"the subject is {ID}")

    monkeypatch.setattr(app.extensions["gongxin"], "authenticate", fail)
    answer = app.test_client().get("/v1/members")
    assert answer.status_code == 500
    assert held(answer.get_data(as_text=True)) == []
    lines = logged()
    assert "RuntimeError" in lines
    assert held(lines) == []


def test_the_check_itself_finds_a_number_that_was_logged(logged: Any) -> None:
    logging.getLogger("anything").debug("subject %s", ID)
    assert held(logged()) != []
