"""JSON schemas of the document: references followed, request bodies closed, an example made where none is given."""

from collections.abc import Iterator
from typing import Any

_FORMATS = {
    "uuid": "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f",
    "date": "2026-11-24",
    "date-time": "2026-11-24T02:00:00.000Z",
    "uri": "https://registry.example",
}


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema a reference stands for."""
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def inner(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas directly inside one."""
    yield from schema.get("properties", {}).values()
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield schema[name]
    for name in ("oneOf", "anyOf", "allOf", "prefixItems"):
        yield from schema.get(name, ())


def close(document: dict[str, Any], schema: dict[str, Any], seen: tuple[int, ...] = ()) -> None:
    """Says what the registry does: an object with unknown members is refused."""
    found = resolve(document, schema)
    if id(found) in seen:
        return
    if "properties" in found and "allOf" not in found:
        found.setdefault("additionalProperties", False)
    for part in inner(found):
        close(document, part, (*seen, id(found)))


def of(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """An example by examples of its parts, enumerations, formats and bounds."""
    found = resolve(document, schema)
    if "example" in found:
        return found["example"]
    if "const" in found:
        return found["const"]
    if found.get("examples"):
        return found["examples"][0]
    if found.get("enum"):
        return found["enum"][0]
    if "default" in found:
        return found["default"]
    for name in ("oneOf", "anyOf", "allOf"):
        if found.get(name):
            return of(document, found[name][0], depth)
    return _by_type(document, found, depth)


def _by_type(document: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object":
        parts = schema.get("properties", {}) if depth < 8 else {}
        return {name: of(document, part, depth + 1) for name, part in parts.items()}
    if kind == "array":
        return [of(document, schema["items"], depth + 1)] if "items" in schema and depth < 8 else []
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    if "format" in schema:
        return _FORMATS.get(schema["format"], "…")
    return "text"[: schema.get("maxLength", 4)].ljust(schema.get("minLength", 0), "x")
