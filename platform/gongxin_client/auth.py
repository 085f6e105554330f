"""Tokens: private_key_jwt (RFC 7523), DPoP (RFC 9449), kept per scope and grant until shortly before they end.

The DPoP key lives in memory, as long as the `TokenSource`; the member's own key signs client assertions only.
"""

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from gongxin_wire.canonical import b64u

from . import clock, keys
from .errors import Refused, Unavailable
from .http import Http, Repeat, error_of, gone_silent, json_of
from .profile import Profile

ASSERTION_SECONDS = 60
EARLY_SECONDS = 30
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token bound to our DPoP key. `refresh_at` is on the monotonic clock, seconds."""

    value: str = field(repr=False)
    refresh_at: float


class Prover:
    """Makes DPoP proofs with one P-256 key and remembers the last nonce of each server."""

    def __init__(self) -> None:
        self._key = keys.generate("ES256")
        self._jwk = {name: self._key.jwk[name] for name in ("kty", "crv", "x", "y")}
        self._nonces: dict[str, str] = {}

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint of the key: the `jkt` of our tokens."""
        return self._key.kid

    def proof(self, method: str, url: str, *, server: str, token: str | None = None) -> str:
        """A proof for one request (RFC 9449 section 4.2). `url` without query and fragment goes into `htu`; `token`
        into `ath`; the nonce of `server` ("token" or "resource"), once it gave one, into `nonce`."""
        parts = urlsplit(url)
        claims: dict[str, Any] = {
            "jti": uuid.uuid4().hex,
            "htm": method,
            "htu": f"{parts.scheme}://{parts.netloc}{parts.path}",
            "iat": clock.epoch_seconds(),
        }
        if token is not None:
            claims["ath"] = b64u(hashlib.sha256(token.encode("ascii")).digest())
        if nonce := self._nonces.get(server):
            claims["nonce"] = nonce
        return jwt.encode(claims, self._key.private, "ES256", headers={"typ": "dpop+jwt", "jwk": self._jwk})

    def hear(self, response: httpx.Response, server: str) -> bool:
        """Takes the nonce an answer carries; whether that is another than the one used before."""
        nonce = response.headers.get("DPoP-Nonce")
        if not nonce or nonce == self._nonces.get(server):
            return False
        self._nonces[server] = nonce
        return True


def assertion(profile: Profile, audience: str) -> str:
    """A client assertion for one token request, good for a minute. `audience` is the issuer, as one string."""
    now = clock.epoch_seconds()
    claims = {
        "iss": profile.client_id, "sub": profile.client_id, "aud": audience, "jti": uuid.uuid4().hex,
        "iat": now, "exp": now + ASSERTION_SECONDS,
    }  # fmt: skip
    return jwt.encode(claims, profile.key.private, profile.key.alg, headers={"kid": profile.key.kid})


class TokenSource:
    """Access tokens by (scope, authorization_details); safe for many threads: each token is asked for once."""

    def __init__(self, profile: Profile, http: Http) -> None:
        self.prover = Prover()
        self._profile, self._http = profile, http
        self._tokens: dict[tuple[str, str], Token] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def token(self, scope: str, details: Sequence[Mapping[str, Any]] = ()) -> str:
        """A token with at least `EARLY_SECONDS` of life (half its life, where that is shorter). Raises Refused
        (the registry's OAuth error), Unavailable, NotConnected."""
        key = scope, _text(details)
        held = self._tokens.get(key)
        if held is not None and clock.monotonic() < held.refresh_at:
            return held.value
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            held = self._tokens.get(key)
            if held is None or clock.monotonic() >= held.refresh_at:
                held = self._tokens[key] = self._ask(*key)
        return held.value

    def forget(self, value: str) -> None:
        """Drops a token that the registry no longer takes."""
        for key, held in list(self._tokens.items()):
            if held.value == value:
                self._tokens.pop(key, None)

    def _ask(self, scope: str, details: str) -> Token:
        url = f"{self._profile.registry}/oauth/token"

        def build() -> httpx.Request:
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": _ASSERTION_TYPE,
                "client_assertion": assertion(self._profile, self._profile.registry),
                "scope": scope,
                "resource": self._profile.registry,
            }
            if details:
                form["authorization_details"] = details
            proof = self.prover.proof("POST", url, server="token")
            return self._http.client.build_request("POST", url, data=form, headers={"DPoP": proof})

        asked = clock.monotonic()
        response = self._with_nonce(build)
        if response.status_code != 200:
            raise error_of(response)
        body = json_of(response)
        value, kind, life = body.get("access_token"), body.get("token_type"), body.get("expires_in")
        if not isinstance(value, str) or not value.isascii() or not isinstance(kind, str) or kind.lower() != "dpop":
            raise Unavailable("bad_token_answer", "令牌应答不符合约定", "The token answer is not as agreed")
        seconds = float(life) if isinstance(life, int) and not isinstance(life, bool) and life > 0 else 60.0
        return Token(value, asked + max(seconds - EARLY_SECONDS, seconds / 2))

    def _with_nonce(self, build: Callable[[], httpx.Request]) -> httpx.Response:
        response = self._http.exchange(build, Repeat.ALWAYS)
        if self.prover.hear(response, "token") and response.status_code == 400:
            response = self._http.exchange(build, Repeat.ALWAYS)
            self.prover.hear(response, "token")
        return response


class Connection:
    """One registry over one client: every call with its token and proof, retried where that is safe."""

    def __init__(self, profile: Profile, *, transport: httpx.BaseTransport | None = None) -> None:
        self.profile = profile
        self.http = Http(profile, transport=transport)
        self.tokens = TokenSource(profile, self.http)

    def close(self) -> None:
        self.http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        scope: str | None,
        details: Sequence[Mapping[str, Any]] = (),
        query: Mapping[str, Any] | None = None,
        json_body: Any = None,
        ndjson: bytes | None = None,
        octets: bytes | None = None,
        key: str | None = None,
        if_match: str | None = None,
        repeat: Repeat | None = None,
    ) -> httpx.Response:
        """A 2xx answer, or an exception: Refused, Unavailable, NotConnected. `path` begins with /v1; `scope` None
        for public operations; `key` is the Idempotency-Key, one for each logical call, sent again on each retry.
        `repeat` where neither the method nor a key makes the call safe to send twice."""
        url = self.profile.registry + path
        given = {name: value for name, value in (query or {}).items() if value is not None}
        headers = {"Accept": "application/json, application/x-ndjson, application/problem+json"}
        content: bytes | None = None
        if ndjson is not None:
            content, headers["Content-Type"] = ndjson, "application/x-ndjson"
        elif octets is not None:
            content, headers["Content-Type"] = octets, "application/octet-stream"
        elif json_body is not None:
            content = json.dumps(json_body, ensure_ascii=False, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = if_match
        used: list[str] = []

        def build() -> httpx.Request:
            extra = {}
            if scope is not None:
                used.append(self.tokens.token(scope, details))
                proof = self.tokens.prover.proof(method, url, server="resource", token=used[-1])
                extra = {"Authorization": f"DPoP {used[-1]}", "DPoP": proof}
            return self.http.client.build_request(method, url, params=given, content=content, headers=headers | extra)

        if repeat is None:
            repeat = Repeat.ALWAYS if method == "GET" or key is not None else Repeat.UNHEARD
        response = self.http.exchange(build, repeat)
        for _ in range(2):
            # Refused before anything was done: either the proof wants the nonce given now, or the token has ended.
            fresh = scope is not None and self.tokens.prover.hear(response, "resource")
            if scope is None or response.status_code != 401:
                break
            if not fresh:
                self.tokens.forget(used[-1])
            response = self.http.exchange(build, repeat)
            if not fresh:
                break
        if not response.is_success:
            raise error_of(response)
        return response

    @contextmanager
    def stream(self, path: str, *, scope: str) -> Iterator[Iterator[str]]:
        """A GET whose answer is read line by line as it comes. Raises as `call`; NotConnected as it breaks off."""
        try:
            response = self._begin(path, scope)
            if response.status_code == 401:  # the proof wants the nonce given now, or the token has ended
                response.close()
                response = self._begin(path, scope)
            try:
                if not response.is_success:
                    response.read()
                    raise error_of(response)
                yield response.iter_lines()
            finally:
                response.close()
        except httpx.TransportError as fault:
            raise gone_silent(fault) from fault

    def _begin(self, path: str, scope: str) -> httpx.Response:
        url, token = self.profile.registry + path, self.tokens.token(scope)
        proof = self.tokens.prover.proof("GET", url, server="resource", token=token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof, "Accept": "application/x-ndjson"}
        response = self.http.client.send(self.http.client.build_request("GET", url, headers=headers), stream=True)
        if not self.tokens.prover.hear(response, "resource") and response.status_code == 401:
            self.tokens.forget(token)
        return response

    def read(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """`call`, its answer as a JSON object."""
        return json_of(self.call(method, path, **given))


def new_key() -> str:
    """An Idempotency-Key for one logical call."""
    return uuid.uuid4().hex


def _text(details: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(list(details), ensure_ascii=False, sort_keys=True, separators=(",", ":")) if details else ""


__all__ = ["Connection", "Prover", "Refused", "Token", "TokenSource", "assertion", "new_key"]
