"""The banks import their exports: one at its command line, the others from programs of their own."""

import json
import subprocess
import sys
from pathlib import Path

from gongxin_client import Identifier
from gongxin_client.importing import Report, import_cases, read_mapping
from gongxin_wire.identifiers import synthetic_cn_id

from . import province
from .day import Day
from .screen import expect

NOBODY = synthetic_cn_id(3 * 10**8)


def import_export(day: Day, slug: str, *, typed: bool = False) -> None:
    """One bank's file: every sound line becomes a case, every faulty one is told with its reason and the rest go on."""
    export = next(found for found in day.town.exports if found.layout.bank == slug)
    path = day.town.files[slug]
    with day.screen.step(day.name(slug), f"导入 {path.name}", "imports its export") as says:
        if typed:
            says(f"$ gongxin-member import {path.name}")
            report = _type_import(day, slug, path)
        else:
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


def _type_import(day: Day, slug: str, path: Path) -> Report:
    """At the command line, in a process of its own; exit code 1 tells that lines were refused."""
    arguments = ["import", str(path), "--profile", str(day.town.members[slug].profile), "--json"]
    done = subprocess.run([sys.executable, "-m", "gongxin_client", *arguments], capture_output=True, check=False)
    expect(done.returncode in {0, 1}, done.stdout.decode() + done.stderr.decode(), "the command failed")
    told = json.loads(done.stdout)
    files = {name: Path(told[name]) if told[name] else None for name in ("refused_file", "cases_file")}
    return Report(**told | files)


def _reason(line: str) -> tuple[int, str]:
    """(row, reason) of one line of the report; its columns are row, code, field, 原因, reason."""
    row, code, _field, zh, *_ = line.split(",")
    return int(row), f"{zh} {code}"


def identifier(row: province.Row) -> Identifier:
    return Identifier("cn_id", row.id_number)


def nobody() -> Identifier:
    """A number that stands in no file."""
    return Identifier("cn_id", NOBODY)
