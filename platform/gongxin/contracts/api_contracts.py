"""Contracts over HTTP: parse, call, return."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import api, examples, queries, service
from .schemas import contracts as schemas
from .schemas import fees as fee_schemas

blp = Blueprint("contracts", url_prefix="/v1/contracts", description="合同 Contracts between creditor and agency")

_SIGNED = ("signed_already", "已有一方签署", "A party has signed already")
CONSTRAINTS.update(
    {
        "contracts_content": _SIGNED,
        "contract_contents_kept": _SIGNED,
        "uq_contract_signatures_contract_id_member_id": _SIGNED,
        "contracts_transition": ("contract_moved", "合同状态刚被他人变更", "Another change of the contract came first"),
        "contracts_signed": ("content_changed", "双方所签内容不同", "The parties signed different contents"),
        "contract_signatures_content": ("content_changed", "内容已变更", "The content has changed"),
        "contract_signatures_consents": ("consent_missing", "尚有未同意的偏离", "A deviation lacks consent"),
        "uq_contracts_number_version": (
            "contract_meanwhile",
            "该合同另一版本刚刚起草",
            "Another version of the contract came first",
        ),
        "pk_contract_consents": ("consented_already", "已同意", "Consented already"),
        "pk_contract_scans": ("scan_linked", "该扫描件已关联", "The scan is linked already"),
        "pk_contract_cases": ("case_named", "案件已指明该合同", "The case has named it already"),
        "pk_contract_openings": ("opened_already", "该投诉已开启", "Opened under this complaint already"),
    }
)


@blp.operation("contracts.list", "GET", "", query=schemas.ContractsIn, answer=schemas.ContractsOut,
               example={"items": [examples.CONTRACT], "next_cursor": None})  # fmt: skip
def list_contracts(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """合同名录 One's own contracts; the association sees all, without prices. `expiring_days`: those that end soon."""
    today = clock.today_in_china()
    found = queries.contracts(
        call.session, today=today, expiring_days=query.get("expiring_days"),
        after=paging.decode_id(query.get("cursor")), limit=query["limit"],
    )  # fmt: skip
    return api.listed(found, query["limit"], "id", lambda each: schemas.contract_out(each, today))


@blp.operation(
    "contracts.draft",
    "POST",
    "",
    body=schemas.ContractIn,
    answer=schemas.ContractOut,
    status=201,
    walk=False,
    body_example=examples.CONTRACT_IN,
    example=examples.CONTRACT | {"state": "draft"},
)
def draft(call: Call, body: dict[str, Any]) -> Answer:
    """起草合同 Build a contract from the template in force; also an amendment or a renewal (`follows`, `kind`).

    A locked clause does not change; a fee above a binding cap is refused with the tier and by how much."""
    terms = schemas.terms_in(body.pop("terms"))
    made = service.draft(call.session, caller=call.caller, terms=terms, **body)
    return Answer(_out(made), headers={"Location": f"/v1/contracts/{made.id}"})


@blp.operation("contracts.get", "GET", "/<uuid:contract_id>", answer=schemas.ContractWholeOut, example=examples.DETAIL)
def get(call: Call, contract_id: uuid.UUID) -> dict[str, Any]:
    """一份合同 One contract: signatures, scans, openings, consents; no price."""
    found = queries.get_contract(call.session, contract_id)
    return {
        "contract": _out(found),
        "signatures": [schemas.signature_out(each) for each in queries.signatures(call.session, contract_id)],
        "scans": [
            {"evidence_id": each.evidence_id, "member_id": each.member_id, "sha256": each.sha256.hex()}
            for each in queries.scans(call.session, contract_id)
        ],
        "openings": [
            {"complaint": each.complaint, "opened_at": each.opened_at}
            for each in queries.openings(call.session, contract_id)
        ],
        "consents": sorted(queries.consents(call.session, found)),
    }


@blp.operation("contracts.content", "GET", "/<uuid:contract_id>/content", answer=schemas.ContractContentOut,
               example=examples.CONTRACT_CONTENT)  # fmt: skip
def content(call: Call, contract_id: uuid.UUID) -> dict[str, Any]:
    """合同内容 The whole content with its prices: for the parties, and the association under a recorded complaint.

    `content_hash` is SHA-256 of `canonical` in UTF-8."""
    queries.get_contract(call.session, contract_id)
    found = queries.get_content(call.session, contract_id)
    return {
        "content_hash": found.content_hash.hex(),
        "content": schemas.content_out(found.content),
        "canonical": found.content,
    }


@blp.operation(
    "contracts.verdict",
    "GET",
    "/<uuid:contract_id>/verdict",
    query=schemas.VerdictIn,
    answer=fee_schemas.VerdictOut,
    example={"verdict": "above", "above": [examples.ABOVE], "informational": []},
)
def verdict(call: Call, contract_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """上限结论 Within, above or unknown as of the signing day, by what was known then or at `known_at`."""
    found = queries.get_contract(call.session, contract_id)
    return fee_schemas.verdict_out(service.verdict(call.session, found, known_at=api.known_at(query)))


@blp.operation(
    "contracts.revise",
    "POST",
    "/<uuid:contract_id>/revision",
    body=schemas.RevisedIn,
    answer=schemas.ContractOut,
    walk=False,
    body_example={"terms": examples.TERMS},
    example=examples.CONTRACT | {"state": "draft"},
)
def revise(call: Call, contract_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """修改草稿 Other terms for one's own draft, until somebody has signed."""
    return _out(service.revise(call.session, contract_id, caller=call.caller, terms=schemas.terms_in(body["terms"])))


@blp.operation(
    "contracts.consent",
    "POST",
    "/<uuid:contract_id>/consents",
    body=schemas.ConsentIn,
    answer=schemas.ConsentsOut,
    body_example={"clause_id": "statements", "content_hash": examples.HASH},
    example={"consents": ["statements"]},
)
def consent(call: Call, contract_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """同意偏离 Consent to one deviation of the other side's draft."""
    body["content_hash"] = bytes.fromhex(body["content_hash"])
    service.consent(call.session, contract_id, caller=call.caller, **body)
    return {"consents": sorted(queries.consents(call.session, queries.get_contract(call.session, contract_id)))}


@blp.operation(
    "contracts.sign",
    "POST",
    "/<uuid:contract_id>/signatures",
    body=schemas.SignatureIn,
    answer=schemas.ContractOut,
    body_example=examples.SIGNATURE,
    example=examples.CONTRACT,
)
def sign(call: Call, contract_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """签署 Sign the content hash: a detached JWS (typ gongxin-contract+jws) by a key registered for this client.

    Its payload is `{"content_hash":…,"contract_id":…,"v":1}` without spaces. The second party's makes the contract."""
    digest = bytes.fromhex(body["content_hash"])
    return _out(service.sign(call.session, contract_id, caller=call.caller, jws=body["jws"], content_hash=digest))


@blp.operation("contracts.terminate", "POST", "/<uuid:contract_id>/termination", body=schemas.TerminationIn,
               answer=schemas.ContractOut, body_example={"on": examples.TODAY, "reason": "双方协商"},
               example=examples.CONTRACT | {"state": "terminated", "ended_on": examples.TODAY})  # fmt: skip
def terminate(call: Call, contract_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """解除 End a contract after a day."""
    return _out(service.terminate(call.session, contract_id, caller=call.caller, **body))


@blp.operation("contracts.withdraw", "POST", "/<uuid:contract_id>/withdrawal", answer=schemas.ContractOut,
               example=examples.CONTRACT | {"state": "withdrawn"})  # fmt: skip
def withdraw(call: Call, contract_id: uuid.UUID) -> dict[str, Any]:
    """撤回草稿 Take a draft off the table."""
    return _out(service.withdraw(call.session, contract_id, caller=call.caller))


@blp.operation(
    "contracts.scan",
    "POST",
    "/<uuid:contract_id>/scans",
    body=schemas.ScanIn,
    answer=schemas.ScanOut,
    status=201,
    body_example={"evidence_id": examples.ID},
    example={"evidence_id": examples.ID, "sha256": examples.HASH},
)
def scan(call: Call, contract_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """关联纸质签署扫描件 Tie the fingerprint of a signed paper copy to the contract."""
    made = service.add_scan(call.session, contract_id, caller=call.caller, **body)
    return {"evidence_id": made.evidence_id, "sha256": made.sha256.hex()}


@blp.operation(
    "contracts.open",
    "POST",
    "/<uuid:contract_id>/openings",
    body=schemas.OpeningIn,
    answer=schemas.ContractOpeningOut,
    body_example={"complaint": "TS-2026-7", "officer": "WANG02"},
    example={"complaint": "TS-2026-7", "opened_at": examples.NOW},
)
def open_prices(call: Call, contract_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """凭投诉开启价格 Open the prices to the association under a complaint; the parties see it."""
    made = service.open_prices(call.session, contract_id, caller=call.caller, **body)
    return {"complaint": made.complaint, "opened_at": made.opened_at}


@blp.operation(
    "contracts.name_cases",
    "POST",
    "/<uuid:contract_id>/cases",
    body=schemas.CasesIn,
    answer=schemas.NamedOut,
    body_example={"case_ids": [examples.ID]},
    example={"named": 1},
)
def name_cases(call: Call, contract_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """案件指明合同 Say under which contract cases are worked."""
    return {"named": service.name_cases(call.session, contract_id, caller=call.caller, **body)}


@blp.operation(
    "contracts.set_policy",
    "POST",
    "/placement-policy",
    body=schemas.PolicyIn,
    answer=schemas.PlacementPolicyOut,
    status=201,
    body_example={"policy": "warn", "effective_from": examples.TODAY},
    example={"policy": "warn", "effective_from": examples.TODAY},
)
def set_policy(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """委托政策 What a placement without a live contract meets from a day on: off, warn or refuse."""
    made = service.set_policy(call.session, **body)
    return {"policy": made.policy, "effective_from": made.effective_from}


def _out(contract: Any) -> dict[str, Any]:
    return schemas.contract_out(contract, clock.today_in_china())
