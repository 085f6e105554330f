"""Refusals of the OAuth endpoints. `error` is the word of RFC 6749 section 5.2 and its successors, `code` our own."""

from typing import Any

from gongxin.errors import GongxinError, Unauthenticated


class OAuthRefusal(GongxinError):
    """`invalid_request`, status 400; subclasses say otherwise."""

    code = "invalid_request"
    error = "invalid_request"
    fix_zh, fix_en = "请按 /docs 所述更正令牌请求。", "Correct the token request as /docs describes."

    def __init__(self, code: str, zh: str, en: str, **kw: Any) -> None:
        super().__init__(code, zh=zh, en=en, **kw)

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


class ClientRefused(OAuthRefusal):
    """Client authentication failed: 401. What an unknown client hears, a wrong key hears too."""

    code = error = "invalid_client"
    fix_zh, fix_en = "请核对 client_id、密钥与断言。", "Check client_id, key and assertion."


class ClientNotAllowed(OAuthRefusal):
    """The client is known and may not do this."""

    code = error = "unauthorized_client"
    fix_zh, fix_en = "请联系协会。", "Ask the association."


class GrantTypeRefused(OAuthRefusal):
    code = error = "unsupported_grant_type"


class ScopeRefused(OAuthRefusal):
    code = error = "invalid_scope"
    fix_zh, fix_en = (
        "只申请客户端已登记的范围，以单个空格分隔。",
        "Ask for scopes of the client, separated by single spaces.",
    )


class TargetRefused(OAuthRefusal):
    """RFC 8707 section 2."""

    code = error = "invalid_target"


class DetailsRefused(OAuthRefusal):
    """RFC 9396 section 5."""

    code = error = "invalid_authorization_details"
    fix_zh = "authorization_details 须写明 gongxin_lookup、用途与数据类型，并在会员协议之内。"
    fix_en = "authorization_details names gongxin_lookup, purpose and data types, within the member's agreement."


class ProofRefused(OAuthRefusal):
    """RFC 9449 section 5."""

    code = error = "invalid_dpop_proof"
    fix_zh, fix_en = "为每个请求重新签署 DPoP 证明。", "Sign a new DPoP proof for each request."


class NonceWanted(OAuthRefusal):
    """RFC 9449 section 8: another proof, with the nonce of the DPoP-Nonce header, will do."""

    code = error = "use_dpop_nonce"
    fix_zh, fix_en = "用 DPoP-Nonce 头中的值重新签名。", "Sign again with the value of the DPoP-Nonce header."


class WrongKey(OAuthRefusal):
    """RFC 9449 section 7.1: the proof holds, but not for this token."""

    code = error = "invalid_token"
    fix_zh, fix_en = "用获取令牌时的密钥签署证明。", "Sign the proof with the key that the token was got with."
