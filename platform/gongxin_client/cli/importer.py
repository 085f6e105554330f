"""import: a core-banking export becomes registered cases."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..importing import Report, import_cases, read_mapping
from ..importing.run import CHUNK_ROWS, MAX_CHUNK_ROWS
from .base import PARTLY, Output, command, plain


@command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", type=click.Path(exists=True, dir_okay=False), help="列映射文件（TOML） Mapping file (TOML).")
@click.option(
    "--encoding", type=click.Choice(["utf-8", "gb18030"]), help="编码，省略则严格识别 Encoding; else detected."
)
@click.option("--dry-run", is_flag=True, help="只校验，不发送 Check only; nothing is sent.")
@click.option("--refused", type=click.Path(path_type=Path), help="被拒行清单 Where refused rows are listed.")
@click.option("--registered", type=click.Path(path_type=Path), help="登记编号清单 Where case ids are listed.")
@click.option(
    "--chunk",
    type=click.IntRange(1, MAX_CHUNK_ROWS),
    default=CHUNK_ROWS,
    show_default=True,
    help="每批行数 Rows a request.",
)
@click.option("--fresh", is_flag=True, help="忽略旧的导入日志 Put an older journal aside.")
def import_command(
    out: Output, file: Path, mapping: str | None, encoding: str | None, dry_run: bool, refused: Path | None,
    registered: Path | None, chunk: int, fresh: bool,
) -> int:  # fmt: skip
    """批量登记 CSV 中的案件 Register the cases of a CSV file.

    中断后重新执行即可续传。 After a kill, run it again: it goes on where it was.
    """
    columns = read_mapping(mapping) if mapping else None
    with contextlib.ExitStack() as stack:
        registry = None if dry_run else stack.enter_context(out.registry())
        progress = stack.enter_context(_bar(out))
        report = import_cases(
            registry, file, mapping=columns, encoding=encoding, refused_file=refused, cases_file=registered,
            chunk_rows=chunk, fresh=fresh, progress=progress,
        )  # fmt: skip
    out.show(plain(report), _lines(report))
    return PARTLY if report.refused else 0


@command("rekey")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", type=click.Path(exists=True, dir_okay=False), help="列映射文件（TOML） Mapping file (TOML).")
@click.option(
    "--encoding", type=click.Choice(["utf-8", "gb18030"]), help="编码，省略则严格识别 Encoding; else detected."
)
@click.option("--fresh", is_flag=True, help="忽略旧的日志 Put an older journal aside.")
def rekey(out: Output, file: Path, mapping: str | None, encoding: str | None, fresh: bool) -> int:
    """密钥轮换期间为 CSV 中的案件补登新密钥期 While keys rotate: add the new epoch to the cases of a CSV file.

    尚未登记的案件一并登记。 Cases that are not registered yet are.
    """
    columns = read_mapping(mapping) if mapping else None
    with out.registry(token_cache=4 * MAX_CHUNK_ROWS) as registry, _bar(out) as progress:
        report = import_cases(
            registry, file, mapping=columns, encoding=encoding, fresh=fresh, rekey=True, progress=progress
        )
    out.show(plain(report), _lines(report))
    return PARTLY if report.refused else 0


def _lines(report: Report) -> list[str]:
    head = f"编码 Encoding: {report.encoding}；行 Rows: {report.rows}" + ("；续传 resumed" if report.resumed else "")
    refused = f"被拒 Refused: {report.refused}" + (f" → {report.refused_file}" if report.refused else "")
    if report.dry_run:
        return [
            head,
            f"可登记 Acceptable: {report.rows - report.refused}",
            refused,
            "未发送任何内容。 Nothing was sent.",
        ]
    return [
        head, f"新登记 Created: {report.created}", f"已存在 Exists: {report.exists}", refused,
        f"登记编号 Case ids → {report.cases_file}",
    ]  # fmt: skip


@contextlib.contextmanager
def _bar(out: Output) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if out.as_json or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("导入 Import", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


COMMANDS = (import_command, rekey)
