"""What every request must satisfy before a view sees it: size, encoding, depth, no repeated names, no personal data."""

import json
from typing import Any

from flask import Request

from gongxin.errors import Invalid, Malformed, TooLarge
from gongxin.pii import refuse_pii

_MAX_URL = 4096
_MAX_HEADER = 16 * 1024


def check_request_line(request: Request) -> None:
    """URL and header sizes; no personal data in path or query, where logs and proxies would keep it."""
    target = request.full_path
    if len(target) > _MAX_URL:
        raise TooLarge(
            "url_too_long", zh="地址过长", en="The URL is too long", fix_zh="缩短查询参数。", fix_en="Shorten it."
        )
    if sum(len(value) for _, value in request.headers) > _MAX_HEADER:
        raise TooLarge("header_too_large", zh="请求头过长", en="The headers are too long")
    if "\0" in request.path:
        raise Malformed("nul_in_path", zh="地址含有空字符", en="The path carries a NUL character")
    refuse_pii(request.path, "#path")
    for name, values in request.args.lists():
        if len(values) > 1:
            raise Invalid(
                "repeated_parameter", zh="查询参数重复", en="A query parameter is repeated", pointer=f"/{name}"
            )
        refuse_pii(values[0], f"/{name}")


def read_json(request: Request, max_bytes: int, max_depth: int, *, walk: bool = True) -> Any:
    """The body as JSON. Refuses other types, non-UTF-8, NaN, repeated names, deep nesting, NUL and personal data."""
    if request.mimetype not in {"application/json", ""} and not request.mimetype.endswith("+json"):
        raise Malformed(
            "not_json",
            zh="请求体必须是 application/json",
            en="The body must be application/json",
            fix_zh="设置 Content-Type: application/json。",
            fix_en="Set Content-Type: application/json.",
        )
    raw = read_body(request, max_bytes)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise Malformed("not_utf8", zh="请求体不是 UTF-8", en="The body is not UTF-8") from fault
    value = parse_json(text, max_depth)
    if walk:
        refuse_pii(value)
    return value


def read_body(request: Request, max_bytes: int) -> bytes:
    if (request.content_length or 0) > max_bytes:
        raise TooLarge("body_too_large", fix_zh=f"上限 {max_bytes} 字节。", fix_en=f"The limit is {max_bytes} bytes.")
    raw = request.get_data(cache=True)
    if len(raw) > max_bytes:
        raise TooLarge("body_too_large", fix_zh=f"上限 {max_bytes} 字节。", fix_en=f"The limit is {max_bytes} bytes.")
    return raw


def parse_json(text: str, max_depth: int) -> Any:
    """Strict JSON: depth is counted before parsing, so that nesting cannot exhaust the parser."""
    depth = deepest = 0
    if text.count("[") + text.count("{") > max_depth:
        in_string = escaped = False
        for char in text:
            if in_string:
                if escaped:
                    escaped = False
                elif char == "\\":
                    escaped = True
                elif char == '"':
                    in_string = False
            elif char == '"':
                in_string = True
            elif char in "[{":
                depth += 1
                deepest = max(deepest, depth)
            elif char in "]}":
                depth -= 1
    if deepest > max_depth:
        raise Malformed("too_deep", zh="JSON 嵌套过深", en="The JSON is nested too deeply", fix_en="Flatten it.")
    try:
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constants)
    except (ValueError, RecursionError) as fault:
        raise Malformed("bad_json", zh="JSON 无法解析", en="The JSON cannot be parsed") from fault
    if "\\u0000" in text or "\\ud" in text.lower():
        _refuse_unstorable(value)
    return value


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise Invalid("unstorable_text", zh="文本含有空字符或残缺字符", en="A text carries NUL or half a character")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated")
    return found


def _no_constants(_name: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
