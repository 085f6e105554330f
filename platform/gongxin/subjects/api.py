"""Subjects: parse, call, return."""

from typing import Any

from flask import request

from gongxin.errors import Invalid
from gongxin.pii import refuse_pii
from gongxin.web import guards
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin_wire.canonical import b64u
from gongxin_wire.identifiers import NORMALISATION

from . import rules, schemas, service

blp = Blueprint("subjects", url_prefix="/v1/subjects", description="盲化令牌 Blind tokens")
BLUEPRINTS = (blp,)

_B64 = "4r4Jg6kGJWfaAd-ZQ1Vb5r1i0Hwhs2fTQIH-_V1yMDI"


@blp.operation(
    "subjects.keys",
    "GET",
    "/keys",
    answer=schemas.KeysOut,
    example={
        "data_sets": [
            {
                "data_set": "debtor",
                "suite": rules.SUITE,
                "mode": rules.MODE,
                "normalisation": NORMALISATION,
                "epochs": [{"epoch": 1, "state": "live", "public_key": _B64}],
            }
        ]
    },
)
def keys(call: Call) -> Answer:
    """公开的密钥期 The published keys, by data set and epoch."""
    found = [
        {
            "data_set": data_set,
            "suite": rules.SUITE,
            "mode": rules.MODE,
            "normalisation": NORMALISATION,
            "epochs": [
                {"epoch": epoch.epoch, "state": epoch.state, "public_key": b64u(epoch.public_key)}
                for epoch in service.open_epochs(call.runtime, data_set)
            ],
        }
        for data_set in rules.DATA_SETS
    ]
    return Answer({"data_sets": found}, headers={"Cache-Control": "public, max-age=60"})


@blp.operation(
    "subjects.evaluate",
    "POST",
    "/evaluations",
    raw_body="application/json",
    raw_schema=schemas.EvaluationIn,
    answer=schemas.EvaluationOut,
    body_example={"data_set": "debtor", "epoch": 1, "elements": [_B64]},
    example={"data_set": "debtor", "epoch": 1, "evaluated": [_B64], "proof": _B64 + _B64, "public_key": _B64},
)
def evaluate(call: Call) -> dict[str, Any]:
    """盲化求值 Evaluate up to 1,000 blinded elements, with one proof over all of them."""
    config = call.runtime.config
    body = guards.read_json(request, config.max_body_bytes, config.max_json_depth, walk=False)
    try:
        asked = rules.check_evaluation(body)
    except Invalid:
        refuse_pii(body)
        raise
    evaluated, proof, public = service.evaluate(call.runtime, call.caller, asked.data_set, asked.epoch, asked.elements)
    return {
        "data_set": asked.data_set,
        "epoch": asked.epoch,
        "evaluated": [b64u(element) for element in evaluated],
        "proof": b64u(proof),
        "public_key": b64u(public),
    }
