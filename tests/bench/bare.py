"""A bare WSGI answer: what everything over HTTP is measured against. It gets the same requests, reads their bodies, and
does nothing; so what gunicorn itself costs is on both sides."""

from collections.abc import Callable, Iterable
from typing import Any

_BODY = b'{"status":"alive"}'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_BODY)))]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", _HEADERS)
    return [_BODY]
