"""Access tokens: `at+jwt` (RFC 9068), ES256, one audience, a few minutes. `authenticate` is the hot path: a verified
token is remembered by its SHA-256 until it expires, a proof costs one signature check, one statement admits it."""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from flask import Request
from sqlalchemy import Engine

from gongxin import clock, ids
from gongxin.errors import Unauthenticated
from gongxin.web.caller import Caller
from gongxin.web.permissions import Permission
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u

from . import jose, proofs, queries, registry_keys, rules
from .refusals import NonceWanted, OAuthRefusal, ProofRefused, WrongKey

MAX_TOKEN = 8000
MAX_REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class Held:
    """A token that was verified: nothing here changes until it expires."""

    caller: Caller
    client_id: uuid.UUID
    token_id: uuid.UUID
    kid: str
    expires: float
    hash: str
    thumbprint: str | None
    certificate: str | None


class Remembered:
    """Verified tokens by digest. All live equally long, so the first in is the first to expire and to go."""

    def __init__(self) -> None:
        self._held: dict[bytes, Held] = {}
        self._lock = threading.Lock()

    def find(self, digest: bytes) -> Held | None:
        return self._held.get(digest)

    def keep(self, digest: bytes, held: Held, now: float) -> None:
        with self._lock:
            if len(self._held) >= MAX_REMEMBERED:
                live = [(key, one) for key, one in self._held.items() if one.expires > now]
                self._held = dict(live[-(MAX_REMEMBERED * 7 // 8) :])
            self._held[digest] = held


# --- making ---------------------------------------------------------------------------------------------------------


def issue(
    runtime: Runtime,
    client: queries.Candidate,
    *,
    scopes: Sequence[str],
    details: list[dict[str, Any]] | None,
    confirmation: dict[str, str],
    now: int,
) -> str:
    """A signed token for this client."""
    key = registry_keys.signing_key(runtime, "token")
    claims: dict[str, Any] = {
        "iss": runtime.config.issuer,
        "sub": str(client.client_id),
        "client_id": str(client.client_id),
        "aud": runtime.config.issuer,
        "iat": now,
        "exp": now + runtime.config.token_seconds,
        "jti": str(ids.new_id()),
        "scope": " ".join(scopes),
        "member_id": str(client.member_id),
        "member_kind": client.kind,
    }
    if client.court_code is not None:
        claims["court_code"] = client.court_code
    if details is not None:
        claims["authorization_details"] = details
    if confirmation:
        claims["cnf"] = confirmation
    header = orjson.dumps({"alg": key.alg, "kid": key.kid, "typ": "at+jwt"})
    signed = f"{b64u(header)}.{b64u(orjson.dumps(claims))}"
    return f"{signed}.{b64u(jose.sign(key.private_key, key.alg, signed.encode()))}"


# --- checking -------------------------------------------------------------------------------------------------------


def verify(runtime: Runtime, token: str, now: float) -> tuple[dict[str, Any], str]:
    """(claims, kid) of a token of ours that is in force. Raises Unauthenticated."""
    try:
        jws = jose.parse(token, MAX_TOKEN)
        alg = jose.check_header(jws.header, rules.TOKEN_TYPES)
    except jose.JoseFault as fault:
        raise Unauthenticated(fault.code, zh=fault.zh, en=fault.en) from fault
    kid = jws.header.get("kid")
    key = registry_keys.verifying_key(runtime, kid) if isinstance(kid, str) else None
    if key is None or not jose.verify(key, alg, jws.signed, jws.signature):
        raise Unauthenticated("token_signature", zh="令牌签名无效", en="The token's signature does not hold")
    issuer, expires = runtime.config.issuer, rules.number(jws.payload, "exp")
    if jws.payload.get("iss") != issuer or jws.payload.get("aud") != issuer:
        raise Unauthenticated("token_audience", zh="令牌不是发给本登记处的", en="The token is not for this registry")
    if expires is None or expires <= now:
        raise _expired()
    return jws.payload, key.kid


def _expired() -> Unauthenticated:
    return Unauthenticated(
        "token_expired",
        zh="令牌已过期",
        en="The token has expired",
        fix_zh="请重新获取令牌。",
        fix_en="Get a new token.",
    )


def _hold(runtime: Runtime, token: str, digest: bytes, now: float) -> Held:
    claims, kid = verify(runtime, token, now)
    bound: dict[str, str] = claims.get("cnf", {})
    client_id = uuid.UUID(claims["client_id"])
    return Held(
        Caller(
            uuid.UUID(claims["member_id"]),
            claims["member_kind"],
            client_id,
            frozenset(claims["scope"].split(" ")),
            tuple(claims.get("authorization_details", ())),
            claims["jti"],
            bool(bound),
            claims.get("court_code"),
        ),
        client_id,
        uuid.UUID(claims["jti"]),
        kid,
        claims["exp"],
        b64u(digest),
        bound.get("jkt"),
        bound.get("x5t#S256"),
    )


def authenticate(runtime: Runtime, request: Request, permission: Permission) -> Caller:
    """Who asks, by the request's token and its proof. Raises Unauthenticated; Unavailable where the database cannot
    say, for then a suspension could not be seen. Where the permission's row says that the view admits, the caller comes
    with its admission open."""
    environ = request.environ
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    scheme = scheme.lower()
    if scheme not in {"dpop", "bearer"} or not token.isascii():
        raise Unauthenticated("token_missing", oauth_error="", zh="缺少访问令牌", en="There is no access token")
    now = clock.epoch_seconds()
    digest = sha256(token.encode()).digest()
    remembered: Remembered = runtime.caches.get("tokens") or _remember(runtime)
    held = remembered.find(digest)
    if held is None:
        held = _hold(runtime, token, digest, now)
        remembered.keep(digest, held, now)
    elif held.expires <= now:
        raise _expired()
    elif registry_keys.verifying_key(runtime, held.kid) is None:
        raise Unauthenticated("token_signature", zh="令牌签名无效", en="The token's signature does not hold")
    proof = _proof(runtime, request, scheme, held, now)
    used, until = (proof.digest, proof.expires) if proof is not None else (None, None)
    admission = Admission(runtime.engine, (held.client_id, held.token_id, used, until))
    if permission.admits:
        return replace(held.caller, admission=admission)
    admission.settle()
    return held.caller


@dataclass(frozen=True, slots=True)
class Admission:
    """The last thing to be known of a request, which only the database knows."""

    engine: Engine
    parameters: tuple[uuid.UUID, uuid.UUID, bytes | None, datetime | None]

    def judge(self, verdict: int) -> None:
        if verdict:
            raise _not_admitted(verdict)

    def settle(self) -> None:
        self.judge(queries.admit(self.engine, *self.parameters))


def _not_admitted(verdict: int) -> Unauthenticated:
    """What `admit` found: 1 the proof was used, 2 the token revoked, 3 the client revoked, 4 the member not active."""
    if verdict == 1:
        return Unauthenticated(
            "proof_replayed",
            oauth_error="invalid_dpop_proof",
            zh="证明已被使用",
            en="The proof was used before",
            fix_zh="每个请求使用新的证明。",
            fix_en="Make a new proof for each request.",
        )
    if verdict == 2:
        return Unauthenticated("token_revoked", zh="令牌已撤销", en="The token was revoked")
    if verdict == 3:
        return Unauthenticated("client_revoked", zh="客户端已撤销", en="The client was revoked")
    return Unauthenticated(
        "member_not_active",
        zh="会员机构未处于正常状态",
        en="The member is not active",
        fix_zh="请联系协会。",
        fix_en="Ask the association.",
    )


def _remember(runtime: Runtime) -> Remembered:
    found = runtime.caches["tokens"] = Remembered()
    return found


def _proof(runtime: Runtime, request: Request, scheme: str, held: Held, now: float) -> proofs.Proof | None:
    """The proof where the token is bound to a key. A bound token never passes as a bearer's (RFC 9449 section 7.2)."""
    if held.thumbprint is None:
        if scheme != "bearer":
            raise Unauthenticated(
                "token_not_dpop_bound",
                scheme="Bearer",
                zh="令牌未绑定 DPoP 密钥",
                en="The token is not bound to a DPoP key",
                fix_zh="以 Bearer 方案使用。",
                fix_en="Use the Bearer scheme.",
            )
        if held.certificate is not None and proofs.certificate(runtime.config, request) != held.certificate:
            raise Unauthenticated(
                "certificate_mismatch",
                scheme="Bearer",
                zh="令牌绑定于另一证书",
                en="The token is bound to another certificate",
                fix_zh="使用获取令牌时的客户端证书。",
                fix_en="Use the client certificate that the token was got with.",
            )
        return None
    if scheme != "dpop":
        raise Unauthenticated(
            "dpop_scheme_required",
            zh="绑定 DPoP 的令牌须以 DPoP 方案使用",
            en="A DPoP-bound token needs the DPoP scheme",
            fix_zh="使用 Authorization: DPoP 并附 DPoP 证明。",
            fix_en="Send Authorization: DPoP, and a proof.",
        )
    compact = request.environ.get("HTTP_DPOP")
    try:
        if not compact:
            raise ProofRefused("proof_missing", zh="缺少 DPoP 证明", en="There is no DPoP proof")
        proof = proofs.check(
            runtime.config,
            compact,
            method=request.method,
            url=proofs.url_of(runtime.config, request),
            now=now,
            token_hash=held.hash,
        )
        if proof.thumbprint != held.thumbprint:
            raise WrongKey(
                "proof_key",
                zh="证明的密钥不是令牌所绑定的",
                en="The token is bound to another key",
            )
    except OAuthRefusal as refusal:
        again = proofs.nonce(runtime.config, now) if isinstance(refusal, NonceWanted) else None
        raise refusal.as_unauthenticated(again) from refusal
    return proof
