"""Liveness, readiness, metrics, the browsable documentation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import current_app, render_template
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.core import HistogramMetricFamily
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from gongxin import clock, migrate
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import NotFound, Unavailable

from . import catalogue, pages
from .blueprint import Answer, Blueprint, Call

_FRESH_SECONDS = 15.0

REQUESTS = Counter("gongxin_requests_total", "Requests answered", ["operation", "status"])
SECONDS = Histogram(
    "gongxin_request_seconds",
    "Seconds to answer",
    ["operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


@cache
def _children(operation: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(operation, str(status)), SECONDS.labels(operation)


def count(operation: str, status: int, seconds: float) -> None:
    """One request answered. Labels are operations and statuses: never an id, a path, a person."""
    requests, times = _children(operation, status)
    requests.inc()
    times.observe(seconds)


blp = Blueprint("health", description="运行状态与文档 Health and documentation")

_STATE: dict[str, Any] = {
    "type": "object",
    "properties": {"status": {"type": "string"}},
    "required": ["status"],
    "additionalProperties": False,
}


@blp.operation("health.live", "GET", "/healthz", answer=_STATE, example={"status": "alive"})
def live(_call: Call) -> dict[str, str]:
    """存活检查 Whether the process answers."""
    return {"status": "alive"}


@blp.operation("health.ready", "GET", "/readyz", answer=_STATE, example={"status": "ready"})
def ready(call: Call) -> dict[str, str]:
    """就绪检查 Whether the database answers and is migrated to the version of this code."""
    try:
        version = call.session.scalar(text("select version_num from alembic_version"))
    except ProgrammingError:  # no such table, or none that the web role may read
        version = None
    if version != migrate.head():
        raise Unavailable(
            "not_migrated",
            zh="数据库版本与程序不符",
            en="The database is not at the version of this code",
            fix_zh="运营者请执行 gongxin db migrate。",
            fix_en="The operator runs gongxin db migrate.",
        )
    return {"status": "ready"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram that the database keeps: (upper bound, how many up to it), the last "+Inf"; the sum of all."""

    buckets: tuple[tuple[str, float], ...]
    total: float


class _Told:
    """A histogram as it is told, for the registry of metrics to collect."""

    def __init__(self, name: str, words: str, found: Distribution) -> None:
        self.family = HistogramMetricFamily(name, words, buckets=list(found.buckets), sum_value=found.total)

    def collect(self) -> list[HistogramMetricFamily]:
        return [self.family]


# What is measured in the database when it is asked for: each gives gauges or histograms, name → (what it is, value).
Measures = Mapping[str, tuple[str, float | Distribution]]
MEASURES: list[Callable[[Session, Config], Measures]] = []


@blp.operation("health.metrics", "GET", "/metrics", answer={"type": "string"}, media="text/plain")
def metrics(call: Call) -> Answer:
    """监控指标 Prometheus metrics of all processes."""
    return Answer(raw=_counted(call) + _measured(call), mimetype="text/plain")


def _counted(call: Call) -> bytes:
    if call.runtime.config.metrics_dir:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=call.runtime.config.metrics_dir)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest()


def _measured(call: Call) -> bytes:
    """Gauges from the database, of at most `_FRESH_SECONDS`; none while it cannot say."""
    held = call.runtime.caches.get("measures")
    if held is None or held[0] < clock.monotonic():
        registry = CollectorRegistry()
        try:
            with transaction(call.runtime.engine) as session:
                for measure in MEASURES:
                    for name, (words, value) in measure(session, call.runtime.config).items():
                        if isinstance(value, Distribution):
                            registry.register(_Told(name, words, value))
                        else:
                            Gauge(name, words, registry=registry).set(value)
        except (DBAPIError, PoolTimeout):
            return b""
        held = call.runtime.caches["measures"] = (clock.monotonic() + _FRESH_SECONDS, generate_latest(registry))
    found: bytes = held[1]
    return found


@blp.operation("docs.openapi", "GET", "/openapi.json", answer={"type": "object"})
def openapi(_call: Call) -> Answer:
    """接口说明 The OpenAPI 3.1 document."""
    raw: bytes = current_app.extensions["gongxin_openapi"]()
    return Answer(raw=raw)


@blp.operation("docs.page", "GET", "/docs", answer={"type": "string"}, media="text/html")
def docs_page(call: Call) -> Answer:
    """文档页面 The documentation as a page, local assets only."""
    kept = call.runtime.caches
    if "docs" not in kept:
        spec = current_app.extensions["gongxin_spec"]()
        kept["docs"] = render_template(
            "docs.html",
            spec=spec,
            groups=pages.groups(spec),
            problems=catalogue.problems(),
            issuer=call.runtime.config.issuer,
            registry_name=call.runtime.config.registry_name,
        ).encode()
    return Answer(raw=kept["docs"], mimetype="text/html", headers={"Cache-Control": "public, max-age=300"})


@blp.operation("docs.problem", "GET", "/problems/<code>", answer={"type": "string"}, media="text/html")
def problem_page(_call: Call, code: str) -> Answer:
    """错误说明 What a problem type means."""
    entry = catalogue.problems().get(code)
    if entry is None:
        raise NotFound
    page = render_template("problem.html", entry=entry).encode()
    return Answer(raw=page, mimetype="text/html", headers={"Cache-Control": "public, max-age=300"})
