"""The blueprint: one decorator that takes a row of the permissions table, enforces it and documents it.

    blp = Blueprint("cases", url_prefix="/v1/cases")

    @blp.operation("cases.register", "POST", "", body=CaseIn, answer=CaseOut, status=201)
    def register(call, body):
        return service.register(call.session, caller=call.caller, **body)

Around the view: who asks, may they, the body, the transaction, the idempotency key, the commit. A view returns a plain
value (it is what `answer` documents), an `Answer` where it sets status or headers, or a Flask response.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any

import flask_smorest
import orjson
from flask import Response, g, request
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from gongxin.db import name_caller
from gongxin.errors import Forbidden, GongxinError, Invalid, TooMany, Unauthenticated
from gongxin_wire.pii import find_pii

from . import address, documents, guards, idempotency
from .caller import ANONYMOUS, Admission, Caller
from .permissions import PERMISSIONS, Permission
from .runtime import Runtime, runtime

_PLAIN = frozenset({str, int, bool, type(None)})
_MAX_HELD, _MOST_HELD = 200, 2000
_QUERIES: dict[tuple[Schema, str], dict[str, Any]] = {}


@dataclass
class Answer:
    """A body with what is not the default: status, headers, or bytes already serialised."""

    body: Any = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    mimetype: str = "application/json"


@dataclass
class Call:
    """One request as a view sees it. `session` opens the request's transaction at first use."""

    runtime: Runtime
    permission: Permission
    caller: Caller = ANONYMOUS
    opened: Session | None = None
    open_admission: Admission | None = None

    def take_admission(self) -> Admission | None:
        """For a view whose row says `admits`: once, and then its statement asks."""
        taken, self.open_admission = self.open_admission, None
        return taken

    def settle_admission(self) -> None:
        admission = self.take_admission()
        if admission is not None:
            admission.settle()

    @cached_property
    def session(self) -> Session:
        self.opened = Session(self.runtime.engine, expire_on_commit=False, autoflush=False)
        name_caller(self.opened, self.caller.member_id, self.caller.kind)
        return self.opened

    @property
    def member_id(self) -> uuid.UUID:
        """The caller's member; operations with a scope always have one."""
        if self.caller.member_id is None:
            raise Forbidden
        return self.caller.member_id


class Blueprint(flask_smorest.Blueprint):
    """flask-smorest's blueprint with `operation`; every route goes through it, so none escapes the table."""

    def __init__(self, name: str, *, url_prefix: str = "", description: str = "") -> None:
        super().__init__(name, name, url_prefix=url_prefix, description=description)

    def operation(
        self,
        name: str,
        method: str,
        rule: str,
        *,
        body: type[Schema] | Schema | None = None,
        query: type[Schema] | Schema | None = None,
        answer: type[Schema] | Schema | dict[str, Any] | None = None,
        status: int = 200,
        raw_body: str | None = None,
        raw_schema: Any = None,
        walk: bool = True,
        example: Any = None,
        body_example: Any = None,
        statuses: tuple[int, ...] = (),
        media: str = "application/json",
        refusals: str = "Problem",
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """`raw_body`: media type of a body that the view reads itself (NDJSON, hot paths), its shape in `raw_schema`;
        `walk` False where every field is of a closed form, so that the PII guard has nothing free to look at;
        `statuses`: further ones documented; `refusals`: form of errors, `OAuth` with `statuses` alone (RFC 6749)."""
        permission = PERMISSIONS[name]
        body_schema = body() if isinstance(body, type) else body
        query_schema = query() if isinstance(query, type) else query

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def run(**path: Any) -> Response:
                return _run(permission, view, path, body_schema, query_schema, status, walk)

            run.permission = permission  # type: ignore[attr-defined]
            vars(run)["_apidoc"] = {
                "manual_doc": documents.operation(
                    permission,
                    view.__doc__ or "",
                    method=method,
                    rule=rule,
                    query=query_schema,
                    body=body_schema,
                    raw_body=raw_body,
                    raw_schema=raw_schema() if isinstance(raw_schema, type) else raw_schema,
                    body_example=body_example,
                    answer=answer() if isinstance(answer, type) else answer,
                    media=media,
                    status=status,
                    statuses=statuses,
                    example=example,
                    refusals=refusals,
                )
            }  # what flask-smorest's `doc` sets, without its wrapper around each call
            self.route(rule, methods=[method], endpoint=permission.anchor)(run)
            return view

        return decorate


def _run(
    permission: Permission,
    view: Callable[..., Any],
    path: dict[str, Any],
    body: Schema | None,
    query: Schema | None,
    status: int,
    walk: bool,
) -> Response:
    found = runtime()
    call = Call(found, permission)
    g.call = call
    try:
        if permission.scope is None:
            _count(found, _address_key(found), anonymous=True)
        else:
            call.caller = found.authenticate(found, request, permission)
            call.open_admission = call.caller.admission
        return _answer(call, permission, view, path, body, query, status, walk)
    except Unauthenticated:
        # Guessing costs whoever guesses: what names no caller counts against its address.
        if permission.scope is not None:
            _count(found, _address_key(found), anonymous=True)
        raise
    finally:
        if call.opened is not None:
            call.opened.close()


def _answer(
    call: Call,
    permission: Permission,
    view: Callable[..., Any],
    path: dict[str, Any],
    body: Schema | None,
    query: Schema | None,
    status: int,
    walk: bool,
) -> Response:
    """May they, what they sent, and the transaction. Whoever is not admitted hears that, and nothing else."""
    try:
        _read(call, permission, path, body, query, walk)
        return _transact(call, permission, view, path, status)
    except GongxinError:
        call.settle_admission()
        raise


def _read(
    call: Call, permission: Permission, path: dict[str, Any], body: Schema | None, query: Schema | None, walk: bool
) -> None:
    found = call.runtime
    if permission.scope is not None:
        _count(found, f"client:{call.caller.client_id}", anonymous=False)
        check(permission, call.caller)
    if query is not None:
        path["query"] = _query(query)
    elif permission.scope is not None and request.query_string:
        raise Invalid(
            "unknown_parameter",
            zh="未知的查询参数",
            en="Unknown query parameter",
            fix_zh="此操作不接受查询参数。",
            fix_en="This operation takes no query parameter.",
            pointer=f"/{next(iter(request.args), '')}",
        )
    if body is not None:
        value = guards.read_json(request, found.config.max_body_bytes, found.config.max_json_depth, walk=walk)
        path["body"] = load(body, value)


def _query(schema: Schema) -> dict[str, Any]:
    """The query as its schema reads it. What a poller asks again and again is read once."""
    sent: str = request.environ.get("QUERY_STRING", "")
    held: dict[str, Any] | None = _QUERIES.get((schema, sent))
    if held is None:
        held = load(schema, request.args.to_dict())
        if len(sent) <= _MAX_HELD and all(type(value) in _PLAIN for value in held.values()):
            if len(_QUERIES) >= _MOST_HELD:
                _QUERIES.clear()
            _QUERIES[schema, sent] = held
    return dict(held)


def _address_key(found: Runtime) -> str:
    return f"ip:{address.rate_key(address.client_address(request, found.config.trusted_proxies))}"


def _count(found: Runtime, key: str, *, anonymous: bool) -> None:
    g.quota = quota = found.limiter.take(key, anonymous=anonymous)
    if not quota.allowed:
        raise TooMany(
            "rate_limited", zh="请求过于频繁", en="Too many requests in this window", retry_after=quota.reset_seconds
        )


def _transact(
    call: Call, permission: Permission, view: Callable[..., Any], path: dict[str, Any], status: int
) -> Response:
    """The view and the commit. An answer of 400 or more rolls back as an exception does: a refusal leaves nothing."""
    key = request.headers.get("Idempotency-Key") if permission.creates else None
    body_digest = b""
    if key is not None:
        key = idempotency.check_key(key)
        raw = guards.read_body(request, call.runtime.config.max_body_bytes)
        body_digest = idempotency.digest(permission.operation, request.path, raw)
        found = idempotency.find_answer(call.session, call.caller, key, body_digest)
        if found is not None:
            return idempotency.replay(found)
    response = to_response(view(call, **path), status)
    call.settle_admission()
    if call.opened is None:
        return response
    if response.status_code >= 400:
        call.opened.rollback()
        return response
    if key is not None:
        call.opened.add(idempotency.remember(permission.operation, call.caller, key, body_digest, response))
    call.opened.commit()
    return response


def check(permission: Permission, caller: Caller) -> None:
    """The row against the caller: scope, kind of member, sender constraint (RFC 6750 section 3.1)."""
    if permission.scope not in caller.scopes:
        raise Forbidden(
            "insufficient_scope",
            zh="令牌缺少所需范围",
            en="The token lacks the scope",
            fix_zh=f"申请带有 {permission.scope} 的令牌。",
            fix_en=f"Ask for a token with {permission.scope}.",
            extra={"scope": permission.scope},
        )
    if caller.kind not in permission.kinds:
        raise Forbidden(
            "wrong_member_kind",
            zh="该类机构不能进行此操作",
            en="Members of this kind may not do this",
            fix_zh="文档 /docs 列出可调用此操作的机构类别。",
            fix_en="The documentation at /docs lists the kinds that may.",
        )
    if permission.sender_constrained and not caller.sender_constrained:
        raise Forbidden(
            "sender_constraint_required",
            zh="此操作要求绑定持有者的令牌",
            en="This needs a sender-constrained token",
            fix_zh="使用 DPoP 或双向 TLS 获取令牌。",
            fix_en="Get the token with DPoP or mutual TLS.",
        )


def to_response(result: Any, status: int) -> Response:
    if isinstance(result, Response):
        return result
    answer = result if isinstance(result, Answer) else Answer(result)
    code = answer.status or status
    if code == 204:
        response = Response(status=204)
    else:
        data = answer.raw if answer.raw is not None else orjson.dumps(answer.body, option=orjson.OPT_UTC_Z)
        response = Response(data, code, mimetype=answer.mimetype)
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


def load(schema: Schema, value: Any) -> Any:
    """What the schema makes of a body or a form. Raises Invalid naming each field."""
    try:
        return schema.load(value)
    except ValidationError as fault:
        raise invalid(fault.messages) from fault


def invalid(messages: Any) -> Invalid:
    """A schema's complaints as one Invalid: the first pointer on top, all of them under `errors`."""
    faults = list(_flatten(messages, ""))
    return Invalid(
        "invalid_field",
        zh="字段不符合要求",
        en="A field is not acceptable",
        fix_zh="按 errors 所列字段更正。",
        fix_en="Correct the fields listed in errors.",
        pointer=faults[0]["pointer"] if faults else None,
        faults=faults,
    )


def _flatten(messages: Any, pointer: str) -> Any:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            # An unknown name is the caller's own text: one that holds a person's number is not said back.
            unsaid = name == "_schema" or find_pii(str(name)) is not None
            yield from _flatten(inner, pointer if unsaid else f"{pointer}/{_escape(str(name))}")
    elif isinstance(messages, list):
        for message in messages:
            yield from _flatten(message, pointer)
    else:
        yield {"pointer": pointer or "", "detail": str(messages)}


def _escape(name: str) -> str:
    """RFC 6901 section 3."""
    return name.replace("~", "~0").replace("/", "~1")


__all__ = ["Answer", "Blueprint", "Call", "invalid"]
