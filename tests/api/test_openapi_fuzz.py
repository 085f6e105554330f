"""Every operation, asked with what its schema allows and with what it does not: never a fault of ours, never a status,
a header or a member that the document does not name. Callers hold real DPoP-bound tokens."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from sqlalchemy import Engine

from gongxin import clock, embedded
from gongxin.agents.examples import ENTRY
from gongxin.app import create_app
from gongxin.blacklist.examples import REPORT
from gongxin.cli.spec import files
from gongxin.config import Config
from gongxin.contracts import rules as contract_rules
from gongxin.contracts.examples import RECOVERY_IN, TERMS
from gongxin.contracts.standard.service import first_content
from gongxin.db import OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.delivery import service as delivery
from gongxin.subjects import service as subjects
from gongxin.web import catalogue, samples
from gongxin.web.caller import MEMBER_KINDS
from gongxin.web.permissions import PERMISSIONS
from tests.api.agents_http import application
from tests.api.oauth_helpers import Party, register
from tests.conftest import drop_database, make_database
from tests.services.agents_world import FILING
from tests.services.contracts_world import detached
from tests.services.delivery_world import NOTE
from tests.services.disclosure_world import World, build, subject, token

pytestmark = pytest.mark.xdist_group("fuzz")
EXAMPLES = 10
NAME = "gongxin_test_fuzz"
PURPOSES = {
    "bank": ["placement", "contact"],
    "agency": ["contact"],
    "court": ["judicial"],
    "mediator": ["mediation"],
    "regulator": ["supervision"],
    "association": ["supervision", "subject_access"],
}

load_all_checks()
_CHECKS = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    ]
)


_CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            # What cannot be accepted may also be too long to be looked at, or lack its precondition.
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 409, 412, 413, 414, 415, 422, 428, 431]
            }
        }
    }
)


@schemathesis.serializer("application/x-ndjson")
def _lines(_context: Any, value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _closed() -> dict[str, Any]:
    """The document with its answers closed too: a member it does not name is found. Problems may carry more."""
    document: dict[str, Any] = json.loads(files()["openapi.json"])
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                for media, content in samples.resolve(document, response).get("content", {}).items():
                    if status < "400" and media == "application/json":
                        samples.close(document, content["schema"])
    return document


SCHEMA = schemathesis.openapi.from_dict(_closed(), config=_CONFIG)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


# Things that nobody made: their operations answer 404, or refuse what comes before.
_STRANGERS = (
    "badge_id", "certificate_id", "charge_id", "claim_id", "contract_id", "file_id", "instruction_id", "line_id",
    "recovery_id", "run_id", "statement_id", "template_id", "watch_id",
)  # fmt: skip


@dataclass
class Ground:
    """Members, their tokens, and things that exist: so that requests get past the first 404."""

    app: Flask
    parties: dict[str, tuple[Party, str]] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def headers(self, operation: Any, path: str) -> dict[str, str]:
        """Of the first kind of member that may call it."""
        kinds = operation.definition.raw["x-gongxin"]["kinds"]
        if not kinds:
            return {}
        party, held = self.parties["bank" if "bank" in kinds else kinds[0]]
        return party.headers(held, operation.method.upper(), path)

    def ask(self, kind: str, method: str, path: str, **extra: Any) -> Any:
        party, held = self.parties[kind]
        answer = party.call(held, method, path, **extra)
        assert answer.status_code < 300, answer.text
        return answer.json


def _scopes(kind: str) -> list[str]:
    return sorted({row.scope for row in PERMISSIONS.values() if row.scope and kind in row.kinds})


def _settle(ground: Ground, world: World, engine: Engine) -> None:
    for kind in MEMBER_KINDS:
        member = world.member(kind, court_code="沪0115" if kind == "court" else None)
        scopes = _scopes(kind)
        party = register(ground.app, engine, member, *scopes)
        details = [
            {"type": "gongxin_lookup", "purpose": purpose, "data_types": ["case_status"]} for purpose in PURPOSES[kind]
        ]
        ground.parties[kind] = party, party.token(" ".join(scopes), *(details if "lookups" in scopes else []))
    victim = world.member("mediator")
    spare = register(ground.app, engine, victim, "members.read")
    case = ground.ask(
        "bank",
        "POST",
        "/v1/cases",
        json={"creditor_ref": "F-1", "subject": subject(token()), "opened_on": "2026-01-05"},
    )
    event = ground.ask(
        "bank",
        "POST",
        f"/v1/cases/{case['case_id']}/events",
        json={"axis": "collection", "status": "instalment", "effective_on": "2026-02-01"},
    )
    court = ground.ask(
        "court",
        "POST",
        "/v1/court-events",
        json={
            "court_case_number": "（2025）沪0115民初12345号",
            "axis": "legal",
            "status": "judged",
            "effective_on": "2026-02-01",
        },
    )
    file = {"kind": "recording", "sha256": "ab" * 32, "size": 1, "media_type": "audio/mpeg", "complaint": "TS-1"}
    evidence = ground.ask("bank", "POST", "/v1/evidence", json=file)
    batch = ground.ask(
        "bank",
        "POST",
        "/v1/evidence/batches",
        data=b'{"kind":"recording"}\n"%s"\n' % (b"ab" * 32),
        content_type="application/x-ndjson",
    )
    agent = ground.ask("agency", "POST", "/v1/agents", json=application())
    record = ground.ask("association", "POST", f"/v1/agents/{agent['agent_id']}/record", json=ENTRY)
    filing = ground.ask("agency", "POST", "/v1/agencies/filings", json=FILING)
    fund = _fund(ground) | _matter(ground, str(victim.member_id))
    hook = {"url": "https://hooks.example/known", "types": [NOTE.name]}
    endpoint = ground.ask("bank", "POST", "/v1/webhook-endpoints", json=hook)
    with transaction(engine) as session:  # so that whoever waits for a change has one at once
        delivery.emit(session, type=NOTE.name, object_id=uuid.uuid4(), data={"n": 1}, to=[])
        delivery.sequence(session, ground.app.extensions["gongxin"].config)
    ground.known = fund | {
        "endpoint_id": endpoint["endpoint_id"],
        "type": "members",
        "record_id": record["record_id"],
        "agent_id": agent["agent_id"],
        "filing_id": filing["filing_id"],
        "licence": agent["licence"],
        "member_id": str(victim.member_id),
        "client_id": spare.client_id,
        "kid": spare.key.kid,
        "case_id": case["case_id"],
        "event_id": event["event_id"],
        "court_event_id": court["court_event_id"],
        "evidence_id": evidence["evidence_id"],
        "batch_id": batch["batch_id"],
        "code": "bad_json",
        **dict.fromkeys(_STRANGERS, str(uuid.uuid4())),
        **_contract(ground),
    }


def _contract(ground: Ground) -> dict[str, str]:
    """A template, a contract that both signed, an amendment at work, a recovery confirmed and stated."""
    today = clock.today_in_china()
    draft = {"code": "fuzz", "officer": "LIN01", "content": first_content()}
    template = ground.ask("association", "POST", "/v1/contract-templates", json=draft)
    path, approval = f"/v1/contract-templates/{template['template_id']}", {"content_hash": template["content_hash"]}
    ground.ask("association", "POST", f"{path}/state", json={"state": "consulted"})
    for officer in ("WANG02", "ZHAO03"):
        ground.ask("association", "POST", f"{path}/approvals", json=approval | {"officer": officer})
    effect = {"state": "adopted", "effective_on": today.isoformat()}
    ground.ask("association", "POST", f"{path}/state", json=effect)
    terms = TERMS | {"begins_on": today.isoformat(), "ends_on": (today + timedelta(days=99)).isoformat()}
    body = {"template": "fuzz", "other_id": ground.ask("bank", "GET", "/v1/members/me")["member_id"]}
    made = ground.ask("agency", "POST", "/v1/contracts", json=body | {"terms": terms | {"deviations": []}})
    payload = contract_rules.signed_payload(made["contract_id"], bytes.fromhex(made["content_hash"]))
    for kind in ("agency", "bank"):
        key = ground.parties[kind][0].key
        signature = {"content_hash": made["content_hash"], "jws": detached(key.private, key.kid, payload)}
        ground.ask(kind, "POST", f"/v1/contracts/{made['contract_id']}/signatures", json=signature)
    report = RECOVERY_IN | {"contract_id": made["contract_id"], "received_on": today.isoformat()}
    recovery = ground.ask("agency", "POST", "/v1/recoveries", json=report)["recovery_id"]
    ground.ask("bank", "POST", f"/v1/recoveries/{recovery}/confirmation", json={})
    month = {"contract_id": made["contract_id"], "month": f"{today:%Y-%m}"}
    statement = ground.ask("agency", "POST", "/v1/statements", json=month)
    return {
        "template_id": template["template_id"], "contract_id": made["contract_id"], "recovery_id": recovery,
        "statement_id": statement["statement_id"], "content_hash": made["content_hash"],
    }  # fmt: skip


def _matter(ground: Ground, member_id: str) -> dict[str, str]:
    officers = {"name_zh": "委员会", "officers": ["A1", "A2", "A3"]}
    committee = ground.ask("association", "POST", "/v1/blacklist/committees", json=officers)
    report = REPORT | {"subject_kind": "member", "member_id": member_id, "article": "M01"}
    report |= {name: clock.today_in_china().isoformat() for name in ("occurred_from", "occurred_until")}
    report.pop("licence")
    matter = ground.ask("bank", "POST", "/v1/blacklist/matters", json=report)
    made = {"matter_id": matter["matter_id"], "committee_id": committee["committee_id"]}
    return made | {"objection_id": made["matter_id"], "correction_id": made["matter_id"]}


def _fund(ground: Ground) -> dict[str, str]:
    today = clock.today_in_china().isoformat()
    ground.ask("association", "POST", "/v1/fund/periods", json={"first_day": today, "last_day": today})
    legs = []
    for code, kind, side in (("F-1", "asset", "debit"), ("F-2", "income", "credit")):
        account = {"code": code, "name_zh": "测试", "name_en": "Test", "type": kind, "fund": "RELIEF"}
        ground.ask("association", "POST", "/v1/fund/accounts", json=account)
        legs.append({"account": code, "fund": "RELIEF", "side": side, "amount_fen": 5})
    entry = {"key": "F-1", "officer": "LIN", "booked_on": today, "description": "x", "legs": legs, "submit": True}
    made = ground.ask("association", "POST", "/v1/fund/entries", json=entry)
    for officer in ("WANG", "ZHAO"):
        approval = {"officer": officer, "content_hash": made["content_hash"]}
        ground.ask("association", "POST", f"/v1/fund/entries/{made['entry_id']}/approvals", json=approval)
    ground.ask("association", "POST", f"/v1/fund/entries/{made['entry_id']}/posting", json={"officer": "WANG"})
    hold = {"officer": "LIN", "account": "F-1", "amount_fen": 1, "reason": "x"}
    held = ground.ask("association", "POST", "/v1/fund/holds", json=hold)
    return {"entry_id": made["entry_id"], "hold_id": held["hold_id"], "account": "F-1", "number": "1"}


@pytest.fixture(scope="module")
def ground(server: str, config: Config) -> Iterator[Ground]:
    """A database of its own: what is sent here is anything at all."""
    name = f"{NAME}_{uuid.uuid4().hex[:8]}"
    make_database(server, name)
    web, owner = (make_engine(embedded.dsn(server, role, name), pool_size=2) for role in (WEB_ROLE, OWNER_ROLE))
    found = Ground(create_app(config, web))
    with transaction(web) as session:
        subjects.ensure_epochs(session, config)
    for world in build(owner, config):
        _settle(found, world, web)
    yield found
    web.dispose()
    owner.dispose()
    drop_database(server, name)


def ask(ground: Ground, operation: Any, case: Any, use_known: list[bool]) -> None:
    for (name, _), replace in zip(case.path_parameters.items(), use_known, strict=False):
        if replace and name in ground.known and name != "number":  # a number out of its bounds stays so
            case.path_parameters[name] = ground.known[name]
    response = case.call(app=ground.app, headers=ground.headers(operation, case.formatted_path))
    # Of NDJSON the document says that it is a text, which any body is; its lines have a test of their own.
    lines = case.media_type == "application/x-ndjson"
    case.validate_response(response, checks=_CHECKS[:-1] if lines else _CHECKS)
    if response.status_code >= 400 and "problem+json" in response.headers.get("content-type", [""])[0]:
        assert response.json()["code"] in catalogue.problems()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.definition.raw["operationId"])
def test_no_answer_is_other_than_documented(ground: Ground, operation: Any, mode: GenerationMode) -> None:
    @seed(4)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        use_known=st.lists(st.sampled_from([True, True, True, False]), min_size=3, max_size=3),
    )
    def run(case: Any, use_known: list[bool]) -> None:
        ask(ground, operation, case, use_known)

    try:
        run()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE
        pytest.skip("nothing can be wrong with a request that has no parts")


BY_ID = {found.definition.raw["operationId"]: found for found in OPERATIONS}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(
    ("bulk", "single"),
    [
        ("cases_register_bulk", "cases_register"),
        ("cases_place_bulk", "cases_place"),
        ("cases_rekey_bulk", "cases_register"),
        ("evidence_register_bulk", "evidence_register"),
        ("recoveries_report_bulk", "recoveries_report"),
    ],
)
def test_each_line_of_any_form_gets_its_line(ground: Ground, bulk: str, single: str, mode: GenerationMode) -> None:
    """Lines as the single operation takes, and as it does not."""
    operation = BY_ID[bulk]

    @seed(4)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases=st.lists(BY_ID[single].as_strategy(generation_mode=mode), min_size=1, max_size=4))
    def run(cases: list[Any]) -> None:
        lines = [case.body for case in cases]
        if bulk not in {"cases_register_bulk", "evidence_register_bulk", "recoveries_report_bulk"}:
            lines = [{**line, "case_id": ground.known["case_id"]} if isinstance(line, dict) else line for line in lines]
        if bulk == "cases_rekey_bulk":
            for line in filter(lambda line: isinstance(line, dict), lines):
                for name in ("creditor_ref", "opened_on", "references"):
                    line.pop(name, None)
        data = "\n".join(json.dumps(line, default=str) for line in lines).encode()
        headers = ground.headers(operation, operation.path) | {"Content-Type": "application/x-ndjson"}
        answer = ground.app.test_client().post(operation.path, headers=headers, data=data)
        assert str(answer.status_code) in operation.definition.raw["responses"]
        assert answer.status_code < 500, answer.text
        if answer.status_code == 200:
            told = [json.loads(line) for line in answer.text.splitlines()]
            assert [line["line"] for line in told] == list(range(1, len(lines) + 1))
            for line in told:
                assert (line["status"] == "refused") == ("problem" in line)
                assert "problem" not in line or line["problem"]["code"] in catalogue.problems()

    run()


def test_the_example_of_every_operation_is_understood(ground: Ground) -> None:
    """What the documentation shows is read without complaint of its form; the things it names need not exist."""
    for operation in OPERATIONS:
        raw = operation.definition.raw
        for media, content in raw.get("requestBody", {}).get("content", {}).items():
            path = operation.path.format_map(defaultdict(lambda: str(uuid.uuid4()), ground.known))
            headers = ground.headers(operation, path) | {"Content-Type": media, "If-Match": '"1"'}
            body = content["example"] if isinstance(content["example"], str) else json.dumps(content["example"])
            answer = ground.app.test_client().open(
                path, method=operation.method.upper(), headers=headers, data=body.encode()
            )
            assert answer.status_code not in {400, 415, 500} or path.startswith("/oauth"), (path, answer.text)
