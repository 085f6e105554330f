"""Requests in lines: each line in a savepoint of its own, with its own outcome."""

from collections.abc import Callable
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError
from sqlalchemy.exc import DBAPIError

from gongxin.errors import GongxinError
from gongxin.pii import refuse_pii

from . import ndjson, problems
from .blueprint import Answer, Call, invalid


def each_line(call: Call, schema: Schema, record: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    """Each line in a savepoint of its own, so that what one is refused for leaves the others."""
    told = []
    for at, raw in enumerate(ndjson.split(request, call.runtime.config), 1):
        try:
            value = ndjson.parse(raw, call.runtime.config.max_json_depth)
            refuse_pii(value)
            with call.session.begin_nested():
                told.append({"line": at} | record(load(schema, value)))
        except GongxinError as refusal:
            told.append({"line": at, "status": "refused", "problem": ndjson.problem(refusal)})
        except DBAPIError as error:
            known = problems.translate(error)
            if known is None or error.connection_invalidated:
                raise
            told.append({"line": at, "status": "refused", "problem": ndjson.problem(known)})
    return ndjson.answer(told)


def load(schema: Schema, value: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = schema.load(value)
    except ValidationError as fault:
        raise invalid(fault.messages) from fault
    return found
