"""report, notices, reply, screen, verify-line, corrections."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from .. import clock
from ..blacklist import verify_line
from ..errors import BadInput
from .base import PARTLY, Output, command

DID = ("updated", "reinstated", "removed", "suspended", "no_record", "nothing_needed")
_DAY = click.DateTime(["%Y-%m-%d"])


@command("report")
@click.option("--licence", help="执照号（举报催收员） Licence number of an agent.")
@click.option("--member-id", help="机构编号（举报机构） An organisation's member id.")
@click.option("--kind", type=click.Choice(("agent", "agency", "member")), default="agent", show_default=True)
@click.option("--article", required=True, help="条款 Article, e.g. B01.")
@click.option("--place", required=True, help="地点 Place.")
@click.option("--on", "day", type=_DAY, required=True, help="发生日 Day.")
@click.option("--conduct", required=True, help="行为，不得含个人号码 Conduct, without anybody's numbers.")
@click.option("--recording", multiple=True, help="录音 SHA-256 Fingerprint of a recording.")
def report(
    out: Output,
    licence: str | None,
    member_id: str | None,
    kind: str,
    article: str,
    place: str,
    day: datetime,
    conduct: str,
    recording: tuple[str, ...],
) -> None:
    """举报违规 Report a violation; the debtor is named nowhere."""
    subject = {"licence": licence} if licence else {"member_id": member_id or ""}
    on: date = day.date()
    with out.registry() as registry:
        made = registry.report_violation(
            subject_kind=kind, article=article, place=place, occurred_from=on, occurred_until=on, conduct=conduct,
            evidence=[{"sha256": each, "kind": "recording"} for each in recording], **subject,
        )  # fmt: skip
    lines = [f"已登记 Reported: {made['number']} {made['matter_id']}", f"受理期限 Acknowledged by: {made['due_on']}"]
    out.show(made, lines)


@command("notices")
@click.option("--state", help="状态 State.")
def notices(out: Output, state: str | None) -> None:
    """事项 What was noticed to us and what we reported, with its clocks."""
    with out.registry() as registry:
        found = list(registry.matters(state=state))
    lines = [
        f"{each['number']} {each['article']} {each['state']} 期限 due {each['due_on'] or '—'}"
        f" 可行 legal: {', '.join(each['legal']) or '—'} {each['matter_id']}"
        for each in found
    ]
    out.show({"items": found}, lines or ["无 None"])


@command("reply")
@click.argument("matter_id")
@click.argument("action", type=click.Choice(("reply", "ask_hearing", "appeal", "object")))
@click.option("--said", required=True, help="陈述 What is said.")
def reply(out: Output, matter_id: str, action: str, said: str) -> None:
    """申辩、请求听证、复核或异议 Reply, ask for a hearing, appeal or object."""
    with out.registry() as registry:
        if action == "object":
            made = registry.object_to_listing(matter_id, said)
        else:
            made = registry.state_on_matter(matter_id, action, said)
    out.show(made, [f"已提交 Done: {made.get('state', made.get('kind'))}"])


@command("screen")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--purpose", type=click.Choice(("hire", "staff")), required=True, help="招用或在职 Candidates or staff.")
@click.option("--consent", required=True, help="同意书编号 Reference of the consents kept.")
@click.option("--proofs", type=click.Path(path_type=Path), help="逐行证明存入此目录 A proof for each line goes here.")
def screen(out: Output, file: Path, purpose: str, consent: str, proofs: Path | None) -> int:
    """批量筛查 FILE 中的执照号，每行一个 Screen licence numbers, one a line; every answer is verified."""
    numbers = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    with out.registry() as registry:
        found = registry.screen(numbers, purpose=purpose, consent=consent)
    now = clock.now()
    states = [found.state_at(at, now) for at in range(len(numbers))]
    if proofs is not None:
        proofs.mkdir(parents=True, exist_ok=True)
        for at, number in enumerate(numbers):
            text = json.dumps(found.prove(at), ensure_ascii=False)
            (proofs / f"{at + 1:05d}-{number}.json").write_text(text, encoding="utf-8")
    counts = {state: states.count(state) for state in sorted(set(states))}
    listed = [f"{number} {state}" for number, state in zip(numbers, states, strict=True) if state != "not_listed"]
    told = {"screening_id": found.screening_id, "counts": counts, "states": [dict(each) for each in found.states]}
    out.show(told, [*listed, f"合计 Total: {counts}", f"回执已核对 The receipt holds: {found.screening_id}"])
    return PARTLY if "invalid" in counts else 0


@command("verify-line")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(out: Output, file: Path) -> None:
    """离线核对一行筛查证明 Verify one line of a screening offline, by the keys pinned in the profile."""
    try:
        shown = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise BadInput("not_json", "文件不是 JSON", "The file is not JSON") from fault
    profile = out.profile()
    answer = verify_line(shown, keys=profile.pins.receipts, issuer=profile.registry)
    out.show({"answer": dict(answer)}, [f"该行成立 The line holds: {answer['state']}"])


@click.group("corrections")
def corrections() -> None:
    """更正与新列入 Corrections of what we were told, and new entries to act on."""


@command("list")
@click.option("--show", type=click.Choice(("all", "open", "overdue")), default="open", show_default=True)
def listing(out: Output, show: str) -> None:
    """待处理 What is to be acted on."""
    with out.registry() as registry:
        found = list(registry.corrections(show=show))
    lines = [
        f"{each['number']} {each['cause']} → {each['state']} {each['level']} 至 until {each['ends_on']}"
        f" 期限 due {each['due_on']} {each['correction_id']}"
        for each in found
    ]
    out.show({"items": found}, lines or ["无 None"])


@command("acknowledge")
@click.argument("correction_id")
@click.option("--did", type=click.Choice(DID), required=True, help="处理结果 What was done.")
@click.option("--note", help="说明 Note.")
def acknowledge(out: Output, correction_id: str, did: str, note: str | None) -> None:
    """确认并反馈 Acknowledge, and say what was done."""
    with out.registry() as registry:
        made: dict[str, Any] = registry.acknowledge_correction(correction_id, did, note=note)
    out.show(made, [f"已确认 Acknowledged: {made['did']}"])


corrections.add_command(listing)
corrections.add_command(acknowledge)
COMMANDS = (report, notices, reply, screen, verify, corrections)
