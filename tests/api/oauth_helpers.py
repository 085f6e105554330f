"""A member with a client and a key, its assertions, proofs and tokens: for tests that ask over HTTP as a member would.

Everything here is made by PyJWT and cryptography, so that the registry's own code is not what it is checked with."""

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from flask import Flask
from sqlalchemy import Engine

from gongxin.access import service as access
from gongxin.db import transaction
from gongxin.web.caller import Caller

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT = {"type": "gongxin_lookup", "purpose": "contact", "data_types": ["case_status"]}


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class SigningKey:
    """A key pair as a member holds it."""

    private: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def alg(self) -> str:
        return "EdDSA" if isinstance(self.private, ed25519.Ed25519PrivateKey) else "ES256"

    @property
    def jwk(self) -> dict[str, str]:
        algorithm = jwt.get_algorithm_by_name(self.alg)
        whole = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {name: whole[name] for name in ("kty", "crv", "x", "y") if name in whole}

    @property
    def kid(self) -> str:
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return b64u(hashlib.sha256(canonical.encode()).digest())

    def sign(self, claims: dict[str, Any], headers: dict[str, Any], alg: str | None = None) -> str:
        return jwt.encode(claims, self.private, algorithm=alg or self.alg, headers=headers)


def ed25519_key() -> SigningKey:
    return SigningKey(ed25519.Ed25519PrivateKey.generate())


def proof(
    key: SigningKey,
    method: str,
    url: str,
    *,
    token: str | None = None,
    nonce: str | None = None,
    headers: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A DPoP proof; `claims` and `headers` replace what an honest one would carry (None leaves it out)."""
    body: dict[str, Any] = {"jti": uuid.uuid4().hex, "htm": method, "htu": url, "iat": int(time.time())}
    if token is not None:
        body["ath"] = b64u(hashlib.sha256(token.encode()).digest())
    if nonce is not None:
        body["nonce"] = nonce
    body = {name: value for name, value in (body | claims).items() if value is not None}
    return key.sign(body, {"typ": "dpop+jwt", "jwk": key.jwk} | (headers or {}))


@dataclass
class Party:
    """A client of a member, and how it asks."""

    app: Flask
    client_id: str
    key: SigningKey = field(default_factory=SigningKey)
    dpop: SigningKey = field(default_factory=SigningKey)

    @property
    def issuer(self) -> str:
        return str(self.app.extensions["gongxin"].config.issuer)

    def assertion(self, *, key: SigningKey | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A client assertion (RFC 7523); `claims` replace an honest one's (None leaves it out)."""
        now = int(time.time())
        body: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
        }
        body = {name: value for name, value in (body | claims).items() if value is not None}
        signer = key or self.key
        return signer.sign(body, {"kid": signer.kid} | (headers or {}))

    def form(self, scope: str = "lookups", **extra: Any) -> dict[str, str]:
        """What an honest token request carries; None leaves a parameter out."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": extra.pop("client_assertion", None) or self.assertion(),
            "scope": scope,
        } | extra
        return {name: value for name, value in form.items() if value is not None}

    def ask(self, form: dict[str, str] | None = None, *, bound: bool = True, **extra: Any) -> Any:
        """POST /oauth/token; `bound` adds an honest DPoP proof."""
        headers = dict(extra.pop("headers", {}))
        if bound:
            headers.setdefault("DPoP", proof(self.dpop, "POST", f"{self.issuer}/oauth/token"))
        data = self.form() if form is None else form
        return self.app.test_client().post("/oauth/token", data=data, headers=headers, **extra)

    def token(self, scope: str = "lookups", *details: dict[str, Any]) -> str:
        """A DPoP-bound token."""
        extra = {"authorization_details": json.dumps(list(details))} if details else {}
        answer = self.ask(self.form(scope, **extra))
        assert answer.status_code == 200, answer.text
        return str(answer.json["access_token"])

    def headers(self, token: str, method: str, path: str, **changes: Any) -> dict[str, str]:
        """Authorization and proof for one request."""
        url = f"{self.issuer}{path}"
        made = proof(changes.pop("key", self.dpop), method, url, **({"token": token} | changes))
        return {"Authorization": f"DPoP {token}", "DPoP": made}

    def call(self, token: str, method: str, path: str, **extra: Any) -> Any:
        """One request with its proof."""
        headers = self.headers(token, method, path.partition("?")[0]) | extra.pop("headers", {})
        return self.app.test_client().open(path, method=method, headers=headers, **extra)


def register(
    app: Flask,
    engine: Engine,
    member: Caller | uuid.UUID,
    *scopes: str,
    auth_method: str = "private_key_jwt",
    key: SigningKey | None = None,
    secret_digest: bytes | None = None,
    certificate: str | None = None,
) -> Party:
    """A client of this member with one key, committed."""
    member_id = member.member_id if isinstance(member, Caller) else member
    assert member_id is not None
    with transaction(engine) as session:
        access.ensure_registry_keys(session, app.extensions["gongxin"].config)
        client = access.create_client(
            session,
            member_id=member_id,
            name="测试客户端",
            auth_method=auth_method,
            scopes=scopes or ("lookups", "members.read"),
            secret_digest=secret_digest,
        )
        party = Party(app, str(client.id), key or SigningKey())
        if certificate is not None:
            access.add_key(session, client.id, certificate=certificate)
        elif secret_digest is None:
            access.add_key(session, client.id, party.key.jwk)
    return party
