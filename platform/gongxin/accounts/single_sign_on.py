"""单点登录 Single sign-on: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636), by Authlib.

A provider is one member's own: it signs in that member's invited people and nobody else's. The first time, its login
claim names the account; from then on the provider's `sub` does, so that a name given to somebody else opens nothing.
Providers stand in a JSON file that `GONGXIN_SINGLE_SIGN_ON` names: a list of objects with `name`, `uscc` (the member),
`title_zh`, `title_en`, `issuer`, `client_id`, `client_secret` and, where it is another, `login_claim`.
"""

import json
import re
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import ConfigError, Unauthenticated, Unavailable
from gongxin.members import queries as members

from . import queries
from .models import Account, AccountLink

ALGORITHMS = ["ES256", "EdDSA", "PS256", "RS256"]
TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 256 * 1024
FRESH_SECONDS = 300
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_NEEDED = ("name", "uscc", "title_zh", "title_en", "issuer", "client_id", "client_secret")


@dataclass(frozen=True)
class Provider:
    """One member's OpenID provider."""

    name: str
    uscc: str
    title_zh: str
    title_en: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    login_claim: str = "preferred_username"


@dataclass(frozen=True)
class Begun:
    """Where to send the browser, and what its own cookie keeps until it comes back."""

    address: str
    kept: dict[str, str]


@lru_cache(maxsize=4)
def providers(path: Path | None) -> tuple[Provider, ...]:
    """Those of the file. Raises ConfigError by name and field; plain http only towards this machine itself."""
    if path is None:
        return ()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        found = tuple(Provider(**entry) for entry in entries)
    except (OSError, ValueError, TypeError) as fault:
        raise ConfigError(f"GONGXIN_SINGLE_SIGN_ON: not a list of providers with {', '.join(_NEEDED)}") from fault
    for each in found:
        local = each.issuer.startswith(("http://127.0.0.1:", "http://localhost:"))
        if not _NAME.fullmatch(each.name) or not (each.issuer.startswith("https://") or local):
            raise ConfigError(f"GONGXIN_SINGLE_SIGN_ON: provider {each.name!r}: name of a–z, 0–9, dash; issuer https")
    if len({each.name for each in found}) != len(found):
        raise ConfigError("GONGXIN_SINGLE_SIGN_ON: two providers of one name")
    return found


def begin(provider: Provider, *, redirect_uri: str, fresh: bool) -> Begun:
    """`fresh`: the person must prove who they are anew, as before a decision. Raises Unavailable where the provider
    does not answer."""
    metadata = _metadata(provider)
    kept = {
        "provider": provider.name,
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "fresh": "1" if fresh else "",
    }
    more = {"prompt": "login", "max_age": "0"} if fresh else {}
    address = prepare_grant_uri(
        metadata["authorization_endpoint"],
        client_id=provider.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope="openid profile",
        state=kept["state"],
        nonce=kept["nonce"],
        code_challenge=create_s256_code_challenge(kept["verifier"]),
        code_challenge_method="S256",
        **more,
    )
    return Begun(address, kept)


def finish(
    session: Session, provider: Provider, kept: dict[str, str], *, state: str, code: str, redirect_uri: str
) -> Account:
    """The account of whoever came back. Raises Unauthenticated, with one text for every reason."""
    if not code or not secrets.compare_digest(state, kept.get("state", "")):
        raise refused()
    claims = _claims(provider, kept, code, redirect_uri)
    account = _account(session, provider, claims)
    if account is None or account.state not in {"invited", "active"}:
        raise refused()
    if account.state == "invited":
        account.state = "active"
    session.flush()
    return account


def refused() -> Unauthenticated:
    return Unauthenticated(
        "single_sign_on_refused",
        zh="单点登录未成功",
        en="The single sign-on did not succeed",
        fix_zh="重新登录；仍不成功时，请管理员核对您的账号是否已邀请、登录名是否一致。",
        fix_en="Sign in again; if it fails, your administrator checks that you are invited under the same login.",
    )


def _account(session: Session, provider: Provider, claims: Any) -> Account | None:
    member = members.find_member_by_uscc(session, provider.uscc)
    if member is None:
        return None
    linked = queries.find_link(session, provider.issuer, claims["sub"])
    if linked is not None:
        return linked if linked.member_id == member.id else None
    login = claims.get(provider.login_claim)
    account = queries.find_account(session, login) if isinstance(login, str) else None
    if account is None or account.member_id != member.id or queries.is_linked(session, account.id):
        return None
    session.add(
        AccountLink(issuer=provider.issuer, subject=claims["sub"], account_id=account.id, linked_at=clock.now())
    )
    return account


def _claims(provider: Provider, kept: dict[str, str], code: str, redirect_uri: str) -> Any:
    """Of an ID token that verifies: signature by the provider's published keys, issuer, audience, nonce, times."""
    metadata = _metadata(provider)
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
        "code_verifier": kept["verifier"],
    }  # fmt: skip
    secret = (provider.client_id, provider.client_secret)
    answer = _fetch("POST", metadata["token_endpoint"], data=form, auth=secret)
    try:
        keys = KeySet.import_key_set(_fetch("GET", metadata["jwks_uri"]))  # type: ignore[arg-type]
        token = jwt.decode(answer["id_token"], keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
            },
            {"nonce": kept["nonce"], "client_id": provider.client_id, "max_age": kept["fresh"] and 1},
        )
        claims.validate(leeway=60)
    except (JoseError, AuthlibBaseError, ValueError, KeyError, TypeError) as fault:
        raise refused() from fault
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    stale = kept["fresh"] and claims["auth_time"] < clock.epoch_seconds() - FRESH_SECONDS
    if audience != [provider.client_id] or not isinstance(claims["sub"], str) or len(claims["sub"]) > 255 or stale:
        raise refused()
    return claims


def _metadata(provider: Provider) -> dict[str, Any]:
    """OpenID Connect Discovery 1.0 section 4: the document must name the very issuer it was asked of."""
    found = _fetch("GET", f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != provider.issuer:
        raise refused()
    return found


def _fetch(method: str, address: str, **more: Any) -> dict[str, Any]:
    """A small JSON object. Raises Unavailable where the provider does not answer, Unauthenticated for what is none."""
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(method, address, **more) as answer,
        ):
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise refused()
            if answer.status_code != 200:
                raise refused()
        found = json.loads(body)
    except httpx.HTTPError as fault:
        raise Unavailable(
            "provider_unreachable",
            zh="单点登录服务没有应答",
            en="The single sign-on service does not answer",
            fix_zh="稍后再试，或改用通行密钥、密码登录。",
            fix_en="Try again later, or use a passkey or the password.",
        ) from fault
    except ValueError as fault:
        raise refused() from fault
    if not isinstance(found, dict):
        raise refused()
    return found
