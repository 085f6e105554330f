"""Cases: parse, call, return. Bulk operations take and give NDJSON, a line for a line."""

import uuid
from datetime import datetime
from typing import Any

from flask import request

from gongxin.errors import Invalid, PreconditionRequired
from gongxin.pii import refuse_pii
from gongxin.web import etags, guards, ndjson, paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from . import examples, lines, schemas, service
from .service.asserting import Assertion

cases_blp = Blueprint("cases", url_prefix="/v1/cases", description="案件 Cases")
events_blp = Blueprint("events", url_prefix="/v1/events", description="案件状态 Case events")
courts_blp = Blueprint(
    "court_events", url_prefix="/v1/court-events", description="法院按案号登记 Events by case number"
)
BLUEPRINTS = (cases_blp, events_blp, courts_blp)

CONSTRAINTS.update(
    {
        "uq_case_events_supersedes": ("already_superseded", "该条状态已被更正或撤回", "This event has been superseded"),
        "uq_court_events_supersedes": (
            "already_superseded",
            "该条状态已被更正或撤回",
            "This event has been superseded",
        ),
        "cases_version": ("stale_version", "记录已被他人更新", "The record has changed since it was read"),
        "cases_agency": ("agency_not_found", "案件只能委托给受托机构", "A case is placed with an agency"),
    }
)


def _lines_out(**accepted: Any) -> dict[str, Any]:
    return ndjson.answered({"case_id": examples.CASE_ID} | accepted, examples.LINE_PROBLEM)


def _read(call: Call) -> Any:
    """A body that is read by hand; personal data is named as such where the form is refused."""
    config = call.runtime.config
    return guards.read_json(request, config.max_body_bytes, config.max_json_depth, walk=False)


# --- registration ---------------------------------------------------------------------------------------------------


@cases_blp.operation(
    "cases.register",
    "POST",
    "",
    raw_body="application/json",
    raw_schema=schemas.CaseIn,
    answer=schemas.CaseOut,
    status=201,
    body_example=examples.NEW,
    example=examples.OUT,
    statuses=(200,),
)
def register(call: Call) -> Answer:
    """登记案件 Register a case.

    The same creditor_ref with the same content answers 200 and the same case."""
    body = _read(call)
    try:
        new = service.reader(call.session).case(body)
    except Invalid:
        refuse_pii(body)
        raise
    case, out, created = service.register(call.session, config=call.runtime.config, caller=call.caller, new=new)
    headers = {"ETag": etags.tag(case.version), "Location": f"/v1/cases/{case.id}"}
    return Answer(out, 201 if created else 200, headers)


@cases_blp.operation(
    "cases.register_bulk",
    "POST",
    "/bulk",
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema(examples.NEW),
    answer=_lines_out(status="created", creditor_ref=examples.NEW["creditor_ref"]),
    media=ndjson.NDJSON,
)
def register_bulk(call: Call) -> Answer:
    """批量登记 Register up to 10,000 cases; each line answers `created`, `exists` or `refused`."""
    bodies = ndjson.split(request, call.runtime.config)
    found = service.register_bulk(call.session, config=call.runtime.config, caller=call.caller, bodies=bodies)
    return ndjson.answer(
        {"line": at, "status": "created" if done.created else "exists", "case_id": str(done.case_id),
         "creditor_ref": ref}
        if done.refusal is None
        else {"line": at, "status": "refused", **({"creditor_ref": ref} if ref else {}),
              "problem": ndjson.problem(done.refusal)}
        for at, (ref, done) in enumerate(found, 1)
    )  # fmt: skip


@cases_blp.operation(
    "cases.rekey_bulk",
    "POST",
    "/keys",
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema({"case_id": examples.CASE_ID, "subject": examples.NEW["subject"]}),
    answer=_lines_out(status="done"),
    media=ndjson.NDJSON,
)
def rekey_bulk(call: Call) -> Answer:
    """补登新密钥期 Add the subject's key of a new epoch to one's own cases."""
    bodies = ndjson.split(request, call.runtime.config)
    found = service.rekey_bulk(call.session, config=call.runtime.config, caller=call.caller, bodies=bodies)
    return ndjson.answer(
        {"line": at, "status": "refused" if refusal else "done", "case_id": str(case_id) if case_id else None}
        | ({"problem": ndjson.problem(refusal)} if refusal else {})
        for at, (case_id, refusal) in enumerate(found, 1)
    )


@cases_blp.operation(
    "cases.link_reference",
    "POST",
    "/<uuid:case_id>/references",
    body=schemas.ReferenceIn,
    answer=schemas.CaseOut,
    status=201,
    body_example={"kind": "court_case", "reference": examples.NUMBER},
    example=examples.OUT,
)
def link_reference(call: Call, case_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """关联案号或调解案卷 Link a court case number or a mediation file.

    What the court asserted under the number before arrives at once."""
    reference = lines.reference(body["kind"], body["reference"], body["member_id"])
    case, out = service.link_reference(call.session, caller=call.caller, case_id=case_id, reference=reference)
    return Answer(out, headers={"ETag": etags.tag(case.version)})


@cases_blp.operation(
    "cases.unlink_reference",
    "POST",
    "/<uuid:case_id>/references/removal",
    body=schemas.ReferenceRemovalIn,
    answer=schemas.CaseOut,
    body_example={"kind": "court_case", "reference": examples.NUMBER},
    example=examples.OUT,
)
def unlink_reference(call: Call, case_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """解除错误关联 End a wrong link: what courts assert under the number reaches the case no more."""
    reference = lines.normal(body["kind"], body["reference"], "/reference")
    case, out = service.unlink_reference(
        call.session, caller=call.caller, case_id=case_id, kind=body["kind"], reference=reference
    )
    return Answer(out, headers={"ETag": etags.tag(case.version)})


# --- reading --------------------------------------------------------------------------------------------------------


@cases_blp.operation("cases.list", "GET", "", query=schemas.CasesIn, answer=schemas.CasesOut)
def list_cases(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """本机构案件 One's own cases in the order they were registered."""
    cursor, limit = paging.decode_cursor(query.pop("cursor", None), 1), query.pop("limit")
    after = _uuid(cursor[0]) if cursor else None
    rows = service.list_cases(call.session, caller=call.caller, filters=query, after=after, limit=limit)
    items, following = paging.page(rows, limit, lambda row: [row["case_id"]])
    return {"items": items, "next_cursor": following}


@cases_blp.operation(
    "cases.get", "GET", "/<uuid:case_id>", answer=schemas.CaseOut, example=examples.OUT, statuses=(304,)
)
def get_case(call: Call, case_id: uuid.UUID) -> Answer:
    """案件 One case, with the ETag that its next change needs; 304 where If-None-Match names it."""
    case, out = service.get_case(call.session, case_id)
    tag = etags.tag(case.version)
    if etags.unchanged(request.headers.get("If-None-Match"), case.version):
        return Answer(raw=b"", status=304, headers={"ETag": tag})
    return Answer(out, headers={"ETag": tag})


@cases_blp.operation("cases.history", "GET", "/<uuid:case_id>/events", query=schemas.PageIn, answer=schemas.EventsOut)
def history(call: Call, case_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """状态历史 Everything asserted of the case, in the order it reached the case; superseded events too."""
    cursor = paging.decode_cursor(query.get("cursor"), 2)
    after = (_moment(cursor[0]), _uuid(cursor[1])) if cursor else None
    rows = service.history(call.session, case_id=case_id, after=after, limit=query["limit"])
    items, following = paging.page(rows, query["limit"], lambda row: [row["recorded_at"], row["event_id"]])
    return {"items": items, "next_cursor": following}


@cases_blp.operation("cases.status", "GET", "/<uuid:case_id>/status", query=schemas.StatusIn, answer=schemas.StatusOut)
def status(call: Call, case_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """某时点状态 The case on its five axes, as it was known and in effect at `as_of`; now by default."""
    return service.status_as_of(call.session, case_id=case_id, at=query.get("as_of"))


# --- placement ------------------------------------------------------------------------------------------------------


@cases_blp.operation(
    "cases.place",
    "POST",
    "/<uuid:case_id>/placement",
    body=schemas.PlacementIn,
    answer=schemas.CaseOut,
    body_example={"action": "assign", "agency_id": examples.MEMBER, "mandate_until": "2027-03-31"},
    example=examples.OUT,
    statuses=(412, 428),
)
def place(call: Call, case_id: uuid.UUID, body: dict[str, Any]) -> Answer:
    """委托操作 Assign, accept, decline, return, hold over, recall, or record that the claim was assigned.

    Needs `If-Match` with the ETag of the case. What may be done is listed in `legal` where it is refused."""
    tag = request.headers.get("If-Match")
    if tag is None:
        raise PreconditionRequired
    agency = uuid.UUID(body["agency_id"]) if body["agency_id"] else None
    asked = lines.NewMove(case_id, body["action"], agency, body["mandate_until"], body["reason"], None)
    new_tag, out = service.place(call.session, caller=call.caller, asked=asked, if_match=etags.versions(tag))
    return Answer(out, headers={"ETag": new_tag})


@cases_blp.operation(
    "cases.place_bulk",
    "POST",
    "/placements",
    raw_body=ndjson.NDJSON,
    raw_schema=ndjson.schema(
        {"case_id": examples.CASE_ID, "action": "assign", "agency_id": examples.MEMBER, "version": 1}
    ),
    answer=_lines_out(status="done", version=2),
    media=ndjson.NDJSON,
)
def place_bulk(call: Call) -> Answer:
    """批量委托操作 The same for up to 10,000 cases; `version` in a line does what If-Match does."""
    config = call.runtime.config
    found = service.place_bulk(
        call.session, caller=call.caller, bodies=ndjson.split(request, config), max_depth=config.max_json_depth
    )
    return ndjson.answer(
        {"line": at, "status": "refused" if refusal else "done", "case_id": str(case_id) if case_id else None}
        | ({"problem": ndjson.problem(refusal)} if refusal else {"version": version})
        for at, (case_id, version, refusal) in enumerate(found, 1)
    )


# --- events ---------------------------------------------------------------------------------------------------------


@cases_blp.operation(
    "events.assert",
    "POST",
    "/<uuid:case_id>/events",
    body=schemas.EventIn,
    answer=schemas.EventOut,
    status=201,
    body_example=examples.EVENT | {"court_case_number": examples.NUMBER},
    example=examples.EVENT_OUT,
)
def assert_event(call: Call, case_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """登记状态 Assert a status of the case. What you may assert is listed in `legal` where it is refused."""
    return service.assert_event(call.session, caller=call.caller, case_id=case_id, said=Assertion(**body))


@events_blp.operation(
    "events.correct",
    "POST",
    "/<uuid:event_id>/corrections",
    body=schemas.EventIn,
    answer=schemas.EventOut,
    status=201,
    body_example=examples.EVENT | {"court_case_number": examples.NUMBER},
    example=examples.EVENT_OUT,
)
def correct_event(call: Call, event_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """更正状态 Supersede one's own event by a right one; both stay on record."""
    return service.correct_event(call.session, caller=call.caller, event_id=event_id, said=Assertion(**body))


@events_blp.operation(
    "events.withdraw",
    "POST",
    "/<uuid:event_id>/withdrawal",
    body=schemas.WithdrawalIn,
    answer=schemas.EventOut,
    status=201,
    body_example={"reason": "录入错误"},
    example=examples.EVENT_OUT | {"withdrawn": True, "prevails": False, "basis": "录入错误"},
)
def withdraw_event(call: Call, event_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """撤回状态 Withdraw one's own event; it stays on record, without effect."""
    return service.withdraw_event(call.session, caller=call.caller, event_id=event_id, reason=body["reason"])


@courts_blp.operation(
    "court_events.assert",
    "POST",
    "",
    body=schemas.CourtEventIn,
    answer=schemas.CourtEventOut,
    status=201,
    body_example=examples.EVENT | {"court_case_number": examples.NUMBER},
    example=examples.COURT_OUT,
)
def assert_court_event(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """法院按案号登记 Assert by the court's own case number.

    It reaches every case that carries the number, now or later; the answer never tells how many."""
    return service.assert_court_event(call.session, caller=call.caller, said=Assertion(**body))


@courts_blp.operation("court_events.list", "GET", "", query=schemas.CourtEventsIn, answer=schemas.CourtEventsOut)
def list_court_events(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """本院登记的状态 The court's own events, oldest first; superseded ones too."""
    cursor, limit = paging.decode_cursor(query.get("cursor"), 1), query["limit"]
    after = _uuid(cursor[0]) if cursor else None
    number = query.get("court_case_number")
    rows = service.court_events(call.session, caller=call.caller, number=number, after=after, limit=limit)
    items, following = paging.page(rows, limit, lambda row: [row["court_event_id"]])
    return {"items": items, "next_cursor": following}


@courts_blp.operation(
    "court_events.correct",
    "POST",
    "/<uuid:court_event_id>/corrections",
    body=schemas.CourtEventIn,
    answer=schemas.CourtEventOut,
    status=201,
    body_example=examples.EVENT | {"court_case_number": examples.NUMBER},
    example=examples.COURT_OUT,
)
def correct_court_event(call: Call, court_event_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """更正法院登记 Supersede the court's own event by a right one, under the same case number and axis."""
    return service.correct_court_event(
        call.session, caller=call.caller, event_id=court_event_id, said=Assertion(**body)
    )


@courts_blp.operation(
    "court_events.withdraw",
    "POST",
    "/<uuid:court_event_id>/withdrawal",
    body=schemas.WithdrawalIn,
    answer=schemas.CourtEventOut,
    status=201,
    body_example={"reason": "录入错误"},
    example=examples.COURT_OUT | {"withdrawn": True, "basis": "录入错误"},
)
def withdraw_court_event(call: Call, court_event_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """撤回法院登记 Withdraw the court's own event; it stays on record, without effect."""
    return service.withdraw_court_event(
        call.session, caller=call.caller, event_id=court_event_id, reason=body["reason"]
    )


# --- headers and cursors --------------------------------------------------------------------------------------------


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as fault:
        raise _bad_cursor() from fault


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as fault:
        raise _bad_cursor() from fault
    if found.tzinfo is None:
        raise _bad_cursor()
    return found


def _bad_cursor() -> Invalid:
    return Invalid("bad_cursor", zh="分页游标无效", en="The cursor is not one of ours", pointer="/cursor")
