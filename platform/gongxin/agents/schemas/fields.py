"""Fields of one's own: what a day, an identifier and a text look like on the wire."""

from datetime import date
from typing import Any

from marshmallow import fields, validate

RFC3339 = {"format": "date-time"}
UUID: dict[str, Any] = {"format": "uuid"}
_UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_DAY_PATTERN = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
DAY_OUT = {"format": "date"}
TEXT = "^[^\\x00]*$"
SHA256 = "^[0-9a-f]{64}$"
REFERENCE = "^[0-9A-Za-z-]{1,32}$"
END = "(?!\n)"


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


def pattern(form: str, **kw: Any) -> fields.String:
    return fields.String(validate=validate.Regexp(form + END), metadata={"pattern": form}, **kw)


def text(most: int, **kw: Any) -> fields.String:
    checks = [validate.Length(1, most), validate.ContainsNoneOf("\0")]
    return fields.String(validate=checks, metadata={"pattern": TEXT}, **kw)


def word(words: Any, **kw: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words), **kw)
