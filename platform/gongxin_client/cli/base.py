"""What every command shares: `--profile`, `--json`, errors as messages and exit codes, reading an identifier."""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from .. import profile as profiles
from ..errors import BadInput, ClientError
from ..models import Identifier
from ..profile import Profile
from ..receipts import Evidence
from ..registry import Registry

PARTLY = 1


class Output:
    """Where a command's result goes: text for people, or one JSON object."""

    def __init__(self, profile: Path | None, as_json: bool) -> None:
        self.profile_path, self.as_json = profile, as_json

    def registry(self, *, token_cache: int = 0) -> Registry:
        """The registry of the profile, to be closed by the caller."""
        return Registry(self.profile(), token_cache=token_cache)

    def profile(self) -> Profile:
        return profiles.read(self.profile_path)

    def show(self, value: Mapping[str, Any], lines: Iterable[str]) -> None:
        """`value` with --json, else the lines."""
        if self.as_json:
            click.echo(json.dumps(plain(value), ensure_ascii=False))
        else:
            for line in lines:
                click.echo(line)

    def fail(self, error: ClientError) -> None:
        """An error on stderr; with --json as {"error": {…}} on stdout."""
        if self.as_json:
            click.echo(json.dumps({"error": plain(error.as_dict())}, ensure_ascii=False))
            return
        pointer = getattr(error, "pointer", None)
        where = f" [{pointer}]" if pointer else ""
        click.echo(f"错误 Error: {error.zh} {error.en}{where} ({error.code})", err=True)
        if error.fix_zh or error.fix_en:
            click.echo(f"处理 Fix: {error.fix_zh} {error.fix_en}".rstrip(), err=True)
        legal = getattr(error, "extra", {}).get("legal")
        if isinstance(legal, list):
            click.echo(f"可行操作 Legal: {', '.join(map(str, legal)) or '—'}", err=True)
        if request_id := getattr(error, "request_id", ""):
            click.echo(f"请求编号 Request: {request_id}", err=True)


def command(name: str, **settings: Any) -> Callable[[Callable[..., int | None]], click.Command]:
    """A command with --profile and --json whose function gets an `Output` first and returns an exit code (None: 0)."""

    def decorate(function: Callable[..., int | None]) -> click.Command:
        @functools.wraps(function)
        def run(profile: Path | None, as_json: bool, **given: Any) -> None:
            out = Output(profile, as_json)
            try:
                code = function(out, **given)
            except ClientError as error:
                out.fail(error)
                code = error.exit_code
            if code:
                raise click.exceptions.Exit(code)

        wrapped: Any = click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 Print JSON.")(run)
        wrapped = click.option(
            "--profile", type=click.Path(path_type=Path), help="会员配置文件 The profile (gongxin-member.toml)."
        )(wrapped)
        make: Any = click.command
        made: click.Command = make(name, **settings)(wrapped)
        return made

    return decorate


def plain(value: Any) -> Any:
    """A value as JSON can carry it; evidence is left out, it is saved by --save."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.name not in {"evidence", "more"}}
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


KIND = click.option(
    "--kind", type=click.Choice(["cn_id", "uscc", "passport"]), default="cn_id", show_default=True,
    help="证件类型 Kind of identifier.",
)  # fmt: skip
ID_FILE = click.option(
    "--id-file", type=click.File("r", encoding="utf-8-sig"),
    help="证件号码所在文件，- 为标准输入；省略则提示输入。绝不写在命令行上。"
    " File with the identifier, - for stdin; else it is prompted for. Never an argument.",
)  # fmt: skip
DAY = click.DateTime(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"])


def read_identifier(kind: str, file: Any) -> Identifier:
    """From the file, a hidden prompt, or stdin where there is no terminal. Raises BadInput."""
    if file is None and sys.stdin.isatty():
        text = click.prompt("证件号码 Identifier", hide_input=True, err=True)
    else:
        try:
            text = (file or sys.stdin).readline(1000)
        except UnicodeDecodeError as fault:
            raise BadInput("bad_encoding", "证件号码文件不是 UTF-8", "The identifier's file is not UTF-8") from fault
    return Identifier(kind, text.strip())


def save(evidence: Evidence, path: Path | None) -> None:
    """Keeps what proves an answer, where asked to. Raises BadInput where the file cannot be written."""
    if path is None:
        return
    try:
        evidence.save(path)
    except OSError as fault:
        raise BadInput("not_saved", f"无法写入 {path}", f"{path} cannot be written") from fault
