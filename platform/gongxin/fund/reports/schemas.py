"""What goes over the wire of a quarter disclosed. Amounts in fen; null: not told, for the number is small."""

from typing import Any

from marshmallow import Schema, fields, validate

from ..fields import CURSOR, OFFICER, RFC3339, choice, fen, pattern
from ..ledger.rules import MAX_FEN
from .models import Report

_QUARTER = "^20[0-9]{2}Q[1-4]$"
_SIGNED = validate.Range(-MAX_FEN, MAX_FEN)


class QuarterIn(Schema):
    year = fields.Integer(strict=True, required=True, validate=validate.Range(2000, 2999))
    quarter = fields.Integer(strict=True, required=True, validate=validate.Range(1, 4))


class QuarterQuery(Schema):
    year = fields.Integer(required=True, validate=validate.Range(2000, 2999))
    quarter = fields.Integer(required=True, validate=validate.Range(1, 4))


class DisclosureIn(QuarterIn):
    officer = fields.String(**OFFICER)


class ReportsQuery(Schema):
    cursor = fields.String(validate=CURSOR)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class LanguageQuery(Schema):
    language = choice(("zh", "en"), load_default="zh")


class ByFundOut(Schema):
    RELIEF = fields.Integer(required=True, validate=_SIGNED)
    STAFF = fields.Integer(required=True, validate=_SIGNED)
    ADMIN = fields.Integer(required=True, validate=_SIGNED)


class MovedAccountOut(Schema):
    code = fields.String(required=True)
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True)
    type = choice(("income", "expense"), required=True)
    fund = fields.String(required=True)
    amount_fen = fields.Integer(required=True, validate=_SIGNED)


class ToldCellOut(Schema):
    count = fields.Integer(required=True, allow_none=True)
    amount_fen = fen(0, required=True, allow_none=True)


class CellOut(ToldCellOut):
    cause = fields.String(required=True)
    region = fields.String(required=True)


class CauseOut(ToldCellOut):
    cause = fields.String(required=True)


class RegionOut(ToldCellOut):
    region = fields.String(required=True)


class ReliefOut(Schema):
    cells = fields.List(fields.Nested(CellOut), required=True)
    by_cause = fields.List(fields.Nested(CauseOut), required=True)
    by_region = fields.List(fields.Nested(RegionOut), required=True)
    total = fields.Nested(ToldCellOut, required=True)
    least = fields.Integer(required=True)


class FiguresOut(Schema):
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    income_fen = fields.Nested(ByFundOut, required=True)
    spent_fen = fields.Nested(ByFundOut, required=True)
    accounts = fields.List(fields.Nested(MovedAccountOut), required=True)
    reserves_fen = fields.Nested(ByFundOut, required=True)
    admin_share_bp = fields.Integer(required=True, allow_none=True)
    relief_share_bp = fields.Integer(required=True, allow_none=True)
    relief = fields.Nested(ReliefOut, required=True)
    quarter = pattern(_QUARTER, 6, required=True)
    v = fields.Integer(required=True)


class OpenedLeafOut(Schema):
    leaf_id = fields.UUID(required=True)
    record = fields.String(required=True)
    salt = fields.String(required=True)


class ListedReportOut(Schema):
    report_id = fields.UUID(required=True)
    quarter = pattern(_QUARTER, 6, required=True)
    version = fields.Integer(required=True)
    published_at = fields.String(required=True, metadata=RFC3339)
    content = pattern("^[0-9a-f]{64}$", 64, required=True)


class QuarterReportOut(ListedReportOut):
    figures = fields.Nested(FiguresOut, required=True)
    leaf = fields.Nested(OpenedLeafOut, required=True)
    proof = fields.String(required=True)


class ListedReportsOut(Schema):
    items = fields.List(fields.Nested(ListedReportOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def listed_out(report: Report, moment: Any) -> dict[str, Any]:
    return {
        "report_id": str(report.id),
        "quarter": f"{report.year}Q{report.quarter}",
        "version": report.version,
        "published_at": moment(report.published_at),
        "content": report.content.hex(),
    }
