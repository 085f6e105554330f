"""Refusals of the OAuth endpoints: RFC 6749 section 5.2 `error`, with our own stable `code` beside it."""

from typing import Any

from gongxin.errors import GongxinError, Unauthenticated

from .jose import JoseFault


class OAuthRefusal(GongxinError):
    """`error` is the standard's word, `code` ours; `status` 400 or 401; `nonce` where another proof may succeed."""

    code = "invalid_request"
    fix_zh, fix_en = "请按 /docs 所述更正请求。", "Correct the request as /docs describes."

    def __init__(self, error: str, code: str, *, zh: str, en: str, status: int = 400, **kw: Any) -> None:
        super().__init__(code, zh=zh, en=en, **kw)
        self.error = error
        self.status = status

    def as_unauthenticated(self, nonce: str | None) -> Unauthenticated:
        """The same refusal at a resource (RFC 6750 section 3.1, RFC 9449 section 7.1)."""
        return Unauthenticated(
            self.code,
            oauth_error=self.error,
            nonce=nonce,
            zh=self.zh,
            en=self.en,
            fix_zh=self.fix_zh,
            fix_en=self.fix_en,
        )


def unreadable(code: str, zh: str, en: str) -> OAuthRefusal:
    return OAuthRefusal("invalid_request", code, zh=zh, en=en)


def not_the_client(code: str, zh: str, en: str) -> OAuthRefusal:
    """Client authentication failed. What an unknown client would hear, a wrong key hears too."""
    return OAuthRefusal("invalid_client", code, zh=zh, en=en, status=401)


def unproved(code: str, zh: str, en: str) -> OAuthRefusal:
    return OAuthRefusal("invalid_dpop_proof", code, zh=zh, en=en)


def assertion_fault(fault: JoseFault) -> OAuthRefusal:
    return not_the_client(fault.code, fault.zh, fault.en)


def proof_fault(fault: JoseFault) -> OAuthRefusal:
    return unproved(fault.code, fault.zh, fault.en)
