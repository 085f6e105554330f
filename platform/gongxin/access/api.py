"""Access over HTTP: the OAuth endpoints (errors as RFC 6749 has them), published documents, clients and keys."""

import uuid
from typing import Any

import orjson
from flask import Response, g, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gongxin import clock, errors
from gongxin.web import paging, problems
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.runtime import runtime
from gongxin_wire.canonical import unb64u

from . import clients, grants, metadata, proofs, queries, registry_keys, schemas
from .refusals import ClientRefused, OAuthRefusal

oauth_blp = Blueprint("oauth", url_prefix="/oauth", description="OAuth 2 令牌 Tokens")
metadata_blp = Blueprint("oauth_metadata", description="OAuth 2 公开文件 Published documents")
clients_blp = Blueprint("clients", url_prefix="/v1/clients", description="客户端与密钥 Clients and keys")
BLUEPRINTS = (oauth_blp, metadata_blp, clients_blp)

problems.STATUS[ClientRefused] = 401
problems.CONSTRAINTS.update(
    {
        "pk_client_keys": ("key_already_known", "该密钥已登记过，请使用新密钥", "This key is registered already"),
        "ix_client_keys_slot": ("too_many_live_keys", "已有两个有效密钥", "The client has two live keys already"),
        "client_keys_revoked": ("client_revoked", "客户端已撤销", "The client is revoked"),
        "client_keys_change": ("key_retired", "密钥已停用", "The key is retired already"),
        "clients_change": ("client_revoked", "客户端已撤销", "The client is revoked"),
    }
)

_STATUSES = (400, 401, 413, 429, 503)
_CLIENT = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
_KID = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
_CLIENT_EXAMPLE: dict[str, Any] = {
    "client_id": _CLIENT,
    "member_id": "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e90",
    "name": "催收系统",
    "auth_method": "private_key_jwt",
    "scopes": ["lookups", "members.read"],
    "state": "active",
    "created_at": "2026-11-24T02:00:00Z",
    "revoked_at": None,
}
_JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
_KEY_EXAMPLE = {
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "jwk": _JWK,
    "certificate_sha256": None,
    "state": "live",
    "created_at": "2026-11-24T02:00:00Z",
    "expires_at": "2027-11-24T02:00:00Z",
    "retired_at": None,
}


# --- RFC 6749's form of errors --------------------------------------------------------------------------------------


def _refused(status: int, error: str, refusal: errors.GongxinError) -> Response:
    body = {
        "error": error,
        "error_description": refusal.en,
        "error_description_zh": refusal.zh,
        "code": refusal.code,
        "fix": refusal.fix_zh,
        "fix_en": refusal.fix_en,
        "request_id": g.get("request_id", ""),
    }
    g.error_code = refusal.code
    answer = Response(orjson.dumps(body), status, mimetype="application/json")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["DPoP-Nonce"] = proofs.nonce(runtime().config, clock.epoch_seconds())
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="gongxin", charset="UTF-8"'
    if isinstance(refusal, errors.TooMany):
        answer.headers["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, errors.Unavailable):
        answer.headers["Retry-After"] = "2"
    return answer


@oauth_blp.errorhandler(errors.GongxinError)
def _ours(error: errors.GongxinError) -> Response:
    if isinstance(error, OAuthRefusal):
        return _refused(problems.status_of(error), error.error, error)
    status = problems.status_of(error)
    busy = isinstance(error, errors.TooMany | errors.Unavailable)
    return _refused(
        status if busy or isinstance(error, errors.TooLarge) else 400,
        "temporarily_unavailable" if busy else "invalid_request",
        error,
    )


@oauth_blp.errorhandler(DBAPIError)
def _database(error: DBAPIError) -> Response:
    return _ours(problems.translate(error) or errors.Unavailable())


@oauth_blp.errorhandler(PoolTimeout)
def _pool(_error: PoolTimeout) -> Response:
    return _ours(errors.Unavailable("busy"))


def _granted(body: dict[str, Any]) -> Answer:
    offered = proofs.nonce(runtime().config, clock.epoch_seconds())
    return Answer(body, headers={"Cache-Control": "no-store", "DPoP-Nonce": offered})


# --- OAuth endpoints ------------------------------------------------------------------------------------------------


@oauth_blp.operation(
    "oauth.token",
    "POST",
    "/token",
    raw_body=grants.FORM,
    raw_schema=schemas.TOKEN_FORM,
    answer=schemas.TOKEN_OUT,
    statuses=_STATUSES,
    refusals="OAuth",
    example={
        "access_token": "eyJ0eXAiOiJhdCtqd3QifQ.eyJzY29wZSI6Imxvb2t1cHMifQ.c2ln",
        "token_type": "DPoP",
        "expires_in": 300,
        "scope": "lookups",
        "authorization_details": [{"type": "gongxin_lookup", "purpose": "contact", "data_types": ["case_status"]}],
    },
)
def token(call: Call) -> Answer:
    """获取令牌 Get an access token (client_credentials).

    The client authenticates by `private_key_jwt`, mutual TLS or, for low-risk scopes, `client_secret_basic`; a `DPoP`
    header or a client certificate binds the token to its sender, which all but low-risk scopes demand."""
    return _granted(grants.token(call.runtime, request))


@oauth_blp.operation(
    "oauth.introspect",
    "POST",
    "/introspect",
    raw_body=grants.FORM,
    raw_schema=schemas.INTROSPECTION_FORM,
    answer=schemas.INTROSPECTION_OUT,
    statuses=_STATUSES,
    refusals="OAuth",
    example={"active": False},
)
def introspect(call: Call) -> Answer:
    """查看令牌 What a token of one's own member says (RFC 7662); any other is not active."""
    return _granted(grants.introspect(call.runtime, request))


@oauth_blp.operation(
    "oauth.revoke",
    "POST",
    "/revoke",
    raw_body=grants.FORM,
    raw_schema=schemas.INTROSPECTION_FORM,
    answer=schemas.EMPTY_OUT,
    statuses=_STATUSES,
    refusals="OAuth",
    example={},
)
def revoke(call: Call) -> Answer:
    """撤销令牌 End a token of one's own before its time (RFC 7009)."""
    return _granted(grants.revoke(call.runtime, request))


@oauth_blp.operation("oauth.jwks", "GET", "/jwks", answer=schemas.JWKS_OUT)
def jwks(call: Call) -> Answer:
    """令牌验证密钥 Keys that access tokens verify against (JWKS, RFC 7517)."""
    keys = registry_keys.public_jwks(call.session, "token")
    return Answer(keys, headers={"Cache-Control": "public, max-age=60"})


@metadata_blp.operation(
    "oauth.server_metadata", "GET", "/.well-known/oauth-authorization-server", answer=schemas.METADATA_OUT
)
def server_metadata(call: Call) -> Answer:
    """授权服务器元数据 The authorization server's metadata (RFC 8414)."""
    return Answer(metadata.server(call.runtime.config), headers={"Cache-Control": "public, max-age=300"})


@metadata_blp.operation(
    "oauth.resource_metadata", "GET", "/.well-known/oauth-protected-resource", answer=schemas.METADATA_OUT
)
def resource_metadata(call: Call) -> Answer:
    """受保护资源元数据 The protected resource's metadata (RFC 9728)."""
    return Answer(metadata.resource(call.runtime.config), headers={"Cache-Control": "public, max-age=300"})


# --- clients --------------------------------------------------------------------------------------------------------


@clients_blp.operation(
    "clients.list",
    "GET",
    "",
    query=schemas.ClientsIn,
    answer=schemas.ClientsOut,
    example={"items": [_CLIENT_EXAMPLE], "next_cursor": None},
)
def list_clients(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """客户端列表 One's own clients; the association sees everyone's."""
    cursor = paging.decode_cursor(query.get("cursor"), 1)
    after = _cursor_id(cursor[0]) if cursor else None
    rows = queries.clients(call.session, member_id=query.get("member_id"), after=after, limit=query["limit"])
    items, following = paging.page(rows, query["limit"], lambda row: [str(row.id)])
    return {"items": [schemas.client_out(row) for row in items], "next_cursor": following}


def _cursor_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as fault:
        raise errors.Invalid(
            "bad_cursor", zh="分页游标无效", en="The cursor is not one of ours", pointer="/cursor"
        ) from fault


@clients_blp.operation(
    "clients.create",
    "POST",
    "",
    body=schemas.ClientIn,
    answer=schemas.ClientOut,
    status=201,
    body_example={
        "member_id": _CLIENT_EXAMPLE["member_id"],
        "name": "催收系统",
        "auth_method": "private_key_jwt",
        "scopes": ["lookups", "members.read"],
    },
    example=_CLIENT_EXAMPLE,
)
def create_client(call: Call, body: dict[str, Any]) -> Answer:
    """登记客户端 Register a client of a member; its keys are added afterwards.

    No secret ever travels in an answer: for `client_secret_basic` the member makes it and gives its SHA-256."""
    secret = body.pop("secret_sha256", None)
    client = clients.create_client(call.session, **body, secret_digest=_digest(secret) if secret else None)
    return Answer(schemas.client_out(client), headers={"Location": f"/v1/clients/{client.id}"})


def _digest(text: str) -> bytes:
    try:
        return unb64u(text)
    except ValueError as fault:
        raise errors.Invalid(
            "bad_digest",
            zh="不是 32 字节的 base64url",
            en="Not base64url of 32 bytes",
            fix_zh="给出 SHA-256 的 base64url，不带填充。",
            fix_en="Give the SHA-256 as base64url without padding.",
            pointer="/secret_sha256",
        ) from fault


@clients_blp.operation(
    "clients.revoke", "POST", "/<uuid:client_id>/revocation", answer=schemas.ClientOut, example=_CLIENT_EXAMPLE
)
def revoke_client(call: Call, client_id: uuid.UUID) -> dict[str, Any]:
    """撤销客户端 Revoke a client: its tokens are refused from now on."""
    return schemas.client_out(clients.revoke_client(call.session, client_id))


@clients_blp.operation(
    "client_keys.list",
    "GET",
    "/<uuid:client_id>/keys",
    answer=schemas.ClientKeysOut,
    example={"items": [_KEY_EXAMPLE]},
)
def list_keys(call: Call, client_id: uuid.UUID) -> dict[str, Any]:
    """密钥列表 Every key the client has had, oldest first."""
    queries.get_client(call.session, client_id)
    return {"items": [schemas.key_out(key, clock.now()) for key in queries.keys_of(call.session, client_id)]}


@clients_blp.operation(
    "client_keys.add",
    "POST",
    "/<uuid:client_id>/keys",
    body=schemas.ClientKeyIn,
    answer=schemas.ClientKeyOut,
    status=201,
    body_example={"jwk": _JWK},
    example=_KEY_EXAMPLE,
)
def add_key(call: Call, client_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """添加密钥 Add a public key or a certificate; two may be live at a time, so that keys can rotate."""
    key = clients.add_key(
        call.session,
        client_id,
        body.get("jwk"),
        certificate=body.get("certificate_sha256"),
        expires_at=body.get("expires_at"),
    )
    return schemas.key_out(key, clock.now())


@clients_blp.operation(
    "client_keys.retire",
    "POST",
    "/<uuid:client_id>/keys/<string(length=43):kid>/retirement",
    answer=schemas.ClientKeyOut,
    example=_KEY_EXAMPLE,
)
def retire_key(call: Call, client_id: uuid.UUID, kid: str) -> dict[str, Any]:
    """停用密钥 Retire a key: it authenticates nobody from now on."""
    return schemas.key_out(clients.retire_key(call.session, client_id, kid), clock.now())
