"""The token endpoint (client_credentials only), introspection (RFC 7662) and revocation (RFC 7009): one way of
authenticating a client for all three. Each commits what it records as it goes; none opens the request's transaction."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any

import orjson
from flask import Request

from gongxin import clock
from gongxin.db import transaction
from gongxin.errors import Invalid, Malformed, TooLarge, Unauthenticated
from gongxin.members import queries as members
from gongxin.members.rules import PURPOSES_OF
from gongxin.pii import refuse_pii
from gongxin.web import guards
from gongxin.web.permissions import PERMISSIONS, SCOPES
from gongxin.web.runtime import Runtime

from . import jose, proofs, queries, rules, tokens
from .refusals import ClientNotAllowed, ClientRefused, DetailsRefused, GrantTypeRefused, OAuthRefusal, ProofRefused

TOKEN_PATH = "/oauth/token"  # noqa: S105
FORM = "application/x-www-form-urlencoded"
MAX_ASSERTION = 4096
MAX_DETAILS_TEXT = 16 * 1024
MAX_DETAILS_BYTES = 4096
_TERMS_SECONDS = 5.0

CONSTRAINED_SCOPES = frozenset(row.scope for row in PERMISSIONS.values() if row.scope and row.sender_constrained)


@cache
def scopes_for(kind: str) -> frozenset[str]:
    """Scopes that a member of this kind has any use for; those no operation asks for yet are everybody's."""
    used: dict[str, set[str]] = {scope: set() for scope in SCOPES}
    for row in PERMISSIONS.values():
        if row.scope:
            used[row.scope] |= row.kinds
    return frozenset(scope for scope, kinds in used.items() if not kinds or kind in kinds)


@dataclass(frozen=True, slots=True)
class Proven:
    """A client that has authenticated; its assertion, if it used one, is not spent yet."""

    client: queries.Candidate
    certificate: str | None
    assertion: bytes | None = None
    expires: datetime | None = None


# --- the request ----------------------------------------------------------------------------------------------------


def read_form(request: Request) -> dict[str, str]:
    """The parameters: from the body, nowhere else."""
    if request.query_string:
        raise OAuthRefusal("query_parameter", "参数只能放在表单中", "Parameters go into the form, never into the URL")
    if request.mimetype != FORM:
        raise OAuthRefusal("not_a_form", f"请求体须为 {FORM}", f"The body must be {FORM}")
    return rules.parse_form(guards.read_body(request, rules.MAX_FORM))


def authenticate_client(runtime: Runtime, request: Request, form: dict[str, str]) -> Proven:
    """Exactly one way: an assertion, Basic, or a certificate with client_id. Raises OAuthRefusal."""
    header = request.environ.get("HTTP_AUTHORIZATION")
    asserted = "client_assertion" in form or "client_assertion_type" in form
    if (header is not None) + asserted + ("client_secret" in form) > 1:
        raise OAuthRefusal(
            "two_client_authentications", "只能使用一种客户端认证方式", "Use one way of authenticating the client"
        )
    certificate = proofs.certificate(runtime.config, request)
    if asserted:
        return _by_assertion(runtime, form, certificate)
    if header is not None:
        return _by_secret(runtime, header, form, certificate)
    if certificate is not None and "client_id" in form and "client_secret" not in form:
        return _by_certificate(runtime, form["client_id"], certificate)
    raise ClientRefused(
        "no_client_authentication",
        "缺少受支持的客户端认证",
        "There is no client authentication of a supported kind: private_key_jwt, mutual TLS, client_secret_basic",
    )


def _by_assertion(runtime: Runtime, form: dict[str, str], certificate: str | None) -> Proven:
    if form.get("client_assertion_type") != rules.ASSERTION_TYPE:
        raise ClientRefused(
            "assertion_type", "client_assertion_type 不受支持", f"client_assertion_type must be {rules.ASSERTION_TYPE}"
        )
    try:
        jws = jose.parse(form.get("client_assertion", ""), MAX_ASSERTION)
        alg = jose.check_header(jws.header, rules.ASSERTION_TYPES)
    except jose.JoseFault as fault:
        raise ClientRefused(fault.code, fault.zh, fault.en) from fault
    client_id = rules.assertion_subject(jws.payload, form.get("client_id"))
    issuer = runtime.config.issuer
    jti, expires = rules.check_assertion(jws.payload, (issuer, issuer + TOKEN_PATH), clock.epoch_seconds())
    client = _client(runtime, client_id, "private_key_jwt")
    wanted = jws.header.get("kid")
    keys = [jose.import_jwk(key["jwk"])[0] for key in client.keys if key["jwk"] and wanted in (None, key["kid"])]
    if not any(jose.verify(key, alg, jws.signed, jws.signature) for key in keys):
        raise rules.unknown_client()
    digest = sha256(f"{client_id}|{jti}".encode()).digest()
    return Proven(client, certificate, digest, datetime.fromtimestamp(expires + rules.LEEWAY, UTC))


def _by_secret(runtime: Runtime, header: str, form: dict[str, str], certificate: str | None) -> Proven:
    name, secret = rules.parse_basic(header)
    if form.get("client_id", name) != name:
        raise OAuthRefusal("two_clients", "client_id 与 Basic 凭证不符", "client_id is not the one of the header")
    client = _client(runtime, rules.client_id_of(name), "client_secret_basic")
    if not rules.same_secret(secret, client.secret_digest):
        raise rules.unknown_client()
    return Proven(client, certificate)


def _by_certificate(runtime: Runtime, client_id: str, certificate: str) -> Proven:
    client = _client(runtime, rules.client_id_of(client_id), *rules.BY_CERTIFICATE)
    if not any(key["jwk"] is None and key["kid"] == certificate for key in client.keys):
        raise rules.unknown_client()
    return Proven(client, certificate)


def _client(runtime: Runtime, client_id: uuid.UUID, *methods: str) -> queries.Candidate:
    """Unknown, revoked and registered for another method read alike."""
    found = queries.find_client(runtime.engine, client_id)
    if found is None or found.revoked or found.auth_method not in methods:
        raise rules.unknown_client()
    return found


def _spend(runtime: Runtime, proven: Proven, proof: proofs.Proof | None = None) -> None:
    """Records assertion and proof as used, in one statement; of two requests with the same, one passes."""
    if proven.assertion is None and proof is None:
        return
    digest, until = (proof.digest, proof.expires) if proof is not None else (None, None)
    used = queries.spend(runtime.engine, proven.assertion, proven.expires, digest, until)
    if used == 1:
        raise ClientRefused("assertion_replayed", "断言已被使用", "The assertion was used before")
    if used == 2:
        raise ProofRefused("proof_replayed", "证明已被使用", "The proof was used before")


def _active(client: queries.Candidate) -> None:
    if client.state != "active":
        raise ClientNotAllowed(
            "member_not_active",
            zh="会员机构未处于正常状态",
            en="The member is not active",
            fix_zh="请联系协会。",
            fix_en="Ask the association.",
        )


# --- the three endpoints --------------------------------------------------------------------------------------------


def token(runtime: Runtime, request: Request) -> dict[str, Any]:
    """The token response (RFC 6749 section 5.1)."""
    form = read_form(request)
    if form.get("grant_type", "client_credentials") != "client_credentials":
        raise GrantTypeRefused(
            "grant_type",
            zh="只支持 client_credentials",
            en="Only client_credentials is served",
        )
    if "grant_type" not in form:
        raise OAuthRefusal("grant_type", "缺少 grant_type", "grant_type is missing")
    proven = authenticate_client(runtime, request, form)
    client, now = proven.client, clock.epoch_seconds()
    proof = _proof(runtime, request, now)
    _spend(runtime, proven, proof)
    _active(client)
    scopes = rules.check_scope(form.get("scope"), client.scopes, scopes_for(client.kind))
    rules.check_resource(form.get("resource"), runtime.config.issuer)
    details = _details(runtime, client, form.get("authorization_details"))
    confirmation = proofs.confirmation(proof, proven.certificate)
    if not confirmation and not CONSTRAINED_SCOPES.isdisjoint(scopes):
        raise OAuthRefusal(
            "sender_constraint_required",
            "该范围要求绑定持有者：请附 DPoP 证明或使用客户端证书",
            "These scopes need a sender-constrained token: send a DPoP proof, or use a client certificate",
        )
    issued = tokens.issue(runtime, client, scopes=scopes, details=details, confirmation=confirmation, now=now)
    answer = {
        "access_token": issued,
        "token_type": "DPoP" if proof is not None else "Bearer",
        "expires_in": runtime.config.token_seconds,
        "scope": " ".join(scopes),
    }
    return answer if details is None else answer | {"authorization_details": details}


def _proof(runtime: Runtime, request: Request, now: float) -> proofs.Proof | None:
    compact = request.environ.get("HTTP_DPOP")
    if compact is None:
        return None
    url = proofs.url_of(runtime.config, request)
    return proofs.check(runtime.config, compact, method=request.method, url=url, now=now)


def _details(runtime: Runtime, client: queries.Candidate, text: str | None) -> list[dict[str, Any]] | None:
    if text is None:
        return None
    try:
        if len(text) > MAX_DETAILS_TEXT:
            raise TooLarge
        parsed = guards.parse_json(text, runtime.config.max_json_depth)
        refuse_pii(parsed, "/authorization_details")
        details = rules.check_details(parsed)
        if len(orjson.dumps(details)) > MAX_DETAILS_BYTES:
            raise TooLarge
    except (Malformed, Invalid, TooLarge) as fault:
        raise DetailsRefused(
            fault.code,
            zh=fault.zh,
            en=fault.en,
            fix_zh=fault.fix_zh,
            fix_en=fault.fix_en,
        ) from fault
    purposes, data_types = _terms(runtime, client)
    rules.check_agreed(details, PURPOSES_OF[client.kind], purposes, data_types)
    return details


def _terms(runtime: Runtime, client: queries.Candidate) -> tuple[Iterable[str] | None, Iterable[str]]:
    """(purposes, data types) of the agreement in force, remembered for a few seconds; None where there is none."""
    kept: dict[uuid.UUID, tuple[float, Any]] = runtime.caches.setdefault("token_terms", {})
    held = kept.get(client.member_id)
    if held is None or held[0] < clock.monotonic():
        with transaction(runtime.engine, client.member_id, client.kind) as session:
            found = members.agreement_in_force(session, client.member_id, clock.now())
            terms = (found.purposes, found.data_types) if found else (None, ())
        held = kept[client.member_id] = (clock.monotonic() + _TERMS_SECONDS, terms)
    terms = held[1]
    return terms


def introspect(runtime: Runtime, request: Request) -> dict[str, Any]:
    """What a token of one's own member says, while it is in force; everything else is `{"active": false}`."""
    form = read_form(request)
    proven = authenticate_client(runtime, request, form)
    _spend(runtime, proven)
    _active(proven.client)
    claims = _read(runtime, form)
    if claims is None or claims["member_id"] != str(proven.client.member_id):
        return {"active": False}
    client_id, token_id = uuid.UUID(claims["client_id"]), uuid.UUID(claims["jti"])
    if queries.admit(runtime.engine, client_id, token_id, None, None):
        return {"active": False}
    return {"active": True, "token_type": "DPoP" if "jkt" in claims.get("cnf", {}) else "Bearer", **claims}


def revoke(runtime: Runtime, request: Request) -> dict[str, Any]:
    """Ends a token of this very client; a token that is none or no longer one is ended already."""
    form = read_form(request)
    proven = authenticate_client(runtime, request, form)
    _spend(runtime, proven)
    claims = _read(runtime, form)
    if claims is None:
        return {}
    if claims["client_id"] != str(proven.client.client_id):
        raise ClientNotAllowed(
            "token_of_another",
            zh="令牌属于另一客户端",
            en="The token was issued to another client",
        )
    expires = datetime.fromtimestamp(claims["exp"], UTC)
    queries.revoke_token(runtime.engine, uuid.UUID(claims["jti"]), proven.client.client_id, expires)
    return {}


def _read(runtime: Runtime, form: dict[str, str]) -> dict[str, Any] | None:
    if "token" not in form:
        raise OAuthRefusal("token_missing", "缺少 token", "token is missing")
    try:
        return tokens.verify(runtime, form["token"], clock.epoch_seconds())[0]
    except Unauthenticated:
        return None
