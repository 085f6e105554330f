"""witness: a member cosigns the log; what each command ends with is in the table of exit codes."""

import os
import signal
import threading
from pathlib import Path

import click

from .. import clock
from .. import keys as key_files
from .. import profile as profiles
from ..errors import NotConnected, Refused, Unavailable
from ..heads import SplitView, Store
from ..registry import Registry
from ..witness import Witness
from .base import Output, command
from .setup import PASSPHRASE

KEY = click.option(
    "--key", "key_file", type=click.Path(path_type=Path), default=Path("witness.pem"), show_default=True,
    help="见证密钥文件 The witness's key file.",
)  # fmt: skip
STATE = click.option(
    "--state", type=click.Path(path_type=Path), default=Path("witness.json"), show_default=True,
    help="见证记录：最后所见、所签的检查点 The memory: heads last seen and signed.",
)  # fmt: skip


@click.group()
def witness() -> None:
    """见证日志：核对一致后签名 Cosign the registry's log, where it continues what was seen."""


@command("key")
@KEY
@STATE
@PASSPHRASE
@click.option("--name", help="见证名称，以 /<机构编号> 结尾 The witness's name, ending in /<member id>.")
@click.option(
    "--adopt", is_flag=True, help="记录遗失时，从登记处取回最后所签 Memory lost: take back the last head signed."
)
def witness_key(
    out: Output, key_file: Path, state: Path, passphrase_file: Path | None, name: str | None, adopt: bool
) -> None:
    """生成（若无）并登记见证密钥 Make the key file, if there is none, and register it; a former key is retired."""
    secret = _passphrase(passphrase_file)
    if not key_file.exists():
        key_files.save(key_files.generate("EdDSA"), key_file, secret)
    with out.registry() as registry:
        made = Witness(registry, key_files.load(key_file, secret), Store(state)).register(name, adopt=adopt)
    out.show(
        {"name": made.name, "vkey": str(made), "key": str(key_file), "state": str(state)},
        [
            f"已登记 Registered: {made}",
            f"密钥 Key: {key_file}；记录 Memory: {state}（请勿从旧备份恢复 never restore it）",
        ],
    )


@command("once")
@KEY
@STATE
@PASSPHRASE
def once(out: Output, key_file: Path, state: Path, passphrase_file: Path | None) -> None:
    """见证一轮 One round."""
    with out.registry() as registry:
        _round(out, _witness(registry, key_file, state, passphrase_file))


@command("run")
@KEY
@STATE
@PASSPHRASE
@click.option("--every", type=click.FloatRange(1, 86_400), default=60, show_default=True, help="间隔秒数 Seconds.")
def run(out: Output, key_file: Path, state: Path, passphrase_file: Path | None, every: float) -> None:
    """持续见证，直到中断；发现分叉即停止（退出码 5） Rounds until interrupted; ends at a split view (exit code 5)."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with out.registry() as registry:
        made = _witness(registry, key_file, state, passphrase_file)
        while not stop.is_set():
            try:
                _round(out, made)
            except (Unavailable, NotConnected) as fault:
                out.fail(fault)
            except Refused as fault:
                if fault.status != 429:
                    raise
                out.fail(fault)
            except SplitView as fault:
                if fault.code != "heads_unexplained":
                    raise
                out.fail(fault)
            stop.wait(every)


@command("status")
@STATE
def status(out: Output, state: Path) -> int:
    """本机记录（不联网） What this witness remembers, without a network."""
    memory = Store(state).read()
    value = {
        "log": memory.log,
        "name": memory.name,
        "seen": memory.seen.size if memory.seen else None,
        "signed": memory.signed.size if memory.signed else None,
        "posted": memory.posted if memory.posted >= 0 else None,
        "halted": memory.halted,
    }
    lines = [
        f"日志 Log: {memory.log}",
        f"名称 Name: {memory.name}",
        f"所见 Seen: {value['seen']}；所签 signed: {value['signed']}；已提交 handed in: {value['posted']}",
    ]
    if memory.halted:
        lines.append(f"已停止：日志分叉，证据 {memory.halted} Halted by a split view; see {memory.halted}")
    out.show(value, lines)
    return SplitView.exit_code if memory.halted else 0


@command("resume")
@KEY
@STATE
@PASSPHRASE
def resume(out: Output, key_file: Path, state: Path, passphrase_file: Path | None) -> None:
    """查明分叉之后恢复见证 Go on after a person has looked at the evidence."""
    with out.registry() as registry:
        memory = _witness(registry, key_file, state, passphrase_file).resume()
    out.show({"halted": memory.halted}, ["已恢复 Resumed."])


def _passphrase(file: Path | None) -> bytes | None:
    return profiles.passphrase(os.environ, file)


def _witness(registry: Registry, key_file: Path, state: Path, passphrase_file: Path | None) -> Witness:
    return Witness(registry, key_files.load(key_file, _passphrase(passphrase_file)), Store(state))


def _round(out: Output, made: Witness) -> None:
    try:
        done = made.once()
    except SplitView as split:
        where = f"证据 Evidence: {split.evidence}；" + (
            "已报告登记处 reported"
            if split.reported
            else "未能报告登记处，请直接交给协会 NOT reported: tell the association"
        )
        click.echo(where, err=True)
        raise
    word = "已签名 signed" if done.outcome == "signed" else "无新内容 nothing new"
    lines = [f"{clock.now().isoformat(timespec='seconds')} {word}: {done.size}"]
    if done.outcome == "signed":
        lines[0] += f"（{len(done.cosigned_by)} / {done.quorum}）"
    out.show(
        {"outcome": done.outcome, "size": done.size, "cosigned_by": list(done.cosigned_by), "quorum": done.quorum},
        lines,
    )


for _command in (witness_key, once, run, status, resume):
    witness.add_command(_command)

COMMANDS = (witness,)
