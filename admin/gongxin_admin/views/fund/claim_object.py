"""What both faces show of a claim: its state, its steps, how its amount came about. Facts are each face's own."""

import json
from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _

from gongxin.fund.claims import queries

from ...face import Door
from ...formats import yuan
from . import wording


def of(door: Door, found: Any, *, facts: Iterable[tuple[str, Any]], back: str, back_name: str) -> dict[str, Any]:
    """As `object.html` shows it; facts that have nothing to say are left out."""
    return {
        "title": f"{wording.of(wording.CAUSES, found.cause)} · {yuan(found.asked_fen)}",
        "rule": _("当事人只以密钥在册；页上没有姓名、证件与账号。"),
        "number": found.number,
        "back": back,
        "back_name": back_name,
        "state": (wording.of(wording.CLAIMS, found.state), wording.CLAIMS[found.state][2]),
        "facts": [pair for pair in facts if pair[1]],
        "steps": [
            {"what": wording.of(wording.CLAIMS, each.state), "who": each.officer, "why": each.reason, "at": each.at}
            for each in reversed(queries.steps(door.session, found.id))
        ],
    }


def lines(found: Any) -> list[list[Any]]:
    """How the amount came about: what was proposed, and what each limit cut."""
    told = json.loads(found.lines)["lines"] if found.lines is not None else []
    return [
        [wording.of(wording.WHY, each["why"]), yuan(each["fen"]),
         "—" if each["limit_fen"] is None else yuan(each["limit_fen"])]
        for each in told
    ]  # fmt: skip
