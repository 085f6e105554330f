"""The documentation as a page: the OpenAPI document turned into what a template can print. No script is needed."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from .permissions import SCOPES
from .samples import resolve

KINDS = {
    "bank": "银行",
    "court": "法院",
    "agency": "催收机构",
    "mediator": "调解组织",
    "regulator": "监管部门",
    "association": "行业协会",
}
_MAX_DEPTH = 6
_NAMES = {"format": "格式", "pattern": "模式", "minimum": "≥", "maximum": "≤", "default": "默认"}


@dataclass(frozen=True)
class Row:
    """A member of a schema, or a parameter, in one line of a table."""

    depth: int
    name: str
    kind: str
    required: bool
    rules: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Body:
    """A request or answer: its media type, its members, an example."""

    media: str
    rows: list[Row]
    example: str


@dataclass(frozen=True)
class Outcome:
    """A status with what comes with it."""

    status: str
    zh: str
    en: str
    bodies: list[Body]


@dataclass
class Operation:
    anchor: str
    method: str
    path: str
    zh: str
    en: str
    paragraphs: list[str]
    scope: str | None
    scope_zh: str
    kinds: list[str]
    everyone: bool
    marks: dict[str, Any]
    deprecated: bool
    parameters: list[Row]
    request: list[Body]
    success: list[Outcome]
    refusals: list[Outcome]


@dataclass
class Group:
    """The operations of one tag."""

    anchor: str
    zh: str
    en: str
    operations: list[Operation] = field(default_factory=list)


def groups(document: dict[str, Any]) -> list[Group]:
    """Tags in the order of the document, each with its operations."""
    found = {}
    for tag in document["tags"]:
        zh, en = _languages(tag.get("description") or tag["name"])
        found[tag["name"]] = Group(f"tag-{tag['name']}", zh, en)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            found[operation["tags"][0]].operations.append(_operation(document, path, method, operation))
    return [group for group in found.values() if group.operations]


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Operation:
    zh, en = _languages(operation["summary"])
    marks = operation["x-gongxin"]
    scope = operation["security"][0]["oauth2"][0] if operation["security"] else None
    # The last paragraph tells of scope and kinds, which the page shows in its own way.
    paragraphs = operation["description"].split("\n\n")[:-1]
    outcomes = [_outcome(document, status, answer) for status, answer in operation["responses"].items()]
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        zh=zh,
        en=en,
        paragraphs=paragraphs,
        scope=scope,
        scope_zh=SCOPES[scope][0] if scope else "",
        kinds=[KINDS[kind] for kind in KINDS if kind in marks["kinds"]],
        everyone=len(marks["kinds"]) == len(KINDS),
        marks=marks,
        deprecated=operation.get("deprecated", False),
        parameters=[_parameter(document, parameter) for parameter in operation["parameters"]],
        request=_bodies(document, operation.get("requestBody", {}).get("content", {})),
        success=[outcome for outcome in outcomes if outcome.status < "400"],
        refusals=[outcome for outcome in outcomes if outcome.status >= "400"],
    )


def _outcome(document: dict[str, Any], status: str, answer: dict[str, Any]) -> Outcome:
    found = resolve(document, answer)
    zh, en = _languages(found["description"])
    return Outcome(status, zh, en, _bodies(document, found.get("content", {})))


def _bodies(document: dict[str, Any], contents: dict[str, Any]) -> list[Body]:
    return [
        Body(media, rows(document, content["schema"]), _printed(content.get("example")))
        for media, content in contents.items()
    ]


def _printed(example: Any) -> str:
    if example is None or isinstance(example, str):
        return example or ""
    return json.dumps(example, ensure_ascii=False, indent=2)


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> Row:
    found = resolve(document, parameter)
    schema = resolve(document, found.get("schema", {}))
    place = {"query": "查询", "path": "路径", "header": "请求头"}[found["in"]]
    text = found.get("description") or schema.get("description", "")
    return Row(0, found["name"], f"{_kind(schema)} · {place}", found.get("required", False), _rules(schema), text)


def rows(document: dict[str, Any], schema: dict[str, Any]) -> list[Row]:
    """The members of a schema, those inside one deeper by a step."""
    return _members(document, schema, 0)


def _members(document: dict[str, Any], schema: dict[str, Any], depth: int) -> list[Row]:
    found = resolve(document, schema)
    if found.get("type") == "array" and "items" in found:
        return _members(document, found["items"], depth)
    lines: list[Row] = []
    if depth > _MAX_DEPTH:
        return lines
    required = set(found.get("required", ()))
    for name, part in found.get("properties", {}).items():
        member = resolve(document, part)
        text = part.get("description") or member.get("description", "")
        lines.append(Row(depth, name, _kind(member, document), name in required, _rules(member, document), text))
        lines.extend(_members(document, member, depth + 1))
    for alternative in (*found.get("oneOf", ()), *found.get("anyOf", ()), *found.get("allOf", ())):
        lines.extend(_members(document, alternative, depth))
    return lines


def _kind(schema: dict[str, Any], document: dict[str, Any] | None = None) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "any")
    nullable = isinstance(kind, list) and "null" in kind
    names = [one for one in kind if one != "null"] if isinstance(kind, list) else [kind]
    if names == ["array"] and "items" in schema:
        items = resolve(document, schema["items"]) if document else schema["items"]
        names = [f"{_kind(items, document)}[]"]
    return " | ".join([*names, *(["null"] if nullable else [])])


def _rules(schema: dict[str, Any], document: dict[str, Any] | None = None) -> tuple[str, ...]:
    """Bounds of a value in the fewest words."""
    said = []
    if schema.get("enum"):
        said.append(" | ".join("null" if value is None else str(value) for value in schema["enum"]))
    for name, words in _NAMES.items():
        if name in schema:
            said.append(f"{words} {schema[name]}")
    for least, most, unit in (("minLength", "maxLength", "字符"), ("minItems", "maxItems", "项")):
        if least in schema or most in schema:
            said.append(f"{schema.get(least, 0)}–{schema.get(most, '')} {unit}")
    if schema.get("type") == "array" and "items" in schema:
        items = resolve(document, schema["items"]) if document else schema["items"]
        if "properties" not in items:
            said.extend(_rules(items, document))
    return tuple(said)


def ticks(text: str) -> Markup:
    """`code` in backticks as code, the rest escaped: a filter of the templates."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else escape(part) for n, part in enumerate(parts)
    )


def _languages(text: str) -> tuple[str, str]:
    """中文 English: at the first word that starts after the last Chinese character."""
    match = re.fullmatch(r"(.*[\u3400-\u9fff。、：，；（）〔〕“”]\S*)\s+(.*)", text.strip(), re.DOTALL)
    return (match[1], match[2]) if match else (text, "")
