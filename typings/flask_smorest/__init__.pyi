"""What the registry uses of flask-smorest, typed; the package itself carries no types."""

from collections.abc import Callable
from typing import Any

import flask
from apispec import APISpec

class Api:
    ERROR_SCHEMA: Any
    spec: APISpec
    def __init__(self, app: flask.Flask | None = None, *, spec_kwargs: dict[str, Any] | None = None) -> None: ...
    def register_blueprint(self, blp: flask.Blueprint, **options: Any) -> None: ...

class Blueprint(flask.Blueprint):
    description: str
    def __init__(self, name: str, import_name: str, *, url_prefix: str = "", description: str = "") -> None: ...
    @staticmethod
    def doc(**document: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
