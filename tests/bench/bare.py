"""A bare WSGI answer: what everything over HTTP is measured against."""

from collections.abc import Callable, Iterable
from typing import Any

_BODY = b'{"status":"alive"}'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_BODY)))]


def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", _HEADERS)
    return [_BODY]
