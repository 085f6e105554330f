"""The quarter disclosed over HTTP: published by the association, read by anyone without a token, with its proof."""

import uuid
from typing import Any

from gongxin import clock
from gongxin.transparency.service import moment
from gongxin.web import paging
from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS

from ..ledger.rules import Actor, officer_key
from . import examples, queries, schemas, service

blp = Blueprint("fund_reports", url_prefix="/v1/fund/reports", description="互助基金季度披露 The fund's quarters, told")
BLUEPRINTS = (blp,)

_AGAIN = ("report_meanwhile", "该季度刚被披露", "The quarter was disclosed meanwhile")
_DAY_LONG = {"Cache-Control": "public, max-age=86400, immutable"}
CONSTRAINTS.update({"fund_reports_version": _AGAIN, "uq_fund_reports_year_quarter_version": _AGAIN})


@blp.operation(
    "reports.publish",
    "POST",
    "",
    body=schemas.DisclosureIn,
    answer=schemas.QuarterReportOut,
    status=201,
    body_example={"officer": "LIN01", "year": 2026, "quarter": 3},
    example=examples.REPORT,
)
def publish(call: Call, body: dict[str, Any]) -> Answer:
    """季度披露 Disclose a quarter that is over. The same figures are disclosed once; others are a new version."""
    actor = Actor(call.member_id, officer_key(body["officer"]), call.caller.client_id)
    made = service.publish(
        call.session, year=body["year"], quarter=body["quarter"], today=clock.today_in_china(), actor=actor
    )
    return Answer(service.shown(call.session, made), 201, {"Location": f"/v1/fund/reports/{made.id}"})


@blp.operation(
    "reports.preview", "GET", "/figures", query=schemas.QuarterQuery, answer=schemas.FiguresOut, statuses=(409,),
    example=examples.FIGURES,
)  # fmt: skip
def preview(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """披露前的数字 A quarter's figures as they would be disclosed now."""
    return service.figures(call.session, **query, today=clock.today_in_china())


@blp.operation(
    "reports.list",
    "GET",
    "",
    query=schemas.ReportsQuery,
    answer=schemas.ListedReportsOut,
    example={"items": [examples.LISTED], "next_cursor": None},
)
def list_reports(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    """历次披露 All that was disclosed, the newest first; of a quarter the highest version is what holds."""
    rows = queries.reports(call.session, after=paging.decode_id(query.get("cursor")), limit=query["limit"])
    kept, following = paging.page(rows, query["limit"], lambda each: [str(each.id)])
    return {"items": [schemas.listed_out(each, moment) for each in kept], "next_cursor": following}


@blp.operation("reports.get", "GET", "/<uuid:report_id>", answer=schemas.QuarterReportOut, example=examples.REPORT)
def get_report(call: Call, report_id: uuid.UUID) -> Answer:
    """一份披露 Figures, their digest, the leaf that holds it and where its proof is."""
    return Answer(service.shown(call.session, queries.get_report(call.session, report_id)), headers=_DAY_LONG)


@blp.operation(
    "reports.csv", "GET", "/<uuid:report_id>/csv", answer={"type": "string"}, media="text/csv", example=examples.CSV
)
def as_csv(call: Call, report_id: uuid.UUID) -> Answer:
    """披露（CSV） The same figures, a row each; empty where they are not told."""
    report = service.shown(call.session, queries.get_report(call.session, report_id))
    return Answer(raw=service.as_csv(report).encode("utf-8-sig"), mimetype="text/csv", headers=_DAY_LONG)


@blp.operation(
    "reports.pdf",
    "GET",
    "/<uuid:report_id>/pdf",
    query=schemas.LanguageQuery,
    answer={"type": "string", "format": "binary"},
    media="application/pdf",
)
def as_pdf(call: Call, report_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """披露（PDF） The same figures to print, in Chinese or English; asked again it is the same octets."""
    found = queries.get_report(call.session, report_id)
    report = service.shown(call.session, found)
    printed = service.as_pdf(report, language=query["language"], made_at=found.published_at)
    return Answer(raw=printed, mimetype="application/pdf", headers=_DAY_LONG)
