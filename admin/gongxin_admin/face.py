"""What every page shares: the transaction, the account, the permission row, rendering, errors beside their fields.

A view is `def view(door, …)`, hung by `page(app, "admin.members", "/members")`. One request is one transaction: it
commits after the view returns, whatever the status it answers with, and rolls back where the view raises. A verb that
may be refused stands in `with door.attempting() as tried:`, a savepoint: after it `tried.error` says what was wrong.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, request, url_for
from jinja2_fragments.flask import render_block
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.accounts import sessions, single_sign_on
from gongxin.accounts.models import Account, PageSession
from gongxin.config import Config
from gongxin.db import name_caller
from gongxin.errors import Forbidden, GongxinError, TooLarge, TooMany
from gongxin.members import queries as members
from gongxin.members.models import Member
from gongxin.web.address import client_address, rate_key
from gongxin.web.caller import Caller
from gongxin.web.limits import RateLimiter
from gongxin.web.problems import status_of, translate
from gongxin.web.runtime import Runtime

from . import languages
from .permissions import PAGES, Page

ROOT = str(Path(__file__).parent)
TOO_LARGE = TooLarge(zh="上传内容超过上限", en="The upload is over its limit")


@dataclass(frozen=True)
class Face:
    """What the factory built for one face."""

    name: str
    config: Config
    engine: Engine
    limiter: RateLimiter
    secure: bool

    @property
    def cookie(self) -> str:
        return f"__Secure-gx_{self.name}" if self.secure else f"gx_{self.name}"


@dataclass
class Tried:
    error: GongxinError | None = None


@dataclass
class Door:
    """What a view works with."""

    face: Face
    session: Session
    page: Page
    account: Account | None = None
    kept: PageSession | None = None
    member: Member | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return self.face.config

    @property
    def me(self) -> Account:
        assert self.account is not None
        return self.account

    @property
    def house(self) -> Member:
        assert self.member is not None
        return self.member

    @property
    def caller(self) -> Caller:
        """For whom services act: the account's member."""
        return Caller(
            self.house.id, self.house.kind, court_code=self.house.court_code, extra={"officer": self.me.officer}
        )

    @contextmanager
    def attempting(self) -> Iterator[Tried]:
        """A savepoint: what is refused inside leaves nothing, and `error` says why."""
        tried = Tried()
        try:
            with self.session.begin_nested():
                yield tried
        except GongxinError as error:
            tried.error = error
        except DBAPIError as fault:
            tried.error = translate(fault)
            if tried.error is None:
                raise

    def render(self, template: str, *, error: GongxinError | None = None, block: str = "", **words: Any) -> Response:
        """The page, or where htmx asks and a block is named only that; with the error's status where there is one."""
        words |= {"error": error, "door": self}
        if block and request.headers.get("HX-Request") == "true":
            body = render_block(template, block, **words)
        else:
            body = render_template(template, **words)
        response = make_response(body, status_of(error) if error is not None else 200)
        if error is not None:
            g.error_code = error.code
        if isinstance(error, TooMany):
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    def go(self, view: str, **values: Any) -> Response:
        """303 to another page of this face."""
        return self.to(url_for(f"{self.face.name}.{view}", **values))

    def to(self, address: str) -> Response:
        return make_response(redirect(address, 303))

    def safe_next(self, fallback: str = "home") -> str:
        """The `next` of the address where it is a page of this face, never another site."""
        wanted = request.values.get("next", "")
        parts = urlsplit(wanted)
        inside = (
            not parts.scheme and not parts.netloc and wanted.startswith(f"/{self.face.name}/") and "\\" not in wanted
        )
        return wanted if inside and wanted.isprintable() else url_for(f"{self.face.name}.{fallback}")

    def sign_in(self, account: Account, method: str) -> None:
        """Begins a session; its cookie goes out with the answer."""
        device = device_of(request.user_agent.string)
        g.new_token = sessions.begin(self.session, account, face=self.face.name, method=method, device=device)


def the_face() -> Face:
    found: Face = current_app.extensions["gongxin_face"]
    return found


def runtime() -> Runtime:
    """For the few services that sign: the registry's keys, read once a process. It authenticates nobody."""
    face = the_face()
    if "gongxin" not in current_app.extensions:
        current_app.extensions["gongxin"] = Runtime(face.config, face.engine, face.limiter, _nobody)
    found: Runtime = current_app.extensions["gongxin"]
    return found


def _nobody(_runtime: Runtime, _request: Any, _permission: Any) -> Caller:
    raise Forbidden("wrong_role")


def page(app: Flask, name: str, rule: str, methods: tuple[str, ...] = ("GET",)) -> Callable[[Any], Any]:
    """Hangs a view under `/<face><rule>` with its row of the permissions table. Raises KeyError where it has none."""
    row = PAGES[name]

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def run(**path: Any) -> Response:
            return _run(row, view, path)

        app.add_url_rule(f"/{row.face}{rule}", name, run, methods=list(methods))
        return view

    return decorate


def _run(row: Page, view: Callable[..., Any], path: dict[str, Any]) -> Response:
    face = the_face()
    quota = face.limiter.take(f"page:{rate_key(client_address(request, face.config.trusted_proxies))}", anonymous=True)
    if not quota.allowed:
        raise TooMany("rate_limited", retry_after=quota.reset_seconds, zh="请求过于频繁", en="Too many requests")
    with Session(face.engine, expire_on_commit=False) as session, session.begin():
        door = Door(face, session, row)
        try:
            name_caller(session, None, "registry")
            _recognise(door)
            refused = _admit(door)
            response = refused if refused is not None else make_response(view(door, **path))
        except BaseException:
            session.expunge_all()  # what the error's page still shows of the account must outlive the transaction
            raise
    _cookies(face, response)
    return response


def _recognise(door: Door) -> None:
    token = request.cookies.get(door.face.cookie, "")
    found = sessions.resume(door.session, token, door.face.name) if token and door.face.name != "check" else None
    if found is not None:
        door.kept, door.account = found
        door.member = members.get_member(door.session, door.account.member_id)
        g.account = door.account
    g.door = door


def _admit(door: Door) -> Response | None:
    """None where the view may run; else where to go first. Raises Forbidden for the wrong role."""
    roles = door.page.roles
    if roles is None:
        return None
    if door.account is None or door.kept is None or door.member is None:
        return door.go("sign_in", next=request.full_path.rstrip("?") if request.method == "GET" else None)
    opens = door.page.opens_for(door.account.roles, door.member.kind)
    if not opens or door.member.state not in {"active", "suspended"}:
        raise Forbidden(
            "wrong_role",
            zh="您的角色不能打开此页",
            en="Your role does not open this page",
            fix_zh="需要时请本机构管理员调整角色。",
            fix_en="Your administrator can change your roles.",
        )
    if door.page.decides and request.method == "POST" and sessions.must_prove_again(door.kept):
        return door.render("prove.html", again=True, next=door.safe_next())
    name_caller(door.session, door.member.id, door.member.kind)
    return None


@contextmanager
def as_registry(door: Door) -> Iterator[None]:
    """For what concerns accounts and their proofs, which only the registry itself reads."""
    name_caller(door.session, None, "registry")
    yield
    if door.member is not None:
        door.session.flush()
        name_caller(door.session, door.member.id, door.member.kind)


def _cookies(face: Face, response: Response) -> None:
    if "new_token" in g:
        token = g.new_token
        if token is None:
            response.delete_cookie(face.cookie, path=f"/{face.name}")
        else:
            response.set_cookie(
                face.cookie, token, path=f"/{face.name}", httponly=True, secure=face.secure, samesite="Lax"
            )
    if "new_language" in g:
        response.set_cookie(
            languages.COOKIE,
            g.new_language,
            max_age=31_536_000,
            path=f"/{face.name}",
            secure=face.secure,
            samesite="Lax",
        )


def context() -> dict[str, Any]:
    """What every template sees."""
    door = g.get("door")
    return {
        "door": door,
        "me": door.account if door is not None else None,
        "language": languages.current(),
        "config": the_face().config,
        "single_sign_on": lambda: single_sign_on.providers(the_face().config.single_sign_on),
    }


def error_page(error: GongxinError) -> str:
    return render_template("error.html", error=error, request_id=g.get("request_id", ""))


def device_of(agent: str) -> str:
    """A browser and a system in words a person knows, from the header's own words; nothing finer is kept."""
    browser = next((shown for key, shown in _BROWSERS if key in agent), "?")
    system = next((shown for key, shown in _SYSTEMS if key in agent), "?")
    return f"{browser} · {system}"


_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip
