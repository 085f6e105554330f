"""Fields that every schema of the fund uses, each in the one form that is documented."""

import re
from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate

from .ledger import rules

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
UUID = {"format": "uuid"}
RFC3339 = {"format": "date-time"}
HASH = {"pattern": "^[0-9a-f]{64}$"}
OFFICER: dict[str, Any] = {
    "required": True,
    "validate": validate.Length(1, 128),
    "metadata": {"description": "姓名或工号 name or number of the person who acts; one spelling counts"},
}


def pattern(form: str, longest: int, **kw: Any) -> fields.String:
    checks = [validate.Length(1, longest), validate.Regexp(form.removesuffix("$") + r"\Z")]
    return fields.String(validate=checks, metadata={"pattern": form}, **kw)


def fen(least: int = 1, **kw: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(least, rules.MAX_FEN), **kw)


def account_code(**kw: Any) -> fields.String:
    return pattern(rules.CODE_PATTERN, 31, **kw)


def words(longest: int, **kw: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, longest), **kw)


def choice(choices: Sequence[str], **kw: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(choices), **kw)


class Day(fields.Date):
    """A day of the calendar in the one form documented: 31 February is refused, and so is 20260228."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or _DAY.fullmatch(value) is None:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(fields.Boolean):
    """true or false, and no other word for them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


CURSOR = [validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$(?!\n)")]
