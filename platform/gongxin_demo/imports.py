"""The banks import their exports, with the SDK's importer as their engineers would run it."""

from gongxin_client import Identifier
from gongxin_client.importing import import_cases, read_mapping
from gongxin_wire.identifiers import synthetic_cn_id

from . import province
from .day import Day
from .screen import expect

NOBODY = synthetic_cn_id(3 * 10**8)


def import_export(day: Day, slug: str) -> None:
    """One bank's file: every sound line becomes a case, every faulty one is told with its reason and the rest go on."""
    export = next(found for found in day.town.exports if found.layout.bank == slug)
    path = day.town.files[slug]
    with day.screen.step(day.name(slug), f"导入 {path.name}", "imports its export") as says:
        mapping = read_mapping(export.mapping_path(path)) if export.layout.mapped else None
        report = import_cases(day.software[slug], path, mapping=mapping)
        says(
            f"{report.rows:,} 行（{report.encoding}）：新登记 {report.created:,}，已登记 {report.exists:,}，"
            f"退回 {report.refused}",
            f"{report.rows:,} rows: {report.created:,} new, {report.exists:,} there already, {report.refused} refused",
        )
        lines = (report.refused_file or path).read_text("utf-8-sig").splitlines()[1:] if report.refused else []
        said = [_reason(line) for line in lines]
        says.some([f"第 {row} 行 row {row}: {reason}" for row, reason in said])
        faulty = [line for line, _ in export.faulty]
        expect([row for row, _ in said] == faulty, f"应退回第 {faulty} 行", "other lines were to be refused")
        expect(
            report.created + report.exists == len(export.rows) - len(faulty),
            "登记数不符", "the number of cases is not right",
        )  # fmt: skip


def _reason(line: str) -> tuple[int, str]:
    """(row, reason) of one line of the report; its columns are row, code, field, 原因, reason."""
    row, code, _field, zh, *_ = line.split(",")
    return int(row), f"{zh} {code}"


def identifier(row: province.Row) -> Identifier:
    return Identifier("cn_id", row.id_number)


def nobody() -> Identifier:
    """A number that stands in no file."""
    return Identifier("cn_id", NOBODY)
