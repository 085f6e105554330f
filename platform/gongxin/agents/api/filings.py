"""Agencies' filings: parse, call, return."""

import uuid
from typing import Any

from flask import request

from gongxin.web import etags, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from .. import examples, filings, queries_filings
from ..models_filings import AgencyFiling
from ..schemas import filings as schemas

blp = Blueprint("agency_filings", url_prefix="/v1/agencies/filings", description="机构备案 Agencies' filings")
BLUEPRINTS = (blp,)

# What a race can reach past the rules.
_MEANWHILE = ("filing_changed_meanwhile", "该备案的状态刚被他人变更", "Another change of the filing came first")
CONSTRAINTS.update(
    {
        "agency_filing_changes_previous": _MEANWHILE,
        "uq_agency_filing_changes_filing_id_version": _MEANWHILE,
        "ix_agency_filings_one": _MEANWHILE,
        "agent_changes_filing": ("agency_not_filed", "机构备案未生效", "The agency has no filing in force"),
    }
)


# Closed forms but for the names, which `rules_filings` guards and which are sealed.
@blp.operation(
    "filings.file",
    "POST",
    "",
    body=schemas.FilingIn,
    answer=schemas.FilingOut,
    status=201,
    walk=False,
    body_example=examples.FILING_IN,
    example=examples.FILING | {"state": "submitted"},
)
def file(call: Call, body: dict[str, Any]) -> Answer:
    """备案 File one's scope and responsible officers; the filing in force stays so until this one is accepted."""
    made = filings.file(call.session, config=call.runtime.config, caller=call.caller, **body)
    return _answer(made, {"Location": f"/v1/agencies/filings/{made.id}"})


@blp.operation(
    "filings.list",
    "GET",
    "",
    query=schemas.FilingsIn,
    answer=schemas.FilingsOut,
    example={"items": [examples.FILING], "next_cursor": None},
)
def listed(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """备案目录 Filings: an agency's own; association and regulators see all."""
    found = queries_filings.filings(
        call.session,
        agency_id=query.get("agency_id"),
        state=query.get("state"),
        after=paging.decode_id(query.get("cursor")),
        limit=query["limit"],
    )
    kept, following = paging.page(found, query["limit"], lambda filing: [str(filing.id)])
    return {"items": [schemas.filing_out(each) for each in kept], "next_cursor": following}


@blp.operation(
    "filings.get",
    "GET",
    "/<uuid:filing_id>",
    answer=schemas.FilingFullOut,
    example=examples.FILING | {"responsible": examples.FILING_IN["officers"], "changes": [examples.FILING_CHANGE]},
)
def get(call: Call, filing_id: uuid.UUID) -> Answer:
    """一项备案 One filing with its moves; who answers for it is told to the agency and the association alone."""
    filing = queries_filings.get_filing(call.session, filing_id)
    known = call.caller.kind != "regulator"
    more = {
        "responsible": filings.officers(call.session, call.runtime.config, filing_id) if known else None,
        "changes": [
            schemas.filing_change_out(each) for each in queries_filings.filing_changes(call.session, filing_id)
        ],
    }
    return Answer(schemas.filing_out(filing) | more, headers={"ETag": etags.tag(filing.version)})


@blp.operation(
    "filings.move",
    "POST",
    "/<uuid:filing_id>/moves",
    body=schemas.FilingMoveIn,
    answer=schemas.FilingOut,
    statuses=(412, 428),
    body_example={"action": "accept", "reason": "材料齐全"},
    example=examples.FILING,
)
def move(call: Call, filing_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """办理备案 The association accepts, returns, suspends, revokes; the agency withdraws. Needs `If-Match`."""
    version = queries_filings.get_filing(call.session, filing_id).version
    etags.check(request.headers.get("If-Match"), version)
    return _answer(filings.move(call.session, filing_id, caller=call.caller, version=version, **body))


def _answer(filing: AgencyFiling, headers: dict[str, str] | None = None) -> Answer:
    return Answer(schemas.filing_out(filing), headers={"ETag": etags.tag(filing.version)} | (headers or {}))
