"""Agents: the roll, applications, transfers, and checks whose receipt is verified before the answer is handed out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from gongxin_wire.identifiers import IdentifierError
from gongxin_wire.licences import check_licence

from . import clock, receipts
from .auth import Connection, new_key
from .cases import EPOCH_CODES
from .errors import BadInput, Refused
from .http import unreadable
from .models import Identifier
from .receipts import Evidence, ReceiptKeys
from .shapes import flag, items, text, whole
from .subjects import Subjects

DATA_SET = "agent"
MAX_ITEMS = 1_000


@dataclass(frozen=True)
class AgentAnswer:
    """One person of a check. `may_work`: licensed and in force, at an agency in good standing. `blacklist` is never
    "clear" where nothing was asked: then it is `not_available`; its level, term and statements are in `told`, which
    is everything that was answered."""

    found: bool
    may_work: bool
    blacklist: str | None
    told: Mapping[str, Any]
    evidence: Evidence


class Agents:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection
    subjects: Subjects
    receipt_keys: ReceiptKeys

    def check_agents(
        self, whom: Sequence[str | Identifier], *, purpose: str, consents: Sequence[str] | None = None
    ) -> list[AgentAnswer]:
        """Checks up to 1,000 people by licence number or identifier, in one question. `purpose`: placement (banks),
        hiring (agencies, with a consent reference each), supervision. Raises BadInput for a number that does not
        check, VerificationFailed where the receipt does not hold."""
        if not 1 <= len(whom) <= MAX_ITEMS or (consents is not None and len(consents) != len(whom)):
            raise BadInput(
                "bad_batch", "每次 1 至 1000 人，同意书与人一一对应", "1 to 1,000 people, a consent for each",
                "分批核验。", "Split the list.",
            )  # fmt: skip
        numbers = [None if isinstance(each, Identifier) else _number(each) for each in whom]
        try:
            return self._check_once(whom, numbers, purpose, consents)
        except Refused as refused:
            if refused.code not in EPOCH_CODES:
                raise
            self.subjects.epochs(DATA_SET, refresh=True)
            return self._check_once(whom, numbers, purpose, consents)

    def _check_once(
        self,
        whom: Sequence[str | Identifier],
        numbers: Sequence[str | None],
        purpose: str,
        consents: Sequence[str] | None,
    ) -> list[AgentAnswer]:
        people = [each for each in whom if isinstance(each, Identifier)]
        tokens = iter(self.subjects.of(people, DATA_SET) if people else [])
        asked: list[dict[str, Any]] = [
            {"subject": next(tokens)} if number is None else {"licence": number} for number in numbers
        ]
        if consents is not None:
            asked = [each | {"consent": consent} for each, consent in zip(asked, consents, strict=True)]
        body, asked_at = {"purpose": purpose, "items": asked}, clock.now()
        reply = self.connection.read("POST", "/v1/agents/checks", scope="agents.check", json_body=body, key=new_key())
        answers = items(reply, "answers")
        if len(answers) != len(whom):
            raise unreadable()
        receipt, profile = text(reply, "receipt"), self.connection.profile
        keys = self.receipt_keys.for_receipt(receipt)
        told = reply | {"lookup_id": text(reply, "check_id"), "policy_version": whole(reply, "rules_version")}
        found = receipts.verify(
            receipt, question=body, answers=answers, keys=keys, issuer=profile.registry, now=clock.now(),
            member_id=self.member_id(), purpose=f"agent_{purpose}", reply=told, asked_at=asked_at,
        )  # fmt: skip
        evidence = Evidence(profile.registry, body, told, {found.kid: keys[found.kid]})
        return [
            AgentAnswer(flag(each, "found"), flag(each, "may_work"), _listed(each), each, evidence) for each in answers
        ]

    def public_check(self, licence: str) -> dict[str, Any]:
        """What anyone may know of a licence. Raises BadInput for a number that does not check, before asking."""
        return self.connection.read("GET", f"/check/{_number(licence)}", scope=None)

    # --- one's own people -----------------------------------------------------------------------------------------

    def apply_for_agent(
        self, person: Identifier, *, name: str, education: str, photo_sha256: str, adult_as_of: date, declared_on: date
    ) -> dict[str, Any]:
        """Applies for a person's licence; the ID number stays here, the registry gets tokens."""
        body = {
            "subject": self.subjects.of([person], DATA_SET)[0], "name": name, "education": education,
            "photo_sha256": photo_sha256, "adult_as_of": adult_as_of.isoformat(),
            "declared_on": declared_on.isoformat(),
        }  # fmt: skip
        return self.connection.read("POST", "/v1/agents", scope="agents.write", json_body=body, key=new_key())

    def agents(self, *, state: str | None = None, expiring_days: int | None = None) -> Iterator[dict[str, Any]]:
        """The roll, page by page; `expiring_days`: licences that end within so many days."""
        return self._pages("/v1/agents", "agents.read", {"state": state, "expiring_days": expiring_days})

    def move_agent(self, agent_id: str, action: str, *, version: int, reason: str, **more: Any) -> dict[str, Any]:
        """An act of the employing agency or a decision of the association, on the version that was read."""
        path = f"/v1/agents/{quote(agent_id, safe='')}/moves"
        body = {"action": action, "reason": reason, **more}
        return self.connection.read(
            "POST", path, scope="agents.write", json_body=body, key=new_key(), if_match=f'"{version}"'
        )

    def claim_agent(self, licence: str) -> dict[str, Any]:
        """Takes on a person whom another agency released."""
        body = {"licence": _number(licence)}
        return self.connection.read("POST", "/v1/agents/claims", scope="agents.write", json_body=body, key=new_key())

    def agent_record(self, agent_id: str, *, as_of: date | None = None) -> dict[str, Any]:
        """The credit record, its grade and the arithmetic, as of a day."""
        query = {"as_of": None if as_of is None else as_of.isoformat()}
        path = f"/v1/agents/{quote(agent_id, safe='')}/record"
        return self.connection.read("GET", path, scope="agents.read", query=query)

    def agent_lines(self, path: str, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """For the association: hours (`/v1/agents/training`) or results (`/v1/agents/examinations`) in lines; what
        became of each."""
        body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        answer = self.connection.call("POST", path, scope="agents.write", ndjson=body, key=new_key())
        told = [json.loads(line) for line in answer.text.splitlines()]
        if len(told) != len(lines):
            raise unreadable()
        return told

    # --- filings, watches, figures --------------------------------------------------------------------------------

    def file_agency(self, *, scope: Sequence[str], officers: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Files one's scope and responsible officers ({role, name}); the association accepts it or returns it."""
        body = {"scope": list(scope), "officers": [dict(each) for each in officers]}
        return self.connection.read("POST", "/v1/agencies/filings", scope="agents.write", json_body=body, key=new_key())

    def filings(self, *, state: str | None = None) -> Iterator[dict[str, Any]]:
        """Filings that one may see, page by page."""
        return self._pages("/v1/agencies/filings", "agents.read", {"state": state})

    def move_filing(self, filing_id: str, action: str, *, version: int, reason: str) -> dict[str, Any]:
        """A decision of the association on a filing, or the agency's withdrawal."""
        path = f"/v1/agencies/filings/{quote(filing_id, safe='')}/moves"
        body = {"action": action, "reason": reason}
        return self.connection.read(
            "POST", path, scope="agents.write", json_body=body, key=new_key(), if_match=f'"{version}"'
        )

    def watch_agent(self, check_id: str, licence: str, *, ends_on: date) -> dict[str, Any]:
        """Is told of changes of somebody one checked, on that check's purpose, until a day within a year."""
        body = {"check_id": check_id, "licence": _number(licence), "ends_on": ends_on.isoformat()}
        return self.connection.read("POST", "/v1/agents/watches", scope="agents.check", json_body=body, key=new_key())

    def agent_watches(self) -> Iterator[dict[str, Any]]:
        """One's own watches, ended ones too."""
        return self._pages("/v1/agents/watches", "agents.check", {})

    def end_watch(self, watch_id: str) -> dict[str, Any]:
        """From now on nothing more is told."""
        path = f"/v1/agents/watches/{quote(watch_id, safe='')}/end"
        return self.connection.read("POST", path, scope="agents.check", key=new_key())

    def agent_statistics(self, *, as_of: date | None = None) -> dict[str, Any]:
        """For the association: figures of each agency side by side."""
        query = {"as_of": None if as_of is None else as_of.isoformat()}
        return self.connection.read("GET", "/v1/agents/statistics", scope="agents.read", query=query)

    def agent_access(self, agent_id: str, *, request_reference: str) -> dict[str, Any]:
        """For the association on the person's own request: what is on record, and who checked them."""
        path = f"/v1/agents/{quote(agent_id, safe='')}/access"
        body = {"request_reference": request_reference}
        return self.connection.read("POST", path, scope="agents.read", json_body=body, key=new_key())

    def member_id(self) -> str:
        raise NotImplementedError

    def _pages(self, path: str, scope: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError


def _listed(answer: Mapping[str, Any]) -> str | None:
    """The state of the blacklist's part of the answer."""
    found = answer.get("blacklist")
    return text(found, "state") if isinstance(found, dict) else None


def _number(licence: str) -> str:
    try:
        return check_licence(licence)
    except IdentifierError as fault:
        raise BadInput(fault.code, fault.zh, fault.en, fault.fix_zh, fault.fix_en) from fault
