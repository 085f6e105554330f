"""The report as one page: Chinese and English, no script, nothing fetched, fit for A4."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from .repeating import repeats
from .verifying import ABSENT, FAILED, PROVEN, STATED, Step, Verdict

_WORDS = {
    PROVEN: ("已证明", "proven"),
    STATED: ("待核对", "stated"),
    FAILED: ("不成立", "failed"),
    ABSENT: ("未提供", "not given"),
}
_RECORD = (
    ("evidence_id", "登记编号", "Registration"), ("batch_id", "批次编号", "Batch"), ("kind", "类别", "Kind"),
    ("sha256", "SHA-256", "SHA-256"), ("sm3", "SM3", "SM3"), ("root", "批次的根", "Root of the batch"),
    ("count", "批次文件数", "Files in the batch"), ("label", "批次名称", "Name of the batch"),
    ("size", "大小（字节）", "Size in bytes"), ("media_type", "媒体类型", "Media type"), ("case_id", "案件", "Case"),
    ("agent_licence", "催收员执照号", "Agent's licence"), ("complaint", "投诉编号", "Complaint"),
    ("made_by", "制作者（声称）", "Made by (claimed)"), ("device", "设备（声称）", "Device (claimed)"),
    ("made_at", "制作时间（声称）", "Made at (claimed)"), ("made_from", "批次起日", "From"),
    ("made_to", "批次止日", "To"),
    ("registered_at", "登记时间（登记处记载）", "Registered at (by the registry)"),
)  # fmt: skip
_EVENTS = {
    "created": ("形成", "created"), "moved": ("移交", "moved"), "disclosed": ("披露", "disclosed"),
    "destroyed": ("销毁", "destroyed"), "held": ("保全", "hold placed"), "released": ("解除保全", "hold released"),
}  # fmt: skip
_CSS = """
@page { size: A4; margin: 16mm 15mm 18mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 56rem; padding: 2rem 1.25rem 3rem; color: #1b1f24; background: #fff;
  font: 15px/1.6 "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.3; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .7rem; padding-bottom: .3rem; border-bottom: 2px solid #1b1f24;
  break-after: avoid; }
h3 { font-size: 1rem; margin: 0; line-height: 1.45; }
.en { color: #57606a; font-size: .88em; font-weight: 400; }
header p { margin: .15rem 0; }
.verdict { margin: 1.5rem 0 0; padding: 1rem 1.15rem; border: 2px solid; border-radius: 6px; break-inside: avoid; }
.verdict strong { font-size: 1.15rem; }
.verdict p { margin: .3rem 0 0; }
.holds { border-color: #1a7f37; background: #f1faf3; }
.fails { border-color: #b3261e; background: #fdf2f1; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #d8dee4;
  overflow-wrap: anywhere; }
th { font-weight: 600; }
.facts th { width: 15rem; }
td.hash { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .84em; }
ol.steps { list-style: none; margin: 0; padding: 0; counter-reset: step; }
ol.steps > li { counter-increment: step; padding: .95rem 0; border-bottom: 1px solid #d8dee4; }
.head { display: flex; gap: .8rem; align-items: flex-start; break-inside: avoid; break-after: avoid; }
.head::before { content: counter(step); flex: none; width: 1.7rem; height: 1.7rem; border-radius: 50%;
  text-align: center; line-height: 1.7rem; background: #1b1f24; color: #fff; font-size: .85rem;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.head > div { flex: 1; min-width: 0; }
.badge { flex: none; padding: .1rem .6rem; border: 1.5px solid; border-radius: 1rem; font-size: .82rem;
  font-weight: 600; white-space: nowrap; }
.proven { color: #14652c; } .stated { color: #7a4b00; } .failed { color: #b3261e; } .absent { color: #57606a; }
.fault { margin: .35rem 0 0; color: #b3261e; font-weight: 600; }
.where { margin: .35rem 0 0; font-size: .9em; }
.repeat { margin: .7rem 0 0 2.5rem; }
.repeat p { margin: .55rem 0 .25rem; font-size: .88em; break-after: avoid; overflow-wrap: anywhere; }
pre { margin: 0; padding: .6rem .75rem; background: #f6f8fa; border: 1px solid #d8dee4; border-radius: 4px;
  font: 11px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; }
ul.not { margin: 0; padding-left: 1.2rem; } ul.not li { margin: .35rem 0; }
.scroll { overflow-x: auto; }
footer { margin-top: 2.5rem; font-size: .85em; color: #57606a; }
@media (max-width: 40rem) {
  body { padding: 1.1rem .9rem 2rem; }
  .facts, .facts tbody, .facts tr, .facts th, .facts td { display: block; width: auto; }
  .facts th { border: 0; padding-bottom: 0; } .facts td { padding-top: 0; }
  .head { flex-wrap: wrap; } .head > div { flex-basis: calc(100% - 2.5rem); } .badge { margin-left: 2.5rem; }
  .repeat { margin-left: 0; }
}
@media print {
  body { font-size: 10.5pt; max-width: none; padding: 0; }
  pre { font-size: 7.5pt; } h2 { margin-top: 1.2rem; }
  th, td { padding: .2rem .5rem; line-height: 1.4; } tr, li { break-inside: avoid; }
  ol.steps > li { break-inside: auto; }
}
"""


def render(proof: Mapping[str, Any], verdict: Verdict, not_proven: Sequence[tuple[str, str]], made_at: str) -> str:
    """The whole page."""
    member, file = proof["member"], proof["file"]
    told = ("所登记的", "What was registered") if verdict.holds else ("证明文件所称", "What the proof states")
    name = str(file.get("name", ""))
    parts = [
        "<header><h1>证据核验报告</h1>", '<p class="en">Report on the verification of evidence</p>',
        f"<p>{escape(name)}</p>",
        f'<p class="en">{escape(proof["registry"])} · {escape(made_at)}</p>',
        _verdict(verdict), "</header>",
        _title(*told), _facts(verdict.record, member, file),
        _title("不证明什么", "What is not proven"),
        f'<ul class="not">{"".join(f"<li>{_both(zh, en)}</li>" for zh, en in not_proven)}</ul>',
        _title("逐步核验", "Step by step"),
        f'<ol class="steps">{"".join(map(_step, verdict.steps))}</ol>',
    ]  # fmt: skip
    if proof["custody"]:
        parts += [_title("保管链", "Custody"), _custody(proof["custody"])]
    parts += [
        "<footer><p>本页由证明文件离线生成；各步骤均可用所列公开工具重复，不依赖登记处与本软件。"
        '<br><span class="en">Made offline from the proof file; every step can be repeated with the public tools shown,'
        " without the registry or this software.</span></p></footer>",
    ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>证据核验报告 {escape(name)}</title><style>{_CSS}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _title(zh: str, en: str) -> str:
    return f'<h2>{zh} <span class="en">{en}</span></h2>'


def _both(zh: str, en: str) -> str:
    return f'{escape(zh)}<br><span class="en">{escape(en)}</span>'


def _verdict(verdict: Verdict) -> str:
    if not verdict.holds:
        faults = "".join(
            f"<p>{_both(step.fault_zh, step.fault_en)}</p>" for step in verdict.steps if step.standing == FAILED
        )
        return (
            '<div class="verdict fails"><strong>证明不成立</strong> <span class="en">The proof does not hold</span>'
            f"{faults}</div>"
        )
    if verdict.at_latest is not None:
        text = _when(verdict.at_latest)
        when = _both(f"登记不晚于 {text}。", f"It was registered no later than {text}.")
    elif verdict.if_right is not None:
        text = _when(verdict.if_right)
        when = _both(
            f"所附公钥与证书核对无误时，登记不晚于 {text}。",
            f"If the keys and certificates enclosed prove right: registered no later than {text}.",
        )
    else:
        when = _both("登记时间仅有登记处的记载。", "Of the time there is the registry's word alone.")
    stated = any(step.standing == STATED for step in verdict.steps)
    word = ("证明成立，部分公钥待核对", "The proof holds; some keys are to be compared") if stated else (
        "证明成立", "The proof holds"
    )  # fmt: skip
    return f'<div class="verdict holds"><strong>{word[0]}</strong> <span class="en">{word[1]}</span><p>{when}</p></div>'


def _facts(record: Mapping[str, Any], member: Mapping[str, Any], file: Mapping[str, Any]) -> str:
    rows: list[tuple[str, str, Any]] = [
        ("登记机构", "Member", " ".join(str(member[n]) for n in ("name_zh", "name_en", "uscc") if member.get(n))),
        ("登记机构编号", "Member's id", member.get("member_id")),
        ("文件名（未登记）", "Name of the file (not registered)", file.get("name")),
    ]
    if "batch_id" in record:
        rows.append(("文件 SHA-256", "SHA-256 of the file", file.get("sha256")))
    rows += [(zh, en, record[name]) for name, zh, en in _RECORD if record.get(name) is not None]
    cells = "".join(
        f'<tr><th scope="row">{_both(zh, en) if zh != en else escape(zh)}</th>'
        f"<td{_class(value)}>{escape(str(value))}</td></tr>"
        for zh, en, value in rows
        if value is not None
    )
    return f'<table class="facts"><tbody>{cells}</tbody></table>'


def _class(value: Any) -> str:
    return ' class="hash"' if isinstance(value, str) and len(value) >= 32 and " " not in value else ""


def _step(step: Step) -> str:
    zh, en = _WORDS[step.standing]
    fault = f'<p class="fault">{_both(step.fault_zh, f"{step.fault_en} ({step.fault})")}</p>' if step.fault else ""
    where = "".join(f'<p class="where">{_both(*each)}</p>' for each in _details(step))
    shown = [] if step.standing in {ABSENT, FAILED} and step.code != "file" else repeats(step)
    commands = "".join(f"<p>{_both(zh, en)}</p><pre>{escape(command)}</pre>" for zh, en, command in shown)
    return (
        f'<li><div class="head"><div><h3>{_both(step.zh, step.en)}</h3>{fault}{where}</div>'
        f'<span class="badge {step.standing}">{zh} {en}</span></div>'
        + (f'<div class="repeat">{commands}</div>' if commands else "")
        + "</li>"
    )


def _details(step: Step) -> Iterable[tuple[str, str]]:
    data = step.data
    if step.code == "log" and "index" in data:
        yield (
            f"日志 {data['origin']} 第 {data['index']} 叶，检查点大小 {data['size']}",
            f"Log {data['origin']}, leaf {data['index']}, under the checkpoint of size {data['size']}",
        )
    if "time" in data:
        yield f"时间 {_when(data['time'])}", f"At {_when(data['time'])}"
    if "authority" in data:
        yield f"机构 {data['authority']}", f"Authority {data['authority']}"
    if step.code == "witness" and data.get("member_id"):
        yield f"见证机构编号 {data['member_id']}", f"Of member {data['member_id']}"


def _custody(events: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(event.get('position')))}</td>"
        f"<td>{_both(*_EVENTS.get(str(event.get('event')), (str(event.get('event')),) * 2))}</td>"
        f"<td>{escape(str(event.get('at')))}</td>"
        f"<td>{escape(' · '.join(str(event[name]) for name in ('to', 'basis') if event.get(name)) or '—')}</td></tr>"
        for event in events
    )
    head = "".join(
        f'<th scope="col">{_both(zh, en)}</th>'
        for zh, en in (("序", "No."), ("事件", "Event"), ("时间（声称）", "At (claimed)"), ("去向与依据", "To, basis"))
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _when(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
