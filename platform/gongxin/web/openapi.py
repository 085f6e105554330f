"""The OpenAPI 3.1 document: what flask-smorest gathers, plus security, shared headers and every problem."""

import json
from typing import Any

import flask_smorest
import orjson
from flask import Flask

from . import catalogue, samples
from .permissions import SCOPES

# status → (title, the code shown as an example)
_PROBLEMS = {
    400: ("无法解析 Cannot be read", "bad_json"),
    401: ("身份未确认 Not authenticated", "unauthenticated"),
    403: ("无权 Not allowed", "insufficient_scope"),
    404: ("未找到 Not found", "not_found"),
    409: ("冲突 Conflict", "request_in_progress"),
    412: ("版本已变 Changed since read", "stale_version"),
    413: ("过大 Too large", "body_too_large"),
    414: ("地址过长 URL too long", "url_too_long"),
    415: ("类型不支持 Unsupported media type", "not_json"),
    422: ("字段不符 Not acceptable", "invalid_field"),
    428: ("缺少 If-Match If-Match required", "if_match_required"),
    429: ("过多 Too many", "rate_limited"),
    431: ("请求头过大 Headers too large", "headers_too_large"),
    500: ("内部错误 A fault of the registry", "internal"),
    503: ("暂不可用 Unavailable", "busy"),
}
_OAUTH_TITLES = {
    400: "请求被拒绝 Refused (RFC 6749 section 5.2)",
    401: "客户端身份未确认 Client not authenticated",
    413: "过大 Too large",
    429: "过多 Too many",
    503: "暂不可用 Unavailable",
}
_OAUTH_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "error_description", "error_description_zh", "code"],
    "additionalProperties": False,
    "properties": {
        "error": {"type": "string", "pattern": "^[a-z_]+$", "description": "RFC 6749, 8707, 9396, 9449"},
        "error_description": {"type": "string"},
        "error_description_zh": {"type": "string", "description": "中文"},
        "code": {"type": "string", "description": "登记处的稳定代码 The registry's own stable code"},
        "fix": {"type": "string"},
        "fix_en": {"type": "string"},
        "request_id": {"type": "string"},
    },
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457；code 稳定不变，见错误目录。 RFC 9457; `code` is stable, see the catalogue of errors.",
    "required": ["type", "status", "code", "title", "title_en", "fix", "fix_en", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "title": {"type": "string", "description": "中文"},
        "title_en": {"type": "string"},
        "fix": {"type": "string", "description": "如何处理"},
        "fix_en": {"type": "string", "description": "What to do"},
        "pointer": {"type": "string", "description": "字段位置 The field, RFC 6901"},
        "request_id": {"type": "string", "description": "报告问题时请附上 Give it when you report"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "日志编号 The number in the log", "schema": {"type": "string"}},
    "RateLimit": {"description": '"default";r=left;t=seconds', "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": '"default";q=requests;w=seconds', "schema": {"type": "string"}},
    "Retry-After": {"description": "秒 Seconds", "schema": {"type": "integer", "minimum": 1}},
}
_ORDER = (
    "tags",
    "operationId",
    "summary",
    "description",
    "deprecated",
    "security",
    "parameters",
    "requestBody",
    "responses",
    "x-gongxin",
)
_REQUEST_ID = "4f0c9a4b7d1e4c2f9a8b7c6d5e4f3a2b"


def make_api(app: Flask) -> flask_smorest.Api:
    """The Api with its components; `servers` stays relative so that the file does not depend on an installation."""
    api = flask_smorest.Api(
        app,
        spec_kwargs={
            "info": {
                "description": "联邦登记处接口。每个错误均为 RFC 9457 problem+json。\n\n"
                "The federated registry. Every error is RFC 9457 problem+json. "
                "GET requests may be retried; POST requests that create take Idempotency-Key.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
        },
    )
    api.ERROR_SCHEMA = None
    components = api.spec.components
    components.security_scheme(
        "oauth2",
        {
            "type": "oauth2",
            "description": "client_credentials; private_key_jwt and DPoP by default.",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": "/oauth/token",
                    "scopes": {name: f"{zh} {en}" for name, (zh, en) in SCOPES.items()},
                }
            },
        },
    )
    for name, header in _HEADERS.items():
        components.header(name, header)
    components.schema("Problem", _PROBLEM)
    components.schema("OAuthError", _OAUTH_ERROR)
    for status, title in _OAUTH_TITLES.items():
        components.response(f"OAuth{status}", _refusal(status, title, "application/json", "OAuthError"))
    for status, (title, _) in _PROBLEMS.items():
        components.response(f"Problem{status}", _refusal(status, title, "application/problem+json", "Problem"))
    components.parameter(
        "IdempotencyKey",
        "header",
        {
            "name": "Idempotency-Key",
            "required": False,
            "description": "同一键与同一内容得到同一答复。 Same key and body, same answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
            "example": "0193a3c2-5d10-7b3e-8f4a-6b7c8d9e0f1a",
        },
    )
    return api


def _refusal(status: int, title: str, media: str, schema: str) -> dict[str, Any]:
    names = ["X-Request-Id", *(["Retry-After"] if status in {429, 503} else [])]
    return {
        "description": title,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def finish(document: dict[str, Any]) -> dict[str, Any]:
    """What only the whole document allows: request bodies take no unknown member, and nothing is without an example."""
    for item in document["paths"].values():
        own = item.pop("parameters", [])  # those of the path, which each of its operations says for itself
        for operation in item.values():
            operation["parameters"] = [*json.loads(json.dumps(own)), *operation.get("parameters", ())]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                samples.close(document, content["schema"])
                content.setdefault("example", samples.of(document, content["schema"]))
            for parameter in operation.get("parameters", ()):
                if "$ref" not in parameter and "example" not in parameter:
                    parameter["example"] = samples.of(document, parameter["schema"])
            operation["responses"].pop("default", None)  # flask-smorest's own: it would document every status
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    content.setdefault("example", samples.of(document, content["schema"]))
        for method, operation in item.items():
            item[method] = {name: operation[name] for name in _ORDER if name in operation}
    for status, (_, code) in _PROBLEMS.items():
        content = document["components"]["responses"][f"Problem{status}"]["content"]["application/problem+json"]
        content["example"] = _problem_example(code)
    for status in _OAUTH_TITLES:
        content = document["components"]["responses"][f"OAuth{status}"]["content"]["application/json"]
        content["example"] = _oauth_example(status)
    _prune(document)
    return document


def _prune(document: dict[str, Any]) -> None:
    """Takes away components that nothing refers to."""
    for _ in range(len(document["components"])):
        text = json.dumps(document)
        for section in ("responses", "schemas", "headers", "parameters"):
            parts = document["components"].get(section, {})
            for name in [name for name in parts if f'"#/components/{section}/{name}"' not in text]:
                del parts[name]


def _problem_example(code: str) -> dict[str, Any]:
    entry = catalogue.problems()[code]
    found: dict[str, Any] = {
        "type": f"https://registry.example/problems/{code}",
        "status": entry.status,
        "code": code,
        "title": entry.zh,
        "title_en": entry.en,
        "request_id": _REQUEST_ID,
        "fix": entry.fix_zh,
        "fix_en": entry.fix_en,
    }
    if code == "invalid_field":
        fault = {"pointer": "/purpose", "detail": "Missing data for required field."}
        found |= {"pointer": "/purpose", "errors": [fault]}
    return found


def _oauth_example(status: int) -> dict[str, Any]:
    error = {401: "invalid_client", 429: "temporarily_unavailable", 503: "temporarily_unavailable"}
    return {
        "error": error.get(status, "invalid_request"),
        "error_description": _OAUTH_TITLES[status].split(" ", 1)[1],
        "error_description_zh": _OAUTH_TITLES[status].split(" ", 1)[0],
        "code": error.get(status, "invalid_request"),
        "request_id": _REQUEST_ID,
    }


def pretty(document: Any) -> str:
    """As it stands in `api_spec/`."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def register(app: Flask, api: flask_smorest.Api) -> None:
    """Keeps the finished document: serialised once."""
    kept: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if "spec" not in kept:
            kept["spec"] = finish(json.loads(json.dumps(api.spec.to_dict())))
        found: dict[str, Any] = kept["spec"]
        return found

    def serialised() -> bytes:
        if "raw" not in kept:
            kept["raw"] = orjson.dumps(document())
        raw: bytes = kept["raw"]
        return raw

    app.extensions["gongxin_spec"] = document
    app.extensions["gongxin_openapi"] = serialised
