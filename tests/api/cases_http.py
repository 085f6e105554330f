"""Cases over HTTP in a few words, for the tests of cases and of their events."""

import json
import uuid
from typing import Any

from gongxin.web import ndjson
from gongxin.web.caller import Caller
from tests.api.disclosure_http import House
from tests.services.cases_world import days_ago
from tests.services.disclosure_world import subject, token

CARD = "6222021234567890128"
NOBODY = str(uuid.UUID(int=7))


def new_case(**change: Any) -> dict[str, Any]:
    return {
        "creditor_ref": f"L{uuid.uuid4().hex}",
        "subject": subject(token()),
        "opened_on": days_ago(90).isoformat(),
    } | change


def register(house: House, bank: Caller, **change: Any) -> dict[str, Any]:
    answer = house.call("POST", "/v1/cases", bank, json=new_case(**change))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def place(house: House, who: Caller, case_id: str, action: str, tag: str = "*", **fields: Any) -> Any:
    body = {"action": action} | fields
    return house.call("POST", f"/v1/cases/{case_id}/placement", who, json=body, headers={"If-Match": tag})


def say(house: House, who: Caller, case_id: str, axis: str, status: str, ago: int = 10, **more: Any) -> Any:
    body = {"axis": axis, "status": status, "effective_on": days_ago(ago).isoformat()} | more
    return house.call("POST", f"/v1/cases/{case_id}/events", who, json=body)


def send(house: House, who: Caller, path: str, bodies: list[Any], **extra: Any) -> Any:
    raw = b"\n".join(body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies)
    return house.call("POST", path, who, data=raw, content_type=ndjson.NDJSON, **extra)


def told(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == ndjson.NDJSON
    return [json.loads(line) for line in answer.data.splitlines()]
