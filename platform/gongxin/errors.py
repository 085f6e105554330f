"""The one tree of errors. It knows nothing of HTTP; `web/problems.py` maps each class to a status.

Every error carries a stable `code`, a Chinese and an English title, what to do about it (`fix`, both languages), and
the JSON pointer of the field where there is one. Detail texts never repeat a value the caller sent.
"""

from collections.abc import Mapping
from typing import Any


class GongxinError(Exception):
    """Base of all refusals. Subclasses fix the kind; each raise names the particular `code`."""

    code = "error"
    zh = "请求被拒绝"
    en = "The request was refused"
    fix_zh = "请按说明更正后重试。"
    fix_en = "Correct the request as described and try again."

    def __init__(
        self,
        code: str | None = None,
        *,
        zh: str | None = None,
        en: str | None = None,
        fix_zh: str | None = None,
        fix_en: str | None = None,
        pointer: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.code = code or type(self).code
        self.zh = zh or type(self).zh
        self.en = en or type(self).en
        self.fix_zh = fix_zh or type(self).fix_zh
        self.fix_en = fix_en or type(self).fix_en
        self.pointer = pointer
        self.extra = dict(extra or {})
        super().__init__(f"{self.code}: {self.en}")


class Malformed(GongxinError):
    """The request cannot be read at all: syntax, encoding, depth."""

    code = "malformed"
    zh, en = "请求无法解析", "The request cannot be read"


class UnsupportedMediaType(Malformed):
    """The body is of a type this operation does not read."""

    code = "unsupported_media_type"
    zh, en = "不支持的内容类型", "This content type is not supported"
    fix_zh, fix_en = "请使用文档所列的 Content-Type。", "Use the Content-Type that the documentation names."


class Invalid(GongxinError):
    """The request reads, but a value is not acceptable. `faults` lists further fields."""

    code = "invalid"
    zh, en = "字段不符合要求", "A field is not acceptable"

    def __init__(self, code: str | None = None, *, faults: list[dict[str, str]] | None = None, **kw: Any) -> None:
        super().__init__(code, **kw)
        if faults:
            self.extra["errors"] = faults


def bad_field(pointer: str, zh: str, en: str) -> Invalid:
    """One field is not of its documented form; `zh` and `en` say what the form is."""
    return Invalid(
        "invalid_field",
        zh=zh,
        en=en,
        fix_zh="按接口文档更正该字段。",
        fix_en="Correct the field as the documentation says.",
        pointer=pointer,
    )


class Unauthenticated(GongxinError):
    """Who asks is not known. `scheme`, `oauth_error` feed the WWW-Authenticate header (RFC 6750 section 3); an empty
    `oauth_error` where nothing was sent to find fault with."""

    code = "unauthenticated"
    zh, en = "身份未确认", "The caller is not authenticated"
    fix_zh, fix_en = "请携带有效的访问令牌。", "Send a valid access token."

    def __init__(
        self,
        code: str | None = None,
        *,
        oauth_error: str = "invalid_token",
        nonce: str | None = None,
        scheme: str = "DPoP",
        **kw: Any,
    ) -> None:
        super().__init__(code, **kw)
        self.oauth_error = oauth_error
        self.scheme = scheme
        self.nonce = nonce


class Forbidden(GongxinError):
    """The caller is known and may not do this."""

    code = "forbidden"
    zh, en = "无权进行此操作", "The caller may not do this"
    fix_zh, fix_en = "请核对令牌的范围、用途与协议。", "Check the token's scope and purpose, and the agreement."


class NotFound(GongxinError):
    """No such thing, or not the caller's: the two are never told apart."""

    code = "not_found"
    zh, en = "未找到", "Not found"
    fix_zh, fix_en = (
        "请核对编号；不属于本机构的记录同样显示未找到。",
        "Check the identifier; another's record reads the same.",
    )


class Conflict(GongxinError):
    """The state of things does not allow it."""

    code = "conflict"
    zh, en = "与当前状态冲突", "It conflicts with the current state"


class Stale(GongxinError):
    """If-Match named a version that is no longer current."""

    code = "stale_version"
    zh, en = "记录已被他人更新", "The record has changed since it was read"
    fix_zh, fix_en = "请重新读取后再提交。", "Read the record again and resubmit with its ETag."


class PreconditionRequired(GongxinError):
    """An update without If-Match."""

    code = "if_match_required"
    zh, en = "缺少 If-Match", "If-Match is missing"
    fix_zh, fix_en = "请携带读取时得到的 ETag。", "Send the ETag of the version you read."


class TooLarge(GongxinError):
    """Body, batch or header over its limit."""

    code = "too_large"
    zh, en = "内容超过上限", "The content is over its limit"
    fix_zh, fix_en = "请分批提交。", "Split it into smaller parts."


class UrlTooLong(TooLarge):
    """Path and query over their limit."""

    code = "url_too_long"
    zh, en = "地址过长", "The URL is too long"
    fix_zh, fix_en = "请缩短查询参数。", "Shorten the query."


class HeadersTooLarge(TooLarge):
    """The headers together over their limit."""

    code = "headers_too_large"
    zh, en = "请求头过大", "The headers are too large"
    fix_zh, fix_en = "请减少或缩短请求头。", "Send fewer or shorter headers."


class TooMany(GongxinError):
    """Over a rate or a budget. `retry_after` in seconds."""

    code = "too_many_requests"
    zh, en = "请求过多", "Too many requests"
    fix_zh, fix_en = "请在 Retry-After 所示秒数之后重试。", "Try again after the seconds in Retry-After."

    def __init__(self, code: str | None = None, *, retry_after: int, **kw: Any) -> None:
        super().__init__(code, **kw)
        self.retry_after = retry_after


class Unavailable(GongxinError):
    """Nothing can be said now; never to be read as an answer."""

    code = "unavailable"
    zh, en = "服务暂不可用", "The service is not available now"
    fix_zh, fix_en = "请稍后用同一 Idempotency-Key 重试。", "Try again shortly, with the same Idempotency-Key."


class ConfigError(Exception):
    """The configuration is unsafe or incomplete; the message lists every fault by variable name."""
