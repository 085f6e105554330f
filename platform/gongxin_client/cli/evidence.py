"""evidence: add, list, prove, report, custody, hold."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TransferSpeedColumn

from gongxin_wire.evidence import KINDS, batch_root, check_batch_chain, check_chain

from .. import profile as profiles
from ..errors import BadInput, VerificationFailed
from ..evidence import BatchItem, Evidence
from ..evidencing import adding, proofs
from ..evidencing import report as reports
from ..evidencing.hashing import fingerprint
from ..evidencing.verifying import FAILED, Trust
from ..log import parse_vkey
from ..registry import Registry
from .base import DAY, PARTLY, Output, command, plain

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)
_MARKS = {"proven": "✓", "stated": "?", "failed": "✗", "absent": "·"}
_WORDS = {"proven": "已证明 proven", "stated": "待核对 stated", "failed": "不成立 FAILED", "absent": "未提供 not given"}


@click.group("evidence")
def evidence() -> None:
    """证据：登记指纹、证明、保管链、报告 Evidence: fingerprints, proofs, custody, reports."""


@command("add")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--kind", type=click.Choice(KINDS), default="recording", show_default=True, help="类别 Kind.")
@click.option("--case", "case_id", help="关联案件（登记编号） The case (its id).")
@click.option("--agent", "agent_licence", help="关联催收员执照号 The agent's licence number.")
@click.option("--complaint", help="关联投诉编号 The complaint's number.")
@click.option("--made-by", help="制作者编号（声称） Who made it, by number (claimed).")
@click.option("--device", help="设备编号（声称） The device (claimed).")
@click.option("--mtime", is_flag=True, help="以文件修改时间为制作时间 Claim the file's time as when it was made.")
@click.option("--sm3/--no-sm3", default=None, help="是否另算 SM3；默认算 SM3 besides; computed by default.")
@click.option("--batch", is_flag=True, help="整批登记为一个默克尔根 One Merkle root for all files.")
@click.option("--label", help="批次名称 The batch's name.")
@click.option("--from", "made_from", type=DAY, help="批次起日 The batch's first day.")
@click.option("--to", "made_to", type=DAY, help="批次止日 The batch's last day.")
@click.option("--journal", type=OUT, help="日志文件；默认与目录同名 The journal; by default beside the folder.")
@click.option("--fresh", is_flag=True, help="不续传，从头登记 Begin anew.")
def add(out: Output, paths: tuple[Path, ...], kind: str, batch: bool, **given: Any) -> int:
    """登记文件或整个目录的指纹；文件不离开本机 Register files or folders by fingerprint; the files stay here.

    可随时中断，重新执行即接续。 Interrupt it at any time; the same command goes on where it was."""
    with out.registry() as registry, _bar(out) as progress:
        if batch:
            return _add_batch(out, registry, list(paths), kind, given, progress)
        claims = adding.Claims(
            kind, given["case_id"], given["agent_licence"], given["complaint"], given["made_by"], given["device"],
            given["mtime"],
        )  # fmt: skip
        if not (claims.case_id or claims.agent_licence or claims.complaint):
            raise BadInput(
                "concerns_nothing", "未写明证据关联什么", "It does not say what the evidence concerns",
                "给出 --case、--agent、--complaint 之一；尚无关联的文件用 --batch。",
                "Give --case, --agent or --complaint; files of no matter yet: --batch.",
            )  # fmt: skip
        found = adding.add(
            registry, list(paths), claims, sm3=given["sm3"] is not False, journal=given["journal"],
            fresh=given["fresh"], progress=progress,
        )  # fmt: skip
    lines = [
        f"文件 Files: {found.files}" + ("；续传 resumed" if found.resumed else ""),
        f"新登记 Created: {found.created}；已存在 Exists: {found.exists}；被拒 Refused: {found.refused}",
        f"日志 Journal → {found.journal}",
        *(f"  ✗ {path}: {zh} {en} ({code})" for path, code, zh, en in found.problems[:20]),
    ]
    out.show(plain(found), lines)
    return PARTLY if found.refused else 0


def _add_batch(
    out: Output, registry: Registry, paths: list[Path], kind: str, given: dict[str, Any], progress: Any
) -> int:
    if any(given[name] for name in ("agent_licence", "complaint", "made_by", "device", "mtime", "sm3")):
        raise BadInput("not_of_a_batch", "这些选项不用于整批登记", "These options are not for a batch")
    days = {name: given[name].date() if given[name] else None for name in ("made_from", "made_to")}
    found = adding.add_batch(
        registry, paths, kind, label=given["label"], case_id=given["case_id"], progress=progress, **days
    )
    lines = [
        f"批次 Batch: {found.batch_id}，文件 files {found.files}，指纹 fingerprints {found.count}",
        f"根 Root: {found.root}",
        f"清单（务必保存） The list, to be kept → {found.list_file}",
    ]
    out.show(plain(found), lines)
    return 0


@command("list")
@click.option("--case", "case_id", help="只列此案 Of this case.")
@click.option("--file", "file", type=FILE, help="只列此文件 Of this file.")
@click.option("--held", is_flag=True, help="只列保全中的 Under a legal hold.")
@click.option("--batches", is_flag=True, help="列批次 Batches instead.")
def listed(out: Output, case_id: str | None, file: Path | None, held: bool, batches: bool) -> None:
    """本机构登记的证据 One's own evidence."""
    with out.registry() as registry:
        if batches:
            found: list[Any] = list(registry.evidence_batches())
            lines = [f"{b.registered_at.isoformat()} {b.kind} ×{b.count} {b.label or '—'} {b.batch_id}" for b in found]
        else:
            sha256 = fingerprint(file).sha256 if file else None
            found = list(registry.own_evidence(case_id=case_id, sha256=sha256, held=True if held else None))
            lines = [_line(each) for each in found]
    out.show({"items": plain(found)}, lines or ["没有登记 Nothing is registered."])


@command("prove")
@click.argument("file", type=FILE)
@click.option("--evidence", "evidence_id", help="登记了多个事项时指明 Which registration, where several.")
@click.option("--batch", type=FILE, help="批次清单 The list of the batch it was registered in.")
@click.option("--sm3/--no-sm3", default=True, help="是否核对 SM3；默认核对 Check SM3 too; by default.")
@click.option("-o", "--out", "to", type=OUT, help="证明文件；默认 FILE.proof.json The proof file.")
def prove(
    out: Output, file: Path, evidence_id: str | None, batch: Path | None, sm3: bool, to: Path | None
) -> None:  # fmt: skip
    """取得并保存证明，可离线核验 Fetch and keep what proves a file, to be verified offline."""
    where = to or file.with_name(file.name + ".proof.json")
    with out.registry() as registry:
        body = proofs.prove(registry, file, evidence_id=evidence_id, batch=batch, sm3=sm3)
        trust = Trust(tuple(registry.log_keys()))
    made = reports.make(body, fingerprint(file, sm3=sm3), trust)
    if not made.verdict.holds:
        raise _not_proven(made)
    proofs.save(body, where)
    out.show({"proof": str(where), "faults": [], "steps": _steps(made)}, [*_step_lines(made), f"证明 Proof → {where}"])


@command("report")
@click.argument("file", type=FILE)
@click.option("--proof", type=FILE, help="证明文件；默认 FILE.proof.json The proof file.")
@click.option("--log-key", "log_keys", multiple=True, help="可信的日志公钥（vkey） A key of the log one trusts.")
@click.option("--witness", "witness_keys", multiple=True, help="可信的见证方公钥（vkey） A witness's key one trusts.")
@click.option(
    "--tsa-certificate", "tsa", type=FILE, help="可信的时间戳根证书（PEM） The stamp authority's root certificate."
)
@click.option("--sm3/--no-sm3", default=True, help="是否核对 SM3；默认核对 Check SM3 too; by default.")
def report(
    out: Output, file: Path, proof: Path | None, log_keys: tuple[str, ...], witness_keys: tuple[str, ...],
    tsa: Path | None, sm3: bool,
) -> int:  # fmt: skip
    """离线核验并写出给法院的报告（JSON 与可打印网页） Verify offline; write the report for a court.

    FILE 为证据文件；只有证明文件时，直接给出证明文件。 FILE is the evidence, or the proof file alone."""
    alone = proof is None and file.name.endswith(".proof.json")
    body = proofs.read(file if alone else proof or file.with_name(file.name + ".proof.json"))
    stem = file.name.removesuffix(".proof.json") if alone else file.name
    made = reports.make(body, None if alone else fingerprint(file, sm3=sm3), _trust(out, log_keys, witness_keys, tsa))
    json_path, html_path = (file.with_name(f"{stem}.report.{kind}") for kind in ("json", "html"))
    made.save(json_path, html_path)
    value = {"holds": made.verdict.holds, "json": str(json_path), "html": str(html_path), "faults": made.faults(),
             "steps": _steps(made)}  # fmt: skip
    out.show(value, [*_step_lines(made), f"报告 Report → {json_path}, {html_path}"])
    return 0 if made.verdict.holds else VerificationFailed.exit_code


@command("custody")
@click.argument("evidence_id")
@click.argument("event", required=False, type=click.Choice(["moved", "disclosed", "destroyed"]))
@click.option("--to", help="移交或披露给谁、到何处 To whom or whither.")
@click.option("--basis", help="依据 Basis (≤ 200).")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="发生时间（RFC 3339） When it happened.")
def custody(
    out: Output, evidence_id: str, event: str | None, to: str | None, basis: str | None, at: datetime | None
) -> None:
    """查看保管链，或登记移交、披露、销毁 Show the chain of custody, or record the next event."""
    with out.registry() as registry:
        found = registry.evidence(evidence_id)
        if event is not None:
            found = registry.record_custody(found, event, to=to, basis=basis, at=at)
        chain = registry.custody(evidence_id)
        check_chain(chain, evidence_id, registry.member_id(), found.sha256)
    lines = [
        f"{each['position']}. {each['event']} {each['at']} {each['to'] or ''} {each['basis'] or ''}".rstrip()
        for each in chain
    ]
    out.show({"evidence": plain(found), "custody": chain}, [_line(found), *lines])


@command("hold")
@click.argument("evidence_id")
@click.argument("action", type=click.Choice(["place", "release"]))
@click.option("--basis", required=True, help="依据（裁定文号等） Basis.")
def hold(out: Output, evidence_id: str, action: str, basis: str) -> None:
    """设置或解除法律保全，保全期间不得销毁 Place or release a legal hold: nothing is destroyed while it lasts."""
    with out.registry() as registry:
        found = registry.hold(registry.evidence(evidence_id), action, basis)
    out.show(plain(found), [_line(found)])


@command("batch")
@click.argument("list_file", type=FILE)
@click.argument("event", required=False, type=click.Choice(["moved", "disclosed", "destroyed", "hold", "release"]))
@click.option("--file", "file", type=FILE, help="批中的一个文件 One file of the batch.")
@click.option("--sha256", help="文件已不在时，给出其指纹 Its fingerprint, where the file is gone.")
@click.option("--to", help="移交或披露给谁、到何处 To whom or whither.")
@click.option("--basis", help="依据 Basis (≤ 200).")
def batch_custody(
    out: Output, list_file: Path, event: str | None, file: Path | None, sha256: str | None, to: str | None,
    basis: str | None,
) -> None:  # fmt: skip
    """整批或批中一个文件的保管链与保全 Custody and hold of a batch, or of one file of it.

    LIST_FILE 为批次清单。 LIST_FILE is the batch's list."""
    batch_id, order, _ = adding.read_list(list_file)
    sum_ = fingerprint(file).sha256 if file else sha256
    item = BatchItem.find(order, sum_) if sum_ else None
    with out.registry() as registry:
        state = registry.batch_state(batch_id, sum_)
        if event in ("hold", "release"):
            action = "place" if event == "hold" else event
            state = registry.hold_batch(state, action, basis or "", file=item)
        elif event is not None:
            state = registry.record_batch_custody(state, event, file=item, to=to, basis=basis)
        chain = registry.batch_custody(batch_id, sum_)
        root = batch_root(map(bytes.fromhex, order)).hex()
        check_batch_chain(chain, batch_id, registry.member_id(), root, sum_)
    marks = [word for word, is_so in (("保全 held", state.held), ("已销毁 destroyed", state.destroyed_at)) if is_so]
    lines = [f"{sum_ or '整批 whole'} {batch_id} {' '.join(marks)}".rstrip()]
    lines += [
        f"{each['position']}. {each['event']} {each['at']} {each['to'] or ''} {each['basis'] or ''}".rstrip()
        for each in chain
    ]
    out.show({"state": plain(state), "custody": chain}, lines)


def _line(each: Evidence) -> str:
    marks = [word for word, is_so in (("保全 held", each.held), ("已销毁 destroyed", each.destroyed_at)) if is_so]
    about = each.case_id or each.agent_licence or each.complaint
    return " ".join([each.registered_at.isoformat(), each.kind, each.sha256[:16] + "…", f"→ {about}", *marks,
                     each.evidence_id])  # fmt: skip


def _steps(made: reports.Report) -> list[dict[str, Any]]:
    return [{"code": s.code, "standing": s.standing, "fault": s.fault} for s in made.verdict.steps]


def _step_lines(made: reports.Report) -> list[str]:
    lines = []
    for step in made.verdict.steps:
        fault = f"：{step.fault_zh} {step.fault_en} ({step.fault})" if step.standing == FAILED else ""
        lines.append(f"{_MARKS[step.standing]} {_WORDS[step.standing]} · {step.zh} {step.en}{fault}")
    at, if_right = made.verdict.at_latest, made.verdict.if_right
    when = at.isoformat() if at else "— 仅登记处记载 the registry's word alone"
    if at is None and if_right is not None:
        when = f"{if_right.isoformat()}（待核对 stated）"
    return [*lines, f"登记不晚于 Registered no later than: {when}"]


def _trust(out: Output, log_keys: tuple[str, ...], witness_keys: tuple[str, ...], tsa: Path | None) -> Trust:
    """What the command line names; the log's keys else from the profile's pins, where there is a profile."""
    from gongxin_wire import stamps  # loads the library of stamps

    try:
        certificates = tuple(stamps.certificates(tsa.read_bytes())) if tsa else ()
    except (OSError, stamps.StampFault) as fault:
        raise BadInput("not_certificates", "证书文件无法读取", "The file holds no certificates") from fault
    keys = tuple(map(parse_vkey, log_keys))
    path = profiles.find_path(out.profile_path)
    if not keys and path.exists():
        keys = tuple(map(parse_vkey, profiles.read(path).pins.log.values()))
    return Trust(keys, tuple(map(parse_vkey, witness_keys)), certificates)


def _not_proven(made: reports.Report) -> VerificationFailed:
    step = next(step for step in made.verdict.steps if step.standing == FAILED)
    return VerificationFailed(
        step.fault or step.code, step.fault_zh or step.zh, step.fault_en or step.en,
        "不要依赖这份证明；请联系登记处。", "Do not rely on this proof; call the registry.",
    )  # fmt: skip


@contextlib.contextmanager
def _bar(out: Output) -> Iterator[Callable[[int, int, int], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if out.as_json or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, DownloadColumn(), TransferSpeedColumn(), console=Console(stderr=True)) as bar:
        files, read = bar.add_task("文件 Files", total=None), bar.add_task("已读 Read", total=None)

        def show(done: int, total: int, size: int) -> None:
            bar.update(files, completed=done, total=total)
            bar.update(read, completed=size)

        yield show


for each in (add, listed, prove, report, custody, hold, batch_custody):
    evidence.add_command(each)
COMMANDS = (evidence,)
