"""The factory: the only module that knows every package."""

import re
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Engine

from gongxin_wire.pii import find_pii

from . import clock, embedded, ids, logs
from .access import api as access_api
from .access import service as access_service
from .agents import api as agents_api
from .blacklist import api as blacklist_api
from .cases import api as cases_api
from .cases.service import placing
from .config import Config, load
from .contracts import api as standards_api
from .contracts import api_commissions as commissions_api
from .contracts import api_contracts as contracts_api
from .contracts import service as contracts
from .contracts.commissions import levy
from .contracts.documents import api as documents_api
from .db import make_engine
from .delivery import api as delivery_api
from .disclosure import api as disclosure_api
from .evidence import api as evidence_api
from .evidence import api_batches as evidence_batches_api
from .federation import api as federation_api
from .fund.bank import api as fund_bank_api
from .fund.claims import api as claims_api
from .fund.income import api as income_api
from .fund.income import service as income
from .fund.ledger import api as fund_api
from .fund.reports import api as fund_reports_api
from .members import api as members_api
from .subjects import api as subjects_api
from .transparency import api as transparency_api
from .transparency import api_witnesses as witnesses_api
from .web import guards, health, openapi, pages, permissions, problems
from .web.limits import RateLimiter
from .web.runtime import Runtime

BLUEPRINTS = (
    *(health.blp,),
    *transparency_api.BLUEPRINTS,
    *witnesses_api.BLUEPRINTS,
    *members_api.BLUEPRINTS,
    *access_api.BLUEPRINTS,
    *subjects_api.BLUEPRINTS,
    *cases_api.BLUEPRINTS,
    *disclosure_api.BLUEPRINTS,
    *evidence_api.BLUEPRINTS,
    *delivery_api.BLUEPRINTS,
    *evidence_batches_api.BLUEPRINTS,
    *agents_api.BLUEPRINTS,
    *blacklist_api.BLUEPRINTS,
    *fund_api.BLUEPRINTS,
    *fund_bank_api.BLUEPRINTS,
    *fund_reports_api.BLUEPRINTS,
    *income_api.BLUEPRINTS,
    *claims_api.BLUEPRINTS,
    *(standards_api.blp, contracts_api.blp, commissions_api.blp),
    *federation_api.BLUEPRINTS,
    *documents_api.BLUEPRINTS,
)

SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_HSTS = (("Strict-Transport-Security", "max-age=63072000"),)
_API_CSP = "default-src 'none'; frame-ancestors 'none'"
_PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{16,64}")
_LETTERS = re.compile(r"[A-WYZa-wyz]")


class Registry(Flask):
    """Flask, told that no view is a coroutine rather than asking each time."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


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
    app = Registry("gongxin", template_folder="templates", static_folder="static", static_url_path="/static")
    app.config.update(
        MAX_CONTENT_LENGTH=config.max_body_bytes,
        API_TITLE="Gongxin 共信",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        PROPAGATE_EXCEPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        DEBUG=config.debug,
    )
    app.jinja_env.filters["ticks"] = pages.ticks
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    if contracts.check_placement not in placing.PLACEMENT_CHECKS:
        placing.PLACEMENT_CHECKS.append(contracts.check_placement)
    levy.report_to(income.report_base)
    app.extensions["gongxin"] = Runtime(config, engine, RateLimiter(config), access_service.authenticate)
    _around_requests(app, config)
    api = openapi.make_api(app)
    problems.register(app)  # after the Api, which hangs a handler of its own on HTTP errors
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    openapi.register(app, api)
    return app


def _around_requests(app: Flask, config: Config) -> None:
    everywhere = (*SECURITY_HEADERS, *(_HSTS if config.issuer.startswith("https://") else ()))

    @app.before_request
    def begin() -> None:
        g.started = clock.monotonic()
        given = request.environ.get("HTTP_X_REQUEST_ID")
        g.request_id = given if given is not None and _acceptable_id(given) else ids.request_id()
        guards.check_request_line(request)

    @app.after_request
    def end(response: Response) -> Response:
        found, headers = vars(g._get_current_object()), response.headers
        for name, value in everywhere:
            headers.add(name, value)
        headers.add("Content-Security-Policy", _PAGE_CSP if response.mimetype == "text/html" else _API_CSP)
        headers.add("X-Request-Id", found["request_id"])
        call = found.get("call")
        if "Cache-Control" not in headers or (call is not None and call.permission.personal):
            headers["Cache-Control"] = "no-store"
        quota = found.get("quota")
        if quota is not None:
            for name, value in quota.headers():
                headers.add(name, value)
        if call is not None and call.permission.deprecated is not None:
            for name, value in permissions.deprecation_headers(call.permission):
                headers.add(name, value)
        _record(response, found, call)
        return response


def _acceptable_id(given: str) -> bool:
    """A caller's own request id goes into the log, so it must not be able to name a person, between letters neither."""
    return bool(_REQUEST_ID.fullmatch(given)) and find_pii(_LETTERS.sub(",", given)) is None


def _record(response: Response, found: dict[str, Any], call: Any) -> None:
    operation = call.permission.operation if call is not None else "none"
    seconds = clock.monotonic() - found["started"]
    health.count(operation, response.status_code, seconds)
    logs.log.info(
        "request",
        request_id=found["request_id"],
        operation=operation,
        method=request.method,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 2),
        client=str(call.caller.client_id) if call is not None and call.caller.client_id else None,
        code=found.get("error_code"),
    )
