"""The OpenAPI 3.1 document: what flask-smorest gathers, plus security, shared headers and every problem."""

from typing import Any

import flask_smorest
import orjson
from flask import Flask

from gongxin.config import Config

from . import catalogue
from .permissions import SCOPES

_PROBLEM_TITLES = {
    400: "无法解析 Cannot be read",
    401: "身份未确认 Not authenticated",
    403: "无权 Not allowed",
    404: "未找到 Not found",
    409: "冲突 Conflict",
    412: "版本已变 Changed since read",
    413: "过大 Too large",
    415: "类型不支持 Unsupported media type",
    422: "字段不符 Not acceptable",
    428: "缺少 If-Match",
    429: "过多 Too many",
    503: "暂不可用 Unavailable",
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


def make_api(app: Flask, config: Config) -> flask_smorest.Api:
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
    spec = api.spec
    spec.components.security_scheme(
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
    spec.components.schema(
        "Problem",
        {
            "type": "object",
            "required": ["type", "status", "code", "title", "title_en"],
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "status": {"type": "integer"},
                "code": {"type": "string"},
                "title": {"type": "string", "description": "中文"},
                "title_en": {"type": "string"},
                "fix": {"type": "string"},
                "fix_en": {"type": "string"},
                "pointer": {"type": "string", "description": "RFC 6901"},
                "request_id": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                    },
                },
            },
        },
    )
    for status, title in _PROBLEM_TITLES.items():
        body: dict[str, Any] = {
            "description": title,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status == 429:
            body["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        spec.components.response(f"Problem{status}", body)
    spec.components.schema("OAuthError", _OAUTH_ERROR)
    for status, title in _OAUTH_TITLES.items():
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}}
        spec.components.response(f"OAuth{status}", {"description": title, "content": content})
    spec.components.parameter(
        "IdempotencyKey",
        "header",
        {
            "name": "Idempotency-Key",
            "required": False,
            "description": "同一键与同一内容得到同一答复。 Same key and body, same answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
        },
    )
    return api


def register(app: Flask, api: flask_smorest.Api) -> None:
    """Keeps the finished document: serialised once."""
    kept: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if "spec" not in kept:
            kept["spec"] = api.spec.to_dict()
        found: dict[str, Any] = kept["spec"]
        return found

    def serialised() -> bytes:
        if "raw" not in kept:
            kept["raw"] = orjson.dumps(document())
        raw: bytes = kept["raw"]
        return raw

    app.extensions["gongxin_spec"] = document
    app.extensions["gongxin_openapi"] = serialised
    app.extensions["gongxin_problems"] = catalogue.problems
