"""The error catalogue: every code the registry can answer, read from the calls that raise it: none is forgotten.

A refusal is a call that gives a code and its Chinese words side by side: `Invalid("bad_cursor", zh=…, en=…)`, or a
small function that takes `(code, zh, en)`. What stands in tables (`problems.CONSTRAINTS`, `problems.OTHERS`) is added.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gongxin_wire
from gongxin import errors

from . import problems as mapping

_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_ORDER = ("zh", "en", "fix_zh", "fix_en")
_ROOTS = (Path(__file__).resolve().parents[1], Path(gongxin_wire.__file__).parent)


@dataclass(frozen=True)
class Entry:
    """One code: what it says and what to do. `…` stands where a text carries a figure."""

    code: str
    status: int
    zh: str
    en: str
    fix_zh: str
    fix_en: str


@dataclass(frozen=True)
class _Said:
    """One place that refuses: the class it raises by name, and the words given there."""

    code: str
    kind: str
    words: dict[str, str]


@cache
def problems() -> dict[str, Entry]:
    """code → entry, in the order of codes. Of several places with one code, the one that says most counts."""
    kinds = _kinds()
    said = [_Said(kind.code, name, {}) for name, kind in kinds.items()]
    for path in sorted(path for root in _ROOTS for path in root.rglob("*.py")):
        said.extend(_refusals(ast.parse(path.read_text(encoding="utf-8")), kinds))
    for code, zh, en in mapping.CONSTRAINTS.values():
        said.append(_Said(code, "Conflict", {"zh": zh, "en": en}))
    best: dict[str, _Said] = {}
    for one in said:
        if one.code not in best or len(one.words) > len(best[one.code].words):
            best[one.code] = one
    found = {code: _entry(one, kinds.get(one.kind) or _of_wire(one.kind)) for code, one in best.items()}
    found |= {
        other.code: Entry(other.code, other.status, other.zh, other.en, other.fix_zh, other.fix_en)
        for other in mapping.OTHERS
    }
    return dict(sorted(found.items()))


def _of_wire(kind: str) -> type[errors.GongxinError]:
    """What a refusal of shared code becomes here: an identifier's is a field at fault, a signature's a bad request."""
    return errors.Malformed if kind.endswith("Fault") else errors.Invalid


def _entry(said: _Said, kind: type[errors.GongxinError]) -> Entry:
    texts = {name: said.words.get(name) or getattr(kind, name) for name in _ORDER}
    return Entry(said.code, mapping.status_of_kind(kind), **texts)


def as_json() -> dict[str, dict[str, Any]]:
    return {code: asdict(entry) for code, entry in problems().items()}


def as_markdown() -> str:
    """The catalogue as a table, for reading in the repository."""
    lines = [
        "# 错误目录 The error catalogue",
        "",
        "由代码生成，请勿手改：`gongxin spec`。 Generated from the code by `gongxin spec`.",
        "",
        "| code | status | 含义 | 处理 | meaning | what to do |",
        "|---|---|---|---|---|---|",
    ]
    for entry in problems().values():
        cells = (f"`{entry.code}`", str(entry.status), entry.zh, entry.fix_zh, entry.en, entry.fix_en)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _kinds() -> dict[str, type[errors.GongxinError]]:
    """Every class of the tree of errors by name, those of packages included."""
    found: dict[str, type[errors.GongxinError]] = {}
    waiting: list[type[errors.GongxinError]] = [errors.GongxinError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind is not errors.GongxinError:
            found[kind.__name__] = kind
    return dict(sorted(found.items()))


def _refusals(tree: ast.Module, kinds: dict[str, Any]) -> Iterator[_Said]:
    makers = _makers(tree, kinds)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            kind, fixed = makers.get(name, (name, {}))
            for index, argument in enumerate(node.args):
                words = _words(node, index + 1)
                refuses = kind in kinds or name in makers or name.endswith(("Error", "Fault"))
                given = name in kinds and index == _place_of_code(kinds[name])
                if refuses and (given or ("zh" in words and name not in kinds)):
                    for code in _codes(argument):
                        yield _Said(code, kind, {**fixed, **words})


def _place_of_code(kind: type[errors.GongxinError]) -> int:
    """Which argument of the class is the code: the first, or the second where the first is OAuth's own word."""
    names = list(inspect.signature(kind).parameters)
    return names.index("code") if "code" in names else 0


def _makers(tree: ast.Module, kinds: dict[str, Any]) -> dict[str, tuple[str, dict[str, str]]]:
    """Small functions that make a refusal of a code they are given: name → class, and the words they always say."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and any(argument.arg == "code" for argument in function.args.args):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (_name(node.func) in kinds or _name(node.func).endswith("Error")):
                    codes = [i for i, argument in enumerate(node.args) if _name(argument) == "code"]
                    found[function.name] = (_name(node.func), _words(node, codes[0] + 1 if codes else 1))
    return found


def _words(node: ast.Call, start: int) -> dict[str, str]:
    """The words of a refusal: those named, and those that follow its code; Chinese ones are known by their script."""
    words: dict[str, str] = {}
    for name, argument in zip(_ORDER, node.args[start : start + 4], strict=False):
        text = _text(argument)
        if text and (name in {"en", "fix_en"} or _HAN.search(text)):
            words[name] = text
    named = {keyword.arg: _text(keyword.value) for keyword in node.keywords if keyword.arg in _ORDER}
    return {**words, **{name: text for name, text in named.items() if name and text}}


def _codes(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_codes(node.body), *_codes(node.orelse)]
    text = _text(node) if isinstance(node, ast.Constant) else ""
    return [text] if _CODE.fullmatch(text) else []


def _text(node: ast.expr) -> str:
    """A text as written; the figures of an f-string as `…`. Empty where it is computed."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return _text(node.body) if isinstance(node, ast.IfExp) else ""


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
