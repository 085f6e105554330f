"""The mutual-aid fund for members: bases and levies, and claims for somebody in need."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from gongxin_wire.canonical import b64u, canonical, unb64u
from gongxin_wire.commitments import commit

from .auth import Connection, new_key
from .errors import VerificationFailed
from .models import Identifier
from .subjects import Subjects

_INCOME, _CLAIMS, _REPORTS = "/v1/fund/income", "/v1/fund/claims", "/v1/fund/reports"


class Fund:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection
    subjects: Subjects

    # --- levies ---------------------------------------------------------------------------------------------------

    def state_base(self, month: str, base_fen: int, *, evidence_sha256: str) -> dict[str, Any]:
        """One's own statement of a month's commission, in fen; again with another figure supersedes it."""
        body = {"month": month, "base_fen": base_fen, "evidence_sha256": evidence_sha256}
        return self._fund_post(f"{_INCOME}/bases", "levies", body)

    def levy_account(self) -> dict[str, Any]:
        """Charged, credited, received, owed, overdue."""
        return self.connection.read("GET", f"{_INCOME}/account", scope="levies")

    def charges(self, *, state: str | None = None) -> Iterator[dict[str, Any]]:
        """One's invoices and credit notes."""
        return self._pages(f"{_INCOME}/charges", "levies", {"state": state})

    def charge(self, charge_id: str) -> dict[str, Any]:
        """One invoice with its calculation line by line."""
        return self.connection.read("GET", f"{_INCOME}/charges/{quote(charge_id, safe='')}", scope="levies")

    def object_to_charge(self, charge_id: str, said: str) -> dict[str, Any]:
        """Objects; there are no reminders until it is decided."""
        path = f"{_INCOME}/charges/{quote(charge_id, safe='')}/objections"
        return self._fund_post(path, "levies", {"said": said})

    # --- claims ---------------------------------------------------------------------------------------------------

    def claim_relief(
        self, person: Identifier, *, cause: str, region: str, asked_fen: int, **more: Any
    ) -> dict[str, Any]:
        """Relief for a person; the ID number stays here, the registry gets tokens. `region`: the division code of
        where the person is. `more`: officer, payee, payee_kind,
        unrelated, means_sha256, evidence_sha256, term_days."""
        subject = self.subjects.of([person])[0]
        body = {"fund": "RELIEF", "cause": cause, "region": region, "asked_fen": asked_fen, "subject": subject} | more
        return self._fund_post(_CLAIMS, "claims", body)

    def claim_for_staff(self, agent_id: str, *, cause: str, region: str, asked_fen: int, **more: Any) -> dict[str, Any]:
        """Protection for one of one's own people; `more` as for relief."""
        body = {"fund": "STAFF", "cause": cause, "region": region, "asked_fen": asked_fen, "agent_id": agent_id} | more
        return self._fund_post(_CLAIMS, "claims", body)

    def claims(self, *, state: str | None = None, fund: str | None = None) -> Iterator[dict[str, Any]]:
        """What one filed or reviews."""
        return self._pages(_CLAIMS, "claims", {"state": state, "fund": fund})

    def fund_claim(self, claim_id: str) -> dict[str, Any]:
        """One claim: assessment line by line, approvals, steps."""
        return self.connection.read("GET", f"{_CLAIMS}/{quote(claim_id, safe='')}", scope="claims")

    def approve_claim(self, claim_id: str, *, officer: str, content_hash: str, unrelated: bool) -> dict[str, Any]:
        """A reviewing institution's yes to what was read."""
        body = {"officer": officer, "content_hash": content_hash, "unrelated": unrelated}
        return self._fund_post(f"{_CLAIMS}/{quote(claim_id, safe='')}/approvals", "claims", body)

    def appeal_claim(self, claim_id: str, *, officer: str, reason: str) -> dict[str, Any]:
        """Against a return, inside its working days."""
        path = f"{_CLAIMS}/{quote(claim_id, safe='')}/appeal"
        return self._fund_post(path, "claims", {"officer": officer, "reason": reason})

    def withdraw_claim(self, claim_id: str, *, officer: str, reason: str) -> dict[str, Any]:
        """One's own claim, before money is held."""
        path = f"{_CLAIMS}/{quote(claim_id, safe='')}/withdrawal"
        return self._fund_post(path, "claims", {"officer": officer, "reason": reason})

    # --- what anyone reads ----------------------------------------------------------------------------------------

    def fund_reports(self) -> Iterator[dict[str, Any]]:
        """Quarters disclosed, the newest first."""
        return self._pages(_REPORTS, None, {})

    def fund_report(self, report_id: str) -> dict[str, Any]:
        """One quarter: figures, their digest, the leaf that holds it and where its proof is. Raises VerificationFailed
        where the figures are not what the digest and the leaf say."""
        found = self.connection.read("GET", f"{_REPORTS}/{quote(report_id, safe='')}", scope=None)
        leaf = self.connection.read("GET", f"/v1/log/leaves/{quote(report_id, safe='')}", scope=None)
        check_report(found, leaf.get("commitment"))
        return found

    def fund_office(
        self, method: str, path: str, scope: str, body: Mapping[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        """What the association does with the fund, by its path under /v1/fund: runs, payments, the bank."""
        given = {"query": query} if method == "GET" else {"json_body": body, "key": new_key()}
        return self.connection.read(method, f"/v1/fund{path}", scope=scope, **given)

    def _fund_post(self, path: str, scope: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.connection.read("POST", path, scope=scope, json_body=body, key=new_key())

    def _pages(self, path: str, scope: str | None, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError


def check_report(report: Mapping[str, Any], commitment: Any) -> None:
    """Raises VerificationFailed where figures, digest, record and the leaf's commitment do not say the same."""
    try:
        leaf, content = report["leaf"], hashlib.sha256(canonical(report["figures"])).hexdigest()
        record = {"content": content, "quarter": report["quarter"], "v": 1, "version": report["version"]}
        same = report["content"] == content and canonical(record).decode() == leaf["record"]
        holds = same and b64u(commit(unb64u(leaf["salt"]), record)) == commitment
    except (KeyError, TypeError, ValueError):
        holds = False
    if not holds:
        raise VerificationFailed(
            "report_differs",
            "披露的数字与日志中的不同",
            "The figures are not what the log holds",
            "不要采用，并联系登记处。",
            "Do not rely on it, and call the registry.",
        )
