"""`gongxin policy`: what each kind of member may be told, as versions that never change."""

from datetime import datetime
from typing import Any, TextIO

import click
import orjson

from gongxin import clock
from gongxin.disclosure import queries, receipts, service
from gongxin.errors import Malformed

from .common import Group, Moment, json_option, opened, tell


@click.group(cls=Group)
def policy() -> None:
    """披露规则 The disclosure policy."""


@policy.command()
@json_option
def show() -> None:
    """现行版本 The version in force."""
    with opened() as (session, _):
        found = queries.policy_in_force(session, clock.now())
        _tell(found.version, found.effective_from, found.rows)


@policy.command()
@json_option
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--from", "effective_from", required=True, type=Moment(), help="生效时间 when it takes effect")
def publish(file: TextIO, effective_from: datetime) -> None:
    """发布新版本 Publishes FILE, a JSON array of {asker, relation, purpose, fields}, as the next version."""
    try:
        rows = orjson.loads(file.read())
    except ValueError:
        rows = None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Malformed(
            "bad_policy_file",
            zh="文件应为 JSON 对象数组",
            en="The file must be a JSON array of objects",
            fix_zh="以 gongxin policy show --json 的 rows 为底稿修改。",
            fix_en="Begin from the rows of `gongxin policy show --json`.",
        )
    with opened() as (session, _):
        found = service.publish_policy(session, effective_from=effective_from, rows=rows)
        _tell(found.version, found.effective_from, found.rows)


def _tell(version: int, effective_from: datetime, rows: list[dict[str, Any]]) -> None:
    tell(
        {"version": version, "effective_from": receipts.moment(effective_from), "rows": rows},
        f"第 {version} 版，自 {receipts.moment(effective_from)} 起 Version {version}",
        *(f"  {r['asker']} · {r['relation']} · {r['purpose']}: {', '.join(r['fields'])}" for r in rows),
    )
