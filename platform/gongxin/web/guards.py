"""What every request must satisfy before a view sees it: size, encoding, depth, no repeated names, no personal data."""

import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from gongxin.errors import HeadersTooLarge, Invalid, Malformed, TooLarge, UnsupportedMediaType, UrlTooLong
from gongxin.pii import refuse_pii

MAX_URL = 4096
MAX_HEADERS = 16 * 1024

# A path of these alone holds no number of any kind, nor a licence plate.
_NO_DIGITS = re.compile(r"[A-Za-z/_.-]*")
# A JSON text; an unfinished one reaches the end, so that no start is tried twice.
_JSON_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def check_request_line(request: Request) -> None:
    """URL and header sizes; no personal data in path or query, where logs and proxies would keep it."""
    environ = request.environ
    path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
    if len(path) + len(query) > MAX_URL:
        raise UrlTooLong
    if sum([len(value) for name, value in environ.items() if name.startswith("HTTP_")]) > MAX_HEADERS:
        raise HeadersTooLarge
    if not _NO_DIGITS.fullmatch(path):
        _check_encoding(path.encode("latin-1"))
        for segment in request.path.split("/"):
            refuse_pii(segment, "#path")
    if query:
        _check_encoding(unquote_to_bytes(query.encode("latin-1")))
        _check_query(request)


def _check_encoding(raw: bytes) -> None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise Malformed(
            "url_not_utf8",
            zh="地址不是 UTF-8",
            en="The URL is not UTF-8",
            fix_zh="先按 UTF-8 编码，再作百分号转义。",
            fix_en="Encode as UTF-8, then percent-encode.",
        ) from fault
    if "\0" in text:
        raise Malformed(
            "nul_in_url",
            zh="地址含有空字符",
            en="The URL carries a NUL character",
            fix_zh="删除 %00。",
            fix_en="Remove %00.",
        )


def _check_query(request: Request) -> None:
    for name, values in request.args.lists():
        refuse_pii(name, "#query")
        if len(values) > 1:
            raise Invalid(
                "repeated_parameter",
                zh="查询参数重复",
                en="A query parameter is repeated",
                fix_zh="每个参数只给一次。",
                fix_en="Give each parameter once.",
                pointer=f"/{name}",
            )
        refuse_pii(values[0], f"/{name}")


def read_json(request: Request, max_bytes: int, max_depth: int, *, walk: bool = True) -> Any:
    """The body as JSON. Refuses other types, non-UTF-8, NaN, repeated names, deep nesting, NUL and personal data."""
    if request.mimetype not in {"application/json", ""}:
        raise UnsupportedMediaType(
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
        raise Malformed(
            "not_utf8",
            zh="请求体不是 UTF-8",
            en="The body is not UTF-8",
            fix_zh="将内容转为 UTF-8 后提交。",
            fix_en="Convert the content to UTF-8.",
        ) from fault
    value = parse_json(text, max_depth)
    if walk:
        refuse_pii(value)
    return value


def read_body(request: Request, max_bytes: int) -> bytes:
    """The body, never more than the limit in memory: chunked ones too, which do not say their length.

    One byte more is let through: Werkzeug ends a chunked body at its limit without a word, and half would pass for all.
    """
    request.max_content_length = max_bytes + 1
    try:
        raw = request.get_data(cache=True)
    except RequestEntityTooLarge as fault:
        raise body_too_large(max_bytes) from fault
    if len(raw) > max_bytes:
        raise body_too_large(max_bytes)
    return raw


def body_too_large(max_bytes: int) -> TooLarge:
    return TooLarge(
        "body_too_large",
        zh="请求体超过上限",
        en="The body is over its limit",
        fix_zh=f"请分批提交；上限 {max_bytes} 字节。",
        fix_en=f"Split it into smaller parts; the limit is {max_bytes} bytes.",
    )


def parse_json(text: str, max_depth: int) -> Any:
    """Strict JSON: depth is counted before parsing, so that nesting cannot exhaust the parser."""
    if text.count("[") + text.count("{") > max_depth and _depth(text, max_depth) > max_depth:
        raise Malformed(
            "too_deep",
            zh="JSON 嵌套过深",
            en="The JSON is nested too deeply",
            fix_zh=f"减少嵌套；最多 {max_depth} 层。",
            fix_en=f"Flatten it; at most {max_depth} levels.",
        )
    try:
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constants, parse_float=_finite)
    except (ValueError, RecursionError) as fault:
        raise Malformed(
            "bad_json",
            zh="JSON 无法解析",
            en="The JSON cannot be parsed",
            fix_zh="按 RFC 8259 书写；名称不得重复。",
            fix_en="Write it as RFC 8259 has it; names are not repeated.",
        ) from fault
    if "\\u0000" in text or "\\ud" in text.lower():
        _refuse_unstorable(value)
    return value


def _depth(text: str, enough: int) -> int:
    """How deep brackets outside texts nest; stops counting past `enough`."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_JSON_TEXT.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > deepest:
            deepest = depth
            if deepest > enough:
                break
    return deepest


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise Invalid(
                "unstorable_text",
                zh="文本含有空字符或残缺字符",
                en="A text carries NUL or half a character",
                fix_zh="删除空字符；代理项须成对。",
                fix_en="Remove NUL; surrogates come in pairs.",
            )
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


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("a number is out of range")
    return value


def _no_constants(_name: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
