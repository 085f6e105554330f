"""The factory of a face. `create(name)` gives one Flask application: `admin`, `portal` or `check`."""

import hashlib
import hmac

from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from gongxin import clock, ids, logs
from gongxin.config import Config
from gongxin.errors import GongxinError, Malformed, NotFound, Unavailable
from gongxin.logs import log
from gongxin.web import health
from gongxin.web.limits import RateLimiter
from gongxin.web.problems import status_of, translate

from . import face, formats, languages, menu
from .mount import FACES, Mount
from .permissions import PAGES
from .views import VIEWS

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; manifest-src 'self';"
    " require-trusted-types-for 'script'; trusted-types htmx"
)
HEADERS = (
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=()"),
)
MAX_FORM_BYTES = 8 * 1024 * 1024


def create(name: str, config: Config, engine: Engine) -> Flask:
    """One face. Its secret is derived from the master key, so that every process has the same."""
    logs.configure()
    app = Flask(f"gongxin_{name}", root_path=face.ROOT, static_folder="static", static_url_path=f"/{name}/static")
    secure = config.pages_at.startswith("https://")
    app.config.update(
        SECRET_KEY=hmac.new(config.master_key, f"face:{name}".encode(), hashlib.sha256).digest(),
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        SESSION_COOKIE_NAME=f"gx_{name}_form",
        SESSION_COOKIE_PATH=f"/{name}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=secure,
        SEND_FILE_MAX_AGE_DEFAULT=86_400,
    )
    app.extensions["gongxin_face"] = face.Face(name, config, engine, RateLimiter(config), secure)
    app.jinja_env.filters.update(formats.FILTERS)
    app.jinja_env.globals.update(both=languages.both, PAGES=PAGES, face=name)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    languages.register(app)
    _around(app, secure)
    if name != "check":  # the public face sets no cookie, and takes nothing but a number to look for
        CSRFProtect(app)
    app.context_processor(face.context)
    app.jinja_env.globals.update(menu.helpers())
    _errors(app)
    for register in VIEWS[name]:
        register(app)
    return app


def mount(api: Flask, config: Config, engine: Engine) -> Mount:
    """The API with the faces that `GONGXIN_FACES` names: `all`, `none`, or one on a host of its own."""
    wanted = FACES if config.faces == "all" else tuple(name for name in FACES if name == config.faces)
    return Mount(api, {name: create(name, config, engine) for name in wanted})


def _around(app: Flask, secure: bool) -> None:
    @app.before_request
    def begin() -> None:
        g.started, g.request_id = clock.monotonic(), ids.request_id()

    @app.after_request
    def end(response: Response) -> Response:
        for key, value in (*HEADERS, *((("Strict-Transport-Security", "max-age=63072000"),) if secure else ())):
            response.headers.setdefault(key, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.add("Vary", "Accept, Accept-Language, Cookie, HX-Request")
        seconds = clock.monotonic() - g.started
        health.count(request.endpoint or "none", response.status_code, seconds)
        log.info(
            "page", request_id=g.request_id, operation=request.endpoint or "none", method=request.method,
            status=response.status_code, duration_ms=int(seconds * 1000), code=g.get("error_code"),
        )  # fmt: skip
        return response


def _errors(app: Flask) -> None:
    @app.errorhandler(GongxinError)
    def ours(error: GongxinError) -> tuple[str, int]:
        g.error_code = error.code
        return face.error_page(error), status_of(error)

    @app.errorhandler(CSRFError)
    def forged(_error: CSRFError) -> tuple[str, int]:
        return face.error_page(
            Malformed(
                "form_expired",
                zh="表单已失效",
                en="The form is no longer valid",
                fix_zh="请返回上一页，重新载入后再提交；已填内容不会丢失于浏览器中。",
                fix_en="Go back, reload the page and send it again.",
            )
        ), 400

    @app.errorhandler(DBAPIError)
    def refused(error: DBAPIError) -> tuple[str, int]:
        known = translate(error)
        if known is None:
            return unexpected(error)
        g.error_code = known.code
        return face.error_page(known), status_of(known)

    @app.errorhandler(HTTPException)
    def routed(error: HTTPException) -> tuple[str, int]:
        if error.code == 413:
            return face.error_page(face.TOO_LARGE), 413
        return face.error_page(NotFound("no_such_page", zh="没有这个页面", en="There is no such page",
            fix_zh="从首页重新进入。", fix_en="Begin again from the start page.")), error.code or 404  # fmt: skip

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> tuple[str, int]:
        log.error("fault", request_id=g.get("request_id"), error=type(error).__name__, where=logs.where(error))
        if request.environ.get("gongxin.raise_faults"):
            raise error
        return face.error_page(
            Unavailable("internal", zh="系统内部错误", en="A fault of the registry",
                fix_zh="请附上编号报告；本次操作没有生效。", fix_en="Report it with its number; nothing was changed.")
        ), 500  # fmt: skip
