"""Errors become RFC 9457 problems here and nowhere else.

`type` is `<issuer>/problems/<code>`, stable; `title` is Chinese, `title_en` English; `fix` and `fix_en` say what to do;
`pointer` is the RFC 6901 pointer of the field. A problem never repeats what the caller sent.
"""

from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
import psycopg.errors as pg
from flask import Flask, Response, g, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from gongxin import errors
from gongxin.logs import log, where

STATUS: dict[type[errors.GongxinError], int] = {
    errors.Malformed: 400,
    errors.UnsupportedMediaType: 415,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.UrlTooLong: 414,
    errors.HeadersTooLarge: 431,
    errors.Invalid: 422,
    errors.PreconditionRequired: 428,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}

# Constraint name -> (code, zh, en): what the database refuses reads as clearly as what a rule refuses.
CONSTRAINTS: dict[str, tuple[str, str, str]] = {
    "pk_idempotency_keys": (
        "request_in_progress",
        "同一 Idempotency-Key 的请求仍在处理",
        "A request with this Idempotency-Key is still running",
    ),
}


@dataclass(frozen=True)
class Words:
    """A problem that no error class stands for: the router's refusals, and our own faults."""

    code: str
    status: int
    zh: str
    en: str
    fix_zh: str
    fix_en: str


NO_ADDRESS = Words(
    "no_such_address",
    404,
    "没有这个地址",
    "There is nothing at this address",
    "请对照接口文档 /docs 核对路径。",
    "Check the path against the documentation at /docs.",
)
NO_METHOD = Words(
    "method_not_allowed",
    405,
    "该地址不支持此方法",
    "This address does not take this method",
    "请使用 Allow 响应头所列的方法。",
    "Use a method that the Allow header lists.",
)
FAULT = Words(
    "internal",
    500,
    "登记处内部错误",
    "A fault of the registry",
    "请附上 request_id 报告；结果不明，请勿视为任何答复。",
    "Report it with its request_id; nothing may be concluded from it.",
)
OTHERS = (NO_ADDRESS, NO_METHOD, FAULT)


def status_of(error: errors.GongxinError) -> int:
    return status_of_kind(type(error))


def status_of_kind(kind: type[errors.GongxinError]) -> int:
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 400)


def problem(status: int, code: str, zh: str, en: str, **members: Any) -> Response:
    """An application/problem+json answer; empty texts are left out."""
    from .runtime import runtime

    body = {
        "type": f"{runtime().config.issuer}/problems/{code}",
        "status": status,
        "code": code,
        "title": zh,
        "title_en": en,
        "request_id": g.get("request_id", ""),
        **{name: value for name, value in members.items() if value or isinstance(value, list)},
    }
    g.error_code = code
    return Response(orjson.dumps(body), status, mimetype="application/problem+json")


def from_error(error: errors.GongxinError) -> Response:
    """The one mapping."""
    from .runtime import runtime

    status = status_of(error)
    answer = problem(
        status,
        error.code,
        error.zh,
        error.en,
        fix=error.fix_zh,
        fix_en=error.fix_en,
        pointer=error.pointer,
        **error.extra,
    )
    if isinstance(error, errors.Unauthenticated):
        issuer = runtime().config.issuer
        reason = f'error="{error.oauth_error}", ' if error.oauth_error else ""
        answer.headers["WWW-Authenticate"] = (
            f'{error.scheme} {reason}algs="ES256 EdDSA",'
            f' resource_metadata="{issuer}/.well-known/oauth-protected-resource"'
        )
        if error.nonce:
            answer.headers["DPoP-Nonce"] = error.nonce
    if isinstance(error, errors.TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unavailable):
        answer.headers["Retry-After"] = "2"
    return answer


_BUSY = (
    pg.LockNotAvailable,
    pg.QueryCanceled,
    pg.SerializationFailure,
    pg.DeadlockDetected,
    pg.IdleInTransactionSessionTimeout,
    pg.TooManyConnections,
)


def translate(error: DBAPIError | psycopg.Error) -> errors.GongxinError | None:
    """A refusal by the database in the words of `errors`; None where it is a fault of ours."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, _BUSY):
        return errors.Unavailable("busy", zh="登记处繁忙", en="The registry is busy")
    if isinstance(original, psycopg.OperationalError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        return errors.Unavailable(
            "database_unreachable", zh="暂时无法访问数据库", en="The database cannot be reached now"
        )
    if isinstance(original, pg.IntegrityError | pg.RaiseException):
        name = original.diag.constraint_name or ""
        log.info("refused_by_database", constraint=name)
        if name in CONSTRAINTS:
            code, zh, en = CONSTRAINTS[name]
            return errors.Conflict(code, zh=zh, en=en)
        return errors.Conflict(zh="与已有记录冲突", en="It conflicts with what is recorded")
    if isinstance(original, psycopg.DataError):
        return errors.Invalid(
            "not_storable",
            zh="内容含有无法存储的字符或数值",
            en="A value cannot be stored",
            fix_zh="检查空字符与超出范围的数值、日期。",
            fix_en="Look for NUL characters and for numbers or dates out of range.",
        )
    return None


def register(app: Flask) -> None:
    """Hangs the handlers on the application."""

    @app.errorhandler(errors.GongxinError)
    def _ours(error: errors.GongxinError) -> Response:
        return from_error(error)

    @app.errorhandler(psycopg.Error)
    @app.errorhandler(DBAPIError)
    def _database(error: DBAPIError | psycopg.Error) -> Response:
        known = translate(error)
        return from_error(known) if known else _fault(error)

    @app.errorhandler(PoolTimeout)
    def _pool(_error: PoolTimeout) -> Response:
        return from_error(errors.Unavailable("busy", zh="登记处繁忙", en="The registry is busy"))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        return _routing(error)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        return _fault(error)


def _routing(error: HTTPException) -> Response:
    """What Flask and Werkzeug refuse before a view, in our words."""
    from .guards import body_too_large
    from .runtime import runtime

    if isinstance(error, RequestEntityTooLarge):
        return from_error(body_too_large(runtime().config.max_body_bytes))
    if isinstance(error, MethodNotAllowed):
        answer = _from_words(NO_METHOD)
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or []))
        return answer
    if error.code == 404:
        return _from_words(NO_ADDRESS)
    if error.code == 415:
        return from_error(errors.UnsupportedMediaType())
    return _fault(error) if (error.code or 500) >= 500 else from_error(errors.Malformed())


def _from_words(words: Words) -> Response:
    return problem(words.status, words.code, words.zh, words.en, fix=words.fix_zh, fix_en=words.fix_en)


def _fault(error: Exception) -> Response:
    log.error(
        "fault",
        request_id=g.get("request_id"),
        error=type(error).__name__,
        path=request.url_rule.rule if request.url_rule else None,
        where=where(error),
    )
    if request.environ.get("gongxin.raise_faults"):
        raise error
    return _from_words(FAULT)
