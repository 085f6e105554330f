"""What the factory built, reachable from a request: `runtime()`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Request, current_app
from sqlalchemy import Engine

from gongxin.config import Config

from .caller import Caller

if TYPE_CHECKING:
    from .limits import RateLimiter
    from .permissions import Permission


@dataclass
class Runtime:
    """One per application. `authenticate(runtime, request, permission)` comes from `access`, through the factory."""

    config: Config
    engine: Engine
    limiter: "RateLimiter"
    authenticate: Callable[["Runtime", Request, "Permission"], Caller]
    caches: dict[str, Any] = field(default_factory=dict)


def runtime() -> Runtime:
    """The runtime of the application that serves this request."""
    found: Runtime = current_app.extensions["gongxin"]
    return found
