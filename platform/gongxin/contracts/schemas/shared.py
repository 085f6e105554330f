"""Fields of one's own, and shapes that more than one part uses."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from ..standard import rules as standard

RFC3339: dict[str, Any] = {"format": "date-time"}
UUID: dict[str, Any] = {"format": "uuid"}
_UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_DAY_PATTERN = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
DAY: dict[str, Any] = {"format": "date"}
TEXT = "^[^\\x00]*$"
SHA256 = "^[0-9a-f]{64}$"
OBJECT: dict[str, Any] = {"type": "object"}
_END = "(?!\n)"


class Day(fields.Date):
    """YYYY-MM-DD and no other of ISO 8601's forms."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(format="iso", metadata={"pattern": _DAY_PATTERN}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> date:
        if not isinstance(value, str) or len(value) != 10:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        found: date = super()._deserialize(value, attr, data, **kw)
        return found


class Identifier(fields.UUID):
    """A UUID as the registry writes it."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(metadata={"pattern": _UUID_PATTERN}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Any:
        if not isinstance(value, str) or len(value) != 36 or value != value.lower():
            raise self.make_error("invalid_uuid")
        return super()._deserialize(value, attr, data, **kw)


class Whole(fields.Field[Any]):
    """Left to the rules, which say in both languages what a whole number of basis points or fen is."""


def pattern(form: str, **kw: Any) -> fields.String:
    return fields.String(validate=validate.Regexp(form + _END), metadata={"pattern": form}, **kw)


def text(most: int, **kw: Any) -> fields.String:
    checks = [validate.Length(1, most), validate.ContainsNoneOf("\0")]
    return fields.String(validate=checks, metadata={"pattern": TEXT}, **kw)


def word(words: Any, **kw: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words), **kw)


def number(least: int, most: int, **kw: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(least, most), **kw)


def free(**kw: Any) -> fields.Raw:
    """An object whose shape the rules check."""
    return fields.Raw(metadata=OBJECT, **kw)


def listed(inner: Any, **kw: Any) -> fields.List[Any]:
    return fields.List(inner, **({"required": True} | kw))


# --- fields of answers ----------------------------------------------------------------------------------------------


def an_id(**kw: Any) -> fields.String:
    return fields.String(**({"required": True} | kw), metadata=UUID)


def a_day(**kw: Any) -> fields.String:
    return fields.String(**({"required": True} | kw), metadata=DAY)


def a_moment(**kw: Any) -> fields.String:
    return fields.String(**({"required": True} | kw), metadata=RFC3339)


def a_text(**kw: Any) -> fields.String:
    return fields.String(**({"required": True} | kw))


def a_number(**kw: Any) -> fields.Integer:
    return fields.Integer(**({"required": True} | kw))


def a_hash(**kw: Any) -> fields.String:
    return fields.String(**({"required": True} | kw), metadata={"pattern": SHA256})


def nested(schema: Any, **kw: Any) -> fields.Nested:
    return fields.Nested(schema, **({"required": True} | kw))


class Both(Schema):
    zh = text(standard.MAX_TEXT, required=True)
    en = text(standard.MAX_TEXT, required=True)


class PageIn(Schema):
    cursor = fields.String(validate=[validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


def page_of(name: str, schema: Any) -> Any:
    """A page of them, with where the next one begins."""
    return Schema.from_dict({"items": listed(fields.Nested(schema)), "next_cursor": a_text(allow_none=True)}, name=name)


def items_of(name: str, schema: Any) -> Any:
    """All of them."""
    return Schema.from_dict({"items": listed(fields.Nested(schema))}, name=name)
