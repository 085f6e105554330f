"""What one version takes out and puts in: word by word, character by character in Chinese. Pure."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from ..standard import rules as standard
from . import paper

_WORDS = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?|[0-9][0-9,.]*|\s+|.", re.DOTALL)
_STYLE = (
    "body{font:15px/1.7 'Noto Sans CJK SC','Noto Sans SC',sans-serif;max-width:52em;margin:2em auto;padding:0 1em;"
    "color:#1f2933}ins{background:#dff3e3;text-decoration:underline}del{background:#fbe3e0}"
    "h2{font-size:1.05em;margin:1.6em 0 .3em}small{color:#5b6770;font-weight:normal}p{margin:.3em 0}"
)
WHAT = {
    "added": "新增 added", "removed": "删除 removed", "changed": "修改 changed", "moved": "编号变动 renumbered",
    "same": "未变 same",
}  # fmt: skip
Segment = dict[str, str]


def words(before: str, after: str) -> list[Segment]:
    """Runs of `same`, `del`, `ins` that spell the one text and the other."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    found: list[Segment] = []
    for op, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            found.append({"op": "same", "text": "".join(old[i:j])})
            continue
        if j > i:
            found.append({"op": "del", "text": "".join(old[i:j])})
        if m > k:
            found.append({"op": "ins", "text": "".join(new[k:m])})
    return found


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Title, cover where both have one, and every clause that is not the same, in the order of the later version."""
    found = []
    if before["title"] != after["title"]:
        found.append(_part("title", "", "标题 Title", "changed", [_both(before["title"])], [_both(after["title"])]))
    if isinstance(before["cover"], Mapping):
        old, new = list(_facts(before)), list(_facts(after))
        if old != new:
            found.append(_part("cover", "", "封面 Cover", "changed", old, new))
    for change in standard.compare(before, after):
        if change.what == "same":
            continue
        clause = change.after or change.before or {}
        title = f"{clause['title']['zh']} {clause['title']['en']}"
        texts = (_clause(change.before), _clause(change.after))
        found.append(_part(change.clause_id, clause["number"], title, change.what, *texts))
    return found


def _part(clause_id: str, number: str, title: str, what: str, old: Sequence[str], new: Sequence[str]) -> dict[str, Any]:
    return {
        "clause_id": clause_id, "number": number, "title": title, "what": what,
        "paragraphs": [words(one, other) for one, other in _paired(old, new)],
    }  # fmt: skip


def _paired(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Equal paragraphs with each other; between them, one with one."""
    for _, i, j, k, m in SequenceMatcher(None, list(old), list(new), autojunk=False).get_opcodes():
        for at in range(max(j - i, m - k)):
            yield (old[i + at] if i + at < j else "", new[k + at] if k + at < m else "")


def _both(value: Mapping[str, str]) -> str:
    return f"{value['zh']} {value['en']}"


def _clause(clause: Mapping[str, Any] | None) -> list[str]:
    if clause is None:
        return []
    head = f"{clause['number']} {_both(clause['title'])}（{'锁定 locked' if clause['locked'] else '可议 open'}）"
    return [head, *(paragraph[language] for paragraph in clause["text"] for language in ("zh", "en"))]


def _facts(content: Mapping[str, Any]) -> Iterator[str]:
    page = paper.paper(content, "", (), "")
    yield from (f"{row['label']}：{row['value']}" for row in page["cover"])
    yield from ("　".join(cell for cell in row if cell) for row in page["fees"]["rows"])
    yield from (note[language] for note in page["fees"]["notes"] for language in ("zh", "en"))
    yield from (f"{each['number']} {paper.HEADINGS['reason']}{each['reason']}" for each in page["deviations"])


def as_html(parts: Sequence[Mapping[str, Any]], title: str) -> str:
    """A page of its own: no script, nothing from outside, every text escaped."""
    body = "".join(_section(part) for part in parts) or "<p>两版相同。 The two versions are the same.</p>"
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1>{body}</main></body></html>"
    )


def _section(part: Mapping[str, Any]) -> str:
    head = html.escape(f"{part['number']} {part['title']}".strip())
    told = "".join(f"<p>{''.join(_run(each) for each in paragraph)}</p>" for paragraph in part["paragraphs"])
    anchor = html.escape(part["clause_id"], quote=True)
    return f'<section id="{anchor}"><h2>{head} <small>{WHAT[part["what"]]}</small></h2>{told}</section>'


def _run(segment: Mapping[str, str]) -> str:
    text = html.escape(segment["text"])
    return text if segment["op"] == "same" else f"<{segment['op']}>{text}</{segment['op']}>"
