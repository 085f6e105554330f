"""What the portal's sections share: the runtime services ask for, acts of a member in good standing, answers in JSON
for the page's own script, names of other members."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

import orjson
from flask import Flask, Request, Response, current_app, g, request

from gongxin.errors import Forbidden, GongxinError, Invalid, NotFound, TooMany
from gongxin.members import queries as members
from gongxin.web.caller import Caller
from gongxin.web.permissions import Permission
from gongxin.web.problems import status_of
from gongxin.web.runtime import Runtime

from ... import languages
from ...face import Door, page


def runtime(door: Door) -> Runtime:
    """One a process, as the API has: what it caches (keys, budgets leased, terms) is the same for every page."""
    held: Runtime | None = current_app.extensions.get("gongxin_runtime")
    if held is None:
        face = door.face
        held = current_app.extensions["gongxin_runtime"] = Runtime(face.config, face.engine, face.limiter, _nobody)
    return held


def _nobody(_runtime: Runtime, _request: Request, _permission: Permission) -> Caller:
    raise Forbidden  # a page knows its caller by the session, never by a token


def act(app: Flask, name: str, rule: str, methods: tuple[str, ...] = ("POST",)) -> Callable[[Any], Any]:
    """A page that changes something, or asks: a suspended member may look at its own records, and no more."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def run(door: Door, **path: Any) -> Any:
            if door.house.state != "active":
                raise Forbidden(
                    "member_suspended",
                    zh="本机构已被中止，不能进行此操作",
                    en="This member is suspended and cannot do this",
                    fix_zh="请联系协会。",
                    fix_en="Speak to the association.",
                )
            return view(door, **path)

        page(app, name, rule, methods)(run)
        return view

    return decorate


def blinded() -> Any:
    """The token that the page's script made of a number. Raises Invalid where there is none."""
    try:
        return json.loads(request.form.get("subject", ""))
    except ValueError:
        raise Invalid(
            "number_not_blinded",
            zh="证件号码没有转成盲化令牌",
            en="The number was not turned into a blind token",
            fix_zh="请在启用脚本的浏览器中填写证件号码，或改用 gongxin-member。",
            fix_en="Enter the number in a browser with script, or use gongxin-member.",
            pointer="/number",
        ) from None


def in_json(door: Door, work: Callable[[], Any]) -> Response:
    """What `work` gives, or why it was refused, for the page's script; a refusal leaves nothing behind."""
    found: Any = None
    with door.attempting() as tried:
        found = work()
    if tried.error is not None:
        return refused(tried.error)
    return Response(orjson.dumps(found), mimetype="application/json")


def refused(error: GongxinError) -> Response:
    g.error_code = error.code
    response = Response(orjson.dumps(fault(error)), status_of(error), mimetype="application/json")
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def fault(error: GongxinError) -> dict[str, Any]:
    return {
        "code": error.code, "zh": error.zh, "en": error.en, "fix_zh": error.fix_zh, "fix_en": error.fix_en,
        "pointer": error.pointer,
    }  # fmt: skip


def name_of(door: Door, member_id: UUID | str | None) -> str:
    """A member's name in the page's language; members are public, their records are not."""
    if member_id is None:
        return languages.both("登记处", "the registry")
    try:
        found = members.get_member(door.session, UUID(str(member_id)))
    except NotFound:
        return str(member_id)
    return languages.both(found.name_zh, found.name_en or found.name_zh)


def agencies(door: Door) -> list[tuple[str, str]]:
    """Agencies a case may be placed with, by name."""
    found = members.directory(door.session, kind="agency", state="active")
    return [(str(m.id), languages.both(m.name_zh, m.name_en or m.name_zh)) for m in found]
