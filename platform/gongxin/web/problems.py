"""Errors become RFC 9457 problems here and nowhere else.

`type` is `<issuer>/problems/<code>`, stable; `title` is Chinese, `title_en` English; `fix` and `fix_en` say what to do;
`pointer` is the RFC 6901 pointer of the field. A problem never repeats what the caller sent.
"""

from typing import Any

import orjson
import psycopg.errors as pg
from flask import Flask, Response, g, request
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from gongxin import errors
from gongxin.logs import log

STATUS: dict[type[errors.GongxinError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.PreconditionRequired: 428,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}

# Constraint name -> (code, zh, en): what the database refuses reads as clearly as what a rule refuses.
CONSTRAINTS: dict[str, tuple[str, str, str]] = {}

_HTTP = {
    400: ("malformed", "请求无法解析", "The request cannot be read"),
    404: ("not_found", "没有这个地址", "There is nothing at this address"),
    405: ("method_not_allowed", "该地址不支持此方法", "This address does not take this method"),
    413: ("too_large", "内容超过上限", "The content is over its limit"),
    415: ("unsupported_media_type", "不支持的内容类型", "This content type is not supported"),
    431: ("header_too_large", "请求头超过上限", "A request header is over its limit"),
}


def status_of(error: errors.GongxinError) -> int:
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 400


def problem(status: int, code: str, zh: str, en: str, **members: Any) -> Response:
    """An application/problem+json answer; empty members are left out."""
    from .runtime import runtime

    body = {
        "type": f"{runtime().config.issuer}/problems/{code}",
        "status": status,
        "code": code,
        "title": zh,
        "title_en": en,
        "request_id": g.get("request_id", ""),
        **{name: value for name, value in members.items() if value},
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
        answer.headers["WWW-Authenticate"] = (
            f'DPoP error="{error.oauth_error}", algs="ES256 EdDSA",'
            f' resource_metadata="{issuer}/.well-known/oauth-protected-resource"'
        )
        if error.nonce:
            answer.headers["DPoP-Nonce"] = error.nonce
    if isinstance(error, errors.TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unavailable):
        answer.headers["Retry-After"] = "2"
    return answer


def translate(error: DBAPIError) -> errors.GongxinError | None:
    """A refusal by the database in the words of `errors`; None where it is a fault of ours."""
    original = error.orig
    if isinstance(original, pg.LockNotAvailable | pg.QueryCanceled | pg.SerializationFailure | pg.DeadlockDetected):
        return errors.Unavailable("busy")
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return errors.Unavailable("database_unreachable")
    if isinstance(error, IntegrityError) or isinstance(original, pg.RaiseException | pg.CheckViolation):
        name = (original.diag.constraint_name if isinstance(original, pg.Error) else None) or ""
        log.info("refused_by_database", constraint=name)
        if name in CONSTRAINTS:
            code, zh, en = CONSTRAINTS[name]
            return errors.Conflict(code, zh=zh, en=en)
        return errors.Conflict(zh="与已有记录冲突", en="It conflicts with what is recorded")
    if isinstance(original, pg.DataError):
        return errors.Invalid("not_storable", zh="内容含有无法存储的字符或数值", en="A value cannot be stored")
    return None


def register(app: Flask) -> None:
    """Hangs the handlers on the application."""

    @app.errorhandler(errors.GongxinError)
    def _ours(error: errors.GongxinError) -> Response:
        return from_error(error)

    @app.errorhandler(DBAPIError)
    def _database(error: DBAPIError) -> Response:
        known = translate(error)
        return from_error(known) if known else _fault(error)

    @app.errorhandler(PoolTimeout)
    def _pool(_error: PoolTimeout) -> Response:
        return from_error(errors.Unavailable("busy"))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        code, zh, en = _HTTP.get(status, ("malformed" if status < 500 else "internal", "请求被拒绝", error.name))
        answer = problem(status, code, zh, en)
        if status == 405:
            answer.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or []))
        return answer

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        return _fault(error)


def _fault(error: Exception) -> Response:
    log.error("fault", error=type(error).__name__, path=request.url_rule.rule if request.url_rule else None)
    if request.environ.get("gongxin.raise_faults"):
        raise error
    return problem(500, "internal", "登记处内部错误", "A fault of the registry", fix="请附上 request_id 报告。")
