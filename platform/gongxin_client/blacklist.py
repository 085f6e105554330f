"""The blacklist: reports, notices and replies, screening with a proof a line, corrections acknowledged."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from gongxin_wire import merkle, screenings
from gongxin_wire.canonical import b64u, canonical, unb64u

from . import clock, receipts
from .auth import Connection, new_key
from .errors import BadInput, VerificationFailed
from .http import unreadable
from .models import Identifier
from .receipts import Evidence, ReceiptKeys
from .shapes import items, text, whole
from .subjects import Subjects

DATA_SET = "agent"
MAX_LINES = 10_000
_BASE = "/v1/blacklist"


@dataclass(frozen=True)
class Screening:
    """A batch as it was answered. A state past its time is no state: `state_at` says `stale`."""

    screening_id: str
    fresh_until: datetime
    lines: tuple[bytes, ...]
    states: tuple[Mapping[str, Any], ...]
    seed: bytes
    root: bytes
    evidence: Evidence

    def state_at(self, index: int, now: datetime) -> str:
        """`listed`, `watch`, `not_listed`, `invalid`; `stale` once the answer is past its time."""
        return "stale" if now > self.fresh_until else str(self.states[index]["state"])

    def prove(self, index: int) -> dict[str, Any]:
        """One line with its way to the signed root: what can be shown to others, who learn nothing of the rest."""
        found = screenings.prove(index, self.seed, self.lines, self.states)
        return {"proof": found.as_json(), "question": self.evidence.question, "reply": _alone(self.evidence.reply),
                "registry": self.evidence.registry}  # fmt: skip


def verify_line(shown: Mapping[str, Any], *, keys: Mapping[str, str], issuer: str) -> Mapping[str, Any]:
    """Offline: the answer of a line that somebody shows, where receipt and proof hold. Raises VerificationFailed."""
    try:
        reply, proof = shown["reply"], shown["proof"]
        receipts.verify(
            reply["receipt"], question=shown["question"], answers=reply["summary"], keys=keys, issuer=issuer,
            now=clock.now(), purpose=shown["question"]["purpose"],
        )  # fmt: skip
        line = screenings.LineProof(
            proof["index"], proof["size"], proof["line"], proof["answer"], proof["salt"], tuple(proof["path"])
        )
        if proof["size"] != reply["summary"][0]["count"]:
            raise merkle.ProofError("the tree is of another size")
        screenings.check(line, unb64u(reply["summary"][0]["root"]))
    except (KeyError, TypeError, IndexError, ValueError) as fault:
        raise VerificationFailed(
            "line_not_proven", "该行未得到证明", "The line is not proven", "向出示方索取原件。",
            "Ask whoever shows it for the original.",
        ) from fault  # fmt: skip
    answer: Mapping[str, Any] = proof["answer"]
    return answer


class Blacklist:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection
    subjects: Subjects
    receipt_keys: ReceiptKeys

    def report_violation(
        self,
        *,
        subject_kind: str,
        article: str,
        place: str,
        occurred_from: date,
        occurred_until: date,
        conduct: str,
        evidence: Sequence[Mapping[str, str]] = (),
        **subject: str,
    ) -> dict[str, Any]:
        """Reports an agent (`licence=`), an agency or a member (`member_id=`)."""
        body = {
            "subject_kind": subject_kind, "article": article, "place": place, "conduct": conduct,
            "occurred_from": occurred_from.isoformat(), "occurred_until": occurred_until.isoformat(),
            "evidence": [dict(each) for each in evidence], **subject,
        }  # fmt: skip
        return self._post("/matters", "blacklist.report", body)

    def matters(self, *, state: str | None = None) -> Iterator[dict[str, Any]]:
        """What one reported, and what was noticed to one; the association: all."""
        return self._pages(f"{_BASE}/matters", "blacklist.read", {"state": state})

    def matter(self, matter_id: str) -> dict[str, Any]:
        return self.connection.read("GET", f"{_BASE}/matters/{_id(matter_id)}", scope="blacklist.read")

    def matter_file(self, matter_id: str) -> dict[str, Any]:
        """The listed party's own file."""
        return self.connection.read("GET", f"{_BASE}/matters/{_id(matter_id)}/file", scope="blacklist.read")

    def state_on_matter(self, matter_id: str, action: str, said: str) -> dict[str, Any]:
        """reply, ask_hearing or appeal."""
        body = {"action": action, "said": said}
        return self._post(f"/matters/{_id(matter_id)}/statements", "blacklist.report", body)

    def object_to_listing(self, matter_id: str, said: str, *, kind: str = "objection") -> dict[str, Any]:
        body = {"kind": kind, "said": said}
        return self._post(f"/matters/{_id(matter_id)}/objections", "blacklist.report", body)

    def act_on_matter(self, matter_id: str, action: str, *, officer: str, **more: Any) -> dict[str, Any]:
        """For the association: an officer's act."""
        body = {"action": action, "officer": officer, **more}
        return self._post(f"/matters/{_id(matter_id)}/acts", "blacklist.decide", body)

    def vote_on_matter(self, matter_id: str, *, officer: str, vote: bool, said: str | None = None) -> None:
        body = {"officer": officer, "vote": vote} | ({"said": said} if said else {})
        self._post(f"/matters/{_id(matter_id)}/votes", "blacklist.decide", body)

    def found_committee(self, name_zh: str, officers: Sequence[str]) -> dict[str, Any]:
        body = {"name_zh": name_zh, "officers": list(officers)}
        return self._post("/committees", "blacklist.decide", body)

    def blacklist_statistics(self) -> dict[str, Any]:
        return self.connection.read("GET", f"{_BASE}/statistics", scope="blacklist.read")

    def corrections(self, *, show: str = "open") -> Iterator[dict[str, Any]]:
        """What one was told and must hear more of: all, open or overdue."""
        return self._pages(f"{_BASE}/corrections", "blacklist.read", {"show": show})

    def acknowledge_correction(self, correction_id: str, did: str, *, note: str | None = None) -> dict[str, Any]:
        body = {"did": did} | ({"note": note} if note else {})
        path = f"/corrections/{_id(correction_id)}/acknowledgement"
        return self._post(path, "blacklist.report", body)

    def screen(self, whom: Sequence[str | Identifier], *, purpose: str, consent: str) -> Screening:
        """Screens up to 10,000 people, by licence number or identifier; `purpose`: hire or staff. Raises
        VerificationFailed where receipt and root do not hold for exactly what was sent and answered."""
        if not 1 <= len(whom) <= MAX_LINES:
            raise BadInput("bad_batch", "每次 1 至 10000 人", "1 to 10,000 people", "分批筛查。", "Split the list.")
        people = [each for each in whom if isinstance(each, Identifier)]
        tokens = iter(self.subjects.of(people, DATA_SET) if people else [])
        lines = tuple(
            json.dumps({"subject": next(tokens)} if isinstance(each, Identifier) else {"licence": each}).encode()
            for each in whom
        )
        body, asked_at = b"\n".join(lines), clock.now()
        reply = self.connection.read(
            "POST", f"{_BASE}/screenings", scope="blacklist.screen", query={"purpose": purpose, "consent": consent},
            ndjson=body, key=new_key(),
        )  # fmt: skip
        return self._screened(reply, lines, body, consent, purpose, asked_at)

    def _screened(
        self,
        reply: Mapping[str, Any],
        lines: tuple[bytes, ...],
        body: bytes,
        consent: str,
        purpose: str,
        asked_at: datetime,
    ) -> Screening:
        question = {
            "consent": consent, "lines": b64u(hashlib.sha256(body).digest()), "purpose": f"screening_{purpose}",
        }  # fmt: skip
        states, summary = items(reply, "states"), items(reply, "summary")
        receipt, profile = text(reply, "receipt"), self.connection.profile
        keys = self.receipt_keys.for_receipt(receipt)
        told = dict(reply) | {"lookup_id": text(reply, "screening_id"), "policy_version": whole(reply, "rules_version")}
        found = receipts.verify(
            receipt, question=question, answers=summary, keys=keys, issuer=profile.registry, now=clock.now(),
            member_id=self.member_id(), purpose=question["purpose"], reply=told, asked_at=asked_at,
        )  # fmt: skip
        try:
            seed, root = unb64u(text(reply, "seed")), unb64u(text(summary[0], "root"))
        except (ValueError, IndexError) as fault:
            raise unreadable() from fault
        leaves = []
        if len(states) == len(lines):
            leaves = screenings.hashes(seed, lines, [canonical(each) for each in states])
        if not leaves or whole(summary[0], "count") != len(lines) or screenings.root(leaves) != root:
            raise VerificationFailed(
                "other_root", "逐行答复与所签的根不符", "The lines are not those that were signed", "重新筛查。",
                "Screen again.",
            )  # fmt: skip
        evidence = Evidence(profile.registry, question, told, {found.kid: keys[found.kid]})
        return Screening(found.lookup_id, found.fresh_until, lines, tuple(states), seed, root, evidence)

    def _post(self, path: str, scope: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.connection.read("POST", f"{_BASE}{path}", scope=scope, json_body=dict(body), key=new_key())

    def member_id(self) -> str:
        raise NotImplementedError

    def _pages(self, path: str, scope: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError


def _alone(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The reply without the other lines and the seed of their salts."""
    return {name: value for name, value in reply.items() if name not in {"states", "seed"}}


def _id(given: str) -> str:
    return quote(given, safe="")
