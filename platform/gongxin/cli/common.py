"""What every command shares: a transaction, an answer as text or JSON, an error with its fix, exit codes.

| exit | meaning |
|---|---|
| 0 | done |
| 1 | the registry cannot work now: configuration, database |
| 2 | refused: what was asked, or how it was asked; nothing changed |
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import click
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.app import database_urls
from gongxin.clock import SHANGHAI
from gongxin.config import Config, load
from gongxin.db import make_engine, transaction
from gongxin.errors import ConfigError, GongxinError, Unavailable
from gongxin.members import queries as members
from gongxin.members.models import Member
from gongxin.web import problems

UNABLE, REFUSED = 1, 2
_JSON = "gongxin.json"


class Group(click.Group):
    """A group whose commands may raise the registry's errors; they are printed with their fix, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GongxinError as error:
            fail(ctx, error)
        except DBAPIError as error:
            known = problems.translate(error)
            if known is None:
                raise
            fail(ctx, known)
        except ConfigError as error:
            click.echo(str(error), err=True)
            ctx.exit(UNABLE)


def read_old_key(path: Path) -> bytes:
    """The master key that a file holds, base64url."""
    try:
        return load({"GONGXIN_MASTER_KEY": path.read_text(encoding="ascii").strip()}).master_key
    except UnicodeDecodeError as fault:
        raise click.BadParameter("应为 base64url 文本 Must be base64url", param_hint="--old-key-file") from fault


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`: the answer on stdout, an error on stderr, each one JSON object or array."""

    def keep(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
        ctx.meta[_JSON] = wanted

    option = click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=keep, help="以 JSON 输出 Print JSON"
    )
    return option(command)


@contextmanager
def opened() -> Iterator[tuple[Session, Config]]:
    """One transaction for the registry itself: it commits where the command ends well."""
    config = load()
    engine = make_engine(database_urls(config)[0], pool_size=1)
    try:
        with transaction(engine) as session:
            yield session, config
    finally:
        engine.dispose()


def tell(body: Any, *lines: str) -> None:
    """The answer: `body` where JSON is wanted, else the lines."""
    if click.get_current_context().meta.get(_JSON):
        click.echo(json.dumps(body, ensure_ascii=False, default=_plain))
    else:
        for line in lines:
            click.echo(line)


def fail(ctx: click.Context, error: GongxinError) -> NoReturn:
    """Prints the error and what to do about it, and ends."""
    if ctx.meta.get(_JSON):
        body = {
            "code": error.code,
            "title": error.zh,
            "title_en": error.en,
            "fix": error.fix_zh,
            "fix_en": error.fix_en,
        }
        if error.pointer:
            body["pointer"] = error.pointer
        click.echo(json.dumps(body | error.extra, ensure_ascii=False, default=_plain), err=True)
    else:
        where = f"  [{error.pointer}]" if error.pointer else ""
        click.echo(f"✗ {error.zh} {error.en} ({error.code}){where}", err=True)
        click.echo(f"→ {error.fix_zh} {error.fix_en}", err=True)
        for name, value in error.extra.items():
            click.echo(f"  {name}: {', '.join(value) if isinstance(value, list | tuple) else value}", err=True)
    ctx.exit(UNABLE if isinstance(error, Unavailable) else REFUSED)


def member_named(session: Session, name: str) -> Member:
    """A member by its identifier or its 统一社会信用代码. Raises NotFound."""
    try:
        member_id = UUID(name)
    except ValueError:
        return members.get_member_by_uscc(session, name)
    return members.get_member(session, member_id)


class Moment(click.ParamType[datetime]):
    """A day (its beginning in China) or an RFC 3339 instant."""

    name = "DATE|RFC3339"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if len(value) == 10:
                day = date.fromisoformat(value)
                return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self.fail(
                "应为 2026-01-31 或 2026-01-31T09:00:00+08:00 Give a day or an instant with its offset", param, ctx
            )
        return found


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
