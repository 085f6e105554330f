"""`gongxin log`: the transparency log. `verify` ends with exit code 3 where stored and signed differ."""

import os
import uuid
from contextlib import suppress
from pathlib import Path

import click

from gongxin import clock
from gongxin.app import database_urls
from gongxin.config import load
from gongxin.db import make_engine
from gongxin.errors import NotFound
from gongxin.transparency import erasing, keys, queries, rules, service
from gongxin.transparency.verify import Difference, State
from gongxin.transparency.verify import verify as rebuild
from gongxin_wire.canonical import b64u

from .common import Group, json_option, opened, tell

DIFFERS = 3


@click.group(cls=Group)
def log() -> None:
    """透明日志 The transparency log."""


@log.command()
@json_option
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="进度文件，中断后续作 Keeps what was verified here and goes on from it",
)
@click.pass_context
def verify(ctx: click.Context, state: Path | None) -> None:
    """由叶重建整棵树，逐一核对瓦片、揭示与每个检查点 Rebuilds the tree; names the first difference."""
    config = load()
    engine = make_engine(database_urls(config)[0], pool_size=1)
    found = _taken_up(state)
    resumed, started = found.edge.size, clock.monotonic()
    difference = None

    def keep(now: State) -> None:
        if state is not None:
            _write(state, now.dump())

    try:
        rebuild(engine, found, keep)
    except Difference as fault:
        difference = str(fault)
    finally:
        engine.dispose()
    seconds = clock.monotonic() - started
    body = {
        "size": found.edge.size,
        "root": b64u(found.edge.root()),
        "resumed_from": resumed,
        "checkpoints": found.checkpoints,
        "opened": found.opened,
        "erased": found.erased,
        "difference": difference,
        "seconds": float(f"{seconds:.1f}"),
    }
    lines = [
        f"{found.edge.size:,} 叶 leaves, {found.checkpoints:,} 检查点 checkpoints, {seconds:.1f} s",
        f"{found.opened:,} 揭示相符 openings hold, {found.erased:,} 已擦除 erased",
        "一致 The log is what was signed" if difference is None else f"✗ 不一致 It differs: {difference}",
    ]
    tell(body, *lines)
    if difference is not None:
        ctx.exit(DIFFERS)


def _taken_up(path: Path | None) -> State:
    if path is None or not path.exists():
        return State()
    try:
        return State.load(path.read_text())
    except ValueError as fault:
        raise click.BadParameter("不是本命令的进度文件 not a state of this command", param_hint="--state") from fault


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text)
    os.replace(beside, path)


@log.command()
@json_option
@click.argument("leaf_id", type=click.UUID)
def show(leaf_id: uuid.UUID) -> None:
    """一叶及其揭示 A leaf, its place and, unless erased, what it commits to."""
    with opened() as (session, _):
        placed = queries.find_leaf(session, leaf_id)
        leaf = placed or queries.find_waiting(session, leaf_id)
        if leaf is None:
            raise NotFound
        record = None
        with suppress(NotFound):
            record = service.opened_record(service.opening(session, leaf_id))
        index = placed.leaf_index if placed else None
        gone = queries.find_erasure(session, leaf_id)
        erased = gone and {"because": gone.because, "ground": gone.ground, "at": gone.erased_at.isoformat()}
    body = {
        "leaf_id": str(leaf.leaf_id),
        "kind": leaf.kind,
        "leaf_index": index,
        "commitment": b64u(leaf.commitment),
        "record": record,
        "erased": erased,
    }
    where = "待并入 waiting" if index is None else f"第 {index} 叶 leaf {index}"
    tell(body, f"{leaf.kind}  {where}  {b64u(leaf.commitment)}", f"{record or f'已擦除 erased {erased or str()}'}")


@log.command()
@json_option
@click.option("--rotate", is_flag=True, help="更换签名密钥 A new key signs from now on")
def key(rotate: bool) -> None:
    """日志公钥（vkey） The keys members verify the log with; the last one signs."""
    with opened() as (session, config):
        if rotate:
            keys.rotate(session, config)
        found = [(str(keys.verifier(each)), each.retired_at is None) for each in queries.keys(session)]
    body = [{"vkey": vkey, "signs": signs} for vkey, signs in found]
    tell(body, *(f"{vkey}  {'现用 signs' if signs else '已停用 retired'}" for vkey, signs in found))


@log.command()
@json_option
@click.argument("leaf_id", type=click.UUID)
@click.option("--ground", required=True, help="依据 The provision or decision")
@click.option(
    "--because", type=click.Choice(list(rules.BECAUSE)), default=rules.PURPOSE_ENDED, show_default=True, help="理由 Why"
)
def erase(leaf_id: uuid.UUID, ground: str, because: str) -> None:
    """擦除一条记录及其盐 Deletes a record and its salt for good; the log keeps a leaf that says so."""
    with opened() as (session, _):
        promise = erasing.erase(session, leaf_id, ground=ground, because=because)
    tell(promise.as_json(), f"已擦除 erased; {promise.leaf_id}")
