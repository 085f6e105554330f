"""The two statements of a check, on the thread's own connection, each committed as it runs."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Engine

from gongxin.db import one_value
from gongxin.web.caller import Admission

_FACTS = b"select agent_facts($1, $2, $3, $4, $5, $6, $7::text[], $8, $9, $10)"
_ADMITTED = b"select agent_admitted_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text[], $12, $13, $14)"
_RECORD = b"select agent_check_record($1, $2, $3, $4, $5, $6, $7, $8, $9)"


def facts(engine: Engine, admission: Admission | None, parameters: Sequence[Any]) -> dict[str, Any]:
    """What is on record of those asked about (`people`, `agencies`, `credit`, `entries`, `stops`); who was told of an
    entry of the blacklist is recorded with it. The same statement admits the caller where that is still open. Raises
    Unauthenticated where it does not, Unavailable where the database cannot say."""
    if admission is None:
        said = one_value(engine, _FACTS, parameters)
    else:
        said = one_value(engine, _ADMITTED, (*admission.parameters, *parameters))
        if said.startswith(b"refused "):
            admission.judge(int(said[8:]))
    found: dict[str, Any] = orjson.loads(said)
    return found


def record(engine: Engine, parameters: Sequence[Any]) -> None:
    """The check and its leaf, durable when it returns."""
    one_value(engine, _RECORD, parameters)
