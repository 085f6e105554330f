"""Evidence: fingerprints of files that stay here, their custody, batches, what proves them.

    sum = fingerprint("call.mp3")
    registry.register_evidence(NewEvidence("recording", sum, "audio/mpeg", case_id=case.case_id))

Files never leave the machine. Whole folders: `evidencing.adding`; proofs and reports for a court: `evidencing.proofs`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from gongxin_wire.canonical import unb64u
from gongxin_wire.evidence import batch_proof

from .auth import Connection, new_key
from .errors import BadInput, Refused
from .evidencing.hashing import Fingerprint
from .http import lines_of, problem_of, unreadable
from .shapes import day, flag, items, moment, optional, text, whole

READ, WRITE = "evidence.read", "evidence.write"
MAX_LINES = 10_000


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """A file to register: `kind` recording, letter, photograph, contract or other, and what it concerns: at least one
    of a case of ours, an agent's licence, a complaint. `made_by`, `device`, `made_at` are our claims."""

    kind: str
    fingerprint: Fingerprint
    media_type: str
    case_id: str | None = None
    agent_licence: str | None = None
    complaint: str | None = None
    made_by: str | None = None
    device: str | None = None
    made_at: datetime | None = None

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        given = {
            "kind": self.kind, "sha256": self.fingerprint.sha256, "sm3": self.fingerprint.sm3,
            "size": self.fingerprint.size, "media_type": self.media_type, "case_id": self.case_id,
            "agent_licence": self.agent_licence, "complaint": self.complaint, "made_by": self.made_by,
            "device": self.device, "made_at": self.made_at.isoformat() if self.made_at else None,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence as registered, as of `version` (what If-Match names)."""

    evidence_id: str
    kind: str
    sha256: str
    sm3: str | None
    size: int
    media_type: str
    case_id: str | None
    agent_licence: str | None
    complaint: str | None
    made_by: str | None
    device: str | None
    made_at: datetime | None
    registered_at: datetime
    keep_at_least_until: date
    keep_until: date
    held: bool
    destroyed_at: datetime | None
    custody_head: str
    version: int

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Evidence":
        return cls(
            text(body, "evidence_id"), text(body, "kind"), text(body, "sha256"), optional(body, "sm3"),
            whole(body, "size"), text(body, "media_type"), optional(body, "case_id"), optional(body, "agent_licence"),
            optional(body, "complaint"), optional(body, "made_by"), optional(body, "device"), _moment(body, "made_at"),
            moment(text(body, "registered_at")), day(text(body, "keep_at_least_until")),
            day(text(body, "keep_until")), flag(body, "held"), _moment(body, "destroyed_at"),
            text(body, "custody_head"), whole(body, "version"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """What became of one line. `status`: created, exists or refused."""

    line: int
    status: str
    evidence_id: str | None
    problem: Refused | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Many files under one root."""

    batch_id: str
    kind: str
    root: str
    count: int
    label: str | None
    registered_at: datetime

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Batch":
        return cls(
            text(body, "batch_id"), text(body, "kind"), text(body, "root"), whole(body, "count"),
            optional(body, "label"), moment(text(body, "registered_at")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A file of a batch, and the path that shows it: made from the list, which its owner keeps."""

    sha256: str
    index: int
    path: tuple[str, ...]

    @classmethod
    def find(cls, fingerprints: Sequence[str], sha256: str) -> "BatchItem":
        """Raises BadInput where the list does not have the file."""
        if sha256 not in fingerprints:
            raise BadInput("not_in_the_list", "清单中没有这个文件", "The list does not have this file")
        at = fingerprints.index(sha256)
        path = batch_proof([bytes.fromhex(each) for each in fingerprints], at)
        return cls(sha256, at, tuple(each.hex() for each in path))


@dataclass(frozen=True, slots=True)
class BatchState:
    """How a batch stands, or a file of it (`item`, its SHA-256), as of `version`."""

    batch_id: str
    item: str | None
    version: int
    held: bool
    destroyed_at: datetime | None
    custody_head: str
    items_held: int

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "BatchState":
        return cls(
            text(body, "batch_id"), optional(body, "item"), whole(body, "version"), flag(body, "held"),
            _moment(body, "destroyed_at"), text(body, "custody_head"), whole(body, "items_held"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a leaf of ours: its record and salt."""

    leaf_id: str
    kind: str
    commitment: str
    salt: bytes
    record: Mapping[str, Any]


class EvidenceCalls:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection

    def register_evidence(self, new: NewEvidence) -> Evidence:
        """Registers one file; the same file for the same matter gives the same evidence again."""
        return Evidence.read(self._evidence("POST", "", json_body=new.body(), key=new_key()))

    def register_evidence_lines(self, batch: Sequence[NewEvidence]) -> list[EvidenceLine]:
        """One bulk request of at most 10,000; a refused line hinders no other. Can be repeated: what is registered
        answers `exists`."""
        body = b"".join(json.dumps(new.body(), ensure_ascii=False).encode() + b"\n" for new in batch)
        answer = self.connection.call("POST", "/v1/evidence/bulk", scope=WRITE, ndjson=body, key=new_key())
        found = [_line(each) for each in lines_of(answer)]
        if [each.line for each in found] != list(range(1, len(batch) + 1)):
            raise unreadable()
        return found

    def register_batch(
        self,
        kind: str,
        fingerprints: Sequence[str],
        *,
        label: str | None = None,
        made_from: date | None = None,
        made_to: date | None = None,
        case_id: str | None = None,
    ) -> Batch:
        """Registers up to 100,000 SHA-256 under one root. Keep the list, in this order: it makes the proofs."""
        head = {
            "kind": kind, "label": label, "case_id": case_id,
            "made_from": made_from.isoformat() if made_from else None,
            "made_to": made_to.isoformat() if made_to else None,
        }  # fmt: skip
        lines = [json.dumps({name: value for name, value in head.items() if value is not None}, ensure_ascii=False)]
        body = "\n".join([*lines, *(f'"{each}"' for each in fingerprints), ""]).encode()
        answer = self.connection.call("POST", "/v1/evidence/batches", scope=WRITE, ndjson=body, key=new_key())
        return Batch.read(answer.json())

    def evidence(self, evidence_id: str) -> Evidence:
        """One of our own; Refused (404) where it is not."""
        return Evidence.read(self._evidence("GET", f"/{_part(evidence_id)}"))

    def own_evidence(
        self,
        *,
        case_id: str | None = None,
        sha256: str | None = None,
        kind: str | None = None,
        held: bool | None = None,
    ) -> Iterator[Evidence]:
        """Our own, in the order of registration, page by page."""
        query = {
            "case_id": case_id, "sha256": sha256, "kind": kind,
            "held": None if held is None else str(held).lower(),
        }  # fmt: skip
        return map(Evidence.read, self._evidence_pages("/v1/evidence", query))

    def evidence_of_case(self, case_id: str) -> Iterator[dict[str, Any]]:
        """That evidence is registered for a case of ours, by any party: evidence_id, own, kind, sha256, time."""
        return self._evidence_pages(f"/v1/evidence/cases/{_part(case_id)}", {})

    def custody(self, evidence_id: str) -> list[dict[str, Any]]:
        """The chain of custody, oldest first, as it is told; `gongxin_wire.evidence.check_chain` follows it."""
        return items(self._evidence("GET", f"/{_part(evidence_id)}/custody"), "items")

    def record_custody(
        self,
        evidence: Evidence,
        event: str,
        *,
        to: str | None = None,
        basis: str | None = None,
        at: datetime | None = None,
    ) -> Evidence:
        """The next event: moved, disclosed, destroyed; only if nothing else was recorded since (else Refused, 412)."""
        body = {"event": event, "to": to, "basis": basis, "at": at.isoformat() if at else None}
        return self._change(evidence, "custody", body)

    def hold(self, evidence: Evidence, action: str, basis: str) -> Evidence:
        """A legal hold: place or release."""
        return self._change(evidence, "hold", {"action": action, "basis": basis})

    def evidence_openings(self, evidence_id: str) -> list[Opening]:
        """Record and salt of each leaf: of the registration, then of what followed."""
        return _openings(self._evidence("GET", f"/{_part(evidence_id)}/opening"))

    def batch_opening(self, batch_id: str) -> Opening:
        """Record and salt of a batch's leaf."""
        found = _openings(self._evidence("GET", f"/batches/{_part(batch_id)}/opening"))
        if len(found) != 1:
            raise unreadable()
        return found[0]

    def batch_state(self, batch_id: str, item: str | None = None) -> BatchState:
        """How a batch stands, or the file of it with this SHA-256; what its next event needs."""
        query = {"item": item} if item else None
        return BatchState.read(self._evidence("GET", f"/batches/{_part(batch_id)}/state", query=query))

    def batch_custody(self, batch_id: str, item: str | None = None) -> list[dict[str, Any]]:
        """The chain of a batch, or of one file of it; `gongxin_wire.evidence.check_batch_chain` follows it."""
        query = {"item": item} if item else None
        return items(self._evidence("GET", f"/batches/{_part(batch_id)}/custody", query=query), "items")

    def record_batch_custody(
        self,
        state: BatchState,
        event: str,
        *,
        file: BatchItem | None = None,
        to: str | None = None,
        basis: str | None = None,
        at: datetime | None = None,
    ) -> BatchState:
        """The next event of a batch, or of `file` of it: moved, disclosed, destroyed; only if nothing else was recorded
        since (else Refused, 412)."""
        body = {"event": event, "to": to, "basis": basis, "at": at.isoformat() if at else None}
        return self._change_batch(state, file, "custody", body)

    def hold_batch(self, state: BatchState, action: str, basis: str, *, file: BatchItem | None = None) -> BatchState:
        """A legal hold on a batch, or on `file` of it: place or release."""
        return self._change_batch(state, file, "hold", {"action": action, "basis": basis})

    def _change_batch(self, state: BatchState, file: BatchItem | None, what: str, body: dict[str, Any]) -> BatchState:
        given = {name: value for name, value in body.items() if value is not None}
        if file is not None:
            given["item"] = {"sha256": file.sha256, "index": file.index, "path": list(file.path)}
        path = f"/batches/{_part(state.batch_id)}/{what}"
        answer = self._evidence("POST", path, json_body=given, key=new_key(), if_match=f'"{state.version}"')
        return BatchState.read(answer)

    def evidence_batches(self) -> Iterator[Batch]:
        """Our own batches, in the order of registration."""
        return map(Batch.read, self._evidence_pages("/v1/evidence/batches", {}))

    def _change(self, evidence: Evidence, what: str, body: dict[str, Any]) -> Evidence:
        given = {name: value for name, value in body.items() if value is not None}
        path = f"/{_part(evidence.evidence_id)}/{what}"
        tag = f'"{evidence.version}"'
        return Evidence.read(self._evidence("POST", path, json_body=given, key=new_key(), if_match=tag))

    def _evidence(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        scope = READ if method == "GET" else WRITE
        return self.connection.read(method, f"/v1/evidence{path}", scope=scope, **given)

    def _evidence_pages(self, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = self.connection.read("GET", path, scope=READ, query={**query, "cursor": cursor, "limit": 200})
            yield from items(page, "items")
            following = page.get("next_cursor")
            if following is None:
                return
            if not isinstance(following, str) or following == cursor:
                raise unreadable()
            cursor = following


def _line(body: Mapping[str, Any]) -> EvidenceLine:
    problem, status = body.get("problem"), text(body, "status")
    if status not in {"created", "exists", "refused"} or (status == "refused") != isinstance(problem, dict):
        raise unreadable()
    told = problem_of(problem) if isinstance(problem, dict) else None
    return EvidenceLine(whole(body, "line"), status, optional(body, "evidence_id"), told)


def _openings(body: Mapping[str, Any]) -> list[Opening]:
    found = []
    for entry in items(body, "items"):
        leaf, record = entry.get("leaf"), entry.get("record")
        if not isinstance(leaf, dict) or not isinstance(record, dict):
            raise unreadable()
        try:
            salt = unb64u(text(entry, "salt"))
        except ValueError as fault:
            raise unreadable() from fault
        found.append(Opening(text(leaf, "id"), text(entry, "kind"), text(leaf, "commitment"), salt, record))
    return found


def _moment(body: Mapping[str, Any], name: str) -> datetime | None:
    told = optional(body, name)
    return None if told is None else moment(told)


def _part(identifier: str) -> str:
    return quote(identifier, safe="")
