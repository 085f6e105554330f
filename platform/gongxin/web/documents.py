"""One operation of the OpenAPI document, from its row of the permissions table and what its decorator was given."""

from http import HTTPStatus
from typing import Any

from .permissions import Permission

# What a success may carry beside its body; `openapi.py` defines them.
_HEADERS = ("X-Request-Id", "RateLimit", "RateLimit-Policy")


def operation(
    permission: Permission,
    docstring: str,
    *,
    method: str,
    rule: str,
    query: Any,
    body: Any,
    raw_body: str | None,
    raw_schema: Any,
    body_example: Any,
    answer: Any,
    media: str,
    status: int,
    statuses: tuple[int, ...],
    example: Any,
    refusals: str,
) -> dict[str, Any]:
    """Security, scope, kinds, headers, examples and every error. The docstring's first line is 中文 English."""
    summary, _, rest = docstring.strip().partition("\n")
    paragraphs = [" ".join(line.strip() for line in part.splitlines()) for part in rest.strip().split("\n\n")]
    found: dict[str, Any] = {
        "operationId": permission.anchor,
        "summary": summary or permission.operation,
        "description": "\n\n".join(part for part in (*paragraphs, _policy_text(permission)) if part),
        "security": [{"oauth2": [permission.scope]}] if permission.scope else [],
        "parameters": [],
        "responses": {},
        "x-gongxin": {
            "kinds": sorted(permission.kinds) if permission.scope else [],
            "sender_constrained": permission.sender_constrained,
            "grant": permission.grant,
            "idempotency_key": permission.creates,
            "personal": permission.personal,
        },
    }
    if permission.deprecated is not None:
        found["deprecated"] = True
        found["x-gongxin"]["sunset"] = permission.deprecated[1].isoformat()
    if query is not None:
        found["parameters"].append({"in": "query", "schema": query})
    if permission.creates:
        found["parameters"].append("IdempotencyKey")
    if body is not None or raw_body is not None:
        content = _content(body if body is not None else raw_schema or {"type": "string"}, body_example)
        found["requestBody"] = {"required": True, "content": {raw_body or "application/json": content}}
    success: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS},
    }
    if answer is not None:
        success["content"] = {media: _content(answer, example)}
    found["responses"][str(status)] = success
    usual = _usual_refusals(permission, rule, body or raw_body, method) if refusals == "Problem" else set()
    for code in sorted({*usual, *statuses} - {status}):
        if code >= 400:
            answered: dict[str, Any] = {"$ref": f"#/components/responses/{refusals}{code}"}
        else:
            bare = {"description": HTTPStatus(code).phrase}
            answered = bare if code == HTTPStatus.NOT_MODIFIED else success | bare
        found["responses"].setdefault(str(code), answered)
    return found


def _content(schema: Any, example: Any) -> dict[str, Any]:
    return {"schema": schema} if example is None else {"schema": schema, "example": example}


def _usual_refusals(permission: Permission, rule: str, body: Any, method: str) -> set[int]:
    codes = {400, 414, 422, 429, 431, 500, 503}
    if permission.scope:
        codes |= {401, 403}
    if "<" in rule or (permission.scope and method != "GET"):
        codes.add(404)
    if method != "GET":
        codes.add(409)
    if body is not None:
        codes |= {413, 415}
    return codes


def _policy_text(permission: Permission) -> str:
    if permission.scope is None:
        return "公开。 Open to anyone."
    parts = [f"Scope `{permission.scope}`; members: {', '.join(sorted(permission.kinds))}."]
    if permission.sender_constrained:
        parts.append("Sender-constrained token (DPoP or mutual TLS).")
    if permission.grant:
        parts.append("authorization_details of type `gongxin_lookup` are checked.")
    if permission.creates:
        parts.append("Takes `Idempotency-Key`.")
    return " ".join(parts)
