"""The factory: the only module that knows every package."""

import time
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Engine

from . import embedded, ids, logs
from .access import api as access_api
from .access import service as access_service
from .cases import api as cases_api
from .config import Config, load
from .db import make_engine
from .disclosure import api as disclosure_api
from .members import api as members_api
from .subjects import api as subjects_api
from .web import guards, health, openapi, problems
from .web.limits import RateLimiter
from .web.runtime import Runtime

BLUEPRINTS = (
    *(health.blp,),
    *members_api.BLUEPRINTS,
    *access_api.BLUEPRINTS,
    *subjects_api.BLUEPRINTS,
    *cases_api.BLUEPRINTS,
    *disclosure_api.BLUEPRINTS,
)

SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_API_CSP = "default-src 'none'; frame-ancestors 'none'"
_PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def database_urls(config: Config) -> tuple[str, str]:
    """URLs of the web role and of the owner; starts the embedded server where no DSN is given."""
    if config.embedded:
        return embedded.prepare(embedded.start(config.data_dir))
    return config.database_url, config.migration_database_url


def create_app(config: Config | None = None, engine: Engine | None = None) -> Flask:
    """The API. `engine` is given by tests; else it is made from the configuration."""
    config = config or load()
    logs.configure()
    engine = engine or make_engine(database_urls(config)[0], pool_size=config.pool_size)
    app = Flask("gongxin", template_folder="templates", static_folder="static", static_url_path="/static")
    app.config.update(
        MAX_CONTENT_LENGTH=None,
        API_TITLE="Gongxin 共信",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        PROPAGATE_EXCEPTIONS=False,
        DEBUG=config.debug,
    )
    app.url_map.strict_slashes = True
    app.extensions["gongxin"] = Runtime(config, engine, RateLimiter(config), access_service.authenticate)
    problems.register(app)
    _around_requests(app, config)
    api = openapi.make_api(app, config)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    openapi.register(app, api)
    return app


def _around_requests(app: Flask, config: Config) -> None:
    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if 8 <= len(given) <= 64 and given.isalnum() else ids.request_id()
        guards.check_request_line(request)

    @app.after_request
    def end(response: Response) -> Response:
        headers = response.headers
        for name, value in SECURITY_HEADERS:
            headers[name] = value
        html = response.mimetype == "text/html"
        headers["Content-Security-Policy"] = _PAGE_CSP if html else _API_CSP
        if config.issuer.startswith("https://"):
            headers["Strict-Transport-Security"] = "max-age=63072000"
        headers["X-Request-Id"] = g.get("request_id", "")
        call = g.get("call")
        if "Cache-Control" not in headers and request.endpoint != "static":
            headers["Cache-Control"] = "no-store"
        quota = g.get("quota")
        if quota is not None:
            for name, value in quota.headers():
                headers[name] = value
        _record(response, call)
        return response


def _record(response: Response, call: Any) -> None:
    operation = call.permission.operation if call is not None else "none"
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    health.REQUESTS.labels(operation, response.status_code).inc()
    health.SECONDS.labels(operation).observe(seconds)
    logs.log.info(
        "request",
        request_id=g.get("request_id"),
        operation=operation,
        method=request.method,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 2),
        client=str(call.caller.client_id) if call is not None and call.caller.client_id else None,
        code=g.get("error_code"),
    )
