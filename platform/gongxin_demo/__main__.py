"""`python -m gongxin_demo run|day`."""

import os
import sys
from pathlib import Path

import click

from .runner import play


def _options(command: click.Command) -> click.Command:
    for option in (
        click.option("--cases", default=5000, show_default=True, type=click.IntRange(60, 100_000),
                     help="全省案件数 cases in the province"),
        click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535),
                     help="接口端口 port of the API"),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group()
def main() -> None:
    """共信示例 The demonstration: a small province and its working day. Data under GONGXIN_DATA_DIR (var/)."""


@_options
@main.command()
def run(cases: int, port: int) -> None:
    """演示一个工作日，之后接口保持开放 Plays the day, then keeps serving until Ctrl-C."""
    sys.exit(play(_data_dir(), port, cases, stay=True))


@_options
@main.command()
def day(cases: int, port: int) -> None:
    """演示一个工作日，之后全部停止 Plays the day, then stops everything; 0 where every step is done, else 1."""
    sys.exit(play(_data_dir(), port, cases, stay=False))


def _data_dir() -> Path:
    return Path(os.environ.get("GONGXIN_DATA_DIR", "var")).resolve()


if __name__ == "__main__":
    main()
