"""`gongxin epochs`: the life of the keys under which subjects are known."""

from collections.abc import Iterable

import click

from gongxin.subjects import queries, rules, service
from gongxin.subjects.rules import Epoch
from gongxin_wire.canonical import b64u

from .common import Group, json_option, opened, tell

_WORDS = {"next": "预备", "live": "现用", "retiring": "退役中", "retired": "已停用"}
_DATA_SET = click.argument("data_set", type=click.Choice(rules.DATA_SETS))


@click.group(cls=Group)
def epochs() -> None:
    """密钥期 Key epochs of the blind tokens; how to rotate: docs/operators.md."""


@epochs.command("list")
@json_option
def list_() -> None:
    """列出开放的密钥期 Lists the open epochs."""
    with opened() as (session, _):
        _tell(queries.epochs(session))


@epochs.command()
@json_option
@_DATA_SET
def rotate(data_set: str) -> None:
    """轮换：预备转现用，现用转退役中 The next epoch becomes live, the live one begins to retire."""
    with opened() as (session, config):
        found = service.rotate(session, config, data_set)
    _tell(found)


@epochs.command()
@json_option
@_DATA_SET
@click.argument("epoch", type=click.IntRange(1, 32767))
def retire(data_set: str, epoch: int) -> None:
    """停用退役中的密钥期 Closes a retiring epoch; refused while open cases are known by it alone."""
    with opened() as (session, config):
        found = service.retire(session, config, data_set, epoch)
    _tell(found)


def _tell(found: Iterable[Epoch]) -> None:
    rows = [
        {"data_set": e.data_set, "epoch": e.epoch, "state": e.state, "public_key": b64u(e.public_key)} for e in found
    ]
    tell(
        rows,
        *(f"{r['data_set']}  {r['epoch']}  {_WORDS[str(r['state'])]} {r['state']}  {r['public_key']}" for r in rows),
    )
