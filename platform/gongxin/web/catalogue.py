"""The error catalogue: every code the registry can answer, read from the calls that raise it."""

import ast
from functools import cache
from pathlib import Path

from gongxin import errors

_KINDS = {name for name, value in vars(errors).items() if isinstance(value, type)}


@cache
def problems() -> dict[str, dict[str, str]]:
    """code → {zh, en, kind}. Built from the source, so that no code is undocumented."""
    found: dict[str, dict[str, str]] = {}
    for name in sorted(_KINDS):
        kind = getattr(errors, name)
        if issubclass(kind, errors.GongxinError):
            found[kind.code] = {"kind": name, "zh": kind.zh, "en": kind.en}
    for path in sorted(Path(__file__).resolve().parents[1].rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in _KINDS and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    words = {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
                    kind = getattr(errors, _name(node.func))
                    found[first.value] = {
                        "kind": kind.__name__,
                        "zh": str(words.get("zh", getattr(kind, "zh", ""))),
                        "en": str(words.get("en", getattr(kind, "en", ""))),
                    }
    return found


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
