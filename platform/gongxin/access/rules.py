"""Decisions of access, pure: what a form may hold, whether claims hold now, what a client may have."""

import base64
import binascii
import hmac
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

from gongxin.errors import Conflict, Invalid

from .refusals import ClientRefused, DetailsRefused, OAuthRefusal, ProofRefused, ScopeRefused, TargetRefused

AUTH_METHODS = ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "client_secret_basic")
BY_CERTIFICATE = frozenset({"tls_client_auth", "self_signed_tls_client_auth"})
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_TYPES = ("jwt", "client-authentication+jwt", "")
PROOF_TYPES = ("dpop+jwt",)
TOKEN_TYPES = ("at+jwt",)
GRANT_TYPE = "gongxin_lookup"

# What a path may carry unescaped (RFC 3986 section 3.3).
URL_SAFE = "/:@!$&'()*+,;=~-._"
LEEWAY = 10
ASSERTION_SECONDS = 300
PROOF_SECONDS = 60
MAX_FORM = 32 * 1024
MAX_FIELDS = 32
MAX_DETAILS = 20
MAX_REFERENCES = 100
KEY_DAYS, MAX_KEY_DAYS = 365, 731
LIVE_KEYS = 2


# --- the form -------------------------------------------------------------------------------------------------------


def parse_form(raw: bytes) -> dict[str, str]:
    """application/x-www-form-urlencoded, strictly: ASCII, valid UTF-8 inside, no parameter twice, none empty."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict", max_num_fields=32
        )
    except ValueError as fault:
        raise OAuthRefusal(
            "bad_form", "表单无法解析", "The form cannot be read: ASCII, UTF-8 inside, at most 32 fields"
        ) from fault
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthRefusal("repeated_parameter", "参数重复", "A parameter is repeated")
    return {name: value for name, value in form.items() if value}


def parse_basic(value: str) -> tuple[str, str]:
    """(client id, secret) of an Authorization header (RFC 6749 section 2.3.1): base64, UTF-8, form-encoded."""
    scheme, _, encoded = value.partition(" ")
    try:
        if scheme.lower() != "basic" or len(encoded) > 1024:
            raise ValueError("not Basic")
        name, colon, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        if not colon:
            raise ValueError("no colon")
        return unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (ValueError, binascii.Error) as fault:
        raise ClientRefused(
            "bad_basic", "Basic 凭证无法解析", "The Authorization header is not Basic with base64 of UTF-8"
        ) from fault


def client_id_of(text: str) -> uuid.UUID:
    """Client identifiers are UUIDs in their canonical form."""
    try:
        found = uuid.UUID(text)
    except ValueError as fault:
        raise unknown_client() from fault
    if str(found) != text:
        raise unknown_client()
    return found


def unknown_client() -> OAuthRefusal:
    return ClientRefused("client_not_authenticated", "客户端身份未确认", "The client is not authenticated")


def same_secret(secret: str, digest: bytes | None) -> bool:
    """In constant time; secrets are 32 random bytes, so SHA-256 is enough."""
    return hmac.compare_digest(sha256(secret.encode()).digest(), digest or bytes(32)) and digest is not None


# --- claims ---------------------------------------------------------------------------------------------------------


def number(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), or None where it is absent or no finite number."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e11:
        return None
    return value


def text_claim(claims: Mapping[str, Any], name: str, longest: int = 256) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and 1 <= len(value) <= longest else None


def assertion_subject(claims: Mapping[str, Any], client_id: str | None) -> uuid.UUID:
    """Whose assertion it says it is: iss = sub = client_id (RFC 7523 section 3)."""
    subject = text_claim(claims, "sub")
    if subject is None or claims.get("iss") != subject or client_id not in (None, subject):
        raise ClientRefused(
            "assertion_subject",
            "断言的 iss 与 sub 须均为 client_id",
            "iss and sub of the assertion must be the client_id",
        )
    return client_id_of(subject)


def check_assertion(claims: Mapping[str, Any], audiences: Iterable[str], now: float) -> tuple[str, float]:
    """(jti, exp). `aud` is one string, one of ours exactly, so that an assertion for another server is never ours."""
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in audiences:
        raise ClientRefused(
            "assertion_audience",
            "断言的 aud 须为登记处的单个字符串",
            "aud of the assertion must be one string: the issuer or the token endpoint",
        )
    expires, issued = number(claims, "exp"), number(claims, "iat")
    if expires is None or issued is None:
        raise ClientRefused("assertion_times", "断言缺少 exp 或 iat", "The assertion lacks exp or iat")
    if expires <= now:
        raise ClientRefused("assertion_expired", "断言已过期", "The assertion has expired")
    if expires > now + ASSERTION_SECONDS + LEEWAY or expires - issued > ASSERTION_SECONDS + LEEWAY:
        raise ClientRefused(
            "assertion_too_long", "断言有效期不得超过五分钟", "The assertion may live five minutes at most"
        )
    if issued > now + LEEWAY or (number(claims, "nbf") or 0) > now + LEEWAY:
        raise ClientRefused("assertion_not_yet", "断言尚未生效", "The assertion is dated in the future")
    jti = text_claim(claims, "jti", 128)
    if jti is None:
        raise ClientRefused("assertion_jti", "断言缺少 jti", "The assertion lacks jti")
    return jti, expires


def check_proof(
    claims: Mapping[str, Any], *, method: str, url: str, now: float, token_hash: str | None
) -> tuple[str, float]:
    """(jti, until when it could be replayed). RFC 9449 section 4.3; `token_hash` is `ath` at a resource."""
    if claims.get("htm") != method:
        raise ProofRefused("proof_method", "证明的 htm 与请求方法不符", "htm of the proof is not the request's method")
    target = claims.get("htu")
    if target != url and (not isinstance(target, str) or normal_url(target) != normal_url(url)):
        raise ProofRefused("proof_url", "证明的 htu 与请求地址不符", "htu of the proof is not the request's URL")
    issued = number(claims, "iat")
    if issued is None or abs(now - issued) > PROOF_SECONDS:
        raise ProofRefused("proof_iat", "证明的 iat 不在一分钟之内", "iat of the proof is not within a minute of now")
    jti = text_claim(claims, "jti", 128)
    if jti is None:
        raise ProofRefused("proof_jti", "证明缺少 jti", "The proof lacks jti")
    if token_hash is not None and claims.get("ath") != token_hash:
        raise ProofRefused("proof_ath", "证明的 ath 与令牌不符", "ath of the proof is not the token's hash")
    return jti, issued + PROOF_SECONDS + 1


def normal_url(url: str) -> str | None:
    """Scheme and host in lower case, no default port, no query or fragment, one escaping (RFC 3986 section 6)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        return None
    shown = f":{port}" if port is not None and port != {"http": 80, "https": 443}[scheme] else ""
    path = quote(unquote(parts.path or "/"), safe=URL_SAFE)
    return f"{scheme}://{host}{shown}{path}"


# --- what is asked for ----------------------------------------------------------------------------------------------


def check_scope(asked: str | None, allowed: Sequence[str], for_kind: frozenset[str]) -> tuple[str, ...]:
    """The scopes asked for, each once. `allowed`: the client's; `for_kind`: those that its member's kind has any use
    for. An empty scope is refused: a token states what it is for."""
    names = (asked or "").split(" ")
    if not asked or len(asked) > 512 or "" in names:
        raise ScopeRefused("scope_missing", "须写明 scope", "scope is missing or not separated by single spaces")
    for name in names:
        if name not in for_kind:
            raise ScopeRefused(
                "scope_unknown", "范围未知或不适用于该类机构", "A scope is unknown, or not for members of this kind"
            )
        if name not in allowed:
            raise ScopeRefused("scope_not_allowed", "客户端无此范围", "The client does not have this scope")
    return tuple(dict.fromkeys(names))


def check_resource(asked: str | None, resource: str) -> None:
    """RFC 8707: there is one resource, the registry itself."""
    if asked not in (None, resource):
        raise TargetRefused("unknown_resource", "没有这个资源", f"The only resource is {resource}")


def check_details(details: Any) -> list[dict[str, Any]]:
    """The form of `authorization_details` (RFC 9396 section 5): a list of type gongxin_lookup, no other member."""
    if not isinstance(details, list) or not 1 <= len(details) <= MAX_DETAILS:
        raise DetailsRefused(
            "details_form", f"须为 1 至 {MAX_DETAILS} 项的数组", f"It must be a list of 1 to {MAX_DETAILS}"
        )
    for item in details:
        if not isinstance(item, dict) or item.get("type") != GRANT_TYPE:
            raise DetailsRefused("details_type", f"type 须为 {GRANT_TYPE}", f"type must be {GRANT_TYPE}")
        if not {"type", "purpose", "data_types"} <= set(item) <= {"type", "purpose", "data_types", "case_references"}:
            raise DetailsRefused(
                "details_members",
                "成员须为 type、purpose、data_types，可有 case_references",
                "Its members are type, purpose, data_types and, where wanted, case_references",
            )
        if not isinstance(item["purpose"], str) or not _texts(item["data_types"], 16, 64):
            raise DetailsRefused(
                "details_values", "purpose 或 data_types 不符", "purpose or data_types is not acceptable"
            )
        if "case_references" in item and not _texts(item["case_references"], MAX_REFERENCES, 64):
            raise DetailsRefused(
                "details_references",
                f"case_references 为 1 至 {MAX_REFERENCES} 个不同的编号",
                f"case_references is a list of 1 to {MAX_REFERENCES} different references",
            )
    return details


def check_agreed(
    details: Sequence[Mapping[str, Any]],
    purposes_of_kind: Iterable[str],
    purposes: Iterable[str] | None,
    data_types: Iterable[str],
) -> None:
    """Against the member's kind and the agreement in force (`purposes` None where there is none)."""
    if purposes is None:
        raise DetailsRefused("no_agreement", "本机构没有生效的会员协议", "The member has no agreement in force")
    fitting, types = frozenset(purposes_of_kind), frozenset(data_types)
    agreed = frozenset(purposes)
    for item in details:
        if item["purpose"] not in fitting:
            raise DetailsRefused(
                "purpose_not_for_kind", "该类机构不能以此用途查询", "Members of this kind may not ask for this purpose"
            )
        if item["purpose"] not in agreed:
            raise DetailsRefused("purpose_not_agreed", "会员协议不含此用途", "The agreement does not hold this purpose")
        if not types.issuperset(item["data_types"]):
            raise DetailsRefused(
                "data_type_not_agreed", "会员协议不含此数据类型", "The agreement does not hold this data type"
            )


def _texts(value: Any, most: int, longest: int) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= most
        and all(isinstance(text, str) and 1 <= len(text) <= longest for text in value)
        and len(set(value)) == len(value)
    )


# --- clients and their keys -----------------------------------------------------------------------------------------


def check_client(
    auth_method: str, scopes: Sequence[str], for_kind: frozenset[str], low_risk: frozenset[str], *, has_secret: bool
) -> None:
    """What a client may be given at all."""
    if auth_method not in AUTH_METHODS:
        raise Invalid(
            "unknown_auth_method",
            zh="未知的认证方式",
            en="Unknown authentication method",
            fix_zh=f"可用：{'、'.join(AUTH_METHODS)}。",
            fix_en=f"Use one of {', '.join(AUTH_METHODS)}.",
            pointer="/auth_method",
        )
    if not scopes or len(set(scopes)) != len(scopes) or not for_kind.issuperset(scopes):
        raise Invalid(
            "bad_client_scopes",
            zh="范围为空、重复、未知或不适用于该类机构",
            en="Scopes are empty, repeated, unknown or not for members of this kind",
            fix_zh=f"该类机构可用：{'、'.join(sorted(for_kind))}。",
            fix_en=f"Members of this kind may have {', '.join(sorted(for_kind))}.",
            pointer="/scopes",
        )
    by_secret = auth_method == "client_secret_basic"
    if by_secret and not low_risk.issuperset(scopes):
        raise Invalid(
            "scopes_need_a_key",
            zh="共享密钥的客户端只能有低风险范围",
            en="A client with a shared secret may have low-risk scopes only",
            fix_zh=f"只用 {'、'.join(sorted(low_risk))}，或改用 private_key_jwt。",
            fix_en=f"Use {', '.join(sorted(low_risk))} only, or private_key_jwt.",
            pointer="/scopes",
        )
    if by_secret != has_secret:
        raise Invalid(
            "secret_digest_expected" if by_secret else "secret_digest_unexpected",
            zh="仅 client_secret_basic 须给出密钥的 SHA-256",
            en="The SHA-256 of a secret goes with client_secret_basic, and only with it",
            fix_zh="给出或去掉 secret_sha256。",
            fix_en="Give or leave out secret_sha256.",
            pointer="/secret_sha256",
        )


def key_expiry(asked: datetime | None, now: datetime) -> datetime:
    """A year unless asked otherwise; never more than two."""
    if asked is None:
        return now + timedelta(days=KEY_DAYS)
    if not now + timedelta(hours=1) <= asked <= now + timedelta(days=MAX_KEY_DAYS):
        raise Invalid(
            "bad_key_expiry",
            zh="密钥到期时间须在一小时之后、两年之内",
            en="A key expires between an hour and two years from now",
            fix_zh="更正或省略 expires_at（默认一年）。",
            fix_en="Correct expires_at, or leave it out for one year.",
            pointer="/expires_at",
        )
    return asked


def free_slot(taken: Iterable[int]) -> int:
    """Of the two places for live keys, one that is free."""
    free = set(range(1, LIVE_KEYS + 1)) - set(taken)
    if not free:
        raise Conflict(
            "too_many_live_keys",
            zh="已有两个有效密钥",
            en="The client has two live keys already",
            fix_zh="先停用其中一个，再添加新密钥。",
            fix_en="Retire one of them, then add the new one.",
        )
    return min(free)
