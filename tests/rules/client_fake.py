"""A registry in a function, for tests of the client without a server: real VOPRF, real receipts, an own memory.

It answers what the contract says, counts what it was asked, and can be told to misbehave.
"""

import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gongxin_client import Profile, Registry, keys
from gongxin_wire.canonical import b64u, canonical, unb64u
from gongxin_wire.identifiers import NORMALISATION
from gongxin_wire.notes import VerifierKey
from gongxin_wire.voprf import oprf

ISSUER = "https://registry.example"
MEMBER = "0193a3b0-0000-7000-8000-000000000001"
CLIENT = "0193a3b0-0000-7000-8000-0000000000c1"
CLEAR = {"result": "match", "stop_flags": [], "legal_class": "none", "contested": False, "pad": "0" * 40}
STOPPED = CLEAR | {"stop_flags": ["bankruptcy_stay"], "legal_class": "bankruptcy"}
NO_GROUND = {"result": "no_ground", "stop_flags": None, "legal_class": None, "contested": None, "pad": "0" * 80}

Hook = Callable[[httpx.Request], httpx.Response | None]
"""Looks at a request first; answers it instead, raises instead, or lets it through with None."""


class FakeRegistry:
    """`handle` is the transport. `hooks` come before it; `spoil` changes a reply of look-ups before it is sent."""

    def __init__(self) -> None:
        self.receipt_key = Ed25519PrivateKey.generate()
        self.receipt_kid = "receipt-1"
        self.epochs: dict[int, tuple[str, bytes, bytes]] = {}
        self.add_epoch(1, "live")
        self.requests: list[httpx.Request] = []
        self.hooks: list[Hook] = []
        self.answer: dict[str, Any] = dict(CLEAR)
        self.spoil: Callable[[dict[str, Any]], Any] = lambda reply: None
        self.spoil_claims: Callable[[dict[str, Any]], Any] = lambda claims: None
        self.token_nonce: str | None = None
        self.resource_nonce: str | None = None
        self.expires_in = 300
        self.cases: dict[str, tuple[str, Any]] = {}
        self.remembered: dict[str, tuple[bytes, httpx.Response]] = {}
        self.now = lambda: datetime.now(UTC)

    def add_epoch(self, number: int, state: str) -> None:
        secret, public = oprf.generate_key_pair()
        self.epochs[number] = state, secret, public

    def move(self, number: int, state: str) -> None:
        self.epochs[number] = state, *self.epochs[number][1:]

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def registry(self, profile: Profile | None = None, **more: Any) -> Registry:
        return Registry(profile or make_profile(), transport=self.transport(), **more)

    def count(self, path: str) -> int:
        return sum(request.url.path == path for request in self.requests)

    def handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        for hook in self.hooks:
            answer = hook(request)
            if answer is not None:
                return answer
        routes = {
            "/oauth/token": self.token,
            "/v1/subjects/keys": self.subject_keys,
            "/v1/subjects/evaluations": self.evaluate,
            "/v1/disclosure/receipt-keys": self.receipt_keys,
            "/v1/log": self.log,
            "/v1/lookups": self.lookup,
            "/v1/lookups/batch": self.lookup,
            "/v1/cases": self.register,
            "/v1/cases/bulk": self.bulk,
            "/v1/members/me": self.me,
        }
        route = routes.get(request.url.path)
        if route is None:
            return problem(404, "not_found")
        if request.url.path.startswith("/v1/") and route not in (self.subject_keys, self.receipt_keys, self.log):
            refusal = self.check_proof(request)
            if refusal is not None:
                return refusal
        return route(request)

    # --- OAuth ----------------------------------------------------------------------------------------------------

    def token(self, request: httpx.Request) -> httpx.Response:
        proof = jwt.decode(request.headers["DPoP"], options={"verify_signature": False})
        if self.token_nonce is not None and proof.get("nonce") != self.token_nonce:
            headers = {"DPoP-Nonce": self.token_nonce}
            return httpx.Response(400, json={"error": "use_dpop_nonce"}, headers=headers)
        form = parse_qs(request.content.decode())
        assert form["grant_type"] == ["client_credentials"]
        value = f"token-{uuid.uuid4().hex}"
        return httpx.Response(
            200,
            json={
                "access_token": value,
                "token_type": "DPoP",
                "expires_in": self.expires_in,
                "scope": form["scope"][0],
            },
        )

    def check_proof(self, request: httpx.Request) -> httpx.Response | None:
        scheme, _, token = request.headers["Authorization"].partition(" ")
        header = jwt.get_unverified_header(request.headers["DPoP"])
        key = jwt.PyJWK(header["jwk"])
        claims = jwt.decode(request.headers["DPoP"], key, algorithms=["ES256"])
        assert (scheme, header["typ"]) == ("DPoP", "dpop+jwt")
        assert claims["ath"] == b64u(hashlib.sha256(token.encode()).digest())
        assert (claims["htm"], claims["htu"]) == (request.method, f"{ISSUER}{request.url.path}")
        if self.resource_nonce is not None and claims.get("nonce") != self.resource_nonce:
            answer = problem(401, "use_dpop_nonce")
            answer.headers["DPoP-Nonce"] = self.resource_nonce
            return answer
        return None

    # --- subjects -------------------------------------------------------------------------------------------------

    def subject_keys(self, _request: httpx.Request) -> httpx.Response:
        epochs = [
            {"epoch": number, "state": state, "public_key": b64u(public)}
            for number, (state, _, public) in self.epochs.items()
            if state != "retired"
        ]
        data_set = {
            "data_set": "debtor", "suite": "ristretto255-SHA512", "mode": "VOPRF", "normalisation": NORMALISATION,
            "epochs": epochs,
        }  # fmt: skip
        return httpx.Response(200, json={"data_sets": [data_set]})

    def evaluate(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        state, secret, public = self.epochs[body["epoch"]]
        if state == "retired":
            return problem(422, "epoch_not_open", pointer="/epoch")
        elements = [unb64u(element) for element in body["elements"]]
        evaluated = oprf.evaluate(secret, elements)
        proof = oprf.prove(secret, public, elements, evaluated)
        reply = {
            "data_set": body["data_set"], "epoch": body["epoch"], "evaluated": [b64u(e) for e in evaluated],
            "proof": b64u(proof), "public_key": b64u(public),
        }  # fmt: skip
        return httpx.Response(200, json=reply)

    # --- look-ups -------------------------------------------------------------------------------------------------

    def receipt_keys(self, _request: httpx.Request) -> httpx.Response:
        x = b64u(self.receipt_key.public_key().public_bytes_raw())
        return httpx.Response(200, json={"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.receipt_kid, "x": x}]})

    def log(self, _request: httpx.Request) -> httpx.Response:
        vkey = str(VerifierKey("registry.example/log", self.receipt_key.public_key().public_bytes_raw()))
        return httpx.Response(200, json={"keys": [{"vkey": vkey, "signs": True}]})

    def lookup(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        answers = [dict(self.answer) for _ in body.get("items", [body])]
        reply = self.reply(body, answers)
        self.spoil(reply)
        return httpx.Response(200, json=reply)

    def reply(self, body: dict[str, Any], answers: list[Any]) -> dict[str, Any]:
        now = self.now().replace(microsecond=0)
        as_of, until = (
            m.isoformat(timespec="milliseconds").replace("+00:00", "Z") for m in (now, now + timedelta(days=1))
        )
        lookup_id = str(uuid.uuid4())
        claims = {
            "answer": digest(answers), "as_of": as_of, "fresh_until": until, "iat": int(now.timestamp()), "iss": ISSUER,
            "jti": lookup_id, "leaf": {"commitment": b64u(bytes(32)), "id": lookup_id}, "policy_version": 1,
            "purpose": body["purpose"], "question": digest(body), "sub": MEMBER,
        }  # fmt: skip
        self.spoil_claims(claims)
        return {
            "lookup_id": lookup_id, "purpose": body["purpose"], "policy_version": 1, "as_of": as_of,
            "fresh_until": until, "answers": answers, "receipt": self.sign(claims),
        }  # fmt: skip

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        head = {"alg": "EdDSA", "kid": self.receipt_kid, "typ": "gongxin-receipt+jwt"} if header is None else header
        signed = f"{b64u(canonical(head))}.{b64u(canonical(claims))}"
        return f"{signed}.{b64u(self.receipt_key.sign(signed.encode()))}"

    # --- cases ----------------------------------------------------------------------------------------------------

    def put(self, line: dict[str, Any]) -> tuple[str, str]:
        known = self.cases.get(line["creditor_ref"])
        if known is not None:
            return "exists", known[0]
        self.cases[line["creditor_ref"]] = str(uuid.uuid4()), line
        return "created", self.cases[line["creditor_ref"]][0]

    def register(self, request: httpx.Request) -> httpx.Response:
        return self.once(request, self._register)

    def _register(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        status, case_id = self.put(body)
        return httpx.Response(201 if status == "created" else 200, json=case_body(case_id, body))

    def bulk(self, request: httpx.Request) -> httpx.Response:
        return self.once(request, self._bulk)

    def _bulk(self, request: httpx.Request) -> httpx.Response:
        needed = {number for number, (state, _, _) in self.epochs.items() if state in {"live", "retiring"}}
        out = []
        for number, text in enumerate(request.content.splitlines(), 1):
            line = json.loads(text)
            if {entry["epoch"] for entry in line["subject"]} != needed:
                told = {"code": "epoch_missing", "title": "缺", "title_en": "missing", "pointer": "/subject"}
                out.append({"line": number, "status": "refused", "problem": told})
            elif line["creditor_ref"].startswith("BAD"):
                told = {"code": "taken", "title": "冲突", "title_en": "taken", "pointer": "/creditor_ref"}
                out.append({"line": number, "status": "refused", "problem": told})
            else:
                status, case_id = self.put(line)
                out.append({"line": number, "status": status, "case_id": case_id, "creditor_ref": line["creditor_ref"]})
        return httpx.Response(200, content=b"".join(json.dumps(line).encode() + b"\n" for line in out))

    def once(self, request: httpx.Request, run: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """Idempotency as the contract says it: same key and body, same answer; another body, 422."""
        key = request.headers["Idempotency-Key"]
        if key in self.remembered:
            body, answer = self.remembered[key]
            if body != request.content:
                return problem(422, "idempotency_key_reused")
            return httpx.Response(answer.status_code, content=answer.content)
        answer = run(request)
        self.remembered[key] = request.content, answer
        return answer

    def me(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200,
            json={
                "member_id": MEMBER,
                "kind": "bank",
                "name_zh": "银行甲",
                "name_en": None,
                "state": "active",
                "court_code": None,
            },
        )


def digest(value: Any) -> str:
    return b64u(hashlib.sha256(canonical(value)).digest())


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    body = {
        "status": status,
        "code": code,
        "title": "被拒",
        "title_en": "refused",
        "fix": "改",
        "fix_en": "fix",
        **more,
    }
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


def case_body(case_id: str, line: dict[str, Any]) -> dict[str, Any]:
    return {
        "case_id": case_id, "creditor_id": MEMBER, "creditor_ref": line["creditor_ref"], "agency_id": None,
        "placement": "draft", "opened_on": line["opened_on"], "closed": False, "mandate_until": None, "stop_flags": [],
        "legal_class": "none", "contested": False, "references": line.get("references", []), "version": 1,
        "created_at": "2026-11-24T02:00:00Z", "updated_at": "2026-11-24T02:00:00Z",
    }  # fmt: skip


def make_profile(**more: Any) -> Profile:
    return Profile(ISSUER, CLIENT, keys.generate(), **more)
