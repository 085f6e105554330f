"""Contracts, recoveries, statements: drafted, signed with the member's own key, priced, agreed.

    draft = registry.draft_contract({"template": "service", "other_id": …, "terms": …})
    registry.sign_contract(draft["contract_id"])

What is signed is the content that was read and hashed here, never a hash that somebody named.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import jwt.algorithms

from gongxin_wire.canonical import b64u, canonical

from .auth import Connection, new_key
from .errors import VerificationFailed
from .keys import SigningKey
from .shapes import text

READ, WRITE, OFFICE = "contracts.read", "contracts.write", "contract_standards.write"
TYP = "gongxin-contract+jws"


def detached_signature(key: SigningKey, contract_id: str, content_hash: str) -> str:
    """The detached JWS of a party over a content hash (RFC 7515 appendix F)."""
    payload = json.dumps({"content_hash": content_hash, "contract_id": contract_id, "v": 1}, separators=(",", ":"))
    header = b64u(json.dumps({"alg": key.alg, "kid": key.kid, "typ": TYP}, separators=(",", ":")).encode())
    algorithm: Any = jwt.algorithms.get_default_algorithms()[key.alg]
    return f"{header}..{b64u(algorithm.sign(f'{header}.{b64u(payload.encode())}'.encode(), key.private))}"


class Contracts:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection

    def check_fees(self, fee_model: Mapping[str, Any], *, jurisdiction: str = "cn", age: str = "M1") -> dict[str, Any]:
        """A fee model's table, curve and verdict as of today."""
        body = {"fee_model": dict(fee_model), "jurisdiction": jurisdiction, "age": age}
        return self._contract_post("/v1/fee-models", body, scope=READ)

    def contracts(self, *, expiring_days: int | None = None) -> Iterator[dict[str, Any]]:
        """Our contracts, page by page."""
        return self._pages("/v1/contracts", READ, {"expiring_days": expiring_days})

    def contract(self, contract_id: str) -> dict[str, Any]:
        """One contract: signatures, scans, openings, consents."""
        return self._contract_get(f"/v1/contracts/{quote(contract_id, safe='')}")

    def contract_content(self, contract_id: str) -> dict[str, Any]:
        """The whole content. Raises VerificationFailed where it is not what its hash says."""
        found = self._contract_get(f"/v1/contracts/{quote(contract_id, safe='')}/content")
        written = text(found, "canonical").encode()
        same = hashlib.sha256(written).hexdigest() == text(found, "content_hash")
        if not same or canonical(found.get("content")) != written:
            raise VerificationFailed(
                "content_hash", "合同内容与其哈希不符", "The content is not what its hash says",
                "勿签署，报告登记处。", "Do not sign; report it to the registry.",
            )  # fmt: skip
        return found

    def draft_contract(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A contract from the template in force."""
        return self._contract_post("/v1/contracts", body, key=True)

    def sign_contract(self, contract_id: str, *, content_hash: str | None = None) -> dict[str, Any]:
        """Signs what is read here and hashed here with the profile's key. `content_hash`: what a person checked;
        another content is refused before it is signed."""
        found = text(self.contract_content(contract_id), "content_hash")
        if content_hash is not None and content_hash != found:
            raise VerificationFailed(
                "content_changed", "合同内容已不是所核对的版本", "The content is no longer what was checked",
                "重新阅读后再签。", "Read it again before signing.",
            )  # fmt: skip
        signature = detached_signature(self.connection.profile.key, contract_id, found)
        path = f"/v1/contracts/{quote(contract_id, safe='')}/signatures"
        return self._contract_post(path, {"content_hash": found, "jws": signature})

    def contract_document(self, contract_id: str, form: str = "pdf") -> bytes:
        """The contract as `pdf` (PDF/A) or `docx`; the same content gives the same octets."""
        return self._contract_bytes(f"/v1/contracts/{quote(contract_id, safe='')}/document.{form}")

    def contract_redline(self, contract_id: str, form: str = "html", *, before: str | None = None) -> bytes:
        """What an amendment takes out and puts in, as `html` or `pdf`, against the version it follows or `before`."""
        return self._contract_bytes(f"/v1/contracts/{quote(contract_id, safe='')}/redline.{form}", before=before)

    def template_redline(self, template_id: str, before: str, form: str = "html") -> bytes:
        """What one version of a template takes out and puts in, as `html` or `pdf`."""
        return self._contract_bytes(
            f"/v1/contract-templates/{quote(template_id, safe='')}/redline.{form}", before=before
        )

    def compare_contract(self, contract_id: str, upload: bytes) -> dict[str, Any]:
        """Every difference of a DOCX or PDF from the words on record, by clause. The file is not kept."""
        path = f"/v1/contracts/{quote(contract_id, safe='')}/comparison"
        return self.connection.read("POST", path, scope=READ, octets=upload)

    def check_contract(self, content_hash: str) -> dict[str, Any]:
        """What anyone may know of a content hash: signed by two members, when, and where that stands in the log."""
        return self.connection.read("GET", f"/v1/contract-checks/{quote(content_hash, safe='')}", scope=None)

    def report_recoveries(self, bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Up to 10,000 at once; each line's `status` is created, exists or refused (with its `problem`)."""
        lines = b"".join(json.dumps(dict(body), ensure_ascii=False).encode() + b"\n" for body in bodies)
        answer = self.connection.call("POST", "/v1/recoveries/bulk", scope=WRITE, ndjson=lines, key=new_key())
        return [json.loads(line) for line in answer.content.splitlines()]

    def recoveries(self, *, state: str | None = None) -> Iterator[dict[str, Any]]:
        """Our recoveries, page by page."""
        return self._pages("/v1/recoveries", READ, {"state": state})

    def report_recovery(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """An agency says what came in; the same reference again is the same recovery."""
        return self._contract_post("/v1/recoveries", body, key=True)

    def confirm_recovery(self, recovery_id: str, *, bank_line: str | None = None) -> dict[str, Any]:
        """The creditor says it arrived; the answer shows each step of the commission."""
        path = f"/v1/recoveries/{quote(recovery_id, safe='')}/confirmation"
        return self._contract_post(path, {"bank_line": bank_line})

    def statements(self) -> Iterator[dict[str, Any]]:
        """Our statements, page by page."""
        return self._pages("/v1/statements", READ, {})

    def statement(self, statement_id: str) -> dict[str, Any]:
        """One statement, line by line."""
        return self._contract_get(f"/v1/statements/{quote(statement_id, safe='')}")

    def statement_document(self, statement_id: str) -> bytes:
        """The statement as PDF/A: each line with its steps, the sums, the leaf that proves it."""
        return self._contract_bytes(f"/v1/statements/{quote(statement_id, safe='')}/document.pdf")

    def make_statement(self, contract_id: str, month: str) -> dict[str, Any]:
        """The agency states a month."""
        return self._contract_post("/v1/statements", {"contract_id": contract_id, "month": month}, key=True)

    def decide_lines(self, statement_id: str, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`position`, `state` (agreed, disputed, dropped) and `reason` each."""
        path = f"/v1/statements/{quote(statement_id, safe='')}/lines"
        return self._contract_post(path, {"lines": [dict(line) for line in lines]})

    def statement_chain(self, statement_id: str) -> dict[str, Any]:
        """Contract, recoveries, statement, levy: the leaves that prove them."""
        return self._contract_get(f"/v1/statements/{quote(statement_id, safe='')}/chain")

    def standards(self, path: str, body: Mapping[str, Any], *, creates: bool = False) -> dict[str, Any]:
        """An act of the association on templates and caps: POST under /v1/{path}."""
        return self._contract_post(f"/v1/{path}", body, scope=OFFICE, key=creates)

    def _contract_bytes(self, path: str, **query: Any) -> bytes:
        return self.connection.call("GET", path, scope=READ, query=query).content

    def _contract_get(self, path: str) -> dict[str, Any]:
        return self.connection.read("GET", path, scope=READ)

    def _contract_post(
        self, path: str, body: Mapping[str, Any], *, scope: str = WRITE, key: bool = False
    ) -> dict[str, Any]:
        return self.connection.read("POST", path, scope=scope, json_body=dict(body), key=new_key() if key else None)

    def _pages(self, path: str, scope: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError
