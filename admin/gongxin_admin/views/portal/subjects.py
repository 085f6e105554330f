"""盲化 Blind tokens for the page's own script: the published keys, and blind evaluation as this member, in its budget.
A number never comes here: the script sends blinded elements, and whatever is none is refused without being repeated."""

import json
from functools import cache
from importlib import resources
from typing import Any

from flask import Flask, Response, request

from gongxin.errors import Invalid
from gongxin.pii import refuse_pii
from gongxin.subjects import rules, service
from gongxin.web import guards
from gongxin_wire.canonical import b64u
from gongxin_wire.identifiers import NORMALISATION, SYNTHETIC_COUNTRY

from ...face import Door, page
from .common import act, in_json, runtime


def register(app: Flask) -> None:
    @page(app, "portal.subject_keys", "/subjects/keys")
    def keys(door: Door) -> Response:
        return in_json(door, lambda: _keys(door))

    @act(app, "portal.evaluate", "/subjects/evaluations")
    def evaluate(door: Door) -> Response:
        return in_json(door, lambda: _evaluate(door))


def _keys(door: Door) -> dict[str, Any]:
    found = runtime(door)
    return {
        "registry": door.config.issuer,
        "countries": _countries(),
        "data_sets": [
            {
                "data_set": data_set, "suite": rules.SUITE, "mode": rules.MODE, "normalisation": NORMALISATION,
                "epochs": [
                    {"epoch": epoch.epoch, "state": epoch.state, "public_key": b64u(epoch.public_key)}
                    for epoch in service.open_epochs(found, data_set)
                ],
            }
            for data_set in rules.DATA_SETS
        ],
    }  # fmt: skip


def _evaluate(door: Door) -> dict[str, Any]:
    body = guards.read_json(request, door.config.max_body_bytes, door.config.max_json_depth, walk=False)
    try:
        asked = rules.check_evaluation(body)
    except Invalid:
        refuse_pii(body)
        raise
    evaluated, proof, public = service.evaluate(runtime(door), door.caller, asked.data_set, asked.epoch, asked.elements)
    return {
        "data_set": asked.data_set, "epoch": asked.epoch, "evaluated": [b64u(element) for element in evaluated],
        "proof": b64u(proof), "public_key": b64u(public),
    }  # fmt: skip


@cache
def _countries() -> list[str]:
    table = json.loads((resources.files("gongxin_wire") / "data" / "passport_countries.json").read_text("utf-8"))
    return sorted([*table["countries"], *table["others"], SYNTHETIC_COUNTRY])
