"""What every operation shares: who may, what is read, how it is refused, which headers answer."""

import json
import re
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from gongxin.config import Config
from gongxin.web import guards, permissions
from gongxin.web.permissions import PERMISSIONS, Permission
from gongxin_wire.identifiers import synthetic_cn_id
from tests.api.web_probe import Probe, logged, probe, probe_config

__all__ = ["logged", "probe", "probe_config"]


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["type"] == f"http://localhost/problems/{code}"
    for name in ("title", "title_en", "fix", "fix_en", "request_id"):
        assert answer.json[name]
    assert re.search(r"[\u4e00-\u9fff]", answer.json["title"])
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


# Who may


def test_no_caller_is_401_with_a_challenge(probe: Probe) -> None:
    answer = probe.call("POST", "/v1/probe", json={"name": "a"})
    refused(answer, 401, "unauthenticated")
    assert "resource_metadata=" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scopes": frozenset({"cases.write"})}, "insufficient_scope"),
        ({"kind": "agency"}, "wrong_member_kind"),
        ({"sender_constrained": False}, "sender_constraint_required"),
    ],
)
def test_the_row_of_the_table_decides(probe: Probe, changes: dict[str, Any], code: str) -> None:
    refused(probe.call("GET", "/v1/probe/a", probe.caller(**changes)), 403, code)
    assert probe.call("GET", "/v1/probe/a", probe.bank).status_code == 200


def test_the_caller_is_judged_before_its_body_is_read(probe: Probe) -> None:
    answer = probe.call("POST", "/v1/probe", probe.caller(kind="court"), data=b"[[[", content_type="text/plain")
    refused(answer, 403, "wrong_member_kind")


def test_no_route_is_without_a_row_and_no_row_without_its_scope(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            permission = app.view_functions[rule.endpoint].permission  # type: ignore[attr-defined]
            assert PERMISSIONS[permission.operation] == permission
    for row in PERMISSIONS.values():
        assert row.scope is None or row.scope in permissions.SCOPES
        assert row.scope is not None or not row.personal
        assert row.scope not in permissions.LOW_RISK_SCOPES or not row.personal
        assert row.sender_constrained or not row.personal


# What is read


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b'{"name":', "bad_json", 400),
        (b'{"name":"a","name":"b"}', "bad_json", 400),
        (b'{"name":NaN}', "bad_json", 400),
        (b'{"name":1e999}', "bad_json", 400),
        (b'{"times":' + b"9" * 5000 + b"}", "bad_json", 400),
        (b"", "bad_json", 400),
        (b'\xef\xbb\xbf{"name":"a"}', "bad_json", 400),
        (b'{"name":"\xff"}', "not_utf8", 400),
        (b'{"name":"a\\u0000"}', "unstorable_text", 422),
        (b'{"name":"\\ud800"}', "unstorable_text", 422),
        (b'{"name":"\\uD800"}', "unstorable_text", 422),
        (b'{"name":' + b"[" * 40 + b"]" * 40 + b"}", "too_deep", 400),
        (b"[" * 100_000, "too_deep", 400),
        (b'{"name":"13800138000"}', "personal_data_in_text", 422),
        (b'{"name":""}', "invalid_field", 422),
        (b'{"name":"a","other":1}', "invalid_field", 422),
        (b"[]", "invalid_field", 422),
        (b"null", "invalid_field", 422),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_with_what_to_do(
    probe: Probe, body: bytes, code: str, status: int
) -> None:
    answer = probe.call("POST", "/v1/probe", probe.bank, data=body, content_type="application/json")
    refused(answer, status, code)
    assert "13800138000" not in answer.text


def test_a_fault_names_its_field_and_all_others(probe: Probe) -> None:
    answer = probe.call("POST", "/v1/probe", probe.bank, json={"times": "x", "other": 1})
    assert {fault["pointer"] for fault in answer.json["errors"]} == {"/name", "/times", "/other"}
    assert answer.json["pointer"] in {"/name", "/times", "/other"}


def test_brackets_inside_texts_are_not_depth(probe: Probe) -> None:
    assert probe.make('[{"' * 20 + "\\").status_code == 201


@pytest.mark.parametrize("text", ['"' + '\\"' * 200_000, '"a' * 200_000 + "[" * 40, "[" * 40 + '"' + "\\" * 400_001])
def test_depth_is_told_in_one_pass(text: str) -> None:
    """A quadratic scan of these takes minutes."""
    assert guards._depth(text, 16) in {0, 17}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/xml", "multipart/form-data"])
def test_another_content_type_is_415(probe: Probe, kind: str) -> None:
    refused(probe.call("POST", "/v1/probe", probe.bank, data=b'{"name":"a"}', content_type=kind), 415, "not_json")


def test_a_body_over_the_limit_is_413_whether_it_says_so_or_not(probe: Probe) -> None:
    kinds = {"content_type": "application/x-ndjson"}
    assert probe.call("POST", "/v1/probe/raw", probe.bank, data=b"a" * 1000, **kinds).json == {"bytes": 1000}
    refused(probe.call("POST", "/v1/probe/raw", probe.bank, data=b"a" * 1001, **kinds), 413, "body_too_large")
    endless = Endless()
    for stream, status in ((BytesIO(b"a" * 1000), 200), (BytesIO(b"a" * 1001), 413), (endless, 413)):
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream}
        answer = probe.call("POST", "/v1/probe/raw", probe.bank, **kinds, environ_overrides=chunked)
        assert answer.status_code == status
    assert endless.read_bytes < 1_000_000
    announced = {"environ_overrides": {"CONTENT_LENGTH": "9" * 30}}
    refused(probe.call("POST", "/v1/probe/raw", probe.bank, data=b"a", **kinds, **announced), 413, "body_too_large")


class Endless(BytesIO):
    """A chunked body without end."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0, "read without a bound"
        self.read_bytes += size
        return b"a" * size

    def readinto(self, buffer: Any) -> int:
        self.read_bytes += len(buffer)
        buffer[:] = b"a" * len(buffer)
        return len(buffer)


@pytest.mark.parametrize("length", ["", "abc", "-5"])
def test_a_content_length_that_is_no_number_reads_nothing(probe: Probe, length: str) -> None:
    answer = probe.call(
        "POST", "/v1/probe", probe.bank, data=b'{"name":"a"}', content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": length},
    )  # fmt: skip
    refused(answer, 400, "bad_json")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/probe/a?limit=0", 422, "invalid_field"),
        ("/v1/probe/a?limit=x", 422, "invalid_field"),
        ("/v1/probe/a?limit=", 422, "invalid_field"),
        ("/v1/probe/a?limit=1&limit=1", 422, "repeated_parameter"),
        ("/v1/probe/a?other=1", 422, "invalid_field"),
        ("/v1/probe/a?limit=%ff", 400, "url_not_utf8"),
        ("/v1/probe/a?limit=%00", 400, "nul_in_url"),
        ("/v1/probe/a?%00=1", 400, "nul_in_url"),
        ("/v1/probe/a?x=13800138000", 422, "personal_data_in_text"),
        ("/v1/probe/a?13800138000=x", 422, "personal_data_in_text"),
        ("/v1/probe/13800138000", 422, "personal_data_in_text"),
        ("/v1/probe/京A12345", 422, "personal_data_in_text"),
        ("/v1/probe/a%00b", 400, "nul_in_url"),
        ("/v1/probe/a?q=" + "a" * 5000, 414, "url_too_long"),
    ],
)
def test_an_address_that_cannot_be_taken_is_refused(probe: Probe, path: str, status: int, code: str) -> None:
    answer = probe.call("GET", path, probe.bank)
    refused(answer, status, code)
    assert "13800138000" not in answer.text + str(answer.headers)


def test_bytes_that_are_no_utf8_are_refused(probe: Probe) -> None:
    for raw in ({"QUERY_STRING": "limit=\xe9"}, {"PATH_INFO": "/v1/probe/\xff"}):
        refused(probe.call("GET", "/v1/probe/a", probe.bank, environ_overrides=raw), 400, "url_not_utf8")


def test_an_operation_without_parameters_takes_none(probe: Probe) -> None:
    answer = probe.call("POST", "/v1/probe?x=1", probe.bank, json={"name": "a"})
    refused(answer, 422, "unknown_parameter")
    assert answer.json["pointer"] == "/x"
    refused(probe.call("POST", "/v1/probe?&", probe.bank, json={"name": "a"}), 422, "unknown_parameter")


def test_headers_over_their_limit_are_431(probe: Probe) -> None:
    answer = probe.call("GET", "/v1/probe/a", probe.bank, headers={f"X-{i}": "a" * 4000 for i in range(5)})
    refused(answer, 431, "headers_too_large")


# What is not there


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/probe/", "//v1/probe", "/v1//probe", "/favicon.ico"])
def test_an_address_where_nothing_is_is_a_problem(probe: Probe, path: str) -> None:
    refused(probe.call("GET", path), 404, "no_such_address")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET", "TRACE", "BREW"])
def test_a_method_that_is_not_taken_is_a_problem_that_names_those_that_are(probe: Probe, method: str) -> None:
    answer = probe.call(method, "/v1/probe")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_head_is_get_without_its_body_and_options_lists_methods(probe: Probe) -> None:
    refused_head = probe.call("HEAD", "/v1/probe/a")
    assert (refused_head.status_code, refused_head.data) == (401, b"")
    head = probe.call("HEAD", "/v1/probe/a", probe.bank)
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "12")
    options = probe.call("OPTIONS", "/v1/probe")
    assert (options.status_code, options.data) == (200, b"")
    assert set(options.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert options.headers["X-Content-Type-Options"] == "nosniff"
    assert not any(name.startswith("Access-Control") for name in dict(options.headers))


# Headers


@pytest.mark.parametrize("path", ["/v1/probe/open", "/nothing", "/v1/probe/a", "/healthz"])
def test_every_answer_carries_the_security_headers_once(probe: Probe, path: str) -> None:
    answer = probe.call("GET", path)
    assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.getlist("Content-Security-Policy") == ["default-src 'none'; frame-ancestors 'none'"]
    assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
    assert len(answer.headers.getlist("Cache-Control")) == 1
    assert "Strict-Transport-Security" not in answer.headers
    assert "Server" not in answer.headers


def test_personal_data_is_never_stored_whatever_the_view_says(probe: Probe) -> None:
    assert probe.call("GET", "/v1/probe/a", probe.bank).headers["Cache-Control"] == "no-store"
    assert probe.call("GET", "/v1/probe/open").headers["Cache-Control"] == "public, max-age=60"
    assert probe.call("GET", "/v1/probe/a").headers["Cache-Control"] == "no-store"


def test_a_request_id_is_taken_over_unless_it_could_name_a_person(probe: Probe) -> None:
    own = "7b1f0c2a4d5e4f6a8b9c0d1e2f3a4b5c"
    assert probe.call("GET", "/v1/probe/open", headers={"X-Request-Id": own}).headers["X-Request-Id"] == own
    for other in (
        "short",
        "x" * 65,
        synthetic_cn_id(7),
        "a b" * 8,
        "五" * 20,
        "a\tb" * 8,
        "tel-13800138000-aaaa",
    ):
        found = probe.call("GET", "/v1/probe/open", headers={"X-Request-Id": other}).headers["X-Request-Id"]
        assert re.fullmatch("[0-9a-f]{32}", found)
    found = {probe.call("GET", "/v1/probe/open").headers["X-Request-Id"] for _ in range(50)}
    assert len(found) == 50


def test_a_deprecated_operation_says_since_when_and_until_when(probe: Probe) -> None:
    answer = probe.call("GET", "/v1/probe/old")
    assert answer.headers["Deprecation"] == "@1798761600"
    assert answer.headers["Sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</docs#probe_old>; rel="deprecation"; type="text/html"'
    assert "Deprecation" not in probe.call("GET", "/v1/probe/open").headers


def test_a_fault_of_ours_tells_nothing_but_its_request_id(probe: Probe, logged: BytesIO) -> None:
    answer = probe.make("secretname", fail="fault")
    refused(answer, 500, "internal")
    assert "secretname" not in answer.text
    line = json.loads(logged.getvalue().splitlines()[0])
    told = (line["event"], line["error"], line["request_id"])
    assert told == ("fault", "ZeroDivisionError", answer.json["request_id"])
    assert line["where"][-1].endswith("_transact")
    assert b"secretname" not in logged.getvalue()


class TestLimits:
    """Rates."""

    @pytest.fixture
    def probe_config(self, config: Config) -> Config:
        return replace(config, rate_limit="3/hour", anonymous_rate_limit="2/hour", trusted_proxies=("127.0.0.1",))

    def test_headers_count_down_and_then_it_is_429(self, probe: Probe) -> None:
        for left in (2, 1, 0):
            answer = probe.call("GET", "/v1/probe/a", probe.bank)
            assert answer.status_code == 200
            assert answer.headers["RateLimit-Policy"] == '"default";q=3;w=3600'
            assert re.fullmatch(rf'"default";r={left};t=\d+', answer.headers["RateLimit"])
        answer = probe.call("GET", "/v1/probe/a", probe.bank)
        refused(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 3600
        assert answer.headers["RateLimit"].startswith('"default";r=0;')
        assert probe.call("GET", "/v1/probe/a", probe.caller()).status_code == 200

    def test_those_who_name_no_caller_count_by_address(self, probe: Probe) -> None:
        statuses = [probe.call("GET", "/v1/probe/a").status_code for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert probe.call("GET", "/v1/probe/a", probe.bank).status_code == 200

    def test_behind_a_trusted_proxy_each_client_has_its_own_count(self, probe: Probe) -> None:
        def ask(forwarded: str) -> int:
            return int(probe.call("GET", "/v1/probe/open", headers={"X-Forwarded-For": forwarded}).status_code)

        assert [ask("203.0.113.1") for _ in range(3)] == [200, 200, 429]
        assert ask("203.0.113.2") == 200
        assert ask("203.0.113.77, 203.0.113.1") == 429


class TestHttps:
    @pytest.fixture
    def probe_config(self, config: Config) -> Config:
        return replace(config, issuer="https://registry.example")

    def test_a_public_registry_is_https_only(self, probe: Probe) -> None:
        assert probe.call("GET", "/healthz").headers["Strict-Transport-Security"] == "max-age=63072000"


def test_the_probe_s_rows_are_not_the_registry_s() -> None:
    assert not any(name.startswith("probe.") for name in PERMISSIONS)
    assert Permission("a", None).deprecated is None
