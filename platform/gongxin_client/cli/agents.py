"""agents …: the roll, expiries, checks, applications, training and results, watches; lists in and out as CSV."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from ..errors import BadInput, ClientError
from ..importing.listing import Listing
from ..importing.sheet import examine, rows
from ..models import Identifier
from ..photos import fingerprint
from ..registry import Registry
from .base import PARTLY, Output, command

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
OUTPUT = click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
PORTION = 1000
_ROLL = ("agent_id", "licence", "state", "may_work", "valid_from", "valid_until", "expires_within_days", "version")
_RECORDS = (
    "agent_id", "licence", "as_of", "grade", "points", "record_id", "kind", "severity", "certainty", "occurred_on",
    "basis", "contested", "superseded", "withdrawn",
)  # fmt: skip
_HOURS = ("agent_id", "course", "hours", "completed_on")
_RESULTS = ("agent_id", "level", "sat_on", "score", "examiner_id", "examiner_ref")
_WHOLE = {"hours", "score"}


@click.group("agents")
def agents() -> None:
    """催收员 Agents: the roll, checks, applications, training, watches. CSV in UTF-8 or GB18030; lists with BOM."""


@command("list")
@OUTPUT
@click.option("--state", help="状态 Only this state.")
def listed(out: Output, output: Path, state: str | None) -> None:
    """名册 The roll as CSV."""
    with out.registry() as registry:
        count = _write(output, _ROLL, registry.agents(state=state))
    out.show({"agents": count}, [f"{count} → {output}"])


@command("expiries")
@click.argument("days", type=click.Choice(["60", "30", "7"]))
@OUTPUT
def expiries(out: Output, days: str, output: Path) -> None:
    """将到期 Licences that end within 60, 30 or 7 days, as CSV."""
    with out.registry() as registry:
        count = _write(output, _ROLL, registry.agents(expiring_days=int(days)))
    out.show({"agents": count}, [f"{count} → {output}"])


@command("records")
@OUTPUT
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="截至该日 As of the end of this day.")
def records(out: Output, output: Path, as_of: datetime | None) -> None:
    """信用档案 The credit records of the roll as CSV: a row for each entry, one without entry where there is none."""
    people = 0
    with out.registry() as registry, Listing(output, _RECORDS) as listing:
        for agent in registry.agents():
            found = registry.agent_record(agent["agent_id"], as_of=as_of.date() if as_of else None)
            people += 1
            for entry in found["entries"] or [{}]:
                told = agent | found | entry
                listing.row(*("" if told.get(name) is None else told[name] for name in _RECORDS))
    out.show({"agents": people}, [f"{people} → {output}"])


@command("check")
@FILE
@OUTPUT
@click.option("--purpose", type=click.Choice(["placement", "hiring", "supervision"]), required=True,
              help="用途 Purpose.")  # fmt: skip
def check(out: Output, file: Path, output: Path, purpose: str) -> int:
    """核验 Check a CSV of people; columns licence, or id_kind and id_number; consent before hiring."""
    found = unknown = 0
    names = ("row", "found", "may_work", "state", "valid_until", "grade", "contested", "blacklist", "check_id")
    with out.registry() as registry, Listing(output, names) as listing:
        for portion in _portions(_records(file)):
            whom = [_person(number, row) for number, row in portion]
            consents = [row.get("consent", "") for _, row in portion] if purpose == "hiring" else None
            answers = registry.check_agents(whom, purpose=purpose, consents=consents)
            for (number, _), answer in zip(portion, answers, strict=True):
                licence, record = answer.told.get("licence") or {}, answer.told.get("record") or {}
                found, unknown = found + answer.found, unknown + (not answer.found)
                listing.row(
                    number, answer.found, answer.may_work, licence.get("state", ""), licence.get("valid_until", ""),
                    record.get("grade", ""), record.get("contested", ""), answer.blacklist or "",
                    answer.evidence.reply["lookup_id"],
                )  # fmt: skip
    out.show({"found": found, "unknown": unknown}, [f"有执照 Found: {found}；未找到 not found: {unknown} → {output}"])
    return PARTLY if unknown else 0


@command("apply")
@FILE
@OUTPUT
def apply(out: Output, file: Path, output: Path) -> int:
    """申请 Apply for the people of a CSV: id_kind, id_number, name, education, photo, adult_as_of, declared_on.

    photo 为照片文件，相对于 CSV 所在目录；只发送指纹。 photo is a file beside the CSV; only its fingerprint is sent.
    """

    def one(registry: Registry, row: dict[str, str]) -> str:
        made = registry.apply_for_agent(
            _identifier(row), name=row["name"], education=row["education"],
            photo_sha256=fingerprint(file.parent / row["photo"]), adult_as_of=_day(row, "adult_as_of"),
            declared_on=_day(row, "declared_on"),
        )  # fmt: skip
        return str(made["licence"])

    return _each(out, file, output, one)


@command("watch")
@FILE
@OUTPUT
def watch(out: Output, file: Path, output: Path) -> int:
    """关注 Watch the people of a CSV: check_id, licence, ends_on."""

    def one(registry: Registry, row: dict[str, str]) -> str:
        made = registry.watch_agent(row["check_id"], row["licence"], ends_on=_day(row, "ends_on"))
        return str(made["watch_id"])

    return _each(out, file, output, one)


@command("training")
@FILE
@OUTPUT
def training(out: Output, file: Path, output: Path) -> int:
    """（协会）登记学时 For the association: hours of a CSV (agent_id, course, hours, completed_on)."""
    return _upload(out, file, output, "/v1/agents/training", _HOURS)


@command("results")
@FILE
@OUTPUT
def results(out: Output, file: Path, output: Path) -> int:
    """（协会）登记成绩 For the association: results (agent_id, level, sat_on, score, examiner_id, examiner_ref)."""
    return _upload(out, file, output, "/v1/agents/examinations", _RESULTS)


def _upload(out: Output, file: Path, output: Path, path: str, names: Sequence[str]) -> int:
    """Each row of the file as a line, each with its own outcome."""
    done = refused = 0
    with out.registry() as registry, Listing(output, ("row", "status", "code", "title", "fix")) as listing:
        for portion in _portions(_records(file, names)):
            lines = [{name: _value(name, row[name]) for name in names} for _, row in portion]
            told = registry.agent_lines(path, lines)
            for (number, _), line in zip(portion, told, strict=True):
                problem = line.get("problem") or {}
                done, refused = done + (not problem), refused + bool(problem)
                listing.row(number, line["status"], problem.get("code", ""), problem.get("title", ""),
                            problem.get("fix", ""))  # fmt: skip
    out.show({"done": done, "refused": refused}, [f"已登记 Done: {done}；被拒 refused: {refused} → {output}"])
    return PARTLY if refused else 0


def _each(out: Output, file: Path, output: Path, one: Callable[[Registry, dict[str, str]], str]) -> int:
    """One call a row; what is refused leaves the others."""
    done = refused = 0
    with out.registry() as registry, Listing(output, ("row", "status", "made", "code", "title", "fix")) as listing:
        for number, row in _records(file):
            try:
                listing.row(number, "done", one(registry, row), "", "", "")
                done += 1
            except KeyError as fault:
                raise BadInput("column_missing", f"缺少列 {fault.args[0]}", f"No column {fault.args[0]}") from fault
            except ClientError as error:
                listing.row(number, "refused", "", error.code, error.zh, error.fix_zh)
                refused += 1
    out.show({"done": done, "refused": refused}, [f"完成 Done: {done}；被拒 refused: {refused} → {output}"])
    return PARTLY if refused else 0


def _write(output: Path, names: tuple[str, ...], found: Iterator[dict[str, Any]]) -> int:
    count = 0
    with Listing(output, names) as listing:
        for each in found:
            listing.row(*("" if each[name] is None else each[name] for name in names))
            count += 1
    return count


def _records(file: Path, needed: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """(row number, cells by column). Raises BadInput for a file without a needed column."""
    sheet = examine(file)
    header = [name.strip().lower() for name in sheet.header]
    if missing := [name for name in needed if name not in header]:
        raise BadInput("column_missing", f"缺少列 {'、'.join(missing)}", f"No column {', '.join(missing)}")
    for number, cells in rows(sheet):
        yield number, dict(zip(header, (cell.strip() for cell in cells), strict=False))


def _portions(records: Iterator[tuple[int, dict[str, str]]]) -> Iterator[list[tuple[int, dict[str, str]]]]:
    portion: list[tuple[int, dict[str, str]]] = []
    for each in records:
        portion.append(each)
        if len(portion) == PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _person(number: int, row: dict[str, str]) -> str | Identifier:
    if row.get("licence"):
        return row["licence"]
    if not row.get("id_number"):
        raise BadInput("nobody_named", f"第 {number} 行没有执照号或证件号码", f"Row {number} names nobody")
    return _identifier(row)


def _identifier(row: dict[str, str]) -> Identifier:
    return Identifier(row.get("id_kind") or "cn_id", row["id_number"])


def _day(row: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(row[name])
    except ValueError as fault:
        raise BadInput("bad_day", f"{name} 应为 YYYY-MM-DD", f"{name} is YYYY-MM-DD") from fault


def _value(name: str, cell: str) -> str | int:
    return int(cell) if name in _WHOLE and cell.isascii() and cell.isdigit() else cell


for each in (listed, expiries, records, check, apply, watch, training, results):
    agents.add_command(each)
COMMANDS = (agents,)
