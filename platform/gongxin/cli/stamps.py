"""`gongxin log stamp`: a time stamp of the log now, besides the daily one."""

import click

from gongxin.app import database_urls
from gongxin.config import load
from gongxin.db import make_engine
from gongxin.transparency import stamps

from .common import json_option, tell


@click.command()
@json_option
@click.option(
    "--witnessed", is_flag=True, help="盖在最新的已见证检查点上 Of the newest checkpoint with a quorum of witnesses"
)
def stamp(witnessed: bool) -> None:
    """立即取得时间戳 Asks the configured authority for a stamp of the newest checkpoint, checks and keeps it."""
    config = load()
    engine = make_engine(database_urls(config)[0], pool_size=1)
    try:
        found = stamps.stamp(engine, config, witnessed=witnessed)
    finally:
        engine.dispose()
    tell(
        {"number": found.number, "size": found.size, "time": found.stamped_at, "authority": found.authority,
         "policy": found.policy, "serial": found.serial},
        f"第 {found.number} 枚，检查点 {found.size}：{found.stamped_at.isoformat()}  {found.authority}",
    )  # fmt: skip
