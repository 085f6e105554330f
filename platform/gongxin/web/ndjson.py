"""NDJSON: up to ten thousand lines in a request, each as strictly as a single body, each with its own outcome.

A line is read by orjson where that is as strict as `guards.parse_json`: the number of quotation marks tells whether a
name was repeated. Everything else is read again the slow way, which names the fault.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Request

from gongxin.config import Config
from gongxin.errors import GongxinError, Invalid, Malformed, TooLarge, UnsupportedMediaType

from . import guards
from .blueprint import Answer

MAX_LINES = 10_000
MAX_LINE_BYTES = 16_384
NDJSON = "application/x-ndjson"


def split(request: Request, config: Config) -> list[bytes]:
    """The lines of an NDJSON body. Raises Malformed, Invalid or TooLarge for the body as a whole."""
    if request.mimetype not in {NDJSON, "application/ndjson", "application/jsonl"}:
        raise UnsupportedMediaType(
            "not_ndjson",
            zh="请求体必须是 application/x-ndjson",
            en="The body must be application/x-ndjson",
            fix_zh="设置 Content-Type: application/x-ndjson，每行一个 JSON 对象。",
            fix_en="Set Content-Type: application/x-ndjson, one JSON object a line.",
        )
    lines = guards.read_body(request, config.max_body_bytes).split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    if not lines:
        raise Invalid("no_lines", zh="没有任何行", en="There are no lines", fix_zh="每行一个 JSON 对象。",
                      fix_en="Send one JSON object a line.")  # fmt: skip
    if len(lines) > MAX_LINES:
        raise TooLarge("too_many_lines", zh="行数超过上限", en="Too many lines", fix_zh=f"每次至多 {MAX_LINES} 行。",
                       fix_en=f"At most {MAX_LINES} lines at a time.")  # fmt: skip
    return lines


def parse(line: bytes, max_depth: int) -> Any:
    """One line's JSON, as strict as `guards.read_json`. Raises the GongxinError that the line's problem tells."""
    if len(line) > MAX_LINE_BYTES:
        raise TooLarge("line_too_long", zh="该行过长", en="The line is too long",
                       fix_zh=f"每行至多 {MAX_LINE_BYTES} 字节。",
                       fix_en=f"At most {MAX_LINE_BYTES} bytes a line.")  # fmt: skip
    try:
        value = orjson.loads(line)
        if line.count(b'"') == _quotes(value) and b"\\u0000" not in line:
            return value
    except (ValueError, TypeError, AttributeError):
        pass
    if not line.strip():
        raise Malformed("empty_line", zh="该行为空", en="The line is empty", fix_zh="删除空行。", fix_en="Remove it.")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise Malformed("not_utf8", zh="请求体不是 UTF-8", en="The body is not UTF-8") from fault
    value = guards.parse_json(text, max_depth)
    if type(value) is not dict:
        raise Malformed("not_an_object", zh="该行不是 JSON 对象", en="The line is not a JSON object",
                        fix_zh="每行一个 JSON 对象。", fix_en="One JSON object a line.")  # fmt: skip
    return value


def _quotes(value: Any) -> int:
    """Quotation marks of an object as it is written without escapes; anything else raises or differs."""
    if type(value) is not dict:
        return -1
    marks = 0
    for item in value.values():
        if type(item) is str:
            marks += 4
        elif type(item) is list:
            marks += 2
            for entry in item:
                marks += 2 * len(entry)
                for inner in entry.values():
                    if type(inner) is str:
                        marks += 2
                    elif type(inner) is not int:
                        return -1
        elif item is None or type(item) is int:
            marks += 2
        else:
            return -1
    return marks


def problem(error: GongxinError) -> dict[str, Any]:
    """What went wrong with one line, in the words of a problem."""
    return {
        "code": error.code,
        "title": error.zh,
        "title_en": error.en,
        "fix": error.fix_zh,
        "fix_en": error.fix_en,
        "pointer": error.pointer or "",
        **{name: value for name, value in error.extra.items() if name != "errors"},
    }


def schema(example: dict[str, Any]) -> dict[str, Any]:
    """How a body of lines is documented."""
    return {
        "type": "string",
        "minLength": 1,
        "description": f"至多 {MAX_LINES} 行，每行一个 JSON 对象。 Up to {MAX_LINES} lines, one JSON object each.",
        "example": orjson.dumps(example).decode() + "\n",
    }


def answered(accepted: dict[str, Any], refused: dict[str, Any]) -> dict[str, Any]:
    """How an answer in lines is documented: what an accepted line says beside its number, and a `problem`."""
    told = ({"line": 1} | accepted, {"line": 2, "status": "refused", "problem": refused})
    return {
        "type": "string",
        "description": "每行对应请求的一行；未接受者附 problem。 A line for a line; where refused, a problem.",
        "example": "".join(orjson.dumps(line).decode() + "\n" for line in told),
    }


def answer(rows: Iterable[dict[str, Any]]) -> Answer:
    """A line for a line."""
    return Answer(raw=b"".join([orjson.dumps(row) + b"\n" for row in rows]), mimetype=NDJSON)
